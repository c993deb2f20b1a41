//! A form of 250 items on a phone whose CPU is four times slower than this machine: how long until a tap is painted and on the disk,
//! how smoothly it scrolls, how much memory it takes.

use anyhow::Result;
use serde_json::json;
use sync_protocol::{BucketId, GroupKind, RecordId};
use tests::browser::{Browser, View};
use tests::people::PASSWORD;
use tests::phone::{Phone, wire};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::figure::{Figure, quantile};
use crate::rig::Rig;

const SECTIONS: usize = 10;
const ITEMS_OF_A_SECTION: usize = 25;
const TAPS: usize = 120;
const SLOWER: u32 = 4;

/// Before the page's own scripts: remembers the module's memory, and when a strict transaction is on the disk.
const WATCH: &str = "
    const compile = WebAssembly.instantiateStreaming;
    WebAssembly.instantiateStreaming = async (...given) => {
        const made = await compile.apply(WebAssembly, given);
        window.wasmMemory = made.instance.exports.memory;
        return made;
    };
    const open = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (...given) {
        const work = open.apply(this, given);
        if (given[1] === 'readwrite') work.addEventListener('complete', () => window.onDurable?.(performance.now()));
        return work;
    };";

/// Taps one answer; gives the time to its paint and to its being durable, in ms.
const TAP: &str = "
    const button = document.querySelector(arguments[0]);
    button.scrollIntoView({ block: 'center', behavior: 'instant' });
    await new Promise((calm) => setTimeout(calm, 150));
    const durable = new Promise((done) => { window.onDurable = done; });
    const began = performance.now();
    button.click();
    const painted = await new Promise((done) => requestAnimationFrame(() => {
        const after = new MessageChannel();
        after.port1.onmessage = () => done(performance.now());
        after.port2.postMessage(0);
    }));
    return [painted - began, (await durable) - began]";

/// Scrolls through the form for three seconds and counts the frames.
const SCROLL: &str = "
    const page = document.querySelector('main');
    page.scrollTop = 0;
    const began = performance.now();
    let frames = 0;
    while (performance.now() - began < 3000) {
        await new Promise(requestAnimationFrame);
        page.scrollTop += 40;
        frames += 1;
    }
    return frames / (performance.now() - began) * 1000";

pub fn measure(runtime: &Runtime) -> Result<Vec<Figure>> {
    let rig = Rig::start(runtime)?;
    runtime.block_on(async {
        publish(&rig).await?;
        let phone = open_form(&rig).await;
        phone
            .cdp("Emulation.setCPUThrottlingRate", json!({ "rate": SLOWER }))
            .await;
        let (mut painted, mut durable) = (Vec::new(), Vec::new());
        for nth in 0..TAPS {
            let (section, item) = (nth % SECTIONS + 1, nth / SECTIONS + 1);
            let answer = if nth % 7 == 0 { "no" } else { "yes" };
            let button = format!("[id='B{section}.{item}'] [data-answer='{answer}']");
            let times: [f64; 2] = phone.js_async(TAP, &[json!(button)]).await;
            painted.push(times[0]);
            durable.push(times[1]);
        }
        let frames: f64 = phone.js_async(SCROLL, &[]).await;
        let heap: f64 = phone.js("return performance.memory.usedJSHeapSize / 1e6", &[]).await;
        let module: f64 = phone
            .js("return (window.wasmMemory?.buffer.byteLength ?? NaN) / 1e6", &[])
            .await;
        let figure = |what: &str, value: f64, unit: &'static str| {
            Figure::new("form of 250 items, CPU 4× slower", what, value, unit)
        };
        Ok(vec![
            figure("a tap is painted, p50", quantile(&painted, 0.5), "ms"),
            figure("a tap is painted, p95", quantile(&painted, 0.95), "ms").goal("< 50 ms"),
            figure("a tap is durable, p95", quantile(&durable, 0.95), "ms").goal("< 100 ms"),
            figure("frames a second while scrolling", frames, "/s").goal("> 50"),
            figure("memory: the page's heap and the module's", heap + module, "MB").goal("< 60 MB"),
        ])
    })
}

/// A checklist of 250 yes/no items, every fifth of which depends on another.
async fn publish(rig: &Rig) -> Result<()> {
    let mut office = Phone::sign_in(&rig.server.url, &rig.district.coordinator.login, PASSWORD).await?;
    let school = tests::load::school_record(&office, rig.district.schools[0], "示例第 1 小学");
    tests::load::push_one(&office, &[school]).await?;
    office.sync().await?;
    let bucket: BucketId = format!("district/{}", rig.district.id).parse()?;
    let id: RecordId = wire(Uuid::now_v7());
    let codes: Vec<String> = (1..=SECTIONS).map(|n| format!("B{n}")).collect();
    let head = json!({
        "title": ["大表", "A large form"], "caps": { "L4": "D" }, "facts": [], "order": codes,
        "bands": [
            { "code": "A", "label": ["优", "Good"], "from": "90" },
            { "code": "D", "label": ["不合格", "Failing"], "from": "0" },
        ],
    });
    let mut edits = vec![
        office.edit(&id, "@kind", "template"),
        office.edit(&id, "code", "large-form"),
        office.edit(&id, "version", 1),
        office.edit(&id, "head", head.to_string()),
    ];
    for code in &codes {
        let items: Vec<serde_json::Value> = (1..=ITEMS_OF_A_SECTION).map(|n| item(code, n)).collect();
        let section = json!({ "code": code, "title": ["部分", "Section"], "short": ["部分", "Part"], "weight": 10, "matter": "ethos", "items": items });
        edits.push(office.edit(&id, &format!("section/{code}"), section.to_string()));
    }
    edits.push(office.edit(&id, "state", "draft"));
    office.change(&bucket, GroupKind::Command, edits);
    office.sync().await?;
    let publish = office.edit(&id, "state", "published");
    office.change(&bucket, GroupKind::Command, vec![publish]);
    office.sync().await
}

fn item(section: &str, n: usize) -> serde_json::Value {
    let mut item = json!({
        "code": format!("{section}.{n}"), "weight": 1, "severity": "L2",
        "title": [format!("第 {n} 项应当做到，并有记录可查"), format!("Number {n} is done and there is a record of it")],
        "help": ["看记录，问一个人。", "See the record and ask somebody."],
    });
    if n.is_multiple_of(5) {
        item["show_if"] = json!(format!(
            "{section}.{} != 'na' or not answered({section}.{})",
            n - 1,
            n - 1
        ));
    }
    item
}

async fn open_form(rig: &Rig) -> Browser {
    let phone = Browser::open(&rig.server.url, View::Phone).await;
    phone
        .cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH }))
        .await;
    phone.go("/").await;
    phone.type_into("[data-testid=login]", &rig.district.a.login).await;
    phone.type_into("[data-testid=password]", PASSWORD).await;
    phone.tap("[data-testid=sign-in]").await;
    phone.see_no("[data-testid=login]").await;
    phone.go(&format!("/school/{}", rig.district.schools[0])).await;
    phone.tap("[data-testid=start-visit]").await;
    phone.tap("[data-add='large-form']").await;
    phone.see("[id='B10.25']").await;
    phone
}
