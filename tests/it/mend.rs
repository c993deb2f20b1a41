//! What differs is found and put right: a damaged phone, a colleague's lost phone after a restore, a record filed under the wrong school,
//! a duty that ended while its work was under way.

use serde_json::Value as Json;
use sync_protocol::{BucketId, Phase, Shown};
use tests::TestServer;
use tests::phone::{Phone, Visit, applicable_items, wire};
use tests::postgres::{Dump, empty_database};
use uuid::Uuid;

use crate::sync::World;

fn sees(phone: &Phone, at: &Visit, item: &str) -> Vec<String> {
    let siblings = phone.see(&at.response, item).siblings;
    siblings
        .iter()
        .map(|one| one.value.text().unwrap_or_default().to_owned())
        .collect()
}

/// Admits everything that is kept, each with one tap, until nothing more goes.
async fn admit_all(office: &Phone) -> usize {
    let mut admitted = 0;
    for _ in 0..3 {
        let (_, list) = office.get("quarantine").await.unwrap();
        for group in list["groups"].as_array().unwrap() {
            let path = format!("quarantine/{}/admit", group["id"].as_str().unwrap());
            let reply: Json = office
                .post(&path, "application/json", "")
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            admitted += usize::from(reply["outcome"] == "applied");
        }
    }
    admitted
}

async fn restored(world: World, copy: &Dump, phones: &mut [&mut Phone]) -> World {
    let school_a = world.school_a;
    let (old, district) = world.server.stop();
    let url = empty_database(&old).await;
    copy.restore(&url, false);
    let server = TestServer::start_over(url, district).await;
    for phone in phones {
        phone.base.clone_from(&server.url);
    }
    World { server, school_a }
}

#[tokio::test]
async fn a_record_edited_behind_the_programs_back_heals_and_nothing_else_is_fetched() {
    let d = World::new().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let mut visits = Vec::new();
    for _ in 0..40 {
        let at = zhang.start_visit(d.school_a);
        zhang.answer(&at, "SF1.1", "yes");
        visits.push(at);
    }
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    li.answer(&visits[3], "SF1.2", "no");

    let damaged = li.disk.records.get_mut(visits[7].response.as_str()).unwrap();
    damaged.state.fields.retain(|path, _| path.as_str() != "SF1.1");
    li.restart();
    assert!(sees(&li, &visits[7], "SF1.1").is_empty());
    // The walk over the tree names the one record.
    let asked = li.replica.next_pull(1 << 20);
    assert!(asked.mend.is_empty(), "what differs is not known yet");
    li.sync().await.unwrap();
    assert_eq!(sees(&li, &visits[7], "SF1.1"), ["yes"]);
    assert_eq!(sees(&li, &visits[3], "SF1.2"), ["no"], "unsent work was not touched");
    assert_eq!((li.replica.mismatches(), li.replica.mended()), (1, 1));
    let bucket = BucketId::school(&wire(d.school_a));
    assert_eq!(li.replica.counted_sum(&bucket), li.replica.buckets()[&bucket].sum);
}

