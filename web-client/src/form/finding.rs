//! The finding under a "no": how grave it is, what the school must do and by when, whom to call.

use catalog::{Item, Severity};
use leptos::prelude::*;

use super::sheet::Sheet;
use crate::components::SeverityBadge;
use crate::i18n::{lang, say, t};
use crate::icons::{Icon, small};
use crate::pages::duty;
use crate::session::finding_id;

/// Shown while the item's finding stands.
#[component]
pub fn FindingCard(sheet: Sheet, item: &'static Item) -> impl IntoView {
    let session = sheet.session;
    let finding = StoredValue::new(finding_id(&sheet.response(), &item.code));
    let stands = Memo::new(move |_| {
        finding.with_value(|finding| {
            !session.field(finding, "item").text().is_empty() && !session.field(finding, "withdrawn").bool()
        })
    });
    let severity = Memo::new(move |_| {
        finding
            .with_value(|finding| Severity::from_code(session.field(finding, "severity").text()))
            .or(item.severity)
    });
    let office_phone = Memo::new(move |_| {
        duty::school_of(session, &sheet.visit())
            .map(|school| session.field(&school, "office_phone").text().to_owned())
            .filter(|phone| !phone.is_empty())
    });
    view! {
        <Show when=move || stands.get()>
            <div class="finding" data-finding=item.code.clone()>
                <div class="row wrap">
                    <b class="grow">{move || t("finding.made")}</b>
                    {move || severity.get().map(|severity| view! { <SeverityBadge severity /> })}
                </div>
                <p>{move || severity.get().map(|severity| severity.requirement(lang()))}</p>
                <Show when=move || !item.basis.is_empty()>
                    <p class="q xs">{move || t("finding.basis")} {move || say(&item.basis)}</p>
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
            </div>
        </Show>
    }
}
