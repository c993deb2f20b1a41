//! Visits of the last three months: one a school and month, a few this month, one still open, and one where two
//! supervisors saw different things.

use catalog::{Answers, Checklist, InputKind, Item, ItemKind, Verdict, assess, catalog};
use chrono::{DateTime, Datelike, Days, FixedOffset, Months, NaiveDate, NaiveTime, TimeDelta, Weekday};
use sync_protocol::{RecordId, Value};
use uuid::Uuid;

use super::dice::Dice;
use super::district::{PEOPLE, School};
use super::pen::{Field, Pen, Writer};
use super::{id, record_id, sheets, writer};
use crate::store::sync::to_catalog;

const CHECKLIST: &str = "campus-safety";
/// The conflict is about this item, as in the pictures of the product.
const DISPUTED: &str = "SF3.1";
/// Months without school.
const HOLIDAYS: [u32; 3] = [2, 7, 8];

/// Something a supervisor may find: the item, what was seen, where, and the numbers that go with it.
struct Problem {
    item: &'static str,
    seen: &'static str,
    place: &'static str,
    numbers: &'static [(&'static str, &'static str)],
}

const fn problem(item: &'static str, seen: &'static str, place: &'static str) -> Problem {
    Problem {
        item,
        seen,
        place,
        numbers: &[],
    }
}

/// From the frequent to the rare.
const PROBLEMS: [Problem; 26] = [
    Problem {
        numbers: &[("n", "100"), ("n2", "48")],
        ..problem("SF4.6", "昨日午餐两个品种留样不足，登记缺签名。", "食堂留样柜")
    },
    problem("SF3.4", "二层东侧两盏应急灯不亮。", "教学楼二层东侧"),
    problem("SF2.8", "放学时南门护学岗缺一人。", "南门"),
    problem("SF4.3", "本周三、周四晨检未登记。", "食堂"),
    problem("SF5.8", "雨天门厅未放防滑垫。", "教学楼门厅"),
    problem("SF1.2", "上月两处隐患未写整改结果。", "安全办公室"),
    problem("SF2.2", "一名保安未随身带证。", "门卫室"),
    problem("SF10.3", "举报电话试拨无人接听。", "心理辅导室"),
    problem("SF4.7", "保洁柜门关不严，餐具外露。", "食堂保洁间"),
    problem("SF7.1", "接送车辆占用人行通道。", "校门外"),
    problem("SF3.5", "办公室一处插线板串接。", "行政楼二层办公室"),
    problem("SF11.4", "急救箱内碘伏过期。", "医务室"),
    problem("SF2.5", "最近一次报警测试在四十天前。", "门卫室"),
    problem("SF5.4", "一副单杠底座松动，未停用。", "操场西侧"),
    problem("SF9.4", "重点学生包保名单缺两人签字。", "德育处"),
    problem("SF10.2", "本学期专项调查尚未开展。", "德育处"),
    problem("SF4.9", "一台饮水机滤芯超期十二天。", "教学楼三层"),
    problem("SF3.7", "一辆电动车停放在楼梯间。", "宿办楼一层楼梯间"),
    problem("SF5.5", "一间教室吊扇晃动。", "教学楼三层"),
    problem("SF11.3", "预案一年多未修订。", "安全办公室"),
    problem("SF8.2", "硫酸账面与实物相差一瓶。", "化学药品室"),
    problem("SF6.6", "周日晚点名表缺两间宿舍。", "宿舍楼"),
    problem("SF6.4", "一间宿舍有电热毯。", "宿舍楼三层"),
    problem("SF8.4", "废液桶未贴标签。", "化学实验室"),
    problem("SF5.6", "施工围挡有一处缺口。", "食堂工地北侧"),
    problem("SF3.1", "疏散门挂链锁，室内有人。", "综合楼一层北门"),
];

