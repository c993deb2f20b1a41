//! From the written definitions to checked ones: everything that could be wrong in a definition is found here, once, with
//! the name of the item, so that judging answers has nothing left to refuse.

mod item;
mod names;
pub(crate) mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    Catalog,
    checklist::{Band, Checklist, Choice, Fact, FactKind, Flag, Item, SCHOOL_BANDS, Section, Unrated},
    date::Day,
    expression::Expr,
    kind::{FieldKind, Kind, Role, Workflow},
    severity::Severity,
    text::Text,
    threshold::{Limits, Number, Step, ThresholdRule},
};
use item::item_of;
use names::check_references;
use written::{
    WrittenBand, WrittenCatalog, WrittenChecklist, WrittenFact, WrittenFactKind, WrittenFlag, WrittenSection,
    WrittenStep, WrittenThreshold,
};

/// What is wrong in a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionError {
    /// Such as "campus-safety SF3.6".
    pub place: String,
    /// What is wrong with it and what to do.
    pub what: String,
}

/// Everything that is wrong, in the order of the definitions; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionErrors(pub Vec<DefinitionError>);

impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, error) in self.0.iter().enumerate() {
            let gap = if nth == 0 { "" } else { "\n" };
            write!(f, "{gap}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionErrors {}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for DefinitionError {}

type Checked<T> = Result<T, Vec<DefinitionError>>;

fn wrong<T>(place: &str, what: impl Into<String>) -> Checked<T> {
    Err(vec![DefinitionError {
        place: place.to_owned(),
        what: what.into(),
    }])
}

/// All of them, or what is wrong with each that is wrong.
fn all<T>(parts: impl IntoIterator<Item = Checked<T>>) -> Checked<Vec<T>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Ok(part) => good.push(part),
            Err(errors) => bad.extend(errors),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

pub fn load(json: &str) -> Result<Catalog, DefinitionErrors> {
    let written: WrittenCatalog = serde_json::from_str(json).map_err(|e| {
        DefinitionErrors(vec![DefinitionError {
            place: "definitions".into(),
            what: e.to_string(),
        }])
    })?;
    catalog_of(written).map_err(DefinitionErrors)
}

/// One checklist alone, with the thresholds that it may name.
pub fn load_checklist(json: &str, thresholds: &[ThresholdRule]) -> Result<Checklist, DefinitionErrors> {
    let written: WrittenChecklist = serde_json::from_str(json).map_err(|e| {
        DefinitionErrors(vec![DefinitionError {
            place: "definition".into(),
            what: e.to_string(),
        }])
    })?;
    checklist_of(written, thresholds).map_err(DefinitionErrors)
}

/// One dated limit alone.
pub fn load_threshold(json: &str) -> Result<ThresholdRule, DefinitionErrors> {
    let written: WrittenThreshold = serde_json::from_str(json).map_err(|e| {
        DefinitionErrors(vec![DefinitionError {
            place: "threshold".into(),
            what: e.to_string(),
        }])
    })?;
    threshold(written).map_err(DefinitionErrors)
}

pub(crate) fn catalog_of(written: WrittenCatalog) -> Checked<Catalog> {
    let thresholds = all(written.thresholds.into_iter().map(threshold))?;
    let of_checklist = |checklist| checklist_of(checklist, &thresholds);
    let checklists = all(written.checklists.into_iter().map(of_checklist))?;
    check_unique(
        "checklist",
        checklists.iter().map(|c| format!("{} {}", c.code, c.version)),
    )?;
    let kinds: Vec<Kind> = written.kinds.into_iter().map(with_states).collect();
    check_unique("kind", kinds.iter().map(|kind| kind.code.clone()))?;
    check_kinds(&kinds, &written.roles)?;
    Ok(Catalog {
        checklists,
        kinds,
        thresholds,
        roles: written.roles,
    })
}

/// The eight regular matters (`domain.md` F06).
pub const MATTERS: [&str; 8] = [
    "school_affairs",
    "enrolment_fees",
    "curriculum_teaching",
    "learning_workload",
    "teacher_ethics",
    "safety_traffic",
    "food_dorm_hygiene",
    "ethos",
];

/// Keeps every sum of weights small enough to be exact.
const MAX_WEIGHT: u32 = 1000;

fn check_unique(what: &str, codes: impl Iterator<Item = String>) -> Checked<()> {
    let mut seen = BTreeSet::new();
    for code in codes {
        if seen.contains(&code) {
            return wrong(
                what,
                format!("{code:?} is defined twice: give one of them another code"),
            );
        }
        seen.insert(code);
    }
    Ok(())
}

/// A code becomes part of a field path and a name in conditions.
fn check_code(place: &str, code: &str) -> Checked<()> {
    let starts_well = code.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts_well
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    {
        return Ok(());
    }
    wrong(
        place,
        format!("code {code:?} cannot be a code: begin with a letter and use letters, digits, '.', '_', '-'"),
    )
}

fn both_languages(place: &str, what: &str, text: &Text) -> Checked<()> {
    if text.zh.trim().is_empty() || text.en.trim().is_empty() {
        return wrong(
            place,
            format!("{what} is missing in a language: write [\"中文\", \"English\"]"),
        );
    }
    Ok(())
}

fn in_both_or_neither(place: &str, what: &str, text: &Text) -> Checked<()> {
    if text.is_empty() {
        Ok(())
    } else {
        both_languages(place, what, text)
    }
}

fn day(place: &str, text: &str) -> Checked<Day> {
    Day::parse(text).map_or_else(
        || wrong(place, format!("{text:?} is not a date: write it as 2026-09-01")),
        Ok,
    )
}

fn number(place: &str, text: &str) -> Checked<Number> {
    Number::parse(text).map_or_else(
        || {
            wrong(
                place,
                format!("{text:?} is not a number: write digits, with a point for decimals"),
            )
        },
        Ok,
    )
}

fn threshold(written: WrittenThreshold) -> Checked<ThresholdRule> {
    let place = format!("threshold {}", written.code);
    both_languages(&place, "title", &written.title)?;
    both_languages(&place, "unit", &written.unit)?;
    both_languages(&place, "basis", &written.basis)?;
    let limits = match (written.limit, written.limit_by_band, written.steps) {
        (Some(limit), None, None) => Limits::All(limit_number(&place, &limit)?),
        (None, Some(limits), None) => Limits::ByBand(limits_by_band(&place, limits)?),
        (None, None, Some(steps)) => Limits::Steps(all(steps.into_iter().map(|s| step(&place, s)))?),
        _ => return wrong(&place, "needs exactly one of limit, limit_by_band, steps"),
    };
    let from = day(&place, &written.effective_from)?;
    let to = written.effective_to.map(|text| day(&place, &text)).transpose()?;
    if to.is_some_and(|to| to < from) {
        return wrong(
            &place,
            "effective_to is before effective_from: swap them, or leave effective_to out",
        );
    }
    Ok(ThresholdRule {
        op: written.op,
        level: written.level,
        district: written.district,
        effective_from: from,
        effective_to: to,
        code: written.code,
        title: written.title,
        unit: written.unit,
        basis: written.basis,
        limits,
    })
}

fn limits_by_band(place: &str, written: BTreeMap<String, String>) -> Checked<BTreeMap<String, Number>> {
    let read = |(band, limit): (String, String)| {
        if !SCHOOL_BANDS.contains(&band.as_str()) {
            return wrong(
                place,
                format!("limit_by_band: {band:?} is not a school band; use K, P12, P36, J or S"),
            );
        }
        Ok((band, limit_number(place, &limit)?))
    };
    Ok(all(written.into_iter().map(read))?.into_iter().collect())
}

/// A number, or a time of day.
fn limit_number(place: &str, text: &str) -> Checked<Number> {
    Number::parse_time(text).map_or_else(|| number(place, text), Ok)
}

fn step(place: &str, written: WrittenStep) -> Checked<Step> {
    let WrittenStep {
        fact,
        from,
        limit,
        every,
        more,
    } = written;
    if from < 0 || limit < 0 || every < 0 || more < 0 {
        return wrong(place, "a step cannot be negative");
    }
    Ok(Step {
        fact,
        from,
        limit,
        every,
        more,
    })
}

fn checklist_of(written: WrittenChecklist, thresholds: &[ThresholdRule]) -> Checked<Checklist> {
    let place = written.code.clone();
    check_code(&place, &written.code)?;
    both_languages(&place, "title", &written.title)?;
    let bands = all(written.bands.into_iter().map(|band| band_of(&place, band)))?;
    if !bands.is_sorted_by(|better, worse| better.from_tenths > worse.from_tenths)
        || bands.last().is_none_or(|worst| worst.from_tenths != 0)
    {
        return wrong(&place, "bands must fall from the best to one that begins at 0");
    }
    let caps = all(written.caps.into_iter().map(|cap| cap_of(&place, cap, &bands)))?;
    let red_lines = all(written
        .red_lines
        .iter()
        .map(|code| band_index(&place, "red_lines", code, &bands)))?;
    let facts = all(written.facts.into_iter().map(|fact| fact_of(&place, fact)))?;
    let of_section = |section| section_of(&place, &written.title, &bands, section);
    let sections = all(written.sections.into_iter().map(of_section))?;
    let of_flag = |flag| flag_of(&place, &written.title, flag);
    let flags = all(written.flags.into_iter().map(of_flag))?;
    let unrated = match written.unrated {
        Some(bar) => {
            both_languages(&place, "unrated: reason", &bar.reason)?;
            Some(Unrated {
                when: condition(&place, "unrated: when", &bar.when)?,
                reason: bar.reason,
            })
        }
        None => None,
    };
    let items = || sections.iter().flat_map(|section| &section.items);
    check_unique(&place, facts.iter().map(|fact| fact.name.clone()))?;
    check_unique(&place, sections.iter().map(|section| section.code.clone()))?;
    check_unique(
        &place,
        items()
            .map(|item| item.code.clone())
            .chain(flags.iter().map(|flag| flag.code.clone())),
    )?;
    if red_lines.is_empty() && items().any(|item| item.red_line) {
        return wrong(
            &place,
            "red_lines is missing although an item is a red line: name the best bands that are left",
        );
    }
    let weights: u32 = sections.iter().map(|section| section.weight).sum();
    if weights != 100 && weights != 0 {
        return wrong(
            &place,
            format!("the sections' weights add up to {weights}; make them 100"),
        );
    }
    let mut checklist = Checklist {
        code: written.code,
        version: written.version,
        title: written.title,
        bands,
        caps: caps.into_iter().collect(),
        facts,
        red_lines,
        grade_item: written.grade_item,
        unrated,
        flags,
        places: places(&sections),
        sections,
        thresholds: Vec::new(),
        district: None,
        evaluation_order: Vec::new(),
        readers: BTreeMap::new(),
    };
    check_references(&checklist, thresholds)?;
    checklist.evaluation_order = evaluation_order(&checklist)?;
    checklist.readers = readers(&checklist);
    checklist.thresholds = thresholds
        .iter()
        .filter(|rule| names::uses(&checklist, &rule.code))
        .cloned()
        .collect();
    Ok(checklist)
}

fn flag_of(checklist: &str, title: &Text, written: WrittenFlag) -> Checked<Flag> {
    let place = format!("{checklist} {}", written.code);
    check_code(&place, &written.code)?;
    both_languages(&place, "title", &written.title)?;
    in_both_or_neither(&place, "advice", &written.advice)?;
    let basis = written.basis.unwrap_or_else(|| neutral_basis(title, &written.code));
    both_languages(&place, "basis", &basis)?;
    if written.severity.is_some() {
        check_matter(&place, &written.matter)?;
    }
    Ok(Flag {
        when: condition(&place, "when", &written.when)?,
        code: written.code,
        title: written.title,
        advice: written.advice,
        severity: written.severity,
        matter: written.matter,
        basis,
        consult: written.consult,
    })
}

/// What an item without a source of its own cites.
fn neutral_basis(checklist: &Text, code: &str) -> Text {
    Text::new(format!("{} {code}", checklist.zh), format!("{} {code}", checklist.en))
}

fn check_matter(place: &str, matter: &str) -> Checked<()> {
    if MATTERS.contains(&matter) {
        return Ok(());
    }
    wrong(
        place,
        format!(
            "matter {matter:?} is not one of the eight matters: use one of {}",
            MATTERS.join(", ")
        ),
    )
}

fn band_of(place: &str, written: WrittenBand) -> Checked<Band> {
    both_languages(place, "band", &written.label)?;
    let from = number(place, &written.from)?;
    let (tenths, den) = from
        .exact
        .times(crate::Fraction::whole(10))
        .map_or((0, 0), |n| n.parts());
    match i64::try_from(tenths) {
        Ok(from_tenths) if den == 1 => Ok(Band {
            code: written.code,
            label: written.label,
            from_tenths,
        }),
        _ => wrong(place, format!("band {} begins finer than tenths", written.code)),
    }
}

fn cap_of(place: &str, (severity, band): (Severity, String), bands: &[Band]) -> Checked<(Severity, usize)> {
    Ok((severity, band_index(place, "caps", &band, bands)?))
}

fn band_index(place: &str, key: &str, code: &str, bands: &[Band]) -> Checked<usize> {
    match bands.iter().position(|band| band.code == code) {
        Some(index) => Ok(index),
        None => wrong(
            place,
            format!("{key} names an unknown band {code:?}: use a code of bands"),
        ),
    }
}

fn check_options(place: &str, options: &[Choice]) -> Checked<()> {
    let mut seen = BTreeSet::new();
    for option in options {
        both_languages(place, "option", &option.label)?;
        if !seen.insert(&option.code) {
            return wrong(place, format!("option {:?} twice", option.code));
        }
    }
    Ok(())
}

fn fact_of(checklist: &str, written: WrittenFact) -> Checked<Fact> {
    let place = format!("{checklist} fact {}", written.name);
    check_code(&place, &written.name)?;
    both_languages(&place, "label", &written.label)?;
    let options = written.options;
    check_options(&place, &options)?;
    let kind = match written.kind {
        WrittenFactKind::YesNo => FactKind::YesNo,
        WrittenFactKind::Number => FactKind::Number,
        WrittenFactKind::Bands => FactKind::Bands,
        WrittenFactKind::One if options.is_empty() => return wrong(&place, "needs options"),
        WrittenFactKind::One => FactKind::One { options },
    };
    Ok(Fact {
        name: written.name,
        label: written.label,
        kind,
    })
}

fn section_of(checklist: &str, title: &Text, bands: &[Band], written: WrittenSection) -> Checked<Section> {
    let place = format!("{checklist} {}", written.code);
    check_code(&place, &written.code)?;
    both_languages(&place, "title", &written.title)?;
    both_languages(&place, "short", &written.short)?;
    if let Some(why) = &written.why_shown {
        both_languages(&place, "why_shown", why)?;
    }
    let of_item = |item| item_of(checklist, title, &written.matter, bands, item);
    let items = all(written.items.into_iter().map(of_item))?;
    let scored = items.iter().any(Item::is_scored);
    if (written.weight > 0) != scored || written.weight > MAX_WEIGHT {
        return wrong(
            &place,
            "the section's weight does not fit its items: a section with points needs an item with points, and only such",
        );
    }
    Ok(Section {
        show_if: optional_condition(&place, "show_if", written.show_if)?,
        code: written.code,
        title: written.title,
        short: written.short,
        weight: written.weight,
        why_shown: written.why_shown,
        items,
    })
}

fn condition(place: &str, key: &str, source: &str) -> Checked<Expr> {
    Expr::parse(source).or_else(|e| wrong(place, format!("{key} {source:?} cannot be read {e}")))
}

fn optional_condition(place: &str, key: &str, source: Option<String>) -> Checked<Option<Expr>> {
    source.map(|source| condition(place, key, &source)).transpose()
}

fn places(sections: &[Section]) -> BTreeMap<String, (usize, usize)> {
    let numbered = sections.iter().enumerate();
    let items = numbered.flat_map(|(s, section)| section.items.iter().enumerate().map(move |(i, item)| (item, (s, i))));
    items.map(|(item, place)| (item.code.clone(), place)).collect()
}

/// Puts each item after those that decide whether it is shown. Round by round, so a circle is found as no progress.
fn evaluation_order(checklist: &Checklist) -> Checked<Vec<(usize, usize)>> {
    let mut waiting: Vec<(usize, usize)> = checklist.places.values().copied().collect();
    waiting.sort_unstable();
    let mut order = Vec::with_capacity(waiting.len());
    let mut done = BTreeSet::new();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|&place| asks_about(checklist, place).all(|asked| done.contains(&asked)));
        if let (true, Some(&(s, i))) = (ready.is_empty(), rest.first()) {
            let code = &checklist.sections[s].items[i].code;
            return wrong(
                &format!("{} {code}", checklist.code),
                "show_if goes round in a circle: let one of them stand alone",
            );
        }
        done.extend(ready.iter().copied());
        order.extend(ready);
        waiting = rest;
    }
    Ok(order)
}

