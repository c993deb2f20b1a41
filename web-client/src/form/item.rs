//! One item of a checklist: its words, the three answers in fixed places, and what hangs under them.

use catalog::{Choice, Item, ItemKind, ItemState, Limit, Missing, Verdict};
use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use sync_protocol::Value;
use web_sys::wasm_bindgen::JsCast;

use super::amend::Amend;
use super::finding::FindingCard;
use super::inputs::{ItemInput, SheetText, TickBox, should_be};
use super::lesson::{NotesAnswer, SnapAnswer};
use super::said::value_words;
use super::samples::{SamplesAnswer, bands_of};
use super::scale::{NotApplicable, ScaleAnswer};
use super::sheet::Sheet;
use super::whole::Previous;
use crate::components::{option_word, severity_word};
use crate::difference::{self, Records};
use crate::i18n::{self, join_clauses, join_dots, lang, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::Arrival;

/// Draws itself only while skip logic shows it. `index` is its place in the whole checklist.
#[component]
pub fn ItemCard(sheet: Sheet, item: &'static Item, index: usize) -> impl IntoView {
    // Pictures and signatures have no capture yet: an item that cannot be answered is not shown.
    if matches!(item.kind, ItemKind::Photo | ItemKind::Sign) {
        return ().into_any();
    }
    let visible = Memo::new(move |_| sheet.is_visible(index));
    view! {
        <Show when=move || visible.get()>
            <ShownItem sheet item index />
        </Show>
    }
    .into_any()
}

#[component]
fn ShownItem(sheet: Sheet, item: &'static Item, index: usize) -> impl IntoView {
    let state = Memo::new(move |_| sheet.item_state(index));
    let verdict =
        Memo::new(move |_| state.with(|state| state.as_ref().map_or(Verdict::Unanswered, |state| state.verdict)));
    let failed = Memo::new(move |_| verdict.get() == Verdict::Fail);
    let said_na = Memo::new(move |_| sheet.text(&item.code) == "na");
    let here = Memo::new(move |_| sheet.is_here(index));
    let has_note = Memo::new(move |_| !sheet.text(&format!("{}/note", item.code)).is_empty());
    let note_open = RwSignal::new(false);
    let fresh = Memo::new(move |_| arrival_of(sheet, item).is_some());
    let title_id = format!("{}-title", item.code);
    let labelled_by = title_id.clone();
    let takes_note = !matches!(item.kind, ItemKind::Info | ItemKind::Text | ItemKind::Notes);
    // Without a fail a note can still be wanted: for the best and the worst level, or by the item's own condition.
    let note_wanted = Memo::new(move |_| {
        let wants = |state: &ItemState| state.verdict != Verdict::Fail && state.missing.contains(&Missing::Note);
        state.with(|state| state.as_ref().is_some_and(wants))
    });
    let shows_note = move || !failed.get() && takes_note && (note_open.get() || has_note.get() || note_wanted.get());
    view! {
        <article class="item" class:here=move || here.get() class:fresh=move || fresh.get() id=item.code.clone() data-verdict=move || verdict_code(verdict.get())>
            <header class="item-head">
                <h3 id=title_id>
                    <span class="code">{move || code_line(item)}</span>
                    {move || say(&item.title)}
                </h3>
                <Show when=move || takes_note && !sheet.read_only.get() && !failed.get() && !shows_note()>
                    <button
                        class="notebtn"
                        type="button"
                        aria-label=move || t_args("item.add_note_to", &[("item", &item.code)])
                        on:click=move |_| {
                            note_open.set(true);
                            sheet.stand_at(&item.code);
                        }
                    >
                        {small(Icon::Note)}
                        <span>{move || t("item.note")}</span>
                    </button>
                </Show>
            </header>
            <Help item here />
            <Show when=move || here.get()>
                <Previous sheet item />
            </Show>
            {answer_part(sheet, item, state, labelled_by)}
            <Hands sheet item />
            <Conflict sheet item />
            <Numbers sheet item state />
            <Show when=move || said_na.get()>
                <NaReason sheet item state />
            </Show>
            <Show when=move || failed.get()>
                <Evidence sheet item state />
            </Show>
            <Show when=shows_note>
                <SheetText sheet item part="note" label=Signal::derive(move || note_label(item)) wanted=note_wanted start_here=note_open.get_untracked() />
            </Show>
            <Amend sheet item />
        </article>
    }
}

fn note_label(item: &Item) -> String {
    if matches!(item.kind, ItemKind::Scale { .. }) {
        t("scale.evidence")
    } else {
        t("item.note")
    }
}

fn verdict_code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unanswered => "unanswered",
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Na => "na",
        Verdict::Unscored => "unscored",
    }
}

