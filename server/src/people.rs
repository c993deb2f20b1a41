//! The two faces of a person: the row that signs in and the record that carries name and roles to the phones. Keeps them in
//! step for the command line, the demo district and the office's page; who may change whom is `auth/office.rs`'s to say.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, anyhow, bail, ensure};
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use serde_json::json;
use sync_protocol::office::{Received, Verdict};
use sync_protocol::{Group, GroupKind, Op, RecordId, RecordState, Value};
use uuid::Uuid;

use crate::auth::actor::today;
use crate::auth::password;
use crate::db::Pool;
use crate::error::Result;
use crate::store;
use crate::store::appointments::{self, Appointment};
use crate::store::audit::{self, Event};
use crate::store::purpose::{Purpose, within};
use crate::store::roster::{self, NewDistrict, NewPerson};
use crate::store::sync::{self, Sender};

/// Adds a person to the district, making the district when the database is empty and `new_district` names it. Returns
/// the first password, which nobody else ever learns. A supervisor is appointed from today until the office says otherwise.
pub async fn add(
    pool: &Pool,
    login: &str,
    name: &str,
    roles: &[&str],
    new_district: Option<&str>,
) -> anyhow::Result<String> {
    ensure!(
        !login.trim().is_empty() && !name.trim().is_empty(),
        "a person has a login and a name"
    );
    let unknown = roles.iter().find(|role| catalog::catalog().role(role).is_none());
    ensure!(unknown.is_none(), "no such role as {}", unknown.unwrap_or(&""));
    let password = first_password();
    let password_hash = password::hash(&password)?;
    let mut conn = pool.get().await?;
    let purpose = Purpose::installation();
    within(&mut conn, purpose, async |conn| -> anyhow::Result<()> {
        roster::lock(conn).await?;
        let district_id = match (store::people::first_district(conn).await?, new_district) {
            (Some(district), None) => district.id,
            (Some(_), Some(_)) => bail!("this database has its district already"),
            (None, None) => bail!("this database has no district yet; name it with --district"),
            (None, Some(name)) => {
                let id = Uuid::now_v7();
                roster::add_district(conn, &NewDistrict { id, code: "1", name }).await?;
                id
            }
        };
        let id = Uuid::now_v7();
        let person = NewPerson {
            district_id,
            id,
            login,
            password_hash: Some(password_hash),
            name,
            roles: roles.to_vec(),
            zone_id: None,
        };
        let added = roster::add_people(conn, &[person]).await?;
        ensure!(added, "somebody has the login {login} already");
        let event = Event {
            district: district_id,
            actor: audit::COMMAND_LINE,
            what: "person.added",
            subject: id,
            detail: json!({ "login": login, "name": name, "roles": roles }),
        };
        audit::append(conn, event).await?;
        if roles.contains(&"supervisor") {
            appoint(conn, district_id, id).await?;
        }
        put_on_roster(
            conn,
            purpose,
            district_id,
            id,
            &[(id, name, roles)],
            Utc::now().timestamp_millis(),
        )
        .await?;
        Ok(())
    })
    .await?;
    Ok(password)
}

async fn appoint(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid) -> Result<()> {
    let new = Appointment {
        district_id: district,
        id: Uuid::now_v7(),
        person_id: person,
        employment: "full".into(),
        from_date: today(),
        to_date: None,
        decision_ref: String::new(),
    };
    let event = Event {
        district,
        actor: audit::COMMAND_LINE,
        what: "appointment.added",
        subject: person,
        detail: json!({ "employment": new.employment, "from": new.from_date, "to": null, "decision_ref": "" }),
    };
    appointments::add(conn, &[new]).await?;
    audit::append(conn, event).await
}

