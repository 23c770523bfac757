//! The commands of `docs/istio.md`, at the API server of the mesh.

use std::process::Command;

use anyhow::{Result, ensure};
use obolus_tests::fixtures::mesh::Mesh;
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::parts::products::products;
use obolus_tests::pki::{Authority, Subject};
use obolus_tests::secret;
use serde_json::Value;

use crate::installed::{HOST, deployed, installed};
use crate::shell::{Shell, commands, script};

/// What serves all stories is not changed: these lines only ask whether they would be taken.
const DRY: [&str; 6] = [
    "apply -f deploy",
    "apply -k",
    "delete -k",
    "delete -f deploy/istio/gateway",
    "delete deployment",
    "delete secret",
];

#[tokio::test]
async fn each_command_is_run_and_the_gateway_s_deployment_is_afterwards_as_it_was() -> Result<()> {
    let world = installed().await?;
    let shell = Shell::new(&world.mesh).await?;
    world.authority.write(shell.folder().join("sts-ca.crt"))?;
    for (name, host) in [("sts", "sts.obolus.internal"), ("gateway", HOST)] {
        let leaf = world.authority.issue(Subject::named(host).server().dns(host))?;
        std::fs::write(shell.folder().join(format!("{name}.crt")), leaf.certificate)?;
        std::fs::write(shell.folder().join(format!("{name}.key")), leaf.key)?;
    }
    std::fs::write(shell.folder().join("client-secret"), secret::random()?)?;
    let gateway = world.mesh.gateway.at(gateway_port(443));
    let mut curl = Command::new("/usr/bin/curl");
    curl.arg("--cacert").arg(shell.folder().join("sts-ca.crt"));
    curl.arg("--connect-to").arg(format!("{HOST}:443:{gateway}"));
    script(shell.folder(), "curl", &curl)?;
    // The installation of the stories has made it already; this one is of the same authority.
    let mut delete = world.mesh.cluster.kubectl();
    delete.args(["delete", "secret", "obolus-gateway-tls", "--namespace=istio-system"]);
    let deleted = tokio::task::spawn_blocking(move || delete.output()).await??;
    ensure!(deleted.status.success(), "{deleted:?}");

    let before = without_restarts(pods(&world.mesh).await?);
    let (commands, mut volumes) = (commands(None)?, Vec::new());
    // Whether the cluster has what was applied is asked where it is: [`crate::order`].
    for command in commands.iter().filter(|one| !one.starts_with("kubectl diff")) {
        let dry = DRY.iter().any(|part| command.contains(part));
        let line = format!("{command}{}", if dry { " --dry-run=server" } else { "" });
        let written = shell.run(&line).await?;
        if command.starts_with("curl") {
            ensure!(written.contains("401") && written.contains("resource_metadata"), "{written}");
        }
        if command.contains("patch deployment") {
            volumes.push(modules(&pods(&world.mesh).await?));
        }
    }
    ensure!(commands.len() > 40, "{commands:?}");
    // Installed, with the new one beside the old one, without the old one, and removed.
    ensure!(volumes.iter().map(Vec::len).eq([1, 2, 1, 0]), "{volumes:?}");
    ensure!(volumes[1].contains(&volumes[0][0]) && volumes[1].contains(&volumes[2][0]));
    ensure!(
        volumes[0] == volumes[2],
        "the one before runs again, so the new one goes: {volumes:?}"
    );
    let after = pods(&world.mesh).await?;
    ensure!(without_restarts(after.clone()) == before, "{after:#}\ninstead of\n{before:#}");

    // The same by an init container.
    let settings = shell.folder().join("deploy/istio/settings.json");
    let text = std::fs::read_to_string(&settings)?;
    std::fs::write(&settings, text.replace("\"image\",", "\"init\","))?;
    shell.run("cargo xtask manifests").await?;
    for patch in ["patch", "unpatch"] {
        let file = format!("deploy/istio/gateway/deployment-{patch}.yaml");
        shell
            .run(&format!(
                "kubectl -n istio-system patch deployment istio-ingressgateway --patch-file {file}"
            ))
            .await?;
        let now = pods(&world.mesh).await?;
        let has_one = now["spec"]["initContainers"][0]["args"][0] == "deliver";
        ensure!(has_one == (patch == "patch"), "{now:#}");
    }
    ensure!(without_restarts(pods(&world.mesh).await?) == before);
    Ok(())
}

/// The template of the gateway's Pods.
async fn pods(mesh: &Mesh) -> Result<Value> {
    let path = "/apis/apps/v1/namespaces/istio-system/deployments/istio-ingressgateway";
    Ok(mesh.cluster.admin_get(path).await?["spec"]["template"].clone())
}

/// The names of the modules' volumes.
fn modules(pods: &Value) -> Vec<String> {
    let names = pods["spec"]["volumes"].as_array().into_iter().flatten();
    let names = names.filter_map(|volume| volume["name"].as_str());
    names.filter(|name| name.starts_with("obolus-module-")).map(str::to_owned).collect()
}

/// `kubectl rollout restart` leaves the time.
fn without_restarts(mut pods: Value) -> Value {
    if let Some(annotations) = pods["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|name, _| name != "kubectl.kubernetes.io/restartedAt");
    }
    pods
}

#[tokio::test]
async fn the_programs_take_the_configurations_that_are_installed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let of = |name: &str| folder.path().join(name);
    let authority = Authority::new("documented")?;
    let leaf = authority.issue(Subject::named("sts").server().dns("sts.obolus.internal"))?;
    std::fs::create_dir(of("callers"))?;
    for (name, content) in [
        ("tls.crt", leaf.certificate),
        ("tls.key", leaf.key),
        ("client-secret", secret::random()?),
        ("callers/gateway", secret::random()?),
        ("callers/gateway-next", secret::random()?),
        ("cluster-ca.crt", authority.pem()),
    ] {
        std::fs::write(of(name), content)?;
    }
    let programs = tokio::task::spawn_blocking(products).await??;
    for (program, name) in [(&programs.sts, "sts.toml"), (&programs.mcp_server, "mcp.toml")] {
        std::fs::copy(deployed().join(name), of(name))?;
        let output = Command::new(program).arg("--config").arg(of(name)).arg("--check").output()?;
        ensure!(output.status.success(), "{name}: {output:?}");
    }
    Ok(())
}
