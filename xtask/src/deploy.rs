//! The files in deploy/: whether alerts and dashboard name metrics that exist, and what the tools of Prometheus and systemd
//! say about them. Tools that are not installed are left out. How the files are used is in deploy/README.md.

use std::collections::BTreeSet;
use std::fs;

use crate::command::{capture, find, program, root, run};
use crate::tally::Tally;

const RULES: &str = "deploy/prometheus/rafiki.rules.yml";
const TESTS_OF_RULES: &str = "deploy/prometheus/rafiki.rules.test.yml";
const DASHBOARD: &str = "deploy/grafana/rafiki.json";
const METRICS: &str = "adapters/telemetry/src/metrics.rs";
const UNIT: &str = "deploy/systemd/rafiki@.service";
/// The most that `systemd-analyze security` may find, in tenths. The unit has 1.2 in release 252; others count otherwise.
const EXPOSURE: &str = "--threshold=20";

/// All checks of these files.
pub(crate) fn check(tally: &mut Tally) {
    tally.check("metrics of alerts and dashboard", metrics());
    if find("promtool", &[]).is_some() {
        tally.check("alerts", alerts());
    } else {
        tally.skip("SKIPPED: promtool over deploy/prometheus (it is in the Debian package prometheus)");
    }
    if find("systemd-analyze", &[]).is_some() {
        tally.check("the unit of systemd", unit());
    } else {
        tally.skip("SKIPPED: systemd-analyze over deploy/systemd");
    }
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
}

fn metrics() -> Result<(), String> {
    let known = read(METRICS)?;
    let mut unknown = Vec::new();
    for path in [RULES, TESTS_OF_RULES, DASHBOARD] {
        let text = read(path)?;
        let names = named(&text);
        if names.is_empty() {
            unknown.push(format!("{path} names no metric"));
        }
        let missing = names.into_iter().filter(|name| !known.contains(&format!("\"{name}\"")));
        unknown.extend(missing.map(|name| format!("{path} names {name}, which is not in {METRICS}")));
    }
    if unknown.is_empty() { Ok(()) } else { Err(unknown.join("\n")) }
}

/// The names of metrics in a text. Other words that begin in the same way have no second underscore.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
    words.filter(|word| word.starts_with("rafiki_") && word.matches('_').count() > 1).collect()
}

fn alerts() -> Result<(), String> {
    let accepts = |arguments: &[&str]| run(&mut program("promtool", arguments)).success;
    let right = accepts(&["check", "rules", RULES]) && accepts(&["test", "rules", TESTS_OF_RULES]);
    if right { Ok(()) } else { Err("see the output above".to_owned()) }
}

fn unit() -> Result<(), String> {
    // The program is not installed where this runs, and that would be the only fault.
    let folder = std::env::temp_dir().join(format!("rafiki-unit-{}", std::process::id()));
    let copy = folder.join("rafiki@.service");
    let failed = |error: std::io::Error| format!("{}: {error}", copy.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    fs::write(&copy, read(UNIT)?.replace("/usr/bin/rafiki", "/bin/true")).map_err(failed)?;
    let path = copy.to_string_lossy();
    // An unknown setting is told, and is no failure for this tool.
    let told = run(&mut program("systemd-analyze", &["verify", &path]));
    let exposure = ["security", "--offline=true", "--no-pager", EXPOSURE, &path];
    let closed = capture(&mut program("systemd-analyze", &exposure)).is_some();
    let _ = fs::remove_dir_all(&folder);
    if !told.success || !told.output.trim().is_empty() {
        return Err("systemd-analyze verify finds faults, see above".to_owned());
    }
    if closed { Ok(()) } else { Err(format!("systemd-analyze security {EXPOSURE}: the unit allows more")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metrics_are_found_between_other_words() {
        let text = "expr: increase(rafiki_jobs_total{queue=\"a\"}[5m]) > 0 # rafiki_rules";
        assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["rafiki_jobs_total"]);
    }

    #[test]
    fn alerts_and_dashboard_name_metrics_that_exist() {
        assert_eq!(metrics(), Ok(()));
    }
}
