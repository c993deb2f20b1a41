//! The only place that touches IndexedDB: one database a person, one more for what the installation itself knows.
//!
//! Every batch of changes is one strict transaction: it survives a killed process and a power cut whole, or not at all.

use indexed_db_futures::database::{Database, VersionChangeListener};
use indexed_db_futures::prelude::*;
use indexed_db_futures::transaction::{Transaction, TransactionDurability, TransactionMode, TransactionOptions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sync_protocol::{BucketId, BucketMark, GroupId, RecordId, Saved, SavedGroup, SavedRecord, Stored};

/// Why something could not be stored or read: the browser's own word, such as `QuotaExceededError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError(pub String);

impl<E: std::fmt::Display> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Result<T> = std::result::Result<T, StoreError>;

const STORES: [&str; 7] = ["meta", "bucket", "record", "outbox", "journal", "draft", "import"];
/// Raised whenever a store is added: tabs that run an older program give way.
const PERSON_VERSION: u8 = 2;
const DEVICE_VERSION: u8 = 1;
const EPOCH: &str = "epoch";
const REFILL: &str = "refill";
const WITNESS: &str = "witness";

impl StoreError {
    /// A newer version of the program has been here: this one must not touch what it left.
    pub fn is_newer_here(&self) -> bool {
        self.0.contains("VersionError") || self.0.contains("less than the existing version")
    }
}

/// A group that came by file, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    pub id: GroupId,
    /// Later ones have a greater one.
    pub order: i64,
    /// The exact bytes.
    pub line: String,
    pub fate: Fate,
}

/// What became of a group that came by file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It has not been sent yet.
    Waits,
    Taken,
    /// The office had it before.
    There,
    /// The office keeps it for a coordinator to decide.
    Kept(String),
    Refused(String),
}

/// How a person's stay on this phone began.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beginning {
    /// Nothing of theirs was here, and the office has not been asked yet.
    Empty,
    /// Nothing was here, and the office held these visits of theirs.
    Found(Vec<RecordId>),
    /// They know, or there is nothing to know.
    #[default]
    Known,
}

/// How often a person's copy was mended here, and how much of that the office knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mended {
    pub times: u64,
    pub told: u64,
}

/// The database of one person on this phone.
#[derive(Clone)]
pub struct PersonStore(Database);

#[derive(Serialize, Deserialize)]
struct BucketRow {
    id: BucketId,
    #[serde(flatten)]
    mark: BucketMark,
}

impl PersonStore {
    /// Opens, creating it at this person's first sign-in here.
    pub async fn open(district: &str, person: &str) -> Result<(Self, Superseded)> {
        let name = format!("duxing-{district}-{person}");
        let (db, superseded) = open(name, PERSON_VERSION, &STORES).await?;
        Ok((Self(db), superseded))
    }

    pub fn close(self) {
        self.0.close();
    }

    /// Everything but the journal.
    pub async fn load(&self) -> Result<Saved> {
        let tx = self.0.transaction(STORES).build()?;
        let epoch = read(&tx, "meta", EPOCH).await?;
        let refill = read(&tx, "meta", REFILL).await?;
        let witness = read(&tx, "meta", WITNESS).await?;
        let buckets: Vec<BucketRow> = read_all(&tx, "bucket").await?;
        Ok(Saved {
            epoch,
            refill: refill.unwrap_or(false),
            witness: witness.unwrap_or(false),
            buckets: buckets.into_iter().map(|row| (row.id, row.mark)).collect(),
            records: read_all(&tx, "record").await?,
            groups: read_all(&tx, "outbox").await?,
            drafts: read_all(&tx, "draft").await?,
        })
    }

