//! A killed browser opened again with no server anywhere: how long until the door of the safe is on the screen, from the password to the
//! checklist, and until the checklist is back where the page is only loaded again.

use anyhow::Result;
use tests::browser::{Browser, View};
use tests::people::PASSWORD;
use tests::phone::Phone;
use tokio::runtime::Runtime;

use crate::figure::{Figure, median};
use crate::rig::Rig;

const STARTS: usize = 7;

/// When the last of the large parts was painted, in ms from the start of the navigation.
const PAINTED: &str = "return await new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime)) \
     .observe({ type: 'largest-contentful-paint', buffered: true }))";
/// From the tap that opens the safe to the checklist.
const UNLOCKED: &str = "const began = performance.now(); document.querySelector('[data-testid=unlock]').click();
     while (!document.querySelector(\"[id='SF1.1']\")?.checkVisibility()) await new Promise(requestAnimationFrame);
     return performance.now() - began";
const FIRST_PAINT: &str = "return performance.getEntriesByName('first-contentful-paint')[0].startTime";

pub fn measure(runtime: &Runtime) -> Result<Vec<Figure>> {
    let rig = Rig::start(runtime)?;
    let mut browser = runtime.block_on(fill_a_phone(&rig))?;
    drop(rig);
    let (mut door, mut opened, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    runtime.block_on(async {
        for _ in 0..STARTS {
            browser.kill();
            browser.reopen().await;
            browser.see("[data-testid=unlock-password]").await;
            door.push(browser.js::<f64>(FIRST_PAINT, &[]).await);
            browser.type_into("[data-testid=unlock-password]", PASSWORD).await;
            opened.push(browser.js_async::<f64>(UNLOCKED, &[]).await);
            browser.reload().await;
            browser.see("[id='SF1.1']").await;
            whole.push(browser.js_async::<f64>(PAINTED, &[]).await);
        }
    });
    runtime.block_on(async { drop(browser) });
    Ok(vec![
        Figure::new(
            "cold start",
            "offline, killed browser: first paint of the door",
            median(&door),
            "ms",
        ),
        Figure::new(
            "cold start",
            "offline, killed browser: from the password to the 79-item checklist",
            median(&opened),
            "ms",
        ),
        Figure::new(
            "cold start",
            "offline, loaded again: the 79-item checklist",
            median(&whole),
            "ms",
        )
        .goal("≤ 400 ms"),
    ])
}

/// A phone that has a visit under way, the checklist open, and everything it needs to start without a network.
async fn fill_a_phone(rig: &Rig) -> Result<Browser> {
    let district = &rig.district;
    let school = district.schools[0];
    describe_school(rig).await?;
    let browser = Browser::open(&rig.server.url, View::Phone).await;
    browser.go("/").await;
    browser.type_into("[data-testid=login]", &district.a.login).await;
    browser.type_into("[data-testid=password]", PASSWORD).await;
    browser.tap("[data-testid=sign-in]").await;
    browser.see_no("[data-testid=login]").await;
    browser
        .wait("the app on the phone", "navigator.serviceWorker.controller")
        .await;
    browser.go(&format!("/school/{school}")).await;
    browser.tap("[data-testid=start-visit]").await;
    browser.tap("[data-testid=open-checklist]").await;
    browser.tap("[id='SF1.1'] [data-answer=yes]").await;
    browser.see("[id='SF1.1'] [data-answer=yes][aria-checked=true]").await;
    Ok(browser)
}

async fn describe_school(rig: &Rig) -> Result<()> {
    let office = Phone::sign_in(&rig.server.url, &rig.district.coordinator.login, PASSWORD).await?;
    let group = tests::load::school_record(&office, rig.district.schools[0], "示例第 1 小学");
    tests::load::push_one(&office, &[group]).await?;
    Ok(())
}
