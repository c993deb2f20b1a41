//! What an author of definitions is told: the file, the line, what is wrong and what to do. Each kind of mistake once.

use catalog::{Mistake, lint};
use proptest::prelude::*;

/// A small sound checklist; mistakes are made in it by replacing one line.
const READING_ROOM: &str = r#"code = "reading-room"
version = 1
title = ["阅览室检查", "Reading room"]
bands = [
    { code = "A", label = ["优", "Good"], from = "90" },
    { code = "D", label = ["不合格", "Failing"], from = "0" },
]
caps = { L4 = "D" }
red_lines = ["D"]
facts = [{ name = "boarders", label = ["寄宿生人数", "Boarders"], kind = "number" }]

[[flags]]
code = "RR-FLAG.1"
when = "rated() and score(RR1) < 60"
title = ["得分低", "A low score"]

[[sections]]
code = "RR1"
title = ["开放与照明", "Opening & light"]
short = ["开放", "Open"]
weight = 100
matter = "ethos"

[[sections.items]]
code = "RR1.1"
weight = 3
severity = "L2"
red_line = true
title = ["照度达标", "Bright enough"]
help = ["在最暗的座位量。", "Measure at the darkest seat."]
inputs = [{ suffix = "n", kind = "int", label = ["照度", "Light"], unit = ["勒克斯", "lx"] }]
checks = [{ input = "n", threshold = "LIGHT" }]

[[sections.items]]
code = "RR1.2"
weight = 1
severity = "L1"
title = ["晚间开放", "Open in the evening"]
show_if = "boarders > 0"
why_shown = ["因本校有寄宿生而出现", "Shown because the school has boarders"]

[[sections.items]]
code = "RR1.3"
kind = "one"
title = ["管理员", "Librarian"]
options = [["none", "无", "None"], ["full", "专职", "Full-time"]]

[[sections.items]]
code = "RR1.4"
kind = "scale"
weight = 2
title = ["氛围", "Atmosphere"]
levels = [["很好", "Very good"], ["好", "Good"], ["一般", "Fair"], ["差", "Poor"]]

[[sections.items]]
code = "RR1.5"
kind = "samples"
weight = 2
severity = "L1"
title = ["每周阅读", "Reading a week"]
sampling = { of = "minutes", threshold = "LIGHT", classes = 2, advised = 4, pupils = 10 }

[[sections.items]]
code = "RR1.6"
kind = "measured"
weight = 1
severity = "L1"
title = ["损坏图书", "Damaged books"]
inputs = [{ suffix = "n", kind = "int", label = ["本数", "Books"] }]
grades = [{ at_most = "0", points = 100 }, { at_most = "9", points = 50 }]
"#;

const THRESHOLDS: &str = r#"[[thresholds]]
code = "LIGHT"
title = ["照度", "Light"]
op = "at_least"
unit = ["勒克斯", "lx"]
level = "red"
effective_from = "2020-01-01"
basis = ["示例", "Example"]
limit = "300"
"#;

const CHECKLIST: &str = "reading-room.toml";

fn mistakes(checklist: &str, thresholds: &str) -> Vec<Mistake> {
    lint(&[(CHECKLIST, checklist), ("thresholds.toml", thresholds)])
}

/// Replaces a text that is there once, and gives the line of the change.
fn changed(text: &str, from: &str, to: &str) -> (String, usize) {
    assert_eq!(text.matches(from).count(), 1, "{from:?} is to be there once");
    let at = text.find(from).expect("it is there");
    (text.replace(from, to), 1 + text[..at].matches('\n').count())
}

