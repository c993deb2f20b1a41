//! The door of a safe: whose it is, and the password that opens it. No network is needed.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::components::{ErrorNote, PasswordBox, error_words};
use crate::i18n::{t, t_args};
use crate::icons::{Icon, icon, small};
use crate::prefs::{locale, set_locale};
use crate::session::{Person, use_session};

#[component]
pub fn UnlockPage() -> impl IntoView {
    let session = use_session();
    let password = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let name = move || session.door().map(|person| person.name).unwrap_or_default();
    let district = move || session.door().map(|person| person.district_name).unwrap_or_default();
    let open = move || {
        let (Some(person), false) = (untrack(|| session.door()), busy.get_untracked()) else {
            return;
        };
        let word = password.get_untracked();
        if word.is_empty() {
            error.set(Some(t("unlock.empty")));
            return;
        }
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            // This page is gone when it worked.
            if let Err(refused) = session.unlock(person, word).await {
                let _ = error.try_set(Some(error_words(&refused)));
            }
            let _ = busy.try_set(false);
        });
    };
    // Another door is another password.
    Effect::new(move |_| {
        let _ = session.door();
        password.set(String::new());
        error.set(None);
    });
    Effect::new(move |_| document().set_title(&format!("{} · {}", t("unlock.title"), t("app.name"))));
    view! {
        <div class="screen sign-in">
            <main>
                <header class="row">
                    <span class="seal" aria-hidden="true">{"督".to_owned()}</span>
                    <div class="grow">
                        <h1>{move || t("app.name")}</h1>
                        <p class="q sm">{district}</p>
                    </div>
                    <button class="btn" type="button" lang=move || locale().other().tag() on:click=move |_| set_locale(locale().other())>
                        {small(Icon::Language)}
                        <span>{move || locale().other().own_name()}</span>
                    </button>
                </header>
                <form
                    class="card"
                    aria-labelledby="door"
                    on:submit=move |event| {
                        event.prevent_default();
                        open();
                    }
                >
                    <h2 id="door" class="row" data-testid="door">
                        <span class="mark act" aria-hidden="true">{icon(Icon::Lock)}</span>
                        <span>{name}</span>
                    </h2>
                    <p class="sm">{move || t("unlock.text")}</p>
                    <PasswordBox id="unlock-password" label=Signal::derive(|| t("sign_in.password")) value=password />
                    <ErrorNote error=error />
                    <button class="btn main wide" type="submit" data-testid="unlock" aria-busy=move || if busy.get() { "true" } else { "false" }>
                        {move || if busy.get() { t("unlock.busy") } else { t("unlock.go") }}
                    </button>
                    <p class="q sm">{move || t("unlock.forgot")}</p>
                </form>
                <Doors />
                <button class="btn wide" type="button" data-testid="other-person" on:click=move |_| session.show_door(None)>
                    {small(Icon::Person)}
                    <span>{move || t("unlock.other")}</span>
                </button>
            </main>
        </div>
    }
}

/// Everybody whose safe is on this phone, but the one whose door is shown.
#[component]
pub fn Doors() -> impl IntoView {
    let session = use_session();
    let others = move || {
        let door = session.door();
        let mut people: Vec<Person> = session.safes().into_iter().map(|safe| safe.person).collect();
        people.retain(|person| door.as_ref().is_none_or(|door| door.id != person.id));
        people
    };
    view! {
        <Show when=move || !others().is_empty()>
            <section aria-labelledby="doors">
                <h2 class="label" id="doors">{move || t("unlock.here")}</h2>
                <ul class="list">
                    <For
                        each=others
                        key=|person| person.id.clone()
                        children=move |person| {
                            let (name, district, id) = (person.name.clone(), person.district_name.clone(), person.id.clone());
                            view! {
                                <li>
                                    <button class="li" type="button" data-door=id on:click=move |_| session.show_door(Some(person.clone()))>
                                        <span class="mark" aria-hidden="true">{icon(Icon::Lock)}</span>
                                        <span class="grow"><b>{name}</b><br /><span class="q sm">{district}</span></span>
                                        {icon(Icon::Forward)}
                                    </button>
                                </li>
                            }
                        }
                    />
                </ul>
            </section>
        </Show>
    }
}

/// What became of what the office withdrew, for whoever stands before the phone.
#[component]
pub fn WithdrawnNote() -> impl IntoView {
    let session = use_session();
    view! {
        {move || {
            session
                .withdrawn()
                .map(|withdrawn| {
                    let why = match withdrawn.code.as_str() {
                        "device.revoked" => t("withdrawn.device"),
                        _ => t("withdrawn.person"),
                    };
                    let what = if withdrawn.gone { t("withdrawn.gone") } else { t("withdrawn.waits") };
                    view! {
                        <p class="notice" role="status" data-testid="withdrawn" data-gone=withdrawn.gone.to_string()>
                            {small(Icon::Info)}
                            <span>{t_args("withdrawn.text", &[("why", &why), ("what", &what)])}</span>
                        </p>
                    }
                })
        }}
    }
}
