//! Serves the client: the files of `dist/`, compressed beforehand, with the headers that keep the browser strict.
//! Knows nothing of records or people; anything under `/api/` that gets here is unknown.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;

/// Files under this folder carry a hash of their content in their path and never change.
const IMMUTABLE: &str = "pkg/";
const SHELL: &str = "index.html";

/// Trusted Types: the client may turn strings into markup only through the policy in `boot.js`, which refuses script.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types default";

const SECURITY_HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    (
        "permissions-policy",
        "camera=(self), geolocation=(self), microphone=(self), payment=(), publickey-credentials-create=(self), \
         publickey-credentials-get=(self), usb=()",
    ),
];

/// Sets the security headers on every answer that has none of its own: wrap the whole app in it.
pub fn security_headers() -> DefaultHeaders {
    SECURITY_HEADERS
        .iter()
        .fold(DefaultHeaders::new(), |headers, pair| headers.add(*pair))
}

/// Answers whatever no other route answers.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.default_service(web::route().to(serve));
}

async fn serve(request: HttpRequest) -> HttpResponse {
    answer(&FILES, request.method(), request.path(), request.headers())
}

#[derive(RustEmbed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Dist;

/// Read once: from the binary in an optimised build, from the folder in a development build.
static FILES: LazyLock<Files> = LazyLock::new(|| {
    Files::new(Dist::iter().filter_map(|path| {
        let file = Dist::get(&path)?;
        let bytes = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some((path.into_owned(), bytes))
    }))
});

/// The files by path, each with its compressed variants.
struct Files(HashMap<String, File>);

#[derive(Default)]
struct File {
    identity: Option<Variant>,
    gzip: Option<Variant>,
    br: Option<Variant>,
}

struct Variant {
    bytes: Bytes,
    /// Strong, and of these very bytes: each encoding has its own.
    etag: String,
}

impl Files {
    fn new(files: impl Iterator<Item = (String, Bytes)>) -> Self {
        let mut by_path: HashMap<String, File> = HashMap::new();
        for (path, bytes) in files {
            let hash = blake3::hash(&bytes).to_hex();
            let variant = Some(Variant {
                bytes,
                etag: format!("\"{}\"", &hash[..32]),
            });
            if let Some(plain) = path.strip_suffix(".br") {
                by_path.entry(plain.to_owned()).or_default().br = variant;
            } else if let Some(plain) = path.strip_suffix(".gz") {
                by_path.entry(plain.to_owned()).or_default().gzip = variant;
            } else {
                by_path.entry(path).or_default().identity = variant;
            }
        }
        Self(by_path)
    }
}

/// One decision: which file, in which encoding, or why not.
fn answer(files: &Files, method: &Method, path: &str, headers: &HeaderMap) -> HttpResponse {
    if method != Method::GET && method != Method::HEAD {
        return if path.starts_with("/api/") {
            unknown()
        } else {
            refuse(StatusCode::METHOD_NOT_ALLOWED)
        };
    }
    if path.starts_with("/api/") {
        return unknown();
    }
    if files.0.is_empty() {
        return HttpResponse::ServiceUnavailable().body("The client is not built. Run: cargo xtask build\n");
    }
    let asked = path.trim_start_matches('/');
    let (name, file) = match files.0.get_key_value(asked) {
        Some((name, file)) if !asked.is_empty() => (name.as_str(), file),
        // An old page asking for a file of a past version must see that it is gone, not the shell as script.
        _ if asked.starts_with(IMMUTABLE) => return unknown(),
        _ if asked.is_empty() || is_navigation(headers) => match files.0.get(SHELL) {
            Some(shell) => (SHELL, shell),
            None => return unknown(),
        },
        _ => return unknown(),
    };
    let Some((encoding, variant)) = choose(file, headers) else {
        return unknown();
    };
    deliver(name, encoding, variant, headers)
}

fn deliver(name: &str, encoding: Option<&str>, variant: &Variant, headers: &HeaderMap) -> HttpResponse {
    let unchanged = is_known(&variant.etag, headers);
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    let caching = if name.starts_with(IMMUTABLE) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    response.insert_header((header::CACHE_CONTROL, caching));
    response.insert_header((header::ETAG, variant.etag.as_str()));
    response.insert_header((header::VARY, "Accept-Encoding"));
    SECURITY_HEADERS
        .iter()
        .for_each(|pair| _ = response.insert_header(*pair));
    if unchanged {
        return response.finish();
    }
    if let Some(encoding) = encoding {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    response
        .insert_header((header::CONTENT_TYPE, content_type(name)))
        .body(variant.bytes.clone())
}

/// The smallest variant that the browser takes.
fn choose<'a>(file: &'a File, headers: &HeaderMap) -> Option<(Option<&'static str>, &'a Variant)> {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let candidates = [("br", &file.br), ("gzip", &file.gzip)];
    let compressed = candidates
        .into_iter()
        .filter(|(encoding, _)| accepts(accepted, encoding))
        .find_map(|(encoding, variant)| Some((Some(encoding), variant.as_ref()?)));
    compressed.or_else(|| Some((None, file.identity.as_ref()?)))
}

