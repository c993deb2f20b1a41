//! The form of one piece of a definition. What has no box of its own is written as JSON beneath, so that nothing a definition can
//! say is out of reach.

use catalog::{MATTERS, Severity};
use leptos::prelude::*;
use serde_json::{Map, Value as Json, json};
use web_sys::wasm_bindgen::JsCast;

use super::draft::{Draft, Piece};
use crate::components::{option_word, severity_word};
use crate::i18n::{t, t_args};
use crate::icons::{Icon, icon, small};

const KINDS: [&str; 11] = [
    "yes_no", "scale", "measured", "samples", "snap", "one", "many", "text", "notes", "photo", "info",
];

/// Keys that have boxes; all others are "other rules".
const HEAD_KEYS: [&str; 4] = ["title", "bands", "caps", "order"];
const SECTION_KEYS: [&str; 8] = [
    "code",
    "title",
    "short",
    "weight",
    "matter",
    "show_if",
    "why_shown",
    "items",
];
const ITEM_KEYS: [&str; 14] = [
    "code",
    "kind",
    "title",
    "help",
    "weight",
    "severity",
    "show_if",
    "why_shown",
    "basis",
    "inverse",
    "required",
    "red_line",
    "levels",
    "options",
];

#[component]
pub fn PieceForm(draft: Draft, chosen: RwSignal<Piece>) -> impl IntoView {
    view! {
        <section class="panel">
            {move || {
                let piece = chosen.get();
                view! { <Form draft piece chosen /> }
            }}
        </section>
    }
}

/// What every box of a form needs.
#[derive(Clone, Copy)]
struct Boxes {
    draft: Draft,
    piece: StoredValue<Piece>,
    json: Memo<Map<String, Json>>,
    read_only: Memo<bool>,
}

impl Boxes {
    fn set(self, key: &str, value: Json) {
        let empty = matches!(&value, Json::Null | Json::Bool(false))
            || value == ""
            || value == json!(["", ""])
            || value == json!([]);
        let kept = matches!(key, "title" | "short" | "code" | "bands");
        self.piece.with_value(|piece| {
            self.draft.change(piece, |json| {
                if empty && !kept {
                    json.remove(key);
                } else {
                    json.insert(key.to_owned(), value);
                }
            });
        });
    }
    fn get(self, key: &str) -> Json {
        self.json.with(|json| json.get(key).cloned().unwrap_or_default())
    }
    fn id(self, key: &str) -> String {
        self.piece.with_value(|piece| format!("form-{}-{key}", piece.code()))
    }
}

#[component]
fn Form(draft: Draft, piece: Piece, chosen: RwSignal<Piece>) -> impl IntoView {
    let asked = piece.clone();
    let boxes = Boxes {
        draft,
        piece: StoredValue::new(piece.clone()),
        json: Memo::new(move |_| draft.piece(&asked)),
        read_only: Memo::new(move |_| !draft.is_open()),
    };
    let name = match &piece {
        Piece::Head => t("template.head"),
        Piece::Section(code) => t_args("template.section", &[("code", code)]),
        Piece::Item(_, code) => t_args("template.item", &[("code", code)]),
    };
    let fields = match &piece {
        Piece::Head => view! { <HeadFields boxes /> }.into_any(),
        Piece::Section(_) => view! { <SectionFields boxes /> }.into_any(),
        Piece::Item(section, _) => view! { <ItemFields boxes section=section.clone() chosen /> }.into_any(),
    };
    let tools = (piece != Piece::Head).then(|| view! { <PieceTools boxes chosen /> });
    let covered: &'static [&'static str] = match &piece {
        Piece::Head => &HEAD_KEYS,
        Piece::Section(_) => &SECTION_KEYS,
        Piece::Item(..) => &ITEM_KEYS,
    };
    view! {
        <header><h2 class="grow">{name}</h2>{tools}</header>
        <div class="body piece-form">{fields} <Others boxes covered /></div>
    }
}

