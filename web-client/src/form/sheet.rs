//! One response on the screen: how its fields are read, judged and written. Every tap becomes one group at once.

use std::sync::Arc;

use catalog::{Answers, Assessment, Checklist, Item, ItemKind, ItemState, Judging, Verdict, assess};
use leptos::prelude::*;
use sync_protocol::{BucketId, Edit, FieldView, GroupKind, RecordId, Value};

use super::{answers, values};
use crate::difference::shown_for;
use crate::i18n;
use crate::session::Session;

/// Where a response lives.
#[derive(Clone, Debug)]
pub struct SheetPlace {
    pub response: RecordId,
    pub visit: RecordId,
    pub bucket: BucketId,
    pub checklist: &'static Checklist,
}

// A response never changes its bucket, and its checklist only when somebody takes it over to a newer version
// or the district sets a limit of its own.
impl PartialEq for SheetPlace {
    fn eq(&self, other: &Self) -> bool {
        self.response == other.response && self.visit == other.visit && std::ptr::eq(self.checklist, other.checklist)
    }
}

#[derive(Clone)]
struct ItemSignals {
    code: String,
    state: ArcRwSignal<ItemState>,
    here: ArcRwSignal<bool>,
}

/// A response being shown or filled in. Cheap to pass around.
#[derive(Clone, Copy)]
pub struct Sheet {
    pub session: Session,
    place: StoredValue<SheetPlace>,
    answers: Memo<Arc<Answers>>,
    assessment: Memo<Arc<Assessment>>,
    judging: StoredValue<Judging>,
    /// The judgement of each item by itself: of a tap, only what it changed is drawn again.
    items: StoredValue<Vec<ItemSignals>>,
    /// The code of the item the person is at.
    here: RwSignal<String>,
    /// After submission, and for those who only look.
    pub read_only: Memo<bool>,
}

impl Sheet {
    pub fn new(session: Session, place: SheetPlace, read_only: Memo<bool>) -> Self {
        let checklist = place.checklist;
        let response = place.response.clone();
        let answers = Memo::new(move |_| {
            let record = session.record(&response);
            Arc::new(
                record
                    .map(|record| values::answers_of(checklist, &record))
                    .unwrap_or_default(),
            )
        });
        // Judged once; from then on only what depends on a change.
        let judging = StoredValue::new(Judging::new(checklist, answers.get_untracked().as_ref().clone()));
        let assessment = Memo::new_with_compare(
            move |_| {
                answers.with(|answers| {
                    let judge = |judging: &mut Judging| {
                        judging.follow(answers);
                        Arc::new(judging.assessment().clone())
                    };
                    judging
                        .try_update_value(judge)
                        .unwrap_or_else(|| Arc::new(assess(checklist, answers)))
                })
            },
            |before: Option<&Arc<Assessment>>, after: Option<&Arc<Assessment>>| before != after,
        );
        let first = assessment.get_untracked();
        let items = first.items.iter().map(|state| ItemSignals {
            code: state.code.clone(),
            state: ArcRwSignal::new(state.clone()),
            here: ArcRwSignal::new(false),
        });
        let items = StoredValue::new(items.collect::<Vec<_>>());
        // The page may be gone by the time it runs: then there is nothing to draw.
        Effect::new(move |_| {
            let draw = |judged: &Arc<Assessment>| items.try_with_value(|items| redraw(items, judged));
            let _ = assessment.try_with(draw);
        });
        Self {
            session,
            place: StoredValue::new(place),
            answers,
            assessment,
            judging,
            items,
            here: RwSignal::new(String::new()),
            read_only,
        }
    }

