//! A change that waits for the acting person's password, and the question for it.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use serde_json::Value;

use super::{Account, Desk};
use crate::components::{ErrorNote, PasswordBox, error_words};
use crate::i18n::{t, t_args};
use crate::session::{ApiError, use_session};

/// What is to be done, in words, and the request that does it.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// A question such as "Disable the account of …?".
    pub ask: String,
    /// What it means.
    pub text: String,
    pub path: String,
    /// The body but for the password.
    pub body: Value,
    /// Whether the answer brings a link.
    pub gives_link: bool,
}

impl Deed {
    pub fn new(ask: String, text: String, path: String, body: Value) -> Self {
        Deed {
            ask,
            text,
            path,
            body,
            gives_link: false,
        }
    }

    pub fn with_link(self) -> Self {
        Deed {
            gives_link: true,
            ..self
        }
    }
}

#[derive(Deserialize)]
struct WithLink {
    person: Account,
    code: String,
}

/// Why the office did not do it, with the school's name where one stands in the way.
fn refusal_words(desk: Desk, refused: &ApiError) -> String {
    match (refused.code.as_str(), &refused.school) {
        ("hand_over.recused", Some(school)) => {
            t_args("people.hand_over_refused", &[("school", &desk.school_name(school))])
        }
        _ => error_words(refused),
    }
}

/// Asks for the password of whoever sits here, once for each deed. A refusal is said in the sheet, which stays.
#[component]
pub fn PasswordSheet(desk: Desk) -> impl IntoView {
    let session = use_session();
    let dialog = NodeRef::<html::Dialog>::new();
    let password = RwSignal::new(String::new());
    let error = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let is_asked = Memo::new(move |_| desk.deed.with(Option::is_some));
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        match (is_asked.get(), dialog.open()) {
            (true, false) => {
                password.set(String::new());
                error.set(None);
                drop(dialog.show_modal());
            }
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    let go = move || {
        let Some(deed) = desk.deed.get_untracked().filter(|_| !busy.get_untracked()) else {
            return;
        };
        let mut body = deed.body;
        body["password"] = password.get_untracked().into();
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            let (path, body) = (deed.path.as_str(), body.to_string());
            let answer = match deed.gives_link {
                true => {
                    let answer = session.post_json::<WithLink>(path, body).await;
                    answer.map(|answer| (answer.person, Some(answer.code)))
                }
                false => session
                    .post_json::<Account>(path, body)
                    .await
                    .map(|person| (person, None)),
            };
            if busy.try_set(false).is_some() {
                // The page is gone.
                return;
            }
            match answer {
                Ok((person, code)) => {
                    desk.deed.set(None);
                    desk.take(person, code);
                }
                Err(refused) => error.set(Some(refusal_words(desk, &refused))),
            }
            password.set(String::new());
        });
    };
    let text = move |of: fn(&Deed) -> &str| desk.deed.with(|deed| deed.as_ref().map(|deed| of(deed).to_owned()));
    view! {
        <dialog node_ref=dialog class="ask-sheet" aria-labelledby="deed-title" on:close=move |_| desk.deed.set(None)>
            <form
                class="deed"
                on:submit=move |event| {
                    event.prevent_default();
                    go();
                }
            >
                <h2 id="deed-title">{move || text(|deed| &deed.ask)}</h2>
                <p>{move || text(|deed| &deed.text)}</p>
                <PasswordBox id="own-password" label=Signal::derive(|| t("people.own_password")) value=password required=true />
                <ErrorNote error />
                <div class="ask-acts">
                    <button class="btn" type="button" on:click=move |_| desk.deed.set(None)>{move || t("action.cancel")}</button>
                    <button class="btn main" type="submit" data-testid="do-it" disabled=busy>{move || t("people.do_it")}</button>
                </div>
            </form>
        </dialog>
    }
}
