//! A checklist as it is defined: sections, items, their inputs and rules. Judging answers is in `assess`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{
    expression::Expr,
    severity::Severity,
    text::Text,
    threshold::{Number, Op, ThresholdRule},
};

/// One version of a checklist. A published version never changes.
#[derive(Debug, Clone)]
pub struct Checklist {
    /// Such as "campus-safety".
    pub code: String,
    /// Counted from 1.
    pub version: u32,
    /// Its name.
    pub title: Text,
    /// Rating bands, the best first.
    pub bands: Vec<Band>,
    /// What one fail of a severity limits the band to, as an index into `bands`.
    pub caps: BTreeMap<Severity, usize>,
    /// What has to be known about the school.
    pub facts: Vec<Fact>,
    /// The best band that is left when one red line is crossed, when two are, and so on, as indices into `bands`; more
    /// crossed than named counts as the last. Empty when the checklist has no red lines.
    pub red_lines: Vec<usize>,
    /// The item whose answer is a grade (1 to 12): limits are then those of its school band, not of all bands of the school.
    pub grade_item: Option<String>,
    /// The form is not rated while this holds, whatever was seen.
    pub unrated: Option<Unrated>,
    /// What answers amount to beyond single items.
    pub flags: Vec<Flag>,
    /// In the order of the form.
    pub sections: Vec<Section>,
    /// Copied from the catalog's table, so that an assessment needs nothing but the checklist and the answers.
    pub(crate) thresholds: Vec<ThresholdRule>,
    /// The district whose own limits it was given.
    pub(crate) district: Option<String>,
    /// Section and item index by item code.
    pub(crate) places: BTreeMap<String, (usize, usize)>,
    /// All items, each after those its `show_if` asks about.
    pub(crate) evaluation_order: Vec<(usize, usize)>,
    /// For each item, the items whose judgement reads it.
    pub(crate) readers: BTreeMap<(usize, usize), Vec<(usize, usize)>>,
}

impl Checklist {
    /// An item by its code.
    pub fn item(&self, code: &str) -> Option<&Item> {
        let (section, item) = *self.places.get(code)?;
        self.sections.get(section)?.items.get(item)
    }

    /// The section an item is in.
    pub fn section_of(&self, code: &str) -> Option<&Section> {
        self.sections.get(self.places.get(code)?.0)
    }

    /// Section and item index of every item, in the order of the form.
    pub(crate) fn all_places(&self) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        let sections = self.sections.iter().enumerate();
        sections.flat_map(|(s, section)| (0..section.items.len()).map(move |i| (s, i)))
    }

    /// These items and all whose judgement follows from theirs.
    pub(crate) fn depending_on(&self, places: BTreeSet<(usize, usize)>) -> BTreeSet<(usize, usize)> {
        let mut waiting: Vec<(usize, usize)> = places.iter().copied().collect();
        let mut found = places;
        while let Some(place) = waiting.pop() {
            for reader in self.readers.get(&place).into_iter().flatten() {
                if found.insert(*reader) {
                    waiting.push(*reader);
                }
            }
        }
        found
    }

    /// A section by its code.
    pub fn section(&self, code: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.code == code)
    }

    /// A fact by its name.
    pub fn fact(&self, name: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.name == name)
    }
}

/// A rating.
#[derive(Debug, Clone)]
pub struct Band {
    /// Such as "A".
    pub code: String,
    /// Such as 优 / Good.
    pub label: Text,
    /// The lowest score of the band, in tenths: 900 is 90.0.
    pub from_tenths: i64,
}

/// Why a form is not rated (`domain.md` F24: a lesson of which less than 20 minutes were seen).
#[derive(Debug, Clone)]
pub struct Unrated {
    /// When.
    pub when: Expr,
    /// Why, in a sentence.
    pub reason: Text,
}

/// A rule over the whole form that drafts a finding or suggests a next step; people may dismiss either with a reason.
#[derive(Debug, Clone)]
pub struct Flag {
    /// Such as "LO-FLAG1"; never the code of an item.
    pub code: String,
    /// When.
    pub when: Expr,
    /// What it says.
    pub title: Text,
    /// What to do about it, or empty.
    pub advice: Text,
    /// The grade of the finding it drafts; nothing when it only suggests or marks.
    pub severity: Option<Severity>,
    /// One of the eight regular matters.
    pub matter: String,
    /// What the finding cites.
    pub basis: Text,
    /// It suggests a consultation with experts (`domain.md` A21).
    pub consult: bool,
}

/// Something about the school that decides what is asked and which limit holds.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Such as "has_lab"; the answer is at "fact/has_lab".
    pub name: String,
    /// What is asked.
    pub label: Text,
    /// What can be answered.
    pub kind: FactKind,
}

