//! A phone without a screen: the real replica, a disk that can be reopened, and HTTP to a real server.

use anyhow::{Context, Result, bail};
use serde_json::{Value as Json, json};
use sync_protocol::{
    Author, BucketId, Edit, FieldView, Frame, GroupId, GroupKind, HaveReply, Phase, PushReply, REMOVED_FIELD, RecordId,
    Replica, SEAL_FIELD, Saved, Shown, StageError, Value, seal_value, verification_code,
};
use tokio::time::Instant;
use uuid::Uuid;

pub use sync_protocol::disk::Disk;

/// A visit under way: its record and its one response.
#[derive(Debug, Clone)]
pub struct Visit {
    pub bucket: BucketId,
    pub visit: RecordId,
    pub response: RecordId,
}

pub struct Phone {
    pub base: String,
    pub http: reqwest::Client,
    pub token: String,
    pub person: Uuid,
    pub device: Uuid,
    pub replica: Replica,
    pub disk: Disk,
    /// The phone's own clock; tests move it as they like.
    pub now: i64,
    /// Every answer to a pull, with the moments at which it was asked for and there; tests that listen empty it.
    pub heard: Vec<(Instant, Instant, String)>,
}

impl Phone {
    /// A new installation of somebody of the test's district.
    pub async fn of(server: &crate::TestServer, person: &crate::Person) -> Self {
        Self::sign_in(&server.url, &person.login, crate::people::PASSWORD)
            .await
            .expect("the person signs in")
    }

    /// A new installation on which somebody signs in.
    pub async fn sign_in(base: &str, login: &str, password: &str) -> Result<Self> {
        Self::sign_in_on(base, login, password, Uuid::new_v4()).await
    }

    pub async fn sign_in_on(base: &str, login: &str, password: &str, device: Uuid) -> Result<Self> {
        let http = reqwest::Client::builder().build()?;
        let asked = json!({ "login": login, "password": password, "device": device, "device_name": "test phone" });
        let reply = http
            .post(format!("{base}/api/v1/session"))
            .header("X-Duxing", "1")
            .json(&asked)
            .send()
            .await?;
        if !reply.status().is_success() {
            bail!("sign-in of {login}: {} {}", reply.status(), reply.text().await?);
        }
        let reply: Json = reply.json().await?;
        let person: Uuid = reply["person"]["id"].as_str().context("no person")?.parse()?;
        let token = reply["access"].as_str().context("no token")?.to_owned();
        Ok(Self::new(base, http, token, person, device))
    }

    /// The phone whose sign-in this client made and keeps: its refreshes are the client's.
    pub fn signed_in_as(base: &str, client: &crate::Client) -> Result<Self> {
        let person = client.person.as_ref().context("nobody signed in")?.id;
        let http = reqwest::Client::builder().build()?;
        Ok(Self::new(base, http, client.access.clone(), person, client.device))
    }

    fn new(base: &str, http: reqwest::Client, token: String, person: Uuid, device: Uuid) -> Self {
        let me = Author {
            person: wire(person),
            device: wire(device),
        };
        Self {
            base: base.to_owned(),
            http,
            token,
            person,
            device,
            replica: Replica::open(me, Saved::default()),
            disk: Disk::default(),
            now: chrono::Utc::now().timestamp_millis(),
            heard: Vec::new(),
        }
    }

    /// Kills the app and starts it again from its disk.
    pub fn restart(&mut self) {
        let me = self.replica.me().clone();
        self.replica = Replica::open(me, self.disk.saved());
    }

    // ---- writing ------------------------------------------------------------------------------------------------------------

    pub fn change(&mut self, bucket: &BucketId, kind: GroupKind, edits: Vec<Edit>) {
        self.now += 1;
        let stored = self.replica.change(bucket, kind, edits, self.now, rand::random());
        self.disk.write(stored);
    }

    pub fn see(&self, record: &RecordId, path: &str) -> FieldView {
        self.replica.field(record, &path.parse().expect("a field path"))
    }

    /// An edit by somebody who saw what this phone shows.
    pub fn edit(&self, record: &RecordId, path: &str, value: impl Into<Value>) -> Edit {
        Edit::new(record, path, value.into(), self.see(record, path).shown())
    }

