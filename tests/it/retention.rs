//! What is old is thrown away, to the second, once a day however many instances there are, and told in the audit.

use chrono::{DateTime, Utc};
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use serde_json::{Value, json};
use server::retention::{Report, dry_run, run, run_once_today};
use tests::TestServer;
use tests::phone::Phone;
use uuid::Uuid;

const YEARS: u32 = 3;

/// Of each rule's table two rows that are old by a second and two that are young by a second.
async fn plant(server: &TestServer, now: DateTime<Utc>) {
    let (district, admin) = (server.district.id, server.district.admin.id);
    let gone = server.district.committee.id;
    let at = |interval: &str| format!("'{}'::timestamptz - interval '{interval}'", now.to_rfc3339());
    let session = |expires: &str, revoked: &str| {
        format!(
            "INSERT INTO session (district_id, family, person_id, device_id, expires_at, revoked_at)
             VALUES ('{district}', '{}', '{admin}', '{}', {expires}, {revoked});",
            Uuid::new_v4(),
            Uuid::new_v4()
        )
    };
    let (old, young) = (at("90 days 1 second"), at("90 days -1 second"));
    let mut sql = [
        session(&old, "NULL"),
        session("now()", &old),
        session(&young, "NULL"),
        session("now()", &young),
    ]
    .concat();
    for interval in ["1 day 1 second", "1 day 2 seconds", "1 day -1 second", "1 minute"] {
        sql += &format!(
            "INSERT INTO presence (district_id, visit_id, person_id, device_id, place, seen_at)
             VALUES ('{district}', '{}', '{admin}', '{admin}', 'SF1', {});",
            Uuid::new_v4(),
            at(interval)
        );
    }
    let people = server.district.everybody();
    for (nth, interval) in ["30 days 1 second", "31 days", "30 days -1 second", "-7 days"]
        .into_iter()
        .enumerate()
    {
        sql += &format!(
            "INSERT INTO enrolment VALUES ('{district}', '{}', decode(repeat('0{nth}', 32), 'hex'), {});",
            people[nth].id,
            at(interval)
        );
    }
    for person in [admin, gone, server.district.coordinator.id] {
        sql += &format!(
            "INSERT INTO second_factor (district_id, person_id, sealed) VALUES ('{district}', '{person}', decode(repeat('00', 49), 'hex'));
             INSERT INTO recovery_code SELECT '{district}', '{person}', decode(repeat(n, 32), 'hex') FROM unnest(ARRAY['01', '02']) n;"
        );
    }
    // Disabled for longer, disabled for less long, and not disabled at all.
    sql += &format!(
        "UPDATE person SET status = 'disabled' WHERE id IN ('{gone}', '{admin}');
         UPDATE person SET disabled_at = {} WHERE id = '{gone}';
         UPDATE person SET disabled_at = {} WHERE id = '{admin}';",
        at("180 days 1 second"),
        at("180 days -1 second")
    );
    for interval in ["3 years 1 second", "5 years", "3 years -1 second", "1 day"] {
        sql += &format!(
            "INSERT INTO complaint_identity VALUES ('{district}', '{}', '{}', NULL, 'x', {}, '{admin}');",
            Uuid::new_v4(),
            Uuid::new_v4(),
            at(interval)
        );
    }
    tests::postgres::execute(&server.database_url, &sql).await.unwrap();
}

async fn rows(server: &TestServer, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    let mut conn = server.connect().await;
    diesel::dsl::sql::<BigInt>(&sql).get_result(&mut conn).await.unwrap()
}

async fn all(server: &TestServer) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "session",
        "presence",
        "enrolment",
        "recovery_code",
        "complaint_identity",
    ] {
        counts.push(rows(server, table).await);
    }
    counts
}

async fn untouched(server: &TestServer) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "change_group",
        "record",
        "bucket",
        "visit",
        "response",
        "finding",
        "second_factor",
        "person",
        "device",
    ] {
        counts.push(rows(server, table).await);
    }
    counts
}

fn counted(report: &Report) -> Vec<(&str, u64)> {
    report.0.iter().map(|line| (line.rule, line.rows)).collect()
}

fn expected(rows: u64) -> Vec<(&'static str, u64)> {
    [
        "sessions",
        "presence",
        "links",
        "recovery_codes",
        "complaint_identities",
    ]
    .map(|rule| (rule, rows))
    .to_vec()
}

#[tokio::test]
async fn what_is_old_goes_to_the_second_and_nothing_of_log_records_and_audit() {
    let server = TestServer::start().await;
    let mut phone = Phone::of(&server, &server.district.a).await;
    let at = phone.start_visit(server.district.schools[0]);
    phone.answer(&at, "SF3.4", "no");
    phone.sync().await.unwrap();
    let office = server.sign_in(&server.district.coordinator).await;
    let now = Utc::now();
    plant(&server, now).await;
    let pool = server::db::connect(&server.database_url, 2).unwrap();
    let (before, kept) = (all(&server).await, untouched(&server).await);
    // Two live sign-ins beside the planted ones.
    assert_eq!(before, [6, 4, 4, 6, 4]);

    let dry = dry_run(&pool, now, YEARS).await.unwrap();
    assert_eq!(counted(&dry), expected(2));
    assert_eq!(
        (all(&server).await, rows(&server, "audit_event").await),
        (before, 0),
        "a dry run changes nothing"
    );

    let report = run(&pool, now, YEARS).await.unwrap();
    assert_eq!(report, dry);
    assert_eq!(all(&server).await, [4, 2, 2, 4, 2]);
    assert_eq!(untouched(&server).await, kept);
    let again = run(&pool, now, YEARS).await.unwrap();
    assert_eq!(counted(&again), expected(0));

    let events = office.get("/api/v1/audit").await.json()["events"].clone();
    let zeros =
        json!({"sessions": "0", "presence": "0", "links": "0", "recovery_codes": "0", "complaint_identities": "0"});
    assert_eq!(
        (&events[0]["what"], &events[0]["detail"]),
        (&json!("retention.run"), &zeros),
        "also when it was nothing"
    );
    assert_eq!(
        (&events[1]["detail"]["links"], &events[1]["actor_name"]),
        (&json!("2"), &Value::Null)
    );
    let mut conn = server.connect().await;
    assert!(server::store::audit::verify(&mut conn).await.unwrap().broken.is_empty());
    assert_eq!(office.pull(&[]).await.status, 200, "who is signed in stays so");
}

