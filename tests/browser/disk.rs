//! What lies on a phone's disk: read and changed beside the app, with the owner's password, as nobody else could.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use sync_protocol::safe::{Envelope, SafeKey, SealedRow, Store};
use tests::Person;
use tests::browser::Browser;
use tests::people::PASSWORD;

/// A script that opens the database whose name ends with `arguments[0]` and does `then` with its store `arguments[1]`.
fn script(mode: &str, then: &str) -> String {
    format!(
        "const wait = (request) => new Promise((good, bad) => {{ request.onsuccess = () => good(request.result); request.onerror = () => bad(request.error); }});
        const names = (await indexedDB.databases()).map((db) => db.name);
        const db = await wait(indexedDB.open(names.find((name) => name.endsWith(arguments[0]))));
        const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replace(/=+$/, '');
        try {{
            const store = db.transaction(arguments[1], '{mode}').objectStore(arguments[1]);
            {then}
        }} finally {{ db.close(); }}"
    )
}

/// The rows of a store of one person's database by their keys, in the clear.
pub async fn rows(phone: &Browser, person: &Person, store: &str) -> Vec<(String, Value)> {
    let read = script(
        "readonly",
        "const [keys, all] = await Promise.all([wait(store.getAllKeys()), wait(store.getAll())]);
        return keys.map((key, at) => [key, text(all[at])])",
    );
    let of = person.id.to_string();
    let sealed: Vec<(String, String)> = phone.js_async(&read, &[json!(of), json!(store)]).await;
    let safe = key(phone, person).await;
    let open = |key: &str, data: String| {
        let row = SealedRow {
            store: Store::Outbox,
            order: 0,
            data,
        };
        let row = row.bytes().expect("base 64");
        let plain = safe.open(&place(store, key), &row[order_bytes(store)..]);
        serde_json::from_slice(&plain.expect("the row opens with its owner's password")).expect("rows are JSON")
    };
    sealed
        .into_iter()
        .map(|(key, data)| {
            let value = open(&key, data);
            (key, value)
        })
        .collect()
}

/// Writes a row as the app would.
pub async fn put(phone: &Browser, person: &Person, store: &str, key: &str, value: &Value) {
    let write = script(
        "readwrite",
        "await wait(store.put(Uint8Array.from(atob(arguments[3]), (letter) => letter.charCodeAt(0)), arguments[2])); return true",
    );
    let safe = self::key(phone, person).await;
    let sealed = safe.seal(&place(store, key), value.to_string().as_bytes(), rand::random());
    let order = value["order"].as_i64().unwrap_or_default().to_be_bytes();
    let row = [&order[..order_bytes(store)], &sealed].concat();
    let data = SealedRow::new(Store::Outbox, 0, &row).data;
    let arguments = [json!(person.id.to_string()), json!(store), json!(key), json!(data)];
    phone.js_async::<bool>(&write, &arguments).await;
}

/// The groups of a file that this person saved on this phone: what the office reads in it.
pub async fn lines(phone: &Browser, person: &Person, file: &str) -> Vec<String> {
    let Envelope { header, rows } = Envelope::read(file).expect("a file of ours");
    let key = key(phone, person).await;
    let line = |row: &SealedRow| row.line(&key, &header.person, &header.device);
    rows.iter().map(|row| line(row).expect("the row opens")).collect()
}

/// Before a group's seal stands its place in the author's order.
fn order_bytes(store: &str) -> usize {
    if ["outbox", "journal"].contains(&store) { 8 } else { 0 }
}

fn place(store: &str, key: &str) -> String {
    match store {
        "meta" => format!("meta/{key}"),
        _ => store.to_owned(),
    }
}

/// The key of a person's safe, from what the phone keeps of it and their password.
async fn key(phone: &Browser, person: &Person) -> SafeKey {
    static KNOWN: Mutex<Option<HashMap<String, SafeKey>>> = Mutex::new(None);
    let read = script("readonly", "return JSON.parse(await wait(store.get('safes')))");
    let safes: Vec<Value> = phone.js_async(&read, &[json!("duxing-device"), json!("meta")]).await;
    let id = person.id.to_string();
    let safe = safes.into_iter().find(|safe| safe["person"]["id"] == id.as_str());
    let safe = safe.expect("they have a safe on this phone");
    let name = safe.to_string();
    let known = |name: &str| KNOWN.lock().expect("no test died here").as_ref()?.get(name).cloned();
    if let Some(key) = known(&name) {
        return key;
    }
    let number = |field: &str| u32::try_from(safe[field].as_u64().expect("a number")).expect("a small one");
    let salt: Vec<u8> = serde_json::from_value(safe["salt"].clone()).expect("a salt");
    let derived = passphrase::derive(PASSWORD.as_bytes(), &salt, number("memory_kib"), number("passes"));
    let by = SafeKey::new(derived.expect("memory enough"));
    let place = format!(
        "key/{}/{id}",
        safe["person"]["district_id"].as_str().expect("a district")
    );
    let locked = safe["locked"].as_str().expect("it was not withdrawn");
    let key = SafeKey::unlocked_by(&by, &place, locked).expect("the password opens it");
    let mut cache = KNOWN.lock().expect("no test died here");
    cache.get_or_insert_default().insert(name, key.clone());
    key
}
