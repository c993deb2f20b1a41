//! What classes said: one row a class with its median against the limit, a number pad for the thumb, and classes added or taken away.

use catalog::{Item, ItemState, Limit, Sample, SampleOf, Sampling};
use leptos::prelude::*;
use sync_protocol::Value;

use super::inputs::should_be;
use super::scale::NotApplicable;
use super::sheet::Sheet;
use crate::components::option_word;
use crate::i18n::{join_dots, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::new_record_id;

#[component]
pub fn SamplesAnswer(
    sheet: Sheet,
    item: &'static Item,
    sampling: &'static Sampling,
    state: Memo<Option<ItemState>>,
) -> impl IntoView {
    let ids = Memo::new(move |_| {
        state.with(|state| {
            let samples = state.as_ref().map(|state| state.samples.as_slice()).unwrap_or_default();
            samples.iter().map(|sample| sample.id.clone()).collect::<Vec<_>>()
        })
    });
    let open = RwSignal::new(None::<String>);
    let limits = move || {
        state.with(|state| {
            let limits = state.as_ref().map(|state| state.limits.as_slice()).unwrap_or_default();
            limits.iter().map(band_limit).collect_view()
        })
    };
    view! {
        <div class="samples">
            <p class="q sm">{move || wanted_words(sampling)}</p>
            <div class="band-limits">{limits}</div>
            <ul class="list">
                <For
                    each=move || ids.get()
                    key=|id| id.clone()
                    children=move |id| view! { <ClassRow sheet item sampling state id open /> }
                />
            </ul>
            <Show when=move || !sheet.read_only.get()>
                <AddClass sheet item open />
            </Show>
            <NotApplicable sheet item />
        </div>
    }
}

fn wanted_words(sampling: &Sampling) -> String {
    let classes = t_args(
        "sample.classes_wanted",
        &[("n", &sampling.classes), ("advised", &sampling.advised)],
    );
    let pupils = if sampling.pupils > 0 {
        t_args("sample.pupils_wanted", &[("n", &sampling.pupils)])
    } else {
        String::new()
    };
    join_dots([classes, pupils])
}

/// "3–6 年级：应 ≤ 60 分钟".
fn band_limit(limit: &Limit) -> impl IntoView + use<> {
    let band = limit.input.strip_prefix("sample/").unwrap_or_default();
    let words = t_args(
        "sample.band_limit",
        &[
            ("band", &option_word("school", "bands", band)),
            ("limit", &should_be(&limit.limit, limit.op, &say(&limit.unit))),
        ],
    );
    view! { <p class="q sm">{words}</p> }
}

#[component]
fn ClassRow(
    sheet: Sheet,
    item: &'static Item,
    sampling: &'static Sampling,
    state: Memo<Option<ItemState>>,
    id: String,
    open: RwSignal<Option<String>>,
) -> impl IntoView {
    let id = StoredValue::new(id);
    let sample = Memo::new(move |_| {
        state.with(|state| {
            let samples = state.as_ref().map(|state| state.samples.as_slice()).unwrap_or_default();
            samples
                .iter()
                .find(|sample| id.with_value(|id| sample.id == *id))
                .cloned()
        })
    });
    let is_open = Memo::new(move |_| open.with(|open| id.with_value(|id| open.as_ref() == Some(id))));
    let toggle = move |_| {
        open.set(if is_open.get_untracked() {
            None
        } else {
            Some(id.get_value())
        });
        sheet.stand_at(&item.code);
    };
    view! {
        <li class="class-row">
            <button class="li slim" type="button" data-class=id.get_value() aria-expanded=move || if is_open.get() { "true" } else { "false" } on:click=toggle>
                <span class="grow">
                    <b>{move || sample.with(|sample| sample.as_ref().map(|sample| sample.name.clone()))}</b>
                    " "
                    <span class="q sm">{move || sample.with(|sample| sample.as_ref().map(|sample| count_words(sampling, sample)))}</span>
                    {move || sample.with(|sample| sample.as_ref().and_then(bar))}
                </span>
                {move || sample.with(|sample| sample.as_ref().map(|sample| verdict_words(sampling, sample)))}
                {icon(Icon::Note)}
            </button>
            <Show when=move || is_open.get() && !sheet.read_only.get()>
                {match sampling.of {
                    SampleOf::YesNo => view! { <YesOrNo sheet item id open /> }.into_any(),
                    SampleOf::Minutes | SampleOf::Decimal => view! { <NumberPad sheet item sampling id open /> }.into_any(),
                }}
            </Show>
        </li>
    }
}

fn count_words(sampling: &Sampling, sample: &Sample) -> String {
    let band = option_word("school", "bands", &sample.band);
    let count = if sampling.of == SampleOf::YesNo {
        String::new()
    } else {
        t_args("sample.asked", &[("n", &sample.count)])
    };
    join_dots([band, count])
}

fn verdict_words(sampling: &Sampling, sample: &Sample) -> AnyView {
    let (class, mark, word) = match sample.ok {
        Some(true) => ("ok m row", Icon::Yes, t("threshold.met")),
        Some(false) => ("bad m row", Icon::No, t("threshold.missed")),
        None => ("q row", Icon::NotApplicable, t("sample.open")),
    };
    let value = sample
        .value
        .map(|median| format!("{} {}", plain(&median.to_string()), say(&sampling.unit)));
    view! {
        <span class="class-verdict">
            {value.map(|value| view! { <b class="nowrap">{value}</b> })}
            <span class=class>{small(mark)} <span>{word}</span></span>
        </span>
    }
    .into_any()
}

/// "58.0" is shown as "58".
fn plain(number: &str) -> String {
    number.strip_suffix(".0").unwrap_or(number).to_owned()
}

/// The median as a bar with the limit as a line; only where there are both.
fn bar(sample: &Sample) -> Option<AnyView> {
    let median = sample.value?.0 as f64 / 10.0;
    let limit: f64 = sample.limit.as_ref()?.parse().ok()?;
    let full = (limit * 1.6).max(median * 1.05).max(1.0);
    let share = |n: f64| format!("{:.1}%", 100.0 * n / full);
    let class = if sample.ok == Some(false) {
        "mark-run bad-run"
    } else {
        "mark-run"
    };
    Some(
        view! {
            <span class="median" aria-hidden="true">
                <i class=class style:width=share(median)></i>
                <em style:left=share(limit)></em>
            </span>
        }
        .into_any(),
    )
}

fn path_of(item: &Item, id: &str) -> String {
    format!("{}/sample/{id}", item.code)
}

/// What a class said so far: band, name, answers.
fn parts_of(sheet: Sheet, item: &Item, id: &str) -> Vec<Value> {
    match sheet.provisional(&path_of(item, id)) {
        Some(catalog::Value::List(parts)) => parts.iter().map(to_protocol).collect(),
        _ => Vec::new(),
    }
}

fn to_protocol(value: &catalog::Value) -> Value {
    match value {
        catalog::Value::Null => Value::Null,
        catalog::Value::Bool(truth) => Value::Bool(*truth),
        catalog::Value::Int(number) => Value::Int(*number),
        catalog::Value::Text(text) => Value::Text(text.clone()),
        catalog::Value::List(items) => Value::List(items.iter().map(to_protocol).collect()),
    }
}

#[component]
fn YesOrNo(
    sheet: Sheet,
    item: &'static Item,
    id: StoredValue<String>,
    open: RwSignal<Option<String>>,
) -> impl IntoView {
    let say_it = move |answer: &'static str| {
        let mut parts = untrack(|| id.with_value(|id| parts_of(sheet, item, id)));
        parts.truncate(2);
        parts.push(answer.into());
        id.with_value(|id| sheet.write(item, &path_of(item, id), Value::List(parts)));
        open.set(None);
    };
    view! {
        <div class="pad-of">
            <div class="answers two" role="group">
                <button class="ans yes" type="button" data-answer="yes" on:click=move |_| say_it("yes")>{icon(Icon::Yes)} <span>{move || t("answer.yes")}</span></button>
                <button class="ans no" type="button" data-answer="no" on:click=move |_| say_it("no")>{icon(Icon::No)} <span>{move || t("answer.no")}</span></button>
            </div>
            <TakeAway sheet item id open />
        </div>
    }
}

