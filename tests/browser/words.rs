//! The client's own words, so that stories look for what the screen says in either language.

use std::sync::LazyLock;

use catalog::{Lang, catalog};
use serde_json::Value;

static ZH: LazyLock<Value> = LazyLock::new(|| parse(include_str!("../../web-client/locales/zh-CN.json")));
static EN: LazyLock<Value> = LazyLock::new(|| parse(include_str!("../../web-client/locales/en.json")));

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("a catalogue of words")
}

/// The words behind a key.
pub fn word(lang: Lang, key: &str) -> &'static str {
    let words = match lang {
        Lang::ZhCn => &*ZH,
        Lang::En => &*EN,
    };
    words[key].as_str().unwrap_or_else(|| panic!("no words for {key}"))
}

/// How the screen calls a band, by its code.
pub fn band(code: &str) -> &'static str {
    let checklist = catalog().latest("campus-safety").expect("a built-in checklist");
    let band = checklist
        .bands
        .iter()
        .find(|band| band.code == code)
        .expect("a band of the checklist");
    band.label.get(Lang::ZhCn)
}

/// The title of an item.
pub fn item_title(lang: Lang, code: &str) -> &'static str {
    let checklist = catalog().latest("campus-safety").expect("a built-in checklist");
    checklist.item(code).expect("an item of the checklist").title.get(lang)
}

/// How the screen calls a submitted visit.
pub fn submitted() -> &'static str {
    let workflow = catalog()
        .kind("visit")
        .and_then(|kind| kind.workflow.as_ref())
        .expect("a visit has states");
    let state = workflow
        .states
        .iter()
        .find(|state| state.code == "submitted")
        .expect("a visit can be submitted");
    state.label.get(Lang::ZhCn)
}