/// Writes the visits of a school and says how many there are.
pub fn write(pen: &mut Pen, nth: usize, school: &School, now: DateTime<FixedOffset>) -> usize {
    let mut dice = Dice::new(1_000 + nth as u64);
    let checklist = catalog()
        .latest(CHECKLIST)
        .expect("the catalog has the safety checklist");
    let today = now.date_naive();
    let dates = dates(nth, school, today, &mut dice);
    for (count, date) in dates.iter().enumerate() {
        let newest = count + 1 == dates.len();
        let mut visit = Visit::new(nth, school, checklist, *date, &mut dice);
        // What the colleague saw came after the signature at the first school; the fifth primary school's visit of yesterday is not done.
        let disputed = newest && school.name.ends_with("第一小学");
        let unfinished = newest && school.name.ends_with("第五小学");
        visit.problems = problems(school, checklist, &visit, disputed, &mut dice);
        if !unfinished && count % 2 == nth % 2 {
            visit.more = sheets::filled(&visit.visit, *date, &visit.facts, &mut dice);
        }
        visit.write(
            pen,
            if unfinished {
                Until::Section(4)
            } else {
                Until::Submitted
            },
        );
        if disputed {
            visit.write_other_view(pen);
        }
        if !unfinished && (today - *date).num_days() > 20 {
            visit.write_review(pen);
        }
    }
    dates.len()
}

/// One school day in each of the last three months of school, and for most schools one of this month's past days.
fn dates(nth: usize, school: &School, today: NaiveDate, dice: &mut Dice) -> Vec<NaiveDate> {
    let first = today.with_day(1).expect("every month has a first day");
    let months = (1..)
        .map(|back| first - Months::new(back))
        .filter(|month| !HOLIDAYS.contains(&month.month()));
    let mut dates: Vec<NaiveDate> = months
        .take(3)
        .map(|month| school_day(month + Days::new(dice.below(26) as u64)))
        .collect();
    dates.reverse();
    // Left for whoever tries the product.
    let untouched = ["第三小学", "第二中学"].iter().any(|name| school.name.ends_with(name));
    let past: Vec<NaiveDate> = first
        .iter_days()
        .take_while(|day| *day < today)
        .filter(|day| is_school_day(*day))
        .collect();
    if !untouched && nth % 4 != 3 {
        let latest = past.last().copied().filter(|_| school.name.ends_with("第五小学"));
        let any = past.get(dice.below(past.len())).copied();
        dates.extend(latest.or(any));
    }
    dates
}

fn is_school_day(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

/// The day itself, or for a weekend the school day next to it in the same month.
fn school_day(date: NaiveDate) -> NaiveDate {
    match date.weekday() {
        Weekday::Sat if date.day() > 1 => date - Days::new(1),
        Weekday::Sat => date + Days::new(2),
        Weekday::Sun => date + Days::new(1),
        _ => date,
    }
}

fn problems(
    school: &School,
    checklist: &Checklist,
    visit: &Visit<'_>,
    disputed: bool,
    dice: &mut Dice,
) -> Vec<&'static Problem> {
    let shown = assess(checklist, &visit.answers);
    let asked = |problem: &&Problem| shown.item(problem.item).is_some_and(|item| item.visible);
    let candidates: Vec<&Problem> = PROBLEMS
        .iter()
        .filter(|problem| problem.item != DISPUTED)
        .filter(asked)
        .collect();
    let count = (school.problems + dice.below(3)).saturating_sub(1);
    let mut found: Vec<&Problem> = Vec::new();
    for _ in 0..count {
        // Frequent ones stand in front: the smaller of two rolls.
        let at = dice.below(candidates.len()).min(dice.below(candidates.len()));
        if !found.iter().any(|known| known.item == candidates[at].item) {
            found.push(candidates[at]);
        }
    }
    if disputed {
        found.extend(PROBLEMS.iter().filter(|problem| problem.item == DISPUTED));
    }
    found
}

/// How far a visit got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// This many sections of the checklist are answered.
    Section(usize),
    Submitted,
}