fn code_line(item: &Item) -> String {
    let points = if item.weight > 0 {
        t_args("item.points", &[("n", &item.weight)])
    } else {
        String::new()
    };
    let why = item.why_shown.as_ref().map(say).unwrap_or_default();
    join_dots([item.code.clone(), points, why])
}

// The hint is one more thing to read, so it shows only where the person is; the card behind it is one tap more.
#[component]
fn Help(item: &'static Item, here: Memo<bool>) -> impl IntoView {
    let open = RwSignal::new(false);
    view! {
        <Show when=move || here.get()>
            <p class="q sm help">
                {move || say(&item.help)} " "
                <button
                    class="linkbtn sm"
                    type="button"
                    data-testid="handbook"
                    aria-expanded=move || if open.get() { "true" } else { "false" }
                    on:click=move |_| open.update(|open| *open = !*open)
                >
                    {move || t("handbook.open")}
                </button>
            </p>
            <Show when=move || open.get()>
                <HandbookCard item />
            </Show>
        </Show>
    }
}

/// What the item rests on, what a fail means and asks of the school.
#[component]
fn HandbookCard(item: &'static Item) -> impl IntoView {
    let line = |label: String, words: String| {
        (!words.is_empty()).then(|| view! { <div><dt>{label}</dt><dd>{words}</dd></div> })
    };
    let matter = move || {
        if item.matter.is_empty() {
            String::new()
        } else {
            option_word("finding", "matter", &item.matter)
        }
    };
    let fail = move || {
        let grade = |severity: catalog::Severity| {
            join_clauses([severity_word(severity), severity.requirement(lang()).to_owned()])
        };
        item.severity.map(grade).unwrap_or_default()
    };
    let levels = move || match &item.kind {
        ItemKind::Scale { levels } => levels
            .iter()
            .map(|level| view! { <div><dt>{level.code.clone()}</dt><dd>{say(&level.label)}</dd></div> })
            .collect_view()
            .into_any(),
        _ => ().into_any(),
    };
    view! {
        <dl class="facts handbook">
            {move || line(t("handbook.basis"), say(&item.basis))}
            {move || line(t("handbook.matter"), matter())}
            {move || line(t("handbook.fail"), fail())}
            {levels}
        </dl>
    }
}

fn answer_part(sheet: Sheet, item: &'static Item, state: Memo<Option<ItemState>>, labelled_by: String) -> AnyView {
    match &item.kind {
        ItemKind::YesNo => view! { <YesNo sheet item state labelled_by /> }.into_any(),
        ItemKind::Scale { levels } => view! { <ScaleAnswer sheet item levels labelled_by /> }.into_any(),
        ItemKind::Samples(sampling) => view! { <SamplesAnswer sheet item sampling state /> }.into_any(),
        ItemKind::Snap(snapping) => view! { <SnapAnswer sheet item snapping state /> }.into_any(),
        ItemKind::Notes => view! { <NotesAnswer sheet item /> }.into_any(),
        ItemKind::One { options } => view! { <OneOf sheet item options labelled_by /> }.into_any(),
        ItemKind::Many { options, from_failed } => {
            view! { <ManyOf sheet item options from_failed=*from_failed labelled_by /> }.into_any()
        }
        ItemKind::Text => {
            let value = Memo::new(move |_| sheet.text(&item.code));
            view! {
                <super::TextBox
                    label=Signal::derive(|| t("item.text"))
                    field=item.code.clone()
                    value
                    on_type=move |text: String| sheet.type_text(&item.code, text.into())
                    on_leave=move |()| sheet.settle(item)
                    read_only=sheet.read_only
                />
            }
            .into_any()
        }
        _ => ().into_any(),
    }
}

