//! What the product is made of: every crate of the lock file, for the list of parts and the search for known holes.

use anyhow::Context;
use serde_json::Value;

use crate::workspace::{cargo, output_of};

/// A dependency as the list of parts names it.
pub struct Part {
    pub name: String,
    pub version: String,
    pub licence: String,
    /// True for the crates of this workspace.
    pub ours: bool,
}

/// Every crate in the lock file that some target of the workspace may use.
pub fn parts() -> anyhow::Result<Vec<Part>> {
    let metadata: Value =
        serde_json::from_str(&output_of(&mut cargo(&["metadata", "--format-version=1", "--locked"]))?)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(packages
        .iter()
        .map(|package| Part {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: text(&package["license"]),
            ours: package["source"].is_null(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_is_read_whole_and_every_part_states_a_licence() {
        let parts = parts().unwrap();
        let named = |name: &str, ours: bool| parts.iter().any(|part| part.name == name && part.ours == ours);
        assert!(named("server", true) && named("actix-web", false));
        let silent: Vec<&str> = parts
            .iter()
            .filter(|part| part.licence.is_empty())
            .map(|part| part.name.as_str())
            .collect();
        assert!(silent.is_empty(), "{silent:?}");
    }
}
