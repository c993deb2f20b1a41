//! Readers of the primary and of a hot standby, while many write: each sees exactly the changes 1 to k of a bucket, whatever the
//! writers' transactions do in the meantime. This is why a bucket's number is given under the bucket's lock, the last of a transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use rand::RngExt;
use server::error::{Error, Result};
use server::postgres::cluster::Durability;
use server::store::purpose::Purpose;
use server::store::sync::{Admission, Postgres, Sender};
use sync_protocol::office::{self, Commit, Ledger, Logged, Mark, Received, Start, Verdict};
use sync_protocol::{BucketId, FieldPath, Group, GroupId, GroupKind, Op, RecordId, RecordState, Sum, Value};
use tests::District;
use tests::cluster::{End, OwnCluster};
use tests::phone::wire;
use uuid::Uuid;

const WRITERS: usize = 16;

/// The server's own ledger on a machine that is slow between any two statements, and on which every fifth transaction fails.
struct Shaky<'a>(Postgres<'a>);

impl Shaky<'_> {
    async fn dawdle(&self) {
        let ms = rand::rng().random_range(0..8);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

impl Ledger for Shaky<'_> {
    type Error = Error;

    async fn begin(&mut self) -> Result<()> {
        self.0.begin().await
    }
    async fn commit(&mut self) -> Result<()> {
        self.dawdle().await;
        if rand::rng().random_range(0..5) == 0 {
            self.0.rollback().await?;
            return Err(anyhow::anyhow!("rolled back at the last moment").into());
        }
        self.0.commit().await
    }
    async fn rollback(&mut self) -> Result<()> {
        self.0.rollback().await
    }
    fn is_collision(error: &Error) -> bool {
        Postgres::is_collision(error)
    }
    fn gave_up(attempts: usize) -> Error {
        Postgres::gave_up(attempts)
    }
    async fn logged(&mut self, ids: Vec<GroupId>) -> Result<HashMap<GroupId, Logged>> {
        self.0.logged(ids).await
    }
    async fn homes(&mut self, ids: &BTreeSet<&RecordId>) -> Result<BTreeSet<BucketId>> {
        self.0.homes(ids).await
    }
    async fn lines(&mut self, ids: Vec<GroupId>) -> Result<HashMap<GroupId, Vec<u8>>> {
        self.0.lines(ids).await
    }
    async fn read_records(&mut self, ids: &BTreeSet<RecordId>) -> Result<Vec<RecordState>> {
        self.0.read_records(ids).await
    }
    async fn lock_records(&mut self, ids: &BTreeSet<&RecordId>) -> Result<Vec<(BucketId, RecordState)>> {
        self.dawdle().await;
        self.0.lock_records(ids).await
    }
    async fn lock_bucket(&mut self, bucket: &BucketId) -> Result<Mark> {
        self.dawdle().await;
        self.0.lock_bucket(bucket).await
    }
    async fn write(&mut self, commit: Commit<'_>) -> Result<bool> {
        self.dawdle().await;
        self.0.write(commit).await
    }
    async fn set_aside(&mut self, received: &Received, verdict: &Verdict) -> Result<bool> {
        self.0.set_aside(received, verdict).await
    }
}

/// What everybody shares.
struct Scene {
    primary: String,
    standby: String,
    sender: Sender,
    buckets: Vec<BucketId>,
    stop: AtomicBool,
    written: AtomicU64,
    read: AtomicU64,
}

/// One new record with one field, or one more edit of a record that this writer made before.
fn next_group(sender: &Sender, bucket: &BucketId, records: &mut Vec<RecordId>) -> Group {
    let is_new = records.is_empty() || rand::rng().random_range(0..3) == 0;
    if is_new {
        records.push(wire(Uuid::now_v7()));
    }
    let nth = if is_new {
        records.len() - 1
    } else {
        rand::rng().random_range(0..records.len())
    };
    let record = &records[nth];
    let op = |path: &str, value: Value| Op(record.clone(), path.parse().unwrap(), value, vec![]);
    let mut ops = vec![op("count/left", 1.into())];
    if is_new {
        ops.push(op("@kind", "response".into()));
    }
    let (person, device) = (wire(sender.person), wire(sender.device));
    Group::new(bucket.clone(), GroupKind::Edit, person, device, 0, rand::random(), ops)
}

async fn write(scene: Arc<Scene>) {
    let mut conn = AsyncPgConnection::establish(&scene.primary).await.unwrap();
    let mut records: BTreeMap<BucketId, Vec<RecordId>> = BTreeMap::new();
    while !scene.stop.load(Ordering::Relaxed) {
        let bucket = &scene.buckets[rand::rng().random_range(0..scene.buckets.len())];
        let known = records.entry(bucket.clone()).or_default();
        let before = known.clone();
        let lines: Vec<String> = (0..rand::rng().random_range(1..4))
            .map(|_| next_group(&scene.sender, bucket, known).to_line())
            .collect();
        let received: Vec<Received> = lines.iter().map(|line| Received::read(line.as_bytes())).collect();
        let mut ledger = Shaky(Postgres::of(&mut conn, &scene.sender));
        match office::push(&mut ledger, &Admission, &received).await {
            Ok(verdicts) => {
                assert!(
                    verdicts
                        .iter()
                        .all(|verdict| matches!(verdict, Verdict::Applied { .. })),
                    "{verdicts:?}"
                );
                scene.written.fetch_add(verdicts.len() as u64, Ordering::Relaxed);
            }
            // Some of it may have been written all the same: what follows must not rest on it.
            Err(_) => *known = before,
        }
    }
}

