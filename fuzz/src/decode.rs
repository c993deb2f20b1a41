//! What reads bytes from outside without a server: the wire's messages, files of unsent work, and the catalog's texts. Shared with the test that
//! feeds everything once found to them again.

use sync_protocol::office::Received;
use sync_protocol::safe::{Envelope, SafeKey};
use sync_protocol::{
    BucketId, DigestReply, DigestRequest, Dot, Export, FieldPath, Frame, Group, GroupId, HaveReply, HaveRequest, Place,
    PullRequest, PushHeader, PushReply, Sum,
};

/// Takes any bytes; a panic is a finding.
pub type Decode = fn(&[u8]);

/// Each decoder under the name of its folder in `fuzz/corpus`.
pub const DECODERS: [(&str, Decode); 17] = [
    ("group", group),
    ("push-header", json::<PushHeader>),
    ("push-reply", json::<PushReply>),
    ("pull", json::<PullRequest>),
    ("frame", json::<Frame>),
    ("have", json::<HaveRequest>),
    ("have-reply", json::<HaveReply>),
    ("digest", json::<DigestRequest>),
    ("digest-reply", json::<DigestReply>),
    ("export", |bytes| text(bytes, export)),
    ("envelope", |bytes| text(bytes, envelope)),
    ("locked-key", |bytes| text(bytes, locked_key)),
    ("ids", |bytes| text(bytes, ids)),
    ("expression", |bytes| text(bytes, expression)),
    ("limit", |bytes| text(bytes, limit)),
    ("section", |bytes| text(bytes, section)),
    ("days-and-numbers", |bytes| text(bytes, days_and_numbers)),
];

/// The decoder of this name.
pub fn named(name: &str) -> Option<Decode> {
    DECODERS.iter().find(|(own, _)| *own == name).map(|(_, decode)| *decode)
}

fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) {
    let _ = serde_json::from_slice::<T>(bytes);
}

fn text(bytes: &[u8], decode: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        decode(text);
    }
}

fn group(bytes: &[u8]) {
    if let Ok(group) = Group::from_line(bytes) {
        let line = group.to_line();
        Group::from_line(line.as_bytes()).expect("what was read can be written and read again");
    }
    let _ = Received::read(bytes).group;
}

fn export(text: &str) {
    if let Ok(export) = Export::read(text) {
        let _ = export.to_text();
    }
}

fn envelope(text: &str) {
    let Ok(envelope) = Envelope::read(text) else { return };
    let (key, header) = (SafeKey::new([7; 32]), &envelope.header);
    for row in &envelope.rows {
        let _ = row.line(&key, &header.person, &header.device);
    }
    let _ = envelope.to_text();
}

fn locked_key(text: &str) {
    let _ = SafeKey::unlocked_by(&SafeKey::new([7; 32]), "key", text);
    let _ = SafeKey::from_text(text);
}

fn ids(text: &str) {
    let _ = text.parse::<BucketId>();
    let _ = text.parse::<FieldPath>();
    let _ = text.parse::<GroupId>();
    let _ = text.parse::<Dot>();
    let _ = text.parse::<Place>();
    let _ = text.parse::<Sum>();
}

fn expression(text: &str) {
    let _ = catalog::Expr::parse(text);
}

fn limit(text: &str) {
    let _ = catalog::threshold_from_json(text);
}

fn section(text: &str) {
    let parts = catalog::built_in_parts("campus-safety", 1).expect("a built-in checklist");
    let code = parts.sections.keys().next().expect("a section").clone();
    let parts = catalog::Parts {
        sections: [(code, text.to_owned())].into(),
        ..parts
    };
    let _ = parts.read("mine", 1);
}

fn days_and_numbers(text: &str) {
    let _ = catalog::Day::parse(text);
    let _ = catalog::Number::parse(text);
    let _ = catalog::Number::parse_time(text);
    let _ = catalog::Fraction::parse_decimal(text);
}
