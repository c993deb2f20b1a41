//! The phone's copy is changed behind the program's back: it is noticed, mended and counted, and unsent work is untouched.

use serde_json::json;
use tests::browser::{PATIENCE, poll};

use crate::disk;
use crate::inspector::Inspector;
use crate::stage::Stage;

#[tokio::test]
async fn a_damaged_copy_is_mended_counted_and_told_to_the_office() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive_rested(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.is_synced().await;
    inspector.lose_network().await;
    inspector.answer("SF1.1", "yes").await;
    inspector.has_pending(1).await;
    let id = stage.school().to_string();
    let name_on_disk = async |inspector: &Inspector| {
        let records = inspector.stored("record").await;
        let school = records
            .into_iter()
            .find(|record| record["id"] == id.as_str())
            .expect("the school");
        school["fields"]["name"]["w"][0].clone()
    };
    let whole = name_on_disk(&inspector).await;
    // A write is swapped for one that the office never saw.
    let mut rows = disk::rows(&inspector.phone, &inspector.person, "record").await;
    let (key, school) = rows.iter_mut().find(|(key, _)| *key == id).expect("the school");
    school["fields"]["name"]["w"][0]["v"] = json!("不知哪来的名字");
    school["fields"]["name"]["w"][0]["d"] = json!(format!("{}.0", "0".repeat(32)));
    disk::put(&inspector.phone, &inspector.person, "record", key, school).await;
    inspector.restart().await;
    inspector.phone.go("/schools").await;
    inspector.phone.read("不知哪来的名字").await;

    inspector.regain_network().await;
    inspector.is_synced().await;
    inspector.phone.read("示例第 1 小学").await;
    let mended = poll(PATIENCE, async || {
        (name_on_disk(&inspector).await == whole).then_some(())
    })
    .await;
    mended.expect("the disk has what the office has");
    inspector.phone.go("/sync").await;
    inspector.phone.see("[data-testid=mended][data-times='1']").await;
    // Counted on the phone for good, and told to the office once.
    inspector.restart().await;
    inspector.phone.go("/sync").await;
    inspector.phone.see("[data-testid=mended][data-times='1']").await;
    let told = poll(PATIENCE, async || (stage.mended().await == 1).then_some(())).await;
    told.expect("the office knows");
    inspector.is_content().await;
}
