//! A checklist as it is defined: sections, items, their inputs and rules. Judging answers is in `assess`.

use std::collections::BTreeMap;

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
    /// In the order of the form.
    pub sections: Vec<Section>,
    /// Copied from the catalog's table, so that an assessment needs nothing but the checklist and the answers.
    pub(crate) thresholds: Vec<ThresholdRule>,
    /// Section and item index by item code.
    pub(crate) places: BTreeMap<String, (usize, usize)>,
    /// All items, each after those its `show_if` asks about.
    pub(crate) evaluation_order: Vec<(usize, usize)>,
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
}

impl Item {
    /// Whether it counts for the score.
    pub fn is_scored(&self) -> bool {
        self.weight > 0
    }

    /// An input by its suffix.
    pub fn input(&self, suffix: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.suffix == suffix)
    }
}

/// How an item is answered.
#[derive(Debug, Clone)]
pub enum ItemKind {
    /// "yes", "no" or "na"; "yes" is the good answer.
    YesNo,
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
    /// Pictures.
    Photo,
    /// A handwritten acknowledgement.
    Sign,
    /// Nothing: something to read.
    Info,
}

/// A number or date beside the answer, at "ITEM/suffix".
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// "n", "n2" or "date".
    pub suffix: String,
    /// What is asked.
    pub label: Text,
    /// What can be answered.
    pub kind: InputKind,
    /// Such as 米 / m, or empty.
    #[serde(default)]
    pub unit: Text,
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
