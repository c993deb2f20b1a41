//! Keeps other sites' pages from acting in a person's name: a header they cannot set, and the browser's word on the origin.

use actix_web::Error as ActixError;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::Next;

use crate::error::{Code, Error};

/// The middleware over `/api/`: a changing request must carry `X-Duxing: 1` and come from our own pages or from no page at all.
pub async fn guard<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, ActixError> {
    if !request.method().is_safe() && !from_ourselves(request.headers()) {
        return Ok(request.error_response(Error::Refused(Code::Csrf)).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

fn from_ourselves(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let marked = text("x-duxing") == Some("1");
    let same_site = text("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let host = text(header::HOST.as_str()).unwrap_or("");
    let same_origin = text(header::ORIGIN.as_str()).is_none_or(|origin| authority(origin) == Some(host));
    marked && same_site && same_origin
}

fn authority(origin: &str) -> Option<&str> {
    origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn passes(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        from_ourselves(&headers)
    }

    #[test]
    fn only_our_own_pages_and_programs_pass() {
        let host = ("host", "duxing.example");
        assert!(passes(&[host, ("x-duxing", "1")]), "a program");
        assert!(passes(&[
            host,
            ("x-duxing", "1"),
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://duxing.example")
        ]));
        for wrong in [
            vec![host],
            vec![host, ("x-duxing", "true")],
            vec![host, ("x-duxing", "1"), ("sec-fetch-site", "cross-site")],
            vec![host, ("x-duxing", "1"), ("sec-fetch-site", "same-site")],
            vec![host, ("x-duxing", "1"), ("origin", "https://evil.example")],
            vec![host, ("x-duxing", "1"), ("origin", "null")],
            vec![
                host,
                ("x-duxing", "1"),
                ("origin", "https://duxing.example.evil.example"),
            ],
            vec![("x-duxing", "1"), ("origin", "null")],
        ] {
            assert!(!passes(&wrong), "{wrong:?}");
        }
    }
}
