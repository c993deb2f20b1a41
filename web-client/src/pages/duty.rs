//! What is mine: which schools, which visit is open, what came before, what it scored. Reads only.

use std::sync::Arc;

use catalog::{Answers, Assessment, Checklist, Item, ItemKind, Severity, assess, catalog};
use leptos_router::hooks::use_params_map;
use sync_protocol::{BucketId, REMOVED_FIELD, RecordId};

use crate::components::option_word;
use crate::form::answers_of;
use crate::i18n::{self, say, t, t_args};
use crate::known;
use crate::session::Session;

const OFFICE: [&str; 4] = ["coordinator", "zone_lead", "committee", "admin"];

/// Whether this person works with the office's screens; tracked.
pub fn is_office(session: Session) -> bool {
    roles(session).iter().any(|role| OFFICE.contains(&role.as_str()))
}

/// Whether this person decides about work that may not take effect. Tracked.
pub fn decides(session: Session) -> bool {
    roles(session)
        .iter()
        .any(|role| role == "coordinator" || role == "admin")
}

/// Whether this person visits schools: may check in by themselves. Tracked.
pub fn inspects(session: Session) -> bool {
    let roles = roles(session);
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    catalog()
        .kind("visit")
        .is_some_and(|kind| kind.transition(None, "checked_in", &roles).is_ok())
}

/// My roles; tracked.
pub fn roles(session: Session) -> Vec<String> {
    session.person().map(|person| person.roles).unwrap_or_default()
}

/// My id, empty while signed out; tracked.
pub fn my_id(session: Session) -> String {
    session.person().map(|person| person.id).unwrap_or_default()
}

/// A record named in the route; `None` when the route's text cannot be one. Tracked.
pub fn record_in_route(name: &str) -> Option<RecordId> {
    use leptos::prelude::*;
    use_params_map()
        .with(|params| params.get(name))
        .and_then(|id| id.parse().ok())
}

/// The bucket of a school's records.
pub fn school_bucket(school: &RecordId) -> Option<BucketId> {
    format!("school/{school}").parse().ok()
}

/// Schools on this device, by name; tracked.
pub fn schools(session: Session) -> Vec<RecordId> {
    let mut schools = session.records("school");
    schools.sort_by_cached_key(|school| i18n::name_key(&school_name(session, school)));
    schools
}

/// The school's name, or a word for one that has not arrived; tracked.
pub fn school_name(session: Session, school: &RecordId) -> String {
    let field = session.field(school, "name");
    if field.text().is_empty() {
        t("school.unnamed")
    } else {
        field.text().to_owned()
    }
}

/// The school of a visit; tracked.
pub fn school_of(session: Session, visit: &RecordId) -> Option<RecordId> {
    session.field(visit, "school").text().parse().ok()
}

/// "初中·在校 1,286 人·有食堂、实验室"; tracked.
pub fn school_line(session: Session, school: &RecordId) -> String {
    let students = session
        .field(school, "students")
        .int()
        .map(|n| t_args("school.students", &[("n", &i18n::number(n))]));
    i18n::join_dots([
        school_type(session, school),
        students.unwrap_or_default(),
        school_has(session, school),
    ])
}

fn school_type(session: Session, school: &RecordId) -> String {
    match session.field(school, "type").text() {
        "" => String::new(),
        code => option_word("school", "type", code),
    }
}

fn school_has(session: Session, school: &RecordId) -> String {
    let has = |path: &str| session.field(school, path).bool();
    let meals = session.field(school, "meal_mode");
    let mut things = Vec::new();
    if !meals.text().is_empty() && meals.text() != "none" {
        things.push(t("school.thing.canteen"));
    }
    if session.field(school, "boarders").int().is_some_and(|n| n > 0) {
        things.push(t("school.thing.boarders"));
    }
    if has("has_lab") {
        things.push(t("school.thing.lab"));
    }
    if has("has_bus") {
        things.push(t("school.thing.bus"));
    }
    if has("has_control_room") {
        things.push(t("school.thing.control_room"));
    }
    if has("has_works") {
        things.push(t("school.thing.works"));
    }
    if has("has_special_equipment") {
        things.push(t("school.thing.special_equipment"));
    }
    if things.is_empty() {
        String::new()
    } else {
        t_args("school.has", &[("things", &i18n::join_list(things))])
    }
}

