//! Schemathesis over `docs/openapi.json` against a real server: requests made from the document, good ones and ones with something wrong, and
//! every answer held against what the document says. Invents no expectation of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use server::auth::pace::Pace;
use sync_protocol::GroupKind;
use tests::people::PASSWORD;
use tests::phone::Phone;
use tests::postgres::fresh_database;
use tests::server::new_record;
use tests::{Client, District, TestServer};
use uuid::Uuid;

/// Fewer would be no proof.
const LEAST_CASES: u64 = 5_000;

#[tokio::test]
async fn five_thousand_requests_made_from_the_openapi_document_are_answered_as_it_says() {
    let Some(schemathesis) = std::env::var_os("SCHEMATHESIS") else {
        println!("SKIPPED: SCHEMATHESIS names no program. `cargo xtask test --ring api` installs it and runs this.");
        return;
    };
    let (server, known) = begin().await;
    // The acting person is offered to no request, so that none takes their rights or their phone: that would end the run.
    let client = server.sign_in(&server.district.admin).await;
    // Whose cookie is renewed and signed out belongs to a sign-in that nothing else needs.
    let other = server.sign_in(&server.district.committee).await;
    let document = with_known(document(), &known);
    let (url, caller) = (server.url.clone(), client.clone());
    let said = tokio::task::spawn_blocking(move || run(Path::new(&schemathesis), &document, &url, &caller, &other));
    let (passed, said) = said.await.expect("it was waited for");
    let cases = cases(&said);
    println!("{}", closing(&said));
    assert!(
        passed,
        "schemathesis found something; to see it again: cargo xtask test --ring api\n{said}"
    );
    assert!(cases >= LEAST_CASES, "{cases} cases are too few to prove anything");
    let audit = client.get("/api/v1/audit").await;
    assert_eq!(audit.status, 200, "the sign-in lived to the end: {}", audit.text);
    let audit = audit.json();
    let events = audit["events"].as_array().into_iter().flatten();
    let told: BTreeSet<&str> = events.filter_map(|event| event["what"].as_str()).collect();
    for what in ["person.added", "person.changed", "enrolment.opened"] {
        assert!(told.contains(what), "no request went all the way to {what}: {told:?}");
    }
}

/// What the server knows, by the name of its schema in the document: at random nothing would ever be found.
type Known = Vec<(&'static str, Vec<String>)>;

/// A server that counts no pace, with a visit in it and something in quarantine.
async fn begin() -> (TestServer, Known) {
    use diesel_async::AsyncConnection;
    let url = fresh_database().await;
    let mut conn = diesel_async::AsyncPgConnection::establish(&url)
        .await
        .expect("the database answers");
    let district = District::create(&mut conn).await.expect("the district fits");
    let pool = server::db::connect(&url, 8).expect("a pool");
    let server = TestServer::start_as(pool, url, district, |app| app.pace = Pace::of(1_000_000)).await;
    let district = &server.district;
    let mut phone = Phone::of(&server, &district.a).await;
    let visit = phone.start_visit(district.schools[0]).visit.to_string();
    phone.sync().await.expect("a visit arrives");
    let c = server.sign_in(&district.c).await;
    let foreign = c.group(
        &district.bucket(0),
        GroupKind::Edit,
        new_record(Uuid::new_v4(), "visit", &[]),
    );
    let kept = c.push(&[foreign]).await.json()["outcomes"][0].clone();
    assert_eq!(kept["outcome"], "quarantined", "{kept}");
    let people = [
        &district.a,
        &district.b,
        &district.c,
        &district.zone_lead,
        &district.coordinator,
    ];
    let known = vec![
        ("PersonId", people.map(|person| person.id.to_string()).to_vec()),
        ("SchoolId", district.schools.map(|school| school.to_string()).to_vec()),
        ("ZoneId", district.zones.map(|zone| zone.to_string()).to_vec()),
        ("DeviceId", vec![c.device.to_string()]),
        ("VisitId", vec![visit.clone()]),
        ("RecordId", vec![visit]),
        ("GroupId", vec![kept["group"].as_str().expect("an id").to_owned()]),
        ("Bucket", (0..3).map(|nth| district.bucket(nth)).collect()),
        ("Login", vec![district.b.login.clone()]),
    ];
    (server, known)
}

fn document() -> Value {
    let text = std::fs::read_to_string(below("../docs/openapi.json")).expect("the document");
    serde_json::from_str(&text).expect("the document is JSON")
}

/// The document for this server: an id is one that it knows or any other, and the caller's password is the right one.
fn with_known(mut document: Value, known: &Known) -> Value {
    let schemas = &mut document["components"]["schemas"];
    for (name, values) in known {
        let any = schemas[name].take();
        assert!(any.is_object(), "the document has no {name}");
        schemas[name] = json!({"anyOf": [{"type": "string", "enum": values}, any]});
    }
    schemas["OwnPassword"] = json!({"type": "string", "enum": [PASSWORD]});
    document
}

/// Whether all was well, and everything it said.
fn run(schemathesis: &Path, document: &Value, url: &str, client: &Client, other: &Client) -> (bool, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("openapi.json");
    std::fs::write(&file, document.to_string()).expect("a file");
    let run = Command::new(schemathesis)
        .arg("--config-file")
        .arg(below("api/schemathesis.toml"))
        .arg("run")
        .arg(&file)
        .args(["--url", url, "--no-color"])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", below("api"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DUXING_ACCESS", &client.access)
        .env("DUXING_REFRESH", &other.cookie)
        .current_dir(&folder)
        .stderr(Stdio::inherit())
        .output()
        .expect("schemathesis runs");
    (run.status.success(), String::from_utf8_lossy(&run.stdout).into_owned())
}

fn below(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The figure before `generated`.
fn cases(said: &str) -> u64 {
    let words: Vec<&str> = said.split_whitespace().collect();
    let figure = words.windows(2).find(|pair| pair[1].starts_with("generated"));
    figure
        .and_then(|pair| pair[0].replace(',', "").parse().ok())
        .unwrap_or(0)
}

/// Its own summary.
fn closing(said: &str) -> &str {
    said.rfind(" SUMMARY ")
        .map_or(said, |at| said[at..].trim_matches(['=', ' ', '\n']))
}
