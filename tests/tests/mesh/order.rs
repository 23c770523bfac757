//! The order in which `docs/istio.md` installs: routes come last, after what guards them was seen to be there.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::mesh::manifests::documents_of;
use serde_json::json;

use crate::installed::{Installed, deployed, exchanged_only, installed, routes};
use crate::plugin::{of, whoami};
use crate::prober::{OFTEN, Prober};
use crate::shell::{Shell, commands, manifest};

/// Kubernetes' own kinds and the patch of a Deployment that is not there are not what is asked here.
fn is_ours(command: &str) -> bool {
    ["kubectl apply -", "kubectl diff "].iter().any(|start| command.starts_with(start))
}

/// The installation's folder in the shell, with what is different here.
fn copy(world: &Installed, from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let from = entry?.path();
        let name = from.file_name().context("no name")?.to_string_lossy().into_owned();
        let to = to.join(&name);
        if from.is_dir() {
            copy(world, &from, &to)?;
        } else if name.ends_with(".yaml") && name != "kustomization.yaml" {
            let objects = world.mesh.adapted(&manifest(&from)?)?;
            std::fs::write(to, documents_of(&objects))?;
        } else {
            std::fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// Nothing of what the documented commands apply to the mesh is there any more.
async fn remove(world: &Installed) -> Result<()> {
    world.mesh.delete(&routes()?).await?;
    world.mesh.delete(&of(&world.istio)?.to_string()).await?;
    world.mesh.delete(&exchanged_only()?).await?;
    world.mesh.delete(&std::fs::read_to_string(deployed().join("callers.yaml"))?).await
}

async fn again(world: &Installed) -> Result<()> {
    world.mesh.apply_dir(&deployed()).await?;
    world.mesh.apply(&routes()?).await
}

async fn alice_passes(world: &Installed) -> Result<()> {
    let token = world.token("alice").await?;
    let before = world.arrived().await?;
    eventually("alice's call", Duration::from_secs(20), || async {
        let answer = world.call(Some(&token), "whoami", json!({})).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await?;
    ensure!(world.arrived().await? == before + 1, "hers is not seen");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_installed_as_documented_nothing_arrives_without_the_filter() -> Result<()> {
    let world = installed().await?;
    let outcome = in_order(&world).await;
    again(&world).await?;
    outcome
}

async fn in_order(world: &Installed) -> Result<()> {
    let (nobody, anybody) = (whoami(world.client(None)?), whoami(world.client(Some("x.y.z"))?));
    remove(world).await?;
    // With the routes alone it would be open.
    let before = world.arrived().await?;
    world.mesh.apply(&routes()?).await?;
    anybody().send().await?;
    ensure!(world.arrived().await? == before + 1, "the routes lead nowhere");
    world.mesh.delete(&routes()?).await?;

    let shell = Shell::new(&world.mesh).await?;
    shell.copied(|from, to| copy(world, from, to))?;
    let before = world.arrived().await?;
    let probers = [Prober::start(OFTEN, nobody), Prober::start(OFTEN, anybody)];
    let mut ran = Vec::new();
    for command in commands(Some("Install"))?.into_iter().filter(|one| is_ours(one)) {
        shell.run(&command).await?;
        world.mesh.settle().await?;
        for prober in &probers {
            prober.asks(5).await?;
        }
        let arrived = world.arrived().await?;
        ensure!(arrived == before, "{} arrived after {command}", arrived - before);
        ran.push(command);
    }
    ensure!(ran.last().is_some_and(|last| last.contains("routes.yaml")), "{ran:?}");
    ensure!(ran.iter().any(|command| command.starts_with("kubectl diff")), "{ran:?}");
    for prober in &probers {
        prober.refuses(10).await?;
    }
    for prober in probers {
        let tally = prober.end().await?;
        ensure!(tally.passed == 0, "{tally:?}");
    }
    ensure!(world.arrived().await? == before, "something arrived at the MCP server");
    alice_passes(world).await
}

#[tokio::test]
async fn an_envoy_filter_that_is_refused_is_seen_before_the_routes_and_lets_nobody_in() -> Result<()>
{
    let world = installed().await?;
    let outcome = refused(&world).await;
    again(&world).await?;
    outcome
}

async fn refused(world: &Installed) -> Result<()> {
    remove(world).await?;
    let shell = Shell::new(&world.mesh).await?;
    shell.copied(|from, to| copy(world, from, to))?;
    let file = shell.folder().join("deploy/istio/gateway/envoy-filter.yaml");
    let good = std::fs::read_to_string(&file)?;
    ensure!(good.contains("\"EXTENSION_CONFIG\""), "{good}");
    std::fs::write(&file, good.replace("\"EXTENSION_CONFIG\"", "\"NOTHING\""))?;

    let before = world.arrived().await?;
    let mut failed = Vec::new();
    for command in commands(Some("Install"))?.into_iter().filter(|one| is_ours(one)) {
        // As somebody would who reads none of the answers.
        if shell.run(&command).await.is_err() {
            failed.push(command);
        }
    }
    let names = |words: &[&str]| {
        failed.iter().any(|command| words.iter().all(|word| command.contains(word)))
    };
    ensure!(names(&["apply -f", "envoy-filter.yaml"]), "{failed:?}");
    ensure!(names(&["diff", "envoy-filter.yaml"]), "{failed:?}");
    ensure!(!names(&["routes.yaml"]), "{failed:?}");

    world.mesh.settle().await?;
    for token in [None, Some("x.y.z")] {
        let answer = world.call(token, "whoami", json!({})).await?;
        ensure!(matches!(answer.status.as_u16(), 401 | 403), "{answer:?}");
    }
    ensure!(world.arrived().await? == before, "something arrived at the MCP server");
    world.mesh.apply(&good).await?;
    alice_passes(world).await
}
