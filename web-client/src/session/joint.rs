//! Several people at one record: what came in while somebody looked at it, where people differ, who else has it open, and which
//! decisions about their own words a person has read.

use serde::Deserialize;

use super::*;

/// Less than anybody needs to read a word that has just come: what they tap meanwhile is about what stood there before.
const UNREAD_MS: f64 = 500.0;

/// Somebody else's word that came while the field was on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub author: String,
    /// Their clock in ms since 1970, as claimed.
    pub at: i64,
}

/// Somebody who has the same visit open now, as the office saw it last.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Colleague {
    pub id: String,
    pub name: String,
    /// The section they are at, empty when at none.
    pub place: String,
}

#[derive(Deserialize)]
struct Here {
    people: Vec<Colleague>,
}

/// The newest word of somebody else that was not there before.
pub(super) fn arrival(before: &FieldView, now: &FieldView) -> Option<Arrival> {
    let me = inner()
        .person
        .get_untracked()
        .map(|person| person.id)
        .unwrap_or_default();
    let is_new = |sibling: &&sync_protocol::Sibling| {
        sibling.dot.is_some() && !before.siblings.iter().any(|known| known.dot == sibling.dot)
    };
    let others = now.siblings.iter().filter(|sibling| sibling.author.as_str() != me);
    let newest = others.filter(is_new).max_by_key(|sibling| sibling.at)?;
    Some(Arrival {
        author: newest.author.to_string(),
        at: newest.at,
    })
}

impl Session {
    /// A field as its reader can have seen it: what came in the last half second was not read yet, so a write made now does not
    /// count it as seen (P2).
    pub fn seen_field(self, record: &RecordId, path: &str) -> FieldView {
        let here = inner();
        let followed = here.field_moved.borrow();
        let before = followed
            .get(record)
            .and_then(|fields| fields.get(path))
            .and_then(|followed| followed.before.as_ref());
        match before {
            Some((view, at)) if (0.0..UNREAD_MS).contains(&(js_sys::Date::now() - at)) => view.clone(),
            _ => {
                drop(followed);
                untrack(|| self.field(record, path))
            }
        }
    }

    /// What came into this field while it was shown; tracked.
    pub fn arrival(self, record: &RecordId, path: &str) -> Option<Arrival> {
        let key = (record.clone(), path.to_owned());
        inner().arrivals.with(|arrivals| arrivals.get(&key).cloned())
    }

    /// Somebody has taken note of what came into an item.
    pub fn noticed(self, record: &RecordId, path: &str) {
        let here = inner();
        let key = (record.clone(), path.to_owned());
        if here.arrivals.with_untracked(|arrivals| arrivals.contains_key(&key)) {
            here.arrivals.update(|arrivals| drop(arrivals.remove(&key)));
        }
    }

    /// Fields in which people differ, and those beside which something stands that came after a seal; tracked.
    pub fn contested(self) -> Vec<(RecordId, String)> {
        let here = inner();
        here.sets_moved.track();
        here.outbox_moved.track();
        let replica = here.replica.borrow();
        let found = replica.as_ref().map(Replica::contested).unwrap_or_default();
        found.into_iter().map(|(id, path)| (id, path.to_string())).collect()
    }

    /// Fields whose path begins with this; tracked.
    pub fn fields_under(self, prefix: &str) -> Vec<(RecordId, String)> {
        let here = inner();
        here.sets_moved.track();
        here.outbox_moved.track();
        let replica = here.replica.borrow();
        let found = replica
            .as_ref()
            .map(|replica| replica.fields_under(prefix))
            .unwrap_or_default();
        found.into_iter().map(|(id, path)| (id, path.to_string())).collect()
    }

    /// Whether this person has read a decision about their own word; tracked.
    pub fn has_read(self, dot: &str) -> bool {
        inner()
            .read_decisions
            .with(|read| read.iter().any(|known| known == dot))
    }

    pub fn mark_read(self, dot: &str) {
        let here = inner();
        if untrack(|| self.has_read(dot)) {
            return;
        }
        here.read_decisions.update(|read| read.push(dot.to_owned()));
        let (store, read) = (here.store.borrow().clone(), here.read_decisions.get_untracked());
        spawn_local(async move {
            if let Some(store) = store {
                self.note_failure(store.set_read_decisions(&read).await);
            }
        });
    }

    /// Tells the office that this visit is open here, and hears who else has it open. Nothing while there is no network.
    pub async fn be_here(self, visit: &RecordId, place: &str) -> Option<Vec<Colleague>> {
        let body = serde_json::json!({ "place": place }).to_string();
        let path = format!("/api/v1/visits/{visit}/here");
        let here: Here = self.post_json(&path, body).await.ok()?;
        Some(here.people)
    }
}