/// What is replaced, by what, and words of the message. A key that is taken away is told at its item.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("version = 1", "version = \"one\"", "invalid type"),
    ("version = 1", "verson = 1", "unknown field `verson`"),
    (
        "title = [\"阅览室检查\", \"Reading room\"]",
        "title = [\"阅览室检查\"]",
        "write texts as",
    ),
    (
        "title = [\"照度达标\", \"Bright enough\"]",
        "title = [\"照度达标\", \"\"]",
        "title is missing in a language",
    ),
    (
        "help = [\"在最暗的座位量。\", \"Measure at the darkest seat.\"]",
        "help = [\"\", \"Measure.\"]",
        "help is missing in a language",
    ),
    (
        "short = [\"开放\", \"Open\"]",
        "short = [\"\", \"\"]",
        "short is missing in a language",
    ),
    ("from = \"90\"", "from = \"high\"", "is not a number"),
    (
        "{ code = \"D\", label = [\"不合格\", \"Failing\"], from = \"0\" }",
        "{ code = \"D\", label = [\"不合格\", \"Failing\"], from = \"10\" }",
        "bands must fall",
    ),
    ("caps = { L4 = \"D\" }", "caps = { L4 = \"E\" }", "unknown band \"E\""),
    ("red_lines = [\"D\"]", "red_lines = [\"E\"]", "unknown band \"E\""),
    ("red_lines = [\"D\"]", "", "red_lines is missing"),
    (
        "when = \"rated() and score(RR1) < 60\"",
        "when = \"rated() and score(RR9) < 60\"",
        "unknown section",
    ),
    (
        "when = \"rated() and score(RR1) < 60\"",
        "when = \"score() + 1\"",
        "is not true or false",
    ),
    ("weight = 100", "weight = 90", "add up to 90; make them 100"),
    (
        "matter = \"ethos\"",
        "matter = \"weather\"",
        "not one of the eight matters",
    ),
    ("code = \"RR1.2\"", "code = \"RR1.1\"", "is defined twice"),
    ("code = \"RR1.2\"", "code = \"RR1/2\"", "cannot be a code"),
    ("severity = \"L2\"", "severity = \"L9\"", "unknown variant `L9`"),
    ("severity = \"L2\"\nred_line = true", "", "needs a severity"),
    (
        "kind = \"int\", label = [\"照度\", \"Light\"]",
        "kind = \"lux\", label = [\"照度\", \"Light\"]",
        "unknown variant `lux`",
    ),
    (
        "suffix = \"n\", kind = \"int\", label = [\"照度\"",
        "suffix = \"lux\", kind = \"int\", label = [\"照度\"",
        "use n, n2 or date",
    ),
    (
        "checks = [{ input = \"n\", threshold = \"LIGHT\" }]",
        "checks = [{ input = \"n\", threshold = \"GLARE\" }]",
        "not in the threshold table",
    ),
    (
        "checks = [{ input = \"n\", threshold = \"LIGHT\" }]",
        "checks = [{ input = \"n2\", threshold = \"LIGHT\" }]",
        "does not have",
    ),
    (
        "checks = [{ input = \"n\", threshold = \"LIGHT\" }]",
        "checks = [{ input = \"n\" }]",
        "exactly one limit",
    ),
    (
        "show_if = \"boarders > 0\"",
        "show_if = \"boarders >\"",
        "cannot be read at 10",
    ),
    (
        "show_if = \"boarders > 0\"",
        "show_if = \"lodgers > 0\"",
        "unknown \"lodgers\"",
    ),
    (
        "show_if = \"boarders > 0\"",
        "show_if = \"boarders == 'many'\"",
        "different kinds",
    ),
    (
        "show_if = \"boarders > 0\"",
        "show_if = \"RR1.3 == 'half'\"",
        "cannot be answered",
    ),
    (
        "show_if = \"boarders > 0\"",
        "show_if = \"RR1.3 == 'none' and RR1.3 == 'full'\"",
        "can never hold",
    ),
    (
        "show_if = \"boarders > 0\"",
        "show_if = \"score() > 50\"",
        "asks for a result",
    ),
    (
        "show_if = \"boarders > 0\"",
        "show_if = \"answered(RR1.2)\"",
        "in a circle",
    ),
    (
        "show_if = \"boarders > 0\"",
        "show_if = \"number(RR1.1, n2) > 0\"",
        "does not have",
    ),
    (
        "why_shown = [\"因本校有寄宿生而出现\", \"Shown because the school has boarders\"]",
        "why_shown = [\"因\", \"\"]",
        "why_shown is missing",
    ),
    (
        "options = [[\"none\", \"无\", \"None\"], [\"full\", \"专职\", \"Full-time\"]]",
        "",
        "needs options",
    ),
    (
        "[\"full\", \"专职\", \"Full-time\"]]",
        "[\"none\", \"专职\", \"Full-time\"]]",
        "twice",
    ),
    ("[\"差\", \"Poor\"]]", "]", "describe all four"),
    (
        "weight = 2\ntitle = [\"氛围\"",
        "title = [\"氛围\"",
        "weight 0 does not fit",
    ),
    ("advised = 4", "advised = 1", "fewer classes than it asks for"),
    (
        "of = \"minutes\", threshold = \"LIGHT\"",
        "of = \"minutes\"",
        "needs a threshold",
    ),
    (
        "{ at_most = \"9\", points = 50 }",
        "{ at_most = \"9\", points = 150 }",
        "points are of 100",
    ),
    (
        "{ at_most = \"9\", points = 50 }",
        "{ at_most = \"0\", points = 50 }",
        "at_most must rise",
    ),
];

