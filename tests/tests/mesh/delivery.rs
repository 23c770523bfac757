//! What an EnvoyFilter brings to the gateway, and what becomes of one that Envoy does not take.

use anyhow::{Result, ensure};
use reqwest::StatusCode;

use crate::world::{World, world};

const FILTER: &str = include_str!("filter.yaml");
const MISSING_MODULE: &str = include_str!("missing-module.yaml");

pub(crate) async fn delivered(world: &World) -> Result<Option<String>> {
    let answer = world.through_the_gateway("mcp").await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    let header = answer.headers().get("x-delivered");
    header.map(|value| Ok(value.to_str()?.to_owned())).transpose()
}

#[tokio::test]
async fn a_filter_is_delivered_changed_and_removed() -> Result<()> {
    let world = world().await?;
    ensure!(delivered(&world).await?.is_none());

    world.mesh.apply(FILTER).await?;
    ensure!(delivered(&world).await?.as_deref() == Some("first"));

    world.mesh.apply(&FILTER.replace("value: first", "value: second")).await?;
    ensure!(delivered(&world).await?.as_deref() == Some("second"));

    world.mesh.delete(FILTER).await?;
    ensure!(delivered(&world).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_envoy_rejects_leaves_the_last_good_one() -> Result<()> {
    let world = world().await?;
    world.mesh.apply(FILTER).await?;
    world.mesh.apply_only(MISSING_MODULE).await?;
    let rejections = world.mesh.settle_with_rejections().await?;
    let [rejection] = rejections.as_slice() else { anyhow::bail!("{rejections:?}") };
    ensure!(rejection.proxy == world.mesh.gateway.proxy_name(), "{rejection:?}");
    ensure!(rejection.kind == "Listener", "{rejection:?}");
    ensure!(rejection.reason.contains("/nowhere/obolus_filter.wasm"), "{rejection:?}");
    ensure!(delivered(&world).await?.as_deref() == Some("first"));
    // Where else it is seen: the error is Envoy's own, and istiod's log repeats it.
    let rejected = world.mesh.gateway.admin.stats().await?["listener_manager.lds.update_rejected"];
    ensure!(rejected > 0, "{rejected}");
    let log = std::fs::read_to_string(world.mesh.istiod.log_path())?;
    ensure!(log.contains("ACK ERROR"), "{}", world.mesh.istiod.log_tail());

    // Nothing else arrives at that listener until the fault is gone.
    world.mesh.apply_only(&FILTER.replace("value: first", "value: second")).await?;
    ensure!(!world.mesh.settle_with_rejections().await?.is_empty());
    ensure!(delivered(&world).await?.as_deref() == Some("first"));

    world.mesh.delete(MISSING_MODULE).await?;
    ensure!(delivered(&world).await?.as_deref() == Some("second"));
    world.mesh.delete(FILTER).await?;
    ensure!(delivered(&world).await?.is_none());
    Ok(())
}
