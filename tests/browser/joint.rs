//! Several people at one visit, each on a phone of their own: what differs is asked about, what does not is not, and whatever the
//! order in which the phones come back, everybody sees one record (litmus L1–L4 and L7–L10 in real browsers).

use std::path::PathBuf;

use catalog::Lang;
use serde_json::json;
use sync_protocol::{Edit, Shown};
use tests::browser::Browser;
use tests::people::assign;
use tests::phone::{Phone, Visit};
use uuid::Uuid;

use crate::inspector::{DURABLE, Inspector};
use crate::stage::Stage;
use crate::words::word;

/// Pictures of the way, when somebody wants to look: `DUXING_PICTURES` names a folder.
async fn picture(browser: &Browser, name: &str) {
    if let Ok(folder) = std::env::var("DUXING_PICTURES") {
        browser.still().await;
        browser
            .picture(&PathBuf::from(folder).join(format!("{name}.png")))
            .await;
    }
}

fn zh(key: &str) -> &'static str {
    word(Lang::ZhCn, key)
}

/// A visit that the lead began on another phone of theirs, with all members on it.
async fn begin(stage: &Stage, members: &[Uuid]) -> Visit {
    let mut lead = Phone::of(&stage.server, &stage.server.district.a).await;
    lead.sync().await.unwrap();
    let at = lead.start_visit(stage.school());
    let joined = members
        .iter()
        .map(|person| lead.edit(&at.visit, &format!("members/{person}"), "member"));
    let joined = joined.collect();
    lead.change(&at.bucket, sync_protocol::GroupKind::Edit, joined);
    lead.sync().await.unwrap();
    at
}

fn sheet(at: &Visit) -> String {
    format!("/visit/{}/checklist/{}", at.visit, at.response)
}

async fn open(inspector: &Inspector, at: &Visit) {
    inspector.phone.go(&sheet(at)).await;
    inspector.phone.see("[id='SF3.4']").await;
}

/// Who answered what on the screen: item, answer, and the line that names its author when it is not only mine.
async fn shown(inspector: &Inspector, items: &[&str]) -> Vec<(String, String, String)> {
    let read = "return arguments[0].map((id) => { const item = document.getElementById(id); return [id,
        item?.querySelector('[role=radio][aria-checked=true]')?.dataset.answer ?? '',
        item?.querySelector('[data-testid=by], [data-testid=arrived]')?.textContent ?? ''] })";
    inspector.phone.js(read, &[json!(items)]).await
}

async fn prompts(inspector: &Inspector) -> Vec<String> {
    let read =
        "return [...document.querySelectorAll('article.item .conflict')].map((block) => block.closest('article').id)";
    inspector.phone.js(read, &[]).await
}

