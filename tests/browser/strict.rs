//! The page is strict with itself: no rule of its content security policy is broken, and no unknown file is answered with a page.

use tests::browser::{Browser, View};

use crate::access::{office_pages, supervisor_pages};
use crate::inspector::Inspector;
use crate::stage::Stage;

#[tokio::test]
async fn no_page_breaks_its_own_content_security_policy() {
    let stage = Stage::set().await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    let visit = crate::access::visit_with_a_finding(&inspector, &stage).await;
    for path in supervisor_pages(&visit) {
        inspector.phone.go(&path).await;
        inspector.phone.see("h1").await;
        assert_eq!(
            inspector.phone.complaints().await,
            Vec::<String>::new(),
            "the console on {path}"
        );
    }
    let desk = stage.desk("/results").await;
    for path in office_pages(&visit) {
        desk.go(&path).await;
        desk.see("h1").await;
        assert_eq!(desk.complaints().await, Vec::<String>::new(), "the console on {path}");
    }
    // The console does tell: a script that slipped into the page is stopped and reported.
    let slip = "try {
            const script = document.createElement('script');
            script.textContent = 'window.slipped = true';
            document.body.append(script);
        } catch (refused) { /* thrown and reported */ }
        return window.slipped === true";
    assert!(!desk.js::<bool>(slip, &[]).await, "inline script does not run");
    assert!(!desk.complaints().await.is_empty(), "a broken rule is reported");
}

#[tokio::test]
async fn an_unknown_file_is_not_found_and_an_unknown_page_is_the_app() {
    let stage = Stage::set().await;
    let stranger = stage.server.stranger();
    for path in [
        "/pkg/",
        "/pkg/0000/app.js",
        "/pkg/0000/app_bg.wasm",
        "/pkg/../index.html.js",
        "/api/v1/nothing",
    ] {
        assert_eq!(stranger.get(path).await.status, 404, "{path}");
    }
    assert_eq!(
        stranger.get("/no/such/file").await.status,
        404,
        "a program is not answered with a page"
    );
    let page = stranger.get("/").await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().expect("plain text");
    for rule in [
        "default-src 'self'",
        "'wasm-unsafe-eval'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(rule), "{rule} in {policy}");
    }
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    let browser = Browser::open(&stage.server.url, View::Phone).await;
    browser.go("/no/such/page").await;
    browser.see("[data-testid=login]").await;
}
