//! Judging a response again after some of its answers changed: only what depends on them is evaluated anew.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    assess::{Assessment, form::Form, item, score},
    checklist::Checklist,
    value::{Answers, Value},
};

/// A response as it was judged last, ready to be judged again.
#[derive(Debug, Clone)]
pub struct Judging {
    checklist: &'static Checklist,
    answers: Answers,
    /// Values of the items that are shown.
    values: BTreeMap<&'static str, Value>,
    assessment: Assessment,
}

impl Judging {
    /// Judges everything once.
    pub fn new(checklist: &'static Checklist, answers: Answers) -> Judging {
        let form = Form::read(checklist, &answers);
        let items = form.places().map(|(section, item)| item::state(&form, section, item));
        let assessment = score::assessment(&form, items.collect());
        let values = form.into_values();
        Judging {
            checklist,
            answers,
            values,
            assessment,
        }
    }

    /// The judgement of the answers followed last.
    pub fn assessment(&self) -> &Assessment {
        &self.assessment
    }

    /// Judges these answers: the same as [`crate::assess()`] would, and cheaper by what did not change.
    pub fn follow(&mut self, answers: &Answers) {
        let changed = changed_paths(&self.answers, answers);
        if changed.is_empty() {
            return;
        }
        let codes = changed.iter().map(|path| path.split('/').next().unwrap_or(path));
        let places: Option<BTreeSet<(usize, usize)>> =
            codes.map(|code| self.checklist.places.get(code).copied()).collect();
        match places {
            Some(places) => self.judge_again(answers.clone(), self.checklist.depending_on(places)),
            // A fact, the day, the scope: anything may depend on it.
            None => *self = Judging::new(self.checklist, answers.clone()),
        }
    }

    fn judge_again(&mut self, answers: Answers, affected: BTreeSet<(usize, usize)>) {
        let mut form = Form::with(self.checklist, &answers, std::mem::take(&mut self.values));
        form.read_again(&affected);
        let mut items = std::mem::take(&mut self.assessment.items);
        for (state, (section, index)) in items.iter_mut().zip(self.checklist.all_places()) {
            if affected.contains(&(section, index)) {
                *state = item::state(&form, section, &self.checklist.sections[section].items[index]);
            }
        }
        self.assessment = score::assessment(&form, items);
        self.values = form.into_values();
        self.answers = answers;
    }
}

/// Paths whose value is different, new or gone.
fn changed_paths<'a>(before: &'a Answers, after: &'a Answers) -> Vec<&'a str> {
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let new = after.iter().filter(|(path, value)| before.get(*path) != Some(value));
    gone.chain(new.map(|(path, _)| path)).map(String::as_str).collect()
}
