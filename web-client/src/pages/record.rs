//! One visit as the office keeps it: score with its caps, every answer with who, when and on which device, and the history of each.

mod history;
mod moments;
pub mod standing;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{Assessment, Checklist, Item, ItemKind, Verdict, assess};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};
use serde::Deserialize;
use sync_protocol::{FieldView, RecordId, RecordState, RecordView, Sibling, Value};

use self::history::{History, HistoryTab, Past};
use self::standing::{Sealed, Validity, Verdict, Waiting};
use super::duty;
use super::results::Keys;
use crate::components::{
    Badge, BandBadge, EmptyState, ErrorNote, Screen, SeverityBadge, StateBadge, Tone, error_words, option_word,
    state_word,
};
use crate::difference::{self, Records};
use crate::form::{
    answers_of, classes_words, details, flag_words, orphans, points_words, proof_words, snap_words, to_catalog,
    value_words, whole_notes,
};
use crate::i18n::{self, join_dots, join_list, say, t, t_args};
use crate::icons::{Icon, small};
use crate::prefs::locale;
use crate::session::use_session;

#[derive(Clone, Debug, Deserialize)]
struct Page {
    as_of: String,
    records: Vec<RecordState>,
    people: BTreeMap<String, String>,
    devices: BTreeMap<String, String>,
}

/// What the page shows, read once from the server's answer.
#[derive(Clone)]
pub struct Shown {
    visit: RecordView,
    school: Option<RecordView>,
    sheets: Vec<FilledSheet>,
    findings: Vec<RecordView>,
    notes: Vec<RecordView>,
    names: Names,
    /// Everything of the page, for what asks by id.
    records: Records,
}

#[derive(Clone)]
struct FilledSheet {
    record: RecordView,
    checklist: &'static Checklist,
    judged: Arc<Assessment>,
}

#[derive(Clone)]
struct Names {
    /// When the server last said so; the page itself is only drawn anew when something changed.
    as_of: RwSignal<String>,
    people: BTreeMap<String, String>,
    devices: BTreeMap<String, String>,
}

impl Names {
    fn person(&self, id: &str) -> String {
        self.people
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.chars().take(8).collect())
    }
    fn device(&self, id: &str) -> String {
        self.devices
            .get(id)
            .cloned()
            .unwrap_or_else(|| t("record.unknown_device"))
    }
}

impl Shown {
    fn of(visit_id: &str, page: Page, as_of: RwSignal<String>) -> Option<Self> {
        let school_id = page
            .records
            .iter()
            .find(|record| record.id.as_str() == visit_id)?
            .text("school")?
            .to_owned();
        let bucket = duty::school_bucket(&school_id.parse().ok()?)?;
        let views: Vec<RecordView> = page
            .records
            .iter()
            .map(|record| RecordView::of_state(bucket.clone(), record))
            .collect();
        let of_kind = |kind: &str| {
            views
                .iter()
                .filter(|view| view.kind() == kind)
                .cloned()
                .collect::<Vec<_>>()
        };
        let mut findings = of_kind("finding");
        findings.retain(|finding| !finding.field("withdrawn").bool());
        findings.sort_by(|a, b| {
            b.text("severity")
                .cmp(a.text("severity"))
                .then_with(|| a.text("item").cmp(b.text("item")))
        });
        Some(Self {
            visit: views.iter().find(|view| view.id().as_str() == visit_id)?.clone(),
            school: views.iter().find(|view| view.id().as_str() == school_id).cloned(),
            sheets: of_kind("response").into_iter().filter_map(FilledSheet::of).collect(),
            findings,
            notes: of_kind("feedback_note")
                .into_iter()
                .filter(|note| !note.text("text").trim().is_empty())
                .collect(),
            names: Names {
                as_of,
                people: page.people,
                devices: page.devices,
            },
            records: Records::Page(Arc::new(views)),
        })
    }

    fn school_name(&self) -> String {
        self.school
            .as_ref()
            .map(|school| school.text("name").to_owned())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| t("school.unnamed"))
    }
}

