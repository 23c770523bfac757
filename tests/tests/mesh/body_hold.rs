//! Forms in which Envoy lets a request's headers go before its body was judged: a `WasmPlugin`, which cannot say
//! `allow_on_headers_stop_iteration`, and an EnvoyFilter that does not.
//!
//! The filter pauses at the headers; without the flag that stops the body as well, so nothing is forwarded, and what
//! would wait forever is refused.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::idp::now;
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use serde_json::{Value, json};

use crate::installed::{CREDENTIAL, Installed, installed};
use crate::plugin::{arrived, of, plugin};
use crate::shop::beside_the_shop;
use crate::world::get;

/// What the STS, the guards and the clusters are to the filter, without the filter.
fn without_the_filter(envoy_filter: &Value) -> Result<Value> {
    let mut object = envoy_filter.clone();
    let patches = object["spec"]["configPatches"].as_array_mut().context("no patches")?;
    let all = patches.len();
    patches.retain(|patch| patch["patch"]["value"]["name"] != obolus_envoy::FILTER_NAME);
    ensure!(patches.len() + 2 == all, "the filter and its place are not two patches");
    Ok(object)
}

fn wasm_plugin(world: &Installed) -> Value {
    json!({
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "WasmPlugin",
        "metadata": {"name": "obolus", "namespace": "istio-system"},
        "spec": {
            "selector": {"matchLabels": {"istio": "ingressgateway"}},
            "url": format!("file://{}", world.istio.module.path),
            "failStrategy": "FAIL_RELOAD",
            "vmConfig": {"env": [{"name": CREDENTIAL, "valueFrom": "HOST"}]},
            "pluginConfig": world.istio.configuration,
        },
    })
}

/// The filter is there, and says no, within a second, to what it would say yes to; others do not notice.
async fn refuses(world: &Installed) -> Result<()> {
    let nobody = world.call(None, "whoami", json!({})).await?;
    ensure!(nobody.status == 401, "{nobody:?}");
    let token = world.token("alice").await?;
    let (before, begun) = (arrived(world).await?, now());
    let call = async || {
        let since = Instant::now();
        let call = world.call(Some(&token), "whoami", json!({}));
        let answer = tokio::time::timeout(Duration::from_secs(5), call).await??;
        let took = since.elapsed();
        println!("{} after {took:.1?}: {}", answer.status, answer.body);
        ensure!(answer.status == 500 && took < Duration::from_millis(1200), "{took:?} {answer:?}");
        Ok(())
    };
    tokio::try_join!(call(), call(), call())?;
    ensure!(arrived(world).await? == before, "something arrived at the MCP server");
    let records = world.audited(begun, 3, |one| one["reason"] == "body_not_held").await?;
    ensure!(records.len() == 3, "{records:?}");
    let log = world.mesh.gateway.log();
    ensure!(log.contains("allow_on_headers_stop_iteration: true"), "the log does not say why");
    let other = get(world.mesh.gateway.at(gateway_port(80)), "shop.example.com").await?;
    ensure!(other.status() == 200, "{other:?}");
    Ok(())
}

#[tokio::test]
async fn without_the_hold_of_bodies_what_is_protected_is_refused_within_a_second() -> Result<()> {
    let world = installed().await?;
    beside_the_shop(&world, story(&world)).await?;

    let token = world.token("alice").await?;
    let before = arrived(&world).await?;
    let served = world.call(Some(&token), "whoami", json!({})).await?;
    ensure!(served.status == 200, "{served:?}");
    ensure!(arrived(&world).await? == before + 1, "hers is not seen");
    Ok(())
}

async fn story(world: &Installed) -> Result<()> {
    let good = of(&world.istio)?;

    let mut unheld = good.clone();
    let settings = plugin(&mut unheld)?.as_object_mut().context("no object")?;
    settings.remove("allow_on_headers_stop_iteration").context("it was not there")?;
    world.mesh.apply(&unheld.to_string()).await?;
    let by_envoy_filter = refuses(world).await;

    let as_plugin = wasm_plugin(world).to_string();
    world.mesh.apply(&without_the_filter(&good)?.to_string()).await?;
    world.mesh.apply(&as_plugin).await?;
    let by_wasm_plugin = refuses(world).await;
    world.mesh.delete(&as_plugin).await?;

    world.mesh.apply(&good.to_string()).await?;
    by_envoy_filter.context("an EnvoyFilter without the flag")?;
    by_wasm_plugin.context("a WasmPlugin")
}
