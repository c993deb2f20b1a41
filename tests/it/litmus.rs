//! The litmus cases of field work (bar.md T12), each with the outcome its people expect, written as a sentence. L12, L13, L14 and L16 need a
//! browser and are in that ring.

use sync_protocol::{GroupKind, Phase, Value};
use tests::phone::{Phone, Visit};

use crate::sync::World;

/// A visit under way that both colleagues have.
async fn shared() -> (World, Phone, Phone, Visit) {
    let world = World::new().await;
    let (mut a, mut b) = (world.phone("zhang").await, world.phone("li").await);
    let at = a.start_visit(world.school_a);
    a.sync().await.unwrap();
    b.sync().await.unwrap();
    (world, a, b, at)
}

async fn both_sync(a: &mut Phone, b: &mut Phone) {
    for _ in 0..2 {
        a.sync().await.unwrap();
        b.sync().await.unwrap();
    }
}

fn values(phone: &Phone, at: &Visit, item: &str) -> Vec<String> {
    let view = phone.see(&at.response, item);
    let mut values: Vec<String> = view
        .values()
        .iter()
        .filter_map(Value::text)
        .map(str::to_owned)
        .collect();
    values.sort();
    values
}

fn both_show(a: &Phone, b: &Phone, at: &Visit, item: &str, expected: &[&str]) {
    for phone in [a, b] {
        assert_eq!(values(phone, at, item), expected, "{item}");
    }
}

/// Both people's answers are there, each under its author, and nobody is asked anything.
#[tokio::test]
async fn l1_two_people_answer_different_items() {
    let (_world, mut a, mut b, at) = shared().await;
    a.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.2", "no");
    both_sync(&mut a, &mut b).await;
    both_show(&a, &b, &at, "SF1.1", &["yes"]);
    both_show(&a, &b, &at, "SF1.2", &["no"]);
}

/// Both values are kept and shown to both, until the lead decides.
#[tokio::test]
async fn l2_two_people_answer_one_item_differently() {
    let (_world, mut a, mut b, at) = shared().await;
    a.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.1", "no");
    both_sync(&mut a, &mut b).await;
    both_show(&a, &b, &at, "SF1.1", &["no", "yes"]);
    a.settle(&at, "SF1.1", "no", "李看得对");
    both_sync(&mut a, &mut b).await;
    both_show(&a, &b, &at, "SF1.1", &["no"]);
}

/// Agreement is no conflict.
#[tokio::test]
async fn l3_two_people_give_one_item_the_same_answer() {
    let (_world, mut a, mut b, at) = shared().await;
    a.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.1", "yes");
    both_sync(&mut a, &mut b).await;
    assert!(!a.see(&at.response, "SF1.1").conflict());
}

/// The chain replaces what its author saw; the edit in between, which they had not seen, stays beside it.
#[tokio::test]
async fn l4_an_offline_chain_meets_somebodys_edit() {
    let (_world, mut a, mut b, at) = shared().await;
    a.answer(&at, "SF1.1", "yes");
    both_sync(&mut a, &mut b).await;
    a.answer(&at, "SF1.1", "na");
    a.answer(&at, "SF1.1", "no");
    b.answer(&at, "SF1.1", "na");
    b.sync().await.unwrap();
    both_sync(&mut a, &mut b).await;
    both_show(&a, &b, &at, "SF1.1", &["na", "no"]);
}

/// Only the end of the chain is left.
#[tokio::test]
async fn l5_a_chain_arrives_reversed() {
    let (_world, mut a, mut b, at) = shared().await;
    for answer in ["yes", "no", "na"] {
        a.answer(&at, "SF1.1", answer);
    }
    let body = a.replica.next_push(a.now).unwrap().body;
    let lines: Vec<&str> = body.lines().collect();
    for line in lines[1..].iter().rev() {
        b.token.clone_from(&a.token);
        b.push_body(format!("{}\n{line}", lines[0])).await.unwrap();
    }
    a.sync().await.unwrap();
    assert_eq!(values(&a, &at, "SF1.1"), ["na"]);
}

