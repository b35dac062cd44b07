//! The first commands of a newcomer name no package, so cargo has to know which program they mean.
//!
//! Whether the program works is tested end to end.

use serde_json::Value;

use crate::command::metadata;

const PROGRAM: &str = "rafiki";

/// Says it if `cargo run` runs another program than ours, or cannot decide.
pub(crate) fn check() -> Result<(), String> {
    let metadata = metadata()?;
    let meant = meant(&metadata);
    if meant == [PROGRAM] {
        return Ok(());
    }
    Err(format!(
        "`cargo run` means {meant:?}, and README.md expects {PROGRAM}; set default-members in Cargo.toml to apps/{PROGRAM}"
    ))
}

/// The packages of commands that name none.
fn meant(metadata: &Value) -> Vec<&str> {
    let list = |name: &str| metadata[name].as_array().into_iter().flatten();
    let is_meant = |package: &&Value| list("workspace_default_members").any(|id| *id == package["id"]);
    list("packages").filter(is_meant).filter_map(|package| package["name"].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_without_a_package_mean_the_default_members() {
        let packages = json!([{"id": "1", "name": "a"}, {"id": "2", "name": "b"}, {"id": "3", "name": "c"}]);
        let of = |ids: Value| json!({"packages": packages, "workspace_default_members": ids});
        assert_eq!(meant(&of(json!(["2"]))), ["b"]);
        assert_eq!(meant(&of(json!(["1", "2", "3"]))), ["a", "b", "c"]);
        assert!(meant(&of(json!([]))).is_empty());
    }
}
