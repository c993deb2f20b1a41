//! The office's database is restored from a copy (P12): the phones find out by themselves and refill it, exactly once. Each way of
//! restoring meets each state a phone may be in.

use sync_protocol::{BucketId, Phase};
use tests::TestServer;
use tests::phone::{Phone, Visit, wire};
use tests::postgres::{Dump, empty_database};

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

struct Story {
    world: World,
    a: Phone,
    b: Phone,
    at: Visit,
    copy: Dump,
    way: Way,
}

impl Story {
    /// Two colleagues have begun a visit and both are up to date.
    async fn begin(way: Way) -> Self {
        let world = World::new().await;
        let (mut a, mut b) = (world.phone("zhang").await, world.phone("li").await);
        let at = a.start_visit(world.school_a);
        a.answer(&at, "SF1.1", "yes");
        a.sync().await.unwrap();
        b.sync().await.unwrap();
        let copy = Dump::of(&world.server.database_url);
        Self {
            world,
            a,
            b,
            at,
            copy,
            way,
        }
    }

    fn make_copy(&mut self) {
        self.copy = Dump::of(&self.world.server.database_url);
    }

    async fn restore(mut self) -> Self {
        let (old, district) = self.world.server.stop();
        let url = match self.way {
            Way::NewDatabase => empty_database(&old).await,
            Way::InPlace | Way::InPlaceUntold => old,
        };
        self.copy.restore(&url, self.way != Way::NewDatabase);
        if self.way == Way::InPlace {
            let mut conn = server::db::connect(&url, 1).unwrap().get().await.unwrap();
            server::store::sync::raise_epoch(&mut conn).await.unwrap();
        }
        self.world.server = TestServer::start_over(url, district).await;
        for phone in [&mut self.a, &mut self.b] {
            phone.base.clone_from(&self.world.server.url);
        }
        self
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

async fn cell(way: Way, stands: Stands) {
    let mut story = Story::begin(way).await;
    let at = story.at.clone();
    let mut expected = vec!["SF1.1"];
    match stands {
        Stands::Behind => {
            story.b.answer(&at, "SF1.2", "yes");
            story.b.sync().await.unwrap();
            story.make_copy();
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

async fn row(way: Way) {
    for stands in ALL {
        println!("{way:?} × {stands:?}");
        cell(way, stands).await;
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
