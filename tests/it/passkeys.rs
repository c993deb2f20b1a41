//! Passkeys beside the password: set up, asked for at the door, attacked, copied, taken away. The browser and its key are ours
//! (`tests::authenticator`), written apart from the library that checks them.

use serde_json::{Value, json};
use server::auth::second_factor::FactorRule;
use tests::authenticator::Passkey;
use tests::people::PASSWORD;
use tests::server::Reply;
use tests::{Client, Person, TestServer};
use uuid::Uuid;

const KEYS: &str = "/api/v1/second-factor/passkeys";
/// Where the page stands; passkeys belong to its name.
const ORIGIN: &str = "http://localhost:8080";

/// Asks for a new passkey.
async fn begin(client: &Client) -> Value {
    let begun = client.post_json(KEYS, &json!({"password": PASSWORD})).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    begun.json()
}

async fn finish(client: &Client, challenge: &Value, name: &str, answer: Value) -> Reply {
    let body = json!({"challenge": challenge, "name": name, "answer": answer});
    client.post_json(&format!("{KEYS}/finish"), &body).await
}

/// Sets one up for whoever signed in on this client.
async fn set_up(client: &Client) -> Passkey {
    let passkey = Passkey::at(ORIGIN);
    let begun = begin(client).await;
    let done = finish(client, &begun["challenge"], "desk", passkey.register(&begun["options"])).await;
    assert_eq!(done.status, 200, "{}", done.text);
    passkey
}

/// A sign-in on a new device; `more` goes into the body.
async fn sign_in(server: &TestServer, person: &Person, password: &str, more: Value) -> Reply {
    let client = server.stranger();
    let mut body =
        json!({"login": person.login, "password": password, "device": client.device, "device_name": "another"});
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    client.post_json("/api/v1/session", &body).await
}

/// What the door asks of somebody with passkeys.
async fn asked(server: &TestServer, person: &Person) -> Value {
    let needed = sign_in(server, person, PASSWORD, json!({})).await;
    assert_eq!(needed.refusal(), (401, "session.code_needed".into()), "{}", needed.text);
    needed.json()["passkey"].clone()
}

async fn answer(server: &TestServer, person: &Person, challenge: &Value, answer: Value) -> Reply {
    let passkey = json!({"challenge": challenge, "answer": answer});
    sign_in(server, person, PASSWORD, json!({"passkey": passkey})).await
}

/// Asks at the door, and answers with this passkey.
async fn enter(server: &TestServer, person: &Person, passkey: &Passkey) -> Reply {
    let asked = asked(server, person).await;
    answer(server, person, &asked["challenge"], passkey.sign(&asked["options"])).await
}

/// What the audit tells of passkeys, the oldest first, with the name of each.
async fn told(server: &TestServer) -> Vec<(String, String)> {
    let admin = server.sign_in(&server.district.admin).await;
    let audit = admin.get("/api/v1/audit").await.json();
    let events = audit["events"].as_array().unwrap().iter().rev();
    let of = |event: &Value| {
        let name = event["detail"]["name"].as_str().unwrap_or_default();
        (event["what"].as_str().unwrap().to_owned(), name.to_owned())
    };
    events
        .map(of)
        .filter(|(what, _)| what.starts_with("passkey."))
        .collect()
}

#[tokio::test]
async fn a_passkey_is_asked_for_beside_the_password_and_lets_its_owner_in() {
    let server = TestServer::start().await;
    let district = &server.district;
    // Whoever visits schools may have one, too.
    for person in [&district.coordinator, &district.a] {
        let client = server.sign_in(person).await;
        let wrong = client.post_json(KEYS, &json!({"password": "wrong"})).await;
        assert_eq!(wrong.refusal(), (403, "password.wrong".into()));
        let unchanged = sign_in(&server, person, PASSWORD, json!({})).await;
        assert_eq!(unchanged.status, 200, "what was only begun is asked of nobody");

        let passkey = set_up(&client).await;
        let asked = asked(&server, person).await;
        let options = &asked["options"]["publicKey"];
        assert_eq!(options["rpId"], "localhost");
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["allowCredentials"][0]["id"], passkey.id());
        assert_eq!(asked["or_code"], false);

        let signed = passkey.sign(&asked["options"]);
        let given = json!({"challenge": asked["challenge"], "answer": signed});
        let stranger = sign_in(&server, person, "wrong", json!({"passkey": given})).await;
        assert_eq!(
            stranger.refusal(),
            (401, "session.refused".into()),
            "the password comes first"
        );
        let entered = answer(&server, person, &asked["challenge"], signed).await;
        assert_eq!(entered.status, 200, "and it used up nothing: {}", entered.text);

        let own = client.get("/api/v1/second-factor").await.json();
        assert_eq!(
            (&own["active"], &own["passkeys_at"]),
            (&json!(false), &json!("localhost"))
        );
        assert_eq!(own["passkeys"][0]["name"], "desk");
        assert!(own["passkeys"][0]["last_used_at"].is_string(), "{own}");
        let code = sign_in(&server, person, PASSWORD, json!({"code": "000000"})).await;
        assert_eq!(
            code.refusal(),
            (401, "session.code_refused".into()),
            "there are no codes"
        );
    }
    assert_eq!(
        told(&server).await,
        [
            ("passkey.added".into(), "desk".into()),
            ("passkey.added".into(), "desk".into())
        ]
    );
}

