//! The spine of a visit: checked in, checklists, findings, feedback, handing in. Any order; what is missing is listed.

use catalog::{Checklist, ItemKind, Severity};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use sync_protocol::{Edit, GroupKind, RecordId, Shown, Value};

use super::duty::{self, Judged};
use super::missing::{MissingLine, missing_for_submit};
use super::school::{FindingList, UnknownRecord};
use crate::components::{Badge, BandBadge, Ring, Screen, StateBadge, Tone};
use crate::form::{TextBox, TickBox};
use crate::i18n::{self, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::known;
use crate::session::{OutboxState, Session, finding_id, new_record_id, use_session};

mod joint;

use super::record::standing::Validity;
use crate::difference::Records;
use joint::{BroughtBack, RemoveVisit, Returned, SealLine, SeenTwice, Twins};
pub use joint::{Presence, SealWords};

const FIRST_CHECKLIST: &str = "campus-safety";

/// Begins a visit of this school now: the visit and its checklist, in one command. `None` when the school has no such bucket.
pub fn start_visit(session: Session, school: &RecordId) -> Option<RecordId> {
    let bucket = duty::school_bucket(school)?;
    let checklist = untrack(|| known::offered_one(FIRST_CHECKLIST))?;
    let (me, today, now) = (
        untrack(|| duty::my_id(session)),
        i18n::today_code(),
        i18n::now_rfc3339(),
    );
    let (visit, response) = (new_record_id(), new_record_id());
    let of_visit: Vec<(String, Value)> = vec![
        ("@kind".into(), "visit".into()),
        ("school".into(), school.to_string().into()),
        ("visit_kind".into(), "regular".into()),
        ("lead".into(), me.clone().into()),
        (format!("members/{me}"), "lead".into()),
        ("visit_date".into(), today.clone().into()),
        (format!("check_in/{me}"), now.into()),
        ("state".into(), "checked_in".into()),
    ];
    let mut ops = new(&visit, of_visit);
    ops.extend(new(&response, new_response(session, school, &visit, checklist, today)));
    session.change(&bucket, GroupKind::Command, ops);
    Some(visit)
}

fn new(record: &RecordId, fields: Vec<(String, Value)>) -> Vec<Edit> {
    let edit = |(path, value): (String, Value)| Edit::new(record, &path, value, Shown::nothing());
    fields.into_iter().map(edit).collect()
}

/// A response of the newest version, with what is known about the school.
fn new_response(
    session: Session,
    school: &RecordId,
    visit: &RecordId,
    checklist: &Checklist,
    on: String,
) -> Vec<(String, Value)> {
    let mut fields: Vec<(String, Value)> = vec![
        ("@kind".into(), "response".into()),
        ("visit".into(), visit.to_string().into()),
        ("template".into(), checklist.code.clone().into()),
        ("version".into(), i64::from(checklist.version).into()),
        ("on".into(), on.into()),
    ];
    for fact in &checklist.facts {
        if let Some(value) = untrack(|| session.field(school, &fact.name)).value() {
            fields.push((format!("fact/{}", fact.name), value.clone()));
        }
    }
    fields
}

/// Adds a checklist to a visit and gives its response. What a visit has once gets the id that every phone gives it, so that two
/// colleagues who add it fill in one sheet; a lesson is a new one each time.
fn add_checklist(session: Session, visit: &RecordId, checklist: &'static Checklist) -> Option<RecordId> {
    let school = untrack(|| duty::school_of(session, visit))?;
    let bucket = untrack(|| session.record(visit))?.bucket().clone();
    let response = if many_a_visit(checklist) {
        new_record_id()
    } else {
        finding_id(visit, &checklist.code)
    };
    if untrack(|| session.record(&response)).is_none() {
        let on = untrack(|| session.field(visit, "visit_date")).text().to_owned();
        let ops = new(&response, new_response(session, &school, visit, checklist, on));
        session.change(&bucket, GroupKind::Edit, ops);
    }
    Some(response)
}

/// Whether a visit can have several of them: one of each lesson that is observed.
fn many_a_visit(checklist: &Checklist) -> bool {
    let mut items = checklist.sections.iter().flat_map(|section| &section.items);
    items.any(|item| matches!(item.kind, ItemKind::Snap(_)))
}

#[component]
pub fn VisitPage() -> impl IntoView {
    let session = use_session();
    let visit =
        Memo::new(move |_| duty::record_in_route("id").filter(|visit| duty::school_of(session, visit).is_some()));
    move || match visit.get() {
        Some(visit) => view! { <KnownVisit visit /> }.into_any(),
        None => view! { <UnknownRecord /> }.into_any(),
    }
}

#[component]
fn KnownVisit(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(visit);
    let school = Memo::new(move |_| id.with_value(|visit| duty::school_of(session, visit)));
    let name = Signal::derive(move || {
        school
            .get()
            .map(|school| duty::school_name(session, &school))
            .unwrap_or_default()
    });
    let state = Memo::new(move |_| id.with_value(|visit| session.field(visit, "state").text().to_owned()));
    let day = Signal::derive(move || {
        id.with_value(|visit| i18n::day_and_weekday(i18n::ms_of(session.field(visit, "visit_date").text())))
    });
    let missing = Memo::new(move |_| id.with_value(|visit| missing_for_submit(session, visit)));
    let open = Memo::new(move |_| duty::is_open(&state.get()));
    let mine = Memo::new(move |_| id.with_value(|visit| session.field(visit, "lead").text() == duty::my_id(session)));
    view! {
        <Screen
            title=name
            tab=Signal::derive(|| t("nav.visits"))
            sub=day
            back=Signal::derive(|| "/today".to_owned())
            dock=move || (open.get() && mine.get()).then(|| view! { <SubmitButton visit=id.get_value() missing /> })
        >
            <div class="row wrap">
                {move || view! { <StateBadge state=state.get() /> }}
                <span class="q sm">{move || id.with_value(|visit| people_line(session, visit))}</span>
            </div>
            <Returned visit=id.get_value() />
            <Show when=move || !open.get()>
                <HandedIn visit=id.get_value() />
            </Show>
            <Presence visit=id.get_value() place=Signal::derive(String::new) />
            <Twins visit=id.get_value() />
            <BroughtBack visit=id.get_value() />
            <ol class="spine">
                <CheckIn visit=id.get_value() open />
                <Checklists visit=id.get_value() open />
                <Findings visit=id.get_value() />
                <Feedback visit=id.get_value() open />
                <Show when=move || open.get()>
                    <li class="step" class:done=move || missing.with(Vec::is_empty)>
                        <StepHead at=5 title=Signal::derive(|| t("visit.step.submit")) done=Signal::derive(move || missing.with(Vec::is_empty)) />
                        <MissingList missing />
                        <Show when=move || !mine.get()>
                            <p class="q sm">{move || t("visit.lead_submits")}</p>
                        </Show>
                    </li>
                </Show>
            </ol>
            <Show when=move || open.get() && mine.get() && id.with_value(|visit| session.field(visit, "seal").siblings.is_empty())>
                <RemoveVisit visit=id.get_value() />
            </Show>
        </Screen>
    }
}

fn people_line(session: Session, visit: &RecordId) -> String {
    let lead = session.field(visit, "lead").text().to_owned();
    let Some(record) = session.record(visit) else {
        return String::new();
    };
    let members: Vec<String> = record
        .fields()
        .filter_map(|(path, _)| path.strip_prefix("members/"))
        .filter(|person| *person != lead)
        .map(|person| session.name_of(person))
        .collect();
    let with = if members.is_empty() {
        String::new()
    } else {
        t_args("visit.with", &[("names", &i18n::join_list(members))])
    };
    i18n::join_dots([t_args("visit.led_by", &[("name", &session.name_of(&lead))]), with])
}

#[component]
fn StepHead(at: u8, #[prop(into)] title: Signal<String>, #[prop(into)] done: Signal<bool>) -> impl IntoView {
    view! {
        <div class="step-head">
            <span class="step-mark" class:done=move || done.get() aria-hidden="true">
                {move || if done.get() { small(Icon::Yes).into_any() } else { at.to_string().into_any() }}
            </span>
            <h2>{move || title.get()} <span class="hidden">{move || if done.get() { t("visit.step.done") } else { t("visit.step.open") }}</span></h2>
        </div>
    }
}

/// Arrival, the card, leaving; and joining a colleague's visit.
#[component]
fn CheckIn(visit: RecordId, open: Memo<bool>) -> impl IntoView {
    let session = use_session();
    let me = untrack(|| duty::my_id(session));
    let (in_path, out_path, member_path) = (
        format!("check_in/{me}"),
        format!("check_out/{me}"),
        format!("members/{me}"),
    );
    let id = StoredValue::new(visit);
    let read = move |path: &str| id.with_value(|visit| session.field(visit, path));
    let (in_read, out_read, joined_read) = (in_path.clone(), out_path.clone(), in_path.clone());
    let arrived = Memo::new(move |_| read(&in_read).text().to_owned());
    let left = Memo::new(move |_| read(&out_read).text().to_owned());
    let card = Memo::new(move |_| read("card_shown").bool());
    let set = move |edits: Vec<(String, Value)>| {
        id.with_value(|visit| {
            let Some(record) = untrack(|| session.record(visit)) else {
                return;
            };
            let ops = edits
                .into_iter()
                .map(|(path, value)| Edit::new(visit, &path, value, record.field(&path).shown()))
                .collect();
            session.change(record.bucket(), GroupKind::Edit, ops);
        });
    };
    let join = move |_| {
        set(vec![
            (member_path.clone(), "member".into()),
            (joined_read.clone(), i18n::now_rfc3339().into()),
        ])
    };
    let join = StoredValue::new(join);
    let leave = StoredValue::new(move |_| set(vec![(out_path.clone(), i18n::now_rfc3339().into())]));
    let when = |text: String| i18n::time(i18n::ms_of(&text));
    view! {
        <li class="step" class:done=move || !arrived.get().is_empty()>
            <StepHead at=1 title=Signal::derive(|| t("visit.step.check_in")) done=Signal::derive(move || !arrived.get().is_empty()) />
            <Show
                when=move || !arrived.get().is_empty()
                fallback=move || view! {
                    <Show when=move || open.get()>
                        <button class="btn" type="button" data-testid="join-visit" on:click=move |event| join.with_value(|join| join(event))>
                            {small(Icon::People)} <span>{move || t("visit.join")}</span>
                        </button>
                    </Show>
                }
            >
                <p>
                    <span>{move || t_args("visit.arrived", &[("time", &when(arrived.get()))])}</span>
                    " "
                    {move || (!left.get().is_empty()).then(|| view! { <span>{t_args("visit.left", &[("time", &when(left.get()))])}</span> })}
                </p>
                <Show when=move || open.get()>
                    <div class="row wrap">
                        <div class="btn" data-testid="card-shown">
                            <TickBox
                                label=Signal::derive(|| t("visit.card_shown"))
                                on=card
                                on_set=move |on: bool| set(vec![("card_shown".to_owned(), Value::Bool(on))])
                            />
                        </div>
                        <Show when=move || left.get().is_empty()>
                            <button class="btn" type="button" data-testid="check-out" on:click=move |event| leave.with_value(|leave| leave(event))>
                                {small(Icon::Leave)} <span>{move || t("visit.leave")}</span>
                            </button>
                        </Show>
                    </div>
                </Show>
            </Show>
        </li>
    }
}

/// A card for each checklist with how far it is.
#[component]
fn Checklists(visit: RecordId, open: Memo<bool>) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(visit);
    let responses = Memo::new(move |_| id.with_value(|visit| duty::responses(session, visit)));
    let done = Signal::derive(move || {
        let responses = responses.get();
        !responses.is_empty()
            && responses.iter().all(|response| {
                duty::assessment_of(session, response)
                    .is_some_and(|judged| judged.applicable > 0 && judged.answered >= judged.applicable)
            })
    });
    view! {
        <li class="step" class:done=move || done.get()>
            <StepHead at=2 title=Signal::derive(|| t("visit.step.checklists")) done />
            <For
                each=move || responses.get()
                key=|response| response.clone()
                children=move |response| view! { <ChecklistCard visit=id.get_value() response /> }
            />
            <Panels visit=id.get_value() />
            <Show when=move || open.get() && duty::inspects(session)>
                <MoreChecklists visit=id.get_value() responses />
            </Show>
        </li>
    }
}

