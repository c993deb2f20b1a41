//! Where a story plays: a server with a small district whose schools are those of the worked checks, and a turn at the machine.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use server::AppState;
use sync_protocol::GroupKind;
use tests::browser::{Browser, View};
use tests::people::{PASSWORD, assign};
use tests::phone::{Phone, worked_check_facts};
use tests::server::new_record;
use tests::{Person, TestServer};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

/// One story at a time: browsers that fight for two cores only make each other late.
static TURN: Semaphore = Semaphore::const_new(1);

pub struct Stage {
    pub server: TestServer,
    _turn: SemaphorePermit<'static>,
}

impl Stage {
    /// Waits for its turn and sets everything up.
    pub async fn set() -> Self {
        Self::set_as(|_| {}).await
    }

    /// The same, and `change` has a say in the server's state first.
    pub async fn set_as(change: impl FnOnce(&mut AppState) + Send + 'static) -> Self {
        let turn = TURN.acquire().await.expect("the turns never end");
        let stage = Stage {
            server: TestServer::start_changed(change).await,
            _turn: turn,
        };
        stage.name_people().await;
        stage.describe_schools().await;
        stage
    }

    /// The id of the first school.
    pub fn school(&self) -> Uuid {
        self.server.district.schools[0]
    }

    /// How the log's groups of one author ended, and how many of each.
    pub async fn outcomes(&self, author: &Person) -> BTreeMap<String, i64> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            outcome: String,
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let counted = "SELECT outcome, count(*) AS n FROM change_group WHERE author = $1 GROUP BY outcome";
        let rows: Vec<Row> = diesel::sql_query(counted)
            .bind::<diesel::sql_types::Uuid, _>(author.id)
            .load(&mut self.server.connect().await)
            .await
            .expect("the log is read");
        rows.into_iter().map(|row| (row.outcome, row.n)).collect()
    }

    /// How often phones told that their copies were mended.
    pub async fn mended(&self) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let row: Row = diesel::sql_query("SELECT sum(mended)::bigint AS n FROM device")
            .get_result(&mut self.server.connect().await)
            .await
            .expect("the devices are read");
        row.n
    }

    async fn name_people(&self) {
        let district = &self.server.district;
        let roles: Vec<Vec<&str>> = district
            .everybody()
            .map(|person| person.roles.iter().map(String::as_str).collect())
            .into();
        let people: Vec<(Uuid, &str, &[&str])> = district
            .everybody()
            .into_iter()
            .zip(&roles)
            .map(|(person, roles)| (person.id, person.name.as_str(), roles.as_slice()))
            .collect();
        let now = chrono::Utc::now().timestamp_millis();
        server::people::put_on_roster(
            &mut self.server.connect().await,
            server::store::purpose::Purpose::installation(),
            district.id,
            district.admin.id,
            &people,
            now,
        )
        .await
        .expect("names for everybody");
    }

    async fn describe_schools(&self) {
        self.describe(&self.server.district.schools).await;
    }

    /// Gives schools their names and facts.
    pub async fn describe(&self, schools: &[Uuid]) {
        let office = self.server.sign_in(&self.server.district.coordinator).await;
        let known = self.server.district.schools;
        for (nth, school) in schools.iter().copied().enumerate() {
            let kind = if known.contains(&school) { "小学" } else { "中学" };
            let name = format!("示例第 {} {kind}", nth + 1);
            let mut fields: Vec<(&str, Value)> = vec![
                ("name", json!(name)),
                ("code", json!(format!("S{nth}"))),
                ("type", json!("primary")),
            ];
            let facts = worked_check_facts().into_iter();
            fields.extend(facts.map(|(fact, value)| (fact, serde_json::to_value(value).expect("a value of the wire"))));
            let record = new_record(school, "school", &fields);
            let group = office.group(&format!("school/{school}"), GroupKind::Edit, record);
            let reply = office.push(&[group]).await;
            assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
        }
    }

    /// A school more for this person, in the first zone.
    pub async fn one_more_school(&self, person: &Person, name: &str) -> Uuid {
        let (district, id) = (self.server.district.id, Uuid::new_v4());
        let row = format!(
            "INSERT INTO school (district_id, id, zone_id, code, name) \
             VALUES ('{district}', '{id}', '{}', '{id}', '{name}')",
            self.server.district.zones[0]
        );
        let mut conn = self.server.connect().await;
        diesel::sql_query(row)
            .execute(&mut conn)
            .await
            .expect("one more school");
        assign(&mut conn, district, person, id).await.expect("their school");
        id
    }

    /// A visit of the first school that this person handed in from another phone.
    pub async fn a_submitted_visit(&self, person: &Person) -> Uuid {
        let mut phone = Phone::of(&self.server, person).await;
        phone.sync().await.expect("a pull");
        let visit = phone.start_visit(self.school());
        phone.fill(&visit, &[]);
        phone.command(&visit, "feedback_given");
        phone.submit(&visit);
        phone.sync().await.expect("a push");
        visit.visit.as_str().parse().expect("a record id is a UUID")
    }

    /// A desk in the office: the coordinator signed in, with this page open.
    pub async fn desk(&self, path: &str) -> Browser {
        let desk = Browser::open(&self.server.url, View::Desk).await;
        sign_in(&desk, &self.server.district.coordinator).await;
        desk.see(".rail").await;
        desk.go(path).await;
        desk.see("main").await;
        desk
    }
}

/// Signs somebody in on the page that asks for it.
pub async fn sign_in(browser: &Browser, person: &Person) {
    browser.go("/").await;
    give_password(browser, person).await;
}

/// The same on a page that asks already.
pub async fn give_password(browser: &Browser, person: &Person) {
    browser.type_into("[data-testid=login]", &person.login).await;
    browser.type_into("[data-testid=password]", PASSWORD).await;
    browser.tap("[data-testid=sign-in]").await;
    browser.see_no("[data-testid=login]").await;
}
