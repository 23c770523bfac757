//! The façade's configuration file (TOML, snake_case), read whole: every problem is told at once.
//!
//! Shapes that others ship and that clients have to reject are refused here, with the sentence that says why.

mod issuer;
mod resources;
mod upstream;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use obolus_core::config::{Problems, Section, allowed_origins};
use obolus_core::login::Facade;
use obolus_core::login::redirect_uri::ConfiguredRedirect;
use obolus_core::token::{EntraTenants, TenantId};

use crate::config::{LogLevel, before_the_tables, not_toml, server};
use crate::regular_file;
use crate::tls::{ServerFiles, Trust};

/// All that one `obolus-facade` knows. There is no secret in it.
#[derive(Debug)]
pub struct FacadeConfig {
    /// Who it is, for whom, and to what.
    pub facade: Facade,
    /// Where browsers and clients come, by way of the gateway.
    pub listen: SocketAddr,
    /// Health, readiness and metrics in plain HTTP.
    pub operations_listen: SocketAddr,
    /// TLS of the first; `None` where something else encrypts, and the file says so.
    pub tls: Option<ServerFiles>,
    /// The tenant's cloud.
    pub tenants: EntraTenants,
    /// Whose people log in.
    pub tenant: TenantId,
    /// Whom we believe to be the identity provider.
    pub upstream_tls: Trust,
    /// For one call of it.
    pub upstream_timeout: Duration,
    /// How often its metadata are fetched.
    pub metadata_refresh: Duration,
    /// How many registrations a minute are answered.
    pub registrations_per_minute: u32,
    /// The origins of pages that may ask for tokens and register.
    pub allowed_origins: Vec<String>,
    /// How many connections are served at a time.
    pub connections: usize,
    /// How many of them one address may have.
    pub connections_per_peer: usize,
    /// How much of its own doings it logs.
    pub log_level: LogLevel,
}

impl FacadeConfig {
    /// Reads and checks a file. Relative paths in it start at its own folder.
    ///
    /// # Errors
    /// Every problem, each with its key's path and what to write.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let text = regular_file::text(path)
            .map_err(|error| Problems::one(&path.display().to_string(), error.to_string()))?;
        Self::parse(&text, path.parent().unwrap_or_else(|| Path::new(".")))
    }

    /// Reads and checks a text, with relative paths starting at `folder`.
    ///
    /// # Errors
    /// As [`FacadeConfig::load`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Problems> {
        let table: toml::Table = text.parse().map_err(|error| not_toml(text, &error))?;
        let value = serde_json::to_value(table)
            .map_err(|_| Problems::one("", "holds a number that is none"))?;
        let top = Section::top(&value)?;
        let log_level = top.word("log_level", "error, warn, info, debug", LogLevel::Info);
        let resources = resources::read(&top);
        let upstream = upstream::read(&top, folder, &resources);
        let issuer = issuer::read(&top, upstream.as_ref().map(|up| &up.tenants), &resources);
        let served = served(&top, folder);
        let registration = registration(&top);
        let origins = browsers(&top);
        let limits = limits(&top);
        let built = (|| {
            let (listen, operations_listen, tls) = served?;
            let upstream = upstream?;
            let facade = Facade {
                issuer: issuer?,
                client_id: upstream.client_id?,
                resources,
                redirects: registration.redirects,
                registers: registration.enabled,
            };
            Some(Self {
                facade,
                listen,
                operations_listen,
                tls,
                tenant: upstream.tenants.list().first()?.clone(),
                tenants: upstream.tenants,
                upstream_tls: upstream.tls?,
                upstream_timeout: limits.upstream_timeout,
                metadata_refresh: limits.metadata_refresh,
                registrations_per_minute: registration.per_minute,
                allowed_origins: origins,
                connections: limits.connections,
                connections_per_peer: limits.connections_per_peer,
                log_level,
            })
        })();
        top.conclude(built).map_err(before_the_tables)
    }
}

/// `[server]`.
fn served(
    top: &Section<'_>,
    folder: &Path,
) -> Option<(SocketAddr, SocketAddr, Option<ServerFiles>)> {
    let section =
        top.section("server", "[server] with listen, certificate_file and private_key_file")?;
    let addresses = server::addresses(&section);
    let tls = if section.boolean("plain_http", false) {
        for key in ["certificate_file", "private_key_file", "client_ca_file", "client_sans"] {
            if section.has(key) {
                section.problem(
                    key,
                    "is for TLS, and plain_http says that there is none: leave one of them out",
                );
            }
        }
        Some(None)
    } else {
        server::tls(&section, folder).map(Some)
    };
    section.finish();
    let (listen, operations_listen) = addresses?;
    Some((listen, operations_listen, tls?))
}

struct Registration {
    enabled: bool,
    redirects: Vec<ConfiguredRedirect>,
    per_minute: u32,
}

/// `[registration]`.
fn registration(top: &Section<'_>) -> Registration {
    let mut read = Registration { enabled: false, redirects: Vec::new(), per_minute: 60 };
    let Some(section) = top.optional_section("registration") else { return read };
    read.enabled = section.boolean("enabled", false);
    for uri in section.strings("redirect_uris") {
        match ConfiguredRedirect::parse(&uri) {
            Ok(redirect) => read.redirects.push(redirect),
            Err(error) => section.problem("redirect_uris", format!("`{uri}` {error}")),
        }
    }
    let per_minute = section.integer("per_minute", 60, 1..=6000);
    read.per_minute = u32::try_from(per_minute).unwrap_or(60);
    section.finish();
    read
}

/// `[browsers]`.
fn browsers(top: &Section<'_>) -> Vec<String> {
    let Some(section) = top.optional_section("browsers") else { return Vec::new() };
    let origins = allowed_origins(&section, "allowed_origins");
    section.finish();
    origins
}

struct Limits {
    connections: usize,
    connections_per_peer: usize,
    upstream_timeout: Duration,
    metadata_refresh: Duration,
}

/// `[limits]`.
fn limits(top: &Section<'_>) -> Limits {
    let section = top.optional_section("limits");
    let get = |key: &str, default, range| {
        section.as_ref().map_or(default, |section| section.integer(key, default, range))
    };
    let to_usize = |number| usize::try_from(number).unwrap_or(usize::MAX);
    let connections = get("connections", 1024, 1..=100_000);
    // Everybody comes from the gateway or from one's own sidecar, so an address' share is the whole.
    let limits = Limits {
        connections: to_usize(connections),
        connections_per_peer: to_usize(get("connections_per_peer", connections, 1..=100_000)),
        upstream_timeout: Duration::from_millis(get("upstream_timeout_ms", 10_000, 100..=30_000)),
        metadata_refresh: Duration::from_secs(get("metadata_refresh_seconds", 3600, 1..=86_400)),
    };
    if let Some(section) = section {
        section.finish();
    }
    limits
}

#[cfg(test)]
mod tests;
