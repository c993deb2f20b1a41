//! One item: from its answer to verdict, points and what is still missing. It knows nothing of the other items but through
//! conditions.

use crate::{
    assess::{
        ItemState, Limit, Missing, Verdict,
        form::Form,
        limits::{self, Held},
        sampled,
    },
    checklist::{Evidence, Item, ItemKind, Rule},
    fraction::Fraction,
    severity::Severity,
    threshold::Number,
    value::Value,
};

/// The shortest note that says what was seen (`domain.md` §8.0).
const SHORTEST_EVIDENCE: usize = 10;

pub fn state(form: &Form<'_, '_>, section: usize, item: &Item) -> ItemState {
    let mut state = ItemState {
        code: item.code.clone(),
        section,
        visible: false,
        verdict: Verdict::Unanswered,
        auto: false,
        severity: None,
        threshold: None,
        limits: Vec::new(),
        samples: Vec::new(),
        measure: None,
        points: None,
        weight: item.weight,
        wanted: item.is_wanted(),
        earned: Fraction::ZERO,
        possible: Fraction::ZERO,
        missing: Vec::new(),
    };
    let Some(value) = form.shown(item) else {
        return state;
    };
    state.visible = true;
    judge(form, item, value, &mut state);
    count_points(item, &mut state);
    if state.verdict == Verdict::Fail {
        state.severity = state.severity.max(item.severity);
    }
    state.missing.extend(wanted_words(form, item, &state));
    state
}

fn judge(form: &Form<'_, '_>, item: &Item, value: &Value, state: &mut ItemState) {
    if value.as_text() == Some("na") && takes_na(&item.kind) {
        state.verdict = Verdict::Na;
        return;
    }
    match &item.kind {
        ItemKind::YesNo => yes_no(form, item, value, state),
        ItemKind::Scale { .. } => scale(form, item, value, state),
        ItemKind::Measured if item.is_judged() => measured(form, item, state),
        ItemKind::Measured => recorded(form, item, state),
        ItemKind::Samples(sampling) => sampled::classes(form, item, sampling, state),
        ItemKind::Snap(snapping) => sampled::moments(form, item, snapping, state),
        _ => {
            let steers = matches!(item.kind, ItemKind::One { .. });
            let open = (steers || item.required) && value.is_blank();
            state.verdict = if open { Verdict::Unanswered } else { Verdict::Unscored };
        }
    }
}

fn takes_na(kind: &ItemKind) -> bool {
    matches!(
        kind,
        ItemKind::YesNo | ItemKind::Scale { .. } | ItemKind::Measured | ItemKind::Samples(_) | ItemKind::Snap(_)
    )
}

fn yes_no(form: &Form<'_, '_>, item: &Item, value: &Value, state: &mut ItemState) {
    if !item.is_judged() {
        let open = item.required && value.is_blank();
        state.verdict = if open { Verdict::Unanswered } else { Verdict::Unscored };
        return;
    }
    let held = all_held(form, item);
    let person = value.as_text().map(|answer| match (answer, item.inverse) {
        ("yes", false) | ("no", true) => Verdict::Pass,
        _ => Verdict::Fail,
    });
    (state.verdict, state.auto) = verdict(person, by_numbers(&held));
    state.points = match state.verdict {
        Verdict::Pass => Some(Fraction::whole(100)),
        Verdict::Fail => Some(Fraction::ZERO),
        Verdict::Unanswered | Verdict::Na | Verdict::Unscored => None,
    };
    show_limits(held, state);
}

/// 4, 3, 2, 1 are worth 100, 80, 60 and 40 points; the best and the worst have to be told.
fn scale(form: &Form<'_, '_>, item: &Item, value: &Value, state: &mut ItemState) {
    let Some(level @ 1..=4) = value.as_text().and_then(|level| level.parse::<i64>().ok()) else {
        return;
    };
    state.verdict = Verdict::Pass;
    state.points = Some(Fraction::whole(20 + 20 * level));
    let told = form.part(item, "note").and_then(Value::as_text).unwrap_or_default();
    if matches!(level, 1 | 4) && told.trim().chars().count() < SHORTEST_EVIDENCE {
        state.missing.push(Missing::Note);
    }
}

