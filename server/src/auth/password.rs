//! Passwords: Argon2id, off the request threads, a few at a time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::error::{Code, Error, Refused, Result};

/// Hashes of one lane computed at once: each takes 19 MiB and most of a core.
const AT_ONCE: usize = 1;

/// Callers that may wait in one lane; whoever comes after them is told to come again at once.
pub const ROOM: usize = 64;

/// Characters of the shortest password somebody may choose.
const SHORTEST: usize = 10;

/// Who waits longer than this for a turn is asked to come back.
const LONGEST_QUEUE: Duration = Duration::from_secs(10);

/// How long a stranger who finds no place stands outside before they are told so, and how much longer for each who stands there already:
/// however many ask without end, no more than 500 a second are told.
const OUTSIDE: Duration = Duration::from_secs(1);
const OUTSIDE_EACH: Duration = Duration::from_millis(2);

/// Strangers that stand outside at once; all others are told right away.
const ROOM_OUTSIDE: usize = 8192;

/// What an unknown login is compared with, so that it takes as long as a known one.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash("nobody's").expect("Argon2 with default parameters"));

/// Who has a password computed: strangers stand in a lane of their own, so that no number of them keeps back those who were here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Somebody at the door, on a device on which this login never signed in.
    Stranger,
    /// Somebody on a device of theirs, or with a link of the office's.
    Known,
}

/// Computes passwords without crowding out everything else; cloning shares the lanes.
#[derive(Clone)]
pub struct Hasher {
    strangers: Lane,
    known: Lane,
    outside: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Hasher {
            strangers: Lane::default(),
            known: Lane::default(),
            outside: Arc::new(Semaphore::new(ROOM_OUTSIDE)),
        }
    }
}