#[tokio::test]
async fn an_identity_told_within_a_year_stays_whatever_the_settings_say() {
    let server = TestServer::start().await;
    plant(&server, Utc::now()).await;
    let pool = server::db::connect(&server.database_url, 1).unwrap();
    let report = run(&pool, Utc::now(), 0).await.unwrap();
    assert_eq!(counted(&report)[4], ("complaint_identities", 3));
    assert_eq!(rows(&server, "complaint_identity").await, 1);
}

#[tokio::test]
async fn of_several_instances_one_makes_the_days_run_and_it_makes_it_once() {
    let server = TestServer::start().await;
    let now = Utc::now();
    plant(&server, now).await;
    let pools = [(); 3].map(|()| server::db::connect(&server.database_url, 1).unwrap());
    let (one, two, three) = tokio::join!(
        run_once_today(&pools[0], now, YEARS),
        run_once_today(&pools[1], now, YEARS),
        run_once_today(&pools[2], now, YEARS)
    );
    let mut reports = [one.unwrap(), two.unwrap(), three.unwrap()].map(|report| report.0.len());
    reports.sort_unstable();
    assert_eq!(reports, [0, 0, 5]);
    assert_eq!(run_once_today(&pools[1], now, YEARS).await.unwrap(), Report::default());
    assert_eq!(rows(&server, "audit_event").await, 1);
    let tomorrow = now + chrono::Duration::days(1);
    assert_eq!(
        run_once_today(&pools[2], tomorrow, YEARS).await.unwrap().0.len(),
        5,
        "the next day it is due again"
    );
}

#[tokio::test]
async fn the_office_sees_the_rules_in_force_the_last_run_and_whether_one_was_missed() {
    let first = TestServer::start().await;
    let pool = server::db::connect(&first.database_url, 8).unwrap();
    let (url, district) = first.stop();
    let server = TestServer::start_as(pool, url, district, |app| app.identity_years = 5).await;
    let office = server.sign_in(&server.district.coordinator).await;
    let keeping = async || office.get("/api/v1/keeping").await.json();
    let told = keeping().await;
    let rules = json!([
        {"name": "sessions", "keeps": {"days": 90}},
        {"name": "presence", "keeps": {"days": 1}},
        {"name": "links", "keeps": {"days": 30}},
        {"name": "recovery_codes", "keeps": {"days": 180}},
        {"name": "complaint_identities", "keeps": {"years": 5}},
    ]);
    assert_eq!(
        told,
        json!({"rules": rules, "last": null, "overdue": false}),
        "a new server has time"
    );

    plant(&server, Utc::now()).await;
    let pool = server::db::connect(&server.database_url, 1).unwrap();
    run(&pool, Utc::now(), YEARS).await.unwrap();
    let told = keeping().await;
    let counts = json!({"sessions": 2, "presence": 2, "links": 2, "recovery_codes": 2, "complaint_identities": 2});
    assert_eq!(
        (&told["last"]["thrown_away"], &told["overdue"]),
        (&counts, &json!(false))
    );
    let age = |hours: &str| format!("UPDATE audit_event SET at = now() - interval '{hours} hours'");
    let sql = async |sql: &str| tests::postgres::execute(&server.database_url, sql).await.unwrap();
    sql(&age("25")).await;
    assert_eq!(
        keeping().await["overdue"],
        json!(false),
        "a look every hour may be late"
    );
    sql(&age("27")).await;
    assert_eq!(keeping().await["overdue"], json!(true));
    // None was ever made, where the district is older than a day.
    sql("UPDATE audit_event SET what = 'person.added'").await;
    let told = keeping().await;
    assert_eq!((&told["last"], &told["overdue"]), (&Value::Null, &json!(true)));
    for person in [&server.district.a, &server.district.zone_lead] {
        let reply = server.sign_in(person).await.get("/api/v1/keeping").await;
        assert_eq!(reply.refusal(), (403, "forbidden".into()));
    }
}

#[tokio::test]
async fn the_servers_role_deletes_what_grows_old_and_nothing_else() {
    let server = TestServer::start().await;
    let pool = server::db::connect(&server.database_url, 1).unwrap();
    let mut conn = pool.get().await.unwrap();
    for table in [
        "person",
        "assignment",
        "appointment",
        "recusal",
        "device",
        "record",
        "bucket",
        "change_group",
        "visit",
        "response",
        "finding",
        "audit_event",
        "audit_head",
        "school",
        "zone",
        "district",
        "secret",
    ] {
        assert!(
            conn.batch_execute(&format!("DELETE FROM {table}")).await.is_err(),
            "{table}"
        );
    }
    assert!(
        conn.batch_execute("UPDATE complaint_identity SET sealed = ''")
            .await
            .is_err()
    );
}