/// Lessons that two people observed, side by side.
#[component]
fn Panels(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let panels = Memo::new(move |_| duty::panels(session, &visit));
    let card = |panel: duty::Panel| {
        let [one, other] = panel.observers;
        let [first, second] = panel.scores;
        let items = panel.items.into_iter().map(|(code, title, a, b)| {
            view! { <li>{t_args("panel.item", &[("item", &format!("{code} {title}")), ("one", &a), ("other", &b)])}</li> }
        });
        view! {
            <section class="card" data-testid="panel">
                <b>{t("panel.title")}</b>
                <p class="q sm">{panel.lesson}</p>
                <p>{t_args("panel.scores", &[("one", &one), ("first", &first), ("other", &other), ("second", &second)])}</p>
                {panel.calibrate.then(|| view! { <p class="warn m row">{small(Icon::Conflict)} <span>{t("panel.calibrate")}</span></p> })}
                <ul class="sm">{items.collect_view()}</ul>
            </section>
        }
    };
    view! { {move || panels.get().into_iter().map(card).collect_view()} }
}

/// What else can be looked at on this visit, one tap each.
#[component]
fn MoreChecklists(visit: RecordId, responses: Memo<Vec<RecordId>>) -> impl IntoView {
    let session = use_session();
    let navigate = StoredValue::new(use_navigate());
    let id = StoredValue::new(visit);
    let offered = Memo::new(move |_| {
        let begun: Vec<String> = responses
            .get()
            .iter()
            .map(|response| session.field(response, "template").text().to_owned())
            .collect();
        let offered = known::offered().into_iter();
        offered
            .filter(|checklist| many_a_visit(checklist) || !begun.contains(&checklist.code))
            .map(|checklist| checklist.code.clone())
            .collect::<Vec<_>>()
    });
    let add = move |code: &str| {
        let added = untrack(|| known::offered_one(code))
            .and_then(|checklist| id.with_value(|visit| add_checklist(session, visit, checklist)));
        if let Some(response) = added {
            let place = id.with_value(|visit| format!("/visit/{visit}/checklist/{response}"));
            navigate.with_value(|navigate| navigate(&place, Default::default()));
        }
    };
    view! {
        <div class="row wrap" role="group" aria-label=move || t("visit.add_checklist")>
            <For
                each=move || offered.get()
                key=|code| code.clone()
                children=move |code| {
                    let title = known::latest(&code).map(|checklist| &checklist.title);
                    let tapped = code.clone();
                    view! {
                        <button class="btn" type="button" data-add=code on:click=move |_| add(&tapped)>
                            {small(Icon::Plus)} <span>{move || title.map(say)}</span>
                        </button>
                    }
                }
            />
        </div>
    }
}

