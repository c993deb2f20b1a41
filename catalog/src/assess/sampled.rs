//! Items that are answered by several classes or at several moments: medians, shares and what they are worth.

use crate::{
    assess::{
        ItemState, Limit, Missing, Sample, Verdict,
        form::Form,
        item::graver,
        limits::{self, deciding},
    },
    checklist::{Item, SCHOOL_BANDS, SampleOf, Sampling, Snapping},
    fraction::{Fraction, Tenths},
    threshold::{Level, Number, Op, ThresholdRule},
    value::Value,
};

/// What one class said.
struct Class {
    id: String,
    band: &'static str,
    name: String,
    answers: Vec<Fraction>,
}

/// Classes of a sampled item (`domain.md` §8.3): the median of each is held against the limit of its school band; the item is
/// worth the mean of its bands, and a band the mean of its classes.
pub fn classes(form: &Form<'_, '_>, item: &Item, sampling: &Sampling, state: &mut ItemState) {
    let classes: Vec<Class> = form
        .parts(item, "sample")
        .filter_map(|(id, value)| class(sampling.of, id, value))
        .collect();
    let rule = sampling.threshold.as_ref().and_then(|code| form.rule(code));
    let judged: Vec<Judged> = classes
        .iter()
        .map(|class| judged(form, sampling, rule, class))
        .collect();
    let points = mean_of_bands(&judged);
    let answered = judged.iter().any(|judged| judged.sample.count > 0);
    let breached = judged.iter().any(|judged| judged.breach);
    state.verdict = match (points, answered) {
        (Some(_), _) if breached && item.severity.is_some() => Verdict::Fail,
        (Some(_), _) => Verdict::Pass,
        (None, true) => Verdict::Unscored,
        (None, false) => Verdict::Unanswered,
    };
    state.auto = points.is_some();
    state.points = points;
    if let Some(far) = &item.far_beyond {
        let far_off = |judged: &Judged| {
            let held = judged.median.zip(judged.limit.as_ref());
            judged.breach
                && held.is_some_and(|(median, (op, limit))| limits::is_far_beyond(far, *op, median, limit.exact))
        };
        state.severity = graver(judged.iter().map(far_off), far.severity);
    }
    if answered && too_few(form, sampling, rule, &judged) {
        state.missing.push(Missing::Rest);
    }
    state.limits = shown_limits(&judged, rule);
    state.threshold = deciding(&state.limits);
    state.samples = judged.into_iter().map(|judged| judged.sample).collect();
}

/// Reads `[school band, class, answer, …]`. What cannot be an answer is left out; nothing at all is a class that was taken away.
fn class(of: SampleOf, id: &str, value: &Value) -> Option<Class> {
    let Value::List(parts) = value else { return None };
    let band = parts.first()?.as_text()?;
    let band = SCHOOL_BANDS.into_iter().find(|known| *known == band)?;
    let answer = |value: &Value| match of {
        SampleOf::YesNo => match value.as_text()? {
            "yes" => Some(Fraction::whole(1)),
            "no" => Some(Fraction::ZERO),
            _ => None,
        },
        SampleOf::Minutes | SampleOf::Decimal => {
            let number = value.as_number().filter(|number| !number.is_negative())?;
            (of == SampleOf::Decimal || number.is_whole()).then_some(number)
        }
    };
    Some(Class {
        id: id.to_owned(),
        band,
        name: parts.get(1)?.as_text()?.to_owned(),
        answers: parts.iter().skip(2).filter_map(answer).collect(),
    })
}

struct Judged {
    sample: Sample,
    median: Option<Fraction>,
    limit: Option<(Op, Number)>,
    breach: bool,
}

