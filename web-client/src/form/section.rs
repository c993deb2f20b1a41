//! A section of the checklist: its head, its items, and "the rest is fine, I looked".

use leptos::prelude::*;

use super::item::ItemCard;
use super::sheet::Sheet;
use crate::i18n::{self, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::pages::duty;

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
                <Claims sheet code=&definition.code />
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

/// Who looks after this section, on a visit of several: anybody may take it too, and both see that.
#[component]
fn Claims(sheet: Sheet, code: &'static str) -> impl IntoView {
    let session = sheet.session;
    let members = Memo::new(move |_| duty::members(session, &sheet.visit()));
    let takers = Memo::new(move |_| {
        let takes = |person: &&String| sheet.field(&format!("{code}/claim/{person}")).bool();
        members.with(|members| members.iter().filter(takes).cloned().collect::<Vec<_>>())
    });
    let mine = Memo::new(move |_| takers.with(|takers| takers.contains(&duty::my_id(session))));
    let names = move || {
        let me = duty::my_id(session);
        i18n::join_list(takers.get().iter().map(|person| {
            if *person == me {
                t("difference.you")
            } else {
                session.name_of(person)
            }
        }))
    };
    let toggle = move |_| {
        let path = untrack(|| format!("{code}/claim/{}", duty::my_id(session)));
        sheet.note_down(&path, (!mine.get_untracked()).into());
    };
    view! {
        <Show when=move || 1 < members.with(Vec::len)>
            <div class="claims row wrap sm" data-claims=code>
                <span class="grow" class:warn=move || 1 < takers.with(Vec::len)>
                    {small(Icon::People)} " "
                    {move || match takers.with(Vec::len) {
                        0 => t("claim.nobody"),
                        1 => t_args("claim.one", &[("names", &names())]),
                        _ => t_args("claim.several", &[("names", &names())]),
                    }}
                </span>
                <Show when=move || !sheet.read_only.get()>
                    <button class="linkbtn sm" type="button" data-testid=format!("claim-{code}") aria-pressed=move || if mine.get() { "true" } else { "false" } on:click=toggle>
                        {move || if mine.get() { t("claim.give_back") } else { t("claim.take") }}
                    </button>
                </Show>
            </div>
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
