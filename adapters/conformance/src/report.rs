//! What a run found: for each case whether the server does what the rule says, and if not, what differs and how to see
//! it again.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::case::Case;

/// The result of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server does what the rule says.
    Passed,
    /// It does not.
    Differs {
        /// What differs.
        differences: Vec<String>,
        /// A command that sends the same request. Its signature is valid for some minutes.
        reproducer: String,
        /// The answer, shortened.
        answer: String,
    },
    /// There was no answer.
    Unanswered(String),
    /// It was not run, and why.
    Skipped(String),
}

/// A case and its result.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case.
    pub case: Case,
    /// Its result.
    pub verdict: Verdict,
}

/// The results of all cases.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order in which they were run.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// How many cases passed, differ or were not answered, and were skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut counts = (0, 0, 0);
        for outcome in &self.outcomes {
            match outcome.verdict {
                Verdict::Passed => counts.0 += 1,
                Verdict::Differs { .. } | Verdict::Unanswered(_) => counts.1 += 1,
                Verdict::Skipped(_) => counts.2 += 1,
            }
        }
        counts
    }

    /// The names of the cases that differ or were not answered.
    pub fn failed(&self) -> Vec<&str> {
        let failed = self
            .outcomes
            .iter()
            .filter(|outcome| matches!(outcome.verdict, Verdict::Differs { .. } | Verdict::Unanswered(_)));
        failed.map(|outcome| outcome.case.id.as_str()).collect()
    }

    /// Whether no case was answered at all.
    pub fn is_silent(&self) -> bool {
        self.outcomes.iter().all(|one| matches!(one.verdict, Verdict::Unanswered(_) | Verdict::Skipped(_)))
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Outcome { case, verdict } in &self.outcomes {
            let name = format!("{}/{}", case.area.word(), case.id);
            // Writing to a string does not fail.
            let _ = match verdict {
                Verdict::Passed => writeln!(text, "passed   {name}"),
                Verdict::Skipped(reason) => writeln!(text, "skipped  {name}: {reason}"),
                Verdict::Unanswered(reason) => {
                    writeln!(text, "DIFFERS  {name}\n  no answer: {reason}\n  {}", case.rule)
                }
                Verdict::Differs { differences, reproducer, answer } => writeln!(
                    text,
                    "DIFFERS  {name}\n  {}\n  rule: {}\n  source: {}\n  again: {reproducer}\n  answer: {answer}",
                    differences.join("\n  "),
                    case.rule,
                    case.source
                ),
            };
        }
        let (passed, differ, skipped) = self.counts();
        let _ = writeln!(text, "{passed} passed, {differ} differ, {skipped} skipped");
        text
    }

    /// The report for programs.
    pub fn document(&self) -> Value {
        let (passed, differ, skipped) = self.counts();
        let cases: Vec<Value> = self.outcomes.iter().map(document).collect();
        json!({"passed": passed, "differ": differ, "skipped": skipped, "cases": cases})
    }
}

fn document(outcome: &Outcome) -> Value {
    let case = &outcome.case;
    let mut shown = json!({"id": case.id, "area": case.area.word(), "rule": case.rule, "source": case.source});
    match &outcome.verdict {
        Verdict::Passed => shown["verdict"] = json!("passed"),
        Verdict::Skipped(reason) => {
            shown["verdict"] = json!("skipped");
            shown["reason"] = json!(reason);
        }
        Verdict::Unanswered(reason) => {
            shown["verdict"] = json!("differs");
            shown["differences"] = json!([format!("no answer: {reason}")]);
        }
        Verdict::Differs { differences, reproducer, answer } => {
            shown["verdict"] = json!("differs");
            shown["differences"] = json!(differences);
            shown["reproducer"] = json!(reproducer);
            shown["answer"] = json!(answer);
        }
    }
    shown
}
