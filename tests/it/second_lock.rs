//! The second lock itself: what the server's role may do without saying for whom it works, and the databases it can serve.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use server::store::purpose::{Purpose, Who, within};
use sync_protocol::GroupKind;
use tests::postgres::{empty_database, execute, fresh_database};
use tests::server::new_record;
use tests::{District, TestServer};
use uuid::Uuid;

/// The step that brought appointments, undone and done.
const APPOINTMENTS: [&str; 2] = [
    include_str!("../../migrations/2026-11-28-050000_appointments/down.sql"),
    include_str!("../../migrations/2026-11-28-050000_appointments/up.sql"),
];

/// Tables that tell nothing of people and what they recorded.
const OPEN: [&str; 4] = ["__diesel_schema_migrations", "district", "installation", "secret"];

async fn texts(conn: &mut AsyncPgConnection, sql: &str) -> Vec<String> {
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        t: String,
    }
    let sql = format!("SELECT q.t::text AS t FROM ({sql}) AS q(t)");
    let rows: Vec<Row> = diesel::sql_query(sql).load(conn).await.unwrap();
    rows.into_iter().map(|row| row.t).collect()
}

/// A server with a visit in it, and a connection as the server's role has it.
async fn with_a_visit() -> (TestServer, server::db::Pool) {
    let server = TestServer::start().await;
    let a = server.sign_in(&server.district.a).await;
    let ops = new_record(Uuid::now_v7(), "visit", &[]);
    let reply = a
        .push(&[a.group(&server.district.bucket(0), GroupKind::Edit, ops)])
        .await;
    assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
    let pool = server::db::connect(&server.database_url, 1).unwrap();
    (server, pool)
}

#[tokio::test]
async fn without_a_purpose_no_row_is_visible_and_none_can_be_written() {
    let (server, pool) = with_a_visit().await;
    let mut conn = pool.get().await.unwrap();
    let locked = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \
                  AND relrowsecurity AND relforcerowsecurity ORDER BY 1";
    let locked = texts(&mut conn, locked).await;
    let tables =
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1";
    let open: Vec<String> = texts(&mut conn, tables)
        .await
        .into_iter()
        .filter(|table| !locked.contains(table))
        .collect();
    assert_eq!(open, OPEN, "a new table is locked, or a reason is given here");
    for table in &locked {
        assert_eq!(
            texts(&mut conn, &format!("SELECT count(*) FROM {table}")).await,
            ["0"],
            "{table}"
        );
    }
    assert_eq!(
        texts(&mut server.connect().await, "SELECT count(*) FROM record").await,
        ["1"]
    );
    let district = server.district.id;
    for refused in [
        format!("INSERT INTO bucket (district_id, id) VALUES ('{district}', 'school/x')"),
        "SELECT lock_enter('everything', gen_random_uuid(), gen_random_uuid(), gen_random_uuid())".into(),
        "CREATE TABLE mine (id integer)".into(),
        "ALTER TABLE record DISABLE ROW LEVEL SECURITY".into(),
        "DELETE FROM change_group".into(),
        "DELETE FROM audit_event".into(),
        "UPDATE change_group SET bytes = ''".into(),
        "UPDATE audit_event SET what = ''".into(),
        "TRUNCATE record".into(),
    ] {
        assert!(conn.batch_execute(&refused).await.is_err(), "{refused}");
    }
}

