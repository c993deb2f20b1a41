//! The finding under a "no": how grave it is, what the school must do and by when, whom to call.

use catalog::{Severity, Text};
use leptos::prelude::*;
use sync_protocol::{Edit, GroupKind, RecordId, Value};

use super::inputs::TextBox;
use super::sheet::Sheet;
use crate::components::SeverityBadge;
use crate::i18n::{lang, say, t, t_args};
use crate::icons::{Icon, small};
use crate::pages::duty;
use crate::session::finding_id;

/// Shown while the finding stands, and when somebody dismissed it. `code` is an item's or a flag's.
#[component]
pub fn FindingCard(sheet: Sheet, code: &'static str, graded: Option<Severity>, basis: &'static Text) -> impl IntoView {
    let session = sheet.session;
    let finding = StoredValue::new(finding_id(&sheet.response(), code));
    let stands = Memo::new(move |_| {
        finding.with_value(|finding| {
            !session.field(finding, "item").text().is_empty() && !session.field(finding, "withdrawn").bool()
        })
    });
    let severity = Memo::new(move |_| {
        finding
            .with_value(|finding| Severity::from_code(session.field(finding, "severity").text()))
            .or(graded)
    });
    let office_phone = Memo::new(move |_| {
        duty::school_of(session, &sheet.visit())
            .map(|school| session.field(&school, "office_phone").text().to_owned())
            .filter(|phone| !phone.is_empty())
    });
    view! {
        <Show when=move || stands.get()>
            <div class="finding" data-finding=code>
                <div class="row wrap">
                    <b class="grow">{move || t("finding.made")}</b>
                    {move || severity.get().map(|severity| view! { <SeverityBadge severity /> })}
                </div>
                <p>{move || severity.get().map(|severity| severity.requirement(lang()))}</p>
                <Show when=move || !basis.is_empty()>
                    <p class="q xs">{move || t("finding.basis")} {move || say(basis)}</p>
                </Show>
                <Show when=move || severity.get() == Some(Severity::L4)>
                    <p class="row top q">
                        {small(Icon::Clock)} <span>{move || t("finding.report_soon")}</span>
                    </p>
                    {move || {
                        office_phone
                            .get()
                            .map(|phone| {
                                view! {
                                    <a class="btn" href=format!("tel:{phone}")>
                                        {small(Icon::Call)}
                                        <span>{move || t("finding.call_office")}</span>
                                    </a>
                                }
                            })
                    }}
                </Show>
                <Dismissal sheet finding />
            </div>
        </Show>
    }
}

/// Not a finding after all: with a reason, kept beside the answer, and taken back with one tap.
#[component]
fn Dismissal(sheet: Sheet, finding: StoredValue<RecordId>) -> impl IntoView {
    let session = sheet.session;
    let read = move |path: &str| finding.with_value(|finding| session.field(finding, path));
    let state = Memo::new(move |_| read("state").text().to_owned());
    let reason = Memo::new(move |_| read("dismissed_reason").text().to_owned());
    let asking = RwSignal::new(false);
    let edit = move |path: &str, value: Value| {
        let shown = untrack(|| read(path)).shown();
        finding.with_value(|finding| Edit::new(finding, path, value, shown))
    };
    let type_reason = move |text: String| session.type_text(&sheet.bucket(), edit("dismissed_reason", text.into()));
    let go_to = move |to: &str| {
        session.settle();
        session.change(&sheet.bucket(), GroupKind::Command, vec![edit("state", to.into())]);
        asking.set(false);
    };
    let may = move || !sheet.read_only.get() && matches!(state.get().as_str(), "" | "draft" | "void");
    view! {
        {move || (state.get() == "void").then(|| view! { <p class="row top" data-testid="dismissed">{small(Icon::Info)} <span>{t_args("finding.dismissed", &[("why", &reason.get())])}</span></p> })}
        <Show when=may>
            {move || match (state.get() == "void", asking.get()) {
                (true, _) => view! {
                    <button class="linkbtn sm" type="button" data-testid="take-up" on:click=move |_| go_to("draft")>{t("finding.take_up")}</button>
                }.into_any(),
                (false, false) => view! {
                    <button class="linkbtn sm" type="button" data-testid="dismiss" on:click=move |_| asking.set(true)>{t("finding.dismiss")}</button>
                }.into_any(),
                (false, true) => view! {
                    <TextBox
                        label=Signal::derive(|| t("finding.why"))
                        field=finding.with_value(|finding| format!("dismissed-{finding}"))
                        value=reason
                        rows=1
                        on_type=type_reason
                        on_leave=move |()| session.settle()
                        start_here=true
                    />
                    <div class="row wrap">
                        <button class="btn" type="button" data-testid="dismiss-go" disabled=move || reason.with(|reason| reason.trim().is_empty()) on:click=move |_| go_to("void")>
                            {t("finding.dismiss_go")}
                        </button>
                        <button class="linkbtn sm" type="button" on:click=move |_| asking.set(false)>{t("action.cancel")}</button>
                    </div>
                }.into_any(),
            }}
        </Show>
    }
}
