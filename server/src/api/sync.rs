//! Push and pull (docs/protocol.md). Reads and writes the wire; what a group does is `store/sync.rs`'s business.

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use serde::Serialize;
use sync_protocol::{
    BucketId, Checkpoint, End, Frame, Group, GroupId, Hello, Limits, MAX_GROUP_BYTES, MAX_OPS, MAX_PUSH_BYTES,
    MAX_PUSH_GROUPS, Outcome, OutcomeKind, PROTOCOL, PullRequest, PushHeader, PushReply, RecordState, ScopeChange,
};
use uuid::Uuid;

use crate::AppState;
use crate::auth::actor::Actor;
use crate::body;
use crate::error::{Code, Result};
use crate::store::sync::{self, Page, Received, Sender, Verdict};

/// How long a phone keeps what was acknowledged, so that it can refill a restored server.
const BACKUP_HORIZON_DAYS: u32 = 35;
/// Records a page asks for; above the 512 that one change can touch, so that a page always ends between two changes.
const PAGE_RECORDS: usize = 600;
/// The largest answer a pull gives before it says `more`, whatever budget was asked for.
const MAX_BUDGET: usize = 4 * 1024 * 1024;

/// `POST /api/v1/sync/push`: a header line and at most 64 groups, oldest first; answers an outcome for each, in order.
/// 400 `json.malformed` when the header is not one; a bad group is refused alone and blocks nothing.
pub async fn push(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<HttpResponse> {
    body::require_type(&request, "application/x-ndjson")?;
    let body = body::read(&request, payload, body::PUSH).await?;
    let received = read_push(&body)?;
    let sender = Sender {
        district: actor.district,
        person: actor.person,
        device: actor.device,
        roles: actor.roles.clone(),
    };
    let verdicts = {
        let mut conn = app.pool.get().await?;
        sync::apply(&mut conn, &sender, &received, |bucket| actor.may_write(bucket.as_str())).await?
    };
    tell(&app, actor.district, &verdicts);
    let outcomes = received
        .iter()
        .zip(verdicts)
        .map(|(one, verdict)| outcome(&app, one.id, verdict))
        .collect();
    Ok(HttpResponse::Ok().json(PushReply {
        epoch: app.epoch.to_string(),
        now: Utc::now().timestamp_millis(),
        outcomes,
    }))
}

fn read_push(body: &Bytes) -> Result<Vec<Received>> {
    let mut lines = body.split(|byte| *byte == b'\n');
    let header: PushHeader = body::parse(lines.next().unwrap_or_default())?;
    if header.protocol != PROTOCOL {
        return Err(Code::JsonMalformed.into());
    }
    let received: Vec<Received> = lines.filter(|line| !line.is_empty()).map(receive).collect();
    if received.len() > MAX_PUSH_GROUPS {
        return Err(Code::BodyTooLarge.into());
    }
    Ok(received)
}

fn receive(line: &[u8]) -> Received {
    Received {
        id: GroupId::of(line),
        bytes: line.to_vec(),
        group: Group::from_line(line).map_err(|malformed| malformed.0),
    }
}

/// After the commit: the heads of this process, then everybody who listens.
fn tell(app: &AppState, district: Uuid, verdicts: &[Verdict]) {
    let mut changed: Vec<&BucketId> = Vec::new();
    for verdict in verdicts {
        if let Verdict::Applied { bucket, seq } = verdict {
            app.heads.raise(district, bucket.as_str(), *seq);
            if !changed.contains(&bucket) {
                changed.push(bucket);
            }
        }
    }
    app.hub.publish(district, changed.into_iter().map(ToString::to_string));
}

fn outcome(app: &AppState, group: GroupId, verdict: Verdict) -> Outcome {
    let receipt = |bucket: &BucketId, seq: i64| receipt(&app.keys.receipt, group, bucket, seq, &app.epoch);
    let kind = match verdict {
        Verdict::Applied { bucket, seq } => OutcomeKind::Applied {
            receipt: receipt(&bucket, seq),
            bucket,
            seq,
        },
        Verdict::Duplicate { bucket, seq } => OutcomeKind::Duplicate {
            receipt: receipt(&bucket, seq),
            bucket,
            seq,
        },
        Verdict::Refused { code } => OutcomeKind::Refused { code },
    };
    Outcome { group, kind }
}

/// Proves that this server acknowledged the group: keyed BLAKE3 over (group, bucket, seq, epoch), 32 hex digits.
fn receipt(key: &[u8; 32], group: GroupId, bucket: &BucketId, seq: i64, epoch: &str) -> String {
    let hash = blake3::keyed_hash(key, format!("{group} {bucket} {seq} {epoch}").as_bytes());
    hash.to_hex()[..32].to_owned()
}

/// `POST /api/v1/sync/pull`: what changed after the cursors the phone names, as lines of frames.
pub async fn pull(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<HttpResponse> {
    body::require_type(&request, "application/json")?;
    let body = body::read(&request, payload, 256 * 1024).await?;
    let asked: PullRequest = body::parse(&body)?;
    if asked.protocol != PROTOCOL {
        return Err(Code::JsonMalformed.into());
    }
    let mut answer = Answer::begin(&app, &actor, &asked);
    for (bucket, from) in answer.wanted(&app, &actor, &asked).await? {
        if answer.lines.len() >= answer.budget {
            answer.more = true;
            break;
        }
        let mut conn = app.pool.get().await?;
        let page = sync::page(&mut conn, actor.district, &bucket, from, PAGE_RECORDS).await?;
        answer.put_page(&bucket, from, page)?;
    }
    answer.put(&Frame::End(End { more: answer.more }));
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .body(answer.lines))
}

/// The lines of a pull's answer while they are put together.
struct Answer {
    lines: Vec<u8>,
    budget: usize,
    more: bool,
    /// The phone knew another life of this server: its cursors mean nothing here.
    forget_cursors: bool,
    added: Vec<BucketId>,
}

impl Answer {
    fn begin(app: &AppState, actor: &Actor, asked: &PullRequest) -> Self {
        let missing = |bucket: &BucketId| !asked.want.contains_key(bucket);
        let carried = actor
            .grants
            .iter()
            .filter(|grant| grant.carry)
            .filter_map(|grant| grant.bucket.parse().ok());
        let added: Vec<BucketId> = carried.filter(missing).collect();
        let remove: Vec<BucketId> = asked
            .want
            .keys()
            .filter(|bucket| !actor.may_read(bucket.as_str()))
            .cloned()
            .collect();
        let mut answer = Self {
            lines: Vec::new(),
            budget: (asked.budget as usize).min(MAX_BUDGET),
            more: false,
            forget_cursors: asked.epoch.as_deref().is_some_and(|epoch| epoch != &*app.epoch),
            added: added.clone(),
        };
        answer.put(&Frame::Hello(hello(app)));
        if !added.is_empty() || !remove.is_empty() {
            answer.put(&Frame::Scope(ScopeChange { add: added, remove }));
        }
        answer
    }

    /// Buckets that have something newer than the phone, and from where.
    async fn wanted(&self, app: &AppState, actor: &Actor, asked: &PullRequest) -> Result<Vec<(BucketId, i64)>> {
        let readable = asked.want.iter().filter(|(bucket, _)| actor.may_read(bucket.as_str()));
        let known = readable.map(|(bucket, cursor)| (bucket.clone(), if self.forget_cursors { 0 } else { *cursor }));
        let mut wanted = Vec::new();
        for (bucket, cursor) in known.chain(self.added.iter().map(|bucket| (bucket.clone(), 0))) {
            let head = self.head(app, actor.district, &bucket).await?;
            // A cursor beyond the head belongs to a state that this server no longer has: the bucket is sent whole.
            if cursor != head {
                wanted.push((bucket, if cursor > head { 0 } else { cursor.max(0) }));
            }
        }
        Ok(wanted)
    }

    async fn head(&self, app: &AppState, district: Uuid, bucket: &BucketId) -> Result<i64> {
        if let Some(head) = app.heads.get(district, bucket.as_str()) {
            return Ok(head);
        }
        let head = sync::head(&mut *app.pool.get().await?, district, bucket.as_str()).await?;
        app.heads.raise(district, bucket.as_str(), head);
        Ok(head)
    }

    fn put_page(&mut self, bucket: &BucketId, from: i64, page: Option<Page>) -> Result<()> {
        let Some(page) = page else { return Ok(()) };
        // Spelled by hand so that a record's stored JSON goes out as it is, without being parsed and written again.
        self.lines.extend(
            format!(
                r#"{{"records":{{"bucket":"{bucket}","from":{from},"to":{},"records":["#,
                page.to
            )
            .bytes(),
        );
        for (at, (id, fields)) in page.records.iter().enumerate() {
            if at > 0 {
                self.lines.push(b',');
            }
            match from {
                0 => self
                    .lines
                    .extend(format!(r#"{{"id":"{id}","fields":{fields}}}"#).bytes()),
                _ => write_json(&mut self.lines, &newer_fields(*id, fields, from)?),
            }
        }
        self.lines.extend(b"]}}\n");
        if page.last {
            self.put(&Frame::Checkpoint(Checkpoint {
                bucket: bucket.clone(),
                head: page.head,
                sum: page.sum,
            }));
        }
        self.more |= !page.last;
        Ok(())
    }

    fn put(&mut self, frame: &Frame) {
        write_json(&mut self.lines, frame);
        self.lines.push(b'\n');
    }
}

fn newer_fields(id: Uuid, fields: &str, from: i64) -> Result<RecordState> {
    let mut record = RecordState::new(id.to_string().parse().map_err(anyhow::Error::from)?);
    record.fields = serde_json::from_str(fields).map_err(anyhow::Error::from)?;
    record.fields.retain(|_, field| field.seq > from);
    Ok(record)
}

fn write_json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("a frame has only text keys");
}

fn hello(app: &AppState) -> Hello {
    Hello {
        protocol: PROTOCOL,
        epoch: app.epoch.to_string(),
        now: Utc::now().timestamp_millis(),
        limits: Limits {
            push_groups: MAX_PUSH_GROUPS,
            push_bytes: MAX_PUSH_BYTES,
            group_bytes: MAX_GROUP_BYTES,
            group_ops: MAX_OPS,
        },
        backup_horizon_days: BACKUP_HORIZON_DAYS,
    }
}
