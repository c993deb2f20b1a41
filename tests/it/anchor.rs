//! The anchor that is kept elsewhere: a log that was rewritten together with its chain is found out by it, and by it alone.

use chrono::Utc;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use server::schema::change_group;
use server::store::anchor::{Anchor, missing, take};
use sync_protocol::GroupId;
use sync_protocol::office::Chain;
use tests::TestServer;
use tests::phone::{Phone, Visit};

async fn begun() -> (TestServer, Phone, Visit) {
    let server = TestServer::start().await;
    let mut phone = Phone::of(&server, &server.district.a).await;
    let at = phone.start_visit(server.district.schools[0]);
    for item in ["SF1.1", "SF1.2", "SF2.1"] {
        phone.answer(&at, item, "yes");
    }
    phone.sync().await.unwrap();
    (server, phone, at)
}

async fn anchored(server: &TestServer) -> Anchor {
    let taken = take(&mut server.connect().await, Utc::now()).await.unwrap();
    assert_eq!(taken.len(), 1, "a line a district");
    let line = taken[0].to_line();
    assert!(!line.contains('\n'));
    Anchor::read(&line).expect("a line that was just written")
}

async fn plain_verify(server: &TestServer) -> Vec<String> {
    server::store::sync::verify_chains(&mut server.connect().await)
        .await
        .unwrap()
        .broken
}

