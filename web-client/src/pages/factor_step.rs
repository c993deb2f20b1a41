//! What comes after the password where there is a second factor, at the sign-in and at the door of a safe: a code, or a passkey.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde_json::{Value, json};

use crate::components::error_words;
use crate::http::ApiError;
use crate::i18n::t;
use crate::icons::{Icon, small};
use crate::passkeys;
use crate::session::Factor;

/// What the office asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// As far as it is typed.
    code: String,
    /// Whether a code would do.
    by_code: bool,
    /// The question to a passkey: good for one answer.
    passkey: Option<Value>,
}

impl Asked {
    /// Heeds what the office said to a sign-in.
    pub fn follow(asked: RwSignal<Option<Self>>, refused: &ApiError) {
        if refused.code != "session.code_needed" {
            return;
        }
        let passkey = refused.passkey.clone();
        asked.update(|asked| {
            *asked = Some(Asked {
                code: asked.take().map(|asked| asked.code).unwrap_or_default(),
                by_code: passkey.as_ref().is_none_or(|passkey| passkey["or_code"] == true),
                passkey,
            });
        });
    }

    /// What the office said, in words: what it asks for is named as it is asked.
    pub fn words(refused: &ApiError) -> String {
        match &refused.passkey {
            Some(passkey) if passkey["or_code"] == true => t("passkey.asked_or_code"),
            Some(_) => t("passkey.asked"),
            None => error_words(refused),
        }
    }

    /// The code, if one was typed.
    pub fn typed(&self) -> Option<Factor> {
        let code = self.code.trim();
        (!code.is_empty()).then(|| Factor::Code(code.to_owned()))
    }

    fn is_for_here(&self) -> bool {
        let passkey = self.passkey.as_ref();
        passkey.is_some_and(|passkey| {
            passkeys::work_at(passkey["options"]["publicKey"]["rpId"].as_str().unwrap_or_default())
        })
    }
}

/// The boxes and buttons for what is asked; nothing while nothing is.
#[component]
pub fn FactorStep(
    asked: RwSignal<Option<Asked>>,
    error: RwSignal<Option<String>>,
    with_passkey: impl Fn(Factor) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let is = move |look: fn(&Asked) -> bool| asked.with(|asked| asked.as_ref().is_some_and(look));
    let sign = move || {
        let question = asked.with_untracked(|asked| asked.as_ref().and_then(|asked| asked.passkey.clone()));
        let Some(question) = question else { return };
        error.set(None);
        spawn_local(async move {
            match passkeys::sign(&question["options"]).await {
                Some(answer) => {
                    // Good or not, the question is answered.
                    asked.update(|asked| {
                        if let Some(asked) = asked {
                            asked.passkey = None;
                        }
                    });
                    with_passkey(Factor::Passkey(
                        json!({ "challenge": question["challenge"], "answer": answer }),
                    ));
                }
                None => drop(error.try_set(Some(t("passkey.not_used")))),
            }
        });
    };
    view! {
        <Show when=move || is(Asked::is_for_here)>
            <button class="btn wide" type="button" data-testid="use-passkey" on:click=move |_| sign()>
                {small(Icon::Lock)}
                <span>{move || t("passkey.use")}</span>
            </button>
        </Show>
        <Show when=move || is(|asked| asked.passkey.is_some() && !asked.is_for_here())>
            <p class="notice sm" data-testid="passkey-not-here">{small(Icon::Info)} <span>{move || t("passkey.not_here")}</span></p>
        </Show>
        <Show when=move || is(|asked| asked.by_code)>
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
                    prop:value=move || asked.with(|asked| asked.as_ref().map(|asked| asked.code.clone())).unwrap_or_default()
                    on:input=move |event| {
                        asked.update(|asked| {
                            if let Some(asked) = asked {
                                asked.code = event_target_value(&event);
                            }
                        })
                    }
                />
            </div>
        </Show>
    }
}
