//! Why a group was turned down: stable codes, each with its manual entry.

use std::fmt;

/// A refusal of the protocol itself. The catalog's refusals (rights, workflow, field types) travel beside these as plain codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The line is not a group: broken JSON, a missing, unknown or repeated member, a value of the wrong type. Export it and tell support.
    GroupMalformed,
    /// The group was written in a version of the format that this server does not know yet. It is kept; update the server.
    GroupVersion,
    /// The group is larger than 256 KiB. Shorten the text or send it in parts.
    GroupTooLarge,
    /// The group holds more than 512 ops.
    GroupTooManyOps,
    /// The group writes one field twice.
    GroupRepeatsField,
    /// The group's author is not the person who sends it.
    GroupAuthor,
    /// A copy of a colleague's write, offered after a restore: the office decides.
    GroupWitness,
    /// A copy of a write that this server has after all: it is not needed.
    WitnessKnown,
    /// A text holds the character NUL, which no text may hold.
    TextNul,
    /// The author may not write in this bucket (or it does not exist).
    ScopeDenied,
    /// The record lives in another bucket.
    RecordElsewhere,
    /// The record's first group does not say what kind of record it is.
    RecordKindMissing,
    /// A record's kind never changes.
    RecordKindFixed,
    /// A state may only be changed by a command.
    CommandNeeded,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GroupMalformed => "group.malformed",
            Self::GroupVersion => "group.version",
            Self::GroupTooLarge => "group.too_large",
            Self::GroupTooManyOps => "group.too_many_ops",
            Self::GroupRepeatsField => "group.repeats_field",
            Self::GroupAuthor => "group.author",
            Self::GroupWitness => "group.witness",
            Self::WitnessKnown => "witness.known",
            Self::TextNul => "text.nul",
            Self::ScopeDenied => "scope.denied",
            Self::RecordElsewhere => "record.elsewhere",
            Self::RecordKindMissing => "record.kind_missing",
            Self::RecordKindFixed => "record.kind_fixed",
            Self::CommandNeeded => "command.needed",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