impl FilledSheet {
    fn of(record: RecordView) -> Option<Self> {
        let checklist = difference::checklist_of(&record)?;
        let judged = Arc::new(assess(checklist, &answers_of(checklist, &record)));
        Some(Self {
            record,
            checklist,
            judged,
        })
    }
}

/// Which field's history is open.
#[derive(Clone, PartialEq)]
struct Asked {
    record: RecordId,
    field: String,
    title: String,
    item: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Answers,
    Findings,
    Feedback,
    History,
}

impl Tab {
    fn of(code: Option<&str>) -> Self {
        let all = [Self::Findings, Self::Feedback, Self::History];
        all.into_iter()
            .find(|tab| Some(tab.code()) == code)
            .unwrap_or(Self::Answers)
    }

    fn code(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Findings => "findings",
            Self::Feedback => "feedback",
            Self::History => "history",
        }
    }
}

#[component]
pub fn RecordPage() -> impl IntoView {
    let session = use_session();
    let params = use_params_map();
    let visit = Memo::new(move |_| params.with(|params| params.get("visit")).unwrap_or_default());
    let shown = RwSignal::new(None::<Shown>);
    let error = RwSignal::new(None::<String>);
    let asked = RwSignal::new(None::<Asked>);
    let past = Past::new();
    let newest = StoredValue::new(0_u64);
    let as_of = RwSignal::new(String::new());
    let drawn = StoredValue::new((String::new(), Vec::<RecordState>::new()));
    Effect::new(move |_| {
        session.pokes();
        let visit = visit.get();
        let mine = newest.with_value(|newest| newest + 1);
        newest.set_value(mine);
        spawn_local(async move {
            let answer = session.get::<Page>(&format!("/api/v1/visits/{visit}")).await;
            if newest.try_get_value() != Some(mine) {
                return;
            }
            match answer {
                Ok(page) => {
                    error.set(None);
                    as_of.set(page.as_of.clone());
                    // Whoever reads or walks the page by keyboard keeps their place while nothing of it changes.
                    let known = (visit.clone(), page.records.clone());
                    if drawn.with_value(|drawn| *drawn != known) {
                        drawn.set_value(known);
                        shown.set(Shown::of(&visit, page, as_of));
                    }
                }
                Err(refused) => error.set(Some(error_words(&refused))),
            }
        });
    });
    let title = Signal::derive(move || {
        shown.with(|shown| shown.as_ref().map_or_else(|| t("record.title"), Shown::school_name))
    });
    let sub = Signal::derive(move || shown.with(|shown| shown.as_ref().map(head_line).unwrap_or_default()));
    view! {
        <Screen title tab=Signal::derive(|| t("record.title")) sub back="/visits" class="office record">
            <Keys />
            <ErrorNote error />
            {move || {
                shown
                    .get()
                    .map(|page| {
                        let page = StoredValue::new(page);
                        view! {
                            <Head page />
                            <div class="with-rows" class:open=move || asked.get().is_some()>
                                <Tabs page asked past />
                                <Show when=move || asked.get().is_some()>
                                    <History page asked />
                                </Show>
                            </div>
                        }
                    })
            }}
        </Screen>
    }
}

// "经常性督导·到校 07:52 离校 12:20·组长 张督学，同行 李督学"
fn head_line(page: &Shown) -> String {
    let visit = &page.visit;
    let lead = visit.text("lead").to_owned();
    let times = |prefix: &'static str| {
        visit
            .fields()
            .filter(move |(path, _)| path.starts_with(prefix))
            .map(|(_, field)| i18n::ms_of(field.text()))
            .filter(|ms| ms.is_finite())
    };
    let arrived = times("check_in/")
        .reduce(f64::min)
        .map(|ms| t_args("visit.arrived", &[("time", &i18n::time(ms))]));
    let left = times("check_out/")
        .reduce(f64::max)
        .map(|ms| t_args("visit.left", &[("time", &i18n::time(ms))]));
    let with: Vec<String> = visit
        .fields()
        .filter_map(|(path, _)| path.strip_prefix("members/"))
        .filter(|person| *person != lead)
        .map(|person| page.names.person(person))
        .collect();
    let with = if with.is_empty() {
        String::new()
    } else {
        t_args("visit.with", &[("names", &join_list(with))])
    };
    join_dots([
        i18n::day_and_year(i18n::ms_of(visit.text("visit_date"))),
        option_word("visit", "visit_kind", visit.text("visit_kind")),
        arrived.unwrap_or_default(),
        left.unwrap_or_default(),
        t_args("visit.led_by", &[("name", &page.names.person(&lead))]),
        with,
    ])
}

