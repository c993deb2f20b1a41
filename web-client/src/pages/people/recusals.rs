//! From which schools somebody keeps away (回避), now and before, and the form for one more.

use leptos::prelude::*;
use serde_json::json;

use super::deed::Deed;
use super::panel::{ask, days, path_of};
use super::{Account, Desk, Recusal};
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, small};
use crate::pages::duty;
use crate::session::use_session;

/// As the office lists them.
const REASONS: [&str; 3] = ["kin", "former_head", "other"];

/// Why somebody keeps away.
pub fn reason_word(code: &str) -> String {
    match code {
        "kin" => t("people.reason_kin"),
        "former_head" => t("people.reason_former_head"),
        _ => t("people.reason_other"),
    }
}

#[component]
pub fn RecusalList(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let today = i18n::today_code();
    let split = move |current: bool| {
        account.with(|account| {
            let all = account.iter().flat_map(|account| &account.recusals);
            let fit = all.filter(|one| one.is_current(&today) == current);
            fit.cloned().collect::<Vec<_>>()
        })
    };
    let past = Memo::new({
        let split = split.clone();
        move |_| split(false)
    });
    let current = Memo::new(move |_| split(true));
    view! {
        <section class="part" aria-labelledby="recusals-title">
            <h3 id="recusals-title">{move || t("people.recusals")}</h3>
            <ul class="plain-list" data-testid="recusals">
                <For each=move || current.get() key=|one| format!("{one:?}") children=move |one| view! { <RecusalRow desk account one /> } />
            </ul>
            <Show when=move || current.with(Vec::is_empty)>
                <p class="q sm">{move || t("people.none_recused")}</p>
            </Show>
            <NewRecusal desk account />
            <Show when=move || !past.with(Vec::is_empty)>
                <details>
                    <summary>{move || t_args("people.past_recusals", &[("n", &past.with(Vec::len))])}</summary>
                    <ul class="plain-list">
                        {move || past.get().into_iter().map(|one| view! { <li class="sm">{join_dots([desk.school_name(&one.school), words(&one)])}</li> }).collect_view()}
                    </ul>
                </details>
            </Show>
        </section>
    }
}

fn words(one: &Recusal) -> String {
    join_dots([reason_word(&one.reason), days(&one.from, one.to.as_deref())])
}

#[component]
fn RecusalRow(desk: Desk, account: Memo<Option<Account>>, one: Recusal) -> impl IntoView {
    let session = use_session();
    let ending = RwSignal::new(false);
    let to = RwSignal::new(i18n::today_code());
    let is_mine = move || {
        account.with(|account| {
            account
                .as_ref()
                .is_some_and(|account| account.id == duty::my_id(session))
        })
    };
    let box_id = format!("end-recusal-{}", one.id);
    let of_school = one.school.clone();
    let name = {
        let school = one.school.clone();
        move || desk.school_name(&school)
    };
    let label = {
        let name = name.clone();
        move || t_args("people.end_recusal_label", &[("school", &name())])
    };
    let end = {
        let (id, name) = (one.id.clone(), name.clone());
        move |_| {
            ask(desk, account, |account| {
                let named = [
                    ("name", &account.name as &dyn std::fmt::Display),
                    ("school", &untrack(&name)),
                ];
                Deed::new(
                    t_args("people.ask_end_recusal", &named),
                    t("people.text_end_recusal"),
                    format!("{}/recusals/end", path_of(&account)),
                    json!({ "recusal": id, "to": to.get_untracked() }),
                )
            });
        }
    };
    let end = StoredValue::new(end);
    view! {
        <li data-school=of_school>
            <p class="row">
                <span class="grow"><b class="block">{name}</b><span class="q sm">{move || words(&one)}</span></span>
                <Show when=move || !is_mine()>
                    <button class="btn" type="button" data-testid="end-recusal" aria-label=label.clone() aria-expanded=move || ending.get().to_string() on:click=move |_| ending.update(|ending| *ending = !*ending)>
                        {move || t("people.end")}
                    </button>
                </Show>
            </p>
            <Show when=is_mine>
                <p class="q xs">{move || t("people.own_recusal")}</p>
            </Show>
            <Show when=move || ending.get()>
                <div class="field">
                    <label class="label" for=box_id.clone()>{move || t("people.last_day")}</label>
                    <div class="row">
                        <input id=box_id.clone() class="box grow" type="date" bind:value=to />
                        <button class="btn" type="button" data-testid="end-recusal-it" disabled=move || to.with(String::is_empty) on:click=move |event| end.with_value(|end| end(event))>{move || t("people.end_it")}</button>
                    </div>
                    <p class="q xs">{move || t("people.end_recusal_hint")}</p>
                </div>
            </Show>
        </li>
    }
}

#[component]
fn NewRecusal(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let (school, reason) = (RwSignal::new(String::new()), RwSignal::new(REASONS[0].to_owned()));
    let (from, to) = (RwSignal::new(i18n::today_code()), RwSignal::new(String::new()));
    let schools = Memo::new(move |_| {
        desk.everybody
            .with(|all| all.as_ref().map(|all| all.schools.clone()).unwrap_or_default())
    });
    let is_whole = move || {
        let (from, to) = (from.get(), to.get());
        !school.with(String::is_empty) && !from.is_empty() && (to.is_empty() || to >= from)
    };
    let add = move |_| {
        ask(desk, account, |account| {
            let id = school.get_untracked();
            let name = untrack(|| desk.school_name(&id));
            let named = [("name", &account.name as &dyn std::fmt::Display), ("school", &name)];
            let last = Some(to.get_untracked()).filter(|last| !last.is_empty());
            Deed::new(
                t_args("people.ask_recuse", &named),
                t("people.text_recuse"),
                format!("{}/recusals", path_of(&account)),
                json!({ "school": id, "reason": reason.get_untracked(), "from": from.get_untracked(), "to": last }),
            )
        });
    };
    view! {
        <details data-testid="new-recusal">
            <summary>{move || t("people.recuse_new")}</summary>
            <div class="part-form">
                <p class="q sm">{move || t("people.recuse_about")}</p>
                <div class="pair">
                    <div class="field">
                        <label class="label" for="recuse-school">{move || t("people.assign_school")}</label>
                        <select id="recuse-school" class="box" data-testid="recuse-school" on:change=move |event| school.set(event_target_value(&event))>
                            <option value="">{move || t("people.choose_school")}</option>
                            {move || schools.get().into_iter().map(|school| view! { <option value=school.id>{school.name}</option> }).collect_view()}
                        </select>
                    </div>
                    <div class="field">
                        <label class="label" for="recuse-reason">{move || t("people.reason")}</label>
                        <select id="recuse-reason" class="box" data-testid="recuse-reason" on:change=move |event| reason.set(event_target_value(&event))>
                            {REASONS.map(|code| view! { <option value=code>{move || reason_word(code)}</option> }).collect_view()}
                        </select>
                    </div>
                    <div class="field">
                        <label class="label" for="recuse-from">{move || t("people.from")}</label>
                        <input id="recuse-from" class="box" type="date" bind:value=from />
                    </div>
                    <div class="field">
                        <label class="label" for="recuse-to">{move || t("people.recuse_to")}</label>
                        <input id="recuse-to" class="box" type="date" min=from bind:value=to />
                    </div>
                </div>
                <button class="btn wide" type="button" data-testid="recuse" disabled=move || !is_whole() on:click=add>
                    {small(Icon::No)} <span>{move || t("people.recuse")}</span>
                </button>
            </div>
        </details>
    }
}
