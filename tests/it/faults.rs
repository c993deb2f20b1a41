//! Every error on every call that a phone makes (bar T11), without a screen: what waits to be sent is the same afterwards, and arrives once.
//! What a person sees of it, `tests/browser/faults.rs` has.

use reqwest::Method;
use serde_json::json;
use sync_protocol::{GroupId, Phase, SavedGroup};
use tests::TestServer;
use tests::faulty::{Fault, Faulty};
use tests::people::PASSWORD;
use tests::phone::{Phone, Visit};

const STATUSES: [u16; 12] = [401, 403, 404, 409, 410, 413, 426, 429, 500, 502, 503, 504];

/// A call of the phone's, and how its answer is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Push,
    Pull,
    Have,
    Digest,
    SignIn,
    Refresh,
    SignOut,
    Live,
    Here,
    About,
}

const CALLS: [Call; 10] = [
    Call::Push,
    Call::Pull,
    Call::Have,
    Call::Digest,
    Call::SignIn,
    Call::Refresh,
    Call::SignOut,
    Call::Live,
    Call::Here,
    Call::About,
];

impl Call {
    fn path(self) -> &'static str {
        match self {
            Call::Push => "/api/v1/sync/push",
            Call::Pull => "/api/v1/sync/pull",
            Call::Have => "/api/v1/sync/have",
            Call::Digest => "/api/v1/sync/digest",
            Call::SignIn | Call::SignOut => "/api/v1/session",
            Call::Refresh => "/api/v1/session/refresh",
            Call::Live => "/api/v1/live",
            Call::Here => "/api/v1/visits/",
            Call::About => "/api/v1/about",
        }
    }

    /// Makes the call; false when it did not bring what it was made for.
    async fn make(self, phone: &mut Phone, at: &Visit) -> bool {
        let other = |method: Method, path: String, body: serde_json::Value| {
            let request = phone.http.request(method, format!("{}{path}", phone.base));
            request.bearer_auth(&phone.token).header("X-Duxing", "1").json(&body)
        };
        let plain = match self {
            Call::Push => {
                let Ok(Some(reply)) = phone.push_once().await else {
                    return false;
                };
                let stored = phone.replica.handle_push_reply(&reply);
                phone.disk.write(stored);
                return true;
            }
            Call::Pull => return phone.pull().await.is_ok(),
            Call::Have => return phone.have(&[GroupId::of(b"x")]).await.is_ok(),
            Call::Digest => {
                let asked = json!({"protocol": 1, "bucket": at.bucket, "places": [""]});
                let Ok(reply) = phone.post("sync/digest", "application/json", asked.to_string()).await else {
                    return false;
                };
                let text = reply.text().await.unwrap_or_default();
                let Ok(reply) = serde_json::from_str(&text) else {
                    return false;
                };
                let stored = phone.replica.handle_digest(&reply);
                phone.disk.write(stored);
                return true;
            }
            Call::SignIn => {
                return Phone::sign_in_on(&phone.base, "a", PASSWORD, phone.device)
                    .await
                    .is_ok();
            }
            Call::Refresh => other(Method::POST, self.path().into(), json!({})),
            Call::SignOut => other(Method::DELETE, self.path().into(), json!({})),
            Call::Live => other(Method::GET, self.path().into(), json!({})),
            Call::Here => other(
                Method::POST,
                format!("/api/v1/visits/{}/here", at.visit),
                json!({"place": "SF1"}),
            ),
            Call::About => other(Method::GET, self.path().into(), json!({})),
        };
        match plain.send().await {
            Ok(reply) => reply.status().is_success() && reply.text().await.is_ok(),
            Err(_) => false,
        }
    }
}

