//! Time-based codes (RFC 6238) and recovery codes: made, sealed, checked. Pure but for drawing secrets; the rows are in
//! `store/second_factors.rs`. By hand on `hmac` and `sha1`: twenty lines that the RFC's own vectors prove, against a crate with a dozen options.

use hmac::{Hmac, Mac};
use sha1::Sha1;
use sync_protocol::safe::SafeKey;
use uuid::Uuid;

use crate::store::rights::OFFICE_ROLES;

/// Seconds of one time step.
const STEP_S: i64 = 30;
/// Steps that two clocks may differ by, each way.
const DRIFT: i64 = 1;
/// What a code is counted modulo: six digits.
const DIGITS: u32 = 1_000_000;
/// Bytes of a secret, as many as the hash has (RFC 4226, section 4).
const SECRET: usize = 20;
/// Recovery codes handed out at once.
pub const RECOVERY_CODES: usize = 8;
/// The longest text that is looked at as a code, in characters.
pub const LONGEST_CODE: usize = 40;

/// Whether office roles must have a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorRule {
    /// Without one they are let in to set one up, and to nothing else.
    Demanded,
    /// Whoever wants one has one.
    Offered,
}

impl FactorRule {
    /// Whether somebody with these roles must have one.
    pub fn demands_of(self, roles: &[String]) -> bool {
        self == FactorRule::Demanded && roles.iter().any(|role| OFFICE_ROLES.contains(&role.as_str()))
    }
}

/// The secret that a person's device and this server share.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET]);

/// What somebody typed: a code of this half minute, or one of the codes on paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// Six digits.
    Timed(u32),
    /// The hash under which a recovery code is stored.
    Recovery([u8; 32]),
}

impl Secret {
    /// A new one.
    pub fn fresh() -> Self {
        Secret(rand::random())
    }

    /// Sealed for its owner: moved to another row it does not open.
    pub fn seal(&self, key: &SafeKey, district: Uuid, person: Uuid) -> Vec<u8> {
        key.seal(&place(district, person), &self.0, rand::random())
    }

    /// The secret sealed with `key` for this person; `None` for anything else.
    pub fn open(sealed: &[u8], key: &SafeKey, district: Uuid, person: Uuid) -> Option<Self> {
        let secret = key.open(&place(district, person), sealed)?;
        Some(Secret(secret.try_into().ok()?))
    }

    /// The spelling that people type into their device: base32 without padding (RFC 4648).
    pub fn spelt(&self) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bit = |at: usize| self.0[at / 8] >> (7 - at % 8) & 1;
        let letter = |nth: usize| (0..5).fold(0, |value, at| value << 1 | bit(nth * 5 + at));
        (0..SECRET * 8 / 5)
            .map(|nth| char::from(LETTERS[usize::from(letter(nth))]))
            .collect()
    }

    /// What a QR code carries to the device: `otpauth://totp/…`.
    pub fn uri(&self, login: &str) -> String {
        let account: String = login.bytes().map(percent).collect();
        format!(
            "otpauth://totp/Duxing:{account}?secret={}&issuer=Duxing&algorithm=SHA1&digits=6&period=30",
            self.spelt()
        )
    }

    /// The step near `now_s` (Unix seconds) that this code belongs to, if it is newer than `last_step`.
    pub fn step_of(&self, code: u32, now_s: i64, last_step: i64) -> Option<i64> {
        let now = now_s.div_euclid(STEP_S);
        (now - DRIFT..=now + DRIFT).find(|step| *step > last_step && self.code(*step) == code)
    }

    /// The code of a time step (RFC 4226, section 5.3).
    pub fn code(&self, step: i64) -> u32 {
        let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(&self.0).expect("a key may have any length");
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let at = usize::from(hash[19] & 0xf);
        let four = [hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]];
        u32::from_be_bytes(four) % DIGITS
    }
}

impl Typed {
    /// Reads what somebody typed, blanks and dashes apart; `None` for what can be no code at all.
    pub fn read(text: &str) -> Option<Self> {
        if text.chars().count() > LONGEST_CODE {
            return None;
        }
        let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        match plain.len() {
            6 if plain.bytes().all(|byte| byte.is_ascii_digit()) => plain.parse().ok().map(Typed::Timed),
            16 => Some(Typed::Recovery(hash_of(&plain.to_ascii_lowercase()))),
            _ => None,
        }
    }
}