/// The visit of this school that is still being made, the newest first if there are two; tracked.
pub fn open_visit(session: Session, school: &RecordId) -> Option<RecordId> {
    visits_of(session, school)
        .into_iter()
        .find(|visit| is_open(session.field(visit, "state").text()))
}

/// Visits of a school, newest first; tracked.
pub fn visits_of(session: Session, school: &RecordId) -> Vec<RecordId> {
    let mut visits = session.children("visit", "school", school);
    visits.retain(|visit| !is_gone(session, visit));
    visits.sort_by_cached_key(|visit| {
        std::cmp::Reverse((session.field(visit, "visit_date").text().to_owned(), visit.to_string()))
    });
    visits
}

/// The visits that this person made or took part in, newest first; tracked.
pub fn my_visits(session: Session) -> Vec<RecordId> {
    let me = my_id(session);
    let mine = |visit: &RecordId| {
        let joined = session.field(visit, &format!("members/{me}"));
        session.field(visit, "lead").text() == me || !joined.siblings.is_empty()
    };
    let mut visits: Vec<RecordId> = session.records("visit").into_iter().filter(mine).collect();
    visits.retain(|visit| !is_gone(session, visit));
    visits.sort_by_cached_key(|visit| std::cmp::Reverse(session.field(visit, "visit_date").text().to_owned()));
    visits
}

/// Everybody who is on a visit, the lead first; tracked.
pub fn members(session: Session, visit: &RecordId) -> Vec<String> {
    let lead = session.field(visit, "lead").text().to_owned();
    let Some(record) = session.record(visit) else {
        return Vec::new();
    };
    let joined = record.fields().filter_map(|(path, _)| path.strip_prefix("members/"));
    let others = joined.filter(|person| *person != lead).map(str::to_owned);
    let mut members: Vec<String> = others.collect();
    members.sort();
    members.insert(0, lead);
    members
}

/// Whether a visit is gone with all that belongs to it: one answer that its remover had not seen keeps it. Tracked.
pub fn is_gone(session: Session, visit: &RecordId) -> bool {
    if !is_removed(session, visit) {
        return false;
    }
    let of = |kind: &str| session.children(kind, "visit", visit);
    let parts = of("response")
        .into_iter()
        .chain(of("finding"))
        .chain(of("feedback_note"));
    parts.into_iter().all(|part| is_removed(session, &part))
}

/// Whether somebody removed a record, having seen all that is in it; tracked.
pub fn is_removed(session: Session, record: &RecordId) -> bool {
    let said = !session.field(record, REMOVED_FIELD).text().is_empty();
    said && session.record(record).is_some_and(|record| record.is_removed())
}

/// Still on site or on the way to being submitted.
pub fn is_open(state: &str) -> bool {
    matches!(state, "checked_in" | "in_progress" | "feedback_given" | "returned")
}

/// Handed in, whatever the office has done with it since.
pub fn is_submitted(state: &str) -> bool {
    matches!(state, "submitted" | "reviewed" | "archived" | "amended")
}

/// The checklists filled in on a visit, by checklist and then in the order in which they were begun; tracked.
pub fn responses(session: Session, visit: &RecordId) -> Vec<RecordId> {
    let mut responses = session.children("response", "visit", visit);
    responses.retain(|response| !is_removed(session, response));
    responses.sort_by_cached_key(|response| {
        (
            session.field(response, "template").text().to_owned(),
            response.to_string(),
        )
    });
    responses
}

/// The version a response was started with; tracked.
pub fn checklist_of(session: Session, response: &RecordId) -> Option<&'static Checklist> {
    let template = session.field(response, "template");
    let version = session
        .field(response, "version")
        .int()
        .and_then(|version| u32::try_from(version).ok())?;
    known::checklist(template.text(), version)
}

