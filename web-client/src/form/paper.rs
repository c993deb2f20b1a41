//! What was filled in, in words for reading: the record page and the printed sheet say it alike.

use catalog::{Item, ItemState, Verdict};
use sync_protocol::{RecordView, Value};

use super::lesson::snap_words;
use super::said::{plain_words, sample_words, value_words};
use super::values::to_catalog;
use crate::components::option_word;
use crate::i18n::{join_dots, say, t, t_args};

/// The answer of an item in words; for numbers, classes and moments what they come to.
pub fn answer_words(record: &RecordView, item: &Item, state: &ItemState) -> String {
    let field = record.field(&item.code);
    match (&item.kind, field.value()) {
        (catalog::ItemKind::Samples(_), None) => classes_words(state),
        (catalog::ItemKind::Snap(_), None) => state
            .measure
            .map_or_else(|| t("answer.none"), |n| t_args("lesson.on_task", &[("n", &n)])),
        (catalog::ItemKind::YesNo, _) if state.auto && state.verdict == Verdict::Pass => t("answer.yes"),
        (catalog::ItemKind::YesNo, _) if state.auto && state.verdict == Verdict::Fail => t("answer.no"),
        (catalog::ItemKind::Measured | catalog::ItemKind::Notes, None) => String::new(),
        (_, Some(value)) => value_words(item, value),
        (_, None) => t("answer.none"),
    }
}

/// How long the filling took: from the first answer to the last, by the devices' clocks. Nothing below two answers.
pub fn duration_words(record: &RecordView) -> Option<String> {
    let answers = record.fields().filter(|(path, _)| {
        let first = path.split('/').next().unwrap_or(path);
        !path.starts_with('@') && !["visit", "template", "version", "on", "fact", "scope"].contains(&first)
    });
    let times: Vec<i64> = answers
        .flat_map(|(_, field)| field.siblings.iter().map(|said| said.at).collect::<Vec<_>>())
        .collect();
    let (first, last) = (times.iter().min()?, times.iter().max()?);
    let minutes = (last - first) / 60_000;
    (minutes > 0).then(|| t_args("record.duration", &[("n", &minutes)]))
}

/// "3 个班，1 个不达标", or that none was asked yet.
pub fn classes_words(state: &ItemState) -> String {
    let asked = state.samples.iter().filter(|sample| sample.count > 0).count();
    let missed = state.samples.iter().filter(|sample| sample.ok == Some(false)).count();
    match (asked, missed) {
        (0, _) => t("sample.open"),
        (asked, 0) => t_args("sample.classes", &[("n", &asked)]),
        (asked, missed) => t_args("sample.classes_missed", &[("n", &asked), ("missed", &missed)]),
    }
}

/// "18 / 23", or a dash where nothing is scored.
pub fn points_words(state: &ItemState) -> String {
    let number = |fraction: catalog::Fraction| {
        let (num, den) = fraction.parts();
        if den == 1 {
            num.to_string()
        } else {
            format!("{:.1}", num as f64 / den as f64)
        }
    };
    match state.verdict {
        Verdict::Pass | Verdict::Fail if state.weight > 0 => {
            format!("{} / {}", number(state.earned), number(state.possible))
        }
        _ => "–".to_owned(),
    }
}

/// Numbers, note, place, who was told, why not applicable: what was written beside the answer.
pub fn details(record: &RecordView, item: &Item) -> String {
    let text = |part: &str| {
        let field = record.field(&format!("{}/{part}", item.code));
        match field.value() {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Int(number)) => number.to_string(),
            _ => String::new(),
        }
    };
    let measured = item.inputs.iter().map(|input| {
        let number = text(&input.suffix);
        if number.is_empty() {
            number
        } else {
            let label = input.band.map_or_else(
                || say(&input.label),
                |band| format!("{} {}", option_word("school", "bands", band), say(&input.label)),
            );
            format!("{label} {number} {}", say(&input.unit)).trim().to_owned()
        }
    });
    let parts = |prefix: &str| {
        let start = format!("{}/{prefix}/", item.code);
        let fields = record.fields();
        let of_item = fields.filter(|(path, _)| path.starts_with(&start));
        of_item
            .filter_map(|(_, field)| field.value().cloned())
            .collect::<Vec<Value>>()
    };
    let was_asked = |value: &Value| matches!(value, Value::List(parts) if parts.len() > 2);
    let classes = parts("sample").into_iter().filter(was_asked);
    let classes = classes.map(|value| sample_words(&value));
    let moments = parts("snap").into_iter().map(|value| match to_catalog(&value) {
        catalog::Value::List(seen) => snap_words(&seen),
        _ => String::new(),
    });
    let notes = parts("timed").into_iter().map(|value| match value {
        Value::List(said) => join_dots(said.iter().map(plain_words)),
        _ => String::new(),
    });
    let of_parts: Vec<String> = classes.chain(moments).chain(notes).collect();
    let said = [
        ("note", "op.note"),
        ("na", "op.na"),
        ("place", "op.place"),
        ("told", "op.told"),
    ]
    .map(|(part, key)| {
        let words = text(part);
        match key {
            _ if words.is_empty() => words,
            "op.na" => t_args("op.na", &[("text", &words)]),
            "op.place" => t_args("op.place", &[("text", &words)]),
            "op.told" => t_args("op.told", &[("text", &words)]),
            _ => words,
        }
    });
    join_dots(measured.chain(of_parts).chain(said))
}