/// What a fact can be.
#[derive(Debug, Clone)]
pub enum FactKind {
    /// A bool.
    YesNo,
    /// A whole number, not negative.
    Number,
    /// One code.
    One {
        /// The codes.
        options: Vec<Choice>,
    },
    /// A list of school bands: `K`, `P12`, `P36`, `J`, `S`.
    Bands,
}

/// One of several possible answers. In a definition it is written `["code", "中文", "English"]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "(String, String, String)")]
pub struct Choice {
    /// What is stored.
    pub code: String,
    /// What is shown.
    pub label: Text,
}

impl From<(String, String, String)> for Choice {
    fn from((code, zh, en): (String, String, String)) -> Choice {
        Choice {
            code,
            label: Text::new(zh, en),
        }
    }
}

/// A part of the form with its share of the score.
#[derive(Debug, Clone)]
pub struct Section {
    /// Such as "SF3".
    pub code: String,
    /// Its full name.
    pub title: Text,
    /// A few characters for the chip.
    pub short: Text,
    /// Points of 100; 0 for a section that is not scored.
    pub weight: u32,
    /// The section is shown only when this holds.
    pub show_if: Option<Expr>,
    /// Why a section that depends on the school is here.
    pub why_shown: Option<Text>,
    /// In the order of the form.
    pub items: Vec<Item>,
}

/// One thing to look at.
#[derive(Debug, Clone)]
pub struct Item {
    /// Such as "SF3.4"; it never changes its meaning between versions.
    pub code: String,
    /// The statement that should be true.
    pub title: Text,
    /// How to look, or empty.
    pub help: Text,
    /// How it is answered.
    pub kind: ItemKind,
    /// Points within the section; 0 when it is not scored.
    pub weight: u32,
    /// The grade of the finding that a "no" makes.
    pub severity: Option<Severity>,
    /// One of the eight regular matters (`domain.md` F06).
    pub matter: String,
    /// What a finding cites.
    pub basis: Text,
    /// The item is shown only when this holds.
    pub show_if: Option<Expr>,
    /// Why an item that depends on the school is here.
    pub why_shown: Option<Text>,
    /// What can be measured beside the answer.
    pub inputs: Vec<Input>,
    /// How the measured numbers are judged.
    pub rule: Option<Rule>,
    /// The fact that answers the item as long as nobody answers it here.
    pub default_fact: Option<String>,
    /// Of a yes/no item: "yes" is the bad answer, such as "it happened".
    pub inverse: bool,
    /// It has to be answered although it has no points.
    pub required: bool,
    /// A fail crosses a red line: see [`Checklist::red_lines`].
    pub red_line: bool,
    /// The best band that a fail of this very item leaves, as an index into the checklist's `bands`.
    pub cap: Option<usize>,
    /// What a fail wants to be written down.
    pub evidence: Evidence,
    /// A note is wanted when this holds.
    pub note_if: Option<Expr>,
    /// A breach far beyond the limit makes a graver finding.
    pub far_beyond: Option<FarBeyond>,
    /// Points by size of the first input instead of by limits; the first entry that fits counts, none is 0 points.
    pub grades: Vec<Grade>,
}

impl Item {
    /// Whether it counts for the score.
    pub fn is_scored(&self) -> bool {
        self.weight > 0
    }

    /// Whether it can be good or bad: it has points or makes a finding.
    pub fn is_judged(&self) -> bool {
        self.weight > 0 || self.severity.is_some()
    }

    /// Whether the form is not complete without it.
    pub fn is_wanted(&self) -> bool {
        let steers = matches!(self.kind, ItemKind::One { .. }) && self.default_fact.is_none();
        self.is_judged() || self.required || steers
    }

    /// An input by its suffix.
    pub fn input(&self, suffix: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.suffix == suffix)
    }
}

/// What a fail wants to be written down. Pictures join with the evidence store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing.
    Nothing,
    /// What was seen.
    Note,
    /// What was seen, where, and who was told.
    Proof,
}

/// A breach so far beyond its limit that the finding is graver.
#[derive(Debug, Clone)]
pub struct FarBeyond {
    /// Percent of the limit: 150 is half as much again. Of an "at least" limit, the shortfall counts the same way.
    pub percent: u32,
    /// The grade then.
    pub severity: Severity,
}

/// Points for a number of at most this size.
#[derive(Debug, Clone)]
pub struct Grade {
    /// The largest number that gets them.
    pub at_most: Number,
    /// Of 100.
    pub points: u32,
}

