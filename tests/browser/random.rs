//! Three browsers that edit one visit at random, on and off line, for as long as they are told: afterwards all three and the
//! office show the same, and every word anybody typed is there, or was replaced by somebody who had it on the screen.
//!
//! `DUXING_RANDOM_S=600` for ten minutes; `DUXING_SEED` repeats a course.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::Binary;
use diesel_async::RunQueryDsl;
use serde_json::{Value as Json, json};
use sync_protocol::{Dot, Group, GroupId, RecordState, Value};
use tests::people::assign;
use tests::phone::{Phone, Visit};

use crate::dice::Dice;
use crate::inspector::{DURABLE, Inspector};
use crate::stage::Stage;

const ITEMS: [&str; 6] = ["SF1.1", "SF1.2", "SF2.1", "SF3.3", "SF3.4", "SF5.1"];

/// One browser, whether it has a network, and every text that ever stood on its screen.
struct Hand {
    inspector: Inspector,
    online: bool,
    read: BTreeSet<String>,
}

impl Hand {
    /// What stands on the screen now: answers and the words in every box and every line of a difference.
    async fn look(&mut self) {
        let script = "return [...document.querySelectorAll('article.item textarea')].map((box) => box.value)
            .concat([...document.querySelectorAll('article.item .conflict li')].map((line) => line.innerText))";
        let texts: Vec<String> = self.inspector.phone.js(script, &[]).await;
        self.read.extend(texts);
    }
}

async fn begin(stage: &Stage) -> Visit {
    let people = &stage.server.district;
    let mut lead = Phone::of(&stage.server, &people.a).await;
    lead.sync().await.unwrap();
    let at = lead.start_visit(stage.school());
    let joined = [&people.b, &people.c].map(|person| lead.edit(&at.visit, &format!("members/{}", person.id), "member"));
    lead.change(&at.bucket, sync_protocol::GroupKind::Edit, joined.into());
    lead.sync().await.unwrap();
    at
}

#[tokio::test]
async fn three_browsers_that_edit_at_random_end_in_one_truth_and_lose_no_word() {
    let seconds = std::env::var("DUXING_RANDOM_S")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let mut dice = Dice::new("random");
    let stage = Stage::set().await;
    let people = stage.server.district.clone();
    assign(&mut stage.server.connect().await, people.id, &people.c, stage.school())
        .await
        .unwrap();
    let at = begin(&stage).await;
    let page = format!("/visit/{}/checklist/{}", at.visit, at.response);
    let mut hands = Vec::new();
    for person in [&people.a, &people.b, &people.c] {
        let inspector = Inspector::arrive_rested(&stage, person).await;
        inspector.phone.go(&page).await;
        inspector.phone.see("[id='SF5.1']").await;
        hands.push(Hand {
            inspector,
            online: true,
            read: BTreeSet::new(),
        });
    }

    let mut typed: Vec<String> = Vec::new();
    let (began, mut actions) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        let who = dice.between(0, 2);
        act(&mut hands[who], who, &mut dice, &mut typed, &page).await;
        actions += 1;
    }

    for hand in &mut hands {
        settle(hand).await;
        if !hand.online {
            hand.inspector.regain_network().await;
            hand.online = true;
        }
        hand.inspector.is_synced().await;
    }
    // Everybody hears of everybody: one more round each.
    let mut states = Vec::new();
    for hand in &mut hands {
        hand.inspector.phone.reload().await;
        hand.inspector.phone.see("[id='SF5.1']").await;
        hand.inspector.is_synced().await;
    }
    let office = office_state(&stage, &at).await;
    for hand in &hands {
        states.push(same_as_office(hand, &at, &office).await);
    }
    println!(
        "{actions} actions, {} texts in {:.0} s",
        typed.len(),
        began.elapsed().as_secs_f64()
    );
    every_word_is_there_or_was_seen(&stage, &hands, &typed, &office).await;
    for hand in &hands {
        hand.inspector.is_content().await;
    }
}

async fn settle(hand: &Hand) {
    hand.inspector
        .phone
        .js::<bool>("document.activeElement?.blur(); return true", &[])
        .await;
    tokio::time::sleep(DURABLE).await;
}

