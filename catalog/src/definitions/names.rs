//! What definitions refer to: every name in an expression, every threshold, every grade item has to exist and make sense.

use crate::{
    checklist::{Against, Checklist, FactKind, Item, ItemKind, SCHOOL_BANDS, SampleOf},
    expression::{Expr, Place, Type, Types},
    threshold::ThresholdRule,
};

use super::{Checked, all, wrong};

struct Names<'a> {
    checklist: &'a Checklist,
    thresholds: &'a [ThresholdRule],
}

impl Types for Names<'_> {
    fn name(&self, name: &str) -> Option<Type> {
        if let Some(fact) = self.checklist.fact(name) {
            return Some(match &fact.kind {
                FactKind::YesNo => Type::Bool,
                FactKind::Number => Type::Number,
                FactKind::One { options } => Type::Code(options.iter().map(|option| option.code.clone()).collect()),
                FactKind::Bands => Type::Codes(SCHOOL_BANDS.map(str::to_owned).to_vec()),
            });
        }
        let codes = |codes: &[&str]| Type::Code(codes.iter().map(|code| (*code).to_owned()).collect());
        Some(match &self.checklist.item(name)?.kind {
            ItemKind::YesNo => codes(&["yes", "no", "na"]),
            ItemKind::Scale { .. } => codes(&["4", "3", "2", "1", "na"]),
            ItemKind::Measured | ItemKind::Samples(_) | ItemKind::Snap(_) => codes(&["na"]),
            ItemKind::One { options } => Type::Code(options.iter().map(|option| option.code.clone()).collect()),
            ItemKind::Many { options, .. } => Type::Codes(options.iter().map(|option| option.code.clone()).collect()),
            ItemKind::Text | ItemKind::Notes | ItemKind::Photo | ItemKind::Sign | ItemKind::Info => Type::Text,
        })
    }

    fn has_input(&self, item: &str, suffix: &str) -> bool {
        self.checklist
            .item(item)
            .is_some_and(|item| item.input(suffix).is_some())
    }

    fn has_median(&self, item: &str) -> bool {
        let kind = self.checklist.item(item).map(|item| &item.kind);
        matches!(kind, Some(ItemKind::Samples(sampling)) if sampling.of != SampleOf::YesNo)
    }

    fn has_moments(&self, item: &str) -> bool {
        matches!(
            self.checklist.item(item).map(|item| &item.kind),
            Some(ItemKind::Snap(_))
        )
    }

    fn has_limit(&self, code: &str) -> bool {
        self.thresholds.iter().any(|rule| rule.code == code)
    }

    fn has_section(&self, code: &str) -> bool {
        self.checklist.section(code).is_some()
    }
}

/// Every expression of a checklist: where it stands, its key, itself, and what it may ask for.
fn expressions(checklist: &Checklist) -> Vec<(&str, &'static str, &Expr, Place)> {
    let mut found = Vec::new();
    for section in &checklist.sections {
        found.extend(
            section
                .show_if
                .iter()
                .map(|e| (section.code.as_str(), "show_if", e, Place::Condition)),
        );
        for item in &section.items {
            found.extend(
                item.show_if
                    .iter()
                    .map(|e| (item.code.as_str(), "show_if", e, Place::Condition)),
            );
            found.extend(
                item.note_if
                    .iter()
                    .map(|e| (item.code.as_str(), "note_if", e, Place::Condition)),
            );
        }
    }
    found.extend(
        checklist
            .unrated
            .iter()
            .map(|bar| ("", "unrated", &bar.when, Place::Result)),
    );
    found.extend(
        checklist
            .flags
            .iter()
            .map(|flag| (flag.code.as_str(), "when", &flag.when, Place::Result)),
    );
    found
}

pub fn check_references(checklist: &Checklist, thresholds: &[ThresholdRule]) -> Checked<()> {
    let names = Names { checklist, thresholds };
    let of_expressions = expressions(checklist).into_iter().map(|(code, key, expr, place)| {
        let at = format!("{} {code}", checklist.code);
        expr.check(&names, place)
            .or_else(|what| wrong(at.trim_end(), format!("{key} {what}")))
    });
    all(of_expressions)?;
    let items = checklist
        .sections
        .iter()
        .flat_map(|section| section.items.iter().map(move |item| (section, item)));
    let of_items = items.map(|(section, item)| {
        let place = format!("{} {}", checklist.code, item.code);
        let conditions: Vec<&Expr> = section.show_if.iter().chain(&item.show_if).collect();
        if !Expr::can_all_hold(&conditions, &names) {
            return wrong(&place, "show_if can never hold, so nobody would ever see the item");
        }
        check_item(&place, checklist, thresholds, item)
    });
    all(of_items)?;
    match &checklist.grade_item {
        Some(code) => check_grade_item(checklist, code),
        None => Ok(()),
    }
}

fn check_item(place: &str, checklist: &Checklist, thresholds: &[ThresholdRule], item: &Item) -> Checked<()> {
    let is_choice = matches!(item.kind, ItemKind::One { .. });
    let is_fact = |fact: &String| is_choice && checklist.fact(fact).is_some();
    if item.default_fact.as_ref().is_some_and(|fact| !is_fact(fact)) {
        return wrong(
            place,
            "default_fact must be a fact of the checklist, on an item with options",
        );
    }
    match threshold_codes(item).find(|code| !thresholds.iter().any(|rule| rule.code == **code)) {
        Some(code) => wrong(
            place,
            format!("threshold {code:?} is not in the threshold table: add it there or correct the code"),
        ),
        None => Ok(()),
    }
}

fn check_grade_item(checklist: &Checklist, code: &str) -> Checked<()> {
    let is_grade = |option: &str| option.parse::<i64>().is_ok_and(|grade| (1..=12).contains(&grade));
    match checklist.item(code).map(|item| &item.kind) {
        Some(ItemKind::One { options }) if options.iter().all(|option| is_grade(&option.code)) => Ok(()),
        _ => wrong(
            &checklist.code,
            format!("grade_item {code:?} must be an item of kind one with options \"1\" to \"12\""),
        ),
    }
}

fn threshold_codes(item: &Item) -> impl Iterator<Item = &String> {
    let of_checks = item.rule.iter().flat_map(|rule| &rule.checks);
    let of_checks = of_checks.filter_map(|check| match &check.against {
        Against::Threshold { code } => Some(code),
        Against::Fixed { .. } | Against::Input { .. } => None,
    });
    let of_samples = match &item.kind {
        ItemKind::Samples(sampling) => sampling.threshold.as_ref(),
        _ => None,
    };
    of_checks.chain(of_samples)
}

/// Whether anything in the checklist is held against the threshold.
pub fn uses(checklist: &Checklist, threshold: &str) -> bool {
    let items = checklist.sections.iter().flat_map(|section| &section.items);
    let in_expressions = || {
        expressions(checklist)
            .iter()
            .any(|(_, _, expr, _)| expr.limits().contains(&threshold))
    };
    items.flat_map(threshold_codes).any(|code| code == threshold) || in_expressions()
}