#[component]
fn Head(page: StoredValue<Shown>) -> impl IntoView {
    let state = move || page.with_value(|page| page.visit.text("state").to_owned());
    let submitted = move || page.with_value(|page| page.visit.text("submitted_at").to_owned());
    let as_of = move || page.with_value(|page| i18n::time_with_seconds(i18n::ms_of(&page.names.as_of.get())));
    let scores = page
        .with_value(|page| page.sheets.clone())
        .into_iter()
        .map(|sheet| view! { <ScoreBar sheet /> })
        .collect_view();
    view! {
        <div class="record-top">
            <section class="panel sealbar">
                <div class="grow">
                    <p class="row wrap">
                        {move || view! { <StateBadge state=state() /> }}
                        {move || (!submitted().is_empty()).then(|| view! { <b>{t_args("visit.submitted_at", &[("time", &i18n::moment(i18n::ms_of(&submitted())))])}</b> })}
                    </p>
                    <p class="q sm">{move || join_dots([
                        t_args("results.as_of_time", &[("time", &as_of())]),
                        page.with_value(|page| if page.visit.field("card_shown").bool() { t("visit.card_shown") } else { String::new() }),
                        page.with_value(|page| {
                            let informed = page.visit.text("informed").to_owned();
                            if informed.is_empty() { informed } else { t_args("record.informed", &[("who", &informed)]) }
                        }),
                    ])}</p>
                    <Sealed page />
                    <Validity records=page.with_value(|page| page.records.clone()) visit=page.with_value(|page| page.visit.clone()) />
                    <Verdict page />
                </div>
            </section>
            {scores}
        </div>
        <Waiting page />
    }
}

#[component]
fn ScoreBar(sheet: FilledSheet) -> impl IntoView {
    let FilledSheet { checklist, judged, .. } = sheet;
    let score = judged.score.map_or_else(|| "—".to_owned(), |score| score.to_string());
    move || {
        let judged = judged.clone();
        let caps = judged.caps.iter().map(|cap| {
            let grade = checklist
                .item(&cap.item)
                .and_then(|item| item.severity)
                .map(crate::components::severity_word)
                .unwrap_or_default();
            view! { <p class="q xs">{t_args("score.cap_why", &[("item", &cap.item), ("grade", &grade)])}</p> }
        });
        view! {
            <section class="panel scorebar">
                <div>
                    <span class="label">{say(&checklist.title)}</span>
                    <b class="score" data-testid="score">{score.clone()}</b>
                </div>
                <div class="capx">
                    {match duty::band_label(checklist, &judged) {
                        Some((band, label)) => view! { <BandBadge band text=label /> }.into_any(),
                        None => view! { <Badge tone=Tone::Idle mark=Icon::Info text=Signal::derive(|| t("score.not_rated")) /> }.into_any(),
                    }}
                    {caps.collect_view()}
                    <p class="q xs">{t_args("section.answered", &[("answered", &judged.answered), ("of", &judged.applicable)])}</p>
                    {whole_notes(checklist, &judged).into_iter().chain(flag_words(checklist, &judged)).map(|words| view! { <p class="q xs">{words}</p> }).collect_view()}
                </div>
            </section>
        }
    }
}

