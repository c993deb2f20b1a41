//! What a flood of wrong sign-ins does to somebody at work: the same pushes, pulls and sign-ins on a known phone, quiet and flooded in turns.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::json;
use tests::load::{Fleet, connect, push_one, visit};
use tests::people::PASSWORD;
use tests::phone::Phone;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::figure::{Figure, in_ms, median};
use crate::rig::Rig;

/// How many strangers, how long each waits before the next try, and the words for it.
const FLOODS: [(u32, Duration, &str); 3] = [
    (300, Duration::from_secs(1), "300 strangers, a try a second each"),
    (300, Duration::ZERO, "300 strangers without a pause"),
    (3000, Duration::ZERO, "3,000 strangers without a pause"),
];
const ROUNDS: usize = 7;
/// How often each thing is done in a round.
const TIMES: usize = 20;

/// How long the honest phone waited for each thing.
#[derive(Default)]
struct Waited {
    push: Vec<Duration>,
    pull: Vec<Duration>,
    /// On a phone whose cookie of before is still there, as it is when a sign-in has run out.
    sign_in: Vec<Duration>,
    /// On a phone where somebody had signed out.
    sign_in_anew: Vec<Duration>,
}

pub fn measure(runtime: &Runtime) -> Result<Vec<Figure>> {
    let rig = Rig::start(runtime)?;
    runtime.block_on(async {
        let mut conn = connect(&rig.database_url).await?;
        let fleet = Fleet::enrol(&mut conn, &rig.district, &rig.server.url, 2).await?;
        let bucket = fleet.buckets[0].clone();
        let login = format!("load-{}", bucket.subject().replace('-', ""));
        let phone = &fleet.phones[0];
        let cookie = cookie_of(phone, &login).await?;
        let ended = cookie_of(phone, &login).await?;
        let sign_out = phone
            .http
            .delete(format!("{}/api/v1/session", phone.base))
            .header("X-Duxing", "1");
        sign_out.header("cookie", &ended).send().await?.error_for_status()?;
        let honest = Honest {
            cookie,
            ended,
            phone: &fleet.phones[0],
            idle: (&fleet.phones[1], &fleet.buckets[1]),
            login,
            bucket,
        };
        let mut figures = Vec::new();
        for flood in FLOODS {
            figures.extend(compare(&rig.server.url, &honest, flood).await?);
        }
        Ok(figures)
    })
}

/// Signs in, and tells the cookie of it.
async fn cookie_of(phone: &Phone, login: &str) -> Result<String> {
    let visitor = Visitor {
        login,
        password: PASSWORD,
        device: phone.device,
        header: ("cookie", String::new()),
    };
    let reply = visitor.sign_in(&phone.http, &phone.base).await?;
    let cookie = reply.headers().get("set-cookie").context("a cookie")?.to_str()?;
    Ok(cookie.split(';').next().context("its value")?.to_owned())
}

async fn compare(
    url: &str,
    honest: &Honest<'_>,
    (strangers, pause, how): (u32, Duration, &str),
) -> Result<Vec<Figure>> {
    let (mut quiet, mut flooded) = (Waited::default(), Waited::default());
    let mut tried = 0;
    let mut flooding = Duration::ZERO;
    honest.work(&mut Waited::default()).await?;
    for _ in 0..ROUNDS {
        honest.work(&mut quiet).await?;
        let flood = Flood::begin(url, strangers, pause);
        // Until everybody has been answered once or stands in the lane.
        while flood.tried() < strangers / 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (before, started) = (flood.tried(), Instant::now());
        honest.work(&mut flooded).await?;
        tried += flood.tried() - before;
        flooding += started.elapsed();
    }
    let mut figures = vec![Figure::new(
        "flood",
        format!("{how}: wrong sign-ins answered"),
        f64::from(tried) / flooding.as_secs_f64(),
        "/s",
    )];
    for (what, quiet, flooded) in [
        ("push of a visit", &quiet.push, &flooded.push),
        ("pull with nothing new", &quiet.pull, &flooded.pull),
        ("sign-in on a known phone", &quiet.sign_in, &flooded.sign_in),
        (
            "sign-in on a known phone after a sign-out",
            &quiet.sign_in_anew,
            &flooded.sign_in_anew,
        ),
    ] {
        let (calm, storm) = (median(&in_ms(quiet)), median(&in_ms(flooded)));
        figures.push(Figure::new("flood", format!("{how}: {what}, quiet"), calm, "ms"));
        figures.push(Figure::new("flood", format!("{how}: {what}, flooded"), storm, "ms"));
        figures.push(Figure::new("flood", format!("{how}: {what}, as a ratio"), storm / calm, "×").goal("≤ 2 ×"));
    }
    Ok(figures)
}

