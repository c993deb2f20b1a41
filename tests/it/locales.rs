//! Every word on a screen exists in both languages, with the same places to fill in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Families of keys that are put together from codes of the server.
const BY_CODE: [&str; 4] = ["error.", "kept.", "next.", "refused."];

fn client() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web-client")
}

fn catalogue(locale: &str) -> BTreeMap<String, Value> {
    let text =
        std::fs::read_to_string(client().join(format!("locales/{locale}.json"))).expect("the catalogue is there");
    serde_json::from_str(&text).expect("the catalogue is JSON")
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(std::fs::read_to_string(&path).expect("a source file"));
        }
    }
}

/// The literals given to `t(…)` and `t_args(…)`.
fn keys_used() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&client().join("src"), &mut files);
    files
        .iter()
        .flat_map(|source| ["t(", "t_args("].map(|call| keys_after(source, call)))
        .flatten()
        .collect()
}

fn keys_after(source: &str, call: &str) -> Vec<String> {
    let is_word = |text: &str| text.ends_with(|last: char| last.is_alphanumeric() || last == '_');
    source
        .match_indices(call)
        .filter(|(at, _)| !is_word(&source[..*at]))
        .filter_map(|(at, _)| {
            source[at + call.len()..]
                .trim_start()
                .strip_prefix('"')?
                .split('"')
                .next()
        })
        .map(str::to_owned)
        .collect()
}

/// The `{places}` of a sentence, or of every plural form of it.
fn places(entry: &Value) -> BTreeSet<String> {
    let of = |text: &str| {
        text.split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    match entry {
        Value::String(text) => of(text).into_iter().collect(),
        Value::Object(forms) => forms.values().filter_map(Value::as_str).flat_map(of).collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn every_word_used_exists_in_both_languages() {
    let (chinese, english) = (catalogue("zh-CN"), catalogue("en"));
    let used = keys_used();
    assert!(
        used.len() > 200,
        "only {} keys were found: the scan is broken",
        used.len()
    );
    for key in &used {
        assert!(chinese.contains_key(key), "{key} is missing in zh-CN");
        assert!(english.contains_key(key), "{key} is missing in en");
    }
}

#[test]
fn both_languages_have_the_same_words_with_the_same_places() {
    let (chinese, english) = (catalogue("zh-CN"), catalogue("en"));
    assert_eq!(chinese.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>());
    for (key, entry) in &chinese {
        assert_eq!(places(entry), places(&english[key]), "{key} has other places in en");
    }
}

/// The codes that `docs/protocol.md` lists between two of its phrases.
fn codes_between(from: &str, to: &str) -> Vec<String> {
    let page = std::fs::read_to_string(client().join("../docs/protocol.md")).expect("the protocol");
    let (_, after) = page.split_once(from).expect("the list of codes");
    let (list, _) = after.split_once(to).expect("the end of the list");
    let quoted = list.split('`').skip(1).step_by(2);
    quoted.filter(|word| word.contains('.')).map(str::to_owned).collect()
}

/// Whoever wrote what was turned down reads why and what to do; so does the office that decides about what it keeps.
#[test]
fn every_code_of_the_protocol_has_a_reason_and_a_next_step() {
    let refused = codes_between("Refused for good:", "Quarantined:");
    let kept = codes_between("Quarantined:", "A path the catalog does not know");
    assert!(refused.len() >= 12 && kept.len() >= 7, "{refused:?} {kept:?}");
    for locale in ["zh-CN", "en"] {
        let words = catalogue(locale);
        let says = |key: String| assert!(words.contains_key(&key), "{key} is missing in {locale}");
        for code in &refused {
            says(format!("refused.{code}"));
            says(format!("next.{code}"));
        }
        for code in &kept {
            says(format!("refused.{code}"));
            says(format!("kept.{code}"));
        }
        says("next.kept".into());
    }
}

#[test]
fn no_word_is_left_over() {
    let used = keys_used();
    let by_code = |key: &str| BY_CODE.iter().any(|family| key.starts_with(family));
    let unused: Vec<String> = catalogue("en")
        .into_keys()
        .filter(|key| !used.contains(key) && !by_code(key))
        .collect();
    assert!(unused.is_empty(), "nobody says {unused:?}");
}

#[test]
fn plural_forms_have_one_and_other() {
    for (key, entry) in catalogue("en") {
        if let Value::Object(forms) = entry {
            assert!(forms.contains_key("one") && forms.contains_key("other"), "{key}");
        }
    }
}
