//! The boxes things are typed into. Every keystroke goes to the session before anything else happens.

use catalog::{Input, InputKind, Item};
use leptos::html;
use leptos::prelude::*;
use sync_protocol::Value;
use web_sys::wasm_bindgen::JsCast;

use super::sheet::Sheet;
use crate::components::option_word;
use crate::i18n::{join_dots, say, t, t_args};
use crate::icons::{Icon, icon};
use crate::session::use_session;

/// A box for words that grows with them. `field` names it for whoever looks for it; `value` never overwrites a box in use.
#[component]
pub fn TextBox(
    #[prop(into)] label: Signal<String>,
    #[prop(into)] field: String,
    #[prop(into)] value: Signal<String>,
    #[prop(into)] on_type: Callback<String>,
    #[prop(into)] on_leave: Callback<()>,
    #[prop(default = 2)] rows: u32,
    #[prop(optional, into)] wanted: Signal<bool>,
    #[prop(optional, into)] read_only: Signal<bool>,
    #[prop(default = false)] start_here: bool,
) -> impl IntoView {
    let id = format!("box-{field}");
    let hint_id = format!("{id}-hint");
    let described_by = hint_id.clone();
    let node = NodeRef::<html::Textarea>::new();
    Effect::new(move |_| {
        let text = value.get();
        let Some(node) = node.get() else { return };
        // In a box that is being typed in, this is what was typed. What another person wrote shows at once, so that nobody
        // replaces what they did not see.
        if node.value() != text {
            node.set_value(&text);
        }
    });
    Effect::new(move |_| {
        if let Some(node) = node.get().filter(|_| start_here) {
            let _ = node.focus();
        }
    });
    view! {
        <div class="field">
            <label class="label" for=id.clone()>
                {move || label.get()}
            </label>
            <textarea
                node_ref=node
                id=id
                maxlength="5000"
                class="box"
                class:wanted=move || wanted.get()
                data-field=field
                rows=rows
                aria-describedby=move || wanted.get().then(|| described_by.clone())
                prop:readOnly=move || read_only.get()
                on:input=move |event| {
                    on_type.try_run(event_target_value(&event));
                }
                // A colleague's word can take the box away while somebody is in it: what was typed is settled all the same.
                on:blur=move |_| {
                    if on_leave.try_run(()).is_none() {
                        use_session().settle();
                    }
                }
            ></textarea>
            {move || wanted.get().then(|| view! { <p id=hint_id.clone() class="warn xs">{t("form.wanted")}</p> })}
        </div>
    }
}

/// A field of the response for words: note, place, who was told, a reason.
#[component]
pub fn SheetText(
    sheet: Sheet,
    item: &'static Item,
    part: &'static str,
    #[prop(into)] label: Signal<String>,
    #[prop(default = 2)] rows: u32,
    #[prop(optional, into)] wanted: Signal<bool>,
    #[prop(default = false)] start_here: bool,
) -> impl IntoView {
    let path = StoredValue::new(format!("{}/{part}", item.code));
    let value = Memo::new(move |_| path.with_value(|path| sheet.text(path)));
    view! {
        <TextBox
            label
            field=path.get_value()
            value
            on_type=move |text: String| path.with_value(|path| sheet.type_text(path, text.into()))
            on_leave=move |()| sheet.settle(item)
            rows
            wanted
            read_only=sheet.read_only
            start_here
        />
    }
}

/// A number or a date that belongs to an item, with its limit and the verdict beside it.
#[component]
pub fn ItemInput(sheet: Sheet, item: &'static Item, input: &'static Input) -> impl IntoView {
    match input.kind {
        InputKind::Date => view! { <DateBox sheet item input kind="date" /> }.into_any(),
        InputKind::Time => view! { <DateBox sheet item input kind="time" /> }.into_any(),
        InputKind::Int | InputKind::Minutes | InputKind::Decimal | InputKind::Percent => {
            view! { <NumberBox sheet item input /> }.into_any()
        }
    }
}