struct Visit<'a> {
    checklist: &'a Checklist,
    lead: Writer,
    colleague: Option<Writer>,
    date: NaiveDate,
    arrival: DateTime<FixedOffset>,
    visit: RecordId,
    response: RecordId,
    school: RecordId,
    facts: Vec<(&'static str, Value)>,
    /// What is answered so far, as the catalog reads it.
    answers: Answers,
    problems: Vec<&'static Problem>,
    /// What else was looked at, each sheet as it is written.
    more: Vec<Vec<Field>>,
}

impl<'a> Visit<'a> {
    fn new(nth: usize, school: &School, checklist: &'a Checklist, date: NaiveDate, dice: &mut Dice) -> Self {
        let in_zone = |person: &&super::district::Person| {
            person.zone == Some(school.zone) && person.roles.contains(&"supervisor")
        };
        let mut team: Vec<&str> = PEOPLE.iter().filter(in_zone).map(|person| person.login).collect();
        if !school.name.ends_with("第一小学") && dice.below(2) == 1 {
            team.reverse();
        }
        let morning = NaiveTime::from_hms_opt(8, 10 + dice.below(45) as u32, 0).expect("a time of day");
        let arrival = date
            .and_time(morning)
            .and_local_timezone(super::china())
            .single()
            .expect("no clock changes");
        let visit_id = Uuid::new_v5(&id("school", nth), format!("visit {date}").as_bytes());
        let facts = school.facts();
        let mut answers = Answers::new();
        answers.insert("on".into(), catalog::Value::Text(date.to_string()));
        answers.extend(
            facts
                .iter()
                .map(|(name, value)| (format!("fact/{name}"), to_catalog(value))),
        );
        Visit {
            checklist,
            lead: writer(team[0]),
            colleague: team.get(1).map(|login| writer(login)),
            date,
            arrival,
            visit: visit_id.to_string().parse().expect("a UUID is a record id"),
            response: response_id(visit_id),
            school: record_id("school", nth),
            facts,
            answers,
            problems: Vec::new(),
            more: Vec::new(),
        }
    }

    fn write(&mut self, pen: &mut Pen, until: Until) {
        self.write_start(pen);
        let sections = self.checklist.sections.len();
        let answered = if let Until::Section(count) = until {
            count
        } else {
            sections
        };
        for section in 0..answered {
            self.write_section(pen, section);
        }
        for (nth, fields) in self.more.iter().enumerate() {
            pen.write(&self.lead, self.at_ms(108 + nth as i64), fields.clone());
        }
        if until == Until::Submitted {
            self.write_feedback(pen);
            self.write_submission(pen);
        }
    }

    fn write_start(&self, pen: &mut Pen) {
        let lead = self.lead.person;
        let mut fields = vec![
            self.of_visit("@kind", "visit".into()),
            self.of_visit("school", self.school.as_str().into()),
            self.of_visit("visit_kind", "regular".into()),
            self.of_visit("lead", lead.to_string().into()),
            self.of_visit(&format!("members/{lead}"), "lead".into()),
            self.of_visit("visit_date", self.date.to_string().into()),
            self.of_visit(&format!("check_in/{lead}"), self.moment(0).into()),
            self.of_visit("card_shown", true.into()),
            self.of_visit("informed", "校长".into()),
            self.of_visit("state", "checked_in".into()),
            self.of_response("@kind", "response".into()),
            self.of_response("visit", self.visit.as_str().into()),
            self.of_response("template", self.checklist.code.as_str().into()),
            self.of_response("version", i64::from(self.checklist.version).into()),
            self.of_response("on", self.date.to_string().into()),
        ];
        if let Some(colleague) = &self.colleague {
            fields.push(self.of_visit(&format!("members/{}", colleague.person), "member".into()));
        }
        fields.extend(
            self.facts
                .iter()
                .map(|(name, value)| self.of_response(&format!("fact/{name}"), value.clone())),
        );
        pen.write(&self.lead, self.at_ms(0), fields);
    }

