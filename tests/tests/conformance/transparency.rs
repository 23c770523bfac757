//! The same server says the same through the gateway.

use std::collections::BTreeMap;
use std::io::Write as _;

use obolus_tests::fixtures::bearer_proxy::BearerProxy;
use serde_json::Value;

use crate::run::{Found, requirements};
use crate::side_by_side::{differences, table};
use crate::world::{World, world};

/// Each with as many checks as a server that has everything is known to pass.
const SETS: [(&str, u32); 2] = [("2026-07-28", 197), ("2025-11-25", 83)];

async fn run(world: &World, name: &str, revision: &str, proxy: &BearerProxy) -> Found {
    proxy.carry(Some(world.token().await));
    let folder = world.folder(&format!("{name}-{revision}"));
    let found = requirements(revision, &proxy.url(), folder).await.unwrap();
    proxy.carry(None);
    found
}

/// What the filter decided, and how often.
fn decisions(records: &[Value]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for record in records {
        let reason = record["reason"].as_str().map(|reason| format!(": {reason}"));
        let decision = record["decision"].as_str().unwrap_or_default();
        *counted.entry(format!("{decision}{}", reason.unwrap_or_default())).or_default() += 1;
    }
    counted
}

#[tokio::test]
async fn both_requirement_sets_find_through_the_gateway_what_they_find_directly() {
    let world = world().await;
    let mut report = String::new();
    let mut wrong = Vec::new();
    for (revision, known) in SETS {
        let mut runs = vec![("directly", run(&world, "directly", revision, &world.directly).await)];
        for (name, side) in [("gateway", &world.gateway), ("with access", &world.with_access)] {
            let before = side.gateway.audit().len();
            let found = run(&world, name, revision, &side.proxy).await;
            let records = side.gateway.audit();
            report += &format!("{revision}, {name}: {:?}\n", decisions(&records[before..]));
            runs.push((name, found));
        }
        report += &table(revision, &runs);
        let (_, directly) = &runs[0];
        for (name, found) in &runs {
            for difference in differences(directly, found) {
                wrong.push(format!("{revision}, directly and {name}: {difference}"));
            }
            if found.failed > 0 || found.passed < known {
                wrong.push(format!("{revision}, {name}: {}", found.output));
            }
        }
    }
    // Past the test runner, which shows what is printed only of a test that fails.
    write!(std::io::stderr(), "\n{report}").unwrap();
    std::fs::write(world.report().join("report.txt"), &report).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
