//! How the scores lie: a dot is a record, the median is marked, nobody is ranked.

use leptos::prelude::*;

use super::filters::{RowsLink, Wanted};
use super::report::{Rows, Selected, median};
use crate::components::Meter;
use crate::i18n::{say, t, t_args};
use crate::known;

const WIDTH: f64 = 460.0;
const LEFT: f64 = 10.0;
const LOWEST: f64 = 40.0;
const STEP: f64 = 2.5;
const RADIUS: f64 = 3.1;
const PITCH: f64 = 7.2;

fn x_of(score: f64) -> f64 {
    LEFT + (score.clamp(LOWEST, 100.0) - LOWEST) / (100.0 - LOWEST) * (WIDTH - 2.0 * LEFT)
}

#[component]
pub fn Scores(wanted: Wanted, selected: Memo<Selected>) -> impl IntoView {
    let templates = Memo::new(move |_| selected.with(Selected::templates));
    view! {
        <section class="panel" aria-labelledby="scores-title">
            <header>
                <h2 id="scores-title">{move || t("scores.title")}</h2>
                <span class="q xs">{move || t("scores.hint")}</span>
            </header>
            <div class="body">
                <For each=move || templates.get() key=|template| template.clone() children=move |template| view! { <Distribution wanted selected template /> } />
                <Show when=move || templates.with(Vec::is_empty)>
                    <p class="q sm">{move || t("scores.none")}</p>
                </Show>
            </div>
        </section>
    }
}

#[component]
fn Distribution(wanted: Wanted, selected: Memo<Selected>, template: String) -> impl IntoView {
    let checklist = known::latest(&template);
    let title = move || checklist.map(|checklist| say(&checklist.title)).unwrap_or_default();
    let rows = Rows::OfTemplate(template.clone());
    let shown_template = template.clone();
    let rows_too = rows.clone();
    let scores = Memo::new(move |_| {
        selected
            .with(|selected| selected.scores(&template))
            .into_iter()
            .map(|(score, _)| score)
            .collect::<Vec<_>>()
    });
    let middle = Memo::new(move |_| scores.with(|scores| median(scores)));
    // Band limits are the lines to read the dots against.
    let limits: Vec<(f64, &'static catalog::Text)> = checklist
        .map(|checklist| {
            checklist
                .bands
                .iter()
                .map(|band| (band.from_tenths as f64 / 10.0, &band.label))
                .collect()
        })
        .unwrap_or_default();
    let lines = limits.clone();
    view! {
        <div class="dist">
            <div class="row wrap">
                <b class="grow">{title}</b>
                <span class="q sm">
                    {move || t("scores.median")} " "
                    <RowsLink wanted rows=rows.clone()><b>{move || middle.get().map_or_else(|| "—".to_owned(), |score| format!("{score:.1}"))}</b></RowsLink>
                    " · n = "
                    <RowsLink wanted rows=rows_too.clone()>{move || scores.with(Vec::len)}</RowsLink>
                </span>
            </div>
            {move || scores.with(|scores| plot(scores, middle.get(), &lines, &title()))}
            <svg class="axl" viewBox="0 0 460 36" aria-hidden="true">
                {limits
                    .into_iter()
                    .filter(|(from, _)| *from >= LOWEST)
                    .map(|(from, label)| {
                        view! {
                            <text x=x_of(from).to_string() y="12" text-anchor="middle">{format!("{from:.0}")}</text>
                            <text class="bw" x=(x_of(from) + 4.0).to_string() y="30">{move || say(label)}</text>
                        }
                    })
                    .collect_view()}
            </svg>
            <Bands wanted selected template=shown_template />
        </div>
    }
}

/// How many records got which band, each opening its rows: a cap moves a record down without moving its dot.
#[component]
fn Bands(wanted: Wanted, selected: Memo<Selected>, template: String) -> impl IntoView {
    let checklist = known::latest(&template);
    let bands = checklist
        .map(|checklist| checklist.bands.as_slice())
        .unwrap_or_default();
    let count = move |code: &str| {
        selected.with(|selected| {
            let all = selected
                .submitted()
                .flat_map(|visit| &visit.responses)
                .filter(|response| response.template == template);
            all.filter(|response| response.band.as_deref() == Some(code)).count()
        })
    };
    let counts = Memo::new(move |_| bands.iter().map(|band| count(&band.code)).collect::<Vec<_>>());
    let most = move || counts.with(|counts| counts.iter().max().copied().unwrap_or(0).max(1));
    let rows = bands.iter().enumerate().map(|(at, band)| {
        let figure = move || counts.with(|counts| counts.get(at).copied().unwrap_or(0));
        view! {
            <tr>
                <th scope="row">{move || say(&band.label)}</th>
                <td><Meter share=Signal::derive(move || figure() as f64 / most() as f64) /></td>
                <td class="n"><RowsLink wanted rows=Rows::OfBand(band.code.clone())>{figure}</RowsLink></td>
            </tr>
        }
    });
    view! {
        <table class="bands">
            <caption class="hidden">{move || t("scores.bands")}</caption>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

fn plot(
    scores: &[f64],
    middle: Option<f64>,
    limits: &[(f64, &'static catalog::Text)],
    title: &str,
) -> impl IntoView + use<> {
    let dots = stacked(scores);
    let tallest = dots.iter().map(|(_, level)| *level).max().unwrap_or(0) as f64;
    let height = (tallest + 1.0) * PITCH + 12.0;
    let base = height - 2.0;
    let dots = dots
        .into_iter()
        .map(|(x, level)| {
            let y = base - RADIUS - 1.0 - level as f64 * PITCH;
            view! { <circle cx=format!("{x:.1}") cy=format!("{y:.1}") r=RADIUS.to_string()></circle> }
        })
        .collect_view();
    let grid = limits
        .iter()
        .filter(|(from, _)| *from > LOWEST)
        .map(|(from, _)| view! { <path class="g" d=format!("M{:.1} 2V{base}", x_of(*from))></path> })
        .collect_view();
    let mark = middle.map(|score| {
        let x = x_of(score);
        view! {
            <path class="md" d=format!("M{x:.1} 4V{base}")></path>
            <path class="mt" d=format!("M{:.1} 2h10l-5 6z", x - 5.0)></path>
        }
    });
    let said = t_args(
        "scores.said",
        &[
            ("title", &title),
            ("n", &scores.len()),
            (
                "median",
                &middle.map_or_else(|| "—".to_owned(), |score| format!("{score:.1}")),
            ),
        ],
    );
    view! {
        <svg viewBox=format!("0 0 {WIDTH} {height:.0}") role="img" aria-label=said>
            {grid}
            <path class="ax" d=format!("M{LEFT} {base}H{}", WIDTH - LEFT)></path>
            <g class="d">{dots}</g>
            {mark}
        </svg>
    }
}

// Scores of one step stand on each other.
fn stacked(scores: &[f64]) -> Vec<(f64, usize)> {
    let mut dots: Vec<(f64, usize)> = Vec::new();
    for score in scores {
        let x = x_of((score / STEP).floor() * STEP + STEP / 2.0);
        let level = dots.iter().filter(|(known, _)| (known - x).abs() < 0.01).count();
        dots.push((x, level));
    }
    dots
}