#[tokio::test]
async fn three_phones_of_one_visit_come_back_in_all_six_orders_and_everybody_sees_one_record() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    assign(&mut stage.server.connect().await, people.id, &people.c, stage.school())
        .await
        .unwrap();
    let mut phones = [
        Inspector::arrive(&stage, &people.a).await,
        Inspector::arrive(&stage, &people.b).await,
        Inspector::arrive(&stage, &people.c).await,
    ];
    let items = ["SF1.1", "SF1.2", "SF2.1", "SF3.3", "SF3.4"];
    let mut first: Option<Vec<(String, String, String)>> = None;
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let at = begin(&stage, &[people.b.id, people.c.id]).await;
        for phone in &mut phones {
            phone.phone.reload().await;
            phone
                .phone
                .wait_for("the visit", "document.querySelector('.top')", &[])
                .await;
            phone.is_synced().await;
            open(phone, &at).await;
            phone.lose_network().await;
        }
        // Each their own items (L1), all the same on one (L3), and different words on one (L2).
        for (phone, own) in phones.iter().zip(["SF1.1", "SF1.2", "SF2.1"]) {
            phone.answer(own, "yes").await;
            phone.answer("SF3.3", "yes").await;
        }
        for (phone, word) in phones.iter().zip(["yes", "no", "yes"]) {
            phone.answer("SF3.4", word).await;
        }
        for at in order {
            phones[at].regain_network().await;
            phones[at].is_synced().await;
        }
        for phone in &phones {
            phone.phone.see("[id='SF3.4'] .conflict").await;
            let all = "arguments[0].every((id) => document.getElementById(id)?.querySelector('[role=radio][aria-checked=true]'))";
            phone.phone.wait_for("everybody's answers", all, &[json!(items)]).await;
            assert_eq!(
                prompts(phone).await,
                ["SF3.4"],
                "only what differs is asked about, in order {order:?}"
            );
        }
        let lead = shown(&phones[0], &items).await;
        let by = |at: usize| lead[at].2.as_str();
        assert!(
            by(0).is_empty() && by(1).contains("示例 b") && by(2).contains("示例 c"),
            "authorship by item: {lead:?}, in order {order:?}"
        );
        let answers = |seen: &[(String, String, String)]| {
            seen.iter()
                .map(|(item, answer, _)| (item.clone(), answer.clone()))
                .collect::<Vec<_>>()
        };
        for phone in &phones[1..] {
            assert_eq!(answers(&shown(phone, &items).await), answers(&lead), "order {order:?}");
        }
        let first = first.get_or_insert_with(|| lead.clone());
        assert_eq!(answers(first), answers(&lead), "one result whatever the order (L10)");
    }
    for phone in &phones {
        phone.is_content().await;
    }
}

#[tokio::test]
async fn a_difference_is_settled_by_the_lead_and_the_other_is_told() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let at = begin(&stage, &[people.b.id]).await;
    let mut lead = Inspector::arrive(&stage, &people.a).await;
    let mut member = Inspector::arrive(&stage, &people.b).await;
    open(&lead, &at).await;
    open(&member, &at).await;
    lead.lose_network().await;
    member.lose_network().await;
    lead.answer("SF3.4", "no").await;
    lead.explain(
        "SF3.4",
        [("note", "三楼应急灯不亮"), ("place", "三楼"), ("told", "示例主任")],
    )
    .await;
    member.answer("SF3.4", "yes").await;
    tokio::time::sleep(DURABLE).await;
    lead.regain_network().await;
    member.regain_network().await;
    lead.is_synced().await;
    member.is_synced().await;

    // The member sees both and may only change their own word.
    member.phone.see("[id='SF3.4'] .conflict").await;
    picture(&member.phone, "joint-1-member-form").await;
    member.phone.tap("[id='SF3.4'] [data-testid=to-difference]").await;
    member.phone.see("[data-testid=voice]").await;
    member.phone.read("示例 a").await;
    assert_eq!(member.phone.count("[data-testid=decide]").await, 0);
    picture(&member.phone, "joint-2-member-waits").await;
    // Whoever has the page open sees the outcome there; this one is elsewhere by then.
    member.phone.go("/schools").await;

    // The lead finds it on their day, reads who saw what, decides without a network.
    lead.lose_network().await;
    lead.phone.go("/today").await;
    picture(&lead.phone, "joint-3-today").await;
    lead.phone.tap("[data-testid=differences-card][data-mine='1']").await;
    lead.phone.see("[data-testid=difference]").await;
    picture(&lead.phone, "joint-4-inbox").await;
    lead.phone.tap("[data-testid=difference]").await;
    lead.phone.see("[data-testid=voice]").await;
    assert!(lead.phone.text("main").await.contains(zh("difference.you_lead")));
    lead.phone.see("[data-testid=decide][disabled]").await;
    lead.phone
        .tap(&format!("[data-testid=voice][data-author='{}']", people.a.id))
        .await;
    lead.phone.see("[data-testid=decide][disabled]").await;
    lead.phone.tap(".chipbtn").await;
    picture(&lead.phone, "joint-5-decide").await;
    lead.phone.tap("[data-testid=decide]").await;
    lead.phone.see("[data-testid=settled]").await;
    picture(&lead.phone, "joint-6-settled").await;
    lead.regain_network().await;
    lead.is_synced().await;

    // Whoever was not followed is told, with the reason, once.
    member.phone.go("/today").await;
    member.phone.see("[data-testid=differences-card][data-told='1']").await;
    picture(&member.phone, "joint-7-told").await;
    member.phone.tap("[data-testid=differences-card]").await;
    member.phone.tap("[data-testid=difference]").await;
    member.phone.see("[data-testid=settled]").await;
    let told = member.phone.text("[data-testid=settled]").await;
    assert!(
        told.contains(zh("difference.why_time")) && told.contains("示例 a"),
        "{told}"
    );
    picture(&member.phone, "joint-8-told-why").await;
    member.phone.go("/today").await;
    member.phone.see("main").await;
    member.phone.see_no("[data-testid=differences-card]").await;

    // The office reads the decision in the record, and the lead may take it back.
    lead.phone.tap("[data-testid=reopen]").await;
    lead.phone.see("[data-testid=voice]").await;
    lead.is_synced().await;
    member.phone.see("[data-testid=differences-card]").await;
    lead.is_content().await;
    member.is_content().await;
}

