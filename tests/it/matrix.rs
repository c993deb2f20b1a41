//! T16: every URL × every role × every relation to a school, searched for words that the caller has no right to. The matrix is made from
//! the route table and the catalog's roles; it is walked with both locks, with each alone, and, to show that it can fail, with none.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Days;
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::{StreamExt, stream};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use server::auth::actor::today;
use server::auth::grants::grants;
use server::db::Pool;
use server::store::rights;
use sync_protocol::{GroupKind, PROTOCOL};
use tests::people::{PASSWORD, appoint, insert_person};
use tests::postgres::execute;
use tests::server::{new_record, op};
use tests::{Client, District, Person, TestServer};
use uuid::Uuid;

/// The first zone of every district of the tests.
const ZONE: &str = "第 1 责任区";

const ROUTES: &str = include_str!("../../server/src/routes.rs");

/// What somebody has to do with the first school of the first zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    /// Looks after it.
    Assigned,
    /// Belongs to its zone.
    OwnZone,
    /// Looked after it until yesterday.
    Formerly,
    /// Looks after it, and keeps away from it.
    Recused,
    /// Looks after it, and was appointed until yesterday.
    Unappointed,
    /// Belongs to the other zone and looks after a school there.
    OtherZone,
    OtherDistrict,
    /// Looks after it, and the account was disabled after the sign-in.
    Disabled,
    /// Looks after it, and the phone was reported lost.
    RevokedDevice,
    /// Looks after it, and the sign-in was ended.
    SignedOut,
}

const RELATIONS: [Relation; 10] = [
    Relation::Assigned,
    Relation::OwnZone,
    Relation::Formerly,
    Relation::Recused,
    Relation::Unappointed,
    Relation::OtherZone,
    Relation::OtherDistrict,
    Relation::Disabled,
    Relation::RevokedDevice,
    Relation::SignedOut,
];

/// Somebody who asks everything.
#[derive(Clone)]
struct Caller {
    who: String,
    /// `None` for nobody, and for the person whose own bucket is looked for.
    role: Option<(&'static str, Relation)>,
    client: Client,
}

/// A planted word and where it stands.
struct Canary {
    what: &'static str,
    text: String,
}

struct World {
    url: String,
    district: District,
    other: District,
    canaries: Vec<Canary>,
    /// The canary's bearer, with a bucket of their own.
    target: Person,
    /// Whom changes may be made to.
    spare: Person,
    spare_device: Uuid,
    /// Complaints of this district and of the other one.
    complaints: [Uuid; 2],
    visits: [Uuid; 3],
    responses: [Uuid; 3],
    records: Vec<Uuid>,
    buckets: Vec<String>,
    /// Kept for the office: one with a canary, which stays, and one that may be admitted.
    kept: String,
    admissible: String,
    callers: Vec<Caller>,
}

/// Whether a caller may meet the word: the rights in words once more, apart from both locks.
fn may_meet(what: &str, role: &str, relation: Relation) -> bool {
    use Relation::*;
    match relation {
        Disabled | RevokedDevice | SignedOut => return false,
        OtherDistrict => return what.starts_with("foreign"),
        _ if what.starts_with("foreign") => return false,
        _ => {}
    }
    let office = ["coordinator", "committee"].contains(&role);
    let manages = ["coordinator", "admin"].contains(&role);
    let zoned = ["supervisor", "zone_lead"].contains(&role);
    let here = relation != OtherZone;
    let near =
        office || role == "supervisor" && relation == Assigned || role == "zone_lead" && here && relation != Recused;
    let far = office || zoned && !here;
    match what {
        "near" => near,
        "far" => far,
        "near-zone" => zoned && here,
        "far-zone" => zoned && !here,
        "district" => office || zoned,
        "office" => office,
        "person" => false,
        // Experts are approved as handlers, and one of the coordinators wrote it down.
        "identity" => role == "expert" && relation != Recused || role == "coordinator" && relation == Assigned,
        "kept" => role == "coordinator",
        "audit" | "login" => manages,
        "name" => office || zoned || manages,
        "device" => near || manages,
        "near-school" => near || manages,
        "far-school" => far || manages,
        "near-zone-name" => near || manages || zoned && here,
        "far-zone-name" => far || manages || zoned && !here,
        other => panic!("who may meet {other}?"),
    }
}

/// Method and path of every route, out of the table itself.
fn routes() -> Vec<String> {
    let (before, after) = ROUTES.split_once("scope(\"/api/v1\")").expect("the scope");
    let mut found = Vec::new();
    for (prefix, part) in [("", before), ("/api/v1", after)] {
        for resource in part.split("resource(\"").skip(1) {
            let (path, rest) = resource.split_once('"').expect("a path");
            let methods = ["get", "post", "put", "patch", "delete"];
            let named = methods.iter().filter(|method| rest.contains(&format!(".{method}(")));
            let named: Vec<String> = named
                .map(|method| format!("{} {prefix}{path}", method.to_uppercase()))
                .collect();
            assert!(!named.is_empty(), "{path} has a method");
            found.extend(named);
        }
    }
    assert_eq!(
        ROUTES.matches("resource(\"").count(),
        found
            .iter()
            .map(|route| route.split_once(' ').expect("two words").1)
            .collect::<BTreeSet<_>>()
            .len()
    );
    found
}

impl World {
    async fn plant() -> (Self, TestServer) {
        let server = TestServer::start().await;
        let mut conn = server.connect().await;
        let district = server.district.clone();
        let other = District::create_named(&mut conn, "foreign").await.unwrap();
        let target = somebody("target", "supervisor", Some(district.zones[0]));
        let spare = somebody("spare", "supervisor", Some(district.zones[0]));
        for person in [&target, &spare] {
            insert_person(&mut conn, district.id, person).await.unwrap();
        }
        let words = "near far near-zone far-zone district office person identity kept audit login name device near-school far-school \
                     near-zone-name far-zone-name foreign foreign-district foreign-kept foreign-name";
        let canaries = words.split(' ').filter(|word| !word.is_empty()).map(|what| Canary {
            what,
            text: format!("cnry-{:08x}", rand::random::<u32>()),
        });
        let mut world = World {
            url: server.database_url.clone(),
            target,
            spare,
            spare_device: Uuid::nil(),
            canaries: canaries.collect(),
            complaints: [(); 2].map(|()| Uuid::now_v7()),
            visits: [(); 3].map(|()| Uuid::now_v7()),
            responses: [(); 3].map(|()| Uuid::now_v7()),
            records: Vec::new(),
            buckets: Vec::new(),
            kept: String::new(),
            admissible: String::new(),
            callers: Vec::new(),
            district,
            other,
        };
        world.plant_visits(&server).await;
        world.plant_identities(&server).await;
        world.plant_rows(&server).await;
        world.gather_callers(&server).await;
        (world, server)
    }

