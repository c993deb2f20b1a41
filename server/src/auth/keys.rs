//! The secrets of this installation: made at first start, kept in the table `secret`, shared by all instances.

use anyhow::{Context, ensure};
use diesel_async::AsyncPgConnection;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sync_protocol::safe::SafeKey;

use crate::error::Result;
use crate::store::secrets;

/// What comes before the 32 secret bytes in the PKCS #8 form of an Ed25519 key (RFC 8410, section 7).
const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The keys, each for one purpose only.
pub struct Keys {
    /// Signs access tokens (EdDSA).
    pub signing: EncodingKey,
    /// Checks access tokens.
    pub verifying: DecodingKey,
    /// Keyed BLAKE3 for refresh tokens.
    pub refresh: [u8; 32],
    /// Keyed BLAKE3 for push receipts.
    pub receipt: [u8; 32],
    /// Locks the keys of the safes on phones.
    pub safe: SafeKey,
    /// Seals the secrets of second factors.
    pub second_factor: SafeKey,
    /// Seals who complained.
    pub identity: SafeKey,
}

impl Keys {
    /// Loads the keys, making those that do not exist yet. Instances that start together agree on one set.
    pub async fn load_or_make(conn: &mut AsyncPgConnection) -> Result<Self> {
        let token = key(conn, "access-token-ed25519").await?;
        Ok(Self::new(
            token,
            key(conn, "refresh-token").await?,
            key(conn, "push-receipt").await?,
            key(conn, "phone-safe").await?,
            key(conn, "second-factor").await?,
            key(conn, "complaint-identity").await?,
        )?)
    }

    fn new(
        token: [u8; 32],
        refresh: [u8; 32],
        receipt: [u8; 32],
        safe: [u8; 32],
        second_factor: [u8; 32],
        identity: [u8; 32],
    ) -> anyhow::Result<Self> {
        let signing = EncodingKey::from_ed_der(&[&ED25519_PKCS8[..], &token].concat());
        let public = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).context("no public half of the token key")?;
        let verifying = DecodingKey::from_jwk(&public).context("unusable token key")?;
        Ok(Keys {
            signing,
            verifying,
            refresh,
            receipt,
            safe: SafeKey::new(safe),
            second_factor: SafeKey::new(second_factor),
            identity: SafeKey::new(identity),
        })
    }

    /// Keys for tests, from one byte.
    #[cfg(test)]
    pub fn for_test(seed: u8) -> Self {
        Self::new(
            [seed; 32],
            [seed ^ 1; 32],
            [seed ^ 2; 32],
            [seed ^ 3; 32],
            [seed ^ 4; 32],
            [seed ^ 5; 32],
        )
        .unwrap()
    }
}

async fn key(conn: &mut AsyncPgConnection, name: &str) -> Result<[u8; 32]> {
    let stored = secrets::get_or_insert(conn, name, &rand::random::<[u8; 32]>()).await?;
    ensure_length(name, stored).map_err(Into::into)
}

fn ensure_length(name: &str, stored: Vec<u8>) -> anyhow::Result<[u8; 32]> {
    ensure!(stored.len() == 32, "the secret {name} is not 32 bytes long");
    Ok(stored.try_into().expect("the length was checked"))
}
