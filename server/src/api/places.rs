//! `/api/v1/places`, `/zones` and `/schools`: the office makes zones and schools and moves schools between zones. Rights follow with the next
//! request, and what the phones carry of a school with the next sync. Every change asks for the acting person's password and is told in the audit.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use catalog::{Policy, catalog};
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_protocol::{RecordId, Value};
use uuid::Uuid;

use crate::AppState;
use crate::api::people::{refuse_odd_name, tell};
use crate::api::query;
use crate::auth::actor::Actor;
use crate::auth::office::{acting, confirm, office_only};
use crate::body;
use crate::error::{Code, Refused, Result};
use crate::people::{self, Written};
use crate::store::accounts;
use crate::store::places::{self, School};
use crate::store::purpose::within;
use crate::store::roster::{self, NewSchool, NewZone};
use crate::store::sync::{read_records, to_catalog};

/// The longest school code, in characters, which are plain letters, digits and `.-_`.
const LONGEST_CODE: usize = 32;
/// Schools that one request makes at most.
const MOST_SCHOOLS: usize = 500;
/// The largest list of new schools, in bytes.
const LARGEST_LIST: usize = 256 * 1024;
/// The largest change of one school, in bytes.
const LARGEST_CHANGE: usize = 64 * 1024;
/// The longest text of a fact, in characters.
const LONGEST_FACT: usize = 1000;
/// What the row says; everything else about a school is a fact.
const IN_THE_ROW: [&str; 3] = ["name", "code", "zone"];

/// All zones and schools.
#[derive(Serialize)]
pub struct Places {
    zones: Vec<Zone>,
    schools: Vec<Shown>,
}

#[derive(Serialize)]
struct Zone {
    id: Uuid,
    name: String,
}

#[derive(Serialize)]
struct Shown {
    id: Uuid,
    zone: Uuid,
    code: String,
    name: String,
    /// What decides which questions are asked there. Empty for an administrator who is no coordinator.
    facts: Facts,
}

type Facts = BTreeMap<String, Value>;

/// `GET /api/v1/places`: coordinators and administrators only, as everything here; 403 `forbidden` for others.
pub async fn list(app: Data<AppState>, actor: Actor) -> Result<Json<Places>> {
    office_only(&actor)?;
    answer(&app, &actor).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneName {
    name: String,
    password: String,
}

/// `POST /api/v1/zones`: a new zone. Refuses `zone.name_taken`.
pub async fn add_zone(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Places>> {
    office_only(&actor)?;
    let asked: ZoneName = body::json(&request, payload).await?;
    refuse_odd_name(&asked.name)?;
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        begin(conn, &actor).await?;
        make_zone(conn, &actor, &asked.name).await?;
        Ok(())
    })
    .await?;
    drop(conn);
    answer(&app, &actor).await
}

