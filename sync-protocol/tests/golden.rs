//! Every line that a released phone or server stored or sent is read for ever, and written as it was (T9, P13).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sync_protocol::{
    DigestReply, DigestRequest, Frame, Group, HaveRequest, PullRequest, PushHeader, PushReply, SavedGroup, SavedRecord,
};

fn lines(file: &str) -> Vec<String> {
    let path = format!("{}/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(str::to_owned).collect()
}

/// Reads each line and writes it again: the same value, though perhaps in another order of members.
fn survive<T: DeserializeOwned + Serialize>(file: &str) -> Vec<T> {
    let read = |line: &String| {
        let value: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}"));
        let (before, after): (serde_json::Value, _) =
            (serde_json::from_str(line).unwrap(), serde_json::to_value(&value));
        assert_eq!(after.unwrap(), before, "{file}");
        value
    };
    lines(file).iter().map(read).collect()
}

#[test]
fn what_a_phone_stored_is_read_for_ever() {
    let journal: Vec<SavedGroup> = survive("journal-1.ndjson");
    assert!(Group::from_line(journal[0].line.as_bytes()).is_ok());
    survive::<SavedGroup>("journal-2.ndjson");
    survive::<SavedRecord>("records-1.ndjson");
}

/// The messages other than frames, each under its name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Pull(PullRequest),
    Push(PushHeader),
    Pushed(PushReply),
    Have(HaveRequest),
    Digest(DigestRequest),
    Digested(DigestReply),
}

#[test]
fn what_was_sent_is_read_for_ever() {
    survive::<Frame>("frames-1.ndjson");
    survive::<Message>("requests-1.ndjson");
}

/// docs/protocol.md shows the very bytes that are frozen here, so that a second client can be written from it.
#[test]
fn the_specification_shows_what_is_frozen() {
    let path = format!("{}/../docs/protocol.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let shown = text
        .split("```json\n")
        .skip(1)
        .filter_map(|part| part.split("```").next());
    let shown: Vec<&str> = shown.flat_map(str::lines).collect();
    for line in lines("frames-1.ndjson").iter().chain(&lines("requests-1.ndjson")) {
        let bare = line.trim_start_matches('{').split_once(':').unwrap().1;
        let bare = &bare[..bare.len() - 1];
        assert!(
            shown.contains(&line.as_str()) || shown.contains(&bare),
            "not in docs/protocol.md: {line}"
        );
    }
}
