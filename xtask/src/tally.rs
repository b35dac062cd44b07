//! The count of passed and failed checks, over all kinds of runners.
//!
//! The list of checks is in `suite`.

#![expect(clippy::disallowed_methods, reason = "the time that checks take is real")]

use std::time::{Duration, Instant};

use crate::command::Finished;

/// The passed and the failed checks so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
    skips: Vec<String>,
    parts: Vec<(&'static str, Instant)>,
}

impl Tally {
    /// Begins a part of the checks, which ends with the next one. The time of each is printed at the end.
    pub(crate) fn part(&mut self, name: &'static str) {
        println!("== {name}");
        self.parts.push((name, Instant::now()));
    }

    /// Counts a check that is a single test.
    pub(crate) fn check(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("ok    {name}");
            }
            Err(problem) => {
                self.failed += 1;
                println!("FAIL  {name}\n{problem}");
                self.failures.push(name.to_owned());
            }
        }
    }

    /// Counts a run of many tests from the output of its runner. A runner that failed without naming a test counts
    /// once.
    pub(crate) fn runner(&mut self, name: &str, finished: &Finished) {
        let (passed, failed) = counts(&finished.output);
        self.passed += passed;
        self.failed += failed;
        for line in finished.output.lines().filter(|line| line.contains("SKIPPED")) {
            self.skips.push(line.trim().to_owned());
        }
        if !finished.success || failed > 0 {
            self.failures.push(name.to_owned());
            if failed == 0 {
                self.failed += 1;
            }
        } else if passed == 0 {
            self.failed += 1;
            self.failures.push(format!("{name} (ran no test)"));
        }
    }

    /// Notes what was left out and how to run it. This is reported at the end.
    pub(crate) fn skip(&mut self, what: &str) {
        self.skips.push(what.to_owned());
    }

    /// Prints what was left out, what failed, and the final count. Returns whether nothing failed.
    pub(crate) fn finish(mut self) -> bool {
        println!();
        for line in times(&self.parts, Instant::now()) {
            println!("{line}");
        }
        self.skips.sort();
        self.skips.dedup();
        for skip in &self.skips {
            println!("{skip}");
        }
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

/// How long each part took, if there were several.
fn times(parts: &[(&'static str, Instant)], end: Instant) -> Vec<String> {
    if parts.len() < 2 {
        return Vec::new();
    }
    let ends = parts.iter().skip(1).map(|(_, begin)| *begin).chain([end]);
    let lasted = parts.iter().zip(ends).map(|((name, begin), end)| format!("{} {name}", minutes(end - *begin)));
    lasted.chain([format!("{} in all", minutes(end - parts[0].1))]).collect()
}

fn minutes(lasted: Duration) -> String {
    format!("{:>3} min {:02} s", lasted.as_secs() / 60, lasted.as_secs() % 60)
}

/// Adds up the closing lines of nextest, of libtest and of our own runners.
pub(crate) fn counts(output: &str) -> (u64, u64) {
    let (mut passed, mut failed) = (0, 0);
    for line in output.lines() {
        let line = line.trim();
        let closing = line.starts_with("Summary [") || line.starts_with("test result:") || is_plain_count(line);
        if closing {
            passed += number_before(line, "passed");
            failed += number_before(line, "failed") + number_before(line, "timed out");
        }
    }
    (passed, failed)
}

fn is_plain_count(line: &str) -> bool {
    let tail = line.split_once(": ").map_or(line, |(_, tail)| tail);
    tail.starts_with(|c: char| c.is_ascii_digit()) && tail.contains(" passed, ") && tail.contains(" failed")
}

fn number_before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ',', ';', ':']).filter(|w| !w.is_empty()).collect();
    let first = word.split(' ').next().unwrap_or(word);
    words.windows(2).find(|pair| pair[1] == first).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_every_runner_are_added_up() {
        let output = "     Summary [   3.4s] 12 tests run: 10 passed (1 slow), 2 failed, 3 skipped\n\
                      test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured\n\
                      interop: 5 passed, 1 failed\n\
                      the sender had 9 passed, in passing";
        assert_eq!(counts(output), (19, 3));
    }

    #[test]
    fn each_part_lasts_until_the_next_one() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let parts = [("lint", begin), ("tests", after(61))];
        let expected = ["  1 min 01 s lint", " 60 min 00 s tests", " 61 min 01 s in all"];
        assert_eq!(times(&parts, after(3_661)), expected);
        assert!(times(&parts[..1], after(9)).is_empty());
        assert!(expected.iter().all(|line| !is_plain_count(line)));
    }

    #[test]
    fn a_runner_that_fails_without_a_count_is_one_failure() {
        let mut tally = Tally::default();
        tally.runner("x", &Finished { success: false, output: "error: no such thing".into() });
        assert_eq!((tally.passed, tally.failed), (0, 1));
    }

    #[test]
    fn a_runner_that_ran_nothing_is_a_failure() {
        let mut tally = Tally::default();
        tally.runner("x", &Finished { success: true, output: "Summary [0s] 0 tests run: 0 passed".into() });
        assert_eq!((tally.passed, tally.failed), (0, 1));
    }
}
