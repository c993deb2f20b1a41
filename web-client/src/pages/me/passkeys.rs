//! One's own passkeys: what there is, a new one, one fewer.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::components::{ErrorNote, error_words};
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::passkeys;
use crate::session::{Session, device_name, use_session};

const PATH: &str = "/api/v1/second-factor";

/// What the office knows of this person's passkeys.
#[derive(Clone, PartialEq, Deserialize)]
struct Standing {
    passkeys: Vec<Passkey>,
    passkeys_at: Option<String>,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Passkey {
    id: String,
    name: String,
    created_at: String,
    last_used_at: Option<String>,
}

#[derive(Deserialize)]
struct Begun {
    challenge: String,
    options: Value,
}

/// What the password is asked for.
#[derive(Clone, PartialEq)]
enum Step {
    Nothing,
    Adding,
    /// The id of the one that goes.
    Removing(String),
}

#[component]
pub fn Passkeys() -> impl IntoView {
    let session = use_session();
    let standing = RwSignal::new(None::<Standing>);
    let step = RwSignal::new(Step::Nothing);
    let password = RwSignal::new(String::new());
    let name = RwSignal::new(device_name());
    let error = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    spawn_local(async move {
        if let Ok(now) = session.get::<Standing>(PATH).await {
            note(session, &now);
            drop(standing.try_set(Some(now)));
        }
    });
    let go_to = move |next: Step| {
        password.set(String::new());
        error.set(None);
        step.set(next);
    };
    let act = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let (word, called) = (password.get_untracked(), name.get_untracked());
        spawn_local(async move {
            let done = match step.get_untracked() {
                Step::Adding => add(session, &word, &called).await,
                Step::Removing(id) => remove(session, &word, &id).await,
                Step::Nothing => return,
            };
            if busy.try_set(false).is_some() {
                // The page is gone.
                return;
            }
            match done {
                Ok(now) => {
                    go_to(Step::Nothing);
                    note(session, &now);
                    // Whoever came because one was demanded is elsewhere by now.
                    drop(standing.try_set(Some(now)));
                }
                Err(refused) => error.set(Some(refused)),
            }
        });
    };
    let works_here = move || {
        let at = standing.with(|standing| standing.as_ref().and_then(|standing| standing.passkeys_at.clone()));
        at.is_some_and(|at| passkeys::work_at(&at))
    };
    let rows = move || {
        standing.with(|standing| {
            standing
                .as_ref()
                .map(|standing| standing.passkeys.clone())
                .unwrap_or_default()
        })
    };
    let row = move |passkey: Passkey| {
        let id = passkey.id.clone();
        let (made, used) = (passkey.created_at, passkey.last_used_at);
        let when = move || match &used {
            Some(used) => t_args("passkey.used", &[("at", &i18n::moment(i18n::ms_of(used)))]),
            None => t_args("passkey.made", &[("at", &i18n::moment(i18n::ms_of(&made)))]),
        };
        let label = passkey.name.clone();
        view! {
            <li class="li" data-testid="passkey">
                <span class="mark ok" aria-hidden="true">{icon(Icon::Lock)}</span>
                <span class="grow"><b>{passkey.name}</b><br /><span class="q sm">{when}</span></span>
                <button
                    class="iconbtn"
                    type="button"
                    data-testid="passkey-remove"
                    aria-label=move || t_args("passkey.remove", &[("name", &label)])
                    on:click=move |_| go_to(Step::Removing(id.clone()))
                >
                    {icon(Icon::No)}
                </button>
            </li>
        }
    };
    let form = move || {
        view! {
            <form
                on:submit=move |event| {
                    event.prevent_default();
                    act();
                }
            >
                <Show when=move || step.with(|step| *step == Step::Adding)>
                    <div class="field">
                        <label class="label" for="passkey-name">{move || t("passkey.name")}</label>
                        <input id="passkey-name" class="box" data-testid="passkey-name" type="text" maxlength="100" required bind:value=name />
                    </div>
                </Show>
                <div class="field">
                    <label class="label" for="passkey-password">{move || t("people.own_password")}</label>
                    <input id="passkey-password" class="box" data-testid="passkey-password" type="password" autocomplete="current-password" required bind:value=password />
                </div>
                <ErrorNote error />
                <div class="ask-acts">
                    <button class="btn" type="button" on:click=move |_| go_to(Step::Nothing)>{move || t("action.cancel")}</button>
                    <button class="btn main" type="submit" data-testid="passkey-go" disabled=busy>{move || t("factor.go")}</button>
                </div>
            </form>
        }
    };
    view! {
        <Show when=move || standing.with(Option::is_some)>
            <section class="card" aria-labelledby="passkeys-title" data-testid="passkeys">
                <h2 class="label" id="passkeys-title">{move || t("passkey.title")}</h2>
                <p class="sm">{move || if works_here() { t("passkey.text") } else { t("passkey.nameless") }}</p>
                <Show when=move || !rows().is_empty()>
                    <ul class="list">
                        <For each=rows key=|passkey| (passkey.id.clone(), passkey.last_used_at.clone()) children=row />
                    </ul>
                </Show>
                <Show when=move || step.with(|step| *step != Step::Nothing) fallback=move || view! {
                    <Show when=works_here>
                        <button class="btn wide" type="button" data-testid="passkey-add" on:click=move |_| go_to(Step::Adding)>
                            {small(Icon::Plus)}
                            <span>{move || t("passkey.add")}</span>
                        </button>
                    </Show>
                }>
                    {form()}
                </Show>
            </section>
        </Show>
    }
}

fn note(session: Session, standing: &Standing) {
    if !standing.passkeys.is_empty() {
        session.factor_is_there();
    }
}

async fn add(session: Session, password: &str, name: &str) -> Result<Standing, String> {
    let words = |refused| error_words(&refused);
    let asked = json!({ "password": password }).to_string();
    let begun: Begun = session
        .post_json(&format!("{PATH}/passkeys"), asked)
        .await
        .map_err(words)?;
    let answer = passkeys::make(&begun.options)
        .await
        .ok_or_else(|| t("passkey.not_made"))?;
    let answer = json!({ "challenge": begun.challenge, "name": name.trim(), "answer": answer }).to_string();
    let done = session.post_json(&format!("{PATH}/passkeys/finish"), answer).await;
    done.map_err(words)
}

async fn remove(session: Session, password: &str, id: &str) -> Result<Standing, String> {
    let asked = json!({ "password": password }).to_string();
    let done = session.post_json(&format!("{PATH}/passkeys/{id}/remove"), asked).await;
    done.map_err(|refused| error_words(&refused))
}
