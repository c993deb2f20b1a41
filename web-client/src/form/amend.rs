//! Changing one answer of a sheet that is signed: a new value and why, as one action that signs it anew. The earlier value and
//! its signature stay in the history.

use catalog::{Item, ItemKind};
use leptos::prelude::*;
use sync_protocol::{Edit, GroupKind, Value};

use super::sheet::Sheet;
use crate::difference::Records;
use crate::i18n::{say, t};
use crate::icons::{Icon, small};
use crate::seal;

/// Shown on a signed sheet to whoever may amend it.
#[component]
pub fn Amend(sheet: Sheet, item: &'static Item) -> impl IntoView {
    let session = sheet.session;
    let may = Memo::new(move |_| {
        let sealed = !session
            .field(&sheet.response(), sync_protocol::SEAL_FIELD)
            .siblings
            .is_empty();
        sheet.read_only.get()
            && sealed
            && session
                .record(&sheet.response())
                .is_some_and(|record| record.is_sealed())
            && seal::may_amend(session, &Records::Here(session), &sheet.visit())
    });
    let asking = RwSignal::new(false);
    let write = move |path: String, value: Value, reason: String| {
        let records = Records::Here(session);
        untrack(|| {
            let Some(record) = session.record(&sheet.response()) else {
                return;
            };
            let mut ops = vec![Edit::new(record.id(), &path, value, record.field(&path).shown())];
            ops.extend(seal::amendment(&records, &record, &[path.as_str()], &reason));
            session.change(&sheet.bucket(), GroupKind::Edit, ops);
        });
        asking.set(false);
    };
    view! {
        <Show when=move || may.get()>
            <Show
                when=move || asking.get()
                fallback=move || view! {
                    <button class="linkbtn sm" type="button" data-testid="amend" on:click=move |_| asking.set(true)>
                        {small(Icon::Note)} " " {move || t("amend.open")}
                    </button>
                }
            >
                <AmendForm item on_write=write on_cancel=move || asking.set(false) />
            </Show>
        </Show>
    }
}

/// The new value, why, and the one button.
#[component]
fn AmendForm(
    item: &'static Item,
    on_write: impl Fn(String, Value, String) + Copy + Send + Sync + 'static,
    on_cancel: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let chosen = RwSignal::new(None::<String>);
    let reason = RwSignal::new(String::new());
    let choices = choices(item);
    let words_only = choices.is_empty();
    let ready = move || {
        chosen.with(|chosen| chosen.as_ref().is_some_and(|chosen| !chosen.trim().is_empty()))
            && reason.with(|reason| !reason.trim().is_empty())
    };
    let group = format!("amend-{}", item.code);
    let options = choices.into_iter().map(|(code, word)| {
        let (picked, named) = (code.clone(), group.clone());
        view! {
            <label class="level">
                <input type="radio" name=named data-amend=code prop:checked={let code = picked.clone(); move || chosen.get().as_deref() == Some(code.as_str())} on:change=move |_| chosen.set(Some(picked.clone())) />
                <span>{move || word()}</span>
            </label>
        }
    });
    let options = options.collect_view();
    view! {
        <div class="evidence calm" data-testid="amend-form">
            <p class="q sm">{move || t("amend.hint")}</p>
            {if words_only {
                view! { <textarea class="box" rows="2" maxlength="5000" data-field="amend-value" aria-label=move || t("amend.value") on:input=move |event| chosen.set(Some(event_target_value(&event)))></textarea> }.into_any()
            } else {
                view! { <div class="levels" role="radiogroup" aria-label=move || t("amend.value")>{options}</div> }.into_any()
            }}
            <label class="field"><span class="label">{move || t("amend.reason")}</span>
                <textarea class="box" rows="2" maxlength="1000" data-field="amend-reason" on:input=move |event| reason.set(event_target_value(&event))></textarea>
            </label>
            <div class="row wrap">
                <button class="btn main" type="button" data-testid="amend-go" disabled=move || !ready() on:click=move |_| {
                    let path = if words_only { format!("{}/note", item.code) } else { item.code.clone() };
                    on_write(path, chosen.get_untracked().unwrap_or_default().into(), reason.get_untracked());
                }>{move || t("amend.go")}</button>
                <button class="linkbtn sm" type="button" on:click=move |_| on_cancel()>{move || t("action.cancel")}</button>
            </div>
        </div>
    }
}

type Word = Box<dyn Fn() -> String + Send>;

/// What an item can be amended to; nothing for what is words or numbers, of which the note is amended.
fn choices(item: &'static Item) -> Vec<(String, Word)> {
    let word = |key: &'static str| -> Word { Box::new(move || t(key)) };
    match &item.kind {
        ItemKind::YesNo => vec![
            ("yes".to_owned(), word("answer.yes")),
            ("no".to_owned(), word("answer.no")),
            ("na".to_owned(), word("answer.na")),
        ],
        ItemKind::One { options } | ItemKind::Scale { levels: options } => options
            .iter()
            .map(|option| (option.code.clone(), Box::new(move || say(&option.label)) as Word))
            .collect(),
        _ => Vec::new(),
    }
}
