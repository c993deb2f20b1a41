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
    let ids: BTreeSet<RecordId> = people.iter().map(|(id, ..)| record_id(*id)).collect();
    let mut known: HashMap<RecordId, RecordState> = HashMap::new();
    for record in sync::read_records(conn, district, &ids).await? {
        known.insert(record.id.clone(), record);
    }
    let mut ops = Vec::new();
    for (id, name, roles) in people {
        let record = record_id(*id);
        let roles = Value::List(roles.iter().map(|role| Value::from(*role)).collect());
        for (path, value) in [
            ("@kind", "person".into()),
            ("name", Value::from(*name)),
            ("roles", roles),
        ] {
            let live = known.get(&record).and_then(|record| record.fields.get(path));
            let live = live.map_or(&[][..], |field| &field.live);
            if !matches!(live, [write] if write.value == value) {
                // Whoever changes a person on the page has seen what the record says.
                let seen = live.iter().map(|write| write.dot).collect();
                ops.push(Op(record.clone(), path.parse().context("a field path")?, value, seen));
            }
        }
    }
    if ops.is_empty() {
        return Ok(());
    }
    let sender = Sender {
        district,
        person: author,
        device: Uuid::nil(),
        roles: vec!["admin".into()],
        purpose,
    };
    let group = Group::new(
        bucket(district).parse().context("a bucket id")?,
        GroupKind::Edit,
        sync::person_id(author),
        sender.device.to_string().parse().context("a device id")?,
        at_ms,
        rand::random(),
        ops,
    );
    push(conn, &sender, &[group]).await
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
