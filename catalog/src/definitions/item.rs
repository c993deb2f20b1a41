//! From a written item to a checked one.

use crate::{
    checklist::{
        Against, Band, Check, Choice, Evidence, FarBeyond, Grade, Input, Item, ItemKind, Rule, SCHOOL_BANDS, SampleOf,
        Sampling, Snapping,
    },
    severity::Severity,
    text::Text,
    threshold::Op,
};

use super::{
    Checked, MAX_WEIGHT, all, band_index, both_languages, check_code, check_matter, check_options, check_unique,
    in_both_or_neither, neutral_basis, number, optional_condition,
    written::{WrittenCheck, WrittenGrade, WrittenInput, WrittenItem, WrittenItemKind},
    wrong,
};

pub fn item_of(
    checklist: &str,
    title: &Text,
    section_matter: &str,
    bands: &[Band],
    mut written: WrittenItem,
) -> Checked<Item> {
    let place = format!("{checklist} {}", written.code);
    check_code(&place, &written.code)?;
    both_languages(&place, "title", &written.title)?;
    in_both_or_neither(&place, "help", &written.help)?;
    let basis = written
        .basis
        .take()
        .unwrap_or_else(|| neutral_basis(title, &written.code));
    both_languages(&place, "basis", &basis)?;
    if let Some(why) = &written.why_shown {
        both_languages(&place, "why_shown", why)?;
    }
    let matter = written.matter.take().unwrap_or_else(|| section_matter.to_owned());
    check_options(&place, &written.options)?;
    let kind = item_kind(&place, &mut written)?;
    check_worth(&place, &kind, &written, &matter)?;
    let inputs = inputs_of(&place, std::mem::take(&mut written.inputs))?;
    let rule = rule_of(&place, &written, &inputs)?;
    let grades = all(written.grades.iter().map(|grade| grade_of(&place, grade)))?;
    if matches!(kind, ItemKind::Measured) {
        check_measured(&place, &written, &inputs, rule.as_ref(), &grades)?;
    }
    let needs_proof = written.severity.is_some_and(Severity::needs_proof) && matches!(kind, ItemKind::YesNo);
    let by_severity = if needs_proof {
        Evidence::Proof
    } else {
        Evidence::Nothing
    };
    let cap = written
        .cap
        .as_ref()
        .map(|code| band_index(&place, "cap", code, bands))
        .transpose()?;
    Ok(Item {
        show_if: optional_condition(&place, "show_if", written.show_if)?,
        note_if: optional_condition(&place, "note_if", written.note_if)?,
        code: written.code,
        title: written.title,
        help: written.help,
        kind,
        weight: written.weight,
        severity: written.severity,
        matter,
        basis,
        why_shown: written.why_shown,
        inputs,
        rule,
        default_fact: written.default_fact,
        inverse: written.inverse,
        required: written.required,
        red_line: written.red_line,
        cap,
        evidence: written.evidence.unwrap_or(by_severity),
        far_beyond: written.far_beyond.map(|far| FarBeyond {
            percent: far.percent,
            severity: far.severity,
        }),
        grades,
    })
}

fn item_kind(place: &str, written: &mut WrittenItem) -> Checked<ItemKind> {
    let options = std::mem::take(&mut written.options);
    Ok(match written.kind {
        WrittenItemKind::YesNo => ItemKind::YesNo,
        WrittenItemKind::Scale => ItemKind::Scale {
            levels: levels_of(place, std::mem::take(&mut written.levels))?,
        },
        WrittenItemKind::Measured => ItemKind::Measured,
        WrittenItemKind::Samples => ItemKind::Samples(sampling_of(place, written.sampling.take())?),
        WrittenItemKind::Snap => ItemKind::Snap(snapping_of(place, written.snapping.take())?),
        WrittenItemKind::One if options.is_empty() => return wrong(place, "kind one needs options"),
        WrittenItemKind::One => ItemKind::One { options },
        WrittenItemKind::Many if options.is_empty() && !written.from_failed => {
            return wrong(place, "kind many needs options, or from_failed = true");
        }
        WrittenItemKind::Many => ItemKind::Many {
            options,
            from_failed: written.from_failed,
        },
        WrittenItemKind::Text => ItemKind::Text,
        WrittenItemKind::Notes => ItemKind::Notes,
        WrittenItemKind::Photo => ItemKind::Photo,
        WrittenItemKind::Sign => ItemKind::Sign,
        WrittenItemKind::Info => ItemKind::Info,
    })
}

