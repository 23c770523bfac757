//! The demo's story through the mesh: two people, what they may do, what they may not, and who wrote it down.

use anyhow::{Result, ensure};
use obolus_tests::fixtures::idp::now;
use serde_json::{Value, json};

use crate::installed::installed;

#[tokio::test]
async fn two_people_come_through_the_mesh_as_themselves_and_each_may_do_what_they_may() -> Result<()>
{
    let world = installed().await?;
    for person in ["alice", "bob"] {
        let token = world.token(person).await?;
        let answer = world.call(Some(&token), "whoami", json!({})).await?;
        let username = &answer.body["result"]["structuredContent"]["username"];
        ensure!(*username == world.entra.username(person), "{person}: {answer:?}");
    }
    // What the cluster grants to one and not to the other.
    let delete = json!({"namespace": "shop", "name": "no-such-pod"});
    let mut said = Vec::new();
    for person in ["alice", "bob"] {
        let token = world.token(person).await?;
        let answer = world.call(Some(&token), "pods_delete", delete.clone()).await?;
        ensure!(answer.status == 200 && answer.is_tool_error(), "{person}: {answer:?}");
        said.push(answer.text());
    }
    ensure!(said[0].contains("not found"), "alice may delete pods: {}", said[0]);
    ensure!(said[1].contains("forbidden"), "bob may not: {}", said[1]);

    let refused = world.call(None, "whoami", json!({})).await?;
    ensure!(refused.status == 401, "{refused:?}");
    let challenge = refused.headers["www-authenticate"].to_str()?;
    ensure!(challenge.contains("resource_metadata"), "{challenge}");
    Ok(())
}

#[tokio::test]
async fn each_call_leaves_a_line_at_the_filter_at_the_sts_and_at_the_api_server() -> Result<()> {
    let world = installed().await?;
    let since = now();
    let token = world.token("alice").await?;
    let answer = world.call(Some(&token), "namespaces_list", json!({})).await?;
    ensure!(answer.status == 200 && !answer.is_tool_error(), "{answer:?}");

    let is_hers = |record: &Value| {
        record["tool"] == "namespaces_list" && record["subject"] == world.entra.object_id("alice")
    };
    let records = world.audited(since, 1, is_hers).await?;
    println!("{records:?}");
    ensure!(records.iter().all(|record| record["decision"] == "permit"), "{records:?}");
    ensure!(world.sts.log().contains("\"message\":\"exchange\""), "{}", world.sts.log());
    let log = std::fs::read_to_string(world.mesh.cluster.audit_log())?;
    ensure!(log.contains(&world.entra.username("alice")), "the API server did not see alice");
    ensure!(!world.mesh.gateway.log().contains(&token), "a token stands in the gateway's log");
    Ok(())
}