struct Honest<'a> {
    phone: &'a Phone,
    /// A colleague at whose school nothing happens.
    idle: (&'a Phone, &'a sync_protocol::BucketId),
    login: String,
    cookie: String,
    /// What a sign-out left on the phone.
    ended: String,
    bucket: sync_protocol::BucketId,
}

impl Honest<'_> {
    async fn work(&self, waited: &mut Waited) -> Result<()> {
        let pull =
            json!({"protocol": 1, "epoch": null, "want": {self.idle.1.to_string(): 0}, "budget": 1000}).to_string();
        for _ in 0..TIMES {
            waited
                .push
                .push(push_one(self.phone, &visit(self.phone, &self.bucket)).await?);
            let started = Instant::now();
            let reply = self.idle.0.post("sync/pull", "application/json", pull.clone()).await?;
            reply.error_for_status()?.bytes().await?;
            waited.pull.push(started.elapsed());
            for (cookie, waited) in [
                (&self.cookie, &mut waited.sign_in),
                (&self.ended, &mut waited.sign_in_anew),
            ] {
                let started = Instant::now();
                let phone = self.phone;
                let visitor = Visitor {
                    login: &self.login,
                    password: PASSWORD,
                    device: phone.device,
                    header: ("cookie", cookie.to_owned()),
                };
                let reply = visitor.sign_in(&phone.http, &phone.base).await?;
                ensure!(
                    reply.status() == StatusCode::OK,
                    "the honest sign-in: {}",
                    reply.status()
                );
                reply.bytes().await?;
                waited.push(started.elapsed());
            }
        }
        Ok(())
    }
}

/// Somebody at the door.
struct Visitor<'a> {
    login: &'a str,
    password: &'a str,
    device: Uuid,
    header: (&'static str, String),
}

impl Visitor<'_> {
    async fn sign_in(self, http: &reqwest::Client, url: &str) -> Result<reqwest::Response> {
        let asked =
            json!({"login": self.login, "password": self.password, "device": self.device, "device_name": "bench"});
        let request = http.post(format!("{url}/api/v1/session")).header("X-Duxing", "1");
        let (name, value) = self.header;
        Ok(request.header(name, value).json(&asked).send().await?)
    }
}

/// Strangers at the door, each with an address of their own, and a new login and device each time. They go when it is dropped.
struct Flood {
    answered: Arc<AtomicU32>,
    _strangers: JoinSet<()>,
}

impl Flood {
    fn begin(url: &str, many: u32, pause: Duration) -> Self {
        let answered = Arc::new(AtomicU32::new(0));
        let mut strangers = JoinSet::new();
        for _ in 0..many {
            let (url, answered) = (url.to_owned(), answered.clone());
            strangers.spawn(async move {
                let http = reqwest::Client::new();
                loop {
                    let (device, from) = (Uuid::new_v4(), Ipv4Addr::from(rand::random::<u32>()));
                    let login = device.simple().to_string();
                    let visitor = Visitor {
                        login: &login,
                        password: "guess",
                        device,
                        header: ("x-forwarded-for", from.to_string()),
                    };
                    if let Ok(reply) = visitor.sign_in(&http, &url).await {
                        let _ = reply.bytes().await;
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(pause).await;
                }
            });
        }
        Self {
            answered,
            _strangers: strangers,
        }
    }

    fn tried(&self) -> u32 {
        self.answered.load(Ordering::Relaxed)
    }
}