#[component]
fn ChecklistCard(visit: RecordId, response: RecordId) -> impl IntoView {
    let session = use_session();
    let href = format!("/visit/{visit}/checklist/{response}");
    let of_lesson = response.clone();
    let about = Memo::new(move |_| duty::lesson_line(session, &of_lesson));
    let judged = Memo::new(move |_| duty::judged(session, &response));
    let answered = Signal::derive(move || judged.get().map_or(0, |judged| judged.assessment.answered));
    let of = Signal::derive(move || judged.get().map_or(0, |judged| judged.assessment.applicable));
    let score = move || {
        judged
            .get()
            .and_then(|judged| judged.assessment.score)
            .map(|score| t_args("score.provisional_short", &[("score", &score)]))
    };
    let cap = move || {
        judged
            .get()
            .and_then(|judged| duty::cap_words(judged.checklist, &judged.assessment))
    };
    view! {
        <a class="card check" href=href data-testid="open-checklist">
            <Ring done=answered of />
            <span class="grow">
                <b>{move || judged.get().map(|judged| say(&judged.checklist.title))}</b>
                {move || about.get().map(|about| view! { <span class="sm block">{about}</span> })}
                <br />
                <span class="q sm">{move || i18n::join_dots([t_args("section.answered", &[("answered", &answered.get()), ("of", &of.get())]), score().unwrap_or_default()])}</span>
                {move || cap().map(|cap| view! { <br /><span class="bad sm cap">{small(Icon::Capped)} " " {cap}</span> })}
            </span>
            {icon(Icon::Forward)}
        </a>
    }
}