async fn act(hand: &mut Hand, who: usize, dice: &mut Dice, typed: &mut Vec<String>, page: &str) {
    let item = ITEMS[dice.between(0, ITEMS.len() - 1)];
    match dice.between(0, 99) {
        0..45 => {
            let answer = ["yes", "no", "na"][dice.between(0, 2)];
            hand.look().await;
            hand.inspector.answer(item, answer).await;
        }
        45..85 => {
            let text = format!("记{}-{}", typed.len(), ["甲", "乙", "丙"][who]);
            let field = format!("textarea[data-field='{item}/note']");
            if hand.inspector.phone.count(&field).await == 0 {
                // It may be gone by the time it is tapped: a colleague has just written a note.
                let tap = "document.querySelector(arguments[0])?.click(); return true";
                let button = format!("[id='{item}'] .notebtn");
                hand.inspector.phone.js::<bool>(tap, &[json!(button)]).await;
            }
            hand.look().await;
            // The whole of what stood there is replaced by what is typed, as people do who think they know better.
            let write = "const box = document.querySelector(arguments[0]); if (!box) return false; box.focus();
                Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, arguments[1]);
                box.dispatchEvent(new Event('input', { bubbles: true })); return true";
            if hand
                .inspector
                .phone
                .js::<bool>(write, &[json!(field), json!(text)])
                .await
            {
                typed.push(text);
                tokio::time::sleep(DURABLE).await;
                hand.look().await;
                if dice.between(0, 1) == 0 {
                    settle(hand).await;
                }
            }
        }
        85..94 => {
            match hand.online {
                true => hand.inspector.lose_network().await,
                false => hand.inspector.regain_network().await,
            }
            hand.online = !hand.online;
        }
        94..98 => {
            tokio::time::sleep(DURABLE).await;
            hand.inspector.phone.reload().await;
            hand.inspector.phone.see("[id='SF5.1']").await;
        }
        _ => {
            tokio::time::sleep(DURABLE).await;
            hand.inspector.restart().await;
            hand.inspector.phone.see(".top").await;
            hand.inspector.phone.go(page).await;
            hand.inspector.phone.see("[id='SF5.1']").await;
        }
    }
}

async fn office_state(stage: &Stage, at: &Visit) -> RecordState {
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let page = office.get(&format!("/api/v1/visits/{}", at.visit)).await.json();
    let records = page["records"].as_array().expect("records");
    let response = records
        .iter()
        .find(|record| record["id"] == json!(at.response))
        .expect("the response");
    serde_json::from_value(response.clone()).expect("a record's state")
}

type Live = BTreeMap<String, BTreeSet<Dot>>;

fn live(state: &RecordState) -> Live {
    let fields = state
        .fields
        .iter()
        .map(|(path, field)| (path.to_string(), field.writes().map(|write| write.dot).collect()));
    fields.collect()
}

/// The phone's stored copy is the office's, and the answers on its screen are those that the office counts.
async fn same_as_office(hand: &Hand, at: &Visit, office: &RecordState) -> Live {
    let wanted = live(office);
    let mut last = Live::new();
    for _ in 0..50 {
        let stored = hand.inspector.stored("record").await;
        let mine = stored
            .iter()
            .find(|record| record["id"] == json!(at.response))
            .cloned()
            .unwrap_or(Json::Null);
        if let Ok(state) = serde_json::from_value::<RecordState>(mine) {
            last = live(&state);
            if last == wanted {
                return last;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(last, wanted, "a phone shows another record than the office");
    last
}

async fn every_word_is_there_or_was_seen(stage: &Stage, hands: &[Hand], typed: &[String], office: &RecordState) {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Binary)]
        bytes: Vec<u8>,
    }
    let rows: Vec<Row> = diesel::sql_query("SELECT bytes FROM change_group WHERE outcome = 'applied'")
        .load(&mut stage.server.connect().await)
        .await
        .expect("the log is read");
    let groups: Vec<(GroupId, Group)> = rows
        .iter()
        .map(|row| {
            (
                GroupId::of(&row.bytes),
                Group::from_line(&row.bytes).expect("a line of the log"),
            )
        })
        .collect();
    let mut replaced: BTreeMap<Dot, &Group> = BTreeMap::new();
    let mut written: BTreeMap<&str, Dot> = BTreeMap::new();
    for (id, group) in &groups {
        for (at, op) in group.ops.iter().enumerate() {
            replaced.extend(op.base().iter().map(|dot| (*dot, group)));
            if let Value::Text(text) = op.value() {
                written.insert(text, Group::dot(*id, at));
            }
        }
    }
    let standing: BTreeSet<Dot> = live(office).into_values().flatten().collect();
    let people = &stage.server.district;
    let mut seen = 0;
    for text in typed {
        // What was typed over in the same box before it was left is that person's own doing, keystroke by keystroke.
        let Some(dot) = written.get(text.as_str()) else {
            continue;
        };
        if standing.contains(dot) {
            seen += 1;
            continue;
        }
        let by = replaced
            .get(dot)
            .unwrap_or_else(|| panic!("{text} is neither live nor replaced"));
        let who = [&people.a, &people.b, &people.c]
            .iter()
            .position(|person| person.id.to_string() == by.author.as_str());
        let hand = &hands[who.expect("one of the three")];
        let had_it = hand.read.iter().any(|on_screen| on_screen.contains(text.as_str()));
        assert!(had_it, "{text} was replaced by somebody who never had it on the screen");
        seen += 1;
    }
    println!(
        "{seen} of {} texts became words of the record, each live or replaced by somebody who had seen it",
        typed.len()
    );
}