/// New recovery codes, such as `abcd-efgh-jkmn-pqrs`: 79 random bits each, so that their hashes need no salt and no slowness.
pub fn fresh_recovery_codes() -> Vec<String> {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let four = || -> String {
        (0..4)
            .map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]))
            .collect()
    };
    (0..RECOVERY_CODES)
        .map(|_| [four(), four(), four(), four()].join("-"))
        .collect()
}

fn hash_of(plain: &str) -> [u8; 32] {
    blake3::derive_key("duxing 2026-11-28 recovery code", plain.as_bytes())
}

fn place(district: Uuid, person: Uuid) -> String {
    format!("second-factor/{district}/{person}")
}

fn percent(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, and RFC 4226, appendix D, whose codes have eight and six digits: the last six are the same.
    #[test]
    fn the_codes_are_those_of_the_rfcs() {
        let secret = Secret(*b"12345678901234567890");
        for (at_s, eight_digits) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000_i64, 65_353_130),
        ] {
            assert_eq!(secret.code(at_s / STEP_S), eight_digits % DIGITS, "{at_s}");
        }
        let counted = [
            755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489,
        ];
        for (step, code) in counted.into_iter().enumerate() {
            assert_eq!(secret.code(step as i64), code, "{step}");
        }
    }

    #[test]
    fn a_code_is_good_for_its_half_minute_and_its_neighbours_and_once() {
        let secret = Secret::fresh();
        let now = 1_800_000_015;
        let step = now / STEP_S;
        for near in [step - 1, step, step + 1] {
            assert_eq!(secret.step_of(secret.code(near), now, 0), Some(near));
            assert_eq!(secret.step_of(secret.code(near), now, near), None, "used");
        }
        let near: Vec<u32> = (step - 1..=step + 1).map(|near| secret.code(near)).collect();
        for far in [step - 2, step + 2, step - 2880] {
            let code = secret.code(far);
            assert!(near.contains(&code) || secret.step_of(code, now, 0).is_none());
        }
    }

    #[test]
    fn a_sealed_secret_opens_with_its_key_for_its_owner_and_unchanged() {
        let (secret, key) = (Secret::fresh(), SafeKey::new([3; 32]));
        let (district, person) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = secret.seal(&key, district, person);
        assert_eq!(sealed.len(), 49);
        assert_ne!(sealed, secret.seal(&key, district, person), "each sealing is another");
        assert!(Secret::open(&sealed, &key, district, person) == Some(secret.clone()));
        assert!(Secret::open(&sealed, &SafeKey::new([4; 32]), district, person).is_none());
        assert!(Secret::open(&sealed, &key, district, Uuid::from_u128(3)).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(Secret::open(&changed, &key, district, person).is_none(), "byte {at}");
        }
        for short in [0, 12, 13, 48] {
            assert!(Secret::open(&sealed[..short], &key, district, person).is_none());
        }
    }

    #[test]
    fn what_is_typed_is_read_generously_and_rubbish_is_nothing() {
        assert_eq!(Typed::read("012 345"), Some(Typed::Timed(12_345)));
        let code = fresh_recovery_codes().pop().unwrap();
        let upper = code.replace('-', " ").to_uppercase();
        assert_eq!(Typed::read(&code), Typed::read(&upper));
        assert!(matches!(Typed::read(&code), Some(Typed::Recovery(_))));
        for rubbish in [
            "",
            "12345",
            "1234567",
            "abcdef",
            "+12345",
            "１２３４５６",
            "0x1234",
            &"1".repeat(10_000),
        ] {
            assert_eq!(Typed::read(rubbish), None, "{rubbish}");
        }
        let codes: std::collections::BTreeSet<String> = fresh_recovery_codes().into_iter().collect();
        assert_eq!(codes.len(), RECOVERY_CODES);
    }

    #[test]
    fn a_device_is_told_everything_by_the_uri() {
        let secret = Secret(*b"12345678901234567890");
        assert_eq!(secret.spelt(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            secret.uri("anna@x y&z"),
            "otpauth://totp/Duxing:anna%40x%20y%26z?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Duxing&algorithm=SHA1&digits=6&period=30"
        );
    }
}