/// Yes left, no in the middle, not applicable right: in every item, so that the thumb need not look.
#[component]
fn YesNo(sheet: Sheet, item: &'static Item, state: Memo<Option<ItemState>>, labelled_by: String) -> impl IntoView {
    let chosen = Memo::new(move |_| {
        let by_number = state.with(|state| state.as_ref().filter(|state| state.auto).map(|state| state.verdict));
        match by_number {
            Some(Verdict::Pass) => "yes".to_owned(),
            Some(Verdict::Fail) => "no".to_owned(),
            _ => sheet.text(&item.code),
        }
    });
    // The places stay; the colours say which answer is the good one.
    let colour = move |code: &'static str| match (code, item.inverse) {
        ("yes", true) => "no",
        ("no", true) => "yes",
        (code, _) => code,
    };
    let group = NodeRef::<html::Div>::new();
    let radio = move |code: &'static str, mark: Icon, word: fn() -> String| {
        let is_chosen = Memo::new(move |_| chosen.with(|chosen| chosen == code));
        let in_reach = move || {
            is_chosen.get() || (code == "yes" && chosen.with(|chosen| !matches!(chosen.as_str(), "yes" | "no" | "na")))
        };
        view! {
            <button
                type="button"
                class=format!("ans {}", colour(code))
                role="radio"
                data-answer=code
                aria-checked=move || if is_chosen.get() { "true" } else { "false" }
                aria-disabled=move || sheet.read_only.get().then_some("true")
                tabindex=move || if in_reach() { "0" } else { "-1" }
                on:click=move |_| sheet.answer(item, code.into())
            >
                {icon(mark)}
                <span>{word}</span>
            </button>
        }
    };
    view! {
        <div
            node_ref=group
            class="answers"
            class:set=move || matches!(chosen.get().as_str(), "yes" | "no" | "na")
            role="radiogroup"
            aria-labelledby=labelled_by
            on:keydown=move |event| {
                if let Some(code) = arrow_to(&event, &chosen.get_untracked()) {
                    event.prevent_default();
                    sheet.answer(item, code.into());
                    focus_answer(group, code);
                }
            }
        >
            {radio("yes", Icon::Yes, || t("answer.yes"))}
            {radio("no", Icon::No, || t("answer.no"))}
            {radio("na", Icon::NotApplicable, || t("answer.na"))}
        </div>
    }
}

// Arrows move through the answers and choose, as radio buttons do everywhere.
fn arrow_to(event: &KeyboardEvent, chosen: &str) -> Option<&'static str> {
    const ORDER: [&str; 3] = ["yes", "no", "na"];
    let at = ORDER.iter().position(|code| *code == chosen);
    let step = match event.key().as_str() {
        "ArrowRight" | "ArrowDown" => 1,
        "ArrowLeft" | "ArrowUp" => 2,
        _ => return None,
    };
    Some(ORDER[at.map_or(step % 2, |at| (at + step) % 3)])
}

fn focus_answer(group: NodeRef<html::Div>, code: &str) {
    let found = group
        .get_untracked()
        .and_then(|group| group.query_selector(&format!("[data-answer={code}]")).ok().flatten());
    if let Some(button) = found.and_then(|button| button.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = button.focus();
    }
}

#[component]
fn OneOf(sheet: Sheet, item: &'static Item, options: &'static [Choice], labelled_by: String) -> impl IntoView {
    let chosen = Memo::new(move |_| match (sheet.text(&item.code), &item.default_fact) {
        (said, Some(fact)) if said.is_empty() => sheet.text(&format!("fact/{fact}")),
        (said, _) => said,
    });
    view! {
        <div class="levels" class:many={options.len() > 6} role="radiogroup" aria-labelledby=labelled_by>
            {options
                .iter()
                .map(|option| {
                    view! {
                        <label class="level">
                            <input
                                type="radio"
                                name=item.code.clone()
                                data-answer=option.code.clone()
                                prop:checked=move || chosen.get() == option.code
                                disabled=move || sheet.read_only.get()
                                on:change=move |_| sheet.answer(item, option.code.as_str().into())
                            />
                            <span>{move || say(&option.label)}</span>
                        </label>
                    }
                })
                .collect_view()}
        </div>
    }
}