/// Reads `Accept-Encoding` (RFC 9110 §12.5.3): named with a weight above nought, or covered by `*`.
fn accepts(accept_encoding: &str, encoding: &str) -> bool {
    let mut by_star = false;
    for part in accept_encoding.split(',') {
        let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
        let weight = parameters
            .trim()
            .strip_prefix("q=")
            .and_then(|q| q.trim().parse::<f32>().ok())
            .unwrap_or(1.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case(encoding) => return weight > 0.0,
            "*" => by_star = weight > 0.0,
            _ => {}
        }
    }
    by_star
}

fn is_known(etag: &str, headers: &HeaderMap) -> bool {
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    // If-None-Match compares weakly (RFC 9110 §13.1.2): a proxy may have put W/ in front.
    known
        .split(',')
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == etag || one == "*")
}

/// A person opening an address, as against a script or an image asking for a file.
fn is_navigation(headers: &HeaderMap) -> bool {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match value("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => value("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn unknown() -> HttpResponse {
    let mut response = HttpResponse::NotFound();
    SECURITY_HEADERS
        .iter()
        .for_each(|pair| _ = response.insert_header(*pair));
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(serde_json::json!({ "code": "not_found" }))
}

fn refuse(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::ALLOW, "GET, HEAD"))
        .finish()
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody;
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn files() -> Files {
        let file = |path: &str, text: &'static str| (path.to_owned(), Bytes::from_static(text.as_bytes()));
        Files::new(
            [
                file("index.html", "shell"),
                file("index.html.br", "shell in brotli"),
                file("index.html.gz", "shell in gzip"),
                file("sw.js", "worker"),
                file("pkg/0a1b/app.js", "app"),
            ]
            .into_iter(),
        )
    }

    fn get(path: &str, headers: &[(&str, &str)]) -> HttpResponse {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            );
        }
        answer(&files(), &Method::GET, path, &map)
    }

    fn header<'a>(response: &'a HttpResponse, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn body(response: HttpResponse) -> String {
        String::from_utf8(response.into_body().try_into_bytes().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn each_browser_gets_the_smallest_variant_it_takes() {
        for (accepted, encoding, text) in [
            ("gzip, deflate, br, zstd", "br", "shell in brotli"),
            ("gzip", "gzip", "shell in gzip"),
            ("br;q=0, gzip;q=0.5", "gzip", "shell in gzip"),
            ("*", "br", "shell in brotli"),
            ("br;q=0, *", "gzip", "shell in gzip"),
            ("", "", "shell"),
            ("*;q=0", "", "shell"),
        ] {
            let response = get("/", &[("accept-encoding", accepted)]);
            assert_eq!(header(&response, "content-encoding"), encoding, "{accepted}");
            assert_eq!(header(&response, "vary"), "Accept-Encoding");
            assert_eq!(body(response), text, "{accepted}");
        }
    }

    #[test]
    fn a_known_file_is_not_sent_again_and_each_encoding_has_its_own_tag() {
        let plain = get("/", &[]);
        let compressed = get("/", &[("accept-encoding", "br")]);
        let etag = header(&plain, "etag");
        assert_ne!(etag, header(&compressed, "etag"));
        assert!(etag.starts_with('"'), "strong: {etag}");
        for known in [
            etag.to_owned(),
            format!("W/{etag}"),
            format!("\"x\", {etag}"),
            "*".to_owned(),
        ] {
            let again = get("/", &[("if-none-match", &known)]);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(header(&again, "etag"), etag);
        }
        assert_eq!(get("/", &[("if-none-match", "\"other\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn only_hashed_files_are_kept_for_ever() {
        assert!(header(&get("/pkg/0a1b/app.js", &[]), "cache-control").contains("immutable"));
        for path in ["/", "/sw.js", "/index.html"] {
            assert_eq!(header(&get(path, &[]), "cache-control"), "no-cache", "{path}");
        }
    }

    #[test]
    fn a_person_opening_any_address_gets_the_shell_and_a_script_asking_for_a_missing_file_does_not() {
        let person = [("accept", "text/html,*/*"), ("sec-fetch-mode", "navigate")];
        assert_eq!(body(get("/visit/7/checklist/9", &person)), "shell");
        assert_eq!(body(get("/schools", &[("accept", "text/html")])), "shell");
        for (path, headers) in [
            ("/schools", &[][..]),
            ("/missing.js", &[("sec-fetch-mode", "no-cors"), ("accept", "text/html")]),
            ("/pkg/ffff/app.js", &person),
            ("/api/v1/missing", &person),
        ] {
            assert_eq!(get(path, headers).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn every_answer_is_strict_with_the_browser() {
        for response in [
            get("/", &[]),
            get("/sw.js", &[]),
            get("/pkg/none", &[]),
            get("/api/none", &[]),
        ] {
            let policy = header(&response, "content-security-policy");
            assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';") && !policy.contains("'unsafe-inline'"));
            assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        }
        let put = answer(&files(), &Method::PUT, "/", &HeaderMap::new());
        assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn without_a_built_client_the_page_says_what_to_do() {
        let response = answer(&Files::new(std::iter::empty()), &Method::GET, "/", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(body(response).contains("cargo xtask build"));
    }
}
