//! Authenticators, as people have them beside Duxing: one that shows codes, and one that keeps a passkey.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Somebody was there.
const PRESENT: u8 = 1;
/// They proved to the authenticator that it is them.
const VERIFIED: u8 = 4;
/// A new key comes along.
const ATTESTED: u8 = 64;

/// A passkey and the browser that uses it: written from the WebAuthn recommendation, apart from the server's library. What an attacker would
/// bend can be bent.
#[derive(Clone)]
pub struct Passkey {
    key: SigningKey,
    id: Vec<u8>,
    /// The page's origin.
    pub origin: String,
    /// The name that the authenticator signs for.
    pub rp: String,
    /// Whether the owner showed finger, face or number.
    pub verified: bool,
    /// How often it signed; one that does not count says 0.
    pub counter: u32,
}

impl Passkey {
    /// A new one for a page at this origin.
    ///
    /// # Panics
    /// Where that is no address.
    pub fn at(origin: &str) -> Self {
        let (_, host) = origin.split_once("://").expect("an origin");
        Passkey {
            key: SigningKey::from_slice(&rand::random::<[u8; 32]>()).expect("nearly every number is a key"),
            id: rand::random::<[u8; 32]>().to_vec(),
            origin: origin.to_owned(),
            rp: host.split(':').next().unwrap_or_default().to_owned(),
            verified: true,
            counter: 0,
        }
    }

    /// What the browser calls it.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.id)
    }

    /// The answer to `navigator.credentials.create`.
    ///
    /// # Panics
    /// Where these are no options.
    pub fn register(&self, options: &Value) -> Value {
        let point = self.key.verifying_key().to_encoded_point(false);
        let (x, y) = (point.x().expect("a point"), point.y().expect("a point"));
        // {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
        let mut key = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
        key.extend(x);
        key.extend(b"\x22\x58\x20");
        key.extend(y);
        let mut data = self.data(ATTESTED);
        data.extend([0; 16]);
        data.extend((self.id.len() as u16).to_be_bytes());
        data.extend(&self.id);
        data.extend(key);
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("a short one"));
        object.extend(data);
        let response = json!({
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
            "clientDataJSON": URL_SAFE_NO_PAD.encode(self.client("webauthn.create", options)),
            "transports": ["internal"],
        });
        self.answer(response)
    }

    /// The answer to `navigator.credentials.get`.
    ///
    /// # Panics
    /// Where these are no options.
    pub fn sign(&self, options: &Value) -> Value {
        let client = self.client("webauthn.get", options);
        let data = self.data(0);
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature: Signature = self.key.sign(&signed);
        let response = json!({
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
            "signature": URL_SAFE_NO_PAD.encode(signature.to_der().as_bytes()),
            "userHandle": null,
        });
        self.answer(response)
    }

    fn answer(&self, response: Value) -> Value {
        json!({"id": self.id(), "rawId": self.id(), "type": "public-key", "extensions": {}, "response": response})
    }

    fn client(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = options["publicKey"]["challenge"].as_str().expect("a challenge");
        let client = json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false});
        client.to_string().into_bytes()
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let verified = if self.verified { VERIFIED } else { 0 };
        let mut data = Sha256::digest(self.rp.as_bytes()).to_vec();
        data.push(PRESENT | verified | more);
        data.extend(self.counter.to_be_bytes());
        data
    }
}

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