/// For each item, those that read it: to be shown, to want a note, or, the grade, to know their limits.
fn readers(checklist: &Checklist) -> BTreeMap<(usize, usize), Vec<(usize, usize)>> {
    let mut readers: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
    for place in checklist.all_places() {
        let item = &checklist.sections[place.0].items[place.1];
        let notes = item.note_if.iter().flat_map(Expr::names);
        let names = notes.chain(checklist.grade_item.as_deref());
        let asked = names.filter_map(|name| checklist.places.get(name).copied());
        for asked in asked.chain(asks_about(checklist, place)).collect::<BTreeSet<_>>() {
            readers.entry(asked).or_default().push(place);
        }
    }
    readers
}

fn asks_about(checklist: &Checklist, (s, i): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let section = &checklist.sections[s];
    let both = section.show_if.iter().chain(&section.items[i].show_if);
    let grade = checklist.grade_item.as_deref();
    both.flat_map(move |condition| {
        condition
            .names()
            .into_iter()
            .chain(grade.filter(|_| condition.asks_limits()))
    })
    .filter_map(|name| checklist.places.get(name).copied())
}

fn check_kinds(kinds: &[Kind], roles: &[Role]) -> Checked<()> {
    for role in roles {
        both_languages(&format!("role {}", role.code), "title", &role.title)?;
    }
    let known = |code: &String| roles.iter().any(|role| role.code == *code);
    for kind in kinds {
        let place = format!("kind {}", kind.code);
        both_languages(&place, "title", &kind.title)?;
        for field in &kind.fields {
            let place = format!("{place} {}", field.path);
            both_languages(&place, "label", &field.label)?;
            check_options(&place, &field.options)?;
            if matches!(field.kind, FieldKind::One | FieldKind::Many) && field.options.is_empty() {
                return wrong(&place, "needs options");
            }
        }
        let in_workflow = kind
            .workflow
            .iter()
            .flat_map(|flow| &flow.transitions)
            .flat_map(|t| &t.roles);
        if let Some(code) = kind.rights.roles().chain(in_workflow).find(|code| !known(code)) {
            return wrong(&place, format!("{code:?} is not a role"));
        }
        if let Some(flow) = &kind.workflow {
            check_workflow(&place, flow)?;
        }
        let mut needed = kind
            .workflow
            .iter()
            .flat_map(|flow| &flow.transitions)
            .flat_map(|t| &t.needs);
        if let Some(path) = needed.find(|path| kind.field(path).is_none()) {
            return wrong(&place, format!("needs: {path:?} is not a field"));
        }
        let is_state = |code: &String| {
            kind.workflow
                .iter()
                .flat_map(|flow| &flow.states)
                .any(|s| s.code == *code)
        };
        if let Some(code) = kind.sealed.iter().find(|code| !is_state(code)) {
            return wrong(&place, format!("sealed: {code:?} is not a state"));
        }
    }
    Ok(())
}

