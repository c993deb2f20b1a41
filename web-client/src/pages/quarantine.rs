//! What reached the office whole and may not take effect: the coordinator reads it and admits it with one tap.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use sync_protocol::{RecordId, Value};

use super::duty;
use crate::components::{EmptyState, ErrorNote, Screen, error_words, kept_words};
use crate::form::op_words;
use crate::http::ApiError;
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::{OutboxItem, OutboxState, Session, use_session};

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Waiting {
    groups: Vec<Kept>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Kept {
    id: String,
    bucket: String,
    school: Option<String>,
    code: String,
    author_name: String,
    received_at: String,
    at: Option<i64>,
    ops: Vec<(RecordId, String, Value)>,
}

#[derive(Clone, Debug, Deserialize)]
struct Decided {
    outcome: String,
    code: Option<String>,
}

impl Kept {
    fn received_ms(&self) -> f64 {
        js_sys::Date::parse(&self.received_at)
    }

    /// What somebody wrote in their own words, which says more than the names of fields.
    fn in_words(&self) -> String {
        let own = |path: &str| path == "text" || path.ends_with("/note") || path == "title";
        let texts = self.ops.iter().filter(|(_, path, _)| own(path));
        i18n::join_list(texts.filter_map(|(_, _, value)| value.text().map(str::to_owned)))
    }

    fn item(&self) -> OutboxItem {
        OutboxItem {
            group: self.id.clone(),
            at_ms: self.at.map_or_else(|| self.received_ms(), |at| at as f64),
            bucket: self.bucket.clone(),
            ops: self.ops.clone(),
            state: OutboxState::OnServer,
        }
    }
}

/// What one person sent to one school and what waits for one reason: it can be decided together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    author: String,
    school: String,
    code: String,
    /// Oldest first, as they take effect.
    ids: Vec<String>,
}

/// The batches of more than one, in the order of their oldest.
fn batches(waiting: &[Kept]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for kept in waiting {
        let school = kept.school.clone().unwrap_or_default();
        let same = |batch: &&mut Batch| {
            (&batch.author, &batch.school, &batch.code) == (&kept.author_name, &school, &kept.code)
        };
        match batches.iter_mut().find(same) {
            Some(batch) => batch.ids.push(kept.id.clone()),
            None => batches.push(Batch {
                author: kept.author_name.clone(),
                school,
                code: kept.code.clone(),
                ids: vec![kept.id.clone()],
            }),
        }
    }
    batches.retain(|batch| batch.ids.len() > 1);
    batches
}

/// Asks the office to let one take effect; why it still cannot, if so.
async fn admit(session: Session, id: &str) -> Result<Option<String>, ApiError> {
    let decided: Decided = session.post(&format!("/api/v1/quarantine/{id}/admit")).await?;
    Ok((decided.outcome != "applied").then(|| decided.code.unwrap_or_default()))
}

/// Asks again whenever something arrives; `again` is raised after a decision.
fn use_waiting(again: RwSignal<u32>) -> (RwSignal<Option<Vec<Kept>>>, RwSignal<Option<String>>) {
    let session = use_session();
    let waiting = RwSignal::new(None::<Vec<Kept>>);
    let error = RwSignal::new(None::<String>);
    Effect::new(move |_| {
        session.pokes();
        again.get();
        spawn_local(async move {
            let answer = session.get::<Waiting>("/api/v1/quarantine").await;
            let _ = match answer {
                Ok(page) => {
                    error.try_set(None);
                    waiting.try_set(Some(page.groups)).is_none()
                }
                Err(refused) => error.try_set(Some(error_words(&refused))).is_none(),
            };
        });
    });
    (waiting, error)
}

/// One row of the office's day: how much waits, and the way there. Nothing for those who do not decide.
#[component]
pub fn QuarantineRow() -> impl IntoView {
    let session = use_session();
    let decides = Memo::new(move |_| duty::decides(session));
    move || decides.get().then(|| view! { <Row /> })
}

#[component]
fn Row() -> impl IntoView {
    let (waiting, _) = use_waiting(RwSignal::new(0));
    let count = move || waiting.with(|waiting| waiting.as_ref().map_or(0, Vec::len));
    view! {
        <li>
            <a class="li rowlink" href="/quarantine" data-testid="quarantine-row" data-count=move || count().to_string()>
                <span class=move || if count() == 0 { "mark ok" } else { "mark warn" } aria-hidden="true">
                    {move || icon(if count() == 0 { Icon::Yes } else { Icon::Warning })}
                </span>
                <span class="grow">
                    <b>{move || t_args("quarantine.row", &[("n", &count())])}</b>
                    <br />
                    <span class="q sm">{move || t("quarantine.row_hint")}</span>
                </span>
                {icon(Icon::Forward)}
            </a>
        </li>
    }
}

