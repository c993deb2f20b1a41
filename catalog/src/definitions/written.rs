//! Definitions as they are written: the shape of `definitions/*.toml`, not yet checked. Unknown keys are refused, so that a
//! misspelt one is not silently without effect.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    checklist::{Choice, Evidence, InputKind, Sampling, Snapping},
    kind::{Kind, Role},
    severity::Severity,
    text::Text,
    threshold::{Level, Op},
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCatalog {
    pub checklists: Vec<WrittenChecklist>,
    pub kinds: Vec<Kind>,
    pub thresholds: Vec<WrittenThreshold>,
    pub roles: Vec<Role>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenChecklist {
    pub code: String,
    pub version: u32,
    pub title: Text,
    pub bands: Vec<WrittenBand>,
    pub caps: BTreeMap<Severity, String>,
    #[serde(default)]
    pub red_lines: Vec<String>,
    pub grade_item: Option<String>,
    pub unrated: Option<WrittenUnrated>,
    pub facts: Vec<WrittenFact>,
    #[serde(default)]
    pub flags: Vec<WrittenFlag>,
    pub sections: Vec<WrittenSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenUnrated {
    pub when: String,
    pub reason: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenFlag {
    pub code: String,
    pub when: String,
    pub title: Text,
    #[serde(default)]
    pub advice: Text,
    pub severity: Option<Severity>,
    #[serde(default)]
    pub matter: String,
    pub basis: Option<Text>,
    #[serde(default)]
    pub consult: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenBand {
    pub code: String,
    pub label: Text,
    pub from: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenFact {
    pub name: String,
    pub label: Text,
    pub kind: WrittenFactKind,
    #[serde(default)]
    pub options: Vec<Choice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrittenFactKind {
    YesNo,
    Number,
    One,
    Bands,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenSection {
    pub code: String,
    pub title: Text,
    pub short: Text,
    pub weight: u32,
    #[serde(default)]
    pub matter: String,
    pub show_if: Option<String>,
    pub why_shown: Option<Text>,
    pub items: Vec<WrittenItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenItem {
    pub code: String,
    pub title: Text,
    #[serde(default)]
    pub help: Text,
    #[serde(default)]
    pub kind: WrittenItemKind,
    #[serde(default)]
    pub options: Vec<Choice>,
    #[serde(default)]
    pub from_failed: bool,
    #[serde(default)]
    pub weight: u32,
    pub severity: Option<Severity>,
    pub matter: Option<String>,
    pub basis: Option<Text>,
    pub show_if: Option<String>,
    pub why_shown: Option<Text>,
    #[serde(default)]
    pub inputs: Vec<WrittenInput>,
    #[serde(default)]
    pub checks: Vec<WrittenCheck>,
    #[serde(default)]
    pub number_judges: bool,
    pub default_fact: Option<String>,
    #[serde(default)]
    pub levels: Vec<Text>,
    pub sampling: Option<Sampling>,
    pub snapping: Option<Snapping>,
    #[serde(default)]
    pub grades: Vec<WrittenGrade>,
    #[serde(default)]
    pub inverse: bool,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub red_line: bool,
    pub cap: Option<String>,
    pub evidence: Option<Evidence>,
    pub note_if: Option<String>,
    pub far_beyond: Option<WrittenFarBeyond>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenInput {
    pub suffix: String,
    pub label: Text,
    pub kind: InputKind,
    #[serde(default)]
    pub unit: Text,
    #[serde(default)]
    pub by_band: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenGrade {
    pub at_most: String,
    pub points: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenFarBeyond {
    pub percent: u32,
    pub severity: Severity,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum WrittenItemKind {
    #[default]
    YesNo,
    Scale,
    Measured,
    Samples,
    Snap,
    One,
    Many,
    Text,
    Notes,
    Photo,
    Sign,
    Info,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCheck {
    pub input: String,
    pub threshold: Option<String>,
    pub at_least: Option<String>,
    pub at_most: Option<String>,
    pub at_least_input: Option<String>,
    pub at_most_input: Option<String>,
    pub unless_planned: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenThreshold {
    pub code: String,
    pub title: Text,
    pub op: Op,
    pub unit: Text,
    pub level: Level,
    pub district: Option<String>,
    pub effective_from: String,
    pub effective_to: Option<String>,
    pub basis: Text,
    pub limit: Option<String>,
    pub limit_by_band: Option<BTreeMap<String, String>>,
    pub steps: Option<Vec<WrittenStep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenStep {
    pub fact: String,
    pub from: i64,
    pub limit: i64,
    #[serde(default)]
    pub every: i64,
    #[serde(default)]
    pub more: i64,
}
