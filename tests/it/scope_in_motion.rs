//! T17: phones that pull and push while schools, appointments, roles, zones, recusals, accounts and devices change under them, at random. The seed of
//! a failing run is printed; how requests meet changes differs from run to run all the same.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use futures_util::future::{join, join_all};
use server::auth::actor::today;
use server::auth::grants::grants;
use server::store::rights;
use sync_protocol::{BucketId, GroupKind, Phase, RecordId};
use tests::phone::{Phone, Visit, wire};
use tests::{District, Person, TestServer};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const SCHOOLS: usize = 3;
const MOTION: Duration = Duration::from_secs(4);
/// How much longer it may take until enough has happened.
const PATIENCE: Duration = Duration::from_secs(60);

/// Random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    async fn pause(&mut self) {
        sleep(Duration::from_millis(self.roll(25) as u64)).await;
    }
}

/// What rights depend on, as the office last set it.
#[derive(Clone)]
struct Rights {
    /// By person: roles, zone, account, device, appointment, the schools looked after and those kept away from.
    people: Vec<Standing>,
    /// The zone of each school.
    zones: [usize; SCHOOLS],
}

#[derive(Clone)]
struct Standing {
    role: &'static str,
    zone: usize,
    is_active: bool,
    has_phone: bool,
    is_appointed: bool,
    schools: [bool; SCHOOLS],
    recused: [bool; SCHOOLS],
}

impl Rights {
    fn may_read(&self, person: usize, school: usize) -> bool {
        let of = &self.people[person];
        of.is_active
            && of.has_phone
            && !of.recused[school]
            && match of.role {
                "supervisor" => of.is_appointed && of.schools[school],
                "zone_lead" => of.zone == self.zones[school],
                _ => false,
            }
    }
}

/// A change of rights: it took effect between these two moments.
struct Change {
    began: Instant,
    committed: Instant,
    rights: Rights,
}

/// A reply with words of a school.
struct Heard {
    person: usize,
    school: usize,
    began: Instant,
    ended: Instant,
    from: String,
}

struct Story {
    server: TestServer,
    people: Vec<Person>,
    history: RefCell<Vec<Change>>,
    heard: RefCell<Vec<Heard>>,
    visits: RefCell<Vec<(usize, Visit)>>,
    until: Instant,
}

/// Stands in every sheet of the school.
fn word(school: usize) -> String {
    format!("cnry-of-school-{school}")
}

impl Story {
    /// Long enough, and until enough has happened: a busy machine takes longer.
    fn goes_on(&self) -> bool {
        let now = Instant::now();
        let enough =
            self.history.borrow().len() > 60 && self.heard.borrow().len() > 30 && self.visits.borrow().len() > 30;
        now < self.until || !enough && now < self.until + PATIENCE
    }

