//! Every page, in both languages, light, dark and in large print, measured with axe-core: nothing stands in anybody's way.

use catalog::Lang;
use serde_json::json;
use sync_protocol::GroupKind;
use tests::browser::{Browser, View};
use tests::server::{new_record, op};
use uuid::Uuid;

use crate::inspector::{DURABLE, Inspector};
use crate::stage::Stage;

/// How a reader wants the screens.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    pub lang: Lang,
    pub theme: &'static str,
    pub senior: bool,
}

/// Both languages in each look.
pub fn all_looks() -> Vec<Looks> {
    let kinds = [("light", false), ("dark", false), ("light", true)];
    let of = |lang: Lang| kinds.map(|(theme, senior)| Looks { lang, theme, senior });
    [of(Lang::ZhCn), of(Lang::En)].concat()
}

impl Looks {
    /// Makes it this browser's choice, from the next page on.
    pub async fn wear(self, browser: &Browser) {
        let tag = if self.lang == Lang::En { "en" } else { "zh-CN" };
        let senior = if self.senior { "1" } else { "0" };
        let choose =
            "localStorage.setItem('duxing.locale', arguments[0]); localStorage.setItem('duxing.theme', arguments[1]);
            localStorage.setItem('duxing.senior', arguments[2]); return true";
        browser
            .js::<bool>(choose, &[tag.into(), self.theme.into(), senior.into()])
            .await;
    }
}

/// A visit under way whose pages have something on them.
pub struct Begun {
    pub school: Uuid,
    pub visit: Uuid,
    pub response: Uuid,
    /// A lesson whose clock runs, and a workload check with its classes drawn.
    pub others: [Uuid; 2],
    /// A checklist that the office is writing.
    pub template: Uuid,
}

/// Starts a visit, finds something wrong, measures something, writes one note.
pub async fn visit_with_a_finding(inspector: &Inspector, stage: &Stage) -> Begun {
    inspector.start_visit(stage.school()).await;
    let (visit, response) = inspector.visit_and_response().await;
    inspector.answer("SF1.1", "yes").await;
    inspector.answer("SF1.3", "na").await;
    inspector.answer("SF3.1", "no").await;
    inspector
        .explain(
            "SF3.1",
            [
                ("note", "一楼东侧疏散门上锁"),
                ("place", "教学楼一楼"),
                ("told", "示例主任"),
            ],
        )
        .await;
    inspector.phone.type_into("input[data-field='SF2.1/n']", "1").await;
    inspector.answer("SF3.4", "no").await;
    tokio::time::sleep(DURABLE).await;
    inspector.phone.go(&format!("/visit/{visit}/feedback")).await;
    inspector.phone.tap("[data-testid=add-highlight]").await;
    inspector
        .phone
        .type_into("[data-kind=highlight] textarea", "食堂留样规范")
        .await;
    let mut others = [Uuid::nil(); 2];
    for (nth, (checklist, first)) in [("lesson-observation", "start-clock"), ("student-workload", "draw")]
        .into_iter()
        .enumerate()
    {
        inspector.phone.go(&format!("/visit/{visit}")).await;
        inspector.phone.tap(&format!("[data-add={checklist}]")).await;
        inspector.phone.tap(&format!("[data-testid={first}]")).await;
        others[nth] = inspector.visit_and_response().await.1;
    }
    inspector.answer("W1.2", "no").await;
    inspector.is_synced().await;
    keep_something(stage).await;
    differ(stage, visit, response).await;
    inspector
        .phone
        .go(&format!("/visit/{visit}/checklist/{response}"))
        .await;
    inspector.phone.see("[id='SF3.4'] .conflict").await;
    let template = begin_a_checklist(stage).await;
    Begun {
        school: stage.school(),
        visit,
        response,
        others,
        template,
    }
}

/// The office is writing a checklist of its own, with a mistake in it.
async fn begin_a_checklist(stage: &Stage) -> Uuid {
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let template = Uuid::now_v7();
    let mut fields = tests::reading_room::reading_room(1);
    fields.insert(3, ("section/RR2", json!("{}")));
    let bucket = format!("district/{}", stage.server.district.id);
    let group = office.group(&bucket, GroupKind::Command, new_record(template, "template", &fields));
    let reply = office.push(&[group]).await;
    assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
    template
}

