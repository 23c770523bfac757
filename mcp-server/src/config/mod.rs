//! What an operator decides: where we listen, for which hosts, and which API server we speak to.
//!
//! No setting names a credential for the API server, and none ever may: every call is made with the token
//! of the request that caused it. The environment is not read at all.

mod problems;
mod section;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;

pub use problems::Problems;
use section::Section;
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

/// How an API server is reached, and how it proves who it is. How the *caller* proves who they are is not
/// configuration.
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
    /// Reads and checks the file, with the certificates that it names. Relative paths in it start at its own folder.
    ///
    /// # Errors
    /// Every problem there is, not only the first.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                problems.add(path.display().to_string(), format!("cannot be read: {error}"));
                return Err(problems);
            }
        };
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let config = Self::parse(&text, folder, &mut problems);
        if let Some(config) = &config {
            config.check_files(&mut problems);
        }
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }

    /// Reads the text alone. `None` only if something without a default is missing; see `problems`.
    fn parse(text: &str, folder: &Path, problems: &mut Problems) -> Option<Self> {
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                // The message alone: the full text quotes the line.
                let before =
                    error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                problems.add(format!("line {line}"), format!("is not TOML: {}", error.message()));
                return None;
            }
        };
        let mut root = Section::root(table);
        let listen = root.read("listen", values::ADDRESS, problems, values::address);
        let operations = root.read("operations", values::ADDRESS, problems, values::address);
        let tls = tls_files(&mut root, folder, problems);
        let allowed_hosts = root.list("allowed_hosts", values::HOST, problems, values::host);
        let allowed_origins =
            root.list("allowed_origins", values::ORIGIN, problems, values::origin);
        let max_body_bytes =
            root.read("max_body_bytes", values::BODY_BYTES, problems, values::body_bytes);
        let log_level = root.read("log_level", values::LOG_LEVEL, problems, values::log_level);
        let cluster = cluster(root.table("cluster", problems), folder, problems);
        if allowed_hosts.as_ref().is_some_and(Vec::is_empty) {
            problems.add("allowed_hosts", "empty: name at least the host that clients use, or leave the key out for loopback names");
        }
        let listen = listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let operations = operations.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8081)));
        if listen == operations && listen.port() != 0 {
            problems.add("operations", "is the same address as listen: choose another port");
        }
        root.finish(problems);
        Some(Self {
            listen,
            operations,
            tls,
            allowed_hosts: allowed_hosts
                .unwrap_or_else(|| ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec()),
            allowed_origins: allowed_origins.unwrap_or_default(),
            max_body_bytes: max_body_bytes.unwrap_or(1024 * 1024),
            log_level: log_level.unwrap_or_default(),
            cluster: cluster?,
        })
    }

    fn check_files(&self, problems: &mut Problems) {
        if let Some(files) = &self.tls
            && let Err(error) = crate::tls::server_config(files)
        {
            problems.add("tls_cert", format!("with tls_key: {error}"));
        }
        if let Err(error) = crate::tls::client_config(self.cluster.certificate_authority.as_deref())
        {
            problems.add("cluster.certificate_authority", error.to_string());
        }
    }
}

fn tls_files(root: &mut Section, folder: &Path, problems: &mut Problems) -> Option<TlsFiles> {
    let certificate =
        root.read("tls_cert", values::FILE, problems, |value| values::file(&value, folder));
    let key = root.read("tls_key", values::FILE, problems, |value| values::file(&value, folder));
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (Some(_), None) => {
            problems.add("tls_key", "missing: tls_cert needs its private key");
            None
        }
        (None, Some(_)) => {
            problems.add("tls_cert", "missing: tls_key needs its certificate chain");
            None
        }
        (None, None) => None,
    }
}

fn cluster(mut section: Section, folder: &Path, problems: &mut Problems) -> Option<ClusterConfig> {
    let server =
        section.require("server", values::SERVER, problems, |value| values::server(&value));
    let certificate_authority =
        section.read("certificate_authority", values::FILE, problems, |value| {
            values::file(&value, folder)
        });
    let request_timeout =
        section.read("request_timeout_seconds", values::TIMEOUT, problems, |value| {
            values::timeout(&value)
        });
    section.finish(problems);
    Some(ClusterConfig {
        server: server?,
        certificate_authority,
        request_timeout: request_timeout.unwrap_or(Duration::from_secs(30)),
    })
}

#[cfg(test)]
mod tests;