#[component]
fn Tabs(page: StoredValue<Shown>, asked: RwSignal<Option<Asked>>, past: Past) -> impl IntoView {
    let query = use_query_map();
    // The address keeps the tab: over a reload, and while the page is drawn anew.
    let tab = Memo::new(move |_| query.with(|query| Tab::of(query.get("tab").as_deref())));
    let visit = page.with_value(|page| page.visit.id().clone());
    let navigate = use_navigate();
    let go = Callback::new(move |to: Tab| {
        let options = NavigateOptions {
            replace: true,
            scroll: false,
            ..Default::default()
        };
        navigate(&format!("/record/{visit}?tab={}", to.code()), options);
    });
    let search = RwSignal::new(String::new());
    let answered: u32 = page.with_value(|page| page.sheets.iter().map(|sheet| sheet.judged.answered).sum());
    let findings = page.with_value(|page| page.findings.len());
    let notes = page.with_value(|page| page.notes.len());
    let button = move |which: Tab, word: fn() -> String, count: Option<usize>| {
        view! {
            <button
                type="button"
                role="tab"
                id=format!("tab-{}", which.code())
                aria-controls="tab-panel"
                aria-selected=move || if tab.get() == which { "true" } else { "false" }
                on:click=move |_| go.run(which)
            >
                {word} {count.map(|count| view! { " " <span class="q">{count}</span> })}
            </button>
        }
    };
    let labelled = move || format!("tab-{}", tab.get().code());
    view! {
        <section class="panel">
            <div class="tabs">
                <div role="tablist" class="row grow" aria-label=move || t("record.parts")>
                    {button(Tab::Answers, || t("record.answers"), Some(answered as usize))}
                    {button(Tab::Findings, || t("record.findings"), Some(findings))}
                    {button(Tab::Feedback, || t("record.feedback"), Some(notes))}
                    {button(Tab::History, || t("history.all"), None)}
                </div>
                <Show when=move || tab.get() == Tab::Answers>
                    <label class="find">
                        {small(Icon::Search)}
                        <span class="hidden">{move || t("checklist.search")}</span>
                        <input type="search" data-find="" placeholder=move || t("checklist.search") bind:value=search />
                        <kbd>{"/".to_owned()}</kbd>
                    </label>
                </Show>
            </div>
            <div id="tab-panel" role="tabpanel" tabindex="0" aria-labelledby=labelled class="scroll-x">
                {move || match shown_in(tab.get()) {
                    Tab::Answers => {
                        page.with_value(|page| page.sheets.clone())
                            .into_iter()
                            .map(|sheet| view! { <AnswersTable page sheet asked search /> })
                            .collect_view()
                            .into_any()
                    }
                    Tab::Findings => view! { <FindingsTab page asked /> }.into_any(),
                    Tab::Feedback => view! { <FeedbackTab page /> }.into_any(),
                    Tab::History => view! { <HistoryTab page past /> }.into_any(),
                }}
            </div>
        </section>
    }
}

// Rows are drawn with the words of the moment: a change of language draws them again.
fn shown_in(tab: Tab) -> Tab {
    locale();
    tab
}

#[component]
fn AnswersTable(
    page: StoredValue<Shown>,
    sheet: FilledSheet,
    asked: RwSignal<Option<Asked>>,
    search: RwSignal<String>,
) -> impl IntoView {
    let checklist = sheet.checklist;
    let sheet = StoredValue::new(sheet);
    let body = move || {
        let typed = search.get().trim().to_lowercase();
        checklist
            .sections
            .iter()
            .enumerate()
            .filter_map(|(at, section)| {
                let (visible, line) = sheet.with_value(|sheet| {
                    let state = sheet.judged.sections.get(at)?;
                    Some((state.visible, section_line(state)))
                })?;
                let rows: Vec<_> = section
                    .items
                    .iter()
                    .filter(|item| {
                        typed.is_empty()
                            || format!("{} {} {}", item.code, item.title.zh, item.title.en)
                                .to_lowercase()
                                .contains(&typed)
                    })
                    .filter_map(|item| answer_row(page, sheet, item, asked))
                    .collect();
                (visible && !rows.is_empty()).then(|| {
                    view! {
                        <tr class="secr">
                            <th colspan="4" scope="rowgroup">{format!("{} {}", at + 1, say(&section.title))}</th>
                            <td colspan="3" class="n">{line}</td>
                        </tr>
                        {rows}
                    }
                })
            })
            .collect_view()
    };
    // With several sheets on the page each says which it is.
    let caption = if page.with_value(|page| page.sheets.len()) > 1 {
        "sheet-name"
    } else {
        "hidden"
    };
    let proofs = sheet.with_value(|sheet| {
        let draws = sheet.record.fields().filter(|(path, _)| path.starts_with("draw/"));
        let words = draws.filter_map(|(_, field)| proof_words(field.value()?));
        words
            .map(|words| view! { <li class="q sm">{words}</li> })
            .collect_view()
    });
    let without_place = sheet.with_value(|sheet| {
        let lines = orphans(checklist, &sheet.record).into_iter();
        lines.map(|(path, words)| view! { <li class="q sm">{t_args("upgrade.orphan", &[("item", &path), ("words", &words)])}</li> }).collect_view()
    });
    view! {
        <table class="tbl rt">
            <caption class=caption>{move || say(&checklist.title)}</caption>
            <thead>
                <tr>
                    <th scope="col">{move || t("record.code")}</th>
                    <th scope="col">{move || t("record.item")}</th>
                    <th scope="col">{move || t("record.answer")}</th>
                    <th scope="col" class="n">{move || t("record.points")}</th>
                    <th scope="col">{move || t("record.author")}</th>
                    <th scope="col">{move || t("record.time")}</th>
                    <th scope="col">{move || t("record.device")}</th>
                </tr>
            </thead>
            <tbody>{body}</tbody>
        </table>
        <ul class="proofs">{proofs} {without_place}</ul>
    }
}

