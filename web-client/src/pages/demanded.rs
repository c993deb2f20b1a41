//! In the place of the other pages for whoever must have a second factor and has none: how to set one up, and the way out.

use leptos::prelude::*;

use crate::components::Screen;
use crate::i18n::t;
use crate::icons::{Icon, small};
use crate::pages::me::{Leave, Passkeys, SecondFactor};

#[component]
pub fn DemandedPage() -> impl IntoView {
    view! {
        <Screen title=Signal::derive(|| t("demanded.title")) nav=false>
            <p class="notice" data-testid="demanded">{small(Icon::Lock)} <span>{move || t("demanded.text")}</span></p>
            <SecondFactor />
            <Passkeys />
            <Leave />
        </Screen>
    }
}