#[derive(Clone)]
struct Lane {
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Default for Lane {
    fn default() -> Self {
        Lane {
            room: Arc::new(Semaphore::new(ROOM + AT_ONCE)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

/// A place in a lane, in which somebody may wait for their turn. It is given up when it is dropped.
pub struct Place {
    turns: Arc<Semaphore>,
    _room: OwnedSemaphorePermit,
}

/// A turn in a lane. It ends when it is dropped.
pub struct Turn {
    _place: Place,
    _turn: OwnedSemaphorePermit,
}

impl Place {
    /// Waits for a turn; refuses `busy` when it takes too long.
    pub async fn turn(self) -> Result<Turn> {
        let turn = timeout(LONGEST_QUEUE, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| Code::Busy)?;
        Ok(Turn {
            _place: self,
            _turn: turn.map_err(|closed| Error::Internal(closed.into()))?,
        })
    }
}

impl Hasher {
    /// A place in a lane. Refuses `busy` when too many wait already: those who are known at once, strangers after a while outside.
    pub async fn place(&self, caller: Caller) -> Result<Place> {
        let lane = match caller {
            Caller::Stranger => &self.strangers,
            Caller::Known => &self.known,
        };
        if let Ok(room) = lane.room.clone().try_acquire_owned() {
            return Ok(Place {
                turns: lane.turns.clone(),
                _room: room,
            });
        }
        if caller == Caller::Stranger
            && let Ok(_outside) = self.outside.try_acquire()
        {
            let there = ROOM_OUTSIDE - self.outside.available_permits();
            sleep(OUTSIDE + OUTSIDE_EACH * u32::try_from(there).unwrap_or(u32::MAX)).await;
        }
        Err(Code::Busy.into())
    }

    /// Refuses `busy` like [`Self::place`] and [`Place::turn`]; otherwise as [`Self::verify_in`].
    pub async fn verify(&self, caller: Caller, password: String, stored: Option<String>) -> Result<bool> {
        self.verify_in(self.place(caller).await?, password, stored).await
    }

    /// Whether `password` is the one `stored` was made from. `None` (no such person) costs the same and is false.
    pub async fn verify_in(&self, place: Place, password: String, stored: Option<String>) -> Result<bool> {
        let _turn = place.turn().await?;
        let known = stored.is_some();
        let right = tokio::task::spawn_blocking(move || matches(&password, stored.as_deref().unwrap_or(&NOBODYS)))
            .await
            .map_err(|stopped| Error::Internal(stopped.into()))?;
        Ok(right? && known)
    }

    /// The PHC string of a new password; refuses `busy` like [`Self::place`] and [`Place::turn`].
    pub async fn hash(&self, caller: Caller, password: String) -> Result<String> {
        let _turn = self.place(caller).await?.turn().await?;
        let hashed = tokio::task::spawn_blocking(move || hash(&password)).await;
        Ok(hashed.map_err(|stopped| Error::Internal(stopped.into()))??)
    }
}

/// Refuses a password that is too easily guessed: `password.blank`, `password.short`.
pub fn refuse_weak(password: &str) -> Result<(), Refused> {
    if password.trim().is_empty() {
        return Err(Refused(Code::PasswordBlank));
    }
    match password.chars().count() < SHORTEST {
        true => Err(Refused(Code::PasswordShort)),
        false => Ok(()),
    }
}

/// The PHC string of a new password, with a random salt. Takes about 20 ms of CPU.
pub fn hash(password: &str) -> anyhow::Result<String> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| anyhow!("cannot hash a password: {error}"))?;
    Ok(hash.to_string())
}

fn matches(password: &str, stored: &str) -> anyhow::Result<bool> {
    let stored = PasswordHash::new(stored).map_err(|error| anyhow!("a stored password hash is unreadable: {error}"))?;
    match Argon2::default().verify_password(password.as_bytes(), &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(anyhow!("cannot check a password: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_person_passes() {
        let hasher = Hasher::default();
        let stored = hash("correct horse").unwrap();
        assert!(
            hasher
                .verify(Caller::Known, "correct horse".into(), Some(stored.clone()))
                .await
                .unwrap()
        );
        assert!(
            !hasher
                .verify(Caller::Known, "correct hors".into(), Some(stored))
                .await
                .unwrap()
        );
        assert!(
            !hasher.verify(Caller::Stranger, "nobody's".into(), None).await.unwrap(),
            "not even with the stand-in's password"
        );
        assert!(
            hasher
                .verify(Caller::Known, "x".into(), Some("not a hash".into()))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_full_lane_sends_strangers_away_after_a_while_and_the_other_one_goes_on() {
        let hasher = Hasher::default();
        let first = hasher.place(Caller::Stranger).await.unwrap().turn().await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..ROOM {
            let place = hasher.place(Caller::Stranger).await.unwrap();
            waiting.push(Box::pin(place.turn()));
        }
        for turn in &mut waiting {
            assert!(turn.now_or_never().is_none(), "they wait");
        }
        let came = Instant::now();
        let refused = hasher.place(Caller::Stranger).await;
        assert!(matches!(refused, Err(Error::Refused(Code::Busy))));
        assert!(came.elapsed() >= OUTSIDE);
        assert!(hasher.place(Caller::Known).await.is_ok());
        drop(first);
        waiting.remove(0).await.unwrap();
    }

    #[tokio::test]
    async fn who_is_known_and_whoever_finds_no_room_outside_is_told_at_once() {
        let hasher = Hasher::default();
        let _strangers = hold_all(&hasher, Caller::Stranger).await;
        let _known = hold_all(&hasher, Caller::Known).await;
        assert!(hasher.place(Caller::Known).now_or_never().expect("at once").is_err());
        let mut outside: Vec<_> = (0..ROOM_OUTSIDE)
            .map(|_| Box::pin(hasher.place(Caller::Stranger)))
            .collect();
        for stranger in &mut outside {
            assert!(stranger.now_or_never().is_none(), "they stand outside");
        }
        assert!(hasher.place(Caller::Stranger).now_or_never().expect("at once").is_err());
    }

    async fn hold_all(hasher: &Hasher, caller: Caller) -> Vec<Place> {
        let mut held = Vec::new();
        for _ in 0..ROOM + AT_ONCE {
            held.push(hasher.place(caller).await.unwrap());
        }
        held
    }
}