    fn word(&self, what: &str) -> &str {
        let found = self.canaries.iter().find(|canary| canary.what == what);
        &found.expect("a planted word").text
    }

    async fn plant_visits(&mut self, server: &TestServer) {
        let a = server.sign_in(&self.district.a).await;
        let c = server.sign_in(&self.district.c).await;
        let foreign = server.sign_in(&self.other.a).await;
        let places = [
            (&a, self.district.schools[0], "near"),
            (&c, self.district.schools[2], "far"),
        ];
        let places = places.into_iter().chain([(&foreign, self.other.schools[0], "foreign")]);
        for (nth, (client, school, what)) in places.enumerate() {
            let (visit, response, note) = (self.visits[nth], self.responses[nth], Uuid::now_v7());
            let me = client.person.as_ref().unwrap().id;
            let mut ops = new_record(
                visit,
                "visit",
                &[
                    ("school", json!(school)),
                    ("visit_kind", json!("regular")),
                    ("lead", json!(me)),
                    ("visit_date", json!("2026-11-20")),
                    ("informed", json!(self.word(what))),
                    ("state", json!("checked_in")),
                ],
            );
            ops.extend(new_record(
                response,
                "response",
                &[
                    ("visit", json!(visit)),
                    ("template", json!("campus-safety")),
                    ("version", json!(1)),
                    ("on", json!("2026-11-20")),
                    ("SF3.4", json!("no")),
                    ("SF3.4/note", json!(self.word(what))),
                ],
            ));
            ops.extend(new_record(
                note,
                "finding",
                &[
                    ("visit", json!(visit)),
                    ("response", json!(response)),
                    ("severity", json!("L2")),
                    ("title", json!(self.word(what))),
                    ("state", json!("draft")),
                ],
            ));
            let bucket = format!("school/{school}");
            let reply = client.push(&[client.group(&bucket, GroupKind::Command, ops)]).await;
            assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
            self.records.extend([visit, response, note]);
        }
        // Kept: work for a school that is not theirs.
        for (client, person, school, what) in [
            (&c, &self.district.c, self.district.schools[0], "kept"),
            (&foreign, &self.other.a, self.other.schools[2], "foreign-kept"),
        ] {
            let mut client = client.clone();
            client.person = Some(person.clone());
            let ops = |word: &str| new_record(Uuid::now_v7(), "visit", &[("informed", json!(word))]);
            let lines = [self.word(what), "admissible"]
                .map(|word| client.group(&format!("school/{school}"), GroupKind::Edit, ops(word)));
            let reply = client.push(&lines).await.json();
            assert_eq!(reply["outcomes"][1]["outcome"], "quarantined", "{reply}");
            let id = |nth: usize| reply["outcomes"][nth]["group"].as_str().unwrap().to_owned();
            if what == "kept" {
                (self.kept, self.admissible) = (id(0), id(1));
            }
        }
    }

    async fn plant_identities(&self, server: &TestServer) {
        for (of, complaint, what) in [
            (&self.district, self.complaints[0], "identity"),
            (&self.other, self.complaints[1], "foreign"),
        ] {
            let office = server.sign_in(&of.coordinator).await;
            let body = json!({"school": of.schools[0], "name": self.word(what), "phone": "", "text": ""});
            let reply = office
                .post_json(&format!("/api/v1/complaints/{complaint}/identity"), &body)
                .await;
            assert_eq!(reply.status, 204, "{}", reply.text);
        }
        // The audit that is planted by hand begins anew.
        execute(&server.database_url, "DELETE FROM audit_event; DELETE FROM audit_head")
            .await
            .unwrap();
    }