#[component]
pub fn QuarantinePage() -> impl IntoView {
    let again = RwSignal::new(0);
    let (waiting, error) = use_waiting(again);
    let kept = move || waiting.get().unwrap_or_default();
    let nothing = move || waiting.with(|waiting| waiting.as_ref().is_some_and(Vec::is_empty));
    view! {
        <Screen
            title=Signal::derive(|| t("quarantine.title"))
            sub=Signal::derive(|| t("quarantine.sub"))
            back="/today"
            class="office"
        >
            <ErrorNote error />
            <Show when=nothing>
                <EmptyState
                    mark=Icon::Yes
                    title=Signal::derive(|| t("quarantine.none_title"))
                    text=Signal::derive(|| t("quarantine.none_text"))
                />
            </Show>
            <Show when=move || waiting.with(|waiting| waiting.as_ref().is_some_and(|waiting| !waiting.is_empty()))>
                <BatchList waiting again />
                <ul class="list" data-testid="quarantine">
                    <For each=kept key=|kept| kept.id.clone() children=move |kept| view! { <KeptRow kept again /> } />
                </ul>
            </Show>
        </Screen>
    }
}

/// What can be decided together, above what can be decided one by one.
#[component]
fn BatchList(waiting: RwSignal<Option<Vec<Kept>>>, again: RwSignal<u32>) -> impl IntoView {
    let together = Memo::new(move |_| waiting.with(|waiting| batches(waiting.as_deref().unwrap_or_default())));
    view! {
        <Show when=move || together.with(|together| !together.is_empty())>
            <h2 class="label">{move || t("quarantine.together")}</h2>
            <ul class="list">
                <For each=move || together.get() key=|batch| batch.ids.clone() children=move |batch| view! { <BatchRow batch again /> } />
            </ul>
            <h2 class="label">{move || t("quarantine.one_by_one")}</h2>
        </Show>
    }
}

#[component]
fn BatchRow(batch: Batch, again: RwSignal<u32>) -> impl IntoView {
    let session = use_session();
    let said = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let Batch {
        author,
        school,
        code,
        ids,
    } = batch;
    let count = ids.len();
    let decide = move |_| {
        let ids = ids.clone();
        busy.set(true);
        spawn_local(async move {
            let mut failure = None;
            for id in &ids {
                match admit(session, id).await {
                    Ok(_) => {}
                    // Somebody else decided about this one meanwhile.
                    Err(refused) if refused.status == 404 => {}
                    Err(refused) => {
                        failure = Some(error_words(&refused));
                        break;
                    }
                }
            }
            busy.try_set(false);
            said.try_set(failure);
            // Those that still cannot take effect stay in the list, each with its reason.
            again.update(|again| *again += 1);
        });
    };
    let who = join_dots([author, school].into_iter().filter(|name| !name.is_empty()));
    view! {
        <li class="li" data-testid="batch" data-count=count.to_string()>
            <span class="mark warn" aria-hidden="true">{icon(Icon::Warning)}</span>
            <span class="grow">
                <b class="block">{move || t_args("quarantine.batch", &[("n", &count)])}</b>
                <span class="q sm block">{who}</span>
                <span class="sm block">{move || t_args("quarantine.why", &[("reason", &kept_words(&code))])}</span>
                <span role="status">{move || said.get().map(|said| view! { <span class="sm block">{said}</span> })}</span>
            </span>
            <button class="btn" type="button" data-testid="admit-all" disabled=busy on:click=decide>
                {small(Icon::Yes)}
                <span>{move || t("quarantine.admit_all")}</span>
            </button>
        </li>
    }
}

#[component]
fn KeptRow(kept: Kept, again: RwSignal<u32>) -> impl IntoView {
    let session = use_session();
    let said = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let words = op_words(session, &kept.item());
    let (id, code, author, school) = (
        kept.id.clone(),
        kept.code.clone(),
        kept.author_name.clone(),
        kept.school.clone(),
    );
    let (received, written) = (kept.received_ms(), kept.item().at_ms);
    let decide = move |_| {
        let id = id.clone();
        busy.set(true);
        spawn_local(async move {
            let answer = admit(session, &id).await;
            busy.try_set(false);
            match answer {
                Ok(None) => again.update(|again| *again += 1),
                Ok(Some(code)) => {
                    drop(said.try_set(Some(t_args("quarantine.still", &[("reason", &kept_words(&code))]))))
                }
                Err(refused) => drop(said.try_set(Some(error_words(&refused)))),
            }
        });
    };
    let of_code = code.clone();
    let in_words = kept.in_words();
    let who = move || {
        let times = [
            t_args("quarantine.written", &[("time", &i18n::moment(written))]),
            t_args("quarantine.received", &[("time", &i18n::moment(received))]),
        ];
        let place = school.clone().into_iter().filter(|name| !name.is_empty());
        join_dots(place.chain([author.clone()]).chain(times))
    };
    view! {
        <li class="li" data-testid="kept" data-code=of_code>
            <span class="mark warn" aria-hidden="true">{icon(Icon::Warning)}</span>
            <span class="grow">
                <b class="clamp">{words}</b>
                <span class="clamp">{in_words}</span>
                <span class="q sm block">{who}</span>
                <span class="sm block">{move || t_args("quarantine.why", &[("reason", &kept_words(&code))])}</span>
                <span role="status">{move || said.get().map(|said| view! { <span class="sm block">{said}</span> })}</span>
            </span>
            <button class="btn" type="button" data-testid="admit" disabled=busy on:click=decide>
                {small(Icon::Yes)}
                <span>{move || t("quarantine.admit")}</span>
            </button>
        </li>
    }
}
