//! What can go wrong and how it is told: one catalogue of codes for the caller, one opaque 500 for ourselves.
//! No reply ever repeats what was sent.

use std::fmt;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, ResponseError};
use serde::Serialize;

/// The reply of a handler or a store function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request has no ordinary answer.
#[derive(Debug)]
pub enum Error {
    /// The caller's to mend: the status and the stable code say what happened.
    Refused(Code),
    /// `session.code_needed` to somebody with passkeys: what one of them is asked goes with it.
    PasskeyNeeded(Box<serde_json::Value>),
    /// Ours to mend: the caller gets a 500 with a request id, the log gets the chain.
    Internal(anyhow::Error),
}

/// A refusal, for code that can only refuse (reading a body, checking a header).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub Code);

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:ident $code:literal;)+) => {
        /// Every code a caller may meet. The text of each is its entry in the manual.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
            /// Too many wrong passwords for this login from this address and device. Nothing is locked: `Retry-After`
            /// says in how many seconds the next try is heard.
            TooManyTries {
                /// Seconds until the next try is heard.
                retry_after_s: u32,
            },
            /// This sign-in asks more often than any phone has reason to; `Retry-After` says in how many seconds the next request is heard.
            TooFast {
                /// Seconds until the next request is heard.
                retry_after_s: u32,
            },
            /// Whoever is to take the schools over keeps away from one of them, which the reply names as `school`. Nothing was changed.
            HandOverRecused {
                /// That school.
                school: uuid::Uuid,
            },
        }

        impl Code {
            /// The stable name on the wire; clients translate it for people.
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$name => $code,)+
                    Code::TooManyTries { .. } => "session.too_many_tries",
                    Code::TooFast { .. } => "too_fast",
                    Code::HandOverRecused { .. } => "hand_over.recused",
                }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Code::$name => StatusCode::$status,)+
                    Code::TooManyTries { .. } | Code::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
                    Code::HandOverRecused { .. } => StatusCode::CONFLICT,
                }
            }

            /// The whole catalogue, for the manual and for tests.
            pub fn all() -> Vec<Code> {
                let told = [
                    Code::TooManyTries { retry_after_s: 1 },
                    Code::TooFast { retry_after_s: 1 },
                    Code::HandOverRecused { school: uuid::Uuid::nil() },
                ];
                [$(Code::$name,)+].into_iter().chain(told).collect()
            }
        }
    };
}

