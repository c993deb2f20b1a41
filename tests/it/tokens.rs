//! Attacks on access tokens (RFC 8725), each written by hand from its bytes: not one of them may come from the library that reads them.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use tests::server::Reply;
use tests::{Client, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

const TYPE: &str = "at+jwt";

/// Whoever forges: knows the public key, how tokens look, and in the worst cases has the signing key itself.
struct Forger {
    genuine: SigningKey,
    own: SigningKey,
    header: Value,
    claims: Value,
    token: String,
}

impl Forger {
    /// One who watched this client and has read the database, which no attacker but the worst has.
    async fn of(server: &TestServer, client: &Client) -> Self {
        let token = client.access.clone();
        let mut parts = token
            .split('.')
            .map(|part| BASE64.decode(part).expect("base64url without padding"));
        let mut json = || serde_json::from_slice::<Value>(&parts.next().expect("a part")).expect("JSON");
        let (header, claims) = (json(), json());
        Self {
            genuine: SigningKey::from_bytes(&signing_key(server).await),
            own: SigningKey::from_bytes(&[7; 32]),
            header,
            claims,
            token,
        }
    }

    /// A token that differs from a good one in nothing but these members of its claims; `Null` takes one away.
    fn claiming(&self, changes: &[(&str, Value)]) -> String {
        seal(&self.genuine, &self.header, &changed(&self.claims, changes))
    }

    /// A token signed by `key` that differs from a good one in its header.
    fn headed(&self, key: &SigningKey, changes: &[(&str, Value)]) -> String {
        seal(key, &changed(&self.header, changes), &self.claims)
    }

    /// A good token's text with these words in their place, signed with the true key.
    fn spelt(&self, header: Option<&str>, claims: Option<&str>) -> String {
        let header = header.map_or_else(|| self.header.to_string(), str::to_owned);
        let claims = claims.map_or_else(|| self.claims.to_string(), str::to_owned);
        sign(&self.genuine, &header, &claims)
    }

    /// The good token's payload under another header, with this as its signature.
    fn under(&self, header: &Value, signature: &[u8]) -> String {
        let body = self.token.split('.').nth(1).expect("a payload");
        format!(
            "{}.{body}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(signature)
        )
    }
}

async fn signing_key(server: &TestServer) -> [u8; 32] {
    use diesel::{ExpressionMethods, QueryDsl};
    use diesel_async::RunQueryDsl;
    use server::schema::secret;
    let row = secret::table.filter(secret::name.eq("access-token-ed25519"));
    let key: Vec<u8> = row
        .select(secret::value)
        .first(&mut server.connect().await)
        .await
        .expect("the key");
    key.try_into().expect("32 bytes")
}

fn changed(whole: &Value, changes: &[(&str, Value)]) -> Value {
    let mut whole = whole.clone();
    let members = whole.as_object_mut().expect("an object");
    for (name, value) in changes {
        match value {
            Value::Null => drop(members.remove(*name)),
            value => drop(members.insert((*name).into(), value.clone())),
        }
    }
    whole
}

fn seal(key: &SigningKey, header: &Value, claims: &Value) -> String {
    sign(key, &header.to_string(), &claims.to_string())
}

fn sign(key: &SigningKey, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature.to_bytes()))
}