/// Up, down, away.
#[component]
fn PieceTools(boxes: Boxes, chosen: RwSignal<Piece>) -> impl IntoView {
    let shift = move |by: isize| boxes.piece.with_value(|piece| boxes.draft.shift(piece, by));
    let remove = move |_| {
        let piece = boxes.piece.get_value();
        chosen.set(match &piece {
            Piece::Item(section, _) => Piece::Section(section.clone()),
            Piece::Section(_) | Piece::Head => Piece::Head,
        });
        boxes.draft.remove(&piece);
    };
    view! {
        <Show when=move || !boxes.read_only.get()>
            <button class="iconbtn up" type="button" aria-label=move || t("template.up") on:click=move |_| shift(-1)>{icon(Icon::Back)}</button>
            <button class="iconbtn up" type="button" aria-label=move || t("template.down") on:click=move |_| shift(1)>{icon(Icon::Forward)}</button>
            <button class="btn" type="button" data-testid="remove-piece" on:click=remove>{small(Icon::Close)} <span>{move || t("template.remove")}</span></button>
        </Show>
    }
}

#[component]
fn HeadFields(boxes: Boxes) -> impl IntoView {
    let bands = Memo::new(move |_| {
        let bands = boxes.get("bands");
        let codes = bands.as_array().into_iter().flatten();
        codes
            .filter_map(|band| band["code"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    });
    let cap = move |grade: Severity| {
        let chosen = Memo::new(move |_| boxes.get("caps")[grade.code()].as_str().unwrap_or_default().to_owned());
        let set = move |code: String| {
            let mut caps = boxes.get("caps").as_object().cloned().unwrap_or_default();
            if code.is_empty() {
                caps.remove(grade.code());
            } else {
                caps.insert(grade.code().into(), code.into());
            }
            boxes.piece.with_value(|piece| {
                boxes.draft.change(piece, |json| {
                    json.insert("caps".into(), Json::Object(caps));
                });
            });
        };
        view! {
            <label class="field">
                <span class="label">{move || t_args("template.cap", &[("grade", &severity_word(grade))])}</span>
                <select class="box" disabled=move || boxes.read_only.get() on:change=move |event| set(event_target_value(&event))>
                    <option value="" selected=move || chosen.with(String::is_empty)>{move || t("template.no_cap")}</option>
                    <For
                        each=move || bands.get()
                        key=|code| code.clone()
                        children=move |code| {
                            let (value, shown) = (code.clone(), code.clone());
                            view! { <option value=value selected=move || chosen.get() == code>{shown}</option> }
                        }
                    />
                </select>
            </label>
        }
    };
    view! {
        <TwoTexts boxes key="title" label=Signal::derive(|| t("template.title")) />
        <Lines boxes key="bands" label=Signal::derive(|| t("template.bands")) hint=Signal::derive(|| t("template.bands_hint")) shape=Shape::Bands />
        <div class="pair">{cap(Severity::L3)} {cap(Severity::L4)}</div>
    }
}

#[component]
fn SectionFields(boxes: Boxes) -> impl IntoView {
    view! {
        <TwoTexts boxes key="title" label=Signal::derive(|| t("template.title")) />
        <TwoTexts boxes key="short" label=Signal::derive(|| t("template.short")) />
        <div class="pair">
            <Number boxes key="weight" label=Signal::derive(|| t("template.section_weight")) />
            <Choice boxes key="matter" label=Signal::derive(|| t("template.matter")) codes=&MATTERS none=false word=|code| option_word("finding", "matter", code) />
        </div>
        <OneText boxes key="show_if" label=Signal::derive(|| t("template.show_if")) hint=Signal::derive(|| t("template.show_if_hint")) />
        <TwoTexts boxes key="why_shown" label=Signal::derive(|| t("template.why_shown")) />
    }
}

#[component]
fn ItemFields(boxes: Boxes, section: String, chosen: RwSignal<Piece>) -> impl IntoView {
    let kind = Memo::new(move |_| boxes.get("kind").as_str().unwrap_or("yes_no").to_owned());
    let is = move |kinds: &'static [&'static str]| kind.with(|kind| kinds.contains(&kind.as_str()));
    let rename = move |code: String| {
        let code = code.trim().to_owned();
        if !code.is_empty() {
            boxes.set("code", code.clone().into());
            chosen.set(Piece::Item(section.clone(), code));
        }
    };
    let code_id = boxes.id("code");
    view! {
        <div class="pair">
            <div class="field">
                <label class="label" for=code_id.clone()>{move || t("template.item_code")}</label>
                <input
                    id=code_id
                    class="box"
                    type="text"
                    data-key="code"
                    prop:value=move || boxes.get("code").as_str().unwrap_or_default().to_owned()
                    prop:readOnly=move || boxes.read_only.get()
                    on:change=move |event| rename(event_target_value(&event))
                />
            </div>
            <Choice boxes key="kind" label=Signal::derive(|| t("template.kind")) codes=&KINDS none=false word=kind_word />
        </div>
        <TwoTexts boxes key="title" label=Signal::derive(|| t("template.statement")) />
        <TwoTexts boxes key="help" label=Signal::derive(|| t("template.help")) />
        <div class="pair">
            <Number boxes key="weight" label=Signal::derive(|| t("template.weight")) />
            <Choice boxes key="severity" label=Signal::derive(|| t("template.severity")) codes=&["L1", "L2", "L3", "L4"] none=true word=grade_word />
        </div>
        <Show when=move || is(&["scale"])>
            <Lines boxes key="levels" label=Signal::derive(|| t("template.levels")) hint=Signal::derive(|| t("template.levels_hint")) shape=Shape::Texts />
        </Show>
        <Show when=move || is(&["one", "many"])>
            <Lines boxes key="options" label=Signal::derive(|| t("template.options")) hint=Signal::derive(|| t("template.options_hint")) shape=Shape::Options />
        </Show>
        <div class="row wrap">
            <Show when=move || is(&["yes_no"])><Flag boxes key="inverse" label=Signal::derive(|| t("template.inverse")) /></Show>
            <Flag boxes key="required" label=Signal::derive(|| t("template.required")) />
            <Flag boxes key="red_line" label=Signal::derive(|| t("template.red_line")) />
        </div>
        <OneText boxes key="show_if" label=Signal::derive(|| t("template.show_if")) hint=Signal::derive(|| t("template.show_if_hint")) />
        <TwoTexts boxes key="why_shown" label=Signal::derive(|| t("template.why_shown")) />
        <TwoTexts boxes key="basis" label=Signal::derive(|| t("template.basis")) />
    }
}

fn grade_word(code: &str) -> String {
    Severity::from_code(code).map_or_else(|| code.to_owned(), severity_word)
}

/// How an item is answered, in words.
pub fn kind_word(code: &str) -> String {
    match code {
        "scale" => t("kind.scale"),
        "measured" => t("kind.measured"),
        "samples" => t("kind.samples"),
        "snap" => t("kind.snap"),
        "one" => t("kind.one"),
        "many" => t("kind.many"),
        "text" => t("kind.text"),
        "notes" => t("kind.notes"),
        "photo" => t("kind.photo"),
        "info" => t("kind.info"),
        _ => t("kind.yes_no"),
    }
}

/// Chinese and English side by side.
#[component]
fn TwoTexts(boxes: Boxes, key: &'static str, #[prop(into)] label: Signal<String>) -> impl IntoView {
    let both = Memo::new(move |_| {
        let text = boxes.get(key);
        [0, 1].map(|nth| text[nth].as_str().unwrap_or_default().to_owned())
    });
    let set = move |nth: usize, text: String| {
        let mut both = both.get_untracked();
        both[nth] = text.trim().to_owned();
        boxes.set(key, json!(both));
    };
    let one = move |nth: usize, language: &'static str, tag: &'static str| {
        let id = format!("{}-{tag}", boxes.id(key));
        view! {
            <div class="field">
                <label class="label" for=id.clone()>{move || label.get()} " " <span class="q xs">{language.to_owned()}</span></label>
                <input
                    id=id
                    class="box"
                    type="text"
                    lang=tag
                    maxlength="300"
                    data-key=format!("{key}.{tag}")
                    prop:value=move || both.with(|both| both[nth].clone())
                    prop:readOnly=move || boxes.read_only.get()
                    on:change=move |event| set(nth, event_target_value(&event))
                />
            </div>
        }
    };
    view! { <div class="pair">{one(0, "中文", "zh")} {one(1, "English", "en")}</div> }
}

#[component]
fn OneText(
    boxes: Boxes,
    key: &'static str,
    #[prop(into)] label: Signal<String>,
    #[prop(into)] hint: Signal<String>,
) -> impl IntoView {
    let id = boxes.id(key);
    view! {
        <div class="field">
            <label class="label" for=id.clone()>{move || label.get()}</label>
            <input
                id=id
                class="box mono"
                type="text"
                maxlength="1000"
                autocapitalize="off"
                spellcheck="false"
                data-key=key
                prop:value=move || boxes.get(key).as_str().unwrap_or_default().to_owned()
                prop:readOnly=move || boxes.read_only.get()
                on:change=move |event| boxes.set(key, event_target_value(&event).trim().into())
            />
            <p class="q xs">{move || hint.get()}</p>
        </div>
    }
}

#[component]
fn Number(boxes: Boxes, key: &'static str, #[prop(into)] label: Signal<String>) -> impl IntoView {
    let id = boxes.id(key);
    let set = move |text: String| {
        let text = text.trim();
        // What is no number is kept as it was typed: the list of mistakes says so.
        boxes.set(key, text.parse::<u64>().map_or_else(|_| text.into(), Json::from));
    };
    view! {
        <div class="field">
            <label class="label" for=id.clone()>{move || label.get()}</label>
            <input
                id=id
                class="box"
                type="text"
                inputmode="numeric"
                maxlength="4"
                data-key=key
                prop:value=move || match boxes.get(key) { Json::Number(number) => number.to_string(), Json::String(text) => text, _ => String::new() }
                prop:readOnly=move || boxes.read_only.get()
                on:change=move |event| set(event_target_value(&event))
            />
        </div>
    }
}

#[component]
fn Choice(
    boxes: Boxes,
    key: &'static str,
    #[prop(into)] label: Signal<String>,
    codes: &'static [&'static str],
    none: bool,
    word: fn(&str) -> String,
) -> impl IntoView {
    let id = boxes.id(key);
    let chosen = Memo::new(move |_| boxes.get(key).as_str().unwrap_or_default().to_owned());
    view! {
        <div class="field">
            <label class="label" for=id.clone()>{move || label.get()}</label>
            <select id=id class="box" data-key=key disabled=move || boxes.read_only.get() on:change=move |event| boxes.set(key, event_target_value(&event).into())>
                {none.then(|| view! { <option value="" selected=move || chosen.with(String::is_empty)>{move || t("template.none")}</option> })}
                {codes
                    .iter()
                    .map(|code| view! { <option value=*code selected=move || chosen.with(|chosen| chosen == code)>{move || word(code)}</option> })
                    .collect_view()}
            </select>
        </div>
    }
}