// "18 / 23 分·9 是 1 否"
fn section_line(state: &catalog::SectionState) -> String {
    let whole = |fraction: catalog::Fraction| {
        let (num, den) = fraction.parts();
        if den == 1 {
            num.to_string()
        } else {
            format!("{:.1}", num as f64 / den as f64)
        }
    };
    join_dots([
        t_args(
            "record.section_points",
            &[("earned", &whole(state.earned)), ("possible", &whole(state.possible))],
        ),
        t_args(
            "section.answered",
            &[("answered", &state.answered), ("of", &state.applicable)],
        ),
    ])
}

// A row for each sibling, so that two answers stand one under the other.
fn answer_row(
    page: StoredValue<Shown>,
    sheet: StoredValue<FilledSheet>,
    item: &'static Item,
    asked: RwSignal<Option<Asked>>,
) -> Option<AnyView> {
    if matches!(item.kind, ItemKind::Photo | ItemKind::Sign | ItemKind::Info) {
        return None;
    }
    let (verdict, auto, points, classes) = sheet.with_value(|sheet| {
        let state = sheet.judged.item(&item.code)?;
        state
            .visible
            .then(|| (state.verdict, state.auto, points_words(state), classes_words(state)))
    })?;
    let field = sheet.with_value(|sheet| sheet.record.field(&item.code));
    let detail = sheet.with_value(|sheet| details(&sheet.record, item));
    let record = sheet.with_value(|sheet| sheet.record.id().clone());
    let conflict = sheet.with_value(|sheet| difference::of(&sheet.record, &item.code).is_some_and(|found| found.open));
    let is_open = Memo::new(move |_| {
        asked.with(|asked| {
            asked
                .as_ref()
                .is_some_and(|asked| asked.item == Some(item.code.as_str()))
        })
    });
    let lines: Vec<Option<Sibling>> = if field.siblings.is_empty() {
        vec![by_number(sheet, item, auto).or_else(|| by_fact(sheet, item))]
    } else {
        field.siblings.iter().cloned().map(Some).collect()
    };
    let count = lines.len();
    let open = move || {
        asked.set(Some(Asked {
            record: record.clone(),
            field: item.code.clone(),
            title: t_args("record.history_of", &[("item", &item.code)]),
            item: Some(&item.code),
        }));
    };
    let rows = lines
        .into_iter()
        .enumerate()
        .map(|(at, line)| {
            let open = open.clone();
            let detail = detail.clone();
            let points = points.clone();
            let said = line.as_ref().map(|sibling| answer_of(item, sibling, auto, verdict, classes.clone()));
            view! {
                <tr class:sel=move || is_open.get() data-item=item.code.clone()>
                    {(at == 0)
                        .then(|| {
                            view! {
                                <td class="q" rowspan=count.to_string()>{item.code.clone()}</td>
                                <th scope="row" rowspan=count.to_string()>
                                    <button class="linkbtn rowlink-btn" type="button" aria-haspopup="true" on:click=move |_| open()>
                                        {say(&item.title)}
                                    </button>
                                    {(!detail.is_empty()).then(|| view! { <span class="q sm block">{detail.clone()}</span> })}
                                    {conflict.then(|| view! { <span class="warn sm block">{small(Icon::Conflict)} {t("conflict.title")}</span> })}
                                </th>
                            }
                        })}
                    <td class="nowrap">{said}</td>
                    {(at == 0).then(|| view! { <td class="n nowrap" rowspan=count.to_string()>{points.clone()}</td> })}
                    {match line {
                        Some(sibling) => {
                            let (who, device) = page.with_value(|page| (page.names.person(sibling.author.as_str()), page.names.device(sibling.device.as_str())));
                            view! {
                                <td class="nowrap">{who}</td>
                                <td class="nowrap">{moment_of(page, sibling.at as f64)}</td>
                                <td class="q">{device}</td>
                            }
                                .into_any()
                        }
                        None => view! { <td class="q" colspan="3">{t("answer.none")}</td> }.into_any(),
                    }}
                </tr>
            }
        })
        .collect_view();
    Some(rows.into_any())
}

