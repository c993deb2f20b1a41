//! Work that travels by file: what is written into one, and what one brought. A file is an envelope (`sync_protocol::safe`): whoever
//! carries it cannot read it, and the office counts it under its author's name. Files of older programs were not sealed and are still
//! taken. What came by file never enters this person's own outbox; what became of it is kept beside it.

use std::collections::{BTreeMap, BTreeSet};

use sync_protocol::safe::{Envelope, EnvelopeHeader, EnvelopeReply, SealedRow};
use sync_protocol::{
    DeviceId, Export, ExportFault, Group, GroupId, GroupKind, MAX_GROUP_BYTES, Outcome, OutcomeKind, PROTOCOL,
    PushBatch, PushHeader, PushReply,
};

use super::*;
use crate::local_store::{Fate, Imported, Sealed};

/// What goes into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Everything of this person that is not settled.
    Waiting,
    /// That, and what the office has acknowledged and this phone still keeps.
    WithJournal,
    /// One group, by its id.
    One(String),
}

/// A file to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    pub name: String,
    pub text: String,
}

/// Why a file was not brought in. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportError {
    File(ExportFault),
    /// This device could not store it; the browser's word.
    Storage(String),
}

/// A group that came by file, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedItem {
    pub item: OutboxItem,
    /// Whose it is; empty where the line cannot be read.
    pub author: String,
    /// Only the office can say what it is.
    pub sealed: bool,
    pub fate: Fate,
}

impl Session {
    /// How many groups are not settled: those a file of waiting work has.
    pub fn to_export(self) -> usize {
        let here = inner();
        here.outbox_moved.track();
        let replica = here.replica.borrow();
        replica.as_ref().map_or(0, |replica| waiting_lines(replica).len())
    }

    /// What is typed is part of it. Nothing before the office has locked the key of this safe: nobody could open the file.
    pub async fn export(self, choice: Choice) -> Option<ExportFile> {
        self.settle();
        self.written().await;
        let here = inner();
        let like = self.own_header()?;
        let store = here.store.borrow().clone()?;
        let groups: Vec<GroupId> = match (here.replica.borrow().as_ref()?, &choice) {
            (replica, Choice::One(id)) => waiting_lines(replica)
                .into_iter()
                .filter(|one| one.to_string() == *id)
                .collect(),
            (replica, _) => waiting_lines(replica),
        };
        let mut rows = store.sealed(&groups, choice == Choice::WithJournal).await.ok()?;
        rows.sort_by_key(|row| row.order);
        let stamp = js_sys::Date::new(&(clock::now_ms() as f64).into()).to_iso_string();
        let stamp: String = String::from(stamp)
            .chars()
            .filter(char::is_ascii_digit)
            .take(14)
            .collect();
        Some(ExportFile {
            name: format!("duxing-{stamp}-{}.ndjson", rows.len()),
            text: Envelope::new(&like, rows).to_text(),
        })
    }

    /// Keeps every group of a file, to be sent when there is a network. Answers how many were new here and how many it has.
    /// A group that was brought in before stays what it is.
    pub async fn import(self, text: &str) -> Result<(usize, usize), ImportError> {
        let began = clock::now_ms().saturating_mul(1_000);
        let brought = brought(began, text).map_err(ImportError::File)?;
        let all = brought.len();
        let here = inner();
        let person = here.person.get_untracked();
        let known: BTreeSet<GroupId> = here.imports.borrow().iter().map(|import| import.id).collect();
        let mut seen = known.clone();
        let new: Vec<Imported> = brought.into_iter().filter(|import| seen.insert(import.id)).collect();
        let no_store = || ImportError::Storage(here.storage_failed.get_untracked().unwrap_or_default());
        let store = here.store.borrow().clone().ok_or_else(no_store)?;
        store
            .put_imports(&new)
            .await
            .map_err(|error| ImportError::Storage(error.0))?;
        let counts = (new.len(), all);
        if here.person.get_untracked() == person {
            here.imports.borrow_mut().extend(new);
            self.imports_changed();
            self.wake();
        }
        Ok(counts)
    }

    /// What came by file, oldest first.
    pub fn imported(self) -> Vec<ImportedItem> {
        let here = inner();
        here.imports_moved.track();
        here.imports.borrow().iter().map(imported).collect()
    }

    /// Takes what is settled off the list. Brought in again, it would be found at the office.
    pub async fn forget_settled_imports(self) {
        let here = inner();
        let settled = |import: &&Imported| import.fate != Fate::Waits;
        let gone: Vec<GroupId> = here.imports.borrow().iter().filter(settled).map(|one| one.id).collect();
        let store = here.store.borrow().clone();
        if let Some(store) = store {
            match store.drop_imports(&gone).await {
                Ok(()) => here.imports.borrow_mut().retain(|import| !gone.contains(&import.id)),
                Err(error) => here.storage_failed.set(Some(error.0)),
            }
        }
        self.imports_changed();
    }

    /// What came by file and has not been sent.
    pub(crate) fn next_import_push(self) -> Option<PushBatch> {
        let here = inner();
        let header = PushHeader {
            protocol: PROTOCOL,
            device: this_device()?,
            epoch: None,
            now: clock::now_ms(),
        };
        let imports = here.imports.borrow();
        let waiting = imports
            .iter()
            .filter(|import| import.fate == Fate::Waits && import.sealed.is_none());
        PushBatch::of(&header, waiting.map(|import| (import.id, import.line.as_str())))
    }

