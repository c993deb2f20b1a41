//! Every decoder of what comes from outside, fed with mutations of real messages: no panic, no memory out of proportion. The mutations are
//! drawn from a seed and know JSON a little. Guided by coverage the decoders that need no server are fed by `cargo xtask fuzz`; what is in its
//! folders is fed again here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde_json::json;
use server::api::query;
use server::auth::keys::Keys;
use server::auth::second_factor::{Secret, Typed};
use server::auth::session::RefreshToken;
use server::auth::token::Claims;
use server::body;
use sync_protocol::office::Received;
use sync_protocol::safe::{Envelope, EnvelopeHeader, SafeKey, SealedRow, Store};
use sync_protocol::{
    BucketId, DigestReply, DigestRequest, Dot, Export, FieldPath, Frame, Group, GroupId, HaveReply, HaveRequest, Place,
    PullRequest, PushHeader, PushReply, Sum,
};
use tests::TestServer;
use tests::hostile::{json_values, naughty_texts};
use tests::phone::Phone;
use uuid::Uuid;

#[path = "../../fuzz/src/decode.rs"]
mod decode;

const SEED: u64 = 0x2026_1128;
/// Mutated inputs for each decoder.
const INPUTS: usize = 8_000;
/// The longest input: mutations that repeat would grow without end.
const LONGEST: usize = 64 * 1024;
/// Bytes of memory for each byte of input, and for none: a tree of tiny values is dear, a message that asks for gigabytes is an attack.
const PER_BYTE: usize = 256;
const FOR_NOTHING: usize = 512 * 1024;

/// The system's allocator with a count of what this thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that is ending counts no more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: passes everything on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the allocator's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the allocator's contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most this thread held at a time beyond what it held before.
fn memory_of(work: impl FnOnce()) -> usize {
    let before = HELD.get();
    MOST.set(before);
    work();
    usize::try_from(MOST.get() - before).unwrap_or(0)
}

type Decode = dyn Fn(&[u8]);

/// A decoder with real messages to begin from.
struct Decoder {
    name: &'static str,
    decode: Box<Decode>,
    corpus: Vec<Vec<u8>>,
}

fn decoder(name: &'static str, corpus: Vec<String>, decode: impl Fn(&[u8]) + 'static) -> Decoder {
    assert!(!corpus.is_empty(), "{name} has something to begin from");
    Decoder {
        name,
        decode: Box::new(decode),
        corpus: corpus.into_iter().map(String::into_bytes).collect(),
    }
}

/// A decoder of texts: what is no UTF-8 never reaches it.
fn of_text(name: &'static str, corpus: Vec<String>, decode: impl Fn(&str) + 'static) -> Decoder {
    decoder(name, corpus, move |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes) {
            decode(text);
        }
    })
}

