//! `GET /api/v1/visits/{id}` and its `/history`, `GET /api/v1/records/{id}/history`: one visit as it stands, and how it, or one of
//! its records, came to be so.
//! What lies outside the caller's grants is not found, exactly like what does not exist.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use anyhow::Context;
use chrono::SecondsFormat;
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sync_protocol::replay::Change;
use sync_protocol::{FieldPath, FieldState, Group, GroupId, Value};
use uuid::Uuid;

use crate::AppState;
use crate::api::query;
use crate::auth::actor::Actor;
use crate::error::{Code, Error, Result};
use crate::store::purpose::snapshot;
use crate::store::results;
use crate::store::visits::{self, Place, Span};

/// A visit with all that belongs to it, from one snapshot.
#[derive(Serialize)]
pub struct VisitPage {
    as_of: String,
    records: Vec<RecordJson>,
    #[serde(flatten)]
    names: Names,
}

/// A record's state as stored; its fields are passed on unread.
#[derive(Serialize)]
struct RecordJson {
    id: Uuid,
    fields: Box<RawValue>,
}

/// Who and what the ids in a reply are.
#[derive(Serialize)]
struct Names {
    people: BTreeMap<Uuid, String>,
    devices: BTreeMap<Uuid, String>,
}

/// `GET /api/v1/visits/{id}`.
pub async fn show(app: Data<AppState>, actor: Actor, request: HttpRequest) -> Result<Json<VisitPage>> {
    let visit = query::path_id(&request, "id")?;
    let mut conn = app.pool.get().await?;
    let page = snapshot(&mut conn, actor.reading(), async |conn| {
        visit_page(conn, &actor, visit).await
    });
    Ok(Json(page.await?))
}

async fn visit_page(conn: &mut AsyncPgConnection, actor: &Actor, visit: Uuid) -> Result<VisitPage> {
    let place = visit_within_reach(conn, actor, visit).await?;
    let as_of = results::as_of(conn).await?.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut mentioned = Mentioned::default();
    let mut records = Vec::new();
    for stored in visits::records(conn, actor.district, &place.bucket, visit).await? {
        let fields: BTreeMap<FieldPath, FieldState> =
            serde_json::from_str(&stored.fields).context("a stored record is unreadable")?;
        fields.iter().for_each(|(path, field)| mentioned.add_field(path, field));
        let fields = RawValue::from_string(stored.fields).context("a stored record is not JSON")?;
        records.push(RecordJson { id: stored.id, fields });
    }
    Ok(VisitPage {
        as_of,
        records,
        names: mentioned.names(conn).await?,
    })
}

/// Every change of a visit's records, of one record, or of one of its fields, oldest first.
#[derive(Serialize)]
pub struct History {
    entries: Vec<Entry>,
    #[serde(flatten)]
    names: Names,
}