    /// Writes the changes in one strict transaction.
    pub async fn write(&self, changes: &[Stored]) -> Result<()> {
        let tx = strict(&self.0, &STORES)?;
        for change in changes {
            match change {
                Stored::Epoch(epoch) => put(&tx, "meta", EPOCH, epoch)?,
                Stored::Refill(refill) => put(&tx, "meta", REFILL, refill)?,
                Stored::Witness(witness) => put(&tx, "meta", WITNESS, witness)?,
                Stored::Reopen(group) => {
                    put(&tx, "outbox", &group.id.to_string(), group)?;
                    delete(&tx, "journal", &group.id.to_string())?;
                }
                Stored::PutBucket(id, mark) => put(
                    &tx,
                    "bucket",
                    id.as_str(),
                    &BucketRow {
                        id: id.clone(),
                        mark: *mark,
                    },
                )?,
                Stored::DropBucket(id) => delete(&tx, "bucket", id.as_str())?,
                Stored::PutRecord(record) => put(&tx, "record", &record.key(), record)?,
                Stored::DropRecord(id) => delete(&tx, "record", id.as_str())?,
                Stored::DropLeaving(bucket, id) => delete(&tx, "record", &SavedRecord::leaving_key(bucket, id))?,
                Stored::DropGroup(id) => delete(&tx, "outbox", &id.to_string())?,
                Stored::PutGroup(group) => put(&tx, "outbox", &group.id.to_string(), group)?,
                Stored::Journal(group) => {
                    put(&tx, "journal", &group.id.to_string(), group)?;
                    delete(&tx, "outbox", &group.id.to_string())?;
                }
                Stored::PutDraft(draft) => put(&tx, "draft", &format!("{}|{}", draft.record, draft.path), draft)?,
                Stored::DropDraft(record, path) => delete(&tx, "draft", &format!("{record}|{path}"))?,
            }
        }
        Ok(tx.commit().await?)
    }

    /// What was acknowledged and is kept until the office's backups hold it, too.
    pub async fn journal(&self) -> Result<Vec<SavedGroup>> {
        read_all(&self.0.transaction(["journal"]).build()?, "journal").await
    }

    /// When this phone last asked whether the office still has its journal, ms since 1970.
    pub async fn journal_checked(&self) -> Result<Option<f64>> {
        read(&self.0.transaction(["meta"]).build()?, "meta", "journal_checked").await
    }

    pub async fn set_journal_checked(&self, at: f64) -> Result<()> {
        self.set_meta("journal_checked", &at).await
    }

    /// Forgets journal entries acknowledged before this moment: the office's backups hold them.
    pub async fn prune_journal(&self, gone: &[SavedGroup]) -> Result<()> {
        let tx = strict(&self.0, &["journal"])?;
        for group in gone {
            delete(&tx, "journal", &group.id.to_string())?;
        }
        Ok(tx.commit().await?)
    }

    /// What came by file, oldest first.
    pub async fn imports(&self) -> Result<Vec<Imported>> {
        let mut imports: Vec<Imported> = read_all(&self.0.transaction(["import"]).build()?, "import").await?;
        imports.sort_by_key(|import| import.order);
        Ok(imports)
    }

    pub async fn put_imports(&self, imports: &[Imported]) -> Result<()> {
        let tx = strict(&self.0, &["import"])?;
        for import in imports {
            put(&tx, "import", &import.id.to_string(), import)?;
        }
        Ok(tx.commit().await?)
    }

    pub async fn drop_imports(&self, gone: &[GroupId]) -> Result<()> {
        let tx = strict(&self.0, &["import"])?;
        for id in gone {
            delete(&tx, "import", &id.to_string())?;
        }
        Ok(tx.commit().await?)
    }

    pub async fn mended(&self) -> Result<Mended> {
        let mended = read(&self.0.transaction(["meta"]).build()?, "meta", "mended").await?;
        Ok(mended.unwrap_or_default())
    }

    pub async fn set_mended(&self, mended: Mended) -> Result<()> {
        self.set_meta("mended", &mended).await
    }

    /// What this person, who came to an empty phone, has not read yet.
    pub async fn beginning(&self) -> Result<Beginning> {
        let beginning = read(&self.0.transaction(["meta"]).build()?, "meta", "beginning").await?;
        Ok(beginning.unwrap_or_default())
    }

    pub async fn set_beginning(&self, beginning: &Beginning) -> Result<()> {
        self.set_meta("beginning", beginning).await
    }

    async fn set_meta(&self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        let tx = strict(&self.0, &["meta"])?;
        put(&tx, "meta", key, value)?;
        Ok(tx.commit().await?)
    }

