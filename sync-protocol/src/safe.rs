//! The safe on a phone: how what lies on its disk is sealed, and how sealed work reaches the office without being read on the way.
//!
//! One random key a person and device seals every row (AES-256-GCM). The phone keeps that key twice, and neither copy is of use alone:
//! locked by the key that follows from the person's password, and locked by the office's key, so that the office can open what
//! a lost phone hands in. Randomness is an argument; nothing here asks for a password.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

use crate::export::ExportFault;
use crate::{DeviceId, Draft, Group, GroupKind, MAX_PUSH_BYTES, MAX_PUSH_GROUPS, Op, Outcome, PersonId};

/// The form of a sealed row, its first byte.
const ROW_FORM: u8 = 1;
const NONCE: usize = 12;
/// The newest form of an envelope that this program writes and reads.
const ENVELOPE_FORM: u32 = 1;

/// What a password costs: memory in KiB for Argon2id, as OWASP asks at two passes, and as a phone of 2 GB has to spare.
pub const PASSWORD_MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
pub const PASSWORD_PASSES: u32 = 2;
/// Bytes of salt.
pub const PASSWORD_SALT: usize = 16;

/// A key that seals and opens. Never shown.
#[derive(Clone)]
pub struct SafeKey {
    bytes: [u8; 32],
    cipher: Aes256Gcm,
}

impl std::fmt::Debug for SafeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SafeKey")
    }
}

impl SafeKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self {
            bytes,
            cipher: Aes256Gcm::new(&bytes.into()),
        }
    }

    /// Seals `plain` for one `place`, such as a store's name: elsewhere it does not open. `nonce` is random and used once.
    pub fn seal(&self, place: &str, plain: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.expect("rows are far below the cipher's 64 GiB");
        [&[ROW_FORM], &nonce[..], &sealed].concat()
    }

    /// Opens what was sealed for this place with this key; `None` for anything else.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (form, rest) = sealed.split_first()?;
        let (nonce, text) = rest.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        (*form == ROW_FORM)
            .then(|| self.cipher.decrypt(&Nonce::from(nonce), payload).ok())
            .flatten()
    }

    /// This key, locked by `other` for one person on one device.
    pub fn locked_by(&self, other: &SafeKey, place: &str, nonce: [u8; NONCE]) -> String {
        BASE64.encode(other.seal(place, &self.bytes, nonce))
    }

    /// The key that was locked by `other`; `None` where `other` is the wrong one.
    pub fn unlocked_by(other: &SafeKey, place: &str, locked: &str) -> Option<Self> {
        let sealed = BASE64.decode(locked).ok()?;
        Some(Self::new(other.open(place, &sealed)?.try_into().ok()?))
    }

    /// As text, to be handed to the office, which locks it.
    pub fn to_text(&self) -> String {
        BASE64.encode(self.bytes)
    }

    /// From that text.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(Self::new(BASE64.decode(text).ok()?.try_into().ok()?))
    }
}

/// What the office's lock on a key is bound to.
pub fn office_place(district: &str, person: &str, device: &str) -> String {
    format!("safe/{district}/{person}/{device}")
}

/// Stores whose rows may travel in an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// A [`SavedGroup`](crate::SavedGroup) that may not have reached the office.
    Outbox,
    /// A [`SavedGroup`](crate::SavedGroup) that the office has acknowledged.
    Journal,
    /// A [`Draft`]: text that was being typed.
    Draft,
}

impl Store {
    /// The place its rows are sealed for, which is the store's name.
    pub fn place(self) -> &'static str {
        match self {
            Store::Outbox => "outbox",
            Store::Journal => "journal",
            Store::Draft => "draft",
        }
    }
}

/// A row as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedRow {
    pub store: Store,
    /// Its place among its author's actions: what was done first goes out first. In the clear, as the phone that hands it in cannot open it.
    pub order: i64,
    /// Its sealed bytes in base 64.
    pub data: String,
}

impl SealedRow {
    /// `bytes` are what [`SafeKey::seal`] made of the row.
    pub fn new(store: Store, order: i64, bytes: &[u8]) -> Self {
        Self {
            store,
            order,
            data: BASE64.encode(bytes),
        }
    }

