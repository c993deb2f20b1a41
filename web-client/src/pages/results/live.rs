//! The report, asked for again whenever the office's data changed; what is on the screen stays until the new one is here.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::report::Report;
use crate::components::error_words;
use crate::i18n::{self, t, t_args};
use crate::session::use_session;

/// A report that keeps itself fresh.
#[derive(Clone, Copy)]
pub struct Live {
    pub report: RwSignal<Option<Report>>,
    pub error: RwSignal<Option<String>>,
    /// What arrived last, in words' parts: school and state of the visit.
    just_in: RwSignal<Option<(String, bool)>>,
}

/// Asks for a month's report now and after each change.
pub fn use_live(month: Memo<String>) -> Live {
    let session = use_session();
    let live = Live {
        report: RwSignal::new(None),
        error: RwSignal::new(None),
        just_in: RwSignal::new(None),
    };
    // Answers may overtake each other: only the newest question's answer is shown.
    let asked = StoredValue::new(0_u64);
    Effect::new(move |_| {
        session.pokes();
        let month = month.get();
        let mine = asked.with_value(|asked| asked + 1);
        asked.set_value(mine);
        spawn_local(async move {
            let answer = session.get::<Report>(&format!("/api/v1/results?month={month}")).await;
            if asked.try_get_value() != Some(mine) {
                return;
            }
            match answer {
                Ok(report) => live.show(report),
                Err(error) => live.error.set(Some(error_words(&error))),
            }
        });
    });
    live
}

impl Live {
    /// Whether there is a report at all; before that, a nought would be a lie. Tracked.
    pub fn is_here(self) -> bool {
        self.report.with(Option::is_some)
    }

    /// The words that a report backs, nothing before there is one; tracked.
    pub fn once_here(self, words: String) -> String {
        if self.is_here() { words } else { String::new() }
    }

    fn show(self, mut report: Report) {
        report.zones.sort_by_cached_key(|zone| i18n::name_key(&zone.name));
        report.schools.sort_by_cached_key(|school| i18n::name_key(&school.name));
        let news = self
            .report
            .with_untracked(|before| before.as_ref().and_then(|before| newcomer(before, &report)));
        if news.is_some() {
            self.just_in.set(news);
        }
        self.error.set(None);
        self.report.set(Some(report));
    }
}

// The newest visit that is new or moved since the report before, of the same month.
fn newcomer(before: &Report, now: &Report) -> Option<(String, bool)> {
    if before.month != now.month {
        return None;
    }
    let changed = now
        .visits
        .iter()
        .filter(|visit| before.visits.iter().find(|known| known.id == visit.id) != Some(visit));
    let newest = changed.max_by(|a, b| a.came_ms().total_cmp(&b.came_ms()))?;
    let school = now.schools.iter().find(|school| school.id == newest.school)?;
    Some((school.name.clone(), newest.submitted()))
}

/// "实时·截至 14:32:05·刚收到：第二中学".
#[component]
pub fn LiveLine(live: Live) -> impl IntoView {
    let session = use_session();
    let as_of = move || {
        live.report.with(|report| {
            report
                .as_ref()
                .map(|report| i18n::time_with_seconds(i18n::ms_of(&report.as_of)))
        })
    };
    view! {
        <p class="live q" role="status" data-testid="live">
            {move || if session.online() {
                view! { <span class="pulse" aria-hidden="true"></span> <span>{t("results.live")}</span> }.into_any()
            } else {
                view! { <span class="pulse off" aria-hidden="true"></span> <span>{t("results.not_live")}</span> }.into_any()
            }}
            {move || as_of().map(|time| view! { <span class="as-of">{t("results.as_of")} " " <b>{time}</b></span> })}
            {move || live.just_in.get().map(|(school, submitted)| {
                let words = if submitted { t_args("results.just_submitted", &[("school", &school)]) } else { t_args("results.just_changed", &[("school", &school)]) };
                view! { <span class="just-in">{words}</span> }
            })}
        </p>
    }
}