fn hmac_of(secret: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The calls that read a token in different ways: an ordinary one, handing in work, a page of the office, the live line.
async fn present(client: &Client, token: &str) -> Vec<(&'static str, Reply)> {
    let mut thief = client.clone();
    (thief.access, thief.cookie) = (token.into(), String::new());
    let live = thief.send(thief.request(Method::GET, "/api/v1/live")).await;
    vec![
        ("pull", thief.pull(&[]).await),
        ("push", thief.push(&[]).await),
        ("people", thief.get("/api/v1/people").await),
        ("live", live),
    ]
}

/// What of a reply may be compared: status, the names of the body's members, the code, the headers' names.
fn shape(reply: &Reply) -> (u16, BTreeSet<String>, String, BTreeSet<String>) {
    let body = reply.json();
    let members = body.as_object().map(|body| body.keys().cloned().collect());
    let headers = reply.headers.keys().map(ToString::to_string).collect();
    (
        reply.status.as_u16(),
        members.unwrap_or_default(),
        reply.code(),
        headers,
    )
}

/// Presents each token everywhere: refused in the shape in which rubbish is refused, without an echo.
async fn all_are_refused_alike(client: &Client, attacks: &[(String, String)]) {
    let rubbish: Vec<_> = present(client, "x.y.z").await;
    println!("{} tokens at {} calls", attacks.len(), rubbish.len());
    for (what, token) in attacks {
        for ((call, reply), (_, plain)) in present(client, token).await.iter().zip(&rubbish) {
            assert_eq!(
                reply.refusal(),
                (401, "token.invalid".into()),
                "{what} on {call}: {}",
                reply.text
            );
            assert_eq!(
                shape(reply),
                shape(plain),
                "{what} on {call} looks different from rubbish"
            );
            assert!(reply.text.len() < 100, "{what} on {call}: {}", reply.text);
        }
    }
}

async fn begin() -> (TestServer, Client, Forger) {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.coordinator).await;
    let forger = Forger::of(&server, &client).await;
    // The forger can make what the server makes: what is refused below is refused for the one thing that was changed.
    let mut twin = client.clone();
    twin.access = forger.claiming(&[]);
    assert_eq!(twin.pull(&[]).await.status, 200, "a faithful copy is good");
    (server, client, forger)
}

fn named(attacks: Vec<(impl Into<String>, String)>) -> Vec<(String, String)> {
    attacks.into_iter().map(|(what, token)| (what.into(), token)).collect()
}

#[tokio::test]
async fn no_other_algorithm_and_no_missing_signature_is_taken() {
    let (_server, client, forger) = begin().await;
    let mut attacks: Vec<(String, String)> = Vec::new();
    for spelling in ["none", "None", "NONE", "nOnE", "", "null", " none", "none\u{0}"] {
        let header = json!({"alg": spelling, "typ": TYPE});
        attacks.push((format!("alg {spelling:?}, no signature"), forger.under(&header, b"")));
        attacks.push((format!("alg {spelling:?}, any signature"), forger.under(&header, b"x")));
    }
    for odd in [
        json!(null),
        json!(0),
        json!(["EdDSA", "none"]),
        json!({"a": 1}),
        json!(true),
    ] {
        attacks.push((
            format!("alg {odd}"),
            forger.under(&json!({"alg": odd, "typ": TYPE}), b"x"),
        ));
    }
    attacks.push(("no alg".into(), forger.under(&json!({"typ": TYPE}), b"x")));

    // The public key as the secret of an HMAC, in each form in which it lies around.
    let public = forger.genuine.verifying_key().to_bytes();
    let spki = [
        &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..],
        &public,
    ]
    .concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        BASE64_STANDARD.encode(&spki)
    );
    let coordinate = BASE64.encode(public);
    let secrets: [(&str, &[u8]); 6] = [
        ("raw", &public),
        ("DER", &spki),
        ("PEM", pem.as_bytes()),
        ("base64", coordinate.as_bytes()),
        ("empty", b""),
        ("well known", b"secret"),
    ];
    for (form, secret) in secrets {
        for alg in ["HS256", "hs256", "EdDSA"] {
            let header = json!({"alg": alg, "typ": TYPE});
            let unsigned = forger.under(&header, b"");
            let mac = hmac_of(secret, unsigned.trim_end_matches('.'));
            attacks.push((
                format!("{alg} with the public key, {form}, as its secret"),
                forger.under(&header, &mac),
            ));
        }
    }

    // Another curve, truly signed, with the key beside it; and our own signature under another name.
    let p256 = p256::ecdsa::SigningKey::from_slice(&[9; 32]).expect("a key");
    let point = p256.verifying_key().to_encoded_point(false);
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": BASE64.encode(point.x().expect("x")), "y": BASE64.encode(point.y().expect("y"))});
    for header in [
        json!({"alg": "ES256", "typ": TYPE}),
        json!({"alg": "ES256", "typ": TYPE, "jwk": jwk}),
        json!({"alg": "EdDSA", "typ": TYPE, "jwk": jwk}),
    ] {
        use p256::ecdsa::signature::Signer as _;
        let unsigned = forger.under(&header, b"");
        let signature: p256::ecdsa::Signature = p256.sign(unsigned.trim_end_matches('.').as_bytes());
        attacks.push((
            format!("P-256 under {header}"),
            forger.under(&header, &signature.to_bytes()),
        ));
    }
    for alg in [
        "Ed25519", "eddsa", "EDDSA", "ES256", "ES512", "RS256", "PS512", "HS512", "Ed448",
    ] {
        attacks.push((
            format!("our key under alg {alg}"),
            forger.headed(&forger.genuine, &[("alg", json!(alg))]),
        ));
    }
    attacks.push(("a key of one's own".into(), forger.headed(&forger.own, &[])));
    all_are_refused_alike(&client, &attacks).await;
}