/// Sent four times, it counts once.
#[tokio::test]
async fn l6_a_push_is_sent_again_three_times_after_a_timeout() {
    let (world, mut a, mut b, at) = shared().await;
    a.answer(&at, "SF1.1", "no");
    let before = world.count("SELECT count(*) FROM change_group").await;
    for _ in 0..4 {
        let _lost = a.push_once().await.unwrap();
    }
    both_sync(&mut a, &mut b).await;
    assert_eq!(world.count("SELECT count(*) FROM change_group").await, before + 1);
    both_show(&a, &b, &at, "SF1.1", &["no"]);
}

/// What the missing phone had synced is there; the other one fills the rest and submits.
#[tokio::test]
async fn l9_two_phones_fill_one_form_and_one_goes_missing() {
    let (world, mut a, mut b, at) = shared().await;
    b.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.2", "no");
    b.sync().await.unwrap();
    b.answer(&at, "SF1.3", "yes");
    drop(b);
    a.sync().await.unwrap();
    for (item, answer) in [("SF1.1", "yes"), ("SF1.2", "no")] {
        assert_eq!(values(&a, &at, item), [answer]);
    }
    a.command(&at, "feedback_given");
    a.command(&at, "submitted");
    a.sync().await.unwrap();
    assert_eq!(world.text("SELECT state FROM visit").await, "submitted");
}

/// In whatever order four phones come back, everybody sees the same in the end.
#[tokio::test]
async fn l10_all_orders_of_four_syncs_give_one_result() {
    let world = World::new().await;
    let mut begun = world.phone("zhang").await;
    let school = world.school_a;
    let mut phones = Vec::new();
    for who in ["zhang", "li", "zhang", "li"] {
        phones.push(world.phone(who).await);
    }
    for order in 0..24 {
        let at = begun.start_visit(school);
        begun.sync().await.unwrap();
        for (nth, phone) in phones.iter_mut().enumerate() {
            phone.sync().await.unwrap();
            phone.answer(&at, "SF1.1", ["yes", "no", "na", "no"][nth]);
        }
        let (mut left, mut rank): (Vec<usize>, usize) = ((0..4).collect(), order);
        while !left.is_empty() {
            let nth = left.remove(rank % left.len());
            rank /= left.len() + 1;
            phones[nth].sync().await.unwrap();
        }
        for phone in &mut phones {
            phone.sync().await.unwrap();
            assert_eq!(values(phone, &at, "SF1.1"), ["na", "no", "yes"], "order {order}");
        }
    }
}

/// A wrong clock loses nothing and wins nothing.
#[tokio::test]
async fn l11_a_clock_is_off_by_a_day_and_by_ten_years() {
    for off in [
        24 * 3_600_000,
        10 * 365 * 24 * 3_600_000,
        -10 * 365 * 24 * 3_600_000_i64,
    ] {
        let (_world, mut a, mut b, at) = shared().await;
        a.now += off;
        a.answer(&at, "SF1.1", "yes");
        b.answer(&at, "SF1.1", "no");
        a.answer(&at, "SF1.2", "yes");
        both_sync(&mut a, &mut b).await;
        both_show(&a, &b, &at, "SF1.1", &["no", "yes"]);
        both_show(&a, &b, &at, "SF1.2", &["yes"]);
    }
}

/// What it sends again counts once; what it does anew is its own.
#[tokio::test]
async fn l17_a_phone_restored_from_a_backup_sends_again() {
    let (world, mut a, mut b, at) = shared().await;
    a.answer(&at, "SF1.1", "no");
    let backup = a.disk.clone();
    a.answer(&at, "SF1.2", "no");
    a.sync().await.unwrap();
    let count = "SELECT count(*) FROM change_group";
    let before = world.count(count).await;
    a.disk = backup;
    a.restart();
    a.sync().await.unwrap();
    assert_eq!(world.count(count).await, before);
    a.answer(&at, "SF1.2", "yes");
    both_sync(&mut a, &mut b).await;
    both_show(&a, &b, &at, "SF1.1", &["no"]);
    both_show(&a, &b, &at, "SF1.2", &["yes"]);
}

