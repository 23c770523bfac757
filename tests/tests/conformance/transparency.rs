//! The same server says the same through the gateway, all of it through the filter, and nothing without a token.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::bearer_proxy::BearerProxy;
use serde_json::Value;

use crate::side_by_side::{differences, table};
use crate::world::{Side, World, world};
use obolus_tests::fixtures::conformance_run::{Found, requirements};

/// Each with as many checks as a server that has everything is known to pass.
const SETS: [(&str, u32); 2] = [("2026-07-28", 197), ("2025-11-25", 83)];

/// Requests of each set that Envoy answers before any filter: one with a `Host` that nobody has (DNS rebinding).
const FOR_NOBODY: u64 = 1;

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

impl Side {
    /// Waits until there is a record of each request that came since, and returns them.
    async fn recorded(&self, requests: u64, records: usize) -> Vec<Value> {
        let wanted = self.proxy.requests() - requests - FOR_NOBODY;
        eventually("a record of each request", Duration::from_secs(20), || async {
            let new = self.gateway.audit().split_off(records);
            ensure!(new.len() as u64 == wanted, "{} records of {wanted} requests", new.len());
            Ok(new)
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn both_requirement_sets_find_through_the_gateway_what_they_find_directly() {
    let world = world().await;
    let (mut report, mut wrong) = (String::new(), Vec::new());
    for (revision, known) in SETS {
        let mut runs = vec![("directly", run(&world, "directly", revision, &world.directly).await)];
        let mut decided = String::new();
        for (name, side) in [("gateway", &world.gateway), ("with access", &world.with_access)] {
            let (requests, records) = (side.proxy.requests(), side.gateway.audit().len());
            runs.push((name, run(&world, name, revision, &side.proxy).await));
            let decisions = decisions(&side.recorded(requests, records).await);
            decided += &format!("{name}: {decisions:?}\n");
        }
        report += &format!("{}{decided}\n", table(revision, &runs));
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
    std::fs::write(world.report(), &report).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The control: what passes above passes because of the token that the proxy adds.
#[tokio::test]
async fn without_the_token_nothing_is_found_and_the_server_never_asked() {
    let world = world().await;
    let side = &world.gateway;
    let (requests, records) = (side.proxy.requests(), side.gateway.audit().len());
    let folder = world.folder("without-a-token");
    let found = requirements("2025-11-25", &side.proxy.url(), folder).await.unwrap();
    let scored: Vec<_> = found.scenarios.iter().filter(|scenario| scenario.failed == 0).collect();
    assert!(found.failed >= 30, "{}", found.output);
    assert!(scored.len() <= 1, "{scored:?}");
    let records = side.recorded(requests, records).await;
    let decided = decisions(&records);
    assert_eq!(decided.keys().collect::<Vec<_>>(), ["deny: token_missing"], "{decided:?}");
}