    /// What no push of today writes, and the names.
    async fn plant_rows(&mut self, server: &TestServer) {
        let (here, there) = (self.district.id, self.other.id);
        let zones = self.district.zones;
        let places = [
            (here, format!("zone/{}", zones[0]), "near-zone"),
            (here, format!("zone/{}", zones[1]), "far-zone"),
            (here, format!("district/{here}"), "district"),
            (here, format!("office/{here}"), "office"),
            (here, format!("person/{}", self.target.id), "person"),
            (there, format!("district/{there}"), "foreign-district"),
            (there, format!("zone/{}", self.other.zones[0]), "foreign"),
            (there, format!("office/{there}"), "foreign"),
        ];
        let mut sql = String::new();
        for (district, bucket, what) in places {
            let (id, word) = (Uuid::now_v7(), self.word(what));
            let dot = "00000000000000000000000000000000.0";
            let state = json!({"note": {"n": 1, "w": [{"d": dot, "v": word, "a": self.target.id, "dev": Uuid::nil(), "t": 0}]}});
            sql += &format!(
                "INSERT INTO bucket (district_id, id, head) VALUES ('{district}', '{bucket}', 1);
                 INSERT INTO record (district_id, id, bucket, kind, seq, first_seq, state)
                 VALUES ('{district}', '{id}', '{bucket}', 'duty_log', 1, 1, '{state}');
                 INSERT INTO change_group (district_id, id, bucket, seq, outcome, author, sender, device, bytes)
                 VALUES ('{district}', decode(md5('{bucket}'), 'hex'), '{bucket}', 1, 'applied', '{id}', '{id}', '{id}', '{word}');"
            );
            self.records.push(id);
            self.buckets.push(bucket);
        }
        for (nth, district) in [here, here, there].into_iter().enumerate() {
            // Nobody's push changes the sheets, so these stay open.
            let (visit, response, school) = (
                self.visits[nth],
                self.responses[nth],
                [self.district.bucket(0), self.district.bucket(2), self.other.bucket(0)][nth].clone(),
            );
            sql += &format!(
                "INSERT INTO difference (district_id, record_id, path, bucket, visit_id, late)
                 VALUES ('{district}', '{response}', 'SF3.4/note', '{school}', '{visit}', false);"
            );
            self.buckets.push(school);
        }
        self.buckets.extend([self.district.bucket(1), self.other.bucket(2)]);
        for (district, word) in [(here, self.word("audit")), (there, self.word("foreign"))] {
            let zeros = "decode(repeat('00', 32), 'hex')";
            sql += &format!(
                "INSERT INTO audit_head (district_id, seq, chain) VALUES ('{district}', 1, {zeros});
                 INSERT INTO audit_event (district_id, seq, at, actor, what, subject, detail, chain)
                 VALUES ('{district}', 1, now(), '{district}', 'person.added', '{district}', '{{\"login\": \"{word}\"}}', {zeros});"
            );
        }
        sql += &format!(
            "UPDATE person SET name = '{}', login = '{}' WHERE id = '{}';
             UPDATE person SET name = name || '{}' WHERE district_id = '{there}';
             UPDATE device SET name = '{}' WHERE person_id = '{}';
             UPDATE school SET name = '{}' WHERE id = '{}';
             UPDATE school SET name = '{}' WHERE id = '{}';
             UPDATE zone SET name = '{}' WHERE id = '{}';
             UPDATE zone SET name = '{}' WHERE id = '{}';
             UPDATE school SET name = '{}' WHERE district_id = '{there}';",
            self.word("name"),
            self.word("login"),
            self.target.id,
            self.word("foreign-name"),
            self.word("device"),
            self.district.a.id,
            self.word("near-school"),
            self.district.schools[0],
            self.word("far-school"),
            self.district.schools[2],
            self.word("near-zone-name"),
            zones[0],
            self.word("far-zone-name"),
            zones[1],
            self.word("foreign"),
        );
        self.target.login = self.word("login").to_owned();
        execute(&server.database_url, &sql).await.unwrap();
    }

    async fn gather_callers(&mut self, server: &TestServer) {
        let mut conn = server.connect().await;
        self.spare_device = server.sign_in(&self.spare).await.device;
        let mut afterwards = String::new();
        for role in &catalog::catalog().roles {
            for relation in RELATIONS {
                let caller = self.caller(&mut conn, server, &role.code, relation).await;
                let (person, device) = (caller.client.person.as_ref().unwrap().id, caller.client.device);
                afterwards += &match relation {
                    Relation::Disabled => format!("UPDATE person SET status = 'disabled' WHERE id = '{person}';"),
                    Relation::RevokedDevice => format!("UPDATE device SET state = 'revoked' WHERE id = '{device}';"),
                    Relation::SignedOut => {
                        format!("UPDATE session SET revoked_at = now() WHERE person_id = '{person}';")
                    }
                    _ => String::new(),
                };
                self.callers.push(caller);
            }
        }
        afterwards += &self.handlers_of_the_complaint();
        execute(&server.database_url, &afterwards).await.unwrap();
        let themself = server.sign_in(&self.target).await;
        for (who, client) in [("nobody", server.stranger()), ("the target", themself)] {
            self.callers.push(Caller {
                who: who.into(),
                role: None,
                client,
            });
        }
    }

    fn handlers_of_the_complaint(&self) -> String {
        let (district, complaint) = (self.district.id, self.complaints[0]);
        let mut sql = String::new();
        for caller in &self.callers {
            let person = caller.client.person.as_ref().expect("signed in").id;
            sql += &match caller.role {
                Some(("coordinator", Relation::Assigned)) => {
                    format!("UPDATE complaint_identity SET created_by = '{person}' WHERE district_id = '{district}';")
                }
                Some(("expert", relation)) if relation != Relation::OtherDistrict => format!(
                    "INSERT INTO identity_handler (district_id, id, complaint_id, person_id, approved_by)
                     VALUES ('{district}', '{person}', '{complaint}', '{person}', '{}');",
                    self.district.admin.id
                ),
                _ => String::new(),
            };
        }
        sql
    }

