//! Where a story plays: a server with a small district whose schools are those of the worked checks, and a turn at the machine.

use serde_json::{Value, json};
use sync_protocol::GroupKind;
use tests::browser::{Browser, View};
use tests::people::PASSWORD;
use tests::phone::worked_check_facts;
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
        let turn = TURN.acquire().await.expect("the turns never end");
        let stage = Stage {
            server: TestServer::start().await,
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
            district.id,
            district.admin.id,
            &people,
            now,
        )
        .await
        .expect("names for everybody");
    }

    async fn describe_schools(&self) {
        let office = self.server.sign_in(&self.server.district.coordinator).await;
        let schools = self.server.district.schools;
        for (nth, school) in schools.into_iter().enumerate() {
            let name = format!("示例第 {} 小学", nth + 1);
            let mut fields: Vec<(&str, Value)> = vec![
                ("name", json!(name)),
                ("code", json!(format!("S{nth}"))),
                ("type", json!("primary")),
            ];
            let facts = worked_check_facts().into_iter();
            fields.extend(facts.map(|(fact, value)| (fact, serde_json::to_value(value).expect("a value of the wire"))));
            let record = new_record(school, "school", &fields);
            let group = office.group(&self.server.district.bucket(nth), GroupKind::Edit, record);
            let reply = office.push(&[group]).await;
            assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
        }
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
