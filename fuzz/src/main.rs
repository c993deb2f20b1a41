//! One program for all decoders: `DUXING_FUZZ_TARGET` says which one it feeds.

#![no_main]

mod decode;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static DECODE: LazyLock<decode::Decode> = LazyLock::new(|| {
    let name = std::env::var("DUXING_FUZZ_TARGET").expect("DUXING_FUZZ_TARGET names a decoder");
    decode::named(&name).expect("a decoder of this name")
});

fuzz_target!(|bytes: &[u8]| DECODE(bytes));
