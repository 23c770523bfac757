//! What is reached from outside, which is Envoy and nothing else.

use std::net::TcpStream;

use anyhow::{Context as _, Result, ensure};

use crate::page::Passwords;
use crate::people;
use crate::reach::{Place, inspect, listening, networks};
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
    let api_server = world.api_server();
    for (name, place) in &outside {
        let reached = match *name {
            "a network of others" => {
                place.reaches(&api_server.ip().to_string(), api_server.port())?
            }
            _ => place.reaches(&edge, world.port.number())?,
        };
        ensure!(reached, "the control: from {name} nothing is reached at all");
    }
    for (service, ports, home) in INSIDE {
        let container = inspect(world, &world.installation.container(service)?)?;
        let found = listening(&container)?;
        ensure!(found == ports, "{service} listens on {found:?}");
        let addresses = networks(&container);
        ensure!(!addresses.is_empty(), "{service} has no address");
        // The control: who stands inside reaches it.
        let inside = Place::in_network(world, &network(home)?)?;
        let own = addresses.iter().find(|(name, _)| name.ends_with(home)).context("not at home")?;
        for port in ports {
            ensure!(
                inside.reaches(&own.1, *port)?,
                "the control: not even {home} reaches {service}"
            );
        }
        for (name, place) in &outside {
            for (network, address) in &addresses {
                for port in ports {
                    let reached = place.reaches(address, *port)?;
                    ensure!(
                        !reached,
                        "{service} is reached from {name}: {address}:{port} {network}"
                    );
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
