//! The heart: one scrolling list of a checklist's items, with sections as chips, the score quiet, and the next thing to do.

use catalog::{Checklist, ItemKind};
use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use web_sys::wasm_bindgen::JsCast;

use super::duty;
use super::school::UnknownRecord;
use super::visit::Presence;
use crate::components::{Meter, Screen};
use crate::form::{
    DrawBlock, FactsBlock, FlagsBlock, LessonBar, Orphans, QuickNotes, ScopeBlock, SectionBlock, Sheet, SheetPlace,
    UpgradeBlock,
};
use crate::i18n::{join_dots, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::{Session, use_session};

#[component]
pub fn ChecklistPage() -> impl IntoView {
    let session = use_session();
    let place = Memo::new(move |_| {
        let (visit, response) = (duty::record_in_route("id")?, duty::record_in_route("response")?);
        // The bucket never changes: asking for it must not redraw the sheet on every answer.
        let checklist = duty::checklist_of(session, &response)?;
        let bucket = untrack(|| session.record(&response))?.bucket().clone();
        Some(SheetPlace {
            response,
            visit,
            bucket,
            checklist,
        })
    });
    move || match place.get() {
        Some(place) => view! { <KnownChecklist place /> }.into_any(),
        None => view! { <UnknownRecord /> }.into_any(),
    }
}

#[component]
fn KnownChecklist(place: SheetPlace) -> impl IntoView {
    let session = use_session();
    let visit = StoredValue::new(place.visit.clone());
    let checklist = place.checklist;
    let read_only = Memo::new(move |_| {
        visit.with_value(|visit| !duty::is_open(session.field(visit, "state").text())) || !duty::inspects(session)
    });
    let school = Memo::new(move |_| visit.with_value(|visit| duty::school_of(session, visit)));
    let sub = Signal::derive(move || {
        let name = school
            .get()
            .map(|school| duty::school_name(session, &school))
            .unwrap_or_default();
        join_dots([name, t_args("checklist.version", &[("n", &checklist.version)])])
    });
    let back = format!("/visit/{}", place.visit);
    let print = format!("/visit/{}/print/{}", place.visit, place.response);
    let start_at = start_item(session, &place);
    let sheet = Sheet::new(session, place, read_only);
    let current = RwSignal::new(0_usize);
    let searching = RwSignal::new(false);
    on_cleanup(move || session.settle());
    let look = watch_scroll(sheet, current);
    if let Some(code) = start_at {
        sheet.be_at(&code);
        request_animation_frame(move || scroll_to(&code));
    }
    let mut first = 0;
    let sections = checklist
        .sections
        .iter()
        .enumerate()
        .map(|(section, definition)| {
            let at = first;
            first += definition.items.len();
            view! { <SectionBlock sheet section first=at /> }
        })
        .collect_view();
    view! {
        <Screen
            class="form"
            on_scroll=Callback::new(move |()| look())
            title=Signal::derive(move || say(&checklist.title))
            sub
            back=back.clone()
            nav=false
            tools=move || view! {
                <button
                    class="iconbtn"
                    type="button"
                    aria-label=move || t("checklist.search")
                    aria-expanded=move || if searching.get() { "true" } else { "false" }
                    on:click=move |_| searching.update(|open| *open = !*open)
                >
                    {icon(Icon::Search)}
                </button>
            }
            under=move || view! {
                <Show when=move || searching.get()>
                    <Search sheet searching />
                </Show>
                <LessonBar sheet />
                <Chips sheet current />
                <SeniorSection sheet current />
            }
            dock=move || view! { <Dock sheet back=back.clone() /> }
        >
            <UpgradeBlock sheet />
            <Presence
                visit=visit.get_value()
                place=Signal::derive(move || checklist.sections.get(current.get()).map(|section| section.code.clone()).unwrap_or_default())
            />
            <FactsBlock sheet />
            <DrawBlock sheet />
            <ScopeBlock sheet />
            {sections}
            <FlagsBlock sheet />
            <p><a class="btn" href=print data-testid="to-print">{small(Icon::Save)} <span>{move || t("print.open")}</span></a></p>
            <Orphans sheet />
        </Screen>
    }
}

// The item in the address, else the one remembered for this very sheet, else the one this person touched last.
fn start_item(session: Session, place: &SheetPlace) -> Option<String> {
    let from_address = use_location().hash.get_untracked().trim_start_matches('#').to_owned();
    let here = format!("/visit/{}/checklist/{}#", place.visit, place.response);
    let remembered = || {
        untrack(|| session.resume_place())?
            .strip_prefix(&here)
            .map(str::to_owned)
    };
    let touched = || untrack(|| duty::last_touched(session, &place.response));
    let code = if from_address.is_empty() {
        remembered().or_else(touched)?
    } else {
        from_address
    };
    place.checklist.item(&code).is_some().then_some(code)
}

/// Sections with their progress; a tap jumps.
#[component]
fn Chips(sheet: Sheet, current: RwSignal<usize>) -> impl IntoView {
    let row = NodeRef::<html::Nav>::new();
    // The chip of the section in sight stays in sight.
    Effect::new(move |_| {
        let at = current.get();
        let chip = row
            .get()
            .and_then(|row| row.query_selector(&format!("[data-section='{at}']")).ok().flatten());
        if let (Some(row), Some(chip)) = (
            row.get(),
            chip.and_then(|chip| chip.dyn_into::<web_sys::HtmlElement>().ok()),
        ) {
            row.set_scroll_left((chip.offset_left() - 48).max(0));
        }
    });
    view! {
        <nav class="chips" node_ref=row aria-label=move || t("checklist.sections")>
            {sheet
                .checklist()
                .sections
                .iter()
                .enumerate()
                .map(|(at, section)| {
                    let state = Memo::new(move |_| {
                        sheet.judged(|judged| judged.sections.get(at).map(|state| (state.visible, state.answered, state.applicable)))
                    });
                    let visible = move || state.get().is_some_and(|(visible, _, of)| visible && of > 0);
                    let share = Signal::derive(move || state.get().map_or(0.0, |(_, answered, of)| f64::from(answered) / f64::from(of.max(1))));
                    let done = move || state.get().is_some_and(|(_, answered, of)| answered >= of);
                    let short = move || format!("{} {}", at + 1, say(&section.short));
                    view! {
                        <Show when=visible>
                            <button
                                class="chip"
                                type="button"
                                data-section=at.to_string()
                                aria-current=move || (current.get() == at).then_some("true")
                                on:click=move |_| scroll_to(&format!("sec-{}", section.code))
                            >
                                <span class="row">
                                    <span>{short}</span>
                                    {move || if done() {
                                        view! { {small(Icon::Yes)} <span class="hidden">{t("checklist.section_done")}</span> }.into_any()
                                    } else {
                                        let (_, answered, of) = state.get().unwrap_or_default();
                                        view! { <span class="q">{format!("{answered}/{of}")}</span> }.into_any()
                                    }}
                                </span>
                                <Meter share />
                            </button>
                        </Show>
                    }
                })
                .collect_view()}
        </nav>
    }
}

/// Large print: one section's name, and the two beside it by arrows.
#[component]
fn SeniorSection(sheet: Sheet, current: RwSignal<usize>) -> impl IntoView {
    let state = Memo::new(move |_| {
        sheet.judged(|judged| {
            judged
                .sections
                .get(current.get())
                .map_or((0, 0), |state| (state.answered, state.applicable))
        })
    });
    let step = move |by: i64| {
        let next = sheet.judged(|judged| next_section(judged, current.get_untracked(), by));
        if let Some(next) = next {
            scroll_to(&format!("sec-{}", sheet.checklist().sections[next].code));
        }
    };
    view! {
        <nav class="senior-sec" aria-label=move || t("checklist.sections")>
            <button class="iconbtn" type="button" aria-label=move || t("checklist.previous") on:click=move |_| untrack(|| step(-1))>
                {icon(Icon::Back)}
            </button>
            <div class="grow">
                <b>{move || say(&sheet.checklist().sections[current.get()].title)}</b>
                <p class="q">
                    {move || {
                        let (answered, of) = state.get();
                        t_args("checklist.section_at", &[("n", &(current.get() + 1)), ("answered", &answered), ("of", &of)])
                    }}
                </p>
                <Meter share=Signal::derive(move || { let (answered, of) = state.get(); f64::from(answered) / f64::from(of.max(1)) }) />
            </div>
            <button class="iconbtn" type="button" aria-label=move || t("checklist.next") on:click=move |_| untrack(|| step(1))>
                {icon(Icon::Forward)}
            </button>
        </nav>
    }
}

fn next_section(judged: &catalog::Assessment, from: usize, by: i64) -> Option<usize> {
    let visible = |at: &usize| judged.sections.get(*at).is_some_and(|state| state.visible);
    if by > 0 {
        (from + 1..judged.sections.len()).find(visible)
    } else {
        (0..from).rev().find(visible)
    }
}

/// Finds an item by its code or its words.
#[component]
fn Search(sheet: Sheet, searching: RwSignal<bool>) -> impl IntoView {
    let wanted = RwSignal::new(String::new());
    let node = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(node) = node.get() {
            let _ = node.focus();
        }
    });
    let found = Memo::new(move |_| {
        let wanted = wanted.get().trim().to_lowercase();
        if wanted.is_empty() {
            return Vec::new();
        }
        let items = sheet.checklist().sections.iter().flat_map(|section| &section.items);
        let shown: Vec<&str> = items
            .filter(|item| !matches!(item.kind, ItemKind::Photo | ItemKind::Sign))
            .filter(|item| says(item, &wanted))
            .map(|item| item.code.as_str())
            .collect();
        sheet.judged(|judged| {
            shown
                .into_iter()
                .filter(|code| judged.item(code).is_some_and(|state| state.visible))
                .take(8)
                .map(str::to_owned)
                .collect()
        })
    });
    view! {
        <div class="search" role="search">
            <label class="hidden" for="find-item">{move || t("checklist.search")}</label>
            <input
                node_ref=node
                id="find-item"
                class="box"
                type="search"
                placeholder=move || t("checklist.search_hint")
                bind:value=wanted
                on:keydown=move |event| {
                    if event.key() == "Escape" {
                        searching.set(false);
                    }
                }
            />
            <ul class="found">
                <For
                    each=move || found.get()
                    key=|code| code.clone()
                    children=move |code| {
                        let title = sheet.checklist().item(&code).map(|item| &item.title);
                        let shown = code.clone();
                        view! {
                            <li>
                                <button
                                    class="li slim"
                                    type="button"
                                    on:click=move |_| {
                                        searching.set(false);
                                        sheet.stand_at(&code);
                                        scroll_to(&code);
                                    }
                                >
                                    <span class="q sm">{shown}</span>
                                    <span class="grow">{move || title.map(say)}</span>
                                </button>
                            </li>
                        }
                    }
                />
            </ul>
            <p class="q sm" role="status">
                {move || (!wanted.get().trim().is_empty() && found.with(Vec::is_empty)).then(|| t("checklist.not_found"))}
            </p>
        </div>
    }
}

