//! The only place that touches IndexedDB: one database a person, one more for what the installation itself knows.
//!
//! Every batch of changes is one strict transaction: it survives a killed process and a power cut whole, or not at all. Every row of a
//! person's database is sealed with their key (`sync_protocol::safe`); a place's name goes into the seal, so that rows stay where they are.

use indexed_db_futures::database::{Database, VersionChangeListener};
use indexed_db_futures::prelude::*;
use indexed_db_futures::transaction::{Transaction, TransactionDurability, TransactionMode, TransactionOptions};
use js_sys::Uint8Array;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sync_protocol::safe::{EnvelopeHeader, SafeKey, SealedRow, Store};
use sync_protocol::{BucketId, BucketMark, GroupId, Phase, RecordId, Saved, SavedGroup, SavedRecord, Stored};
use wasm_bindgen::{JsCast, JsValue};

use crate::clock;

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
/// Raised whenever a store is added or rows change their form: tabs that run an older program give way.
const PERSON_VERSION: u8 = 3;
const DEVICE_VERSION: u8 = 1;
const EPOCH: &str = "epoch";
const REFILL: &str = "refill";
const WITNESS: &str = "witness";
/// Whether every row of before the safe has been sealed.
const SEALED: &str = "sealed";

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
    /// The exact bytes; empty where they came sealed.
    pub line: String,
    /// How they came, where only the office can open them. Then `id` names the row and not the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
    pub fate: Fate,
}

/// A row of an envelope, and what the envelope says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    pub header: EnvelopeHeader,
    pub row: SealedRow,
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

/// The database of one person on this phone, open.
#[derive(Clone)]
pub struct PersonStore {
    db: Database,
    key: SafeKey,
}

/// The same without its key: what it holds can be carried and removed, not read.
pub struct ShutStore(Database);

#[derive(Serialize, Deserialize)]
struct BucketRow {
    id: BucketId,
    #[serde(flatten)]
    mark: BucketMark,
}

impl PersonStore {
    /// Opens, creating it at this person's first sign-in here.
    pub async fn open(district: &str, person: &str, key: SafeKey) -> Result<(Self, Superseded)> {
        let (db, superseded) = open(person_database(district, person), PERSON_VERSION, &STORES).await?;
        Ok((Self { db, key }, superseded))
    }

    pub fn close(self) {
        self.db.close();
    }

    /// Seals every row that an older program left unsealed, once: reading everything anew at each start would be felt.
    pub async fn seal_what_is_not(&self) -> Result<()> {
        let known: Option<bool> = read(&self.key, &self.db.transaction(["meta"]).build()?, "meta", SEALED).await?;
        if known == Some(true) {
            return Ok(());
        }
        let tx = strict(&self.db, &STORES)?;
        for store in STORES {
            let keys: Vec<String> = collect(tx.object_store(store)?.get_all_keys::<String>().primitive()?.await?)?;
            let rows: Vec<JsValue> = collect(tx.object_store(store)?.get_all::<JsValue>().primitive()?.await?)?;
            for (key, row) in keys.iter().zip(rows) {
                let Some(text) = row.as_string() else { continue };
                match store {
                    "outbox" | "journal" => put_group(&tx, &self.key, store, &serde_json::from_str(&text)?)?,
                    _ => put_text(&tx, &self.key, store, key, &text)?,
                }
            }
        }
        put(&tx, &self.key, "meta", SEALED, &true)?;
        Ok(tx.commit().await?)
    }

    /// The rows of these groups of the outbox and of the whole journal, if wanted, as they lie on the disk.
    pub async fn sealed(&self, groups: &[GroupId], journal: bool) -> Result<Vec<SealedRow>> {
        let tx = self.db.transaction(["outbox", "journal"]).build()?;
        let mut rows = Vec::new();
        if journal {
            rows.extend(raw_rows(&tx, Store::Journal).await?);
        }
        for id in groups {
            let row: Option<JsValue> = tx.object_store("outbox")?.get(id.to_string()).primitive()?.await?;
            rows.extend(row.and_then(|row| raw(Store::Outbox, &row)));
        }
        Ok(rows)
    }