/// Every fault that a call may meet.
fn faults() -> Vec<(String, Fault)> {
    let mut faults: Vec<(String, Fault)> = STATUSES
        .iter()
        .map(|status| (status.to_string(), Fault::status(*status)))
        .collect();
    faults.extend([429, 503].map(|status| (format!("{status} with patience"), Fault::come_again(status, 3_600))));
    faults.extend([
        ("cut".to_owned(), Fault::Cut),
        ("a lost answer".to_owned(), Fault::LostAnswer),
        (
            "half an answer".to_owned(),
            Fault::body("application/json", "{\"epoch\":\"x\",\"outco".to_owned()),
        ),
        (
            "an empty answer".to_owned(),
            Fault::body("application/json", String::new()),
        ),
        (
            "a page of somebody's".to_owned(),
            Fault::body("text/html", "<html>Sign in to this network</html>".to_owned()),
        ),
    ]);
    faults
}

/// What waits on the disk to be sent, each as it is, after the app was killed and opened again.
fn waiting(phone: &mut Phone) -> Vec<SavedGroup> {
    phone.restart();
    let of_disk = phone.disk.saved().groups;
    let waiting: Vec<SavedGroup> = phone.replica.outbox().map(|(saved, _)| saved.clone()).collect();
    assert_eq!(of_disk.len(), waiting.len(), "the replica shows what the disk has");
    waiting
}

#[tokio::test]
async fn no_error_on_any_call_of_a_phone_touches_what_waits_to_be_sent() {
    let server = TestServer::start().await;
    let faulty = Faulty::before(&server.url).await;
    let mut phone = Phone::of(&server, &server.district.a).await;
    let at = phone.start_visit(server.district.schools[0]);
    phone.sync().await.unwrap();
    phone.base = faulty.url.clone();
    let (mut met, mut written) = (0, 1);
    for call in CALLS {
        for (what, fault) in faults() {
            // The live line has no answer that ends and could get lost whole.
            if call == Call::Live && matches!(fault, Fault::LostAnswer) {
                continue;
            }
            // One more piece of work each time, never the same twice.
            phone.answer(&at, "SF3.4", ["yes", "no"][met % 2]);
            written += 1;
            let before = waiting(&mut phone);
            let called = faulty.calls(call.path()).len();
            faulty.on(call.path(), fault);
            let brought = call.make(&mut phone, &at).await;
            assert!(faulty.calls(call.path()).len() > called, "{call:?} was made");
            let as_json = ["a page", "half", "an empty"]
                .iter()
                .any(|begin| what.starts_with(begin));
            // An answer of no frames is one, and these are asked for their status alone.
            let for_its_status_alone = matches!(
                call,
                Call::Pull | Call::Refresh | Call::SignOut | Call::Live | Call::Here | Call::About
            );
            assert!(
                !brought || (as_json && for_its_status_alone),
                "{call:?} with {what} brought nothing"
            );
            assert_eq!(
                waiting(&mut phone),
                before,
                "{call:?} with {what}: what waits has changed"
            );
            assert!(
                before.iter().all(|saved| saved.phase == Phase::Frozen),
                "{call:?} with {what}"
            );
            faulty.mend();
            met += 1;
        }
    }
    assert_eq!(phone.pending(), met, "nothing was sent that the phone knows of");

    // An end to all faults: everything arrives, each once, and the last word is what the person chose last.
    phone.sync().await.unwrap();
    assert_eq!((phone.pending(), phone.set_aside().len()), (0, 0));
    assert_eq!(count(&server).await, written, "each once in the log");
    let (_, page) = phone.get(&format!("visits/{}", at.visit)).await.unwrap();
    let records = page["records"].as_array().unwrap();
    let response = records
        .iter()
        .find(|record| record["id"] == json!(at.response))
        .unwrap();
    let last = &response["fields"]["SF3.4"]["w"];
    assert_eq!(
        (last.as_array().unwrap().len(), &last[0]["v"]),
        (1, &json!(["no", "yes"][met % 2]))
    );
    println!("{met} faults on {} calls", CALLS.len());
}

async fn count(server: &TestServer) -> usize {
    use diesel_async::RunQueryDsl;
    let asked = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM change_group");
    let count: i64 = asked.get_result(&mut server.connect().await).await.unwrap();
    usize::try_from(count).unwrap()
}
