//! Two moments of a visit side by side: what the office had then, what it has now, and only where they differ.

use leptos::prelude::*;
use sync_protocol::replay::{Difference, differences, replay};
use sync_protocol::{GroupId, Value};

use super::history::{Past, Story};
use super::words::outlives_seal;
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, small};

/// Differences listed before somebody asks for all.
const FIRST: usize = 12;

/// Compares two moments, each that of an action; at first the last submission and the newest action.
#[component]
pub fn Moments(past: Past) -> impl IntoView {
    let then = Memo::new(move |_| past.then.get().or_else(|| past.of_story(Story::last_submission)));
    let now = Memo::new(move |_| {
        past.now
            .get()
            .or_else(|| past.of_story(|story| story.newest_first().next()))
    });
    let rows = Memo::new(move |_| {
        let (then, now) = (then.get()?, now.get()?);
        past.of_story(|story| Some(compared(story, then, now)))
    });
    let count = move || rows.with(|rows| rows.as_ref().map_or(0, Vec::len));
    let listed = move || if past.whole.get() { usize::MAX } else { FIRST };
    let is_same = move || then.get() == now.get();
    let line = move || match count() {
        0 if is_same() => t("history.same_moment"),
        0 => t("history.no_difference"),
        n => t_args("history.differences", &[("n", &n)]),
    };
    view! {
        <section class="moments" aria-labelledby="moments-title">
            <h2 id="moments-title" class="sub-head">{move || t("history.compare")}</h2>
            <div class="pair">
                <label class="field">
                    <span class="label">{move || t("history.then")}</span>
                    <Choice past chosen=then on_choose=move |moment| past.then.set(moment) name="then" />
                </label>
                <label class="field">
                    <span class="label">{move || t("history.now")}</span>
                    <Choice past chosen=now on_choose=move |moment| past.now.set(moment) name="now" />
                </label>
            </div>
            <p class="q sm" role="status" data-testid="differences">{line}</p>
            <Show when=move || 0 < count()>
                <table class="tbl compared-moments">
                    <caption class="hidden">{move || t("history.compare")}</caption>
                    <thead>
                        <tr>
                            <th scope="col">{move || t("history.field")}</th>
                            <th scope="col">{move || t("history.then")}</th>
                            <th scope="col">{move || t("history.now")}</th>
                        </tr>
                    </thead>
                    <tbody>
                        {move || rows.with(|rows| rows.iter().flatten().take(listed()).cloned().map(|row| row_view(past, row)).collect_view())}
                    </tbody>
                </table>
            </Show>
            <Show when=move || listed() < count()>
                <button class="btn wide" type="button" data-testid="all-differences" on:click=move |_| past.whole.set(true)>
                    {move || t_args("history.all_differences", &[("n", &count())])}
                </button>
            </Show>
        </section>
    }
}

/// The actions, newest first.
#[component]
fn Choice(
    past: Past,
    chosen: Memo<Option<GroupId>>,
    #[prop(into)] on_choose: Callback<Option<GroupId>>,
    name: &'static str,
) -> impl IntoView {
    let moments = move || {
        let listed = past.of_story(|story| Some(story.newest_first().collect::<Vec<_>>()));
        listed.unwrap_or_default()
    };
    view! {
        <select class="box" data-moment=name on:change=move |event| on_choose.run(event_target_value(&event).parse().ok())>
            <For each=moments key=|moment| *moment let:moment>
                <option value=moment.to_string() prop:selected=move || chosen.get() == Some(moment)>
                    {move || past.of_story(|story| Some(moment_words(story, moment)))}
                </option>
            </For>
        </select>
    }
}

// "10:12·张督学·SF3.4 应急照明… → 否"
fn moment_words(story: &Story, moment: GroupId) -> String {
    let entries = story.action(moment);
    let Some(first) = entries.first() else {
        return String::new();
    };
    join_dots([
        i18n::moment(first.change.at as f64),
        story.lexicon.person(&first.change),
        story.lexicon.action(entries).words,
    ])
}

fn compared(story: &Story, then: GroupId, now: GroupId) -> Vec<Difference> {
    let at = |moment| replay(story.until(moment).iter().map(|entry| &entry.change), outlives_seal);
    let mut rows = differences(&at(then), &at(now));
    rows.retain(|row| story.lexicon.tells(&row.field));
    rows.sort_by_cached_key(|row| story.lexicon.order(&row.record, &row.field));
    rows
}

fn row_view(past: Past, row: Difference) -> impl IntoView {
    let Difference {
        record,
        field,
        then,
        now,
    } = row;
    let label = past.of_story(|story| Some(story.lexicon.label(&record, &field)));
    let cell = |values: Vec<Value>| {
        let words = |value: &Value| past.of_story(|story| Some(story.lexicon.value(&record, &field, value)));
        if values.is_empty() {
            return view! { <span class="q">{t("history.nothing")}</span> }.into_any();
        }
        let disputed = 1 < values.len();
        let lines = values.iter().map(|value| {
            view! { <span class="block">{disputed.then(|| view! { <span class="warn">{small(Icon::Conflict)} " "</span> })} {words(value)}</span> }
        });
        lines.collect_view().into_any()
    };
    let (then, now) = (cell(then), cell(now));
    view! {
        <tr data-field=field.to_string()>
            <th scope="row">{label}</th>
            <td>{then}</td>
            <td class="m">{now}</td>
        </tr>
    }
}