    async fn caller(
        &self,
        conn: &mut AsyncPgConnection,
        server: &TestServer,
        role: &'static str,
        relation: Relation,
    ) -> Caller {
        let foreign = relation == Relation::OtherDistrict;
        let of = if foreign { &self.other } else { &self.district };
        let far = relation == Relation::OtherZone;
        let login = format!("{role}.{relation:?}").to_lowercase();
        let person = somebody(&login, role, Some(of.zones[usize::from(far)]));
        insert_person(conn, of.id, &person).await.unwrap();
        if relation != Relation::OwnZone {
            let school = of.schools[if far { 2 } else { 0 }];
            let yesterday = today().checked_sub_days(Days::new(1)).unwrap();
            let until = match relation {
                Relation::Formerly => format!("'{yesterday}'"),
                _ => "NULL".into(),
            };
            let sql = format!(
                "INSERT INTO assignment (district_id, school_id, person_id, from_date, to_date)
                 VALUES ('{}', '{school}', '{}', '2020-01-01', {until})",
                of.id, person.id
            );
            diesel::sql_query(sql).execute(conn).await.unwrap();
        }
        if relation == Relation::Unappointed {
            let sql = format!(
                "UPDATE appointment SET to_date = '{}' WHERE person_id = '{}'",
                today() - Days::new(1),
                person.id
            );
            diesel::sql_query(sql).execute(conn).await.unwrap();
        }
        if relation == Relation::Recused {
            let sql = format!(
                "INSERT INTO recusal VALUES ('{}', '{}', '{}', '{}', 'kin', '2020-01-01', NULL)",
                of.id,
                Uuid::new_v4(),
                person.id,
                of.schools[0]
            );
            diesel::sql_query(sql).execute(conn).await.unwrap();
        }
        Caller {
            who: login,
            role: Some((role, relation)),
            client: server.sign_in(&person).await,
        }
    }

