//! Files that a person saves or chooses. Knows nothing of what is in them.

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Event, HtmlAnchorElement, HtmlInputElement, Url};

/// Hands a text to the browser to be saved under this name; where to is the person's and the browser's business.
pub fn save(name: &str, text: &str) -> Result<(), JsValue> {
    let blob = Blob::new_with_str_sequence(&Array::of1(&text.into()))?;
    let address = Url::create_object_url_with_blob(&blob)?;
    let document = web_sys::window().and_then(|window| window.document());
    let document = document.ok_or("no page")?;
    let link: HtmlAnchorElement = document.create_element("a")?.unchecked_into();
    link.set_href(&address);
    link.set_download(name);
    link.click();
    // A minute is enough for the browser to have read it.
    wasm_bindgen_futures::spawn_local(async move {
        crate::clock::sleep(60_000).await;
        let _ = Url::revoke_object_url(&address);
    });
    Ok(())
}

/// The text of the file chosen in the input that changed. The input is emptied, so that the same file may be chosen again.
pub async fn chosen(event: &Event) -> Option<String> {
    let input: HtmlInputElement = event.target()?.dyn_into().ok()?;
    let file = input.files()?.get(0)?;
    let text = JsFuture::from(file.text()).await.ok()?.as_string();
    input.set_value("");
    text
}
