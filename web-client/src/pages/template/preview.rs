//! The draft as a phone will show it: sections, items and answers in their places, without anything to answer.

use catalog::{Checklist, Item, ItemKind};
use leptos::prelude::*;

use super::draft::Draft;
use crate::i18n::{join_dots, say, t, t_args};

#[component]
pub fn Preview(draft: Draft) -> impl IntoView {
    let open = RwSignal::new(false);
    view! {
        <section class="panel">
            <header>
                <h2 class="grow">{move || t("template.preview")}</h2>
                <button class="btn" type="button" data-testid="preview" aria-expanded=move || if open.get() { "true" } else { "false" } on:click=move |_| open.update(|open| *open = !*open)>
                    {move || if open.get() { t("template.preview_hide") } else { t("template.preview_show") }}
                </button>
            </header>
            <Show when=move || open.get()>
                {move || match draft.read() {
                    Ok(checklist) => phone(&checklist).into_any(),
                    Err(_) => view! { <p class="q sm pad">{t("template.preview_later")}</p> }.into_any(),
                }}
            </Show>
        </section>
    }
}

fn phone(checklist: &Checklist) -> impl IntoView + use<> {
    let sections = checklist.sections.iter().map(|section| {
        let items = section.items.iter().map(item).collect_view();
        let shown = section.show_if.as_ref().map(|condition| view! { <p class="q xs">{t_args("template.only_if", &[("condition", &condition.source())])}</p> });
        view! {
            <section class="sec">
                <header class="sec-head row"><h3 class="grow">{say(&section.title)}</h3> <span class="q sm">{section.weight}</span></header>
                {shown}
                {items}
            </section>
        }
    });
    view! { <div class="preview-phone" data-testid="preview-phone">{sections.collect_view()}</div> }
}

fn item(item: &Item) -> impl IntoView + use<> {
    let points = if item.weight > 0 {
        t_args("item.points", &[("n", &item.weight)])
    } else {
        String::new()
    };
    let grade = item.severity.map(crate::components::severity_word).unwrap_or_default();
    let shown = item
        .show_if
        .as_ref()
        .map(|condition| t_args("template.only_if", &[("condition", &condition.source())]));
    view! {
        <article class="item">
            <h4><span class="code">{join_dots([item.code.clone(), points, grade, shown.unwrap_or_default()])}</span> {say(&item.title)}</h4>
            {(!item.help.is_empty()).then(|| view! { <p class="q sm">{say(&item.help)}</p> })}
            {answers(item)}
        </article>
    }
}

fn answers(item: &Item) -> AnyView {
    let buttons = |words: Vec<String>, class: &'static str| {
        let all = words.into_iter().map(|word| view! { <span class="ans">{word}</span> });
        view! { <div class=class aria-hidden="true">{all.collect_view()}</div> }.into_any()
    };
    match &item.kind {
        ItemKind::YesNo => buttons(vec![t("answer.yes"), t("answer.no"), t("answer.na")], "answers"),
        ItemKind::Scale { .. } => buttons(["4", "3", "2", "1"].map(str::to_owned).to_vec(), "answers four"),
        ItemKind::One { options } | ItemKind::Many { options, .. } => {
            let all = options.iter().map(|option| view! { <span class="level">{say(&option.label)}</span> });
            view! { <div class="levels" class:many={options.len() > 6}>{all.collect_view()}</div> }.into_any()
        }
        ItemKind::Samples(sampling) => view! { <p class="q sm">{t_args("sample.classes_wanted", &[("n", &sampling.classes), ("advised", &sampling.advised)])}</p> }.into_any(),
        _ => {
            let inputs = item.inputs.iter().filter(|input| input.band.is_none_or(|band| band == "P36"));
            let words = inputs.map(|input| join_dots([say(&input.label), say(&input.unit)]));
            view! { <p class="q sm">{join_dots(words)}</p> }.into_any()
        }
    }
}
