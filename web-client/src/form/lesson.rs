//! A lesson while it runs: the clock, the moments at which to look up, what happened when. Nothing is filled in afterwards.

use catalog::{Item, ItemKind, ItemState, Snapping};
use leptos::prelude::*;
use sync_protocol::Value;

use super::scale::NotApplicable;
use super::sheet::Sheet;
use crate::clock;
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, icon, small};

/// The item of a checklist that is answered at moments of a lesson.
pub fn snap_item(sheet: Sheet) -> Option<(&'static Item, &'static Snapping)> {
    let items = sheet.checklist().sections.iter().flat_map(|section| &section.items);
    items.into_iter().find_map(|item| match &item.kind {
        ItemKind::Snap(snapping) => Some((item, snapping)),
        _ => None,
    })
}

fn notes_item(sheet: Sheet) -> Option<&'static Item> {
    let items = sheet.checklist().sections.iter().flat_map(|section| &section.items);
    items.into_iter().find(|item| matches!(item.kind, ItemKind::Notes))
}

/// How long the lesson has run, in seconds; nothing before it was begun. The clock is the device's: a lesson is short.
#[derive(Clone, Copy)]
pub struct LessonClock {
    started: Memo<String>,
    now_ms: RwSignal<i64>,
}

impl LessonClock {
    pub fn new(sheet: Sheet, item: &'static Item) -> Self {
        let started = Memo::new(move |_| sheet.text(&format!("{}/started", item.code)));
        let now_ms = RwSignal::new(clock::now_ms());
        let every_second = set_interval_with_handle(
            move || {
                if started.try_with_untracked(|started| !started.is_empty()) == Some(true) {
                    now_ms.set(clock::now_ms());
                }
            },
            std::time::Duration::from_secs(1),
        );
        on_cleanup(move || {
            if let Ok(handle) = every_second {
                handle.clear();
            }
        });
        Self { started, now_ms }
    }

    /// Tracked.
    pub fn seconds(self) -> Option<i64> {
        let started = self.started.get();
        if started.is_empty() {
            return None;
        }
        Some((self.now_ms.get() - i18n::ms_of(&started) as i64).max(0) / 1000)
    }

    /// Whole minutes; changes once a minute when kept in a memo. Tracked.
    pub fn minute(self) -> Option<u32> {
        self.seconds().and_then(|seconds| u32::try_from(seconds / 60).ok())
    }
}

/// Where a moment stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stand {
    Ahead,
    Now,
    /// Past its window and neither taken nor explained.
    Slipped,
    Taken,
    Missed,
}

fn stand(sheet: Sheet, item: &Item, snapping: &Snapping, at: u32, minute: Option<u32>) -> Stand {
    match sheet.provisional(&format!("{}/snap/{at}", item.code)) {
        Some(catalog::Value::List(parts)) if parts.first().and_then(catalog::Value::as_text) == Some("missed") => {
            Stand::Missed
        }
        Some(catalog::Value::List(_)) => Stand::Taken,
        _ => match minute {
            Some(minute) if minute > at + snapping.after => Stand::Slipped,
            Some(minute) if minute + snapping.before >= at => Stand::Now,
            _ => Stand::Ahead,
        },
    }
}

