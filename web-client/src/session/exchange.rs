//! Work that travels by file: what is written into one, and what one brought. A group that came by file never enters this person's
//! own outbox; it goes out under its author's name, and what became of it is kept beside it.

use std::collections::BTreeSet;

use sync_protocol::{
    DeviceId, Export, ExportFault, Group, GroupId, GroupKind, MAX_GROUP_BYTES, OutcomeKind, PROTOCOL, PushBatch,
    PushHeader, PushReply,
};

use super::*;
use crate::local_store::{Fate, Imported};

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

    /// What is typed is part of it.
    pub async fn export(self, choice: Choice) -> Option<ExportFile> {
        self.settle();
        let here = inner();
        let person = here.person.get_untracked();
        let store = here.store.borrow().clone();
        let journal = match (&choice, store) {
            (Choice::WithJournal, Some(store)) => store.journal().await.unwrap_or_default(),
            _ => vec![],
        };
        let replica = here.replica.borrow();
        let replica = replica.as_ref().filter(|_| here.person.get_untracked() == person)?;
        let one = match &choice {
            Choice::One(id) => Some(id),
            _ => None,
        };
        let waiting = waiting_lines(replica).into_iter();
        let waiting = waiting.filter(|(id, _)| one.is_none_or(|one| *one == id.to_string()));
        let mut lines: Vec<(i64, &str)> = waiting.map(|(_, saved)| (saved.order, saved.line.as_str())).collect();
        lines.extend(journal.iter().map(|saved| (saved.order, saved.line.as_str())));
        lines.sort_by_key(|(order, _)| *order);
        let now = clock::now_ms();
        let export = Export::new(replica.me(), now, lines.into_iter().map(|(_, line)| line));
        let stamp = js_sys::Date::new(&(now as f64).into()).to_iso_string();
        let stamp: String = String::from(stamp)
            .chars()
            .filter(char::is_ascii_digit)
            .take(14)
            .collect();
        Some(ExportFile {
            name: format!("duxing-{stamp}-{}.ndjson", export.header.groups),
            text: export.to_text(),
        })
    }

    /// Keeps every group of a file, to be sent when there is a network. Answers how many were new here and how many it has.
    /// A group that was brought in before stays what it is.
    pub async fn import(self, text: &str) -> Result<(usize, usize), ImportError> {
        let export = Export::read(text).map_err(ImportError::File)?;
        let here = inner();
        let person = here.person.get_untracked();
        let known: BTreeSet<GroupId> = here.imports.borrow().iter().map(|import| import.id).collect();
        let mut seen = known.clone();
        let began = clock::now_ms().saturating_mul(1_000);
        let new: Vec<Imported> = (began..)
            .zip(&export.lines)
            .map(|(order, line)| brought(order, line))
            .filter(|import| seen.insert(import.id))
            .collect();
        let no_store = || ImportError::Storage(here.storage_failed.get_untracked().unwrap_or_default());
        let store = here.store.borrow().clone().ok_or_else(no_store)?;
        store
            .put_imports(&new)
            .await
            .map_err(|error| ImportError::Storage(error.0))?;
        let counts = (new.len(), export.lines.len());
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
        let waiting = imports.iter().filter(|import| import.fate == Fate::Waits);
        PushBatch::of(&header, waiting.map(|import| (import.id, import.line.as_str())))
    }

    pub(crate) async fn take_import_reply(self, reply: &PushReply) {
        let here = inner();
        let mut told = Vec::new();
        for import in here.imports.borrow_mut().iter_mut() {
            let outcome = reply.outcomes.iter().find(|outcome| outcome.group == import.id);
            if let Some(fate) = outcome.and_then(|outcome| fate_of(&outcome.kind)) {
                import.fate = fate;
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
fn waiting_lines(replica: &Replica) -> Vec<(GroupId, &SavedGroup)> {
    let own = replica.outbox().filter(|(_, group)| group.kind != GroupKind::Witness);
    let own = own.map(|(saved, _)| saved);
    own.chain(replica.unreadable()).map(|saved| (saved.id, saved)).collect()
}

fn brought(order: i64, line: &str) -> Imported {
    // No server takes it, and a push with it would be refused whole.
    let fate = match line.len() > MAX_GROUP_BYTES {
        true => Fate::Refused(sync_protocol::Code::GroupTooLarge.to_string()),
        false => Fate::Waits,
    };
    Imported {
        id: GroupId::of(line.as_bytes()),
        order,
        line: line.to_owned(),
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
    let (item, author) = match Group::from_line(import.line.as_bytes()) {
        Ok(group) => (item(&saved, &group), group.author.to_string()),
        Err(_) => (unreadable(&saved), String::new()),
    };
    ImportedItem {
        item,
        author,
        fate: import.fate.clone(),
    }
}
