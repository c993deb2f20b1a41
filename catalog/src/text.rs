//! A built-in text in the two languages; never what people typed, which stays in the language it was typed in.

use serde::Deserialize;

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lang {
    /// Chinese as written in mainland China.
    ZhCn,
    /// English.
    En,
}

/// One text, both languages. In a definition it is written `["中文", "English"]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "(String, String)")]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Text {
    /// A text of two known strings.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Text {
        Text {
            zh: zh.into(),
            en: en.into(),
        }
    }

    /// The text in one language.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::ZhCn => &self.zh,
            Lang::En => &self.en,
        }
    }

    /// Whether there is nothing to show in either language.
    pub fn is_empty(&self) -> bool {
        self.zh.is_empty() && self.en.is_empty()
    }
}

impl From<(String, String)> for Text {
    fn from((zh, en): (String, String)) -> Text {
        Text { zh, en }
    }
}
