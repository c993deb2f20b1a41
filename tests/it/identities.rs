//! Who complained: sealed, apart from the complaint, opened with a reason by the coordinator who wrote it down and by handlers whom an
//! administrator approved, and by nobody else in any way.

use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::{Value, json};
use server::auth::actor::today;
use server::store::identities;
use server::store::purpose::{Purpose, Who, within};
use tests::people::{PASSWORD, insert_person};
use tests::server::Reply;
use tests::{Client, Person, TestServer};
use uuid::Uuid;

const CANARY: &str = "canary-of-a-parent-71c2";

fn path(complaint: Uuid) -> String {
    format!("/api/v1/complaints/{complaint}/identity")
}

async fn keep(client: &Client, complaint: Uuid, school: Option<Uuid>) -> Reply {
    let body = json!({"school": school, "name": CANARY, "phone": "000 0000", "text": CANARY});
    client.post_json(&path(complaint), &body).await
}

async fn open(client: &Client, complaint: Uuid) -> Reply {
    let body = json!({"password": PASSWORD, "reason": "the reply is due"});
    client.post_json(&format!("{}/open", path(complaint)), &body).await
}

async fn approve(admin: &Client, complaint: Uuid, person: Uuid) -> Reply {
    let body = json!({"person": person, "reason": "on holiday until Monday", "password": PASSWORD});
    admin.post_json(&format!("{}/handlers", path(complaint)), &body).await
}

async fn end(admin: &Client, complaint: Uuid, person: Uuid) -> Reply {
    let body = json!({"person": person, "password": PASSWORD});
    admin
        .post_json(&format!("{}/handlers/end", path(complaint)), &body)
        .await
}

