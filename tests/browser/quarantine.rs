//! A duty ends while its work is still on the phone: the work reaches the office, waits there, and counts with one tap, or with one for all of it.

use catalog::Lang;

use crate::inspector::Inspector;
use crate::stage::Stage;
use crate::words::word;

#[tokio::test]
async fn work_of_an_ended_duty_is_kept_shown_to_the_office_and_admitted() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.b).await;
    inspector.lose_network().await;
    inspector.start_visit(stage.school()).await;
    inspector.answer("SF1.1", "yes").await;
    inspector.answer("SF1.2", "no").await;
    let end = "UPDATE assignment SET from_date = '2020-01-01', to_date = '2020-12-31'";
    stage.server.execute(end).await.unwrap();
    let desk = stage.desk("/today").await;
    desk.see("[data-testid=quarantine-row][data-count='0']").await;

    inspector.regain_network().await;
    inspector
        .phone
        .see("[data-testid=sync-badge][data-pending='0'][data-attention='3']")
        .await;
    inspector.phone.go("/sync").await;
    inspector.phone.see("[data-state='3']").await;
    inspector.phone.read(word(Lang::ZhCn, "refused.scope.denied")).await;

    desk.see("[data-testid=quarantine-row][data-count='3']").await;
    desk.tap("[data-testid=quarantine-row]").await;
    desk.see("[data-testid=kept][data-code='scope.denied']").await;
    desk.read("示例第 1 小学").await;
    let left = |left: u32| format!("document.querySelectorAll('[data-testid=kept]').length === {left}");
    desk.see("[data-testid=batch][data-count='3']").await;
    desk.tap("[data-testid=kept]:first-child [data-testid=admit]").await;
    desk.wait("the next one", &left(2)).await;
    // The rest is of one person and waits for one reason.
    desk.tap("[data-testid=batch][data-count='2'] [data-testid=admit-all]")
        .await;
    desk.wait("nothing left", &left(0)).await;
    desk.read(word(Lang::ZhCn, "quarantine.none_title")).await;

    inspector.phone.tap("[data-testid=sync-now]").await;
    inspector.is_synced().await;
    inspector.is_content().await;
}
