//! From answers to verdicts, score and band (`domain.md` §8.0, §8.2): total and exact. Any input gives an assessment; what
//! is malformed counts as not answered. The phone and the server run this same code.

use std::collections::BTreeMap;

use crate::{
    checklist::{Against, Check, Checklist, FactKind, InputKind, Item, ItemKind, Rule},
    date::Day,
    fraction::{Fraction, Tenths},
    severity::Severity,
    text::Text,
    threshold::{self, Level, Number, Op},
    value::{Answers, Value},
};

/// Raised whenever the same answers could be judged differently than before.
pub const ENGINE: u32 = 1;

/// Above this share of the total weight not seen or not applicable, the form is not rated.
const UNSEEN_LIMIT_PERCENT: i64 = 40;

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
    /// Whether enough was seen: at most 40 % of the weight is unanswered or not applicable.
    pub rated: bool,
    /// Whether nothing is left to do but what is only a hint.
    pub complete: bool,
    /// The fails that hold the band below what the score gives.
    pub caps: Vec<Cap>,
    /// As in the checklist.
    pub sections: Vec<SectionState>,
    /// As in the checklist, section after section.
    pub items: Vec<ItemState>,
    /// Codes of the failed items.
    pub failed: Vec<String>,
    /// How many of `applicable` are answered (yes, no or not applicable).
    pub answered: u32,
    /// How many scored items are shown.
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
    /// How many scored items are shown.
    pub applicable: u32,
    /// Item points earned by the items that pass.
    pub earned: Fraction,
    /// Item points of the items that pass or fail.
    pub possible: Fraction,
    /// Item points of all items that are shown, seen or not.
    pub shown: Fraction,
    /// Points of 100 within the section; nothing when nothing passed or failed.
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
    /// The limit that decided, when a number was judged: a broken one before a kept one, a breach before advice.
    pub threshold: Option<ThresholdVerdict>,
    /// Every limit of the item that is known, number or not.
    pub limits: Vec<Limit>,
    /// Item points it could have; 0 for an item that is not scored.
    pub weight: u32,
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
    /// Good.
    Pass,
    /// A finding.
    Fail,
    /// Not applicable; it leaves numerator and denominator.
    Na,
    /// It has no points.
    Unscored,
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
}

/// Judges the answers of one response: "on", "fact/…", and the items' fields.
pub fn assess(checklist: &Checklist, answers: &Answers) -> Assessment {
    let form = Form::read(checklist, answers);
    let items: Vec<ItemState> = form
        .places()
        .map(|(section, item)| form.item_state(section, item))
        .collect();
    let sections = section_states(checklist, &items);
    let score = total(&sections).and_then(Tenths::half_up);
    let by_score = score.and_then(|score| checklist.bands.iter().position(|band| score.0 >= band.from_tenths));
    let caps = by_score.map_or_else(Vec::new, |band| caps(checklist, &items, band));
    let provisional_band = by_score.map(|band| caps.iter().map(|cap| cap.band).fold(band, usize::max));
    let rated = score.is_some() && enough_seen(&sections);
    Assessment {
        engine: ENGINE,
        score,
        band: provisional_band.filter(|_| rated),
        provisional_band,
        rated,
        complete: items.iter().all(is_done),
        caps,
        failed: items
            .iter()
            .filter(|item| item.verdict == Verdict::Fail)
            .map(|item| item.code.clone())
            .collect(),
        answered: sections.iter().map(|section| section.answered).sum(),
        applicable: sections.iter().map(|section| section.applicable).sum(),
        sections,
        items,
    }
}

fn is_done(item: &ItemState) -> bool {
    !item.visible
        || (item.verdict != Verdict::Unanswered && item.missing.iter().all(|wanted| *wanted == Missing::Number))
}

/// Σ(section weight × section score) / Σ(section weight), over the sections where something passed or failed.
fn total(sections: &[SectionState]) -> Option<Fraction> {
    let mut earned = Fraction::ZERO;
    let mut weights = Fraction::ZERO;
    for section in sections.iter().filter(|section| section.possible > Fraction::ZERO) {
        let weight = Fraction::whole(section.weight.into());
        earned = earned.plus(weight.times(section.earned.over(section.possible)?)?)?;
        weights = weights.plus(weight)?;
    }
    earned.times(Fraction::whole(100))?.over(weights)
}

