//! What was examined, by which rule, with which result, and the score of all together.
//! Measuring is in `checks`.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be: all points.
    Passed,
    /// Usable, but worse than it should be: half of the points.
    Partly,
    /// Not as it should be: no points.
    Failed,
    /// Not examined. It does not count.
    Skipped,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Partly => "partly",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

/// The rule of a check, and what it is worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) worth: u32,
}

impl Rule {
    pub(crate) fn passed(&self, found: impl Into<String>) -> Check {
        self.check(Verdict::Passed, found)
    }

    pub(crate) fn partly(&self, found: impl Into<String>) -> Check {
        self.check(Verdict::Partly, found)
    }

    pub(crate) fn failed(&self, found: impl Into<String>) -> Check {
        self.check(Verdict::Failed, found)
    }

    pub(crate) fn skipped(&self, found: impl Into<String>) -> Check {
        self.check(Verdict::Skipped, found)
    }

    fn check(&self, verdict: Verdict, found: impl Into<String>) -> Check {
        Check { name: self.name, rule: self.text, worth: self.worth, verdict, found: found.into() }
    }
}

/// A check with its result.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What a peer has to do.
    pub rule: &'static str,
    /// The most points that it gives.
    pub worth: u32,
    /// The result.
    pub verdict: Verdict,
    /// What was found, in words.
    pub found: String,
}

impl Check {
    /// The points that it gives, of those that it could give.
    fn points(&self) -> [u32; 2] {
        match self.verdict {
            Verdict::Passed => [self.worth, self.worth],
            Verdict::Partly => [self.worth / 2, self.worth],
            Verdict::Failed => [0, self.worth],
            Verdict::Skipped => [0, 0],
        }
    }
}

/// All checks.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl Report {
    /// Of a hundred, rounded down: the share of the points of all checks that were made. `None` if none was made.
    pub fn score(&self) -> Option<u32> {
        let points: Vec<[u32; 2]> = self.checks.iter().map(Check::points).collect();
        let [got, most] = [0, 1].map(|at| points.iter().map(|points| points[at]).sum::<u32>());
        (got * 100).checked_div(most)
    }

    /// The names of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        self.checks.iter().filter(|check| check.verdict == Verdict::Failed).map(|check| check.name).collect()
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let [got, most] = check.points();
            let points = if most == 0 { "-".to_owned() } else { format!("{got}/{most}") };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:<8} {:>5}  {:<15} {}", check.verdict.word(), points, check.name, check.found);
            if matches!(check.verdict, Verdict::Failed | Verdict::Partly) {
                let _ = writeln!(text, "{:31} rule: {}", "", check.rule);
            }
        }
        let _ = match self.score() {
            Some(score) => writeln!(text, "score {score} of 100"),
            None => writeln!(text, "no score: nothing could be examined"),
        };
        text
    }

    /// The report for programs.
    pub fn document(&self) -> Value {
        let shown = |check: &Check| {
            let [points, of] = check.points();
            json!({
                "name": check.name, "verdict": check.verdict.word().to_lowercase(), "points": points, "of": of,
                "rule": check.rule, "found": check.found,
            })
        };
        json!({"score": self.score(), "checks": self.checks.iter().map(shown).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { name: "one", text: "does it", worth: 20 };

    #[test]
    fn what_was_not_examined_does_not_change_the_score() {
        let of = |checks: Vec<Check>| Report { checks }.score();
        assert_eq!(of(vec![]), None);
        assert_eq!(of(vec![RULE.skipped("")]), None);
        assert_eq!(of(vec![RULE.passed(""), RULE.skipped("")]), Some(100));
        assert_eq!(of(vec![RULE.passed(""), RULE.partly(""), RULE.failed("")]), Some(50));
    }

    #[test]
    fn a_rule_is_told_where_it_is_broken() {
        let report = Report { checks: vec![RULE.passed("good"), RULE.failed("bad")] };
        assert_eq!(report.failed(), ["one"]);
        assert_eq!(report.text().matches("rule: does it").count(), 1);
        assert_eq!(report.document()["checks"][1]["verdict"], "failed");
    }
}