fn says(item: &catalog::Item, wanted: &str) -> bool {
    let words = [&item.code, &item.title.zh, &item.title.en, &item.help.zh, &item.help.en];
    words.iter().any(|words| words.to_lowercase().contains(wanted))
}

/// The quiet score at the left, the one thing to do next at the right.
#[component]
fn Dock(sheet: Sheet, back: String) -> impl IntoView {
    let score = Memo::new(move |_| sheet.judged(|judged| judged.score.map(|score| score.to_string())));
    let cap = Memo::new(move |_| sheet.judged(|judged| duty::cap_words(sheet.checklist(), judged)));
    let next = Memo::new(move |_| sheet.next_unanswered());
    view! {
        <QuickNotes sheet />
        <div class="cta">
            <div class="grow score">
                <span class="q xs">{move || if sheet.read_only.get() { t("score.label") } else { t("score.provisional") }}</span>
                <p>
                    <b data-testid="score">{move || score.get().unwrap_or_else(|| "—".to_owned())}</b>
                    {move || cap.get().map(|cap| view! { <span class="cap bad">{small(Icon::Capped)} {cap}</span> })}
                </p>
            </div>
            {move || {
                let back = back.clone();
                match next.get().filter(|_| !sheet.read_only.get()) {
                    Some(code) => {
                        view! {
                            <button
                                class="btn main"
                                type="button"
                                data-testid="next-unanswered"
                                on:click=move |_| {
                                    sheet.stand_at(&code);
                                    scroll_to(&code);
                                }
                            >
                                {t("checklist.next_unanswered")}
                            </button>
                        }
                            .into_any()
                    }
                    None => view! { <a class="btn main" href=back data-testid="back-to-visit">{t("checklist.back_to_visit")}</a> }.into_any(),
                }
            }}
        </div>
    }
}

