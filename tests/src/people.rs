//! A small fictional district: two zones, three schools, and one person for each thing a test wants to be.

use std::sync::OnceLock;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use server::auth::actor::today;
use server::schema::{appointment, assignment, district, person, school, zone};
use uuid::Uuid;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// Somebody who can sign in.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub login: String,
    pub name: String,
    pub roles: Vec<String>,
    pub zone: Option<Uuid>,
}

/// The district of a test. `a` and `b` supervise the first school, `a` also the second, `c` the third, in the other zone.
#[derive(Debug, Clone)]
pub struct District {
    pub id: Uuid,
    pub zones: [Uuid; 2],
    /// The first two lie in the first zone, the third in the second.
    pub schools: [Uuid; 3],
    pub a: Person,
    pub b: Person,
    pub c: Person,
    /// Lead of the first zone.
    pub zone_lead: Person,
    /// Lead of the second zone.
    pub other_zone_lead: Person,
    pub coordinator: Person,
    pub committee: Person,
    pub admin: Person,
}

impl District {
    /// Writes the district into an empty database.
    pub async fn create(conn: &mut AsyncPgConnection) -> QueryResult<Self> {
        Self::write(conn, "demo", "").await
    }

    /// A second district beside it, whose people have this name before their logins.
    pub async fn create_named(conn: &mut AsyncPgConnection, name: &str) -> QueryResult<Self> {
        Self::write(conn, name, &format!("{name}-")).await
    }

    async fn write(conn: &mut AsyncPgConnection, code: &str, before: &str) -> QueryResult<Self> {
        let id = Uuid::new_v4();
        let zones = [Uuid::new_v4(), Uuid::new_v4()];
        let schools = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
        let somebody = |login: &str, role: &str, zone: Option<Uuid>| Person {
            id: Uuid::new_v4(),
            login: format!("{before}{login}"),
            name: format!("示例 {login}"),
            roles: vec![role.into()],
            zone,
        };
        let this = District {
            id,
            zones,
            schools,
            a: somebody("a", "supervisor", Some(zones[0])),
            b: somebody("b", "supervisor", Some(zones[0])),
            c: somebody("c", "supervisor", Some(zones[1])),
            zone_lead: somebody("lead", "zone_lead", Some(zones[0])),
            other_zone_lead: somebody("other-lead", "zone_lead", Some(zones[1])),
            coordinator: somebody("office", "coordinator", None),
            committee: somebody("committee", "committee", None),
            admin: somebody("admin", "admin", None),
        };
        this.insert(conn, code).await?;
        Ok(this)
    }

    /// Everybody, for tests that walk through all roles.
    pub fn everybody(&self) -> [&Person; 8] {
        [
            &self.a,
            &self.b,
            &self.c,
            &self.zone_lead,
            &self.other_zone_lead,
            &self.coordinator,
            &self.committee,
            &self.admin,
        ]
    }

    /// The bucket of the `nth` school.
    pub fn bucket(&self, nth: usize) -> String {
        format!("school/{}", self.schools[nth])
    }

    async fn insert(&self, conn: &mut AsyncPgConnection, code: &str) -> QueryResult<()> {
        diesel::insert_into(district::table)
            .values((
                district::id.eq(self.id),
                district::code.eq(code),
                district::name.eq("示例区"),
            ))
            .execute(conn)
            .await?;
        for (nth, id) in self.zones.iter().enumerate() {
            let name = format!("第 {} 责任区", nth + 1);
            diesel::insert_into(zone::table)
                .values((zone::district_id.eq(self.id), zone::id.eq(id), zone::name.eq(name)))
                .execute(conn)
                .await?;
        }
        for (nth, id) in self.schools.iter().enumerate() {
            diesel::insert_into(school::table)
                .values((
                    school::district_id.eq(self.id),
                    school::id.eq(id),
                    school::zone_id.eq(self.zones[usize::from(nth == 2)]),
                    school::code.eq(format!("S{nth}")),
                    school::name.eq(format!("示例第 {} 小学", nth + 1)),
                ))
                .execute(conn)
                .await?;
        }
        for somebody in self.everybody() {
            insert_person(conn, self.id, somebody).await?;
        }
        for (somebody, nth) in [(&self.a, 0), (&self.a, 1), (&self.b, 0), (&self.c, 2)] {
            assign(conn, self.id, somebody, self.schools[nth]).await?;
        }
        Ok(())
    }
}

/// Adds a person whose password is [`PASSWORD`]; a supervisor is appointed without an end.
pub async fn insert_person(conn: &mut AsyncPgConnection, district: Uuid, somebody: &Person) -> QueryResult<()> {
    diesel::insert_into(person::table)
        .values((
            person::district_id.eq(district),
            person::id.eq(somebody.id),
            person::login.eq(&somebody.login),
            person::password_hash.eq(password_hash()),
            person::name.eq(&somebody.name),
            person::roles.eq(&somebody.roles),
            person::zone_id.eq(somebody.zone),
        ))
        .execute(conn)
        .await?;
    if somebody.roles.iter().any(|role| role == "supervisor") {
        appoint(conn, district, somebody).await?;
    }
    Ok(())
}

/// Appoints somebody since long ago, without an end.
pub async fn appoint(conn: &mut AsyncPgConnection, district: Uuid, somebody: &Person) -> QueryResult<()> {
    diesel::insert_into(appointment::table)
        .values((
            appointment::district_id.eq(district),
            appointment::id.eq(Uuid::new_v4()),
            appointment::person_id.eq(somebody.id),
            appointment::employment.eq("full"),
            appointment::from_date.eq(chrono::NaiveDate::from_ymd_opt(2020, 1, 1).expect("a day")),
            appointment::decision_ref.eq(""),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes a supervisor responsible for a school from today on.
pub async fn assign(conn: &mut AsyncPgConnection, district: Uuid, somebody: &Person, school: Uuid) -> QueryResult<()> {
    diesel::insert_into(assignment::table)
        .values((
            assignment::district_id.eq(district),
            assignment::person_id.eq(somebody.id),
            assignment::school_id.eq(school),
            assignment::from_date.eq(today()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Computed once a process: it is meant to be slow.
fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| server::auth::password::hash(PASSWORD).expect("Argon2 works"))
}