codes! {
    /// There is no such thing here, or it lies outside what the person may see: the two are never told apart.
    NotFound = NOT_FOUND "not_found";
    /// The URL exists but not with this HTTP method; `Allow` lists those it has.
    Method = METHOD_NOT_ALLOWED "method";
    /// The person's role does not include this page or action.
    Forbidden = FORBIDDEN "forbidden";
    /// A changing request came without `X-Duxing: 1` or from another site's page.
    Csrf = FORBIDDEN "csrf";
    /// No access token came with a request that needs one.
    TokenMissing = UNAUTHORIZED "token.missing";
    /// The access token is malformed, forged, expired or not for this server: refresh the session and repeat.
    TokenInvalid = UNAUTHORIZED "token.invalid";
    /// The person's rights or password changed after the token was made: refresh the session and repeat.
    TokenStale = UNAUTHORIZED "token.stale";
    /// The sign-in has ended (expired, signed out, reused token, restored server): sign in again. Unsent work stays on the phone.
    SessionExpired = UNAUTHORIZED "session.expired";
    /// The login or the password is wrong; which of the two is not said.
    SignInRefused = UNAUTHORIZED "session.refused";
    /// Login and password are right, and this account has a second factor: sign in again with `code`, six digits or a recovery code, or with
    /// `passkey`, the answer to what the refusal's own `passkey` asks.
    CodeNeeded = UNAUTHORIZED "session.code_needed";
    /// Login and password are right; the second factor's code, or the passkey's answer, is wrong, too old, or was used before.
    CodeRefused = UNAUTHORIZED "session.code_refused";
    /// The account is disabled. Work on the phone stays there; ask the office.
    PersonDisabled = UNAUTHORIZED "person.disabled";
    /// This device was reported lost or withdrawn. Ask the office.
    DeviceRevoked = UNAUTHORIZED "device.revoked";
    /// The key in it was not locked by this office, or for another person or device.
    SafeUnusable = UNPROCESSABLE_ENTITY "safe.unusable";
    /// The body is not the JSON this URL takes: not JSON at all, a wrong type, a missing, repeated or unknown field, too deep.
    JsonMalformed = BAD_REQUEST "json.malformed";
    /// A parameter of the URL is missing, repeated, unknown or unreadable.
    QueryMalformed = BAD_REQUEST "query.malformed";
    /// A text is too long, empty where it must not be, or not of the form this field asks for.
    ValueInvalid = BAD_REQUEST "value.invalid";
    /// A text contains the character NUL, which cannot be stored.
    TextNul = BAD_REQUEST "text.nul";
    /// The body's `Content-Type` is not the one this URL takes.
    ContentType = UNSUPPORTED_MEDIA_TYPE "body.content_type";
    /// Request bodies travel uncompressed; any other `Content-Encoding` is refused.
    ContentEncoding = UNSUPPORTED_MEDIA_TYPE "body.content_encoding";
    /// The body is larger than this URL takes; nothing of it was used.
    BodyTooLarge = PAYLOAD_TOO_LARGE "body.too_large";
    /// The body stopped arriving or came slower than 1 KiB a second; nothing of it was used. Repeat later.
    BodyStalled = REQUEST_TIMEOUT "body.stalled";
    /// The connection broke while the body was on its way; nothing of it was used.
    BodyBroken = BAD_REQUEST "body.broken";
    /// The request itself breaks the rules of HTTP.
    RequestMalformed = BAD_REQUEST "request.malformed";
    /// The app is too old to be sent records: it must be renewed first. What it has to hand in is still taken.
    ClientTooOld = UPGRADE_REQUIRED "client.too_old";
    /// The acting person's password, asked once more for a change of rights, is wrong. Nothing was changed.
    PasswordWrong = FORBIDDEN "password.wrong";
    /// The second factor's code, asked for a change of it, is wrong or was used before. Nothing was changed.
    CodeWrong = FORBIDDEN "code.wrong";
    /// There is a second factor already: it must be removed before another is set up.
    SecondFactorPresent = CONFLICT "second_factor.present";
    /// This role needs a second factor, and there is none yet: set one up. What is on the phone is taken meanwhile.
    SecondFactorDemanded = FORBIDDEN "second_factor.demanded";
    /// This role needs a second factor, and this is the last one: set up another first. Nothing was changed.
    SecondFactorLast = CONFLICT "second_factor.last";
    /// The new passkey's answer does not fit what was asked, came too late, or is somebody's already. Nothing was changed.
    PasskeyRefused = FORBIDDEN "passkey.refused";
    /// Nobody needs more passkeys than ten: remove one first.
    PasskeysMany = CONFLICT "passkey.too_many";
    /// Passkeys belong to a name, and this installation is reached by a number.
    PasskeysNameless = CONFLICT "passkey.nameless";
    /// A new password has fewer than 10 characters.
    PasswordShort = BAD_REQUEST "password.short";
    /// A new password is made of spaces.
    PasswordBlank = BAD_REQUEST "password.blank";
    /// A new password is the login.
    PasswordIsLogin = BAD_REQUEST "password.is_login";
    /// The enrolment link is unknown, used, replaced by a newer one, out of date, or of a disabled account; which of these is not said. Ask the office for a new one.
    EnrolmentUnusable = NOT_FOUND "enrolment.unusable";
    /// Somebody has this login already, whatever the letter case.
    LoginTaken = CONFLICT "person.login_taken";
    /// Only an administrator makes administrators and changes what an administrator has.
    AdminOnly = FORBIDDEN "person.admin_only";
    /// Nobody disables themselves, gives themselves a role, gives up their own last office role, ends their own recusal, appoints themselves,
    /// approves themselves as a complaint's handler, or reports the device lost that they sit at.
    Yourself = FORBIDDEN "person.yourself";
    /// Without this administrator nobody could administer the district.
    LastAdmin = CONFLICT "person.last_admin";
    /// A zone lead needs a zone to lead.
    ZoneMissing = BAD_REQUEST "person.zone_missing";
    /// Schools are assigned to supervisors, who alone are appointed, and this person is none.
    NotSupervisor = CONFLICT "assignment.not_supervisor";
    /// The person looks after this school on some of these days already.
    AssignmentOverlaps = CONFLICT "assignment.overlaps";
    /// The person keeps away from this school on some of these days (recusal).
    AssignmentRecused = CONFLICT "assignment.recused";
    /// The person keeps away from this school on some of these days already.
    RecusalOverlaps = CONFLICT "recusal.overlaps";
    /// The person is appointed for some of these days already.
    AppointmentOverlaps = CONFLICT "appointment.overlaps";
    /// Another zone has this name.
    ZoneNameTaken = CONFLICT "zone.name_taken";
    /// Another school has this code.
    SchoolCodeTaken = CONFLICT "school.code_taken";
    /// Opening the identity of somebody who complained, and letting somebody else open it, needs a reason, which the audit keeps.
    ReasonMissing = BAD_REQUEST "identity.reason_missing";
    /// This person cannot be the handler of this complaint: their account is disabled, or they keep away from its school. Which is not said.
    HandlerUnfit = CONFLICT "identity.handler_unfit";
    /// The server has too much to do at this moment; repeat after a few seconds.
    Busy = SERVICE_UNAVAILABLE "busy";
}

