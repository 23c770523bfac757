//! One run before the services start: certificates, secrets, configurations and the module, to each
//! service what it needs and no more.
//!
//! The authority's key and the passwords lie in a volume that no service mounts.

mod authority;
mod keycloak;
mod module;
mod services;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use obolus_envoy::compose::{Compose, KEYCLOAK_NAME, MCP_NAME, STS_NAME};
use secrecy::ExposeSecret as _;

use crate::secrets::{self, write};
use crate::settings::{Settings, VOLUMES};
use authority::{Authority, Usage};

/// The name in the gateway's client certificate, which the STS asks for.
const GATEWAY_NAME: &str = "gateway.obolus.internal";
/// The service names, which are host names inside.
const KEYCLOAK: &str = "keycloak";

/// What can be looked at.
#[derive(Debug, Subcommand)]
pub(crate) enum Shown {
    /// The authority's certificate, which MCP clients, browsers and the API server have to trust
    Ca,
    /// The passwords of alice, bob and the realm's administrator
    People,
    /// The AuthenticationConfiguration for the API server
    Authentication,
    /// SHA-256 of the module that is delivered
    Module,
}

struct Volumes(PathBuf);

impl Volumes {
    fn file(&self, service: &str, name: &str) -> PathBuf {
        self.0.join(service).join(name)
    }
}

/// Everything, before the services start.
pub(crate) fn setup(settings: &Settings) -> Result<()> {
    let volumes = Volumes(settings.volumes.clone());
    let module = module::deliver(settings, &volumes.0.join("gateway"))?;
    for service in ["gateway", KEYCLOAK] {
        module::deliver_program(&volumes.0.join(service))?;
    }
    let gateway = settings.gateway(&module)?;
    let authority = Authority::kept(&volumes.0.join("authority"), "ca")?;
    certificates(&authority, &gateway, &volumes)?;
    credentials(&volumes)?;

    let yaml = gateway.to_yaml().map_err(|problems| anyhow::anyhow!("{problems}"))?;
    write(&volumes.file("gateway", "envoy.yaml"), yaml)?;
    module::forget_others(&volumes.0.join("gateway"), &gateway.module_file())?;
    write(&volumes.file("sts", "sts.toml"), services::sts(&gateway))?;
    write(&volumes.file("mcp", "cluster-ca.crt"), cluster_ca(settings, &volumes)?)?;
    let mcp = services::mcp(settings.mcp_address, settings.cluster_server()?, &gateway);
    write(&volumes.file("mcp", "mcp.toml"), mcp)?;
    write(&volumes.file(KEYCLOAK, "obolus-realm.json"), keycloak::realm(&gateway, &volumes)?)?;
    let authentication = services::authentication(&gateway, authority.pem());
    write(&volumes.file("authority", "authentication.yaml"), &authentication)?;
    if settings.is_k3s() {
        write(&volumes.file("k3s", "authentication.yaml"), &authentication)?;
    }
    write(&volumes.file("authority", "module.sha256"), &module)?;

    println!("MCP clients are given {}", gateway.resource());
    println!("module {module}");
    Ok(())
}

/// The gateway's next credential, while the STS takes the last one as well.
pub(crate) fn rotate(settings: &Settings) -> Result<()> {
    let volumes = Volumes(settings.volumes.clone());
    let old = secrets::read(&volumes.file("sts", "credential"))?;
    let new = secrets::random()?;
    // The STS first: at no moment does the gateway hold one that the STS does not know.
    write(&volumes.file("sts", "credential-before"), old.expose_secret())?;
    write(&volumes.file("sts", "credential"), new.expose_secret())?;
    write(&volumes.file("gateway", "credential"), new.expose_secret())?;
    println!("a new credential: restart the gateway, then retire the old one");
    Ok(())
}

/// From now on only the newest credential counts.
pub(crate) fn retire(settings: &Settings) -> Result<()> {
    let volumes = Volumes(settings.volumes.clone());
    let nobodys = secrets::random()?;
    write(&volumes.file("sts", "credential-before"), nobodys.expose_secret())?;
    println!("the old credential is worth nothing any more");
    Ok(())
}

/// Prints what a person asks for.
pub(crate) fn show(what: &Shown) -> Result<()> {
    let volumes = Volumes(PathBuf::from(VOLUMES));
    match what {
        Shown::Ca => print!("{}", read(&volumes.file("authority", "ca.crt"))?),
        Shown::Authentication => {
            print!("{}", read(&volumes.file("authority", "authentication.yaml"))?);
        }
        Shown::Module => println!("{}", read(&volumes.file("authority", "module.sha256"))?),
        Shown::People => {
            for person in keycloak::PEOPLE {
                let password = secrets::read(&volumes.file("authority", person))?;
                println!("{person} {}", password.expose_secret());
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}: has setup run?", path.display()))
}

/// The authority of the API server. k3s takes one that it finds at its first start.
fn cluster_ca(settings: &Settings, volumes: &Volumes) -> Result<String> {
    if !settings.is_k3s() {
        return settings.cluster_ca();
    }
    let folder = volumes.0.join("k3s");
    Ok(Authority::kept(&folder, "server-ca")?.pem().to_owned())
}

/// New ones at every run: no certificate grows old as long as `setup` runs once a year.
fn certificates(authority: &Authority, gateway: &Compose, volumes: &Volumes) -> Result<()> {
    let place = |service, certificate, key| {
        (volumes.file(service, certificate), volumes.file(service, key))
    };
    let leaves = [
        (Usage::Server, vec![STS_NAME, "obolus-sts"], place("sts", "tls.crt", "tls.key")),
        (Usage::Server, vec![MCP_NAME, "obolus-mcp"], place("mcp", "tls.crt", "tls.key")),
        (Usage::Server, vec![KEYCLOAK_NAME, KEYCLOAK], place(KEYCLOAK, "tls.crt", "tls.key")),
        (Usage::Server, vec![gateway.host.as_str()], place("gateway", "server.crt", "server.key")),
        (Usage::Client, vec![GATEWAY_NAME], place("gateway", "client.crt", "client.key")),
    ];
    for (usage, names, (certificate, key)) in leaves {
        let leaf = authority.issue(usage, &names)?;
        write(&key, leaf.key.expose_secret())?;
        write(&certificate, &leaf.chain)?;
    }
    for service in ["gateway", "sts"] {
        write(&volumes.file(service, "ca.crt"), authority.pem())?;
    }
    Ok(())
}

fn credentials(volumes: &Volumes) -> Result<()> {
    let credential = secrets::kept(&volumes.file("sts", "credential"))?;
    secrets::kept(&volumes.file("sts", "credential-before"))?;
    write(&volumes.file("gateway", "credential"), credential.expose_secret())?;
    secrets::kept(&volumes.file("sts", "client-secret")).map(drop)
}

#[cfg(test)]
mod tests;