    /// A section at a time: what is wrong in it, then "the rest is fine, I looked".
    fn write_section(&mut self, pen: &mut Pen, section: usize) {
        let section_def = &self.checklist.sections[section];
        let minute = 8 + 9 * section as i64;
        let mut fields = Vec::new();
        for item in &section_def.items {
            // What is asked depends on what was answered before.
            if assess(self.checklist, &self.answers)
                .item(&item.code)
                .is_some_and(|state| state.visible)
            {
                self.answer(item, &mut fields);
            }
        }
        if fields.is_empty() {
            return;
        }
        if section_def.weight > 0 {
            fields.push(self.of_response(&format!("{}/looked", section_def.code), self.moment(minute).into()));
        }
        // An answer never shares a group with the visit's state: a colleague may have moved it first.
        if section == 0 {
            let begun = vec![self.of_visit("state", "in_progress".into())];
            pen.write(&self.lead, self.at_ms(minute), begun);
        }
        pen.write(&self.lead, self.at_ms(minute), fields);
    }

    fn answer(&mut self, item: &Item, fields: &mut Vec<Field>) {
        let Some(problem) = self.problems.iter().copied().find(|problem| problem.item == item.code) else {
            if matches!(item.kind, ItemKind::YesNo) {
                self.put(fields, &item.code, "yes".into());
                self.put_good_numbers(item, fields);
            }
            return;
        };
        self.put(fields, &item.code, "no".into());
        self.put(fields, &format!("{}/note", item.code), problem.seen.into());
        self.put(fields, &format!("{}/place", item.code), problem.place.into());
        self.put(fields, &format!("{}/told", item.code), "校长".into());
        for (suffix, number) in problem.numbers {
            self.put(fields, &format!("{}/{suffix}", item.code), (*number).into());
        }
        if assess(self.checklist, &self.answers)
            .item(&item.code)
            .is_some_and(|state| state.verdict == Verdict::Fail)
        {
            fields.extend(self.new_finding(item));
        }
    }

    /// Numbers that keep every limit.
    fn put_good_numbers(&mut self, item: &Item, fields: &mut Vec<Field>) {
        let limits = assess(self.checklist, &self.answers)
            .item(&item.code)
            .map(|state| state.limits.clone());
        for input in &item.inputs {
            let limit = limits.iter().flatten().find(|limit| limit.input == input.suffix);
            let number = limit.map_or("3", |limit| limit.limit.as_str());
            let value: Value = match input.kind {
                InputKind::Int | InputKind::Minutes => number.parse::<i64>().unwrap_or(3).into(),
                InputKind::Decimal | InputKind::Percent | InputKind::Time => number.into(),
                InputKind::Date if limit.is_some() => (self.date - Days::new(11)).to_string().into(),
                InputKind::Date => continue,
            };
            self.put(fields, &format!("{}/{}", item.code, input.suffix), value);
        }
    }

    fn new_finding(&self, item: &Item) -> Vec<Field> {
        let Some(severity) = item.severity else {
            return Vec::new();
        };
        let finding = self.finding(&item.code);
        let values: [(&str, Value); 9] = [
            ("@kind", "finding".into()),
            ("visit", self.visit.as_str().into()),
            ("response", self.response.as_str().into()),
            ("item", item.code.as_str().into()),
            ("severity", severity.code().into()),
            ("matter", item.matter.as_str().into()),
            ("title", item.title.zh.as_str().into()),
            ("basis", item.basis.zh.as_str().into()),
            ("withdrawn", false.into()),
        ];
        values
            .into_iter()
            .map(|(path, value)| (finding.clone(), path.to_owned(), value))
            .collect()
    }

