//! Which items fail where: the share of submitted records, printed in the cell, shaded in five steps of one hue.

use leptos::prelude::*;

use super::filters::{RowsLink, Wanted};
use super::report::{Named, Rows, Selected, fails_by_zone, records_by_zone};
use crate::i18n::{say, t};
use crate::known;

const ROWS_SHOWN: usize = 12;

/// One item's line.
#[derive(Clone, PartialEq, Debug)]
struct Line {
    item: String,
    /// Zone id ("" for all), share in percent; `None` where nothing was submitted.
    cells: Vec<(String, Option<u32>)>,
}

#[component]
pub fn HeatTable(wanted: Wanted, selected: Memo<Selected>) -> impl IntoView {
    let template = Memo::new(move |_| {
        selected
            .with(|selected| selected.templates().into_iter().next())
            .unwrap_or_default()
    });
    let zones = Memo::new(move |_| selected.with(|selected| zones_with_records(selected, &template.get())));
    let lines = Memo::new(move |_| selected.with(|selected| heat_lines(selected, &template.get(), &zones.get())));
    let title = move || known::latest(&template.get()).map(|checklist| say(&checklist.title));
    let item_title = move |code: &str| {
        known::latest(&template.get())
            .and_then(|checklist| checklist.item(code))
            .map(|item| say(&item.title))
    };
    view! {
        <section class="panel">
            <header>
                <h2 id="heat-title">{move || t("heat.title")}</h2>
                <span class="q xs">{title}</span>
            </header>
            <div class="body scroll-x" tabindex="0" role="group" aria-labelledby="heat-title">
                <Show when=move || !lines.with(Vec::is_empty) fallback=|| view! { <p class="q sm">{move || t("heat.none")}</p> }>
                    <table class="heat">
                        <thead>
                            <tr>
                                <th scope="col">{move || t("heat.item")}</th>
                                {move || zones.get().into_iter().map(|zone| view! { <th scope="col">{zone.name}</th> }).collect_view()}
                                <th scope="col">{move || t("results.all_zones")}</th>
                            </tr>
                        </thead>
                        <tbody>
                            <For
                                each=move || lines.get()
                                key=|line| format!("{line:?}")
                                children=move |line| {
                                    let code = line.item.clone();
                                    let cells = line.cells.into_iter().map(|(zone, share)| cell(wanted, &line.item, zone, share)).collect_view();
                                    view! {
                                        <tr>
                                            <th scope="row"><span class="q">{code.clone()}</span> " " {move || item_title(&code)}</th>
                                            {cells}
                                        </tr>
                                    }
                                }
                            />
                        </tbody>
                    </table>
                    <p class="leg">
                        <span>{move || t("heat.share")}</span>
                        {["<5", "5", "15", "25", "≥40"]
                            .into_iter()
                            .enumerate()
                            .map(|(step, from)| view! { <span><i class=format!("hc h{step}")>{from}</i></span> })
                            .collect_view()}
                    </p>
                </Show>
            </div>
        </section>
    }
}

fn cell(wanted: Wanted, item: &str, zone: String, share: Option<u32>) -> impl IntoView + use<> {
    let Some(share) = share else {
        return view! { <td><span class="hc none">"–"</span></td> }.into_any();
    };
    let class = match share {
        0..5 => "hc h0",
        5..15 => "hc h1",
        15..25 => "hc h2",
        25..40 => "hc h3",
        _ => "hc h4",
    };
    if share == 0 {
        return view! { <td><span class=class>{share}</span></td> }.into_any();
    }
    view! { <td><RowsLink wanted rows=Rows::OfItem { item: item.to_owned(), zone } class>{share}</RowsLink></td> }
        .into_any()
}

fn zones_with_records(selected: &Selected, template: &str) -> Vec<Named> {
    let records = records_by_zone(selected, template);
    selected
        .zones
        .iter()
        .filter(|zone| records.get(&zone.id).is_some_and(|n| *n > 0))
        .cloned()
        .collect()
}

fn heat_lines(selected: &Selected, template: &str, zones: &[Named]) -> Vec<Line> {
    let (fails, records) = (fails_by_zone(selected, template), records_by_zone(selected, template));
    let share = |item: &str, zone: &str| {
        let of = records.get(zone).copied().filter(|of| *of > 0)?;
        let failed = fails.get(item).and_then(|row| row.get(zone)).copied().unwrap_or(0);
        Some((failed * 100 + of / 2) / of)
    };
    let mut lines: Vec<Line> = fails
        .keys()
        .map(|item| {
            let ids = zones.iter().map(|zone| zone.id.clone()).chain([String::new()]);
            Line {
                item: item.clone(),
                cells: ids.map(|zone| (zone.clone(), share(item, &zone))).collect(),
            }
        })
        .collect();
    let total = |line: &Line| line.cells.last().and_then(|(_, share)| *share).unwrap_or(0);
    lines.sort_by(|a, b| total(b).cmp(&total(a)).then_with(|| a.item.cmp(&b.item)));
    lines.truncate(ROWS_SHOWN);
    lines
}
