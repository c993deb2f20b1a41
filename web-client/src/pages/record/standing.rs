//! Where a visit stands for the office: its signature and whether it still fits, what came later, whether the visit is valid, and
//! what the zone or the office does next.

use catalog::catalog;
use leptos::prelude::*;
use sync_protocol::{Edit, GroupKind, RecordView};

use super::Shown;
use crate::components::{Badge, Tone};
use crate::difference::{self, Records};
use crate::form::TextBox;
use crate::i18n::{self, join_list, t, t_args};
use crate::icons::{Icon, small};
use crate::pages::difference::place_of;
use crate::pages::duty;
use crate::pages::visit::SealWords;
use crate::seal;
use crate::session::{Session, use_session};

/// The signature, once there is one.
#[component]
pub(super) fn Sealed(page: StoredValue<Shown>) -> impl IntoView {
    let (seals, fits, reviewed) = page.with_value(|page| {
        let tree = page.records.tree(page.visit.id());
        let seals = seal::seals(&page.visit);
        let fits = seals.first().is_some_and(|newest| seal::fits(newest, &tree));
        let note = page.visit.field("review_note");
        let reviewed = note.siblings.first().map(|said| {
            (
                said.value.text().unwrap_or_default().to_owned(),
                page.names.person(said.author.as_str()),
            )
        });
        (seals, fits, reviewed.filter(|(note, _)| !note.is_empty()))
    });
    let is_sealed = !seals.is_empty();
    view! {
        {is_sealed.then(|| view! { <SealWords seals fits /> })}
        {reviewed.map(|(note, who)| view! { <p class="sm">{t_args("review.said", &[("who", &who), ("text", &note)])}</p> })}
    }
}

/// What waits to be settled on this visit: where people differ, and what came after the signature.
#[component]
pub(super) fn Waiting(page: StoredValue<Shown>) -> impl IntoView {
    let rows = page.with_value(|page| {
        let tree = page.records.tree(page.visit.id());
        let open = tree.iter().flat_map(|record| {
            let paths: Vec<String> = record.fields().map(|(path, _)| path.to_owned()).collect();
            let found = paths
                .into_iter()
                .filter_map(|path| difference::of(record, &path))
                .filter(|found| found.open);
            found.map(|found| (record.clone(), found)).collect::<Vec<_>>()
        });
        open.collect::<Vec<_>>()
    });
    let session = use_session();
    let lines = rows.into_iter().map(|(record, found)| {
        let href = place_of(&found);
        let late = found.voices.iter().any(|voice| voice.late);
        let who = join_list(found.voices.iter().filter(|voice| !late || voice.late).map(|voice| session.name_of(&voice.author)));
        let (_, title) = crate::pages::difference::title_of(&record, &found.path);
        let words = if late {
            t_args("record.late", &[("who", &who), ("item", &title)])
        } else {
            t_args("record.differs", &[("who", &who), ("item", &title)])
        };
        view! {
            <p class="notice late" data-testid="waiting">
                {small(if late { Icon::Clock } else { Icon::Conflict })} <span class="grow">{words}</span> <a href=href>{t("record.look")}</a>
            </p>
        }
    });
    view! { {lines.collect_view()} }
}

/// Whether the visit counts as a regular one, rule by rule (domain B16).
#[component]
pub fn Validity(records: Records, visit: RecordView) -> impl IntoView {
    let facts = facts_of(&records, &visit);
    let offset = -(js_sys::Date::new_0().get_timezone_offset() as i32);
    let checks = catalog::validity::validity(&facts, &catalog::validity::ValidityRules::default(), offset);
    let valid = catalog::validity::is_valid(&checks);
    let rows = checks.into_iter().map(|check| {
        let words = match check.rule {
            catalog::validity::Rule::Regular => t("validity.regular"),
            catalog::validity::Rule::OnSite => {
                t_args("validity.on_site", &[("n", &check.value), ("limit", &check.limit)])
            }
            catalog::validity::Rule::Finalised => t_args("validity.finalised", &[("n", &check.value)]),
            catalog::validity::Rule::Feedback => t("validity.feedback"),
            catalog::validity::Rule::InTime => {
                t_args("validity.in_time", &[("n", &check.value), ("limit", &check.limit)])
            }
        };
        let (class, mark) = if check.ok {
            ("ok sm row", Icon::Yes)
        } else {
            ("bad sm row", Icon::No)
        };
        view! { <li class=class>{small(mark)} <span>{words}</span></li> }
    });
    let rows = rows.collect_view();
    view! {
        <details class="validity" data-testid="validity" data-valid=if valid { "yes" } else { "no" }>
            <summary>
                {if valid {
                    view! { <Badge tone=Tone::Ok mark=Icon::Yes text=Signal::derive(|| t("validity.valid")) /> }.into_any()
                } else {
                    view! { <Badge tone=Tone::Warn mark=Icon::Info text=Signal::derive(|| t("validity.not_valid")) /> }.into_any()
                }}
            </summary>
            <ul class="ticks">{rows}</ul>
            <p class="q xs">{t("validity.device_time")}</p>
        </details>
    }
}

