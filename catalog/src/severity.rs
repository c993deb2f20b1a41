//! How grave a finding is, and what each grade asks of the school (`domain.md` §6.2).

use serde::{Deserialize, Serialize};

use crate::text::Lang;

/// The grade of a finding; a later one is graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// 一般提示
    L1,
    /// 一般
    L2,
    /// 较大
    L3,
    /// 重大隐患: danger to life.
    L4,
}

impl Severity {
    /// All grades, the lightest first.
    pub const ALL: [Severity; 4] = [Severity::L1, Severity::L2, Severity::L3, Severity::L4];

    /// The code that is stored: "L1" to "L4".
    pub fn code(self) -> &'static str {
        match self {
            Severity::L1 => "L1",
            Severity::L2 => "L2",
            Severity::L3 => "L3",
            Severity::L4 => "L4",
        }
    }

    /// The grade of a stored code.
    pub fn from_code(code: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|s| s.code() == code)
    }

    /// The word for it.
    pub fn label(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Severity::L1, Lang::ZhCn) => "一般提示",
            (Severity::L2, Lang::ZhCn) => "一般",
            (Severity::L3, Lang::ZhCn) => "较大",
            (Severity::L4, Lang::ZhCn) => "重大隐患",
            (Severity::L1, Lang::En) => "Minor",
            (Severity::L2, Lang::En) => "Ordinary",
            (Severity::L3, Lang::En) => "Major",
            (Severity::L4, Lang::En) => "Critical",
        }
    }

    /// What the school has to do and by when; defaults a district may change.
    pub fn requirement(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Severity::L1, Lang::ZhCn) => "下次督导前整改（不超过 40 天）",
            (Severity::L2, Lang::ZhCn) => "15 个工作日内整改",
            (Severity::L3, Lang::ZhCn) => "5 个工作日报方案，20 个工作日整改",
            (Severity::L4, Lang::ZhCn) => "立即停用；1 个工作日报方案，3 个工作日整改",
            (Severity::L1, Lang::En) => "Put right before the next visit (40 days at most)",
            (Severity::L2, Lang::En) => "Put right within 15 working days",
            (Severity::L3, Lang::En) => "Plan within 5 working days, put right within 20 working days",
            (Severity::L4, Lang::En) => "Stop use at once; plan within 1 working day, put right within 3 working days",
        }
    }

    /// Whether a fail needs a note, the place, and who was told (`domain.md` §8.2).
    pub fn needs_proof(self) -> bool {
        self >= Severity::L3
    }
}