#[component]
fn Findings(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(visit);
    let findings = Memo::new(move |_| id.with_value(|visit| duty::findings_of(session, visit)));
    let of_grade =
        move |grade: Severity| findings.with(|found| found.iter().filter(|line| line.severity == Some(grade)).count());
    view! {
        <li class="step">
            <StepHead
                at=3
                title=Signal::derive(move || t_args("visit.step.findings", &[("n", &findings.with(Vec::len))]))
                done=Signal::derive(|| false)
            />
            <Show
                when=move || !findings.with(Vec::is_empty)
                fallback=|| view! { <p class="q sm">{move || t("visit.no_findings")}</p> }
            >
                <p class="q sm">
                    {move || {
                        let counts = Severity::ALL.iter().rev().filter(|grade| of_grade(**grade) > 0);
                        i18n::join_dots(counts.map(|grade| format!("{} × {}", crate::components::severity_word(*grade), of_grade(*grade))))
                    }}
                </p>
                <FindingList findings />
                <SeenTwice visit=id.get_value() />
            </Show>
        </li>
    }
}

#[component]
fn Feedback(visit: RecordId, open: Memo<bool>) -> impl IntoView {
    let session = use_session();
    let href = format!("/visit/{visit}/feedback");
    let id = StoredValue::new(visit);
    let notes = Memo::new(move |_| id.with_value(|visit| super::missing::feedback_notes(session, visit).len()));
    let given = Signal::derive(move || {
        id.with_value(|visit| {
            let field = session.field(visit, "state");
            field.text() == "feedback_given" || duty::is_submitted(field.text())
        })
    });
    view! {
        <li class="step" class:done=move || given.get()>
            <StepHead at=4 title=Signal::derive(|| t("visit.step.feedback")) done=given />
            <a class="card check" href=href data-testid="open-feedback">
                <span class="mark act" aria-hidden="true">{icon(Icon::Feedback)}</span>
                <span class="grow">
                    <b>{move || if open.get() { t("feedback.title") } else { t("feedback.read") }}</b>
                    <br />
                    <span class="q sm">{move || t_args("feedback.count", &[("n", &notes.get())])}</span>
                </span>
                {icon(Icon::Forward)}
            </a>
        </li>
    }
}

