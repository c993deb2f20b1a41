//! The office's database is restored from a copy (P12): the phones find out by themselves and refill it, exactly once. Each way of
//! restoring meets each state a phone may be in.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use diesel_async::{AsyncConnection, AsyncPgConnection};
use server::postgres::cluster::Durability::UnsafeFast;
use sync_protocol::{BucketId, Phase};
use tests::TestServer;
use tests::cluster::{End, FileCopy, OwnCluster};
use tests::phone::{Phone, Visit, wire};
use tests::postgres::{self, Dump, empty_database};

use crate::sync::World;

/// How the copy comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Into a new database: the epoch changes by itself.
    NewDatabase,
    /// Over the old one, and the operator says so with `restore-finish`.
    InPlace,
    /// Over the old one, and nobody says anything: the phones find out at their next change or daily check.
    InPlaceUntold,
    /// A base backup and the archived log up to a named moment: the database goes on along a new timeline, a new epoch.
    PointInTime,
    /// The data folder as it lay on the disk, started as it was. Every identity comes back with it, the operator says nothing: only
    /// what the phones hold tells them.
    FileCopy,
}

/// Where the returning phone stands compared with the copy.
#[derive(Debug, Clone, Copy)]
enum Stands {
    Behind,
    Equal,
    AheadWithOwnWork,
    AheadWithOthersWork,
    Forked,
    AwayDuringTwoRestores,
}

const ALL: [Stands; 6] = [
    Stands::Behind,
    Stands::Equal,
    Stands::AheadWithOwnWork,
    Stands::AheadWithOthersWork,
    Stands::Forked,
    Stands::AwayDuringTwoRestores,
];

/// One way of restoring, and the cluster that its six stories share where a whole cluster is restored.
struct Row {
    way: Way,
    cluster: Option<OwnCluster>,
    archive: PathBuf,
}

impl Row {
    async fn prepare(way: Way) -> Self {
        let mut row = Self {
            way,
            cluster: None,
            archive: PathBuf::new(),
        };
        if matches!(way, Way::PointInTime | Way::FileCopy) {
            let mut cluster = OwnCluster::start(UnsafeFast, &[]);
            if way == Way::PointInTime {
                row.archive = cluster.folder("archive");
                cluster.end(End::Fast);
                cluster.set(&row.archiving());
                cluster.run();
            }
            postgres::make_template(&cluster.url()).await.unwrap();
            row.cluster = Some(cluster);
        }
        row
    }

    async fn fresh_database(&self) -> String {
        match &self.cluster {
            Some(cluster) => postgres::fresh_database_in(&cluster.url()).await,
            None => postgres::fresh_database().await,
        }
    }

    /// Only whole files are in the archive under their names.
    fn archiving(&self) -> [String; 2] {
        let to = self.archive.display();
        let keep = format!("archive_command=cp %p {to}/%f.part && mv {to}/%f.part {to}/%f");
        ["archive_mode=on".into(), keep]
    }

    /// Sets the cluster back to the moment `point` after `base`.
    async fn recover(&mut self, base: &OwnCluster, point: &str) {
        let recovery = [
            format!("restore_command=cp {}/%f %p", self.archive.display()),
            format!("recovery_target_name={point}"),
            "recovery_target_action=promote".into(),
            // Nobody reads before the moment is reached.
            "hot_standby=off".into(),
        ];
        let settings: Vec<String> = self.archiving().into_iter().chain(recovery).collect();
        let cluster = self.cluster.as_mut().expect("this row has a cluster");
        cluster.end(End::Immediate);
        cluster.take_data_of(base);
        cluster.signal("recovery.signal");
        cluster.set(&settings);
        cluster.run();
        let timeline = timeline(&cluster.url()).await;
        // The next recovery must know that this number is taken.
        self.wait_for_archived(&format!("{timeline:08X}.history")).await;
    }

