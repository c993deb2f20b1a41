//! The other checklists of the demo district's visits: a lesson that was observed, pupils' workload that was asked for. The
//! figures are invented and the same every time.

use catalog::{Answers, Checklist, InputKind, Item, ItemKind, SampleOf, Verdict, assess, catalog};
use chrono::NaiveDate;
use sync_protocol::{RecordId, Value};
use uuid::Uuid;

use super::dice::Dice;
use super::pen::Field;
use crate::store::sync::to_catalog;

/// One filled sheet: its fields, and the findings it makes.
pub struct Sheet<'a> {
    checklist: &'static Checklist,
    visit: &'a RecordId,
    response: RecordId,
    answers: Answers,
    fields: Vec<Field>,
}

/// Both sheets of a visit, as fields ready to be written; none for a kindergarten, where neither is asked.
pub fn filled(visit: &RecordId, date: NaiveDate, facts: &[(&'static str, Value)], dice: &mut Dice) -> Vec<Vec<Field>> {
    let codes = ["lesson-observation", "student-workload"];
    let checklists = codes.into_iter().filter_map(|code| catalog().latest(code));
    let sheets = checklists.map(|checklist| Sheet::begin(checklist, visit, date, facts));
    sheets
        .filter(|sheet| !sheet.bands().is_empty())
        .map(|sheet| sheet.fill(dice))
        .collect()
}

impl<'a> Sheet<'a> {
    fn begin(
        checklist: &'static Checklist,
        visit: &'a RecordId,
        date: NaiveDate,
        facts: &[(&'static str, Value)],
    ) -> Self {
        let mut sheet = Sheet {
            checklist,
            visit,
            response: child(visit, &checklist.code),
            answers: Answers::new(),
            fields: Vec::new(),
        };
        sheet.put("@kind", "response".into());
        sheet.put("visit", visit.as_str().into());
        sheet.put("template", checklist.code.as_str().into());
        sheet.put("version", i64::from(checklist.version).into());
        sheet.put("on", date.to_string().into());
        for (name, value) in facts.iter().filter(|(name, _)| checklist.fact(name).is_some()) {
            sheet.put(&format!("fact/{name}"), value.clone());
        }
        sheet
    }

    fn fill(mut self, dice: &mut Dice) -> Vec<Field> {
        let items = self.checklist.sections.iter().flat_map(|section| &section.items);
        for item in items {
            // What is asked depends on what was answered before.
            let judged = assess(self.checklist, &self.answers);
            if judged.item(&item.code).is_some_and(|state| state.visible) {
                self.answer(item, dice);
            }
        }
        self.find();
        self.fields
    }

    fn answer(&mut self, item: &'static Item, dice: &mut Dice) {
        match &item.kind {
            ItemKind::YesNo if item.inverse => self.put(&item.code, "no".into()),
            ItemKind::YesNo => {
                let bad = item.weight > 0 && !item.red_line && dice.below(14) == 0;
                self.put(&item.code, if bad { "no" } else { "yes" }.into());
                if bad {
                    self.put(
                        &format!("{}/note", item.code),
                        "访谈和资料不一致，已请学校说明。".into(),
                    );
                }
            }
            ItemKind::Scale { .. } => {
                let level = ["3", "3", "4", "3", "2", "3"][dice.below(6)];
                self.put(&item.code, level.into());
                if level == "4" {
                    self.put(&format!("{}/note", item.code), "多数学生主动发言，能说出理由。".into());
                }
            }
            ItemKind::One { options } => {
                let grades = self.grades(options.iter().map(|option| option.code.as_str()));
                let choice = grades[dice.below(grades.len())].to_owned();
                self.put(&item.code, choice.into());
            }
            ItemKind::Samples(sampling) => {
                for (nth, class) in ["a", "b", "c"].into_iter().enumerate() {
                    for band in self.bands() {
                        let said = said_by(sampling.of, &band, dice);
                        let mut parts: Vec<Value> = vec![band.as_str().into(), format!("{}班", nth + 1).into()];
                        parts.extend(said);
                        self.put(&format!("{}/sample/{band}{class}", item.code), Value::List(parts));
                    }
                }
            }
            ItemKind::Snap(snapping) => {
                for minute in &snapping.at {
                    let off = i64::try_from(dice.below(7)).unwrap_or(0);
                    let seen = Value::List(vec!["yes".into(), 42.into(), off.into(), i64::from(*minute).into()]);
                    self.put(&format!("{}/snap/{minute}", item.code), seen);
                }
            }
            ItemKind::Text if item.required => self.put(&item.code, "任务清楚，学生有时间思考。".into()),
            _ => {}
        }
        self.measure(item, dice);
    }

    /// Numbers at their limits, now and then a little beyond; without a limit something usual.
    fn measure(&mut self, item: &'static Item, dice: &mut Dice) {
        let bands = self.bands();
        for input in &item.inputs {
            if input.band.is_some_and(|band| !bands.iter().any(|known| known == band)) {
                continue;
            }
            let judged = assess(self.checklist, &self.answers);
            let limits = judged
                .item(&item.code)
                .map(|state| state.limits.clone())
                .unwrap_or_default();
            let limit = limits.iter().rfind(|limit| limit.input == input.suffix);
            let limit = limit.map(|limit| limit.limit.clone());
            let value: Value = match (input.kind, limit) {
                (InputKind::Time, limit) => limit.unwrap_or_else(|| "08:20".into()).into(),
                (InputKind::Date, _) => continue,
                (InputKind::Decimal | InputKind::Percent, limit) => limit.unwrap_or_else(|| "30".into()).into(),
                (InputKind::Int | InputKind::Minutes, Some(limit)) => limit.parse::<i64>().unwrap_or(2).into(),
                (InputKind::Int | InputKind::Minutes, None) if item.grades.is_empty() => {
                    // Observed minutes, pupils enrolled and present, people asked.
                    [40, 42, 42][dice.below(3)].into()
                }
                (InputKind::Int | InputKind::Minutes, None) => 0.into(),
            };
            self.put(&format!("{}/{}", item.code, input.suffix), value);
        }
    }

    /// The findings of what failed, as a phone makes them.
    fn find(&mut self) {
        let judged = assess(self.checklist, &self.answers);
        for state in judged.items.iter().filter(|state| state.verdict == Verdict::Fail) {
            let (Some(item), Some(severity)) = (self.checklist.item(&state.code), state.severity) else {
                continue;
            };
            let finding = child(&self.response, &item.code);
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
            let fields = values.map(|(path, value)| (finding.clone(), path.to_owned(), value));
            self.fields.extend(fields);
        }
    }

    fn bands(&self) -> Vec<String> {
        match self.answers.get("fact/bands") {
            Some(catalog::Value::List(bands)) => bands
                .iter()
                .filter_map(|band| band.as_text().map(str::to_owned))
                .filter(|band| band != "K")
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Of grades only those that the school has; of anything else all.
    fn grades<'c>(&self, codes: impl Iterator<Item = &'c str>) -> Vec<&'c str> {
        let bands = self.bands();
        let fits = |code: &&str| match code.parse::<i64>().ok().and_then(catalog::band_of_grade) {
            Some(band) => bands.iter().any(|known| known == band),
            None => true,
        };
        codes.filter(fits).collect()
    }

    fn put(&mut self, path: &str, value: Value) {
        self.answers.insert(path.to_owned(), to_catalog(&value));
        self.fields.push((self.response.clone(), path.to_owned(), value));
    }
}

/// Ten pupils of a class, or the class itself.
fn said_by(of: SampleOf, band: &str, dice: &mut Dice) -> Vec<Value> {
    match of {
        SampleOf::YesNo => vec![if dice.below(12) == 0 { "no" } else { "yes" }.into()],
        SampleOf::Minutes => {
            let usual = match band {
                "P12" => 0,
                "P36" => 48,
                _ => 72,
            };
            let more = if band == "P12" { 1 } else { 24 };
            (0..10)
                .map(|_| (usual + i64::try_from(dice.below(more)).unwrap_or(0)).into())
                .collect()
        }
        SampleOf::Decimal => {
            let hours = match band {
                "P12" | "P36" => ["9.5", "10", "10", "10.5"],
                "J" => ["8.5", "9", "9", "9.5"],
                _ => ["7.5", "8", "8", "8.5"],
            };
            (0..10).map(|_| hours[dice.below(4)].into()).collect()
        }
    }
}

/// The id that every phone gives a record that belongs to another one.
fn child(parent: &RecordId, name: &str) -> RecordId {
    let namespace: Uuid = parent.as_str().parse().expect("the demo's record ids are UUIDs");
    Uuid::new_v5(&namespace, name.as_bytes())
        .to_string()
        .parse()
        .expect("a UUID is a record id")
}
