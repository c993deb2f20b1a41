//! A filled checklist as a sheet of paper, A4, without a network: what a school is handed and what goes into the folder. Black on
//! white is enough to read it; nothing here can be changed.

use catalog::{Item, ItemKind, Verdict};
use leptos::prelude::*;
use sync_protocol::{RecordId, RecordView};

use super::duty::{self, Judged};
use super::school::UnknownRecord;
use crate::components::{Screen, option_word};
use crate::form::{answer_words, details, duration_words, flag_words, points_words, whole_notes};
use crate::i18n::{self, join_dots, join_list, say, t, t_args};
use crate::session::{Session, use_session};

#[component]
pub fn PrintPage() -> impl IntoView {
    let session = use_session();
    let place = Memo::new(move |_| {
        let (visit, response) = (duty::record_in_route("id")?, duty::record_in_route("response")?);
        duty::checklist_of(session, &response)?;
        Some((visit, response))
    });
    move || match place.get() {
        Some((visit, response)) => view! { <KnownSheet visit response /> }.into_any(),
        None => view! { <UnknownRecord /> }.into_any(),
    }
}

#[component]
fn KnownSheet(visit: RecordId, response: RecordId) -> impl IntoView {
    let session = use_session();
    let back = format!("/visit/{visit}/checklist/{response}");
    let judged = duty::judged(session, &response);
    let record = session.record(&response);
    let title = judged
        .as_ref()
        .map(|judged| say(&judged.checklist.title))
        .unwrap_or_default();
    let paper = judged
        .zip(record)
        .map(|(judged, record)| paper(session, &visit, &judged, &record));
    view! {
        <Screen
            class="paper-page"
            title=Signal::derive(move || title.clone())
            back
            nav=false
            dock=|| view! {
                <div class="cta">
                    <button class="btn main wide" type="button" data-testid="print" on:click=move |_| drop(window().print())>
                        {move || t("print.go")}
                    </button>
                </div>
            }
        >
            {paper}
        </Screen>
    }
}

fn paper(session: Session, visit: &RecordId, judged: &Judged, record: &RecordView) -> impl IntoView + use<> {
    let Judged { checklist, assessment } = judged;
    let field = |path: &str| session.field(visit, path).text().to_owned();
    let school = duty::school_of(session, visit).map(|school| duty::school_name(session, &school));
    let lead = session.name_of(&field("lead"));
    let members: Vec<String> = session
        .record(visit)
        .iter()
        .flat_map(|record| record.fields())
        .filter_map(|(path, _)| path.strip_prefix("members/").map(str::to_owned))
        .filter(|person| *person != field("lead"))
        .map(|person| session.name_of(&person))
        .collect();
    let district = session.person().map(|person| person.district_name).unwrap_or_default();
    let line = |label: String, value: String| view! { <div><dt>{label}</dt><dd>{value}</dd></div> };
    let band = duty::band_label(checklist, assessment).map(|(_, label)| label);
    let score = assessment.score.map(|score| score.to_string()).unwrap_or_default();
    let rating = join_dots([
        score,
        band.unwrap_or_else(|| t("score.not_rated")),
        duty::cap_words(checklist, assessment).unwrap_or_default(),
    ]);
    let notes: Vec<String> = whole_notes(checklist, assessment)
        .into_iter()
        .chain(flag_words(checklist, assessment))
        .collect();
    let sections = checklist.sections.iter().enumerate().map(|(at, section)| {
        let rows: Vec<AnyView> = section.items.iter().filter_map(|item| row(assessment, record, item)).collect();
        let state = &assessment.sections[at];
        let points = state.score.map(|score| score.to_string()).unwrap_or_default();
        (state.visible && !rows.is_empty()).then(|| {
            view! {
                <tbody>
                    <tr class="secr"><th colspan="3" scope="rowgroup">{format!("{} {}", at + 1, say(&section.title))}</th><td class="n">{points}</td></tr>
                    {rows}
                </tbody>
            }
        })
    });
    let findings = duty::findings_of(session, visit)
        .into_iter()
        .filter(|line| line.response == record.id().as_str());
    let findings = findings.map(|line| {
        let grade = line.severity.map(crate::components::severity_word).unwrap_or_default();
        view! { <li>{join_dots([format!("{} {}", line.item, line.title), grade, line.fact.clone()])}</li> }
    });
    let findings: Vec<_> = findings.collect();
    let handed_in = field("submitted_at");
    let stands = if handed_in.is_empty() {
        t("print.draft")
    } else {
        t_args(
            "visit.submitted_at",
            &[("time", &i18n::moment(i18n::ms_of(&handed_in)))],
        )
    };
    let print_time = i18n::moment(js_sys::Date::now());
    view! {
        <article class="paper" tabindex="0" lang=move || if i18n::lang() == catalog::Lang::En { "en" } else { "zh-CN" }>
            <header>
                <p class="q">{district}</p>
                <h2>{say(&checklist.title)}</h2>
                <dl class="paper-facts">
                    {line(t("print.school"), school.unwrap_or_default())}
                    {line(t("print.date"), i18n::day_and_year(i18n::ms_of(&field("visit_date"))))}
                    {line(t("print.kind"), option_word("visit", "visit_kind", &field("visit_kind")))}
                    {line(t("print.inspectors"), join_list(std::iter::once(lead).chain(members)))}
                    {line(t("print.result"), rating)}
                    {line(t("print.answered"), join_dots([
                        t_args("section.answered", &[("answered", &assessment.answered), ("of", &assessment.applicable)]),
                        duration_words(record).unwrap_or_default(),
                    ]))}
                </dl>
                {notes.into_iter().map(|note| view! { <p>{note}</p> }).collect_view()}
            </header>
            <table>
                <caption class="hidden">{say(&checklist.title)}</caption>
                <thead><tr>
                    <th scope="col">{t("record.code")}</th>
                    <th scope="col">{t("record.item")}</th>
                    <th scope="col">{t("record.answer")}</th>
                    <th scope="col" class="n">{t("record.points")}</th>
                </tr></thead>
                {sections.collect_view()}
            </table>
            {(!findings.is_empty()).then(|| view! { <section><h3>{t("record.findings")}</h3><ul>{findings}</ul></section> })}
            <section class="signatures">
                <p>{t("print.inspector_signs")}</p>
                <p>{t("print.school_signs")}</p>
            </section>
            <footer>
                <p>{join_dots([
                    t_args("checklist.version", &[("n", &checklist.version)]),
                    stands,
                    t_args("print.printed", &[("time", &print_time)]),
                    t("print.device_time"),
                ])}</p>
                <p class="mono">{record.id().to_string()}</p>
            </footer>
        </article>
    }
}

/// One item on paper; what was not asked, and what can only be read, is not printed.
fn row(judged: &catalog::Assessment, record: &RecordView, item: &'static Item) -> Option<AnyView> {
    if matches!(item.kind, ItemKind::Photo | ItemKind::Sign | ItemKind::Info) {
        return None;
    }
    let state = judged.item(&item.code).filter(|state| state.visible)?;
    let mark = match state.verdict {
        Verdict::Fail => "✕ ",
        _ => "",
    };
    let beside = details(record, item);
    let row = view! {
        <tr>
            <td>{item.code.clone()}</td>
            <th scope="row">
                {say(&item.title)}
                {(!beside.is_empty()).then(|| view! { <span class="block">{beside}</span> })}
            </th>
            <td>{mark} {answer_words(record, item, state)}</td>
            <td class="n">{points_words(state)}</td>
        </tr>
    };
    Some(row.into_any())
}