/// The judgement of a response as far as it goes; tracked.
pub fn assessment_of(session: Session, response: &RecordId) -> Option<Arc<Assessment>> {
    let checklist = checklist_of(session, response)?;
    let record = session.record(response)?;
    Some(Arc::new(assess(checklist, &answers_of(checklist, &record))))
}

/// A response's judgement with the checklist it was judged by.
#[derive(Clone)]
pub struct Judged {
    pub checklist: &'static Checklist,
    pub assessment: Arc<Assessment>,
}

// The checklist of a response is fixed: a new judgement is what makes a difference.
impl PartialEq for Judged {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.checklist, other.checklist) && self.assessment == other.assessment
    }
}

/// The judgement of a response as far as it goes; tracked.
pub fn judged(session: Session, response: &RecordId) -> Option<Judged> {
    Some(Judged {
        checklist: checklist_of(session, response)?,
        assessment: assessment_of(session, response)?,
    })
}

/// "五年级·数学" of an observed lesson, in the order of the form; nothing for other checklists. Tracked.
pub fn lesson_line(session: Session, response: &RecordId) -> Option<String> {
    let checklist = checklist_of(session, response)?;
    let grade = checklist.grade_item.as_ref()?;
    let section = checklist.section_of(grade)?;
    let said = section.items.iter().filter_map(|item| {
        let ItemKind::One { options } = &item.kind else {
            return None;
        };
        let field = session.field(response, &item.code);
        let option = options.iter().find(|option| option.code == field.text())?;
        Some(say(&option.label))
    });
    let line = i18n::join_dots(said);
    (!line.is_empty()).then_some(line)
}

/// Two people's sheets of one lesson, and what they should talk about.
#[derive(Clone, PartialEq)]
pub struct Panel {
    /// Names of the two observers.
    pub observers: [String; 2],
    pub lesson: String,
    pub scores: [String; 2],
    /// Item, title, and the level of each.
    pub items: Vec<(String, String, i64, i64)>,
    pub calibrate: bool,
}

/// The lessons of a visit that two people observed: same subject, grade and class, different authors; tracked.
pub fn panels(session: Session, visit: &RecordId) -> Vec<Panel> {
    let lessons: Vec<_> = responses(session, visit)
        .into_iter()
        .filter_map(|response| observed(session, &response))
        .collect();
    let mut panels = Vec::new();
    for (nth, one) in lessons.iter().enumerate() {
        for other in &lessons[nth + 1..] {
            if one.what == other.what && one.author != other.author {
                panels.push(panel(session, one, other));
            }
        }
    }
    panels
}

struct Observed {
    author: String,
    /// Subject, grade and class as they were entered.
    what: Vec<String>,
    lesson: String,
    checklist: &'static Checklist,
    answers: Answers,
    judged: Assessment,
}

fn observed(session: Session, response: &RecordId) -> Option<Observed> {
    let checklist = checklist_of(session, response)?;
    let section = checklist.section_of(checklist.grade_item.as_ref()?)?;
    let record = session.record(response)?;
    let named = section
        .items
        .iter()
        .filter(|item| matches!(item.kind, ItemKind::One { .. } | ItemKind::Text));
    let what: Vec<String> = named
        .take(3)
        .map(|item| record.text(&item.code).trim().to_owned())
        .collect();
    let answers = answers_of(checklist, &record);
    Some(Observed {
        author: record.field("@kind").siblings.first()?.author.to_string(),
        what: (!what.iter().any(String::is_empty)).then_some(what)?,
        lesson: lesson_line(session, response)?,
        checklist,
        judged: assess(checklist, &answers),
        answers,
    })
}

fn panel(session: Session, one: &Observed, other: &Observed) -> Panel {
    let found = catalog::calibrate((&one.answers, &one.judged), (&other.answers, &other.judged));
    let score = |observed: &Observed| observed.judged.score.map(|score| score.to_string()).unwrap_or_default();
    let title = |code: &str| {
        one.checklist
            .item(code)
            .map(|item| say(&item.title))
            .unwrap_or_default()
    };
    Panel {
        observers: [session.name_of(&one.author), session.name_of(&other.author)],
        lesson: one.lesson.clone(),
        scores: [score(one), score(other)],
        calibrate: !found.is_empty(),
        items: found
            .items
            .into_iter()
            .map(|(code, a, b)| (code.clone(), title(&code), a, b))
            .collect(),
    }
}

