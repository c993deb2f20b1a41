//! The frame of every page: top bar with the sync badge at its right end, the places to go, the one main button.

use leptos::html;
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_location;

use super::sync::{OfflineStrip, SyncBadge};
use crate::i18n::t;
use crate::icons::{Icon, icon};
use crate::pages::duty;
use crate::prefs::{locale, set_locale};
use crate::session::use_session;

/// One page. `back` is where the arrow leads; `under` hangs below the bar and stays in sight; `dock` is under the thumb.
#[component]
pub fn Screen(
    #[prop(into)] title: Signal<String>,
    /// What the browser's tab is called where the page's title names a school: tabs and their history are kept in the clear.
    #[prop(optional, into)]
    tab: MaybeProp<String>,
    #[prop(optional, into)] sub: MaybeProp<String>,
    #[prop(optional, into)] back: MaybeProp<String>,
    #[prop(optional, into)] tools: ViewFn,
    #[prop(optional, into)] under: ViewFn,
    #[prop(optional, into)] dock: ViewFn,
    #[prop(default = true)] nav: bool,
    #[prop(default = "")] class: &'static str,
    #[prop(optional, into)] on_scroll: Option<Callback<()>>,
    children: Children,
) -> impl IntoView {
    let content = NodeRef::<html::Main>::new();
    Effect::new(move |_| {
        document().set_title(&format!(
            "{} · {}",
            tab.get().unwrap_or_else(|| title.get()),
            t("app.name")
        ))
    });
    // A screen reader starts at the new page, which says its name, and the keys scroll it.
    Effect::new(move |_| {
        if let Some(content) = content.get() {
            let _ = content.focus();
        }
    });
    view! {
        <div class=format!("screen {class}")>
            <div class="top">
                <header class="bar" class:has-back=move || back.get().is_some()>
                    {move || match back.get() {
                        Some(to) => {
                            view! {
                                <A href=to attr:class="iconbtn" attr:aria-label=move || t("action.back")>
                                    {icon(Icon::Back)}
                                </A>
                            }
                                .into_any()
                        }
                        None => view! { <span class="seal" aria-hidden="true">{"督".to_owned()}</span> }.into_any(),
                    }} <div class="grow">
                        <h1 id="page-title">{move || title.get()}</h1>
                        {move || sub.get().filter(|sub| !sub.is_empty()).map(|sub| view! { <p class="sub">{sub}</p> })}
                    </div> {move || tools.run()} <SyncBadge />
                </header>
                <OfflineStrip />
                {move || under.run()}
            </div>
            // The content scrolls between bar and dock, so that neither ever hides what a finger or the focus is at.
            <main
                node_ref=content
                tabindex="-1"
                aria-labelledby="page-title"
                on:scroll=move |_| {
                    if let Some(on_scroll) = on_scroll {
                        on_scroll.run(());
                    }
                }
            >
                {children()}
            </main>
            <footer class="dock">{move || dock.run()} {nav.then(|| view! { <BottomBar /> })}</footer>
        </div>
    }
}

/// A place in the bottom bar or the rail.
#[derive(Clone, Copy)]
struct Place {
    to: &'static str,
    key: &'static str,
    mark: Icon,
}

const TODAY: Place = Place {
    to: "/today",
    key: "nav.today",
    mark: Icon::Today,
};
const SCHOOLS: Place = Place {
    to: "/schools",
    key: "nav.schools",
    mark: Icon::School,
};
const PROBLEMS: Place = Place {
    to: "/problems",
    key: "nav.problems",
    mark: Icon::Problem,
};
const VISITS: Place = Place {
    to: "/visits",
    key: "nav.visits",
    mark: Icon::Visit,
};
const RESULTS: Place = Place {
    to: "/results",
    key: "nav.results",
    mark: Icon::Results,
};
const TEMPLATES: Place = Place {
    to: "/templates",
    key: "nav.templates",
    mark: Icon::Note,
};
const PEOPLE: Place = Place {
    to: "/people",
    key: "nav.people",
    mark: Icon::People,
};
const ME: Place = Place {
    to: "/me",
    key: "nav.me",
    mark: Icon::Person,
};

fn nav_word(place: Place) -> String {
    match place.key {
        "nav.today" => t("nav.today"),
        "nav.schools" => t("nav.schools"),
        "nav.problems" => t("nav.problems"),
        "nav.visits" => t("nav.visits"),
        "nav.results" => t("nav.results"),
        "nav.people" => t("nav.people"),
        "nav.templates" => t("nav.templates"),
        _ => t("nav.me"),
    }
}

fn current(place: Place, path: &str) -> bool {
    path.starts_with(place.to)
        || (place.to == "/schools" && path.starts_with("/school/"))
        || (place.to == "/templates" && (path.starts_with("/template/") || path.starts_with("/limits")))
        || (place.to == "/visits" && path.starts_with("/record/"))
        || (place.to == "/today" && path.starts_with("/visit/"))
}

fn link(place: Place) -> impl IntoView {
    let location = use_location();
    view! {
        <a href=place.to aria-current=move || current(place, &location.pathname.get()).then_some("page")>
            {icon(place.mark)}
            <span>{move || nav_word(place)}</span>
        </a>
    }
}

#[component]
fn BottomBar() -> impl IntoView {
    let session = use_session();
    let office = Memo::new(move |_| duty::is_office(session));
    let places = move || {
        if office.get() {
            [TODAY, RESULTS, PROBLEMS, ME]
        } else {
            [TODAY, SCHOOLS, PROBLEMS, ME]
        }
    };
    view! {
        <nav class="nav" aria-label=move || t("nav.label")>
            {move || places().map(link).collect_view()}
        </nav>
    }
}

/// The left rail of the desk, for people of the office on a wide screen.
#[component]
pub fn Rail() -> impl IntoView {
    let session = use_session();
    let inspects = Memo::new(move |_| duty::inspects(session));
    let decides = Memo::new(move |_| duty::decides(session));
    let person = move || session.person();
    view! {
        <nav class="rail" aria-label=move || t("nav.label")>
            <div class="brand">
                <span class="seal" aria-hidden="true">{"督".to_owned()}</span>
                <span>
                    <b>{move || t("app.name")}</b>
                    <span class="q xs">{move || person().map(|person| person.district_name)}</span>
                </span>
            </div>
            {link(TODAY)}
            {link(VISITS)}
            {move || inspects.get().then(|| link(SCHOOLS))}
            {link(PROBLEMS)}
            {link(RESULTS)}
            {link(TEMPLATES)}
            {move || decides.get().then(|| link(PEOPLE))}
            {link(ME)}
            <div class="rail-foot q xs">
                <p>{move || person().map(|person| person.name)}</p>
                <p>
                    <button class="linkbtn" type="button" on:click=move |_| set_locale(locale().other())>
                        {move || locale().other().own_name()}
                    </button>
                    " · "
                    <kbd>{"?".to_owned()}</kbd>
                    " "
                    {move || t("keys.short")}
                </p>
            </div>
        </nav>
    }
}
