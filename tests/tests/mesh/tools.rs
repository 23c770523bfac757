//! What Istio's own tools find in manifests, and what they do not.

use anyhow::{Result, ensure};

use crate::installed::{deployed, installed};
use crate::world::{World, file, world};

async fn validates(world: &World, name: &str) -> Result<bool> {
    let path = file(name);
    let path = path.to_string_lossy();
    Ok(world.mesh.istioctl(&["validate", "-f", &path]).await?.status.success())
}

#[tokio::test]
async fn istioctl_finds_nothing_in_what_is_applied() -> Result<()> {
    let world = world().await?;
    for manifests in ["manifests", "filter.yaml", "only-the-stranger.yaml"] {
        ensure!(validates(&world, manifests).await?, "{manifests}");
    }
    let findings = world.mesh.findings().await?;
    ensure!(findings.is_empty(), "{findings:#?}");
    Ok(())
}

#[tokio::test]
async fn a_gateway_for_nobody_is_found_and_a_filter_for_nobody_or_without_its_module_is_not()
-> Result<()> {
    let world = world().await?;
    let gateway = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: lost, namespace: istio-system}
spec:
  selector: {istio: elsewhere}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [lost.example.test]
";
    let filter = include_str!("filter.yaml").replace("istio: ingressgateway", "istio: elsewhere");
    let both = format!("{gateway}---\n{filter}");
    world.mesh.apply(&both).await?;
    let findings = world.mesh.findings().await;
    world.mesh.delete(&both).await?;
    let findings = findings?;
    let [finding] = findings.as_slice() else { anyhow::bail!("{findings:#?}") };
    ensure!(finding["code"] == "IST0101", "{finding}");
    ensure!(finding["origin"] == "Gateway istio-system/lost", "{finding}");

    ensure!(validates(&world, "missing-module.yaml").await?);
    Ok(())
}

#[tokio::test]
async fn istioctl_lists_every_envoy() -> Result<()> {
    let world = world().await?;
    let status = world.mesh.proxy_status().await?;
    for workload in world.mesh.workloads() {
        let name = workload.proxy_name();
        ensure!(status.contains(&name), "{name} is not in\n{status}");
    }
    Ok(())
}

/// The API server asks istiod, as it does in an installation.
#[tokio::test]
async fn what_is_no_configuration_at_all_is_refused_when_it_is_applied() -> Result<()> {
    let world = world().await?;
    let policy =
        include_str!("only-the-stranger.yaml").replace("principals: [", "principals: ['', ");
    let refused = world.mesh.apply(&policy).await;
    let Err(error) = refused else { anyhow::bail!("it was accepted") };
    ensure!(format!("{error:#}").contains("admission webhook"), "{error:#}");
    world.mesh.apply(include_str!("manifests/only-the-gateway.yaml")).await
}

#[tokio::test]
async fn istioctl_has_nothing_to_say_about_what_is_installed() -> Result<()> {
    let world = installed().await?;
    let folder = deployed();
    for file in [
        "callers.yaml",
        "exchanged-only.yaml",
        "egress.yaml",
        "gateway/envoy-filter.yaml",
        "gateway/routes.yaml",
    ] {
        let path = folder.join(file);
        let output = world.mesh.istioctl(&["validate", "-f", &path.to_string_lossy()]).await?;
        ensure!(output.status.success(), "{file}: {output:?}");
    }
    let findings = world.mesh.findings().await?;
    ensure!(findings.is_empty(), "{findings:#?}");
    Ok(())
}