// Brings an element to the top of what can be seen.
fn scroll_to(id: &str) {
    if let Some(target) = document().get_element_by_id(id) {
        target.scroll_into_view();
    }
}

// Which section is in sight: the last one whose head has passed under the bar. Looked up once a frame at most.
fn watch_scroll(sheet: Sheet, current: RwSignal<usize>) -> impl Fn() + Send + Sync + 'static {
    let waiting = StoredValue::new(false);
    move || {
        if waiting.get_value() {
            return;
        }
        waiting.set_value(true);
        request_animation_frame(move || {
            // The page may be gone by the next frame.
            if waiting.try_update_value(|waiting| *waiting = false).is_some() {
                current.set(section_in_sight(sheet.checklist()));
            }
        });
    }
}

fn section_in_sight(checklist: &Checklist) -> usize {
    let top = |id: &str| Some(document().get_element_by_id(id)?.get_bounding_client_rect().top());
    let bar = document()
        .query_selector(".top")
        .ok()
        .flatten()
        .map_or(0.0, |bar| bar.get_bounding_client_rect().bottom());
    let passed = |code: &str| top(&format!("sec-{code}")).is_some_and(|top| top <= bar + 80.0);
    checklist
        .sections
        .iter()
        .rposition(|section| passed(&section.code))
        .unwrap_or(0)
}
