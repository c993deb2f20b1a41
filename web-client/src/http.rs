//! The only place that fetches. Speaks JSON and lines; knows nothing of people or records.

use futures_util::future::{Either, select};
use js_sys::{Reflect, Uint8Array};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, Request, RequestInit, Response};

use crate::clock;

/// Longer than any honest answer takes, shorter than a person waits for a dead line.
const TIMEOUT_MS: i32 = 45_000;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status; 0 when no answer came at all.
    pub status: u16,
    /// The server's stable code, or `network`.
    pub code: String,
    /// How long the server asked to be left alone; 0 when it did not.
    pub retry_after_ms: u64,
    /// The school that stands in the way, where the server names one.
    pub school: Option<String>,
}

impl ApiError {
    pub fn new(status: u16, code: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            retry_after_ms: 0,
            school: None,
        }
    }
    pub fn network() -> Self {
        Self::new(0, "network")
    }
    #[must_use]
    pub fn with_retry_after(self, retry_after_ms: u64) -> Self {
        Self { retry_after_ms, ..self }
    }
    /// Whether nothing answered: the work waits, nothing is wrong with it.
    pub fn is_network(&self) -> bool {
        self.status == 0
    }
}

/// What to send.
pub struct Call<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub content_type: &'a str,
    pub body: Option<String>,
    pub token: Option<&'a str>,
    /// More headers, where a call needs them.
    pub headers: Vec<(&'a str, String)>,
}

impl<'a> Call<'a> {
    pub fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            content_type: "",
            body: None,
            token: None,
            headers: Vec::new(),
        }
    }
    pub fn post(path: &'a str, content_type: &'a str, body: String) -> Self {
        Self {
            method: "POST",
            path,
            content_type,
            body: Some(body),
            token: None,
            headers: Vec::new(),
        }
    }
    pub fn delete(path: &'a str) -> Self {
        Self {
            method: "DELETE",
            path,
            content_type: "",
            body: None,
            token: None,
            headers: Vec::new(),
        }
    }
    #[must_use]
    pub fn with_token(self, token: &'a str) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }
}

/// Sends and reads the whole answer as text.
pub async fn text(call: Call<'_>) -> Result<String, ApiError> {
    let abort = AbortController::new().map_err(|_| ApiError::network())?;
    let answer = Box::pin(async {
        let response = fetch(&call, &abort).await?;
        let promise = response.text().map_err(|_| ApiError::network())?;
        let text = JsFuture::from(promise)
            .await
            .map_err(|_| ApiError::network())?
            .as_string()
            .unwrap_or_default();
        if response.ok() {
            Ok(text)
        } else {
            Err(refusal(&response, &text))
        }
    });
    match select(answer, Box::pin(clock::sleep(TIMEOUT_MS))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => {
            abort.abort();
            Err(ApiError::network())
        }
    }
}

/// Sends and reads the answer as JSON.
pub async fn json<T: DeserializeOwned>(call: Call<'_>) -> Result<T, ApiError> {
    let text = text(call).await?;
    serde_json::from_str(&text).map_err(|_| ApiError::new(200, "answer.unreadable"))
}

/// Reads an endless answer line by line until it ends or `line` says stop.
pub async fn lines(call: Call<'_>, mut line: impl FnMut(&str) -> bool) -> Result<(), ApiError> {
    let abort = AbortController::new().map_err(|_| ApiError::network())?;
    let response = fetch(&call, &abort).await?;
    if !response.ok() {
        return Err(refusal(&response, ""));
    }
    let body = response.body().ok_or_else(ApiError::network)?;
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await.map_err(|_| ApiError::network())?;
        let done = Reflect::get(&chunk, &"done".into()).is_ok_and(|done| done.is_truthy());
        if done {
            return Ok(());
        }
        let value = Reflect::get(&chunk, &"value".into()).map_err(|_| ApiError::network())?;
        rest.extend(Uint8Array::new(&value).to_vec());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let whole: Vec<u8> = rest.drain(..=end).collect();
            if !line(String::from_utf8_lossy(&whole).trim_end()) {
                abort.abort();
                return Ok(());
            }
        }
    }
}

async fn fetch(call: &Call<'_>, abort: &AbortController) -> Result<Response, ApiError> {
    let network = |_: JsValue| ApiError::network();
    let options = RequestInit::new();
    options.set_method(call.method);
    options.set_signal(Some(&abort.signal()));
    let headers = Headers::new().map_err(network)?;
    headers.set("X-Duxing", "1").map_err(network)?;
    if let Some(token) = call.token {
        headers
            .set("Authorization", &format!("Bearer {token}"))
            .map_err(network)?;
    }
    for (name, value) in &call.headers {
        headers.set(name, value).map_err(network)?;
    }
    if let Some(body) = &call.body {
        headers.set("Content-Type", call.content_type).map_err(network)?;
        options.set_body(&JsValue::from_str(body));
    }
    options.set_headers(&headers);
    let request = Request::new_with_str_and_init(call.path, &options).map_err(network)?;
    let window = web_sys::window().ok_or_else(ApiError::network)?;
    JsFuture::from(window.fetch_with_request(&request))
        .await
        .map_err(network)?
        .dyn_into()
        .map_err(network)
}

fn refusal(response: &Response, body: &str) -> ApiError {
    #[derive(Deserialize)]
    struct Body {
        code: String,
        school: Option<String>,
    }
    let status = response.status();
    let (code, school) = match serde_json::from_str::<Body>(body) {
        Ok(body) => (body.code, body.school),
        Err(_) => (format!("http.{status}"), None),
    };
    let seconds = response.headers().get("Retry-After").ok().flatten();
    let seconds: u64 = seconds.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    ApiError {
        school,
        ..ApiError::new(status, &code).with_retry_after(seconds.saturating_mul(1000))
    }
}
