//! A real browser that a story drives: taps, types, looks, loses its network, is killed and opened again over the same profile.
//! It waits for what it needs to see and for nothing else.

mod axe;
mod chrome;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use axe::Violation;
use chrome::Chrome;
pub use chrome::poll;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
pub use thirtyfour::Key;
use thirtyfour::prelude::*;

/// Longer than a busy machine takes for anything a story waits for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Two taps at one place within this time are one double tap, which selects a word instead of placing the cursor.
const DOUBLE_TAP: Duration = Duration::from_millis(600);

/// What the browser looks through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// 360 × 640 points, two pixels a point, touch.
    Phone,
    /// 1440 × 900.
    Desk,
}

impl View {
    pub fn is_phone(self) -> bool {
        self == View::Phone
    }
    pub fn size(self) -> (u32, u32) {
        match self {
            View::Phone => (360, 640),
            View::Desk => (1440, 900),
        }
    }
}

/// A browser over a profile of its own. Processes and profile go when it is dropped.
pub struct Browser {
    home: String,
    profile: PathBuf,
    view: View,
    told_offline: bool,
    last_tap: Cell<Option<Instant>>,
    chrome: Option<Chrome>,
}

impl Browser {
    /// A fresh installation that knows the server by `home`, with a blank page.
    ///
    /// # Panics
    /// As everything in this harness, when what it needs does not work.
    pub async fn open(home: &str, view: View) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!(
            "duxing-browser-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let profile = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&profile).expect("a folder for the profile");
        let mut browser = Browser {
            home: home.to_owned(),
            profile,
            view,
            told_offline: false,
            last_tap: Cell::new(None),
            chrome: None,
        };
        browser.start().await;
        browser
    }

    async fn start(&mut self) {
        self.chrome = Some(Chrome::start(&self.profile, self.view).await.expect("a browser"));
        if self.view == View::Desk {
            self.resize(self.view.size()).await;
        }
        if self.told_offline {
            self.tell_offline(true).await;
        }
    }

    /// The folder with everything that this browser keeps.
    pub fn profile(&self) -> &Path {
        &self.profile
    }

    fn driver(&self) -> &WebDriver {
        &self.chrome.as_ref().expect("the browser runs").driver
    }

    /// Kills every process of the browser with SIGKILL. Nothing of it gets to say goodbye.
    pub fn kill(&mut self) {
        if let Some(chrome) = self.chrome.take() {
            chrome.kill();
        }
    }

    /// Closes the browser as a person does. What it keeps in memory for a while, such as cookies, is on the disk afterwards.
    pub async fn close(&mut self) {
        if let Some(chrome) = self.chrome.take() {
            chrome.close().await;
        }
    }

    /// Opens the browser again over the same profile, as a person would: at the app's own address.
    pub async fn reopen(&mut self) {
        self.start().await;
        self.go("/").await;
    }

    /// The page at this path, loaded anew.
    pub async fn go(&self, path: &str) {
        let url = format!("{}{path}", self.home);
        if let Err(error) = self.driver().goto(&url).await {
            self.fail(&format!("the page {path}: {error}")).await;
        }
    }

    pub async fn reload(&self) {
        if let Err(error) = self.driver().refresh().await {
            self.fail(&format!("a reload: {error}")).await;
        }
    }

    /// Path, query and fragment of the page.
    pub async fn place(&self) -> String {
        self.js("return location.pathname + location.search + location.hash", &[])
            .await
    }

    /// Tells the page that the network went or came; what really happens is the line's business.
    pub async fn tell_offline(&mut self, offline: bool) {
        self.told_offline = offline;
        self.cdp("Network.enable", json!({})).await;
        let conditions = json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.cdp("Network.emulateNetworkConditions", conditions).await;
    }

    /// Sets the window to so many points, one pixel each.
    pub async fn resize(&self, (width, height): (u32, u32)) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// A command of the browser's own protocol.
    pub async fn cdp(&self, method: &str, parameters: Value) -> Value {
        match self.driver().cdp().send_raw(method, parameters).await {
            Ok(answer) => answer,
            Err(error) => self.fail(&format!("{method}: {error}")).await,
        }
    }

    // ---- looking ------------------------------------------------------------------------------------------------------------

    /// Runs a function body in the page; `arguments` are what it is given.
    pub async fn js<T: DeserializeOwned>(&self, body: &str, arguments: &[Value]) -> T {
        match self.try_js(body, arguments).await {
            Ok(answer) => answer,
            Err(error) => {
                let error = error.to_string();
                let error = error.split("Stacktrace:").next().unwrap_or_default().trim();
                let body: String = body.chars().take(300).collect();
                self.fail(&format!("script: {error}\n{body}")).await
            }
        }
    }