    /// Checks in at a school: the visit and an empty campus-safety response, in one command.
    pub fn start_visit(&mut self, school: Uuid) -> Visit {
        let bucket = BucketId::school(&wire(school));
        let (visit, response): (RecordId, RecordId) = (wire(Uuid::now_v7()), wire(Uuid::now_v7()));
        let me = self.person.to_string();
        let new = |record: &RecordId, path: &str, value: Value| Edit::new(record, path, value, Shown::nothing());
        let mut edits = vec![
            new(&visit, "@kind", "visit".into()),
            new(&visit, "school", school.to_string().into()),
            new(&visit, "visit_kind", "regular".into()),
            new(&visit, "lead", me.clone().into()),
            new(&visit, &format!("members/{me}"), "lead".into()),
            new(&visit, "visit_date", today().into()),
            new(
                &visit,
                &format!("check_in/{me}"),
                chrono::Utc::now().to_rfc3339().into(),
            ),
            new(&visit, "state", "checked_in".into()),
            new(&response, "@kind", "response".into()),
            new(&response, "visit", visit.to_string().into()),
            new(&response, "template", "campus-safety".into()),
            new(&response, "version", 1.into()),
            new(&response, "on", today().into()),
        ];
        edits.extend(
            worked_check_facts()
                .into_iter()
                .map(|(name, value)| new(&response, &format!("fact/{name}"), value)),
        );
        self.change(&bucket, GroupKind::Command, edits);
        Visit {
            bucket,
            visit,
            response,
        }
    }

    /// One tap on an item.
    pub fn answer(&mut self, at: &Visit, item: &str, value: &str) {
        let edit = self.edit(&at.response, item, value);
        self.change(&at.bucket, GroupKind::Edit, vec![edit]);
    }

    /// Moves the visit's state by command.
    pub fn command(&mut self, at: &Visit, state: &str) {
        let edit = self.edit(&at.visit, "state", state);
        self.change(&at.bucket, GroupKind::Command, vec![edit]);
    }

    /// Signs and hands in what this phone shows of the visit and its sheet: one action.
    pub fn submit(&mut self, at: &Visit) {
        let mut edits = vec![self.edit(&at.visit, "state", "submitted")];
        let mut signed = Vec::new();
        for record in [&at.visit, &at.response] {
            let view = self.replica.view(record).expect("a record on this phone");
            let dots = view.signed(&[]);
            signed.extend(dots.iter().copied());
            edits.push(Edit::new(
                record,
                SEAL_FIELD,
                seal_value(dots),
                view.field(SEAL_FIELD).shown(),
            ));
        }
        let seal = Value::List(vec![verification_code(signed).into(), 1.into(), "".into()]);
        edits.push(self.edit(&at.visit, "seal", seal));
        self.change(&at.bucket, GroupKind::Command, edits);
    }

    /// Amends one answer of a signed sheet: the new value and the sheet signed anew, in one action.
    pub fn amend(&mut self, at: &Visit, item: &str, value: &str, reason: &str) {
        let view = self.replica.view(&at.response).expect("a record on this phone");
        let field = view.field(item);
        let dots = view.signed(&[item]);
        let edits = vec![
            Edit::new(&at.response, item, value.into(), field.shown_with_late()),
            Edit::new(
                &at.response,
                SEAL_FIELD,
                seal_value(dots.clone()),
                view.field(SEAL_FIELD).shown(),
            ),
            self.edit(
                &at.visit,
                "seal",
                Value::List(vec![verification_code(dots).into(), 2.into(), reason.into()]),
            ),
        ];
        self.change(&at.bucket, GroupKind::Edit, edits);
    }

    /// One's own word on an item where others differ: it changes that and settles nothing.
    pub fn say_again(&mut self, at: &Visit, item: &str, value: &str) {
        let shown = self.see(&at.response, item).shown_of(&self.person.to_string());
        self.change(
            &at.bucket,
            GroupKind::Edit,
            vec![Edit::new(&at.response, item, value.into(), shown)],
        );
    }

