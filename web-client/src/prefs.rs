//! How this reader wants the screens: language, light or dark, large print. Kept on this device only; it holds no work.

use std::thread::LocalKey;

use leptos::prelude::*;
use web_sys::wasm_bindgen::JsCast;

/// The languages every screen speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Locale {
    ZhCn,
    En,
}

impl Locale {
    /// The BCP 47 tag, for `<html lang>`, `Intl` and the stored choice.
    pub fn tag(self) -> &'static str {
        match self {
            Self::ZhCn => "zh-CN",
            Self::En => "en",
        }
    }
    /// Its own name, as its readers write it.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::ZhCn => "中文",
            Self::En => "English",
        }
    }
    pub fn other(self) -> Self {
        match self {
            Self::ZhCn => Self::En,
            Self::En => Self::ZhCn,
        }
    }
    fn from_tag(tag: &str) -> Self {
        if tag.starts_with("en") { Self::En } else { Self::ZhCn }
    }
}

/// Light, dark, or whatever the device says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theme {
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    pub fn code(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
    fn from_code(code: &str) -> Self {
        match code {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }
}

// These outlive every component: a reply that arrives after its page is gone may still ask for a word.
thread_local! {
    static LOCALE: ArcRwSignal<Locale> = ArcRwSignal::new(stored("duxing.locale").map_or(Locale::ZhCn, |tag| Locale::from_tag(&tag)));
    static THEME: ArcRwSignal<Theme> = ArcRwSignal::new(stored("duxing.theme").map_or(Theme::Auto, |code| Theme::from_code(&code)));
    static SENIOR: ArcRwSignal<bool> = ArcRwSignal::new(stored("duxing.senior").is_some_and(|flag| flag == "1"));
}

/// The language in force; tracked.
pub fn locale() -> Locale {
    read(&LOCALE)
}
/// The theme in force; tracked.
pub fn theme() -> Theme {
    read(&THEME)
}
/// Whether large print is on; tracked.
pub fn senior() -> bool {
    read(&SENIOR)
}

pub fn set_locale(locale: Locale) {
    store("duxing.locale", locale.tag());
    LOCALE.with(|signal| signal.set(locale));
    dress_page();
}
pub fn set_theme(theme: Theme) {
    store("duxing.theme", theme.code());
    THEME.with(|signal| signal.set(theme));
    dress_page();
}
pub fn set_senior(on: bool) {
    store("duxing.senior", if on { "1" } else { "0" });
    SENIOR.with(|signal| signal.set(on));
    dress_page();
}

/// Puts language, theme and print size on `<html>`; called once at the start and after each change.
pub fn dress_page() {
    let Some(root) = document().document_element() else {
        return;
    };
    let _ = root.set_attribute("lang", LOCALE.with(|signal| signal.get_untracked()).tag());
    match THEME.with(|signal| signal.get_untracked()) {
        Theme::Auto => drop(root.remove_attribute("data-theme")),
        chosen => drop(root.set_attribute("data-theme", chosen.code())),
    }
    let _ = root
        .class_list()
        .toggle_with_force("senior", SENIOR.with(|signal| signal.get_untracked()));
}

fn read<T: Copy + Send + Sync + 'static>(key: &'static LocalKey<ArcRwSignal<T>>) -> T {
    key.with(|signal| signal.get())
}

fn storage() -> Option<web_sys::Storage> {
    js_sys::global()
        .dyn_into::<web_sys::Window>()
        .ok()?
        .local_storage()
        .ok()?
}

fn stored(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

// A browser that refuses storage still shows the choice until it is closed.
fn store(key: &str, value: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(key, value);
    }
}
