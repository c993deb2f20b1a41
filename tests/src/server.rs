//! A server of one's own: fresh database, free port, a small district, and clients signed in to it.

use std::net::TcpListener;
use std::thread::JoinHandle;

use diesel::QueryResult;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use server::AppState;
use server::auth::second_factor::FactorRule;
use sync_protocol::{Group, GroupKind, Op, PROTOCOL};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::people::{District, PASSWORD, Person};
use crate::postgres::fresh_database;

/// A running server. It stops when it is dropped.
pub struct TestServer {
    /// Such as `http://127.0.0.1:41234`.
    pub url: String,
    /// Its database, for looking at what is stored.
    pub database_url: String,
    /// Who there is.
    pub district: District,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl TestServer {
    /// A server over a new database with a small district in it.
    ///
    /// # Panics
    /// As everything in this harness, when what it needs does not work.
    pub async fn start() -> Self {
        Self::start_in(fresh_database().await).await
    }

    /// The same, and `change` has a say in its state first.
    pub async fn start_changed(change: impl FnOnce(&mut AppState) + Send + 'static) -> Self {
        let url = fresh_database().await;
        let mut conn = AsyncPgConnection::establish(&url)
            .await
            .expect("the new database answers");
        let district = District::create(&mut conn).await.expect("the district fits the schema");
        let pool = server::db::connect(&url, 8).expect("a pool");
        Self::start_as(pool, url, district, change).await
    }

    /// The same over a database that is migrated and empty.
    pub async fn start_in(database_url: String) -> Self {
        let mut conn = AsyncPgConnection::establish(&database_url)
            .await
            .expect("the new database answers");
        let district = District::create(&mut conn).await.expect("the district fits the schema");
        Self::start_over(database_url, district).await
    }

    /// A server over an existing database, for restarts.
    pub async fn start_over(database_url: String, district: District) -> Self {
        let pool = server::db::connect(&database_url, 8).expect("a pool");
        Self::start_with(pool, database_url, district).await
    }

    /// A server that takes its connections from this pool.
    pub async fn start_with(pool: server::db::Pool, database_url: String, district: District) -> Self {
        Self::start_as(pool, database_url, district, |_| {}).await
    }

    /// The same, and `change` has a say in its state first.
    pub async fn start_as(
        pool: server::db::Pool,
        database_url: String,
        district: District,
        change: impl FnOnce(&mut AppState) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let (stop, stopped) = oneshot::channel();
        let (tell_ready, ready) = oneshot::channel();
        // A thread of its own, so that a test that blocks never blocks the server.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let mut app = AppState::open(pool, None).await.expect("the state opens");
                app.second_factor = FactorRule::Offered;
                change(&mut app);
                tell_ready.send(()).expect("the test waits");
                server::serve_until(app, listener, 2, async { _ = stopped.await })
                    .await
                    .expect("the server serves");
            });
        });
        ready.await.expect("the server starts");
        TestServer {
            url,
            database_url,
            district,
            running: Some(Running { stop, thread }),
        }
    }

    /// Stops the server and returns what a new one can be started over.
    pub fn stop(mut self) -> (String, District) {
        self.halt();
        (self.database_url.clone(), self.district.clone())
    }

    fn halt(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop.send(());
            let _ = running.thread.join();
        }
    }

    /// A connection to the database behind the server.
    pub async fn connect(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(&self.database_url)
            .await
            .expect("the database answers")
    }

    /// Runs a statement behind the server's back.
    pub async fn execute(&self, sql: &str) -> QueryResult<()> {
        self.connect().await.batch_execute(sql).await
    }

    /// A client nobody has signed in to.
    pub fn stranger(&self) -> Client {
        Client {
            http: reqwest::Client::new(),
            url: self.url.clone(),
            access: String::new(),
            cookie: String::new(),
            person: None,
            device: Uuid::new_v4(),
        }
    }

    /// A client of this person on a new device.
    pub async fn sign_in(&self, person: &Person) -> Client {
        let mut client = self.stranger();
        let reply = client.sign_in(&person.login, PASSWORD).await;
        assert_eq!(
            reply.status,
            StatusCode::OK,
            "{} signs in: {}",
            person.login,
            reply.text
        );
        client.person = Some(person.clone());
        client
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.halt();
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The error code of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code at once, as tests state them.
    pub fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.code())
    }
}

