//! `/api/v1/people` and `/api/v1/devices`: the office makes accounts, gives and takes rights, schools and phones. Every change asks
//! for the acting person's password, is told in the audit, and holds from the next request on. No password of others is set or shown.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, SecondsFormat, Utc};
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::AppState;
use crate::api::appointments::{Term, appoint};
use crate::api::enrolment::{GOOD_FOR_DAYS, fresh_code, hash_of};
use crate::api::query;
use crate::auth::actor::Actor;
use crate::auth::office::{acting, confirm, may_change, may_touch, office_only};
use crate::body;
use crate::error::{Code, Refused, Result};
use crate::people;
use crate::store::accounts::{self, Account};
use crate::store::appointments;
use crate::store::audit::{self, Event};
use crate::store::enrolments;
use crate::store::passkeys;
use crate::store::purpose::within;
use crate::store::recusals;
use crate::store::roster::{self, NewPerson};
use crate::store::second_factors;

/// The longest login, in characters, which are plain letters, digits and `.-_@`: no two look alike.
const LONGEST_LOGIN: usize = 64;
/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// Everybody, and what may be chosen for them.
#[derive(Serialize)]
pub struct Everybody {
    people: Vec<Shown>,
    zones: Vec<Zone>,
    schools: Vec<School>,
}

/// A person as the office sees them.
#[derive(Serialize)]
pub struct Shown {
    id: Uuid,
    login: String,
    name: String,
    roles: Vec<String>,
    zone: Option<Uuid>,
    status: String,
    /// Whether they have chosen a password.
    enrolled: bool,
    /// Whether their sign-in asks for a second factor.
    second_factor: bool,
    /// Until when their link may be used, if they have one.
    link_until: Option<String>,
    assignments: Vec<Assignment>,
    /// The terms for which they are appointed, and were.
    appointments: Vec<Appointment>,
    /// Schools they keep away from, and did.
    recusals: Vec<Recusal>,
    devices: Vec<Device>,
}

#[derive(Serialize)]
struct Assignment {
    school: Uuid,
    from: NaiveDate,
    to: Option<NaiveDate>,
}

#[derive(Serialize)]
struct Appointment {
    id: Uuid,
    employment: String,
    from: NaiveDate,
    to: Option<NaiveDate>,
    decision_ref: String,
}

#[derive(Serialize)]
struct Recusal {
    id: Uuid,
    school: Uuid,
    reason: String,
    from: NaiveDate,
    to: Option<NaiveDate>,
}

#[derive(Serialize)]
struct Device {
    id: Uuid,
    name: String,
    state: String,
    first_seen: String,
    last_seen: String,
    /// Pieces of their work that were only there then, as the phone said.
    pending: i32,
}

#[derive(Serialize)]
struct Zone {
    id: Uuid,
    name: String,
}

#[derive(Serialize)]
struct School {
    id: Uuid,
    zone: Uuid,
    code: String,
    name: String,
}

/// A person with a link that is shown this once.
#[derive(Serialize)]
pub struct WithLink {
    person: Shown,
    code: String,
}

/// `GET /api/v1/people`: coordinators and administrators only, as everything here; 403 `forbidden` for others.
pub async fn list(app: Data<AppState>, actor: Actor) -> Result<Json<Everybody>> {
    office_only(&actor)?;
    let mut conn = app.pool.get().await?;
    let everybody = within(&mut conn, actor.managing(), async |conn| {
        everybody(conn, actor.district).await
    });
    Ok(Json(everybody.await?))
}