    /// Everything but the journal.
    pub async fn load(&self) -> Result<Saved> {
        let tx = self.db.transaction(STORES).build()?;
        let epoch = read(&self.key, &tx, "meta", EPOCH).await?;
        let refill = read(&self.key, &tx, "meta", REFILL).await?;
        let witness = read(&self.key, &tx, "meta", WITNESS).await?;
        let buckets: Vec<BucketRow> = read_all(&self.key, &tx, "bucket").await?;
        Ok(Saved {
            epoch,
            refill: refill.unwrap_or(false),
            witness: witness.unwrap_or(false),
            buckets: buckets.into_iter().map(|row| (row.id, row.mark)).collect(),
            records: read_all(&self.key, &tx, "record").await?,
            groups: self.outbox(&tx).await?,
            drafts: read_all(&self.key, &tx, "draft").await?,
        })
    }

    /// A row that does not open is shown as one that cannot be read: it is somebody's work.
    async fn outbox(&self, tx: &Transaction<'_>) -> Result<Vec<SavedGroup>> {
        let keys: Vec<String> = collect(tx.object_store("outbox")?.get_all_keys::<String>().primitive()?.await?)?;
        let rows: Vec<JsValue> = collect(tx.object_store("outbox")?.get_all::<JsValue>().primitive()?.await?)?;
        let rows = keys.iter().zip(&rows);
        let saved = rows.filter_map(|(key, row)| match unsealed(&self.key, "outbox", row) {
            Ok(saved) => Some(saved),
            Err(_) => Some(SavedGroup {
                id: key.parse().ok()?,
                order: 0,
                line: String::new(),
                phase: Phase::Frozen,
            }),
        });
        Ok(saved.collect())
    }

    /// Writes the changes in one strict transaction.
    pub async fn write(&self, changes: &[Stored]) -> Result<()> {
        let tx = strict(&self.db, &STORES)?;
        for change in changes {
            match change {
                Stored::Epoch(epoch) => put(&tx, &self.key, "meta", EPOCH, epoch)?,
                Stored::Refill(refill) => put(&tx, &self.key, "meta", REFILL, refill)?,
                Stored::Witness(witness) => put(&tx, &self.key, "meta", WITNESS, witness)?,
                Stored::Reopen(group) => {
                    put_group(&tx, &self.key, "outbox", group)?;
                    delete(&tx, "journal", &group.id.to_string())?;
                }
                Stored::PutBucket(id, mark) => put(
                    &tx,
                    &self.key,
                    "bucket",
                    id.as_str(),
                    &BucketRow {
                        id: id.clone(),
                        mark: *mark,
                    },
                )?,
                Stored::DropBucket(id) => delete(&tx, "bucket", id.as_str())?,
                Stored::PutRecord(record) => put(&tx, &self.key, "record", &record.key(), record)?,
                Stored::DropRecord(id) => delete(&tx, "record", id.as_str())?,
                Stored::DropLeaving(bucket, id) => delete(&tx, "record", &SavedRecord::leaving_key(bucket, id))?,
                Stored::DropGroup(id) => delete(&tx, "outbox", &id.to_string())?,
                Stored::PutGroup(group) => put_group(&tx, &self.key, "outbox", group)?,
                Stored::Journal(group) => {
                    put_group(&tx, &self.key, "journal", group)?;
                    delete(&tx, "outbox", &group.id.to_string())?;
                }
                Stored::PutDraft(draft) => put(
                    &tx,
                    &self.key,
                    "draft",
                    &format!("{}|{}", draft.record, draft.path),
                    draft,
                )?,
                Stored::DropDraft(record, path) => delete(&tx, "draft", &format!("{record}|{path}"))?,
            }
        }
        Ok(tx.commit().await?)
    }

    /// What was acknowledged and is kept until the office's backups hold it, too.
    pub async fn journal(&self) -> Result<Vec<SavedGroup>> {
        read_all(&self.key, &self.db.transaction(["journal"]).build()?, "journal").await
    }

    /// When this phone last asked whether the office still has its journal, ms since 1970.
    pub async fn journal_checked(&self) -> Result<Option<f64>> {
        read(
            &self.key,
            &self.db.transaction(["meta"]).build()?,
            "meta",
            "journal_checked",
        )
        .await
    }

    pub async fn set_journal_checked(&self, at: f64) -> Result<()> {
        self.set_meta("journal_checked", &at).await
    }

    /// Forgets journal entries acknowledged before this moment: the office's backups hold them.
    pub async fn prune_journal(&self, gone: &[SavedGroup]) -> Result<()> {
        let tx = strict(&self.db, &["journal"])?;
        for group in gone {
            delete(&tx, "journal", &group.id.to_string())?;
        }
        Ok(tx.commit().await?)
    }

