//! A protected port that istiod takes for TCP: neither our filter nor the guard has a place in what it makes of that.
//!
//! Envoy's RBAC looks at a connection when its first byte comes. By then there is a connection to the program as well, to
//! which nothing is ever sent: so what counts is what the program has read.

use anyhow::{Context as _, Result, anyhow, ensure};
use obolus_tests::fixtures::mesh::NAMESPACE;
use serde_json::{Value, json};

use crate::installed::Installed;
use crate::sidecar::{SIDECAR, in_this_form};

/// The MCP server's `Sidecar` with this protocol of the port.
async fn speaks(world: &Installed, protocol: &str) -> Result<String> {
    let path = format!("/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/sidecars/{SIDECAR}");
    let found = world.mesh.cluster.admin_get(&path).await?;
    let mut spec = found["spec"].clone();
    spec["ingress"][0]["port"]["protocol"] = protocol.into();
    spec["ingress"][0]["port"]["name"] = protocol.to_lowercase().into();
    let metadata = json!({"name": SIDECAR, "namespace": NAMESPACE});
    let (version, kind) = (&found["apiVersion"], &found["kind"]);
    Ok(json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}).to_string())
}

/// The sidecar's EnvoyFilter, but for what closes the port.
fn open(world: &Installed) -> Result<String> {
    let mut object = world.istio.sidecar_filter().map_err(|problems| anyhow!("{problems}"))?;
    let patches = object["spec"]["configPatches"].as_array_mut().context("no patches")?;
    let all = patches.len();
    patches.retain(|patch: &Value| patch["patch"]["value"]["name"] != "obolus.no-tcp");
    ensure!(patches.len() + 1 == all, "the port is not closed by one patch");
    Ok(object.to_string())
}

#[tokio::test]
async fn a_port_that_the_mesh_takes_for_tcp_is_closed_and_for_http_alice_passes() -> Result<()> {
    in_this_form(async |world| {
        let http = speaks(world, "HTTP").await?;
        let outcome = story(world).await;
        world.mesh.apply(&http).await?;
        outcome
    })
    .await
}

async fn story(world: &Installed) -> Result<()> {
    let token = world.token("alice").await?;
    let before = world.counted_by_the_server().await?;
    let (http, tcp) = (speaks(world, "HTTP").await?, speaks(world, "TCP").await?);

    world.mesh.apply(&tcp).await?;
    for token in [None, Some("x.y.z"), Some(token.as_str())] {
        let answer = world.call(token, "whoami", json!({})).await?;
        ensure!(answer.status.is_server_error(), "{answer:?}");
    }
    ensure!(world.counted_by_the_server().await? == before, "something arrived at the MCP server");
    let stats = world.mesh.mcp.admin.stats().await?;
    let denied = stats
        .iter()
        .find(|(name, _)| name.contains("rbac.obolus_no_tcp") && name.ends_with("denied"));
    ensure!(denied.is_some_and(|(_, count)| *count > 0), "nothing was closed: {denied:?}");

    // It is that which closes it.
    let closing = world.istio.sidecar_filter().map_err(|problems| anyhow!("{problems}"))?;
    world.mesh.apply(&open(world)?).await?;
    let unguarded = world.call(Some("x.y.z"), "whoami", json!({})).await?;
    ensure!(world.counted_by_the_server().await? == before + 1, "{unguarded:?}");
    world.mesh.apply(&closing.to_string()).await?;

    world.mesh.apply(&http).await?;
    let before = world.counted_by_the_server().await?;
    let hers = world.call(Some(&token), "whoami", json!({})).await?;
    ensure!(hers.status == 200, "{hers:?}");
    ensure!(world.counted_by_the_server().await? == before + 1, "hers is not seen either");
    Ok(())
}
