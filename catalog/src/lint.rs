//! Finds what is wrong in definition files and says in which file and line, for the people who write them.

use std::fmt;

use serde::Deserialize;

use crate::{
    definitions::{
        DefinitionError, catalog_of,
        written::{WrittenCatalog, WrittenChecklist, WrittenThreshold},
    },
    kind::{Kind, Role},
};

/// Something to put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Name of the file as it was given.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, where, and what to do.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Everything that is wrong in these files, given as (name, text). Files that cannot be read at all are told first, because
/// without them nothing else can be judged.
pub fn lint(files: &[(&str, &str)]) -> Vec<Mistake> {
    let mut written = WrittenCatalog::default();
    let mut mistakes = Vec::new();
    for (name, text) in files {
        if let Err(error) = read(text, &mut written) {
            let at = error.span().map_or(0, |span| span.start);
            mistakes.push(Mistake {
                file: (*name).to_owned(),
                line: line_at(text, at),
                what: explained(error.message()),
            });
        }
    }
    if !mistakes.is_empty() {
        return mistakes;
    }
    match catalog_of(written) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| place(files, error)).collect(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kinds {
    kinds: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    thresholds: Vec<WrittenThreshold>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    roles: Vec<Role>,
}

/// One file, whatever it holds. Read again as what it is, so that a mistake has its place in the text.
fn read(text: &str, into: &mut WrittenCatalog) -> Result<(), toml::de::Error> {
    let keys: toml::Table = toml::from_str(text)?;
    if keys.contains_key("kinds") {
        into.kinds.extend(toml::from_str::<Kinds>(text)?.kinds);
    } else if keys.contains_key("thresholds") {
        let more = toml::from_str::<Thresholds>(text)?;
        into.thresholds.extend(more.thresholds);
    } else if keys.contains_key("roles") {
        into.roles.extend(toml::from_str::<Roles>(text)?.roles);
    } else {
        into.checklists.push(toml::from_str::<WrittenChecklist>(text)?);
    }
    Ok(())
}

/// The parser's words with what to do about them.
fn explained(message: &str) -> String {
    let message = message.trim().replace('\n', ", ");
    let todo = if message.contains("unknown field") {
        "correct the key, or leave it out"
    } else if message.contains("missing field") {
        "add it"
    } else if message.contains("unknown variant") {
        "use one of those"
    } else if message.contains("invalid length") || message.contains("tuple") {
        "write texts as [\"中文\", \"English\"]"
    } else {
        "see docs/catalog.md for the form"
    };
    format!("{message}: {todo}")
}

fn line_at(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// Where a mistake stands: in the file of its checklist, at the code it names, and there at the key it speaks of.
fn place(files: &[(&str, &str)], error: DefinitionError) -> Mistake {
    let words: Vec<&str> = error.place.split_whitespace().collect();
    let named = |word: &&&str| files.iter().any(|(_, text)| line_of_code(text, word).is_some());
    let code = words.iter().rev().find(named).copied().unwrap_or_default();
    let holds = |text: &str| {
        words
            .iter()
            .all(|word| !is_code(files, word) || line_of_code(text, word).is_some())
    };
    let file = files
        .iter()
        .find(|(_, text)| holds(text) && line_of_code(text, code).is_some())
        .or(files.first());
    let (name, text) = file.copied().unwrap_or_default();
    Mistake {
        file: name.to_owned(),
        line: line_of(text, code, &error.what),
        what: error.to_string(),
    }
}

fn is_code(files: &[(&str, &str)], word: &str) -> bool {
    files.iter().any(|(_, text)| line_of_code(text, word).is_some())
}

/// Index of the line that gives something this code.
fn line_of_code(text: &str, code: &str) -> Option<usize> {
    let (double, name) = (format!("code = \"{code}\""), format!("name = \"{code}\""));
    text.lines()
        .position(|line| line.contains(&double) || line.contains(&name))
}

/// The line of the first key of the block that the message speaks of; else the code's own.
fn line_of(text: &str, code: &str, what: &str) -> usize {
    let Some(start) = line_of_code(text, code) else {
        return 1;
    };
    let block = text.lines().skip(start).enumerate();
    let in_block = block.take_while(|(nth, line)| *nth == 0 || !line.starts_with("[["));
    let speaks_of = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        !matches!(key, "" | "code") && !key.starts_with('#') && says(what, key)
    };
    let found = in_block.filter(|(_, line)| speaks_of(line)).map(|(nth, _)| nth).next();
    start + found.unwrap_or(0) + 1
}

fn says(what: &str, key: &str) -> bool {
    what.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| word == key)
}