    async fn wait_for_archived(&self, file: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.archive.join(file).exists() {
            assert!(Instant::now() < deadline, "{file} is not archived");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What can be restored.
enum Copy {
    Dump(Dump),
    /// The name of a moment; the log up to it is in this file of the archive.
    Moment {
        name: String,
        log: String,
    },
    Files(FileCopy),
}

struct Story<'a> {
    world: World,
    a: Phone,
    b: Phone,
    at: Visit,
    /// The base backup of last night, where the row needs one.
    base: Option<OwnCluster>,
    copy: Option<Copy>,
    row: &'a mut Row,
}

impl<'a> Story<'a> {
    /// Two colleagues have begun a visit and both are up to date.
    async fn begin(row: &'a mut Row) -> Self {
        let world = World::over(row.fresh_database().await).await;
        let base = match (row.way, &row.cluster) {
            (Way::PointInTime, Some(cluster)) => Some(cluster.base_backup(UnsafeFast, &[])),
            _ => None,
        };
        let (mut a, mut b) = (world.phone("zhang").await, world.phone("li").await);
        let at = a.start_visit(world.school_a);
        a.answer(&at, "SF1.1", "yes");
        a.sync().await.unwrap();
        b.sync().await.unwrap();
        let story = Self {
            world,
            a,
            b,
            at,
            base,
            copy: None,
            row,
        };
        story.make_copy().await
    }

    async fn make_copy(mut self) -> Self {
        let url = self.world.server.database_url.clone();
        match self.row.way {
            Way::NewDatabase | Way::InPlace | Way::InPlaceUntold => self.copy = Some(Copy::Dump(Dump::of(&url))),
            Way::PointInTime => {
                let name = format!("moment-{}", uuid::Uuid::new_v4());
                let log = format!("SELECT pg_walfile_name(pg_create_restore_point('{name}'))");
                let log = self.world.text(&log).await;
                self.copy = Some(Copy::Moment { name, log });
            }
            Way::FileCopy => {
                let (url, district) = self.world.server.stop();
                let cluster = self.row.cluster.as_mut().expect("this row has a cluster");
                cluster.end(End::Fast);
                self.copy = Some(Copy::Files(cluster.copy_files()));
                cluster.run();
                self.world.server = TestServer::start_over(url, district).await;
                self.call_the_new_server();
            }
        }
        self
    }

    async fn restore(mut self) -> Self {
        if let Some(Copy::Moment { log, .. }) = &self.copy {
            self.world.server.execute("SELECT pg_switch_wal()").await.unwrap();
            self.row.wait_for_archived(log).await;
        }
        let (old, district) = self.world.server.stop();
        let epoch = epoch(&old).await;
        let url = match self.row.way {
            Way::NewDatabase => empty_database(&old).await,
            _ => old,
        };
        match self.copy.as_ref().expect("begin makes one") {
            Copy::Dump(dump) => dump.restore(&url, self.row.way != Way::NewDatabase),
            Copy::Moment { name, .. } => {
                let base = self.base.as_ref().expect("begin makes one");
                self.row.recover(base, name).await;
            }
            Copy::Files(copy) => {
                let cluster = self.row.cluster.as_mut().expect("this row has a cluster");
                cluster.end(End::Immediate);
                cluster.take_files(copy);
                cluster.run();
            }
        }
        if self.row.way == Way::InPlace {
            let mut conn = server::db::connect(&url, 1).unwrap().get().await.unwrap();
            server::store::sync::raise_epoch(&mut conn).await.unwrap();
        }
        let tells_by_itself = matches!(self.row.way, Way::NewDatabase | Way::InPlace | Way::PointInTime);
        assert_eq!(
            self::epoch(&url).await != epoch,
            tells_by_itself,
            "{:?}: the epoch",
            self.row.way
        );
        self.world.server = TestServer::start_over(url, district).await;
        self.call_the_new_server();
        self
    }

    fn call_the_new_server(&mut self) {
        for phone in [&mut self.a, &mut self.b] {
            phone.base.clone_from(&self.world.server.url);
        }
    }

    async fn come_to_rest(&mut self) {
        for day in 0..2 {
            for phone in [&mut self.a, &mut self.b] {
                if day == 1 {
                    phone.replica.check_journal();
                }
                phone.sync().await.unwrap();
            }
        }
        self.a.sync().await.unwrap();
    }

    /// Everything that was ever acknowledged is there, once, and everybody sees the same.
    async fn check(&self) {
        let bucket = BucketId::school(&wire(self.world.school_a));
        let mut ids: Vec<String> = Vec::new();
        for phone in [&self.a, &self.b] {
            assert!(
                phone
                    .replica
                    .outbox()
                    .all(|(saved, _)| !matches!(saved.phase, Phase::Frozen | Phase::Acked { .. }))
            );
            ids.extend(phone.disk.journal.keys().map(ToString::to_string));
            assert_eq!(phone.replica.counted_sum(&bucket), phone.replica.buckets()[&bucket].sum);
        }
        ids.sort();
        ids.dedup();
        let stored = "SELECT count(*) FROM change_group WHERE outcome = 'applied' AND bucket LIKE 'school/%'";
        assert_eq!(self.world.count(stored).await, ids.len() as i64, "each group once");
        assert_eq!(self.a.replica.buckets()[&bucket], self.b.replica.buckets()[&bucket]);
        let mut conn = self.world.server.connect().await;
        let chains = server::store::sync::verify_chains(&mut conn).await.unwrap();
        assert_eq!(chains.broken, [""; 0]);
    }
}

async fn timeline(url: &str) -> i32 {
    use diesel_async::RunQueryDsl;
    let asked = diesel::dsl::sql::<diesel::sql_types::Integer>("SELECT timeline_id FROM pg_control_checkpoint()");
    let mut conn = AsyncPgConnection::establish(url).await.unwrap();
    asked.get_result(&mut conn).await.unwrap()
}

async fn epoch(url: &str) -> String {
    let mut conn = AsyncPgConnection::establish(url).await.unwrap();
    server::store::sync::server_epoch(&mut conn).await.unwrap()
}

async fn cell(row: &mut Row, stands: Stands) {
    let way = row.way;
    let mut story = Story::begin(row).await;
    let at = story.at.clone();
    let mut expected = vec!["SF1.1"];
    match stands {
        Stands::Behind => {
            story.b.answer(&at, "SF1.2", "yes");
            story.b.sync().await.unwrap();
            story = story.make_copy().await;
            story.a.answer(&at, "SF2.1", "no");
            story = story.restore().await;
            expected.extend(["SF1.2", "SF2.1"]);
        }
        Stands::Equal => story = story.restore().await,
        Stands::AheadWithOwnWork => {
            for item in ["SF2.1", "SF2.2", "SF3.1"] {
                story.a.answer(&at, item, "no");
                story.a.sync().await.unwrap();
            }
            story = story.restore().await;
            expected.extend(["SF2.1", "SF2.2", "SF3.1"]);
        }
        Stands::AheadWithOthersWork => {
            for item in ["SF2.1", "SF2.2"] {
                story.b.answer(&at, item, "yes");
            }
            story.b.sync().await.unwrap();
            story.a.sync().await.unwrap();
            story = story.restore().await;
            expected.extend(["SF2.1", "SF2.2"]);
        }
        Stands::Forked => {
            for item in ["SF2.1", "SF2.2"] {
                story.a.answer(&at, item, "no");
            }
            story.a.sync().await.unwrap();
            story = story.restore().await;
            for item in ["SF3.1", "SF3.2", "SF3.3"] {
                story.b.answer(&at, item, "yes");
                story.b.sync().await.unwrap();
            }
            expected.extend(["SF2.1", "SF2.2", "SF3.1", "SF3.2", "SF3.3"]);
        }
        Stands::AwayDuringTwoRestores => {
            story.a.answer(&at, "SF2.1", "no");
            story.a.sync().await.unwrap();
            story.a.answer(&at, "SF2.2", "no");
            story = story.restore().await;
            story.b.answer(&at, "SF3.1", "yes");
            story.b.sync().await.unwrap();
            story = story.restore().await;
            story.a.now += 30 * 24 * 3_600_000;
            story.a.restart();
            expected.extend(["SF2.1", "SF2.2", "SF3.1"]);
        }
    }
    story.come_to_rest().await;
    story.check().await;
    for item in expected {
        for phone in [&story.a, &story.b] {
            assert!(
                !phone.see(&at.response, item).siblings.is_empty(),
                "{way:?} {stands:?}: {item} is gone"
            );
        }
    }
}

/// `cargo xtask restore-matrix` makes its table of these lines.
async fn row(way: Way) {
    let mut row = Row::prepare(way).await;
    for stands in ALL {
        cell(&mut row, stands).await;
        println!("cell: {way:?} × {stands:?}: ok");
    }
}

#[tokio::test]
async fn a_database_restored_into_a_new_one_is_refilled_by_the_phones() {
    row(Way::NewDatabase).await;
}

#[tokio::test]
async fn a_database_restored_in_place_is_refilled_by_the_phones() {
    row(Way::InPlace).await;
}

#[tokio::test]
async fn a_database_restored_behind_everybodys_back_is_refilled_by_the_phones() {
    row(Way::InPlaceUntold).await;
}

#[tokio::test]
async fn a_database_set_back_to_a_point_in_time_is_refilled_by_the_phones() {
    row(Way::PointInTime).await;
}

#[tokio::test]
async fn a_data_folder_copied_back_as_it_was_is_refilled_by_the_phones() {
    row(Way::FileCopy).await;
}