fn json_of<T: serde::de::DeserializeOwned>(bytes: &[u8]) {
    let _ = serde_json::from_slice::<T>(bytes);
    let _ = body::parse::<T>(bytes);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct SomeParameters {
    month: String,
    zone: Option<Uuid>,
    before: Option<i64>,
}

/// Every decoder, with what a server and a phone really say.
async fn decoders() -> Vec<Decoder> {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let mut phone = Phone::of(&server, &server.district.a).await;
    let at = phone.start_visit(server.district.schools[0]);
    phone.fill(&at, &["SF3.4"]);
    let push = phone.replica.next_push(phone.now).expect("something to push").body;
    let pushed = phone.push_body(push.clone()).await.unwrap();
    let frames = client.pull(&[server.district.bucket(0)]).await.text;
    let mut lines = push.lines();
    let header = vec![lines.next().unwrap().to_owned()];
    let groups: Vec<String> = lines.map(str::to_owned).collect();
    let ids: Vec<GroupId> = groups.iter().map(|line| GroupId::of(line.as_bytes())).collect();
    let have = serde_json::to_string(&json!({"protocol": 1, "groups": ids})).unwrap();
    let known = client
        .post("/api/v1/sync/have", "application/json", have.clone())
        .await
        .text;
    let digest = json!({"protocol": 1, "bucket": server.district.bucket(0), "places": ["", "0", "0f"]}).to_string();
    let nodes = client
        .post("/api/v1/sync/digest", "application/json", digest.clone())
        .await
        .text;
    let pull = serde_json::to_string(&phone.replica.next_pull(1 << 20)).unwrap();
    let export = Export::new(phone.replica.me(), phone.now, groups.iter().map(String::as_str)).to_text();
    let safe = SafeKey::new([7; 32]);
    let locked = safe.locked_by(&safe, "key", [1; 12]);
    let like = EnvelopeHeader {
        duxing_sealed: 1,
        district: server.district.id.to_string(),
        person: phone.replica.me().person.clone(),
        device: phone.replica.me().device.clone(),
        key: locked.clone(),
        rows: 0,
    };
    let rows = groups.iter().map(|line| {
        let plain = json!({ "line": line }).to_string();
        SealedRow::new(Store::Outbox, 1, &safe.seal("outbox", plain.as_bytes(), [2; 12]))
    });
    let envelope = Envelope::new(&like, rows.collect()).to_text();
    let keys = Keys::load_or_make(&mut server.connect().await).await.unwrap();
    let refresh = keys.refresh;
    assert!(RefreshToken::open(&client.cookie, &refresh).is_some() && Claims::read(&client.access, &keys).is_some());
    let parts = catalog::built_in_parts("campus-safety", 1).expect("a built-in checklist");
    let section = parts.sections.values().next().expect("a section").clone();
    let small = catalog::Parts {
        head: parts.head.clone(),
        sections: [parts
            .sections
            .iter()
            .next()
            .map(|(code, text)| (code.clone(), text.clone()))
            .unwrap()]
        .into(),
    };
    let threshold = json!({"code": "workload-p12", "steps": [{"from": "2026-01-01", "max": 0}]}).to_string();
    let sealed = Secret::fresh().seal(&keys.second_factor, Uuid::nil(), Uuid::nil());
    let id = Uuid::now_v7();
    vec![
        decoder("a group's line", groups.clone(), |bytes| {
            if let Ok(group) = Group::from_line(bytes) {
                let line = group.to_line();
                Group::from_line(line.as_bytes()).expect("what was read can be written and read again");
            }
            let _ = Received::read(bytes).group;
        }),
        decoder("a push's header", header, json_of::<PushHeader>),
        decoder(
            "a push's reply",
            vec![serde_json::to_string(&pushed).unwrap()],
            json_of::<PushReply>,
        ),
        decoder("a pull", vec![pull], json_of::<PullRequest>),
        decoder(
            "a pull's frame",
            frames.lines().map(str::to_owned).collect(),
            json_of::<Frame>,
        ),
        decoder("have", vec![have], json_of::<HaveRequest>),
        decoder("have's reply", vec![known], json_of::<HaveReply>),
        decoder("digest", vec![digest], json_of::<DigestRequest>),
        decoder("digest's reply", vec![nodes], json_of::<DigestReply>),
        of_text("a file of unsent work", vec![export], |text| {
            if let Ok(export) = Export::read(text) {
                let _ = export.to_text();
            }
        }),
        of_text("an envelope", vec![envelope], |text| {
            if let Ok(envelope) = Envelope::read(text) {
                let key = SafeKey::new([7; 32]);
                let header = &envelope.header;
                for row in &envelope.rows {
                    let _ = row.line(&key, &header.person, &header.device);
                }
                let _ = envelope.to_text();
            }
        }),
        of_text("a locked key", vec![locked], |text| {
            let _ = SafeKey::unlocked_by(&SafeKey::new([7; 32]), "key", text);
            let _ = SafeKey::from_text(text);
        }),
        of_text("a refresh token", vec![client.cookie.clone()], move |text| {
            let _ = RefreshToken::open(text, &refresh);
        }),
        of_text("an access token", vec![client.access.clone()], move |text| {
            let _ = Claims::read(text, &keys);
        }),
        of_text("a code", vec!["012345".into(), "abcd-efgh-jkmn-pqrs".into()], |text| {
            let _ = Typed::read(text);
        }),
        of_text("a sealed second factor", vec![BASE64.encode(sealed)], |text| {
            if let Ok(bytes) = BASE64.decode(text) {
                let _ = Secret::open(&bytes, &SafeKey::new([1; 32]), Uuid::nil(), Uuid::nil());
            }
        }),
        of_text(
            "a query",
            vec![format!("month=2026-11&zone={id}&before=12"), "month=%E4%B8%80".into()],
            |text| {
                let _ = query::parse::<SomeParameters>(text);
                let _ = query::Month::parse(text);
            },
        ),
        of_text(
            "ids, paths and sums",
            vec![
                id.to_string(),
                server.district.bucket(0),
                "members/x".into(),
                ids[0].to_string(),
                format!("{}.3", ids[0]),
                "0f".into(),
                "00000000000000000000000000000000".into(),
            ],
            |text| {
                let _ = text.parse::<BucketId>();
                let _ = text.parse::<FieldPath>();
                let _ = text.parse::<GroupId>();
                let _ = text.parse::<Dot>();
                let _ = text.parse::<Place>();
                let _ = text.parse::<Sum>();
            },
        ),
        of_text(
            "an expression",
            vec![
                "fact/students > 0 and not (SF1.1 = \"no\")".into(),
                "round(a / b, 1) + min(1, 2)".into(),
                "SF3.4 in [\"yes\", \"na\"]".into(),
            ],
            |text| {
                let _ = catalog::Expr::parse(text);
            },
        ),
        of_text("a limit", vec![threshold], |text| {
            let _ = catalog::threshold_from_json(text);
        }),
        of_text("a template's section", vec![section], move |text| {
            let mut parts = small.clone();
            for section in parts.sections.values_mut() {
                section.clear();
                section.push_str(text);
            }
            let _ = parts.read("mine", 1);
        }),
        of_text(
            "days and numbers",
            vec!["2026-11-28".into(), "12.50".into(), "07:30".into()],
            |text| {
                let _ = catalog::Day::parse(text);
                let _ = catalog::Number::parse(text);
                let _ = catalog::Number::parse_time(text);
                let _ = catalog::Fraction::parse_decimal(text);
            },
        ),
    ]
}

/// One to six small changes of a message.
fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], tokens: &[Vec<u8>], draw: &mut StdRng) {
    for _ in 0..draw.random_range(1..=6) {
        let end = input.len();
        let at = draw.random_range(0..=end);
        let upto = draw.random_range(at..=end.min(at + 64));
        match draw.random_range(0..11) {
            0 if at < end => input[at] ^= 1 << draw.random_range(0..8),
            1 if at < end => input[at] = *pick(b"\0\x01\x7f\x80\xff\"\\{}[],:0-+eE.%&=/ \n", draw),
            2 => input.insert(at, draw.random()),
            3 => drop(input.drain(at..upto)),
            4 => input.truncate(at),
            5 => {
                let part = input[at..upto].to_vec();
                let times = draw.random_range(1..200);
                input.splice(at..at, part.repeat(times));
            }
            6 => {
                let other = pick(others, draw);
                let from = draw.random_range(0..=other.len());
                let to = draw.random_range(from..=other.len());
                input.splice(at..upto, other[from..to].to_vec());
            }
            7 | 8 => drop(input.splice(at..upto, pick(tokens, draw).clone()).count()),
            // A whole value of JSON, by another.
            9 => {
                if let Some((from, to)) = value_near(input, at) {
                    input.splice(from..to, pick(tokens, draw).clone());
                }
            }
            // A number, by one at the edge of something.
            _ => {
                if let Some((from, to)) = digits_near(input, at) {
                    const EDGES: [&str; 10] = [
                        "0",
                        "-1",
                        "4294967295",
                        "4294967296",
                        "9223372036854775807",
                        "9223372036854775808",
                        "18446744073709551615",
                        "-9223372036854775808",
                        "1e308",
                        "99999999999999999999999999",
                    ];
                    input.splice(from..to, pick(&EDGES, draw).bytes());
                }
            }
        }
        input.truncate(LONGEST);
    }
}