/// A program that speaks the API: keeps its access token and its cookie, as a browser would.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    /// The access token.
    pub access: String,
    /// The refresh cookie's value.
    pub cookie: String,
    /// Who signed in.
    pub person: Option<Person>,
    /// The installation's id.
    pub device: Uuid,
}

impl Client {
    /// The same sign-in at another server over the same database.
    pub fn calling(&self, server: &TestServer) -> Self {
        Client {
            url: server.url.clone(),
            ..self.clone()
        }
    }

    /// A request with the token, the cookie and the CSRF header.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("x-duxing", "1");
        if !self.access.is_empty() {
            request = request.bearer_auth(&self.access);
        }
        if !self.cookie.is_empty() {
            request = request.header("cookie", format!("__Host-duxing={}", self.cookie));
        }
        request
    }

    /// Sends a request and reads the whole reply.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let reply = request.send().await.expect("the server answers");
        let (status, headers) = (reply.status(), reply.headers().clone());
        Reply {
            status,
            headers,
            text: reply.text().await.expect("the reply is whole"),
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts a body of the given media type.
    pub async fn post(&self, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Reply {
        self.send(
            self.request(Method::POST, path)
                .header("content-type", media_type)
                .body(body),
        )
        .await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Reply {
        self.post(path, "application/json", body.to_string()).await
    }

    /// Signs in on this client's device and keeps what it gets.
    pub async fn sign_in(&mut self, login: &str, password: &str) -> Reply {
        let body = json!({"login": login, "password": password, "device": self.device, "device_name": "test phone"});
        let reply = self.post_json("/api/v1/session", &body).await;
        self.keep(&reply);
        reply
    }

    /// Refreshes the session and keeps what it gets.
    pub async fn refresh(&mut self) -> Reply {
        let reply = self.send(self.request(Method::POST, "/api/v1/session/refresh")).await;
        self.keep(&reply);
        reply
    }

    fn keep(&mut self, reply: &Reply) {
        if let Some(access) = reply.json()["access"].as_str() {
            self.access = access.to_owned();
        }
        let cookie = reply.headers.get("set-cookie").and_then(|value| value.to_str().ok());
        if let Some(value) = cookie.and_then(|text| text.split(';').next()?.strip_prefix("__Host-duxing=")) {
            self.cookie = value.to_owned();
        }
    }

    /// A group by this person on this device, as its line. Each call makes another group, even with equal ops.
    ///
    /// # Panics
    /// If nobody has signed in or an id is none.
    pub fn group(&self, bucket: &str, kind: GroupKind, ops: Vec<Op>) -> String {
        let author = self.person.as_ref().expect("somebody signed in").id.to_string();
        let (bucket, author, device) = (bucket.parse(), author.parse(), self.device.to_string().parse());
        let at = chrono::Utc::now().timestamp_millis();
        let group = Group::new(
            bucket.expect("a bucket"),
            kind,
            author.expect("a person"),
            device.expect("a device"),
            at,
            rand::random(),
            ops,
        );
        group.to_line()
    }

    /// Pushes lines of groups.
    pub async fn push(&self, groups: &[String]) -> Reply {
        let header = json!({"protocol": PROTOCOL, "device": self.device, "epoch": null, "now": 0}).to_string();
        let body = std::iter::once(&header)
            .chain(groups)
            .map(|line| format!("{line}\n"))
            .collect::<String>();
        self.post("/api/v1/sync/push", "application/x-ndjson", body).await
    }

    /// Pulls everything the server offers plus `buckets`, from the start.
    pub async fn pull(&self, buckets: &[String]) -> Reply {
        let want: serde_json::Map<String, Value> = buckets.iter().map(|bucket| (bucket.clone(), json!(0))).collect();
        let body = json!({"protocol": PROTOCOL, "epoch": null, "want": want, "budget": 1_000_000});
        self.post_json("/api/v1/sync/pull", &body).await
    }
}

/// The ops of a new record: its kind and these fields, nothing seen before.
pub fn new_record(id: Uuid, kind: &str, fields: &[(&str, Value)]) -> Vec<Op> {
    let kind = ("@kind", json!(kind));
    std::iter::once(&kind)
        .chain(fields)
        .map(|(path, value)| op(id, path, value))
        .collect()
}

/// One write by somebody who saw nothing there.
pub fn op(record: Uuid, path: &str, value: &Value) -> Op {
    let value = serde_json::from_value(value.clone()).expect("a value of the wire");
    Op(
        record.to_string().parse().expect("a record id"),
        path.parse().expect("a field path"),
        value,
        Vec::new(),
    )
}
