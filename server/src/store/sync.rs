//! Push and pull over Postgres: the rows, locks and transactions under the office's logic of `sync_protocol::office`, and the
//! pages that carry state out.

mod judge;
mod projection;
mod rows;
mod template;

use std::collections::{BTreeSet, HashMap};

use diesel_async::{AsyncConnection, AsyncPgConnection, TransactionManager};
use sync_protocol::office::{self, Commit, Ledger, Logged, Mark, Received, Verdict};
use sync_protocol::{BucketId, GroupId, PersonId, RecordId, RecordState};
use tokio::try_join;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::store::purpose::{self, Purpose};

pub use judge::{Admission, Standing, to_catalog};
pub use rows::{
    Everything, Kept, Page, Verified, digest, everything, head, kept, kept_one, logged, not_applied, page, raise_epoch,
    read_records, server_epoch, verify_chains,
};

/// Who pushes, and from where.
#[derive(Debug, Clone)]
pub struct Sender {
    pub district: Uuid,
    pub person: Uuid,
    pub device: Uuid,
    pub roles: Vec<String>,
    /// What the second lock is told.
    pub purpose: Purpose,
}

/// Gives each group its effect, once, in the order given. `may_write` says which buckets the sender may write.
pub async fn apply(
    conn: &mut AsyncPgConnection,
    sender: &Sender,
    received: &[Received],
    may_write: impl Fn(&BucketId) -> bool,
) -> Result<Vec<Verdict>> {
    let standing = Standing {
        district: sender.district,
        person: person_id(sender.person),
        roles: &sender.roles,
        may_write,
    };
    office::push(&mut Postgres::of(conn, sender), &standing, received).await
}

/// Gives a group in quarantine its effect after all, on the word of `sender`, who answers for it.
pub async fn admit(conn: &mut AsyncPgConnection, sender: &Sender, received: &Received) -> Result<Verdict> {
    office::admit(&mut Postgres::of(conn, sender), &Admission, received).await
}

/// One connection at work for one sender.
pub struct Postgres<'a> {
    conn: &'a mut AsyncPgConnection,
    sender: &'a Sender,
}

impl<'a> Postgres<'a> {
    pub fn of(conn: &'a mut AsyncPgConnection, sender: &'a Sender) -> Self {
        Self { conn, sender }
    }
}

type Manager = <AsyncPgConnection as AsyncConnection>::TransactionManager;

impl Ledger for Postgres<'_> {
    type Error = Error;

    async fn begin(&mut self) -> Result<()> {
        purpose::begin(self.conn, self.sender.purpose).await
    }
    async fn commit(&mut self) -> Result<()> {
        Ok(Manager::commit_transaction(self.conn).await?)
    }
    async fn rollback(&mut self) -> Result<()> {
        Ok(Manager::rollback_transaction(self.conn).await?)
    }
    fn is_collision(error: &Error) -> bool {
        use diesel::result::{DatabaseErrorKind::SerializationFailure, Error::DatabaseError};
        let Error::Internal(cause) = error else { return false };
        match cause.downcast_ref() {
            Some(DatabaseError(SerializationFailure, _)) => true,
            Some(DatabaseError(_, info)) => info.message() == "deadlock detected",
            _ => false,
        }
    }
    fn gave_up(attempts: usize) -> Error {
        anyhow::anyhow!("a push met other pushes {attempts} times in a row").into()
    }

    async fn logged(&mut self, ids: Vec<GroupId>) -> Result<HashMap<GroupId, Logged>> {
        rows::logged(self.conn, self.sender.district, ids).await
    }
    async fn homes(&mut self, ids: &BTreeSet<&RecordId>) -> Result<BTreeSet<BucketId>> {
        let district = self.sender.district;
        purpose::within(self.conn, self.sender.purpose, async |conn| {
            rows::homes(conn, district, ids).await
        })
        .await
    }
    async fn lines(&mut self, ids: Vec<GroupId>) -> Result<HashMap<GroupId, Vec<u8>>> {
        rows::lines(self.conn, self.sender.district, ids).await
    }
    async fn read_records(&mut self, ids: &BTreeSet<RecordId>) -> Result<Vec<RecordState>> {
        rows::read_records(self.conn, self.sender.district, ids).await
    }
    async fn lock_records(&mut self, ids: &BTreeSet<&RecordId>) -> Result<Vec<(BucketId, RecordState)>> {
        rows::lock_records(self.conn, self.sender.district, ids).await
    }
    async fn lock_bucket(&mut self, bucket: &BucketId) -> Result<Mark> {
        rows::lock_bucket(self.conn, self.sender.district, bucket).await
    }
    async fn write(&mut self, commit: Commit<'_>) -> Result<bool> {
        let (conn, district) = (&*self.conn, self.sender.district);
        let home = commit.moved.as_ref().map_or(commit.bucket, |moved| moved.to);
        let changed: Vec<&RecordState> = commit.created.iter().chain(&commit.updated).copied().collect();
        // Sent in one go: whether all of it was new is known before anything is committed.
        let (created, logged, ..) = try_join!(
            rows::insert_records(conn, district, commit.bucket, &commit.created),
            rows::log_groups(conn, self.sender, &commit),
            rows::update_records(conn, district, &commit.updated),
            rows::move_mark(conn, district, commit.bucket, &commit.mark),
            projection::write(conn, district, home, &changed),
        )?;
        if created != commit.created.len() || logged != commit.groups.len() {
            return Ok(false);
        }
        if let Some(moved) = &commit.moved {
            rows::move_records(self.conn, district, commit.bucket, moved, &commit).await?;
            rows::move_mark(self.conn, district, moved.to, &moved.mark).await?;
        }
        Ok(true)
    }
    async fn set_aside(&mut self, received: &Received, verdict: &Verdict) -> Result<bool> {
        let sender = self.sender;
        purpose::within(self.conn, sender.purpose, async |conn| {
            rows::log_aside(conn, sender, received, verdict).await
        })
        .await
    }
}

/// The id of a person as the wire writes it.
pub fn person_id(id: Uuid) -> PersonId {
    id.to_string().parse().expect("a UUID is a person id")
}
