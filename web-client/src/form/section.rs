//! A section of the checklist: its head, its items, and "the rest is fine, I looked".

use leptos::prelude::*;

use super::item::ItemCard;
use super::sheet::Sheet;
use crate::i18n::{self, say, t, t_args};
use crate::icons::{Icon, icon, small};

/// `first` is the index of the section's first item in the whole checklist.
#[component]
pub fn SectionBlock(sheet: Sheet, section: usize, first: usize) -> impl IntoView {
    let definition = &sheet.checklist().sections[section];
    let visible = Memo::new(move |_| {
        sheet.judged(|assessment| assessment.sections.get(section).is_some_and(|state| state.visible))
    });
    let progress = Memo::new(move |_| {
        sheet.judged(|assessment| {
            assessment
                .sections
                .get(section)
                .map_or((0, 0), |state| (state.answered, state.applicable))
        })
    });
    view! {
        <Show when=move || visible.get()>
            <section class="sec" id=format!("sec-{}", definition.code) aria-labelledby=format!("sec-{}-title", definition.code)>
                <header class="sec-head row">
                    <h2 class="grow" id=format!("sec-{}-title", definition.code)>
                        {move || say(&definition.title)}
                    </h2>
                    <span class="q sm nowrap">
                        {move || {
                            let (answered, applicable) = progress.get();
                            (applicable > 0).then(|| t_args("section.answered", &[("answered", &answered), ("of", &applicable)]))
                        }}
                    </span>
                </header>
                {definition
                    .items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| view! { <ItemCard sheet item index=first + at /> })
                    .collect_view()}
                <Rest sheet section />
            </section>
        </Show>
    }
}

#[component]
fn Rest(sheet: Sheet, section: usize) -> impl IntoView {
    let code = &sheet.checklist().sections[section].code;
    let rest = Memo::new(move |_| sheet.rest_of(section));
    let looked = Memo::new(move |_| sheet.field(&format!("{code}/looked")));
    view! {
        <Show when=move || !rest.with(Vec::is_empty) && !sheet.read_only.get()>
            <div class="rest">
                <button class="btn quiet wide tall" type="button" data-testid=format!("looked-{code}") on:click=move |_| sheet.looked(section)>
                    {icon(Icon::Looked)}
                    <span>{move || t_args("section.rest_fine", &[("n", &rest.with(Vec::len))])}</span>
                </button>
                <p class="q xs">{move || t("section.rest_signed")}</p>
            </div>
        </Show>
        {move || {
            looked
                .get()
                .siblings
                .first()
                .map(|said| {
                    let who = sheet.session.name_of(said.author.as_str());
                    let when = i18n::moment(said.at as f64);
                    view! {
                        <p class="looked q sm row">{small(Icon::Looked)} <span>{t_args("section.looked", &[("who", &who), ("when", &when)])}</span></p>
                    }
                })
        }}
    }
}
