//! Push and pull (docs/protocol.md). Reads and writes the wire; what a group does is `store/sync.rs`'s business.

use std::collections::BTreeSet;

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use serde::Serialize;
use sync_protocol::office::{self, Received, Scope, Start, Verdict};
use sync_protocol::{
    BucketId, Checkpoint, DigestReply, DigestRequest, End, Frame, GroupId, HaveReply, HaveRequest, Hello, Limits,
    MAX_GROUP_BYTES, MAX_HAVE, MAX_MENDED, MAX_NODES, MAX_OPS, MAX_PUSH_BYTES, MAX_PUSH_GROUPS, Outcome, PROTOCOL,
    PullRequest, PushHeader, PushReply, RecordId, RecordState, ScopeChange,
};
use uuid::Uuid;

use crate::AppState;
use crate::auth::actor::{Actor, Uploader};
use crate::body;
use crate::error::{Code, Result};
use crate::store::people;
use crate::store::purpose::Purpose;
use crate::store::purpose::within;
use crate::store::sync::{self, Page, Sender};

/// How long a phone keeps what was acknowledged, so that it can refill a restored server.
const BACKUP_HORIZON_DAYS: u32 = 35;
/// Records a page asks for; above the 512 that one change can touch, so that a page always ends between two changes.
const PAGE_RECORDS: usize = 600;
/// The largest answer a pull gives before it says `more`, whatever budget was asked for.
const MAX_BUDGET: usize = 4 * 1024 * 1024;

/// `POST /api/v1/sync/push`: a header line and at most 64 groups, oldest first; answers an outcome for each, in order.
/// 400 `json.malformed` when the header is not one; a bad group is refused alone and blocks nothing.
/// Who was withdrawn may still hand in: all of it is kept for the office. No version of the header is ever turned down.
/// 503 `busy` when as many are under way as the server has room for.
pub async fn push(
    app: Data<AppState>,
    Uploader(actor): Uploader,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    body::require_type(&request, "application/x-ndjson")?;
    let _room = app.pushes.try_acquire().map_err(|_| Code::Busy)?;
    let body = body::read(&request, payload, body::PUSH).await?;
    let received = read_push(&body)?;
    let outcomes = take(&app, &actor, actor.pushing(), &received).await?;
    Ok(HttpResponse::Ok().json(PushReply {
        epoch: app.epoch.to_string(),
        now: Utc::now().timestamp_millis(),
        outcomes,
    }))
}

/// Gives groups that `author` hands in their effect, tells who listens, and answers an outcome for each, in order.
pub async fn take(app: &AppState, author: &Actor, purpose: Purpose, received: &[Received]) -> Result<Vec<Outcome>> {
    let sender = Sender {
        district: author.district,
        person: author.person,
        device: author.device,
        roles: author.roles.clone(),
        purpose,
    };
    let verdicts = {
        let mut conn = app.pool.get().await?;
        sync::apply(&mut conn, &sender, received, |bucket| author.may_write(bucket.as_str())).await?
    };
    tell(app, author.district, received, &verdicts);
    // What is kept changes nothing, but whoever may decide about it looks again.
    let kept = received
        .iter()
        .zip(&verdicts)
        .filter_map(|(one, verdict)| match (verdict, &one.group) {
            (Verdict::Quarantined { .. }, Ok(group)) => Some(group.bucket.to_string()),
            _ => None,
        });
    app.hub.publish(author.district, kept.collect::<BTreeSet<_>>());
    let outcomes = received.iter().zip(verdicts);
    Ok(outcomes.map(|(one, verdict)| outcome(app, one.id, verdict)).collect())
}

fn read_push(body: &Bytes) -> Result<Vec<Received>> {
    let mut lines = body.split(|byte| *byte == b'\n');
    let _: PushHeader = body::parse(lines.next().unwrap_or_default())?;
    let received: Vec<Received> = lines.filter(|line| !line.is_empty()).map(Received::read).collect();
    if received.len() > MAX_PUSH_GROUPS {
        return Err(Code::BodyTooLarge.into());
    }
    Ok(received)
}

/// After the commit: the heads of this process, then everybody who listens.
pub fn tell(app: &AppState, district: Uuid, received: &[Received], verdicts: &[Verdict]) {
    let mut changed: BTreeSet<&BucketId> = BTreeSet::new();
    for (one, verdict) in received.iter().zip(verdicts) {
        let Verdict::Applied { bucket, seq } = verdict else {
            continue;
        };
        app.heads.raise(district, bucket.as_str(), *seq);
        changed.insert(bucket);
        if let Some(to) = one.group.as_ref().ok().and_then(|group| group.to.as_ref()) {
            app.heads.forget(district, to.as_str());
            changed.insert(to);
        }
    }
    app.hub.publish(district, changed.into_iter().map(ToString::to_string));
}

