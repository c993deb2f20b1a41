//! Signing in: the first time online; afterwards the password opens the person's safe on this phone, with or without a network.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::unlock::{Doors, WithdrawnNote};
use crate::components::{Badge, ErrorNote, PasswordBox, Tone, error_words, role_word};
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::prefs::{locale, senior, set_locale, set_senior};
use crate::session::{About, SignIn, use_session};

#[component]
pub fn SignInPage() -> impl IntoView {
    let session = use_session();
    let login = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    // Asked for once the office says so.
    let code = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let about = RwSignal::new(None::<About>);
    spawn_local(async move {
        // Without the network there is simply nothing to show beside the two boxes.
        if let Ok(answer) = session.about().await {
            about.set(Some(answer));
        }
    });
    let navigate = use_navigate();
    // The bare address leads to where this person was.
    let go_on = StoredValue::new(move || {
        navigate(
            "/",
            NavigateOptions {
                replace: true,
                ..Default::default()
            },
        )
    });
    let enter = move |name: String, word: String| {
        if busy.get_untracked() {
            return;
        }
        if name.trim().is_empty() || word.is_empty() {
            error.set(Some(t("sign_in.both")));
            return;
        }
        busy.set(true);
        error.set(None);
        let typed = word.clone();
        spawn_local(async move {
            let digits = code.get_untracked().filter(|digits| !digits.trim().is_empty());
            match session.sign_in(name.trim().to_owned(), word, digits).await {
                // Whoever waited for the sign-in may have taken this page away already.
                Ok(()) => drop(go_on.try_with_value(|go_on| go_on())),
                Err(refused) if refused.code == "session.refused" => error.set(Some(t("sign_in.wrong"))),
                Err(refused) => {
                    if refused.code == "session.code_needed" {
                        login.set(name);
                        password.set(typed);
                        code.update(|code| _ = code.get_or_insert_default());
                    }
                    error.set(Some(error_words(&refused)));
                }
            }
            // This page is gone by now when the sign-in worked.
            let _ = busy.try_set(false);
        });
    };
    Effect::new(move |_| document().set_title(&format!("{} · {}", t("sign_in.title"), t("app.name"))));
    view! {
        <div class="screen sign-in">
            <main>
                <header class="row">
                    <span class="seal" aria-hidden="true">{"督".to_owned()}</span>
                    <div class="grow">
                        <h1>{move || t("app.name")}</h1>
                        <p class="q sm">
                            {move || about.get().and_then(|about| about.district)
                                    .map(|district| district.name).unwrap_or_else(|| t("app.what"))}
                        </p>
                    </div>
                    <button class="btn" type="button" lang=move || locale().other().tag() on:click=move |_| set_locale(locale().other())>
                        {small(Icon::Language)}
                        <span>{move || locale().other().own_name()}</span>
                    </button>
                </header>
                <form
                    class="card"
                    on:submit=move |event| {
                        event.prevent_default();
                        enter(login.get_untracked(), password.get_untracked());
                    }
                >
                    <div class="field">
                        <label class="label" for="login">{move || t("sign_in.login")}</label>
                        <input
                            id="login"
                            class="box"
                            data-testid="login"
                            type="text"
                            autocomplete="username"
                            autocapitalize="none"
                            spellcheck="false"
                            bind:value=login
                        />
                    </div>
                    <PasswordBox id="password" label=Signal::derive(|| t("sign_in.password")) value=password />
                    <Show when=move || code.with(Option::is_some)>
                        <div class="field">
                            <label class="label" for="code">{move || t("factor.code")}</label>
                            <input
                                id="code"
                                class="box"
                                data-testid="code"
                                type="text"
                                inputmode="numeric"
                                autocomplete="one-time-code"
                                maxlength="32"
                                prop:value=move || code.get().unwrap_or_default()
                                on:input=move |event| code.set(Some(event_target_value(&event)))
                            />
                        </div>
                    </Show>
                    <ErrorNote error=error />
                    <button class="btn main wide" type="submit" data-testid="sign-in" aria-busy=move || if busy.get() { "true" } else { "false" }>
                        {move || if busy.get() { t("sign_in.busy") } else { t("sign_in.go") }}
                    </button>
                </form>
                <WithdrawnNote />
                <Doors />
                <LeftWork />
                <DemoList about enter />
                <label class="tick">
                    <input
                        type="checkbox"
                        prop:checked=senior
                        on:change=move |_| set_senior(!senior())
                    />
                    <span>{move || t("me.senior")}</span>
                </label>
                <p class="q xs">{move || t("sign_in.once")}</p>
            </main>
        </div>
    }
}

/// Whose unsent work lies on this phone: they know where it is, and the next person knows that it is not theirs.
#[component]
fn LeftWork() -> impl IntoView {
    let session = use_session();
    view! {
        <For
            each=move || session.left_work()
            key=|left| (left.person.clone(), left.pieces)
            children=move |left| {
                let pieces = left.pieces.to_string();
                view! {
                    <p class="notice" data-testid="left-work" data-pieces=pieces>
                        {small(Icon::Phone)}
                        <span>{move || t_args("sign_in.left", &[("name", &left.name), ("n", &left.pieces)])}</span>
                    </p>
                }
            }
        />
    }
}

/// On a demonstration server the accounts are there to be tapped, and say that they are not real.
#[component]
fn DemoList(
    about: RwSignal<Option<About>>,
    enter: impl Fn(String, String) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let accounts = move || {
        about
            .get()
            .filter(|about| about.demo)
            .map(|about| about.sign_ins)
            .unwrap_or_default()
    };
    view! {
        <Show when=move || !accounts().is_empty()>
            <section aria-labelledby="demo-title" class="demo">
                <div class="row">
                    <h2 class="grow label" id="demo-title">{move || t("sign_in.demo_title")}</h2>
                    <Badge tone=Tone::Warn mark=Icon::Info text=Signal::derive(|| t("sign_in.demo")) />
                </div>
                <ul class="list">
                    <For each=accounts key=|account| account.login.clone() children=move |account| demo_row(account, enter) />
                </ul>
            </section>
        </Show>
    }
}

fn demo_row(account: SignIn, enter: impl Fn(String, String) + Copy + Send + Sync + 'static) -> impl IntoView {
    let SignIn {
        login,
        password,
        name,
        roles,
    } = account;
    let shown_login = login.clone();
    let role_words = move || i18n::join_list(roles.iter().map(|role| role_word(role)));
    view! {
        <li>
            <button class="li" type="button" data-demo=login.clone() on:click=move |_| enter(login.clone(), password.clone())>
                <span class="mark act" aria-hidden="true">{icon(Icon::Person)}</span>
                <span class="grow">
                    <b>{name}</b>
                    <br />
                    <span class="q sm">{move || i18n::join_dots([role_words(), shown_login.clone()])}</span>
                </span>
                {icon(Icon::Forward)}
            </button>
        </li>
    }
}