#[component]
fn NumberBox(sheet: Sheet, item: &'static Item, input: &'static Input) -> impl IntoView {
    let path = StoredValue::new(format!("{}/{}", item.code, input.suffix));
    let value = Memo::new(move |_| path.with_value(|path| sheet.text(path)));
    let whole = counts_things(&input.kind);
    let node = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        let text = value.get();
        let Some(node) = node.get() else { return };
        // In a box that is being typed in, this is what was typed. What another person wrote shows at once, so that nobody
        // replaces what they did not see.
        if node.value() != text {
            node.set_value(&text);
        }
    });
    let step = move |by: i64| {
        let next = match value.get_untracked().parse::<i64>() {
            Ok(now) => (now + by).max(0),
            Err(_) => by.max(0),
        };
        if let Some(node) = node.get_untracked() {
            node.set_value(&next.to_string());
        }
        path.with_value(|path| sheet.write(item, path, Value::Int(next)));
    };
    let stepper = move |by: i64, mark: Icon, key: &'static str| {
        view! {
            <button
                type="button"
                aria-label=move || {
                    let what = say(&input.label);
                    if key == "less" { t_args("form.less", &[("what", &what)]) } else { t_args("form.more", &[("what", &what)]) }
                }
                disabled=move || sheet.read_only.get()
                on:click=move |_| step(by)
            >
                {icon(mark)}
            </button>
        }
    };
    view! {
        <div class="stepper" class:plain=!whole>
            {whole.then(|| stepper(-1, Icon::NotApplicable, "less"))}
            <input
                node_ref=node
                type="text"
                inputmode=if whole { "numeric" } else { "decimal" }
                autocomplete="off"
                aria-label=move || input_label(input)
                data-field=path.get_value()
                prop:readOnly=move || sheet.read_only.get()
                on:focus=move |_| sheet.stand_at(&item.code)
                on:input=move |event| {
                    let typed = number_typed(&event_target_value(&event), whole);
                    path.with_value(|path| sheet.type_text(path, typed));
                }
                on:blur=move |_| sheet.settle(item)
                on:keydown=move |event| {
                    if event.key() == "Enter" {
                        sheet.settle(item);
                    }
                }
            /> {whole.then(|| stepper(1, Icon::Plus, "more"))}
        </div>
    }
}

#[component]
fn DateBox(sheet: Sheet, item: &'static Item, input: &'static Input, kind: &'static str) -> impl IntoView {
    let path = StoredValue::new(format!("{}/{}", item.code, input.suffix));
    let value = Memo::new(move |_| path.with_value(|path| sheet.text(path)));
    view! {
        <input
            class="box date"
            type=kind
            aria-label=move || input_label(input)
            data-field=path.get_value()
            prop:value=move || value.get()
            prop:readOnly=move || sheet.read_only.get()
            on:change=move |event| {
                let typed = event_target_value(&event);
                let typed = if typed.is_empty() { Value::Null } else { Value::Text(typed) };
                path.with_value(|path| sheet.write(item, path, typed));
            }
        />
    }
}

/// "持证在岗" with its unit, and before it the school band that it is asked for, as the box is called.
pub fn input_label(input: &Input) -> String {
    let (label, unit) = (say(&input.label), say(&input.unit));
    let label = match input.band {
        Some(band) => join_dots([option_word("school", "bands", band), label]),
        None => label,
    };
    if unit.is_empty() {
        label
    } else {
        t_args("form.label_unit", &[("label", &label), ("unit", &unit)])
    }
}

fn counts_things(kind: &InputKind) -> bool {
    matches!(kind, InputKind::Int | InputKind::Minutes)
}

// What cannot be read as a number is kept as it was typed: the sheet says so, and nothing is lost.
fn number_typed(typed: &str, whole: bool) -> Value {
    let text: String = typed.trim().chars().map(half_width).collect();
    if text.is_empty() {
        return Value::Null;
    }
    match text.parse::<i64>() {
        Ok(number) if whole => Value::Int(number),
        _ => Value::Text(text),
    }
}

// Chinese keyboards offer full-width digits first.
fn half_width(character: char) -> char {
    match character {
        '０'..='９' => char::from_u32(character as u32 - '０' as u32 + '0' as u32).unwrap_or(character),
        '．' | '。' => '.',
        '－' => '-',
        _ => character,
    }
}

/// A box with a tick for each of several choices.
#[component]
pub fn TickBox(
    #[prop(into)] label: Signal<String>,
    #[prop(into)] on: Signal<bool>,
    #[prop(into)] on_set: Callback<bool>,
    #[prop(optional, into)] read_only: Signal<bool>,
) -> impl IntoView {
    view! {
        <label class="tick">
            <input
                type="checkbox"
                prop:checked=move || on.get()
                disabled=move || read_only.get()
                on:change=move |event| {
                    let ticked = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok()).is_some_and(|input| input.checked());
                    on_set.run(ticked);
                }
            />
            <span>{move || label.get()}</span>
        </label>
    }
}

/// The words of an item's limit: "应 ≥ 2 人".
pub fn should_be(limit: &str, op: catalog::Op, unit: &str) -> String {
    if limit == "0" && op == catalog::Op::AtMost {
        return t("threshold.must_be_zero");
    }
    t_args(
        "threshold.should",
        &[("op", &op.sign()), ("limit", &limit), ("unit", &unit)],
    )
}
