//! Drawing classes at random without a network: how many classes each grade has, one tap, and a record that proves the draw.

use std::collections::BTreeMap;

use catalog::{Draw, ItemKind, draw};
use leptos::prelude::*;
use sync_protocol::{Edit, Value};

use super::samples::{bands_of, new_sample_id};
use super::sheet::Sheet;
use crate::clock;
use crate::i18n::{join_list, t, t_args};
use crate::icons::{Icon, icon, small};

/// Classes of a grade when nobody has said how many there are.
const USUAL_CLASSES: u32 = 4;
const MOST_CLASSES: u32 = 40;

/// At the head of a checklist that samples classes.
#[component]
pub fn DrawBlock(sheet: Sheet) -> impl IntoView {
    let items = sheet.checklist().sections.iter().flat_map(|section| &section.items);
    let advised = items
        .filter_map(|item| match &item.kind {
            ItemKind::Samples(sampling) => Some(sampling.advised),
            _ => None,
        })
        .max();
    let Some(advised) = advised else {
        return ().into_any();
    };
    let sizes = RwSignal::new(BTreeMap::<u32, u32>::new());
    let grades = Memo::new(move |_| grades_of(&bands_of(sheet)));
    let drawn = Memo::new(move |_| proofs(sheet));
    let run = move |_| {
        let sizes = sizes.get_untracked();
        for band in untrack(|| bands_of(sheet)) {
            let classes = candidates(&band, &sizes);
            if classes.is_empty() {
                continue;
            }
            let seed = format!("{:016x}", clock::random_u64());
            let result = draw(&seed, &classes, usize::try_from(advised).unwrap_or(4));
            sheet.note_down_all(edits(sheet, &band, &classes, &result));
        }
    };
    view! {
        <details class="facts-block" open=move || drawn.with_untracked(Vec::is_empty)>
            <summary>
                {icon(Icon::People)}
                <span class="grow">
                    <b>{move || t("draw.title")}</b>
                    <span class="q sm">{move || if drawn.with(Vec::is_empty) { t_args("draw.hint", &[("n", &advised)]) } else { t("draw.done") }}</span>
                </span>
            </summary>
            <div class="facts-body">
                <Show when=move || !sheet.read_only.get()>
                    <p class="q sm">{move || t("draw.how_many")}</p>
                    <div class="grades">
                        <For
                            each=move || grades.get()
                            key=|grade| *grade
                            children=move |grade| view! {
                                <label class="grade">
                                    <span>{move || t_args("draw.grade", &[("n", &grade)])}</span>
                                    <input
                                        class="box"
                                        type="text"
                                        inputmode="numeric"
                                        maxlength="2"
                                        data-grade=grade.to_string()
                                        prop:value=USUAL_CLASSES.to_string()
                                        on:input=move |event| {
                                            let count = event_target_value(&event).trim().parse().unwrap_or(0).min(MOST_CLASSES);
                                            sizes.update(|sizes| { sizes.insert(grade, count); });
                                        }
                                    />
                                </label>
                            }
                        />
                    </div>
                    <button class="btn main wide" type="button" data-testid="draw" on:click=run>{move || t("draw.go")}</button>
                    <p class="q xs">{move || t("draw.proof_hint")}</p>
                </Show>
                <ul class="proofs" aria-live="polite">
                    {move || drawn.get().into_iter().map(|proof| view! { <li class="q sm">{small(Icon::Yes)} " " {proof}</li> }).collect_view()}
                </ul>
            </div>
        </details>
    }
    .into_any()
}

fn grades_of(bands: &[String]) -> Vec<u32> {
    let has = |grade: u32| {
        let band = catalog::band_of_grade(grade.into());
        bands.iter().any(|known| Some(known.as_str()) == band)
    };
    (1..=12).filter(|grade| has(*grade)).collect()
}

/// "三(2)班" of every grade of the band: official names, whatever the screen's language.
fn candidates(band: &str, sizes: &BTreeMap<u32, u32>) -> Vec<String> {
    const GRADES: [&str; 12] = [
        "一", "二", "三", "四", "五", "六", "七", "八", "九", "高一", "高二", "高三",
    ];
    let grades = (1_u32..).zip(GRADES);
    let of_band = grades.filter(|(grade, _)| catalog::band_of_grade((*grade).into()) == Some(band));
    of_band
        .flat_map(|(grade, name)| {
            let size = sizes.get(&grade).copied().unwrap_or(USUAL_CLASSES);
            (1..=size).map(move |class| format!("{name}({class})班"))
        })
        .collect()
}

/// The proof, and the drawn classes as rows of every item that samples classes.
fn edits(sheet: Sheet, band: &str, classes: &[String], result: &Draw) -> Vec<Edit> {
    let mut proof: Vec<Value> = vec![
        band.into(),
        result.seed.as_str().into(),
        result.candidates_hash.as_str().into(),
        i64::try_from(result.drawn.len()).unwrap_or(0).into(),
    ];
    proof.extend(classes.iter().map(|class| Value::from(class.as_str())));
    let mut edits = vec![sheet.edit(&format!("draw/{}", new_sample_id()), Value::List(proof))];
    let items = sheet.checklist().sections.iter().flat_map(|section| &section.items);
    for item in items.filter(|item| matches!(item.kind, ItemKind::Samples(_))) {
        for name in &result.drawn {
            let row = Value::List(vec![band.into(), name.as_str().into()]);
            edits.push(sheet.edit(&format!("{}/sample/{}", item.code, new_sample_id()), row));
        }
    }
    edits
}

/// Each draw in words, checked again; tracked.
fn proofs(sheet: Sheet) -> Vec<String> {
    let record = sheet.session.record(&sheet.response());
    let Some(record) = record else { return Vec::new() };
    let draws = record.fields().filter(|(path, _)| path.starts_with("draw/"));
    draws.filter_map(|(_, field)| proof_words(field.value()?)).collect()
}

/// What was drawn from how many, and whether the record proves it.
pub fn proof_words(value: &Value) -> Option<String> {
    let Value::List(parts) = value else { return None };
    let [band, seed, hash, count, classes @ ..] = parts.as_slice() else {
        return None;
    };
    let classes: Vec<String> = classes
        .iter()
        .filter_map(|class| class.text().map(str::to_owned))
        .collect();
    let again = draw(seed.text()?, &classes, usize::try_from(count.int()?).ok()?);
    let words = t_args(
        "draw.result",
        &[
            ("band", &crate::components::option_word("school", "bands", band.text()?)),
            ("classes", &join_list(again.drawn.iter().cloned())),
            ("of", &classes.len()),
            ("seed", &again.seed),
        ],
    );
    let holds = Some(again.candidates_hash.as_str()) == hash.text();
    Some(if holds {
        words
    } else {
        t_args("draw.broken", &[("words", &words)])
    })
}
