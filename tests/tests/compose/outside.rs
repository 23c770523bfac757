//! What can be reached, and from where; what a container may do; what stays.

use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::compose::Engine;
use serde_json::Value;

use crate::world::World;

const SERVICES: [&str; 4] = ["envoy", "obolus-sts", "obolus-mcp", "keycloak"];
/// Where the services listen inside.
const INSIDE: [(&str, u16); 6] = [
    ("obolus-sts", 8443),
    ("obolus-sts", 9090),
    ("obolus-mcp", 8080),
    ("obolus-mcp", 8081),
    ("keycloak", 8443),
    ("keycloak", 9000),
];

/// From this machine's loopback, and from a container that stands beside Envoy.
pub(crate) async fn only_envoy_is_reached(world: &World<'_>) -> Result<()> {
    for service in SERVICES {
        let id = world.installation.container(service)?;
        let published = world.engine.output(&["port", &id])?;
        match service {
            "envoy" => {
                let expected = format!("{0}/tcp -> 127.0.0.1:{0}", world.port);
                ensure!(published == expected, "{published}");
            }
            _ => ensure!(published.is_empty(), "{service} publishes {published}"),
        }
    }
    // The control, then the others by the ports that they have inside.
    TcpStream::connect(world.port.address()).context("Envoy's published port")?;

    let envoy = inspect(world, "envoy")?;
    let edge = networks(&envoy).find(|(name, _)| name.ends_with("_edge")).context("no edge")?;
    let from_the_edge = |host: &str, port: u16| {
        let url = format!("http://{host}:{port}/healthz");
        let image = "obolus-compose:1";
        let mut arguments = vec!["run", "--rm", "--network", &edge.0, "--read-only", image];
        arguments.extend(["probe", &url]);
        world.engine.output(&arguments).map_err(|error| format!("{error:#}"))
    };
    // It speaks TLS, so a plain probe gets an answer that is not 200: that is to be reached.
    let reached = from_the_edge(&edge.1, world.port.number()).unwrap_err();
    ensure!(!reached.contains("no answer from"), "the control does not reach Envoy: {reached}");

    for (service, port) in INSIDE {
        let mut hosts: Vec<_> = networks(&inspect(world, service)?).map(|(_, ip)| ip).collect();
        ensure!(!hosts.is_empty(), "{service} has no address");
        hosts.push(service.to_owned());
        for host in hosts {
            let error = from_the_edge(&host, port).err();
            let error = error.with_context(|| format!("{service} answers at {host}:{port}"))?;
            ensure!(error.contains("no answer from"), "{service} answers at {host}: {error}");
        }
    }
    Ok(())
}

pub(crate) fn every_container_is_confined(world: &World<'_>) -> Result<()> {
    for service in SERVICES {
        let container = inspect(world, service)?;
        let host = &container["HostConfig"];
        ensure!(container["Config"]["User"] == "65532:65532", "{service} runs as somebody else");
        ensure!(host["ReadonlyRootfs"] == true, "{service} has a root that it may write to");
        ensure!(host["CapDrop"][0] == "ALL" && host["CapAdd"] == Value::Null, "{service} may more");
        ensure!(host["SecurityOpt"].to_string().contains("no-new-privileges"), "{service}");
        ensure!(host["Privileged"] == false, "{service} is privileged");
        let environment = container["Config"]["Env"].to_string();
        ensure!(!environment.contains("CREDENTIAL="), "{service}: a credential to be inspected");
    }
    // What the engine says is so: the process itself has no capability left.
    let id = world.installation.container("envoy")?;
    let pid = world.engine.output(&["inspect", &id, "--format", "{{.State.Pid}}"])?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    ensure!(line("CapEff:").ends_with("0000000000000000"), "{status}");
    ensure!(line("Uid:").contains("65532") && line("NoNewPrivs:").ends_with('1'), "{status}");
    // And Envoy has the credential, where nobody else can look.
    let environment = std::fs::read(format!("/proc/{pid}/environ"))?;
    let environment = String::from_utf8_lossy(&environment).into_owned();
    ensure!(environment.contains("OBOLUS_STS_CREDENTIAL="), "Envoy has no credential");
    Ok(())
}

fn inspect(world: &World<'_>, service: &str) -> Result<Value> {
    let id = world.installation.container(service)?;
    let text = world.engine.output(&["inspect", &id])?;
    let mut all: Value = serde_json::from_str(&text)?;
    Ok(all[0].take())
}

/// Names of networks, and the container's address in each.
fn networks(container: &Value) -> impl Iterator<Item = (String, String)> {
    let networks = container["NetworkSettings"]["Networks"].as_object().cloned();
    networks.into_iter().flatten().filter_map(|(name, network)| {
        Some((name, network["IPAddress"].as_str().filter(|ip| !ip.is_empty())?.to_owned()))
    })
}

/// After the page's last section nothing of the installation is in the engine.
pub(crate) fn left(engine: &Engine) -> Result<()> {
    let ours = format!("obolus-test-{}", std::process::id());
    for what in [
        &["ps", "--all", "--format", "{{.Names}}"][..],
        &["volume", "ls", "--format", "{{.Name}}"],
        &["network", "ls", "--format", "{{.Name}}"],
        &["images", "--format", "{{.Repository}}:{{.Tag}}"],
    ] {
        let listed = engine.output(what)?;
        let left: Vec<_> = listed.lines().filter(|name| name.contains(&ours)).collect();
        ensure!(left.is_empty(), "docker {}: {left:?}", what[0]);
    }
    Ok(())
}

/// After our engine has ended, the machine is as it was.
pub(crate) fn nothing_of_an_engine() -> Result<()> {
    ensure!(!Path::new("/sys/class/net/docker0").exists(), "docker0 is still there");
    let rules = std::process::Command::new("iptables").args(["-S", "FORWARD"]).output()?;
    let rules = String::from_utf8_lossy(&rules.stdout).into_owned();
    ensure!(rules.trim() == "-P FORWARD ACCEPT", "the packet filter is not as it was: {rules}");
    Ok(())
}