/// A hidden item gives its share to the rest of its section, a hidden section its share to the other sections. What is
/// too large to be exact counts as not seen.
fn enough_seen(sections: &[SectionState]) -> bool {
    let unseen_percent = || {
        let mut all = Fraction::ZERO;
        let mut seen = Fraction::ZERO;
        for section in sections.iter().filter(|section| section.shown > Fraction::ZERO) {
            let weight = Fraction::whole(section.weight.into());
            all = all.plus(weight)?;
            seen = seen.plus(weight.times(section.possible.over(section.shown)?)?)?;
        }
        Fraction::whole(100).plus(seen.times(Fraction::whole(-100))?.over(all)?)
    };
    unseen_percent().is_some_and(|percent| percent <= Fraction::whole(UNSEEN_LIMIT_PERCENT))
}

/// Only the fails that bite: a cap at C says nothing about a form whose score gives D.
fn caps(checklist: &Checklist, items: &[ItemState], by_score: usize) -> Vec<Cap> {
    let failed = items.iter().filter(|item| item.verdict == Verdict::Fail);
    let capped = failed.filter_map(|state| {
        let severity = checklist.item(&state.code)?.severity?;
        let band = *checklist.caps.get(&severity)?;
        (band > by_score).then(|| Cap {
            item: state.code.clone(),
            band,
        })
    });
    capped.collect()
}

fn section_states(checklist: &Checklist, items: &[ItemState]) -> Vec<SectionState> {
    let states = checklist.sections.iter().enumerate().map(|(index, section)| {
        let shown: Vec<&ItemState> = items
            .iter()
            .filter(|item| item.section == index && item.visible)
            .collect();
        let scored = || {
            shown
                .iter()
                .filter(|item| item.verdict != Verdict::Unscored && item.weight > 0)
        };
        let sum = |part: fn(&ItemState) -> Fraction| {
            scored().fold(Fraction::ZERO, |sum, item| sum.plus(part(item)).unwrap_or(sum))
        };
        let (earned, possible) = (sum(|item| item.earned), sum(|item| item.possible));
        let percent = earned
            .times(Fraction::whole(100))
            .and_then(|points| points.over(possible));
        SectionState {
            code: section.code.clone(),
            visible: !shown.is_empty(),
            answered: count(scored().filter(|item| item.verdict != Verdict::Unanswered)),
            applicable: count(scored()),
            earned,
            possible,
            shown: sum(|item| Fraction::whole(item.weight.into())),
            score: percent.and_then(Tenths::half_up),
            weight: section.weight,
        }
    });
    states.collect()
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

/// The answers with what is shown and what each name in a condition stands for.
struct Form<'a> {
    checklist: &'a Checklist,
    answers: &'a Answers,
    on: Option<Day>,
    /// Values of the items that are shown. A hidden item has none, so it cannot show another one.
    values: BTreeMap<&'a str, Value>,
}