async fn recuse(office: &Client, person: Uuid, school: Uuid) {
    let body = json!({"school": school, "reason": "kin", "from": today(), "to": null, "password": PASSWORD});
    let reply = office
        .post_json(&format!("/api/v1/people/{person}/recusals"), &body)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

async fn second_coordinator(server: &TestServer) -> Person {
    let second = Person {
        id: Uuid::new_v4(),
        login: "office-2".into(),
        ..server.district.coordinator.clone()
    };
    insert_person(&mut server.connect().await, server.district.id, &second)
        .await
        .unwrap();
    second
}

async fn events(office: &Client) -> Vec<Value> {
    let audit = office.get("/api/v1/audit").await.json();
    audit["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_coordinator_opens_who_complained_with_a_reason_and_the_audit_tells_it_without_a_word_of_the_content() {
    let server = TestServer::start().await;
    let office = server.sign_in(&server.district.coordinator).await;
    let complaint = Uuid::now_v7();
    let kept = keep(&office, complaint, Some(server.district.schools[0])).await;
    assert_eq!((kept.status.as_u16(), kept.text.as_str()), (204, ""));
    let opened = open(&office, complaint).await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    assert_eq!(
        (&opened.json()["name"], &opened.json()["kept_by"]),
        (&json!(CANARY), &json!(server.district.coordinator.id))
    );
    assert_eq!(opened.headers["cache-control"], "no-store");
    // What is told later stands in front of what was told first.
    let body = json!({"name": "second telling", "phone": "", "text": ""});
    assert_eq!(office.post_json(&path(complaint), &body).await.status, 204);
    assert_eq!(open(&office, complaint).await.json()["name"], "second telling");

    let told = events(&office).await;
    let whats: Vec<&str> = told.iter().filter_map(|event| event["what"].as_str()).collect();
    assert_eq!(
        whats,
        ["identity.opened", "identity.kept", "identity.opened", "identity.kept"]
    );
    assert_eq!(told[0]["detail"], json!({"reason": "the reply is due"}));
    assert_eq!(
        (&told[0]["subject"], &told[0]["actor"]),
        (&json!(complaint), &json!(server.district.coordinator.id))
    );
    for page in ["audit", "people", "quarantine", "results?month=2026-11", "differences"] {
        let reply = office.get(&format!("/api/v1/{page}")).await;
        assert!(reply.status == 200 && !reply.text.contains(CANARY), "{page}");
    }
    assert!(!office.pull(&[]).await.text.contains(CANARY));
    let history = office.get(&format!("/api/v1/records/{complaint}/history")).await;
    assert_eq!(history.refusal(), (404, "not_found".into()));
}

#[tokio::test]
async fn an_identity_opens_with_password_and_reason_only_and_odd_ones_are_refused() {
    let server = TestServer::start().await;
    let office = server.sign_in(&server.district.coordinator).await;
    let complaint = Uuid::now_v7();
    assert_eq!(keep(&office, complaint, None).await.status, 204);
    let before = events(&office).await.len();
    for (body, told) in [
        (
            json!({"password": PASSWORD, "reason": " \n "}),
            (400, "identity.reason_missing"),
        ),
        (
            json!({"password": PASSWORD, "reason": "长".repeat(2001)}),
            (400, "value.invalid"),
        ),
        (
            json!({"password": "wrong", "reason": "because"}),
            (403, "password.wrong"),
        ),
        (json!({"password": PASSWORD}), (400, "json.malformed")),
    ] {
        let reply = office.post_json(&format!("{}/open", path(complaint)), &body).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{body}");
    }
    assert_eq!(open(&office, Uuid::now_v7()).await.refusal(), (404, "not_found".into()));
    for (body, told) in [
        (json!({"name": "", "phone": " ", "text": ""}), (400, "value.invalid")),
        (
            json!({"name": "x".repeat(101), "phone": "", "text": ""}),
            (400, "value.invalid"),
        ),
        (
            json!({"name": "", "phone": "1".repeat(41), "text": ""}),
            (400, "value.invalid"),
        ),
        (
            json!({"name": "", "phone": "", "text": "长".repeat(2001)}),
            (400, "value.invalid"),
        ),
        (json!({"name": "a\0", "phone": "", "text": ""}), (400, "text.nul")),
        (
            json!({"name": "x", "phone": "", "text": "", "school": Uuid::new_v4()}),
            (404, "not_found"),
        ),
    ] {
        let reply = office.post_json(&path(complaint), &body).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{body}");
    }
    assert_eq!(events(&office).await.len(), before, "what was refused opened nothing");
}

#[tokio::test]
async fn nobody_else_and_no_recused_coordinator_learns_that_there_is_an_identity() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let (here, nowhere) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(keep(&office, here, Some(district.schools[0])).await.status, 204);
    for person in district
        .everybody()
        .into_iter()
        .filter(|person| person.login != "office")
    {
        let client = server.sign_in(person).await;
        for complaint in [here, nowhere] {
            assert_eq!(
                open(&client, complaint).await.refusal(),
                (404, "not_found".into()),
                "{}",
                person.login
            );
            assert_eq!(
                keep(&client, complaint, None).await.refusal(),
                (403, "forbidden".into())
            );
        }
    }
    assert_eq!(
        open(&server.stranger(), here).await.refusal(),
        (401, "token.missing".into())
    );

    let second = second_coordinator(&server).await;
    let recused = server.sign_in(&second).await;
    let theirs = Uuid::now_v7();
    assert_eq!(keep(&recused, theirs, Some(district.schools[0])).await.status, 204);
    assert_eq!(open(&recused, theirs).await.status, 200, "before");
    recuse(&office, second.id, district.schools[0]).await;
    let before = events(&office).await.len();
    for complaint in [theirs, nowhere] {
        assert_eq!(open(&recused, complaint).await.refusal(), (404, "not_found".into()));
        let for_the_school = keep(&recused, complaint, Some(district.schools[0])).await;
        assert_eq!(for_the_school.refusal(), (404, "not_found".into()));
    }
    assert_eq!(events(&office).await.len(), before);
    for complaint in [here, nowhere] {
        assert_eq!(
            keep(&recused, complaint, None).await.status,
            204,
            "neither tells of the other's row"
        );
    }
    assert_eq!(open(&office, here).await.status, 200);
}

#[tokio::test]
async fn a_handler_opens_it_from_the_administrators_approval_to_its_end() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let admin = server.sign_in(&district.admin).await;
    let a = server.sign_in(&district.a).await;
    let complaint = Uuid::now_v7();
    assert_eq!(keep(&office, complaint, Some(district.schools[0])).await.status, 204);
    assert_eq!(open(&a, complaint).await.status, 404);
    for _ in 0..2 {
        let reply = approve(&admin, complaint, district.a.id).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    }
    let opened = open(&a, complaint).await;
    assert_eq!((opened.status.as_u16(), &opened.json()["name"]), (200, &json!(CANARY)));
    assert_eq!(
        open(&a, Uuid::now_v7()).await.status,
        404,
        "another complaint's identity"
    );
    assert_eq!(keep(&a, complaint, None).await.refusal(), (403, "forbidden".into()));
    assert_eq!(
        open(&admin, complaint).await.refusal(),
        (404, "not_found".into()),
        "whoever approves"
    );

    recuse(&office, district.a.id, district.schools[0]).await;
    assert_eq!(open(&a, complaint).await.status, 404, "they keep away from the school");
    let recusal = "UPDATE recusal SET to_date = '2020-01-01', from_date = '2020-01-01'";
    server.connect().await.batch_execute(recusal).await.unwrap();
    assert_eq!(open(&a, complaint).await.status, 200);

    assert_eq!(end(&admin, complaint, district.a.id).await.status, 204);
    assert_eq!(open(&a, complaint).await.status, 404);
    assert_eq!(
        end(&admin, complaint, district.a.id).await.refusal(),
        (404, "not_found".into())
    );

    let told = events(&office).await;
    let of_handlers: Vec<(&Value, &Value, &Value)> = told
        .iter()
        .filter(|event| event["what"].as_str().unwrap().contains("handler"))
        .map(|event| (&event["what"], &event["subject"], &event["actor"]))
        .collect();
    let (who, by) = (json!(district.a.id), json!(district.admin.id));
    assert_eq!(
        of_handlers,
        [
            (&json!("identity.handler_ended"), &who, &by),
            (&json!("identity.handler_approved"), &who, &by),
        ],
        "the second approval changed nothing"
    );
    let approved = told.iter().find(|event| event["what"] == "identity.handler_approved");
    assert_eq!(
        approved.unwrap()["detail"],
        json!({"complaint": complaint, "reason": "on holiday until Monday"})
    );
}