#[tokio::test]
async fn an_answer_that_is_not_the_owners_here_and_now_opens_nothing() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let passkey = set_up(&office).await;
    let others = set_up(&server.sign_in(&district.committee).await).await;
    let bent = |bend: &dyn Fn(&mut Passkey)| {
        let mut passkey = passkey.clone();
        bend(&mut passkey);
        passkey
    };
    let keys = [
        ("another site", bent(&|key| key.origin = "https://evil.example".into())),
        (
            "a site that begins alike",
            bent(&|key| key.origin = "http://localhost.evil.example".into()),
        ),
        ("another name", bent(&|key| key.rp = "evil.example".into())),
        ("nobody showed a finger", bent(&|key| key.verified = false)),
        ("a key that nobody knows", Passkey::at(ORIGIN)),
        ("somebody else's", others),
    ];
    let refused =
        |reply: Reply, what: &str| assert_eq!(reply.refusal(), (401, "session.code_refused".into()), "{what}");
    for (what, key) in &keys {
        refused(enter(&server, &district.coordinator, key).await, what);
        assert_eq!(
            enter(&server, &district.coordinator, &passkey).await.status,
            200,
            "after {what}"
        );
    }

    let first = asked(&server, &district.coordinator).await;
    let good = passkey.sign(&first["options"]);
    for part in ["clientDataJSON", "signature"] {
        let asked = asked(&server, &district.coordinator).await;
        let mut signed = passkey.sign(&asked["options"]);
        signed["response"][part] = good["response"][part].clone();
        refused(
            answer(&server, &district.coordinator, &asked["challenge"], signed).await,
            part,
        );
    }
    let again = asked(&server, &district.coordinator).await;
    let mut signed = passkey.sign(&again["options"]);
    let counted = bent(&|key| key.counter = 1).sign(&again["options"]);
    signed["response"]["authenticatorData"] = counted["response"]["authenticatorData"].clone();
    refused(
        answer(&server, &district.coordinator, &again["challenge"], signed).await,
        "other data than what was signed",
    );
    assert_eq!(
        answer(&server, &district.coordinator, &first["challenge"], good.clone())
            .await
            .status,
        200
    );
    refused(
        answer(&server, &district.coordinator, &first["challenge"], good).await,
        "given twice",
    );
    assert_eq!(enter(&server, &district.coordinator, &passkey).await.status, 200);

    let late = asked(&server, &district.coordinator).await;
    server
        .execute("UPDATE passkey_challenge SET expires_at = now()")
        .await
        .unwrap();
    refused(
        answer(
            &server,
            &district.coordinator,
            &late["challenge"],
            passkey.sign(&late["options"]),
        )
        .await,
        "late",
    );
    let made_up = json!(Uuid::new_v4());
    refused(
        answer(&server, &district.coordinator, &made_up, passkey.sign(&late["options"])).await,
        "made up",
    );
    // A question about a new passkey is none at the door.
    let begun = begin(&office).await;
    refused(
        answer(
            &server,
            &district.coordinator,
            &begun["challenge"],
            passkey.sign(&begun["options"]),
        )
        .await,
        "new",
    );
    refused(
        answer(&server, &district.coordinator, &json!(Uuid::nil()), json!({"id": 1})).await,
        "rubbish",
    );
    let slowed = enter(&server, &district.coordinator, &passkey).await;
    assert_eq!(slowed.status, 200, "{}", slowed.text);
}