#[component]
fn ManyOf(
    sheet: Sheet,
    item: &'static Item,
    options: &'static [Choice],
    from_failed: bool,
    labelled_by: String,
) -> impl IntoView {
    let chosen = Memo::new(move |_| match sheet.provisional(&item.code) {
        Some(catalog::Value::List(codes)) => codes
            .iter()
            .filter_map(|code| code.as_text().map(str::to_owned))
            .collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let choices = Memo::new(move |_| {
        if from_failed {
            sheet.judged(|assessment| assessment.failed.clone())
        } else {
            options.iter().map(|option| option.code.clone()).collect()
        }
    });
    let word = move |code: &str| match options.iter().find(|option| option.code == code) {
        Some(option) => say(&option.label),
        None => sheet
            .checklist()
            .item(code)
            .map_or_else(|| code.to_owned(), |item| format!("{code} {}", say(&item.title))),
    };
    let set = move |code: &str, on: bool| {
        let mut codes = chosen.get_untracked();
        codes.retain(|known| known != code);
        if on {
            codes.push(code.to_owned());
        }
        sheet.answer(item, Value::List(codes.into_iter().map(Value::Text).collect()));
    };
    let tick = move |code: String| {
        let (named, asked) = (code.clone(), code.clone());
        view! {
            <TickBox
                label=Signal::derive(move || word(&named))
                on=Signal::derive(move || chosen.with(|chosen| chosen.contains(&asked)))
                on_set=move |on: bool| set(&code, on)
                read_only=sheet.read_only
            />
        }
    };
    view! {
        <div class="levels" role="group" aria-labelledby=labelled_by>
            <For each=move || choices.get() key=|code| code.clone() children=tick />
            <Show when=move || choices.with(Vec::is_empty)>
                <p class="q sm pad">{move || t("item.nothing_failed")}</p>
            </Show>
        </div>
    }
}

/// The item's numbers, each with its limits and whether they are kept, at once.
#[component]
fn Numbers(sheet: Sheet, item: &'static Item, state: Memo<Option<ItemState>>) -> impl IntoView {
    if item.inputs.is_empty() {
        return ().into_any();
    }
    let wanted = Memo::new(move |_| {
        state.with(|state| {
            state
                .as_ref()
                .is_some_and(|state| state.missing.contains(&Missing::Number))
        })
    });
    let limits = move |suffix: &'static str| {
        state.with(|state| {
            let limits = state.as_ref().map(|state| {
                state
                    .limits
                    .iter()
                    .filter(|limit| limit.input == suffix)
                    .map(limit_line)
                    .collect_view()
            });
            limits.unwrap_or_default()
        })
    };
    let bands = Memo::new(move |_| bands_of(sheet));
    let rows = item.inputs.iter().map(|input| {
        let asked = move || {
            input
                .band
                .is_none_or(|band| bands.with(|bands| bands.iter().any(|known| known == band)))
        };
        view! {
            <Show when=asked>
                <div class="num">
                    <ItemInput sheet item input />
                    <div class="verdict">
                        <p class="q">{move || super::inputs::input_label(input)}</p>
                        {move || limits(&input.suffix)}
                    </div>
                </div>
            </Show>
        }
    });
    let by_band_only = item.inputs.iter().all(|input| input.band.is_some());
    let measured = matches!(item.kind, ItemKind::Measured);
    view! {
        <div class="nums">
            {rows.collect_view()}
            <Show when=move || by_band_only && bands.with(Vec::is_empty)>
                <p class="warn sm">{move || t("form.bands_wanted")}</p>
            </Show>
            {(measured && item.is_judged()).then(|| view! { <NotApplicable sheet item /> })}
            <p class="verdict" aria-live="polite">
                {move || state.with(|state| state.as_ref().map(|state| chosen_by_number(item, state)))}
                {move || wanted.get().then(|| view! { <span class="warn">{t("form.number_wanted")}</span> })}
            </p>
        </div>
    }
    .into_any()
}

fn limit_line(limit: &Limit) -> impl IntoView + use<> {
    let should = should_be(&limit.limit, limit.op, &say(&limit.unit));
    let verdict = limit.ok.map(|ok| {
        let (class, mark, word) = match (ok, limit.advice) {
            (true, _) => ("ok m", Icon::Yes, t("threshold.met")),
            (false, true) => ("warn m", Icon::Warning, t("threshold.advice")),
            (false, false) => ("bad m", Icon::No, t("threshold.missed")),
        };
        view! { <span class=class>{small(mark)} " " {word}</span> }
    });
    view! { <p class="limit"><span class="q">{should}</span> " " {verdict}</p> }
}

// A number that decides the answer says so.
fn chosen_by_number(item: &Item, state: &ItemState) -> String {
    let yes_no = matches!(item.kind, ItemKind::YesNo);
    match (state.auto && yes_no, state.verdict) {
        (true, Verdict::Pass) => t("threshold.chose_yes"),
        (true, Verdict::Fail) => t("threshold.chose_no"),
        _ => String::new(),
    }
}

/// Why an item does not apply: a tap for the usual reasons, words for the rest.
#[component]
fn NaReason(sheet: Sheet, item: &'static Item, state: Memo<Option<ItemState>>) -> impl IntoView {
    let path = StoredValue::new(format!("{}/na", item.code));
    let value = Memo::new(move |_| path.with_value(|path| sheet.text(path)));
    let wanted = Memo::new(move |_| {
        state.with(|state| {
            state
                .as_ref()
                .is_some_and(|state| state.missing.contains(&Missing::NaReason))
        })
    });
    let quick = move |word: fn() -> String| {
        view! {
            <button
                type="button"
                aria-pressed=move || if value.get() == word() { "true" } else { "false" }
                on:click=move |_| path.with_value(|path| sheet.write(item, path, word().into()))
            >
                {word}
            </button>
        }
    };
    view! {
        <div class="evidence calm">
            <Show when=move || !sheet.read_only.get()>
                <div class="quick" role="group" aria-label=move || t("na.quick")>
                    {quick(|| t("na.none_here"))}
                    {quick(|| t("na.not_today"))}
                    {quick(|| t("na.not_seen"))}
                </div>
            </Show>
            <SheetText sheet item part="na" rows=1 label=Signal::derive(|| t("na.reason")) wanted />
        </div>
    }
}

/// What belongs to a "no": what was seen, where, who was told; and the finding it makes.
#[component]
fn Evidence(sheet: Sheet, item: &'static Item, state: Memo<Option<ItemState>>) -> impl IntoView {
    let misses = move |what: Missing| {
        Memo::new(move |_| state.with(|state| state.as_ref().is_some_and(|state| state.missing.contains(&what))))
    };
    let place_value = Memo::new(move |_| !sheet.text(&format!("{}/place", item.code)).is_empty());
    let told_value = Memo::new(move |_| !sheet.text(&format!("{}/told", item.code)).is_empty());
    let grave = item.evidence == catalog::Evidence::Proof;
    view! {
        <div class="evidence">
            <SheetText sheet item part="note" label=Signal::derive(|| t("evidence.note")) wanted=misses(Missing::Note) />
            <Show when=move || grave || place_value.get()>
                <SheetText sheet item part="place" rows=1 label=Signal::derive(|| t("evidence.place")) wanted=misses(Missing::Place) />
            </Show>
            <Show when=move || grave || told_value.get()>
                <SheetText sheet item part="told" rows=1 label=Signal::derive(|| t("evidence.told")) wanted=misses(Missing::Told) />
            </Show>
            <FindingCard sheet code=&item.code graded=item.severity basis=&item.basis />
        </div>
    }
}

/// What somebody else wrote here while this sheet was open, newest first seen, until the item is touched.
fn arrival_of(sheet: Sheet, item: &Item) -> Option<Arrival> {
    let response = sheet.response();
    let note = format!("{}/note", item.code);
    sheet
        .session
        .arrival(&response, &item.code)
        .or_else(|| sheet.session.arrival(&response, &note))
}

/// Whose answer it is, where it is not only mine; and what has just come from a colleague.
#[component]
fn Hands(sheet: Sheet, item: &'static Item) -> impl IntoView {
    let session = sheet.session;
    let hands = Memo::new(move |_| {
        let me = crate::pages::duty::my_id(session);
        let field = sheet.field(&item.code);
        if field.conflict() || field.siblings.iter().all(|sibling| sibling.author.as_str() == me) {
            return None;
        }
        let mut said: Vec<(i64, String)> = field
            .siblings
            .iter()
            .map(|sibling| (sibling.at, sibling.author.to_string()))
            .collect();
        said.sort();
        Some((
            said.last().map_or(0, |(at, _)| *at),
            said.into_iter().map(|(_, author)| author).collect::<Vec<_>>(),
        ))
    });
    let arrived = Memo::new(move |_| arrival_of(sheet, item));
    view! {
        {move || arrived.get().map(|arrival| view! {
            <p class="arrived sm row" role="status" data-testid="arrived">
                {small(Icon::Sync)}
                <span>{t_args("item.arrived", &[("who", &session.name_of(&arrival.author)), ("when", &i18n::moment(arrival.at as f64))])}</span>
            </p>
        })}
        {move || hands.get().filter(|_| arrived.with(Option::is_none)).map(|(at, authors)| {
            let me = crate::pages::duty::my_id(session);
            let names = authors.iter().map(|author| if *author == me { t("difference.you") } else { session.name_of(author) });
            view! { <p class="by q xs" data-testid="by">{join_dots([i18n::join_list(names), i18n::moment(at as f64)])}</p> }
        })}
    }
}

/// Two people, two answers: who, when, what, which one counts until it is settled, and the way there.
#[component]
fn Conflict(sheet: Sheet, item: &'static Item) -> impl IntoView {
    let parts: Vec<String> = ["", "/note", "/place", "/told"]
        .into_iter()
        .map(|part| format!("{}{part}", item.code))
        .chain(
            item.inputs
                .iter()
                .map(|input| format!("{}/{}", item.code, input.suffix)),
        )
        .collect();
    // A field at a time: on a large form nothing else of the sheet may redraw this.
    let open = Memo::new(move |_| {
        let differs = |path: &&String| {
            let field = sheet.field(path);
            let doubtful = field.conflict() || !field.late.is_empty();
            doubtful
                && untrack(|| sheet.session.record(&sheet.response()))
                    .is_some_and(|record| difference::of(&record, path).is_some_and(|found| found.open))
        };
        parts.iter().filter(differs).cloned().collect::<Vec<_>>()
    });
    let block = move |path: String| {
        let is_answer = path == item.code;
        let record = untrack(|| sheet.session.record(&sheet.response()));
        let Some(found) = record.as_ref().and_then(|record| difference::of(record, &path)) else {
            return ().into_any();
        };
        let decides = untrack(|| difference::may_settle(sheet.session, &Records::Here(sheet.session), &found));
        let href = crate::pages::difference::place_of(&found);
        let (voices, counts) = (
            StoredValue::new(found.voices.clone()),
            StoredValue::new(found.counts.clone()),
        );
        let lines = move || {
            voices.with_value(|voices| voices.iter().map(|voice| {
            let who = if voice.author == crate::pages::duty::my_id(sheet.session) { t("difference.you") } else { sheet.session.name_of(&voice.author) };
            let said = value_words(item, &voice.value);
            view! { <li><b>{who}</b> " " <span class="q">{i18n::moment(voice.at)}</span> " " <b>{said}</b></li> }
        }).collect_view())
        };
        let late = found.voices.iter().any(|voice| voice.late);
        view! {
            <div class="conflict" role="note" data-path=path>
                <p class="row m">{small(Icon::Conflict)} <span>{move || if late { t("difference.late_title") } else { t("conflict.title") }}</span></p>
                <ul>{lines}</ul>
                {(is_answer && !late).then(|| view! { <p class="q sm">{move || t_args("conflict.counts", &[("value", &counts.with_value(|counts| value_words(item, counts)))])}</p> })}
                <a class="btn" href=href data-testid="to-difference">{move || if decides { t("conflict.decide") } else { t("conflict.open") }}</a>
            </div>
        }.into_any()
    };
    view! { {move || open.get().into_iter().map(block).collect_view()} }
}
