//! The second factor of whoever works in the office: a code from a device of theirs beside the password.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::components::{Badge, ErrorNote, PasswordBox, QrPicture, Tone, error_words};
use crate::i18n::{t, t_args};
use crate::icons::{Icon, small};
use crate::pages::duty;
use crate::session::use_session;

const PATH: &str = "/api/v1/second-factor";

#[derive(Clone, PartialEq, Deserialize)]
struct Standing {
    active: bool,
    recovery_left: usize,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Begun {
    secret: String,
    uri: String,
}

#[derive(Deserialize)]
struct Confirmed {
    recovery_codes: Vec<String>,
}

/// Where somebody is between having none and having one.
#[derive(Clone, PartialEq)]
enum Step {
    /// The office has not answered yet.
    Unknown,
    None,
    /// The password is asked for, to begin.
    Asked,
    /// Shown this once; the first code is waited for.
    Begun(Begun),
    /// Shown this once.
    Codes(Vec<String>),
    Active(usize),
    /// Password and code are asked for, to remove it.
    Removing,
}

#[component]
pub fn SecondFactor() -> impl IntoView {
    let session = use_session();
    let step = RwSignal::new(Step::Unknown);
    let (password, code) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let error = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let look = move || {
        spawn_local(async move {
            if let Ok(standing) = session.get::<Standing>(PATH).await {
                let _ = step.try_set(match standing.active {
                    true => Step::Active(standing.recovery_left),
                    false => Step::None,
                });
            }
        });
    };
    look();
    let go_to = move |next: Step| {
        password.set(String::new());
        code.set(String::new());
        error.set(None);
        step.set(next);
    };
    let act = move || {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let (word, digits) = (password.get_untracked(), code.get_untracked());
        spawn_local(async move {
            let next = match step.get_untracked() {
                Step::Asked => post("", json!({ "password": word })).await.map(Step::Begun),
                Step::Begun(_) => {
                    let done = post("/confirm", json!({ "code": digits })).await;
                    done.map(|Confirmed { recovery_codes }| Step::Codes(recovery_codes))
                }
                Step::Removing => {
                    let done = post::<Standing>("/remove", json!({ "password": word, "code": digits })).await;
                    done.map(|_| Step::None)
                }
                same => Ok(same),
            };
            if busy.try_set(false).is_some() {
                // The page is gone.
                return;
            }
            match next {
                Ok(next) => go_to(next),
                Err(refused) => error.set(Some(refused)),
            }
        });
    };
    let form = move |ask_password: bool, ask_code: bool| {
        view! {
            <form
                on:submit=move |event| {
                    event.prevent_default();
                    act();
                }
            >
                {ask_password.then(|| view! {
                    <PasswordBox id="factor-password" label=Signal::derive(|| t("people.own_password")) value=password required=true />
                })}
                {ask_code.then(|| view! {
                    <div class="field">
                        <label class="label" for="factor-code">{move || t("factor.code")}</label>
                        <input id="factor-code" class="box" data-testid="factor-code" type="text" inputmode="numeric" autocomplete="one-time-code" maxlength="32" required bind:value=code />
                    </div>
                })}
                <ErrorNote error />
                <div class="ask-acts">
                    <button class="btn" type="button" on:click=move |_| look()>{move || t("action.cancel")}</button>
                    <button class="btn main" type="submit" data-testid="factor-go" disabled=busy>{move || t("factor.go")}</button>
                </div>
            </form>
        }
    };
    let body = move || {
        match step.get() {
        Step::Unknown => ().into_any(),
        Step::None => view! {
            <p class="sm">{t("factor.none")}</p>
            <button class="btn wide" type="button" data-testid="factor-begin" on:click=move |_| go_to(Step::Asked)>
                {small(Icon::Plus)}
                <span>{t("factor.begin")}</span>
            </button>
        }
        .into_any(),
        Step::Asked => form(true, false).into_any(),
        Step::Begun(Begun { secret, uri }) => view! {
            <p class="sm">{t("factor.scan")}</p>
            <QrPicture text=uri name=Signal::derive(|| t("factor.qr")) />
            <p class="q sm">{t("factor.type")} " " <span class="mono" data-testid="factor-secret">{secret}</span></p>
            {form(false, true)}
        }
        .into_any(),
        Step::Codes(codes) => view! {
            <p class="notice sm">{small(Icon::Warning)} <span>{t("factor.codes")}</span></p>
            <ul class="list mono" data-testid="recovery-codes">{codes.into_iter().map(|code| view! { <li class="li slim">{code}</li> }).collect_view()}</ul>
            <button class="btn wide" type="button" data-testid="factor-noted" on:click=move |_| look()>{t("factor.noted")}</button>
        }
        .into_any(),
        Step::Active(left) => view! {
            <p class="sm" data-testid="factor-active">{t_args("factor.active", &[("n", &left)])}</p>
            <button class="btn wide" type="button" data-testid="factor-remove" on:click=move |_| go_to(Step::Removing)>
                {small(Icon::No)}
                <span>{t("factor.remove")}</span>
            </button>
        }
        .into_any(),
        Step::Removing => form(true, true).into_any(),
    }
    };
    let is_on = move || matches!(step.get(), Step::Active(_) | Step::Removing | Step::Codes(_));
    view! {
        <Show when=move || duty::is_office(session) && step.with(|step| *step != Step::Unknown)>
            <section class="card" aria-labelledby="factor-title">
                <div class="row">
                    <h2 class="label grow" id="factor-title">{move || t("factor.title")}</h2>
                    {move || match is_on() {
                        true => view! { <Badge tone=Tone::Ok mark=Icon::Yes text=Signal::derive(|| t("factor.on")) /> }.into_any(),
                        false => view! { <Badge tone=Tone::Warn mark=Icon::Info text=Signal::derive(|| t("factor.off")) /> }.into_any(),
                    }}
                </div>
                {body}
            </section>
        </Show>
    }
}

async fn post<T: DeserializeOwned>(under: &str, body: serde_json::Value) -> Result<T, String> {
    let path = format!("{PATH}{under}");
    let answer = use_session().post_json(&path, body.to_string()).await;
    answer.map_err(|refused| error_words(&refused))
}
