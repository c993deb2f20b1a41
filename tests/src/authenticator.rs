//! An authenticator, as people have it on their phone beside Duxing.

use hmac::{Hmac, Mac};

/// A device that makes codes: written from RFC 6238, apart from the server's.
pub struct Device(Vec<u8>);

impl Device {
    /// Learns the secret as it is spelt on the screen.
    ///
    /// # Panics
    /// Where that is no base 32.
    pub fn of(secret: &str) -> Self {
        let bits: String = secret
            .bytes()
            .map(|letter| match letter {
                b'A'..=b'Z' => letter - b'A',
                b'2'..=b'7' => letter - b'2' + 26,
                other => panic!("no base32: {other}"),
            })
            .map(|value| format!("{value:05b}"))
            .collect();
        let byte = |at: usize| u8::from_str_radix(&bits[at..at + 8], 2).expect("eight bits");
        Device((0..bits.len() / 8).map(|nth| byte(nth * 8)).collect())
    }

    /// The secret's bytes.
    pub fn secret(&self) -> &[u8] {
        &self.0
    }

    /// The code of the step that lies so many steps away from now.
    pub fn code(&self, away: i64) -> String {
        let step = chrono::Utc::now().timestamp() / 30 + away;
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&self.0).expect("a key");
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let at = usize::from(hash[19] & 15);
        let number = u32::from_be_bytes([hash[at] & 127, hash[at + 1], hash[at + 2], hash[at + 3]]);
        format!("{:06}", number % 1_000_000)
    }

    /// Six digits that are not the code of any step near now.
    pub fn wrong(&self) -> String {
        let near: Vec<String> = (-3..=3).map(|away| self.code(away)).collect();
        let wrong = (0..10).map(|nth| format!("{:06}", nth * 111_111));
        wrong
            .into_iter()
            .find(|code| !near.contains(code))
            .expect("ten are more than seven")
    }
}