    /// The same for a body that awaits.
    pub async fn js_async<T: DeserializeOwned>(&self, body: &str, arguments: &[Value]) -> T {
        self.js(
            &format!("return (async (...arguments) => {{ {body} }})(...arguments)"),
            arguments,
        )
        .await
    }

    async fn try_js<T: DeserializeOwned>(&self, body: &str, arguments: &[Value]) -> WebDriverResult<T> {
        let answer = self.driver().execute(body, arguments.to_vec()).await?;
        answer.convert()
    }

    /// Waits until the expression is true in the page.
    pub async fn wait(&self, what: &str, expression: &str) {
        self.wait_for(what, expression, &[]).await;
    }

    /// The same for an expression over `arguments`.
    pub async fn wait_for(&self, what: &str, expression: &str, arguments: &[Value]) {
        let body = format!("return !!({expression})");
        // A page that is just being replaced cannot be asked.
        let seen = poll(PATIENCE, async || {
            self.try_js::<bool>(&body, arguments)
                .await
                .unwrap_or(false)
                .then_some(())
        })
        .await;
        if seen.is_none() {
            self.fail(&format!("waited {} s for {what}: {expression}", PATIENCE.as_secs()))
                .await;
        }
    }

    /// Waits until something matches and can be seen.
    pub async fn see(&self, css: &str) {
        self.wait_for(
            css,
            "document.querySelector(arguments[0])?.checkVisibility()",
            &[json!(css)],
        )
        .await;
    }

    /// Waits until nothing matches.
    pub async fn see_no(&self, css: &str) {
        self.wait_for(
            &format!("no {css}"),
            "!document.querySelector(arguments[0])?.checkVisibility()",
            &[json!(css)],
        )
        .await;
    }

    /// Waits until the page says this anywhere.
    pub async fn read(&self, words: &str) {
        self.wait_for(
            &format!("“{words}”"),
            "document.body.innerText.includes(arguments[0])",
            &[json!(words)],
        )
        .await;
    }

    /// The words of the first match, once there is one.
    pub async fn text(&self, css: &str) -> String {
        self.see(css).await;
        self.js(
            "return document.querySelector(arguments[0])?.innerText ?? ''",
            &[json!(css)],
        )
        .await
    }

    /// An attribute of the first match, once there is one.
    pub async fn attribute(&self, css: &str, name: &str) -> String {
        self.see(css).await;
        let body = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? ''";
        self.js(body, &[json!(css), json!(name)]).await
    }

    /// What a box holds.
    pub async fn value(&self, css: &str) -> String {
        self.see(css).await;
        self.js(
            "return document.querySelector(arguments[0])?.value ?? ''",
            &[json!(css)],
        )
        .await
    }

    /// How many match.
    pub async fn count(&self, css: &str) -> usize {
        self.js("return document.querySelectorAll(arguments[0]).length", &[json!(css)])
            .await
    }

    // ---- acting -------------------------------------------------------------------------------------------------------------

    /// Taps the first match where a finger would; waits until it is there and nothing lies over it.
    pub async fn tap(&self, css: &str) {
        let tapped = poll(PATIENCE, async || self.try_tap(css).await.ok()).await;
        if tapped.is_none() {
            let why = self
                .try_tap(css)
                .await
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            self.fail(&format!("cannot tap {css}: {}", why.lines().next().unwrap_or_default()))
                .await;
        }
    }

    async fn try_tap(&self, css: &str) -> WebDriverResult<()> {
        let element = self.driver().find(By::Css(css)).await?;
        let middle = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        self.driver().execute(middle, vec![element.to_json()?]).await?;
        // A disabled button takes a tap without a word; the story means one that works.
        if !element.is_enabled().await? {
            return Err(WebDriverError::FatalError("it is disabled".into()));
        }
        self.last_tap.set(Some(Instant::now()));
        element.click().await
    }

    /// Taps the box and types.
    pub async fn type_into(&self, css: &str, words: &str) {
        if let Some(last) = self.last_tap.get() {
            tokio::time::sleep(DOUBLE_TAP.saturating_sub(last.elapsed())).await;
        }
        self.tap(css).await;
        self.keys(words).await;
    }