/// Somebody of the other zone writes into this school: it waits for the office.
async fn keep_something(stage: &Stage) {
    let stranger = stage.server.sign_in(&stage.server.district.c).await;
    let note = new_record(
        Uuid::now_v7(),
        "feedback_note",
        &[("text", json!("校门口高峰期无人值守"))],
    );
    let group = stranger.group(&stage.server.district.bucket(0), GroupKind::Edit, note);
    let reply = stranger.push(&[group]).await;
    assert_eq!(reply.json()["outcomes"][0]["outcome"], "quarantined", "{}", reply.text);
}

/// A colleague says otherwise of an item, and of what was seen there.
async fn differ(stage: &Stage, visit: Uuid, response: Uuid) {
    let colleague = &stage.server.district.b;
    let client = stage.server.sign_in(colleague).await;
    let words = [
        op(visit, &format!("members/{}", colleague.id), &json!("member")),
        op(response, "SF3.4", &json!("yes")),
        op(response, "SF3.1/note", &json!("疏散门已开，锁已取下")),
    ];
    let group = client.group(&stage.server.district.bucket(0), GroupKind::Edit, words.into());
    let reply = client.push(&[group]).await;
    assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
}

fn differences(of: &Begun) -> [String; 3] {
    let difference = format!("/difference/{}/{}?path=", of.visit, of.response);
    [
        "/differences".to_owned(),
        format!("{difference}SF3.4"),
        format!("{difference}SF3.1/note"),
    ]
}

pub fn supervisor_pages(of: &Begun) -> Vec<String> {
    let Begun {
        school,
        visit,
        response,
        others,
        ..
    } = of;
    let mut pages: Vec<String> = ["/today", "/schools", "/problems", "/me", "/sync"]
        .map(str::to_owned)
        .into();
    pages.extend([
        format!("/school/{school}"),
        format!("/visit/{visit}"),
        format!("/visit/{visit}/checklist/{response}"),
        format!("/visit/{visit}/feedback"),
        format!("/visit/{visit}/submit"),
    ]);
    pages.extend(others.map(|other| format!("/visit/{visit}/checklist/{other}")));
    pages.push(format!("/visit/{visit}/print/{response}"));
    pages.extend(differences(of));
    pages
}

pub fn office_pages(of: &Begun) -> Vec<String> {
    let mut pages: Vec<String> = [
        "/today",
        "/visits",
        "/problems",
        "/results",
        "/quarantine",
        "/templates",
        "/people",
        "/people?tab=audit",
        "/limits",
        "/me",
    ]
    .map(str::to_owned)
    .into();
    let record = format!("/record/{}", of.visit);
    pages.extend([
        format!("{record}?tab=findings"),
        format!("{record}?tab=feedback"),
        format!("{record}?tab=history"),
        record,
        format!("/template/{}", of.template),
    ]);
    pages.extend(differences(of));
    pages
}

#[tokio::test]
async fn no_page_stands_in_anybodys_way() {
    let stage = Stage::set().await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    let begun = visit_with_a_finding(&inspector, &stage).await;
    let desk = stage.desk("/results").await;
    let stranger = Browser::open(&stage.server.url, View::Phone).await;
    stranger.go("/").await;
    let shut = stage.desk("/me").await;
    shut.tap("[data-testid=lock]").await;
    shut.see("[data-testid=unlock-password]").await;

    let mut report = Vec::new();
    let mut looked = 0;
    for looks in all_looks() {
        let walks = [
            (&inspector.phone, supervisor_pages(&begun)),
            (&desk, office_pages(&begun)),
            (&stranger, vec!["/".to_owned(), "/enrol#code=x".to_owned()]),
            (&shut, vec!["/".to_owned()]),
        ];
        for (browser, pages) in walks {
            looks.wear(browser).await;
            for path in pages {
                browser.go(&path).await;
                browser.see("h1").await;
                browser
                    .wait("a calm page", "!document.querySelector('[aria-busy=true]')")
                    .await;
                looked += 1;
                let found = browser.violations().await;
                report.extend(
                    found
                        .into_iter()
                        .map(|violation| format!("{path} {looks:?}\n   {violation}")),
                );
            }
        }
    }
    println!("axe looked at {looked} pages");
    let kinds: std::collections::BTreeSet<&str> = report
        .iter()
        .filter_map(|line| line.split("\n   ").nth(1)?.split(' ').next())
        .collect();
    assert!(
        report.is_empty(),
        "{} violations of {kinds:?}:\n{}",
        report.len(),
        report[..report.len().min(40)].join("\n")
    );
}