/// Twelve keys for one thumb. Each pupil's number is on the disk as soon as "next" is pressed.
#[component]
fn NumberPad(
    sheet: Sheet,
    item: &'static Item,
    sampling: &'static Sampling,
    id: StoredValue<String>,
    open: RwSignal<Option<String>>,
) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let said = Memo::new(move |_| {
        let parts = id.with_value(|id| parts_of(sheet, item, id));
        parts.iter().skip(2).map(super::plain_words).collect::<Vec<_>>()
    });
    let write = move |parts: Vec<Value>| id.with_value(|id| sheet.write(item, &path_of(item, id), Value::List(parts)));
    let next = move || {
        let text = typed.get_untracked();
        let number = match text.parse::<i64>() {
            Ok(number) => Value::Int(number),
            Err(_) if catalog::Fraction::parse_decimal(&text).is_some() => Value::Text(text),
            Err(_) => return,
        };
        let mut parts = untrack(|| id.with_value(|id| parts_of(sheet, item, id)));
        parts.push(number);
        write(parts);
        typed.set(String::new());
    };
    let forget = move |at: usize| {
        let mut parts = untrack(|| id.with_value(|id| parts_of(sheet, item, id)));
        if at + 2 < parts.len() {
            parts.remove(at + 2);
            write(parts);
        }
    };
    let press = move |key: char| {
        typed.update(|typed| {
            let fits = key != '.' || !typed.contains('.');
            if typed.len() < 5 && fits {
                typed.push(key);
            }
        });
    };
    let digit = move |key: char| {
        view! { <button type="button" class="key" data-key=key.to_string() on:click=move |_| press(key)>{key.to_string()}</button> }
    };
    let decimal = sampling.of == SampleOf::Decimal;
    view! {
        <div class="pad-of">
            <ul class="said" aria-label=move || t("sample.said")>
                {move || {
                    said.get()
                        .into_iter()
                        .enumerate()
                        .map(|(at, number)| {
                            let label = t_args("sample.forget", &[("n", &number)]);
                            view! { <li><button type="button" class="said-one" aria-label=label on:click=move |_| forget(at)>{number} {small(Icon::Close)}</button></li> }
                        })
                        .collect_view()
                }}
            </ul>
            <output class="typed" aria-live="polite" data-testid="typed">
                {move || typed.with(|typed| if typed.is_empty() { t_args("sample.pupil", &[("n", &(said.with(Vec::len) + 1))]) } else { format!("{typed} {}", say(&sampling.unit)) })}
            </output>
            <div class="pad" role="group" aria-label=move || t("sample.pad")>
                {"123456789".chars().map(digit).collect_view()}
                <button type="button" class="key" data-key="back" aria-label=move || t("sample.rub_out") on:click=move |_| typed.update(|typed| { typed.pop(); })>{icon(Icon::Back)}</button>
                {digit('0')}
                <button type="button" class="key go" data-key="next" disabled=move || typed.with(String::is_empty) on:click=move |_| next()>{move || t("sample.next")}</button>
            </div>
            {decimal.then(|| view! { <button type="button" class="key wide" data-key="." on:click=move |_| press('.')>"."</button> })}
            <div class="row wrap">
                <button class="btn grow" type="button" data-testid="class-done" on:click=move |_| { if !typed.with_untracked(String::is_empty) { next(); } open.set(None); }>{move || t("sample.done")}</button>
                <TakeAway sheet item id open />
            </div>
        </div>
    }
}

