//! What is reached from outside, which is Envoy and nothing else.

use std::net::TcpStream;

use anyhow::{Context as _, Result, ensure};

use crate::page::Passwords;
use crate::people;
use crate::reach::{KnownBy, Place, inspect, listening, networks};
use crate::world::World;

pub(crate) const SERVICES: [&str; 4] = ["envoy", "obolus-sts", "obolus-mcp", "keycloak"];
/// What listens in each, and the network in which it is to be reached; others must not know either.
const INSIDE: [(&str, &[u16], &str); 3] = [
    ("obolus-sts", &[8443], "exchange"),
    ("obolus-mcp", &[8080], "tools"),
    ("keycloak", &[8443, 9000], "people"),
];

/// From this machine, from a network of others, and from beside Envoy; while alice is served.
pub(crate) async fn only_envoy_is_reached(world: &World<'_>, passwords: &Passwords) -> Result<()> {
    people::alice_is_served(world, passwords).await?;
    only_envoys_port_is_published(world)?;

    let network = |name: &str| -> Result<String> {
        let id = world.installation.container("envoy")?;
        let mut all = networks(&inspect(world, &id)?).into_iter().map(|(name, _)| name);
        let ending = format!("_{name}");
        all.find(|name| name.ends_with(&ending)).with_context(|| name.to_owned())
    };
    let outside = [
        ("this machine", Place::this_machine()),
        ("a network of others", Place::in_network(world, "bridge")?),
        ("beside Envoy", Place::in_network(world, &network("edge")?)?),
    ];
    let envoy = inspect(world, &world.installation.container("envoy")?)?;
    let edge = networks(&envoy).into_iter().find(|(name, _)| name.ends_with("_edge"));
    let (_, edge) = edge.context("no edge")?;
    // The controls: each place reaches what it should, by the same question.
    let (own, clusters) = (world.installation.folder().join("envoy/ca.crt"), world.cluster_ca()?);
    let (api_server, from) = (world.api_server(), world.api_server().ip().to_string());
    let known = |name| KnownBy::Certificate { name, authority: &own };
    for (name, place) in &outside {
        let reached = match *name {
            "a network of others" => {
                let known = KnownBy::Certificate { name: &from, authority: &clusters };
                place.reaches(&from, api_server.port(), &known)?
            }
            _ => place.reaches(&edge, world.port.number(), &known("localhost"))?,
        };
        ensure!(reached, "the control: from {name} nothing is reached at all");
    }
    for (service, ports, home) in INSIDE {
        let container = inspect(world, &world.installation.container(service)?)?;
        let found = listening(&container)?;
        ensure!(found == ports, "{service} listens on {found:?}");
        let addresses = networks(&container);
        let at_home = addresses.iter().find(|(name, _)| name.ends_with(home));
        let (_, at_home) = at_home.with_context(|| format!("{service} is not in {home}"))?;
        let inside = Place::in_network(world, &network(home)?)?;
        for port in ports {
            let by = match (service, port) {
                ("keycloak", 9000) => KnownBy::Health,
                _ => known(service),
            };
            // The control: who stands inside reaches it.
            let reached = inside.reaches(at_home, *port, &by)?;
            ensure!(reached, "the control: not even {home} reaches {service}");
            for (name, place) in &outside {
                for (network, address) in &addresses {
                    let reached = place.reaches(address, *port, &by)?;
                    ensure!(!reached, "{name} reaches {service}: {address}:{port} {network}");
                }
            }
        }
    }
    people::alice_is_served(world, passwords).await
}

fn only_envoys_port_is_published(world: &World<'_>) -> Result<()> {
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
    TcpStream::connect(world.port.address()).context("Envoy's published port")?;
    // As said, on the loopback and on no other address of this machine.
    let other = (world.api_server().ip(), world.port.number());
    ensure!(TcpStream::connect(other).is_err(), "Envoy's port is published at {other:?}, too");
    Ok(())
}