#[component]
fn Flag(boxes: Boxes, key: &'static str, #[prop(into)] label: Signal<String>) -> impl IntoView {
    view! {
        <crate::form::TickBox
            label
            on=Signal::derive(move || boxes.get(key) == true)
            on_set=move |on: bool| boxes.set(key, on.into())
            read_only=boxes.read_only
        />
    }
}

/// What a line of several stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// code | 中文 | English | from
    Bands,
    /// code | 中文 | English
    Options,
    /// 中文 | English
    Texts,
}

impl Shape {
    fn line(self, json: &Json) -> String {
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let parts = match self {
            Shape::Bands => vec![
                text(&json["code"]),
                text(&json["label"][0]),
                text(&json["label"][1]),
                text(&json["from"]),
            ],
            Shape::Options => vec![text(&json[0]), text(&json[1]), text(&json[2])],
            Shape::Texts => vec![text(&json[0]), text(&json[1])],
        };
        parts.join(" | ")
    }

    fn json(self, line: &str) -> Json {
        let mut parts = line.split('|').map(|part| part.trim().to_owned());
        let mut next = || parts.next().unwrap_or_default();
        match self {
            Shape::Bands => {
                let (code, zh, en, from) = (next(), next(), next(), next());
                json!({ "code": code, "label": [zh, en], "from": from })
            }
            Shape::Options => json!([next(), next(), next()]),
            Shape::Texts => json!([next(), next()]),
        }
    }
}