/// Under the title while the sheet is open: the clock, the track with its moments, and the moment that is now.
#[component]
pub fn LessonBar(sheet: Sheet) -> impl IntoView {
    let Some((item, snapping)) = snap_item(sheet) else {
        return ().into_any();
    };
    let lesson = LessonClock::new(sheet, item);
    let minute = Memo::new(move |_| lesson.minute());
    let now = Memo::new(move |_| {
        let minute = minute.get();
        let is_now = |at: &&u32| stand(sheet, item, snapping, **at, minute) == Stand::Now;
        snapping.at.iter().find(is_now).copied()
    });
    // A phone in the hand says so without being looked at.
    Effect::new(move |before: Option<Option<u32>>| {
        let now = now.get();
        if now.is_some()
            && before.flatten() != now
            && let Some(window) = web_sys::window()
        {
            window.navigator().vibrate_with_duration(600);
        }
        now
    });
    let start = move |_| {
        sheet.note_down(&format!("{}/started", item.code), i18n::now_rfc3339().into());
        lesson.now_ms.set(clock::now_ms());
    };
    let length = f64::from(snapping.at.last().copied().unwrap_or(30) + 10);
    let dots = snapping.at.iter().map(|at| {
        let at = *at;
        let how = Memo::new(move |_| stand(sheet, item, snapping, at, minute.get()));
        let class = move || match how.get() {
            Stand::Now => "dot now",
            Stand::Taken => "dot done",
            Stand::Missed | Stand::Slipped => "dot gone",
            Stand::Ahead => "dot",
        };
        view! {
            <span class=class style:left=format!("{:.1}%", 100.0 * f64::from(at) / length)>
                {move || if how.get() == Stand::Taken { small(Icon::Yes).into_any() } else { at.to_string().into_any() }}
            </span>
        }
    });
    let dots = dots.collect_view();
    let run = move || {
        let seconds = lesson.seconds().unwrap_or_default() as f64;
        format!("{:.2}%", (100.0 * seconds / 60.0 / length).min(100.0))
    };
    view! {
        <section class="lesson-bar" aria-label=move || t("lesson.clock")>
            <Show
                when=move || lesson.seconds().is_some()
                fallback=move || view! {
                    <Show when=move || !sheet.read_only.get()>
                        <button class="btn main wide" type="button" data-testid="start-clock" on:click=start>
                            {small(Icon::Clock)} <span>{move || t("lesson.start")}</span>
                        </button>
                    </Show>
                }
            >
                <div class="row">
                    <time class="lesson-time grow" role="timer" data-testid="lesson-time">{move || clock_words(lesson.seconds().unwrap_or_default())}</time>
                    <EndLesson sheet lesson />
                </div>
            </Show>
            <div class="track" aria-hidden="true">
                <i class="run" style:width=run></i>
                {dots}
            </div>
            <Show when=move || now.get().is_some() && !sheet.read_only.get()>
                {move || now.get().map(|at| view! { <SnapPanel sheet item snapping at minute /> })}
            </Show>
        </section>
    }
    .into_any()
}

