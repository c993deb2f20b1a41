//! The last look before a visit is handed in: score, band, caps, findings.

use catalog::catalog;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use sync_protocol::{Edit, GroupKind, RecordId};

use super::duty::{self, Judged};
use super::missing::missing_for_submit;
use super::school::{FindingList, UnknownRecord};
use super::visit::MissingList;
use crate::components::{Badge, BandBadge, Screen, Tone};
use crate::difference::Records;
use crate::i18n::{self, say, t, t_args};
use crate::icons::{Icon, small};
use crate::seal;
use crate::session::{Session, use_session};

#[component]
pub fn SubmitPage() -> impl IntoView {
    let session = use_session();
    let visit =
        Memo::new(move |_| duty::record_in_route("id").filter(|visit| duty::school_of(session, visit).is_some()));
    move || match visit.get() {
        Some(visit) => view! { <KnownSubmit visit /> }.into_any(),
        None => view! { <UnknownRecord /> }.into_any(),
    }
}

#[component]
fn KnownSubmit(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let navigate = use_navigate();
    let id = StoredValue::new(visit);
    let school = Signal::derive(move || {
        let school = id.with_value(|visit| duty::school_of(session, visit));
        school
            .map(|school| duty::school_name(session, &school))
            .unwrap_or_default()
    });
    let missing = Memo::new(move |_| id.with_value(|visit| missing_for_submit(session, visit)));
    let findings = Memo::new(move |_| id.with_value(|visit| duty::findings_of(session, visit)));
    let responses = Memo::new(move |_| id.with_value(|visit| duty::responses(session, visit)));
    let back = id.with_value(|visit| format!("/visit/{visit}"));
    let hand_in = StoredValue::new(move || {
        session.settle();
        id.with_value(|visit| submit(session, visit));
        navigate(&id.with_value(|visit| format!("/visit/{visit}")), Default::default());
    });
    let dock_back = back.clone();
    view! {
        <Screen
            title=Signal::derive(|| t("submit.title"))
            sub=school
            back=back
            nav=false
            dock=move || {
                let back = dock_back.clone();
                view! {
                    <div class="cta">
                        <a class="btn plain" href=back>{move || t("submit.later")}</a>
                        <button
                            class="btn main grow"
                            type="button"
                            data-testid="confirm-submit"
                            disabled=move || !missing.with(Vec::is_empty)
                            on:click=move |_| hand_in.with_value(|hand_in| hand_in())
                        >
                            {move || t("submit.confirm")}
                        </button>
                    </div>
                }
            }
        >
            <Show when=move || !missing.with(Vec::is_empty)>
                <section>
                    <h2 class="label">{move || t("submit.missing")}</h2>
                    <MissingList missing />
                </section>
            </Show>
            <For
                each=move || responses.get()
                key=|response| response.clone()
                children=move |response| view! { <ScoreCard response /> }
            />
            <section>
                <h2 class="label">{move || t_args("visit.step.findings", &[("n", &findings.with(Vec::len))])}</h2>
                <Show
                    when=move || !findings.with(Vec::is_empty)
                    fallback=|| view! { <p class="q sm pad-top">{move || t("visit.no_findings")}</p> }
                >
                    <FindingList findings />
                </Show>
            </section>
            <StillThere visit=id.get_value() />
            <p class="q sm">{move || t("submit.signs")}</p>
            <p class="q sm">{move || if session.online() { t("submit.online") } else { t("submit.offline") }}</p>
        </Screen>
    }
}

/// Colleagues who have not left yet: what they still send stands beside what is signed now.
#[component]
fn StillThere(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let there = Memo::new(move |_| {
        let me = duty::my_id(session);
        let members = duty::members(session, &visit).into_iter();
        let still = members
            .filter(|person| *person != me && session.field(&visit, &format!("check_out/{person}")).text().is_empty());
        still.map(|person| session.name_of(&person)).collect::<Vec<_>>()
    });
    view! {
        <Show when=move || !there.with(Vec::is_empty)>
            <p class="warn sm row top" data-testid="still-there">{small(Icon::People)} <span>{move || t_args("submit.still_there", &[("names", &i18n::join_list(there.get()))])}</span></p>
        </Show>
    }
}

