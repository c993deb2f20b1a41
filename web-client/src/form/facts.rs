//! "This school": the facts that decide which items apply and which limits count, as they were found on site.

use catalog::{Fact, FactKind, SCHOOL_BANDS};
use leptos::prelude::*;
use sync_protocol::Value;

use super::inputs::TickBox;
use super::sheet::Sheet;
use crate::components::option_word;
use crate::i18n::{join_dots, say, t, t_args};

/// Folded to one line until somebody sees that the school is different.
#[component]
pub fn FactsBlock(sheet: Sheet) -> impl IntoView {
    let facts = &sheet.checklist().facts;
    let summary = move || join_dots(facts.iter().filter_map(|fact| fact_words(sheet, fact)));
    view! {
        <details class="facts-block">
            <summary>
                <span class="grow">
                    <b>{move || t("facts.title")}</b>
                    <span class="q sm">{summary}</span>
                </span>
                <span class="act sm m">{move || if sheet.read_only.get() { t("facts.show") } else { t("facts.edit") }}</span>
            </summary>
            <div class="facts-body">
                {facts.iter().map(|fact| view! { <FactBox sheet fact /> }).collect_view()}
            </div>
        </details>
    }
}

fn path_of(fact: &Fact) -> String {
    format!("fact/{}", fact.name)
}

// Only what the school has is said; what it lacks is silence.
fn fact_words(sheet: Sheet, fact: &Fact) -> Option<String> {
    let label = say(&fact.label);
    match (&fact.kind, sheet.provisional(&path_of(fact))?) {
        (_, catalog::Value::Bool(true)) => Some(label),
        (_, catalog::Value::Int(number)) => Some(t_args(
            "facts.number",
            &[("label", &label), ("n", &crate::i18n::number(number))],
        )),
        (FactKind::One { options }, catalog::Value::Text(code)) => options
            .iter()
            .find(|option| option.code == code)
            .map(|option| say(&option.label)),
        _ => None,
    }
}

#[component]
fn FactBox(sheet: Sheet, fact: &'static Fact) -> impl IntoView {
    let path = StoredValue::new(path_of(fact));
    let value = Memo::new(move |_| path.with_value(|path| sheet.provisional(path)));
    let set = move |value: Value| path.with_value(|path| sheet.note_down(path, value));
    let label = Signal::derive(move || say(&fact.label));
    match &fact.kind {
        FactKind::YesNo => view! {
            <TickBox
                label
                on=Signal::derive(move || value.get() == Some(catalog::Value::Bool(true)))
                on_set=move |on: bool| set(Value::Bool(on))
                read_only=sheet.read_only
            />
        }
        .into_any(),
        FactKind::Number => view! {
            <label class="field fact-number">
                <span class="label">{label}</span>
                <input
                    class="box"
                    type="text"
                    inputmode="numeric"
                    data-field=path.get_value()
                    prop:value=move || match value.get() {
                        Some(catalog::Value::Int(number)) => number.to_string(),
                        Some(catalog::Value::Text(text)) => text,
                        _ => String::new(),
                    }
                    prop:readOnly=move || sheet.read_only.get()
                    on:change=move |event| {
                        let typed = event_target_value(&event);
                        set(typed.trim().parse().map_or(Value::Text(typed), Value::Int));
                    }
                />
            </label>
        }
        .into_any(),
        FactKind::One { options } => view! {
            <fieldset class="field">
                <legend class="label">{label}</legend>
                <div class="levels">
                    {options
                        .iter()
                        .map(|option| {
                            view! {
                                <label class="level">
                                    <input
                                        type="radio"
                                        name=path.get_value()
                                        prop:checked=move || value.get().as_ref().and_then(|value| value.as_text()) == Some(&option.code)
                                        disabled=move || sheet.read_only.get()
                                        on:change=move |_| set(option.code.as_str().into())
                                    />
                                    <span>{move || say(&option.label)}</span>
                                </label>
                            }
                        })
                        .collect_view()}
                </div>
            </fieldset>
        }
        .into_any(),
        FactKind::Bands => {
            let has = move |band: &str| match value.get() {
                Some(catalog::Value::List(bands)) => bands.iter().any(|known| known.as_text() == Some(band)),
                _ => false,
            };
            let toggle = move |band: &str, on: bool| {
                let bands = SCHOOL_BANDS.iter().filter(|known| if **known == band { on } else { untrack(|| has(known)) });
                set(Value::List(bands.map(|band| (*band).into()).collect()));
            };
            view! {
                <fieldset class="field">
                    <legend class="label">{label}</legend>
                    <div class="levels">
                        {SCHOOL_BANDS
                            .iter()
                            .map(|band| {
                                view! {
                                    <TickBox
                                        label=Signal::derive(move || option_word("school", "bands", band))
                                        on=Signal::derive(move || has(band))
                                        on_set=move |on: bool| toggle(band, on)
                                        read_only=sheet.read_only
                                    />
                                }
                            })
                            .collect_view()}
                    </div>
                </fieldset>
            }
            .into_any()
        }
    }
}