/// `POST /api/v1/zones/{id}`: another name for a zone. Refuses `zone.name_taken`.
pub async fn change_zone(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Places>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: ZoneName = body::json(&request, payload).await?;
    refuse_odd_name(&asked.name)?;
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        begin(conn, &actor).await?;
        let before = places::lock_zone(conn, actor.district, id).await?;
        let before = before.ok_or(Code::NotFound)?;
        if before == asked.name {
            return Ok(());
        }
        refuse_taken_zone(conn, &actor, &asked.name, id).await?;
        places::rename_zone(conn, actor.district, id, &asked.name).await?;
        tell(
            conn,
            &actor,
            "zone.changed",
            id,
            json!({ "name": [before, asked.name] }),
        )
        .await
    })
    .await?;
    drop(conn);
    answer(&app, &actor).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddSchools {
    /// Names of zones that are made with them.
    #[serde(default)]
    zones: Vec<String>,
    schools: Vec<NewOne>,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOne {
    code: String,
    name: String,
    /// The name of its zone, as a list from a spreadsheet has it.
    zone: String,
    #[serde(default)]
    facts: Facts,
}

/// `POST /api/v1/schools`: new schools, all or none. Refuses `school.code_taken`, `zone.name_taken` for a zone that is there
/// already, and 404 for one that is not.
pub async fn add_schools(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Places>> {
    office_only(&actor)?;
    let asked: AddSchools = body::json_of(&request, payload, LARGEST_LIST).await?;
    refuse_odd_schools(&asked)?;
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    let made = within(&mut conn, actor.managing(), async |conn| -> Result<_> {
        begin(conn, &actor).await?;
        for name in &asked.zones {
            make_zone(conn, &actor, name).await?;
        }
        make_schools(conn, &actor, &asked.schools).await
    });
    let made = made.await?;
    drop(conn);
    spread(&app, &actor, &made, &[]).await?;
    answer(&app, &actor).await
}

/// Only what is named is changed; a fact that is null is taken away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeSchool {
    zone: Option<Uuid>,
    code: Option<String>,
    name: Option<String>,
    #[serde(default)]
    facts: Facts,
    password: String,
}

/// `POST /api/v1/schools/{id}`: zone, code, name and facts of a school. Leads of both zones reach what is theirs from the next request on.
/// Refuses `school.code_taken`.
pub async fn change_school(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Places>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: ChangeSchool = body::json_of(&request, payload, LARGEST_CHANGE).await?;
    refuse_odd_facts(&asked.facts)?;
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    let zones = within(&mut conn, actor.managing(), async |conn| -> Result<_> {
        begin(conn, &actor).await?;
        let before = places::lock_school(conn, actor.district, id).await?;
        let before = before.ok_or(Code::NotFound)?;
        let after = School {
            id,
            zone_id: asked.zone.unwrap_or(before.zone_id),
            code: asked.code.unwrap_or_else(|| before.code.clone()),
            name: asked.name.unwrap_or_else(|| before.name.clone()),
        };
        refuse_odd_school(&after.code, &after.name)?;
        if !accounts::has_zone(conn, actor.district, after.zone_id).await? {
            return Err(Code::NotFound.into());
        }
        refuse_taken_code(conn, &actor, &[&after.code], Some(id)).await?;
        let mut detail = changes(&before, &after);
        if !detail.is_empty() {
            places::write_school(conn, actor.district, &after).await?;
        }
        let facts = put_on_record(conn, &actor, &after, &asked.facts).await?;
        let facts: Vec<String> = facts.into_iter().filter(|path| is_fact(path)).collect();
        if !facts.is_empty() {
            detail.insert("facts", json!(facts));
        }
        if !detail.is_empty() {
            detail.entry("name").or_insert(json!(after.name));
            tell(conn, &actor, "school.changed", id, json!(detail)).await?;
        }
        Ok([before.zone_id, after.zone_id])
    });
    let zones = zones.await?;
    drop(conn);
    spread(&app, &actor, &[id], &zones).await?;
    answer(&app, &actor).await
}

/// Nobody else changes people or places meanwhile, and the acting person still may.
async fn begin(conn: &mut AsyncPgConnection, actor: &Actor) -> Result<()> {
    roster::lock(conn).await?;
    acting(conn, actor).await?;
    Ok(())
}

async fn make_zone(conn: &mut AsyncPgConnection, actor: &Actor, name: &str) -> Result<()> {
    let id = Uuid::now_v7();
    refuse_taken_zone(conn, actor, name, id).await?;
    let new = NewZone {
        district_id: actor.district,
        id,
        name,
    };
    roster::add_zones(conn, &[new]).await?;
    tell(conn, actor, "zone.added", id, json!({ "name": name })).await
}

async fn make_schools(conn: &mut AsyncPgConnection, actor: &Actor, asked: &[NewOne]) -> Result<Vec<Uuid>> {
    let codes: Vec<&str> = asked.iter().map(|one| one.code.as_str()).collect();
    refuse_taken_code(conn, actor, &codes, None).await?;
    let zones = accounts::zones(conn, actor.district).await?;
    let mut made = Vec::new();
    for one in asked {
        let zone = zones.iter().find(|(_, name)| *name == one.zone).ok_or(Code::NotFound)?;
        let school = School {
            id: Uuid::now_v7(),
            zone_id: zone.0,
            code: one.code.clone(),
            name: one.name.clone(),
        };
        let row = NewSchool {
            district_id: actor.district,
            id: school.id,
            zone_id: school.zone_id,
            code: &school.code,
            name: &school.name,
        };
        roster::add_schools(conn, &[row]).await?;
        put_on_record(conn, actor, &school, &one.facts).await?;
        let detail = json!({ "code": one.code, "name": one.name, "zone": one.zone });
        tell(conn, actor, "school.added", school.id, detail).await?;
        made.push(school.id);
    }
    Ok(made)
}

/// Writes what the phones carry of a school, as a coordinator would; the paths that say something new.
async fn put_on_record(
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    school: &School,
    facts: &Facts,
) -> Result<Vec<String>> {
    places::settle(conn, &[school.id]).await?;
    let mut fields: Vec<(&str, Value)> = vec![
        ("@kind", "school".into()),
        ("name", school.name.as_str().into()),
        ("code", school.code.as_str().into()),
        ("zone", school.zone_id.to_string().into()),
    ];
    fields.extend(facts.iter().map(|(path, value)| (path.as_str(), value.clone())));
    let written = Written {
        district: actor.district,
        author: actor.person,
        role: "coordinator",
        purpose: actor.managing(),
        at_ms: Utc::now().timestamp_millis(),
    };
    written
        .write(conn, &bucket(school.id), &[(record_id(school.id), fields)])
        .await
}

/// What rights ask of schools may be cached, and phones may be waiting: those of the schools, of the leads, and of the whole office.
async fn spread(app: &AppState, actor: &Actor, schools: &[Uuid], zones: &[Uuid]) -> Result<()> {
    let mut conn = app.pool.get().await?;
    let leads = within(&mut conn, actor.managing(), async |conn| {
        places::leads(conn, actor.district, zones).await
    });
    let mut told: Vec<String> = leads.await?.into_iter().map(|lead| format!("person/{lead}")).collect();
    for school in schools {
        app.heads.forget(actor.district, &bucket(*school));
        told.push(bucket(*school));
    }
    told.push(people::bucket(actor.district));
    app.hub.publish(actor.district, told);
    Ok(())
}

async fn answer(app: &AppState, actor: &Actor) -> Result<Json<Places>> {
    let mut conn = app.pool.get().await?;
    let places = within(&mut conn, actor.managing(), async |conn| {
        all(conn, actor.district).await
    });
    Ok(Json(places.await?))
}

async fn all(conn: &mut AsyncPgConnection, district: Uuid) -> Result<Places> {
    let zones = accounts::zones(conn, district).await?;
    let schools = accounts::schools(conn, district).await?;
    let ids: BTreeSet<RecordId> = schools.iter().map(|(id, ..)| record_id(*id)).collect();
    let mut facts: BTreeMap<RecordId, Facts> = BTreeMap::new();
    for record in read_records(conn, district, &ids).await? {
        let said = record.fields.iter().filter(|(path, _)| is_fact(path.as_str()));
        let said = said.filter_map(|(path, field)| Some((path.to_string(), field.live.last()?.value.clone())));
        let said: Facts = said.filter(|(_, value)| *value != Value::Null).collect();
        facts.insert(record.id.clone(), said);
    }
    let shown = schools.into_iter().map(|(id, zone, code, name)| Shown {
        id,
        zone,
        code,
        name,
        facts: facts.remove(&record_id(id)).unwrap_or_default(),
    });
    Ok(Places {
        zones: zones.into_iter().map(|(id, name)| Zone { id, name }).collect(),
        schools: shown.collect(),
    })
}

fn changes(before: &School, after: &School) -> BTreeMap<&'static str, serde_json::Value> {
    let pairs = [
        ("name", json!(before.name), json!(after.name)),
        ("code", json!(before.code), json!(after.code)),
        ("zone", json!(before.zone_id), json!(after.zone_id)),
    ];
    let differ = pairs.into_iter().filter(|(_, old, new)| old != new);
    differ.map(|(what, old, new)| (what, json!([old, new]))).collect()
}