#[tokio::test]
async fn wrong_answers_of_passkeys_are_slowed_down_like_wrong_codes() {
    let server = TestServer::start().await;
    let person = &server.district.coordinator;
    set_up(&server.sign_in(person).await).await;
    let stranger = Passkey::at(ORIGIN);
    let mut answers = Vec::new();
    for _ in 0..7 {
        answers.push(enter(&server, person, &stranger).await.code());
    }
    assert_eq!(answers[..5], ["session.code_refused"; 5]);
    assert!(
        answers[5..].contains(&"session.too_many_tries".to_owned()),
        "{answers:?}"
    );
}

#[tokio::test]
async fn a_copy_of_a_passkey_is_refused_and_the_office_reads_of_it() {
    let server = TestServer::start().await;
    let person = &server.district.coordinator;
    let mut passkey = Passkey::at(ORIGIN);
    passkey.counter = 7;
    let client = server.sign_in(person).await;
    let begun = begin(&client).await;
    let done = finish(
        &client,
        &begun["challenge"],
        "token",
        passkey.register(&begun["options"]),
    )
    .await;
    assert_eq!(done.status, 200, "{}", done.text);
    let mut copy = passkey.clone();

    // Both are asked before either answers: the copy is behind only when it is its turn.
    let [early, at_once] = [asked(&server, person).await, asked(&server, person).await];
    passkey.counter = 9;
    let entered = answer(
        &server,
        person,
        &at_once["challenge"],
        passkey.sign(&at_once["options"]),
    )
    .await;
    assert_eq!(entered.status, 200, "{}", entered.text);
    copy.counter = 8;
    for asked in [early, asked(&server, person).await] {
        let refused = answer(&server, person, &asked["challenge"], copy.sign(&asked["options"])).await;
        assert_eq!(refused.refusal(), (401, "session.code_refused".into()));
    }
    // One that counted does not cease to.
    copy.counter = 0;
    assert_eq!(enter(&server, person, &copy).await.code(), "session.code_refused");
    passkey.counter = 10;
    assert_eq!(
        enter(&server, person, &passkey).await.status,
        200,
        "its owner is not kept out"
    );
    let whats: Vec<String> = told(&server).await.into_iter().map(|(what, _)| what).collect();
    assert_eq!(
        whats,
        ["passkey.added", "passkey.copied", "passkey.copied", "passkey.copied"]
    );
}

#[tokio::test]
async fn a_new_passkey_that_is_not_made_here_and_now_by_its_owner_is_none() {
    let server = TestServer::start().await;
    let office = server.sign_in(&server.district.coordinator).await;
    let other = server.sign_in(&server.district.committee).await;
    let refused = |reply: Reply, what: &str| assert_eq!(reply.refusal(), (403, "passkey.refused".into()), "{what}");
    let mut elsewhere = Passkey::at(ORIGIN);
    elsewhere.origin = "https://evil.example".into();
    let mut nameless = Passkey::at(ORIGIN);
    nameless.rp = "evil.example".into();
    let mut unseen = Passkey::at(ORIGIN);
    unseen.verified = false;
    for (what, passkey) in [
        ("another site", elsewhere),
        ("another name", nameless),
        ("no finger", unseen),
    ] {
        let begun = begin(&office).await;
        let (challenge, made) = (&begun["challenge"], passkey.register(&begun["options"]));
        refused(finish(&office, challenge, "x", made.clone()).await, what);
        let honest = Passkey::at(ORIGIN).register(&begun["options"]);
        refused(finish(&office, challenge, "x", honest).await, "its question is used up");
    }
    let begun = begin(&office).await;
    let passkey = Passkey::at(ORIGIN);
    let made = passkey.register(&begun["options"]);
    refused(
        finish(&other, &begun["challenge"], "x", made.clone()).await,
        "somebody else's question",
    );
    for name in ["", " ", &"x".repeat(101)] {
        let odd = finish(&office, &begun["challenge"], name, made.clone()).await;
        assert_eq!(odd.refusal(), (400, "value.invalid".into()));
    }
    assert_eq!(
        finish(&office, &begun["challenge"], "x", made.clone()).await.status,
        200
    );
    refused(finish(&office, &begun["challenge"], "x", made).await, "given twice");
    let begun = begin(&other).await;
    let theirs = passkey.register(&begun["options"]);
    refused(
        finish(&other, &begun["challenge"], "x", theirs).await,
        "somebody has it already",
    );
    let begun = begin(&office).await;
    server
        .execute("UPDATE passkey_challenge SET expires_at = now()")
        .await
        .unwrap();
    let late = Passkey::at(ORIGIN).register(&begun["options"]);
    refused(finish(&office, &begun["challenge"], "x", late).await, "late");
    let own = office.get("/api/v1/second-factor").await.json();
    assert_eq!(own["passkeys"].as_array().unwrap().len(), 1, "{own}");
}

