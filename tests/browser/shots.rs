//! Pictures of every screen, for eyes and for the handbook. Not a story: it runs only when asked, by `cargo xtask shots DIR`,
//! on the demo district behind the real server command.

use std::path::PathBuf;
use std::process::Stdio;

use catalog::Lang;
use tests::browser::{Browser, View};
use tests::postgres::fresh_database;
use tests::proxy::Line;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::access::Looks;
use crate::words::word;

/// The looks that are pictured, with their names in the files.
const LOOKS: [(&str, Looks); 4] = [
    ("zh", looks(Lang::ZhCn, "light", false)),
    ("en", looks(Lang::En, "light", false)),
    ("dark", looks(Lang::ZhCn, "dark", false)),
    ("senior", looks(Lang::ZhCn, "light", true)),
];

const fn looks(lang: Lang, theme: &'static str, senior: bool) -> Looks {
    Looks { lang, theme, senior }
}

/// The school that the demo district leaves for whoever tries the product.
const SCHOOL: &str = "示例区第二中学";

#[tokio::test]
#[ignore = "takes pictures; run by `cargo xtask shots DIR`"]
async fn shots() {
    let folder = PathBuf::from(std::env::var("DUXING_SHOTS").expect("DUXING_SHOTS names the folder for the pictures"));
    let demo = Demo::start().await;
    phone(&demo, &folder).await;
    desk(&demo, &folder).await;
}

/// The server command over a database of its own, with the demo district.
struct Demo {
    url: String,
    _server: Child,
}

impl Demo {
    async fn start() -> Self {
        let binary =
            std::env::var("DUXING_SERVER").expect("DUXING_SERVER names the server; `cargo xtask shots` builds it");
        let mut server = Command::new(binary)
            .arg("serve")
            .env("DATABASE_URL", fresh_database().await)
            .env("DUXING_DEMO", "small")
            .env("DUXING_PORT", "0")
            .env("DUXING_LOG", "error")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server command");
        let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines();
        let mut url = None;
        while let (None, Ok(Some(line))) = (&url, lines.next_line().await) {
            url = line.strip_prefix("ready ").map(str::to_owned);
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Demo {
            url: url.expect("the server says where it is"),
            _server: server,
        }
    }
}

/// A picture of the page in every look: `<view>-<look>-<name>.png`.
struct Camera<'a> {
    browser: &'a Browser,
    folder: &'a PathBuf,
    view: &'static str,
}

impl Camera<'_> {
    /// The page at `path`, then whatever `pose` does to it.
    async fn take(&self, name: &str, path: &str, pose: impl AsyncFn(&Browser)) {
        for (look, looks) in LOOKS {
            looks.wear(self.browser).await;
            self.browser.go(path).await;
            if path.contains('#') {
                // Another place on the same page is no new page, and looks change with pages.
                self.browser.reload().await;
            }
            self.browser.see("h1").await;
            self.browser
                .wait("a calm page", "!document.querySelector('[aria-busy=true]')")
                .await;
            pose(self.browser).await;
            self.browser.still().await;
            self.browser
                .picture(&self.folder.join(format!("{}-{look}-{name}.png", self.view)))
                .await;
        }
        looks(Lang::ZhCn, "light", false).wear(self.browser).await;
    }

    async fn plain(&self, name: &str, path: &str) {
        self.take(name, path, async |_| {}).await;
    }
}

async fn sign_in(browser: &Browser, login: &str) {
    browser.go("/").await;
    browser.tap(&format!("[data-demo={login}]")).await;
    browser.see_no("[data-testid=login]").await;
}