    /// How each route is asked. A route that is not here fails the test.
    fn asked(&self, client: &Client, route: &str) -> Vec<RequestBuilder> {
        let (method, path) = route.split_once(' ').expect("two words");
        let method: Method = method.parse().expect("a method");
        let get = |url: String| client.request(Method::GET, &url);
        let post = |url: String, body: Value| client.request(method.clone(), &url).json(&body);
        let schools = self.district.schools.iter().chain(&self.other.schools);
        let visits = || self.visits.iter();
        let spare = json!({"person": self.spare.id, "password": PASSWORD});
        match route {
            "GET /healthz"
            | "GET /readyz"
            | "GET /api/v1/about"
            | "GET /api/v1/people"
            | "GET /api/v1/places"
            | "GET /api/v1/audit"
            | "GET /api/v1/audit/anchor"
            | "GET /api/v1/keeping"
            | "GET /api/v1/quarantine"
            | "GET /api/v1/differences"
            | "GET /api/v1/second-factor"
            | "GET /api/v1/live" => vec![get(path.to_owned())],
            "POST /api/v1/session" => {
                let device = Uuid::new_v4();
                let body =
                    json!({"login": self.target.login, "password": "wrong", "device": device, "device_name": "x"});
                vec![post(path.to_owned(), body)]
            }
            // With its cookie it would end the sign-in that the next walk needs.
            "DELETE /api/v1/session" => vec![self.without_cookie(client).request(Method::DELETE, path)],
            "POST /api/v1/session/refresh" => vec![client.request(Method::POST, path)],
            "POST /api/v1/session/key" => vec![post(path.to_owned(), json!({"key": "A".repeat(43)}))],
            "POST /api/v1/session/key/open" => vec![post(path.to_owned(), json!({"locked": "A".repeat(82)}))],
            // What an envelope of somebody's own does is told in tests/it/safe.rs; here it comes without a key of this office.
            "POST /api/v1/sync/sealed" => {
                let header = json!({"duxing_sealed": 1, "district": self.district.id, "person": self.target.id, "device": self.spare_device, "key": "AAAA", "rows": 0});
                let asked = client
                    .request(Method::POST, path)
                    .header("content-type", "application/x-ndjson");
                vec![asked.body(format!("{header}\n"))]
            }
            "POST /api/v1/second-factor" => vec![post(path.to_owned(), json!({"password": "wrong"}))],
            "POST /api/v1/second-factor/confirm" => vec![post(path.to_owned(), json!({"code": "000000"}))],
            "POST /api/v1/second-factor/remove" => {
                vec![post(path.to_owned(), json!({"password": "wrong", "code": "000000"}))]
            }
            "POST /api/v1/second-factor/passkeys" => vec![post(path.to_owned(), json!({"password": "wrong"}))],
            "POST /api/v1/second-factor/passkeys/finish" => {
                vec![post(
                    path.to_owned(),
                    json!({"challenge": Uuid::nil(), "name": "x", "answer": {}}),
                )]
            }
            "POST /api/v1/second-factor/passkeys/{id}/remove" => {
                vec![post(
                    path.replace("{id}", &Uuid::nil().to_string()),
                    json!({"password": "wrong"}),
                )]
            }
            "POST /api/v1/people/{id}/second-factor/remove" => {
                vec![post(
                    path.replace("{id}", &self.spare.id.to_string()),
                    json!({"password": PASSWORD}),
                )]
            }
            "POST /api/v1/enrolment" => vec![post(
                path.to_owned(),
                json!({"code": "none", "password": "eleven or so"}),
            )],
            "POST /api/v1/people" => {
                let body = json!({"login": self.target.login, "name": "x", "roles": ["expert"], "zone": null, "password": PASSWORD});
                vec![post(path.to_owned(), body)]
            }
            "POST /api/v1/people/{id}" => [&self.target, &self.spare]
                .iter()
                .map(|person| {
                    post(
                        path.replace("{id}", &person.id.to_string()),
                        json!({"password": PASSWORD}),
                    )
                })
                .collect(),
            "POST /api/v1/people/{id}/enrolment" => {
                vec![post(
                    path.replace("{id}", &self.spare.id.to_string()),
                    json!({"password": PASSWORD}),
                )]
            }
            "POST /api/v1/people/{id}/assignments" => {
                let body = json!({"school": self.district.schools[1], "from": today(), "password": PASSWORD});
                vec![post(path.replace("{id}", &self.spare.id.to_string()), body)]
            }
            "POST /api/v1/people/{id}/assignments/end" => {
                let body = json!({"school": self.district.schools[1], "from": "2020-01-01", "to": "2020-01-02", "password": PASSWORD});
                vec![post(path.replace("{id}", &self.spare.id.to_string()), body)]
            }
            // For days long past, and to somebody who is no supervisor: nothing here may change what the next one may meet.
            "POST /api/v1/people/{id}/recusals" => {
                let body = json!({"school": self.district.schools[1], "reason": "other", "from": "2020-01-01", "to": "2020-01-02", "password": PASSWORD});
                vec![post(path.replace("{id}", &self.spare.id.to_string()), body)]
            }
            "POST /api/v1/people/{id}/appointments" => {
                let body =
                    json!({"employment": "part", "from": "2019-01-01", "to": "2019-01-02", "password": PASSWORD});
                vec![post(path.replace("{id}", &self.spare.id.to_string()), body)]
            }
            "POST /api/v1/people/{id}/appointments/end" => {
                let body = json!({"appointment": self.spare.id, "to": "2020-01-02", "password": PASSWORD});
                vec![post(path.replace("{id}", &self.spare.id.to_string()), body)]
            }
            "POST /api/v1/people/{id}/recusals/end" => {
                let body = json!({"recusal": self.spare.id, "to": "2020-01-02", "password": PASSWORD});
                vec![post(path.replace("{id}", &self.spare.id.to_string()), body)]
            }
            // Names and codes that are taken, and changes that change nothing.
            "POST /api/v1/zones" => vec![post(path.to_owned(), json!({"name": ZONE, "password": PASSWORD}))],
            "POST /api/v1/zones/{id}" => self
                .district
                .zones
                .iter()
                .map(|id| {
                    let body = json!({"name": ZONE, "password": PASSWORD});
                    post(path.replace("{id}", &id.to_string()), body)
                })
                .collect(),
            "POST /api/v1/schools" => {
                let new = json!({"code": "S0", "name": "x", "zone": ZONE});
                vec![post(path.to_owned(), json!({"schools": [new], "password": PASSWORD}))]
            }
            "POST /api/v1/schools/{id}" => [&self.district, &self.other]
                .iter()
                .flat_map(|district| district.schools)
                .map(|id| post(path.replace("{id}", &id.to_string()), json!({"password": PASSWORD})))
                .collect(),
            "POST /api/v1/people/{id}/hand-over" => {
                let body = json!({"to": self.district.committee.id, "from": today(), "password": PASSWORD});
                vec![post(path.replace("{id}", &self.spare.id.to_string()), body)]
            }
            "POST /api/v1/complaints/{id}/identity" => {
                let body = json!({"school": self.district.schools[0], "name": "x", "phone": "", "text": ""});
                vec![post(path.replace("{id}", &Uuid::now_v7().to_string()), body)]
            }
            "POST /api/v1/complaints/{id}/identity/open" => self
                .complaints
                .iter()
                .map(|id| {
                    post(
                        path.replace("{id}", &id.to_string()),
                        json!({"password": PASSWORD, "reason": "matrix"}),
                    )
                })
                .collect(),
            "POST /api/v1/complaints/{id}/identity/handlers" | "POST /api/v1/complaints/{id}/identity/handlers/end" => {
                let mut body = json!({"person": self.spare.id, "password": PASSWORD});
                if path.ends_with("handlers") {
                    body["reason"] = json!("matrix");
                }
                let ids = self.complaints.iter();
                ids.map(|id| post(path.replace("{id}", &id.to_string()), body.clone()))
                    .collect()
            }
            "POST /api/v1/devices/{id}/revoke" | "POST /api/v1/devices/{id}/restore" => {
                vec![post(path.replace("{id}", &self.spare_device.to_string()), spare)]
            }
            "POST /api/v1/sync/push" => self.pushes(client, path),
            "POST /api/v1/sync/pull" => {
                let want: serde_json::Map<String, Value> =
                    self.buckets.iter().map(|bucket| (bucket.clone(), json!(0))).collect();
                let whole = json!({"protocol": PROTOCOL, "epoch": null, "want": want, "budget": 4_000_000});
                let mend: serde_json::Map<String, Value> = self
                    .buckets
                    .iter()
                    .map(|bucket| (bucket.clone(), json!(self.records)))
                    .collect();
                let mended = json!({"protocol": PROTOCOL, "epoch": null, "want": want, "budget": 4_000_000, "mend": mend, "acked": [self.kept]});
                let bare = json!({"protocol": PROTOCOL, "epoch": null, "want": {}, "budget": 4_000_000});
                [whole, mended, bare]
                    .into_iter()
                    .map(|body| post(path.to_owned(), body))
                    .collect()
            }
            "POST /api/v1/sync/have" => {
                vec![post(
                    path.to_owned(),
                    json!({"protocol": PROTOCOL, "groups": [self.kept, self.admissible]}),
                )]
            }
            "POST /api/v1/sync/digest" => self
                .buckets
                .iter()
                .map(|bucket| {
                    post(
                        path.to_owned(),
                        json!({"protocol": PROTOCOL, "bucket": bucket, "places": ["", "3"]}),
                    )
                })
                .collect(),
            "POST /api/v1/quarantine/{id}/admit" => {
                vec![client.request(Method::POST, &path.replace("{id}", &self.admissible))]
            }
            "GET /api/v1/results" => {
                let schools = schools.map(|id| format!("{path}?month=2026-11&school={id}"));
                let zones = self.district.zones.iter().chain(&self.other.zones);
                let zones = zones.map(|id| format!("{path}?month=2026-11&zone={id}"));
                let all = [format!("{path}?month=2026-11"), format!("{path}?month=2026-12")];
                all.into_iter().chain(schools).chain(zones).map(get).collect()
            }
            "POST /api/v1/visits/{id}/here" => visits()
                .map(|id| post(path.replace("{id}", &id.to_string()), json!({"place": "SF3"})))
                .collect(),
            "GET /api/v1/visits/{id}" | "GET /api/v1/visits/{id}/history" => {
                visits().map(|id| get(path.replace("{id}", &id.to_string()))).collect()
            }
            "GET /api/v1/records/{id}/history" => self
                .records
                .iter()
                .map(|id| get(path.replace("{id}", &id.to_string())))
                .collect(),
            new => panic!("{new} is not in the matrix: tell `World::asked` how it is asked"),
        }
    }

