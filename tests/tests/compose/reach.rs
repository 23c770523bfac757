//! What listens in containers, and who reaches it: the same question from every place, as a client
//! asks it, so that a "no" comes from the place.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::compose::Engine;
use serde_json::Value;

use crate::world::World;

/// A place from which one asks: this machine, or a container in one network.
pub(crate) struct Place<'e>(Option<Bystander<'e>>);

/// A container that stands there and does nothing; removed with this value.
struct Bystander<'e> {
    engine: &'e Engine,
    id: String,
    pid: String,
}

impl<'e> Place<'e> {
    pub(crate) fn this_machine() -> Self {
        Self(None)
    }

    pub(crate) fn in_network(world: &World<'e>, network: &str) -> Result<Self> {
        let engine = world.engine;
        // It waits for input that does not come.
        let mut arguments = vec!["run", "--detach", "--interactive", "--network", network];
        arguments.extend(["--entrypoint", "/usr/bin/cat", &world.stand_ins.keycloak]);
        let id = engine.output(&arguments)?;
        let mut bystander = Bystander { engine, id, pid: String::new() };
        bystander.pid = engine.output(&["inspect", &bystander.id, "--format", "{{.State.Pid}}"])?;
        Ok(Self(Some(bystander)))
    }

    /// Whether who is meant answers at this address. To be connected is not enough, and no answer of
    /// somebody else is: a proxy on the way out may give one for any address.
    pub(crate) fn reaches(&self, address: &str, port: u16, known_by: &KnownBy<'_>) -> Result<bool> {
        let mut command = match &self.0 {
            None => Command::new("curl"),
            Some(bystander) => {
                let mut command = Command::new("nsenter");
                command.args(["--target", &bystander.pid, "--net", "curl"]);
                command
            }
        };
        command.args(["--silent", "--noproxy", "*", "--connect-timeout", "1", "--max-time", "4"]);
        match known_by {
            KnownBy::Certificate { name, authority } => {
                command.args(["--output", "/dev/null", "--write-out", "%{time_appconnect}"]);
                command.arg("--cacert").arg(authority);
                command.arg("--resolve").arg(format!("{name}:{port}:{address}"));
                command.arg(format!("https://{name}:{port}/"));
            }
            KnownBy::Health => {
                command.arg(format!("http://{address}:{port}/health/ready"));
            }
        }
        let output = command.stdin(Stdio::null()).output().context("curl, nsenter")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(match known_by {
            // When the handshake was complete: the STS refuses after that who has no certificate.
            KnownBy::Certificate { .. } => {
                text.parse::<f32>().with_context(|| format!("{output:?}"))? > 0.0
            }
            KnownBy::Health => text.contains("\"checks\""),
        })
    }
}

/// How one knows who answers.
pub(crate) enum KnownBy<'a> {
    /// By a certificate for this name, of this authority.
    Certificate { name: &'a str, authority: &'a Path },
    /// By what Keycloak says of its health.
    Health,
}

impl Drop for Bystander<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.engine.output(&["rm", "--force", &self.id]) {
            eprintln!("a container stays: {error:#}");
        }
    }
}

pub(crate) fn inspect(world: &World<'_>, id: &str) -> Result<Value> {
    let mut all: Value = serde_json::from_str(&world.engine.output(&["inspect", id])?)?;
    Ok(all[0].take())
}

/// Names of networks, and the container's address in each.
pub(crate) fn networks(container: &Value) -> Vec<(String, String)> {
    let networks = container["NetworkSettings"]["Networks"].as_object().cloned();
    let addressed = networks.into_iter().flatten().filter_map(|(name, network)| {
        Some((name, network["IPAddress"].as_str().filter(|ip| !ip.is_empty())?.to_owned()))
    });
    addressed.collect()
}

/// The ports on which the container listens for others than itself, as its kernel has them.
pub(crate) fn listening(container: &Value) -> Result<Vec<u16>> {
    let pid = &container["State"]["Pid"];
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}"))?;
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            // 0A is LISTEN.
            if fields[3] == "0A" {
                let (address, port) = fields[1].split_once(':').context("no port")?;
                if !own(address)?.is_loopback() {
                    ports.push(u16::from_str_radix(port, 16)?);
                }
            }
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ensure!(!ports.is_empty(), "nothing listens in {}", container["Name"]);
    Ok(ports)
}

/// An address as it stands there: words of 32 bits in the machine's order.
fn own(hex: &str) -> Result<IpAddr> {
    let words = hex.as_bytes().chunks(8).map(|word| Ok(std::str::from_utf8(word)?));
    let words: Vec<_> = words
        .map(|word| word.and_then(|word| Ok(u32::from_str_radix(word, 16)?.to_ne_bytes())))
        .collect::<Result<_>>()?;
    let bytes = words.concat();
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Ok(four.into());
    }
    let sixteen = <[u8; 16]>::try_from(bytes.as_slice())?;
    Ok(IpAddr::from(sixteen).to_canonical())
}
