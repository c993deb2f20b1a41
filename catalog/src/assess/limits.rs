//! Numbers against their limits: which limit holds, whether it is kept, and what a breach is worth (`domain.md` §8.0).

use crate::{
    assess::{Limit, ThresholdVerdict, form::Form},
    checklist::{Against, Check, FarBeyond, InputKind, Item},
    date::Day,
    fraction::Fraction,
    text::Text,
    threshold::{Level, Number, Op},
    value::Value,
};

/// What one check asks for and how the number stands.
pub struct Held {
    pub shown: Limit,
    pub limit: Number,
    pub measured: Option<Number>,
    pub kind: InputKind,
}

/// What one check asks for, as far as it is known.
pub fn held(form: &Form<'_, '_>, item: &Item, check: &Check) -> Option<Held> {
    let measured = form.measured(item, &check.input);
    let input = item.input(&check.input)?;
    let own = Text::default();
    let (op, limit, unit, advice, basis) = match &check.against {
        Against::Fixed { op, limit } => (*op, limit.clone(), &input.unit, false, &own),
        Against::Input { op, other, .. } => (*op, form.measured(item, other)?, &input.unit, false, &own),
        Against::Threshold { code } => {
            let rule = form.rule(code)?;
            let bands = input.band.map_or_else(|| form.bands(), |band| vec![band]);
            let limit = rule.limit(form.answers, &bands)?;
            (rule.op, limit, &rule.unit, rule.level == Level::Warn, &rule.basis)
        }
    };
    let kept = |number: &Number| op.holds(number.exact, limit.exact) || is_planned(form, item, check);
    Some(Held {
        shown: Limit {
            input: check.input.clone(),
            limit: limit.text.clone(),
            unit: unit.clone(),
            op,
            ok: measured.as_ref().map(kept),
            advice,
            basis: basis.clone(),
        },
        limit,
        measured,
        kind: input.kind,
    })
}

/// Whether a dated plan excuses the shortfall. A plan for a day before the visit has already failed.
fn is_planned(form: &Form<'_, '_>, item: &Item, check: &Check) -> bool {
    let Against::Input {
        unless_planned: Some(suffix),
        ..
    } = &check.against
    else {
        return false;
    };
    let planned = form.part(item, suffix).and_then(Value::as_text).and_then(Day::parse);
    planned.is_some_and(|day| form.on.is_none_or(|on| day >= on))
}

impl Held {
    /// Points of 100; nothing as long as there is no number. Advice takes half of them at most and is never a breach.
    pub fn points(&self) -> Option<i64> {
        let measured = self.measured.as_ref()?;
        Some(match (self.shown.ok?, self.shown.advice) {
            (true, _) => 100,
            (false, true) => 50,
            (false, false) if self.kind == InputKind::Time => grade_of_time(measured.exact, self.limit.exact),
            (false, false) => grade(self.shown.op, measured.exact, self.limit.exact),
        })
    }

    pub fn is_breach(&self) -> bool {
        self.shown.ok == Some(false) && !self.shown.advice
    }

    pub fn is_far_beyond(&self, far: &FarBeyond) -> bool {
        let measured = self.measured.as_ref();
        self.is_breach()
            && measured.is_some_and(|number| is_far_beyond(far, self.shown.op, number.exact, self.limit.exact))
    }
}

/// Half the points up to 20 % of the limit beyond it, none further off; a limit of 0 is strict.
pub fn grade(op: Op, measured: Fraction, limit: Fraction) -> i64 {
    let tolerated = match op {
        Op::AtMost => limit.times(Fraction::of(6, 5).unwrap_or(Fraction::ZERO)),
        Op::AtLeast => limit.times(Fraction::of(4, 5).unwrap_or(Fraction::ZERO)),
    };
    match tolerated {
        _ if op.holds(measured, limit) => 100,
        Some(tolerated) if op.holds(measured, tolerated) => 50,
        _ => 0,
    }
}

/// Half the points up to ten minutes off.
fn grade_of_time(measured: Fraction, limit: Fraction) -> i64 {
    let off = limit
        .times(Fraction::whole(-1))
        .and_then(|negative| measured.plus(negative));
    let near = off.is_some_and(|off| off <= Fraction::whole(10) && off >= Fraction::whole(-10));
    if near { 50 } else { 0 }
}

/// Whether it is so far beyond that the finding is graver: more than `percent` of an upper limit, or short of a lower one by
/// as much.
pub fn is_far_beyond(far: &FarBeyond, op: Op, measured: Fraction, limit: Fraction) -> bool {
    let percent = i64::from(far.percent);
    let bound = |percent: i64| Fraction::of(percent.into(), 100).and_then(|share| limit.times(share));
    match op {
        Op::AtMost => bound(percent).is_some_and(|bound| measured > bound),
        Op::AtLeast => bound(200 - percent).is_some_and(|bound| measured < bound),
    }
}

/// The limit that decided: a broken one before a kept one, a breach before advice.
pub fn deciding(limits: &[Limit]) -> Option<ThresholdVerdict> {
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