fn levels_of(place: &str, levels: Vec<Text>) -> Checked<Vec<Choice>> {
    if levels.len() != 4 {
        return wrong(
            place,
            format!("levels has {} entries: describe all four, the best first", levels.len()),
        );
    }
    for level in &levels {
        both_languages(place, "levels", level)?;
    }
    let codes = ["4", "3", "2", "1"].into_iter().map(str::to_owned);
    Ok(codes.zip(levels).map(|(code, label)| Choice { code, label }).collect())
}

fn sampling_of(place: &str, sampling: Option<Sampling>) -> Checked<Sampling> {
    let Some(sampling) = sampling else {
        return wrong(place, "kind samples needs sampling");
    };
    in_both_or_neither(place, "sampling: unit", &sampling.unit)?;
    match (sampling.of, &sampling.threshold) {
        (SampleOf::YesNo, Some(_)) => wrong(place, "sampling of yes_no takes no threshold: leave it out"),
        (SampleOf::Minutes | SampleOf::Decimal, None) => {
            wrong(place, "sampling needs a threshold to hold the medians against")
        }
        _ if sampling.advised < sampling.classes => wrong(place, "sampling advises fewer classes than it asks for"),
        _ => Ok(sampling),
    }
}

fn snapping_of(place: &str, snapping: Option<Snapping>) -> Checked<Snapping> {
    let Some(snapping) = snapping else {
        return wrong(place, "kind snap needs snapping");
    };
    let apart = |pair: &[u32]| pair[0].saturating_add(snapping.after) < pair[1].saturating_sub(snapping.before);
    let fits =
        snapping.at.windows(2).all(apart) && usize::try_from(snapping.fewest).is_ok_and(|n| n <= snapping.at.len());
    if snapping.at.is_empty() || !fits {
        return wrong(
            place,
            "snapping: at must rise, with windows that do not touch, and fewest cannot be more than there are",
        );
    }
    Ok(snapping)
}

/// Points, findings and red lines belong to kinds that can be good or bad.
fn check_worth(place: &str, kind: &ItemKind, written: &WrittenItem, matter: &str) -> Checked<()> {
    let (may_score, may_fail) = match kind {
        ItemKind::YesNo | ItemKind::Measured | ItemKind::Samples(_) => (true, true),
        ItemKind::Scale { .. } | ItemKind::Snap(_) => (true, false),
        _ => (false, false),
    };
    let must_score = matches!(kind, ItemKind::Scale { .. } | ItemKind::Snap(_) | ItemKind::Samples(_));
    if written.weight > MAX_WEIGHT || (written.weight > 0 && !may_score) || (written.weight == 0 && must_score) {
        return wrong(
            place,
            format!("weight {} does not fit this kind of item", written.weight),
        );
    }
    if written.severity.is_some() && !may_fail {
        return wrong(
            place,
            "severity is only for kinds that make findings: yes_no, measured, samples",
        );
    }
    if matches!(kind, ItemKind::YesNo) && written.weight > 0 && written.severity.is_none() {
        return wrong(
            place,
            "a yes/no item with a weight needs a severity for the finding that a bad answer makes",
        );
    }
    if written.severity.is_none() && (written.red_line || written.cap.is_some() || written.far_beyond.is_some()) {
        return wrong(place, "red_line, cap and far_beyond need a severity");
    }
    if written.inverse && !matches!(kind, ItemKind::YesNo) {
        return wrong(place, "inverse is only for yes/no items");
    }
    if written
        .far_beyond
        .as_ref()
        .is_some_and(|far| !(101..=199).contains(&far.percent))
    {
        return wrong(place, "far_beyond: percent must lie between 101 and 199");
    }
    if written.weight > 0 || written.severity.is_some() {
        check_matter(place, matter)?;
    }
    Ok(())
}

fn check_measured(
    place: &str,
    written: &WrittenItem,
    inputs: &[Input],
    rule: Option<&Rule>,
    grades: &[Grade],
) -> Checked<()> {
    if inputs.is_empty() {
        return wrong(place, "kind measured needs inputs");
    }
    let judged = written.weight > 0 || written.severity.is_some();
    if judged == (rule.is_none() && grades.is_empty()) {
        return wrong(
            place,
            "a measured item is judged by checks or by grades exactly when it has a weight or a severity",
        );
    }
    if rule.is_some() && !grades.is_empty() {
        return wrong(place, "checks and grades exclude each other: keep one");
    }
    let rising = |pair: &[Grade]| pair[0].at_most.exact < pair[1].at_most.exact && pair[0].points > pair[1].points;
    if !grades.windows(2).all(rising) {
        return wrong(place, "grades: at_most must rise and points fall");
    }
    Ok(())
}