#[tokio::test]
async fn the_office_settles_a_difference_of_texts_by_keeping_both() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let at = begin(&stage, &[people.b.id]).await;
    let (mut a, mut b) = (
        Phone::of(&stage.server, &people.a).await,
        Phone::of(&stage.server, &people.b).await,
    );
    for phone in [&mut a, &mut b] {
        phone.sync().await.unwrap();
    }
    a.answer(&at, "SF3.4/note", "三楼东侧应急灯不亮，已告知");
    b.answer(&at, "SF3.4/note", "三楼西侧应急灯不亮，未告知");
    for phone in [&mut a, &mut b] {
        phone.sync().await.unwrap();
    }
    let desk = stage.desk("/today").await;
    desk.see("[data-testid=differences-row][data-count='1']").await;
    picture(&desk, "joint-desk-1-today").await;
    desk.tap("[data-testid=differences-row]").await;
    desk.see("[data-testid=differences] tbody tr").await;
    picture(&desk, "joint-desk-2-list").await;
    desk.tap("[data-testid=difference]").await;
    desk.see("[data-testid=voice] mark").await;
    picture(&desk, "joint-desk-3-words").await;
    desk.tap("[data-testid=keep-both]").await;
    desk.tap("[data-testid=decide]").await;
    desk.see("[data-testid=settled]").await;
    picture(&desk, "joint-desk-4-settled").await;
    a.sync().await.unwrap();
    let kept = a.see(&at.response, "SF3.4/note");
    assert!(
        !kept.conflict() && kept.text().contains("东侧") && kept.text().contains("西侧"),
        "{}",
        kept.text()
    );
    desk.go("/differences").await;
    desk.read(zh("differences.none_title")).await;
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}

