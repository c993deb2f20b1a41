//! Names on the wire: groups, dots, records, buckets, people, devices and field paths. Each is checked when it is read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that does not have the shape of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadId(pub &'static str);

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a {}", self.0)
    }
}
impl std::error::Error for BadId {}

macro_rules! text_form {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// The first 16 bytes of BLAKE3 over a group's exact bytes: the same bytes are the same group, for ever and everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub [u8; 16]);

impl GroupId {
    /// The id of the group whose serialised line is `bytes` (without its newline).
    pub fn of(bytes: &[u8]) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        Self(id)
    }
}
impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl FromStr for GroupId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(BadId("group id"));
        }
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (hex_digit(pair[0])? << 4) | hex_digit(pair[1])?;
        }
        Ok(Self(id))
    }
}
fn hex_digit(digit: u8) -> Result<u8, BadId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BadId("group id")),
    }
}
text_form!(GroupId);

/// One write: the `op`-th op of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    pub group: GroupId,
    pub op: u16,
}
impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.group, self.op)
    }
}
impl FromStr for Dot {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let (group, op) = text.split_once('.').ok_or(BadId("dot"))?;
        let canonical = !op.is_empty() && op.len() <= 5 && (op == "0" || !op.starts_with('0'));
        if !canonical || !op.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadId("dot"));
        }
        Ok(Self {
            group: group.parse()?,
            op: op.parse().map_err(|_| BadId("dot"))?,
        })
    }
}
text_form!(Dot);

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                if is_uuid(text) { Ok(Self(text.into())) } else { Err(BadId($what)) }
            }
        }
        text_form!($name);
    };
}
uuid_id!(/// A record: a UUID in lower-case canonical form.
    RecordId, "record id");
uuid_id!(/// A person: a UUID in lower-case canonical form.
    PersonId, "person id");
uuid_id!(/// One installation on one device: a UUID in lower-case canonical form.
    DeviceId, "device id");

/// An audience, `kind/uuid`: whoever may read one record in it may read all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId(std::sync::Arc<str>);

impl BucketId {
    const KINDS: [&'static str; 6] = ["school", "person", "zone", "district", "case", "office"];

    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// `school`, `person`, `zone`, `district`, `case` or `office`.
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or("", |(kind, _)| kind)
    }
    /// The UUID of what the audience gathers around.
    pub fn subject(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, subject)| subject)
    }
    /// The bucket of a school.
    pub fn school(school: &RecordId) -> Self {
        Self(format!("school/{school}").into())
    }
}
impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for BucketId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        match text.split_once('/') {
            Some((kind, subject)) if Self::KINDS.contains(&kind) && is_uuid(subject) => Ok(Self(text.into())),
            _ => Err(BadId("bucket id")),
        }
    }
}
text_form!(BucketId);

/// The name of a field, perhaps with elements (`photos/<sha256>`): 1–200 of `A–Z a–z 0–9 @ . _ -`, parts divided by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(std::sync::Arc<str>);

impl FieldPath {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for FieldPath {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte);
        let parts_ok = text
            .split('/')
            .all(|part| !part.is_empty() && part.bytes().all(allowed));
        if text.len() <= 200 && parts_ok {
            Ok(Self(text.into()))
        } else {
            Err(BadId("field path"))
        }
    }
}
impl std::borrow::Borrow<str> for FieldPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}
text_form!(FieldPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip() {
        let group = GroupId::of(b"hello");
        assert_eq!(group.to_string().parse(), Ok(group));
        let dot = Dot { group, op: 17 };
        assert_eq!(dot.to_string().parse(), Ok(dot));
        let bucket = "school/0190a2b4-7c3d-7e11-8f00-0123456789ab";
        assert_eq!(bucket.parse::<BucketId>().unwrap().to_string(), bucket);
    }

    #[test]
    fn a_name_has_one_spelling_only() {
        assert!("0190A2B4-7c3d-7e11-8f00-0123456789ab".parse::<RecordId>().is_err());
        assert!(format!("{}.01", GroupId::of(b"")).parse::<Dot>().is_err());
        assert!(format!("{}.+1", GroupId::of(b"")).parse::<Dot>().is_err());
        assert!("school/".parse::<BucketId>().is_err());
        assert!(
            "planet/0190a2b4-7c3d-7e11-8f00-0123456789ab"
                .parse::<BucketId>()
                .is_err()
        );
        for path in ["", "/", "a/", "/a", "a//b", "a b", "a\u{0}", "注"] {
            assert!(path.parse::<FieldPath>().is_err(), "{path:?}");
        }
    }
}