async fn everybody(conn: &mut AsyncPgConnection, district: Uuid) -> Result<Everybody> {
    let zones = accounts::zones(conn, district).await?;
    let schools = accounts::schools(conn, district).await?;
    Ok(Everybody {
        people: shown(conn, district, None).await?,
        zones: zones.into_iter().map(|(id, name)| Zone { id, name }).collect(),
        schools: schools
            .into_iter()
            .map(|(id, zone, code, name)| School { id, zone, code, name })
            .collect(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    login: String,
    name: String,
    roles: Vec<String>,
    zone: Option<Uuid>,
    /// For how long a supervisor is appointed; without one their schools give nothing yet.
    appointment: Option<Term>,
    password: String,
}

/// `POST /api/v1/people`: a new account with the link by which its owner chooses a password. Refuses `person.login_taken`, and
/// `assignment.not_supervisor` when somebody else is to be appointed.
pub async fn add(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<WithLink>> {
    office_only(&actor)?;
    let asked: Add = body::json(&request, payload).await?;
    let login_fits = (1..=LONGEST_LOGIN).contains(&asked.login.len())
        && asked
            .login
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte));
    if !login_fits {
        return Err(Code::ValueInvalid.into());
    }
    let account = Account {
        id: Uuid::now_v7(),
        login: asked.login,
        name: asked.name,
        roles: asked.roles,
        zone_id: asked.zone,
        status: "active".into(),
        enrolled: false,
    };
    refuse_odd_name(&account.name)?;
    refuse_odd_roles(&account)?;
    let id = account.id;
    let term = asked.appointment.map(|term| term.of(actor.district, id)).transpose()?;
    confirm(&app, &actor, &request, asked.password).await?;
    let code = fresh_code();
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        roster::lock(conn).await?;
        let acting = acting(conn, &actor).await?;
        may_touch(&acting, &account.roles)?;
        refuse_unknown_zone(conn, &actor, &account).await?;
        let new = NewPerson {
            district_id: actor.district,
            id,
            login: &account.login,
            password_hash: None,
            name: &account.name,
            roles: account.roles.iter().map(String::as_str).collect(),
            zone_id: account.zone_id,
        };
        if !roster::add_people(conn, &[new]).await? {
            return Err(Code::LoginTaken.into());
        }
        let detail = json!({
            "login": account.login, "name": account.name, "roles": account.roles, "zone": account.zone_id,
        });
        tell(conn, &actor, "person.added", id, detail).await?;
        open_link(conn, &actor, id, &code).await?;
        if let Some(term) = term {
            appoint(conn, &actor, &account.roles, term).await?;
        }
        put_on_roster(conn, &actor, &account).await
    })
    .await?;
    answer_with_link(&app, &mut conn, &actor, id, code).await
}

/// Only what is named is changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    roles: Option<Vec<String>>,
    /// Null takes the zone away.
    #[serde(default, deserialize_with = "named")]
    zone: Option<Option<Uuid>>,
    status: Option<String>,
    password: String,
}