    async fn begin() -> (Self, Vec<Phone>) {
        let server = TestServer::start().await;
        let of = server.district.clone();
        let people = vec![
            of.a.clone(),
            of.b.clone(),
            of.c.clone(),
            of.zone_lead.clone(),
            of.other_zone_lead.clone(),
        ];
        let standing = |role: &'static str, zone: usize, schools: [bool; SCHOOLS]| Standing {
            role,
            zone,
            is_active: true,
            has_phone: true,
            is_appointed: true,
            schools,
            recused: [false; SCHOOLS],
        };
        let rights = Rights {
            people: vec![
                standing("supervisor", 0, [true, true, false]),
                standing("supervisor", 0, [true, false, false]),
                standing("supervisor", 1, [false, false, true]),
                standing("zone_lead", 0, [false; SCHOOLS]),
                standing("zone_lead", 1, [false; SCHOOLS]),
            ],
            zones: [0, 0, 1],
        };
        let mut phones = Vec::new();
        for person in &people {
            phones.push(Phone::of(&server, person).await);
        }
        let now = Instant::now();
        let mut story = Self {
            server,
            people,
            history: RefCell::new(vec![Change {
                began: now,
                committed: now,
                rights,
            }]),
            heard: RefCell::default(),
            visits: RefCell::default(),
            until: now + MOTION,
        };
        // The one who changes rights writes every assignment and appointment.
        let devices: Vec<Uuid> = phones.iter().map(|phone| phone.device).collect();
        let sql = format!(
            "BEGIN; DELETE FROM assignment; DELETE FROM appointment; {} COMMIT",
            story.sql(&devices, &story.rights())
        );
        story.server.connect().await.batch_execute(&sql).await.unwrap();
        story.until = Instant::now() + MOTION;
        (story, phones)
    }

    fn district(&self) -> &District {
        &self.server.district
    }

    fn rights(&self) -> Rights {
        self.history.borrow().last().expect("the beginning").rights.clone()
    }

    /// The office changes one thing after the other.
    async fn change_rights(&self, phones: &[Uuid], mut dice: Dice) {
        let mut conn = self.server.connect().await;
        while self.goes_on() {
            let (mut rights, person, school) = (self.rights(), dice.roll(self.people.len()), dice.roll(SCHOOLS));
            let of = &mut rights.people[person];
            match dice.roll(11) {
                0..4 => of.schools[school] ^= true,
                4 => of.role = ["supervisor", "zone_lead", "expert"][dice.roll(3)],
                5 => of.zone = dice.roll(2),
                6 => match dice.roll(2) {
                    0 => of.is_active ^= true,
                    _ => of.has_phone ^= true,
                },
                7 | 8 => of.recused[school] ^= true,
                9 => of.is_appointed ^= true,
                _ => rights.zones[school] = dice.roll(2),
            }
            self.commit(&mut conn, phones, rights).await;
            dice.pause().await;
        }
        // Whoever is out cannot be shown what is theirs.
        let mut rights = self.rights();
        for of in &mut rights.people {
            (of.is_active, of.has_phone) = (true, true);
        }
        self.commit(&mut conn, phones, rights).await;
    }

    async fn commit(&self, conn: &mut diesel_async::AsyncPgConnection, devices: &[Uuid], rights: Rights) {
        let sql = self.sql(devices, &rights);
        let began = Instant::now();
        conn.batch_execute(&format!("BEGIN; {sql} COMMIT")).await.unwrap();
        let committed = Instant::now();
        self.history.borrow_mut().push(Change {
            began,
            committed,
            rights,
        });
    }

    fn sql(&self, devices: &[Uuid], rights: &Rights) -> String {
        let district = self.district();
        let mut sql = String::new();
        for (nth, zone) in rights.zones.iter().enumerate() {
            sql += &format!(
                "UPDATE school SET zone_id = '{}' WHERE id = '{}';",
                district.zones[*zone], district.schools[nth]
            );
        }
        for ((person, device), of) in self.people.iter().zip(devices).zip(&rights.people) {
            let status = if of.is_active { "active" } else { "disabled" };
            let state = if of.has_phone { "active" } else { "revoked" };
            sql += &format!(
                "UPDATE person SET roles = '{{{}}}', zone_id = '{}', status = '{status}' WHERE id = '{}';
                 UPDATE device SET state = '{state}' WHERE id = '{device}';",
                of.role, district.zones[of.zone], person.id
            );
            let until = |lasts: bool| if lasts { "NULL" } else { "'2020-01-02'" };
            sql += &format!(
                "INSERT INTO appointment VALUES ('{}', '{1}', '{1}', 'full', '2020-01-01', {2}, '')
                 ON CONFLICT (district_id, id) DO UPDATE SET to_date = excluded.to_date;",
                district.id,
                person.id,
                until(of.is_appointed)
            );
            for (nth, looks_after) in of.schools.iter().enumerate() {
                let until = until(*looks_after);
                sql += &format!(
                    "INSERT INTO assignment VALUES ('{}', '{}', '{}', '2020-01-01', {until})
                     ON CONFLICT (district_id, person_id, school_id, from_date) DO UPDATE SET to_date = excluded.to_date;",
                    district.id, district.schools[nth], person.id
                );
            }
            for (nth, keeps_away) in of.recused.iter().enumerate() {
                let until = if *keeps_away { "NULL" } else { "'2020-01-02'" };
                sql += &format!(
                    "UPDATE recusal SET to_date = {until} WHERE person_id = '{0}' AND school_id = '{1}';
                     INSERT INTO recusal SELECT '{2}', gen_random_uuid(), '{0}', '{1}', 'kin', '2020-01-01', {until}
                     WHERE NOT EXISTS (SELECT FROM recusal WHERE person_id = '{0}' AND school_id = '{1}');",
                    person.id, district.schools[nth], district.id
                );
            }
        }
        sql
    }

    /// Somebody works, sends, fetches and looks, whatever is theirs at the moment.
    async fn live(&self, nth: usize, phone: &mut Phone, mut dice: Dice) -> usize {
        let mut made = 0;
        let mut own: Vec<(usize, Visit)> = Vec::new();
        while self.goes_on() {
            match dice.roll(7) {
                0 => {
                    let school = dice.roll(SCHOOLS);
                    let at = phone.start_visit(self.district().schools[school]);
                    let note = phone.edit(&at.response, "SF3.4/note", word(school));
                    phone.change(&at.bucket, GroupKind::Edit, vec![note]);
                    made += 2;
                    own.push((school, at.clone()));
                    self.visits.borrow_mut().push((school, at));
                }
                1 | 2 if !own.is_empty() => {
                    let (_, at) = &own[dice.roll(own.len())];
                    let item = ["SF1.1", "SF1.2", "SF2.1", "SF3.4"][dice.roll(4)];
                    phone.answer(at, item, ["yes", "no"][dice.roll(2)]);
                    made += 1;
                }
                3 | 4 => {
                    // Refused while the account or the phone is out; the work waits.
                    let _ = phone.sync().await;
                    self.note(nth, phone);
                }
                5 => {
                    let visit = self.some_visit(&mut dice);
                    let Some(visit) = visit else { continue };
                    let began = Instant::now();
                    let (_, reply) = phone.get(&format!("visits/{visit}")).await.unwrap();
                    self.hear(nth, began, Instant::now(), &reply.to_string(), "visits");
                }
                _ => {
                    let began = Instant::now();
                    let (_, reply) = phone.get("differences").await.unwrap();
                    self.hear(nth, began, Instant::now(), &reply.to_string(), "differences");
                }
            }
            dice.pause().await;
        }
        made
    }

    fn some_visit(&self, dice: &mut Dice) -> Option<RecordId> {
        let known = self.visits.borrow();
        known.get(dice.roll(known.len().max(1))).map(|(_, at)| at.visit.clone())
    }

    /// Takes over what the phone's own calls brought.
    fn note(&self, nth: usize, phone: &mut Phone) {
        for (began, ended, text) in phone.heard.drain(..) {
            self.hear(nth, began, ended, &text, "pull");
        }
    }

    fn hear(&self, person: usize, began: Instant, ended: Instant, text: &str, from: &str) {
        let schools = (0..SCHOOLS).filter(|school| text.contains(&word(*school)));
        self.heard.borrow_mut().extend(schools.map(|school| Heard {
            person,
            school,
            began,
            ended,
            from: from.to_owned(),
        }));
    }

    /// No reply holds a word of a school that its reader could not read at any moment between question and answer.
    fn check_replies(&self) -> usize {
        let history = self.history.borrow();
        for heard in self.heard.borrow().iter() {
            let at_first = history.iter().rfind(|change| change.committed <= heard.began);
            let meanwhile = history
                .iter()
                .filter(|change| change.committed > heard.began && change.began < heard.ended);
            let allowed = at_first
                .into_iter()
                .chain(meanwhile)
                .any(|change| change.rights.may_read(heard.person, heard.school));
            assert!(
                allowed,
                "{} was sent school {} by {} although it had been taken away before the request began",
                self.people[heard.person].login, heard.school, heard.from
            );
        }
        self.heard.borrow().len()
    }

    /// Everything that was ever done is at the office: with effect, kept for it, or answered with a reason.
    async fn check_work(&self, phones: &[Phone], made: usize) {
        let mut ids: BTreeSet<String> = BTreeSet::new();
        for phone in phones {
            let waits = phone
                .replica
                .outbox()
                .filter(|(saved, _)| matches!(saved.phase, Phase::Frozen));
            assert_eq!(waits.count(), 0, "nothing waits any more");
            ids.extend(phone.replica.outbox().map(|(saved, _)| saved.id.to_string()));
            ids.extend(phone.disk.journal.keys().map(ToString::to_string));
        }
        assert_eq!(ids.len(), made, "the phones remember all that was done");
        // Whose role changed before their check-in came is told so: it lies in the log with its reason.
        let refused = "SELECT coalesce(string_agg(DISTINCT code, ' '), '') FROM change_group WHERE outcome = 'refused'";
        let refused = text(&self.server, refused).await;
        assert!(
            ["", "workflow.not_yours"].contains(&refused.as_str()),
            "refused: {refused}"
        );
        let listed: Vec<String> = ids.into_iter().map(|id| format!("'{id}'")).collect();
        let sql = format!(
            "SELECT count(*) FROM change_group WHERE encode(id, 'hex') IN ({})",
            listed.join(",")
        );
        assert_eq!(
            count(&self.server, &sql).await,
            made as i64,
            "all of it is at the office"
        );
    }

    /// A phone carries what its grants say, whole, and nothing else.
    async fn check_phone(&self, person: &Person, phone: &Phone) {
        let mut conn = self.server.connect().await;
        let family = text(
            &self.server,
            &format!("SELECT family FROM session WHERE device_id = '{}'", phone.device),
        )
        .await;
        let family: Uuid = family.parse().unwrap();
        let district = self.district().id;
        let standing = rights::standing(&mut conn, district, person.id, family, today())
            .await
            .unwrap()
            .unwrap();
        let carried = grants(district, person.id, &standing)
            .into_iter()
            .filter(|grant| grant.carry);
        let carried: BTreeSet<String> = carried.map(|grant| grant.bucket).collect();
        for nth in 0..SCHOOLS {
            let bucket = BucketId::school(&wire(self.district().schools[nth]));
            let held = phone.replica.buckets().get(&bucket);
            if !carried.contains(bucket.as_str()) {
                assert!(held.is_none(), "{} still has school {nth}", person.login);
                continue;
            }
            let sums = format!("SELECT coalesce((SELECT head FROM bucket WHERE id = '{bucket}'), 0)");
            let head = count(&self.server, &sums).await;
            assert_eq!(
                held.map_or(0, |held| held.cursor),
                head,
                "{} has all of school {nth}",
                person.login
            );
            if let Some(held) = held {
                assert_eq!(
                    phone.replica.counted_sum(&bucket),
                    held.sum,
                    "{} has school {nth} whole",
                    person.login
                );
            }
        }
    }
}