#[tokio::test]
async fn a_token_that_names_its_own_key_or_asks_for_special_treatment_is_refused() {
    let (_server, client, forger) = begin().await;
    let own = BASE64.encode(forger.own.verifying_key().to_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": own, "alg": "EdDSA", "use": "sig"});
    let members: Vec<(&str, Value)> = vec![
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("/proc/self/environ")),
        ("kid", json!("x' UNION SELECT 'key' --")),
        ("kid", json!("'; DROP TABLE person; --")),
        ("kid", json!("https://evil.example/key.pem")),
        ("kid", json!("file:///etc/passwd")),
        ("kid", json!("")),
        ("kid", json!("\u{0}")),
        ("kid", json!("a".repeat(300))),
        ("kid", json!(0)),
        ("kid", json!(["a", "b"])),
        ("kid", json!({"$ne": null})),
        ("jku", json!("https://evil.example/keys.json")),
        ("jku", json!("http://169.254.169.254/")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("jwk", jwk),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("exp")),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("url", json!("https://evil.example/")),
        ("nonce", json!("1")),
        ("x-anything", json!(1)),
    ];
    let mut attacks = Vec::new();
    for (name, value) in members {
        let short: String = value.to_string().chars().take(40).collect();
        let change = [(name, value)];
        attacks.push((
            format!("{name} {short}, the forger's signature"),
            forger.headed(&forger.own, &change),
        ));
        // Even who has the signing key cannot make the server look anywhere else.
        attacks.push((
            format!("{name} {short}, our signature"),
            forger.headed(&forger.genuine, &change),
        ));
    }
    let null_kid = forger.header.to_string().replacen('{', "{\"kid\":null,", 1);
    attacks.push((
        "kid null, the forger's signature".into(),
        sign(&forger.own, &null_kid, &forger.claims.to_string()),
    ));
    all_are_refused_alike(&client, &attacks).await;
}

