//! The fictional district 示例区 that a first start shows: schools, people, three months of visits. Written through the
//! same path as a phone's push, the same every time but for the dates, and once.

mod dice;
mod district;
mod pen;
mod sheets;
mod visits;

use std::fmt;

use anyhow::Context;
use chrono::{DateTime, Days, FixedOffset, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use sync_protocol::{RecordId, Value};
use uuid::Uuid;

use crate::api::about::SignIn;
use crate::auth::password;
use crate::db::Pool;
use crate::people;
use crate::store;
use crate::store::appointments::{self, Appointment};
use crate::store::purpose::{Purpose, within};
use crate::store::roster::{self, NewAssignment, NewDevice, NewDistrict, NewPerson, NewSchool, NewZone};
use district::{PEOPLE, Person, SCHOOLS, School, ZONES};
use pen::{Pen, Writer};

/// What a call of [`load`] found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// The district is there now; this many visits came with it.
    Now(usize),
    /// It was there before.
    Before,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loaded::Now(visits) => {
                write!(
                    f,
                    "loaded {} schools, {} people, {visits} visits",
                    SCHOOLS.len(),
                    PEOPLE.len()
                )
            }
            Loaded::Before => f.write_str("the demo district is there already"),
        }
    }
}

/// Loads the district into an empty database, whole or not at all. Fails when another district is there.
pub async fn load(pool: &Pool, now: DateTime<Utc>) -> anyhow::Result<Loaded> {
    if is_loaded(pool).await? {
        return Ok(Loaded::Before);
    }
    let now = now.with_timezone(&china());
    let mut conn = pool.get().await?;
    within(
        &mut conn,
        Purpose::installation(),
        async |conn| -> anyhow::Result<Loaded> {
            roster::lock(conn).await?;
            if let Some(district) = store::people::first_district(conn).await? {
                anyhow::ensure!(
                    district.id == id("district", 0),
                    "this database belongs to the district {}",
                    district.name
                );
                return Ok(Loaded::Before);
            }
            write_roster(conn, now).await?;
            write_records(conn, now).await
        },
    )
    .await
}

/// Whether this database holds the demo district.
pub async fn is_loaded(pool: &Pool) -> anyhow::Result<bool> {
    let found = store::people::first_district(&mut *pool.get().await?).await?;
    Ok(found.is_some_and(|district| district.id == id("district", 0)))
}

/// The sign-ins that are shown openly, one for each kind of work.
pub fn sign_ins() -> Vec<SignIn> {
    let shown = PEOPLE.iter().filter(|person| person.password.is_some());
    shown
        .map(|person| SignIn {
            login: person.login.into(),
            password: person.password.unwrap_or_default().into(),
            name: person.name.into(),
            roles: person.roles.iter().map(|role| (*role).into()).collect(),
        })
        .collect()
}

/// Rows: the district, its zones and schools, its people and what they look after.
async fn write_roster(conn: &mut AsyncPgConnection, now: DateTime<FixedOffset>) -> anyhow::Result<()> {
    let district_id = id("district", 0);
    roster::add_district(
        conn,
        &NewDistrict {
            id: district_id,
            code: "demo",
            name: district::NAME,
        },
    )
    .await?;
    let zones = ZONES.iter().enumerate().map(|(nth, name)| NewZone {
        district_id,
        id: id("zone", nth),
        name,
    });
    roster::add_zones(conn, &zones.collect::<Vec<_>>()).await?;
    let schools = SCHOOLS.iter().enumerate().map(|(nth, school)| NewSchool {
        district_id,
        id: id("school", nth),
        zone_id: id("zone", school.zone),
        code: school.code,
        name: school.name,
    });
    roster::add_schools(conn, &schools.collect::<Vec<_>>()).await?;
    let hashes: anyhow::Result<Vec<String>> = PEOPLE.iter().map(password_hash).collect();
    let people = PEOPLE
        .iter()
        .zip(hashes?)
        .enumerate()
        .map(|(nth, (person, password_hash))| NewPerson {
            district_id,
            id: id("person", nth),
            login: person.login,
            password_hash: Some(password_hash),
            name: person.name,
            roles: person.roles.to_vec(),
            zone_id: person.zone.map(|zone| id("zone", zone)),
        });
    roster::add_people(conn, &people.collect::<Vec<_>>()).await?;
    let devices = PEOPLE.iter().enumerate().map(|(nth, person)| NewDevice {
        district_id,
        id: id("device", nth),
        person_id: id("person", nth),
        name: format!("{} · Android", person.name),
    });
    roster::add_devices(conn, &devices.collect::<Vec<_>>()).await?;
    let terms: Vec<Appointment> = supervisors()
        .flat_map(|(nth, person)| terms(nth, person, now.date_naive()))
        .collect();
    appointments::add(conn, &terms).await?;
    let from_date = now.date_naive() - Days::new(400);
    let assignments = supervisors().flat_map(|(nth, person)| {
        let schools = SCHOOLS
            .iter()
            .enumerate()
            .filter(|(_, school)| Some(school.zone) == person.zone);
        schools.map(move |(school, _)| NewAssignment {
            district_id,
            school_id: id("school", school),
            person_id: id("person", nth),
            from_date,
        })
    });
    Ok(roster::assign(conn, &assignments.collect::<Vec<_>>()).await?)
}

