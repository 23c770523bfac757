//! The commands of `docs/istio.md`, at the API server of the mesh.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::parts::products::{products, workspace};
use obolus_tests::pki::{Authority, Subject};
use obolus_tests::secret;

use crate::installed::{HOST, deployed, installed};

/// As Istio's chart makes it, as far as it matters here.
const GATEWAY: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec:
  selector: {matchLabels: {app: documented}}
  template:
    metadata: {labels: {app: documented}}
    spec:
      schedulerName: nobody
      serviceAccountName: istio-ingressgateway
      containers: [{name: istio-proxy, image: none}]
";

/// What serves all stories is not changed: these lines only ask whether they would be taken.
const DRY: [&str; 3] = [" -k ", "delete -f deploy/istio/gateway", "delete secret"];

fn commands() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(workspace().join("docs/istio.md"))?;
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines);
    let run = |line: &&str| line.starts_with("kubectl") || line.starts_with("istioctl validate");
    Ok(lines.filter(run).map(str::to_owned).collect())
}

/// A script of this name that runs the command with more arguments.
fn script(folder: &Path, name: &str, command: &Command) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let quoted = |text: &OsStr| format!("'{}'", text.to_string_lossy());
    let mut text = "#!/bin/sh\n".to_owned();
    for (name, value) in command.get_envs() {
        let value = quoted(value.unwrap_or_default());
        text += &format!("export {}={value}\n", name.to_string_lossy());
    }
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    text += &format!("exec {} \"$@\"\n", words.join(" "));
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    Ok(std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?)
}

#[tokio::test]
async fn each_command_for_the_cluster_is_taken_by_it() -> Result<()> {
    let world = installed().await?;
    let folder = tempfile::tempdir()?;
    script(folder.path(), "kubectl", &world.mesh.cluster.kubectl())?;
    script(folder.path(), "istioctl", &world.mesh.istiod.istioctl())?;
    std::os::unix::fs::symlink(workspace().join("deploy"), folder.path().join("deploy"))?;
    world.authority.write(folder.path().join("sts-ca.crt"))?;
    for (name, host) in [("sts", "sts.obolus.internal"), ("gateway", HOST)] {
        let leaf = world.authority.issue(Subject::named(host).server().dns(host))?;
        std::fs::write(folder.path().join(format!("{name}.crt")), leaf.certificate)?;
        std::fs::write(folder.path().join(format!("{name}.key")), leaf.key)?;
    }
    for name in ["client-secret", "credential", "credential-next"] {
        std::fs::write(folder.path().join(name), secret::random()?)?;
    }
    world.mesh.cluster.admin_apply(&serde_yaml_ng::from_str(GATEWAY)?).await?;
    // The installation of the stories has made it already; this one is of the same authority.
    let mut delete = world.mesh.cluster.kubectl();
    delete.args(["delete", "secret", "obolus-gateway-tls", "--namespace=istio-system"]);
    let deleted = tokio::task::spawn_blocking(move || delete.output()).await??;
    ensure!(deleted.status.success(), "{deleted:?}");

    let commands = commands()?;
    let path = std::env::var("PATH").context("no PATH")?;
    let path = format!("{}:{path}", folder.path().display());
    for command in &commands {
        let mut line = command.clone();
        if DRY.iter().any(|part| command.contains(part)) {
            line += " --dry-run=server";
        }
        let mut shell = Command::new("sh");
        shell.args(["-ec", &line]).current_dir(folder.path()).env("PATH", &path);
        let output = tokio::task::spawn_blocking(move || shell.output()).await??;
        ensure!(output.status.success(), "{line}: {output:?}");
        println!("{line}");
    }
    ensure!(commands.len() > 15, "{commands:?}");
    Ok(())
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
