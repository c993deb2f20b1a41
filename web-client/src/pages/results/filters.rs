//! The filters, kept in the address: a link to what one sees is a link to what the other will see.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::report::{Report, Rows, Selected};
use crate::i18n::{self, say, t, t_args};
use crate::icons::{Icon, small};
use crate::known;

/// What the address asks for.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub month: Memo<String>,
    pub zone: Memo<String>,
    pub school: Memo<String>,
    pub checklist: Memo<String>,
    pub supervisor: Memo<String>,
    pub rows: Memo<Option<Rows>>,
    page: &'static str,
    go: StoredValue<Go>,
}

type Go = Box<dyn Fn(&str) + Send + Sync>;

/// Reads the filters of this page from the address.
pub fn use_wanted(page: &'static str) -> Wanted {
    let query = use_query_map();
    let part = move |name: &'static str| Memo::new(move |_| query.with(|query| query.get(name)).unwrap_or_default());
    let month = Memo::new(move |_| {
        let asked = query.with(|query| query.get("month")).unwrap_or_default();
        if is_month(&asked) {
            asked
        } else {
            i18n::today_code()[..7].to_owned()
        }
    });
    let navigate = use_navigate();
    let go = move |to: &str| {
        navigate(
            to,
            NavigateOptions {
                scroll: false,
                ..Default::default()
            },
        )
    };
    Wanted {
        month,
        zone: part("zone"),
        school: part("school"),
        checklist: part("checklist"),
        supervisor: part("supervisor"),
        rows: Memo::new(move |_| {
            query
                .with(|query| query.get("rows"))
                .and_then(|code| Rows::from_code(&code))
        }),
        page,
        go: StoredValue::new(Box::new(go)),
    }
}

fn is_month(text: &str) -> bool {
    text.len() == 7 && text.is_ascii() && i18n::ms_of(&format!("{text}-01")).is_finite()
}

impl Wanted {
    /// What is left of a report; tracked.
    pub fn narrow(&self, report: &Report) -> Selected {
        let (zone, school, checklist, supervisor) = (
            self.zone.get(),
            self.school.get(),
            self.checklist.get(),
            self.supervisor.get(),
        );
        let fits = |wanted: &str, is: Option<&str>| wanted.is_empty() || is == Some(wanted);
        let mut visits: Vec<_> = report
            .visits
            .iter()
            .filter(|visit| {
                fits(&zone, visit.zone.as_deref())
                    && fits(&school, Some(&visit.school))
                    && fits(&supervisor, visit.lead.as_deref())
            })
            .filter(|visit| {
                checklist.is_empty() || visit.responses.iter().any(|response| response.template == checklist)
            })
            .cloned()
            .collect();
        if !checklist.is_empty() {
            for visit in &mut visits {
                visit.responses.retain(|response| response.template == checklist);
            }
        }
        visits.sort_by(|a, b| b.made_ms().total_cmp(&a.made_ms()));
        let schools: Vec<_> = report.schools.clone();
        let in_zone = |id: &str| {
            schools
                .iter()
                .any(|school| school.id == id && fits(&zone, school.zone.as_deref()))
        };
        let coverage = report
            .coverage
            .iter()
            .filter(|row| fits(&school, Some(&row.school)) && in_zone(&row.school))
            .cloned()
            .collect();
        Selected {
            month: report.month.clone(),
            zones: Arc::new(report.zones.clone()),
            supervisors: Arc::new(report.supervisors.clone()),
            visits: Arc::new(visits),
            coverage: Arc::new(coverage),
            schools: Arc::new(schools),
        }
    }

    /// The address with one part changed; tracked by the others.
    pub fn href(&self, name: &str, value: &str) -> String {
        let rows = self.rows.get().map(|rows| rows.code()).unwrap_or_default();
        let parts = [
            ("month", self.month.get()),
            ("zone", self.zone.get()),
            ("school", self.school.get()),
            ("checklist", self.checklist.get()),
            ("supervisor", self.supervisor.get()),
            ("rows", rows),
        ];
        let query: Vec<String> = parts
            .into_iter()
            .map(|(part, now)| (part, if part == name { value.to_owned() } else { now }))
            .filter(|(_, value)| !value.is_empty())
            .map(|(part, value)| format!("{part}={value}"))
            .collect();
        format!("{}?{}", self.page, query.join("&"))
    }

    /// The address that opens rows beside the numbers; tracked.
    pub fn rows_href(&self, rows: &Rows) -> String {
        self.href("rows", &rows.code())
    }

    pub fn open_rows(&self, rows: Option<&Rows>) {
        let to = untrack(|| self.href("rows", &rows.map(Rows::code).unwrap_or_default()));
        self.go.with_value(|go| go(&to));
    }

    fn set(&self, name: &str, value: &str) {
        let to = untrack(|| self.href(name, value));
        self.go.with_value(|go| go(&to));
    }

    fn narrowed(&self) -> bool {
        [self.zone, self.school, self.checklist, self.supervisor]
            .iter()
            .any(|part| !part.get().is_empty())
    }

    fn clear(&self) {
        let to = untrack(|| format!("{}?month={}", self.page, self.month.get()));
        self.go.with_value(|go| go(&to));
    }
}

