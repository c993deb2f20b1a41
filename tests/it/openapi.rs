//! `docs/openapi.json` against the server's own lists: its routes and its error codes. What the answers look like is ring `api`'s business.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use server::error::Code;
use tests::TestServer;
use tests::people::PASSWORD;

use crate::every_endpoint::routes;

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the document")).expect("the document is JSON")
}

/// Every operation, as method and path, with what is said of it.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").iter();
            methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
        })
        .collect()
}

#[test]
fn the_openapi_document_has_every_route_and_no_other() {
    let document = document();
    let described: BTreeSet<String> = operations(&document).into_iter().map(|(route, _)| route).collect();
    assert_eq!(described, routes(), "docs/openapi.json and server/src/routes.rs differ");
}

#[test]
fn the_openapi_document_lists_every_error_code_under_its_status() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let mut listed = BTreeSet::new();
    for (name, schema) in schemas {
        let Some(status) = name.strip_prefix("Refusal") else {
            continue;
        };
        let codes = schema["properties"]["code"]["enum"].as_array().expect("codes");
        listed.extend(
            codes
                .iter()
                .map(|code| (status.to_owned(), code.as_str().expect("a code").to_owned())),
        );
    }
    let known = Code::all()
        .into_iter()
        .map(|code| (code.status().as_str().to_owned(), code.name().to_owned()));
    assert_eq!(
        listed,
        known.collect(),
        "docs/openapi.json and server/src/error.rs differ"
    );
}

#[test]
fn every_refusal_in_the_openapi_document_has_the_one_shape() {
    let document = document();
    for (route, operation) in operations(&document) {
        for (status, reply) in operation["responses"].as_object().expect("responses") {
            let plain = route.ends_with("z") || status.starts_with('2');
            let Some(name) = reply["$ref"].as_str() else {
                assert!(plain, "{route}: {status} has a shape of its own");
                continue;
            };
            let name = name.strip_prefix("#/components/responses/").expect("a response");
            let schema = &document["components"]["responses"][name]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(
                *schema,
                format!("#/components/schemas/Refusal{status}"),
                "{route}: {status}"
            );
        }
    }
}

/// Ring `api` met it in a second factor's code: lengths were counted in bytes, so Chinese had a third of the room.
#[tokio::test]
async fn lengths_are_counted_in_characters_as_the_openapi_document_says() {
    let server = TestServer::start().await;
    let client = server.stranger();
    let sign_in = |device_name: String, password: String| {
        let body = serde_json::json!({
            "login": "a", "password": password, "device": client.device, "device_name": device_name,
        });
        let client = &client;
        async move { client.post_json("/api/v1/session", &body).await }
    };
    let named = sign_in("督".repeat(200), PASSWORD.into()).await;
    assert_eq!(named.status, 200, "{}", named.text);
    let longer = sign_in("督".repeat(201), PASSWORD.into()).await;
    assert_eq!(longer.refusal(), (400, "value.invalid".into()));
    let wrong = sign_in("x".into(), "学".repeat(1000)).await;
    assert_eq!(wrong.refusal(), (401, "session.refused".into()));
    let longer = sign_in("x".into(), "学".repeat(1001)).await;
    assert_eq!(longer.refusal(), (400, "value.invalid".into()));
}