async fn phone(demo: &Demo, folder: &PathBuf) {
    let line = Line::to(&demo.url).await;
    let mut phone = Browser::open(&line.url, View::Phone).await;
    phone.go("/").await;
    phone.see("[data-demo]").await;
    let camera = Camera {
        browser: &phone,
        folder,
        view: "phone",
    };
    camera
        .take("01-sign-in", "/", async |phone| phone.see("[data-demo]").await)
        .await;
    camera
        .take("01-sign-in-demo", "/", async |phone| scroll_to(phone, ".demo").await)
        .await;
    sign_in(&phone, "zhang").await;
    phone.read(word(Lang::ZhCn, "offline.ready")).await;

    phone.go("/schools").await;
    phone.read(SCHOOL).await;
    let find = "return [...document.querySelectorAll('a[href^=\"/school/\"]')].find((link) => link.innerText.includes(arguments[0])).getAttribute('href')";
    let school: String = phone.js(find, &[SCHOOL.into()]).await;
    let camera = Camera {
        browser: &phone,
        folder,
        view: "phone",
    };
    camera.plain("02-today", "/today").await;
    camera.plain("03-schools", "/schools").await;
    camera.plain("04-school", &school).await;

    phone.go(&school).await;
    phone.tap("[data-testid=start-visit]").await;
    phone.see("[data-testid=open-checklist]").await;
    let visit = phone.place().await;
    camera.plain("05-visit-begun", &visit).await;
    phone.go(&visit).await;
    phone.tap("[data-testid=open-checklist]").await;
    phone.see("[id='SF1.1']").await;
    let sheet = phone.place().await;
    let sheet = sheet.split('#').next().unwrap_or_default().to_owned();
    camera.plain("06-checklist-top", &sheet).await;
    fill_some(&phone, &sheet).await;
    for (name, item) in [
        ("07-checklist-no", "SF3.4"),
        ("08-checklist-number", "SF2.1"),
        ("09-checklist-cap", "SF3.1"),
    ] {
        camera.plain(name, &format!("{sheet}#{item}")).await;
    }
    camera
        .take("10-checklist-search", &sheet, async |phone| {
            // Large print leaves the search out.
            let found = "return document.querySelector('.bar button.iconbtn')?.checkVisibility() === true";
            if phone.js::<bool>(found, &[]).await {
                phone.tap(".bar button.iconbtn").await;
                phone.keys("5.").await;
                phone.see(".found li").await;
            }
        })
        .await;
    camera
        .take("11-checklist-rest", &sheet, async |phone| {
            scroll_to(phone, "[data-testid=looked-SF4]").await
        })
        .await;
    camera.plain("12-visit", &visit).await;
    camera
        .take("12-visit-lower", &visit, async |phone| {
            scroll_to(phone, "[data-testid=missing]").await
        })
        .await;
    phone.go(&format!("{visit}/feedback")).await;
    for (kind, words) in [
        ("highlight", "门卫熟悉预案，演练有记录。"),
        ("direction", "应急照明列入每周巡查。"),
    ] {
        phone.tap(&format!("[data-testid=add-{kind}]")).await;
        phone.type_into(&format!("[data-kind={kind}] textarea"), words).await;
    }
    phone.type_into("textarea[data-field=informed]", "校长").await;
    camera.plain("13-feedback", &format!("{visit}/feedback")).await;
    camera.plain("14-submit", &format!("{visit}/submit")).await;
    camera.plain("15-problems", "/problems").await;
    camera.plain("16-me", "/me").await;
    camera.plain("17-sync", "/sync").await;
    camera
        .plain("18-unknown", "/school/00000000-0000-4000-8000-000000000000")
        .await;

    line.cut();
    phone.tell_offline(true).await;
    phone.go(&format!("{sheet}#SF3.5")).await;
    phone.tap("[id='SF3.5'] [data-answer=yes]").await;
    let camera = Camera {
        browser: &phone,
        folder,
        view: "phone",
    };
    camera.plain("19-offline-checklist", &format!("{sheet}#SF3.4")).await;
    camera.plain("20-offline-today", "/today").await;
    camera.plain("21-offline-sync", "/sync").await;
    line.mend();
    phone.tell_offline(false).await;
    phone.go("/today").await;
    phone.see("[data-testid=sync-badge][data-pending='0']").await;

    phone.go(&visit).await;
    phone.tap("[data-add='lesson-observation']").await;
    phone.tap("[data-testid=start-clock]").await;
    phone.type_into("input[data-field='LO-A9/n2']", "41").await;
    let lesson = phone.place().await;
    let lesson = lesson.split('#').next().unwrap_or_default().to_owned();
    phone.go(&visit).await;
    phone.tap("[data-add='student-workload']").await;
    phone.tap("[data-testid=draw]").await;
    phone.see(".proofs li").await;
    let workload = phone.place().await;
    let workload = workload.split('#').next().unwrap_or_default().to_owned();
    let camera = Camera {
        browser: &phone,
        folder,
        view: "phone",
    };
    camera.plain("24-lesson", &lesson).await;
    camera
        .take("25-lesson-levels", &lesson, async |phone| {
            scroll_to(phone, "[id='LO-C1']").await
        })
        .await;
    camera.plain("26-workload", &workload).await;
    camera
        .take("27-workload-classes", &workload, async |phone| {
            scroll_to(phone, "[id='W3.1']").await;
            phone.tap("[id='W3.1'] [data-class]").await;
            phone.see("[id='W3.1'] .pad").await;
        })
        .await;

    // A visit that was handed in: the first of the first school, on which two people disagreed.
    phone.go("/schools").await;
    phone.read("示例区第一小学").await;
    let first: String = phone.js(find, &["示例区第一小学".into()]).await;
    phone.go(&first).await;
    phone.tap("a[href^='/visit/']:not([href*='/checklist/'])").await;
    phone.see("[data-testid=handed-in]").await;
    let done = phone.place().await;
    let camera = Camera {
        browser: &phone,
        folder,
        view: "phone",
    };
    camera.plain("22-handed-in", &done).await;
    phone.go(&done).await;
    phone.tap("[data-testid=open-checklist]").await;
    phone.see("[id='SF3.1']").await;
    let sheet = phone.place().await;
    camera
        .plain(
            "23-conflict",
            &format!("{}#SF3.1", sheet.split('#').next().unwrap_or_default()),
        )
        .await;
    // What the colleague saw came after the signature.
    phone.go("/differences").await;
    phone.see("[data-testid=difference]").await;
    camera.plain("28-differences", "/differences").await;
    phone.go("/differences").await;
    phone.tap("[data-testid=difference]").await;
    phone.see("[data-testid=voice]").await;
    let difference = phone.place().await;
    camera.plain("29-difference", &difference).await;
    phone.go("/me").await;
    phone.tap("[data-testid=lock]").await;
    phone.see("[data-testid=unlock-password]").await;
    camera.plain("30-door", "/").await;
}

