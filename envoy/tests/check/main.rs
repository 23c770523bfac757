//! Our own configuration has no finding, and each prepared fault has exactly its own.
//!
//! A fault is a file in `faults/`: a change to one of the good bases, and what is found then. The Istio base is
//! `istio/` together with an EnvoyFilter from the generator; the others come from the generator whole.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fault's file that cannot be read must fail loudly"
)]

mod bases;
mod fault;
mod forms;

use std::collections::BTreeSet;
use std::path::Path;

use obolus_envoy::check::{Report, Rule, check};

use bases::Base;
use fault::Fault;

fn findings(report: &Report) -> Vec<String> {
    let line = |parts: [&str; 3]| {
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let lines = report.findings.iter();
    let mut lines: Vec<_> =
        lines.map(|one| line([one.rule.id(), &one.object, &one.path])).collect();
    lines.sort();
    lines
}

#[test]
fn our_own_files_and_the_good_bases_have_no_finding() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["bootstrap.yaml", "two-issuers.json", "compose/envoy.yaml", "../deploy/istio"] {
        let path = committed.join(file);
        if !path.exists() && file.starts_with("..") {
            continue;
        }
        let report = check(&path).unwrap();
        assert_eq!(findings(&report), [""; 0], "{file}");
    }
    for base in Base::ALL {
        let folder = base.written(&[]);
        let report = check(folder.path()).unwrap();
        assert_eq!(findings(&report), [""; 0], "{base:?}: {}", report.looked_at);
        assert!(!report.looked_at.ends_with("nothing"), "{}", report.looked_at);
    }
}

#[test]
fn each_fault_is_found_where_it_is_and_nothing_else() {
    let faults = Fault::all();
    assert!(faults.len() >= 12);
    let mut wrong = Vec::new();
    for fault in &faults {
        let folder = fault.base.written(&fault.change);
        let report = check(folder.path()).unwrap();
        let found = findings(&report);
        if found != fault.finds {
            wrong
                .push(format!("{}\n  expected {:#?}\n  found {found:#?}", fault.name, fault.finds));
        }
        for finding in &report.findings {
            assert!(Path::new(&finding.file).starts_with(folder.path()), "{finding}");
            assert!(!finding.what.is_empty() && !finding.instead.is_empty(), "{finding}");
            assert!(!finding.to_string().contains("hunter2"), "a secret is told: {finding}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_fault_that_it_finds() {
    let found: BTreeSet<String> = Fault::all()
        .iter()
        .flat_map(|fault| fault.finds.iter())
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    let never: Vec<_> = Rule::ALL.iter().filter(|rule| !found.contains(rule.id())).collect();
    // A base is written as good YAML: `forms` has the file that is none.
    assert_eq!(never, [&Rule::Unreadable]);
}
