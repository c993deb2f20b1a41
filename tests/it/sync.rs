//! Push and pull against a real server and Postgres: once, whole, in order, and to those who may.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use serde_json::Value as Json;
use sync_protocol::{GroupKind, Phase, Value};
use tests::TestServer;
use tests::phone::{Phone, Visit};
use uuid::Uuid;

/// A server and its district under the names of the stories: Zhang and Li look after the first school.
pub struct World {
    pub server: TestServer,
    pub school_a: Uuid,
}

async fn district() -> World {
    World::new().await
}

impl World {
    pub async fn new() -> Self {
        Self::of(TestServer::start().await)
    }

    /// The same over a database that is migrated and empty.
    pub async fn over(database_url: String) -> Self {
        Self::of(TestServer::start_in(database_url).await)
    }

    fn of(server: TestServer) -> Self {
        let school_a = server.district.schools[0];
        Self { server, school_a }
    }

    pub async fn phone(&self, who: &str) -> Phone {
        let people = &self.server.district;
        let person = match who {
            "zhang" => &people.a,
            "li" => &people.b,
            _ => &people.coordinator,
        };
        Phone::of(&self.server, person).await
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let sql = format!("SELECT q.n::bigint AS n FROM ({sql}) AS q(n)");
        let row: Row = diesel::sql_query(sql)
            .get_result(&mut self.server.connect().await)
            .await
            .unwrap();
        row.n
    }

    /// One text from the database.
    pub async fn text(&self, sql: &str) -> String {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            t: String,
        }
        let sql = format!("SELECT q.t::text AS t FROM ({sql}) AS q(t)");
        let row: Row = diesel::sql_query(sql)
            .get_result(&mut self.server.connect().await)
            .await
            .unwrap();
        row.t
    }
}

fn values(phone: &Phone, at: &Visit, path: &str) -> Vec<Value> {
    phone.see(&at.response, path).values()
}

#[tokio::test]
async fn an_answer_given_offline_reaches_another_phone() {
    let d = district().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let at = zhang.start_visit(d.school_a);
    zhang.answer(&at, "SF3.4", "no");
    assert_eq!(zhang.pending(), 2);

    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    assert_eq!(values(&li, &at, "SF3.4"), ["no".into()]);
    assert_eq!(zhang.pending(), 0);
    assert_eq!(
        zhang.disk.journal.len(),
        2,
        "what a checkpoint covers goes to the journal"
    );
}

#[tokio::test]
async fn a_group_pushed_five_times_and_from_two_phones_takes_effect_once() {
    let d = district().await;
    let mut zhang = d.phone("zhang").await;
    let other = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    zhang.answer(&at, "SF3.4", "no");
    let body = zhang.replica.next_push(zhang.now).unwrap().body;

    let mut seqs = Vec::new();
    for round in 0..6 {
        let sender = if round % 2 == 0 { &zhang } else { &other };
        let reply: Json = serde_json::to_value(sender.push_body(body.clone()).await.unwrap()).unwrap();
        let outcomes = reply["outcomes"].as_array().unwrap();
        let expected = if round == 0 { "applied" } else { "duplicate" };
        assert!(outcomes.iter().all(|outcome| outcome["outcome"] == expected), "{reply}");
        seqs.push(
            outcomes
                .iter()
                .map(|outcome| outcome["seq"].clone())
                .collect::<Vec<_>>(),
        );
    }
    seqs.dedup();
    assert_eq!(seqs.len(), 1, "every answer names the same change");
    assert_eq!(d.count("SELECT count(*) FROM change_group").await, 2);
    assert_eq!(d.count("SELECT head FROM bucket WHERE id LIKE 'school/%'").await, 2);
}

