//! Where the work is: on this phone, on the server, or in need of a person. The badge, the list behind it, the offline strip.

use leptos::prelude::*;
use leptos_router::components::A;

use super::empty::{EmptyState, ErrorNote};
use super::exchange::save;
use super::words::{next_words, refusal_words};
use crate::form::op_words;
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::{Choice, OutboxItem, OutboxState, use_session};

/// Shape, word and count; one tap to the list.
#[component]
pub fn SyncBadge() -> impl IntoView {
    let session = use_session();
    let counts = Memo::new(move |_| session.counts());
    let word = move || {
        let counts = counts.get();
        if counts.attention > 0 {
            t("sync.attention")
        } else if counts.pending > 0 {
            t("sync.pending")
        } else {
            t("sync.synced")
        }
    };
    let mark = move || {
        let counts = counts.get();
        if counts.attention > 0 {
            small(Icon::Warning)
        } else if counts.pending > 0 {
            small(Icon::Phone)
        } else {
            small(Icon::Server)
        }
    };
    let class = move || {
        if counts.get().attention > 0 {
            "sync alarm"
        } else {
            "sync"
        }
    };
    let figure = move || {
        let counts = counts.get();
        let shown = if counts.attention > 0 {
            counts.attention
        } else {
            counts.pending
        };
        (shown > 0).then(|| view! { <b>{shown.to_string()}</b> })
    };
    view! {
        // Not the router's own link: attributes spread on that stand still once a page has been left for another.
        <a
            href="/sync"
            class=class
            data-testid="sync-badge"
            data-pending=move || counts.get().pending.to_string()
            data-attention=move || counts.get().attention.to_string()
        >
            <span>
                {mark} <span class="word">{word}</span> {figure} <span class="hidden">{move || t("sync.open")}</span>
            </span>
        </a>
    }
}

/// One calm line while there is no network, and a loud one when this device refuses to store.
#[component]
pub fn OfflineStrip() -> impl IntoView {
    let session = use_session();
    view! {
        <div role="status">
            {move || {
                (!session.online())
                    .then(|| {
                        view! {
                            <div class="strip">
                                {small(Icon::Offline)}
                                <span>
                                    <b>{move || t("offline.title")}</b>
                                    <span class="wide-only">
                                        {move || match session.last_sync_ms() {
                                            Some(ms) => t_args("offline.last_sync", &[("time", &i18n::moment(ms))]),
                                            None => t("offline.kept"),
                                        }}
                                    </span>
                                </span>
                            </div>
                        }
                    })
            }}
            {move || {
                session
                    .must_sign_in_again()
                    .then(|| {
                        view! {
                            <div class="strip">
                                {small(Icon::Person)}
                                <span>
                                    <b>{move || t("sign_in.expired")}</b>
                                    <A href="/signin">{move || t("sign_in.again")}</A>
                                </span>
                            </div>
                        }
                    })
            }}
            {move || {
                session
                    .lapsed()
                    .then(|| {
                        view! {
                            <div class="strip" data-testid="lapsed">
                                {small(Icon::Lock)}
                                <span>
                                    <b>{move || t("lease.title")}</b>
                                    {move || t("lease.text")}
                                </span>
                            </div>
                        }
                    })
            }}
            {move || {
                session
                    .is_too_old()
                    .then(|| {
                        view! {
                            <div class="strip" data-testid="too-old">
                                {small(Icon::Info)}
                                <span>
                                    <b>{move || t("sync.too_old")}</b>
                                    {move || t("sync.too_old_sends")}
                                </span>
                            </div>
                        }
                    })
            }}
            {move || {
                session
                    .storage_failed()
                    .map(|reason| {
                        view! {
                            <div class="strip alarm" data-testid="storage-failed">
                                {small(Icon::Warning)}
                                <span>
                                    <b>{move || t("storage.failed")}</b>
                                    {t_args("storage.failed_why", &[("reason", &reason)])}
                                </span>
                            </div>
                        }
                    })
            }}
        </div>
    }
}

