//! From the written definitions to checked ones: everything that could be wrong in a definition is found here, once, with
//! the name of the item, so that judging answers has nothing left to refuse.

mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    Catalog,
    checklist::{Against, Band, Check, Checklist, Choice, Fact, FactKind, Input, Item, ItemKind, Rule, Section},
    date::Day,
    expression::Expr,
    kind::{FieldKind, Kind, Role, Workflow},
    severity::Severity,
    text::Text,
    threshold::{Limits, Number, Op, Step, ThresholdRule},
};
use written::{
    WrittenBand, WrittenCatalog, WrittenCheck, WrittenChecklist, WrittenFact, WrittenFactKind, WrittenItem,
    WrittenItemKind, WrittenSection, WrittenStep, WrittenThreshold,
};

/// What is wrong in a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionError {
    /// Such as "campus-safety SF3.6".
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for DefinitionError {}

type Checked<T> = Result<T, DefinitionError>;

fn wrong<T>(place: &str, what: impl Into<String>) -> Checked<T> {
    Err(DefinitionError {
        place: place.to_owned(),
        what: what.into(),
    })
}

pub fn load(json: &str) -> Checked<Catalog> {
    let written: WrittenCatalog = serde_json::from_str(json).map_err(|e| DefinitionError {
        place: "definitions".into(),
        what: e.to_string(),
    })?;
    let thresholds = written
        .thresholds
        .into_iter()
        .map(threshold)
        .collect::<Checked<Vec<_>>>()?;
    let checklists = written
        .checklists
        .into_iter()
        .map(|checklist| checklist_of(checklist, &thresholds))
        .collect::<Checked<Vec<_>>>()?;
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
const MATTERS: [&str; 8] = [
    "school_affairs",
    "enrolment_fees",
    "curriculum_teaching",
    "learning_workload",
    "teacher_ethics",
    "safety_traffic",
    "food_dorm_hygiene",
    "ethos",
];

const SCHOOL_BANDS: [&str; 5] = ["K", "P12", "P36", "J", "S"];

/// Keeps every sum of weights small enough to be exact.
const MAX_WEIGHT: u32 = 1000;

fn check_unique(what: &str, codes: impl Iterator<Item = String>) -> Checked<()> {
    let mut seen = BTreeSet::new();
    for code in codes {
        if seen.contains(&code) {
            return wrong(what, format!("{code:?} is defined twice"));
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
    wrong(place, format!("{code:?} cannot be a code"))
}

fn both_languages(place: &str, what: &str, text: &Text) -> Checked<()> {
    if text.zh.trim().is_empty() || text.en.trim().is_empty() {
        return wrong(place, format!("{what} is missing in a language"));
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
    Day::parse(text).map_or_else(|| wrong(place, format!("{text:?} is not a date")), Ok)
}

fn number(place: &str, text: &str) -> Checked<Number> {
    Number::parse(text).map_or_else(|| wrong(place, format!("{text:?} is not a number")), Ok)
}

fn threshold(written: WrittenThreshold) -> Checked<ThresholdRule> {
    let place = format!("threshold {}", written.code);
    both_languages(&place, "title", &written.title)?;
    both_languages(&place, "unit", &written.unit)?;
    both_languages(&place, "basis", &written.basis)?;
    let limits = match (written.limit, written.limit_by_band, written.steps) {
        (Some(limit), None, None) => Limits::All(number(&place, &limit)?),
        (None, Some(limits), None) => Limits::ByBand(limits_by_band(&place, limits)?),
        (None, None, Some(steps)) => Limits::Steps(steps.into_iter().map(|s| step(&place, s)).collect::<Checked<_>>()?),
        _ => return wrong(&place, "needs one of limit, limit_by_band, steps"),
    };
    Ok(ThresholdRule {
        op: written.op,
        level: written.level,
        effective_from: day(&place, &written.effective_from)?,
        effective_to: written.effective_to.map(|text| day(&place, &text)).transpose()?,
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
            return wrong(place, format!("{band:?} is not a school band"));
        }
        Ok((band, number(place, &limit)?))
    };
    written.into_iter().map(read).collect()
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
    both_languages(&place, "title", &written.title)?;
    let bands = written
        .bands
        .into_iter()
        .map(|band| band_of(&place, band))
        .collect::<Checked<Vec<_>>>()?;
    if !bands.is_sorted_by(|better, worse| better.from_tenths > worse.from_tenths)
        || bands.last().is_none_or(|worst| worst.from_tenths != 0)
    {
        return wrong(&place, "bands must fall from the best to one that begins at 0");
    }
    let caps = written
        .caps
        .into_iter()
        .map(|cap| cap_of(&place, cap, &bands))
        .collect::<Checked<_>>()?;
    let facts = written
        .facts
        .into_iter()
        .map(|fact| fact_of(&place, fact))
        .collect::<Checked<Vec<_>>>()?;
    let sections = written
        .sections
        .into_iter()
        .map(|section| section_of(&place, &written.title, section))
        .collect::<Checked<Vec<_>>>()?;
    check_unique(&place, facts.iter().map(|fact| fact.name.clone()))?;
    check_unique(&place, sections.iter().map(|section| section.code.clone()))?;
    check_unique(
        &place,
        sections
            .iter()
            .flat_map(|section| &section.items)
            .map(|item| item.code.clone()),
    )?;
    let places = places(&sections);
    let mut checklist = Checklist {
        code: written.code,
        version: written.version,
        title: written.title,
        bands,
        caps,
        facts,
        sections,
        thresholds: Vec::new(),
        places,
        evaluation_order: Vec::new(),
    };
    check_references(&checklist, thresholds)?;
    checklist.evaluation_order = evaluation_order(&checklist)?;
    checklist.thresholds = thresholds
        .iter()
        .filter(|rule| uses(&checklist, &rule.code))
        .cloned()
        .collect();
    Ok(checklist)
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
    match bands.iter().position(|b| b.code == band) {
        Some(index) => Ok((severity, index)),
        None => wrong(place, format!("cap at an unknown band {band:?}")),
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

fn section_of(checklist: &str, title: &Text, written: WrittenSection) -> Checked<Section> {
    let place = format!("{checklist} {}", written.code);
    check_code(&place, &written.code)?;
    both_languages(&place, "title", &written.title)?;
    both_languages(&place, "short title", &written.short)?;
    if let Some(why) = &written.why_shown {
        both_languages(&place, "why_shown", why)?;
    }
    let items = written
        .items
        .into_iter()
        .map(|item| item_of(checklist, title, &written.matter, item))
        .collect::<Checked<Vec<_>>>()?;
    if (written.weight > 0) != items.iter().any(Item::is_scored) || written.weight > MAX_WEIGHT {
        return wrong(&place, "the section's weight does not fit its items");
    }
    Ok(Section {
        show_if: condition(&place, written.show_if)?,
        code: written.code,
        title: written.title,
        short: written.short,
        weight: written.weight,
        why_shown: written.why_shown,
        items,
    })
}

fn condition(place: &str, source: Option<String>) -> Checked<Option<Expr>> {
    let read = |source: String| {
        Expr::parse(&source).or_else(|e| wrong(place, format!("show_if {source:?} cannot be read {e}")))
    };
    source.map(read).transpose()
}

fn item_of(checklist: &str, title: &Text, section_matter: &str, written: WrittenItem) -> Checked<Item> {
    let place = format!("{checklist} {}", written.code);
    check_code(&place, &written.code)?;
    both_languages(&place, "title", &written.title)?;
    in_both_or_neither(&place, "help", &written.help)?;
    let basis = written.basis.unwrap_or_else(|| neutral_basis(title, &written.code));
    both_languages(&place, "basis", &basis)?;
    if let Some(why) = &written.why_shown {
        both_languages(&place, "why_shown", why)?;
    }
    let matter = written.matter.unwrap_or_else(|| section_matter.to_owned());
    check_options(&place, &written.options)?;
    let kind = item_kind(&place, written.kind, written.options, written.from_failed)?;
    let scored = matches!(kind, ItemKind::YesNo);
    if scored != (written.weight > 0) || written.weight > MAX_WEIGHT || scored != written.severity.is_some() {
        return wrong(&place, "yes/no items, and only they, have a weight and a severity");
    }
    if scored && !MATTERS.contains(&matter.as_str()) {
        return wrong(&place, format!("{matter:?} is not one of the eight matters"));
    }
    check_inputs(&place, &written.inputs)?;
    let checks = written
        .checks
        .into_iter()
        .map(|check| check_of(&place, check, &written.inputs))
        .collect::<Checked<Vec<_>>>()?;
    let rule = (!checks.is_empty()).then_some(Rule {
        checks,
        number_judges: written.number_judges,
    });
    Ok(Item {
        show_if: condition(&place, written.show_if)?,
        code: written.code,
        title: written.title,
        help: written.help,
        kind,
        weight: written.weight,
        severity: written.severity,
        matter,
        basis,
        why_shown: written.why_shown,
        inputs: written.inputs,
        rule,
        default_fact: written.default_fact,
    })
}

/// What an item without a source of its own cites.
fn neutral_basis(checklist: &Text, code: &str) -> Text {
    Text::new(format!("{} {code}", checklist.zh), format!("{} {code}", checklist.en))
}

fn item_kind(place: &str, written: WrittenItemKind, options: Vec<Choice>, from_failed: bool) -> Checked<ItemKind> {
    Ok(match written {
        WrittenItemKind::YesNo => ItemKind::YesNo,
        WrittenItemKind::One if options.is_empty() => return wrong(place, "needs options"),
        WrittenItemKind::One => ItemKind::One { options },
        WrittenItemKind::Many => ItemKind::Many { options, from_failed },
        WrittenItemKind::Text => ItemKind::Text,
        WrittenItemKind::Photo => ItemKind::Photo,
        WrittenItemKind::Sign => ItemKind::Sign,
        WrittenItemKind::Info => ItemKind::Info,
    })
}

fn check_inputs(place: &str, inputs: &[Input]) -> Checked<()> {
    for input in inputs {
        both_languages(place, "input label", &input.label)?;
        in_both_or_neither(place, "unit", &input.unit)?;
        if !["n", "n2", "date"].contains(&input.suffix.as_str()) {
            return wrong(place, format!("input suffix {:?}", input.suffix));
        }
    }
    check_unique(place, inputs.iter().map(|input| input.suffix.clone()))
}

fn check_of(place: &str, written: WrittenCheck, inputs: &[Input]) -> Checked<Check> {
    let known = |suffix: &String| inputs.iter().any(|input| input.suffix == *suffix);
    let fixed = |op: Op, limit: Option<String>| match limit {
        Some(text) => Ok(Some(Against::Fixed {
            op,
            limit: number(place, &text)?,
        })),
        None => Ok(None),
    };
    let input = |op: Op, other: Option<String>| {
        other.map(|other| Against::Input {
            op,
            other,
            unless_planned: written.unless_planned.clone(),
        })
    };
    let mut given = [
        written.threshold.map(|code| Against::Threshold { code }),
        fixed(Op::AtLeast, written.at_least)?,
        fixed(Op::AtMost, written.at_most)?,
        input(Op::AtLeast, written.at_least_input),
        input(Op::AtMost, written.at_most_input),
    ]
    .into_iter()
    .flatten();
    let (Some(against), None) = (given.next(), given.next()) else {
        return wrong(place, "a check needs exactly one limit");
    };
    let mentioned = match &against {
        Against::Input {
            other, unless_planned, ..
        } => Some(other).into_iter().chain(unless_planned).all(known),
        Against::Threshold { .. } | Against::Fixed { .. } => true,
    };
    if !mentioned || !known(&written.input) {
        return wrong(place, "a check names an input that the item does not have");
    }
    Ok(Check {
        input: written.input,
        against,
    })
}

fn places(sections: &[Section]) -> BTreeMap<String, (usize, usize)> {
    let numbered = sections.iter().enumerate();
    let items = numbered.flat_map(|(s, section)| section.items.iter().enumerate().map(move |(i, item)| (item, (s, i))));
    items.map(|(item, place)| (item.code.clone(), place)).collect()
}

fn check_references(checklist: &Checklist, thresholds: &[ThresholdRule]) -> Checked<()> {
    let known = |name: &str| checklist.fact(name).is_some() || checklist.item(name).is_some();
    for section in &checklist.sections {
        for (code, condition) in conditions(section) {
            if let Some(name) = condition.names().into_iter().find(|name| !known(name)) {
                return wrong(
                    &format!("{} {code}", checklist.code),
                    format!("show_if asks about an unknown {name:?}"),
                );
            }
        }
        for item in &section.items {
            let place = format!("{} {}", checklist.code, item.code);
            let is_choice = matches!(item.kind, ItemKind::One { .. });
            if item
                .default_fact
                .as_ref()
                .is_some_and(|fact| !is_choice || checklist.fact(fact).is_none())
            {
                return wrong(
                    &place,
                    "default_fact must be a fact of the checklist, on an item with options",
                );
            }
            if let Some(code) = threshold_codes(item).find(|code| !thresholds.iter().any(|rule| rule.code == **code)) {
                return wrong(&place, format!("{code:?} is not in the threshold table"));
            }
        }
    }
    Ok(())
}

fn conditions(section: &Section) -> impl Iterator<Item = (&str, &Expr)> {
    let own = section
        .show_if
        .iter()
        .map(|condition| (section.code.as_str(), condition));
    own.chain(
        section
            .items
            .iter()
            .filter_map(|item| Some((item.code.as_str(), item.show_if.as_ref()?))),
    )
}

fn threshold_codes(item: &Item) -> impl Iterator<Item = &String> {
    item.rule
        .iter()
        .flat_map(|rule| &rule.checks)
        .filter_map(|check| match &check.against {
            Against::Threshold { code } => Some(code),
            Against::Fixed { .. } | Against::Input { .. } => None,
        })
}

fn uses(checklist: &Checklist, threshold: &str) -> bool {
    checklist
        .sections
        .iter()
        .flat_map(|section| &section.items)
        .flat_map(threshold_codes)
        .any(|code| code == threshold)
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
            return wrong(&format!("{} {code}", checklist.code), "show_if goes round in a circle");
        }
        done.extend(ready.iter().copied());
        order.extend(ready);
        waiting = rest;
    }
    Ok(order)
}

fn asks_about(checklist: &Checklist, (s, i): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let section = &checklist.sections[s];
    let both = section.show_if.iter().chain(&section.items[i].show_if);
    both.flat_map(Expr::names)
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
        assert_eq!(said, r#"campus-safety SF3.6: show_if asks about an unknown "has_moat""#);
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
        assert_eq!(said, "campus-safety SF5.1: title is missing in a language");
        let said = refusal(|d| item(d, "SF2.4")["help"] = json!(["", "Were you checked?"]));
        assert_eq!(said, "campus-safety SF2.4: help is missing in a language");
    }

    #[test]
    fn a_code_that_is_used_twice_is_refused() {
        let said = refusal(|d| item(d, "SF5.1")["code"] = json!("SF5.2"));
        assert_eq!(said, r#"campus-safety: "SF5.2" is defined twice"#);
        let said = refusal(|d| {
            let again = d["kinds"][0].clone();
            d["kinds"].as_array_mut().expect("kinds").push(again);
        });
        assert_eq!(said, r#"kind: "school" is defined twice"#);
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