fn supervisors() -> impl Iterator<Item = (usize, &'static Person)> {
    PEOPLE
        .iter()
        .enumerate()
        .filter(|(_, person)| person.roles.contains(&"supervisor"))
}

/// A year that is over and the one that runs. Those who cannot sign in were not appointed anew yet: their time ends soon.
fn terms(nth: usize, person: &Person, today: NaiveDate) -> Vec<Appointment> {
    const YEAR: Days = Days::new(365);
    let first = today - Days::new(if person.password.is_some() { 400 } else { 710 });
    let term = |year: u64, from: NaiveDate| Appointment {
        district_id: id("district", 0),
        id: id("appointment", nth * 2 + year as usize),
        person_id: id("person", nth),
        employment: if nth < 2 { "full" } else { "part" }.into(),
        from_date: from,
        to_date: Some(from + YEAR - Days::new(1)),
        decision_ref: String::new(),
    };
    vec![term(0, first), term(1, first + YEAR)]
}

/// Somebody without an open password gets one that nobody knows.
fn password_hash(person: &Person) -> anyhow::Result<String> {
    match person.password {
        Some(open) => password::hash(open),
        None => password::hash(&format!("{:032x}", rand::random::<u128>())),
    }
}

/// Records: people, schools, and what supervisors found.
async fn write_records(conn: &mut AsyncPgConnection, now: DateTime<FixedOffset>) -> anyhow::Result<Loaded> {
    let long_ago_ms = (now - Days::new(400)).timestamp_millis();
    let people: Vec<(Uuid, &str, &[&str])> = PEOPLE
        .iter()
        .enumerate()
        .map(|(nth, person)| (id("person", nth), person.name, person.roles))
        .collect();
    let admin = writer("admin");
    let purpose = Purpose::installation();
    people::put_on_roster(conn, purpose, id("district", 0), admin.person, &people, long_ago_ms).await?;

    let mut visits = 0;
    for (nth, school) in SCHOOLS.iter().enumerate() {
        let mut pen = Pen::new(id("district", 0), record_id("school", nth), nth as u64);
        pen.write(&writer("zhou"), long_ago_ms, school_fields(nth, school));
        visits += visits::write(&mut pen, nth, school, now);
        pen.push(conn)
            .await
            .with_context(|| format!("the records of {}", school.name))?;
    }
    write_late_note(conn, now).await?;
    Ok(Loaded::Now(visits))
}

/// What the office finds waiting for a decision: a note that reached it after its writer's duty at that school had ended.
async fn write_late_note(conn: &mut AsyncPgConnection, now: DateTime<FixedOffset>) -> anyhow::Result<()> {
    let mut pen = Pen::new(id("district", 0), record_id("school", 0), 7_000);
    let (note, visit) = (record_id("late-note", 0), newest_visit(conn).await?);
    let at_ms = (now - Days::new(12)).timestamp_millis();
    let fields: [(&str, Value); 4] = [
        ("@kind", "feedback_note".into()),
        ("visit", visit.to_string().into()),
        ("note_kind", "direction".into()),
        ("text", district::LATE_NOTE.into()),
    ];
    let fields = fields.map(|(path, value)| (note.clone(), path.to_owned(), value));
    pen.write(&writer("wang"), at_ms, fields.into());
    pen.push_too_late(conn).await
}

/// The newest visit of the first school.
async fn newest_visit(conn: &mut AsyncPgConnection) -> anyhow::Result<Uuid> {
    use crate::schema::visit::dsl::{school_id, visit, visit_date};
    use diesel::{ExpressionMethods, QueryDsl};
    use diesel_async::RunQueryDsl;
    let newest = visit
        .filter(school_id.eq(id("school", 0)))
        .order(visit_date.desc())
        .select(crate::schema::visit::id);
    Ok(newest.first(conn).await?)
}

fn school_fields(nth: usize, school: &School) -> Vec<(RecordId, String, Value)> {
    let mut fields: Vec<(&str, Value)> = vec![
        ("@kind", "school".into()),
        ("name", school.name.into()),
        ("code", school.code.into()),
        ("type", school.kind.into()),
        ("zone", id("zone", school.zone).to_string().into()),
        ("classes", school.classes.into()),
        ("office_phone", district::OFFICE_PHONE.into()),
    ];
    fields.extend(school.facts());
    if !school.notice.is_empty() {
        fields.push(("notice", school.notice.into()));
    }
    let record = record_id("school", nth);
    fields
        .into_iter()
        .map(|(path, value)| (record.clone(), path.to_owned(), value))
        .collect()
}