/// Writes the records that carry names and roles to the phones, in the name of `author`, who answers for it as an
/// administrator would. What a record says already is not written again.
pub async fn put_on_roster(
    conn: &mut AsyncPgConnection,
    purpose: Purpose,
    district: Uuid,
    author: Uuid,
    people: &[(Uuid, &str, &[&str])],
    at_ms: i64,
) -> Result<()> {
    let fields = people.iter().map(|(id, name, roles)| {
        let roles = Value::List(roles.iter().map(|role| Value::from(*role)).collect());
        let fields = vec![
            ("@kind", "person".into()),
            ("name", Value::from(*name)),
            ("roles", roles),
        ];
        (record_id(*id), fields)
    });
    let written = Written {
        district,
        author,
        role: "admin",
        purpose,
        at_ms,
    };
    written
        .write(conn, &bucket(district), &fields.collect::<Vec<_>>())
        .await?;
    Ok(())
}

/// What the office itself writes into records, in somebody's name and with the role that may.
pub struct Written {
    /// The district.
    pub district: Uuid,
    /// Who answers for it.
    pub author: Uuid,
    /// The role in which they do.
    pub role: &'static str,
    /// What the transaction is for.
    pub purpose: Purpose,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

impl Written {
    /// Writes the fields of some records of one bucket, and says which paths. What a record says already is not written again.
    pub async fn write(
        self,
        conn: &mut AsyncPgConnection,
        bucket: &str,
        records: &[(RecordId, Vec<(&str, Value)>)],
    ) -> Result<Vec<String>> {
        let ids: BTreeSet<RecordId> = records.iter().map(|(id, _)| id.clone()).collect();
        let mut known: HashMap<RecordId, RecordState> = HashMap::new();
        for record in sync::read_records(conn, self.district, &ids).await? {
            known.insert(record.id.clone(), record);
        }
        let (mut ops, mut paths) = (Vec::new(), Vec::new());
        for (record, fields) in records {
            for (path, value) in fields {
                let live = known.get(record).and_then(|known| known.fields.get(*path));
                let live = live.map_or(&[][..], |field| &field.live);
                let says_so = match live {
                    [write] => write.value == *value,
                    [] => *value == Value::Null,
                    _ => false,
                };
                if !says_so {
                    // Whoever changes it on the page has seen what the record says.
                    let seen = live.iter().map(|write| write.dot).collect();
                    let place = path.parse().context("a field path")?;
                    ops.push(Op(record.clone(), place, value.clone(), seen));
                    paths.push((*path).to_owned());
                }
            }
        }
        if ops.is_empty() {
            return Ok(paths);
        }
        let sender = Sender {
            district: self.district,
            person: self.author,
            device: Uuid::nil(),
            roles: vec![self.role.into()],
            purpose: self.purpose,
        };
        let group = Group::new(
            bucket.parse().context("a bucket id")?,
            GroupKind::Edit,
            sync::person_id(self.author),
            sender.device.to_string().parse().context("a device id")?,
            self.at_ms,
            rand::random(),
            ops,
        );
        push(conn, &sender, &[group]).await?;
        Ok(paths)
    }
}

/// The bucket in which the records of people live.
pub fn bucket(district: Uuid) -> String {
    format!("district/{district}")
}

fn record_id(person: Uuid) -> RecordId {
    person.to_string().parse().expect("a UUID is a record id")
}

/// Gives groups their effect the way a push does; fails when one is refused.
pub async fn push(conn: &mut AsyncPgConnection, sender: &Sender, groups: &[Group]) -> Result<()> {
    let received: Vec<Received> = groups
        .iter()
        .map(|group| Received::read(group.to_line().as_bytes()))
        .collect();
    let verdicts = sync::apply(conn, sender, &received, |_| true).await?;
    for (group, verdict) in groups.iter().zip(verdicts) {
        if let Verdict::Refused { code } | Verdict::Quarantined { code } = verdict {
            return Err(anyhow!("a group of {} operations was refused: {code}", group.ops.len()).into());
        }
    }
    Ok(())
}

/// Sixteen letters and digits that cannot be mistaken for each other.
fn first_password() -> String {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let letters: [u8; 16] = std::array::from_fn(|_| LETTERS[rand::random_range(0..LETTERS.len())]);
    letters.map(char::from).iter().collect()
}
