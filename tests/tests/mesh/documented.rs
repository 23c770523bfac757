//! The commands of `docs/istio.md`, at the API server of the mesh.

use std::process::Command;

use anyhow::{Result, ensure};
use obolus_tests::parts::products::products;
use obolus_tests::pki::{Authority, Subject};
use obolus_tests::secret;

use crate::installed::{HOST, deployed, installed};
use crate::shell::{Shell, commands};

/// What serves all stories is not changed: these lines only ask whether they would be taken.
const DRY: [&str; 3] = [" -k ", "delete -f deploy/istio/gateway", "delete secret"];

#[tokio::test]
async fn each_command_for_the_cluster_is_taken_by_it() -> Result<()> {
    let world = installed().await?;
    let shell = Shell::new(&world.mesh).await?;
    world.authority.write(shell.folder().join("sts-ca.crt"))?;
    for (name, host) in [("sts", "sts.obolus.internal"), ("gateway", HOST)] {
        let leaf = world.authority.issue(Subject::named(host).server().dns(host))?;
        std::fs::write(shell.folder().join(format!("{name}.crt")), leaf.certificate)?;
        std::fs::write(shell.folder().join(format!("{name}.key")), leaf.key)?;
    }
    for name in ["client-secret", "credential", "credential-next"] {
        std::fs::write(shell.folder().join(name), secret::random()?)?;
    }
    // The installation of the stories has made it already; this one is of the same authority.
    let mut delete = world.mesh.cluster.kubectl();
    delete.args(["delete", "secret", "obolus-gateway-tls", "--namespace=istio-system"]);
    let deleted = tokio::task::spawn_blocking(move || delete.output()).await??;
    ensure!(deleted.status.success(), "{deleted:?}");

    let commands = commands(None)?;
    for command in &commands {
        let dry = DRY.iter().any(|part| command.contains(part));
        shell.run(&format!("{command}{}", if dry { " --dry-run=server" } else { "" })).await?;
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