async fn count(server: &TestServer, sql: &str) -> i64 {
    text(server, sql).await.parse().unwrap()
}

async fn text(server: &TestServer, sql: &str) -> String {
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        t: String,
    }
    let sql = format!("SELECT q.t::text AS t FROM ({sql}) AS q(t)");
    let row: Row = diesel::sql_query(sql)
        .get_result(&mut server.connect().await)
        .await
        .unwrap();
    row.t
}

async fn run(seed: u64) {
    println!("seed {seed}");
    let (story, mut phones) = Story::begin().await;
    let devices: Vec<Uuid> = phones.iter().map(|phone| phone.device).collect();
    let lives = phones
        .iter_mut()
        .enumerate()
        .map(|(nth, phone)| story.live(nth, phone, Dice(seed * 100 + nth as u64)));
    let ((), made) = join(story.change_rights(&devices, Dice(seed)), join_all(lives)).await;
    let made: usize = made.into_iter().sum();

    for _ in 0..3 {
        for (nth, phone) in phones.iter_mut().enumerate() {
            phone.sync().await.unwrap();
            story.note(nth, phone);
        }
    }
    let replies = story.check_replies();
    story.check_work(&phones, made).await;
    for (person, phone) in story.people.iter().zip(&phones) {
        story.check_phone(person, phone).await;
    }
    let kept = count(
        &story.server,
        "SELECT count(*) FROM change_group WHERE outcome = 'quarantined'",
    )
    .await;
    let changes = story.history.borrow().len();
    println!(
        "seed {seed}: {changes} changes of rights, {made} pieces of work, {kept} of them kept, {replies} replies with a school's words"
    );
    assert!(changes > 50 && made > 50 && replies > 20 && kept > 0, "enough happened");
}

#[tokio::test]
async fn rights_that_change_under_working_phones_show_nothing_too_late_and_lose_nothing() {
    for seed in [1, 2, 3] {
        run(seed).await;
    }
}
