//! A filter that Envoy discovers by itself (ECDS) instead of with its listener: what that is worth when the filter
//! changes, and when it is not taken.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::fixtures::mesh::{GATEWAY, ISTIO_SYSTEM, Kind, WorkloadOptions};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::delivery::delivered;
use crate::world::{get, world};

const EXTENSION: &str = include_str!("extension.yaml");
const SECOND_GATEWAY: &str = include_str!("second-gateway.yaml");
const FILTER: &str = include_str!("filter.yaml");

/// The same with a module that is not there in the filter's place.
fn with_a_missing_module() -> Result<String> {
    let mut object: Value = serde_yaml_ng::from_str(EXTENSION)?;
    let filter = object.pointer_mut("/spec/configPatches/0/patch/value/typed_config");
    *filter.context("the filter is elsewhere")? = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {"vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": "/nowhere/obolus_filter.wasm"}},
        }},
    });
    Ok(object.to_string())
}

#[tokio::test]
async fn requests_outlive_a_change_of_an_extension_but_not_one_of_the_listener() -> Result<()> {
    let world = world().await?;
    world.mesh.apply(EXTENSION).await?;
    ensure!(delivered(&world).await?.as_deref() == Some("first"));

    let slow = world.slow().await?;
    world.mesh.apply(&EXTENSION.replace("value: first", "value: second")).await?;
    ensure!(delivered(&world).await?.as_deref() == Some("second"));
    world.answer();
    ensure!(slow.await??.status() == StatusCode::OK);
    world.mesh.delete(EXTENSION).await?;

    let slow = world.slow().await?;
    world.mesh.apply(FILTER).await?;
    let cut_off = tokio::time::timeout(Duration::from_secs(30), slow).await;
    world.answer();
    world.mesh.delete(FILTER).await?;
    let cut_off = cut_off.context("it waits on")??;
    ensure!(cut_off.is_err(), "{cut_off:?}");
    Ok(())
}

#[tokio::test]
async fn an_extension_that_envoy_rejects_leaves_the_last_good_one_or_else_the_default() -> Result<()>
{
    let mut world = world().await?;
    world.mesh.apply(EXTENSION).await?;
    let missing = with_a_missing_module()?;
    world.mesh.apply_only(&missing).await?;
    let rejections = world.mesh.settle_with_rejections().await?;
    let [rejection] = rejections.as_slice() else { anyhow::bail!("{rejections:?}") };
    ensure!(rejection.kind == "TypedExtensionConfig", "{rejection:?}");
    ensure!(rejection.reason.contains("/nowhere/obolus_filter.wasm"), "{rejection:?}");
    ensure!(delivered(&world).await?.as_deref() == Some("first"));
    world.mesh.delete(EXTENSION).await?;

    // To a gateway that starts now, it is the first.
    let mut second = WorkloadOptions::new(Kind::Gateway, ISTIO_SYSTEM, GATEWAY);
    second.name = "second".to_owned();
    second.labels = [("istio".to_owned(), "second".to_owned())].into();
    let of_the_second = |yaml: &str| yaml.replace("ingressgateway", "second");
    world.mesh.apply_only(&of_the_second(&missing)).await?;
    let second = world.mesh.join(second).await?.at(gateway_port(80));
    world.mesh.apply_only(SECOND_GATEWAY).await?;
    let rejections = world.mesh.settle_with_rejections().await?;
    ensure!(rejections.iter().any(|one| one.proxy == "second.istio-system"), "{rejections:?}");
    let refused = get(second, "mcp.example.test").await?;
    let another = get(second, "sts.example.test").await?;
    ensure!(refused.status() == StatusCode::FORBIDDEN, "{refused:?}");
    ensure!(another.status() == StatusCode::OK, "{another:?}");

    world.mesh.apply(&of_the_second(EXTENSION)).await?;
    let admitted = get(second, "mcp.example.test").await?;
    ensure!(admitted.status() == StatusCode::OK, "{admitted:?}");
    ensure!(admitted.headers()["x-delivered"] == "first", "{admitted:?}");
    world.mesh.delete(EXTENSION).await?;
    world.mesh.delete(SECOND_GATEWAY).await
}
