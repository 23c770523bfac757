//! Tests, run: the same decision as the filter's, of claims that nobody verified.

use obolus_core::UnixSeconds;
use obolus_core::mcp::{List, Revision};
use obolus_core::policy::{Circumstances, explain};

use crate::claims::Token;
use crate::expected::Came;
use crate::problem::Problem;
use crate::setting::Setting;
use crate::suite::{Suite, Test};

/// One thing that a test expected and that did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Of which file.
    pub file: String,
    /// Of which test.
    pub name: String,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, name, expected, got } = self;
        write!(f, "{file}: {name}: expected {expected}, got {got}")
    }
}

/// Runs all tests of a file.
///
/// # Errors
/// A target that cannot be one.
pub fn run(
    setting: &Setting,
    suite: &Suite,
    now: UnixSeconds,
) -> Result<Vec<Failure>, Vec<Problem>> {
    let mut failures = Vec::new();
    for test in &suite.tests {
        for (expected, got) in one(setting, test, now)? {
            let (file, name) = (suite.file.clone(), test.name.clone());
            failures.push(Failure { file, name, expected, got });
        }
    }
    Ok(failures)
}

/// What was expected, and what came instead.
fn one(
    setting: &Setting,
    test: &Test,
    now: UnixSeconds,
) -> Result<Vec<(String, String)>, Vec<Problem>> {
    let resource = match &test.target {
        Some(target) => setting.with_target(target)?,
        None => setting.resource.clone(),
    };
    let examined = Token::of_claims(&test.claims, &resource, now).examine(&resource, now);
    let claimed = match (examined.refused, examined.claimed) {
        (None, Ok(claimed)) => Ok(claimed),
        (Some(reason), _) | (None, Err(reason)) => Err(reason),
    };
    let claimed = match (claimed, &test.expected) {
        (Ok(claimed), _) => claimed,
        (Err(reason), Some(expected)) if expected.is(&Came::Refused(reason)) => {
            return Ok(Vec::new());
        }
        (Err(reason), expected) => {
            let expected = expected.as_ref().map_or("lists".to_owned(), ToString::to_string);
            return Ok(vec![(expected, format!("refused {reason}, the token itself"))]);
        }
    };
    let mut wrong = Vec::new();
    if let (Some(asked), Some(expected)) = (&test.asked, &test.expected) {
        let told = asked.admitted(|admitted| explain(&claimed, &resource, admitted));
        let came = match &told {
            Ok(told) => Came::Decided(told),
            Err(denial) => Came::Refused(denial.reason()),
        };
        if !expected.is(&came) {
            wrong.push((expected.to_string(), came.to_string()));
        }
        if let (Some(target), Ok(told)) = (&test.target, &told)
            && told.target.as_ref() != Ok(target)
        {
            let is = told.target.as_ref().map_or("none".to_owned(), Clone::clone);
            wrong.push((format!("target {target}"), format!("target {is}")));
        }
    }
    let newest = Revision::V2026_07_28;
    let circumstances = Circumstances {
        target: &resource.targets.default_target().name,
        revision: test.asked.as_ref().and_then(|asked| asked.revision).unwrap_or(newest),
    };
    let asker = resource.access.as_ref().map(|access| access.asker_of_claims(&claimed));
    let view = resource.access.as_ref().zip(asker.as_ref());
    let view = view.map(|(access, asker)| access.view(asker, circumstances));
    for (names, is_shown) in [(&test.shown, true), (&test.hidden, false)] {
        for name in names {
            if view.as_ref().is_none_or(|view| view.lists(List::Tools, name)) != is_shown {
                let said =
                    |is_shown| format!("{name} {}", if is_shown { "listed" } else { "not listed" });
                wrong.push((said(is_shown), said(!is_shown)));
            }
        }
    }
    Ok(wrong)
}
