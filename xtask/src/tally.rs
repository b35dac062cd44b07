//! The count of passed and failed checks, over all kinds of runners.
//!
//! The list of checks is in `suite`.

use crate::command::Finished;

/// The passed and the failed checks so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
    skips: Vec<String>,
}

impl Tally {
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
