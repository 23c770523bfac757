//! `kubernetes-mcp-server` and ours, asked the same on one cluster by the same person.
//!
//! Answers are compared by what they mean: which objects, how many, which fields. Everything that differs stands in
//! [`listed`] with its reason, and nothing else may differ; what is listed and no longer differs fails as well. How
//! answers read is not compared.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected fails"
)]

mod amounts;
mod changing;
mod compared;
mod listed;
mod meaning;
mod reading;
mod setting;

use compared::Compared;
use setting::{Person, Setting};

#[tokio::test]
async fn what_the_two_answer_and_do_differs_only_where_it_is_listed() {
    let setting = Setting::start().await.unwrap();
    let mut compared = Compared::default();
    reading::compare(&setting, &mut compared).await.unwrap();
    println!("{}", compared.table().1.join("\n"));
    changing::compare(&setting, &mut compared).await.unwrap();
    let (table, wrong) = compared.table();
    println!("{table}");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
    // Every tool that both have was asked for something.
    let (ours, theirs) =
        (setting.ours(Person::Operator).unwrap(), setting.theirs(Person::Operator).unwrap());
    let (ours, theirs) = (ours.tools().await.unwrap(), theirs.tools().await.unwrap());
    let asked = compared.tools();
    let forgotten: Vec<_> = theirs
        .iter()
        .filter(|name| ours.contains(name) && !asked.contains(name.as_str()))
        .collect();
    assert!(forgotten.is_empty(), "no call of {forgotten:?} was compared");
}