#[tokio::test]
async fn a_colleagues_word_shows_at_once_marked_and_counts_as_seen_only_then() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let at = begin(&stage, &[people.b.id]).await;
    let phone = Inspector::arrive(&stage, &people.a).await;
    open(&phone, &at).await;
    let mut other = Phone::of(&stage.server, &people.b).await;
    other.sync().await.unwrap();

    // What has been read is replaced (L4).
    other.answer(&at, "SF3.3", "no");
    other.sync().await.unwrap();
    phone.phone.see("[id='SF3.3'] [data-testid=arrived]").await;
    picture(&phone.phone, "joint-arrived").await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    phone.answer("SF3.3", "yes").await;
    phone.is_synced().await;
    other.sync().await.unwrap();
    assert!(!other.see(&at.response, "SF3.3").conflict(), "seen and replaced");
    phone.phone.see_no("[id='SF3.3'] [data-testid=arrived]").await;

    // A tap in the very moment in which it appears is about what stood there before.
    let at_once = "new MutationObserver((_, seen) => { const item = document.getElementById('SF3.5');
        if (item.querySelector('[data-testid=arrived]')) { seen.disconnect(); item.querySelector('[data-answer=yes]').click(); } })
        .observe(document.getElementById('SF3.5'), { childList: true, subtree: true }); return true";
    phone.phone.js::<bool>(at_once, &[]).await;
    other.answer(&at, "SF3.5", "no");
    other.sync().await.unwrap();
    phone.phone.see("[id='SF3.5'] .conflict").await;
    phone.is_synced().await;
    other.sync().await.unwrap();
    assert!(
        other.see(&at.response, "SF3.5").conflict(),
        "nobody had time to read it: both are kept"
    );
    phone.is_content().await;
}

#[tokio::test]
async fn sections_are_taken_by_name_and_whoever_is_here_is_seen() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let at = begin(&stage, &[people.b.id]).await;
    let one = Inspector::arrive(&stage, &people.a).await;
    let two = Inspector::arrive(&stage, &people.b).await;
    for phone in [&one, &two] {
        open(phone, &at).await;
    }
    let section = one.phone.attribute("[data-claims]", "data-claims").await;
    one.phone.tap(&format!("[data-testid='claim-{section}']")).await;
    two.phone
        .wait_for(
            "the claim",
            "document.querySelector('[data-claims]').innerText.includes(arguments[0])",
            &[json!("示例 a")],
        )
        .await;
    two.phone.tap(&format!("[data-testid='claim-{section}']")).await;
    one.phone
        .wait_for(
            "the overlap",
            "document.querySelector('[data-claims] .warn')?.innerText.includes(arguments[0])",
            &[json!("示例 b")],
        )
        .await;
    picture(&one.phone, "joint-claims").await;
    assert_eq!(
        prompts(&one).await,
        Vec::<String>::new(),
        "two on one section is no conflict"
    );
    two.phone.see("[data-testid=presence]").await;
    assert!(two.phone.text("[data-testid=presence]").await.contains("示例 a"));
    one.is_content().await;
    two.is_content().await;
}

#[tokio::test]
async fn what_comes_after_the_signature_stands_beside_it_and_is_amended_with_a_reason() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let lead = Inspector::arrive(&stage, &people.a).await;
    lead.start_visit(stage.school()).await;
    let (visit, response) = lead.visit_and_response().await;
    for item in tests::phone::applicable_items() {
        lead.answer(&item, "yes").await;
    }
    lead.is_synced().await;
    let mut member = Inspector::arrive(&stage, &people.b).await;
    member.phone.go(&format!("/visit/{visit}/checklist/{response}")).await;
    member
        .phone
        .see("[id='SF5.1'] [data-answer=yes][aria-checked=true]")
        .await;
    member.lose_network().await;
    member.answer("SF5.1", "no").await;
    tokio::time::sleep(DURABLE).await;
    lead.finish().await;
    lead.phone.see("[data-testid=seal-fits]").await;
    picture(&lead.phone, "joint-sealed").await;
    lead.is_synced().await;
    member.regain_network().await;
    member.is_synced().await;

    // The member's phone says where their word is; the score is that of what was signed (L8).
    member.phone.see("[id='SF5.1'] .conflict").await;
    member
        .phone
        .see("[id='SF5.1'] [data-answer=yes][aria-checked=true]")
        .await;
    lead.phone.go("/today").await;
    lead.phone.tap("[data-testid=differences-card][data-mine='1']").await;
    lead.phone.tap("[data-testid=difference]").await;
    lead.phone.read(zh("difference.late")).await;
    picture(&lead.phone, "joint-late").await;
    lead.phone
        .tap(&format!("[data-testid=voice][data-author='{}']", people.b.id))
        .await;
    lead.phone.type_into("textarea[data-field=reason]", "李看得仔细").await;
    lead.phone.tap("[data-testid=decide]").await;
    lead.phone.see("[data-testid=settled]").await;
    lead.is_synced().await;
    lead.phone.go(&format!("/visit/{visit}")).await;
    lead.phone.see("[data-testid=seal-fits]").await;
    let seal = lead.phone.text("[data-testid=seal]").await;
    assert!(
        seal.contains("李看得仔细") && seal.contains('2'),
        "the second revision with its reason: {seal}"
    );
    // Any other answer of a signed sheet is amended in its place.
    lead.phone
        .go(&format!("/visit/{visit}/checklist/{response}#SF5.2"))
        .await;
    lead.phone.tap("[id='SF5.2'] [data-testid=amend]").await;
    lead.phone.tap("[id='SF5.2'] [data-amend=no]").await;
    lead.phone
        .type_into("[id='SF5.2'] textarea[data-field=amend-reason]", "复看照片")
        .await;
    picture(&lead.phone, "joint-amend").await;
    lead.phone.tap("[id='SF5.2'] [data-testid=amend-go]").await;
    lead.phone.see("[id='SF5.2'] [data-answer=no][aria-checked=true]").await;
    lead.is_synced().await;
    member
        .phone
        .see("[id='SF5.2'] [data-answer=no][aria-checked=true]")
        .await;
    lead.is_content().await;
    member.is_content().await;
}

