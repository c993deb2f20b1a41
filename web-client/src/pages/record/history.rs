//! How a visit came to be as it is: every action on its records with what its author had seen, and the changes of one field
//! in a panel at the side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use sync_protocol::replay::{Change, Records, replay};
use sync_protocol::{Dot, FieldState, GroupId, GroupKind};

use super::moments::Moments;
use super::words::{Lexicon, Told, outlives_seal};
use super::{Asked, Names, Shown};
use crate::components::{EmptyState, ErrorNote, SidePanel, error_words, state_word};
use crate::difference;
use crate::form::value_words;
use crate::i18n::{self, join_dots, join_list, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::prefs::locale;
use crate::session::use_session;

/// Actions listed at once.
const PAGE: usize = 50;

#[derive(Clone, Debug, Deserialize)]
struct HistoryAnswer {
    entries: Vec<Entry>,
    #[serde(default)]
    people: BTreeMap<String, String>,
    #[serde(default)]
    devices: BTreeMap<String, String>,
}

/// One field write, and when it reached the office.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    received_at: String,
    #[serde(flatten)]
    pub change: Change,
}

impl HistoryAnswer {
    /// Its names, and those that the page knows already.
    fn names(&self, known: &Names) -> Names {
        let mut names = known.clone();
        names.people.extend(self.people.clone());
        names.devices.extend(self.devices.clone());
        names
    }
}

/// A visit's whole history, ready to be asked.
pub struct Story {
    entries: Vec<Entry>,
    /// The entries of each action, oldest first.
    actions: Vec<Range<usize>>,
    of_group: HashMap<GroupId, usize>,
    /// The entry that wrote a value, and the one that replaced it.
    written: HashMap<Dot, usize>,
    replaced: HashMap<Dot, usize>,
    now: Records,
    pub lexicon: Lexicon,
}

impl Story {
    fn of(answer: HistoryAnswer, known: &Names) -> Self {
        let names = answer.names(known);
        let entries = answer.entries;
        let mut actions: Vec<Range<usize>> = Vec::new();
        let (mut written, mut replaced) = (HashMap::new(), HashMap::new());
        for (at, Entry { change, .. }) in entries.iter().enumerate() {
            match actions.last_mut() {
                Some(last) if entries[last.start].change.group == change.group => last.end = at + 1,
                _ => actions.push(at..at + 1),
            }
            written.entry(change.dot()).or_insert(at);
            for dot in change.replaces() {
                replaced.entry(*dot).or_insert(at);
            }
        }
        let now = replay(entries.iter().map(|entry| &entry.change), outlives_seal);
        let group_of = |(nth, action): (usize, &Range<usize>)| (entries[action.start].change.group, nth);
        Self {
            of_group: actions.iter().enumerate().map(group_of).collect(),
            lexicon: Lexicon::new(&now, names),
            entries,
            actions,
            written,
            replaced,
            now,
        }
    }

    pub fn newest_first(&self) -> impl Iterator<Item = GroupId> {
        let first = |action: &Range<usize>| self.entries[action.start].change.group;
        self.actions.iter().rev().map(first)
    }

    /// The last time that the visit was submitted, or how it began.
    pub fn last_submission(&self) -> Option<GroupId> {
        let submits = |change: &Change| change.field.as_str() == "state" && change.value.text() == Some("submitted");
        let last = self.entries.iter().rfind(|entry| submits(&entry.change));
        Some(last.or(self.entries.first())?.change.group)
    }

    /// What one action wrote.
    pub fn action(&self, group: GroupId) -> &[Entry] {
        self.range(group).map_or(&[], |action| &self.entries[action])
    }

    /// Everything up to and with an action, as the office got it.
    pub fn until(&self, group: GroupId) -> &[Entry] {
        self.range(group).map_or(&[], |action| &self.entries[..action.end])
    }

    fn range(&self, group: GroupId) -> Option<Range<usize>> {
        self.of_group.get(&group).map(|nth| self.actions[*nth].clone())
    }