    /// Sealed work that came by file and has not been handed in: an envelope, and which imports are in it.
    pub(crate) fn next_sealed_import(self) -> Option<(Envelope, Vec<GroupId>)> {
        let here = inner();
        let imports = here.imports.borrow();
        let waiting = |import: &&Imported| import.fate == Fate::Waits;
        let sealed = imports
            .iter()
            .filter(waiting)
            .filter_map(|import| Some((import.id, import.sealed.as_ref()?)));
        let (_, first) = sealed.clone().next()?;
        let of_one = sealed.filter(|(_, sealed)| sealed.header == first.header);
        let (ids, rows): (Vec<GroupId>, Vec<_>) = of_one.map(|(id, sealed)| (id, sealed.row.clone())).unzip();
        let part = Envelope::parts(&first.header, rows).into_iter().next()?;
        let ids = ids.into_iter().take(part.rows.len()).collect();
        Some((part, ids))
    }

    pub(crate) async fn take_sealed_reply(self, ids: &[GroupId], reply: &EnvelopeReply) {
        let fate = |outcome: &Option<Outcome>| match outcome {
            Some(outcome) => fate_of(&outcome.kind),
            None => Some(Fate::Refused("unreadable".into())),
        };
        let fates = ids.iter().zip(&reply.outcomes);
        self.note_fates(fates.filter_map(|(id, outcome)| Some((*id, fate(outcome)?))).collect())
            .await;
    }

    /// What this session can no longer send stays, and says why.
    pub(crate) async fn refuse_imports(self, ids: &[GroupId], code: &str) {
        let refused = |id: &GroupId| (*id, Fate::Refused(code.to_owned()));
        self.note_fates(ids.iter().map(refused).collect()).await;
    }

    pub(crate) async fn take_import_reply(self, reply: &PushReply) {
        let fates = reply.outcomes.iter();
        self.note_fates(
            fates
                .filter_map(|outcome| Some((outcome.group, fate_of(&outcome.kind)?)))
                .collect(),
        )
        .await;
    }

    async fn note_fates(self, fates: BTreeMap<GroupId, Fate>) {
        let here = inner();
        let mut told = Vec::new();
        for import in here.imports.borrow_mut().iter_mut() {
            if let Some(fate) = fates.get(&import.id) {
                import.fate = fate.clone();
                told.push(import.clone());
            }
        }
        self.imports_changed();
        // Where this is lost, the group is sent again and the answer is the same.
        let store = here.store.borrow().clone();
        if let Some(store) = store {
            self.note_failure(store.put_imports(&told).await);
        }
    }

    fn imports_changed(self) {
        inner().imports_moved.notify();
        self.tell_other_tabs();
    }
}

fn this_device() -> Option<DeviceId> {
    inner().device.borrow().as_deref()?.parse().ok()
}

/// Everything in the outbox, damaged lines too. A copy of somebody else's write is that person's to carry.
fn waiting_lines(replica: &Replica) -> Vec<GroupId> {
    let own = replica.outbox().filter(|(_, group)| group.kind != GroupKind::Witness);
    let own = own.map(|(saved, _)| saved);
    own.chain(replica.unreadable()).map(|saved| saved.id).collect()
}

/// The pieces of a file, sealed or not.
fn brought(began: i64, text: &str) -> Result<Vec<Imported>, ExportFault> {
    let orders = began..;
    match Envelope::read(text) {
        Ok(Envelope { header, rows }) => Ok(orders
            .zip(rows)
            .map(|(order, row)| sealed(order, &header, row))
            .collect()),
        Err(ExportFault::NotOurs) => {
            let export = Export::read(text)?;
            Ok(orders
                .zip(&export.lines)
                .map(|(order, line)| plain(order, line))
                .collect())
        }
        Err(fault) => Err(fault),
    }
}

fn sealed(order: i64, header: &EnvelopeHeader, row: SealedRow) -> Imported {
    Imported {
        id: GroupId::of(row.data.as_bytes()),
        order,
        line: String::new(),
        sealed: Some(Sealed {
            header: header.clone(),
            row,
        }),
        fate: Fate::Waits,
    }
}

fn plain(order: i64, line: &str) -> Imported {
    // No server takes it, and a push with it would be refused whole.
    let fate = match line.len() > MAX_GROUP_BYTES {
        true => Fate::Refused(sync_protocol::Code::GroupTooLarge.to_string()),
        false => Fate::Waits,
    };
    Imported {
        id: GroupId::of(line.as_bytes()),
        order,
        line: line.to_owned(),
        sealed: None,
        fate,
    }
}

fn fate_of(outcome: &OutcomeKind) -> Option<Fate> {
    match outcome {
        OutcomeKind::Applied { .. } => Some(Fate::Taken),
        OutcomeKind::Duplicate { .. } => Some(Fate::There),
        OutcomeKind::Quarantined { code } => Some(Fate::Kept(code.clone())),
        OutcomeKind::Refused { code } => Some(Fate::Refused(code.clone())),
        OutcomeKind::Retry { .. } => None,
    }
}

fn imported(import: &Imported) -> ImportedItem {
    let saved = SavedGroup {
        id: import.id,
        // Where the line does not say when it was written, it is as old as the file is here.
        order: import.order / 1_000,
        line: import.line.clone(),
        phase: GroupPhase::Frozen,
    };
    if let Some(Sealed { header, .. }) = &import.sealed {
        return ImportedItem {
            item: nameless(&saved),
            author: header.person.to_string(),
            sealed: true,
            fate: import.fate.clone(),
        };
    }
    let (item, author) = match Group::from_line(import.line.as_bytes()) {
        Ok(group) => (item(&saved, &group), group.author.to_string()),
        Err(_) => (unreadable(&saved), String::new()),
    };
    ImportedItem {
        item,
        author,
        sealed: false,
        fate: import.fate.clone(),
    }
}