async fn refuse_taken_zone(conn: &mut AsyncPgConnection, actor: &Actor, name: &str, by: Uuid) -> Result<()> {
    match places::zone_name_is_taken(conn, actor.district, name, by).await? {
        true => Err(Code::ZoneNameTaken.into()),
        false => Ok(()),
    }
}

async fn refuse_taken_code(
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    codes: &[&str],
    besides: Option<Uuid>,
) -> Result<()> {
    match places::code_is_taken(conn, actor.district, codes, besides).await? {
        true => Err(Code::SchoolCodeTaken.into()),
        false => Ok(()),
    }
}

/// Refuses `value.invalid`, also for a code or a zone that comes twice.
fn refuse_odd_schools(asked: &AddSchools) -> Result<(), Refused> {
    let codes: BTreeSet<&str> = asked.schools.iter().map(|one| one.code.as_str()).collect();
    let zones: BTreeSet<&String> = asked.zones.iter().collect();
    let many = asked.schools.len();
    if !(1..=MOST_SCHOOLS).contains(&many) || codes.len() != many || zones.len() != asked.zones.len() {
        return Err(Refused(Code::ValueInvalid));
    }
    asked.zones.iter().try_for_each(|name| refuse_odd_name(name))?;
    for one in &asked.schools {
        refuse_odd_school(&one.code, &one.name)?;
        refuse_odd_facts(&one.facts)?;
    }
    Ok(())
}