#[tokio::test]
async fn every_claim_is_needed_and_none_may_be_of_another_kind() {
    let (server, client, forger) = begin().await;
    let now = chrono::Utc::now().timestamp();
    let mut attacks: Vec<(String, String)> = Vec::new();
    let required = ["exp", "nbf", "iss", "aud", "sub", "jti", "district", "family", "stamp"];
    for name in required {
        attacks.push((format!("without {name}"), forger.claiming(&[(name, Value::Null)])));
        for odd in [
            json!(""),
            json!([]),
            json!({}),
            json!(true),
            json!(-1),
            json!(1.5),
            json!("x"),
            json!([forger.claims[name]]),
        ] {
            // A whole number is what a stamp is: a wrong one is stale, which another test has.
            if (name, &odd) != ("stamp", &json!(-1)) {
                attacks.push((format!("{name} = {odd}"), forger.claiming(&[(name, odd.clone())])));
            }
        }
        let null = forger.claims.to_string().replace(
            &format!("\"{name}\":{}", forger.claims[name]),
            &format!("\"{name}\":null"),
        );
        attacks.push((format!("{name} null"), forger.spelt(None, Some(&null))));
    }
    for wrong in [
        "JWT",
        "jwt",
        "application/at+jwt",
        "refresh+jwt",
        "dpop+jwt",
        "at+jwt ",
        "",
        "AT+JWT",
    ] {
        attacks.push((
            format!("typ {wrong:?}"),
            forger.headed(&forger.genuine, &[("typ", json!(wrong))]),
        ));
    }
    attacks.push((
        "without typ".into(),
        forger.headed(&forger.genuine, &[("typ", Value::Null)]),
    ));
    let values: Vec<(&str, Value)> = vec![
        ("iss", json!("duxing ")),
        ("iss", json!("Duxing")),
        ("iss", json!("https://evil.example")),
        ("iss", json!(["duxing"])),
        ("aud", json!("duxing")),
        ("aud", json!("duxing-api-2")),
        ("aud", json!(["duxing-api", "another-api"])),
        ("aud", json!(["another-api"])),
        ("exp", json!(now - 31 - 5)),
        ("exp", json!(0)),
        ("exp", json!(1)),
        ("exp", json!(now - 86_400 * 3650)),
        ("exp", json!(now + 86_400)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(-1)),
        ("exp", json!(i64::MIN)),
        ("exp", json!(1e300)),
        ("exp", json!((now + 300) as f64 + 0.5)),
        ("exp", json!((now + 300).to_string())),
        ("exp", json!("never")),
        ("nbf", json!(now + 31 + 60)),
        ("nbf", json!(now + 86_400 * 3650)),
        ("nbf", json!(u64::MAX)),
        ("nbf", json!(-1)),
        ("nbf", json!(now.to_string())),
        ("nbf", json!(0)),
        ("sub", json!("1 OR 1=1")),
        ("sub", json!(format!("{}\u{0}", forger.claims["sub"].as_str().unwrap()))),
        ("stamp", json!(i64::MAX)),
        ("stamp", json!("1")),
        ("roles", json!(["admin"])),
        ("admin", json!(true)),
        ("scope", json!("*")),
        ("iat", json!(now)),
    ];
    for (name, value) in values {
        attacks.push((format!("{name} = {value}"), forger.claiming(&[(name, value.clone())])));
    }
    // Repeated claims: the first is good, or the last.
    let claims = forger.claims.to_string();
    for (name, evil) in [
        ("sub", json!(server.district.admin.id)),
        ("exp", json!(now + 1_000_000)),
        ("aud", json!("another-api")),
        ("family", json!(Uuid::new_v4())),
    ] {
        let first = claims.replacen('{', &format!("{{\"{name}\":{evil},"), 1);
        let last = format!("{},\"{name}\":{evil}}}", &claims[..claims.len() - 1]);
        let twin = format!("{},\"{name}\":{}}}", &claims[..claims.len() - 1], forger.claims[name]);
        for (what, text) in [("first", first), ("last", last), ("twice the same", twin)] {
            attacks.push((format!("{name} repeated, {what}"), forger.spelt(None, Some(&text))));
        }
    }
    let header = forger.header.to_string();
    let twice = header.replacen('{', "{\"alg\":\"none\",", 1);
    attacks.push(("alg repeated".into(), forger.spelt(Some(&twice), None)));
    for (what, header, claims) in [
        ("claims are an array", None, Some("[]")),
        ("claims are a text", None, Some("\"x\"")),
        ("claims are null", None, Some("null")),
        ("claims are nothing", None, Some("")),
        ("claims go on behind", None, Some(&*format!("{claims} {claims}"))),
        ("header is an array", Some("[]"), None),
        ("header is nothing", Some(""), None),
        ("header goes on behind", Some(&*format!("{header}{header}")), None),
        ("a byte order mark", Some(&*format!("\u{feff}{header}")), None),
    ] {
        attacks.push((what.into(), forger.spelt(header, claims)));
    }
    all_are_refused_alike(&client, &attacks).await;
    assert_eq!(client.pull(&[]).await.status, 200, "none of that hurt the owner");
}