#[tokio::test]
async fn passkeys_are_removed_by_their_owner_or_all_by_an_administrator() {
    let server = TestServer::start().await;
    let district = &server.district;
    let client = server.sign_in(&district.coordinator).await;
    let (first, second) = (set_up(&client).await, set_up(&client).await);
    let listed = client.get("/api/v1/second-factor").await.json();
    let id = |nth: usize| listed["passkeys"][nth]["id"].as_str().unwrap().to_owned();
    let remove = |id: String, password: &'static str| {
        let client = &client;
        async move {
            let body = json!({ "password": password });
            client.post_json(&format!("{KEYS}/{id}/remove"), &body).await
        }
    };
    assert_eq!(remove(id(0), "wrong").await.refusal(), (403, "password.wrong".into()));
    assert_eq!(
        remove(Uuid::nil().to_string(), PASSWORD).await.refusal(),
        (404, "not_found".into())
    );
    let early = asked(&server, &district.coordinator).await;
    assert_eq!(remove(id(0), PASSWORD).await.status, 200);
    let gone = answer(
        &server,
        &district.coordinator,
        &early["challenge"],
        first.sign(&early["options"]),
    )
    .await;
    assert_eq!(gone.code(), "session.code_refused", "it was asked for before it went");
    assert_eq!(enter(&server, &district.coordinator, &second).await.status, 200);

    let admin = server.sign_in(&district.admin).await;
    let has_one = async || {
        let people = admin.get("/api/v1/people").await.json();
        let people = people["people"].as_array().unwrap().clone();
        let own = people
            .into_iter()
            .find(|person| person["id"] == json!(district.coordinator.id));
        own.unwrap()["second_factor"].clone()
    };
    assert_eq!(has_one().await, true);
    let path = format!("/api/v1/people/{}/second-factor/remove", district.coordinator.id);
    let removed = admin.post_json(&path, &json!({"password": PASSWORD})).await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    assert_eq!(has_one().await, false);
    assert_eq!(
        sign_in(&server, &district.coordinator, PASSWORD, json!({}))
            .await
            .status,
        200
    );
    let expected = ["added", "added", "removed"].map(|what| (format!("passkey.{what}"), "desk".to_owned()));
    assert_eq!(told(&server).await, expected);
}

#[tokio::test]
async fn nobody_has_more_than_ten_passkeys_and_where_there_is_no_name_nobody_has_any() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.coordinator).await;
    for _ in 0..10 {
        set_up(&client).await;
    }
    let more = client.post_json(KEYS, &json!({"password": PASSWORD})).await;
    assert_eq!(more.refusal(), (409, "passkey.too_many".into()));
    let (url, district) = server.stop();
    let pool = server::db::connect(&url, 8).unwrap();
    let server = TestServer::start_as(pool, url, district, |app| app.passkeys = None).await;
    let client = server.sign_in(&server.district.committee).await;
    assert_eq!(
        client.get("/api/v1/second-factor").await.json()["passkeys_at"],
        Value::Null
    );
    let refused = client.post_json(KEYS, &json!({"password": PASSWORD})).await;
    assert_eq!(refused.refusal(), (409, "passkey.nameless".into()));
}

#[tokio::test]
async fn a_passkey_is_a_factor_as_good_as_codes_where_one_is_demanded() {
    let server = TestServer::start_changed(|app| app.second_factor = FactorRule::Demanded).await;
    let office = server.sign_in(&server.district.coordinator).await;
    assert_eq!(
        office.get("/api/v1/people").await.refusal(),
        (403, "second_factor.demanded".into())
    );
    let passkey = set_up(&office).await;
    assert_eq!(office.get("/api/v1/people").await.status, 200);
    assert_eq!(enter(&server, &server.district.coordinator, &passkey).await.status, 200);
    let own = office.get("/api/v1/second-factor").await.json();
    let path = format!("{KEYS}/{}/remove", own["passkeys"][0]["id"].as_str().unwrap());
    let body = json!({"password": PASSWORD});
    let last = office.post_json(&path, &body).await;
    assert_eq!(last.refusal(), (409, "second_factor.last".into()));
    set_up(&office).await;
    assert_eq!(office.post_json(&path, &body).await.status, 200, "one is left");
}
