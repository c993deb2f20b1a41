//! Me and this phone: who is signed in, how the screens look, what is stored here, leaving.

mod passkeys;
mod second_factor;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;

use super::duty;
use crate::components::{ConfirmSheet, ErrorNote, Meter, Screen, error_words, role_word};
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::prefs::{Locale, Theme, locale, senior, set_locale, set_senior, set_theme, theme};
use crate::service_worker;
use crate::session::use_session;
pub use passkeys::Passkeys;
pub use second_factor::SecondFactor;

#[component]
pub fn MePage() -> impl IntoView {
    let session = use_session();
    let person = Memo::new(move |_| session.person());
    let role_words = move || i18n::join_list(duty::roles(session).iter().map(|role| role_word(role)));
    view! {
        <Screen title=Signal::derive(|| t("nav.me"))>
            <section class="card row">
                <span class="mark act" aria-hidden="true">{icon(Icon::Person)}</span>
                <div class="grow">
                    <h2 class="sub-head">{move || person.get().map(|person| person.name)}</h2>
                    <p class="q sm">{move || i18n::join_dots([role_words(), person.get().map(|person| person.district_name).unwrap_or_default()])}</p>
                </div>
            </section>
            <Update />
            <Show when=move || duty::decides(session)>
                <a class="card li" href="/people" data-testid="to-people">
                    <span class="mark act" aria-hidden="true">{icon(Icon::People)}</span>
                    <span class="grow"><b>{move || t("people.title")}</b><br /><span class="q sm">{move || t("people.me")}</span></span>
                    {icon(Icon::Forward)}
                </a>
            </Show>
            <Looks />
            <ThisPhone />
            <SecondFactor />
            <Passkeys />
            <Leave />
        </Screen>
    }
}

/// A newer version is swapped in on a tap only.
#[component]
fn Update() -> impl IntoView {
    view! {
        <Show when=service_worker::update_waiting>
            <section class="card">
                <h2 class="sub-head">{move || t("me.update")}</h2>
                <p class="q sm">{move || t("me.update_text")}</p>
                <button class="btn wide" type="button" data-testid="update-now" on:click=move |_| service_worker::update_now()>
                    {small(Icon::Sync)}
                    <span>{move || t("me.update_now")}</span>
                </button>
            </section>
        </Show>
    }
}

#[component]
fn Looks() -> impl IntoView {
    let theme_word = |choice: Theme| match choice {
        Theme::Auto => t("theme.auto"),
        Theme::Light => t("theme.light"),
        Theme::Dark => t("theme.dark"),
    };
    view! {
        <section class="card" aria-labelledby="looks-title">
            <h2 class="label" id="looks-title">{move || t("me.looks")}</h2>
            <fieldset class="seg-field">
                <legend>{move || t("me.language")}</legend>
                <div class="seg">
                    {[Locale::ZhCn, Locale::En]
                        .map(|choice| {
                            view! {
                                <label lang=choice.tag()>
                                    <input type="radio" name="locale" prop:checked=move || locale() == choice on:change=move |_| set_locale(choice) />
                                    <span>{choice.own_name().to_owned()}</span>
                                </label>
                            }
                        })
                        .collect_view()}
                </div>
            </fieldset>
            <fieldset class="seg-field">
                <legend>{move || t("me.theme")}</legend>
                <div class="seg">
                    {Theme::ALL
                        .map(|choice| {
                            view! {
                                <label>
                                    <input type="radio" name="theme" prop:checked=move || theme() == choice on:change=move |_| set_theme(choice) />
                                    <span>{move || theme_word(choice)}</span>
                                </label>
                            }
                        })
                        .collect_view()}
                </div>
            </fieldset>
            <label class="tick">
                <input type="checkbox" data-testid="senior" prop:checked=senior on:change=move |_| set_senior(!senior()) />
                <span>{move || t("me.senior")} <span class="q sm block">{move || t("me.senior_hint")}</span></span>
            </label>
        </section>
    }
}

