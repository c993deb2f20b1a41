//! From judged items to sections, score, band, caps, red lines and flags (`domain.md` §8.0).

use crate::{
    assess::{Assessment, Cap, ENGINE, ItemState, Missing, SectionState, Verdict, form::Form, sampled},
    checklist::Checklist,
    expression::Meanings,
    fraction::{Fraction, Tenths},
    value::Value,
};

/// Above this share of the total weight not seen or not applicable, the form is not rated.
const UNSEEN_LIMIT_PERCENT: i64 = 40;

pub fn assessment(form: &Form<'_, '_>, items: Vec<ItemState>) -> Assessment {
    let checklist = form.checklist;
    let sections = section_states(checklist, &items);
    let exact = total(&sections);
    let score = exact.and_then(Tenths::half_up);
    let by_score = score.and_then(|score| checklist.bands.iter().position(|band| score.0 >= band.from_tenths));
    let caps = by_score.map_or_else(Vec::new, |band| caps(checklist, &items, band));
    let provisional_band = by_score.map(|band| caps.iter().map(|cap| cap.band).fold(band, usize::max));
    let results = Results {
        form,
        sections: &sections,
        total: exact,
        rated: score.is_some() && enough_seen(&sections),
    };
    let barred = checklist.unrated.as_ref().is_some_and(|bar| bar.when.holds(&results));
    let rated = results.rated && !barred;
    let results = Results { rated, ..results };
    let flags = checklist.flags.iter().enumerate();
    let flags = flags
        .filter(|(_, flag)| flag.when.holds(&results))
        .map(|(at, _)| at)
        .collect();
    Assessment {
        engine: ENGINE,
        score,
        band: provisional_band.filter(|_| rated),
        provisional_band,
        rated,
        barred,
        partial: form.scope().is_some(),
        complete: items.iter().all(is_done),
        caps,
        flags,
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

/// What expressions over the whole form may ask.
struct Results<'a> {
    form: &'a Form<'a, 'a>,
    sections: &'a [SectionState],
    total: Option<Fraction>,
    rated: bool,
}

impl Meanings for Results<'_> {
    fn value(&self, name: &str) -> Value {
        self.form.value(name)
    }

    fn number(&self, item: &str, suffix: &str) -> Option<Fraction> {
        self.form.number(item, suffix)
    }

    fn limit(&self, code: &str) -> Option<Fraction> {
        self.form.limit(code)
    }

    fn median(&self, item: &str) -> Option<Fraction> {
        sampled::measure(self.form, item)
    }

    fn on_task(&self, item: &str) -> Option<Fraction> {
        sampled::measure(self.form, item)
    }

    fn score(&self, section: Option<&str>) -> Option<Fraction> {
        let Some(code) = section else { return self.total };
        let section = self.sections.iter().find(|section| section.code == code)?;
        section.earned.times(Fraction::whole(100))?.over(section.possible)
    }

    fn rated(&self) -> bool {
        self.rated
    }
}

fn is_done(item: &ItemState) -> bool {
    !item.visible
        || (item.verdict != Verdict::Unanswered && item.missing.iter().all(|wanted| *wanted == Missing::Number))
}

/// Σ(section weight × section score) / Σ(section weight), over the sections where something was judged.
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
    let failed = || items.iter().filter(|item| item.verdict == Verdict::Fail);
    let crosses = |state: &ItemState| checklist.item(&state.code).is_some_and(|item| item.red_line);
    let crossed = failed().filter(|state| crosses(state)).count();
    let by_red_lines = crossed
        .checked_sub(1)
        .and_then(|at| checklist.red_lines.get(at).or(checklist.red_lines.last()))
        .copied();
    let capped = failed().filter_map(|state| {
        let item = checklist.item(&state.code)?;
        let by_severity = state
            .severity
            .and_then(|severity| checklist.caps.get(&severity).copied());
        let by_red_line = by_red_lines.filter(|_| item.red_line);
        let band = [by_severity, item.cap, by_red_line].into_iter().flatten().max()?;
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
        let wanted = || shown.iter().filter(|item| item.wanted);
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
            answered: count(wanted().filter(|item| item.verdict != Verdict::Unanswered)),
            applicable: count(wanted()),
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
