//! The list behind the sync badge.

use leptos::prelude::*;

use crate::components::{ExportCard, ImportCard, ImportList, Screen, SyncList};
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, small};
use crate::session::use_session;

#[component]
pub fn SyncPage() -> impl IntoView {
    let session = use_session();
    let counts = Memo::new(move |_| session.counts());
    let state = move || {
        let counts = counts.get();
        if counts.attention > 0 {
            t_args("sync.sum_attention", &[("n", &counts.attention)])
        } else if counts.pending > 0 {
            t_args("sync.sum_pending", &[("n", &counts.pending)])
        } else {
            t("sync.sum_none")
        }
    };
    let last = move || match session.last_sync_ms() {
        Some(ms) => t_args("sync.last", &[("time", &i18n::moment(ms))]),
        None => t("sync.never"),
    };
    view! {
        <Screen title=Signal::derive(|| t("sync.title")) back="/today">
            <section class="card">
                <p class="b" data-testid="sync-sum">{state}</p>
                <p class="q sm">
                    {move || i18n::join_dots([if session.online() { t("sync.online") } else { t("sync.offline") }, last()])}
                </p>
                <Show when=move || counts.get().drafts != 0>
                    <p class="q sm">{move || t_args("sync.drafts", &[("n", &counts.get().drafts)])}</p>
                </Show>
                <Show when=move || session.mended() != 0>
                    <p class="q sm" data-testid="mended" data-times=move || session.mended().to_string()>
                        {move || t_args("sync.mended", &[("n", &session.mended())])}
                    </p>
                </Show>
                <button class="btn wide" type="button" data-testid="sync-now" on:click=move |_| session.sync_now()>
                    {small(Icon::Sync)}
                    <span>{move || t("sync.now")}</span>
                </button>
            </section>
            <h2 class="label">{move || t("sync.list")}</h2>
            <SyncList />
            <ImportList />
            <ExportCard />
            <ImportCard />
        </Screen>
    }
}