#[tokio::test]
async fn nobody_becomes_a_handler_but_by_another_ones_approval() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let admin = server.sign_in(&district.admin).await;
    let (here, nowhere) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(keep(&office, here, Some(district.schools[0])).await.status, 204);
    for person in [&district.coordinator, &district.a, &district.committee] {
        let client = server.sign_in(person).await;
        assert_eq!(
            approve(&client, here, district.b.id).await.refusal(),
            (403, "forbidden".into())
        );
        assert_eq!(
            end(&client, here, district.b.id).await.refusal(),
            (403, "forbidden".into())
        );
    }
    let before = events(&office).await.len();
    recuse(&office, district.b.id, district.schools[0]).await;
    for (person, told) in [
        (district.admin.id, (403, "person.yourself")),
        (Uuid::new_v4(), (404, "not_found")),
        (district.b.id, (409, "identity.handler_unfit")),
    ] {
        let reply = approve(&admin, here, person).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()));
    }
    let disabled = format!(
        "UPDATE person SET status = 'disabled' WHERE id = '{}'",
        district.zone_lead.id
    );
    server.connect().await.batch_execute(&disabled).await.unwrap();
    for complaint in [here, nowhere] {
        let reply = approve(&admin, complaint, district.zone_lead.id).await;
        assert_eq!(reply.refusal(), (409, "identity.handler_unfit".into()));
    }
    let handlers = format!("{}/handlers", path(here));
    for (body, told) in [
        (
            json!({"person": district.a.id, "reason": " ", "password": PASSWORD}),
            (400, "identity.reason_missing"),
        ),
        (
            json!({"person": district.a.id, "reason": "x", "password": "wrong"}),
            (403, "password.wrong"),
        ),
    ] {
        let reply = admin.post_json(&handlers, &body).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()));
    }
    assert_eq!(events(&office).await.len(), before + 1, "the recusal and nothing else");

    let second = server.sign_in(&second_coordinator(&server).await).await;
    assert_eq!(open(&second, here).await.status, 404);
    let body = json!({"school": null, "name": "own words", "phone": "", "text": ""});
    assert_eq!(second.post_json(&path(here), &body).await.status, 204);
    assert_eq!(keep(&office, here, Some(district.schools[0])).await.status, 204);
    let own = open(&second, here).await;
    assert_eq!(
        own.json()["name"],
        "own words",
        "by a telling of their own they open that one"
    );
    assert_eq!(open(&office, here).await.json()["name"], CANARY);
}