    /// Settles an item on which people differ, having seen all of it.
    pub fn settle(&mut self, at: &Visit, item: &str, value: &str, reason: &str) {
        let field = self.see(&at.response, item);
        let heard = field.siblings.iter().map(|said| catalog::Heard {
            author: said.author.to_string(),
            at: said.at,
            dot: said.dot.map(|dot| dot.to_string()).unwrap_or_default(),
            value: to_catalog(&said.value),
        });
        let decision = catalog::Decision {
            reopened: false,
            reason: reason.to_owned(),
            heard: heard.collect(),
        };
        let marker = format!("settled/{item}");
        let decision = serde_json::to_value(decision.to_value()).expect("a value is JSON");
        let edits = vec![
            Edit::new(&at.response, item, value.into(), field.shown_with_late()),
            self.edit(
                &at.response,
                &marker,
                serde_json::from_value::<Value>(decision).expect("a value of the wire"),
            ),
        ];
        self.change(&at.bucket, GroupKind::Edit, edits);
    }

    /// Removes the visit and its sheet as far as this phone sees them.
    pub fn remove(&mut self, at: &Visit) {
        let gone = |record: &RecordId| {
            let view = self.replica.view(record).expect("a record on this phone");
            Edit::new(record, REMOVED_FIELD, view.removal(), view.field(REMOVED_FIELD).shown())
        };
        let edits = vec![gone(&at.visit), gone(&at.response)];
        self.change(&at.bucket, GroupKind::Edit, edits);
    }

    /// The codes with which the office set this person's actions aside.
    pub fn set_aside(&self) -> Vec<String> {
        let code = |saved: &sync_protocol::SavedGroup| match &saved.phase {
            Phase::Refused { code } | Phase::Quarantined { code } => Some(code.clone()),
            _ => None,
        };
        self.replica.outbox().filter_map(|(saved, _)| code(saved)).collect()
    }

    /// Answers every scored item that the worked check's school shows with yes, except `no`.
    pub fn fill(&mut self, at: &Visit, no: &[&str]) {
        for item in applicable_items() {
            self.answer(at, &item, if no.contains(&item.as_str()) { "no" } else { "yes" });
        }
    }

    // ---- the network --------------------------------------------------------------------------------------------------------

    /// Everything out, then everything in; a server that was restored is offered the journal first.
    pub async fn sync(&mut self) -> Result<()> {
        for _ in 0..5 {
            if self.replica.must_refill() {
                self.refill().await?;
            }
            self.push_all().await?;
            self.compare().await?;
            self.pull().await?;
            if !self.replica.must_refill() && self.pending() == 0 {
                return Ok(());
            }
        }
        bail!("five rounds did not bring it to rest")
    }

    /// Offers the journal, a hundred at a time, and takes back what the server needs.
    pub async fn refill(&mut self) -> Result<()> {
        let journal: Vec<GroupId> = self.disk.journal.keys().copied().collect();
        for part in self.replica.to_offer(&journal).chunks(100) {
            self.have(part).await?;
        }
        let stored = self.replica.refilled();
        self.disk.write(stored);
        Ok(())
    }

    /// Asks what the server has of these.
    pub async fn have(&mut self, groups: &[GroupId]) -> Result<HaveReply> {
        let asked = serde_json::to_string(&Replica::offer(groups))?;
        let reply = self.post("sync/have", "application/json", asked).await?;
        let status = reply.status();
        let text = reply.text().await?;
        if !status.is_success() {
            bail!("have: {status} {text}");
        }
        let reply: HaveReply = serde_json::from_str(&text)?;
        let journal = groups.iter().filter_map(|id| self.disk.journal.get(id).cloned());
        let stored = self.replica.handle_have(&reply, journal.collect());
        self.disk.write(stored);
        Ok(reply)
    }

    /// Looks for what differs in buckets whose checksum does not match.
    pub async fn compare(&mut self) -> Result<()> {
        while let Some(asked) = self.replica.next_digest() {
            let reply = self
                .post("sync/digest", "application/json", serde_json::to_string(&asked)?)
                .await?;
            let (status, text) = (reply.status(), reply.text().await?);
            if !status.is_success() {
                bail!("digest: {status} {text}");
            }
            let stored = self.replica.handle_digest(&serde_json::from_str(&text)?);
            self.disk.write(stored);
        }
        Ok(())
    }

    async fn push_all(&mut self) -> Result<()> {
        while let Some(reply) = self.push_once().await? {
            let stored = self.replica.handle_push_reply(&reply);
            self.disk.write(stored);
        }
        Ok(())
    }

    /// Sends one batch and answers the reply without taking it, so that tests may lose it.
    pub async fn push_once(&self) -> Result<Option<PushReply>> {
        match self.replica.next_push(self.now) {
            Some(batch) => Ok(Some(self.push_body(batch.body).await?)),
            None => Ok(None),
        }
    }

