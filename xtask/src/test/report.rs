//! What is said at the end: each suite, and the total, which does not hide what did not run.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail};

/// What became of a suite.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    /// How many tests.
    pub(crate) passed: u32,
    pub(crate) took: Duration,
    pub(crate) ok: bool,
    /// It could not run here.
    pub(crate) skipped: bool,
}

/// A line for each suite, and the total.
pub(crate) fn table(outcomes: &[Outcome], prepared: Duration) -> String {
    let mut text = format!("{:16} {:>6} {:>9}\n", "suite", "tests", "time");
    let mut line = |name: &str, tests: &str, took: Duration, mark: &str| {
        let _infallible =
            writeln!(text, "{name:16} {tests:>6} {:>7.1} s{mark}", took.as_secs_f32());
    };
    line("(building)", "", prepared, "");
    for outcome in outcomes {
        let mark = match (outcome.skipped, outcome.ok) {
            (true, _) => "  SKIPPED",
            (false, true) => "",
            (false, false) => "  FAILED",
        };
        line(outcome.name, &outcome.passed.to_string(), outcome.took, mark);
    }
    let passed: u32 = outcomes.iter().map(|outcome| outcome.passed).sum();
    let took: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    line("all", &passed.to_string(), took + prepared, "");

    let failed = outcomes.iter().filter(|outcome| !outcome.ok).count();
    let skipped = names(outcomes, |outcome| outcome.skipped);
    let _infallible = write!(text, "{passed} passed, {failed} failed, {} skipped", skipped.len());
    if !skipped.is_empty() {
        let _infallible = write!(text, ": {} SKIPPED", skipped.join(", "));
    }
    text
}

/// An error when a suite failed. One that was skipped has not failed.
pub(crate) fn verdict(outcomes: &[Outcome]) -> Result<()> {
    let failed = names(outcomes, |outcome| !outcome.ok);
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}. Again: cargo xtask test {}", failed.join(", "), failed.join(" "));
}

fn names(outcomes: &[Outcome], which: impl Fn(&Outcome) -> bool) -> Vec<&'static str> {
    outcomes.iter().filter(|outcome| which(outcome)).map(|outcome| outcome.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &'static str, passed: u32, ok: bool, skipped: bool) -> Outcome {
        Outcome { name, passed, took: Duration::from_secs(2), ok, skipped }
    }

    #[test]
    fn the_total_says_what_was_skipped_by_name_and_nothing_when_all_ran() {
        let core = || outcome("core", 7, true, false);
        let ran = [core(), outcome("compose", 1, true, false)];
        let text = table(&ran, Duration::from_secs(1));
        assert!(text.ends_with("\n8 passed, 0 failed, 0 skipped"), "{text}");
        assert!(!text.contains("SKIPPED") && verdict(&ran).is_ok());

        let without = [core(), outcome("compose", 0, true, true)];
        let text = table(&without, Duration::from_secs(1));
        assert!(text.ends_with("\n7 passed, 0 failed, 1 skipped: compose SKIPPED"), "{text}");
        assert!(text.contains("2.0 s  SKIPPED\n") && verdict(&without).is_ok(), "{text}");
    }

    #[test]
    fn a_suite_that_failed_is_named_with_the_command_to_run_it_again() {
        let outcomes = [outcome("core", 7, true, false), outcome("sts", 3, false, false)];
        let text = table(&outcomes, Duration::ZERO);
        assert!(text.contains("  FAILED\n") && text.contains("10 passed, 1 failed"), "{text}");
        let error = verdict(&outcomes).unwrap_err().to_string();
        assert!(error.ends_with("cargo xtask test sts"), "{error}");
    }
}
