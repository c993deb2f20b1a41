//! What a visit of several people shows besides its steps: who else has it open, its signature, why it came back, another visit
//! of the same day, and its removal.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use sync_protocol::{Edit, GroupKind, REMOVED_FIELD, RecordId, RecordView, Value};

use crate::clock;
use crate::difference::Records;
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::pages::duty;
use crate::seal;
use crate::session::{Colleague, Session, use_session};

/// Often enough to be true, seldom enough for a cheap phone.
const EVERY_MS: i32 = 15_000;

/// Who else has this visit open now, as long as there is a network; nothing on a visit of one.
#[component]
pub fn Presence(visit: RecordId, #[prop(into)] place: Signal<String>) -> impl IntoView {
    let session = use_session();
    let others = RwSignal::new(Vec::<Colleague>::new());
    let of_visit = visit.clone();
    let joint = Memo::new(move |_| 1 < duty::members(session, &of_visit).len());
    let gone = StoredValue::new(false);
    on_cleanup(move || gone.set_value(true));
    spawn_local(async move {
        while gone.try_get_value() == Some(false) {
            if joint.try_get_untracked() == Some(true) && is_in_sight() {
                let at = place.try_get_untracked().unwrap_or_default();
                let seen = session.be_here(&visit, &at).await;
                if others.try_set(seen.unwrap_or_default()).is_some() {
                    return;
                }
            }
            clock::sleep(EVERY_MS).await;
        }
    });
    view! {
        <Show when=move || !others.with(Vec::is_empty)>
            <p class="presence q sm row" role="status" data-testid="presence">
                {small(Icon::People)}
                <span>{move || {
                    let names = others.get().into_iter().map(|one| if one.place.is_empty() {
                        one.name
                    } else {
                        t_args("presence.at", &[("name", &one.name), ("section", &section_words(&one.place))])
                    });
                    t_args("presence.others", &[("names", &i18n::join_list(names))])
                }}</span>
            </p>
        </Show>
    }
}

fn is_in_sight() -> bool {
    !document().hidden()
}

fn section_words(code: &str) -> String {
    let all = crate::known::all()
        .into_iter()
        .flat_map(|checklist| &checklist.sections);
    let found = all.into_iter().find(|section| section.code == code);
    found.map_or_else(|| code.to_owned(), |section| i18n::say(&section.short))
}

/// Why the zone or the office sent it back.
#[component]
pub(super) fn Returned(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let why = Memo::new(move |_| {
        let returned = session.field(&visit, "state").text() == "returned";
        let field = session.field(&visit, "return_reason");
        let said = field.siblings.first().filter(|_| returned)?;
        Some((
            said.value.text().unwrap_or_default().to_owned(),
            said.author.to_string(),
            said.at as f64,
        ))
    });
    view! {
        {move || why.get().map(|(why, author, at)| view! {
            <section class="card notice-warn" data-testid="returned">
                <p class="row">{small(Icon::Back)} <b>{t_args("visit.returned_by", &[("who", &session.name_of(&author)), ("when", &i18n::moment(at))])}</b></p>
                <p>{why}</p>
                <p class="q sm">{t("visit.returned_hint")}</p>
            </section>
        })}
    }
}

/// "已签名封存 16:20·校验码 7F3A-91C2-E04B·第 2 版", and whether the records still are what was signed.
#[component]
pub(super) fn SealLine(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let shown = Memo::new(move |_| {
        let view = session.record(&visit)?;
        let tree = Records::Here(session).tree(&visit);
        let seals = seal::seals(&view);
        let fits = seals.first().is_some_and(|newest| seal::fits(newest, &tree));
        Some((seals, fits))
    });
    view! {
        {move || shown.get().map(|(seals, fits)| view! { <SealWords seals fits /> })}
    }
}