/// What is missing, each line leading to its place.
#[component]
pub fn MissingList(missing: Memo<Vec<MissingLine>>) -> impl IntoView {
    view! {
        <Show
            when=move || !missing.with(Vec::is_empty)
            fallback=|| view! { <p class="ok row">{small(Icon::Yes)} <span>{move || t("missing.nothing")}</span></p> }
        >
            <ul class="list" data-testid="missing">
                <For
                    each=move || missing.get()
                    key=|line| (line.href.clone(), line.text.clone())
                    children=|line| view! {
                        <li>
                            <a class="li slim" href=line.href>
                                <span class="grow">{line.text}</span>
                                {icon(Icon::Forward)}
                            </a>
                        </li>
                    }
                />
            </ul>
        </Show>
    }
}

#[component]
fn SubmitButton(visit: RecordId, missing: Memo<Vec<MissingLine>>) -> impl IntoView {
    let href = format!("/visit/{visit}/submit");
    view! {
        <div class="cta">
            {move || match missing.with(Vec::len) {
                0 => view! { <a class="btn main wide" href=href.clone() data-testid="submit">{t("visit.submit")}</a> }.into_any(),
                left => view! {
                    <span class="grow q sm">{t_args("visit.missing", &[("n", &left)])}</span>
                    <button class="btn main" type="button" disabled=true data-testid="submit">{t("visit.submit")}</button>
                }
                    .into_any(),
            }}
        </div>
    }
}

