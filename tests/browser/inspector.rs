//! A supervisor with a phone, as far as a story needs one: hands that tap, eyes that read, and a network that comes and goes.

use std::collections::BTreeMap;
use std::time::Duration;

use catalog::Lang;
use serde_json::json;
use tests::Person;
use tests::browser::{Browser, View};
use tests::people::PASSWORD;
use tests::proxy::Line;
use uuid::Uuid;

use crate::disk;
use crate::stage::{Stage, sign_in};
use crate::words::word;

/// What is on the screen for so long is on the disk (bar T10).
pub const DURABLE: Duration = Duration::from_millis(100);

pub struct Inspector {
    pub phone: Browser,
    pub line: Line,
    /// Whose phone it is.
    pub person: Person,
}

impl Inspector {
    /// Signs in on a new phone and waits until it would work without a network.
    pub async fn arrive(stage: &Stage, person: &Person) -> Self {
        Self::arrive_over(&stage.server.url, person).await
    }

    /// The same where something stands before the server, at `url`.
    pub async fn arrive_over(url: &str, person: &Person) -> Self {
        let line = Line::to(url).await;
        let phone = Browser::open(&line.url, View::Phone).await;
        sign_in(&phone, person).await;
        phone
            .wait("the app on the phone", "navigator.serviceWorker.controller")
            .await;
        phone.read(word(Lang::ZhCn, "offline.ready")).await;
        Inspector {
            phone,
            line,
            person: person.clone(),
        }
    }

    /// The same, signed in the evening before. A browser keeps a cookie in memory for up to half a minute, so that a sign-in
    /// does not outlive a kill that comes sooner.
    pub async fn arrive_rested(stage: &Stage, person: &Person) -> Self {
        let mut inspector = Self::arrive(stage, person).await;
        inspector.phone.close().await;
        inspector.phone.reopen().await;
        unlock(&inspector.phone).await;
        inspector.phone.read(word(Lang::ZhCn, "offline.ready")).await;
        inspector.is_synced().await;
        inspector
    }

    pub async fn lose_network(&mut self) {
        self.line.cut();
        self.phone.tell_offline(true).await;
    }

    pub async fn regain_network(&mut self) {
        self.line.mend();
        self.phone.tell_offline(false).await;
    }

    /// The phone's system kills the browser; the supervisor opens it again, and the safe with their password.
    pub async fn restart(&mut self) {
        self.phone.kill();
        self.phone.reopen().await;
        unlock(&self.phone).await;
    }

    /// Starts a visit of this school and opens its checklist.
    pub async fn start_visit(&self, school: Uuid) {
        self.phone.tap(&format!("a[href='/school/{school}']")).await;
        self.phone.tap("[data-testid=start-visit]").await;
        self.phone.tap("[data-testid=open-checklist]").await;
        self.phone.see("[id='SF1.1']").await;
    }

    /// The ids in the address of the checklist.
    pub async fn visit_and_response(&self) -> (Uuid, Uuid) {
        let place = self.phone.place().await;
        let ids: Vec<Uuid> = place.split(['/', '#']).filter_map(|part| part.parse().ok()).collect();
        let [visit, response] = ids[..] else {
            panic!("{place} is no checklist")
        };
        (visit, response)
    }

    /// One tap on an answer.
    pub async fn answer(&self, item: &str, answer: &str) {
        self.phone.tap(&format!("[id='{item}'] [data-answer='{answer}']")).await;
    }

    /// Says what was seen, where and who was told, as far as the item asks.
    pub async fn explain(&self, item: &str, words: [(&str, &str); 3]) {
        for (part, words) in words {
            let text = format!("textarea[data-field='{item}/{part}']");
            if part == "note" || self.phone.count(&text).await > 0 {
                self.phone.type_into(&text, words).await;
            }
        }
    }

    /// Every answer that the screen shows as given.
    pub async fn answers(&self) -> BTreeMap<String, String> {
        let chosen = "return Object.fromEntries([...document.querySelectorAll('article.item')]
            .map((item) => [item.id, item.querySelector('[role=radio][aria-checked=true]')?.dataset.answer])
            .filter(([, answer]) => answer))";
        self.phone.js(chosen, &[]).await
    }

    /// Waits until the screen is at this item.
    pub async fn is_at(&self, item: &str) {
        let seen = "(() => { const box = document.getElementById(arguments[0])?.getBoundingClientRect();
            return box && box.bottom > 0 && box.top < innerHeight; })()";
        self.phone
            .wait_for(&format!("{item} in sight"), seen, &[json!(item)])
            .await;
        self.phone.see(&format!("article.here[id='{item}']")).await;
    }

    /// From the answered checklist to the submitted visit: feedback with one praise and one direction, and who heard it.
    pub async fn finish(&self) {
        self.phone.tap("[data-testid=back-to-visit]").await;
        self.phone.tap("[data-testid=open-feedback]").await;
        for (kind, words) in [("highlight", "食堂留样规范"), ("direction", "加强夜间巡查")] {
            self.phone.tap(&format!("[data-testid=add-{kind}]")).await;
            self.phone
                .type_into(&format!("[data-kind={kind}] textarea"), words)
                .await;
        }
        self.phone.type_into("textarea[data-field=informed]", "示例校长").await;
        self.phone.tap("[data-testid=feedback-given]").await;
        self.phone.tap("a[data-testid=submit]").await;
        self.phone.tap("[data-testid=confirm-submit]").await;
        self.phone.see("[data-testid=handed-in]").await;
    }

    /// Waits until so much of this person's work is only here.
    pub async fn has_pending(&self, pieces: usize) {
        let badge = format!("[data-testid=sync-badge][data-pending='{pieces}']");
        self.phone.see(&badge).await;
    }

    /// What a store of this person's database holds on the disk, in the clear.
    pub async fn stored(&self, store: &str) -> Vec<serde_json::Value> {
        let rows = disk::rows(&self.phone, &self.person, store).await;
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Waits until the office has everything.
    pub async fn is_synced(&self) {
        self.phone
            .see("[data-testid=sync-badge][data-pending='0'][data-attention='0']")
            .await;
    }

    /// Nothing in the console that should not be there.
    pub async fn is_content(&self) {
        assert_eq!(
            self.phone.complaints().await,
            Vec::<String>::new(),
            "the phone's console"
        );
    }
}

/// Types the password at the door of a safe, as after the browser was opened anew.
pub async fn unlock(phone: &Browser) {
    phone.type_into("[data-testid=unlock-password]", PASSWORD).await;
    phone.tap("[data-testid=unlock]").await;
    phone.see("[data-phase=ready]").await;
}