    fn value_words(&self, change: &Change) -> String {
        self.lexicon.value(&change.record, &change.field, &change.value)
    }

    /// What its author had on the screen.
    fn seen_words(&self, at: usize) -> String {
        let change = &self.entries[at].change;
        let same_field = |other: &Entry| other.change.record == change.record && other.change.field == change.field;
        if change.kind == GroupKind::Witness {
            return t("history.copy");
        }
        if change.base.is_empty() {
            let others = self.entries[..at].iter().any(same_field);
            return if others {
                t("history.seen_nothing")
            } else {
                t("history.first_entry")
            };
        }
        let seen = change.base.iter().map(|dot| match self.written.get(dot) {
            Some(at) => self.value_by(&self.entries[*at].change),
            None => t("history.elsewhere"),
        });
        t_args("history.had_seen", &[("values", &join_list(seen))])
    }

    // "否（李督学 10:12）"
    fn value_by(&self, change: &Change) -> String {
        let (value, who) = (self.value_words(change), self.lexicon.person(change));
        let time = i18n::moment(change.at as f64);
        t_args("history.value_by", &[("value", &value), ("who", &who), ("time", &time)])
    }

    /// What became of it.
    fn fate(&self, at: usize) -> (Icon, String) {
        let change = &self.entries[at].change;
        let dot = change.dot();
        let record = self.now.get(&change.record);
        let field = record.and_then(|record| record.fields.get(&change.field));
        let is_in = |field: &FieldState| field.live.iter().any(|write| write.dot == dot);
        match field {
            Some(field) if is_in(field) && field.is_conflict() => (Icon::Conflict, t("history.stands_beside")),
            Some(field) if is_in(field) => (Icon::Yes, t("history.stands")),
            Some(field) if field.holds(&dot) => (Icon::Clock, t("difference.late")),
            _ => {
                let by = self.replaced.get(&dot);
                let by = by.map(|by| self.value_by(&self.entries[*by].change));
                let by = by.unwrap_or_else(|| t("history.elsewhere"));
                (Icon::Sync, t_args("history.replaced", &[("by", &by)]))
            }
        }
    }
}

/// The history of the page's visit and how far somebody has read in it. It outlives a change of tab or language.
#[derive(Clone, Copy)]
pub struct Past {
    story: RwSignal<Option<Arc<Story>>>,
    error: RwSignal<Option<String>>,
    visit: StoredValue<String>,
    /// The moments that somebody chose to compare.
    pub then: RwSignal<Option<GroupId>>,
    pub now: RwSignal<Option<GroupId>>,
    /// Whether every difference between them is listed.
    pub whole: RwSignal<bool>,
    open: RwSignal<BTreeSet<GroupId>>,
    listed: RwSignal<usize>,
}

impl Past {
    pub fn new() -> Self {
        Self {
            story: RwSignal::new(None),
            error: RwSignal::new(None),
            visit: StoredValue::new(String::new()),
            then: RwSignal::new(None),
            now: RwSignal::new(None),
            whole: RwSignal::new(false),
            open: RwSignal::new(BTreeSet::new()),
            listed: RwSignal::new(PAGE),
        }
    }

    /// Asks the story something, once it is here; tracked.
    pub fn of_story<T>(self, ask: impl FnOnce(&Story) -> Option<T>) -> Option<T> {
        self.story.with(|story| ask(story.as_deref()?))
    }

    fn is_of(self, visit: &str) -> bool {
        self.visit.try_with_value(|mine| mine == visit) == Some(true)
    }

    fn begin(self, visit: &str) {
        if !self.is_of(visit) {
            self.visit.set_value(visit.to_owned());
            self.story.set(None);
            self.then.set(None);
            self.now.set(None);
            self.whole.set(false);
            self.open.update(BTreeSet::clear);
            self.listed.set(PAGE);
        }
    }

