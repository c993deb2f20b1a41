//! Phones at work through disasters, what each of them saw (T4), and whether everything that was acknowledged is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use sync_protocol::{BucketId, GroupId, GroupKind, OutcomeKind, Phase, PushReply, RecordId};
use tests::District;
use tests::people::PASSWORD;
use tests::phone::{Phone, Visit, applicable_items};
use tokio::task::JoinHandle;

/// What a phone was told: each acknowledged group with its number.
pub type Acks = BTreeMap<GroupId, i64>;

/// Two halves of one change: nobody may ever see one without the other.
const HALVES: [&str; 2] = ["count/left", "count/right"];
/// After a call that takes longer the phone gives up and tries again.
const PATIENCE: Duration = Duration::from_secs(10);

fn acks_of(reply: &PushReply) -> impl Iterator<Item = (GroupId, i64)> + '_ {
    reply.outcomes.iter().filter_map(|outcome| match &outcome.kind {
        OutcomeKind::Applied { seq, .. } | OutcomeKind::Duplicate { seq, .. } => Some((outcome.group, *seq)),
        _ => None,
    })
}

/// Somebody who goes on answering and sending whatever happens, and notes what they see.
pub struct Worker {
    pub phone: Phone,
    /// Their own visit: nobody else writes to it.
    own: Visit,
    /// The responses of everybody's own visits.
    everybodys: Vec<RecordId>,
    acks: Acks,
    rounds: usize,
    written: BTreeMap<String, String>,
    count: i64,
    cursors: BTreeMap<BucketId, i64>,
    counts: BTreeMap<RecordId, i64>,
    looks: u64,
    /// Calls that failed.
    troubles: Arc<AtomicU64>,
}

impl Worker {
    /// Three phones of two people, each with a visit of its own in the same school.
    pub async fn three(base: &str, district: &District) -> Vec<Worker> {
        let mut workers = Vec::new();
        for person in [&district.a, &district.a, &district.b] {
            let mut phone = Phone::sign_in(base, &person.login, PASSWORD).await.unwrap();
            let own = phone.start_visit(district.schools[0]);
            workers.push(Worker {
                phone,
                own,
                everybodys: Vec::new(),
                acks: Acks::new(),
                rounds: 0,
                written: BTreeMap::new(),
                count: 0,
                cursors: BTreeMap::new(),
                counts: BTreeMap::new(),
                looks: 0,
                troubles: Arc::default(),
            });
        }
        let everybodys: Vec<RecordId> = workers.iter().map(|worker| worker.own.response.clone()).collect();
        for worker in &mut workers {
            worker.everybodys.clone_from(&everybodys);
        }
        workers
    }

    /// How many calls failed so far.
    pub fn troubles(&self) -> u64 {
        self.troubles.load(Ordering::Relaxed)
    }

    /// The same for whoever watches while the phone works.
    pub fn troubles_so_far(&self) -> Arc<AtomicU64> {
        self.troubles.clone()
    }

