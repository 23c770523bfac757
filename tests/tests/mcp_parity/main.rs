//! `kubernetes-mcp-server` and ours, asked the same on one cluster by the same person.
//!
//! Answers are compared by what they mean: which objects, how many, which fields. Everything that differs stands in
//! [`listed`] with its reason, and nothing else may differ; what is listed and no longer differs fails as well. How
//! answers read is not compared.

#![expect(clippy::indexing_slicing, reason = "a test that meets something unexpected fails")]

mod amounts;
mod changing;
mod compared;
mod listed;
mod meaning;
mod reading;
mod setting;

use std::collections::BTreeMap;
use std::io::Write as _;

use compared::Compared;
use serde_json::Value;
use setting::{Person, Setting, Side};

/// The tools of theirs that ours are held against, as they were recorded.
const RECORDED: &str = include_str!("../../../mcp-server/src/tools/parity.json");

/// Past the harness, which keeps what a test that passes prints.
fn show(table: &str) -> std::io::Result<()> {
    std::io::stderr().write_all(format!("\n{table}").as_bytes())
}

#[tokio::test]
async fn what_the_two_answer_and_do_differs_only_where_it_is_listed() {
    let setting = Setting::start().await.unwrap();
    let mut compared = Compared::default();
    let read = reading::compare(&setting, &mut compared).await;
    let changed = changing::compare(&setting, &mut compared).await;
    let (calls, wrong) = compared.calls();
    show(&calls).unwrap();
    assert!(read.is_ok() && changed.is_ok(), "{read:?}\n{changed:?}\n{}", wrong.join("\n"));
    // Every tool was asked for something, of both.
    let recorded: BTreeMap<String, Value> = serde_json::from_str(RECORDED).unwrap();
    assert_eq!(recorded.len(), 23);
    for side in [Side::Ours, Side::Theirs] {
        let tools = setting.client(side, Person::Operator).unwrap().tools().await.unwrap();
        for name in recorded.keys() {
            assert!(tools.contains(name), "{side:?} does not offer {name}: {tools:?}");
        }
    }
    let tools = compared.tools();
    let summary: String = tools.iter().map(|(tool, said)| format!("{tool:28} {said}\n")).collect();
    show(&summary).unwrap();
    let asked: Vec<_> = tools.into_keys().collect();
    assert_eq!(asked, recorded.keys().collect::<Vec<_>>(), "not every tool was compared");
    assert!(
        wrong.is_empty(),
        "mend what is wrong of ours, or list it with its reason in listed.rs:\n{}",
        wrong.join("\n")
    );
}