    /// What came by file, oldest first.
    pub async fn imports(&self) -> Result<Vec<Imported>> {
        let mut imports: Vec<Imported> =
            read_all(&self.key, &self.db.transaction(["import"]).build()?, "import").await?;
        imports.sort_by_key(|import| import.order);
        Ok(imports)
    }

    pub async fn put_imports(&self, imports: &[Imported]) -> Result<()> {
        let tx = strict(&self.db, &["import"])?;
        for import in imports {
            put(&tx, &self.key, "import", &import.id.to_string(), import)?;
        }
        Ok(tx.commit().await?)
    }

    pub async fn drop_imports(&self, gone: &[GroupId]) -> Result<()> {
        let tx = strict(&self.db, &["import"])?;
        for id in gone {
            delete(&tx, "import", &id.to_string())?;
        }
        Ok(tx.commit().await?)
    }

    pub async fn mended(&self) -> Result<Mended> {
        let mended = read(&self.key, &self.db.transaction(["meta"]).build()?, "meta", "mended").await?;
        Ok(mended.unwrap_or_default())
    }

    pub async fn set_mended(&self, mended: Mended) -> Result<()> {
        self.set_meta("mended", &mended).await
    }

    /// What this person, who came to an empty phone, has not read yet.
    pub async fn beginning(&self) -> Result<Beginning> {
        let beginning = read(&self.key, &self.db.transaction(["meta"]).build()?, "meta", "beginning").await?;
        Ok(beginning.unwrap_or_default())
    }

    pub async fn set_beginning(&self, beginning: &Beginning) -> Result<()> {
        self.set_meta("beginning", beginning).await
    }

    async fn set_meta(&self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        let tx = strict(&self.db, &["meta"])?;
        put(&tx, &self.key, "meta", key, value)?;
        Ok(tx.commit().await?)
    }

    /// Where this person was last, such as `/visit/…/checklist/…#SF3.5`.
    pub async fn place(&self) -> Result<Option<String>> {
        read(&self.key, &self.db.transaction(["meta"]).build()?, "meta", "place").await
    }

    pub async fn set_place(&self, place: &str) -> Result<()> {
        self.set_meta("place", place).await
    }

    /// Decisions about this person's own words that they have read, by the names of the writes.
    pub async fn read_decisions(&self) -> Result<Vec<String>> {
        let read = read(
            &self.key,
            &self.db.transaction(["meta"]).build()?,
            "meta",
            "read_decisions",
        )
        .await?;
        Ok(read.unwrap_or_default())
    }

    pub async fn set_read_decisions(&self, dots: &[String]) -> Result<()> {
        self.set_meta("read_decisions", dots).await
    }
}

fn person_database(district: &str, person: &str) -> String {
    format!("duxing-{district}-{person}")
}

impl ShutStore {
    /// Opens what lies here of this person; nothing where nothing does.
    pub async fn open(district: &str, person: &str) -> Result<(Self, Superseded)> {
        let (db, superseded) = open(person_database(district, person), PERSON_VERSION, &STORES).await?;
        Ok((Self(db), superseded))
    }

    /// The rows of these stores as they lie on the disk.
    pub async fn sealed(&self, stores: &[Store]) -> Result<Vec<SealedRow>> {
        let tx = self.0.transaction(STORES).build()?;
        let mut rows = Vec::new();
        for store in stores {
            rows.extend(raw_rows(&tx, *store).await?);
        }
        Ok(rows)
    }

    pub fn close(self) {
        self.0.close();
    }