/// Reads buckets again and again, as a pull does, and remembers how far each was.
async fn read(scene: Arc<Scene>, from: String) {
    let mut conn = AsyncPgConnection::establish(&from).await.unwrap();
    let mut heads: BTreeMap<BucketId, i64> = BTreeMap::new();
    while !scene.stop.load(Ordering::Relaxed) {
        for bucket in &scene.buckets {
            conn.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .await
                .unwrap();
            let head = read_one(&mut conn, scene.sender.district, bucket).await;
            conn.batch_execute("COMMIT").await.unwrap();
            // Outside of any snapshot, as the server reads: head, sum and records in one statement.
            let alone = whole_page(&mut conn, scene.sender.district, bucket).await;
            for head in [head, alone] {
                let before = heads.insert(bucket.clone(), head).unwrap_or(0);
                assert!(before <= head, "{bucket} went back from {before} to {head}");
            }
            scene.read.fetch_add(2, Ordering::Relaxed);
        }
    }
}

/// The page and, in the same snapshot, the log: exactly 1 to the head. Comes back with the head.
async fn read_one(conn: &mut AsyncPgConnection, district: Uuid, bucket: &BucketId) -> i64 {
    use diesel_async::RunQueryDsl;
    let head = whole_page(conn, district, bucket).await;
    let seqs = diesel::sql_query(
        "SELECT seq FROM change_group WHERE district_id = $1 AND bucket = $2 AND seq IS NOT NULL ORDER BY seq",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str());
    let seqs: Vec<Seq> = seqs.load(conn).await.unwrap();
    let seqs: Vec<i64> = seqs.into_iter().map(|row| row.seq).collect();
    assert_eq!(seqs, (1..=head).collect::<Vec<_>>(), "{bucket} has a gap");
    head
}

#[derive(diesel::QueryableByName)]
struct Seq {
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

/// The records add up to the sum that comes with them, and none is newer than the head.
async fn whole_page(conn: &mut AsyncPgConnection, district: Uuid, bucket: &BucketId) -> i64 {
    let start = Start { since: 0, from: 0 };
    let page = server::store::sync::page(conn, district, bucket, start, &[], 1_000_000)
        .await
        .unwrap();
    let Some(page) = page else { return 0 };
    let mut sum = Sum::default();
    for (id, fields) in &page.records {
        let fields: BTreeMap<FieldPath, _> = serde_json::from_str(fields).unwrap();
        let record = RecordState { id: wire(*id), fields };
        assert!(
            record.fields.values().all(|field| field.seq <= page.head),
            "{bucket}: newer than the head"
        );
        sum = sum.plus(record.sum());
    }
    assert_eq!(
        sum, page.sum,
        "{bucket} at {}: records and sum of one snapshot",
        page.head
    );
    assert_eq!((page.to, page.last), (page.head, true));
    page.head
}

/// Lets sixteen write and six read for a while: three on the primary, three on the standby.
async fn readers_see_prefixes(buckets: usize) {
    let runs_s = std::env::var("DUXING_STANDBY_S")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(3);
    let mut primary = OwnCluster::start(Durability::UnsafeFast, &[]);
    server::db::migrate(&primary.url()).await.unwrap();
    let mut conn = AsyncPgConnection::establish(&primary.url()).await.unwrap();
    let district = District::create(&mut conn).await.unwrap();
    let mut standby = primary.standby();
    let scene = Arc::new(Scene {
        primary: primary.url(),
        standby: standby.url(),
        sender: Sender {
            district: district.id,
            person: district.a.id,
            device: Uuid::new_v4(),
            roles: vec!["supervisor".into()],
            purpose: Purpose::installation(),
        },
        buckets: (0..buckets).map(|_| BucketId::school(&wire(Uuid::new_v4()))).collect(),
        stop: AtomicBool::new(false),
        written: AtomicU64::new(0),
        read: AtomicU64::new(0),
    });
    let mut everybody: Vec<_> = (0..WRITERS).map(|_| tokio::spawn(write(scene.clone()))).collect();
    for nth in 0..6 {
        let from = if nth % 2 == 0 { &scene.primary } else { &scene.standby };
        everybody.push(tokio::spawn(read(scene.clone(), from.clone())));
    }
    tokio::time::sleep(Duration::from_secs(runs_s)).await;
    scene.stop.store(true, Ordering::Relaxed);
    for one in everybody {
        one.await.unwrap();
    }
    arrive_at_the_same(&scene).await;
    println!(
        "figures: {buckets} buckets, {WRITERS} writers, {} groups written, {} pages read on primary and standby without a gap",
        scene.written.load(Ordering::Relaxed),
        scene.read.load(Ordering::Relaxed)
    );
    standby.end(End::Fast);
    primary.end(End::Fast);
}

/// In the end the standby has what the primary has, and the chains hold on both.
async fn arrive_at_the_same(scene: &Scene) {
    let mut marks = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    for url in [&scene.primary, &scene.standby] {
        let mut conn = AsyncPgConnection::establish(url).await.unwrap();
        loop {
            let mut heads = Vec::new();
            for bucket in &scene.buckets {
                heads.push(whole_page(&mut conn, scene.sender.district, bucket).await);
            }
            marks.push(heads);
            if marks.last() == marks.first() {
                break;
            }
            assert!(Instant::now() < deadline, "the standby does not follow: {marks:?}");
            marks.pop();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let chains = server::store::sync::verify_chains(&mut conn).await.unwrap();
        assert_eq!(chains.broken, [""; 0]);
    }
    let written = scene.written.load(Ordering::Relaxed);
    let head: i64 = marks[0].iter().sum();
    assert!(
        written > 0 && head as u64 >= written,
        "{head} changes, {written} acknowledged"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_ever_sees_a_gap_on_the_primary_or_on_a_standby() {
    readers_see_prefixes(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_ever_sees_a_gap_while_the_writers_are_spread_over_many_buckets() {
    readers_see_prefixes(40).await;
}
