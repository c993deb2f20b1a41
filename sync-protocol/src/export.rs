//! Groups that travel by hand: a file with a header line and the exact line of each group. Carries them; never judges one.

use serde::{Deserialize, Serialize};

use crate::replica::Author;
use crate::{DeviceId, PersonId};

/// The newest form of the file that this program writes and reads.
const FORM: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportHeader {
    /// The form of the file: 1.
    pub duxing_export: u32,
    /// Whose work it is, and on which installation it was saved.
    pub person: PersonId,
    pub device: DeviceId,
    /// That device's clock, ms since 1970.
    pub made_at: i64,
    /// How many lines follow, so that a file that was cut short is noticed.
    pub groups: usize,
}

/// A file of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub header: ExportHeader,
    /// The groups' exact bytes, each without its line end.
    pub lines: Vec<String>,
}

/// Why a text is not such a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFault {
    /// It does not begin as one.
    NotOurs,
    /// A newer version of the program wrote it.
    Newer,
    /// Lines are missing, or there are more than it says.
    Incomplete,
}

#[derive(Deserialize)]
struct Form {
    duxing_export: u32,
}

impl Export {
    /// Damaged lines go along as they are; one that was torn into several counts as several.
    pub fn new<'a>(author: &Author, made_at: i64, lines: impl IntoIterator<Item = &'a str>) -> Self {
        let lines: Vec<String> = lines.into_iter().flat_map(whole_lines).map(str::to_owned).collect();
        let header = ExportHeader {
            duxing_export: FORM,
            person: author.person.clone(),
            device: author.device.clone(),
            made_at,
            groups: lines.len(),
        };
        Self { header, lines }
    }

    pub fn to_text(&self) -> String {
        let header = serde_json::to_string(&self.header).expect("a header has only text keys");
        let lines = std::iter::once(&header).chain(&self.lines);
        lines.fold(String::new(), |text, line| text + line + "\n")
    }

    /// Reads a file. Line ends that a mail program changed and empty lines at its end do not matter.
    pub fn read(text: &str) -> Result<Self, ExportFault> {
        let mut lines = whole_lines(text);
        let first = lines.next().unwrap_or_default();
        let Form { duxing_export: form } = serde_json::from_str(first).map_err(|_| ExportFault::NotOurs)?;
        if form > FORM {
            return Err(ExportFault::Newer);
        }
        let header: ExportHeader = serde_json::from_str(first).map_err(|_| ExportFault::NotOurs)?;
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        match lines.len() == header.groups {
            true => Ok(Self { header, lines }),
            false => Err(ExportFault::Incomplete),
        }
    }
}

fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author() -> Author {
        let id = "0190a2b4-7c3d-7e11-8f00-0123456789ab";
        Author {
            person: id.parse().unwrap(),
            device: id.parse().unwrap(),
        }
    }

    #[test]
    fn every_line_comes_back_byte_for_byte() {
        let lines = [r#"{"v":1,"note":"灯\u0000 不亮"}"#, "torn {\"v\":1", "  spaced  "];
        let text = Export::new(&author(), 7, lines).to_text();
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            r#"{"duxing_export":1,"person":"0190a2b4-7c3d-7e11-8f00-0123456789ab","device":"0190a2b4-7c3d-7e11-8f00-0123456789ab","made_at":7,"groups":3}"#
        );
        assert_eq!(Export::read(&text).unwrap().lines, lines);
        let by_mail = text.replace('\n', "\r\n") + "\r\n";
        assert_eq!(Export::read(&by_mail).unwrap().lines, lines);
    }

    #[test]
    fn what_is_no_whole_file_says_why() {
        let text = Export::new(&author(), 7, ["{}", "{ }"]).to_text();
        let cut: String = text.lines().take(2).collect::<Vec<_>>().join("\n");
        for (text, fault) in [
            ("", ExportFault::NotOurs),
            ("a letter\n{}", ExportFault::NotOurs),
            (r#"{"groups":0}"#, ExportFault::NotOurs),
            (r#"{"duxing_export":1,"groups":0}"#, ExportFault::NotOurs),
            (r#"{"duxing_export":2,"sealed":true}"#, ExportFault::Newer),
            (cut.as_str(), ExportFault::Incomplete),
            (format!("{text}{{}}").as_str(), ExportFault::Incomplete),
        ] {
            assert_eq!(Export::read(text), Err(fault), "{text}");
        }
    }
}