    /// Removes everything of this person from this phone.
    pub async fn remove(self) -> Result<()> {
        self.0.delete()?.await?;
        Ok(())
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
        let tx = self.0.transaction(["meta"]).build()?;
        let text: Option<String> = tx.object_store("meta")?.get(key.to_owned()).primitive()?.await?;
        text.map(|text| serde_json::from_str(&text).map_err(StoreError::from))
            .transpose()
    }
    pub async fn set(&self, key: &str, value: &impl Serialize) -> Result<()> {
        let tx = strict(&self.0, &["meta"])?;
        let text = serde_json::to_string(value)?;
        let _request = tx
            .object_store("meta")?
            .put(text)
            .with_key(key.to_owned())
            .primitive()?;
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
fn put(tx: &Transaction<'_>, safe: &SafeKey, store: &str, key: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
    put_text(tx, safe, store, key, &serde_json::to_string(value)?)
}

/// A group's place in its author's order stands before its seal, in the clear: see [`SealedRow`].
fn put_group(tx: &Transaction<'_>, safe: &SafeKey, store: &str, group: &SavedGroup) -> Result<()> {
    let text = serde_json::to_string(group)?;
    let sealed = safe.seal(store, text.as_bytes(), clock::random());
    let row = [&group.order.to_be_bytes()[..], &sealed].concat();
    let row: JsValue = Uint8Array::from(row.as_slice()).into();
    let _request = tx
        .object_store(store)?
        .put(row)
        .with_key(group.id.to_string())
        .primitive()?;
    Ok(())
}

/// A group's row as its place in the order and its seal.
fn ordered(row: &[u8]) -> Option<(i64, &[u8])> {
    let (order, sealed) = row.split_at_checked(8)?;
    Some((i64::from_be_bytes(order.try_into().ok()?), sealed))
}

fn put_text(tx: &Transaction<'_>, safe: &SafeKey, store: &str, key: &str, text: &str) -> Result<()> {
    let sealed = safe.seal(&place(store, key), text.as_bytes(), clock::random());
    let row: JsValue = Uint8Array::from(sealed.as_slice()).into();
    let _request = tx.object_store(store)?.put(row).with_key(key.to_owned()).primitive()?;
    Ok(())
}

fn delete(tx: &Transaction<'_>, store: &str, key: &str) -> Result<()> {
    let _request = tx.object_store(store)?.delete(key.to_owned()).primitive()?;
    Ok(())
}

/// What a row's seal is bound to. Rows of a collection say themselves which they are; what is in `meta` does not.
fn place(store: &str, key: &str) -> String {
    match store {
        "meta" => format!("meta/{key}"),
        _ => store.to_owned(),
    }
}

/// A row's text. One that an older program left unsealed is read as it is.
fn text(safe: &SafeKey, place: &str, row: &JsValue) -> Result<String> {
    if let Some(text) = row.as_string() {
        return Ok(text);
    }
    let row = row.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec);
    let plain = row.as_deref().and_then(|row| match place {
        "outbox" | "journal" => safe.open(place, ordered(row)?.1),
        _ => safe.open(place, row),
    });
    let plain = plain.ok_or_else(|| StoreError(format!("a row of {place} does not open")))?;
    Ok(String::from_utf8(plain)?)
}

fn unsealed<T: DeserializeOwned>(safe: &SafeKey, place: &str, row: &JsValue) -> Result<T> {
    Ok(serde_json::from_str(&text(safe, place, row)?)?)
}

/// Nothing, too, where the row was damaged: what is in `meta` is learnt again.
async fn read<T: DeserializeOwned>(safe: &SafeKey, tx: &Transaction<'_>, store: &str, key: &str) -> Result<Option<T>> {
    let row: Option<JsValue> = tx.object_store(store)?.get(key.to_owned()).primitive()?.await?;
    let row = row.filter(|row| !row.is_undefined());
    Ok(row.and_then(|row| unsealed(safe, &place(store, key), &row).ok()))
}

/// Without damaged rows: they stay where they are, and what is the office's is fetched again, as the checksum does not match.
async fn read_all<T: DeserializeOwned>(safe: &SafeKey, tx: &Transaction<'_>, store: &str) -> Result<Vec<T>> {
    let rows: Vec<JsValue> = collect(tx.object_store(store)?.get_all::<JsValue>().primitive()?.await?)?;
    Ok(rows.iter().filter_map(|row| unsealed(safe, store, row).ok()).collect())
}

fn collect<T, E: std::fmt::Display>(rows: impl Iterator<Item = std::result::Result<T, E>>) -> Result<Vec<T>> {
    rows.map(|row| row.map_err(StoreError::from)).collect()
}

async fn raw_rows(tx: &Transaction<'_>, store: Store) -> Result<Vec<SealedRow>> {
    let rows: Vec<JsValue> = collect(
        tx.object_store(store.place())?
            .get_all::<JsValue>()
            .primitive()?
            .await?,
    )?;
    Ok(rows.iter().filter_map(|row| raw(store, row)).collect())
}

fn raw(store: Store, row: &JsValue) -> Option<SealedRow> {
    let row = row.dyn_ref::<Uint8Array>()?.to_vec();
    match store {
        Store::Outbox | Store::Journal => {
            let (order, sealed) = ordered(&row)?;
            Some(SealedRow::new(store, order, sealed))
        }
        // What was being typed comes after all that was done.
        Store::Draft => Some(SealedRow::new(store, i64::MAX, &row)),
    }
}