fn outcome(app: &AppState, group: GroupId, verdict: Verdict) -> Outcome {
    let kind = verdict.outcome(|bucket, seq| receipt(&app.keys.receipt, group, bucket, seq, &app.epoch));
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
    if asked.protocol < PROTOCOL {
        return Err(Code::ClientTooOld.into());
    }
    if asked.protocol > PROTOCOL {
        return Err(Code::JsonMalformed.into());
    }
    if asked.acked.len() > MAX_HAVE || asked.mend.values().any(|records| records.len() > MAX_MENDED) {
        return Err(Code::BodyTooLarge.into());
    }
    note_mended(&app, &actor, &request).await?;
    note_pending(&app, &actor, &request).await?;
    let mut answer = Answer::begin(&app, &actor, &asked);
    if !asked.acked.is_empty() {
        let lost = sync::not_applied(&mut *app.pool.get().await?, actor.district, &asked.acked).await?;
        if !lost.is_empty() {
            tracing::warn!(
                lost = lost.len(),
                "a phone holds acknowledgements of groups that this database does not have"
            );
            answer.put(&Frame::Lost(lost));
        }
    }
    answer.put_scope();
    let buckets = answer.buckets(&app, &actor, &asked);
    if answer.is_news(&app, &actor, &asked, &buckets) {
        let mut conn = app.pool.get().await?;
        let pages = within(&mut conn, actor.reading(), async |conn| {
            answer.put_pages(conn, &app, &actor, &asked, &buckets).await
        });
        pages.await?;
    }
    answer.put(&Frame::End(End { more: answer.more }));
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .body(answer.lines))
}

/// A phone tells once how often its copy did not match and was mended (`X-Duxing-Mended`): storage that goes bad should not surprise the
/// office. What is no number is not worth a refusal.
async fn note_mended(app: &AppState, actor: &Actor, request: &HttpRequest) -> Result<()> {
    let Some(times) = count_in(request, "X-Duxing-Mended") else {
        return Ok(());
    };
    tracing::warn!(device = %actor.device, times, "a phone's copy did not match its checksum and was mended");
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.reading(), async |conn| {
        people::note_mended(conn, actor.district, actor.person, actor.device, times).await
    })
    .await
}

/// A phone tells when it changes how much of the person's work is only there (`X-Duxing-Pending`): what the office would miss if it were lost.
async fn note_pending(app: &AppState, actor: &Actor, request: &HttpRequest) -> Result<()> {
    let Some(pieces) = count_in(request, "X-Duxing-Pending") else {
        return Ok(());
    };
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.reading(), async |conn| {
        people::note_pending(conn, actor.district, actor.person, actor.device, pieces).await
    })
    .await
}

fn count_in(request: &HttpRequest, header: &str) -> Option<i32> {
    let text = request.headers().get(header)?.to_str().ok()?;
    let count: u32 = text.parse().ok()?;
    Some(i32::try_from(count).unwrap_or(i32::MAX))
}

