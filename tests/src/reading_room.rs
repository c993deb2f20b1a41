//! A small checklist of a district's own, as a coordinator would write it.

use serde_json::{Value, json};
use sync_protocol::{Dot, GroupId, Op};
use uuid::Uuid;

use crate::server::op;

/// The fields of its record: two yes/no items, the second only where there are boarders.
pub fn reading_room(version: u32) -> Vec<(&'static str, Value)> {
    let head = json!({
        "title": ["阅览室检查", "Reading room"],
        "bands": [
            { "code": "A", "label": ["优", "Good"], "from": "90" },
            { "code": "D", "label": ["不合格", "Failing"], "from": "0" },
        ],
        "caps": {},
        "facts": [{ "name": "boarders", "label": ["寄宿生人数", "Boarders"], "kind": "number" }],
        "order": ["RR1"],
    });
    vec![
        ("code", json!("reading-room")),
        ("version", json!(version)),
        ("head", json!(head.to_string())),
        ("section/RR1", json!(section("照度达标").to_string())),
        ("state", json!("draft")),
    ]
}

/// Its only section, with the first item's title.
pub fn section(first: &str) -> Value {
    json!({
        "code": "RR1", "title": ["开放与照明", "Opening & light"], "short": ["开放", "Open"], "weight": 100, "matter": "ethos",
        "items": [
            { "code": "RR1.1", "weight": 3, "severity": "L2", "title": [first, "Bright enough"] },
            { "code": "RR1.2", "weight": 1, "severity": "L1", "title": ["图书完好", "Books in good order"] },
            { "code": "RR1.3", "weight": 1, "severity": "L1", "title": ["晚间开放", "Open in the evening"], "show_if": "boarders > 0" },
        ],
    })
}

/// A move of the state by somebody who saw it as the group `before` left it, whose last field it was.
pub fn move_state(record: Uuid, to: &str, before: &str) -> Vec<Op> {
    let line: Value = serde_json::from_str(before).expect("a group");
    let last = line["ops"].as_array().expect("ops").len() - 1;
    let seen = Dot {
        group: GroupId::of(before.as_bytes()),
        op: u16::try_from(last).expect("few ops"),
    };
    let Op(record, path, value, _) = op(record, "state", &json!(to));
    vec![Op(record, path, value, vec![seen])]
}