impl<'a> Form<'a> {
    fn read(checklist: &'a Checklist, answers: &'a Answers) -> Form<'a> {
        let on = answers.get("on").and_then(Value::as_text).and_then(Day::parse);
        let mut form = Form {
            checklist,
            answers,
            on,
            values: BTreeMap::new(),
        };
        for (section, item) in form.places_in_evaluation_order() {
            let conditions = checklist.sections[section].show_if.iter().chain(&item.show_if);
            if conditions
                .into_iter()
                .all(|condition| condition.holds(&|name| form.value_of(name)))
            {
                let value = form.answer(item);
                form.values.insert(&item.code, value);
            }
        }
        form
    }

    fn places_in_evaluation_order(&self) -> impl Iterator<Item = (usize, &'a Item)> + use<'a> {
        let checklist = self.checklist;
        checklist
            .evaluation_order
            .iter()
            .map(|(s, i)| (*s, &checklist.sections[*s].items[*i]))
    }

    fn places(&self) -> impl Iterator<Item = (usize, &'a Item)> + use<'a> {
        let sections = self.checklist.sections.iter().enumerate();
        sections.flat_map(|(index, section)| section.items.iter().map(move |item| (index, item)))
    }

    /// What a name in a condition stands for.
    fn value_of(&self, name: &str) -> Value {
        self.fact(name)
            .or_else(|| self.values.get(name).cloned())
            .unwrap_or_default()
    }

    /// A fact of the checklist, null when it is not known or malformed.
    fn fact(&self, name: &str) -> Option<Value> {
        let fact = self.checklist.fact(name)?;
        let value = self.answers.get(&format!("fact/{name}")).cloned().unwrap_or_default();
        let fits = match (&fact.kind, &value) {
            (FactKind::YesNo, Value::Bool(_)) | (FactKind::Bands, Value::List(_)) => true,
            (FactKind::Number, number) => number.as_number().is_some_and(|n| n.is_whole() && !n.is_negative()),
            (FactKind::One { options }, Value::Text(code)) => options.iter().any(|option| option.code == *code),
            _ => false,
        };
        Some(if fits { value } else { Value::Null })
    }

    /// The answer to an item, null when there is none or it is malformed.
    fn answer(&self, item: &Item) -> Value {
        let given = self.answers.get(&item.code).cloned().unwrap_or_default();
        match &item.kind {
            ItemKind::YesNo => Some(given)
                .filter(|value| explicit(value).is_some())
                .unwrap_or_default(),
            ItemKind::One { options } => {
                let is_option = |value: &Value| options.iter().any(|option| value.as_text() == Some(&option.code));
                let by_default = || item.default_fact.as_ref().and_then(|fact| self.fact(fact)).map(as_code);
                Some(given)
                    .filter(is_option)
                    .or_else(|| by_default().filter(is_option))
                    .unwrap_or_default()
            }
            ItemKind::Many { .. } | ItemKind::Text | ItemKind::Photo | ItemKind::Sign | ItemKind::Info => given,
        }
    }

    fn item_state(&self, section: usize, item: &Item) -> ItemState {
        let mut state = ItemState {
            code: item.code.clone(),
            section,
            visible: false,
            verdict: Verdict::Unanswered,
            auto: false,
            threshold: None,
            limits: Vec::new(),
            weight: item.weight,
            earned: Fraction::ZERO,
            possible: Fraction::ZERO,
            missing: Vec::new(),
        };
        let Some(value) = self.values.get(item.code.as_str()) else {
            return state;
        };
        state.visible = true;
        if !item.is_scored() {
            state.verdict = unscored_verdict(item, value);
            return state;
        }
        let checks = item.rule.as_ref().map_or(&[][..], |rule| &rule.checks);
        let limits: Vec<Option<Limit>> = checks.iter().map(|check| self.limit(item, check)).collect();
        (state.verdict, state.auto) = verdict(explicit(value), by_numbers(&limits));
        state.limits = limits.into_iter().flatten().collect();
        state.threshold = deciding(&state.limits);
        let points = Fraction::whole(item.weight.into());
        state.possible = if matches!(state.verdict, Verdict::Pass | Verdict::Fail) {
            points
        } else {
            Fraction::ZERO
        };
        state.earned = if state.verdict == Verdict::Pass {
            points
        } else {
            Fraction::ZERO
        };
        state.missing = self.missing(item, state.verdict, item.rule.as_ref());
        state
    }

    /// What one check asks for, as far as it is known.
    fn limit(&self, item: &Item, check: &Check) -> Option<Limit> {
        let measured = self.measured(item, &check.input);
        let input = item.input(&check.input)?;
        let (op, limit, unit, advice, basis) = match &check.against {
            Against::Fixed { op, limit } => (*op, limit.clone(), &input.unit, false, Text::default()),
            Against::Input { op, other, .. } => (*op, self.measured(item, other)?, &input.unit, false, Text::default()),
            Against::Threshold { code } => {
                let rule = threshold::in_force(&self.checklist.thresholds, code, self.on?)?;
                (
                    rule.op,
                    rule.limit(self.answers)?,
                    &rule.unit,
                    rule.level == Level::Warn,
                    rule.basis.clone(),
                )
            }
        };
        let ok = measured.map(|number| op.holds(number.exact, limit.exact) || self.is_planned(item, check));
        Some(Limit {
            input: check.input.clone(),
            limit: limit.text,
            unit: unit.clone(),
            op,
            ok,
            advice,
            basis,
        })
    }

    /// Whether a dated plan excuses the shortfall. A plan for a day before the visit has already failed.
    fn is_planned(&self, item: &Item, check: &Check) -> bool {
        let Against::Input {
            unless_planned: Some(suffix),
            ..
        } = &check.against
        else {
            return false;
        };
        let planned = self
            .answers
            .get(&format!("{}/{suffix}", item.code))
            .and_then(Value::as_text)
            .and_then(Day::parse);
        planned.is_some_and(|day| self.on.is_none_or(|on| day >= on))
    }

    /// The number of an input; the days until the visit for a date. Nothing when it is not there or cannot be true.
    fn measured(&self, item: &Item, suffix: &str) -> Option<Number> {
        let value = self.answers.get(&format!("{}/{suffix}", item.code))?;
        let number = match item.input(suffix)?.kind {
            InputKind::Date => Number::whole(self.on?.days_since(Day::parse(value.as_text()?)?)),
            InputKind::Int | InputKind::Decimal | InputKind::Percent => written_number(value)?,
        };
        let possible = match item.input(suffix)?.kind {
            InputKind::Int | InputKind::Date => number.exact.is_whole(),
            InputKind::Percent => number.exact <= Fraction::whole(100),
            InputKind::Decimal => true,
        };
        (possible && !number.exact.is_negative()).then_some(number)
    }

    fn missing(&self, item: &Item, verdict: Verdict, rule: Option<&Rule>) -> Vec<Missing> {
        let is_blank = |suffix: &str| {
            self.answers
                .get(&format!("{}/{suffix}", item.code))
                .is_none_or(Value::is_blank)
        };
        let wanted: &[(&str, Missing)] = match verdict {
            Verdict::Na => &[("na", Missing::NaReason)],
            Verdict::Fail if item.severity.is_some_and(Severity::needs_proof) => &[
                ("note", Missing::Note),
                ("place", Missing::Place),
                ("told", Missing::Told),
            ],
            _ => &[],
        };
        let mut missing: Vec<Missing> = wanted
            .iter()
            .filter(|(suffix, _)| is_blank(suffix))
            .map(|(_, missing)| *missing)
            .collect();
        let judge = rule.filter(|rule| rule.number_judges && verdict == Verdict::Pass);
        if judge.is_some_and(|rule| {
            rule.checks
                .iter()
                .any(|check| self.measured(item, &check.input).is_none())
        }) {
            missing.push(Missing::Number);
        }
        missing
    }
}

/// What a person answered.
fn explicit(value: &Value) -> Option<Verdict> {
    match value.as_text()? {
        "yes" => Some(Verdict::Pass),
        "no" => Some(Verdict::Fail),
        "na" => Some(Verdict::Na),
        _ => None,
    }
}

/// What the numbers alone say. Advice never decides, and a number is enough only when every limit that could be broken
/// is known to be kept.
fn by_numbers(limits: &[Option<Limit>]) -> Option<Verdict> {
    let binding = || {
        limits
            .iter()
            .filter(|limit| limit.as_ref().is_none_or(|limit| !limit.advice))
    };
    let kept = |limit: &Option<Limit>| limit.as_ref().and_then(|limit| limit.ok);
    if binding().any(|limit| kept(limit) == Some(false)) {
        return Some(Verdict::Fail);
    }
    (binding().next().is_some() && binding().all(|limit| kept(limit) == Some(true))).then_some(Verdict::Pass)
}

/// The worse of the person's and the number's; the flag says that the number decided.
fn verdict(person: Option<Verdict>, number: Option<Verdict>) -> (Verdict, bool) {
    match (person, number) {
        (Some(Verdict::Pass), Some(Verdict::Fail)) => (Verdict::Fail, true),
        (Some(verdict), _) => (verdict, false),
        (None, Some(verdict)) => (verdict, true),
        (None, None) => (Verdict::Unanswered, false),
    }
}

/// A question that steers the form has to be answered, though it has no points.
fn unscored_verdict(item: &Item, value: &Value) -> Verdict {
    let steers = matches!(item.kind, ItemKind::One { .. });
    if steers && *value == Value::Null {
        Verdict::Unanswered
    } else {
        Verdict::Unscored
    }
}

fn deciding(limits: &[Limit]) -> Option<ThresholdVerdict> {
    let judged = limits.iter().filter_map(|limit| Some((limit, limit.ok?)));
    let (limit, ok) = judged.min_by_key(|(limit, ok)| (*ok, limit.advice))?;
    Some(ThresholdVerdict {
        limit: limit.limit.clone(),
        unit: limit.unit.clone(),
        op: limit.op,
        ok,
        advice: limit.advice,
    })
}

fn as_code(fact: Value) -> Value {
    match fact {
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        other => other,
    }
}

fn written_number(value: &Value) -> Option<Number> {
    match value {
        Value::Int(n) => Some(Number::whole(*n)),
        Value::Text(text) => Number::parse(text),
        Value::Null | Value::Bool(_) | Value::List(_) => None,
    }
}