/// The states are written once, in the workflow; the field that holds the state gets them as its options.
fn with_states(mut kind: Kind) -> Kind {
    if let Some(flow) = &kind.workflow {
        for field in kind.fields.iter_mut().filter(|field| field.path == flow.field) {
            field.options.clone_from(&flow.states);
        }
    }
    kind
}

fn check_workflow(place: &str, flow: &Workflow) -> Checked<()> {
    check_options(place, &flow.states)?;
    let known = |code: &String| flow.states.iter().any(|state| state.code == *code);
    let mut named = flow.transitions.iter().flat_map(|t| t.from.iter().chain([&t.to]));
    match named.find(|code| !known(code)) {
        Some(code) => wrong(place, format!("{code:?} is not a state")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn builtin() -> Value {
        serde_json::from_str(crate::EMBEDDED).expect("JSON")
    }

    /// The built-in catalog with one thing changed, and what loading says about it.
    fn refusal(change: impl FnOnce(&mut Value)) -> String {
        let mut document = builtin();
        change(&mut document);
        load(&document.to_string()).expect_err("should not load").to_string()
    }

    fn item<'a>(document: &'a mut Value, code: &str) -> &'a mut Value {
        let sections = document["checklists"][0]["sections"].as_array_mut().expect("sections");
        let mut items = sections
            .iter_mut()
            .flat_map(|section| section["items"].as_array_mut().expect("items"));
        items.find(|item| item["code"] == code).expect("the item")
    }

    #[test]
    fn a_condition_that_cannot_be_read_names_the_item() {
        let said = refusal(|d| item(d, "SF3.6")["show_if"] = json!("has_lab and"));
        assert!(
            said.starts_with("campus-safety SF3.6: ") && said.contains("at 11"),
            "{said}"
        );
    }

    #[test]
    fn a_condition_about_something_unknown_is_refused() {
        let said = refusal(|d| item(d, "SF3.6")["show_if"] = json!("has_moat"));
        assert!(
            said.starts_with(r#"campus-safety SF3.6: show_if asks about an unknown "has_moat""#),
            "{said}"
        );
    }

    #[test]
    fn two_items_that_decide_each_others_presence_are_refused() {
        let said = refusal(|d| {
            item(d, "SF3.6")["show_if"] = json!("SF3.7 == 'yes'");
            item(d, "SF3.7")["show_if"] = json!("SF3.6 == 'yes'");
        });
        assert!(said.contains("circle"), "{said}");
    }

    #[test]
    fn a_text_in_one_language_only_is_refused() {
        let said = refusal(|d| item(d, "SF5.1")["title"] = json!(["未使用危房", " "]));
        assert!(
            said.starts_with("campus-safety SF5.1: title is missing in a language"),
            "{said}"
        );
        let said = refusal(|d| item(d, "SF2.4")["help"] = json!(["", "Were you checked?"]));
        assert!(
            said.starts_with("campus-safety SF2.4: help is missing in a language"),
            "{said}"
        );
    }

    #[test]
    fn a_code_that_is_used_twice_is_refused() {
        let said = refusal(|d| item(d, "SF5.1")["code"] = json!("SF5.2"));
        assert!(said.starts_with(r#"campus-safety: "SF5.2" is defined twice"#), "{said}");
        let said = refusal(|d| {
            let again = d["kinds"][0].clone();
            d["kinds"].as_array_mut().expect("kinds").push(again);
        });
        assert!(said.starts_with(r#"kind: "school" is defined twice"#), "{said}");
    }

    #[test]
    fn a_code_that_would_break_a_field_path_is_refused() {
        assert!(refusal(|d| item(d, "SF5.1")["code"] = json!("SF5/1")).contains("cannot be a code"));
    }

    #[test]
    fn a_check_needs_an_input_and_a_limit_that_exist() {
        let check = |check: Value| refusal(move |d| item(d, "SF6.2")["checks"] = json!([check]));
        assert!(check(json!({ "input": "n" })).contains("exactly one limit"));
        assert!(check(json!({ "input": "n", "at_least": "2", "at_most": "3" })).contains("exactly one limit"));
        assert!(check(json!({ "input": "n", "at_least": "two" })).contains("is not a number"));
        assert!(check(json!({ "input": "n2", "at_least": "2" })).contains("does not have"));
        assert!(check(json!({ "input": "n", "threshold": "NOISE" })).contains("threshold table"));
    }

    #[test]
    fn a_scored_item_needs_its_severity_and_matter() {
        assert!(refusal(|d| item(d, "SF5.1")["severity"] = Value::Null).contains("severity"));
        assert!(refusal(|d| item(d, "SF5.1")["matter"] = json!("weather")).contains("eight matters"));
        assert!(refusal(|d| item(d, "SF5.1")["weight"] = json!(100_000)).contains("weight"));
    }

    #[test]
    fn bands_that_leave_a_score_without_a_band_are_refused() {
        assert!(refusal(|d| d["checklists"][0]["bands"][3]["from"] = json!("10")).contains("begins at 0"));
        assert!(refusal(|d| d["checklists"][0]["caps"]["L4"] = json!("Z")).contains("unknown band"));
    }

    #[test]
    fn rights_and_moves_name_known_roles_and_states() {
        assert!(refusal(|d| d["kinds"][0]["rights"]["read"] = json!(["janitor"])).contains("not a role"));
        let strange = json!([{ "to": "burnt", "roles": [] }]);
        assert!(refusal(|d| d["kinds"][2]["workflow"]["transitions"] = strange).contains("not a state"));
    }

    #[test]
    fn a_misspelt_key_is_refused_instead_of_ignored() {
        assert!(refusal(|d| item(d, "SF5.1")["wieght"] = json!(4)).contains("wieght"));
        assert!(load("{").is_err() && load("[]").is_err());
    }

    #[test]
    fn an_item_may_depend_on_one_that_comes_later_in_the_form() {
        let catalog = crate::catalog();
        let checklist = catalog.latest("campus-safety").expect("built in");
        let asked = |code: &str| {
            checklist
                .evaluation_order
                .iter()
                .position(|place| *place == checklist.places[code])
                .expect("every item")
        };
        assert!(asked("SF4.0") < asked("SF3.8"));
        assert_eq!(checklist.evaluation_order.len(), checklist.places.len());
    }
}
