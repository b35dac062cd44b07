//! The result of a check: what was found, and what to do about it. And all results together.
//! Nothing is checked here.

use std::time::Duration;

use clock::Stopwatch;
use serde_json::{Value, json};

use crate::output::Table;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Ok,
    /// It works, and may not for long, or is not as it should be.
    Warning,
    /// Something does not work.
    Failed,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// What was found. It never holds a secret.
    pub(crate) text: String,
    /// What to do. Empty if there is nothing to do.
    pub(crate) advice: String,
}

/// A finding with the name of its check.
#[derive(Clone, Debug)]
struct Check {
    name: String,
    finding: Finding,
    took: Duration,
}

/// All findings so far.
pub(crate) struct Findings {
    checks: Vec<Check>,
    limit: Duration,
}

impl Finding {
    pub(crate) fn ok(text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, text: text.into(), advice: String::new() }
    }

    pub(crate) fn warning(text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, text: text.into(), advice: advice.into() }
    }

    pub(crate) fn failed(text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, text: text.into(), advice: advice.into() }
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// The result of a check that may take `limit`, and how long it took.
pub(crate) async fn timed(limit: Duration, check: impl Future<Output = Finding>) -> (Finding, Duration) {
    let watch = Stopwatch::start();
    let finding = tokio::time::timeout(limit, check).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", limit.as_secs());
        Finding::failed(text, "see whether it runs and can be reached from here, or give more time with --limit")
    });
    (finding, watch.elapsed())
}

impl Findings {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { checks: Vec::new(), limit }
    }

    /// How long a check may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Adds what was found without waiting.
    pub(crate) fn add(&mut self, name: impl Into<String>, finding: Finding) {
        self.checks.push(Check { name: name.into(), finding, took: Duration::ZERO });
    }

    /// Runs a check within the limit.
    pub(crate) async fn check(&mut self, name: impl Into<String>, check: impl Future<Output = Finding>) {
        let (finding, took) = timed(self.limit, check).await;
        self.checks.push(Check { name: name.into(), finding, took });
    }

    /// Runs checks at the same time.
    pub(crate) async fn check_all<F: Future<Output = Finding>>(&mut self, checks: Vec<(String, F)>) {
        let limit = self.limit;
        let running = checks.into_iter().map(async |(name, check)| {
            let (finding, took) = timed(limit, check).await;
            Check { name, finding, took }
        });
        self.checks.extend(futures::future::join_all(running).await);
    }

    /// How many checks have this verdict.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.finding.verdict == verdict).count()
    }

    pub(crate) fn text(&self) -> String {
        let mut table = Table::new();
        for Check { name, finding, .. } in &self.checks {
            table.row([finding.verdict.word(), name, &finding.text]);
            if !finding.advice.is_empty() {
                table.row(["", "", &format!("→ {}", finding.advice)]);
            }
        }
        let [ok, warnings, failed] =
            [Verdict::Ok, Verdict::Warning, Verdict::Failed].map(|verdict| self.count(verdict));
        format!("{}{ok} ok, {warnings} warnings, {failed} failed\n", table.render())
    }

    pub(crate) fn document(&self) -> Value {
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|Check { name, finding, took }| {
                json!({
                    "check": name, "verdict": finding.verdict.word(), "found": finding.text, "advice": finding.advice,
                    "millis": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                })
            })
            .collect();
        json!({
            "ok": self.count(Verdict::Ok), "warnings": self.count(Verdict::Warning), "failed": self.count(Verdict::Failed),
            "checks": checks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_check_that_does_not_end_is_a_failure_after_its_time() {
        let mut findings = Findings::new(Duration::from_secs(5));
        findings.check("backend.redis", std::future::pending()).await;
        findings.add("backend.disk", Finding::ok("10 GB are free"));
        assert_eq!((findings.count(Verdict::Failed), findings.count(Verdict::Ok)), (1, 1));
        assert!(findings.text().contains("no answer within 5 s"), "{}", findings.text());
        assert_eq!(findings.document()["checks"][0]["verdict"], "failed");
    }
}