#[component]
fn ThisPhone() -> impl IntoView {
    let session = use_session();
    let counts = Memo::new(move |_| session.counts());
    let used = RwSignal::new(None::<(f64, f64)>);
    let error = RwSignal::new(None::<String>);
    spawn_local(async move {
        let _ = used.try_set(storage_used().await);
    });
    let work = move || {
        let counts = counts.get();
        i18n::join_dots([
            t_args("me.pending", &[("n", &counts.pending)]),
            t_args("me.attention", &[("n", &counts.attention)]),
        ])
    };
    view! {
        <section class="card" aria-labelledby="phone-title">
            <h2 class="label" id="phone-title">{move || t("me.phone")}</h2>
            <a class="li flush" href="/sync">
                <span class="mark" aria-hidden="true">{icon(Icon::Sync)}</span>
                <span class="grow"><b>{move || t("sync.title")}</b><br /><span class="q sm">{work}</span></span>
                {icon(Icon::Forward)}
            </a>
            {move || used.get().map(|(used, quota)| view! {
                <div>
                    <p class="row"><span class="grow">{t("me.storage")}</span><span class="q sm">{t_args("me.storage_used", &[("used", &megabytes(used)), ("of", &megabytes(quota))])}</span></p>
                    <Meter share=Signal::derive(move || used / quota.max(1.0)) />
                </div>
            })}
            <p class="row sm"><span class="mark ok" aria-hidden="true">{icon(Icon::Lock)}</span> <span class="grow">{move || t("me.sealed")}</span></p>
            <ErrorNote error />
            <button
                class="btn wide"
                type="button"
                data-testid="lock"
                on:click=move |_| spawn_local(async move {
                    if let Err(refused) = session.lock().await {
                        error.set(Some(error_words(&refused)));
                    }
                })
            >
                {small(Icon::Lock)}
                <span>{move || t("me.lock")}</span>
            </button>
        </section>
    }
}

fn megabytes(bytes: f64) -> String {
    let mega = bytes / 1_048_576.0;
    if mega >= 1024.0 {
        format!("{:.1} GB", mega / 1024.0)
    } else {
        format!("{mega:.1} MB")
    }
}

// Bytes used and granted; nothing where the browser does not tell.
async fn storage_used() -> Option<(f64, f64)> {
    let estimate = window().navigator().storage().estimate().ok()?;
    let answer = JsFuture::from(estimate).await.ok()?;
    let number = |name: &str| js_sys::Reflect::get(&answer, &name.into()).ok()?.as_f64();
    Some((number("usage")?, number("quota")?))
}

/// Signing out, with a word about what is not sent yet.
#[component]
pub fn Leave() -> impl IntoView {
    let session = use_session();
    let asking = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let unsent = Memo::new(move |_| session.counts().unsent());
    let text = Signal::derive(move || match unsent.get() {
        0 => t("sign_out.text"),
        left => t_args("sign_out.unsent", &[("n", &left)]),
    });
    view! {
        <ErrorNote error />
        <Show when=move || unsent.get() != 0>
            <p class="notice sm">
                {small(Icon::Phone)}
                <span>{move || t_args("sign_out.first", &[("n", &unsent.get())])} " " <a href="/sync">{move || t("sign_out.first_go")}</a></span>
            </p>
        </Show>
        <button class="btn wide" type="button" data-testid="sign-out" on:click=move |_| asking.set(true)>
            {small(Icon::Leave)}
            <span>{move || t("sign_out.title")}</span>
        </button>
        <ConfirmSheet
            open=asking
            title=Signal::derive(|| t("sign_out.ask"))
            text
            yes=Signal::derive(|| t("sign_out.title"))
            on_yes=move |()| spawn_local(async move {
                if let Err(refused) = session.sign_out().await {
                    error.set(Some(error_words(&refused)));
                }
            })
        />
    }
}