/// The signature in words: who, when, its code, its revision and why.
#[component]
pub fn SealWords(seals: Vec<seal::Seal>, fits: bool) -> impl IntoView {
    let session = use_session();
    let several = 1 < seals.len();
    let lines = seals.into_iter().map(|one| {
        let who = session.name_of(&one.author);
        let revision = if one.revision > 1 {
            join_dots([t_args("seal.revision", &[("n", &one.revision)]), one.reason.clone()])
        } else {
            String::new()
        };
        view! {
            <p class="q sm" data-testid="seal">
                {join_dots([t_args("seal.by", &[("who", &who), ("when", &i18n::moment(one.at))]), t_args("seal.code", &[("code", &one.code)]), revision])}
            </p>
        }
    });
    let lines = lines.collect_view();
    view! {
        <div class="seal-words">
            {lines}
            {match (several, fits) {
                (true, _) => view! { <p class="warn sm row">{small(Icon::Conflict)} <span>{t("seal.several")}</span></p> }.into_any(),
                (false, true) => view! { <p class="ok sm row" data-testid="seal-fits">{small(Icon::Yes)} <span>{t("seal.fits")}</span></p> }.into_any(),
                (false, false) => view! { <p class="q sm row">{small(Icon::Info)} <span>{t("seal.partly")}</span></p> }.into_any(),
            }}
        </div>
    }
}

/// Another visit of this school on this day: perhaps the same one, begun twice. People say so, never the program.
#[component]
pub(super) fn Twins(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(visit);
    let twins = Memo::new(move |_| id.with_value(|visit| twins_of(session, visit)));
    let row = move |twin: RecordId| {
        let href = format!("/visit/{twin}");
        let link = twin.clone();
        let linked = {
            let twin = twin.clone();
            move || id.with_value(|visit| are_linked(session, visit, &twin))
        };
        let who = session.name_of(untrack(|| session.field(&twin, "lead")).text());
        let done = answered(session, &twin);
        let write = move |on: bool| {
            id.with_value(|visit| {
                let Some(record) = untrack(|| session.record(visit)) else {
                    return;
                };
                let value: Value = if on { link.to_string().into() } else { Value::Null };
                let edit = Edit::new(visit, "same_as", value, record.field("same_as").shown());
                session.change(record.bucket(), GroupKind::Edit, vec![edit]);
            });
        };
        let (add, remove) = (write.clone(), write);
        view! {
            <section class="card" data-testid="twin">
                <p class="row">{small(Icon::Info)} <b>{t_args("twin.title", &[("who", &who), ("n", &done)])}</b></p>
                <p class="q sm">{move || if linked() { t("twin.linked") } else { t("twin.hint") }}</p>
                <div class="row wrap">
                    <a class="btn" href=href>{move || t("twin.open")}</a>
                    {
                        let twin = twin.clone();
                        move || if id.with_value(|visit| are_linked(session, visit, &twin)) {
                            let remove = remove.clone();
                            view! { <button class="linkbtn sm" type="button" data-testid="twin-unlink" on:click=move |_| remove(false)>{t("twin.unlink")}</button> }.into_any()
                        } else {
                            let add = add.clone();
                            view! { <button class="btn" type="button" data-testid="twin-link" on:click=move |_| add(true)>{t("twin.link")}</button> }.into_any()
                        }
                    }
                </div>
            </section>
        }
    };
    view! { {move || twins.get().into_iter().map(row).collect_view()} }
}

fn twins_of(session: Session, visit: &RecordId) -> Vec<RecordId> {
    let Some(school) = duty::school_of(session, visit) else {
        return Vec::new();
    };
    let day = session.field(visit, "visit_date").text().to_owned();
    let same_day = |other: &RecordId| {
        let state = session.field(other, "state").text().to_owned();
        other != visit
            && session.field(other, "visit_date").text() == day
            && !matches!(state.as_str(), "cancelled" | "missed")
    };
    let mut twins = duty::visits_of(session, &school);
    twins.retain(same_day);
    twins
}

fn are_linked(session: Session, one: &RecordId, other: &RecordId) -> bool {
    session.field(one, "same_as").text() == other.as_str() || session.field(other, "same_as").text() == one.as_str()
}