#[tokio::test]
async fn a_visit_removed_by_mistake_comes_back_with_a_colleagues_answer() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let lead = Inspector::arrive(&stage, &people.a).await;
    lead.start_visit(stage.school()).await;
    let (visit, response) = lead.visit_and_response().await;
    lead.is_synced().await;
    let mut member = Inspector::arrive(&stage, &people.b).await;
    member.phone.go(&format!("/visit/{visit}/checklist/{response}")).await;
    member.phone.see("[id='SF3.4']").await;
    member.lose_network().await;
    member.answer("SF3.4", "no").await;
    tokio::time::sleep(DURABLE).await;

    lead.phone.go(&format!("/visit/{visit}")).await;
    lead.phone.tap("details.more > summary").await;
    lead.phone.tap("[data-testid=remove-visit]").await;
    picture(&lead.phone, "joint-remove").await;
    lead.phone.tap("[data-testid=remove-visit-go]").await;
    lead.phone.see("[data-testid=start-visit]").await;
    lead.is_synced().await;
    member.regain_network().await;
    member.is_synced().await;
    lead.phone.go(&format!("/visit/{visit}")).await;
    lead.phone.see("[data-testid=brought-back]").await;
    picture(&lead.phone, "joint-brought-back").await;
    lead.phone.tap("[data-testid=open-checklist]").await;
    lead.phone.see("[id='SF3.4'] [data-answer=no][aria-checked=true]").await;
    lead.is_content().await;
    member.is_content().await;
}

