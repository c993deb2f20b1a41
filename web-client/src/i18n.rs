//! Words, dates and numbers in the reader's language. The catalogues are part of the program, so they work offline.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

use js_sys::{Array, Date, Object, Reflect};
use serde::Deserialize;
use web_sys::wasm_bindgen::JsValue;

use crate::prefs::{self, Locale};

/// One sentence, or one for each plural form of its `n`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    One(String),
    Plural(HashMap<String, String>),
}

type Words = HashMap<String, Entry>;

static ZH_CN: LazyLock<Words> = LazyLock::new(|| read(include_str!("../locales/zh-CN.json")));
static EN: LazyLock<Words> = LazyLock::new(|| read(include_str!("../locales/en.json")));

fn read(json: &str) -> Words {
    serde_json::from_str(json).unwrap_or_default()
}

fn words(locale: Locale) -> &'static Words {
    match locale {
        Locale::ZhCn => &ZH_CN,
        Locale::En => &EN,
    }
}

/// The sentence for `key`; tracked by language. An unknown key shows itself.
pub fn t(key: &str) -> String {
    t_args(key, &[])
}

/// The sentence for `key` with its `{name}` places filled; the argument `n` chooses the plural form.
pub fn t_args(key: &str, args: &[(&str, &dyn Display)]) -> String {
    let locale = prefs::locale();
    let Some(entry) = words(locale).get(key) else {
        return key.to_owned();
    };
    let mut text = match entry {
        Entry::One(text) => text.clone(),
        Entry::Plural(forms) => plural_form(locale, forms, args).to_owned(),
    };
    for (name, value) in args {
        text = text.replace(&format!("{{{name}}}"), &value.to_string());
    }
    text
}

/// Whether the catalogue knows `key`: for codes that come from elsewhere.
pub fn knows(key: &str) -> bool {
    words(prefs::locale()).contains_key(key)
}

fn plural_form<'a>(locale: Locale, forms: &'a HashMap<String, String>, args: &[(&str, &dyn Display)]) -> &'a str {
    let n = args
        .iter()
        .find(|(name, _)| *name == "n")
        .and_then(|(_, value)| value.to_string().parse::<f64>().ok());
    let category = n.map_or_else(|| "other".to_owned(), |n| plural_category(locale, n));
    forms
        .get(&category)
        .or_else(|| forms.get("other"))
        .map_or("", String::as_str)
}

fn plural_category(locale: Locale, n: f64) -> String {
    let rules = js_sys::Intl::PluralRules::new(&tags(locale), &Object::new());
    rules.select(n).as_string().unwrap_or_else(|| "other".to_owned())
}

/// The catalog's side of the language.
pub fn lang() -> catalog::Lang {
    match prefs::locale() {
        Locale::ZhCn => catalog::Lang::ZhCn,
        Locale::En => catalog::Lang::En,
    }
}

/// A catalog text in the reader's language; tracked.
pub fn say(text: &catalog::Text) -> String {
    text.get(lang()).to_owned()
}

/// "·" joins facts on one line; English sets it off with spaces.
pub fn join_dots(parts: impl IntoIterator<Item = String>) -> String {
    let dot = match prefs::locale() {
        Locale::ZhCn => "·",
        Locale::En => " · ",
    };
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(dot)
}

/// Joins clauses of one sentence.
pub fn join_clauses(parts: impl IntoIterator<Item = String>) -> String {
    let comma = match prefs::locale() {
        Locale::ZhCn => "，",
        Locale::En => ", ",
    };
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(comma)
}

/// Joins whole sentences.
pub fn join_sentences(parts: impl IntoIterator<Item = String>) -> String {
    let space = match prefs::locale() {
        Locale::ZhCn => "",
        Locale::En => " ",
    };
    parts.into_iter().collect::<Vec<_>>().join(space)
}

/// What names are sorted by: 第二 comes before 第三 and 第十, which by code points it does not.
pub fn name_key(name: &str) -> String {
    let digit = |letter: char| {
        "一二三四五六七八九十"
            .chars()
            .zip('1'..)
            .find(|(zh, _)| *zh == letter)
            .map(|(_, digit)| digit)
    };
    name.chars().map(|letter| digit(letter).unwrap_or(letter)).collect()
}

/// Joins a list of things of one kind.
pub fn join_list(parts: impl IntoIterator<Item = String>) -> String {
    let comma = match prefs::locale() {
        Locale::ZhCn => "、",
        Locale::En => ", ",
    };
    parts.into_iter().collect::<Vec<_>>().join(comma)
}