/// Two sections done, one begun, one thing wrong and one gravely wrong, a number too low.
async fn fill_some(phone: &Browser, sheet: &str) {
    phone.tap("[data-testid=looked-SF1]").await;
    phone.type_into("input[data-field='SF2.1/n']", "2").await;
    phone.tap("[data-testid=looked-SF2]").await;
    phone.tap("[id='SF3.3'] [data-answer=yes]").await;
    for (item, note, place) in [
        ("SF3.1", "综合楼一层北门挂链锁，室内有人。", "综合楼一层北门"),
        ("SF3.4", "二层东侧两盏应急灯不亮。", ""),
    ] {
        phone.tap(&format!("[id='{item}'] [data-answer=no]")).await;
        phone
            .type_into(&format!("textarea[data-field='{item}/note']"), note)
            .await;
        if !place.is_empty() {
            phone
                .type_into(&format!("textarea[data-field='{item}/place']"), place)
                .await;
            phone
                .type_into(&format!("textarea[data-field='{item}/told']"), "安全副校长")
                .await;
        }
    }
    phone.go(sheet).await;
    phone.see("[id='SF1.1']").await;
}

async fn desk(demo: &Demo, folder: &PathBuf) {
    let desk = Browser::open(&demo.url, View::Desk).await;
    desk.go("/").await;
    desk.see("[data-demo]").await;
    let camera = Camera {
        browser: &desk,
        folder,
        view: "desk",
    };
    camera
        .take("01-sign-in", "/", async |desk| desk.see("[data-demo]").await)
        .await;
    sign_in(&desk, "zhou").await;
    desk.see(".rail").await;
    let live = async |desk: &Browser| desk.see(".as-of").await;
    camera.take("02-today", "/today", live).await;
    camera.take("03-visits", "/visits", live).await;
    camera.take("04-problems", "/problems", live).await;
    camera
        .take("10-quarantine", "/quarantine", async |desk| {
            desk.see("[data-testid=kept]").await
        })
        .await;
    camera.take("05-results", "/results", live).await;
    camera
        .take("06-results-lower", "/results", async |desk| {
            desk.see("tr[data-visit]").await;
            scroll_to(desk, "tr[data-visit]").await;
        })
        .await;
    camera
        .take("07-results-rows", "/results", async |desk| {
            desk.tap("[data-testid=tile-findings] button, [data-testid=tile-findings] a")
                .await;
            desk.see(".panel.drawer").await;
        })
        .await;
    camera
        .take("08-keys", "/results", async |desk| {
            desk.see(".as-of").await;
            desk.keys("?").await;
            desk.see("dialog[open]").await;
        })
        .await;

    desk.go("/results").await;
    desk.see("tr[data-visit]").await;
    let find = "return [...document.querySelectorAll('tr[data-visit]')].find((row) => row.innerText.includes(arguments[0])).dataset.visit";
    let visit: String = desk.js(find, &["示例区第一小学".into()]).await;
    let record = format!("/record/{visit}");
    let rows = async |desk: &Browser| desk.see("tr[data-item]").await;
    camera.take("09-record", &record, rows).await;
    camera
        .take("10-record-conflict", &record, async |desk| {
            rows(desk).await;
            desk.tap("tr[data-item='SF3.1'] button").await;
            desk.see("ol.hist").await;
        })
        .await;
    camera
        .take("11-record-findings", &format!("{record}?tab=findings"), async |desk| {
            desk.see(".finding-row").await
        })
        .await;
    camera
        .take("12-record-feedback", &format!("{record}?tab=feedback"), async |desk| {
            desk.see(".finding-row").await
        })
        .await;
    camera
        .take("12-record-history", &format!("{record}?tab=history"), async |desk| {
            desk.see("[data-testid=actions] > li").await
        })
        .await;
    camera.plain("13-me", "/me").await;
    camera
        .take("18-differences", "/differences", async |desk| {
            desk.see("[data-testid=differences] tbody tr").await
        })
        .await;
    desk.go("/differences").await;
    desk.tap("[data-testid=difference]").await;
    desk.see("[data-testid=voice]").await;
    let difference = desk.place().await;
    camera
        .take("19-difference", &difference, async |desk| {
            desk.see("[data-testid=voice]").await
        })
        .await;

    desk.go("/results?checklist=student-workload").await;
    desk.see("tr[data-visit]").await;
    let visit = desk.attribute("tr[data-visit]", "data-visit").await;
    let record = format!("/record/{visit}");
    camera
        .take("14-record-lesson", &record, async |desk| {
            scroll_to(desk, "tr[data-item='LO-B1']").await
        })
        .await;
    camera
        .take("15-record-workload", &record, async |desk| {
            scroll_to(desk, "tr[data-item='W3.1']").await
        })
        .await;
    desk.go("/templates").await;
    desk.tap("[data-copy='campus-safety']").await;
    desk.see(".editor").await;
    let template = desk.place().await;
    camera.plain("16-templates", "/templates").await;
    camera
        .take("17-template", &template, async |desk| {
            desk.tap("[data-piece='SF1.2']").await;
            desk.see(".piece-form [data-key='title.zh']").await;
        })
        .await;
    people(&camera).await;
    camera.plain("26-sync", "/sync").await;
    desk.resize((360, 640)).await;
    let narrow = Camera {
        view: "narrow",
        ..camera
    };
    people(&narrow).await;
    desk.resize(View::Desk.size()).await;
    desk.go("/me").await;
    desk.tap("[data-testid=lock]").await;
    desk.see("[data-testid=unlock-password]").await;
    camera.plain("27-door", "/").await;
}

