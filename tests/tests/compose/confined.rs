//! What a container may do: as the engine tells it, and as it is inside.

use std::io::ErrorKind;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::outside::SERVICES;
use crate::reach::inspect;
use crate::world::World;

/// The only place, besides `/tmp` in memory, where a service may write.
const DATA: &str = "/opt/keycloak/data";

pub(crate) fn every_container_is_confined(world: &World<'_>) -> Result<()> {
    for service in SERVICES {
        let id = world.installation.container(service)?;
        let container = inspect(world, &id)?;
        as_the_engine_tells_it(service, &container)?;
        let pid = container["State"]["Pid"].as_u64().context("no process")?;
        first_process_has_no_rights(service, pid)?;
        nothing_is_writable(service, pid)?;
        // A person who gets in has no shell to work with; Keycloak's base has one.
        let shell = world.engine.output(&["exec", &id, "sh", "-c", ":"]);
        ensure!(shell.is_ok() == (service == "keycloak"), "{service}: {shell:?}");
    }
    let setup = world.installation.compose("ps --all --quiet setup")?;
    let setup = inspect(world, setup.lines().next().context("no setup")?)?;
    as_the_engine_tells_it("setup", &setup)?;
    ensure!(setup["HostConfig"]["NetworkMode"] == "none", "setup has a network");

    keycloak_from_within(world)?;
    // And Envoy has the credential, where nobody else can look.
    let envoy = inspect(world, &world.installation.container("envoy")?)?;
    let environment = std::fs::read(format!("/proc/{}/environ", envoy["State"]["Pid"]))?;
    let environment = String::from_utf8_lossy(&environment).into_owned();
    ensure!(environment.contains("OBOLUS_STS_CREDENTIAL="), "Envoy has no credential");
    Ok(())
}

fn as_the_engine_tells_it(service: &str, container: &Value) -> Result<()> {
    let host = &container["HostConfig"];
    ensure!(container["Config"]["User"] == "65532:65532", "{service} runs as somebody else");
    ensure!(host["ReadonlyRootfs"] == true, "{service} has a root that it may write to");
    ensure!(host["CapDrop"][0] == "ALL" && host["CapAdd"] == Value::Null, "{service} may more");
    ensure!(host["SecurityOpt"].to_string().contains("no-new-privileges"), "{service}");
    ensure!(host["Privileged"] == false, "{service} is privileged");
    ensure!(host["PidMode"] == "" && host["UTSMode"] == "", "{service} is not by itself");
    let environment = container["Config"]["Env"].to_string();
    ensure!(!environment.contains("CREDENTIAL="), "{service}: a credential to be inspected");
    // Nothing of this machine's files, and nothing to write to.
    for mount in container["Mounts"].as_array().context("no mounts")? {
        ensure!(mount["Type"] == "volume", "{service}: {mount}");
        let may_write = service == "setup" || mount["Destination"] == DATA;
        ensure!(mount["RW"] == may_write, "{service}: {mount}");
    }
    Ok(())
}

/// The process that is number 1 inside, in the kernel's own words.
fn first_process_has_no_rights(service: &str, pid: u64) -> Result<()> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    confined_by(&status).with_context(|| format!("{service}: {status}"))
}

fn confined_by(status: &str) -> Result<()> {
    let field = |name: &str| -> Result<Vec<&str>> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.with_context(|| name.to_owned())?.split_whitespace().collect())
    };
    ensure!(field("NSpid:")?.last() == Some(&"1"), "not the first process");
    for ids in ["Uid:", "Gid:"] {
        ensure!(field(ids)? == ["65532"; 4], "{ids} is another");
    }
    ensure!(field("Groups:")?.iter().all(|group| *group == "65532"), "more groups");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        ensure!(field(set)? == ["0000000000000000"], "{set} is not empty");
    }
    ensure!(field("NoNewPrivs:")? == ["1"], "new privileges can be had");
    // 2 is a filter of system calls: the engine's own.
    ensure!(field("Seccomp:")? == ["2"], "every system call is open");
    Ok(())
}

/// Tried as this machine's root, in the container's own view of its files: what is refused to root is
/// refused to everybody.
fn nothing_is_writable(service: &str, pid: u64) -> Result<()> {
    for place in ["", "/obolus"] {
        let file = format!("/proc/{pid}/root{place}/obolus-was-here");
        match std::fs::write(&file, "") {
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => {}
            other => bail!("{service}: {file}: {other:?}"),
        }
    }
    // The control.
    if service == "keycloak" {
        for place in ["/tmp", DATA] {
            let file = format!("/proc/{pid}/root{place}/obolus-was-here");
            std::fs::write(&file, "").with_context(|| file.clone())?;
            std::fs::remove_file(&file)?;
        }
    }
    Ok(())
}

/// The same by a process of the container's own, in the one that has the programs for it.
fn keycloak_from_within(world: &World<'_>) -> Result<()> {
    let id = world.installation.container("keycloak")?;
    let within = |script: &str| world.engine.output(&["exec", &id, "sh", "-c", script]);
    let status = within("cat /proc/1/status")?;
    // Inside there is one number only, and it is the first.
    confined_by(&status).with_context(|| format!("keycloak from within: {status}"))?;
    ensure!(within(": > /obolus-was-here").is_err(), "keycloak writes to its root");
    ensure!(within(": > /obolus/obolus-was-here").is_err(), "keycloak writes to its files");
    within(": > /tmp/obolus-was-here").context("the control")?;
    Ok(())
}
