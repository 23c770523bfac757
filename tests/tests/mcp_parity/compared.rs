//! What was compared, and whether it is as listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::listed::LISTED;
use crate::meaning::{Both, differences};

/// A difference that has its reason.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Which call, as the table calls it
    pub(crate) call: &'static str,
    /// Where the two differ; `*` for the rows of a table
    pub(crate) at: &'static str,
    /// Why that is so
    pub(crate) because: &'static str,
}

/// Call by call, in their order.
#[derive(Debug, Default)]
pub(crate) struct Compared(Vec<(String, BTreeMap<String, (Value, Value)>)>);

impl Compared {
    pub(crate) fn add(&mut self, call: &str, both: &Both) {
        self.0.push((call.to_owned(), differences(both)));
    }

    /// The tools that were called: the first word of each call's name.
    pub(crate) fn tools(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(|(call, _)| call.split([' ', ':']).next()).collect()
    }

    /// The table, and everything that is not as listed.
    pub(crate) fn table(&self) -> (String, Vec<String>) {
        let (mut text, mut wrong) = (String::new(), Vec::new());
        let mut met = BTreeSet::new();
        for (call, found) in &self.0 {
            let mark = if found.is_empty() { "same" } else { "differs" };
            let _infallible = writeln!(text, "{call:64} {mark}");
            for (at, (ours, theirs)) in found {
                let listed = LISTED.iter().position(|one| one.call == call && covers(one.at, at));
                let because = match listed {
                    Some(number) => {
                        met.insert(number);
                        LISTED[number].because
                    }
                    None => {
                        wrong.push(format!(
                            "{call}: {at} differs and is not listed: ours {ours}, theirs {theirs}"
                        ));
                        "NOT LISTED"
                    }
                };
                let _infallible = writeln!(text, "    {at}: {because}");
            }
        }
        for (number, one) in LISTED.iter().enumerate() {
            if !met.contains(&number) {
                wrong.push(format!("{}: {} is listed and does not differ", one.call, one.at));
            }
        }
        (text, wrong)
    }
}

/// A place covers what is below it.
fn covers(listed: &str, at: &str) -> bool {
    at.strip_prefix(listed).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[test]
fn what_is_not_listed_and_what_no_longer_differs_is_wrong() {
    let same = Both { ours: 1.into(), theirs: 1.into() };
    let differs = Both { ours: serde_json::json!({"a": 1}), theirs: serde_json::json!({"a": 2}) };
    let mut compared = Compared::default();
    compared.add("pods_get: nobody's", &same);
    let (_, wrong) = compared.table();
    assert_eq!(wrong.len(), LISTED.len(), "nothing that is listed was met: {wrong:?}");
    compared.add("pods_get: nobody's", &differs);
    let (text, wrong) = compared.table();
    assert_eq!(wrong.len(), LISTED.len() + 1);
    assert!(wrong[0].contains("/a differs and is not listed: ours 1, theirs 2"), "{wrong:?}");
    assert!(text.contains("same") && text.contains("NOT LISTED"), "{text}");
    assert!(compared.tools().contains("pods_get"));
    assert!(covers("/rows/*", "/rows/*/NAME") && !covers("/rows", "/rowsets"));
}