/// Two findings that may be one broken thing seen twice. People say so; both stay.
#[component]
pub(super) fn SeenTwice(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let pairs = Memo::new(move |_| duty::seen_twice(session, &visit));
    let row = move |(mine, other): (duty::FindingLine, duty::FindingLine)| {
        let (one, two) = (mine.id.clone(), other.id.clone());
        let linked = Memo::new(move |_| {
            let says = |from: &RecordId, to: &RecordId| session.field(from, "same_as").text() == to.as_str();
            says(&one, &two) || says(&two, &one)
        });
        let by = untrack(|| session.field(&other.id, "@kind"))
            .siblings
            .first()
            .map(|made| session.name_of(made.author.as_str()))
            .unwrap_or_default();
        let (from, to) = (mine.id.clone(), other.id.clone());
        let set = move |on: bool| {
            let Some(record) = untrack(|| session.record(&from)) else {
                return;
            };
            let value: Value = if on { to.to_string().into() } else { Value::Null };
            let edit = Edit::new(&from, "same_as", value, record.field("same_as").shown());
            session.change(record.bucket(), GroupKind::Edit, vec![edit]);
        };
        view! {
            <section class="card" data-testid="seen-twice">
                <p class="row">{small(Icon::Info)} <b>{t("twice.title")}</b></p>
                <ul class="sm"><li>{mine.what()}</li><li>{join_dots([other.what(), by])}</li></ul>
                <p class="q sm">{move || if linked.get() { t("twice.linked") } else { t("twice.hint") }}</p>
                <button class="btn" type="button" data-testid="same-finding" aria-pressed=move || if linked.get() { "true" } else { "false" } on:click=move |_| set(!linked.get_untracked())>
                    {move || if linked.get() { t("twice.unlink") } else { t("twice.link") }}
                </button>
            </section>
        }
    };
    view! { {move || pairs.get().into_iter().map(row).collect_view()} }
}

fn answered(session: Session, visit: &RecordId) -> u32 {
    untrack(|| {
        let judged = duty::responses(session, visit)
            .into_iter()
            .filter_map(|response| duty::assessment_of(session, &response));
        judged.map(|judged| judged.answered).sum()
    })
}

/// Somebody removed this visit, and work came that they had not seen: it stays, and says so.
#[component]
pub(super) fn BroughtBack(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let said = Memo::new(move |_| {
        let field = session.field(&visit, REMOVED_FIELD);
        let last = field
            .siblings
            .iter()
            .max_by_key(|sibling| sibling.at)
            .filter(|last| last.value != Value::Null)?;
        (!duty::is_gone(session, &visit)).then(|| (last.author.to_string(), last.at as f64))
    });
    view! {
        {move || said.get().map(|(who, at)| view! {
            <section class="card notice-warn" data-testid="brought-back">
                <p class="row">{small(Icon::Info)} <span>{t_args("removed.brought_back", &[("who", &session.name_of(&who)), ("when", &i18n::moment(at))])}</span></p>
            </section>
        })}
    }
}

/// Begun by mistake: gone after a second tap, unless somebody has work in it that is not here yet.
#[component]
pub(super) fn RemoveVisit(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let navigate = use_navigate();
    let asking = RwSignal::new(false);
    let id = StoredValue::new(visit);
    let go = StoredValue::new(move || {
        session.settle();
        id.with_value(|visit| remove(session, visit));
        navigate("/today", Default::default());
    });
    view! {
        <details class="more">
            <summary class="q sm">{move || t("removed.more")}</summary>
            <p class="q sm">{move || t("removed.hint")}</p>
            <Show
                when=move || asking.get()
                fallback=move || view! {
                    <button class="btn" type="button" data-testid="remove-visit" on:click=move |_| asking.set(true)>
                        {icon(Icon::Close)} <span>{move || t("removed.ask")}</span>
                    </button>
                }
            >
                <div class="row wrap">
                    <button class="btn bad" type="button" data-testid="remove-visit-go" on:click=move |_| go.with_value(|go| go())>{move || t("removed.go")}</button>
                    <button class="linkbtn" type="button" on:click=move |_| asking.set(false)>{move || t("action.cancel")}</button>
                </div>
            </Show>
        </details>
    }
}

fn remove(session: Session, visit: &RecordId) {
    let tree = untrack(|| Records::Here(session).tree(visit));
    let Some(bucket) = tree.first().map(|record| record.bucket().clone()) else {
        return;
    };
    let gone = |record: &RecordView| {
        Edit::new(
            record.id(),
            REMOVED_FIELD,
            record.removal(),
            record.field(REMOVED_FIELD).shown(),
        )
    };
    session.change(&bucket, GroupKind::Edit, tree.iter().map(gone).collect());
}