#[tokio::test]
async fn two_visits_of_one_day_are_pointed_out_and_linked_by_people() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let mut other = Phone::of(&stage.server, &people.b).await;
    other.sync().await.unwrap();
    let mut lead = Inspector::arrive(&stage, &people.a).await;
    lead.lose_network().await;
    lead.start_visit(stage.school()).await;
    let (visit, _) = lead.visit_and_response().await;
    lead.answer("SF3.4", "no").await;
    lead.explain(
        "SF3.4",
        [("note", "应急灯不亮"), ("place", "三楼东侧"), ("told", "示例主任")],
    )
    .await;
    let twin = other.start_visit(stage.school());
    other.answer(&twin, "SF1.1", "yes");
    let finding: sync_protocol::RecordId = Uuid::new_v4().to_string().parse().unwrap();
    let seen = [
        ("@kind", "finding"),
        ("item", "SF3.4"),
        ("severity", "L2"),
        ("title", "应急照明"),
        ("place", "三楼东侧楼梯"),
    ];
    let mut seen: Vec<Edit> = seen
        .iter()
        .map(|(path, value)| Edit::new(&finding, path, (*value).into(), Shown::nothing()))
        .collect();
    for (path, of) in [("visit", &twin.visit), ("response", &twin.response)] {
        seen.push(Edit::new(&finding, path, of.to_string().into(), Shown::nothing()));
    }
    other.change(&twin.bucket, sync_protocol::GroupKind::Edit, seen);
    other.sync().await.unwrap();
    lead.regain_network().await;
    lead.is_synced().await;
    lead.phone.go(&format!("/visit/{visit}")).await;
    lead.phone.see("[data-testid=twin]").await;
    picture(&lead.phone, "joint-twin").await;
    lead.phone.tap("[data-testid=twin-link]").await;
    lead.phone.see("[data-testid=twin-unlink]").await;
    // The same broken lamp, seen by both: a hint, and nothing that the program does by itself.
    lead.phone.tap("[data-testid=same-finding]").await;
    lead.phone.see("[data-testid=same-finding][aria-pressed=true]").await;
    picture(&lead.phone, "joint-twice").await;
    lead.is_synced().await;
    other.sync().await.unwrap();
    let visit: sync_protocol::RecordId = visit.to_string().parse().unwrap();
    assert_eq!(other.see(&visit, "same_as").text(), twin.visit.as_str());
    assert_eq!(other.see(&twin.response, "SF1.1").text(), "yes", "nothing was merged");
    lead.is_content().await;
}

/// L9: one of two phones that filled the same form is lost; what it had sent is there, nothing of the other's is missing.
#[tokio::test]
async fn of_two_phones_that_fill_one_form_one_goes_missing() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let at = begin(&stage, &[people.b.id]).await;
    let lead = Inspector::arrive(&stage, &people.a).await;
    let mut lost = Inspector::arrive(&stage, &people.b).await;
    open(&lead, &at).await;
    open(&lost, &at).await;
    lost.answer("SF1.1", "yes").await;
    lost.is_synced().await;
    lost.lose_network().await;
    lost.answer("SF1.2", "no").await;
    tokio::time::sleep(DURABLE).await;
    drop(lost);
    lead.answer("SF1.3", "yes").await;
    lead.is_synced().await;
    lead.phone
        .see("[id='SF1.1'] [data-answer=yes][aria-checked=true]")
        .await;
    lead.phone
        .see("[id='SF1.3'] [data-answer=yes][aria-checked=true]")
        .await;
    assert_eq!(prompts(&lead).await, Vec::<String>::new());
    lead.is_content().await;
}

#[tokio::test]
async fn a_visit_is_returned_put_right_signed_anew_and_reviewed() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let lead = Inspector::arrive(&stage, &people.a).await;
    lead.start_visit(stage.school()).await;
    let (visit, response) = lead.visit_and_response().await;
    for item in tests::phone::applicable_items() {
        lead.answer(&item, "yes").await;
    }
    lead.finish().await;
    lead.is_synced().await;

    let desk = stage.desk(&format!("/record/{visit}")).await;
    desk.see("[data-testid=seal-fits]").await;
    desk.see("[data-testid=validity]").await;
    picture(&desk, "joint-desk-5-record").await;
    desk.tap("[data-testid=return]").await;
    desk.see("[data-testid=review-go][disabled]").await;
    desk.type_into("textarea[data-field=review]", "请补二楼走廊").await;
    desk.tap("[data-testid=review-go]").await;

    lead.phone.see("[data-testid=returned]").await;
    assert!(lead.phone.text("[data-testid=returned]").await.contains("请补二楼走廊"));
    picture(&lead.phone, "joint-returned").await;
    lead.phone
        .go(&format!("/visit/{visit}/checklist/{response}#SF5.2"))
        .await;
    lead.phone.see("[id='SF5.2']").await;
    lead.answer("SF5.2", "na").await;
    lead.phone
        .type_into("textarea[data-field='SF5.2/na']", "二楼封闭")
        .await;
    lead.phone.go(&format!("/visit/{visit}")).await;
    lead.phone.tap("a[data-testid=submit]").await;
    lead.phone.tap("[data-testid=confirm-submit]").await;
    lead.phone.see("[data-testid=seal-fits]").await;
    lead.is_synced().await;

    desk.tap("[data-testid=review]").await;
    desk.type_into("textarea[data-field=review]", "同意").await;
    desk.tap("[data-testid=review-go]").await;
    desk.wait_for(
        "the reviewed state",
        "document.querySelector('.sealbar').innerText.includes(arguments[0])",
        &[json!("已审阅")],
    )
    .await;
    picture(&desk, "joint-desk-6-reviewed").await;
    lead.is_content().await;
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}

