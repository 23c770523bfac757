//! Ways that somebody else's manifests, or a fault of ours, would open.

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::https;
use serde_json::json;

use crate::installed::{Installed, installed};
use crate::plugin::arrived;
use crate::shop::beside_the_shop;
use crate::world::get;

/// Another host's route, for which our filter does not run.
fn detour(service: &str, port: u16) -> String {
    let route = json!([{"destination": {
        "host": format!("{service}.obolus.svc.cluster.local"),
        "port": {"number": port},
    }}]);
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {
            "hosts": ["shop.example.com"],
            "gateways": ["istio-system/shop"],
            "http": [{"route": route}],
        },
    })
    .to_string()
}

#[tokio::test]
async fn a_route_of_another_host_to_the_mcp_server_meets_the_guard_and_one_to_the_sts_a_closed_door()
-> Result<()> {
    let world = installed().await?;
    beside_the_shop(&world, story(&world)).await?;

    let token = world.token("alice").await?;
    let before = arrived(&world).await?;
    let ours = world.call(Some(&token), "whoami", json!({})).await?;
    ensure!(ours.status == 200, "{ours:?}");
    ensure!(arrived(&world).await? == before + 1, "hers is not seen");
    Ok(())
}

async fn story(world: &Installed) -> Result<()> {
    let gateway = world.mesh.gateway.at(gateway_port(80));
    let straight = get(gateway, "shop.example.com").await?;
    ensure!(straight.status() == 200, "{straight:?}");

    let before = arrived(world).await?;
    world.mesh.apply(&detour("obolus-mcp", 8080)).await?;
    let to_the_server = get(gateway, "shop.example.com").await?;
    // A server that does not exist would be answered for likewise: so it is seen that the gateway has reached it.
    let sent = connections_to_the_sts(world).await?;
    world.mesh.apply(&detour("obolus-sts", 8443)).await?;
    let to_the_sts = https::plain_client()?
        .get(format!("http://{gateway}/keys/entra/{}", world.entra.tenant_id()))
        .header("host", "shop.example.com")
        .send()
        .await?;
    let sent = connections_to_the_sts(world).await? - sent;
    ensure!(to_the_server.status() == 403, "{to_the_server:?}");
    ensure!(arrived(world).await? == before, "something arrived at the MCP server");
    ensure!(to_the_sts.status().is_server_error(), "{to_the_sts:?}");
    ensure!(sent > 0, "the request to the STS did not leave the gateway");
    Ok(())
}

/// From the gateway to the STS's Service, whatever is spoken there.
async fn connections_to_the_sts(world: &Installed) -> Result<u64> {
    let stats = world.mesh.gateway.admin.stats().await?;
    let found = stats.iter().find(|(name, _)| {
        name.starts_with("cluster.outbound|8443||obolus-sts.")
            && name.ends_with(".upstream_cx_total")
    });
    Ok(*found.context("the gateway counts nothing of the STS")?.1)
}
