//! Refresh tokens: which generation of which sign-in, proved by a MAC, so that none is stored. Pure; the rows are in `store/sessions.rs`.

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use uuid::Uuid;

/// The cookie that carries the refresh token; the prefix makes browsers insist on `Secure` and `Path=/`.
pub const COOKIE: &str = "__Host-duxing";

/// A sign-in ends when its phone has not called for this many days.
pub const LIFETIME_DAYS: i64 = 90;

/// A generation younger than this is handed out again instead of replaced. A browser writes a cookie to its disk up to half a minute
/// after it got it, and pages opened in a hurry ask several times at once: neither may fall two generations behind and look stolen.
pub const SETTLED_AFTER_S: i64 = 60;

/// The opaque token of one generation of one sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// The district, which leads the key of the row.
    pub district: Uuid,
    /// The sign-in.
    pub family: Uuid,
    /// How often it was refreshed before.
    pub generation: i32,
}

impl RefreshToken {
    /// The text in the cookie: base64url(district ‖ family ‖ generation ‖ MAC).
    pub fn seal(self, key: &[u8; 32]) -> String {
        let mut bytes = self.body().to_vec();
        bytes.extend_from_slice(self.mac(key).as_bytes());
        BASE64.encode(bytes)
    }

    /// Reads a token made with `key`; `None` for anything else.
    pub fn open(text: &str, key: &[u8; 32]) -> Option<Self> {
        if text.len() > 128 {
            return None;
        }
        let bytes = BASE64.decode(text).ok()?;
        let (body, mac) = bytes.split_at_checked(36)?;
        let token = RefreshToken {
            district: Uuid::from_slice(&body[..16]).ok()?,
            family: Uuid::from_slice(&body[16..32]).ok()?,
            generation: i32::from_be_bytes(body[32..].try_into().ok()?),
        };
        let mac: [u8; 32] = mac.try_into().ok()?;
        // blake3::Hash compares in constant time.
        (token.mac(key) == mac && token.generation >= 0).then_some(token)
    }

    fn body(self) -> [u8; 36] {
        let mut body = [0; 36];
        body[..16].copy_from_slice(self.district.as_bytes());
        body[16..32].copy_from_slice(self.family.as_bytes());
        body[32..].copy_from_slice(&self.generation.to_be_bytes());
        body
    }

    fn mac(self, key: &[u8; 32]) -> blake3::Hash {
        blake3::keyed_hash(key, &self.body())
    }
}

/// The genuine refresh token of a request's cookies, if any.
pub fn presented(key: &[u8; 32], request: &HttpRequest) -> Option<RefreshToken> {
    let cookies = request
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    RefreshToken::open(value, key)
}

/// What to do with a genuine refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The newest one: hand out the next generation.
    Advance(i32),
    /// The newest one while it is young, or the one before, whose reply was lost on the way: hand out the newest again.
    Repeat(i32),
    /// An older one: two holders share the sign-in, so one of them stole it. End it.
    Reuse,
    /// One this database has not made yet: it was restored from a backup. Ask to sign in again, accuse nobody.
    Unknown,
}

/// Decides about generation `presented` when `current` is the newest that was handed out, `age_s` seconds ago.
pub fn rotate(presented: i32, current: i32, age_s: i64) -> Rotation {
    match current.checked_sub(presented) {
        Some(0) if age_s >= SETTLED_AFTER_S => Rotation::Advance(current.saturating_add(1)),
        Some(0 | 1) => Rotation::Repeat(current),
        Some(behind) if behind > 1 => Rotation::Reuse,
        _ => Rotation::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [9; 32];

    #[test]
    fn a_token_opens_with_its_key_and_unchanged() {
        let token = RefreshToken {
            district: Uuid::from_u128(1),
            family: Uuid::from_u128(77),
            generation: 3,
        };
        let text = token.seal(&KEY);
        assert_eq!(RefreshToken::open(&text, &KEY), Some(token));
        assert_eq!(RefreshToken::open(&text, &[8; 32]), None);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                RefreshToken::open(std::str::from_utf8(&bytes).unwrap(), &KEY),
                None,
                "byte {at}"
            );
        }
        for rubbish in ["", "A", "é", &text[1..], &format!("{text}AAAA"), &"A".repeat(10_000)] {
            assert_eq!(RefreshToken::open(rubbish, &KEY), None);
        }
    }

    #[test]
    fn a_lost_reply_signs_nobody_out_and_an_old_token_ends_the_sign_in() {
        assert_eq!(rotate(5, 5, 600), Rotation::Advance(6));
        assert_eq!(rotate(5, 6, 600), Rotation::Repeat(6), "the reply with 6 was lost");
        assert_eq!(rotate(6, 6, 600), Rotation::Advance(7));
        assert_eq!(rotate(5, 7, 600), Rotation::Reuse, "6 was used meanwhile");
        assert_eq!(rotate(0, i32::MAX, 600), Rotation::Reuse);
    }

    #[test]
    fn a_young_generation_is_handed_out_again() {
        assert_eq!(rotate(5, 5, 0), Rotation::Repeat(5));
        assert_eq!(rotate(4, 5, 0), Rotation::Repeat(5));
        assert_eq!(rotate(3, 5, 0), Rotation::Reuse);
        assert_eq!(rotate(5, 5, SETTLED_AFTER_S - 1), Rotation::Repeat(5));
        assert_eq!(rotate(5, 5, SETTLED_AFTER_S), Rotation::Advance(6));
        assert_eq!(rotate(5, 5, -600), Rotation::Repeat(5), "the clock was set back");
    }

    #[test]
    fn a_token_from_before_a_restore_is_unknown_not_stolen() {
        assert_eq!(rotate(9, 2, 600), Rotation::Unknown);
        assert_eq!(rotate(i32::MAX, 0, 600), Rotation::Unknown);
    }
}
