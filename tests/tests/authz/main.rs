//! Requests that say one thing to the gateway and another to the server: none of them is forwarded.
//!
//! A file per family, each a table. What is tried is written beside what it would be if it were as it should be, its
//! twin, and who says no. Each case is shown in a window of its own: after the refusal nothing has arrived at the
//! server, and then the twin does, once, on the same connection wherever HTTP lets it live on. Where our filter alone
//! stands in the way, the very same bytes are sent to another application of the same Envoy, and arrive there.

#![expect(clippy::unwrap_used, reason = "failing loudly is the job")]
#![expect(clippy::indexing_slicing, reason = "what is missing in a value fails the test")]

mod arguments;
mod attempt;
mod case;
mod client;
mod content;
mod credentials;
mod frames;
mod framing;
mod governed;
mod json;
mod methods;
mod mirrored;
mod people;
mod revisions;
mod routes;
mod verbs;
mod wire;
mod world;

use std::collections::BTreeSet;

use case::Case;
use client::Client;

type Family = fn(&Client) -> Vec<Case>;

const FAMILIES: [(&str, Family); 12] = [
    ("arguments", arguments::all),
    ("content", content::all),
    ("credentials", credentials::all),
    ("frames", frames::all),
    ("framing", framing::all),
    ("governed", governed::all),
    ("json", json::all),
    ("methods", methods::all),
    ("mirrored", mirrored::all),
    ("revisions", revisions::all),
    ("routes", routes::all),
    ("verbs", verbs::all),
];

#[test]
fn there_are_thousands_of_cases_and_each_has_a_name() {
    let client = Client::nobody();
    let mut names = BTreeSet::new();
    let mut total = 0;
    for (family, all) in FAMILIES {
        let cases = all(&client);
        println!("{family}: {}", cases.len());
        total += cases.len();
        names.extend(cases.into_iter().map(|case| format!("{family}: {}", case.name)));
    }
    assert_eq!(names.len(), total, "a name stands twice");
    println!("{total} in all");
    // The fewest that anybody asked for are 200.
    assert!(total >= 2_500, "{total}");
}
