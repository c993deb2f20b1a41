//! All of somebody's schools go to a successor from a day on (移交): who, from when, and what that comes to before it is done.

use leptos::prelude::*;
use serde_json::json;

use super::deed::Deed;
use super::panel::{ask, path_of};
use super::{Account, Assignment, Desk};
use crate::i18n::{self, join_list, join_sentences, t, t_args};
use crate::icons::{Icon, small};

#[component]
pub fn HandOver(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let to = RwSignal::new(String::new());
    let from = RwSignal::new(i18n::today_code());
    let has_schools =
        move || account.with(|account| account.as_ref().is_some_and(|one| one.current().next().is_some()));
    let successors = move || {
        let own = account.with(|account| account.as_ref().map(|one| one.id.clone()).unwrap_or_default());
        desk.everybody.with(|all| {
            let people = all.iter().flat_map(|all| &all.people);
            let fit = people.filter(|one| one.is_active() && one.has("supervisor") && one.id != own);
            fit.cloned().collect::<Vec<_>>()
        })
    };
    let plan = Memo::new(move |_| {
        let (giver, taker) = (account.get()?, desk.account(&to.get())?);
        Plan::of(&giver, &taker, from.get())
    });
    let option = move |successor: Account| {
        let plan = account.with(|account| Plan::of(account.as_ref()?, &successor, from.get()));
        let kept_from = plan.map(|plan| plan.names(desk, &plan.recused)).unwrap_or_default();
        let text = match kept_from.is_empty() {
            true => successor.name.clone(),
            false => t_args(
                "people.successor_recused",
                &[("name", &successor.name), ("schools", &kept_from)],
            ),
        };
        let chosen = to.with_untracked(|to| *to == successor.id);
        view! { <option value=successor.id selected=chosen>{text}</option> }
    };
    let go = move |_| {
        let Some(plan) = plan.get_untracked() else { return };
        ask(desk, account, |account| {
            let named = [("name", &account.name as &dyn std::fmt::Display), ("to", &plan.taker)];
            Deed::new(
                t_args("people.ask_hand_over", &named),
                untrack(|| join_sentences(plan.words(desk))),
                format!("{}/hand-over", path_of(&account)),
                json!({ "to": to.get_untracked(), "from": plan.from }),
            )
        });
    };
    let may_go = move || plan.with(|plan| plan.as_ref().is_some_and(Plan::may_be_done));
    let preview = move || {
        plan.get().map(|plan| {
            let (class, mark) = match plan.may_be_done() {
                true => ("row top sm", Icon::Info),
                false => ("notice sm", Icon::Warning),
            };
            let lines = plan.words(desk).into_iter().map(|line| view! { <span class="block">{line}</span> });
            view! { <p class=class data-testid="plan" data-possible=plan.may_be_done().to_string()>{small(mark)} <span>{lines.collect_view()}</span></p> }
        })
    };
    view! {
        <Show when=has_schools>
            <section class="part" aria-labelledby="hand-over-title">
                <h3 id="hand-over-title">{move || t("people.hand_over")}</h3>
                <details data-testid="hand-over-form">
                    <summary>{move || t("people.hand_over_open")}</summary>
                    <div class="part-form">
                        <p class="q sm">{move || t("people.hand_over_about")}</p>
                        <div class="pair">
                            <div class="field">
                                <label class="label" for="hand-over-to">{move || t("people.successor")}</label>
                                <select id="hand-over-to" class="box" data-testid="hand-over-to" on:change=move |event| to.set(event_target_value(&event))>
                                    <option value="">{move || t("people.choose_school")}</option>
                                    {move || successors().into_iter().map(option).collect_view()}
                                </select>
                            </div>
                            <div class="field">
                                <label class="label" for="hand-over-from">{move || t("people.hand_over_from")}</label>
                                <input id="hand-over-from" class="box" type="date" bind:value=from />
                            </div>
                        </div>
                        <div aria-live="polite">{preview}</div>
                        <button class="btn wide" type="button" data-testid="hand-over" disabled=move || !may_go() on:click=go>
                            {small(Icon::Forward)} <span>{move || t("people.hand_over_do")}</span>
                        </button>
                    </div>
                </details>
            </section>
        </Show>
    }
}

/// What the office will do, as its rules say (server/src/api/hand_over.rs); schools by id.
#[derive(Clone, PartialEq)]
struct Plan {
    giver: String,
    taker: String,
    from: String,
    /// Go over on that day, or on a later one where they were to begin later.
    given: Vec<String>,
    /// The successor has them anyway.
    had: Vec<String>,
    /// The successor keeps away from them.
    recused: Vec<String>,
}

impl Plan {
    /// Nothing without a day.
    fn of(giver: &Account, taker: &Account, from: String) -> Option<Self> {
        if from.is_empty() {
            return None;
        }
        let mut plan = Plan {
            giver: giver.name.clone(),
            taker: taker.name.clone(),
            given: Vec::new(),
            had: Vec::new(),
            recused: Vec::new(),
            from,
        };
        for one in giver.assignments.iter().filter(|one| one.is_current(&plan.from)) {
            let begins = one.from.clone().max(plan.from.clone());
            let place = match () {
                () if has(taker, &one.school, &begins) => &mut plan.had,
                () if keeps_away(taker, one, &begins) => &mut plan.recused,
                () => &mut plan.given,
            };
            place.push(one.school.clone());
        }
        Some(plan)
    }

    fn may_be_done(&self) -> bool {
        self.recused.is_empty() && !(self.given.is_empty() && self.had.is_empty())
    }

    fn names(&self, desk: Desk, schools: &[String]) -> String {
        join_list(schools.iter().map(|id| desk.school_name(id)))
    }

    /// Sentences, the one that matters most first; tracked.
    fn words(&self, desk: Desk) -> Vec<String> {
        let Plan { giver, taker, .. } = self;
        if !self.recused.is_empty() {
            let schools = self.names(desk, &self.recused);
            return vec![t_args("people.plan_recused", &[("to", taker), ("schools", &schools)])];
        }
        if !self.may_be_done() {
            return vec![t_args("people.plan_nothing", &[("name", giver)])];
        }
        let midnight = i18n::ms_of(&self.from);
        let (first, last) = (
            i18n::day_and_year(midnight),
            i18n::day_and_year(midnight - HALF_A_DAY_MS),
        );
        let mut words = Vec::new();
        if !self.given.is_empty() {
            let schools = self.names(desk, &self.given);
            words.push(t_args(
                "people.plan_given",
                &[("to", taker), ("schools", &schools), ("day", &first)],
            ));
        }
        if !self.had.is_empty() {
            let schools = self.names(desk, &self.had);
            words.push(t_args("people.plan_had", &[("to", taker), ("schools", &schools)]));
        }
        words.push(t_args("people.plan_last", &[("name", giver), ("day", &last)]));
        words
    }
}

/// Back from midnight it is the day before, however long that was.
const HALF_A_DAY_MS: f64 = 12.0 * 3_600_000.0;

fn has(taker: &Account, school: &str, begins: &str) -> bool {
    taker
        .assignments
        .iter()
        .any(|own| own.school == school && own.is_current(begins))
}

fn keeps_away(taker: &Account, one: &Assignment, begins: &str) -> bool {
    taker.recusals.iter().any(|recusal| {
        let begins_in_time = one.to.as_ref().is_none_or(|until| recusal.from <= *until);
        recusal.school == one.school && recusal.is_current(begins) && begins_in_time
    })
}
