//! What an operator decides: where we listen, for which hosts, and which API server we speak to.
//!
//! No setting names a credential for the API server but the one of [`impersonation`], which is off unless it is written:
//! without it, every call is made with the token of the request that caused it. Of the environment, `PATH` is read to find
//! helm, and what OpenTelemetry has there to find the collector of traces; nothing else. One person's own machine
//! has settings of its own ([`StdioConfig`]).
//!
//! The settings of `kubernetes-mcp-server` are read, too: honoured with the same meaning, refused with what to write
//! instead, or noticed, as `obolus_core::config::brought` says whose they are.

mod choice;
mod clusters;
mod confirmation;
mod denied;
mod files;
mod helm;
mod http;
mod impersonation;
mod listeners;
mod name_prefix;
mod not_here;
mod prompts;
mod settings;
mod shown_secrets;
mod stdio;
mod telemetry;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use choice::ToolChoice;
pub use clusters::{ClusterConfig, ClustersConfig, ContextName};
pub use confirmation::Confirmation;
pub use denied::Denied;
pub(crate) use files::sources;
pub use helm::{HelmSettings, Storage};
pub use impersonation::{ImpersonationConfig, KeysFrom, Named, NamesConfig};
pub use listeners::TlsVersion;
pub(crate) use name_prefix::RESERVED_NAMES;
pub use name_prefix::{NamePrefix, PrefixFault};
pub use obolus_core::config::Problems;
pub use obolus_core::config::brought::Notice;
use obolus_core::config::brought::{Part, sort};
use obolus_core::config::{Problem, Section};
use serde_json::{Map, Value};
pub use settings::{ListOutput, Reached, Settings};
pub use stdio::{StdioConfig, StdioFlags};
pub use telemetry::TelemetryConfig;
pub(crate) use values::plain_https;
pub use values::{LogFile, LogLevel};

use crate::prompts::ConfiguredPrompt;
use crate::rate::RateLimit;

/// Where a pod finds the API server, and the authority that signed its certificate.
const IN_CLUSTER: &str = "https://kubernetes.default.svc";
const IN_CLUSTER_CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// How long the head of a request may take, and a connection wait for the next one.
    pub header_timeout: Duration,
    /// How much is logged.
    pub log_level: LogLevel,
    /// Which tools are served.
    pub tools: ToolChoice,
    /// What clients are told about the server, instead of our own words.
    pub instructions: Option<String>,
    /// What the tools go by.
    pub settings: Settings,
    /// The operator's prompts.
    pub prompts: Vec<ConfiguredPrompt>,
    /// What people are asked about first.
    pub confirmation: Confirmation,
    /// The clusters: one, or several that calls choose among.
    pub clusters: ClustersConfig,
    /// How often one person may come.
    pub rate_limit: Option<RateLimit>,
    /// Whether clients of MCP before 2026-07-28 have sessions.
    pub sessions: bool,
    /// Where the log goes, if not to standard output.
    pub log_file: Option<LogFile>,
    /// To whom traces are told.
    pub telemetry: Option<TelemetryConfig>,
    /// Where the settings stood.
    pub file: Option<PathBuf>,
    /// What an operator should know about the settings.
    pub notices: Vec<Notice>,
}

/// Certificate chain and private key, PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key.
    pub key: PathBuf,
    /// The oldest TLS that is spoken.
    pub min_version: TlsVersion,
}

