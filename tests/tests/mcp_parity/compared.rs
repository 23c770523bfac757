//! What was compared, and whether it is as listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::listed::LISTED;
use crate::meaning::{Both, Differences, differences};

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
pub(crate) struct Compared(Vec<(String, Differences)>);

impl Compared {
    pub(crate) fn add(&mut self, call: &str, both: &Both) {
        self.0.push((call.to_owned(), differences(both)));
    }

    /// Tool by tool: whether all its calls mean the same, and which do not.
    pub(crate) fn tools(&self) -> BTreeMap<&str, String> {
        let mut tools: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
        for (call, found) in &self.0 {
            let tool = call.split([' ', ':', ',']).next().unwrap_or_default();
            let (asked, differing) = tools.entry(tool).or_default();
            *asked += 1;
            if !found.is_empty() {
                differing.push(call);
            }
        }
        let said = |(asked, differing): (usize, Vec<&str>)| match differing.len() {
            0 => format!("same in {asked} calls"),
            _ => format!("differs as listed in: {}", differing.join("; ")),
        };
        tools.into_iter().map(|(tool, found)| (tool, said(found))).collect()
    }

    /// Call by call what differs and why, and everything that is not as listed.
    pub(crate) fn calls(&self) -> (String, Vec<String>) {
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
    let (_, wrong) = compared.calls();
    assert_eq!(wrong.len(), LISTED.len(), "nothing that is listed was met: {wrong:?}");
    compared.add("pods_get: nobody's", &differs);
    let (text, wrong) = compared.calls();
    assert_eq!(wrong.len(), LISTED.len() + 1);
    assert!(wrong[0].contains("/a differs and is not listed: ours 1, theirs 2"), "{wrong:?}");
    assert!(text.contains("same") && text.contains("NOT LISTED"), "{text}");
    assert_eq!(compared.tools()["pods_get"], "differs as listed in: pods_get: nobody's");
    assert!(covers("/rows/*", "/rows/*/NAME") && !covers("/rows", "/rowsets"));
}