fn refuse_odd_school(code: &str, name: &str) -> Result<(), Refused> {
    let fits = (1..=LONGEST_CODE).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    match fits {
        true => refuse_odd_name(name),
        false => Err(Refused(Code::ValueInvalid)),
    }
}

/// Refuses `value.invalid` for what is no fact of a school, or not of its form.
fn refuse_odd_facts(facts: &Facts) -> Result<(), Refused> {
    let kind = catalog().kind("school");
    let fits = |(path, value): (&String, &Value)| {
        is_fact(path)
            && is_plain(value)
            && kind.is_some_and(|kind| *value == Value::Null || kind.check(path, &to_catalog(value)).is_ok())
    };
    match facts.iter().all(fits) {
        true => Ok(()),
        false => Err(Refused(Code::ValueInvalid)),
    }
}

/// Whether a text is short enough to be shown, and no option comes twice.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.chars().count() <= LONGEST_FACT,
        Value::List(options) => options
            .iter()
            .enumerate()
            .all(|(nth, option)| !options[..nth].contains(option)),
        _ => true,
    }
}

/// Whether the office writes this field of a school, besides what the row says.
fn is_fact(path: &str) -> bool {
    let field = catalog().kind("school").and_then(|kind| kind.field(path));
    !IN_THE_ROW.contains(&path) && field.is_some_and(|field| field.policy == Policy::Server)
}

fn bucket(school: Uuid) -> String {
    format!("school/{school}")
}

fn record_id(school: Uuid) -> RecordId {
    school.to_string().parse().expect("a UUID is a record id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_what_the_catalog_says_the_office_writes() {
        let facts = |json: &str| serde_json::from_str::<Facts>(json).unwrap();
        for good in [
            r#"{}"#,
            r#"{"type": "primary", "bands": ["P12", "P36"], "students": 820, "has_lab": true, "notice": null}"#,
        ] {
            assert!(refuse_odd_facts(&facts(good)).is_ok(), "{good}");
        }
        for bad in [
            r#"{"name": "x"}"#,
            r#"{"zone": "x"}"#,
            r#"{"@kind": "visit"}"#,
            r#"{"asked/students": "x"}"#,
            r#"{"colour": "x"}"#,
            r#"{"type": "circus"}"#,
            r#"{"students": -1}"#,
            r#"{"students": "many"}"#,
            r#"{"bands": ["P12", "P99"]}"#,
            r#"{"bands": ["P12", "P12"]}"#,
        ] {
            assert!(refuse_odd_facts(&facts(bad)).is_err(), "{bad}");
        }
        let long = |length| facts(&format!(r#"{{"notice": "{}"}}"#, "字".repeat(length)));
        assert!(refuse_odd_facts(&long(1000)).is_ok() && refuse_odd_facts(&long(1001)).is_err());
    }

    #[test]
    fn a_school_has_a_plain_code_and_a_name_that_can_be_shown() {
        for (code, name, good) in [
            ("SL-101", "示例区第一小学", true),
            ("", "x", false),
            ("学校", "x", false),
            ("A B", "x", false),
            (&*"A".repeat(33), "x", false),
            ("A1", " ", false),
            ("A1", "a\u{202e}b", false),
        ] {
            assert_eq!(refuse_odd_school(code, name).is_ok(), good, "{code} {name}");
        }
    }
}