impl Config {
    /// Reads and checks the file, with the certificates that it names. Relative paths in it start at
    /// its own folder.
    ///
    /// # Errors
    /// Every problem there is, not only the first.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let (keys, folder) = files::read(path)?;
        let config = Self::of_keys(keys, &folder, clusters::read)?;
        Ok(Self { file: Some(path.to_owned()), ..config })
    }

    /// The settings that are another here than in `other`, and that nothing but a start can change.
    pub(crate) fn needs_a_restart_for(&self, other: &Self) -> Vec<&'static str> {
        let tls = |config: &Self| {
            config
                .tls
                .as_ref()
                .map(|files| (files.certificate.clone(), files.key.clone(), files.min_version))
        };
        [
            ("listen", self.listen != other.listen),
            ("operations", self.operations != other.operations),
            ("tls_cert, tls_key, tls_min_version", tls(self) != tls(other)),
            ("http.read_header_timeout", self.header_timeout != other.header_timeout),
            ("log_file", self.log_file != other.log_file),
            ("telemetry", self.telemetry != other.telemetry),
        ]
        .into_iter()
        .filter_map(|(setting, differs)| differs.then_some(setting))
        .collect()
    }

    #[cfg(test)]
    fn parse(text: &str, folder: &Path) -> Result<Self, Problems> {
        Self::of_keys(keys(text)?, folder, clusters::read)
    }

    /// `clusters` says where API servers are.
    fn of_keys(
        keys: Map<String, Value>,
        folder: &Path,
        clusters: impl FnOnce(&Section<'_>, &Path) -> Option<ClustersConfig>,
    ) -> Result<Self, Problems> {
        let sorted = sort(keys, Part::McpServer);
        let mut keys = sorted.own;
        keys.extend(sorted.brought.clone());
        let value = Value::Object(keys);
        let top = Section::top(&value)?;
        let mut notices = sorted.notices;
        for fault in sorted.faults {
            let Problem { path, message } = fault.into();
            top.problem(&path, message);
        }
        not_here::read(&top, &sorted.brought, &mut notices);
        let (listen, operations) = listeners::addresses(&top, &mut notices);
        let tls = listeners::tls_files(&top, folder);
        let allowed_hosts = allowed_hosts(&top);
        let allowed_origins = values::each(&top, "allowed_origins", values::ORIGIN, values::origin);
        let (max_body_bytes, header_timeout, rate_limit) = http::bounds(&top, &mut notices);
        let sessions = top.boolean("sessions", false);
        let log_file = values::log_file(&top, folder);
        let variable = |name: &str| std::env::var(name).ok();
        let telemetry = telemetry::read(&top, folder, &variable, &mut notices);
        let log_level = values::log_level(&top);
        let instructions = values::text(&top, "server_instructions");
        let mut settings = settings::read(&top);
        let prompts = prompts::read(&top, &mut notices);
        let confirmation = confirmation::read(&top, folder, &mut notices);
        let clusters = clusters(&top, folder);
        notices.extend(clusters.iter().flat_map(ClustersConfig::impersonation_notices));
        settings.reached = clusters.iter().flat_map(ClustersConfig::all).map(Reached::of).collect();
        let path = std::env::var_os("PATH");
        let denied = clusters.as_ref().map(|clusters| &clusters.default_cluster().denied);
        settings.helm =
            helm::read(&top, folder, path.as_deref(), denied, &mut notices).map(Arc::new);
        let has_helm = settings.helm.is_some();
        let tools = choice::read(&top, &sorted.brought, has_helm, &mut notices);
        let built = clusters.map(|clusters| Self {
            listen,
            operations,
            tls,
            allowed_hosts,
            allowed_origins,
            max_body_bytes,
            header_timeout,
            log_level,
            tools,
            instructions,
            settings,
            prompts,
            confirmation,
            rate_limit,
            sessions,
            log_file,
            telemetry,
            file: None,
            clusters,
            notices,
        });
        top.conclude(built)
    }
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

/// The top level of a file.
fn keys(text: &str) -> Result<Map<String, Value>, Problems> {
    let table: toml::Table = text.parse().map_err(|error| not_toml(text, &error))?;
    let value = serde_json::to_value(table)
        .map_err(|_| Problems::one("", "holds a number that is none"))?;
    match value {
        Value::Object(keys) => Ok(keys),
        _ => Err(Problems::one("", "must be a table")),
    }
}

/// The position and the message alone: the full text quotes the line, which may hold anything.
fn not_toml(text: &str, error: &toml::de::Error) -> Problems {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Problems::one(&format!("line {line}"), format!("is not TOML: {}", error.message()))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod brought_tests;
