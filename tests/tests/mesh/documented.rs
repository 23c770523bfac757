//! The commands of `docs/istio.md`, at the API server of the mesh.

use std::process::Command;

use anyhow::{Result, ensure};
use obolus_tests::fixtures::mesh::Mesh;
use obolus_tests::fixtures::mesh::manifests::{documents_of, gateway_port};
use obolus_tests::parts::products::products;
use obolus_tests::pki::{Authority, Subject};
use obolus_tests::secret;
use serde_json::Value;

use crate::installed::{HOST, deployed, installed};
use crate::shell::{Shell, commands, manifest, script};
use crate::world::world;

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
    let world = world().await?;
    let there = there(&world.mesh)?;
    for object in &there {
        world.mesh.cluster.admin_apply(object).await?;
    }
    let outcome = story(&world.mesh).await;
    world.mesh.delete(&documents_of(&there)).await?;
    outcome
}

/// What the commands expect to be there. They are not run where all of it serves: one installation would be taken away by
/// another's commands.
fn there(mesh: &Mesh) -> Result<Vec<Value>> {
    let kinds = ["Deployment", "Gateway", "VirtualService"];
    let mut objects = Vec::new();
    for file in ["sts.yaml", "mcp.yaml", "gateway/routes.yaml"] {
        objects.extend(mesh.adapted(&manifest(&deployed().join(file))?)?);
    }
    objects.retain(|object| kinds.iter().any(|kind| object["kind"] == *kind));
    Ok(objects)
}

async fn story(mesh: &Mesh) -> Result<()> {
    let shell = Shell::new(mesh).await?;
    let authority = Authority::new("documented")?;
    authority.write(shell.folder().join("sts-ca.crt"))?;
    for (name, host) in [("sts", "sts.obolus.internal"), ("gateway", HOST)] {
        let leaf = authority.issue(Subject::named(host).server().dns(host))?;
        std::fs::write(shell.folder().join(format!("{name}.crt")), leaf.certificate)?;
        std::fs::write(shell.folder().join(format!("{name}.key")), leaf.key)?;
    }
    std::fs::write(shell.folder().join("client-secret"), secret::random()?)?;

    let before = without_restarts(pods(mesh).await?);
    let (commands, mut volumes) = (commands(None)?, Vec::new());
    // Whether the cluster has what was applied, and what is answered, is asked where it is.
    let elsewhere = |command: &str| command.starts_with("kubectl diff") || is_asked(command);
    for command in commands.iter().filter(|one| !elsewhere(one)) {
        let dry = DRY.iter().any(|part| command.contains(part));
        let line = format!("{command}{}", if dry { " --dry-run=server" } else { "" });
        shell.run(&line).await?;
        if command.contains("patch deployment") {
            volumes.push(modules(&pods(mesh).await?));
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
    let after = pods(mesh).await?;
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
        let now = pods(mesh).await?;
        let has_one = now["spec"]["initContainers"][0]["args"][0] == "deliver";
        ensure!(has_one == (patch == "patch"), "{now:#}");
    }
    ensure!(without_restarts(pods(mesh).await?) == before);
    Ok(())
}

/// What a caller from outside is told.
fn is_asked(command: &str) -> bool {
    command.starts_with("curl")
}

#[tokio::test]
async fn who_asks_as_documented_is_told_where_to_get_a_token() -> Result<()> {
    let world = installed().await?;
    let shell = Shell::new(&world.mesh).await?;
    let ca = shell.folder().join("ca.crt");
    world.authority.write(&ca)?;
    let gateway = world.mesh.gateway.at(gateway_port(443));
    let mut curl = Command::new("/usr/bin/curl");
    curl.arg("--cacert").arg(ca).arg("--connect-to").arg(format!("{HOST}:443:{gateway}"));
    script(shell.folder(), "curl", &curl)?;
    let asked: Vec<_> = commands(None)?.into_iter().filter(|one| is_asked(one)).collect();
    ensure!(!asked.is_empty(), "nobody asks");
    for command in asked {
        let written = shell.run(&command).await?;
        ensure!(written.contains("401") && written.contains("resource_metadata"), "{written}");
    }
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