/// How an item is answered.
#[derive(Debug, Clone)]
pub enum ItemKind {
    /// "yes", "no" or "na"; "yes" is the good answer unless the item is inverse.
    YesNo,
    /// "4" to "1" or "na": a level of quality, worth 100, 80, 60 and 40 points.
    Scale {
        /// What each level looks like, "4" first.
        levels: Vec<Choice>,
    },
    /// Its inputs are the answer, judged by their limits; the item itself holds at most "na".
    Measured,
    /// One answer of each of several classes, at `ITEM/sample/<class>`.
    Samples(Sampling),
    /// What was seen at set minutes of a lesson, at `ITEM/snap/<minute>`.
    Snap(Snapping),
    /// One code.
    One {
        /// The codes.
        options: Vec<Choice>,
    },
    /// A list of codes.
    Many {
        /// The codes.
        options: Vec<Choice>,
        /// The choices are the codes of the failed items instead.
        from_failed: bool,
    },
    /// Free text.
    Text,
    /// Notes with the minute of the lesson, at `ITEM/timed/<id>`.
    Notes,
    /// Pictures.
    Photo,
    /// A handwritten acknowledgement.
    Sign,
    /// Nothing: something to read.
    Info,
}

/// What is asked of classes. An answer is the list `[school band, class, answer, answer, …]` with an answer a pupil, or one
/// that is already the class's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// What a pupil or class answers.
    pub of: SampleOf,
    /// The unit of the answers, or empty.
    #[serde(default)]
    pub unit: Text,
    /// The threshold that the median of a class is held against; none for yes/no.
    pub threshold: Option<String>,
    /// The fewest classes of each school band that is there.
    pub classes: u32,
    /// How many classes are advised.
    pub advised: u32,
    /// The fewest pupils asked in a class.
    pub pupils: u32,
}

/// What a class answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleOf {
    /// Whole minutes of each pupil asked.
    Minutes,
    /// Decimal numbers of each pupil asked.
    Decimal,
    /// "yes" or "no" for the class.
    YesNo,
}

/// When a lesson is sampled. An answer is the list `["yes" | "no", present, off task, minute]`, where the minute is that at
/// which it was really taken, or `["missed", reason]`. One taken outside its window does not count: nothing is filled in
/// afterwards.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapping {
    /// Minutes from the start of the lesson.
    pub at: Vec<u32>,
    /// How many minutes earlier one may be taken.
    pub before: u32,
    /// How many minutes later.
    pub after: u32,
    /// With fewer taken, the item is not applicable.
    pub fewest: u32,
}

/// A number, time or date beside the answer, at "ITEM/suffix".
#[derive(Debug, Clone)]
pub struct Input {
    /// "n", "n2" or "date"; with its school band behind it where each band has its own: "n/P12".
    pub suffix: String,
    /// What is asked.
    pub label: Text,
    /// What can be answered.
    pub kind: InputKind,
    /// Such as 米 / m, or empty.
    pub unit: Text,
    /// The school band it is asked for; asked only where the school has that band.
    pub band: Option<&'static str>,
}

/// What an input takes. None of the numbers can be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A whole number.
    Int,
    /// A decimal number, sent as text.
    Decimal,
    /// A decimal number up to 100.
    Percent,
    /// Whole minutes.
    Minutes,
    /// A time of day, "HH:MM".
    Time,
    /// "YYYY-MM-DD"
    Date,
}

/// How the inputs of an item are judged.
#[derive(Debug, Clone)]
pub struct Rule {
    /// All of them must hold.
    pub checks: Vec<Check>,
    /// The number is the judgement: a "yes" without it is worth a hint.
    pub number_judges: bool,
}

/// School bands from kindergarten up: `K`, grades 1–2, 3–6, 7–9 and 10–12.
pub const SCHOOL_BANDS: [&str; 5] = ["K", "P12", "P36", "J", "S"];

/// The school band of a grade; nothing when there is no such grade.
pub fn band_of_grade(grade: i64) -> Option<&'static str> {
    match grade {
        1..=2 => Some("P12"),
        3..=6 => Some("P36"),
        7..=9 => Some("J"),
        10..=12 => Some("S"),
        _ => None,
    }
}

/// One input against one limit. A date counts as the days from it to the day of the visit.
#[derive(Debug, Clone)]
pub struct Check {
    /// Suffix of the input.
    pub input: String,
    /// What it is held against.
    pub against: Against,
}

/// What an input is held against.
#[derive(Debug, Clone)]
pub enum Against {
    /// The rule of this code that is in force on the day of the visit.
    Threshold {
        /// Such as "GUARDS".
        code: String,
    },
    /// A limit that belongs to the item.
    Fixed {
        /// Which side is good.
        op: Op,
        /// The limit.
        limit: Number,
    },
    /// Another input of the item.
    Input {
        /// Which side is good.
        op: Op,
        /// Suffix of the other input.
        other: String,
        /// A date here, on or after the visit, excuses a shortfall: there is a dated plan.
        unless_planned: Option<String>,
    },
}