/// Somebody with the whole database changes one line and makes everything after it fit.
async fn rewrite(server: &TestServer, bucket: &str, change: i64) {
    let mut conn = server.connect().await;
    let rows: Vec<(Vec<u8>, i64, Vec<u8>)> = change_group::table
        .filter(change_group::bucket.eq(bucket))
        .filter(change_group::seq.is_not_null())
        .order(change_group::seq)
        .select((
            change_group::id,
            change_group::seq.assume_not_null(),
            change_group::bytes,
        ))
        .load(&mut conn)
        .await
        .unwrap();
    let mut chain = Chain::default();
    for (old, seq, bytes) in rows {
        let bytes = match seq == change {
            true => String::from_utf8(bytes)
                .unwrap()
                .replace("\"yes\"", "\"no\"")
                .into_bytes(),
            false => bytes,
        };
        let id = GroupId::of(&bytes);
        chain = chain.link(id, seq);
        diesel::sql_query("UPDATE change_group SET id = $1, bytes = $2, chain = $3 WHERE id = $4")
            .bind::<diesel::sql_types::Binary, _>(id.0.to_vec())
            .bind::<diesel::sql_types::Binary, _>(bytes)
            .bind::<diesel::sql_types::Binary, _>(chain.0.to_vec())
            .bind::<diesel::sql_types::Binary, _>(old)
            .execute(&mut conn)
            .await
            .unwrap();
    }
    diesel::sql_query("UPDATE bucket SET chain = $1 WHERE id = $2")
        .bind::<diesel::sql_types::Binary, _>(chain.0.to_vec())
        .bind::<diesel::sql_types::Text, _>(bucket)
        .execute(&mut conn)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_line_rewritten_with_its_chain_passes_plain_verify_and_is_named_by_the_anchor() {
    let (server, mut phone, at) = begun().await;
    let anchor = anchored(&server).await;
    // Honest work goes on after it was taken.
    phone.answer(&at, "SF3.4", "no");
    phone.sync().await.unwrap();
    let mut conn = server.connect().await;
    assert_eq!(missing(&mut conn, &anchor).await.unwrap(), [""; 0]);

    let bucket = server.district.bucket(0);
    rewrite(&server, &bucket, 2).await;
    assert_eq!(plain_verify(&server).await, [""; 0], "the chain fits again");
    let found = missing(&mut conn, &anchor).await.unwrap();
    assert!(
        found.len() == 1 && found[0].starts_with(&bucket) && found[0].contains("is not the one"),
        "{found:?}"
    );
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_named_by_the_anchor_and_so_is_the_audits() {
    let (server, ..) = begun().await;
    let office = server.sign_in(&server.district.coordinator).await;
    let body = serde_json::json!({"name": "更名", "password": tests::people::PASSWORD});
    let changed = office
        .post_json(&format!("/api/v1/people/{}", server.district.b.id), &body)
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let anchor = anchored(&server).await;
    let bucket = server.district.bucket(0);
    let sql = format!(
            "DELETE FROM change_group WHERE bucket = '{bucket}' AND seq = (SELECT head FROM bucket WHERE id = '{bucket}');
             UPDATE bucket b SET head = b.head - 1, chain = (SELECT g.chain FROM change_group g WHERE g.bucket = b.id AND g.seq = b.head - 1)
             WHERE id = '{bucket}';
             DELETE FROM audit_event; DELETE FROM audit_head"
        );
    tests::postgres::execute(&server.database_url, &sql).await.unwrap();
    let mut conn = server.connect().await;
    assert_eq!(plain_verify(&server).await, [""; 0]);
    assert!(server::store::audit::verify(&mut conn).await.unwrap().broken.is_empty());
    let found = missing(&mut conn, &anchor).await.unwrap();
    assert!(found.iter().all(|told| told.contains("is gone")), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with(&bucket) && found[1].starts_with("audit"),
        "{found:?}"
    );
}

#[tokio::test]
async fn the_office_carries_away_the_very_line_that_the_command_line_prints() {
    let (server, ..) = begun().await;
    let district = &server.district;
    let other = tests::District::create_named(&mut server.connect().await, "foreign")
        .await
        .unwrap();
    let office = server.sign_in(&district.coordinator).await;
    let before = office.get("/api/v1/audit/anchor").await.json();
    assert_eq!(before["audit"], Value::Null, "nothing is in the audit yet");
    let body = json!({"name": "更名", "password": tests::people::PASSWORD});
    let changed = office
        .post_json(&format!("/api/v1/people/{}", district.b.id), &body)
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);

    // An administrator reads no school's bucket, and gets the whole line all the same.
    for person in [&district.coordinator, &district.admin] {
        let told = server.sign_in(person).await.get("/api/v1/audit/anchor").await.json();
        let line = told["line"].as_str().expect("a line");
        let at: Value = serde_json::from_str(line).unwrap();
        let at = at["at"].as_str().unwrap().parse().unwrap();
        let printed = take(&mut server.connect().await, at).await.unwrap();
        assert_eq!(printed.len(), 2);
        assert_eq!(line, printed[0].to_line(), "{}", person.login);
        assert!(!line.contains(&other.schools[0].to_string()));
        let anchor = Anchor::read(line).expect("a whole line");
        assert!(line.contains(&district.bucket(0)), "{line}");
        let (seq, chain) = anchor.audit().expect("the audit's end");
        assert_eq!(told["audit"], json!({"seq": seq, "chain": chain}));
        assert_eq!(seq, 1);
        assert_eq!(missing(&mut server.connect().await, &anchor).await.unwrap(), [""; 0]);
    }
    for person in [&district.a, &district.zone_lead, &district.committee] {
        let reply = server.sign_in(person).await.get("/api/v1/audit/anchor").await;
        assert_eq!(reply.refusal(), (403, "forbidden".into()));
    }
}

#[tokio::test]
async fn an_anchor_that_was_changed_or_cut_is_none() {
    let (server, ..) = begun().await;
    let line = anchored(&server).await.to_line();
    assert!(Anchor::read(&line).is_some());
    for changed in [
        line.replacen("\"seq\":4", "\"seq\":3", 1),
        line.replacen("\"district\":\"demo\"", "\"district\":\"other\"", 1),
        line[..line.len() - 2].to_owned(),
        "{}".into(),
        String::new(),
    ] {
        assert!(changed != line && Anchor::read(&changed).is_none(), "{changed}");
    }
}
