//! What arrives whole and may not take effect is kept until the office decides (P7), and the log cannot be edited unnoticed.

use serde_json::Value as Json;
use sync_protocol::Phase;

use crate::sync::World;

#[tokio::test]
async fn work_that_arrives_after_the_duty_ended_is_kept_and_admitted_with_one_tap() {
    let d = World::new().await;
    let mut zhang = d.phone("zhang").await;
    zhang.sync().await.unwrap();
    let at = zhang.start_visit(d.school_a);
    zhang.answer(&at, "SF3.4", "no");
    d.server
        .execute("UPDATE assignment SET from_date = '2020-01-01', to_date = '2020-12-31'")
        .await
        .unwrap();
    zhang.sync().await.unwrap();
    let kept = |phone: &tests::phone::Phone| {
        let outbox = phone.replica.outbox();
        outbox
            .filter(|(saved, _)| matches!(&saved.phase, Phase::Quarantined { code } if code == "scope.denied"))
            .count()
    };
    assert_eq!(kept(&zhang), 2, "both are kept, and their author knows");
    assert_eq!(d.count("SELECT count(*) FROM visit").await, 0, "neither has an effect");

    let (status, _) = zhang.get("quarantine").await.unwrap();
    assert_eq!(status, 404, "only the office sees what is kept");
    let zhou = d.phone("zhou").await;
    let (status, list) = zhou.get("quarantine").await.unwrap();
    assert_eq!(status, 200);
    let groups = list["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0]["code"], "scope.denied");
    let written = groups[1]["ops"].as_array().unwrap();
    assert!(
        written
            .iter()
            .any(|op| (&op[1], &op[2]) == (&"SF3.4".into(), &"no".into()))
    );

    // The second one first: its record does not say what it is yet, so it stays.
    let admit = async |at: usize| {
        let path = format!("quarantine/{}/admit", groups[at]["id"].as_str().unwrap());
        let reply = zhou.post(&path, "application/json", "").await.unwrap();
        (reply.status().as_u16(), reply.json::<Json>().await.unwrap_or_default())
    };
    let (_, early) = admit(1).await;
    assert_eq!(
        (&early["outcome"], &early["code"]),
        (&"kept".into(), &"record.kind_missing".into())
    );
    for at in [0, 1] {
        let (status, admitted) = admit(at).await;
        assert_eq!((status, &admitted["outcome"]), (200, &"applied".into()));
    }
    assert_eq!(admit(0).await.0, 404, "nothing is admitted twice");
    assert_eq!(d.count("SELECT count(*) FROM visit").await, 1);
    assert_eq!(
        d.count("SELECT count(*) FROM change_group WHERE admitted_by IS NOT NULL AND kept_code = 'scope.denied'")
            .await,
        2
    );

    let ids = zhang.replica.in_quarantine();
    zhang.have(&ids).await.unwrap();
    zhang.sync().await.unwrap();
    assert_eq!(
        (kept(&zhang), zhang.replica.outbox().count()),
        (0, 0),
        "the phone hears that it was admitted"
    );
}

#[tokio::test]
async fn nobody_but_the_office_admits_and_an_unknown_group_is_not_found() {
    let d = World::new().await;
    let li = d.phone("li").await;
    let zhou = d.phone("zhou").await;
    let unknown = format!("quarantine/{}/admit", "0".repeat(32));
    for path in [unknown.as_str(), "quarantine/nonsense/admit"] {
        for phone in [&li, &zhou] {
            assert_eq!(phone.post(path, "application/json", "").await.unwrap().status(), 404);
        }
    }
}

#[tokio::test]
async fn a_line_of_a_newer_format_is_kept_for_the_next_version_of_the_server() {
    let d = World::new().await;
    let mut zhang = d.phone("zhang").await;
    zhang.start_visit(d.school_a);
    let batch = zhang.replica.next_push(0).unwrap();
    let newer = batch.body.replace("\"v\":1", "\"v\":3");
    let reply = zhang.push_body(newer).await.unwrap();
    let kind = serde_json::to_value(&reply.outcomes[0]).unwrap();
    assert_eq!(
        (&kind["outcome"], &kind["code"]),
        (&"quarantined".into(), &"group.version".into())
    );
}

#[tokio::test]
async fn an_edited_log_is_noticed_and_the_first_broken_change_named() {
    let d = World::new().await;
    let mut zhang = d.phone("zhang").await;
    let at = zhang.start_visit(d.school_a);
    for item in ["SF1.1", "SF1.2", "SF2.1"] {
        zhang.answer(&at, item, "yes");
    }
    zhang.sync().await.unwrap();
    let verify = async || {
        let mut conn = d.server.connect().await;
        server::store::sync::verify_chains(&mut conn).await.unwrap()
    };
    let whole = verify().await;
    assert!(whole.broken.is_empty() && whole.changes >= 4, "{whole:?}");
    let edits = [
        (
            "UPDATE change_group SET bytes = replace(encode(bytes, 'escape'), 'yes', 'no ')::bytea WHERE seq = 3 AND bucket LIKE 'school/%'",
            "bytes of change 3",
        ),
        (
            "DELETE FROM change_group WHERE seq = 2 AND bucket LIKE 'school/%'",
            "change 2 is missing",
        ),
    ];
    for (edit, told) in edits {
        d.server.execute(edit).await.unwrap();
        let found = verify().await;
        assert!(found.broken.len() == 1 && found.broken[0].contains(told), "{found:?}");
    }
}