const MISTAKES_IN_THRESHOLDS: &[(&str, &str, &str)] = &[
    ("basis = [\"示例\", \"Example\"]", "", "missing field `basis`"),
    (
        "basis = [\"示例\", \"Example\"]",
        "basis = [\"\", \"\"]",
        "basis is missing in a language",
    ),
    ("limit = \"300\"", "limit = \"much\"", "is not a number"),
    (
        "limit = \"300\"",
        "limit_by_band = { P7 = \"300\" }",
        "not a school band",
    ),
    ("limit = \"300\"", "", "exactly one of limit"),
    (
        "effective_from = \"2020-01-01\"",
        "effective_from = \"2020-13-01\"",
        "is not a date",
    ),
    (
        "effective_from = \"2020-01-01\"",
        "effective_from = \"2020-01-01\"\neffective_to = \"2019-01-01\"",
        "swap them",
    ),
    ("op = \"at_least\"", "op = \"about\"", "unknown variant `about`"),
];

#[test]
fn what_is_sound_is_not_complained_about() {
    assert_eq!(mistakes(READING_ROOM, THRESHOLDS), []);
}

#[test]
fn each_kind_of_mistake_is_told_with_its_file_its_line_and_what_to_do() {
    for (in_checklist, table) in [(true, MISTAKES), (false, MISTAKES_IN_THRESHOLDS)] {
        for (from, to, words) in table {
            let source = if in_checklist { READING_ROOM } else { THRESHOLDS };
            let (text, line) = changed(source, from, to);
            let told = if in_checklist {
                mistakes(&text, THRESHOLDS)
            } else {
                mistakes(READING_ROOM, &text)
            };
            let fits = |mistake: &&Mistake| mistake.what.contains(words);
            let mistake = told.iter().find(fits).unwrap_or_else(|| panic!("{to:?}: {told:#?}"));
            let file = if in_checklist { CHECKLIST } else { "thresholds.toml" };
            assert_eq!(mistake.file, file, "{to:?}: {mistake}");
            // What only the whole checklist shows is told at its head.
            let of_the_whole = mistake.what.starts_with("reading-room: ");
            let near = mistake.line.abs_diff(line) <= 8;
            assert!(near || of_the_whole, "{to:?} was changed in line {line}: {mistake}");
            assert!(mistake.what.contains([':', ';', ',']), "says what to do: {mistake}");
        }
    }
}

#[test]
fn a_key_that_is_wrong_is_told_at_its_very_line() {
    for (from, to) in [
        ("show_if = \"boarders > 0\"", "show_if = \"boarders >\""),
        (
            "help = [\"在最暗的座位量。\", \"Measure at the darkest seat.\"]",
            "help = [\"\", \"Measure.\"]",
        ),
        ("version = 1", "verson = 1"),
        ("severity = \"L2\"", "severity = \"L9\""),
        ("advised = 4", "advised = 1"),
    ] {
        let (text, line) = changed(READING_ROOM, from, to);
        let told = mistakes(&text, THRESHOLDS);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert_eq!(told[0].line, line, "{}", told[0]);
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let (text, _) = changed(
        READING_ROOM,
        "title = [\"照度达标\", \"Bright enough\"]",
        "title = [\"照度达标\", \"\"]",
    );
    let (text, _) = changed(&text, "show_if = \"boarders > 0\"", "show_if = \"boarders >\"");
    let (text, _) = changed(&text, "advised = 4", "advised = 1");
    assert_eq!(mistakes(&text, THRESHOLDS).len(), 3);
}

#[test]
fn every_shipped_definition_is_sound() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("definitions");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the definitions") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        files.push((path.display().to_string(), text));
    }
    assert!(files.len() >= 6);
    let given: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let told = lint(&given);
    assert!(told.is_empty(), "{told:#?}");
}

proptest! {
    #[test]
    fn a_damaged_file_is_complained_about_and_never_panics(at in 0usize..READING_ROOM.len(), junk in "\\PC{0,6}|[\\[\\]{}=\"\n]{1,3}") {
        let at = (0..=at).rev().find(|at| READING_ROOM.is_char_boundary(*at)).expect("0 is one");
        let mut text = READING_ROOM.to_owned();
        text.insert_str(at, &junk);
        for mistake in mistakes(&text, THRESHOLDS) {
            prop_assert!(mistake.line <= text.lines().count() + 1 && !mistake.what.is_empty());
        }
    }
}