fn grade_of(place: &str, written: &WrittenGrade) -> Checked<Grade> {
    if written.points > 100 {
        return wrong(place, "grades: points are of 100");
    }
    Ok(Grade {
        at_most: number(place, &written.at_most)?,
        points: written.points,
    })
}

/// An input that is asked by school band becomes one for each band.
fn inputs_of(place: &str, written: Vec<WrittenInput>) -> Checked<Vec<Input>> {
    for input in &written {
        both_languages(place, "inputs: label", &input.label)?;
        in_both_or_neither(place, "inputs: unit", &input.unit)?;
        if !["n", "n2", "date"].contains(&input.suffix.as_str()) {
            return wrong(
                place,
                format!("inputs: suffix {:?} is unknown: use n, n2 or date", input.suffix),
            );
        }
    }
    check_unique(place, written.iter().map(|input| input.suffix.clone()))?;
    let by_band = |input: &WrittenInput, band: Option<&'static str>| Input {
        suffix: band.map_or_else(|| input.suffix.clone(), |band| format!("{}/{band}", input.suffix)),
        label: input.label.clone(),
        kind: input.kind,
        unit: input.unit.clone(),
        band,
    };
    let mut inputs = Vec::new();
    if written.iter().any(|input| input.by_band) {
        for band in SCHOOL_BANDS {
            inputs.extend(
                written
                    .iter()
                    .filter(|input| input.by_band)
                    .map(|input| by_band(input, Some(band))),
            );
        }
    }
    inputs.extend(
        written
            .iter()
            .filter(|input| !input.by_band)
            .map(|input| by_band(input, None)),
    );
    Ok(inputs)
}

fn rule_of(place: &str, written: &WrittenItem, inputs: &[Input]) -> Checked<Option<Rule>> {
    let mut checks = Vec::new();
    for check in &written.checks {
        let of_input = inputs.iter().filter(|input| family(&input.suffix) == check.input);
        let suffixes: Vec<&Input> = of_input.collect();
        if suffixes.is_empty() {
            return wrong(place, "checks name an input that the item does not have");
        }
        for input in suffixes {
            checks.push(Check {
                input: input.suffix.clone(),
                against: against(place, check, inputs)?,
            });
        }
    }
    Ok((!checks.is_empty()).then_some(Rule {
        checks,
        number_judges: written.number_judges,
    }))
}

/// The suffix as it is written: "n" of "n/P12".
fn family(suffix: &str) -> &str {
    suffix.split('/').next().unwrap_or(suffix)
}

fn against(place: &str, written: &WrittenCheck, inputs: &[Input]) -> Checked<Against> {
    let known = |suffix: &String| inputs.iter().any(|input| input.suffix == *suffix);
    let fixed = |op: Op, limit: &Option<String>| -> Checked<Option<Against>> {
        let Some(text) = limit else { return Ok(None) };
        let limit = number(place, text)?;
        Ok(Some(Against::Fixed { op, limit }))
    };
    let input = |op: Op, other: &Option<String>| {
        other.clone().map(|other| Against::Input {
            op,
            other,
            unless_planned: written.unless_planned.clone(),
        })
    };
    let mut given = [
        written.threshold.clone().map(|code| Against::Threshold { code }),
        fixed(Op::AtLeast, &written.at_least)?,
        fixed(Op::AtMost, &written.at_most)?,
        input(Op::AtLeast, &written.at_least_input),
        input(Op::AtMost, &written.at_most_input),
    ]
    .into_iter()
    .flatten();
    let (Some(against), None) = (given.next(), given.next()) else {
        return wrong(place, "checks: each needs exactly one limit");
    };
    let mentioned = match &against {
        Against::Input {
            other, unless_planned, ..
        } => Some(other).into_iter().chain(unless_planned).all(known),
        Against::Threshold { .. } | Against::Fixed { .. } => true,
    };
    if !mentioned {
        return wrong(place, "checks name an input that the item does not have");
    }
    Ok(against)
}