    fn without_cookie(&self, client: &Client) -> Client {
        let mut client = client.clone();
        client.cookie.clear();
        client
    }

    /// An edit of each visit, in its own bucket and smuggled in through one's own.
    fn pushes(&self, client: &Client, path: &str) -> Vec<RequestBuilder> {
        let Some(person) = &client.person else {
            return vec![
                client
                    .request(Method::POST, path)
                    .header("content-type", "application/x-ndjson")
                    .body("{}"),
            ];
        };
        let own = format!("person/{}", person.id);
        let buckets = [self.district.bucket(0), self.district.bucket(2), self.other.bucket(0)];
        let edit = |visit: Uuid| vec![op(visit, "matrix", &json!(person.login))];
        let lines = self.visits.iter().zip(&buckets).flat_map(|(visit, bucket)| {
            [bucket, &own].map(|bucket| client.group(bucket, GroupKind::Edit, edit(*visit)))
        });
        let header = json!({"protocol": PROTOCOL, "device": client.device, "epoch": null, "now": 0});
        lines
            .map(|line| {
                client
                    .request(Method::POST, path)
                    .header("content-type", "application/x-ndjson")
                    .body(format!("{header}\n{line}\n"))
            })
            .collect()
    }

    /// Everybody asks everything of a server with these locks.
    async fn walk(&self, locks: Locks) -> Walked {
        let pool: Pool = match locks.second {
            true => server::db::connect(&self.url, 8),
            false => server::db::connect_as_owner(&self.url, 8),
        }
        .unwrap();
        let change = move |app: &mut server::AppState| app.first_lock = locks.first;
        let server = TestServer::start_as(pool, self.url.clone(), self.district.clone(), change).await;
        let routes = routes();
        let walks = self.callers.iter().map(|caller| {
            let client = caller.client.calling(&server);
            self.walk_as(caller, client, &routes)
        });
        let parts: Vec<Walked> = stream::iter(walks).buffer_unordered(8).collect().await;
        let mut whole = Walked::default();
        parts.into_iter().for_each(|part| whole.add(part));
        whole.writers = self.writers().await;
        whole
    }

    async fn walk_as(&self, caller: &Caller, client: Client, routes: &[String]) -> Walked {
        let mut walked = Walked::default();
        for route in routes {
            walked.cells += 1;
            for request in self.asked(&client, route) {
                // From an address of its own: the delay after a wrong password would answer for the locks.
                let address = std::net::Ipv4Addr::from(rand::random::<u32>()).to_string();
                let sent = read_all(request.header("x-forwarded-for", address), route).await;
                walked.requests += 1;
                walked.bytes += sent.len();
                for canary in self.canaries.iter().filter(|canary| contains(&sent, &canary.text)) {
                    let own = caller.who == "the target"
                        && (["person", "login"].contains(&canary.what)
                            || may_meet(canary.what, "supervisor", Relation::OwnZone));
                    let allowed = own
                        || caller
                            .role
                            .is_some_and(|(role, relation)| may_meet(canary.what, role, relation));
                    match allowed {
                        true => walked.met.insert(canary.what),
                        false => walked.leaks.insert((route.clone(), caller.who.clone(), canary.what)),
                    };
                }
            }
        }
        walked
    }

    /// Whose edits took effect, and on which of the visits.
    async fn writers(&self) -> BTreeSet<(usize, String)> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = Text)]
            state: String,
        }
        let mut conn = <AsyncPgConnection as diesel_async::AsyncConnection>::establish(&self.url)
            .await
            .unwrap();
        let rows: Vec<Row> = diesel::sql_query("SELECT id, state::text AS state FROM record WHERE id = ANY($1)")
            .bind::<Array<SqlUuid>, _>(&self.visits[..])
            .load(&mut conn)
            .await
            .unwrap();
        let mut writers = BTreeSet::new();
        for row in rows {
            let nth = self.visits.iter().position(|id| *id == row.id).unwrap();
            let state: Value = serde_json::from_str(&row.state).unwrap();
            let live = state["matrix"]["w"].as_array().cloned().unwrap_or_default();
            writers.extend(live.iter().map(|write| (nth, write["v"].as_str().unwrap().to_owned())));
        }
        writers
    }

    /// Those whose edit of a visit must take effect, by login.
    fn entitled(&self) -> BTreeSet<(usize, String)> {
        let mut entitled = BTreeSet::new();
        for caller in &self.callers {
            let Some((role, relation)) = caller.role else { continue };
            // What the catalog lets write into a visit.
            if !["supervisor", "zone_lead", "coordinator"].contains(&role) {
                continue;
            }
            for (nth, what) in ["near", "far", "foreign"].into_iter().enumerate() {
                if may_meet(what, role, relation) {
                    entitled.insert((nth, caller.who.clone()));
                }
            }
        }
        entitled
    }
}

#[derive(Clone, Copy)]
struct Locks {
    first: bool,
    second: bool,
}

