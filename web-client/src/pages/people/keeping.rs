//! Above the audit: what is kept for how long, and where the audit's chain stands, to be written down elsewhere. Reads only.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;

use crate::components::{Badge, CopyButton, Tone};
use crate::i18n::{self, t, t_args};
use crate::icons::Icon;
use crate::session::use_session;

#[derive(Clone, PartialEq, Deserialize)]
struct Keeping {
    rules: Vec<Rule>,
    last: Option<Run>,
    overdue: bool,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Rule {
    name: String,
    keeps: Period,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Period {
    Days(u32),
    Years(u32),
}

#[derive(Clone, PartialEq, Deserialize)]
struct Run {
    at: String,
    thrown_away: BTreeMap<String, u64>,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Anchored {
    audit: Option<End>,
    line: String,
}

#[derive(Clone, PartialEq, Deserialize)]
struct End {
    seq: i64,
    chain: String,
}

/// Both panels; each shows itself once the office has answered.
#[component]
pub fn KeepingPanels() -> impl IntoView {
    let session = use_session();
    let keeping = RwSignal::new(None::<Keeping>);
    let anchored = RwSignal::new(None::<Anchored>);
    spawn_local(async move {
        // Without the network the list below says so.
        if let Ok(answer) = session.get::<Keeping>("/api/v1/keeping").await {
            let _ = keeping.try_set(Some(answer));
        }
        if let Ok(answer) = session.get::<Anchored>("/api/v1/audit/anchor").await {
            let _ = anchored.try_set(Some(answer));
        }
    });
    view! {
        <div class="g2 keeping">
            {move || keeping.get().map(|keeping| view! { <KeepingPanel keeping /> })}
            {move || anchored.get().map(|anchored| view! { <AnchorPanel anchored /> })}
        </div>
    }
}

#[component]
fn KeepingPanel(keeping: Keeping) -> impl IntoView {
    let Keeping { rules, last, overdue } = keeping;
    let at = last.as_ref().map(|run| i18n::ms_of(&run.at));
    let rows = rules.into_iter().map(|Rule { name, keeps }| {
        let gone = last.as_ref().and_then(|run| run.thrown_away.get(&name).copied());
        let gone = move || gone.map(|rows| i18n::number(rows as i64)).unwrap_or_default();
        let what = name.clone();
        view! {
            <tr data-rule=name>
                <th scope="row">{move || rule_words(&what)}</th>
                <td>{move || period_words(keeps)}</td>
                <td class="n">{gone}</td>
            </tr>
        }
    });
    let state = match (overdue, at) {
        (true, _) => "overdue",
        (false, Some(_)) => "done",
        (false, None) => "new",
    };
    let (tone, mark) = match state {
        "overdue" => (Tone::Bad, Icon::Warning),
        "done" => (Tone::Ok, Icon::Yes),
        _ => (Tone::Idle, Icon::Clock),
    };
    let word = move || match state {
        "overdue" => t("keeping.overdue"),
        "done" => t("keeping.done"),
        _ => t("keeping.new"),
    };
    let when = move || match at {
        Some(at) => t_args("keeping.last", &[("time", &i18n::moment(at))]),
        None => t("keeping.never"),
    };
    view! {
        <section class="panel" aria-labelledby="keeping-title" data-testid="keeping" data-state=state>
            <header>
                <h2 id="keeping-title" class="grow">{move || t("keeping.title")}</h2>
                <Badge tone mark text=Signal::derive(word) />
            </header>
            <table class="tbl">
                <caption class="hidden">{move || t("keeping.title")}</caption>
                <thead><tr>
                    <th scope="col">{move || t("keeping.what")}</th>
                    <th scope="col">{move || t("keeping.kept")}</th>
                    <th scope="col" class="n">{move || t("keeping.gone")}</th>
                </tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
            <div class="body">
                <p class="sm">{when} {move || overdue.then(|| t("keeping.overdue_text"))}</p>
                <p class="q sm">{move || t("keeping.for_good")}</p>
            </div>
        </section>
    }
}

fn rule_words(name: &str) -> String {
    match name {
        "sessions" => t("keeping.sessions"),
        "presence" => t("keeping.presence"),
        "links" => t("keeping.links"),
        "recovery_codes" => t("keeping.recovery_codes"),
        "complaint_identities" => t("keeping.complaint_identities"),
        other => other.to_owned(),
    }
}

fn period_words(keeps: Period) -> String {
    match keeps {
        Period::Days(n) => t_args("keeping.days", &[("n", &n)]),
        Period::Years(n) => t_args("keeping.years", &[("n", &n)]),
    }
}

#[component]
fn AnchorPanel(anchored: Anchored) -> impl IntoView {
    let Anchored { audit, line } = anchored;
    let stands = move || match &audit {
        Some(End { seq, chain }) => {
            let short = format!(
                "{} {}",
                &chain[..4.min(chain.len())],
                &chain[4.min(chain.len())..8.min(chain.len())]
            );
            t_args("keeping.stands", &[("n", seq), ("chain", &short)])
        }
        None => t("keeping.stands_nowhere"),
    };
    view! {
        <section class="panel" aria-labelledby="anchor-title" data-testid="anchor">
            <header><h2 id="anchor-title">{move || t("keeping.anchor")}</h2></header>
            <div class="body anchor">
                <p class="b" data-testid="chain-end">{stands}</p>
                <p class="sm">{move || t("keeping.anchor_text")}</p>
                <label class="hidden" for="anchor-line">{move || t("keeping.line")}</label>
                <input id="anchor-line" class="box mono" type="text" readonly data-testid="anchor-line" value=line.clone() />
                <CopyButton id="copy-anchor" text=line label=Signal::derive(|| t("keeping.copy")) />
            </div>
        </section>
    }
}