/// Everything is taken, in pieces, and nothing is asked twice.
#[tokio::test]
async fn l18_five_thousand_answers_after_thirty_days_offline() {
    let world = World::new().await;
    let (mut a, mut b) = (world.phone("zhang").await, world.phone("li").await);
    a.sync().await.unwrap();
    a.now -= 30 * 24 * 3_600_000;
    let items = tests::phone::applicable_items();
    let mut answers = 0;
    let mut visits = Vec::new();
    while answers < 5_000 {
        let at = a.start_visit(world.school_a);
        for chunk in items.chunks(20) {
            let edits = chunk.iter().map(|item| a.edit(&at.response, item, "yes")).collect();
            a.change(&at.bucket, GroupKind::Edit, edits);
            answers += chunk.len();
        }
        visits.push(at);
    }
    a.now += 30 * 24 * 3_600_000;
    a.sync().await.unwrap();
    assert_eq!(
        a.replica
            .outbox()
            .filter(|(saved, _)| saved.phase == Phase::Frozen)
            .count(),
        0
    );
    b.sync().await.unwrap();
    for at in &visits {
        for item in &items {
            assert_eq!(values(&b, at, item), ["yes"]);
        }
    }
    assert_eq!(world.count("SELECT sum(answered) FROM response").await, answers as i64);
}

/// Whoever removes a visit has seen what was in it; a colleague's answer that they had not seen brings it back, visibly.
#[tokio::test]
async fn l7_a_removal_meets_an_edit() {
    let (world, mut a, mut b, at) = shared().await;
    a.remove(&at);
    b.answer(&at, "SF1.1", "no");
    a.sync().await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM visit WHERE removed").await, 1);
    both_sync(&mut a, &mut b).await;
    for phone in [&a, &b] {
        assert!(
            phone.replica.view(&at.visit).unwrap().is_removed(),
            "nobody has touched the visit itself"
        );
        assert!(
            !phone.replica.view(&at.response).unwrap().is_removed(),
            "but somebody has its sheet"
        );
    }
    both_show(&a, &b, &at, "SF1.1", &["no"]);
    // Seen and removed again: now it is gone for everybody.
    a.remove(&at);
    both_sync(&mut a, &mut b).await;
    assert!(b.replica.view(&at.response).unwrap().is_removed());
}

/// What is signed stays as it was signed; the late answer is kept beside it and changes no score.
#[tokio::test]
async fn l8_an_edit_meets_a_signature() {
    let (world, mut a, mut b, at) = shared().await;
    a.fill(&at, &[]);
    both_sync(&mut a, &mut b).await;
    a.command(&at, "feedback_given");
    a.submit(&at);
    // Li saw Zhang's answer and means to replace it, without knowing that it was signed meanwhile.
    b.answer(&at, "SF1.1", "no");
    both_sync(&mut a, &mut b).await;
    both_show(&a, &b, &at, "SF1.1", &["yes"]);
    for phone in [&a, &b] {
        let late = phone.see(&at.response, "SF1.1").late;
        assert_eq!(
            late.iter().map(|late| &late.value).collect::<Vec<_>>(),
            [&Value::from("no")]
        );
    }
    let open = world
        .count("SELECT count(*) FROM difference WHERE path = 'SF1.1' AND late")
        .await;
    assert_eq!(open, 1, "the office is told");
    let failed = world.count("SELECT cardinality(failed) FROM response").await;
    assert_eq!(failed, 0, "the score is that of what was signed");
    // The lead looks and amends: a new revision, and nothing is late any more.
    a.amend(&at, "SF1.1", "no", "李看得对");
    both_sync(&mut a, &mut b).await;
    both_show(&a, &b, &at, "SF1.1", &["no"]);
    assert!(a.see(&at.response, "SF1.1").late.is_empty());
    assert_eq!(world.count("SELECT cardinality(failed) FROM response").await, 1);
}
