//! Ways that somebody else's manifests, or a fault of ours, would open.

use anyhow::{Result, anyhow, ensure};
use obolus_envoy::Module;
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::fixtures::mesh::{GATEWAY, ISTIO_SYSTEM, Kind, WorkloadOptions};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::https;
use serde_json::json;

use crate::installed::installed;
use crate::upgrade::arrived;
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
    let shop = Recorder::start().await?;
    let application = include_str!("shop.yaml").replace("10000", &shop.port().to_string());
    world.mesh.apply(&application).await?;
    let gateway = world.mesh.gateway.at(gateway_port(80));
    let straight = get(gateway, "shop.example.com").await?;
    ensure!(straight.status() == 200, "{straight:?}");

    let before = arrived(&world).await?;
    world.mesh.apply(&detour("obolus-mcp", 8080)).await?;
    let to_the_server = get(gateway, "shop.example.com").await?;
    world.mesh.apply(&detour("obolus-sts", 8443)).await?;
    let to_the_sts = https::plain_client()?
        .get(format!("http://{gateway}/keys/entra/{}", world.entra.tenant_id()))
        .header("host", "shop.example.com")
        .send()
        .await?;
    world.mesh.delete(&application).await?;
    ensure!(to_the_server.status() == 403, "{to_the_server:?}");
    ensure!(arrived(&world).await? == before, "something arrived at the MCP server");
    ensure!(to_the_sts.status().is_server_error(), "{to_the_sts:?}");

    let token = world.token("alice").await?;
    let ours = world.call(Some(&token), "whoami", json!({})).await?;
    ensure!(ours.status == 200, "{ours:?}");
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_gets_no_good_filter_at_first_refuses_for_our_host_and_serves_the_others()
-> Result<()> {
    let mut world = installed().await?;
    let shop = Recorder::start().await?;
    let application = include_str!("shop.yaml")
        .replace("10000", &shop.port().to_string())
        .replace("ingressgateway", "second");
    let mut istio = world.istio.clone();
    istio.labels = [("istio".to_owned(), "second".to_owned())].into();
    istio.module =
        Module { path: "/nowhere/obolus_filter.wasm".to_owned(), sha256: Some("ab".repeat(32)) };
    let mut objects = istio.routes().map_err(|problems| anyhow!("{problems}"))?;
    objects.push(istio.envoy_filter().map_err(|problems| anyhow!("{problems}"))?);
    // Beside those of the first gateway; plain HTTP, since the certificate is not what is asked here.
    for object in &mut objects {
        object["metadata"]["name"] = "second".into();
    }
    objects[0]["spec"]["servers"] = json!([{
        "port": {"number": 81, "name": "http", "protocol": "HTTP"},
        "hosts": ["mcp.example.com"],
    }]);
    objects[1]["spec"]["gateways"] = json!(["istio-system/second"]);
    let ours = objects.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n");

    let mut second = WorkloadOptions::new(Kind::Gateway, ISTIO_SYSTEM, GATEWAY);
    second.name = "second".to_owned();
    second.labels = [("istio".to_owned(), "second".to_owned())].into();
    let address = world.mesh.join(second).await?.ip();
    world.mesh.apply_only(&application).await?;
    world.mesh.apply_only(&ours).await?;
    let rejections = world.mesh.settle_with_rejections().await?;
    let refused = get((address, gateway_port(81)).into(), "mcp.example.com").await;
    let other = get((address, gateway_port(80)).into(), "shop.example.com").await;
    world.mesh.delete(&ours).await?;
    world.mesh.delete(&application).await?;
    let (refused, other) = (refused?, other?);
    ensure!(rejections.iter().any(|one| one.proxy == "second.istio-system"), "{rejections:?}");
    ensure!(refused.status() == 403, "{refused:?}");
    ensure!(other.status() == 200, "{other:?}");
    Ok(())
}