/// After handing in: when, the score, and whether it has left this phone.
#[component]
fn HandedIn(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(visit);
    let at = move || id.with_value(|visit| session.field(visit, "submitted_at").text().to_owned());
    let waiting = Memo::new(move |_| {
        id.with_value(|visit| {
            session.outbox().iter().any(|item| {
                item.state != OutboxState::OnServer
                    && item
                        .ops
                        .iter()
                        .any(|(record, path, _)| record == visit && path.as_str() == "state")
            })
        })
    });
    let scored = Memo::new(move |_| {
        let responses = id.with_value(|visit| duty::responses(session, visit)).into_iter();
        let begun = responses.filter(|response| duty::is_begun(session, response));
        begun
            .filter_map(|response| duty::judged(session, &response))
            .collect::<Vec<_>>()
    });
    view! {
        <section class="card handed-in" data-testid="handed-in">
            <div class="row wrap">
                <b class="grow">{move || t_args("visit.submitted_at", &[("time", &i18n::moment(i18n::ms_of(&at())))])}</b>
                {move || if waiting.get() {
                    view! { <Badge tone=Tone::Warn mark=Icon::Phone text=Signal::derive(|| t("sync.on_phone")) /> }
                } else {
                    view! { <Badge tone=Tone::Ok mark=Icon::Server text=Signal::derive(|| t("sync.on_server")) /> }
                }}
            </div>
            {move || scored.get().into_iter().map(|Judged { checklist, assessment: judged }| {
                let band = duty::band_label(checklist, &judged);
                let cap = duty::cap_words(checklist, &judged);
                view! {
                    <div class="row wrap">
                        <span class="sm grow">{say(&checklist.title)}</span>
                        <b class="big" data-testid="score">{judged.score.map_or_else(|| "—".to_owned(), |score| score.to_string())}</b>
                        {match band {
                            Some((band, label)) => view! { <BandBadge band text=label /> }.into_any(),
                            None => view! { <Badge tone=Tone::Idle mark=Icon::Info text=Signal::derive(|| t("score.not_rated")) /> }.into_any(),
                        }}
                        {cap.map(|cap| view! { <span class="bad sm cap">{small(Icon::Capped)} " " {cap}</span> })}
                    </div>
                }
            }).collect_view()}
            <SealLine visit=id.get_value() />
            {move || id.with_value(|visit| session.record(visit)).map(|visit| view! { <Validity records=Records::Here(session) visit /> })}
            <p class="q sm">{move || t("visit.read_only")}</p>
        </section>
    }
}

/// The box for who was told, used where the feedback is given.
#[component]
pub fn InformedBox(visit: RecordId, #[prop(into)] read_only: Signal<bool>) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(visit);
    let value = Memo::new(move |_| id.with_value(|visit| session.field(visit, "informed").text().to_owned()));
    let type_text = move |text: String| {
        id.with_value(|visit| {
            let Some(record) = untrack(|| session.record(visit)) else {
                return;
            };
            session.type_text(
                record.bucket(),
                Edit::new(visit, "informed", text.into(), record.field("informed").shown()),
            );
        });
    };
    view! {
        <TextBox
            label=Signal::derive(|| t("feedback.informed"))
            field="informed"
            value
            on_type=type_text
            on_leave=move |()| session.settle()
            rows=1
            read_only
        />
    }
}