async fn number(conn: &mut AsyncPgConnection, sql: &str) -> i64 {
    diesel::dsl::sql::<BigInt>(sql).get_result(conn).await.unwrap()
}

#[tokio::test]
async fn no_other_purpose_sees_an_identity_and_the_database_holds_no_word_of_it() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    server.sign_in(&district.admin).await;
    server.sign_in(&district.a).await;
    assert_eq!(
        keep(&office, Uuid::now_v7(), Some(district.schools[0])).await.status,
        204
    );
    let mut owner = server.connect().await;
    let mut of = Vec::new();
    server.sign_in(&district.b).await;
    let (handler, by) = (district.b.id, district.admin.id);
    let handles = format!(
        "INSERT INTO identity_handler (district_id, id, complaint_id, person_id, approved_by)
         SELECT district_id, '{handler}', complaint_id, '{handler}', '{by}' FROM complaint_identity"
    );
    owner.batch_execute(&handles).await.unwrap();
    for person in [&district.coordinator, &district.admin, &district.a, &district.b] {
        let family = format!("SELECT family::text FROM session WHERE person_id = '{}'", person.id);
        let family: String = diesel::dsl::sql::<Text>(&family).get_result(&mut owner).await.unwrap();
        of.push(Who {
            district: district.id,
            person: person.id,
            family: family.parse().unwrap(),
        });
    }
    let pool = server::db::connect(&server.database_url, 1).unwrap();
    let mut conn = pool.get().await.unwrap();
    let all = "count(*) FROM complaint_identity";
    for (purpose, seen) in [
        (Purpose::identifying(of[0]), 1),
        (Purpose::managing(of[0]), 0),
        (Purpose::reading(of[0]), 0),
        (Purpose::pushing(of[0]), 0),
        (Purpose::admitting(of[0]), 0),
        (Purpose::identifying(of[1]), 0),
        (Purpose::identifying(of[2]), 0),
        (Purpose::identifying(of[3]), 1),
        (Purpose::reading(of[3]), 0),
        (Purpose::signing_in(), 0),
        (Purpose::installation(), 0),
        // It is not old yet.
        (Purpose::retaining(), 0),
    ] {
        let counted = within(&mut conn, purpose, async |conn| -> server::error::Result<_> {
            Ok(number(conn, &format!("SELECT {all}")).await)
        });
        assert_eq!(counted.await.unwrap(), seen, "{purpose:?}");
    }
    assert_eq!(number(&mut owner, &format!("SELECT {all}")).await, 1);
    for (nth, seen) in [(0, 0), (1, 1), (2, 0)] {
        let counted = within(
            &mut conn,
            Purpose::managing(of[nth]),
            async |conn| -> server::error::Result<_> {
                Ok(number(conn, "SELECT count(*) FROM identity_handler").await)
            },
        );
        assert_eq!(
            counted.await.unwrap(),
            seen,
            "an administrator alone sees who handles what"
        );
    }
    // Neither a coordinator nor an administrator about themselves gets past the second lock, whatever the server says.
    for (who, handler, by) in [
        (of[0], of[2], of[0]),
        (of[0], of[2], of[1]),
        (of[1], of[1], of[1]),
        (of[1], of[0], of[0]),
        (of[3], of[2], of[3]),
    ] {
        let place = (district.id, Uuid::now_v7());
        let approved = within(&mut conn, Purpose::managing(who), async |conn| {
            identities::approve(conn, place, handler.person, by.person).await
        });
        assert!(approved.await.is_err(), "{who:?} approves {handler:?}");
    }
    // By hand a handler keeps nothing.
    let kept = within(&mut conn, Purpose::identifying(of[3]), async |conn| {
        identities::add(conn, (district.id, Uuid::now_v7()), None, vec![0], of[3].person).await
    });
    assert!(kept.await.is_err());

    let tables = "relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let tables: Vec<String> = diesel::dsl::sql::<Text>(&format!("SELECT {tables}"))
        .load(&mut owner)
        .await
        .unwrap();
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for table in tables {
        // A row's text has its bytes in hexadecimal.
        let sql =
            format!("SELECT count(*) FROM \"{table}\" t WHERE t::text LIKE '%{CANARY}%' OR t::text LIKE '%{hex}%'");
        assert_eq!(number(&mut owner, &sql).await, 0, "{table}");
    }
}