/// "上次 10月21日：否·二层应急灯不亮": what the last handed-in sheet of this checklist said on an item; tracked.
pub fn previous_answer(session: Session, visit: &RecordId, checklist: &Checklist, item: &Item) -> Option<String> {
    let school = school_of(session, visit)?;
    let today = session.field(visit, "visit_date").text().to_owned();
    let earlier = visits_of(session, &school).into_iter().filter(|other| {
        is_submitted(session.field(other, "state").text()) && session.field(other, "visit_date").text() < today.as_str()
    });
    let mut sheets = earlier.flat_map(|other| {
        let of_visit = responses(session, &other);
        of_visit.into_iter().map(move |response| (other.clone(), response))
    });
    let (other, response) =
        sheets.find(|(_, response)| session.field(response, "template").text() == checklist.code)?;
    let said = session.field(&response, &item.code);
    let answer = said.value().map(|value| crate::form::value_words(item, value));
    let inputs = item.inputs.iter().filter_map(|input| {
        let number = session.field(&response, &format!("{}/{}", item.code, input.suffix));
        let words = crate::form::plain_words(number.value()?);
        Some(
            format!("{} {words} {}", say(&input.label), say(&input.unit))
                .trim()
                .to_owned(),
        )
    });
    let note = session
        .field(&response, &format!("{}/note", item.code))
        .text()
        .to_owned();
    let words = i18n::join_dots(answer.into_iter().chain(inputs).chain([note]));
    let day = i18n::day(i18n::ms_of(session.field(&other, "visit_date").text()));
    (!words.is_empty()).then(|| t_args("item.previous", &[("day", &day), ("words", &words)]))
}

/// Whether anybody has answered anything on it; tracked.
pub fn is_begun(session: Session, response: &RecordId) -> bool {
    let checklist = checklist_of(session, response);
    let record = session.record(response);
    record.zip(checklist).is_some_and(|(record, checklist)| {
        let is_answer = |path: &str| checklist.item(path.split('/').next().unwrap_or(path)).is_some();
        record
            .fields()
            .any(|(path, field)| is_answer(path) && field.value().is_some())
    })
}

/// The item this person touched last on a response; tracked.
pub fn last_touched(session: Session, response: &RecordId) -> Option<String> {
    let (checklist, me) = (checklist_of(session, response)?, my_id(session));
    let record = session.record(response)?;
    let touched = record.fields().flat_map(|(path, field)| {
        let code = path.split('/').next().unwrap_or(path);
        let mine = field.siblings.iter().filter(|sibling| sibling.author.as_str() == me);
        mine.map(move |sibling| (sibling.at, code))
    });
    touched
        .filter(|(_, code)| checklist.item(code).is_some())
        .max()
        .map(|(_, code)| code.to_owned())
}

/// A finding as lists show it.
#[derive(Clone, PartialEq, Debug)]
pub struct FindingLine {
    pub id: RecordId,
    pub visit: String,
    pub response: String,
    pub item: String,
    pub severity: Option<Severity>,
    pub title: String,
    pub state: String,
    pub fact: String,
}

impl FindingLine {
    /// What is wrong: as it was seen, or the item that is not met; tracked by language.
    pub fn what(&self) -> String {
        if self.fact.is_empty() {
            t_args("finding.unmet", &[("title", &self.title)])
        } else {
            self.fact.clone()
        }
    }
}

/// The findings of a visit that stand, the gravest first; tracked.
pub fn findings_of(session: Session, visit: &RecordId) -> Vec<FindingLine> {
    let mut lines: Vec<_> = session
        .children("finding", "visit", visit)
        .iter()
        .filter_map(|finding| finding_line(session, finding))
        .collect();
    gravest_first(&mut lines);
    lines
}

