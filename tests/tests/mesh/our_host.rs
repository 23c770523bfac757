//! Other people's routes at our own host.

use anyhow::{Result, anyhow, ensure};
use obolus_tests::fixtures::mesh::manifests::{documents_of, gateway_port};
use reqwest::Response;
use serde_json::{Value, json};

use crate::installed::{HOST, Installed, installed};
use crate::shop::beside_the_shop;
use crate::world::get;

/// A route of another namespace at our Gateway, with this header in its answers.
fn theirs(header: &str) -> String {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "other", "namespace": "shop"},
        "spec": {
            "hosts": [HOST],
            "gateways": ["istio-system/obolus"],
            "http": [{
                "match": [{"uri": {"prefix": "/other"}}],
                "headers": {"response": {"set": {"x-other": header}}},
                "directResponse": {"status": 200},
            }],
        },
    })
    .to_string()
}

/// Our own, with this header in their answers.
fn ours(world: &Installed, header: &str) -> Result<String> {
    let mut objects = world.istio.routes().map_err(|problems| anyhow!("{problems}"))?;
    for object in &mut objects {
        let routes = object["spec"].get_mut("http").and_then(Value::as_array_mut);
        for route in routes.into_iter().flatten() {
            route["headers"] = json!({"response": {"set": {"x-ours": header}}});
        }
    }
    Ok(documents_of(&objects))
}

/// Our Gateway, open to routes of all namespaces.
fn open(world: &Installed) -> Result<String> {
    let mut objects = world.istio.routes().map_err(|problems| anyhow!("{problems}"))?;
    objects[0]["spec"]["servers"][0]["hosts"] = json!([HOST]);
    Ok(documents_of(&objects))
}

async fn other(world: &Installed) -> Result<Response> {
    let url = format!("https://{HOST}:{}/other", gateway_port(443));
    let request = world.https_at(&world.mesh.gateway)?.get(url).header("host", HOST);
    Ok(request.send().await?)
}

async fn alice(world: &Installed, header: &str) -> Result<()> {
    let token = world.token("alice").await?;
    let answer = world.call(Some(&token), "whoami", json!({})).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let found = answer.headers.get("x-ours").map(|value| value.as_bytes());
    ensure!(found == Some(header.as_bytes()), "not our newest route: {found:?}");
    Ok(())
}

#[tokio::test]
async fn a_route_of_another_namespace_has_no_place_at_our_host_and_ours_change_in_spite_of_it()
-> Result<()> {
    let world = installed().await?;
    let routes = world.istio.routes().map_err(|problems| anyhow!("{problems}"))?;
    beside_the_shop(&world, async {
        let outcome = story(&world).await;
        world.mesh.delete(&theirs("any")).await?;
        world.mesh.apply(&documents_of(&routes)).await?;
        outcome
    })
    .await
}

async fn story(world: &Installed) -> Result<()> {
    world.mesh.apply(&theirs("theirs")).await?;
    world.mesh.apply(&ours(world, "first")?).await?;
    let answer = other(world).await?;
    ensure!(answer.status() == 404, "{answer:?}");
    alice(world, "first").await?;
    // At their own host their routes are served.
    let shop = get(world.mesh.gateway.at(gateway_port(80)), "shop.example.com").await?;
    ensure!(shop.status() == 200, "{shop:?}");

    // One that Envoy does not take: no routes of a host that has it.
    let broken = theirs("%FILE_CONTENT(/nowhere)%");
    world.mesh.apply(&broken).await?;
    world.mesh.apply(&ours(world, "second")?).await?;
    alice(world, "second").await?;

    // So it is without the `./`.
    world.mesh.apply_only(&open(world)?).await?;
    let rejections = world.mesh.settle_with_rejections().await?;
    ensure!(rejections.iter().any(|one| one.kind == "RouteConfiguration"), "{rejections:?}");
    world.mesh.apply_only(&theirs("theirs")).await?;
    world.mesh.settle_with_rejections().await?;
    let answer = other(world).await?;
    ensure!(answer.status() == 200, "{answer:?}");
    Ok(())
}