/// `POST /api/v1/sync/have`: which of these groups the server has, with their outcomes, and which it needs: asked by a phone whose
/// server was restored, and by one whose groups lie in quarantine. At most 1,000 ids.
pub async fn have(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<HttpResponse> {
    body::require_type(&request, "application/json")?;
    let body = body::read(&request, payload, 64 * 1024).await?;
    let asked: HaveRequest = body::parse(&body)?;
    if asked.protocol != PROTOCOL {
        return Err(Code::JsonMalformed.into());
    }
    if asked.groups.len() > MAX_HAVE {
        return Err(Code::BodyTooLarge.into());
    }
    let ids = asked.groups.iter().copied();
    let known = sync::logged(&mut *app.pool.get().await?, actor.district, ids).await?;
    let (known, need) = asked.groups.iter().fold((vec![], vec![]), |(mut here, mut need), id| {
        match known.get(id) {
            Some(logged) => here.push(outcome(&app, *id, logged.again())),
            None => need.push(*id),
        }
        (here, need)
    });
    Ok(HttpResponse::Ok().json(HaveReply {
        epoch: app.epoch.to_string(),
        now: Utc::now().timestamp_millis(),
        known,
        need,
    }))
}

/// `POST /api/v1/sync/digest`: some nodes of a bucket's digest tree, for a phone whose checksum does not match. At most 64 places.
pub async fn digest(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<HttpResponse> {
    body::require_type(&request, "application/json")?;
    let body = body::read(&request, payload, 16 * 1024).await?;
    let asked: DigestRequest = body::parse(&body)?;
    if asked.protocol != PROTOCOL {
        return Err(Code::JsonMalformed.into());
    }
    if asked.places.len() > MAX_NODES {
        return Err(Code::BodyTooLarge.into());
    }
    if !actor.may_read(asked.bucket.as_str()) {
        return Err(Code::NotFound.into());
    }
    let mut conn = app.pool.get().await?;
    let nodes = within(&mut conn, actor.reading(), async |conn| {
        sync::digest(conn, actor.district, &asked.bucket, &asked.places).await
    });
    let nodes = nodes.await?;
    Ok(HttpResponse::Ok().json(DigestReply {
        epoch: app.epoch.to_string(),
        bucket: asked.bucket,
        nodes,
    }))
}

/// The lines of a pull's answer while they are put together.
struct Answer {
    lines: Vec<u8>,
    budget: usize,
    more: bool,
    /// Whether the phone knows this life of the server; the cursors of another mean nothing here.
    same_epoch: bool,
    scope: Scope,
}

impl Answer {
    fn begin(app: &AppState, actor: &Actor, asked: &PullRequest) -> Self {
        let carried = actor.grants.iter().filter(|grant| grant.carry);
        let carried = carried.filter_map(|grant| grant.bucket.parse().ok());
        let mut answer = Self {
            lines: Vec::new(),
            budget: (asked.budget as usize).min(MAX_BUDGET),
            more: false,
            same_epoch: asked.epoch.as_deref().is_none_or(|epoch| epoch == &*app.epoch),
            scope: Scope::of(asked, carried, |bucket| actor.may_read(bucket.as_str())),
        };
        answer.put(&Frame::Hello(hello(app)));
        answer
    }

    fn put_scope(&mut self) {
        let Scope { add, remove } = self.scope.clone();
        if !add.is_empty() || !remove.is_empty() {
            self.put(&Frame::Scope(ScopeChange { add, remove }));
        }
    }

    /// The buckets that are asked for, and those that come to the phone.
    fn buckets(&self, app: &AppState, actor: &Actor, asked: &PullRequest) -> Vec<BucketId> {
        let readable = asked.want.keys().filter(|bucket| actor.may_read(bucket.as_str()));
        let buckets: Vec<BucketId> = readable.chain(&self.scope.add).cloned().collect();
        for bucket in &buckets {
            let cursor = asked.want.get(bucket).copied().unwrap_or(0);
            // Who was just acknowledged by another instance reads what that one wrote.
            let known = app.heads.get(actor.district, bucket.as_str());
            if !asked.acked.is_empty() || known.is_some_and(|head| head < cursor) {
                app.heads.forget(actor.district, bucket.as_str());
            }
        }
        buckets
    }

    /// Whether the database must be asked: one of the buckets has something newer than the phone, or nobody here knows.
    fn is_news(&self, app: &AppState, actor: &Actor, asked: &PullRequest, buckets: &[BucketId]) -> bool {
        buckets.iter().any(|bucket| {
            let head = app.heads.get(actor.district, bucket.as_str());
            head.is_none_or(|head| office::start(asked, bucket, head, self.same_epoch).is_some())
        })
    }

    /// What is newer than the phone, as far as the budget goes.
    async fn put_pages(
        &mut self,
        conn: &mut AsyncPgConnection,
        app: &AppState,
        actor: &Actor,
        asked: &PullRequest,
        buckets: &[BucketId],
    ) -> Result<()> {
        for bucket in buckets {
            let head = head(conn, app, actor.district, bucket).await?;
            let Some(start) = office::start(asked, bucket, head, self.same_epoch) else {
                continue;
            };
            if self.lines.len() >= self.budget {
                self.more = true;
                break;
            }
            let whole = office::whole(asked, bucket, start);
            let page = sync::page(conn, actor.district, bucket, start, whole, PAGE_RECORDS).await?;
            self.put_page(bucket, start, whole, page)?;
        }
        Ok(())
    }

    fn put_page(&mut self, bucket: &BucketId, start: Start, whole: &[RecordId], page: Option<Page>) -> Result<()> {
        let Some(page) = page else { return Ok(()) };
        let Start { since, from } = start;
        // Spelled by hand so that a record's stored JSON goes out as it is, without being parsed and written again.
        self.lines.extend(
            format!(
                r#"{{"records":{{"bucket":"{bucket}","since":{since},"from":{from},"to":{},"records":["#,
                page.to
            )
            .bytes(),
        );
        let mended = page.whole.iter().map(|row| (row, 0));
        let records = mended.chain(page.records.iter().map(|row| (row, since)));
        for (at, ((id, fields), since)) in records.enumerate() {
            if at > 0 {
                self.lines.push(b',');
            }
            match since {
                0 => self
                    .lines
                    .extend(format!(r#"{{"id":"{id}","fields":{fields}}}"#).bytes()),
                _ => write_json(&mut self.lines, &newer_fields(*id, fields, since)?),
            }
        }
        self.lines.push(b']');
        if !whole.is_empty() {
            self.lines.extend(br#","whole":"#);
            write_json(&mut self.lines, &whole);
        }
        if !page.gone.is_empty() {
            self.lines.extend(br#","gone":"#);
            write_json(&mut self.lines, &page.gone);
        }
        self.lines.extend(b"}}\n");
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

async fn head(conn: &mut AsyncPgConnection, app: &AppState, district: Uuid, bucket: &BucketId) -> Result<i64> {
    if let Some(head) = app.heads.get(district, bucket.as_str()) {
        return Ok(head);
    }
    let version = app.heads.version();
    let head = sync::head(conn, district, bucket.as_str()).await?;
    app.heads.learn(district, bucket.as_str(), head, version);
    Ok(head)
}

fn newer_fields(id: Uuid, fields: &str, since: i64) -> Result<RecordState> {
    let mut record = RecordState::new(id.to_string().parse().map_err(anyhow::Error::from)?);
    record.fields = serde_json::from_str(fields).map_err(anyhow::Error::from)?;
    record.fields.retain(|_, field| field.seq > since);
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