fn facts_of(records: &Records, visit: &RecordView) -> catalog::validity::VisitFacts {
    let moments = |prefix: &str| {
        let fields = visit.fields().filter(|(path, _)| path.starts_with(prefix));
        fields
            .map(|(_, field)| i18n::ms_of(field.text()))
            .filter(|ms| ms.is_finite())
            .map(|ms| ms as i64)
            .collect()
    };
    let tree = records.tree(visit.id());
    let finalised = tree
        .iter()
        .filter(|record| record.kind() == "response" && record.is_sealed())
        .count();
    let submitted = i18n::ms_of(visit.text("submitted_at"));
    catalog::validity::VisitFacts {
        regular: visit.text("visit_kind") == "regular",
        check_in_ms: moments("check_in/"),
        check_out_ms: moments("check_out/"),
        finalised_responses: u32::try_from(finalised).unwrap_or_default(),
        feedback_given: duty::is_submitted(visit.text("state")) || visit.text("state") == "feedback_given",
        submitted_ms: submitted.is_finite().then_some(submitted as i64),
    }
}

/// Reviewed, or back to the supervisor with a reason: for the zone and the office.
#[component]
pub(super) fn Verdict(page: StoredValue<Shown>) -> impl IntoView {
    let session = use_session();
    let may = move |to: &str| {
        let roles = duty::roles(session);
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        page.with_value(|page| {
            catalog()
                .kind("visit")
                .is_some_and(|kind| kind.transition(Some(page.visit.text("state")), to, &roles).is_ok())
        }) && page.with_value(|page| page.visit.text("state") == "submitted")
    };
    let may = Memo::new(move |_| (may("reviewed"), may("returned")));
    let asking = RwSignal::new(None::<&'static str>);
    let words = RwSignal::new(String::new());
    let sent = RwSignal::new(false);
    let go = move |_| {
        let Some(to) = asking.get_untracked() else { return };
        page.with_value(|page| move_on(session, page, to, words.get_untracked().trim()));
        asking.set(None);
        sent.set(true);
    };
    let open = move |to: &'static str| {
        words.set(String::new());
        asking.set(Some(to));
    };
    view! {
        <Show when=move || sent.get()><p class="q sm" role="status">{move || t("review.sent")}</p></Show>
        <Show when=move || !sent.get() && may.get() != (false, false)>
            <Show
                when=move || asking.get().is_some()
                fallback=move || view! {
                    <div class="row wrap">
                        <Show when=move || may.get().0><button class="btn main" type="button" data-testid="review" on:click=move |_| open("reviewed")>{move || t("review.pass")}</button></Show>
                        <Show when=move || may.get().1><button class="btn" type="button" data-testid="return" on:click=move |_| open("returned")>{move || t("review.return")}</button></Show>
                    </div>
                }
            >
                <TextBox
                    label=Signal::derive(move || if asking.get() == Some("returned") { t("review.why") } else { t("review.note") })
                    field="review"
                    value=words
                    on_type=move |text: String| words.set(text)
                    on_leave=move |()| {}
                    start_here=true
                />
                <div class="row wrap">
                    <button class="btn main" type="button" data-testid="review-go" disabled=move || asking.get() == Some("returned") && words.with(|words| words.trim().is_empty()) on:click=go>
                        {move || if asking.get() == Some("returned") { t("review.return_go") } else { t("review.pass_go") }}
                    </button>
                    <button class="linkbtn" type="button" on:click=move |_| asking.set(None)>{move || t("action.cancel")}</button>
                </div>
            </Show>
        </Show>
    }
}

/// One command: the state, the words, and what goes back is open again.
fn move_on(session: Session, page: &Shown, to: &str, words: &str) {
    let visit = &page.visit;
    let write = |path: &str, value: &str| Edit::new(visit.id(), path, value.into(), visit.field(path).shown());
    let mut ops = vec![write("state", to)];
    match to {
        "returned" => {
            ops.push(write("return_reason", words));
            ops.extend(seal::unsealing(&page.records.tree(visit.id())));
        }
        _ if !words.is_empty() => ops.push(write("review_note", words)),
        _ => {}
    }
    session.change(visit.bucket(), GroupKind::Command, ops);
}