/// `POST /api/v1/people/{id}`: name, roles, zone and status. Tokens of a person whose rights changed are stale at once. Refuses
/// `person.admin_only`, `person.yourself`, `person.last_admin` and `person.zone_missing`.
pub async fn change(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: Change = body::json(&request, payload).await?;
    let (status, password) = (asked.status, asked.password);
    if status
        .as_ref()
        .is_some_and(|status| !["active", "disabled"].contains(&status.as_str()))
    {
        return Err(Code::ValueInvalid.into());
    }
    confirm(&app, &actor, &request, password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        roster::lock(conn).await?;
        let acting = acting(conn, &actor).await?;
        let before = account(conn, &actor, id).await?;
        let after = Account {
            name: asked.name.unwrap_or_else(|| before.name.clone()),
            roles: asked.roles.unwrap_or_else(|| before.roles.clone()),
            zone_id: asked.zone.unwrap_or(before.zone_id),
            status: status.unwrap_or_else(|| before.status.clone()),
            ..before.clone()
        };
        let detail = changes(&before, &after);
        if detail.contains_key("name") {
            refuse_odd_name(&after.name)?;
        }
        if detail.contains_key("roles") || detail.contains_key("zone") {
            refuse_odd_roles(&after)?;
            refuse_unknown_zone(conn, &actor, &after).await?;
        }
        let other_admins = accounts::other_admins(conn, actor.district, id).await?;
        may_change(&acting, &before, &after, other_admins)?;
        if detail.is_empty() {
            return Ok(());
        }
        let rights = detail.keys().any(|what| *what != "name");
        accounts::write(conn, actor.district, &after, rights).await?;
        tell(conn, &actor, "person.changed", id, json!(detail)).await?;
        put_on_roster(conn, &actor, &after).await
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyPassword {
    password: String,
}

/// `POST /api/v1/people/{id}/enrolment`: a new link, also for whoever forgot the password. The old password stays good until it is used.
pub async fn open_enrolment(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<WithLink>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: OnlyPassword = body::json(&request, payload).await?;
    confirm(&app, &actor, &request, asked.password).await?;
    let code = fresh_code();
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        subject(conn, &actor, id).await?;
        open_link(conn, &actor, id, &code).await
    })
    .await?;
    answer_with_link(&app, &mut conn, &actor, id, code).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assign {
    school: Uuid,
    from: String,
    password: String,
}

/// `POST /api/v1/people/{id}/assignments`: a school to look after from a day on. Refuses `assignment.not_supervisor` and
/// `assignment.overlaps`, and `assignment.recused` when they keep away from the school on some of these days.
pub async fn assign(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: Assign = body::json(&request, payload).await?;
    let from = day(&asked.from)?;
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        let person = subject(conn, &actor, id).await?;
        if !person.roles.iter().any(|role| role == "supervisor") {
            return Err(Code::NotSupervisor.into());
        }
        if !accounts::has_school(conn, actor.district, asked.school).await? {
            return Err(Code::NotFound.into());
        }
        if recusals::meets(conn, actor.district, id, asked.school, (from, None)).await? {
            return Err(Code::AssignmentRecused.into());
        }
        if !accounts::assign(conn, actor.district, id, asked.school, (from, None)).await? {
            return Err(Code::AssignmentOverlaps.into());
        }
        let detail = json!({ "school": asked.school, "from": from });
        tell(conn, &actor, "assignment.added", id, detail).await
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndAssignment {
    school: Uuid,
    /// The first day, which tells one assignment to a school from another.
    from: String,
    /// The last day; the day before the first takes the assignment back.
    to: String,
    password: String,
}

/// `POST /api/v1/people/{id}/assignments/end`: the last day of an assignment. 404 when none is open beyond that day.
pub async fn end_assignment(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: EndAssignment = body::json(&request, payload).await?;
    let (from, to) = (day(&asked.from)?, day(&asked.to)?);
    if from.checked_sub_days(Days::new(1)).is_none_or(|earliest| to < earliest) {
        return Err(Code::ValueInvalid.into());
    }
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        subject(conn, &actor, id).await?;
        if !accounts::end_assignment(conn, actor.district, id, asked.school, from, to).await? {
            return Err(Code::NotFound.into());
        }
        let detail = json!({ "school": asked.school, "from": from, "to": to });
        tell(conn, &actor, "assignment.ended", id, detail).await
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhoseDevice {
    person: Uuid,
    password: String,
}

/// `POST /api/v1/devices/{id}/revoke`: the phone was reported lost. The sign-ins on it, of everybody who used it, show and renew nothing
/// from now on, and still hand in what is on the phone, for the office to decide.
pub async fn revoke_device(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Shown>> {
    set_device(app, actor, request, payload, "revoked", "device.revoked").await
}

/// `POST /api/v1/devices/{id}/restore`: the phone was found; its sign-in goes on.
pub async fn restore_device(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Shown>> {
    set_device(app, actor, request, payload, "active", "device.restored").await
}

async fn set_device(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
    state: &'static str,
    what: &'static str,
) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let device = query::path_id(&request, "id")?;
    let asked: WhoseDevice = body::json(&request, payload).await?;
    confirm(&app, &actor, &request, asked.password).await?;
    let id = asked.person;
    if (id, device) == (actor.person, actor.device) {
        return Err(Code::Yourself.into());
    }
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        subject(conn, &actor, id).await?;
        let name = accounts::set_device_state(conn, actor.district, id, device, state).await?;
        let name = name.ok_or(Code::NotFound)?;
        tell(conn, &actor, what, id, json!({ "device": device, "name": name })).await?;
        if state == "active" {
            return Ok(());
        }
        // A phone that is lost is lost for everybody who used it, but whoever says so is at it.
        let others = accounts::others_on_device(conn, actor.district, id, device).await?;
        for other in others.into_iter().filter(|other| *other != actor.person) {
            accounts::set_device_state(conn, actor.district, other, device, state).await?;
            tell(conn, &actor, what, other, json!({ "device": device, "name": name })).await?;
        }
        Ok(())
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}

/// `POST /api/v1/people/{id}/second-factor/remove`, body `{"password"}`: for whoever lost their device and their recovery codes. Administrators
/// only (`person.admin_only`), never for themselves (`person.yourself`); 404 when there is none.
pub async fn remove_second_factor(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: OnlyPassword = body::json(&request, payload).await?;
    if !actor.has("admin") {
        return Err(Code::AdminOnly.into());
    }
    if id == actor.person {
        return Err(Code::Yourself.into());
    }
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        subject(conn, &actor, id).await?;
        let had_codes = second_factors::remove(conn, actor.district, id).await?;
        let passkeys = passkeys::remove_all(conn, actor.district, id).await?;
        if !had_codes && passkeys == 0 {
            return Err(Code::NotFound.into());
        }
        tell(conn, &actor, "second_factor.removed", id, json!({})).await
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}

/// Somebody of the district, held, whom the acting person may do something about.
pub(super) async fn subject(conn: &mut AsyncPgConnection, actor: &Actor, id: Uuid) -> Result<Account> {
    roster::lock(conn).await?;
    let acting = acting(conn, actor).await?;
    let account = account(conn, actor, id).await?;
    may_touch(&acting, &account.roles)?;
    Ok(account)
}

async fn account(conn: &mut AsyncPgConnection, actor: &Actor, id: Uuid) -> Result<Account> {
    let account = accounts::lock(conn, actor.district, id).await?;
    account.ok_or_else(|| Code::NotFound.into())
}

async fn open_link(conn: &mut AsyncPgConnection, actor: &Actor, id: Uuid, code: &str) -> Result<()> {
    let until = Utc::now() + Duration::days(GOOD_FOR_DAYS);
    enrolments::open(conn, actor.district, id, hash_of(code), until).await?;
    tell(conn, actor, "enrolment.opened", id, json!({ "until": moment(until) })).await
}

async fn put_on_roster(conn: &mut AsyncPgConnection, actor: &Actor, account: &Account) -> Result<()> {
    let roles: Vec<&str> = account.roles.iter().map(String::as_str).collect();
    let person = (account.id, account.name.as_str(), roles.as_slice());
    let now_ms = Utc::now().timestamp_millis();
    let purpose = actor.managing();
    people::put_on_roster(conn, purpose, actor.district, actor.person, &[person], now_ms).await
}

pub(super) async fn tell(
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    what: &'static str,
    subject: Uuid,
    detail: Value,
) -> Result<()> {
    let event = Event {
        district: actor.district,
        actor: actor.person,
        what,
        subject,
        detail,
    };
    audit::append(conn, event).await
}

/// The person after a change, whose phones are told to look; so are all that carry the people's names.
pub(super) async fn answer(
    app: &AppState,
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    id: Uuid,
) -> Result<Json<Shown>> {
    let names = people::bucket(actor.district);
    app.heads.forget(actor.district, &names);
    app.hub.publish(actor.district, [names, format!("person/{id}")]);
    let person = within(conn, actor.managing(), async |conn| {
        shown(conn, actor.district, Some(id)).await
    });
    let person = person.await?.pop();
    Ok(Json(person.ok_or(Code::NotFound)?))
}

async fn answer_with_link(
    app: &AppState,
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    id: Uuid,
    code: String,
) -> Result<Json<WithLink>> {
    let Json(person) = answer(app, conn, actor, id).await?;
    Ok(Json(WithLink { person, code }))
}

async fn shown(conn: &mut AsyncPgConnection, district: Uuid, only: Option<Uuid>) -> Result<Vec<Shown>> {
    let accounts = accounts::accounts(conn, district, only).await?;
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    let mut assignments: BTreeMap<Uuid, Vec<Assignment>> = BTreeMap::new();
    for row in accounts::assignments(conn, district, &ids).await? {
        assignments.entry(row.person_id).or_default().push(Assignment {
            school: row.school_id,
            from: row.from_date,
            to: row.to_date,
        });
    }
    let mut terms: BTreeMap<Uuid, Vec<Appointment>> = BTreeMap::new();
    for row in appointments::of(conn, district, &ids).await? {
        terms.entry(row.person_id).or_default().push(Appointment {
            id: row.id,
            employment: row.employment,
            from: row.from_date,
            to: row.to_date,
            decision_ref: row.decision_ref,
        });
    }
    let mut kept_away: BTreeMap<Uuid, Vec<Recusal>> = BTreeMap::new();
    for row in recusals::of(conn, district, &ids).await? {
        kept_away.entry(row.person_id).or_default().push(Recusal {
            id: row.id,
            school: row.school_id,
            reason: row.reason,
            from: row.from_date,
            to: row.to_date,
        });
    }
    let mut devices: BTreeMap<Uuid, Vec<Device>> = BTreeMap::new();
    for row in accounts::devices(conn, district, &ids).await? {
        devices.entry(row.person_id).or_default().push(Device {
            id: row.id,
            name: row.name,
            state: row.state,
            first_seen: moment(row.first_seen),
            last_seen: moment(row.last_seen),
            pending: row.pending,
        });
    }
    let factors: BTreeSet<Uuid> = second_factors::owners(conn, district, &ids)
        .await?
        .into_iter()
        .collect();
    let links: BTreeMap<Uuid, DateTime<Utc>> = accounts::open_links(conn, district, &ids).await?.into_iter().collect();
    let shown = accounts.into_iter().map(|account| Shown {
        assignments: assignments.remove(&account.id).unwrap_or_default(),
        appointments: terms.remove(&account.id).unwrap_or_default(),
        recusals: kept_away.remove(&account.id).unwrap_or_default(),
        devices: devices.remove(&account.id).unwrap_or_default(),
        second_factor: factors.contains(&account.id),
        link_until: links.get(&account.id).copied().map(moment),
        id: account.id,
        login: account.login,
        name: account.name,
        roles: account.roles,
        zone: account.zone_id,
        status: account.status,
        enrolled: account.enrolled,
    });
    Ok(shown.collect())
}

/// What a change changes: the old value and the new one.
fn changes(before: &Account, after: &Account) -> BTreeMap<&'static str, Value> {
    let pairs = [
        ("name", json!(before.name), json!(after.name)),
        ("roles", json!(before.roles), json!(after.roles)),
        ("zone", json!(before.zone_id), json!(after.zone_id)),
        ("status", json!(before.status), json!(after.status)),
    ];
    let differ = pairs.into_iter().filter(|(_, old, new)| old != new);
    differ.map(|(what, old, new)| (what, json!([old, new]))).collect()
}

/// Refuses `value.invalid` for a name that cannot be shown as it is.
pub(super) fn refuse_odd_name(name: &str) -> Result<(), Refused> {
    let length = name.chars().count();
    let fits = name.trim() == name && (1..=LONGEST_NAME).contains(&length) && !name.chars().any(is_unseen);
    match fits {
        true => Ok(()),
        false => Err(Refused(Code::ValueInvalid)),
    }
}

/// Refuses `value.invalid` for roles that do not exist or repeat, and `person.zone_missing`.
fn refuse_odd_roles(account: &Account) -> Result<(), Refused> {
    let known = |role: &String| catalog::catalog().role(role).is_some();
    let distinct: BTreeSet<&String> = account.roles.iter().collect();
    if account.roles.is_empty() || distinct.len() != account.roles.len() || !account.roles.iter().all(known) {
        return Err(Refused(Code::ValueInvalid));
    }
    match account.zone_id.is_none() && account.roles.iter().any(|role| role == "zone_lead") {
        true => Err(Refused(Code::ZoneMissing)),
        false => Ok(()),
    }
}

/// Control characters, and those that turn the direction of what follows or take no room.
pub(super) fn is_unseen(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_control() || turns
}

async fn refuse_unknown_zone(conn: &mut AsyncPgConnection, actor: &Actor, account: &Account) -> Result<()> {
    match account.zone_id {
        Some(zone) if !accounts::has_zone(conn, actor.district, zone).await? => Err(Code::NotFound.into()),
        _ => Ok(()),
    }
}

/// A day of this century as `YYYY-MM-DD`.
pub(super) fn day(text: &str) -> Result<NaiveDate, Refused> {
    let day = text.parse::<NaiveDate>().ok().filter(|day| day.to_string() == text);
    day.filter(|day| (2000..2100).contains(&day.year()))
        .ok_or(Refused(Code::ValueInvalid))
}

pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A member that is there, be it null.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}