/// Numbers that nothing judges: they are there or they are not.
fn recorded(form: &Form<'_, '_>, item: &Item, state: &mut ItemState) {
    state.verdict = if item.required && !answered_all(form, item) {
        Verdict::Unanswered
    } else {
        Verdict::Unscored
    };
    show_limits(all_held(form, item), state);
}

fn measured(form: &Form<'_, '_>, item: &Item, state: &mut ItemState) {
    if !item.grades.is_empty() {
        by_grades(form, item, state);
        return;
    }
    let held = all_held(form, item);
    let groups = by_band(form, item, &held);
    let judged: Vec<i64> = groups.iter().filter_map(|group| *group).collect();
    let open = groups.len() - judged.len();
    let breached = held.iter().flatten().any(Held::is_breach);
    state.verdict = match (judged.is_empty(), breached && item.severity.is_some()) {
        (true, _) if open == 0 && asks_any(form, item) && answered_all(form, item) => Verdict::Unscored,
        (true, _) => Verdict::Unanswered,
        (false, true) => Verdict::Fail,
        (false, false) => Verdict::Pass,
    };
    state.auto = !judged.is_empty();
    state.points = mean(&judged);
    if open > 0 && !judged.is_empty() {
        state.missing.push(Missing::Rest);
    }
    if let Some(far) = &item.far_beyond
        && held.iter().flatten().any(|held| held.is_far_beyond(far))
    {
        state.severity = Some(far.severity);
    }
    show_limits(held, state);
}

/// Points of each school band that is there, or of the whole school where nothing is asked by band: the worst of its checks,
/// nothing as long as one of them has no number. A band without any limit is left out.
fn by_band(form: &Form<'_, '_>, item: &Item, held: &[Option<Held>]) -> Vec<Option<i64>> {
    let bands = form.bands();
    let band_of = |held: &Held| item.input(&held.shown.input).and_then(|input| input.band);
    let mut keys: Vec<Option<&str>> = held.iter().flatten().map(band_of).collect();
    keys.dedup();
    keys.retain(|band| band.is_none_or(|band| bands.contains(&band)));
    let worst = |key: Option<&str>| {
        let checks = held.iter().flatten().filter(|held| band_of(held) == key);
        checks
            .map(Held::points)
            .try_fold(100, |worst, points| Some(points?.min(worst)))
    };
    let mut seen = Vec::new();
    for key in keys {
        if !seen.iter().any(|(known, _)| *known == key) {
            seen.push((key, worst(key)));
        }
    }
    seen.into_iter().map(|(_, points)| points).collect()
}

/// Nothing by school band is asked while the school bands are not known.
fn asks_any(form: &Form<'_, '_>, item: &Item) -> bool {
    let bands = form.bands();
    let is_asked = |band: Option<&'static str>| band.is_none_or(|band| bands.contains(&band));
    item.inputs.iter().any(|input| is_asked(input.band))
}

fn answered_all(form: &Form<'_, '_>, item: &Item) -> bool {
    let bands = form.bands();
    let mut asked = item
        .inputs
        .iter()
        .filter(|input| input.band.is_none_or(|band| bands.contains(&band)));
    asked.all(|input| form.measured(item, &input.suffix).is_some())
}

fn by_grades(form: &Form<'_, '_>, item: &Item, state: &mut ItemState) {
    let number = item.inputs.first().and_then(|input| form.measured(item, &input.suffix));
    let Some(number) = number else { return };
    let fits = |most: &Number| number.exact <= most.exact;
    let points = item.grades.iter().find(|grade| fits(&grade.at_most));
    let points = points.map_or(0, |grade| i64::from(grade.points));
    state.auto = true;
    state.points = Some(Fraction::whole(points));
    state.verdict = if points < 100 && item.severity.is_some() {
        Verdict::Fail
    } else {
        Verdict::Pass
    };
}