fn pick<'a, T>(list: &'a [T], draw: &mut StdRng) -> &'a T {
    &list[draw.random_range(0..list.len())]
}

/// What stands between a colon or comma after `at` and the next structural letter.
fn value_near(input: &[u8], at: usize) -> Option<(usize, usize)> {
    let from = at + input[at..].iter().position(|byte| b":,[".contains(byte))? + 1;
    let length = input[from..].iter().position(|byte| b",}]".contains(byte))?;
    Some((from, from + length))
}

fn digits_near(input: &[u8], at: usize) -> Option<(usize, usize)> {
    let from = at + input[at..].iter().position(u8::is_ascii_digit)?;
    let length = input[from..].iter().position(|byte| !byte.is_ascii_digit());
    Some((from, length.map_or(input.len(), |length| from + length)))
}

#[tokio::test]
async fn no_mutation_of_a_real_message_makes_a_decoder_panic_or_take_memory_out_of_proportion() {
    let decoders = decoders().await;
    let mut tokens: Vec<Vec<u8>> = json_values().into_iter().map(|case| case.bytes).collect();
    tokens.extend(naughty_texts().into_iter().map(String::into_bytes));
    let everything: Vec<Vec<u8>> = decoders.iter().flat_map(|one| one.corpus.clone()).collect();
    let (mut inputs, mut dearest) = (0, (0, ""));
    for (nth, Decoder { name, decode, corpus }) in decoders.iter().enumerate() {
        let mut draw = StdRng::seed_from_u64(SEED + nth as u64);
        for round in 0..INPUTS {
            let mut input = pick(corpus, &mut draw).clone();
            // Some as they are, and some that belong to another decoder.
            match round % 20 {
                0 => {}
                1 => input = pick(&everything, &mut draw).clone(),
                2 => input = pick(&tokens, &mut draw).clone(),
                _ => mutate(&mut input, &everything, &tokens, &mut draw),
            }
            inputs += 1;
            let mut whole = Ok(());
            let memory = memory_of(|| whole = catch_unwind(AssertUnwindSafe(|| decode(&input))).map_err(drop));
            let told = || {
                format!(
                    "{name}, input {round} of seed {:#x}: {:?}",
                    SEED + nth as u64,
                    String::from_utf8_lossy(&input)
                )
            };
            assert!(whole.is_ok(), "panic: {}", told());
            let allowed = FOR_NOTHING + PER_BYTE * input.len();
            assert!(memory <= allowed, "{memory} bytes of memory: {}", told());
            if memory > dearest.0 {
                dearest = (memory, name);
            }
        }
    }
    println!(
        "{inputs} inputs for {} decoders; the dearest took {} kB: {}",
        decoders.len(),
        dearest.0 / 1000,
        dearest.1
    );
    assert!(inputs >= 100_000);
}