#[component]
fn Lines(
    boxes: Boxes,
    key: &'static str,
    #[prop(into)] label: Signal<String>,
    #[prop(into)] hint: Signal<String>,
    shape: Shape,
) -> impl IntoView {
    let id = boxes.id(key);
    let text = Memo::new(move |_| {
        let all = boxes.get(key);
        let lines = all.as_array().into_iter().flatten();
        lines.map(|json| shape.line(json)).collect::<Vec<_>>().join("\n")
    });
    let set = move |text: String| {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        boxes.set(key, lines.map(|line| shape.json(line)).collect());
    };
    view! {
        <div class="field">
            <label class="label" for=id.clone()>{move || label.get()}</label>
            <textarea
                id=id
                class="box"
                rows="4"
                data-key=key
                prop:value=move || text.get()
                prop:readOnly=move || boxes.read_only.get()
                on:change=move |event| set(event_target_value(&event))
            ></textarea>
            <p class="q xs">{move || hint.get()}</p>
        </div>
    }
}

/// Everything else a piece says, as JSON: inputs, checks, sampling, facts, flags.
#[component]
fn Others(boxes: Boxes, covered: &'static [&'static str]) -> impl IntoView {
    let id = boxes.id("others");
    let failed = RwSignal::new(String::new());
    let text = Memo::new(move |_| {
        let rest: Map<String, Json> = boxes.json.with(|json| {
            let others = json.iter().filter(|(key, _)| !covered.contains(&key.as_str()));
            others.map(|(key, value)| (key.clone(), value.clone())).collect()
        });
        if rest.is_empty() {
            String::new()
        } else {
            serde_json::to_string_pretty(&rest).unwrap_or_default()
        }
    });
    let set = move |text: String| {
        let text = if text.trim().is_empty() { "{}".to_owned() } else { text };
        match serde_json::from_str::<Map<String, Json>>(&text) {
            Ok(rest) => {
                failed.set(String::new());
                boxes.piece.with_value(|piece| {
                    boxes.draft.change(piece, |json| {
                        json.retain(|key, _| covered.contains(&key.as_str()));
                        json.extend(rest.into_iter().filter(|(key, _)| !covered.contains(&key.as_str())));
                    });
                });
            }
            // Nothing is thrown away: the text stays in the box until it can be read.
            Err(error) => failed.set(error.to_string()),
        }
    };
    let rows = move || text.with(|text| text.lines().count().clamp(2, 14));
    view! {
        <details class="field" open=move || text.with_untracked(|text| !text.is_empty())>
            <summary class="label">{move || t("template.others")}</summary>
            <textarea
                id=id
                class="box mono"
                rows=rows
                spellcheck="false"
                data-key="others"
                aria-label=move || t("template.others")
                prop:value=move || text.get()
                prop:readOnly=move || boxes.read_only.get()
                on:change=move |event| {
                    let target = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
                    set(target.map(|target| target.value()).unwrap_or_default());
                }
            ></textarea>
            {move || failed.with(|failed| (!failed.is_empty()).then(|| view! { <p class="bad sm" role="alert">{t_args("template.unreadable", &[("why", failed)])}</p> }))}
            <p class="q xs">{move || t("template.others_hint")}</p>
        </details>
    }
}