#[tokio::test]
async fn two_signatures_made_apart_become_one_by_the_leads_hand() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let mut first = Phone::of(&stage.server, &people.a).await;
    first.sync().await.unwrap();
    let at = first.start_visit(stage.school());
    first.answer(&at, "SF1.1", "yes");
    first.command(&at, "feedback_given");
    first.sync().await.unwrap();
    let mut second = Phone::of(&stage.server, &people.a).await;
    second.sync().await.unwrap();
    // What is signed twice alike is one signature; these two are not.
    second.answer(&at, "SF1.2", "yes");
    first.submit(&at);
    second.submit(&at);
    first.sync().await.unwrap();
    second.sync().await.unwrap();

    let lead = Inspector::arrive(&stage, &people.a).await;
    lead.phone.go("/today").await;
    lead.phone.tap("[data-testid=differences-card]").await;
    lead.phone.tap("[data-testid=difference]").await;
    lead.phone.tap("[data-testid=voice]").await;
    lead.phone
        .type_into("textarea[data-field=reason]", "两台手机各签了一次")
        .await;
    lead.phone.tap("[data-testid=decide]").await;
    lead.phone.see("[data-testid=settled]").await;
    lead.is_synced().await;
    lead.phone.go(&format!("/visit/{}", at.visit)).await;
    lead.phone.see("[data-testid=seal-fits]").await;
    first.sync().await.unwrap();
    assert_eq!(first.see(&at.visit, "seal").siblings.len(), 1);
    lead.is_content().await;
}

#[tokio::test]
async fn the_office_brings_an_earlier_value_back_with_a_reason() {
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    let mut lead = Phone::of(&stage.server, &people.a).await;
    lead.sync().await.unwrap();
    let at = lead.start_visit(stage.school());
    lead.answer(&at, "SF1.1", "yes");
    lead.sync().await.unwrap();
    lead.answer(&at, "SF1.1", "no");
    lead.sync().await.unwrap();
    let desk = stage.desk(&format!("/record/{}?tab=history", at.visit)).await;
    desk.see("[data-testid=actions] > li").await;
    // The action before the newest wrote the value that was replaced.
    desk.tap("[data-testid=actions] > li:nth-child(2) summary").await;
    desk.tap("[data-testid=restore]").await;
    desk.type_into("textarea[data-field=restore-reason]", "照片为证").await;
    picture(&desk, "joint-desk-7-restore").await;
    desk.tap("[data-testid=restore-go]").await;
    desk.wait_for(
        "the restored value",
        "document.querySelectorAll('[data-testid=actions] > li').length > 3",
        &[],
    )
    .await;
    lead.sync().await.unwrap();
    let now = lead.see(&at.response, "SF1.1");
    assert_eq!((now.text(), now.siblings.len()), ("yes", 1));
    assert_eq!(now.siblings[0].author.as_str(), people.coordinator.id.to_string());
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}