#[test]
fn what_fuzzing_began_from_and_once_found_makes_no_decoder_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut names = BTreeSet::new();
    for folder in fs::read_dir(&corpus).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let decode = decode::named(&name).unwrap_or_else(|| panic!("{name} has no decoder"));
        let files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            let whole = catch_unwind(AssertUnwindSafe(|| decode(&bytes)));
            assert!(whole.is_ok(), "panic: {}", file.display());
        }
        names.insert(name);
    }
    let known: BTreeSet<String> = decode::DECODERS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, known);
}

/// Lays the real messages that mutation begins from where fuzzing begins from them.
#[tokio::test]
#[ignore = "writes fuzz/corpus"]
async fn seeds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for decoder in decoders().await {
        let name = match decoder.name {
            "a group's line" => "group",
            "a push's header" => "push-header",
            "a push's reply" => "push-reply",
            "a pull" => "pull",
            "a pull's frame" => "frame",
            "have" => "have",
            "have's reply" => "have-reply",
            "digest" => "digest",
            "digest's reply" => "digest-reply",
            "a file of unsent work" => "export",
            "an envelope" => "envelope",
            "a locked key" => "locked-key",
            "ids, paths and sums" => "ids",
            "an expression" => "expression",
            "a limit" => "limit",
            "a template's section" => "section",
            "days and numbers" => "days-and-numbers",
            _ => continue,
        };
        fs::create_dir_all(corpus.join(name)).unwrap();
        for (nth, bytes) in decoder.corpus.iter().enumerate().take(12) {
            fs::write(corpus.join(name).join(format!("seed-{nth}")), bytes).unwrap();
        }
    }
}
