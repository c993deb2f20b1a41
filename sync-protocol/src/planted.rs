//! Mistakes that can be switched on to see whether the simulator finds them. Without the feature `planted` none can.

/// A mistake that somebody has made in a system like this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Changes are numbered by a sequence instead of a counter locked until the commit is visible.
    SequenceCursor,
    /// A write claims to have seen whatever is in the local database when it is saved.
    BaseFromDatabase,
    /// An acknowledged group leaves the overlay before a checkpoint contains it.
    DropOnAck,
    /// A base dot that has not arrived is forgotten instead of remembered.
    NoGhosts,
    /// Pages show as they come, before their checkpoint.
    PageByPage,
    /// Acknowledgements of a server that was restored are still believed.
    AcksAcrossEpochs,
    /// Cursors of a server that was restored are still used.
    CursorAcrossEpochs,
    /// A group that is sent twice counts twice.
    NoDedupe,
    /// A bucket that may no longer be read is not taken from the phone.
    ScopeMissingOnRemovals,
    /// A 401 empties the phone.
    WipeOn401,
    /// Nothing is sent while the oldest group stands refused.
    QueueBlockedByRefusal,
    /// Of two new elements of one set in one action only the first is written.
    SecondPhotoDropped,
    /// A record that moved to another bucket is not taken from those who carry the old one.
    DepartureForgotten,
    /// A witness copy counts as a write of its own beside the one it copies.
    CopyCountsTwice,
    /// A damaged bucket is taken for whole because its mark says so.
    MarkBelieved,
    /// A late write goes into a sealed field as if nobody had signed it.
    SealIgnored,
}

impl Bug {
    pub const ALL: [Self; 16] = [
        Self::SequenceCursor,
        Self::BaseFromDatabase,
        Self::DropOnAck,
        Self::NoGhosts,
        Self::PageByPage,
        Self::AcksAcrossEpochs,
        Self::CursorAcrossEpochs,
        Self::NoDedupe,
        Self::ScopeMissingOnRemovals,
        Self::WipeOn401,
        Self::QueueBlockedByRefusal,
        Self::SecondPhotoDropped,
        Self::DepartureForgotten,
        Self::CopyCountsTwice,
        Self::MarkBelieved,
        Self::SealIgnored,
    ];
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants one mistake in this thread, or none.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this mistake is to be made.
#[cfg(feature = "planted")]
pub fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this mistake is to be made: never, without the feature.
#[cfg(not(feature = "planted"))]
pub const fn planted(_: Bug) -> bool {
    false
}