    /// The row's sealed bytes.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        BASE64.decode(&self.data).ok()
    }

    /// The line of the group that this row is or becomes. Nothing where the key does not fit or the row is damaged.
    ///
    /// What was being typed becomes a group of its author here, always the same one, so that it counts once however often it comes.
    pub fn line(&self, key: &SafeKey, person: &PersonId, device: &DeviceId) -> Option<String> {
        let sealed = self.bytes()?;
        let plain = key.open(self.store.place(), &sealed)?;
        match self.store {
            Store::Outbox | Store::Journal => Some(serde_json::from_slice::<Line>(&plain).ok()?.line),
            Store::Draft => {
                let draft: Draft = serde_json::from_slice(&plain).ok()?;
                let group = settled(draft, &sealed, person.clone(), device.clone())?;
                Some(group.to_line())
            }
        }
    }
}

/// What counts of a stored group here.
#[derive(Deserialize)]
struct Line {
    line: String,
}

fn settled(draft: Draft, sealed: &[u8], author: PersonId, device: DeviceId) -> Option<Group> {
    let op = Op(draft.record, draft.path, draft.value, draft.base);
    let drawn = blake3::hash(sealed);
    let nonce = u64::from_le_bytes(drawn.as_bytes()[..8].try_into().ok()?);
    Some(Group::new(
        draft.bucket,
        GroupKind::Edit,
        author,
        device,
        draft.at,
        nonce,
        vec![op],
    ))
}

/// The first line of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeHeader {
    /// The form: 1.
    pub duxing_sealed: u32,
    pub district: String,
    pub person: PersonId,
    pub device: DeviceId,
    /// The key of the rows, locked by the office.
    pub key: String,
    /// How many rows follow, so that a file that was cut short is noticed.
    pub rows: usize,
}

/// Sealed work of one person: what a lost phone hands in, and what travels as a file. Only the office opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub header: EnvelopeHeader,
    pub rows: Vec<SealedRow>,
}

#[derive(Deserialize)]
struct Form {
    duxing_sealed: u32,
}

impl Envelope {
    /// An envelope of these rows; `like` says whose.
    pub fn new(like: &EnvelopeHeader, rows: Vec<SealedRow>) -> Self {
        let header = EnvelopeHeader {
            duxing_sealed: ENVELOPE_FORM,
            rows: rows.len(),
            ..like.clone()
        };
        Self { header, rows }
    }

    /// Parts that fit into a push each, in the author's order.
    pub fn parts(like: &EnvelopeHeader, mut rows: Vec<SealedRow>) -> Vec<Self> {
        rows.sort_by_key(|row| row.order);
        let mut parts: Vec<Vec<SealedRow>> = Vec::new();
        let mut room = 0;
        for row in rows {
            let takes = row.data.len() + 64;
            let full = parts.last().is_none_or(|part| part.len() >= MAX_PUSH_GROUPS);
            if full || room < takes {
                parts.push(Vec::new());
                room = MAX_PUSH_BYTES - 4096;
            }
            room = room.saturating_sub(takes);
            parts.last_mut().expect("one was begun").push(row);
        }
        parts.into_iter().map(|rows| Self::new(like, rows)).collect()
    }

    pub fn to_text(&self) -> String {
        let header = serde_json::to_string(&self.header).expect("a header has only text keys");
        let rows = self.rows.iter();
        let rows = rows.map(|row| serde_json::to_string(row).expect("a row has only text keys"));
        std::iter::once(header)
            .chain(rows)
            .fold(String::new(), |text, line| text + &line + "\n")
    }

    /// Reads an envelope. Line ends that a mail program changed and empty lines at its end do not matter.
    pub fn read(text: &str) -> Result<Self, ExportFault> {
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let Form { duxing_sealed: form } = serde_json::from_str(first).map_err(|_| ExportFault::NotOurs)?;
        if form > ENVELOPE_FORM {
            return Err(ExportFault::Newer);
        }
        let header: EnvelopeHeader = serde_json::from_str(first).map_err(|_| ExportFault::NotOurs)?;
        let rows: Result<Vec<SealedRow>, _> = lines.map(serde_json::from_str).collect();
        let rows = rows.map_err(|_| ExportFault::Incomplete)?;
        match rows.len() == header.rows {
            true => Ok(Self { header, rows }),
            false => Err(ExportFault::Incomplete),
        }
    }
}

