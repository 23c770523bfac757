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
mod beside;
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

/// Every file of ours that Envoy, Kubernetes or Istio reads, and what is protected there.
const OURS: [(&str, &[&str]); 5] = [
    ("envoy/bootstrap.yaml", &["obolus-mcp"]),
    ("envoy/two-issuers.json", &[]),
    ("envoy/compose", &["obolus-mcp"]),
    ("deploy/istio", &[MCP_IN_THE_MESH]),
    ("deploy/istio/gateway", &[MCP_IN_THE_MESH]),
];

const MCP_IN_THE_MESH: &str = "outbound|8080||obolus-mcp.obolus.svc.cluster.local";

#[test]
fn our_own_files_and_the_good_bases_have_no_finding() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (file, protected) in OURS {
        let report = check(&root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        // Which module runs is said by who installs it.
        let mut found = findings(&report);
        found.retain(|line| {
            !(file.starts_with("deploy/") && line.starts_with("placeholder-digest"))
        });
        assert_eq!(found, [""; 0], "{file}");
        let seen = report.looked_at.split("protected: ").nth(1).unwrap();
        let expected = if protected.is_empty() { "nothing" } else { &protected.join(", ") };
        assert_eq!(seen, expected, "{file}");
    }
    for base in Base::ALL {
        let folder = base.written(&[]);
        let report = check(folder.path()).unwrap();
        assert_eq!(findings(&report), [""; 0], "{base:?}: {}", report.looked_at);
        assert!(!report.looked_at.ends_with("nothing"), "{}", report.looked_at);
    }
}

/// What the API server gets has nothing of our filter, and is looked at together with what has.
#[test]
fn with_the_api_server_s_files_beside_it_deploy_has_no_finding_and_alone_they_are_no_installation()
{
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let api_server = root.join("deploy/kubernetes");
    assert_eq!(findings(&check(&api_server).unwrap()), ["no-filter"]);

    let folder = tempfile::tempdir().unwrap();
    copy(&api_server, &folder.path().join("kubernetes"));
    copy(&root.join("deploy/istio"), &folder.path().join("istio"));
    assert_eq!(findings(&check(folder.path()).unwrap()), [""; 0]);
}

/// Kustomize makes of it what is applied, and `check` says so; what comes of that is looked at where kubectl is.
#[test]
fn an_overlay_is_not_followed_and_that_is_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let report = check(&root.join("deploy/istio-sidecar")).unwrap();
    assert!(!report.has_errors(), "{:#?}", report.findings);
    let mut found = findings(&report);
    found.retain(|line| !line.starts_with("placeholder-digest"));
    assert_eq!(found, ["unseen Kustomization patches", "unseen Kustomization resources[0]"]);
}

/// The façade's files add nothing that `deploy/istio` would have to know of.
#[test]
fn the_facades_files_beside_the_others_have_no_finding() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(&root.join("deploy/istio"), &folder.path().join("istio"));
    std::fs::create_dir(folder.path().join("facade")).unwrap();
    for file in ["facade.yaml", "callers.yaml", "egress.yaml"] {
        let from = root.join("deploy/istio-facade").join(file);
        std::fs::copy(from, folder.path().join("facade").join(file)).unwrap();
    }
    assert_eq!(findings(&check(folder.path()).unwrap()), [""; 0]);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            std::fs::write(to, bases::with_digest(&text)).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_not_envoy_s_and_not_kubernetes_is_not_taken_for_a_clean_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for file in ["envoy/docker-compose.yaml", "envoy/compose/realm.json", "envoy/nowhere.yaml"] {
        assert!(check(&root.join(file)).is_err(), "{file}");
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