/// Each piece of work in words, newest first, with where it is.
#[component]
pub fn SyncList() -> impl IntoView {
    let session = use_session();
    let items = Memo::new(move |_| session.outbox());
    view! {
        <Show
            when=move || !items.with(Vec::is_empty)
            fallback=|| {
                view! {
                    <EmptyState
                        mark=Icon::Server
                        title=Signal::derive(|| t("sync.empty_title"))
                        text=Signal::derive(|| t("sync.empty_text"))
                    />
                }
            }
        >
            <ul class="list" data-testid="sync-list">
                <For
                    each=move || items.get()
                    key=|item| (item.group.clone(), state_code(&item.state))
                    children=move |item| view! { <SyncRow item /> }
                />
            </ul>
        </Show>
    }
}

fn state_code(state: &OutboxState) -> u8 {
    match state {
        OutboxState::OnPhone => 0,
        OutboxState::OnServer => 1,
        OutboxState::NeedsAttention(_) => 2,
        OutboxState::Kept(_) => 3,
    }
}

#[component]
fn SyncRow(item: OutboxItem) -> impl IntoView {
    let session = use_session();
    let (class, mark) = match &item.state {
        OutboxState::OnPhone => ("mark", Icon::Phone),
        OutboxState::OnServer => ("mark ok", Icon::Server),
        OutboxState::Kept(_) => ("mark warn", Icon::Warning),
        OutboxState::NeedsAttention(_) => ("mark bad", Icon::Warning),
    };
    let calm = matches!(item.state, OutboxState::OnPhone | OutboxState::OnServer);
    let state = item.state.clone();
    let words = op_words(session, &item);
    let place = place_words(session, &item);
    let (at_ms, group, code) = (item.at_ms, item.group.clone(), state_code(&item.state));
    let state_word = move || match state {
        OutboxState::OnPhone => t("sync.on_phone"),
        OutboxState::OnServer => t("sync.on_server"),
        OutboxState::Kept(_) | OutboxState::NeedsAttention(_) => String::new(),
    };
    view! {
        <li class="li" data-state=code.to_string() data-group=group>
            <span class=class aria-hidden="true">{icon(mark)}</span>
            <span class="grow">
                <span class="clamp">{words}</span>
                <span class="q sm block">{move || i18n::join_dots([place(), i18n::moment(at_ms), state_word()])}</span>
                {(!calm).then(|| view! { <Attention item /> })}
            </span>
        </li>
    }
}

/// Why a piece of work has no effect, what to do, and a way to take it elsewhere.
#[component]
fn Attention(item: OutboxItem) -> impl IntoView {
    let error = RwSignal::new(None::<String>);
    let OutboxItem { group, state, .. } = item;
    let of_state = state.clone();
    let why = move || match &of_state {
        OutboxState::Kept(code) => t_args("sync.kept", &[("reason", &refusal_words(code))]),
        OutboxState::NeedsAttention(code) => t_args("sync.needs_you", &[("reason", &refusal_words(code))]),
        OutboxState::OnPhone | OutboxState::OnServer => String::new(),
    };
    let next = move || match &state {
        OutboxState::NeedsAttention(code) => next_words(code),
        _ => t("next.kept"),
    };
    view! {
        <span class="b sm block" data-testid="why">{why}</span>
        <span class="sm block" data-testid="next">{next}</span>
        <ErrorNote error />
        <button class="btn quiet" type="button" data-testid="export-one" on:click=move |_| save(Choice::One(group.clone()), error)>
            {small(Icon::Save)}
            <span>{move || t("export.save")}</span>
        </button>
    }
}

/// The school a piece of work is about. A tracked closure, so that the name can arrive later.
pub fn place_words(session: crate::session::Session, item: &OutboxItem) -> impl Fn() -> String + Send + use<> {
    let school = item.bucket.strip_prefix("school/").and_then(|id| id.parse().ok());
    move || {
        school
            .as_ref()
            .map(|school| crate::pages::duty::school_name(session, school))
            .unwrap_or_default()
    }
}