/// The office's answer to an envelope: an outcome a row, in order; none for a row that even the office cannot open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeReply {
    pub epoch: String,
    pub now: i64,
    pub outcomes: Vec<Option<Outcome>>,
    /// Why the author or the phone was withdrawn, as a refusal's code: then what can be read has to leave the phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a2b4-7c3d-7e11-8f00-0123456789ab";

    fn header() -> EnvelopeHeader {
        EnvelopeHeader {
            duxing_sealed: 1,
            district: ID.into(),
            person: ID.parse().unwrap(),
            device: ID.parse().unwrap(),
            key: "k".into(),
            rows: 0,
        }
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_at_its_place_and_unchanged() {
        let key = SafeKey::new([7; 32]);
        let sealed = key.seal("outbox", "应急灯不亮".as_bytes(), [3; 12]);
        assert_eq!(key.open("outbox", &sealed).as_deref(), Some("应急灯不亮".as_bytes()));
        assert_eq!(key.open("draft", &sealed), None);
        assert_eq!(SafeKey::new([8; 32]).open("outbox", &sealed), None);
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(key.open("outbox", &bent), None, "byte {at}");
            assert_eq!(key.open("outbox", &sealed[..at]), None, "cut at {at}");
        }
        assert!(!sealed.windows(3).any(|part| part == "应".as_bytes()));
    }

    #[test]
    fn a_key_is_locked_by_another_for_one_place() {
        let (key, password, office) = (SafeKey::new([1; 32]), SafeKey::new([2; 32]), SafeKey::new([3; 32]));
        let locked = key.locked_by(&password, "key/p", [9; 12]);
        assert_eq!(
            SafeKey::unlocked_by(&password, "key/p", &locked).unwrap().bytes,
            key.bytes
        );
        assert!(SafeKey::unlocked_by(&office, "key/p", &locked).is_none());
        assert!(SafeKey::unlocked_by(&password, "key/q", &locked).is_none());
        assert!(SafeKey::unlocked_by(&password, "key/p", "…").is_none());
        assert_eq!(SafeKey::from_text(&key.to_text()).unwrap().bytes, key.bytes);
        assert_eq!(format!("{key:?}"), "SafeKey");
    }

    #[test]
    fn an_envelope_comes_back_and_a_cut_one_is_noticed() {
        let key = SafeKey::new([7; 32]);
        let row = |text: &str| SealedRow::new(Store::Outbox, 0, &key.seal("outbox", text.as_bytes(), [3; 12]));
        let envelope = Envelope::new(&header(), vec![row("a"), row("b")]);
        let text = envelope.to_text();
        assert_eq!(Envelope::read(&text).unwrap(), envelope);
        assert_eq!(Envelope::read(&text.replace('\n', "\r\n")).unwrap(), envelope);
        let cut: String = text.lines().take(2).collect::<Vec<_>>().join("\n");
        for (text, fault) in [
            (cut.as_str(), ExportFault::Incomplete),
            (&text[..text.len() - 9], ExportFault::Incomplete),
            ("", ExportFault::NotOurs),
            (r#"{"duxing_export":1}"#, ExportFault::NotOurs),
            (r#"{"duxing_sealed":2}"#, ExportFault::Newer),
        ] {
            assert_eq!(Envelope::read(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn parts_fit_into_a_push_and_lose_no_row() {
        let rows: Vec<SealedRow> = (0..200)
            .map(|nth| SealedRow::new(Store::Journal, nth.into(), &vec![nth; 9_000]))
            .collect();
        let parts = Envelope::parts(&header(), rows.iter().rev().cloned().collect());
        assert!(
            parts
                .iter()
                .all(|part| part.rows.len() <= MAX_PUSH_GROUPS && part.to_text().len() <= MAX_PUSH_BYTES)
        );
        assert_eq!(parts.into_iter().flat_map(|part| part.rows).collect::<Vec<_>>(), rows);
    }

    #[test]
    fn what_was_being_typed_becomes_the_same_group_each_time() {
        let key = SafeKey::new([7; 32]);
        let draft = Draft {
            record: ID.parse().unwrap(),
            path: "SF1.2/note".parse().unwrap(),
            bucket: format!("school/{ID}").parse().unwrap(),
            value: "三楼".into(),
            base: vec![],
            at: 5,
        };
        let plain = serde_json::to_vec(&draft).unwrap();
        let row = SealedRow::new(Store::Draft, 0, &key.seal("draft", &plain, [3; 12]));
        let (person, device) = (ID.parse().unwrap(), ID.parse().unwrap());
        let line = row.line(&key, &person, &device).unwrap();
        assert_eq!(row.line(&key, &person, &device).as_ref(), Some(&line));
        let group = Group::from_line(line.as_bytes()).expect("a group by the rules");
        assert_eq!(group.ops[0].value(), &draft.value);
        assert_eq!(row.line(&SafeKey::new([8; 32]), &person, &device), None);
    }
}