/// A class that was drawn by mistake leaves the sheet; what it said stays in the history.
#[component]
fn TakeAway(
    sheet: Sheet,
    item: &'static Item,
    id: StoredValue<String>,
    open: RwSignal<Option<String>>,
) -> impl IntoView {
    view! {
        <button
            class="linkbtn sm"
            type="button"
            on:click=move |_| {
                id.with_value(|id| sheet.write(item, &path_of(item, id), Value::Null));
                open.set(None);
            }
        >
            {move || t("sample.take_away")}
        </button>
    }
}

#[component]
fn AddClass(sheet: Sheet, item: &'static Item, open: RwSignal<Option<String>>) -> impl IntoView {
    let name = RwSignal::new(String::new());
    let bands = Memo::new(move |_| bands_of(sheet));
    let chosen = RwSignal::new(String::new());
    let band = move || {
        let chosen = chosen.get();
        if chosen.is_empty() {
            bands.with(|bands| bands.first().cloned())
        } else {
            Some(chosen)
        }
    };
    let add = move || {
        let named = name.get_untracked().trim().to_owned();
        let Some(band) = untrack(band).filter(|_| !named.is_empty()) else {
            return;
        };
        let id = new_sample_id();
        sheet.write(item, &path_of(item, &id), Value::List(vec![band.into(), named.into()]));
        name.set(String::new());
        open.set(Some(id));
    };
    let field = format!("{}-class", item.code);
    view! {
        <div class="add-class">
            <Show when=move || bands.with(|bands| bands.len() > 1)>
                <select class="box" aria-label=move || t("sample.band") on:change=move |event| chosen.set(event_target_value(&event))>
                    <For
                        each=move || bands.get()
                        key=|band| band.clone()
                        children=move |band| {
                            let word = band.clone();
                            view! { <option value=band>{move || option_word("school", "bands", &word)}</option> }
                        }
                    />
                </select>
            </Show>
            <input
                class="box"
                type="text"
                maxlength="20"
                data-field=field
                aria-label=move || t("sample.class")
                placeholder=move || t("sample.class_hint")
                bind:value=name
                on:keydown=move |event| {
                    if event.key() == "Enter" {
                        add();
                    }
                }
            />
            <button class="btn" type="button" data-testid="add-class" on:click=move |_| add()>{small(Icon::Plus)} <span>{move || t("sample.add")}</span></button>
        </div>
    }
}

/// The school bands of the form's facts; tracked.
pub fn bands_of(sheet: Sheet) -> Vec<String> {
    match sheet.provisional("fact/bands") {
        Some(catalog::Value::List(bands)) => bands
            .iter()
            .filter_map(|band| band.as_text().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// Short enough for a path, random enough that two phones never take the same.
pub fn new_sample_id() -> String {
    let id = new_record_id().to_string();
    id.chars().filter(char::is_ascii_hexdigit).rev().take(12).collect()
}
