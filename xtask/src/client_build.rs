//! Builds the web client into `dist/`: wasm, its glue, one style sheet, the page and the service worker, each file also
//! compressed. Everything that may be cached for ever lies in one folder named by the hash of its content.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use crate::tools::{ensure_wasm_target, hex};
use crate::workspace::{cargo, dist, must_run, root, target_dir};

/// What the client is made of; when none of it changed, the last build stands.
const INPUTS: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "catalog",
    "sync-protocol/Cargo.toml",
    "sync-protocol/src",
    "web-client",
    "xtask/Cargo.toml",
    "xtask/src/client_build.rs",
];

/// Scripts that lie beside the module, under a name that changes with their content.
const PACKED: [&str; 2] = ["boot.js", "unlock.js"];

/// Files by their path below `dist/`.
type Files = BTreeMap<String, Vec<u8>>;

/// What came of it.
pub struct Built {
    seconds: Option<f64>,
    /// Bytes over the wire for a first visit, compressed with brotli, and how many files.
    pub first_load: u64,
    /// The wasm module: plain and compressed with brotli.
    pub wasm: (u64, u64),
}

impl Built {
    /// One line for people.
    pub fn summary(&self) -> String {
        let done = self
            .seconds
            .map_or_else(|| "up to date".to_owned(), |seconds| format!("built in {seconds:.1} s"));
        let kb = |bytes: u64| bytes as f64 / 1000.0;
        let (plain, compressed) = self.wasm;
        format!(
            "client: {done}; first load {:.1} kB compressed, of which wasm {:.1} kB ({:.1} kB plain)",
            kb(self.first_load),
            kb(compressed),
            kb(plain)
        )
    }
}

/// Builds the client when one of its inputs changed.
pub fn build() -> anyhow::Result<Built> {
    let stamp_file = target_dir().join("client.stamp");
    let stamp = fingerprint()?;
    if fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) && dist().join("index.html").is_file() {
        return measure(None);
    }
    let started = Instant::now();
    ensure_wasm_target()?;
    must_run(&mut cargo(&[
        "build",
        "--quiet",
        "--package=web-client",
        "--package=passphrase",
        "--target=wasm32-unknown-unknown",
        "--profile=wasm-release",
    ]))?;
    publish(&assemble(&target_dir().join("wasm32-unknown-unknown/wasm-release"))?)?;
    fs::write(stamp_file, stamp)?;
    measure(Some(started.elapsed().as_secs_f64()))
}

/// The catalog's judgement alone, for the browser: what the tests compare with the server's.
pub fn build_same_score() -> anyhow::Result<PathBuf> {
    ensure_wasm_target()?;
    must_run(&mut cargo(&[
        "build",
        "--quiet",
        "--package=same-score",
        "--target=wasm32-unknown-unknown",
        "--profile=wasm-release",
    ]))?;
    Ok(target_dir().join("wasm32-unknown-unknown/wasm-release/same_score.wasm"))
}

