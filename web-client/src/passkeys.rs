//! The browser's side of a passkey: has one made, has one sign. The only place that calls `navigator.credentials`; what is asked and whether the
//! answer is good is the office's business.

use serde_json::Value;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(inline_js = "
const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const spelt = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const answer = (made, response) => JSON.stringify({ id: made.id, rawId: spelt(made.rawId), type: made.type, extensions: {}, response });

export async function makePasskey(options) {
  const { publicKey } = JSON.parse(options);
  publicKey.challenge = bytes(publicKey.challenge);
  publicKey.user.id = bytes(publicKey.user.id);
  for (const known of publicKey.excludeCredentials ?? []) known.id = bytes(known.id);
  const made = await navigator.credentials.create({ publicKey });
  return answer(made, {
    attestationObject: spelt(made.response.attestationObject),
    clientDataJSON: spelt(made.response.clientDataJSON),
  });
}

export async function signWithPasskey(options) {
  const { publicKey } = JSON.parse(options);
  publicKey.challenge = bytes(publicKey.challenge);
  for (const known of publicKey.allowCredentials) known.id = bytes(known.id);
  const made = await navigator.credentials.get({ publicKey });
  return answer(made, {
    authenticatorData: spelt(made.response.authenticatorData),
    clientDataJSON: spelt(made.response.clientDataJSON),
    signature: spelt(made.response.signature),
    userHandle: made.response.userHandle ? spelt(made.response.userHandle) : null,
  });
}

export function passkeysWorkAt(name) {
  return !!window.PublicKeyCredential && `.${location.hostname}`.endsWith(`.${name}`);
}")]
extern "C" {
    #[wasm_bindgen(js_name = makePasskey, catch)]
    async fn make_passkey(options: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = signWithPasskey, catch)]
    async fn sign_with_passkey(options: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = passkeysWorkAt)]
    fn passkeys_work_at(name: &str) -> bool;
}

/// Whether this browser has passkeys, and this page stands under the name that they belong to.
pub fn work_at(name: &str) -> bool {
    passkeys_work_at(name)
}

/// Has the owner make a new passkey; `None` when they did not, or this device has one already.
pub async fn make(options: &Value) -> Option<Value> {
    read(make_passkey(&options.to_string()).await)
}

/// Has the owner sign with a passkey; `None` when they did not.
pub async fn sign(options: &Value) -> Option<Value> {
    read(sign_with_passkey(&options.to_string()).await)
}

fn read(answer: Result<JsValue, JsValue>) -> Option<Value> {
    serde_json::from_str(&answer.ok()?.as_string()?).ok()
}
