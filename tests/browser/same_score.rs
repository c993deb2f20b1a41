//! The same answers come to the same score in the browser and on the server: ten thousand random responses, judged by the same
//! crate compiled for either, summed up to the last detail.

use std::fmt::Write;

use serde_json::json;
use tests::browser::{Browser, View};

use crate::dice::Dice;
use crate::stage::Stage;

const RESPONSES: u32 = 10_000;

#[tokio::test]
async fn ten_thousand_random_responses_come_to_the_same_on_the_phone_and_on_the_server() {
    let module =
        std::env::var("DUXING_SAME_SCORE").expect("DUXING_SAME_SCORE names the module; `cargo xtask test` builds it");
    let module = std::fs::read(&module).unwrap_or_else(|error| panic!("{module}: {error}"));
    let hex = module.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let seed = Dice::new("same score").between(0, 1_000_000) as u64;
    let stage = Stage::set().await;
    let phone = Browser::open(&stage.server.url, View::Phone).await;
    phone.go("/").await;
    let judge = "const bytes = Uint8Array.from(arguments[0].match(/../g), (byte) => parseInt(byte, 16));
        const { instance } = await WebAssembly.instantiate(bytes);
        return BigInt.asUintN(64, instance.exports.sum_of_judgements(BigInt(arguments[1]), arguments[2])).toString()";
    let of_phone: String = phone
        .js_async(judge, &[json!(hex), json!(seed), json!(RESPONSES)])
        .await;
    let of_server = same_score::sum_of_judgements(seed, RESPONSES).to_string();
    assert_eq!(of_phone, of_server, "seed {seed}");
}