fn fingerprint() -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    for input in INPUTS {
        for (name, bytes) in read_tree(&root().join(input))? {
            hash.update(format!("{input}/{name}\0{}\0", bytes.len()));
            hash.update(bytes);
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Every file of `dist/`, uncompressed, from the folder with the compiled modules.
fn assemble(modules: &Path) -> anyhow::Result<Files> {
    let source = root().join("web-client");
    let glue = target_dir().join("client-glue");
    let _ = fs::remove_dir_all(&glue);
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(modules.join("web_client.wasm"))
        .web(true)?
        .out_name("app")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&glue)
        .context("cannot make the glue between wasm and the browser")?;
    let mut package = read_tree(&glue)?;
    let statics = read_tree(&source.join("static"))?;
    for name in PACKED {
        let file = statics.get(name);
        let file = file.with_context(|| format!("web-client/static/{name} is missing"))?;
        package.insert(name.into(), file.clone());
    }
    package.insert("unlock.wasm".into(), fs::read(modules.join("passphrase.wasm"))?);
    let style = stylesheet(read_tree(&source.join("style"))?);
    let colour = |name: &str, nth: usize| token(&style, name, nth).with_context(|| format!("no token {name}"));
    let colours = [
        ("act", colour("--act", 0)?),
        ("paper", colour("--paper", 0)?),
        ("paper-dark", colour("--paper", 1)?),
    ];
    package.insert("style.css".into(), style.into_bytes());

    let pkg = format!("/pkg/{}", &content_hash(&package)[..16]);
    let mut files: Files = package
        .into_iter()
        .map(|(name, bytes)| (format!("{}/{name}", &pkg[1..]), bytes))
        .collect();
    let mut values: Vec<(&str, String)> = colours.to_vec();
    values.push(("pkg", pkg));
    for (name, bytes) in statics
        .into_iter()
        .filter(|(name, _)| name != "sw.js" && !PACKED.contains(&name.as_str()))
    {
        let is_template = name == "index.html" || name == "manifest.webmanifest";
        files.insert(name, if is_template { fill(bytes, &values)? } else { bytes });
    }
    let worker = service_worker(&files, fs::read(source.join("static/sw.js"))?)?;
    files.insert("sw.js".into(), worker);
    Ok(files)
}

/// The tokens first, so that everything after may use them; the rest by name.
fn stylesheet(mut sheets: Files) -> String {
    let first = sheets.remove("tokens.css");
    let rest = sheets
        .into_iter()
        .filter(|(name, _)| name.ends_with(".css"))
        .map(|(_, bytes)| bytes);
    let all = first
        .into_iter()
        .chain(rest)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    all.collect::<Vec<_>>().join("\n")
}

/// The value of the `nth` declaration of a custom property: first the light one, then the dark one.
fn token(style: &str, name: &str, nth: usize) -> Option<String> {
    let declaration = format!("{name}:");
    let (_, after) = style
        .match_indices(&declaration)
        .map(|(at, _)| style.split_at(at + declaration.len()))
        .nth(nth)?;
    Some(after.split([';', '}']).next()?.trim().to_owned())
}

/// The worker knows every file of its version. The page goes by the address `/`.
fn service_worker(files: &Files, template: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let list: Vec<String> = files
        .keys()
        .filter(|name| !is_picture(name))
        .map(|name| {
            if name == "index.html" {
                "/".to_owned()
            } else {
                format!("/{name}")
            }
        })
        .collect();
    let mut versioned = files.clone();
    versioned.insert("sw.js".into(), template.clone());
    let version = content_hash(&versioned)[..16].to_owned();
    fill(
        template,
        &[("version", version), ("files", serde_json::to_string_pretty(&list)?)],
    )
}

/// Replaces `{{name}}`; a place without a value is an error.
fn fill(template: Vec<u8>, values: &[(&str, String)]) -> anyhow::Result<Vec<u8>> {
    let template = String::from_utf8(template)?;
    let filled = values.iter().fold(template, |text, (name, value)| {
        text.replace(&format!("{{{{{name}}}}}"), value)
    });
    ensure!(!filled.contains("{{"), "a place in a template has no value: {filled}");
    Ok(filled.into_bytes())
}

/// Icons are the browser's to fetch when somebody installs the app; compressing them again gains nothing.
fn is_picture(name: &str) -> bool {
    name.ends_with(".png")
}

fn content_hash(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in files {
        hash.update(format!("{name}\0{}\0", bytes.len()));
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

/// Writes a new `dist/` beside the old one and swaps them, so that nobody ever finds half a client.
fn publish(files: &Files) -> anyhow::Result<()> {
    let next = target_dir().join("dist.next");
    let _ = fs::remove_dir_all(&next);
    std::thread::scope(|scope| {
        let writers: Vec<_> = files
            .iter()
            .map(|(name, bytes)| {
                let path = next.join(name);
                scope.spawn(move || write_with_variants(&path, bytes))
            })
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().expect("a writer does not panic"))
    })?;
    let _ = fs::remove_dir_all(dist());
    match fs::rename(&next, dist()) {
        // The target folder may lie on another disk.
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => files
            .iter()
            .try_for_each(|(name, bytes)| write_with_variants(&dist().join(name), bytes)),
        renamed => Ok(renamed?),
    }
}

fn write_with_variants(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    let with = |extension: &str| PathBuf::from(format!("{}.{extension}", path.display()));
    fs::write(path, bytes)?;
    if is_picture(&path.to_string_lossy()) {
        return Ok(());
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes)?;
    fs::write(with("gz"), gzip.finish()?)?;
    let mut compressed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters)?;
    Ok(fs::write(with("br"), compressed)?)
}

/// What a phone loads before it is ready to work offline: everything, once.
fn measure(seconds: Option<f64>) -> anyhow::Result<Built> {
    let sizes: BTreeMap<String, u64> = read_tree(&dist())?
        .into_iter()
        .map(|(name, bytes)| (name, bytes.len() as u64))
        .collect();
    let module = sizes
        .keys()
        .find(|name| name.ends_with("app_bg.wasm"))
        .context("dist holds no wasm")?;
    let first_load = sizes
        .iter()
        .filter(|(name, _)| name.ends_with(".br"))
        .map(|(_, size)| size)
        .sum();
    Ok(Built {
        seconds,
        first_load,
        wasm: (sizes[module], sizes[&format!("{module}.br")]),
    })
}

/// The files below a folder by relative path, or the one file itself.
fn read_tree(path: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut pending = vec![path.to_path_buf()];
    while let Some(next) = pending.pop() {
        if next.is_dir() {
            for entry in fs::read_dir(&next)? {
                pending.push(entry?.path());
            }
        } else {
            let name = next.strip_prefix(path)?.to_string_lossy().replace('\\', "/");
            files.insert(
                name,
                fs::read(&next).with_context(|| format!("cannot read {}", next.display()))?,
            );
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> Files {
        pairs
            .iter()
            .map(|(name, text)| (name.to_string(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn tokens_come_first_in_the_style_sheet_and_can_be_read() {
        let style = stylesheet(files(&[
            ("app.css", "b{}"),
            (
                "tokens.css",
                ":root { --paper: #faf8f3; /* page */ --act: #0b5a5b; } .dark{--paper:#121716}",
            ),
            ("base.css", "c{}"),
        ]));
        assert!(style.starts_with(":root") && style.ends_with("b{}\nc{}"));
        assert_eq!(token(&style, "--act", 0).as_deref(), Some("#0b5a5b"));
        assert_eq!(token(&style, "--paper", 1).as_deref(), Some("#121716"));
        assert_eq!(token(&style, "--none", 0), None);
    }

    #[test]
    fn the_worker_lists_every_file_and_any_change_is_a_new_version() {
        let template = || b"v='{{version}}' f={{files}}".to_vec();
        let build = |text: &str| {
            let files = files(&[("index.html", text), ("pkg/a/app.js", "x")]);
            String::from_utf8(service_worker(&files, template()).unwrap()).unwrap()
        };
        assert!(build("one").contains(r#""/","#) && build("one").contains(r#""/pkg/a/app.js""#));
        assert_eq!(build("one"), build("one"));
        assert_ne!(build("one"), build("two"));
    }

    #[test]
    fn a_place_without_a_value_is_an_error() {
        assert!(fill(b"{{pkg}} {{other}}".to_vec(), &[("pkg", "/p".into())]).is_err());
        assert_eq!(fill(b"{{pkg}}".to_vec(), &[("pkg", "/p".into())]).unwrap(), b"/p");
    }
}
