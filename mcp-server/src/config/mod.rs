//! What an operator decides: where we listen, for which hosts, and which API server we speak to.
//!
//! No setting names a credential for the API server, and none ever may: every call is made with the
//! token of the request that caused it. The environment is not read at all.

mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
pub use obolus_core::config::Problems;
use obolus_core::config::Section;
pub use values::LogLevel;

/// The configuration of one `obolus-mcp`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where `/mcp` is served.
    pub listen: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are served, in plain HTTP.
    pub operations: SocketAddr,
    /// Certificate and key for `/mcp`; without them it is plain HTTP, which belongs behind a mesh.
    pub tls: Option<TlsFiles>,
    /// Values of `Host` that are answered. Never empty: rmcp takes an empty list for "any".
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` that are answered, when the header comes at all.
    pub allowed_origins: Vec<String>,
    /// The longest request body.
    pub max_body_bytes: usize,
    /// How much is logged.
    pub log_level: LogLevel,
    /// The cluster. One today; several become a table of these.
    pub cluster: ClusterConfig,
}

/// Certificate chain and private key, PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key.
    pub key: PathBuf,
}

/// How an API server is reached, and how it proves who it is. How the *caller* proves who they are
/// is not configuration.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// The API server's URL: https, and perhaps a path under which it lives.
    pub server: Uri,
    /// The CAs that may have signed its certificate; without it, the system's.
    pub certificate_authority: Option<PathBuf>,
    /// How long one request to it may take, connecting and reading included.
    pub request_timeout: Duration,
}

impl Config {
    /// Reads and checks the file, with the certificates that it names. Relative paths in it start at
    /// its own folder.
    ///
    /// # Errors
    /// Every problem there is, not only the first.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Problems::one(&path.display().to_string(), error.to_string()))?;
        Self::parse(&text, path.parent().unwrap_or_else(|| Path::new(".")))
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Problems> {
        let table: toml::Table = text.parse().map_err(|error| not_toml(text, &error))?;
        let value = serde_json::to_value(table)
            .map_err(|_| Problems::one("", "holds a number that is none"))?;
        let top = Section::top(&value)?;
        let listen = values::address(&top, "listen", ([127, 0, 0, 1], 8080).into());
        let operations = values::address(&top, "operations", ([127, 0, 0, 1], 8081).into());
        if listen == operations && listen.port() != 0 {
            top.problem("operations", "is the same address as listen: write another port");
        }
        let tls = tls_files(&top, folder);
        let allowed_hosts = allowed_hosts(&top);
        let allowed_origins = values::each(&top, "allowed_origins", values::ORIGIN, values::origin);
        let max_body_bytes = top.integer("max_body_bytes", 1024 * 1024, 1024..=16 * 1024 * 1024);
        let log_level = top.word("log_level", "error, warn, info, debug", LogLevel::default());
        let cluster = top
            .section("cluster", "[cluster] with server = \"https://…\"")
            .and_then(|section| cluster(section, folder));
        let built = cluster.map(|cluster| Self {
            listen,
            operations,
            tls,
            allowed_hosts,
            allowed_origins,
            max_body_bytes: usize::try_from(max_body_bytes).unwrap_or(usize::MAX),
            log_level,
            cluster,
        });
        top.conclude(built)
    }
}

fn tls_files(top: &Section<'_>, folder: &Path) -> Option<TlsFiles> {
    let certificate = values::file(top, "tls_cert", folder);
    let key = values::file(top, "tls_key", folder);
    if certificate.is_some() && !top.has("tls_key") {
        top.problem("tls_key", "is missing: tls_cert needs its private key");
    }
    if key.is_some() && !top.has("tls_cert") {
        top.problem("tls_cert", "is missing: tls_key needs its certificate chain");
    }
    let files = TlsFiles { certificate: certificate?, key: key? };
    if let Err(error) = crate::tls::server_config(&files) {
        top.problem("tls_cert", format!("with tls_key: {error}"));
    }
    Some(files)
}

fn allowed_hosts(top: &Section<'_>) -> Vec<String> {
    let hosts = values::each(top, "allowed_hosts", values::HOST, values::host);
    if !top.has("allowed_hosts") {
        return ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    }
    if top.is_empty_array_or_missing("allowed_hosts") {
        let advice = "must not be empty: write the host that clients use, or leave the key out for loopback names";
        top.problem("allowed_hosts", advice);
    }
    hosts
}

fn cluster(section: Section<'_>, folder: &Path) -> Option<ClusterConfig> {
    let server = values::server(&section, "server");
    let certificate_authority = values::file(&section, "certificate_authority", folder);
    // A key of the wrong type has had its problem: the system's CAs are not what it means.
    let is_readable = certificate_authority.is_some() || !section.has("certificate_authority");
    if is_readable && let Err(error) = crate::tls::client_config(certificate_authority.as_deref()) {
        section.problem("certificate_authority", error.to_string());
    }
    let seconds = section.integer("request_timeout_seconds", 30, 1..=600);
    section.finish();
    Some(ClusterConfig {
        server: server?,
        certificate_authority,
        request_timeout: Duration::from_secs(seconds),
    })
}

/// The position and the message alone: the full text quotes the line, which may hold anything.
fn not_toml(text: &str, error: &toml::de::Error) -> Problems {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Problems::one(&format!("line {line}"), format!("is not TOML: {}", error.message()))
}

#[cfg(test)]
mod tests;
