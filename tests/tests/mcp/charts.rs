//! The charts that the helm tools are tried with: what helm itself says to them.

use std::path::Path;
use std::process::Output;

use anyhow::Result;
use serde_json::Value;

use crate::world::{World, charts};

/// Helm as the cluster's administrator.
pub(crate) async fn helm(world: &World, arguments: &[&str]) -> Result<Output> {
    let mut command = std::process::Command::new(world.cluster.programs()?.join("helm"));
    let home = world.cluster.folder().join("helm");
    command
        .env_clear()
        .env("KUBECONFIG", world.cluster.admin_kubeconfig())
        .env("HOME", &home)
        .args(arguments);
    Ok(tokio::task::spawn_blocking(move || command.output()).await??)
}

#[tokio::test]
async fn one_chart_can_be_installed_and_the_other_cannot() {
    let world = World::get().await.unwrap();
    let namespace = world.unique("charts");
    let charts = charts();
    let [notes, refused] = ["notes", "refused"].map(|name| charts.join(name));
    let install = async |name: &str, chart: &Path, more: &[&str]| {
        let arguments = [
            "install",
            name,
            chart.to_str().unwrap(),
            "--namespace",
            &namespace,
            "--create-namespace",
        ];
        helm(world, &[&arguments, more].concat()).await.unwrap()
    };

    let installed = install("fine", &notes, &["--set", "greeting=servus"]).await;
    let text = String::from_utf8_lossy(&installed.stdout);
    assert!(installed.status.success() && text.contains("fine says servus."), "{installed:?}");
    for path in
        ["/api/v1/namespaces/NS/secrets/fine", "/apis/apps/v1/namespaces/NS/deployments/fine"]
    {
        world.cluster.admin_get(&path.replace("NS", &namespace)).await.unwrap();
    }

    for (more, reason) in [([].as_slice(), "70000"), (&["--set", "render=false"], "must be true")] {
        let failed = install("bad", &refused, more).await;
        let text = String::from_utf8_lossy(&failed.stderr);
        assert!(!failed.status.success() && text.contains(reason), "{failed:?}");
        let uninstall = &["uninstall", "bad", "--ignore-not-found", "--namespace", &namespace];
        assert!(helm(world, uninstall).await.unwrap().status.success());
    }

    let listed =
        helm(world, &["list", "--namespace", &namespace, "--output", "json"]).await.unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((&listed[0]["name"], &listed[0]["status"]), (&"fine".into(), &"deployed".into()));
}
