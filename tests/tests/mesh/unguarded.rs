//! What the guard is there for: a module that panics, and is delivered so that requests then pass.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::installed::{HOST, Installed, exchanged_only, installed};
use crate::modules;
use crate::plugin::{arrived, of, plugin, provocation};

const REQUESTS: u64 = 10;

/// How many requests without a token arrive at the MCP server after the panic, and what the last one was told.
async fn arrive_after_a_panic(world: &Installed, envoy_filter: &Value) -> Result<(u64, u16)> {
    world.mesh.apply(&envoy_filter.to_string()).await?;
    let nobody = world.client(None)?;
    let _lost = provocation(&nobody).send().await?;
    let before = arrived(world).await?;
    let mut told = 0;
    for _ in 0..REQUESTS {
        let request = nobody.request("tools/call", json!({"name": "whoami", "arguments": {}}));
        told = request.header("host", HOST).send().await?.status().as_u16();
    }
    Ok((arrived(world).await? - before, told))
}

/// The same without its guards, in the listener and on the cluster.
fn without_guards(envoy_filter: &Value) -> Result<Value> {
    let mut object = envoy_filter.clone();
    let patches = object["spec"]["configPatches"].as_array_mut().context("no patches")?;
    let all = patches.len();
    patches.retain(|patch| !patch.to_string().contains("rules_stat_prefix\":\"obolus_guard"));
    ensure!(patches.len() + 2 == all, "the guards are not two patches");
    Ok(object)
}

#[tokio::test]
async fn after_a_panic_that_fails_open_nothing_arrives_because_of_the_guard() -> Result<()> {
    let world = installed().await?;
    let mut istio = world.istio.clone();
    let shipped = std::fs::read(&istio.module.path)?;
    istio.module = modules::deliver(&modules::trapping(&shipped)?, &world.folder)?;
    let mut open = of(&istio)?;
    let settings = plugin(&mut open)?;
    settings["failure_policy"] = "FAIL_OPEN".into();
    settings.as_object_mut().context("no object")?.remove("reload_config");

    // The second line would refuse the same requests.
    world.mesh.delete(&exchanged_only()?).await?;
    let guarded = arrive_after_a_panic(&world, &open).await;
    let unguarded = arrive_after_a_panic(&world, &without_guards(&open)?).await;
    world.mesh.apply(&of(&world.istio)?.to_string()).await?;
    world.mesh.apply(&exchanged_only()?).await?;
    let (guarded, unguarded) = (guarded?, unguarded?);
    println!("with the guard (arrived, status): {guarded:?}, without: {unguarded:?}");
    ensure!(guarded == (0, 403), "{guarded:?}");
    ensure!(unguarded.0 == REQUESTS, "{unguarded:?}");
    Ok(())
}