/// A link that opens the rows behind a number without moving the page.
#[component]
pub fn RowsLink(
    wanted: Wanted,
    rows: Rows,
    #[prop(default = "num-link")] class: &'static str,
    #[prop(optional, into)] label: MaybeProp<String>,
    children: Children,
) -> impl IntoView {
    let target = rows.clone();
    view! {
        <a
            class=class
            href=move || wanted.rows_href(&rows)
            aria-label=move || label.get()
            on:click=move |event| {
                if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                    event.prevent_default();
                    wanted.open_rows(Some(&target));
                }
            }
        >
            {children()}
        </a>
    }
}

/// Month, zone, checklist, supervisor, and a search over the rows.
#[component]
pub fn FilterBar(wanted: Wanted, report: RwSignal<Option<Report>>, search: RwSignal<String>) -> impl IntoView {
    let months = Memo::new(move |_| recent_months(&i18n::today_code()[..7], &wanted.month.get()));
    let list = move |pick: fn(&Report) -> Vec<(String, String)>| {
        Memo::new(move |_| report.with(|report| report.as_ref().map(pick).unwrap_or_default()))
    };
    let zones = list(|report| {
        report
            .zones
            .iter()
            .map(|zone| (zone.id.clone(), zone.name.clone()))
            .collect()
    });
    let schools = list(|report| {
        report
            .schools
            .iter()
            .map(|school| (school.id.clone(), school.name.clone()))
            .collect()
    });
    let supervisors = list(|report| {
        report
            .supervisors
            .iter()
            .map(|person| (person.id.clone(), person.name.clone()))
            .collect()
    });
    let checklists = Memo::new(move |_| {
        let mut known: Vec<(String, String)> = Vec::new();
        for checklist in known::all() {
            if !known.iter().any(|(code, _)| *code == checklist.code) {
                known.push((checklist.code.clone(), say(&checklist.title)));
            }
        }
        known
    });
    let all = |key: fn(usize) -> String, list: Memo<Vec<(String, String)>>| {
        Signal::derive(move || Some(key(list.with(Vec::len))))
    };
    view! {
        <div class="filters" role="group" aria-label=move || t("filter.label")>
            <Filter
                label=Signal::derive(|| t("filter.month"))
                name="month"
                wanted
                now=wanted.month
                options=months
                all=Signal::derive(|| None::<String>)
            />
            <Filter label=Signal::derive(|| t("filter.zone")) name="zone" wanted now=wanted.zone options=zones all=all(|n| t_args("filter.all_zones", &[("n", &n)]), zones) />
            <Filter label=Signal::derive(|| t("filter.school")) name="school" wanted now=wanted.school options=schools all=all(|n| t_args("filter.all_schools", &[("n", &n)]), schools) />
            <Show when=move || checklists.with(|list| list.len() > 1)>
                <Filter label=Signal::derive(|| t("filter.checklist")) name="checklist" wanted now=wanted.checklist options=checklists all=all(|n| t_args("filter.all_checklists", &[("n", &n)]), checklists) />
            </Show>
            <Filter label=Signal::derive(|| t("filter.supervisor")) name="supervisor" wanted now=wanted.supervisor options=supervisors all=all(|n| t_args("filter.all_supervisors", &[("n", &n)]), supervisors) />
            <Show when=move || wanted.narrowed()>
                <button class="btn plain" type="button" on:click=move |_| wanted.clear()>
                    {move || t("filter.clear")}
                </button>
            </Show>
            <label class="find">
                {small(Icon::Search)}
                <span class="hidden">{move || t("filter.search")}</span>
                <input type="search" data-find="" placeholder=move || t("filter.search") bind:value=search />
                <kbd>{"/".to_owned()}</kbd>
            </label>
        </div>
    }
}

#[component]
fn Filter(
    #[prop(into)] label: Signal<String>,
    name: &'static str,
    wanted: Wanted,
    now: Memo<String>,
    options: Memo<Vec<(String, String)>>,
    #[prop(into)] all: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        <label class="filter" class:on=move || !now.get().is_empty() && all.get().is_some()>
            <em>{move || label.get()}</em>
            <select name=name on:change=move |event| wanted.set(name, &event_target_value(&event))>
                {move || all.get().map(|words| view! { <option value="" selected=now.get().is_empty()>{words}</option> })}
                {move || {
                    options
                        .get()
                        .into_iter()
                        .map(|(value, words)| {
                            let chosen = value == now.get();
                            view! { <option value=value selected=chosen>{words}</option> }
                        })
                        .collect_view()
                }}
            </select>
        </label>
    }
}

// This month and the eleven before it, and the one asked for if it is older.
fn recent_months(this: &str, asked: &str) -> Vec<(String, String)> {
    let (year, month): (i32, i32) = (this[..4].parse().unwrap_or(2000), this[5..7].parse().unwrap_or(1));
    let mut codes: Vec<String> = (0..12)
        .map(|back| {
            let at = year * 12 + month - 1 - back;
            format!("{:04}-{:02}", at / 12, at % 12 + 1)
        })
        .collect();
    if !codes.iter().any(|code| code == asked) {
        codes.push(asked.to_owned());
    }
    codes
        .into_iter()
        .map(|code| (code.clone(), i18n::month_and_year(&code)))
        .collect()
}
