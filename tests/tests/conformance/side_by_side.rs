//! Several runs of one requirement set: told in one table, and where they differ.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use obolus_tests::fixtures::conformance_run::{Found, Scenario};

/// A line for each scenario, a column for each run: checks that passed and that failed.
pub(crate) fn table(revision: &str, runs: &[(&str, Found)]) -> String {
    let mut text = format!("{revision:44}");
    let cell = |passed: u32, failed: u32| format!("{passed:>5} {failed:>3} failed");
    for (side, _) in runs {
        let _infallible = write!(text, "  {side:>24}");
    }
    text.push('\n');
    for name in names(runs) {
        let _infallible = write!(text, "{name:44}");
        for (_, found) in runs {
            let told = of(found, name).map(|scenario| cell(scenario.passed, scenario.failed));
            let _infallible =
                write!(text, "  {:>24}", told.unwrap_or_else(|| "not run".to_owned()));
        }
        text.push('\n');
    }
    let _infallible = write!(text, "{:44}", "total");
    for (_, found) in runs {
        let _infallible = write!(text, "  {:>24}", cell(found.passed, found.failed));
    }
    let _infallible = write!(text, "\n{:44}", "seconds");
    for (_, found) in runs {
        let _infallible = write!(text, "  {:>24.1}", found.took.as_secs_f32());
    }
    text.push('\n');
    text
}

/// All that one of two runs found, and the other did not.
pub(crate) fn differences(one: &Found, other: &Found) -> Vec<String> {
    let runs = [("", one), ("", other)];
    let mut all = Vec::new();
    for name in names(&runs) {
        let (Some(one), Some(other)) = (of(one, name), of(other, name)) else {
            all.push(format!("{name} was not run by both"));
            continue;
        };
        let keys: BTreeSet<_> = one.checks.keys().chain(other.checks.keys()).collect();
        for key @ (id, check, status) in keys {
            let counts = [one, other].map(|it| it.checks.get(key).copied().unwrap_or_default());
            if counts[0] != counts[1] {
                let [one, other] = counts;
                all.push(format!("{name}: {id} ({check}) {status}: {one} times and {other} times"));
            }
        }
    }
    all
}

fn of<'f>(found: &'f Found, name: &str) -> Option<&'f Scenario> {
    found.scenarios.iter().find(|scenario| scenario.name == name)
}

/// The names of all scenarios, in the order of the first run that has them.
fn names<'f, F: std::borrow::Borrow<Found>>(runs: &'f [(&str, F)]) -> Vec<&'f str> {
    let mut names: Vec<&str> = Vec::new();
    for (_, found) in runs {
        for scenario in &found.borrow().scenarios {
            if !names.contains(&scenario.name.as_str()) {
                names.push(&scenario.name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    /// Id, status, how often.
    type Check = (&'static str, &'static str, u32);

    fn found(scenarios: &[(&str, &[Check])]) -> Found {
        let scenarios: Vec<_> = scenarios
            .iter()
            .map(|(name, checks)| {
                let checks: BTreeMap<_, _> = checks
                    .iter()
                    .map(|(id, status, count)| {
                        (((*id).to_owned(), String::new(), (*status).to_owned()), *count)
                    })
                    .collect();
                Scenario { name: (*name).to_owned(), passed: 1, failed: 0, checks }
            })
            .collect();
        let (took, output) = (Duration::ZERO, String::new());
        Found { scenarios, passed: 1, failed: 0, took, output }
    }

    #[test]
    fn another_status_and_another_count_and_a_missing_scenario_are_differences() {
        let one = found(&[("ping", &[("a", "SUCCESS", 2)]), ("list", &[("b", "SUCCESS", 1)])]);
        assert_eq!(differences(&one, &one), Vec::<String>::new());
        let warned = found(&[("ping", &[("a", "WARNING", 2)]), ("list", &[("b", "SUCCESS", 1)])]);
        assert_eq!(differences(&one, &warned).len(), 2);
        let fewer = found(&[("ping", &[("a", "SUCCESS", 1)]), ("list", &[("b", "SUCCESS", 1)])]);
        let told = differences(&one, &fewer);
        assert_eq!(told, ["ping: a () SUCCESS: 2 times and 1 times"]);
        let without = found(&[("ping", &[("a", "SUCCESS", 2)])]);
        assert_eq!(differences(&without, &one), ["list was not run by both"]);
        let table = table("2025-11-25", &[("directly", one), ("through", without)]);
        assert!(table.contains("not run"), "{table}");
    }
}
