//! Chinese and English at a tap, on the phone and at the desk, without losing the place.

use catalog::Lang;

use crate::inspector::Inspector;
use crate::stage::Stage;
use crate::words::{item_title, word};

#[tokio::test]
async fn the_language_changes_at_once_and_the_place_stays() {
    let stage = Stage::set().await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.answer("SF2.3", "yes").await;
    let phone = &inspector.phone;
    assert!(
        phone
            .text("[id='SF2.3']")
            .await
            .contains(item_title(Lang::ZhCn, "SF2.3"))
    );

    phone.tap("[data-testid=to-visit], .bar a.iconbtn").await;
    phone.tap("nav.nav a[href='/me']").await;
    phone.tap("label[lang=en]").await;
    phone.wait("English", "document.documentElement.lang === 'en'").await;
    phone.read(word(Lang::En, "me.language")).await;
    phone.tap("nav.nav a[href='/today']").await;
    phone.tap("[data-testid=resume-card]").await;
    inspector.is_at("SF2.3").await;
    let item = phone.text("[id='SF2.3']").await;
    assert!(item.contains(item_title(Lang::En, "SF2.3")), "{item}");
    phone.see("[id='SF2.3'] [data-answer=yes][aria-checked=true]").await;
    phone.reload().await;
    inspector.is_at("SF2.3").await;
    phone
        .wait("English after a reload", "document.documentElement.lang === 'en'")
        .await;
    inspector.is_synced().await;
    inspector.is_content().await;

    let desk = stage.desk("/results?rows=visits").await;
    let place = desk.place().await;
    desk.read(word(Lang::ZhCn, "results.visits")).await;
    desk.tap(".rail-foot .linkbtn").await;
    desk.read(word(Lang::En, "results.visits")).await;
    assert_eq!(desk.place().await, place);
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}