#[derive(Serialize)]
struct Entry {
    seq: i64,
    received_at: String,
    #[serde(flatten)]
    change: Change,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryParameters {
    field: Option<String>,
}

/// `GET /api/v1/records/{id}/history`.
pub async fn history(app: Data<AppState>, actor: Actor, request: HttpRequest) -> Result<Json<History>> {
    let record = query::path_id(&request, "id")?;
    let asked: HistoryParameters = query::read(&request)?;
    let field = asked
        .field
        .map(|path| path.parse::<FieldPath>())
        .transpose()
        .map_err(|_| Code::QueryMalformed)?;
    let mut conn = app.pool.get().await?;
    let history = snapshot(&mut conn, actor.reading(), async |conn| {
        record_history(conn, &actor, record, field.as_ref()).await
    });
    Ok(Json(history.await?))
}

async fn record_history(
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    record: Uuid,
    field: Option<&FieldPath>,
) -> Result<History> {
    let place = place_within_reach(conn, actor, record).await?;
    let span = Span {
        id: record,
        first_seq: place.first_seq,
        seq: place.seq,
    };
    history_of(conn, actor, &place.bucket, &[span], field).await
}

/// A visit's history has all of it: there is nothing to ask for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

/// `GET /api/v1/visits/{id}/history`.
pub async fn visit_history(app: Data<AppState>, actor: Actor, request: HttpRequest) -> Result<Json<History>> {
    let visit = query::path_id(&request, "id")?;
    let NoParameters {} = query::read(&request)?;
    let mut conn = app.pool.get().await?;
    let history = snapshot(&mut conn, actor.reading(), async |conn| {
        let place = visit_within_reach(conn, &actor, visit).await?;
        let records = visits::spans(conn, actor.district, &place.bucket, visit).await?;
        history_of(conn, &actor, &place.bucket, &records, None).await
    });
    Ok(Json(history.await?))
}

async fn history_of(
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    bucket: &str,
    records: &[Span],
    field: Option<&FieldPath>,
) -> Result<History> {
    let wanted: BTreeSet<String> = records.iter().map(|record| record.id.to_string()).collect();
    let mut mentioned = Mentioned::default();
    let mut entries = Vec::new();
    for logged in visits::groups(conn, actor.district, bucket, records).await? {
        let group = Group::from_line(&logged.bytes)
            .map_err(|malformed| Error::Internal(anyhow::anyhow!("an applied group is unreadable: {malformed:?}")))?;
        entries.extend(entries_of(&group, &logged, &wanted, field));
    }
    for Entry { change, .. } in &entries {
        mentioned.add_author(change.author.as_str(), change.device.as_str());
        mentioned.add_value(&change.field, &change.value);
    }
    Ok(History {
        entries,
        names: mentioned.names(conn).await?,
    })
}

fn entries_of(
    group: &Group,
    logged: &visits::Logged,
    records: &BTreeSet<String>,
    field: Option<&FieldPath>,
) -> Vec<Entry> {
    let wanted = group
        .ops
        .iter()
        .enumerate()
        .filter(|(_, op)| records.contains(op.record().as_str()) && field.is_none_or(|only| only == op.path()));
    let entry = |(at, _)| Entry {
        seq: logged.seq,
        received_at: logged.received_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        change: Change::of(group, GroupId::of(&logged.bytes), at),
    };
    wanted.map(entry).collect()
}

async fn visit_within_reach(conn: &mut AsyncPgConnection, actor: &Actor, visit: Uuid) -> Result<Place> {
    let place = place_within_reach(conn, actor, visit).await?;
    if place.kind == "visit" {
        Ok(place)
    } else {
        Err(Code::NotFound.into())
    }
}

async fn place_within_reach(conn: &mut AsyncPgConnection, actor: &Actor, record: Uuid) -> Result<Place> {
    let place = visits::place(conn, actor.district, record).await?;
    place
        .filter(|place| actor.may_read(&place.bucket))
        .ok_or(Code::NotFound.into())
}

/// The people and devices that a reply mentions.
#[derive(Default)]
struct Mentioned {
    people: BTreeSet<Uuid>,
    devices: BTreeSet<Uuid>,
}

impl Mentioned {
    fn add_author(&mut self, author: &str, device: &str) {
        self.people.extend(Uuid::parse_str(author));
        self.devices.extend(Uuid::parse_str(device));
    }

    fn add_field(&mut self, path: &FieldPath, field: &FieldState) {
        for write in &field.live {
            self.add_author(write.author.as_str(), write.device.as_str());
            self.add_value(path, &write.value);
        }
    }

    /// Whom a value speaks of: a text or the end of a path that is a person's id.
    fn add_value(&mut self, path: &FieldPath, value: &Value) {
        let end = path.as_str().rsplit('/').next();
        let ids = [end, value.text()].into_iter().flatten();
        self.people.extend(ids.filter_map(|text| Uuid::parse_str(text).ok()));
    }

    async fn names(self, conn: &mut AsyncPgConnection) -> Result<Names> {
        let people: Vec<Uuid> = self.people.into_iter().collect();
        let devices: Vec<Uuid> = self.devices.into_iter().collect();
        Ok(Names {
            people: visits::names_of_people(conn, &people).await?.into_iter().collect(),
            devices: visits::names_of_devices(conn, &devices).await?.into_iter().collect(),
        })
    }
}