    /// Where this person was last, such as `/visit/…/checklist/…#SF3.5`.
    pub async fn place(&self) -> Result<Option<String>> {
        read(&self.0.transaction(["meta"]).build()?, "meta", "place").await
    }

    pub async fn set_place(&self, place: &str) -> Result<()> {
        self.set_meta("place", place).await
    }

    /// Decisions about this person's own words that they have read, by the names of the writes.
    pub async fn read_decisions(&self) -> Result<Vec<String>> {
        let read = read(&self.0.transaction(["meta"]).build()?, "meta", "read_decisions").await?;
        Ok(read.unwrap_or_default())
    }

    pub async fn set_read_decisions(&self, dots: &[String]) -> Result<()> {
        self.set_meta("read_decisions", dots).await
    }
}

/// What the installation knows, whoever is signed in.
#[derive(Clone)]
pub struct DeviceStore(Database);

impl DeviceStore {
    pub async fn open() -> Result<(Self, Superseded)> {
        let (db, superseded) = open("duxing-device".into(), DEVICE_VERSION, &["meta"]).await?;
        Ok((Self(db), superseded))
    }

    pub fn close(self) {
        self.0.close();
    }

    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        read(&self.0.transaction(["meta"]).build()?, "meta", key).await
    }
    pub async fn set(&self, key: &str, value: &impl Serialize) -> Result<()> {
        let tx = strict(&self.0, &["meta"])?;
        put(&tx, "meta", key, value)?;
        Ok(tx.commit().await?)
    }
    pub async fn remove(&self, key: &str) -> Result<()> {
        let tx = strict(&self.0, &["meta"])?;
        delete(&tx, "meta", key)?;
        Ok(tx.commit().await?)
    }
}

/// Hears when another tab wants to open a newer version of a database, which waits for this one to be closed.
pub struct Superseded(Option<VersionChangeListener>);

impl Superseded {
    /// Returns when that happens; never, where it does not.
    pub async fn happens(self) {
        if let Some(mut changes) = self.0
            && changes.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

/// Listens from the first moment on: a tab that comes in between asks once only.
async fn open(name: String, version: u8, stores: &'static [&'static str]) -> Result<(Database, Superseded)> {
    let opening = Database::open(name)
        .with_version(version)
        .with_on_upgrade_needed(move |_, db| {
            let there: Vec<String> = db.object_store_names().collect();
            for store in stores.iter().filter(|store| !there.iter().any(|name| name == *store)) {
                db.create_object_store(store).build()?;
            }
            Ok(())
        });
    let db = opening.await?;
    let superseded = Superseded(db.version_changes().ok());
    Ok((db, superseded))
}

fn strict<'a>(db: &'a Database, stores: &[&str]) -> Result<Transaction<'a>> {
    let options = TransactionOptions::new().with_durability(TransactionDurability::Strict);
    let names: Vec<String> = stores.iter().map(|store| (*store).to_owned()).collect();
    Ok(db
        .transaction(names)
        .with_mode(TransactionMode::Readwrite)
        .with_options(options)
        .build()?)
}

/// Queues a write; its failure fails the commit.
fn put(tx: &Transaction<'_>, store: &str, key: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
    let text = serde_json::to_string(value)?;
    let _request = tx.object_store(store)?.put(text).with_key(key.to_owned()).primitive()?;
    Ok(())
}

fn delete(tx: &Transaction<'_>, store: &str, key: &str) -> Result<()> {
    let _request = tx.object_store(store)?.delete(key.to_owned()).primitive()?;
    Ok(())
}

async fn read<T: DeserializeOwned>(tx: &Transaction<'_>, store: &str, key: &str) -> Result<Option<T>> {
    let text: Option<String> = tx.object_store(store)?.get(key.to_owned()).primitive()?.await?;
    text.map(|text| serde_json::from_str(&text).map_err(StoreError::from))
        .transpose()
}

async fn read_all<T: DeserializeOwned>(tx: &Transaction<'_>, store: &str) -> Result<Vec<T>> {
    let rows = tx.object_store(store)?.get_all::<String>().primitive()?.await?;
    let mut all = Vec::new();
    for row in rows {
        all.push(serde_json::from_str(&row?)?);
    }
    Ok(all)
}