#[derive(Default)]
struct Walked {
    cells: usize,
    requests: usize,
    bytes: usize,
    met: BTreeSet<&'static str>,
    leaks: BTreeSet<(String, String, &'static str)>,
    writers: BTreeSet<(usize, String)>,
}

impl Walked {
    fn add(&mut self, part: Self) {
        self.cells += part.cells;
        self.requests += part.requests;
        self.bytes += part.bytes;
        self.met.extend(part.met);
        self.leaks.extend(part.leaks);
    }
}

/// Status line, headers and body as they were sent; compressed bodies are decoded. Of a stream the first piece.
async fn read_all(request: RequestBuilder, route: &str) -> Vec<u8> {
    let mut reply = request.send().await.expect("the server answers");
    let mut sent = reply.status().to_string().into_bytes();
    for (name, value) in reply.headers() {
        sent.extend(name.as_str().bytes().chain(value.as_bytes().iter().copied()));
    }
    while let Some(piece) = reply.chunk().await.expect("the reply is whole") {
        sent.extend(piece);
        if route.ends_with("/live") && sent.ends_with(b"\n\n") {
            break;
        }
    }
    sent
}

fn contains(sent: &[u8], word: &str) -> bool {
    sent.windows(word.len()).any(|part| part == word.as_bytes())
}

fn somebody(login: &str, role: &str, zone: Option<Uuid>) -> Person {
    Person {
        id: Uuid::new_v4(),
        login: login.to_lowercase(),
        name: "示例".into(),
        roles: vec![role.into()],
        zone,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_sent_a_word_they_may_not_read_with_both_locks_or_with_either_alone() {
    let (world, first) = World::plant().await;
    first.stop();
    let both = Locks {
        first: true,
        second: true,
    };
    let mut lines = Vec::new();
    let mut leaky = BTreeMap::new();
    for (name, locks) in [
        ("both locks", both),
        ("the server's filter alone", Locks { second: false, ..both }),
        ("the database's lock alone", Locks { first: false, ..both }),
    ] {
        let walked = world.walk(locks).await;
        lines.push(format!(
            "{name}: {} cells, {} requests, {} bytes searched, {} leaks",
            walked.cells,
            walked.requests,
            walked.bytes,
            walked.leaks.len()
        ));
        leaky.insert(name, walked.leaks);
        // Unless each word is met by somebody, a walk shows nothing.
        let unmet: Vec<&str> = world
            .canaries
            .iter()
            .map(|canary| canary.what)
            .filter(|what| !walked.met.contains(what))
            .collect();
        assert_eq!(unmet, [""; 0], "{name}: nobody met these");
        let surplus: Vec<_> = walked.writers.difference(&world.entitled()).cloned().collect();
        assert_eq!(surplus, [], "{name}: these wrote where they may not");
    }
    println!("{}", lines.join("\n"));
    for (name, leaks) in leaky {
        assert!(leaks.is_empty(), "{name}: {leaks:#?}");
    }

    let open = world
        .walk(Locks {
            first: false,
            second: false,
        })
        .await;
    let routes: BTreeSet<&str> = open.leaks.iter().map(|(route, ..)| route.as_str()).collect();
    println!(
        "no lock: {} cells, {} requests, {} bytes searched, {} leaks by {} routes",
        open.cells,
        open.requests,
        open.bytes,
        open.leaks.len(),
        routes.len()
    );
    for shows in [
        "POST /api/v1/sync/pull",
        "GET /api/v1/visits/{id}",
        "GET /api/v1/visits/{id}/history",
        "GET /api/v1/records/{id}/history",
        "GET /api/v1/results",
        "GET /api/v1/differences",
        "GET /api/v1/people",
        "GET /api/v1/audit",
        "POST /api/v1/complaints/{id}/identity/open",
    ] {
        assert!(
            routes.contains(shows),
            "without any lock {shows} leaks, or the matrix is blind to it: {routes:?}"
        );
    }
    let surplus = open.writers.difference(&world.entitled()).count();
    assert!(surplus > 0, "without any lock some write where they may not");
}

/// The server derives grants in Rust from the facts, the database derives its reach in SQL from rows: they come to the same for every
/// set of roles and every relation.
#[tokio::test]
async fn both_locks_derive_the_same_reach_for_every_set_of_roles_and_relation() {
    let server = TestServer::start().await;
    let district = server.district.clone();
    let mut conn = server.connect().await;
    let (yesterday, tomorrow) = (today() - Days::new(1), today() + Days::new(1));
    let spans = [
        None,
        Some((yesterday, None)),
        Some((today(), Some(today()))),
        Some((yesterday, Some(yesterday))),
        Some((tomorrow, None)),
    ];
    let mut people = Vec::new();
    for zone in [None, Some(district.zones[0]), Some(district.zones[1])] {
        for (nth, span) in spans.iter().enumerate() {
            let person = somebody(&format!("{nth}.{}", people.len()), "expert", zone);
            insert_person(&mut conn, district.id, &person).await.unwrap();
            appoint(&mut conn, district.id, &person).await.unwrap();
            if let Some((from, to)) = span {
                let to = to.map_or("NULL".into(), |to| format!("'{to}'"));
                execute(
                    &server.database_url,
                    &format!(
                        "INSERT INTO assignment VALUES ('{}', '{}', '{}', '{from}', {to})",
                        district.id, district.schools[2], person.id
                    ),
                )
                .await
                .unwrap();
            }
            let family = Uuid::new_v4();
            execute(&server.database_url, &format!(
                    "INSERT INTO device (district_id, id, person_id, name) VALUES ('{0}', '{2}', '{1}', 'x');
                     INSERT INTO session (district_id, family, person_id, device_id, expires_at) VALUES ('{0}', '{2}', '{1}', '{2}', now() + interval '1 day')",
                    district.id, person.id, family
                ))
                .await
                .unwrap();
            people.push((person, family));
        }
    }
    // Whoever keeps away from that school: today, up to today, no more, not yet, and never, having taken it back.
    let recusals = [
        (yesterday, None),
        (today(), Some(today())),
        (yesterday, Some(yesterday)),
        (tomorrow, None),
        (today(), Some(yesterday)),
    ];
    for (nth, (from, to)) in recusals.into_iter().enumerate() {
        let person = somebody(&format!("recused.{nth}"), "expert", Some(district.zones[1]));
        insert_person(&mut conn, district.id, &person).await.unwrap();
        appoint(&mut conn, district.id, &person).await.unwrap();
        let (family, to) = (Uuid::new_v4(), to.map_or("NULL".into(), |to| format!("'{to}'")));
        let sql = format!(
            "INSERT INTO assignment VALUES ('{0}', '{3}', '{1}', '{yesterday}', NULL);
             INSERT INTO recusal VALUES ('{0}', '{2}', '{1}', '{3}', 'kin', '{from}', {to});
             INSERT INTO device (district_id, id, person_id, name) VALUES ('{0}', '{2}', '{1}', 'x');
             INSERT INTO session (district_id, family, person_id, device_id, expires_at) VALUES ('{0}', '{2}', '{1}', '{2}', now() + interval '1 day')",
            district.id, person.id, family, district.schools[2]
        );
        execute(&server.database_url, &sql).await.unwrap();
        people.push((person, family));
    }
    // Whoever looks after it is appointed: never, today, up to today, no more, not yet, taken back, and for a second time.
    let terms: [&[(_, Option<_>)]; 7] = [
        &[],
        &[(yesterday, None)],
        &[(today(), Some(today()))],
        &[(yesterday, Some(yesterday))],
        &[(tomorrow, None)],
        &[(today(), Some(yesterday))],
        &[(yesterday, Some(yesterday)), (today(), None)],
    ];
    for (nth, terms) in terms.into_iter().enumerate() {
        let person = somebody(&format!("term.{nth}"), "expert", Some(district.zones[1]));
        insert_person(&mut conn, district.id, &person).await.unwrap();
        let family = Uuid::new_v4();
        let mut sql = format!(
            "INSERT INTO assignment VALUES ('{0}', '{3}', '{1}', '{yesterday}', NULL);
             INSERT INTO device (district_id, id, person_id, name) VALUES ('{0}', '{2}', '{1}', 'x');
             INSERT INTO session (district_id, family, person_id, device_id, expires_at) VALUES ('{0}', '{2}', '{1}', '{2}', now() + interval '1 day');",
            district.id, person.id, family, district.schools[2]
        );
        for (from, to) in terms {
            let to = to.map_or("NULL".into(), |to| format!("'{to}'"));
            sql += &format!(
                "INSERT INTO appointment VALUES ('{}', '{}', '{}', 'part', '{from}', {to}, '');",
                district.id,
                Uuid::new_v4(),
                person.id
            );
        }
        execute(&server.database_url, &sql).await.unwrap();
        people.push((person, family));
    }
    let roles: Vec<&str> = catalog::catalog().roles.iter().map(|role| role.code.as_str()).collect();
    let mut compared = 0;
    for set in 0..1_u32 << roles.len() {
        let held: Vec<&str> = roles
            .iter()
            .enumerate()
            .filter(|(nth, _)| set >> nth & 1 == 1)
            .map(|(_, role)| *role)
            .collect();
        diesel::sql_query("UPDATE person SET roles = $1 WHERE id = ANY($2)")
            .bind::<Array<Text>, _>(&held)
            .bind::<Array<SqlUuid>, _>(people.iter().map(|(person, _)| person.id).collect::<Vec<_>>())
            .execute(&mut conn)
            .await
            .unwrap();
        for (person, family) in &people {
            let standing = rights::standing(&mut conn, district.id, person.id, *family, today())
                .await
                .unwrap()
                .unwrap();
            let first: BTreeMap<String, bool> = grants(district.id, person.id, &standing)
                .into_iter()
                .map(|grant| (grant.bucket, grant.write))
                .collect();
            let second = reach(&mut conn, &district, person.id, *family).await;
            assert_eq!(first, second, "{held:?} {person:?}");
            compared += 1;
        }
    }
    println!("{compared} pairs of derivations agree");
    let (person, family) = &people[1];
    for sql in [
        "UPDATE person SET status = 'disabled' WHERE id = ",
        "UPDATE person SET status = 'active' WHERE id = ",
        "UPDATE device SET state = 'revoked' WHERE person_id = ",
        "UPDATE device SET state = 'active' WHERE person_id = ",
        "UPDATE session SET expires_at = now() - interval '1 second' WHERE person_id = ",
    ] {
        execute(&server.database_url, &format!("{sql}'{}'", person.id))
            .await
            .unwrap();
        let empty = reach(&mut conn, &district, person.id, *family).await.is_empty();
        assert_eq!(empty, !sql.contains("'active'"), "{sql}");
    }
}

/// What the database says somebody reaches, `school/*` told in full.
async fn reach(
    conn: &mut AsyncPgConnection,
    district: &District,
    person: Uuid,
    family: Uuid,
) -> BTreeMap<String, bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        bucket: String,
        #[diesel(sql_type = Bool)]
        may_write: bool,
    }
    let rows: Vec<Row> = diesel::sql_query("SELECT bucket, may_write FROM lock_reach($1, $2, $3)")
        .bind::<SqlUuid, _>(district.id)
        .bind::<SqlUuid, _>(person)
        .bind::<SqlUuid, _>(family)
        .load(conn)
        .await
        .unwrap();
    let mut reach = BTreeMap::new();
    for row in rows {
        let buckets = match row.bucket.as_str() {
            "school/*" => (0..3).map(|nth| district.bucket(nth)).collect(),
            _ => vec![row.bucket],
        };
        for bucket in buckets {
            *reach.entry(bucket).or_insert(false) |= row.may_write;
        }
    }
    reach
}