    /// Types where the cursor is.
    pub async fn keys(&self, keys: impl Into<TypingData>) {
        // Sent to the page as a keyboard does it: a file input would take them for a file's name.
        let result = self.driver().action_chain().send_keys(keys).perform().await;
        if let Err(error) = result {
            self.fail(&format!("typing: {error}")).await;
        }
    }

    /// Taps what saves a file and answers the file's name and text.
    pub async fn save_by(&self, css: &str) -> (String, String) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let folder = self
            .profile
            .join(format!("saved-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(&folder).expect("a folder for what is saved");
        let behaviour = json!({"behavior": "allow", "downloadPath": folder});
        self.cdp("Browser.setDownloadBehavior", behaviour).await;
        self.tap(css).await;
        // While it is being written there is a second file beside it, and under its own name at most an empty one.
        let ends_in = |path: &PathBuf, ending: &str| path.extension().is_some_and(|own| own == ending);
        let has_text = |path: &PathBuf| path.metadata().is_ok_and(|file| file.len() > 0);
        let saved = poll(PATIENCE, async || {
            let entries = std::fs::read_dir(&folder).ok()?;
            let paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            let is_written = !paths.iter().any(|path| ends_in(path, "crdownload"));
            paths
                .into_iter()
                .find(|path| is_written && ends_in(path, "ndjson") && has_text(path))
        })
        .await;
        let Some(path) = saved else {
            self.fail(&format!("nothing was saved by {css}")).await
        };
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a text"))
    }

    /// Chooses a file with this text in a file input.
    pub async fn choose_file(&self, css: &str, name: &str, text: &str) {
        let path = self.profile.join(name);
        std::fs::write(&path, text).expect("room for the file");
        let choose = async || {
            let input = self.driver().find(By::Css(css)).await.ok()?;
            input.send_keys(path.to_string_lossy().as_ref()).await.ok()
        };
        if poll(PATIENCE, choose).await.is_none() {
            self.fail(&format!("cannot choose a file in {css}")).await;
        }
    }

    // ---- tabs ---------------------------------------------------------------------------------------------------------------

    /// A further tab, in front, with a blank page.
    pub async fn new_tab(&self) -> WindowHandle {
        let tab = self.driver().new_tab().await.expect("a tab");
        self.to_tab(&tab).await;
        tab
    }

    pub async fn this_tab(&self) -> WindowHandle {
        self.driver().window().await.expect("a tab in front")
    }

    pub async fn to_tab(&self, tab: &WindowHandle) {
        self.driver()
            .switch_to_window(tab.clone())
            .await
            .expect("the tab is open");
    }

    // ---- keeping ------------------------------------------------------------------------------------------------------------

    /// Writes what is on the screen as PNG.
    pub async fn picture(&self, file: &Path) {
        self.driver().screenshot(file).await.expect("a picture");
    }

    /// Waits until fonts are there and nothing moves, so that two pictures of one page are alike.
    pub async fn still(&self) {
        let calm = "await document.fonts.ready;
            await Promise.allSettled(document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < 5000).map((one) => one.finished));
            await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))); return true";
        self.js_async::<bool>(calm, &[]).await;
    }

    /// What the console got since it was last asked: errors, broken rules, warnings of the browser. A missing network is none.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.driver().browser_log().await.expect("the console");
        let serious = |level: &str| matches!(level, "SEVERE" | "WARNING");
        let of_the_network =
            |message: &str| message.contains("net::ERR_") || message.contains("Failed to load resource");
        entries
            .into_iter()
            .filter(|entry| serious(&entry.level) && !of_the_network(&entry.message))
            .map(|entry| format!("{} {}", entry.source.unwrap_or_default(), entry.message))
            .collect()
    }

    /// Ends the test with what the page looks like.
    async fn fail(&self, what: &str) -> ! {
        let picture = std::env::temp_dir().join(format!("duxing-failure-{}.png", uuid::Uuid::new_v4()));
        let _ = self.driver().screenshot(&picture).await;
        let words: String = self
            .try_js("return document.body?.innerText ?? ''", &[])
            .await
            .unwrap_or_default();
        let place: String = self.try_js("return location.href", &[]).await.unwrap_or_default();
        let console = match self.driver().browser_log().await {
            Ok(entries) => entries
                .iter()
                .rev()
                .take(8)
                .map(|entry| format!("\n  {}", entry.message))
                .collect(),
            Err(_) => String::new(),
        };
        let words: String = words
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(700)
            .collect();
        panic!(
            "{what}\nat {place}, pictured in {}\nconsole, newest first:{console}\nthe page says:\n{words}",
            picture.display()
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