    fn take(self, answer: HistoryAnswer, known: &Names) {
        self.error.set(None);
        let told = |story: &Option<Arc<Story>>| story.as_ref().map(|story| story.entries.len());
        // Whoever reads keeps their place while nothing of it changes; a log only grows.
        if self.story.with_untracked(told) != Some(answer.entries.len()) {
            self.story.set(Some(Arc::new(Story::of(answer, known))));
        }
    }
}

/// Everything that anybody did to the visit, and two moments of it side by side.
#[component]
pub fn HistoryTab(page: StoredValue<Shown>, past: Past) -> impl IntoView {
    let session = use_session();
    Effect::new(move |_| {
        session.pokes();
        let (visit, names) = page.with_value(|page| (page.visit.id().to_string(), page.names.clone()));
        past.begin(&visit);
        spawn_local(async move {
            let path = format!("/api/v1/visits/{visit}/history");
            let answer = session.get::<HistoryAnswer>(&path).await;
            if !past.is_of(&visit) {
                return;
            }
            match answer {
                Ok(answer) => past.take(answer, &names),
                Err(refused) => past.error.set(Some(error_words(&refused))),
            }
        });
    });
    let is_here = Memo::new(move |_| past.story.with(Option::is_some));
    let waits = move || past.error.with(Option::is_none).then(|| t("record.history_loading"));
    view! {
        <div class="past" aria-busy=move || (!is_here.get() && past.error.with(Option::is_none)).to_string()>
            <ErrorNote error=past.error />
            <Show when=move || is_here.get() fallback=move || view! { <p class="q sm">{waits}</p> }>
                <Moments past />
                <Actions page past />
            </Show>
        </div>
    }
}

#[component]
fn Actions(page: StoredValue<Shown>, past: Past) -> impl IntoView {
    let all = move || past.of_story(|story| Some(story.actions.len())).unwrap_or_default();
    let listed = move || {
        let newest = past.of_story(|story| Some(story.newest_first().take(past.listed.get()).collect::<Vec<_>>()));
        newest.unwrap_or_default()
    };
    let more = move || all().saturating_sub(past.listed.get()).min(PAGE);
    view! {
        <section class="actions" aria-labelledby="actions-title">
            <h2 id="actions-title" class="sub-head">{move || t_args("history.actions", &[("n", &all())])}</h2>
            <p class="q sm">{move || t("history.order")}</p>
            <Show
                when=move || 0 < all()
                fallback=|| view! { <EmptyState mark=Icon::Clock title=Signal::derive(|| t("record.history_none")) text=Signal::derive(|| t("history.empty")) /> }
            >
                <ol class="hist" data-testid="actions">
                    <For each=listed key=|group| *group let:group>
                        <Action page past group />
                    </For>
                </ol>
            </Show>
            <Show when=move || 0 < more()>
                <button class="btn wide" type="button" data-testid="more-actions" on:click=move |_| past.listed.update(|listed| *listed += PAGE)>
                    {move || t_args("history.more", &[("n", &more())])}
                </button>
            </Show>
        </section>
    }
}

/// Who did what, when and where; opened, each field with what its author had seen and what became of it.
#[component]
fn Action(page: StoredValue<Shown>, past: Past, group: GroupId) -> impl IntoView {
    let story = past.story.get_untracked()?;
    let entries = story.action(group);
    let first = entries.first()?;
    let Told { class, mark, words } = story.lexicon.action(entries);
    let who = story.lexicon.person(&first.change);
    let when = i18n::moment(first.change.at as f64);
    let arrived = i18n::moment(i18n::ms_of(&first.received_at));
    let place = join_dots([
        story.lexicon.device(&first.change),
        t_args("record.arrived", &[("time", &arrived)]),
    ]);
    let is_open = move || past.open.with(|open| open.contains(&group));
    let toggled = move |event: leptos::ev::Event| {
        let opened = event_target::<web_sys::Element>(&event).has_attribute("open");
        if opened != untrack(is_open) {
            past.open.update(|open| {
                _ = if opened {
                    open.insert(group)
                } else {
                    open.remove(&group)
                }
            });
        }
    };
    Some(view! {
        <li class=class data-group=group.to_string()>
            <span class="pt" aria-hidden="true">{icon(mark)}</span>
            <details open=untrack(is_open) on:toggle=toggled>
                <summary>
                    <span class="grow">
                        <span class="block"><b>{who}</b> " " <time class="q">{when}</time></span>
                        <span class="block said">{words}</span>
                        <span class="block q xs">{place}</span>
                    </span>
                    {icon(Icon::Forward)}
                </summary>
                <Show when=is_open>
                    <ul class="fields">{move || past.of_story(|story| Some(fields_of(page, story, group)))}</ul>
                </Show>
            </details>
        </li>
    })
}

