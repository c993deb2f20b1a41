//! Passwords: Argon2id, off the request threads, a few at a time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::{Code, Error, Refused, Result};

/// Hashes computed at once: each takes 19 MiB and most of a core.
const AT_ONCE: usize = 2;

/// Characters of the shortest password somebody may choose.
const SHORTEST: usize = 10;

/// Who waits longer than this for a turn is asked to come back.
const LONGEST_QUEUE: Duration = Duration::from_secs(10);

/// What an unknown login is compared with, so that it takes as long as a known one.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash("nobody's").expect("Argon2 with default parameters"));

/// Computes passwords without crowding out everything else; cloning shares the limit.
#[derive(Clone)]
pub struct Hasher(Arc<Semaphore>);

impl Default for Hasher {
    fn default() -> Self {
        Hasher(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Hasher {
    /// Refuses `busy` when too many others wait; otherwise says whether `password` is the one `stored` was made from. `None` (no such person) costs the same and is false.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let turn = timeout(LONGEST_QUEUE, self.0.acquire()).await.map_err(|_| Code::Busy)?;
        let _turn = turn.map_err(|closed| Error::Internal(closed.into()))?;
        let known = stored.is_some();
        let right = tokio::task::spawn_blocking(move || matches(&password, stored.as_deref().unwrap_or(&NOBODYS)))
            .await
            .map_err(|stopped| Error::Internal(stopped.into()))?;
        Ok(right? && known)
    }

    /// The PHC string of a new password; refuses `busy` like [`Self::verify`].
    pub async fn hash(&self, password: String) -> Result<String> {
        let turn = timeout(LONGEST_QUEUE, self.0.acquire()).await.map_err(|_| Code::Busy)?;
        let _turn = turn.map_err(|closed| Error::Internal(closed.into()))?;
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
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_person_passes() {
        let hasher = Hasher::default();
        let stored = hash("correct horse").unwrap();
        assert!(
            hasher
                .verify("correct horse".into(), Some(stored.clone()))
                .await
                .unwrap()
        );
        assert!(!hasher.verify("correct hors".into(), Some(stored)).await.unwrap());
        assert!(
            !hasher.verify("nobody's".into(), None).await.unwrap(),
            "not even with the stand-in's password"
        );
        assert!(hasher.verify("x".into(), Some("not a hash".into())).await.is_err());
    }
}
