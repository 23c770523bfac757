//! What listens in containers, and who reaches it: the same question from every place, as a client
//! asks it, so that a "no" comes from the place.

use std::net::IpAddr;
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

    /// Whether somebody who listens at this address says anything: in a TLS handshake, or in HTTP.
    /// To be connected is not enough: a router on the way may do that for any address.
    pub(crate) fn reaches(&self, address: &str, port: u16) -> Result<bool> {
        let tls = self.asked(&format!("https://{address}:{port}/"))?;
        let any = tls.answered
            || tls.connected && self.asked(&format!("http://{address}:{port}/"))?.answered;
        Ok(any)
    }

    fn asked(&self, url: &str) -> Result<Asked> {
        let mut command = match &self.0 {
            None => Command::new("curl"),
            Some(bystander) => {
                let mut command = Command::new("nsenter");
                command.args(["--target", &bystander.pid, "--net", "curl"]);
                command
            }
        };
        let what = "%{http_code} %{time_connect} %{time_appconnect}";
        command.args(["--silent", "--output", "/dev/null", "--insecure", "--noproxy", "*"]);
        command.args(["--connect-timeout", "1", "--max-time", "4", "--write-out", what, url]);
        let output = command.stdin(Stdio::null()).output().context("curl, nsenter")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers = text.split(' ').map(str::parse);
        let numbers: Vec<f32> =
            numbers.collect::<Result<_, _>>().with_context(|| format!("{output:?}"))?;
        let answered = numbers[0] > 0.0 || numbers[2] > 0.0;
        Ok(Asked { connected: numbers[1] > 0.0, answered })
    }
}

struct Asked {
    connected: bool,
    answered: bool,
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
