//! Access tokens: JWT after RFC 8725. One algorithm, every claim required and checked, no rights inside.

use actix_web::HttpRequest;
use actix_web::http::header;
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::auth::keys::Keys;
use crate::error::{Code, Refused};

/// How long an access token is good for, in seconds.
pub const LIFETIME_S: u64 = 600;

/// How far two clocks may disagree, in seconds.
const LEEWAY_S: u64 = 30;
const ISSUER: &str = "duxing";
const AUDIENCE: &str = "duxing-api";
/// The media type of an access token (RFC 9068); keeps any other kind of JWT from being taken for one.
const TYPE: &str = "at+jwt";
/// Longer than any token made here; nothing longer is even decoded.
const LONGEST: usize = 1024;

/// What an access token says: who, on which sign-in, until when. Whether that still holds is asked of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    iss: String,
    aud: String,
    exp: u64,
    nbf: u64,
    jti: Uuid,
    /// The person.
    pub sub: Uuid,
    /// The district, which leads every key.
    pub district: Uuid,
    /// The family of the session.
    pub family: Uuid,
    /// The person's stamp when the token was made.
    pub stamp: i32,
}

impl Claims {
    /// Claims of a token made at `now_s` (Unix seconds).
    pub fn new(district: Uuid, person: Uuid, family: Uuid, stamp: i32, now_s: u64) -> Self {
        Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            exp: now_s + LIFETIME_S,
            nbf: now_s,
            jti: Uuid::new_v4(),
            sub: person,
            district,
            family,
            stamp,
        }
    }

    /// The signed token.
    pub fn sign(&self, keys: &Keys) -> anyhow::Result<String> {
        Ok(encode(&header(), self, &keys.signing)?)
    }

    /// Checks the token of `Authorization: Bearer …`; refuses `token.missing` and `token.invalid`.
    pub fn of_request(request: &HttpRequest, keys: &Keys) -> Result<Self, Refused> {
        let value = request
            .headers()
            .get(header::AUTHORIZATION)
            .ok_or(Refused(Code::TokenMissing))?;
        let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        token
            .and_then(|token| Self::read(token, keys))
            .ok_or(Refused(Code::TokenInvalid))
    }

    /// What a token of ours says that is good at this moment; `None` for any other text.
    pub fn read(token: &str, keys: &Keys) -> Option<Self> {
        verify(token, keys)
    }
}

/// The one header of an access token. A token that says more (names a key, asks for special treatment) is not one of ours.
fn header() -> Header {
    Header {
        typ: Some(TYPE.into()),
        ..Header::new(Algorithm::EdDSA)
    }
}

fn verify(token: &str, keys: &Keys) -> Option<Claims> {
    if token.len() > LONGEST {
        return None;
    }
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.leeway = LEEWAY_S;
    rules.validate_nbf = true;
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    let token = decode::<Claims>(token, &keys.verifying, &rules).ok()?;
    let short_lived = token.claims.exp.checked_sub(token.claims.nbf)? <= LIFETIME_S;
    (token.header == header() && short_lived).then_some(token.claims)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
    use jsonwebtoken::{EncodingKey, get_current_timestamp};
    use serde_json::{Value, json};

    use super::*;

    fn claims() -> Claims {
        Claims::new(
            Uuid::from_u128(1),
            Uuid::from_u128(2),
            Uuid::from_u128(3),
            4,
            get_current_timestamp(),
        )
    }

    fn as_json() -> Value {
        serde_json::to_value(claims()).unwrap()
    }

    fn signed(header: &Header, claims: &Value, keys: &Keys) -> String {
        encode(header, claims, &keys.signing).unwrap()
    }

    #[test]
    fn a_token_made_here_is_read_here_and_nowhere_else() {
        let (keys, others) = (Keys::for_test(7), Keys::for_test(8));
        let claims = claims();
        let token = claims.sign(&keys).unwrap();
        assert!(token.len() < LONGEST);
        assert_eq!(verify(&token, &keys), Some(claims));
        assert_eq!(verify(&token, &others), None);
        assert_eq!(verify(&token[..token.len() - 2], &keys), None);
    }

    #[test]
    fn every_claim_is_required_and_checked() {
        let keys = Keys::for_test(7);
        for name in ["iss", "aud", "exp", "nbf", "jti", "sub", "district", "family", "stamp"] {
            let mut claims = as_json();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(
                verify(&signed(&header(), &claims, &keys), &keys),
                None,
                "without {name}"
            );
        }
        let now = get_current_timestamp();
        for (name, wrong) in [
            ("iss", json!("somebody-else")),
            ("aud", json!("another-api")),
            ("aud", json!(["another-api"])),
            ("exp", json!(now - LEEWAY_S - 5)),
            ("exp", json!(now + 86_400)),
            ("exp", json!("tomorrow")),
            ("exp", json!(1e300)),
            ("nbf", json!(now + LEEWAY_S + 60)),
            ("jti", json!("1")),
            ("sub", json!("1 OR 1=1")),
            ("stamp", json!("1")),
            ("roles", json!(["coordinator"])),
        ] {
            let mut claims = as_json();
            claims[name] = wrong.clone();
            assert_eq!(
                verify(&signed(&header(), &claims, &keys), &keys),
                None,
                "{name}: {wrong}"
            );
        }
    }

    #[test]
    fn another_kind_of_jwt_is_not_an_access_token() {
        let keys = Keys::for_test(7);
        for typ in [None, Some("JWT".to_owned()), Some("refresh+jwt".to_owned())] {
            let header = Header {
                typ,
                ..Header::new(Algorithm::EdDSA)
            };
            assert_eq!(verify(&signed(&header, &as_json(), &keys), &keys), None);
        }
    }

    #[test]
    fn alg_none_and_the_public_key_as_hmac_secret_are_refused() {
        let keys = Keys::for_test(7);
        let body = BASE64.encode(as_json().to_string());
        for alg in ["none", "None", "NONE", "HS256", "EdDSA"] {
            let head = BASE64.encode(json!({"alg": alg, "typ": TYPE}).to_string());
            assert_eq!(
                verify(&format!("{head}.{body}."), &keys),
                None,
                "{alg} without a signature"
            );
        }
        let public = keys.verifying.try_get_as_bytes().unwrap();
        let confused = Header {
            typ: Some(TYPE.into()),
            ..Header::new(Algorithm::HS256)
        };
        let forged = encode(&confused, &as_json(), &EncodingKey::from_secret(public)).unwrap();
        assert_eq!(verify(&forged, &keys), None);
    }

    #[test]
    fn rubbish_is_refused_without_a_panic() {
        let keys = Keys::for_test(7);
        for token in ["", ".", "..", "...", "a.b.c", "é.é.é", &"a".repeat(100_000)] {
            assert_eq!(verify(token, &keys), None);
        }
    }
}