/// Every finding on this device that stands and is not closed, the gravest first; tracked.
pub fn open_findings(session: Session, school: &RecordId) -> Vec<FindingLine> {
    let mut lines: Vec<_> = visits_of(session, school)
        .iter()
        .flat_map(|visit| findings_of(session, visit))
        .filter(|line| !matches!(line.state.as_str(), "closed" | "void"))
        .collect();
    gravest_first(&mut lines);
    lines
}

/// Findings of this visit that another of the same day may have seen as well: a hint for people, never more. Tracked.
pub fn seen_twice(session: Session, visit: &RecordId) -> Vec<(FindingLine, FindingLine)> {
    let Some(school) = school_of(session, visit) else {
        return Vec::new();
    };
    let day = session.field(visit, "visit_date").text().to_owned();
    let same_day = visits_of(session, &school)
        .into_iter()
        .filter(|other| session.field(other, "visit_date").text() == day);
    let others: Vec<FindingLine> = same_day.flat_map(|other| findings_of(session, &other)).collect();
    let place = |line: &FindingLine| {
        let own = session.field(&line.id, "place").text().to_owned();
        let beside = || {
            let response = line.response.parse::<RecordId>().ok()?;
            Some(
                session
                    .field(&response, &format!("{}/place", line.item))
                    .text()
                    .to_owned(),
            )
        };
        if own.is_empty() {
            beside().unwrap_or_default()
        } else {
            own
        }
    };
    let mut twice = Vec::new();
    for mine in findings_of(session, visit) {
        for other in others
            .iter()
            .filter(|other| other.id != mine.id && (other.visit != mine.visit || other.id > mine.id))
        {
            let (here, there) = (place(&mine), place(other));
            let sighting = |line: &FindingLine, place: &str| {
                catalog::may_be_same(
                    &catalog::Sighting {
                        item: &mine.item,
                        title: &mine.title,
                        place: &here,
                        fact: &mine.fact,
                    },
                    &catalog::Sighting {
                        item: &line.item,
                        title: &line.title,
                        place,
                        fact: &line.fact,
                    },
                )
            };
            if sighting(other, &there) {
                twice.push((mine.clone(), other.clone()));
            }
        }
    }
    twice
}

fn gravest_first(lines: &mut [FindingLine]) {
    lines.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
}

fn finding_line(session: Session, finding: &RecordId) -> Option<FindingLine> {
    let text = |path: &str| session.field(finding, path).text().to_owned();
    if session.field(finding, "withdrawn").bool() || text("item").is_empty() || is_removed(session, finding) {
        return None;
    }
    let (response, item) = (text("response"), text("item"));
    let response_id: Option<RecordId> = response.parse().ok();
    let title = response_id
        .as_ref()
        .and_then(|response| {
            let checklist = checklist_of(session, response)?;
            let flag = checklist
                .flags
                .iter()
                .find(|flag| flag.code == item)
                .map(|flag| &flag.title);
            checklist.item(&item).map(|item| &item.title).or(flag).map(say)
        })
        .unwrap_or_else(|| text("title"));
    // Until it is confirmed, the fact is the note beside the answer.
    let fact = match (text("fact"), &response_id) {
        (fact, Some(response)) if fact.is_empty() => session.field(response, &format!("{item}/note")).text().to_owned(),
        (fact, _) => fact,
    };
    Some(FindingLine {
        id: finding.clone(),
        visit: text("visit"),
        response,
        item,
        severity: Severity::from_code(&text("severity")),
        title,
        state: text("state"),
        fact,
    })
}

/// The band's label of a judgement, when it has one; tracked.
pub fn band_label(checklist: &Checklist, assessment: &Assessment) -> Option<(usize, String)> {
    let band = assessment.band.filter(|_| assessment.rated)?;
    checklist.bands.get(band).map(|found| (band, say(&found.label)))
}

/// "封顶：不合格" when a fail limits the band; tracked.
pub fn cap_words(checklist: &Checklist, assessment: &Assessment) -> Option<String> {
    let worst = assessment.caps.iter().map(|cap| cap.band).max()?;
    checklist
        .bands
        .get(worst)
        .map(|band| t_args("score.capped", &[("band", &say(&band.label))]))
}
