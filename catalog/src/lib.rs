//! What can be recorded: checklists, kinds, thresholds, roles, and how answers are judged. Pure: no I/O, no clock, and
//! nothing about how records travel.
//!
//! The definitions live in `definitions/*.toml`; `docs/catalog.md` explains their language.

mod assess;
mod calibrate;
mod checklist;
mod compare;
mod date;
mod decision;
mod definitions;
mod draw;
mod expression;
mod fraction;
mod kind;
mod lcs;
#[cfg(feature = "lint")]
mod lint;
pub mod paragraphs;
mod provisional;
mod settle;
mod severity;
mod similar;
mod template;
mod term;
mod text;
mod threshold;
pub mod validity;
mod value;
mod word_diff;

use std::sync::OnceLock;

pub use assess::{
    Assessment, Cap, ENGINE, ItemState, Judging, Limit, Missing, Sample, SectionState, ThresholdVerdict, Verdict,
    assess,
};
pub use calibrate::{Calibration, calibrate};
pub use checklist::{
    Against, Band, Check, Checklist, Choice, Evidence, Fact, FactKind, FarBeyond, Flag, Grade, Input, InputKind, Item,
    ItemKind, Rule, SCHOOL_BANDS, SampleOf, Sampling, Section, Snapping, Unrated, band_of_grade,
};
pub use compare::{Change, compare, has_place};
pub use date::Day;
pub use decision::{Decision, Heard};
pub use definitions::{DefinitionError, DefinitionErrors, MATTERS};
pub use draw::{Draw, draw};
pub use expression::{Expr, ExprError, Meanings};
pub use fraction::{Fraction, Tenths};
pub use kind::{
    Action, BadValue, FieldKind, Keep, Kind, KindField, MAX_TEXT, Policy, Refusal, Rights, Role, Transition, Workflow,
};
#[cfg(feature = "lint")]
pub use lint::{Mistake, lint};
pub use provisional::worse;
pub use settle::{Said, Standing, provisional_number};
pub use severity::Severity;
pub use similar::{Sighting, may_be_same, similarity};
pub use template::{Parts, built_in_parts, checklist, checklists, knows, learn, threshold_from_json};
pub use term::{Appointed, RENEW_WITHIN_DAYS, Term, is_unusually_long, next_year};
pub use text::{Lang, Text};
pub use threshold::{Level, Limits, Number, Op, Step, ThresholdRule};
pub use value::{Answers, Value};
pub use word_diff::{Piece, word_diff};

/// Everything that is defined. The built-in one is [`catalog`].
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Every version of every checklist.
    pub checklists: Vec<Checklist>,
    /// What a record can be.
    pub kinds: Vec<Kind>,
    /// The dated threshold table.
    pub thresholds: Vec<ThresholdRule>,
    /// Who there is.
    pub roles: Vec<Role>,
}

impl Catalog {
    /// Reads and checks a whole catalog, given as the JSON that `build.rs` makes of the definitions.
    ///
    /// # Errors
    /// Everything that is wrong, each with the checklist, item or kind it is in.
    pub fn from_json(json: &str) -> Result<Catalog, DefinitionErrors> {
        definitions::load(json)
    }

    /// Reads and checks one checklist, given as the JSON of its definition.
    ///
    /// # Errors
    /// Everything that is wrong, each with the item it is in.
    pub fn checklist_from_json(json: &str, thresholds: &[ThresholdRule]) -> Result<Checklist, DefinitionErrors> {
        definitions::load_checklist(json, thresholds)
    }

    /// One version of a checklist: a record keeps the version it was begun with.
    pub fn checklist(&self, code: &str, version: u32) -> Option<&Checklist> {
        self.checklists.iter().find(|c| c.code == code && c.version == version)
    }

    /// The newest version of a checklist, for a new response.
    pub fn latest(&self, code: &str) -> Option<&Checklist> {
        self.checklists
            .iter()
            .filter(|c| c.code == code)
            .max_by_key(|c| c.version)
    }

    /// The definition of a kind of record.
    pub fn kind(&self, code: &str) -> Option<&Kind> {
        self.kinds.iter().find(|k| k.code == code)
    }

    /// A role by its code.
    pub fn role(&self, code: &str) -> Option<&Role> {
        self.roles.iter().find(|r| r.code == code)
    }
}

/// What `build.rs` made of `definitions/*.toml`.
const EMBEDDED: &str = include_str!(concat!(env!("OUT_DIR"), "/definitions.json"));

/// The built-in catalog, parsed at the first call.
///
/// # Panics
/// Only when the crate was built with broken definitions, which its tests do not let pass.
pub fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| Catalog::from_json(EMBEDDED).unwrap_or_else(|e| panic!("built-in definitions: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_definitions_load_and_stay_small_enough_for_a_phone() {
        assert!(EMBEDDED.len() < 200_000, "{} bytes", EMBEDDED.len());
        assert_eq!(catalog().latest("campus-safety").map(|c| c.version), Some(1));
        assert!(catalog().checklist("campus-safety", 2).is_none());
    }
}
