//! The whole client: which page an address shows, and who may see it.

use leptos::prelude::*;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::hooks::{use_location, use_navigate};
use leptos_router::path;

use crate::components::Rail;
use crate::i18n::t;
use crate::pages::checklist::ChecklistPage;
use crate::pages::demanded::DemandedPage;
use crate::pages::difference::DifferencePage;
use crate::pages::differences::DifferencesPage;
use crate::pages::duty;
use crate::pages::enrol::EnrolPage;
use crate::pages::feedback::FeedbackPage;
use crate::pages::limits::LimitsPage;
use crate::pages::me::MePage;
use crate::pages::people::PeoplePage;
use crate::pages::print::PrintPage;
use crate::pages::problems::ProblemsPage;
use crate::pages::quarantine::QuarantinePage;
use crate::pages::record::RecordPage;
use crate::pages::results::{ResultsPage, VisitsPage};
use crate::pages::school::SchoolPage;
use crate::pages::schools::SchoolsPage;
use crate::pages::sign_in::SignInPage;
use crate::pages::submit::SubmitPage;
use crate::pages::sync::SyncPage;
use crate::pages::template::TemplatePage;
use crate::pages::templates::TemplatesPage;
use crate::pages::today::TodayPage;
use crate::pages::unlock::UnlockPage;
use crate::pages::visit::VisitPage;
use crate::prefs;
use crate::session::{Phase, use_session};

/// Where somebody with a link chooses a password, signed in or not.
const ENROL: &str = "/enrol";
/// Where work is recorded and handed in: no second factor is waited for there.
const NEVER_HELD: [&str; 3] = ["/visit/", "/sync", ENROL];

/// The root component; the session is in context.
#[component]
pub fn App() -> impl IntoView {
    prefs::dress_page();
    crate::known::begin();
    view! {
        <Router>
            <Frame />
        </Router>
    }
}

#[component]
fn Frame() -> impl IntoView {
    let session = use_session();
    let phase = Memo::new(move |_| session.phase());
    let path = use_location().pathname;
    let at_link = Memo::new(move |_| path.get() == ENROL);
    // Whoever is recording goes on; everything else waits for the second factor.
    let held = Memo::new(move |_| {
        session.factor_demanded() && path.with(|path| !NEVER_HELD.iter().any(|open| path.starts_with(open)))
    });
    let with_rail = Memo::new(move |_| phase.get() == Phase::Ready && duty::is_office(session) && !held.get());
    view! {
        <div class="frame" class:has-rail=move || with_rail.get() data-phase=move || phase_word(phase.get())>
            <Show when=move || with_rail.get()>
                <Rail />
            </Show>
            <Show
                when=move || phase.get() == Phase::Ready
                fallback=move || {
                    view! {
                        {move || match phase.get() {
                            Phase::SignedOut if at_link.get() => view! { <EnrolPage /> }.into_any(),
                            Phase::SignedOut => view! { <SignInPage /> }.into_any(),
                            Phase::Locked if at_link.get() => view! { <EnrolPage /> }.into_any(),
                            Phase::Locked => view! { <UnlockPage /> }.into_any(),
                            Phase::Outdated => view! { <Outdated /> }.into_any(),
                            Phase::Starting | Phase::Ready => view! { <Opening /> }.into_any(),
                        }}
                    }
                }
            >
                <Show when=move || !held.get() fallback=DemandedPage>
                    <Pages />
                </Show>
            </Show>
        </div>
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::SignedOut => "signed-out",
        Phase::Locked => "locked",
        Phase::Outdated => "outdated",
        Phase::Ready => "ready",
    }
}

/// While this device's own records are being opened; a blink.
#[component]
fn Opening() -> impl IntoView {
    view! {
        <main class="opening" aria-busy="true">
            <span class="seal" aria-hidden="true">{"督".to_owned()}</span>
            <p class="q">{move || t("app.opening")}</p>
        </main>
    }
}

/// A newer version of the app has taken over the storage in another tab. Nothing can be stored here, so nothing can be typed.
#[component]
fn Outdated() -> impl IntoView {
    view! {
        <main class="opening" data-testid="outdated">
            <span class="seal" aria-hidden="true">{"督".to_owned()}</span>
            <h1>{move || t("app.outdated")}</h1>
            <p class="q">{move || t("app.outdated_text")}</p>
            <button class="btn main" type="button" data-testid="load-anew" on:click=move |_| drop(window().location().reload())>
                {move || t("app.outdated_go")}
            </button>
        </main>
    }
}

#[component]
fn Pages() -> impl IntoView {
    view! {
        <Remember />
        <Routes fallback=Elsewhere>
            <Route path=path!("/signin") view=SignInAgain />
            <Route path=path!("/today") view=TodayPage />
            <Route path=path!("/schools") view=SchoolsPage />
            <Route path=path!("/school/:id") view=SchoolPage />
            <Route path=path!("/visit/:id") view=VisitPage />
            <Route path=path!("/visit/:id/checklist/:response") view=ChecklistPage />
            <Route path=path!("/visit/:id/print/:response") view=PrintPage />
            <Route path=path!("/visit/:id/feedback") view=FeedbackPage />
            <Route path=path!("/visit/:id/submit") view=SubmitPage />
            <Route path=path!("/problems") view=ProblemsPage />
            <Route path=path!("/me") view=MePage />
            <Route path=path!("/sync") view=SyncPage />
            <Route path=path!("/visits") view=VisitsPage />
            <Route path=path!("/results") view=ResultsPage />
            <Route path=path!("/record/:visit") view=RecordPage />
            <Route path=path!("/differences") view=DifferencesPage />
            <Route path=path!("/difference/:visit/:record") view=DifferencePage />
            <Route path=path!("/quarantine") view=QuarantinePage />
            <Route path=path!("/templates") view=TemplatesPage />
            <Route path=path!("/people") view=PeoplePage />
            <Route path=path!("/enrol") view=EnrolPage />
            <Route path=path!("/limits") view=LimitsPage />
            <Route path=path!("/template/:id") view=TemplatePage />
        </Routes>
    }
}

/// The bare address opens where the person was, and so does having signed in again; any unknown one opens today.
#[component]
fn Elsewhere() -> impl IntoView {
    let session = use_session();
    let path = use_location().pathname.get_untracked();
    let place = untrack(|| session.resume_place())
        .filter(|_| path == "/" || path == "/signin")
        .unwrap_or_else(|| "/today".to_owned());
    let navigate = use_navigate();
    Effect::new(move |_| {
        navigate(
            &place,
            leptos_router::NavigateOptions {
                replace: true,
                ..Default::default()
            },
        )
    });
    view! { <Opening /> }
}

/// Signing in again while the work goes on; afterwards the person is back at it.
#[component]
fn SignInAgain() -> impl IntoView {
    let session = use_session();
    view! {
        <Show when=move || session.must_sign_in_again() fallback=Elsewhere>
            <SignInPage />
        </Show>
    }
}

/// Keeps the last page for a restart. A checklist keeps its own place, down to the item.
#[component]
fn Remember() -> impl IntoView {
    let session = use_session();
    let location = use_location();
    Effect::new(move |_| {
        let path = location.pathname.get();
        if path != "/" && path != "/signin" && path != ENROL && !path.contains("/checklist/") {
            session.remember_place(&path);
        }
    });
}
