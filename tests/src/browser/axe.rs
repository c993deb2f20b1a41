//! Asks axe-core what stands in the way of people who see, hear or move differently.

use serde::Deserialize;

use super::Browser;

/// WCAG 2.0 to 2.2, A and AA, and what is simply good practice.
const RUN: &str = "
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const found = await axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] });
    return found.violations.flatMap((violation) => violation.nodes.map((node) => ({
        rule: violation.id, impact: violation.impact, help: violation.help,
        target: node.target.flat().join(' '), html: node.html.slice(0, 160),
        why: [...node.any, ...node.all, ...node.none].map((check) => check.message).join('; ').slice(0, 240),
    })));";

/// One thing that is wrong, at one place.
#[derive(Debug, Clone, Deserialize)]
pub struct Violation {
    pub rule: String,
    pub impact: Option<String>,
    pub help: String,
    pub target: String,
    pub html: String,
    pub why: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let impact = self.impact.as_deref().unwrap_or("?");
        write!(
            out,
            "{} ({impact}) {}\n      at {}\n      {}\n      {}",
            self.rule, self.help, self.target, self.html, self.why
        )
    }
}

impl Browser {
    /// Everything wrong with the page as it stands.
    ///
    /// # Panics
    /// If `AXE_JS` does not name axe's script.
    pub async fn violations(&self) -> Vec<Violation> {
        if !self.js::<bool>("return !!window.axe", &[]).await {
            let path = std::env::var("AXE_JS")
                .expect("AXE_JS names axe.min.js; `cargo xtask test --ring browser` fetches it and says where");
            let script = std::fs::read_to_string(path).expect("axe's script can be read");
            self.js::<serde_json::Value>(&format!("{script}; return null"), &[])
                .await;
        }
        // What is out of sight is not laid out, and what is not laid out cannot be measured.
        let lay_out = "if (!window.laidOut) {
                window.laidOut = new CSSStyleSheet();
                window.laidOut.replaceSync('* { content-visibility: visible !important; }');
                document.adoptedStyleSheets.push(window.laidOut);
            } return true";
        self.js::<bool>(lay_out, &[]).await;
        self.js_async(RUN, &[]).await
    }
}