#[tokio::test]
async fn the_digest_of_a_bucket_is_for_those_who_may_read_it() {
    let d = World::new().await;
    let mut zhang = d.phone("zhang").await;
    zhang.start_visit(d.school_a);
    zhang.sync().await.unwrap();
    let stranger = Phone::of(&d.server, &d.server.district.c).await;
    let ask = |bucket: String| format!(r#"{{"protocol":1,"bucket":"{bucket}","places":[""]}}"#);
    let school = format!("school/{}", d.school_a);
    let answer = async |phone: &Phone, body: String| {
        let reply = phone.post("sync/digest", "application/json", body).await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    let (status, text) = answer(&zhang, ask(school.clone())).await;
    assert_eq!(status, 200);
    assert!(text.contains("\"records\""), "{text}");
    assert_eq!(answer(&stranger, ask(school)).await.0, 404);
    assert_eq!(answer(&zhang, ask(format!("school/{}", Uuid::new_v4()))).await.0, 404);
    assert_eq!(
        answer(&zhang, r#"{"protocol":1,"bucket":"x","places":["zz"]}"#.into())
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn what_only_a_colleagues_screen_still_shows_comes_back_after_a_restore() {
    let d = World::new().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let at = zhang.start_visit(d.school_a);
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    let copy = Dump::of(&d.server.database_url);
    for item in ["SF2.1", "SF2.2"] {
        li.answer(&at, item, "no");
    }
    li.sync().await.unwrap();
    zhang.sync().await.unwrap();

    // Li's phone is lost with the newest copy of the database.
    let mut lost = li;
    let d = restored(d, &copy, &mut [&mut zhang, &mut lost]).await;
    zhang.sync().await.unwrap();
    assert_eq!(
        d.count("SELECT count(*) FROM change_group WHERE code = 'group.witness'")
            .await,
        2
    );
    let own = zhang.replica.outbox().count();
    assert_eq!(own, 0, "a copy is the office's business, not its carrier's");
    let office = d.phone("zhou").await;
    assert_eq!(admit_all(&office).await, 2);
    zhang.sync().await.unwrap();
    let view = zhang.see(&at.response, "SF2.1");
    assert_eq!(view.text(), "no");
    assert_eq!(
        view.siblings[0].author.as_str(),
        lost.person.to_string(),
        "it stays its author's"
    );

    // Found again, the phone brings the answers themselves: no conflict, no second copy.
    lost.sync().await.unwrap();
    zhang.sync().await.unwrap();
    for phone in [&zhang, &lost] {
        assert_eq!(phone.see(&at.response, "SF2.1").siblings.len(), 1);
    }
    assert_eq!(
        office.get("quarantine").await.unwrap().1["groups"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn a_copy_whose_write_came_by_itself_leaves_the_quarantine() {
    let d = World::new().await;
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let at = zhang.start_visit(d.school_a);
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    let copy = Dump::of(&d.server.database_url);
    li.answer(&at, "SF2.1", "no");
    li.sync().await.unwrap();
    zhang.sync().await.unwrap();
    let d = restored(d, &copy, &mut [&mut zhang, &mut li]).await;
    zhang.sync().await.unwrap();
    let office = d.phone("zhou").await;
    let waiting = async || {
        office.get("quarantine").await.unwrap().1["groups"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(waiting().await, 1);
    li.sync().await.unwrap();
    assert_eq!(waiting().await, 0, "nobody needs to decide about it any more");
    zhang.sync().await.unwrap();
    assert_eq!(sees(&zhang, &at, "SF2.1"), ["no"]);
}

#[tokio::test]
async fn a_visit_filed_under_the_wrong_school_moves_and_late_work_follows_it() {
    let d = World::new().await;
    let [right, wrong] = [d.server.district.schools[1], d.school_a];
    let (from, to) = (BucketId::school(&wire(wrong)), BucketId::school(&wire(right)));
    let (mut zhang, mut li) = (d.phone("zhang").await, d.phone("li").await);
    let mut office = d.phone("zhou").await;
    let at = zhang.start_visit(wrong);
    zhang.answer(&at, "SF1.1", "yes");
    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    // Li looks after the wrong school only, and answers without having heard of the move.
    li.answer(&at, "SF1.2", "no");

    let now = office.now;
    let both = [&at.visit, &at.response].map(|record| (record.clone(), Shown::nothing()));
    let stored = zhang.replica.relocate((&from, &to), both.to_vec(), now, 1);
    zhang.disk.write(stored);
    zhang.sync().await.unwrap();
    let refused = zhang
        .replica
        .outbox()
        .filter(|(saved, _)| matches!(saved.phase, Phase::Quarantined { .. }));
    assert_eq!(refused.count(), 1, "a supervisor may ask, the office moves");
    let stored = office.replica.relocate((&from, &to), both.to_vec(), now, 2);
    office.disk.write(stored);
    let reply = office.push_once().await.unwrap().unwrap();
    assert!(
        matches!(reply.outcomes[0].kind, sync_protocol::OutcomeKind::Applied { .. }),
        "{reply:?}"
    );

    zhang.sync().await.unwrap();
    li.sync().await.unwrap();
    assert_eq!(zhang.replica.bucket_of(&at.response), Some(to.clone()));
    assert_eq!(sees(&zhang, &at, "SF1.1"), ["yes"]);
    assert!(
        !li.replica.has_from_office(&at.response),
        "it is gone from the school it never belonged to"
    );
    for phone in [&zhang, &li] {
        for (bucket, mark) in phone.replica.buckets() {
            assert_eq!(phone.replica.counted_sum(bucket), mark.sum, "{bucket}");
        }
    }
    let school = format!("SELECT school_id FROM visit WHERE id = '{}'", at.visit);
    assert_eq!(d.text(&school).await, right.to_string(), "the office's rows follow");

    // What was on its way is kept, and with one tap follows the record to its school.
    let code = "SELECT code FROM change_group WHERE code = 'record.elsewhere'";
    assert_eq!(d.text(code).await, "record.elsewhere");
    admit_all(&office).await;
    zhang.sync().await.unwrap();
    assert_eq!(sees(&zhang, &at, "SF1.2"), ["no"]);

    // What happened at the wrong school is still told, and then the move and what followed it.
    let desk = d.server.sign_in(&d.server.district.coordinator).await;
    let history = desk.get(&format!("/api/v1/visits/{}/history", at.visit)).await.json();
    let fields: Vec<&str> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["field"].as_str().unwrap())
        .filter(|field| ["SF1.1", "SF1.2", "@bucket"].contains(field))
        .collect();
    assert_eq!(
        fields,
        ["SF1.1", "@bucket", "@bucket", "SF1.2"],
        "in the order of taking effect"
    );
    let mut conn = d.server.connect().await;
    assert_eq!(
        server::store::sync::verify_chains(&mut conn).await.unwrap().broken,
        [""; 0]
    );
}

#[tokio::test]
async fn a_disabled_persons_phone_may_still_hand_in_what_it_has() {
    for bar in [
        "UPDATE person SET status = 'disabled', stamp = stamp + 1 WHERE login = 'a'",
        "UPDATE device SET state = 'revoked' WHERE person_id = (SELECT id FROM person WHERE login = 'a')",
    ] {
        let d = World::new().await;
        let mut zhang = d.phone("zhang").await;
        zhang.sync().await.unwrap();
        let at = zhang.start_visit(d.school_a);
        zhang.answer(&at, "SF1.1", "no");
        d.server.execute(bar).await.unwrap();
        assert!(zhang.pull().await.is_err(), "nothing more is read");
        let reply = zhang.push_once().await.unwrap().unwrap();
        let stored = zhang.replica.handle_push_reply(&reply);
        zhang.disk.write(stored);
        assert_eq!(zhang.pending(), 0, "everything is out of its hands");
        let office = d.phone("zhou").await;
        assert_eq!(admit_all(&office).await, 2);
        let answer = "SELECT state->'SF1.1'->'w'->0->>'v' FROM record WHERE kind = 'response'";
        assert_eq!(d.text(answer).await, "no");
    }
}

#[tokio::test]
async fn a_hundred_groups_with_one_poisoned_among_them_ninety_nine_land() {
    let d = World::new().await;
    let mut zhang = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    for round in 0..98 {
        zhang.answer(&at, "SF1.1", ["yes", "no"][round % 2]);
        if round == 49 {
            let poison = zhang.edit(&at.visit, "visit_date", "the day before yesterday");
            zhang.change(&at.bucket, sync_protocol::GroupKind::Edit, vec![poison]);
        }
    }
    assert_eq!(zhang.pending(), 100);
    zhang.sync().await.unwrap();
    assert_eq!(
        d.count("SELECT count(*) FROM change_group WHERE outcome = 'applied'")
            .await,
        99
    );
    let left: Vec<_> = zhang.replica.outbox().collect();
    let [(saved, group)] = left[..] else {
        panic!("{} are left", left.len())
    };
    assert_eq!(
        saved.phase,
        Phase::Refused {
            code: "field.value".into()
        }
    );
    assert_eq!(group.ops[0].path().as_str(), "visit_date", "it is named");
    assert!(
        saved.line.contains("the day before yesterday"),
        "and its bytes are here to be exported"
    );
}

#[tokio::test]
async fn a_phone_away_for_thirty_days_comes_back_to_another_world_and_loses_nothing() {
    let d = World::new().await;
    let district = d.server.district.clone();
    let (mut a, mut b) = (d.phone("zhang").await, d.phone("li").await);
    a.sync().await.unwrap();
    a.now -= 30 * 24 * 3_600_000;
    let items = applicable_items();
    let (mut visits, mut answers) = (Vec::new(), 0);
    // A school that stays his, one that goes to another zone and person.
    for school in [district.schools[0], district.schools[1]].into_iter().cycle() {
        if answers >= 5_000 {
            break;
        }
        let at = a.start_visit(school);
        for item in &items {
            a.answer(&at, item, "yes");
        }
        answers += items.len();
        visits.push(at);
    }
    // One form was begun with a version that this office no longer knows.
    let old = a.edit(&visits[0].response, "version", 99);
    a.change(&visits[0].bucket, sync_protocol::GroupKind::Edit, vec![old]);
    let groups = a.pending();

    for change in [
        format!(
            "UPDATE school SET name = 'another name' WHERE id = '{}'",
            district.schools[0]
        ),
        format!(
            "UPDATE school SET zone_id = '{}' WHERE id = '{}'",
            district.zones[1], district.schools[1]
        ),
        format!(
            "UPDATE assignment SET from_date = '2020-01-01', to_date = '2020-12-31' WHERE school_id = '{}'",
            district.schools[1]
        ),
    ] {
        d.server.execute(&change).await.unwrap();
    }
    for _ in 0..20 {
        if a.sync().await.is_ok() && a.pending() == 0 {
            break;
        }
    }
    assert_eq!(a.pending(), 0);
    let logged = async |outcome: &str| {
        d.count(&format!(
            "SELECT count(*) FROM change_group WHERE outcome = '{outcome}'"
        ))
        .await
    };
    assert_eq!(logged("refused").await, 0);
    assert_eq!((logged("applied").await + logged("quarantined").await) as usize, groups);
    let to_other_school = visits.iter().filter(|at| at.bucket != visits[0].bucket).count();
    let expected = to_other_school * (items.len() + 1);
    assert_eq!(
        logged("quarantined").await as usize,
        expected,
        "what was for the other school is kept"
    );

    b.sync().await.unwrap();
    assert_eq!(sees(&b, &visits[0], &items[0]), ["yes"]);
    assert_eq!(
        b.see(&visits[0].response, "version").siblings[0].value,
        99.into(),
        "carried, though not known here"
    );
}