    fn write_feedback(&self, pen: &mut Pen) {
        let note = |kind: &str, text: String| -> Vec<Field> {
            let id = Uuid::new_v5(&uuid_of(&self.visit), kind.as_bytes());
            let record: RecordId = id.to_string().parse().expect("a UUID is a record id");
            let values: [(&str, Value); 4] = [
                ("@kind", "feedback_note".into()),
                ("visit", self.visit.as_str().into()),
                ("note_kind", kind.into()),
                ("text", text.into()),
            ];
            values
                .into_iter()
                .map(|(path, value)| (record.clone(), path.to_owned(), value))
                .collect()
        };
        let diagnosis = match self.problems.len() {
            0 => "各项落实到位，请保持每日巡查。".to_owned(),
            count => format!("共 {count} 处问题，已逐处当面告知，请按期整改并留存照片。"),
        };
        let mut fields = note("highlight", "值班领导全程在岗，资料齐全。".into());
        fields.extend(note("diagnosis", diagnosis));
        pen.write(&self.lead, self.at_ms(120), fields);
        let given = vec![self.of_visit("state", "feedback_given".into())];
        pen.write(&self.lead, self.at_ms(125), given);
    }

    fn write_submission(&self, pen: &mut Pen) {
        let lead = self.lead.person;
        let leaving = vec![self.of_visit(&format!("check_out/{lead}"), self.moment(140).into())];
        pen.write(&self.lead, self.at_ms(140), leaving);
        let mut fields = vec![
            self.of_visit("state", "submitted".into()),
            self.of_visit("submitted_at", self.moment(150).into()),
        ];
        for problem in &self.problems {
            let finding = self.finding(problem.item);
            let confirmed = [
                ("state", "confirmed"),
                ("fact", problem.seen),
                ("place", problem.place),
                ("told", "校长"),
            ];
            fields.extend(confirmed.map(|(path, value)| (finding.clone(), path.to_owned(), value.into())));
        }
        let signature = pen.signature(&self.visit, &fields);
        fields.extend(signature);
        pen.write(&self.lead, self.at_ms(150), fields);
    }

    /// What the colleague saw half an hour later, on a phone that was offline.
    fn write_other_view(&self, pen: &mut Pen) {
        let Some(colleague) = &self.colleague else { return };
        let answers = [
            (DISPUTED.to_owned(), "yes"),
            (format!("{DISPUTED}/note"), "再看时门已打开，锁已取下。"),
        ];
        let fields = answers.map(|(path, value)| self.of_response(&path, value.into()));
        pen.write_unseen(colleague, self.at_ms(60), fields.to_vec());
        let here = self.of_visit(&format!("check_in/{}", colleague.person), self.moment(25).into());
        pen.write(colleague, self.at_ms(61), vec![here]);
    }

    fn write_review(&self, pen: &mut Pen) {
        let fields = vec![self.of_visit("state", "reviewed".into())];
        pen.write(&writer("zhou"), self.at_ms(3 * 24 * 60), fields);
    }

    fn put(&mut self, fields: &mut Vec<Field>, path: &str, value: Value) {
        self.answers.insert(path.to_owned(), to_catalog(&value));
        fields.push(self.of_response(path, value));
    }

    fn of_visit(&self, path: &str, value: Value) -> Field {
        (self.visit.clone(), path.to_owned(), value)
    }

    fn of_response(&self, path: &str, value: Value) -> Field {
        (self.response.clone(), path.to_owned(), value)
    }

    fn finding(&self, item: &str) -> RecordId {
        let id = Uuid::new_v5(&uuid_of(&self.response), item.as_bytes());
        id.to_string().parse().expect("a UUID is a record id")
    }

    fn at_ms(&self, minutes: i64) -> i64 {
        (self.arrival + TimeDelta::minutes(minutes)).timestamp_millis()
    }

    fn moment(&self, minutes: i64) -> String {
        (self.arrival + TimeDelta::minutes(minutes)).to_rfc3339()
    }
}

fn response_id(visit: Uuid) -> RecordId {
    Uuid::new_v5(&visit, CHECKLIST.as_bytes())
        .to_string()
        .parse()
        .expect("a UUID is a record id")
}

fn uuid_of(record: &RecordId) -> Uuid {
    record.as_str().parse().expect("the demo's record ids are UUIDs")
}