    pub fn checklist(&self) -> &'static Checklist {
        self.place.with_value(|place| place.checklist)
    }
    pub fn response(&self) -> RecordId {
        self.place.with_value(|place| place.response.clone())
    }
    pub fn visit(&self) -> RecordId {
        self.place.with_value(|place| place.visit.clone())
    }
    pub fn bucket(&self) -> BucketId {
        self.place.with_value(|place| place.bucket.clone())
    }

    /// Reads the judgement without copying it; tracked.
    pub fn judged<T>(&self, read: impl FnOnce(&Assessment) -> T) -> T {
        self.assessment.with(|assessment| read(assessment))
    }
    /// The judgement of one item, by its place in the whole checklist; tracked.
    pub fn item_state(&self, index: usize) -> Option<ItemState> {
        self.signals(index).map(|signals| signals.state.get())
    }
    /// Whether the item is asked; tracked.
    pub fn is_visible(&self, index: usize) -> bool {
        self.signals(index)
            .is_some_and(|signals| signals.state.with(|state| state.visible))
    }
    /// Whether the person is at the item; tracked.
    pub fn is_here(&self, index: usize) -> bool {
        self.signals(index).is_some_and(|signals| signals.here.get())
    }
    fn signals(&self, index: usize) -> Option<ItemSignals> {
        self.items.with_value(|items| items.get(index).cloned())
    }
    /// The person is at this item now; not remembered for a restart.
    pub fn be_at(&self, code: &str) {
        self.here.set(code.to_owned());
        self.items.with_value(|items| {
            for signals in items {
                let is_it = signals.code == code;
                if signals.here.get_untracked() != is_it {
                    signals.here.set(is_it);
                }
            }
        });
    }

    /// One field of the response; tracked by that field only.
    pub fn field(&self, path: &str) -> FieldView {
        self.place.with_value(|place| self.session.field(&place.response, path))
    }
    /// The value of a field as it counts now; tracked.
    pub fn provisional(&self, path: &str) -> Option<catalog::Value> {
        values::provisional(self.checklist(), path, &self.field(path)).filter(|value| *value != catalog::Value::Null)
    }
    /// The text of a field as it counts now, empty when there is none; tracked.
    pub fn text(&self, path: &str) -> String {
        match self.provisional(path) {
            Some(catalog::Value::Text(text)) => text,
            Some(catalog::Value::Int(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// Not after submission, for those who only look, or when the page has gone: a box that had the focus is left then.
    fn takes_changes(&self) -> bool {
        self.read_only.try_get_untracked() == Some(false)
    }

    /// A tap on an answer: the item, the finding it makes or takes back, and the visit's first step, in one group.
    pub fn answer(&self, item: &'static Item, answer: Value) {
        self.write(item, &item.code, answer);
    }

    /// Writes a field of an item and whatever follows from it, in one group.
    pub fn write(&self, item: &'static Item, path: &str, value: Value) {
        if !self.takes_changes() {
            return;
        }
        let mut after = self.answers.get_untracked().as_ref().clone();
        after.insert(path.to_owned(), values::to_catalog(&value));
        let mut ops = vec![self.edit(path, value)];
        ops.extend(self.findings_after(item, &after));
        self.commit(ops);
        self.stand_at(&item.code);
    }

    /// Writes several fields that decide nothing by themselves, in one group.
    pub fn note_down_all(&self, ops: Vec<Edit>) {
        if self.takes_changes() && !ops.is_empty() {
            self.commit(ops);
        }
    }

    /// Writes one field that decides nothing by itself: a fact of the school, a reason.
    pub fn note_down(&self, path: &str, value: Value) {
        if self.takes_changes() {
            let ops = vec![self.edit(path, value)];
            self.commit(ops);
        }
    }

    /// Every keystroke of a text box.
    pub fn type_text(&self, path: &str, text: Value) {
        if self.takes_changes() {
            self.session.type_text(&self.bucket(), self.edit(path, text));
        }
    }

    /// Leaving a number box: what was typed becomes a group, and the finding follows the verdict.
    pub fn settle(&self, item: &'static Item) {
        self.session.settle();
        if !self.takes_changes() {
            return;
        }
        let ops = self.findings_after(item, &self.answers.get_untracked());
        if !ops.is_empty() {
            self.commit(ops);
        }
    }

    /// "The rest is fine, I looked": the good answer for each item still open, and the time at which it was said.
    pub fn looked(&self, section: usize) {
        if !self.takes_changes() {
            return;
        }
        let section_code = &self.checklist().sections[section].code;
        let mut ops: Vec<Edit> = self
            .rest_of(section)
            .into_iter()
            .map(|code| {
                let inverse = self.checklist().item(&code).is_some_and(|item| item.inverse);
                self.edit(&code, if inverse { "no".into() } else { "yes".into() })
            })
            .collect();
        ops.push(self.edit(&format!("{section_code}/looked"), i18n::now_rfc3339().into()));
        self.commit(ops);
    }

    /// The items of a section that one look can answer: open, visible, yes or no, and not judged by a number; tracked.
    pub fn rest_of(&self, section: usize) -> Vec<String> {
        let checklist = self.checklist();
        self.judged(|assessment| {
            assessment
                .items
                .iter()
                .filter(|state| state.section == section && state.visible && state.verdict == Verdict::Unanswered)
                .filter(|state| checklist.item(&state.code).is_some_and(one_look_answers))
                .map(|state| state.code.clone())
                .collect()
        })
    }

    /// The next item to answer after `here`, going round once; tracked.
    pub fn next_unanswered(&self) -> Option<String> {
        let here = self.here.get();
        self.judged(|assessment| {
            let open = |state: &&ItemState| state.visible && state.wanted && state.verdict == Verdict::Unanswered;
            let at = assessment
                .items
                .iter()
                .position(|state| state.code == here)
                .map_or(0, |at| at + 1);
            let (before, after) = assessment.items.split_at(at.min(assessment.items.len()));
            after
                .iter()
                .find(open)
                .or_else(|| before.iter().find(open))
                .map(|state| state.code.clone())
        })
    }

    /// Remembers the item, so that a restarted phone opens at it.
    pub fn stand_at(&self, code: &str) {
        self.be_at(code);
        let response = self.response();
        self.session.noticed(&response, code);
        self.session.noticed(&response, &format!("{code}/note"));
        let place = self
            .place
            .with_value(|place| format!("/visit/{}/checklist/{}#{code}", place.visit, place.response));
        self.session.remember_place(&place);
    }

    /// An edit of one field over what is on the screen now.
    pub fn edit(&self, path: &str, value: Value) -> Edit {
        untrack(|| {
            self.place.with_value(|place| {
                let field = self.session.seen_field(&place.response, path);
                let record = self.session.record(&place.response).filter(|_| field.conflict());
                let shown = shown_for(self.session, record.as_ref(), path, &field);
                Edit::new(&place.response, path, value, shown)
            })
        })
    }

    /// What the findings of an item, and of the rules over the whole form, come to after these answers.
    fn findings_after(&self, item: &Item, answers: &Answers) -> Vec<Edit> {
        let found = |judging: &mut Judging| {
            judging.follow(answers);
            let judged = judging.assessment();
            let state = judged.item(&item.code).filter(|state| state.visible);
            let mut ops = answers::finding_ops(self, item, state);
            ops.extend(answers::flag_ops(self, judged));
            ops
        };
        self.judging.try_update_value(found).unwrap_or_default()
    }

    // Never carries a move of the visit's state: a colleague may have moved it on, and then the answer would be refused with it.
    fn commit(&self, ops: Vec<Edit>) {
        self.session.change(&self.bucket(), GroupKind::Edit, ops);
    }
}

/// Tells those items whose judgement is another.
fn redraw(items: &[ItemSignals], judged: &Assessment) {
    for (signals, state) in items.iter().zip(&judged.items) {
        if signals.state.with_untracked(|known| known != state) {
            signals.state.set(state.clone());
        }
    }
}

fn one_look_answers(item: &Item) -> bool {
    matches!(item.kind, ItemKind::YesNo)
        && item.is_judged()
        && !item.rule.as_ref().is_some_and(|rule| rule.number_judges)
}
