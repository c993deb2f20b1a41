//! Reads request bodies: bounded in size, in time and in rate, then as strict JSON. The framework has no deadline of its own.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::error::{Code, Refused};

/// The largest body of an ordinary JSON call, in bytes.
pub const SMALL: usize = 16 * 1024;
/// The largest push, in bytes.
pub const PUSH: usize = 1024 * 1024;

/// No byte for this long, and the body has stalled.
const IDLE: Duration = Duration::from_secs(8);
/// How long a body may take before its average rate counts.
const GRACE: Duration = Duration::from_secs(8);
/// The slowest average worth waiting for: a poor phone line carries ten times as much.
const SLOWEST_BYTES_PER_S: f64 = 1024.0;

/// Reads the whole body, at most `limit` bytes.
///
/// Refuses `body.too_large`, `body.stalled`, `body.broken` and any `Content-Encoding` (`body.content_encoding`).
pub async fn read(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Bytes, Refused> {
    refuse_encoded(request)?;
    if announced_length(request).is_some_and(|length| length > limit as u64) {
        return Err(Refused(Code::BodyTooLarge));
    }
    let started = Instant::now();
    let mut body = BytesMut::new();
    loop {
        let deadline = deadline(started, Instant::now(), body.len());
        let chunk = match timeout_at(deadline, payload.next()).await {
            Err(_) => return Err(Refused(Code::BodyStalled)),
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(Err(_))) => return Err(Refused(Code::BodyBroken)),
            Ok(Some(Ok(chunk))) => chunk,
        };
        if body.len() + chunk.len() > limit {
            return Err(Refused(Code::BodyTooLarge));
        }
        body.extend_from_slice(&chunk);
    }
}

/// Reads a small body as the JSON object `T`; `T` should derive `deny_unknown_fields`.
pub async fn json<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, Refused> {
    json_of(request, payload, SMALL).await
}

/// The same for a body of at most `limit` bytes.
pub async fn json_of<T: DeserializeOwned>(request: &HttpRequest, payload: Payload, limit: usize) -> Result<T, Refused> {
    require_type(request, "application/json")?;
    let body = read(request, payload, limit).await?;
    parse(&body)
}

/// Refuses a body that is not announced as `media_type` (parameters such as `charset` are ignored).
pub fn require_type(request: &HttpRequest, media_type: &str) -> Result<(), Refused> {
    let announced = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = announced.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case(media_type) {
        Ok(())
    } else {
        Err(Refused(Code::ContentType))
    }
}

/// One JSON object, strictly: an array is not taken for an object, and no text may hold NUL.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Refused(Code::JsonMalformed));
    }
    if has_nul(body) {
        return Err(Refused(Code::TextNul));
    }
    serde_json::from_slice(body).map_err(|_| Refused(Code::JsonMalformed))
}

/// Whether JSON text spells NUL somewhere in a string: Postgres cannot store it, so it is refused before it gets there.
pub fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[at + 1..].starts_with(b"u0000") {
            return true;
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    json.contains(&0)
}

fn refuse_encoded(request: &HttpRequest) -> Result<(), Refused> {
    let plain = request
        .headers()
        .get_all(header::CONTENT_ENCODING)
        .all(|value| value == "identity");
    if plain {
        Ok(())
    } else {
        Err(Refused(Code::ContentEncoding))
    }
}

fn announced_length(request: &HttpRequest) -> Option<u64> {
    request
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// When to give up waiting for the next byte, `received` bytes after `started`.
fn deadline(started: Instant, now: Instant, received: usize) -> Instant {
    let by_rate = started + GRACE + Duration::from_secs_f64(received as f64 / SLOWEST_BYTES_PER_S);
    by_rate.min(now + IDLE)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code)]
        text: String,
    }

    fn refusal(body: &[u8]) -> &'static str {
        parse::<Sample>(body).unwrap_err().0.name()
    }

    #[test]
    fn hostile_json_is_refused_by_name() {
        let deep = format!("{{\"text\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let malformed: [&[u8]; 14] = [
            b"",
            b"null",
            b"[\"text\"]",
            b"{",
            b"{\"text\":1}",
            b"{\"text\":null}",
            b"{\"text\":\"a\",\"more\":1}",
            b"{\"text\":\"a\",\"text\":\"b\"}",
            b"{\"text\":\"\\ud800\"}",
            b"{\"text\":\"\xff\"}",
            b"{\"text\":\"a\"} x",
            b"\xef\xbb\xbf{\"text\":\"a\"}",
            b"{\"text\":1e99999}",
            deep.as_bytes(),
        ];
        for body in malformed {
            assert_eq!(
                refusal(body),
                "json.malformed",
                "{:?}",
                String::from_utf8_lossy(&body[..body.len().min(40)])
            );
        }
        assert_eq!(refusal(br#"{"text":"\u0000"}"#), "text.nul");
        assert_eq!(refusal(b"{\"text\":\"\0\"}"), "text.nul");
    }

    #[test]
    fn an_escaped_backslash_before_u0000_is_ordinary_text() {
        assert!(parse::<Sample>(br#"{"text":"\\u0000"}"#).is_ok());
        assert!(has_nul(br#""\\\u0000""#));
        assert!(!has_nul(br"\"));
    }

    #[test]
    fn a_slow_body_is_given_up_by_idle_time_and_by_average_rate() {
        let started = Instant::now();
        assert_eq!(deadline(started, started, 0), started + GRACE);
        let later = started + Duration::from_secs(7);
        assert_eq!(
            deadline(started, later, 0),
            started + GRACE,
            "one byte now and then does not buy more time"
        );
        let busy = started + Duration::from_secs(100);
        assert_eq!(
            deadline(started, busy, 1_000_000),
            busy + IDLE,
            "a long upload only has to go on"
        );
    }
}
