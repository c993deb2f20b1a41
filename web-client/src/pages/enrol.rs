//! Whoever got a link chooses the password of their account here and is signed in with it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};

use crate::components::{ErrorNote, PasswordBox, error_words};
use crate::i18n::t;
use crate::icons::{Icon, small};
use crate::prefs::{locale, set_locale};
use crate::session::use_session;

/// Characters of the shortest password; the office counts again.
const SHORTEST: usize = 10;

#[component]
pub fn EnrolPage() -> impl IntoView {
    let session = use_session();
    let (query, hash) = (use_query_map(), use_location().hash);
    // Links of before have it in the query.
    let code = Memo::new(move |_| {
        let behind = hash.with(|hash| hash.split_once("code=").map(|(_, code)| code.to_owned()));
        behind
            .or_else(|| query.with(|query| query.get("code")))
            .unwrap_or_default()
    });
    let (password, again) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let navigate = use_navigate();
    let choose = move || {
        if busy.get_untracked() {
            return;
        }
        let word = password.get_untracked();
        let wrong = match () {
            () if word.trim().is_empty() => Some(t("error.password.blank")),
            () if word.chars().count() < SHORTEST => Some(t("error.password.short")),
            () if word != again.get_untracked() => Some(t("people.enrol_differ")),
            () => None,
        };
        error.set(wrong.clone());
        if wrong.is_some() {
            return;
        }
        busy.set(true);
        let (code, navigate) = (code.get_untracked(), navigate.clone());
        spawn_local(async move {
            let entered = match session.enrol(&code, &word).await {
                Ok(login) => session.sign_in(login, word, None).await,
                Err(refused) => Err(refused),
            };
            let _ = busy.try_set(false);
            match entered {
                Ok(()) => navigate(
                    "/today",
                    NavigateOptions {
                        replace: true,
                        ..Default::default()
                    },
                ),
                Err(refused) => drop(error.try_set(Some(error_words(&refused)))),
            }
        });
    };
    Effect::new(move |_| document().set_title(&format!("{} · {}", t("people.enrol_title"), t("app.name"))));
    view! {
        <div class="screen sign-in">
            <main>
                <header class="row">
                    <span class="seal" aria-hidden="true">{"督".to_owned()}</span>
                    <div class="grow">
                        <h1>{move || t("people.enrol_title")}</h1>
                        <p class="q sm">{move || t("app.name")}</p>
                    </div>
                    <button class="btn" type="button" lang=move || locale().other().tag() on:click=move |_| set_locale(locale().other())>
                        {small(Icon::Language)}
                        <span>{move || locale().other().own_name()}</span>
                    </button>
                </header>
                <Show when=move || !code.with(String::is_empty) fallback=|| view! { <p class="notice">{small(Icon::Info)} <span>{move || t("people.enrol_no_code")}</span></p> }>
                    <p>{move || t("people.enrol_text")}</p>
                </Show>
                <form
                    class="card"
                    on:submit=move |event| {
                        event.prevent_default();
                        choose();
                    }
                >
                    <PasswordBox
                        id="new-password"
                        label=Signal::derive(|| t("people.enrol_password"))
                        value=password
                        autocomplete="new-password"
                        hint=Signal::derive(|| t("people.enrol_hint"))
                    />
                    <PasswordBox id="password-again" label=Signal::derive(|| t("people.enrol_again")) value=again autocomplete="new-password" />
                    <ErrorNote error=error />
                    <button class="btn main wide" type="submit" data-testid="enrol" disabled=move || code.with(String::is_empty) aria-busy=move || if busy.get() { "true" } else { "false" }>
                        {move || if busy.get() { t("sign_in.busy") } else { t("people.enrol_go") }}
                    </button>
                </form>
                <p class="q xs"><a href="/">{move || t("people.enrol_have")}</a></p>
            </main>
        </div>
    }
}