// The hour alone on the day of the visit, the day too on any other.
fn moment_of(page: StoredValue<Shown>, ms: f64) -> String {
    let on_the_day = page.with_value(|page| page.visit.text("visit_date") == i18n::day_code(ms));
    if on_the_day { i18n::time(ms) } else { i18n::moment(ms) }
}

// An item nobody answered is answered by the school's fact when the checklist says so.
fn by_fact(sheet: StoredValue<FilledSheet>, item: &Item) -> Option<Sibling> {
    let fact = item.default_fact.as_ref()?;
    sheet.with_value(|sheet| sheet.record.field(&format!("fact/{fact}")).siblings.into_iter().next())
}

// An item that numbers, classes or moments answered has no answer of its own: the latest of them stands in.
fn by_number(sheet: StoredValue<FilledSheet>, item: &Item, auto: bool) -> Option<Sibling> {
    let prefix = match &item.kind {
        ItemKind::Samples(_) => format!("{}/sample/", item.code),
        ItemKind::Snap(_) => format!("{}/snap/", item.code),
        ItemKind::Measured => format!("{}/n", item.code),
        _ if auto => format!("{}/{}", item.code, item.inputs.first()?.suffix),
        _ => return None,
    };
    sheet.with_value(|sheet| {
        let written = sheet.record.fields().filter(|(path, _)| path.starts_with(&prefix));
        let latest = written
            .flat_map(|(_, field)| field.siblings.clone())
            .filter(|said| said.value != Value::Null);
        latest.max_by_key(|said| said.at)
    })
}

fn answer_of(item: &Item, sibling: &Sibling, auto: bool, verdict: Verdict, classes: String) -> impl IntoView + use<> {
    let by_limits = auto && matches!(item.kind, ItemKind::YesNo);
    let code = match (by_limits, verdict) {
        (true, Verdict::Pass) => "yes".to_owned(),
        (true, Verdict::Fail) => "no".to_owned(),
        _ => sibling.value.text().unwrap_or("").to_owned(),
    };
    let words = match (&item.kind, &sibling.value) {
        (ItemKind::Samples(_), Value::List(_)) => classes,
        (ItemKind::Snap(_), value @ Value::List(_)) => match to_catalog(value) {
            catalog::Value::List(seen) => snap_words(&seen),
            _ => String::new(),
        },
        _ if by_limits => value_words(item, &Value::Text(code.clone())),
        _ => value_words(item, &sibling.value),
    };
    // Where "yes" is the bad answer, its colour says so.
    let good = if item.inverse { "no" } else { "yes" };
    match code.as_str() {
        "yes" | "no" if item.inverse => {
            let class = if code == good {
                "act m ans-word"
            } else {
                "bad b ans-word"
            };
            view! { <span class=class>{small(if code == "yes" { Icon::Yes } else { Icon::No })} {words}</span> }
                .into_any()
        }
        "yes" => view! { <span class="act m ans-word">{small(Icon::Yes)} {words}</span> }.into_any(),
        "no" => view! { <span class="bad b ans-word">{small(Icon::No)} {words}</span> }.into_any(),
        "na" => view! { <span class="q ans-word">{small(Icon::NotApplicable)} {words}</span> }.into_any(),
        _ => view! { <span>{words}</span> }.into_any(),
    }
}