fn judged(form: &Form<'_, '_>, sampling: &Sampling, rule: Option<&ThresholdRule>, class: &Class) -> Judged {
    let asked = median(&class.answers);
    let (points, ok, limit, advice) = match sampling.of {
        SampleOf::YesNo => {
            let share = asked.and_then(|share| share.times(Fraction::whole(100)));
            (share, asked.map(|share| share == Fraction::whole(1)), None, false)
        }
        SampleOf::Minutes | SampleOf::Decimal => {
            let limit = rule.and_then(|rule| Some((rule.op, rule.limit(form.answers, &[class.band])?)));
            let advice = rule.is_some_and(|rule| rule.level == Level::Warn);
            let held = asked.zip(limit.as_ref());
            let ok = held.map(|(median, (op, limit))| op.holds(median, limit.exact));
            let worth = |(median, (op, limit)): (Fraction, &(Op, Number))| limits::grade(*op, median, limit.exact);
            let points = held.map(|held| if advice { worth(held).max(50) } else { worth(held) });
            (points.map(Fraction::whole), ok, limit, advice)
        }
    };
    Judged {
        sample: Sample {
            id: class.id.clone(),
            band: class.band.to_owned(),
            name: class.name.clone(),
            count: u32::try_from(class.answers.len()).unwrap_or(u32::MAX),
            value: asked
                .filter(|_| sampling.of != SampleOf::YesNo)
                .and_then(Tenths::half_up),
            limit: limit.as_ref().map(|(_, limit)| limit.text.clone()),
            ok,
            points,
        },
        median: asked,
        breach: ok == Some(false) && !advice,
        limit,
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(answers: &[Fraction]) -> Option<Fraction> {
    let mut sorted = answers.to_vec();
    sorted.sort_unstable();
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted.get(half).copied(),
        _ => sorted
            .get(half)?
            .plus(*sorted.get(half.checked_sub(1)?)?)?
            .over(Fraction::whole(2)),
    }
}

fn mean_of_bands(judged: &[Judged]) -> Option<Fraction> {
    let of_band = |band: &str| {
        let points = judged.iter().filter(|judged| judged.sample.band == band);
        mean(points.filter_map(|judged| judged.sample.points))
    };
    mean(SCHOOL_BANDS.into_iter().filter_map(of_band))
}

fn mean(numbers: impl Iterator<Item = Fraction>) -> Option<Fraction> {
    let mut sum = Fraction::ZERO;
    let mut count = 0;
    for number in numbers {
        sum = sum.plus(number)?;
        count += 1;
    }
    sum.over(Fraction::whole(count))
}

/// Whether a school band that has a limit lacks classes, or a class that was asked lacks pupils. A class that was drawn and not
/// visited lacks nothing as long as there are enough others.
fn too_few(form: &Form<'_, '_>, sampling: &Sampling, rule: Option<&ThresholdRule>, judged: &[Judged]) -> bool {
    let is_limited = |band: &str| {
        sampling.threshold.is_none() || rule.is_some_and(|rule| rule.limit(form.answers, &[band]).is_some())
    };
    let asked = || judged.iter().filter(|judged| judged.sample.count > 0);
    let classes_of = |band: &str| asked().filter(|judged| judged.sample.band == band).count();
    let fewest = usize::try_from(sampling.classes).unwrap_or(usize::MAX);
    let pupils = sampling.pupils.max(1);
    let lacks_classes = |band: &&str| is_limited(band) && classes_of(band) < fewest;
    form.bands().iter().any(lacks_classes)
        || asked().any(|judged| is_limited(&judged.sample.band) && judged.sample.count < pupils)
}

/// One line for each school band that was asked: broken as soon as one class breaks it.
fn shown_limits(judged: &[Judged], rule: Option<&ThresholdRule>) -> Vec<Limit> {
    let Some(rule) = rule else { return Vec::new() };
    let of_band = |band: &str| {
        let mut classes = judged.iter().filter(|judged| judged.sample.band == band).peekable();
        let limit = classes.peek()?.limit.as_ref()?.1.text.clone();
        let stands: Vec<bool> = classes.filter_map(|judged| judged.sample.ok).collect();
        Some(Limit {
            input: format!("sample/{band}"),
            limit,
            unit: rule.unit.clone(),
            op: rule.op,
            ok: (!stands.is_empty()).then(|| stands.iter().all(|kept| *kept)),
            advice: rule.level == Level::Warn,
            basis: rule.basis.clone(),
        })
    };
    SCHOOL_BANDS.into_iter().filter_map(of_band).collect()
}

/// What was seen at set minutes (`domain.md` LO-B1): half for activity, half for pupils on task.
pub fn moments(form: &Form<'_, '_>, item: &Item, snapping: &Snapping, state: &mut ItemState) {
    let mut settled = 0;
    let mut taken: Vec<(u32, Seen)> = Vec::new();
    for minute in &snapping.at {
        match form
            .part(item, &format!("snap/{minute}"))
            .and_then(|value| moment(value, *minute, snapping))
        {
            Some(Moment::Taken(seen)) => taken.push((*minute, seen)),
            Some(Moment::Missed) => {}
            None => continue,
        }
        settled += 1;
    }
    let all_settled = settled == snapping.at.len();
    let enough = taken.len() >= usize::try_from(snapping.fewest).unwrap_or(usize::MAX);
    state.verdict = match (enough, all_settled) {
        (true, _) => Verdict::Pass,
        (false, true) => Verdict::Na,
        (false, false) => Verdict::Unanswered,
    };
    let on_task = mean(taken.iter().map(|(_, seen)| seen.on_task));
    let active = mean(taken.iter().map(|(_, seen)| Fraction::whole(i64::from(seen.active))));
    state.points = on_task
        .zip(active)
        .and_then(|(on_task, active)| on_task.plus(active)?.times(Fraction::whole(50)))
        .filter(|_| enough);
    let percent = |share: Fraction| share.times(Fraction::whole(100)).and_then(Tenths::half_up);
    state.measure = on_task.and_then(percent);
    if !all_settled && settled > 0 {
        state.missing.push(Missing::Rest);
    }
    state.samples = taken
        .iter()
        .map(|(minute, seen)| Sample {
            id: minute.to_string(),
            band: String::new(),
            name: String::new(),
            count: seen.present,
            value: percent(seen.on_task),
            limit: None,
            ok: Some(seen.active),
            points: None,
        })
        .collect();
}

struct Seen {
    active: bool,
    on_task: Fraction,
    present: u32,
}

enum Moment {
    Taken(Seen),
    /// Not taken, with the reason.
    Missed,
}

/// Reads `["yes" | "no", present, off task, minute]` or `["missed", reason]`. One that was taken outside its window is nothing.
fn moment(value: &Value, minute: u32, snapping: &Snapping) -> Option<Moment> {
    let Value::List(parts) = value else { return None };
    let count = |at: usize| {
        let number = parts.get(at)?.as_number()?;
        let (count, den) = number.parts();
        (den == 1).then(|| u32::try_from(count).ok())?
    };
    let active = match parts.first()?.as_text()? {
        "missed" => return parts.get(1).filter(|reason| !reason.is_blank()).map(|_| Moment::Missed),
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    let (present, off, taken) = (count(1)?, count(2)?, count(3)?);
    let in_window = taken.saturating_add(snapping.before) >= minute && taken <= minute.saturating_add(snapping.after);
    if present == 0 || off > present || !in_window {
        return None;
    }
    Some(Moment::Taken(Seen {
        active,
        on_task: Fraction::of((present - off).into(), present.into())?,
        present,
    }))
}

/// The exact median over all classes of an item, and the exact percent on task over its moments, for flags.
pub fn measure(form: &Form<'_, '_>, code: &str) -> Option<Fraction> {
    use crate::checklist::ItemKind;
    let item = form.checklist.item(code)?;
    form.shown(item)?;
    match &item.kind {
        ItemKind::Samples(sampling) => {
            let classes = form.parts(item, "sample");
            let medians = classes.filter_map(|(id, value)| median(&class(sampling.of, id, value)?.answers));
            median(&medians.collect::<Vec<_>>())
        }
        ItemKind::Snap(snapping) => {
            let seen = snapping.at.iter().filter_map(|minute| {
                match moment(form.part(item, &format!("snap/{minute}"))?, *minute, snapping)? {
                    Moment::Taken(seen) => Some(seen.on_task),
                    Moment::Missed => None,
                }
            });
            mean(seen)?.times(Fraction::whole(100))
        }
        _ => None,
    }
}