    pub async fn push_body(&self, body: String) -> Result<PushReply> {
        let reply = self.post("sync/push", "application/x-ndjson", body).await?;
        let status = reply.status();
        let text = reply.text().await?;
        if !status.is_success() {
            bail!("push: {status} {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }

    pub async fn pull(&mut self) -> Result<()> {
        let mut more = true;
        while more {
            let asked = serde_json::to_string(&self.replica.next_pull(1 << 20))?;
            let began = Instant::now();
            let reply = self.post("sync/pull", "application/json", asked).await?;
            let status = reply.status();
            let text = reply.text().await?;
            self.heard.push((began, Instant::now(), text.clone()));
            if !status.is_success() {
                bail!("pull: {status} {text}");
            }
            more = false;
            for line in text.lines() {
                let frame: Frame = serde_json::from_str(line)?;
                if let Frame::End(end) = &frame {
                    more = end.more;
                }
                match self.replica.handle_frame(frame) {
                    Ok(stored) => self.disk.write(stored),
                    // The next round offers the journal and fetches anew.
                    Err(StageError::RefillFirst | StageError::Mismatch(_)) => return Ok(()),
                    Err(error) => bail!("{error:?}"),
                }
            }
        }
        Ok(())
    }

    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Result<reqwest::Response> {
        let call = self
            .http
            .post(format!("{}/api/v1/{path}", self.base))
            .header("X-Duxing", "1")
            .bearer_auth(&self.token);
        Ok(call.header("Content-Type", content_type).body(body).send().await?)
    }

    pub async fn get(&self, path: &str) -> Result<(u16, Json)> {
        let reply = self
            .http
            .get(format!("{}/api/v1/{path}", self.base))
            .bearer_auth(&self.token)
            .send()
            .await?;
        Ok((
            reply.status().as_u16(),
            serde_json::from_str(&reply.text().await?).unwrap_or(Json::Null),
        ))
    }

    /// How many groups wait for the server.
    pub fn pending(&self) -> usize {
        self.replica
            .outbox()
            .filter(|(saved, _)| saved.phase == sync_protocol::Phase::Frozen)
            .count()
    }
}

/// The school of the worked checks: no boarders, laboratory or bus; control room and canteen.
pub fn worked_check_facts() -> Vec<(&'static str, Value)> {
    vec![
        ("students", 860.into()),
        ("boarders", 0.into()),
        ("bands", Value::List(vec!["P12".into(), "P36".into()])),
        ("meal_mode", "self".into()),
        ("has_lab", false.into()),
        ("has_bus", false.into()),
        ("has_control_room", true.into()),
        ("has_works", false.into()),
        ("has_special_equipment", false.into()),
    ]
}

/// The codes of the scored items that the worked check's school shows.
pub fn applicable_items() -> Vec<String> {
    let checklist = catalog::catalog()
        .latest("campus-safety")
        .expect("a built-in checklist");
    let mut answers: catalog::Answers = worked_check_facts()
        .into_iter()
        .map(|(name, value)| (format!("fact/{name}"), to_catalog(&value)))
        .collect();
    answers.insert("on".into(), catalog::Value::Text(today()));
    let scored = |item: &&catalog::ItemState| item.visible && item.verdict != catalog::Verdict::Unscored;
    catalog::assess(checklist, &answers)
        .items
        .iter()
        .filter(scored)
        .map(|item| item.code.clone())
        .collect()
}

fn to_catalog(value: &Value) -> catalog::Value {
    match value {
        Value::Null => catalog::Value::Null,
        Value::Bool(truth) => catalog::Value::Bool(*truth),
        Value::Int(number) => catalog::Value::Int(*number),
        Value::Text(text) => catalog::Value::Text(text.clone()),
        Value::List(items) => catalog::Value::List(items.iter().map(to_catalog).collect()),
    }
}

/// Today in the district, as the records spell it.
pub fn today() -> String {
    let china = chrono::FixedOffset::east_opt(8 * 3600).expect("eight hours are an offset");
    chrono::Utc::now().with_timezone(&china).date_naive().to_string()
}

/// A UUID as any of the wire's ids.
pub fn wire<Id: std::str::FromStr<Err = sync_protocol::BadId>>(id: Uuid) -> Id {
    id.to_string().parse().expect("a UUID is an id")
}