#[component]
fn FindingsTab(page: StoredValue<Shown>, asked: RwSignal<Option<Asked>>) -> impl IntoView {
    let findings = page.with_value(|page| page.findings.clone());
    if findings.is_empty() {
        return view! { <EmptyState mark=Icon::Problem title=Signal::derive(|| t("visit.no_findings")) text=Signal::derive(|| t("record.no_findings")) /> }.into_any();
    }
    let rows = findings.into_iter().map(|finding| {
        let severity = catalog::Severity::from_code(finding.text("severity"));
        let item = finding.text("item").to_owned();
        let title = page.with_value(|page| {
            let known = page.sheets.iter().find_map(|sheet| sheet.checklist.item(&item));
            known.map_or_else(|| finding.text("title").to_owned(), |item| say(&item.title))
        });
        let beside = |part: &str, note: &str| {
            let own = finding.text(part).to_owned();
            if own.is_empty() {
                page.with_value(|page| {
                    page.sheets
                        .iter()
                        .find(|sheet| sheet.record.id().as_str() == finding.text("response"))
                        .map(|sheet| sheet.record.text(&format!("{item}/{note}")).to_owned())
                })
                .unwrap_or_default()
            } else {
                own
            }
        };
        let (fact, place, told) = (beside("fact", "note"), beside("place", "place"), beside("told", "told"));
        let state = state_word("finding", finding.text("state"));
        let id = finding.id().clone();
        let shown_title = title.clone();
        let open = move |_| {
            asked.set(Some(Asked {
                record: id.clone(),
                field: "state".to_owned(),
                title: shown_title.clone(),
                item: None,
            }));
        };
        view! {
            <li class="finding-row">
                <div class="row wrap">
                    <b class="grow">{item.clone()} " " {title}</b>
                    {severity.map(|severity| view! { <SeverityBadge severity /> })}
                </div>
                {(!fact.is_empty()).then(|| view! { <p>{fact}</p> })}
                <p class="q sm">
                    {join_dots([
                        state,
                        if place.is_empty() { place } else { t_args("op.place", &[("text", &place)]) },
                        if told.is_empty() { told } else { t_args("op.told", &[("text", &told)]) },
                        severity.map(|severity| severity.requirement(i18n::lang()).to_owned()).unwrap_or_default(),
                    ])}
                </p>
                <button class="linkbtn" type="button" on:click=open>{t("record.history")}</button>
            </li>
        }
    });
    view! { <ul class="finding-rows">{rows.collect_view()}</ul> }.into_any()
}

#[component]
fn FeedbackTab(page: StoredValue<Shown>) -> impl IntoView {
    let notes = page.with_value(|page| page.notes.clone());
    if notes.is_empty() {
        return view! { <EmptyState mark=Icon::Feedback title=Signal::derive(|| t("feedback.none_title")) text=Signal::derive(|| t("feedback.none_text")) /> }.into_any();
    }
    let rows = notes.into_iter().map(|note| {
        let FieldView { siblings, .. } = note.field("text");
        let lines = siblings.into_iter().map(|sibling| {
            let who = page.with_value(|page| page.names.person(sibling.author.as_str()));
            view! {
                <p>{sibling.value.text().unwrap_or("").to_owned()}</p>
                <p class="q sm">{join_dots([who, i18n::moment(sibling.at as f64)])}</p>
            }
        });
        view! {
            <li class="finding-row">
                <b>{option_word("feedback_note", "note_kind", note.text("note_kind"))}</b>
                {lines.collect_view()}
            </li>
        }
    });
    view! { <ul class="finding-rows">{rows.collect_view()}</ul> }.into_any()
}
