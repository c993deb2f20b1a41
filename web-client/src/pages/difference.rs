//! One thing on which people differ: who said what when, side by side; one choice, a reason, done. Taken back with one tap.

use std::sync::Arc;

use catalog::{Piece, word_diff};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::{use_params_map, use_query_map};
use serde::Deserialize;
use sync_protocol::{Edit, GroupKind, RecordId, RecordState, RecordView, Value};

use super::duty;
use crate::components::{EmptyState, ErrorNote, Screen, error_words};
use crate::difference::{self, Difference, Records, Voice};
use crate::form::{plain_words, value_words};
use crate::i18n::{self, join_dots, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::{Session, use_session};

#[derive(Deserialize)]
struct Page {
    records: Vec<RecordState>,
}

/// The address of a difference.
pub fn place_of(difference: &Difference) -> String {
    format!(
        "/difference/{}/{}?path={}",
        difference.visit, difference.record, difference.path
    )
}

/// What the field is called: where it is, and its own words; tracked by language.
pub fn title_of(record: &RecordView, path: &str) -> (String, String) {
    let checklist = difference::checklist_of(record);
    let code = path.split('/').next().unwrap_or(path);
    let part = path.split_once('/').map(|(_, part)| part).unwrap_or_default();
    if let Some((checklist, item)) = checklist.and_then(|checklist| Some((checklist, checklist.item(code)?))) {
        let section = checklist
            .section_of(code)
            .map(|section| say(&section.title))
            .unwrap_or_default();
        let title = match part {
            "" => say(&item.title),
            "note" => join_dots([say(&item.title), t("evidence.note")]),
            "place" => join_dots([say(&item.title), t("evidence.place")]),
            "told" => join_dots([say(&item.title), t("evidence.told")]),
            "na" => join_dots([say(&item.title), t("na.reason")]),
            _ => {
                let input = item.inputs.iter().find(|input| input.suffix == part);
                join_dots([
                    say(&item.title),
                    input.map(|input| say(&input.label)).unwrap_or_default(),
                ])
            }
        };
        return (join_dots([say(&checklist.title), section, item.code.clone()]), title);
    }
    let fact = checklist.and_then(|checklist| {
        checklist
            .facts
            .iter()
            .find(|fact| path == format!("fact/{}", fact.name))
    });
    let label = fact.map(|fact| say(&fact.label)).or_else(|| {
        let kind = catalog::catalog().kind(record.kind())?;
        Some(say(&kind.field(path)?.label))
    });
    let kind = catalog::catalog()
        .kind(record.kind())
        .map(|kind| say(&kind.title))
        .unwrap_or_default();
    let of = match record.kind() {
        "finding" => record.text("title").to_owned(),
        _ => String::new(),
    };
    (join_dots([kind, of]), label.unwrap_or_else(|| path.to_owned()))
}

/// A value of this field in words; tracked by language.
pub fn words_of(record: &RecordView, path: &str, value: &Value) -> String {
    let item = difference::checklist_of(record).and_then(|checklist| checklist.item(path));
    match (item, value) {
        (_, Value::Null) => t("answer.none"),
        (Some(item), value) => value_words(item, value),
        (None, value) => match value {
            Value::Text(code) if record.kind() == "finding" && path == "severity" => {
                catalog::Severity::from_code(code).map_or_else(|| code.clone(), crate::components::severity_word)
            }
            Value::List(parts) if path == "seal" => parts.first().map(plain_words).unwrap_or_default(),
            value => plain_words(value),
        },
    }
}

#[component]
pub fn DifferencePage() -> impl IntoView {
    let session = use_session();
    let params = use_params_map();
    let query = use_query_map();
    let place = Memo::new(move |_| {
        let read = |name: &str| {
            params
                .with(|params| params.get(name))
                .and_then(|id| id.parse::<RecordId>().ok())
        };
        let path = query.with(|query| query.get("path"))?;
        Some((read("visit")?, read("record")?, path))
    });
    let page = RwSignal::new(None::<Arc<Vec<RecordView>>>);
    let error = RwSignal::new(None::<String>);
    let is_here = move |record: &RecordId| !session.field(record, "@kind").text().is_empty();
    // The office carries no visits: it asks, and again whenever something arrives.
    Effect::new(move |_| {
        session.pokes();
        let Some((visit, record, _)) = place.get() else { return };
        if is_here(&record) {
            return;
        }
        spawn_local(async move {
            match session.get::<Page>(&format!("/api/v1/visits/{visit}")).await {
                Ok(answer) => {
                    let school = answer
                        .records
                        .iter()
                        .find(|record| record.id == visit)
                        .and_then(|visit| visit.text("school"));
                    let bucket = school.and_then(|school| duty::school_bucket(&school.parse().ok()?));
                    let views = bucket.map(|bucket| {
                        answer
                            .records
                            .iter()
                            .map(|record| RecordView::of_state(bucket.clone(), record))
                            .collect()
                    });
                    error.try_set(None);
                    page.try_set(views.map(Arc::new));
                }
                Err(refused) => drop(error.try_set(Some(error_words(&refused)))),
            }
        });
    });
    let records = Memo::new_with_compare(
        move |_| {
            let (_, record, _) = place.get()?;
            match is_here(&record) {
                true => Some(Records::Here(session)),
                false => page.get().map(Records::Page),
            }
        },
        // The phone's own records tell by themselves when they change.
        |before, after| {
            !matches!(
                (before.and_then(Option::as_ref), after.and_then(Option::as_ref)),
                (Some(Records::Here(_)), Some(Records::Here(_)))
            )
        },
    );
    let back = Signal::derive(|| "/differences".to_owned());
    move || match (place.get(), records.get()) {
        (Some((_, record, path)), Some(records)) => view! { <Known records record path /> }.into_any(),
        _ => view! {
            <Screen title=Signal::derive(|| t("conflict.title")) back>
                <ErrorNote error />
                <p class="q">{move || error.with(Option::is_none).then(|| t("app.opening"))}</p>
            </Screen>
        }
        .into_any(),
    }
}

#[component]
fn Known(records: Records, record: RecordId, path: String) -> impl IntoView {
    let session = use_session();
    let records = StoredValue::new(records);
    let shown = Memo::new(move |_| {
        let view = records.with_value(|records| records.get(&record))?;
        let difference = difference::of(&view, &path)?;
        Some((view, difference))
    });
    let school = move |visit: &RecordId| {
        let visit = records.with_value(|records| records.get(visit));
        let school = visit
            .as_ref()
            .and_then(|visit| visit.text("school").parse::<RecordId>().ok());
        let name = school.and_then(|school| records.with_value(|records| records.get(&school)));
        let name = name.map(|school| school.text("name").to_owned()).unwrap_or_default();
        let day = visit
            .map(|visit| i18n::day(i18n::ms_of(visit.text("visit_date"))))
            .unwrap_or_default();
        join_dots([name, day])
    };
    let sub = Signal::derive(move || {
        shown.with(|shown| {
            shown
                .as_ref()
                .map(|(_, difference)| school(&difference.visit))
                .unwrap_or_default()
        })
    });
    let chosen = RwSignal::new(None::<Choice>);
    let reason = RwSignal::new(String::new());
    let open = Memo::new(move |_| shown.with(|shown| shown.as_ref().is_some_and(|(_, difference)| difference.open)));
    let decides = Memo::new(move |_| {
        shown.with(|shown| {
            shown.as_ref().is_some_and(|(_, difference)| {
                records.with_value(|records| difference::may_settle(session, records, difference))
            })
        })
    });
    let title = Signal::derive(move || {
        match shown.with(|shown| {
            shown
                .as_ref()
                .map(|(_, difference)| difference.open && difference.voices.iter().any(|voice| voice.late))
        }) {
            Some(true) => t("difference.late_title"),
            _ => t("conflict.title"),
        }
    });
    // Whoever sees the outcome has been told.
    Effect::new(move |_| {
        shown.with(|shown| {
            if let Some((
                _,
                Difference {
                    open: false,
                    decision: Some((_, by)),
                    ..
                },
            )) = shown
            {
                session.mark_read(&by.dot);
            }
        });
    });
    view! {
        <Screen
            title
            sub
            back="/differences"
            nav=false
            dock=move || (open.get() && decides.get()).then(|| view! { <Decide records shown chosen reason /> })
        >
            {move || match shown.get() {
                None => view! {
                    <EmptyState mark=Icon::Yes title=Signal::derive(|| t("difference.gone_title")) text=Signal::derive(|| t("difference.gone_text")) />
                }.into_any(),
                Some((view, difference)) => {
                    let (place, name) = title_of(&view, &difference.path);
                    let counts = words_of(&view, &difference.path, &difference.counts);
                    let role = role_words(session, records, &difference, &counts, decides.get());
                    view! {
                        <section class="differ">
                            <p class="q sm">{place}</p>
                            <h2>{name}</h2>
                            <p class="q">{role}</p>
                        </section>
                        {if difference.open {
                            view! { <Voices view difference chosen decides records reason /> }.into_any()
                        } else {
                            view! { <Settled view difference decides records /> }.into_any()
                        }}
                    }.into_any()
                }
            }}
        </Screen>
    }
}

/// What is taken to hold.
#[derive(Clone, Debug, PartialEq)]
enum Choice {
    /// The word of the voice at this place.
    One(usize),
    /// All words, one under the other.
    Both,
}

fn role_words(
    session: Session,
    records: StoredValue<Records>,
    difference: &Difference,
    counts: &str,
    decides: bool,
) -> String {
    if !difference.open {
        return t_args("difference.settled_to", &[("value", &counts)]);
    }
    let leads = records.with_value(|records| difference::leads(session, records, &difference.visit));
    let lead = records
        .with_value(|records| records.get(&difference.visit))
        .map(|visit| session.name_of(visit.text("lead")))
        .unwrap_or_default();
    let who = match (decides, leads) {
        (true, true) => t("difference.you_lead"),
        (true, false) => t("difference.you_office"),
        (false, _) => t_args("difference.lead_decides", &[("name", &lead)]),
    };
    let late = difference.voices.iter().any(|voice| voice.late);
    let until = match (late, difference::is_text(difference)) {
        (true, _) => t_args("difference.sealed_counts", &[("value", &counts)]),
        (false, true) => t("difference.text_counts"),
        (false, false) => t_args("conflict.counts", &[("value", &counts)]),
    };
    format!("{who}{until}")
}

#[component]
fn Voices(
    view: RecordView,
    difference: Difference,
    chosen: RwSignal<Option<Choice>>,
    decides: Memo<bool>,
    records: StoredValue<Records>,
    reason: RwSignal<String>,
) -> impl IntoView {
    let text = difference::is_text(&difference);
    let code = difference.path.split('/').next().unwrap_or_default().to_owned();
    let is_answer = code == difference.path;
    let cards = difference.voices.iter().cloned().enumerate().map(|(at, voice)| {
        let words = words_of(&view, &difference.path, &voice.value);
        let other = difference
            .voices
            .iter()
            .find(|other| other.dot != voice.dot && other.value != voice.value);
        let note = is_answer.then(|| note_beside(&view, &code, &voice)).flatten();
        let body = match (text, other.and_then(|other| other.value.text().map(str::to_owned))) {
            (true, Some(other)) => diff_words(voice.value.text().unwrap_or_default(), &other).into_any(),
            _ => answer_words(&voice.value, words).into_any(),
        };
        view! { <VoiceCard voice at body=Box::new(move || body) note chosen decides /> }
    });
    let cards = cards.collect_view();
    let own = StoredValue::new((view, difference));
    view! {
        <div class="voices" class:wide=text role="radiogroup" aria-label=move || t("difference.which")>
            {cards}
            <Show when=move || text && decides.get()>
                <KeepBoth chosen reason />
            </Show>
        </div>
        <Show when=move || decides.get() fallback=move || view! { <OwnWord own /> }>
            <Why reason />
        </Show>
        {records.with_value(|records| matches!(records, Records::Page(_))).then(|| view! { <p class="q xs">{move || t("difference.office_sends")}</p> })}
    }
}

/// Nobody's words are given up.
#[component]
fn KeepBoth(chosen: RwSignal<Option<Choice>>, reason: RwSignal<String>) -> impl IntoView {
    let on = Signal::derive(move || chosen.get() == Some(Choice::Both));
    let choose = move |_| {
        chosen.set(Some(Choice::Both));
        if reason.with_untracked(|reason| reason.trim().is_empty()) {
            reason.set(t("difference.why_both"));
        }
    };
    view! {
        <button
            type="button"
            class="voice both"
            role="radio"
            data-testid="keep-both"
            aria-checked=move || if on.get() { "true" } else { "false" }
            on:click=choose
        >
            <Dot on />
            <b>{move || t("difference.keep_both")}</b>
        </button>
    }
}

/// The reason: a tap for the usual ones, words for the rest; and what becomes of everybody's record.
#[component]
fn Why(reason: RwSignal<String>) -> impl IntoView {
    let usual = move |word: fn() -> String| {
        view! {
            <button type="button" class="chipbtn" aria-pressed=move || if reason.get() == word() { "true" } else { "false" } on:click=move |_| reason.set(word())>
                {word}
            </button>
        }
    };
    view! {
        <section class="why">
            <h3 class="label" id="why-title">{move || t("difference.why")}</h3>
            <div class="chiprow" role="group" aria-labelledby="why-title">
                {usual(|| t("difference.why_time"))}
                {usual(|| t("difference.why_place"))}
                {usual(|| t("difference.why_error"))}
            </div>
            <textarea
                class="box"
                rows="3"
                maxlength="1000"
                data-field="reason"
                aria-labelledby="why-title"
                prop:value=move || reason.get()
                on:input=move |event| reason.set(event_target_value(&event))
            ></textarea>
            <ul class="ticks q sm">
                <li>{small(Icon::Yes)} <span>{move || t("difference.they_hear")}</span></li>
                <li>{small(Icon::Yes)} <span>{move || t("difference.all_kept")}</span></li>
                <li>{small(Icon::Yes)} <span>{move || t("difference.offline_too")}</span></li>
            </ul>
        </section>
    }
}

/// What a member may do who does not decide: change their own word.
#[component]
fn OwnWord(own: StoredValue<(RecordView, Difference)>) -> impl IntoView {
    let session = use_session();
    let way_out = own.with_value(|(_, difference)| my_way_out(session, difference));
    let say = move |value: Value| {
        own.with_value(|(view, difference)| {
            let mine = view.field(&difference.path).shown_of(&untrack(|| duty::my_id(session)));
            let edit = Edit::new(view.id(), &difference.path, value, mine);
            session.change(view.bucket(), GroupKind::Edit, vec![edit]);
        });
    };
    view! {
        {way_out.map(|(value, name)| view! {
            <button class="btn wide" type="button" data-testid="give-in" on:click=move |_| say(value.clone())>
                {t_args("difference.give_in", &[("value", &name)])}
            </button>
        })}
        <p class="q sm">{move || t("difference.wait_hint")}</p>
    }
}

/// Changing one's own word to what the other said is nobody's decision.
fn my_way_out(session: Session, difference: &Difference) -> Option<(Value, String)> {
    let me = untrack(|| duty::my_id(session));
    let mine = difference
        .voices
        .iter()
        .find(|voice| voice.author == me && !voice.late)?;
    let other = difference
        .voices
        .iter()
        .find(|voice| voice.author != me && voice.value != mine.value)?;
    Some((other.value.clone(), session.name_of(&other.author)))
}

fn note_beside(view: &RecordView, code: &str, voice: &Voice) -> Option<String> {
    let note = view.field(&format!("{code}/note"));
    let said = note
        .siblings
        .iter()
        .find(|sibling| sibling.author.as_str() == voice.author)?;
    said.value
        .text()
        .filter(|text| !text.trim().is_empty())
        .map(str::to_owned)
}

fn answer_words(value: &Value, words: String) -> impl IntoView {
    match value.text() {
        Some("yes") => view! { <p class="said act">{icon(Icon::Yes)} <span>{words}</span></p> }.into_any(),
        Some("no") => view! { <p class="said bad">{icon(Icon::No)} <span>{words}</span></p> }.into_any(),
        Some("na") => view! { <p class="said q">{icon(Icon::NotApplicable)} <span>{words}</span></p> }.into_any(),
        _ => view! { <p class="said words">{words}</p> }.into_any(),
    }
}

/// One text with what the other has not marked.
fn diff_words(own: &str, other: &str) -> impl IntoView + use<> {
    let pieces = word_diff(own, other).into_iter().filter_map(|piece| match piece {
        Piece::Same(text) => Some(view! { <span>{text.to_owned()}</span> }.into_any()),
        Piece::Left(text) => Some(view! { <mark>{text.to_owned()}</mark> }.into_any()),
        Piece::Right(_) => None,
    });
    let pieces = pieces.collect::<Vec<_>>();
    view! { <p class="said words">{pieces}</p> }
}

#[component]
fn VoiceCard(
    voice: Voice,
    at: usize,
    body: Box<dyn FnOnce() -> AnyView>,
    note: Option<String>,
    chosen: RwSignal<Option<Choice>>,
    decides: Memo<bool>,
) -> impl IntoView {
    let session = use_session();
    let author = StoredValue::new(voice.author.clone());
    let who = move || {
        author.with_value(|author| {
            if *author == duty::my_id(session) {
                t("difference.you")
            } else {
                session.name_of(author)
            }
        })
    };
    let when = {
        let voice = voice.clone();
        move || difference::when(&voice)
    };
    let (late, pending) = (voice.late, voice.pending);
    let on = Signal::derive(move || chosen.get() == Some(Choice::One(at)));
    view! {
        <button
            type="button"
            class="voice"
            role="radio"
            data-testid="voice"
            data-author=voice.author.clone()
            aria-checked=move || if on.get() { "true" } else { "false" }
            aria-disabled=move || (!decides.get()).then_some("true")
            on:click=move |_| {
                if decides.get_untracked() {
                    chosen.set(Some(Choice::One(at)));
                }
            }
        >
            <span class="row"><b class="grow">{who}</b> <time class="q sm">{when}</time></span>
            {body()}
            {note.map(|note| view! { <p class="sm">{note}</p> })}
            {late.then(|| view! { <p class="warn sm row">{small(Icon::Clock)} <span>{t("difference.late")}</span></p> })}
            {pending.then(|| view! { <p class="q xs row">{small(Icon::Phone)} <span>{t("sync.on_phone")}</span></p> })}
            <Show when=move || decides.get()>
                <span class="pick">
                    <Dot on />
                    <span>{move || if on.get() { t("difference.holds") } else { t("difference.choose") }}</span>
                </span>
            </Show>
        </button>
    }
}

#[component]
fn Dot(#[prop(into)] on: Signal<bool>) -> impl IntoView {
    view! { <span class="pickdot" class:on=move || on.get() aria-hidden="true"></span> }
}

/// "Leave it for now" and "this holds": one tap once there is a choice and a reason.
#[component]
fn Decide(
    records: StoredValue<Records>,
    shown: Memo<Option<(RecordView, Difference)>>,
    chosen: RwSignal<Option<Choice>>,
    reason: RwSignal<String>,
) -> impl IntoView {
    let session = use_session();
    let words = move || {
        shown.with(|shown| {
            let (view, difference) = shown.as_ref()?;
            match chosen.get()? {
                Choice::Both => Some(t("difference.decide_both")),
                Choice::One(at) => {
                    let voice = difference.voices.get(at)?;
                    let value = match difference::is_text(difference) {
                        true => t_args("difference.of", &[("name", &session.name_of(&voice.author))]),
                        false => words_of(view, &difference.path, &voice.value),
                    };
                    Some(t_args("difference.decide", &[("value", &value)]))
                }
            }
        })
    };
    let ready = Memo::new(move |_| chosen.get().is_some() && reason.with(|reason| !reason.trim().is_empty()));
    let decide = move |_| {
        let Some((_, difference)) = shown.get_untracked() else {
            return;
        };
        let value = match chosen.get_untracked() {
            Some(Choice::Both) => difference::both(session, &difference),
            Some(Choice::One(at)) => match difference.voices.get(at) {
                Some(voice) => voice.value.clone(),
                None => return,
            },
            None => return,
        };
        let reason = reason.get_untracked();
        records.with_value(|records| untrack(|| difference::settle(session, records, &difference, value, &reason)));
        chosen.set(None);
    };
    view! {
        <div class="cta">
            <a class="btn plain" href="/differences">{move || t("difference.later")}</a>
            <button class="btn main grow" type="button" data-testid="decide" disabled=move || !ready.get() on:click=decide>
                {move || words().unwrap_or_else(|| t("difference.choose_first"))}
            </button>
        </div>
    }
}

/// How it was settled: what holds, why, and everybody's words; taken back with one tap by those who may settle it.
#[component]
fn Settled(
    view: RecordView,
    difference: Difference,
    decides: Memo<bool>,
    records: StoredValue<Records>,
) -> impl IntoView {
    let session = use_session();
    let Some((decision, by)) = difference.decision.clone() else {
        return ().into_any();
    };
    let path = difference.path.clone();
    let heard = decision.heard.iter().map(|heard| {
        let words = words_of(&view, &path, &difference::from_catalog(&heard.value));
        let who = session.name_of(&heard.author);
        view! { <li><b>{who}</b> " " <span class="q">{i18n::moment(heard.at as f64)}</span> " " <span>{words}</span></li> }
    });
    let heard = heard.collect_view();
    let holds = words_of(&view, &path, &difference.counts);
    let me = untrack(|| duty::my_id(session));
    let mine = decision.heard.iter().find(|heard| {
        heard.author == me && by.author != me && difference::from_catalog(&heard.value) != difference.counts
    });
    let mine = mine.map(|heard| words_of(&view, &path, &difference::from_catalog(&heard.value)));
    let by_line = t_args(
        "difference.settled_by",
        &[("who", &session.name_of(&by.author)), ("when", &difference::when(&by))],
    );
    let again = StoredValue::new(difference);
    view! {
        <section class="card" data-testid="settled">
            <p class="row">{small(Icon::Yes)} <b>{t_args("difference.holds_now", &[("value", &holds)])}</b></p>
            <p class="q sm">{by_line}</p>
            {mine.map(|value| view! { <p class="row">{small(Icon::Info)} <span>{t_args("difference.not_followed", &[("value", &value)])}</span></p> })}
            <p>{t_args("difference.reason", &[("text", &decision.reason)])}</p>
            <h3 class="label">{t("difference.heard")}</h3>
            <ul class="sm">{heard}</ul>
            <p class="q xs">{t("difference.all_kept")}</p>
        </section>
        <Show when=move || decides.get()>
            <button
                class="btn wide"
                type="button"
                data-testid="reopen"
                on:click=move |_| again.with_value(|difference| records.with_value(|records| untrack(|| difference::reopen(session, records, difference))))
            >
                {small(Icon::Back)} <span>{move || t("difference.reopen")}</span>
            </button>
        </Show>
        <a class="btn main wide" href="/differences">{move || t("difference.done")}</a>
    }
    .into_any()
}