fn count_points(item: &Item, state: &mut ItemState) {
    if !matches!(state.verdict, Verdict::Pass | Verdict::Fail) {
        state.points = None;
        return;
    }
    let weight = Fraction::whole(item.weight.into());
    let share = state.points.and_then(|points| points.over(Fraction::whole(100)));
    state.possible = weight;
    state.earned = share.and_then(|share| weight.times(share)).unwrap_or(Fraction::ZERO);
}

fn all_held(form: &Form<'_, '_>, item: &Item) -> Vec<Option<Held>> {
    let bands = form.bands();
    let checks = item.rule.as_ref().map_or(&[][..], |rule| &rule.checks);
    let asked = checks.iter().filter(|check| {
        let band = item.input(&check.input).and_then(|input| input.band);
        band.is_none_or(|band| bands.contains(&band))
    });
    asked.map(|check| limits::held(form, item, check)).collect()
}

fn show_limits(held: Vec<Option<Held>>, state: &mut ItemState) {
    state.limits = held.into_iter().flatten().map(|held| held.shown).collect();
    state.threshold = limits::deciding(&state.limits);
}

/// What the numbers alone say. Advice never decides, and a number is enough only when every limit that could be broken
/// is known to be kept.
fn by_numbers(held: &[Option<Held>]) -> Option<Verdict> {
    let shown = |held: &Option<Held>| held.as_ref().map(|held| held.shown.clone());
    let limits: Vec<Option<Limit>> = held.iter().map(shown).collect();
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

/// The words that the verdict asks for, and the number where it is the judgement.
fn wanted_words(form: &Form<'_, '_>, item: &Item, state: &ItemState) -> Vec<Missing> {
    const PROOF: [(&str, Missing); 3] = [
        ("note", Missing::Note),
        ("place", Missing::Place),
        ("told", Missing::Told),
    ];
    let noted = item.note_if.as_ref().is_some_and(|condition| condition.holds(form));
    let reasons_lie_with_the_moments = matches!(item.kind, ItemKind::Snap(_));
    let wanted: &[(&str, Missing)] = match (state.verdict, item.evidence) {
        (Verdict::Na, _) if reasons_lie_with_the_moments && form.is_blank_answer(item) => &[],
        (Verdict::Na, _) => &[("na", Missing::NaReason)],
        (Verdict::Fail, Evidence::Proof) => &PROOF,
        (Verdict::Fail, Evidence::Note) => &PROOF[..1],
        _ if noted => &PROOF[..1],
        _ => &[],
    };
    let blank = wanted.iter().filter(|(suffix, _)| form.is_blank(item, suffix));
    let mut missing: Vec<Missing> = blank.map(|(_, missing)| *missing).collect();
    if item
        .rule
        .as_ref()
        .is_some_and(|rule| wants_number(form, item, rule, state))
    {
        missing.push(Missing::Number);
    }
    missing
}

fn wants_number(form: &Form<'_, '_>, item: &Item, rule: &Rule, state: &ItemState) -> bool {
    let mut checks = rule.checks.iter();
    rule.number_judges
        && state.verdict == Verdict::Pass
        && checks.any(|check| form.measured(item, &check.input).is_none())
}

/// The mean of points; nothing of none.
pub fn mean(points: &[i64]) -> Option<Fraction> {
    let sum: i64 = points.iter().sum();
    Fraction::of(sum.into(), i128::try_from(points.len()).ok()?)
}

/// The graver grade, when any of the samples is that bad.
pub fn graver(found: impl Iterator<Item = bool>, grade: Severity) -> Option<Severity> {
    found.into_iter().any(|far| far).then_some(grade)
}