/// What the office does about people, and about its own sign-in.
async fn people(camera: &Camera<'_>) {
    let person = async |desk: &Browser| {
        desk.tap("[data-person='zhang']").await;
        desk.see("[data-testid=schools] [data-school]").await;
    };
    camera
        .take("20-people", "/people", async |desk| {
            desk.see("[data-person='zhang']").await
        })
        .await;
    camera.take("21-person", "/people", person).await;
    camera
        .take("22-hand-over", "/people", async |desk| {
            person(desk).await;
            desk.tap("[data-testid=hand-over-form] > summary").await;
            let choose = "const box = document.querySelector('[data-testid=hand-over-to]'); box.selectedIndex = 1;
                box.dispatchEvent(new Event('change', { bubbles: true })); return true";
            desk.js::<bool>(choose, &[]).await;
            scroll_to(desk, "[data-testid=plan]").await;
        })
        .await;
    camera
        .take("23-recusal", "/people", async |desk| {
            person(desk).await;
            desk.tap("[data-testid=new-recusal] > summary").await;
            scroll_to(desk, "[data-testid=recuse]").await;
        })
        .await;
    camera
        .take("24-audit", "/people?tab=audit", async |desk| {
            desk.see("[data-testid=anchor]").await
        })
        .await;
    camera
        .take("25-second-factor", "/me", async |desk| {
            desk.tap("[data-testid=factor-begin]").await;
            scroll_to(desk, "[data-testid=factor-password]").await;
        })
        .await;
}

async fn scroll_to(browser: &Browser, css: &str) {
    browser.see(css).await;
    let middle =
        "document.querySelector(arguments[0]).scrollIntoView({ block: 'center', behavior: 'instant' }); return true";
    browser.js::<bool>(middle, &[css.into()]).await;
}