fn fields_of(page: StoredValue<Shown>, story: &Story, group: GroupId) -> impl IntoView + use<> {
    let told = story.range(group).unwrap_or_default();
    let told = told.filter(|at| story.lexicon.tells(&story.entries[*at].change.field));
    let rows = told.map(|at| {
        let change = &story.entries[at].change;
        let label = story.lexicon.label(&change.record, &change.field);
        let (mark, fate) = story.fate(at);
        view! {
            <li data-field=change.field.to_string()>
                <p><span class="q">{label}</span> " " <b>{story.value_words(change)}</b></p>
                <p class="q sm fate">
                    <span>{small(Icon::Show)} " " {story.seen_words(at)}</span>
                    <span>{small(mark)} " " {fate}</span>
                </p>
                <Restore page change=change.clone() stands=matches!(mark, Icon::Yes) />
            </li>
        }
    });
    rows.collect_view()
}

/// An earlier value comes back as a new write with a reason, by whoever may settle the field.
#[component]
fn Restore(page: StoredValue<Shown>, change: Change, stands: bool) -> impl IntoView {
    let session = use_session();
    let change = StoredValue::new(change);
    let may = !stands
        && page.with_value(|page| {
            change.with_value(|change| {
                difference::may_restore(session, &page.records, &change.record, change.field.as_str())
            })
        });
    let asking = RwSignal::new(false);
    let reason = RwSignal::new(String::new());
    let go = move |_| {
        page.with_value(|page| {
            change.with_value(|change| {
                let path = change.field.as_str();
                difference::restore(
                    session,
                    &page.records,
                    &change.record,
                    path,
                    change.value.clone(),
                    &reason.get_untracked(),
                );
            });
        });
        asking.set(false);
    };
    may.then(|| view! {
        <Show
            when=move || asking.get()
            fallback=move || view! { <button class="linkbtn sm" type="button" data-testid="restore" on:click=move |_| asking.set(true)>{move || t("history.restore")}</button> }
        >
            <label class="field"><span class="label">{move || t("history.restore_why")}</span>
                <textarea class="box" rows="1" maxlength="1000" data-field="restore-reason" on:input=move |event| reason.set(event_target_value(&event))></textarea>
            </label>
            <div class="row wrap">
                <button class="btn" type="button" data-testid="restore-go" disabled=move || reason.with(|reason| reason.trim().is_empty()) on:click=go>{move || t("history.restore_go")}</button>
                <button class="linkbtn sm" type="button" on:click=move |_| asking.set(false)>{move || t("action.cancel")}</button>
            </div>
        </Show>
    })
}

