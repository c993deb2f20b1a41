//! From answers to verdicts, score and band (`domain.md` §8.0): total and exact. Any input gives an assessment; what is
//! malformed counts as not answered. The phone and the server run this same code.

mod follow;
mod form;
mod item;
mod limits;
mod sampled;
mod score;

use crate::{
    checklist::Checklist,
    fraction::{Fraction, Tenths},
    severity::Severity,
    text::Text,
    threshold::Op,
    value::Answers,
};
pub use follow::Judging;
use form::Form;

/// Raised whenever the same answers could be judged differently than before.
pub const ENGINE: u32 = 2;

/// What a set of answers amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The [`ENGINE`] that computed it.
    pub engine: u32,
    /// Over what is answered so far; nothing when nothing is.
    pub score: Option<Tenths>,
    /// The band that may be issued, caps applied, as an index into `bands`; nothing when not rated.
    pub band: Option<usize>,
    /// The band of what is answered so far, caps applied; to be shown only as provisional.
    pub provisional_band: Option<usize>,
    /// Whether enough was seen: at most 40 % of the weight is unanswered or not applicable, and nothing in the checklist
    /// forbids a rating.
    pub rated: bool,
    /// The checklist's own reason against a rating holds: see [`Checklist::unrated`].
    pub barred: bool,
    /// Only some of the sections were asked for.
    pub partial: bool,
    /// Whether nothing is left to do but what is only a hint.
    pub complete: bool,
    /// The fails that hold the band below what the score gives.
    pub caps: Vec<Cap>,
    /// What holds of the checklist's flags, as indices into `flags`.
    pub flags: Vec<usize>,
    /// As in the checklist.
    pub sections: Vec<SectionState>,
    /// As in the checklist, section after section.
    pub items: Vec<ItemState>,
    /// Codes of the failed items.
    pub failed: Vec<String>,
    /// How many of `applicable` are answered (judged or not applicable).
    pub answered: u32,
    /// How many items are shown that can be good or bad, or have to be answered.
    pub applicable: u32,
}

impl Assessment {
    /// The state of an item by its code.
    pub fn item(&self, code: &str) -> Option<&ItemState> {
        self.items.iter().find(|item| item.code == code)
    }

    /// The state of a section by its code.
    pub fn section(&self, code: &str) -> Option<&SectionState> {
        self.sections.iter().find(|section| section.code == code)
    }
}

/// A fail that limits the band.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// The failed item.
    pub item: String,
    /// The best band that is left, as an index into `bands`.
    pub band: usize,
}

/// A section's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionState {
    /// Such as "SF3".
    pub code: String,
    /// Whether its condition holds and at least one of its items is shown.
    pub visible: bool,
    /// How many of `applicable` are answered.
    pub answered: u32,
    /// How many items are shown that can be good or bad, or have to be answered.
    pub applicable: u32,
    /// Item points earned.
    pub earned: Fraction,
    /// Item points of the items that were judged.
    pub possible: Fraction,
    /// Item points of all items that are shown, seen or not.
    pub shown: Fraction,
    /// Points of 100 within the section; nothing when nothing was judged.
    pub score: Option<Tenths>,
    /// Points of 100 of the whole form.
    pub weight: u32,
}

/// An item as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemState {
    /// Such as "SF3.4".
    pub code: String,
    /// Index into `sections`.
    pub section: usize,
    /// Whether it is asked at all.
    pub visible: bool,
    /// What it comes to.
    pub verdict: Verdict,
    /// The verdict is the number's, not a person's.
    pub auto: bool,
    /// The grade of the finding that a fail makes.
    pub severity: Option<Severity>,
    /// The limit that decided, when a number was judged: a broken one before a kept one, a breach before advice.
    pub threshold: Option<ThresholdVerdict>,
    /// Every limit of the item that is known, number or not.
    pub limits: Vec<Limit>,
    /// What its classes or snapshots came to, in the order of their paths.
    pub samples: Vec<Sample>,
    /// What is measured over all samples, such as the percent of pupils on task.
    pub measure: Option<Tenths>,
    /// Points of 100 as judged; nothing unless it passes or fails.
    pub points: Option<Fraction>,
    /// Item points it could have; 0 for an item that is not scored.
    pub weight: u32,
    /// The form is not complete without it.
    pub wanted: bool,
    /// Item points earned.
    pub earned: Fraction,
    /// Item points at stake: 0 unless it passes or fails.
    pub possible: Fraction,
    /// What is still wanted.
    pub missing: Vec<Missing>,
}

/// What an item comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nobody answered it, or it is hidden.
    Unanswered,
    /// Nothing to find fault with; how many points it is worth is another matter.
    Pass,
    /// A finding.
    Fail,
    /// Not applicable; it leaves numerator and denominator.
    Na,
    /// It has no points.
    Unscored,
}

/// One class that was asked, or one moment that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The last part of its path: the class's id, or the minute.
    pub id: String,
    /// The school band of the class; empty for a moment.
    pub band: String,
    /// The class as it is called; empty for a moment.
    pub name: String,
    /// How many answers there are.
    pub count: u32,
    /// The median of the answers, or the percent on task; nothing for yes/no.
    pub value: Option<Tenths>,
    /// The limit for the class, as it is shown.
    pub limit: Option<String>,
    /// Whether it is kept; nothing without a limit or an answer.
    pub ok: Option<bool>,
    /// Points of 100.
    pub points: Option<Fraction>,
}

/// How a number stood against its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdVerdict {
    /// As it is shown: "1.10".
    pub limit: String,
    /// Unit of the limit.
    pub unit: Text,
    /// Which side is good.
    pub op: Op,
    /// Whether it is kept.
    pub ok: bool,
    /// It only advises; it does not make the answer "no".
    pub advice: bool,
}

/// A limit to show beside an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Suffix of the input.
    pub input: String,
    /// As it is shown: "1.10".
    pub limit: String,
    /// Unit of the limit.
    pub unit: Text,
    /// Which side is good.
    pub op: Op,
    /// Whether it is kept; nothing as long as there is no number.
    pub ok: Option<bool>,
    /// It only advises.
    pub advice: bool,
    /// Where it comes from; empty when it belongs to the item itself.
    pub basis: Text,
}

/// What an item still wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Why it is not applicable.
    NaReason,
    /// What was seen.
    Note,
    /// Where.
    Place,
    /// Who was told.
    Told,
    /// The number that is the judgement; only a hint.
    Number,
    /// More of the same: another class, more pupils, another band's number, another snapshot.
    Rest,
}

/// Judges the answers of one response: "on", "scope", "fact/…", and the items' fields.
pub fn assess(checklist: &Checklist, answers: &Answers) -> Assessment {
    let form = Form::read(checklist, answers);
    let items: Vec<ItemState> = form
        .places()
        .map(|(section, item)| item::state(&form, section, item))
        .collect();
    score::assessment(&form, items)
}