/// A whole number with the language's grouping.
pub fn number(n: i64) -> String {
    let locale = prefs::locale();
    let format = js_sys::Intl::NumberFormat::new(&tags(locale), &Object::new());
    format
        .format()
        .call1(&JsValue::UNDEFINED, &JsValue::from_f64(n as f64))
        .ok()
        .and_then(|text| text.as_string())
        .unwrap_or_else(|| n.to_string())
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Style {
    Day,
    DayWithWeekday,
    DayWithYear,
    Month,
    MonthWithYear,
    Time,
    TimeWithSeconds,
}

impl Style {
    fn options(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Day => &[("month", "short"), ("day", "numeric")],
            Self::DayWithWeekday => &[("month", "short"), ("day", "numeric"), ("weekday", "long")],
            Self::DayWithYear => &[("year", "numeric"), ("month", "short"), ("day", "numeric")],
            Self::Month => &[("month", "short")],
            Self::MonthWithYear => &[("year", "numeric"), ("month", "short")],
            Self::Time => &[("hour", "2-digit"), ("minute", "2-digit"), ("hourCycle", "h23")],
            Self::TimeWithSeconds => &[
                ("hour", "2-digit"),
                ("minute", "2-digit"),
                ("second", "2-digit"),
                ("hourCycle", "h23"),
            ],
        }
    }
}

thread_local! {
    // Making a formatter costs far more than using it, and a table asks hundreds of times.
    static FORMATS: RefCell<HashMap<(Locale, Style), js_sys::Function>> = RefCell::default();
}

fn format_date(ms: f64, style: Style) -> String {
    let locale = prefs::locale();
    if !ms.is_finite() {
        return String::new();
    }
    let format = FORMATS.with_borrow_mut(|formats| {
        formats
            .entry((locale, style))
            .or_insert_with(|| formatter(locale, style))
            .clone()
    });
    format
        .call1(&JsValue::UNDEFINED, &Date::new(&JsValue::from_f64(ms)))
        .ok()
        .and_then(|text| text.as_string())
        .unwrap_or_default()
}

fn formatter(locale: Locale, style: Style) -> js_sys::Function {
    let options = Object::new();
    for (name, value) in style.options() {
        let _ = Reflect::set(&options, &JsValue::from_str(name), &JsValue::from_str(value));
    }
    js_sys::Intl::DateTimeFormat::new(&date_tags(locale), &options).format()
}

fn tags(locale: Locale) -> Array {
    Array::of1(&JsValue::from_str(locale.tag()))
}

// "18 Nov", not "Nov 18": the order the printed forms use.
fn date_tags(locale: Locale) -> Array {
    Array::of1(&JsValue::from_str(match locale {
        Locale::ZhCn => "zh-CN",
        Locale::En => "en-GB",
    }))
}

/// Milliseconds since 1970 of an RFC 3339 time, or of local midnight of a `YYYY-MM-DD`; `NaN` when it is neither.
pub fn ms_of(text: &str) -> f64 {
    if text.len() == 10 {
        Date::parse(&format!("{text}T00:00:00"))
    } else {
        Date::parse(text)
    }
}

/// "11月18日" · "18 Nov".
pub fn day(ms: f64) -> String {
    format_date(ms, Style::Day)
}
/// "11月18日 星期三" · "Wednesday, 18 Nov".
pub fn day_and_weekday(ms: f64) -> String {
    format_date(ms, Style::DayWithWeekday)
}
/// "2026年11月18日" · "18 Nov 2026".
pub fn day_and_year(ms: f64) -> String {
    format_date(ms, Style::DayWithYear)
}
/// "10:12", the device's local time.
pub fn time(ms: f64) -> String {
    format_date(ms, Style::Time)
}
/// "14:32:05".
pub fn time_with_seconds(ms: f64) -> String {
    format_date(ms, Style::TimeWithSeconds)
}
/// "10:12" today, "11月18日 10:12" on another day.
pub fn moment(ms: f64) -> String {
    if today_is(ms) {
        time(ms)
    } else {
        format!("{} {}", day(ms), time(ms))
    }
}
/// "11月" · "Nov" for `YYYY-MM`.
pub fn month(code: &str) -> String {
    format_date(ms_of(&format!("{code}-01")), Style::Month)
}
/// "2026年11月" · "Nov 2026" for `YYYY-MM`.
pub fn month_and_year(code: &str) -> String {
    format_date(ms_of(&format!("{code}-01")), Style::MonthWithYear)
}

/// `YYYY-MM-DD` of now on this device.
pub fn today_code() -> String {
    day_code(Date::now())
}

/// `YYYY-MM-DD` of a moment, in the device's zone.
pub fn day_code(ms: f64) -> String {
    let date = Date::new(&JsValue::from_f64(ms));
    format!(
        "{:04}-{:02}-{:02}",
        date.get_full_year(),
        date.get_month() + 1,
        date.get_date()
    )
}

fn today_is(ms: f64) -> bool {
    day_code(ms) == today_code()
}

/// RFC 3339 with the device's offset: what a person would read off a watch, and still an instant.
pub fn now_rfc3339() -> String {
    let date = Date::new_0();
    let offset = -(date.get_timezone_offset() as i32);
    let sign = if offset < 0 { '-' } else { '+' };
    format!(
        "{}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        today_code(),
        date.get_hours(),
        date.get_minutes(),
        date.get_seconds(),
        offset.abs() / 60,
        offset.abs() % 60
    )
}