#[component]
fn ScoreCard(response: RecordId) -> impl IntoView {
    let session = use_session();
    let judged = Memo::new(move |_| duty::judged(session, &response));
    move || {
        judged.get().map(|Judged { checklist, assessment: judged }| {
            let score = judged.score.map_or_else(|| "—".to_owned(), |score| score.to_string());
            let caps = judged.caps.iter().map(|cap| {
                let band = checklist.bands.get(cap.band).map(|band| say(&band.label)).unwrap_or_default();
                let title = checklist.item(&cap.item).map(|item| say(&item.title)).unwrap_or_default();
                view! {
                    <li class="bad sm">{small(Icon::Capped)} " " {t_args("score.capped_by", &[("band", &band), ("item", &cap.item), ("title", &title)])}</li>
                }
            });
            view! {
                <section class="card">
                    <h2 class="label">{say(&checklist.title)}</h2>
                    <div class="row wrap">
                        <b class="big" data-testid="score">{score}</b>
                        {match duty::band_label(checklist, &judged) {
                            Some((band, label)) => view! { <BandBadge band text=label /> }.into_any(),
                            None => view! { <Badge tone=Tone::Idle mark=Icon::Info text=Signal::derive(|| t("score.not_rated")) /> }.into_any(),
                        }}
                    </div>
                    <ul>{caps.collect_view()}</ul>
                    <p class="q sm">
                        {i18n::join_dots([
                            t_args("section.answered", &[("answered", &judged.answered), ("of", &judged.applicable)]),
                            t_args("score.failed", &[("n", &judged.failed.len())]),
                        ])}
                    </p>
                    <p class="q xs">{t("score.office_recomputes")}</p>
                </section>
            }
        })
    }
}

// One command: the visit is handed in and its findings are confirmed with what was seen, where, and who was told.
fn submit(session: Session, visit: &RecordId) {
    let Some(record) = untrack(|| session.record(visit)) else {
        return;
    };
    let state = record.field("state");
    let roles = untrack(|| duty::roles(session));
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let allowed = catalog()
        .kind("visit")
        .is_some_and(|kind| kind.transition(Some(state.text()), "submitted", &roles).is_ok());
    if !allowed {
        return;
    }
    let mut ops = vec![
        Edit::new(visit, "state", "submitted".into(), state.shown()),
        Edit::new(
            visit,
            "submitted_at",
            i18n::now_rfc3339().into(),
            record.field("submitted_at").shown(),
        ),
    ];
    for line in untrack(|| duty::findings_of(session, visit)) {
        ops.extend(confirm(session, &line));
    }
    // The signature covers what this screen could show, and what this very action writes.
    let written = ops.iter().map(|op| (op.record.clone(), op.path.to_string())).collect();
    ops.extend(untrack(|| {
        let tree = Records::Here(session).tree(visit);
        seal::signature(&record, &tree, &written)
    }));
    session.change(record.bucket(), GroupKind::Command, ops);
}

fn confirm(session: Session, line: &duty::FindingLine) -> Vec<Edit> {
    let Some(finding) = untrack(|| session.record(&line.id)) else {
        return Vec::new();
    };
    let mut ops = Vec::new();
    if matches!(finding.text("state"), "" | "draft") {
        ops.push(Edit::new(
            &line.id,
            "state",
            "confirmed".into(),
            finding.field("state").shown(),
        ));
    }
    let response: Option<RecordId> = line.response.parse().ok();
    let seen = response.and_then(|response| untrack(|| session.record(&response)));
    for (from, to) in [("note", "fact"), ("place", "place"), ("told", "told")] {
        let text = seen
            .as_ref()
            .map(|response| response.text(&format!("{}/{from}", line.item)).to_owned())
            .unwrap_or_default();
        if !text.is_empty() && finding.text(to) != text {
            ops.push(Edit::new(&line.id, to, text.into(), finding.field(to).shown()));
        }
    }
    ops
}