#[tokio::test]
async fn a_purpose_ends_with_its_transaction_and_reaches_no_further_than_its_person() {
    let (server, pool) = with_a_visit().await;
    let mut conn = pool.get().await.unwrap();
    let mut owner = server.connect().await;
    let who = async |person: &tests::Person, owner: &mut AsyncPgConnection| {
        server.sign_in(person).await;
        let family = texts(
            owner,
            &format!("SELECT family FROM session WHERE person_id = '{}'", person.id),
        )
        .await;
        Who {
            district: server.district.id,
            person: person.id,
            family: family[0].parse().unwrap(),
        }
    };
    let (near, far) = (
        who(&server.district.b, &mut owner).await,
        who(&server.district.c, &mut owner).await,
    );
    let records = "SELECT count(*) FROM record";
    for (who, seen) in [
        (near, "1"),
        (far, "0"),
        (
            Who {
                family: Uuid::new_v4(),
                ..near
            },
            "0",
        ),
    ] {
        let counted = within(
            &mut conn,
            Purpose::reading(who),
            async |conn| -> server::error::Result<_> { Ok(texts(conn, records).await) },
        );
        assert_eq!(counted.await.unwrap(), [seen]);
        assert_eq!(texts(&mut conn, records).await, ["0"], "over with the transaction");
    }
    // Whoever manages nobody does not become the office by saying so.
    let people = within(
        &mut conn,
        Purpose::managing(near),
        async |conn| -> server::error::Result<_> { Ok(texts(conn, "SELECT login FROM person").await) },
    );
    assert_eq!(people.await.unwrap(), ["b"]);
    for refused in [
        "SELECT lock_settle('{}')",
        "INSERT INTO zone VALUES (lock_district(), gen_random_uuid(), 'x')",
    ] {
        let settled = within(
            &mut conn,
            Purpose::managing(near),
            async |conn| -> server::error::Result<_> { Ok(conn.batch_execute(refused).await?) },
        );
        assert!(settled.await.is_err(), "{refused}");
    }
    // A push writes where its person may; the merge sees the rest, and changes none of it.
    for (who, writes) in [(near, true), (far, false)] {
        let written = within(
            &mut conn,
            Purpose::pushing(who),
            async |conn| -> server::error::Result<_> { Ok(conn.batch_execute("UPDATE record SET seq = seq").await?) },
        );
        assert_eq!(written.await.is_ok(), writes);
    }
    // Whose appointment ended has no school left, and nobody but the office sees an appointment.
    owner
        .batch_execute("UPDATE appointment SET to_date = '2020-12-31'")
        .await
        .unwrap();
    let office = who(&server.district.coordinator, &mut owner).await;
    let seen = "SELECT (SELECT count(*) FROM record) || ' ' || (SELECT count(*) FROM appointment)";
    for (purpose, told) in [(Purpose::reading(near), "0 0"), (Purpose::managing(office), "1 3")] {
        let counted = within(&mut conn, purpose, async |conn| -> server::error::Result<_> {
            Ok(texts(conn, seen).await)
        });
        assert_eq!(counted.await.unwrap(), [told]);
    }
}

/// An external database: its owner is an ordinary login, which row-level security holds like any other.
#[tokio::test]
async fn an_owner_without_privileges_serves_and_a_login_that_is_no_member_is_told_so() {
    let beside = fresh_database().await;
    let url = empty_database(&beside).await;
    let name = url
        .rsplit('/')
        .find(|part| part.starts_with("r_"))
        .unwrap()
        .split('?')
        .next()
        .unwrap()
        .to_owned();
    let (owner, stranger) = (format!("owner_{name}"), format!("stranger_{name}"));
    execute(
        &url,
        &format!(
            "CREATE ROLE {owner} LOGIN; CREATE ROLE {stranger} LOGIN; GRANT duxing_server TO {owner};
             ALTER SCHEMA public OWNER TO {owner}; GRANT CREATE ON DATABASE {name} TO {owner}"
        ),
    )
    .await
    .unwrap();
    let as_login = |login: &str| url.replacen("duxing@", &format!("{login}@"), 1);
    let own = as_login(&owner);
    server::db::migrate(&own).await.unwrap();
    let mut conn = AsyncPgConnection::establish(&url).await.unwrap();
    let district = District::create(&mut conn).await.unwrap();
    // Who supervised before there were appointments loses nothing by the step that brings them, which such an owner takes.
    execute(&url, "UPDATE assignment SET from_date = '2021-03-04'")
        .await
        .unwrap();
    let step = APPOINTMENTS.concat();
    execute(&own, &format!("BEGIN; {step} COMMIT")).await.unwrap();
    let terms = "SELECT login || ' ' || from_date || ' ' || coalesce(to_date::text, 'open') \
                 FROM appointment JOIN person ON person.id = person_id ORDER BY 1";
    assert_eq!(
        texts(&mut conn, terms).await,
        ["a 2021-03-04 open", "b 2021-03-04 open", "c 2021-03-04 open"]
    );
    let server = TestServer::start_over(own.clone(), district).await;
    let a = server.sign_in(&server.district.a).await;
    let ops = new_record(Uuid::now_v7(), "visit", &[("informed", serde_json::json!("seen"))]);
    let reply = a
        .push(&[a.group(&server.district.bucket(0), GroupKind::Edit, ops)])
        .await;
    assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
    assert!(a.pull(&[]).await.text.contains("seen"));
    let c = server.sign_in(&server.district.c).await;
    assert!(!c.pull(&[server.district.bucket(0)]).await.text.contains("seen"));
    let office = server.sign_in(&server.district.coordinator).await;
    assert_eq!(
        office.get("/api/v1/people").await.json()["people"]
            .as_array()
            .unwrap()
            .len(),
        8
    );
    let mut conn = AsyncPgConnection::establish(&own).await.unwrap();
    assert_eq!(
        texts(&mut conn, "SELECT count(*) FROM record").await,
        ["0"],
        "FORCE: the owner, too, says what for"
    );

    execute(
        &url,
        &format!("GRANT CREATE ON SCHEMA public TO {stranger}; GRANT SELECT, INSERT ON __diesel_schema_migrations TO {stranger}"),
    )
    .await
    .unwrap();
    let told = format!("{:#}", server::db::migrate(&as_login(&stranger)).await.unwrap_err());
    assert!(told.contains("GRANT duxing_server TO"), "{told}");
}