/// A person of the district at their own phone.
fn writer(login: &str) -> Writer {
    let nth = PEOPLE
        .iter()
        .position(|person| person.login == login)
        .expect("a login of the demo district");
    Writer {
        person: id("person", nth),
        device: id("device", nth),
        roles: PEOPLE[nth].roles.iter().map(|role| (*role).to_owned()).collect(),
    }
}

/// The ids of the demo district are the same in every installation.
fn id(what: &str, nth: usize) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:duxing:demo:{what}:{nth}").as_bytes())
}

fn record_id(what: &str, nth: usize) -> RecordId {
    id(what, nth).to_string().parse().expect("a UUID is a record id")
}

/// The district's clock.
fn china() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).expect("eight hours are an offset")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_sign_ins_cover_the_work_and_have_unlike_passwords() {
        let shown = sign_ins();
        for role in ["supervisor", "zone_lead", "coordinator", "admin"] {
            assert!(
                shown.iter().any(|one| one.roles.iter().any(|own| own == role)),
                "{role}"
            );
        }
        let passwords: std::collections::BTreeSet<_> = shown.iter().map(|one| &one.password).collect();
        assert_eq!(passwords.len(), shown.len());
    }

    #[test]
    fn zhang_and_li_look_after_the_same_schools_and_wang_after_others() {
        let zone = |login: &str| {
            PEOPLE
                .iter()
                .find(|person| person.login == login)
                .and_then(|person| person.zone)
        };
        assert_eq!(zone("zhang"), zone("li"));
        assert_ne!(zone("zhang"), zone("wang"));
        let named = |name: &str| {
            SCHOOLS
                .iter()
                .find(|school| school.name.ends_with(name))
                .map(|school| school.zone)
        };
        for name in ["第一小学", "第三小学", "第二中学"] {
            assert_eq!(named(name), zone("zhang"), "{name}");
        }
    }

    #[tokio::test]
    async fn the_district_loads_once_and_every_visit_in_it_is_complete_and_scored() {
        let folder = std::env::temp_dir().join(format!("duxing-test-demo-{}", std::process::id()));
        let (_postgres, url) = crate::postgres::ManagedPostgres::start_unsafe_fast(&folder).unwrap();
        crate::db::migrate(&url).await.unwrap();
        let pool = crate::db::connect(&url, 2).unwrap();
        assert!(!is_loaded(&pool).await.unwrap());
        let now: DateTime<Utc> = "2026-11-18T06:30:00Z".parse().unwrap();
        let Loaded::Now(visits) = load(&pool, now).await.unwrap() else {
            panic!("nothing was loaded")
        };
        assert!(visits > 36, "{visits}");
        assert_eq!(load(&pool, now).await.unwrap(), Loaded::Before);
        let pool = crate::db::connect_as_owner(&url, 2).unwrap();

        let counts = "SELECT format('%s %s %s %s %s', \
             count(DISTINCT v.id) FILTER (WHERE v.state IN ('submitted', 'reviewed')), count(*) FILTER (WHERE v.state = 'in_progress'), \
             count(*) FILTER (WHERE r.answered < r.applicable), (SELECT count(DISTINCT visit_id) FROM difference WHERE late), \
             count(DISTINCT r.band) >= 3) AS line \
             FROM visit v JOIN response r ON r.visit_id = v.id";
        let line = text_of(&pool, counts).await;
        assert_eq!(line, format!("{} 1 1 1 t", visits - 1));
        let scores = text_of(
            &pool,
            "SELECT format('%s %s', min(score), max(score)) AS line FROM response",
        )
        .await;
        println!("scores {scores}");
        let of_each = "SELECT string_agg(DISTINCT template, ' ' ORDER BY template) AS line FROM response WHERE rated";
        assert_eq!(
            text_of(&pool, of_each).await,
            "campus-safety lesson-observation student-workload"
        );
        let confirmed = "SELECT count(*)::text AS line FROM finding WHERE state = 'confirmed'";
        assert!(text_of(&pool, confirmed).await.parse::<i64>().unwrap() > 40);
        std::fs::remove_dir_all(folder).unwrap();
    }

    async fn text_of(pool: &Pool, sql: &str) -> String {
        use diesel_async::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            line: String,
        }
        let row: Row = diesel::sql_query(sql)
            .get_result(&mut *pool.get().await.unwrap())
            .await
            .unwrap();
        row.line
    }
}