impl From<Refused> for Error {
    fn from(Refused(code): Refused) -> Self {
        Error::Refused(code)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Error::Refused(code)
    }
}

impl From<anyhow::Error> for Error {
    fn from(cause: anyhow::Error) -> Self {
        Error::Internal(cause)
    }
}

impl From<diesel::result::Error> for Error {
    /// A lock that somebody else keeps too long is a full house, too, and so is a Postgres that just went down.
    fn from(cause: diesel::result::Error) -> Self {
        use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
        match &cause {
            diesel::result::Error::DatabaseError(ClosedConnection | UnableToSendCommand, _) => {
                tracing::warn!(%cause, "Postgres went away");
                Error::Refused(Code::Busy)
            }
            diesel::result::Error::DatabaseError(_, info) if info.message().ends_with("due to lock timeout") => {
                Error::Refused(Code::Busy)
            }
            _ => Error::Internal(cause.into()),
        }
    }
}

impl From<diesel_async::pooled_connection::deadpool::PoolError> for Error {
    /// A pool that has no connection free in time is a full house, and a Postgres that is being started again will be back: neither is a
    /// fault of the request, and both ask for patience.
    fn from(cause: diesel_async::pooled_connection::deadpool::PoolError) -> Self {
        use diesel_async::pooled_connection::deadpool::PoolError;
        match cause {
            PoolError::Timeout(_) => Error::Refused(Code::Busy),
            PoolError::Backend(cause) => {
                tracing::warn!(%cause, "Postgres cannot be reached");
                Error::Refused(Code::Busy)
            }
            other => Error::Internal(other.into()),
        }
    }
}

impl Error {
    fn code(&self) -> &'static str {
        match self {
            Error::Refused(code) => code.name(),
            Error::PasskeyNeeded(_) => Code::CodeNeeded.name(),
            Error::Internal(_) => "internal",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Refused(_) | Error::PasskeyNeeded(_) => None,
            Error::Internal(cause) => Some(cause.as_ref()),
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Error::Refused(code) => code.status(),
            Error::PasskeyNeeded(_) => Code::CodeNeeded.status(),
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Status and headers only: the body is written by [`edge`], which knows the request id.
    fn error_response(&self) -> HttpResponse {
        let mut reply = HttpResponse::build(self.status_code());
        match self {
            Error::Refused(Code::TooManyTries { retry_after_s } | Code::TooFast { retry_after_s }) => {
                reply.insert_header((header::RETRY_AFTER, retry_after_s.to_string()));
            }
            Error::Refused(Code::Busy) => {
                reply.insert_header((header::RETRY_AFTER, "2"));
            }
            Error::Refused(Code::BodyStalled | Code::BodyTooLarge | Code::BodyBroken) => {
                reply.force_close();
            }
            _ => {}
        }
        reply.finish()
    }
}

/// The id of one request: in the reply's `x-request-id`, in every error and in the log.
#[derive(Debug, Clone, Copy)]
pub struct RequestId(u64);

impl RequestId {
    fn fresh() -> Self {
        RequestId(rand::random())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    school: Option<uuid::Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey: Option<serde_json::Value>,
    request_id: String,
}

/// The outermost middleware: numbers the request, gives every failure under `/api/` its one shape, logs each request
/// once, without names, ids or answers.
pub async fn edge<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> std::result::Result<ServiceResponse<actix_web::body::BoxBody>, actix_web::Error> {
    let id = RequestId::fresh();
    request.extensions_mut().insert(id);
    let started = std::time::Instant::now();
    let method = request.method().clone();

    let mut reply = next.call(request).await?.map_into_boxed_body();
    let code = failure_code(&reply);
    if let Some(Error::Internal(cause)) = failure(&reply) {
        tracing::error!(request_id = %id, cause = format!("{cause:#}"), "internal error");
    }
    if let Some(code) = code.filter(|_| reply.request().path().starts_with("/api/")) {
        reply = with_error_body(reply, code, id);
    }
    let is_api = reply.request().path().starts_with("/api/");
    let headers = reply.headers_mut();
    // Nothing the API says is for a cache: the next person at this screen may be another.
    if is_api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(
        HeaderName::from_static("x-request-id"),
        HeaderValue::try_from(id.to_string()).expect("hex is a header value"),
    );

    let status = reply.status().as_u16();
    let route = reply.request().match_pattern().unwrap_or_else(|| "-".into());
    let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
    tracing::info!(target: "access", request_id = %id, %method, route, status, code, elapsed_ms);
    Ok(reply)
}

fn failure(reply: &ServiceResponse) -> Option<&Error> {
    reply.response().error().and_then(|cause| cause.as_error::<Error>())
}

/// The code of a failed reply, whoever made it: a handler, the router, or the framework.
fn failure_code(reply: &ServiceResponse) -> Option<&'static str> {
    let status = reply.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    if let Some(own) = failure(reply) {
        return Some(own.code());
    }
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::Method,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::ContentType,
        StatusCode::REQUEST_TIMEOUT => Code::BodyStalled,
        status if status.is_client_error() => Code::RequestMalformed,
        _ => return Some("internal"),
    };
    Some(code.name())
}