#[tokio::test]
async fn the_same_line_twice_in_one_push_takes_effect_once() {
    let d = district().await;
    let mut zhang = d.phone("zhang").await;
    zhang.start_visit(d.school_a);
    let body = zhang.replica.next_push(zhang.now).unwrap().body;
    let line = body.lines().nth(1).unwrap();
    let reply: Json = serde_json::to_value(zhang.push_body(format!("{body}\n{line}")).await.unwrap()).unwrap();
    let outcomes: Vec<&str> = reply["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["applied", "duplicate"]);
}

#[tokio::test]
async fn two_phones_answer_different_items_of_one_form_and_both_are_there() {
    let d = district().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let at = zhang.start_visit(d.school_a);
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();

    zhang.answer(&at, "SF3.4", "no");
    li.answer(&at, "SF4.1", "yes");
    for phone in [&mut li, &mut zhang] {
        phone.sync().await.unwrap();
    }
    li.sync().await.unwrap();
    for phone in [&zhang, &li] {
        assert_eq!(values(phone, &at, "SF3.4"), ["no".into()]);
        assert_eq!(values(phone, &at, "SF4.1"), ["yes".into()]);
    }
    assert_eq!(
        zhang.replica.counted_sum(&at.bucket),
        li.replica.counted_sum(&at.bucket)
    );
}

#[tokio::test]
async fn two_phones_answer_the_same_item_differently_and_both_values_stay() {
    let d = district().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let at = zhang.start_visit(d.school_a);
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();

    zhang.answer(&at, "SF3.1", "no");
    li.answer(&at, "SF3.1", "yes");
    for phone in [&mut zhang, &mut li] {
        phone.sync().await.unwrap();
    }
    zhang.sync().await.unwrap();
    for phone in [&zhang, &li] {
        assert_eq!(values(phone, &at, "SF3.1").len(), 2);
    }
    // The office sees both, with their authors, and counts the worse one meanwhile.
    let office = d.phone("coordinator").await;
    let (status, page) = office.get(&format!("visits/{}", at.visit)).await.unwrap();
    assert_eq!(status, 200);
    let response = page["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|record| record["id"] == at.response.as_str())
        .unwrap();
    let siblings = response["fields"]["SF3.1"]["w"].as_array().unwrap();
    let mut said: Vec<(&str, &str)> = siblings
        .iter()
        .map(|w| (w["a"].as_str().unwrap(), w["v"].as_str().unwrap()))
        .collect();
    said.sort_unstable();
    let mut expected = [(zhang.person.to_string(), "no"), (li.person.to_string(), "yes")];
    expected.sort_unstable();
    assert_eq!(
        said,
        expected
            .iter()
            .map(|(who, what)| (who.as_str(), *what))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        d.text("SELECT array_to_string(failed, ',') FROM response").await,
        "SF3.1"
    );
}

#[tokio::test]
async fn the_same_answer_of_two_people_is_agreement() {
    let d = district().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let at = zhang.start_visit(d.school_a);
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    for phone in [&mut zhang, &mut li] {
        phone.answer(&at, "SF3.1", "yes");
        phone.sync().await.unwrap();
    }
    zhang.sync().await.unwrap();
    assert!(!zhang.see(&at.response, "SF3.1").conflict());
    assert_eq!(
        zhang.see(&at.response, "SF3.1").siblings.len(),
        2,
        "both authors are recorded"
    );
    assert_eq!(d.count("SELECT conflicts FROM response").await, 0);
}

#[tokio::test]
async fn the_worked_check_scores_98_4_band_a_in_the_office() {
    let d = district().await;
    let mut zhang = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    zhang.fill(&at, &["SF3.4"]);
    zhang.sync().await.unwrap();
    assert_eq!(
        d.text("SELECT score || ' ' || band || ' ' || array_to_string(failed, ',') FROM response")
            .await,
        "98.4 A SF3.4"
    );
}

#[tokio::test]
async fn the_second_worked_check_scores_96_0_capped_at_band_d() {
    let d = district().await;
    let mut zhang = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    zhang.fill(&at, &["SF3.1"]);
    zhang.sync().await.unwrap();
    assert_eq!(d.text("SELECT score || ' ' || band FROM response").await, "96.0 D");
    assert_eq!(
        d.text("SELECT (caps -> 0)::text FROM response").await,
        r#"{"band": "D", "item": "SF3.1"}"#
    );
}

#[tokio::test]
async fn a_command_moves_the_visit_along_its_workflow_and_not_past_it() {
    let d = district().await;
    let mut zhang = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    zhang.command(&at, "submitted");
    zhang.command(&at, "feedback_given");
    zhang.sync().await.unwrap();
    let phases: Vec<Phase> = zhang.replica.outbox().map(|(saved, _)| saved.phase.clone()).collect();
    assert_eq!(
        phases,
        [Phase::Refused {
            code: "workflow.not_from_here".into()
        }]
    );
    assert_eq!(d.text("SELECT state FROM visit").await, "feedback_given");
}

#[tokio::test]
async fn a_refused_group_is_in_the_log_and_blocks_nothing() {
    let d = district().await;
    let mut zhang = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    for item in tests::phone::applicable_items().iter().take(20) {
        zhang.answer(&at, item, "yes");
    }
    let poison = zhang.edit(&at.response, "@kind", "visit");
    zhang.change(&at.bucket, GroupKind::Edit, vec![poison]);
    for item in tests::phone::applicable_items().iter().skip(20) {
        zhang.answer(&at, item, "yes");
    }
    let sent = zhang.pending() as i64;
    zhang.sync().await.unwrap();
    assert_eq!(zhang.pending(), 0);
    assert_eq!(
        d.count("SELECT count(*) FROM change_group WHERE outcome = 'applied'")
            .await,
        sent - 1
    );
    assert_eq!(
        d.text("SELECT code FROM change_group WHERE outcome = 'refused'").await,
        "record.kind_fixed"
    );
    assert_eq!(d.text("SELECT score::text FROM response").await, "100.0");
}

#[tokio::test]
async fn a_long_absence_comes_in_pages_and_ends_with_a_matching_sum() {
    let d = district().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    for _ in 0..12 {
        let at = zhang.start_visit(d.school_a);
        let edits: Vec<_> = (0..60).map(|n| (tests::phone::wire(uuid::Uuid::now_v7()), n)).collect();
        for (note, n) in edits {
            let new = |path: &str, value: Value| {
                sync_protocol::Edit::new(&note, path, value, sync_protocol::Shown::nothing())
            };
            let text = format!("第 {n} 条").into();
            let edits = vec![
                new("@kind", "feedback_note".into()),
                new("visit", at.visit.to_string().into()),
                new("note_kind", "highlight".into()),
                new("text", text),
            ];
            zhang.change(&at.bucket, GroupKind::Edit, edits);
        }
        zhang.sync().await.unwrap();
    }
    li.sync().await.unwrap();
    let bucket = sync_protocol::BucketId::school(&tests::phone::wire(d.school_a));
    assert_eq!(li.replica.record_ids().len(), zhang.replica.record_ids().len());
    assert_eq!(li.replica.counted_sum(&bucket), li.replica.buckets()[&bucket].sum);
    assert_eq!(li.replica.mismatches(), 0);
}

/// The simulator found it: the older change of a record that changed on both sides of a page's end was left out.
#[tokio::test]
async fn a_record_that_changed_before_and_after_the_end_of_a_page_comes_whole() {
    let d = district().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let at = zhang.start_visit(d.school_a);
    zhang.answer(&at, "SF1.1", "yes");
    for n in 0..620 {
        let note = tests::phone::wire(Uuid::now_v7());
        let new =
            |path: &str, value: Value| sync_protocol::Edit::new(&note, path, value, sync_protocol::Shown::nothing());
        let edits = vec![
            new("@kind", "feedback_note".into()),
            new("visit", at.visit.to_string().into()),
            new("note_kind", "highlight".into()),
            new("text", format!("第 {n} 条").into()),
        ];
        zhang.change(&at.bucket, GroupKind::Edit, edits);
    }
    zhang.answer(&at, "SF1.2", "no");
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    for (item, answer) in [("SF1.1", "yes"), ("SF1.2", "no")] {
        assert_eq!(li.see(&at.response, item).text(), answer);
    }
    assert_eq!(li.replica.mismatches(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_beside_writers_always_see_a_prefix_with_a_matching_sum() {
    let d = district().await;
    let mut zhang = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    zhang.sync().await.unwrap();
    let mut writers = Vec::new();
    for nth in 0..4 {
        let mut phone = d.phone(if nth % 2 == 0 { "zhang" } else { "li" }).await;
        let at = at.clone();
        writers.push(tokio::spawn(async move {
            phone.sync().await.unwrap();
            for round in 0..12 {
                let item = format!("SF{}.1", 1 + (round + nth) % 11);
                phone.answer(&at, &item, ["yes", "no", "na"][round % 3]);
                phone.push_once().await.unwrap();
                // The reply is lost now and then: the group goes out again with the next.
                if round % 4 != 0 {
                    phone.sync().await.unwrap();
                }
            }
            phone.sync().await.unwrap();
            phone
        }));
    }
    let mut reader = d.phone("li").await;
    for _ in 0..40 {
        // A pull that saw a gap, or rows of another moment than its head, would not match the checkpoint's sum.
        reader.pull().await.unwrap();
        assert_eq!(reader.replica.mismatches(), 0);
    }
    let mut phones = Vec::new();
    for writer in writers {
        phones.push(writer.await.unwrap());
    }
    let mut sums = Vec::new();
    for phone in &mut phones {
        phone.sync().await.unwrap();
        sums.push(phone.replica.counted_sum(&at.bucket));
    }
    reader.pull().await.unwrap();
    sums.dedup();
    assert_eq!(sums, [reader.replica.counted_sum(&at.bucket)]);
    let gaps = "SELECT head - (SELECT count(*) FROM change_group c WHERE c.bucket = b.id AND seq IS NOT NULL) FROM bucket b WHERE id LIKE 'school/%'";
    assert_eq!(d.count(gaps).await, 0);
}

#[tokio::test]
async fn a_lost_reply_is_made_good_by_the_next_pull_or_push() {
    let d = district().await;
    let mut zhang = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    zhang.answer(&at, "SF3.4", "no");
    zhang.push_once().await.unwrap();
    zhang.restart();
    assert_eq!(values(&zhang, &at, "SF3.4"), ["no".into()]);
    zhang.sync().await.unwrap();
    assert_eq!(values(&zhang, &at, "SF3.4"), ["no".into()]);
    assert_eq!((zhang.pending(), zhang.disk.journal.len()), (0, 2));
}

#[tokio::test]
async fn a_phone_whose_clock_is_ten_years_off_loses_nothing_and_wins_nothing() {
    let d = district().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    zhang.now += 10 * 365 * 86_400_000;
    let at = zhang.start_visit(d.school_a);
    zhang.answer(&at, "SF3.4", "no");
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    li.answer(&at, "SF3.4", "yes");
    li.sync().await.unwrap();
    zhang.sync().await.unwrap();
    assert_eq!(
        values(&zhang, &at, "SF3.4"),
        ["yes".into()],
        "who saw the other's answer replaces it, whatever the clocks say"
    );
}