/// Who wrote what when, and when it arrived, oldest first.
#[component]
pub fn History(page: StoredValue<Shown>, asked: RwSignal<Option<Asked>>) -> impl IntoView {
    let session = use_session();
    let answer = RwSignal::new(None::<HistoryAnswer>);
    let error = RwSignal::new(None::<String>);
    Effect::new(move |_| {
        let Some(wanted) = asked.get() else { return };
        answer.set(None);
        error.set(None);
        spawn_local(async move {
            // The whole record: notes and places beside the answer belong to its story.
            let path = format!("/api/v1/records/{}/history", wanted.record);
            let got = session.get::<HistoryAnswer>(&path).await;
            if asked.try_with_untracked(|asked| asked.as_ref() == Some(&wanted)) != Some(true) {
                return;
            }
            match got {
                Ok(mut history) => {
                    history.entries.retain(|entry| {
                        let field = entry.change.field.as_str();
                        wanted
                            .item
                            .is_none_or(|item| field == item || field.starts_with(&format!("{item}/")))
                    });
                    history.entries.retain(|entry| entry.change.field.as_str() != "@kind");
                    answer.set(Some(history));
                }
                Err(refused) => error.set(Some(error_words(&refused))),
            }
        });
    });
    let title = Signal::derive(move || asked.get().map(|asked| asked.title).unwrap_or_default());
    view! {
        <SidePanel title on_close=move |()| asked.set(None)>
            {move || {
                let item = asked.get()?.item?;
                page.with_value(|page| page.sheets.iter().find_map(|sheet| sheet.checklist.item(item)).map(|item| view! { <p class="b">{say(&item.title)}</p> }))
            }}
            <ErrorNote error />
            {move || match shown_history(answer) {
                None => view! { <p class="q sm">{error.with(Option::is_none).then(|| t("record.history_loading"))}</p> }.into_any(),
                Some(history) if history.entries.is_empty() => view! { <p class="q sm">{t("record.history_none")}</p> }.into_any(),
                Some(history) => {
                    let item = asked.get_untracked().and_then(|asked| asked.item);
                    let rows = history.entries.iter().map(|entry| entry_row(page, item, &history, entry)).collect_view();
                    view! { <ol class="hist">{rows}</ol> }.into_any()
                }
            }}
        </SidePanel>
    }
}

fn shown_history(answer: RwSignal<Option<HistoryAnswer>>) -> Option<HistoryAnswer> {
    locale();
    answer.get()
}

fn entry_row(
    page: StoredValue<Shown>,
    item: Option<&str>,
    history: &HistoryAnswer,
    entry: &Entry,
) -> impl IntoView + use<> {
    let change = &entry.change;
    let names = page.with_value(|page| history.names(&page.names));
    let (who, device) = (
        names.person(change.author.as_str()),
        names.device(change.device.as_str()),
    );
    let field = change.field.as_str();
    let definition =
        item.and_then(|code| page.with_value(|page| page.sheets.iter().find_map(|sheet| sheet.checklist.item(code))));
    let part = field.split_once('/').map(|(_, part)| part);
    let words = match (definition, part) {
        (Some(item), _) => value_words(item, &change.value),
        (None, _) if field == "state" => change
            .value
            .text()
            .map(|state| state_word("finding", state))
            .unwrap_or_default(),
        _ => crate::form::plain_words(&change.value),
    };
    let (class, mark) = match change.value.text() {
        Some("yes") if part.is_none() => ("act", Icon::Yes),
        Some("no") if part.is_none() => ("bad", Icon::No),
        _ => ("", Icon::Note),
    };
    let what = match part {
        Some("note") => t_args("op.note", &[("text", &words)]),
        Some("na") => t_args("op.na", &[("text", &words)]),
        Some("place") => t_args("op.place", &[("text", &words)]),
        Some("told") => t_args("op.told", &[("text", &words)]),
        None if definition.is_some() => t_args("record.said", &[("value", &words)]),
        _ => t_args("op.other", &[("path", &field), ("value", &words)]),
    };
    view! {
        <li class=class>
            <span class="pt" aria-hidden="true">{icon(mark)}</span>
            <div>
                <p><b>{who}</b> " " <time class="q">{i18n::moment(change.at as f64)}</time></p>
                <p>{what}</p>
                <p class="q xs">{join_dots([device, t_args("record.arrived", &[("time", &i18n::moment(i18n::ms_of(&entry.received_at)))])])}</p>
            </div>
        </li>
    }
}