fn with_error_body(reply: ServiceResponse, code: &'static str, id: RequestId) -> ServiceResponse {
    let school = match failure(&reply) {
        Some(Error::Refused(Code::HandOverRecused { school })) => Some(*school),
        _ => None,
    };
    let passkey = match failure(&reply) {
        Some(Error::PasskeyNeeded(asked)) => Some(serde_json::Value::clone(asked)),
        _ => None,
    };
    let (request, response) = reply.into_parts();
    let body = ErrorBody {
        code,
        school,
        passkey,
        request_id: id.to_string(),
    };
    let mut fresh = HttpResponse::build(response.status());
    for name in [header::RETRY_AFTER, header::ALLOW, header::SET_COOKIE] {
        for value in response.headers().get_all(&name) {
            fresh.append_header((name.clone(), value.clone()));
        }
    }
    if response.head().connection_type() == actix_web::http::ConnectionType::Close {
        fresh.force_close();
    }
    fresh.insert_header((header::CACHE_CONTROL, "no-store"));
    ServiceResponse::new(request, fresh.json(body))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, web};

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_an_error_status() {
        let names: BTreeSet<&str> = Code::all().into_iter().map(Code::name).collect();
        assert_eq!(names.len(), Code::all().len());
        for code in Code::all() {
            assert!(code.status().is_client_error() || code == Code::Busy, "{code:?}");
        }
    }

    #[actix_web::test]
    async fn every_failure_has_one_shape_and_ours_tells_nothing() {
        let refuse = || async { Err::<HttpResponse, Error>(Code::TooManyTries { retry_after_s: 7 }.into()) };
        let fail = || async { Err::<HttpResponse, Error>(anyhow::anyhow!("secret-path /etc").into()) };
        let app = init_service(
            App::new()
                .service(web::resource("/api/refuse").get(refuse))
                .service(web::resource("/api/fail").get(fail))
                .wrap(from_fn(edge)),
        )
        .await;
        for (method, path, status, code) in [
            ("GET", "/api/refuse", 429, "session.too_many_tries"),
            ("GET", "/api/fail", 500, "internal"),
            ("GET", "/api/unknown", 404, "not_found"),
            ("POST", "/api/refuse", 405, "method"),
        ] {
            let method = actix_web::http::Method::from_bytes(method.as_bytes()).unwrap();
            let reply = call_service(&app, TestRequest::with_uri(path).method(method).to_request()).await;
            assert_eq!(reply.status().as_u16(), status, "{path}");
            let id = reply
                .headers()
                .get("x-request-id")
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let retry_after = reply.headers().get("retry-after").cloned();
            assert_eq!(retry_after.is_some(), status == 429);
            let body = read_body(reply).await;
            assert_eq!(body, format!(r#"{{"code":"{code}","request_id":"{id}"}}"#), "{path}");
        }
        let elsewhere = call_service(&app, TestRequest::with_uri("/page").to_request()).await;
        assert_eq!(read_body(elsewhere).await, "", "pages have their own errors");
    }
}