#[tokio::test]
async fn a_token_is_good_only_as_it_was_written() {
    let (server, client, forger) = begin().await;
    let good = forger.token.clone();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, body, signature] = parts[..] else {
        panic!("three parts")
    };
    let bytes = BASE64.decode(signature).expect("a signature");
    let mut flipped = bytes.clone();
    flipped[0] ^= 1;
    // The other S of the same signature: S + L, which lax verifiers take (RFC 8032, section 8.4).
    let mut malleable = bytes.clone();
    add_group_order(&mut malleable[32..]);
    let with = |signature: &[u8]| format!("{header}.{body}.{}", BASE64.encode(signature));
    let mut attacks = named(vec![
        ("no signature", format!("{header}.{body}.")),
        ("no signature and no dot", format!("{header}.{body}")),
        ("only a header", header.to_owned()),
        ("one byte less", with(&bytes[..63])),
        ("half of it", with(&bytes[..32])),
        ("one byte more", with(&[&bytes[..], &[0]].concat())),
        ("twice", with(&[&bytes[..], &bytes].concat())),
        ("one bit", with(&flipped)),
        ("zeros", with(&[0; 64])),
        ("the other S", with(&malleable)),
        ("padded", format!("{header}.{body}.{}", BASE64_URL_SAFE.encode(&bytes))),
        ("padded header", format!("{header}=.{body}.{signature}")),
        ("fourth part", format!("{good}.x")),
        ("fourth part, empty", format!("{good}.")),
        ("five parts", format!("{good}.x.y")),
        ("leading dot", format!(".{good}")),
        ("two dots", format!("{header}..{body}.{signature}")),
        ("JWE compact", format!("{header}..{body}.{signature}.AAAA")),
        ("trailing words", format!("{good} x")),
        ("trailing bytes", format!("{good}AAAA")),
        ("a second token", format!("{good},{good}")),
        ("leading blank", format!(" {good}")),
        ("blank within", format!("{header}. {body}.{signature}")),
        ("tab within", format!("{header}.\t{body}.{signature}")),
        ("percent", good.replace('.', "%2e")),
        ("quotes", format!("\"{good}\"")),
        (
            "nested",
            sign(
                &forger.genuine,
                &json!({"alg": "EdDSA", "typ": TYPE, "cty": "JWT"}).to_string(),
                &good,
            ),
        ),
        (
            "nested, unnamed",
            sign(&forger.genuine, &forger.header.to_string(), &json!(good).to_string()),
        ),
        (
            "JWS as JSON",
            json!({"payload": body, "protected": header, "signature": signature}).to_string(),
        ),
        (
            "JWS as JSON, general",
            json!({"payload": body, "signatures": [{"protected": header, "signature": signature}]}).to_string(),
        ),
        ("100 KB", format!("{header}.{}.{signature}", "A".repeat(100_000))),
        ("100 KB of dots", ".".repeat(100_000)),
        ("swapped parts", format!("{body}.{header}.{signature}")),
    ]);
    let jwe = json!({"alg": "dir", "enc": "A256GCM", "typ": TYPE});
    attacks.push((
        "JWE".into(),
        format!(
            "{}..AAAAAAAAAAAAAAAA.{body}.AAAAAAAAAAAAAAAAAAAAAA",
            BASE64.encode(jwe.to_string())
        ),
    ));
    // The unused bits of the last letter: another text of the same signature.
    let last = signature.chars().last().expect("a letter");
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let neighbour = letters
        .chars()
        .nth(letters.find(last).expect("a letter of base64url") ^ 1)
        .expect("a letter");
    attacks.push(("unused bits".into(), format!("{}{neighbour}", &good[..good.len() - 1])));
    // Each letter altered, a sample of them over the whole token.
    for at in (0..good.len()).step_by(17) {
        let letter = if &good[at..=at] == "A" { "B" } else { "A" };
        attacks.push((
            format!("letter {at}"),
            format!("{}{letter}{}", &good[..at], &good[at + 1..]),
        ));
    }
    all_are_refused_alike(&client, &attacks).await;

    // Another scheme, no scheme, two headers: only the one form is a token at all.
    for value in [
        good.clone(),
        format!("bearer  {good}"),
        format!("Basic {good}"),
        format!("Bearer{good}"),
        "Bearer".into(),
    ] {
        let request = client.request(Method::GET, "/api/v1/people");
        let (http, request) = request.build_split();
        let mut request = request.expect("a request");
        request
            .headers_mut()
            .insert("authorization", value.parse().expect("a header"));
        let reply = http.execute(request).await.expect("an answer");
        assert_eq!(reply.status(), 401, "{}", &value[..value.len().min(20)]);
    }
    // More than HTTP itself carries: refused before anybody looks for a token, and nobody suffers.
    let mut socket = TcpStream::connect(server.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let huge = format!(
        "GET /api/v1/people HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        "A".repeat(1 << 20)
    );
    let _ = socket.write_all(huge.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(client.pull(&[]).await.status, 200, "none of that hurt the owner");
}

/// Adds the order of the group to a little-endian number.
fn add_group_order(number: &mut [u8]) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, more) in number.iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
}