    /// Works until told to stop.
    pub fn until(mut self, stop: &Arc<AtomicBool>) -> JoinHandle<Worker> {
        let stop = stop.clone();
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                self.round().await;
            }
            self
        })
    }

    /// Some changes, one push and a pull; errors are a phone's daily life.
    pub async fn round(&mut self) {
        self.rounds += 1;
        self.write();
        self.look();
        match tokio::time::timeout(PATIENCE, self.phone.push_once()).await {
            Ok(Ok(Some(reply))) => {
                self.acks.extend(acks_of(&reply));
                // Now and then the phone dies before it could note the reply.
                if self.rounds.is_multiple_of(7) {
                    self.phone.restart();
                } else {
                    let stored = self.phone.replica.handle_push_reply(&reply);
                    self.phone.disk.write(stored);
                    self.pull().await;
                }
            }
            // Nothing got through: a moment of rest, as the real phone takes.
            _ => {
                self.troubles.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        self.look();
    }

    fn write(&mut self) {
        let items = applicable_items_once();
        for nth in 0..5 {
            let at = self.rounds * 5 + nth;
            let (item, value) = (&items[at % items.len()], ["yes", "no"][at / items.len() % 2]);
            self.phone.answer(&self.own, item, value);
            self.written.insert(item.clone(), value.into());
        }
        self.count += 1;
        let edits = HALVES.map(|half| self.phone.edit(&self.own.response, half, self.count));
        self.phone.change(&self.own.bucket, GroupKind::Edit, edits.into());
    }

    async fn pull(&mut self) {
        if !matches!(tokio::time::timeout(PATIENCE, self.phone.pull()).await, Ok(Ok(()))) {
            self.troubles.fetch_add(1, Ordering::Relaxed);
            self.phone.replica.drop_stages();
        }
    }

    /// Read your writes, monotonic reads, whole groups (T4).
    fn look(&mut self) {
        self.looks += 1;
        for (item, value) in &self.written {
            let seen = self.phone.see(&self.own.response, item);
            assert_eq!(seen.text(), value, "{item}: one reads what one wrote");
            assert!(!seen.conflict(), "{item}: nobody contradicts me in my own visit");
        }
        for (bucket, mark) in self.phone.replica.buckets() {
            let before = self.cursors.insert(bucket.clone(), mark.cursor).unwrap_or(0);
            assert!(
                before <= mark.cursor,
                "{bucket} went back from {before} to {}",
                mark.cursor
            );
        }
        for response in &self.everybodys {
            let [left, right] = HALVES.map(|half| self.phone.see(response, half).int().unwrap_or(0));
            assert_eq!(left, right, "{response}: half a change is seen");
            let before = self.counts.insert(response.clone(), left).unwrap_or(0);
            assert!(before <= left, "{response} went back from {before} to {left}");
        }
    }

    /// The phone finishes by itself, from its disk, within a minute of trying.
    pub async fn finish(&mut self) {
        self.phone.restart();
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Err(error) = self.phone.sync().await {
            assert!(Instant::now() < deadline, "the phone does not finish: {error:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.phone.pending(), 0);
        self.look();
    }

    /// Nothing was refused, the sums hold, and a group has one number; comes back with everything that was acknowledged.
    fn acknowledged(&self) -> Acks {
        let refused = |saved: &Phase| matches!(saved, Phase::Refused { .. });
        assert!(!self.phone.replica.outbox().any(|(saved, _)| refused(&saved.phase)));
        for (bucket, mark) in self.phone.replica.buckets() {
            assert_eq!(self.phone.replica.counted_sum(bucket), mark.sum);
        }
        let mut acks = self.acks.clone();
        for saved in self.phone.disk.journal.values() {
            if let Phase::Covered { seq, .. } = saved.phase {
                assert_eq!(*acks.entry(saved.id).or_insert(seq), seq, "a group has one number");
            }
        }
        acks
    }
}

/// Counting them asks the whole catalogue.
fn applicable_items_once() -> &'static [String] {
    static ITEMS: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    ITEMS.get_or_init(applicable_items)
}

/// What all of it came to.
#[derive(Debug)]
pub struct Figures {
    pub acknowledged: usize,
    pub stored: usize,
    pub looks: u64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            acknowledged,
            stored,
            looks,
        } = self;
        write!(
            f,
            "{acknowledged} groups acknowledged, {stored} stored once and in order, {looks} looks without a violation"
        )
    }
}

/// Lets everybody finish, then holds what they know against what is stored.
pub async fn finish_and_check(workers: &mut [Worker], database_url: &str) -> Figures {
    // Twice, so that the first hears of what the last wrote.
    for _ in 0..2 {
        for worker in &mut *workers {
            worker.finish().await;
        }
    }
    let mut acks = Acks::new();
    for worker in &*workers {
        for (id, seq) in worker.acknowledged() {
            assert_eq!(*acks.entry(id).or_insert(seq), seq, "a group has one number");
        }
        let (one, first) = (&worker.phone.replica, &workers[0].phone.replica);
        let school = &worker.own.bucket;
        assert_eq!(
            one.buckets()[school],
            first.buckets()[school],
            "everybody stands at the same place"
        );
        for response in &worker.everybodys {
            assert_eq!(one.view(response), first.view(response), "everybody sees the same");
        }
    }
    let mut conn = AsyncPgConnection::establish(database_url).await.unwrap();
    let stored = log(&mut conn).await;
    for (id, seq) in &acks {
        assert_eq!(stored.get(id), Some(seq), "acknowledged and stored: {id}");
    }
    let chains = server::store::sync::verify_chains(&mut conn).await.unwrap();
    assert_eq!(chains.broken, [""; 0]);
    Figures {
        acknowledged: acks.len(),
        stored: stored.len(),
        looks: workers.iter().map(|worker| worker.looks).sum(),
    }
}

/// Everything that is stored of the one bucket: once, without a gap, and each with its author.
async fn log(conn: &mut AsyncPgConnection) -> Acks {
    use diesel_async::RunQueryDsl;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Binary)]
        id: Vec<u8>,
        #[diesel(sql_type = BigInt)]
        seq: i64,
        #[diesel(sql_type = Text)]
        author: String,
        #[diesel(sql_type = Text)]
        device: String,
    }
    let all = "SELECT id, seq, author::text AS author, device::text AS device FROM change_group WHERE seq IS NOT NULL ORDER BY bucket, seq";
    let rows: Vec<Row> = diesel::sql_query(all).load(conn).await.unwrap();
    assert!(rows.iter().all(|row| !row.author.is_empty() && !row.device.is_empty()));
    let numbers: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    assert_eq!(numbers, (1..=rows.len() as i64).collect::<Vec<_>>(), "no gap");
    let stored: Acks = rows
        .into_iter()
        .map(|row| (GroupId(row.id.try_into().unwrap()), row.seq))
        .collect();
    assert_eq!(stored.len(), numbers.len(), "once");
    stored
}