/// "20:14".
fn clock_words(seconds: i64) -> String {
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// Writes how long was observed into the first item that asks for minutes and nothing else.
#[component]
fn EndLesson(sheet: Sheet, lesson: LessonClock) -> impl IntoView {
    let items = sheet.checklist().sections.iter().flat_map(|section| &section.items);
    let observed = items.into_iter().find(|item| {
        item.required && matches!(item.kind, ItemKind::Measured) && item.inputs.iter().any(|input| input.suffix == "n")
    });
    let Some(observed) = observed else {
        return ().into_any();
    };
    let path = format!("{}/n", observed.code);
    let read = path.clone();
    let written = Memo::new(move |_| sheet.text(&read));
    let path = StoredValue::new(path);
    view! {
        <button
            class="btn"
            type="button"
            data-testid="end-lesson"
            disabled=move || sheet.read_only.get()
            on:click=move |_| {
                let minutes = i64::from(untrack(|| lesson.minute()).unwrap_or_default());
                path.with_value(|path| sheet.write(observed, path, Value::Int(minutes)));
            }
        >
            {move || written.with(|written| if written.is_empty() { t("lesson.end") } else { t_args("lesson.ended", &[("n", written)]) })}
        </button>
    }
    .into_any()
}

/// How many pupils are present: from the attendance of the sheet until somebody counts again.
fn present_of(sheet: Sheet) -> String {
    let items = sheet.checklist().sections.iter().flat_map(|section| &section.items);
    let counted = items.filter(|item| item.input("n2").is_some() && matches!(item.kind, ItemKind::Measured));
    counted
        .map(|item| sheet.text(&format!("{}/n2", item.code)))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// Two taps: is anything being learnt, and how many are off task.
#[component]
fn SnapPanel(
    sheet: Sheet,
    item: &'static Item,
    snapping: &'static Snapping,
    at: u32,
    minute: Memo<Option<u32>>,
) -> impl IntoView {
    let activity = RwSignal::new(None::<&'static str>);
    let off = RwSignal::new(None::<i64>);
    let more = RwSignal::new(false);
    let present = RwSignal::new(untrack(|| present_of(sheet)));
    let save = move || {
        let (Some(activity), Some(off)) = (activity.get_untracked(), off.get_untracked()) else {
            return;
        };
        let Ok(present) = present.with_untracked(|present| present.trim().parse::<i64>()) else {
            return;
        };
        if present <= 0 || off > present {
            return;
        }
        let taken = i64::from(minute.get_untracked().unwrap_or(at));
        let seen = Value::List(vec![activity.into(), present.into(), off.into(), taken.into()]);
        sheet.write(item, &format!("{}/snap/{at}", item.code), seen);
    };
    let choose_activity = move |answer: &'static str| {
        activity.set(Some(answer));
        save();
    };
    let choose_off = move |count: i64| {
        off.set(Some(count));
        save();
    };
    let answer = move |code: &'static str, mark: Icon, word: fn() -> String| {
        view! {
            <button
                type="button"
                class=format!("ans {code}")
                role="radio"
                data-answer=code
                aria-checked=move || if activity.get() == Some(code) { "true" } else { "false" }
                on:click=move |_| choose_activity(code)
            >
                {icon(mark)} <span>{word}</span>
            </button>
        }
    };
    let count = move |n: i64| {
        view! {
            <button
                type="button"
                class="ans"
                role="radio"
                data-off=n.to_string()
                aria-checked=move || if off.get() == Some(n) { "true" } else { "false" }
                on:click=move |_| choose_off(n)
            >
                {n.to_string()}
            </button>
        }
    };
    let left = move || {
        let minute = minute.get().unwrap_or(at);
        t_args("lesson.left", &[("n", &(at + snapping.after).saturating_sub(minute))])
    };
    view! {
        <section class="snap" data-snap=at.to_string() aria-live="polite">
            <div class="row">
                <h2 class="grow">{move || t_args("lesson.moment", &[("n", &at)])}</h2>
                <span class="badge act">{small(Icon::Clock)} <span>{left}</span></span>
            </div>
            <div class="ask">
                <p class="m">{move || t("lesson.activity")}</p>
                <div class="answers two" role="radiogroup" aria-label=move || t("lesson.activity")>
                    {answer("yes", Icon::Yes, || t("answer.yes"))}
                    {answer("no", Icon::No, || t("answer.no"))}
                </div>
            </div>
            <div class="ask">
                <p class="m row wrap">
                    <span class="grow">{move || t("lesson.off_task")}</span>
                    <label class="q sm present">
                        <span>{move || t("lesson.present")}</span>
                        <input class="box" type="text" inputmode="numeric" maxlength="3" data-field="present" bind:value=present on:change=move |_| save() />
                    </label>
                </p>
                <div class="answers six" role="radiogroup" aria-label=move || t("lesson.off_task")>
                    {(0..5).map(count).collect_view()}
                    <button type="button" class="ans" aria-expanded=move || if more.get() { "true" } else { "false" } on:click=move |_| more.set(true)>"5+"</button>
                </div>
                <Show when=move || more.get()>
                    <input
                        class="box"
                        type="text"
                        inputmode="numeric"
                        maxlength="3"
                        data-field="off-task"
                        aria-label=move || t("lesson.off_task")
                        on:change=move |event| {
                            if let Ok(count) = event_target_value(&event).trim().parse::<i64>() {
                                choose_off(count);
                            }
                        }
                    />
                </Show>
            </div>
            <p class="q xs">{move || if present.with(|present| present.trim().is_empty()) { t("lesson.present_wanted") } else { t("lesson.saved_by_two") }}</p>
        </section>
    }
}

/// The moments in their section: what was seen, what is to come, and why one was missed.
#[component]
pub fn SnapAnswer(
    sheet: Sheet,
    item: &'static Item,
    snapping: &'static Snapping,
    state: Memo<Option<ItemState>>,
) -> impl IntoView {
    let lesson = LessonClock::new(sheet, item);
    let minute = Memo::new(move |_| lesson.minute());
    let rows = snapping
        .at
        .iter()
        .map(|at| view! { <MomentRow sheet item snapping at=*at minute /> });
    let measure = move || {
        state.with(|state| {
            let measure = state.as_ref().and_then(|state| state.measure)?;
            Some(t_args("lesson.on_task", &[("n", &measure)]))
        })
    };
    view! {
        <ul class="list moments">{rows.collect_view()}</ul>
        {move || measure().map(|words| view! { <p class="m sm">{words}</p> })}
        <NotApplicable sheet item />
    }
}

#[component]
fn MomentRow(
    sheet: Sheet,
    item: &'static Item,
    snapping: &'static Snapping,
    at: u32,
    minute: Memo<Option<u32>>,
) -> impl IntoView {
    let path = StoredValue::new(format!("{}/snap/{at}", item.code));
    let how = Memo::new(move |_| stand(sheet, item, snapping, at, minute.get()));
    let words = move || match how.get() {
        Stand::Ahead => t("lesson.ahead"),
        Stand::Now => t("lesson.now"),
        Stand::Slipped => t("lesson.slipped"),
        Stand::Taken | Stand::Missed => path.with_value(|path| moment_words(sheet, path)),
    };
    let missed = move |reason: String| {
        path.with_value(|path| sheet.write(item, path, Value::List(vec!["missed".into(), reason.into()])));
    };
    let quick = move |word: fn() -> String| {
        view! { <button type="button" on:click=move |_| missed(word())>{word}</button> }
    };
    view! {
        <li class="moment" data-moment=at.to_string()>
            <p class="row"><b>{move || t_args("lesson.moment", &[("n", &at)])}</b> <span class="grow sm">{words}</span></p>
            <Show when=move || how.get() == Stand::Slipped && !sheet.read_only.get()>
                <div class="quick" role="group" aria-label=move || t("lesson.why_missed")>
                    {quick(|| t("lesson.why.busy"))}
                    {quick(|| t("lesson.why.not_there"))}
                    {quick(|| t("lesson.why.over"))}
                </div>
                <input
                    class="box"
                    type="text"
                    maxlength="200"
                    aria-label=move || t("lesson.why_missed")
                    placeholder=move || t("lesson.why_missed")
                    on:change=move |event| {
                        let reason = event_target_value(&event).trim().to_owned();
                        if !reason.is_empty() {
                            missed(reason);
                        }
                    }
                />
            </Show>
        </li>
    }
}

fn moment_words(sheet: Sheet, path: &str) -> String {
    let Some(catalog::Value::List(parts)) = sheet.provisional(path) else {
        return String::new();
    };
    snap_words(&parts)
}

/// "学习中·在场 41·未投入 3", or why it was missed.
pub fn snap_words(parts: &[catalog::Value]) -> String {
    let number = |at: usize| match parts.get(at) {
        Some(catalog::Value::Int(number)) => number.to_string(),
        Some(catalog::Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    match parts.first().and_then(catalog::Value::as_text) {
        Some("missed") => t_args("lesson.missed", &[("why", &number(1))]),
        Some(activity) => join_dots([
            if activity == "yes" {
                t("lesson.learning")
            } else {
                t("lesson.not_learning")
            },
            t_args("lesson.present_n", &[("n", &number(1))]),
            t_args("lesson.off_n", &[("n", &number(2))]),
        ]),
        None => String::new(),
    }
}

/// What happened when: one line a note, the newest first.
#[component]
pub fn NotesAnswer(sheet: Sheet, item: &'static Item) -> impl IntoView {
    let prefix = StoredValue::new(format!("{}/timed/", item.code));
    let notes = Memo::new(move |_| {
        let Some(record) = sheet.session.record(&sheet.response()) else {
            return Vec::new();
        };
        let mut notes: Vec<(i64, String)> = record
            .fields()
            .filter_map(|(path, field)| {
                let id = prefix.with_value(|prefix| path.strip_prefix(prefix.as_str()).map(str::to_owned))?;
                match field.value()? {
                    Value::List(parts) => Some((parts.first()?.int()?, id)),
                    _ => None,
                }
            })
            .collect();
        notes.sort_by(|a, b| b.cmp(a));
        notes
    });
    view! {
        <p class="q sm">{move || t_args("lesson.notes", &[("n", &notes.with(Vec::len))])}</p>
        <ol class="log">
            <For
                each=move || notes.get()
                key=|(_, id)| id.clone()
                children=move |(at, id)| view! { <NoteRow sheet item at id /> }
            />
        </ol>
    }
}

#[component]
fn NoteRow(sheet: Sheet, item: &'static Item, at: i64, id: String) -> impl IntoView {
    let path = StoredValue::new(format!("{}/timed/{id}", item.code));
    let part = move |at: usize| {
        Memo::new(move |_| match path.with_value(|path| sheet.provisional(path)) {
            Some(catalog::Value::List(parts)) => parts
                .get(at)
                .and_then(catalog::Value::as_text)
                .unwrap_or_default()
                .to_owned(),
            _ => String::new(),
        })
    };
    let (activity, text) = (part(1), part(2));
    view! {
        <li>
            <time>{t_args("lesson.minute", &[("n", &at)])}</time>
            <div>
                {move || activity.with(|activity| (!activity.is_empty()).then(|| view! { <b class="sm">{activity.clone()}</b> }))}
                <super::TextBox
                    label=Signal::derive(|| t("lesson.seen"))
                    field=path.get_value()
                    value=text
                    rows=1
                    on_type=move |typed: String| {
                        let note = Value::List(vec![at.into(), activity.get_untracked().into(), typed.into()]);
                        path.with_value(|path| sheet.type_text(path, note));
                    }
                    on_leave=move |()| sheet.settle(item)
                    read_only=sheet.read_only
                />
            </div>
        </li>
    }
}

/// Above the dock while a lesson runs: what is going on, one tap, with the minute by itself.
#[component]
pub fn QuickNotes(sheet: Sheet) -> impl IntoView {
    let (Some((snap, _)), Some(item)) = (snap_item(sheet), notes_item(sheet)) else {
        return ().into_any();
    };
    let lesson = LessonClock::new(sheet, snap);
    let running = Memo::new(move |_| lesson.minute().is_some());
    let note = move |activity: String| {
        let minute = i64::from(untrack(|| lesson.minute()).unwrap_or_default());
        let id = super::samples::new_sample_id();
        let path = format!("{}/timed/{id}", item.code);
        sheet.note_down(&path, Value::List(vec![minute.into(), activity.into(), "".into()]));
        focus_box(&path);
    };
    let quick = move |word: fn() -> String| {
        view! { <button type="button" on:click=move |_| note(word())>{word}</button> }
    };
    view! {
        <Show when=move || running.get() && !sheet.read_only.get()>
            <div class="quickrow" role="group" aria-label=move || t("lesson.quick")>
                {quick(|| t("lesson.act.talk"))}
                {quick(|| t("lesson.act.ask"))}
                {quick(|| t("lesson.act.group"))}
                {quick(|| t("lesson.act.practice"))}
                {quick(|| t("lesson.act.sum_up"))}
                <button type="button" data-testid="new-note" aria-label=move || t("lesson.note") on:click=move |_| note(String::new())>{small(Icon::Note)}</button>
            </div>
        </Show>
    }
    .into_any()
}

// The new note's box, once it is drawn.
fn focus_box(field: &str) {
    let id = format!("box-{field}");
    request_animation_frame(move || {
        use web_sys::wasm_bindgen::JsCast;
        let found = document().get_element_by_id(&id);
        if let Some(node) = found.and_then(|node| node.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = node.focus();
        }
    });
}
