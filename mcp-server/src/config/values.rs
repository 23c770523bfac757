//! What each setting may be, next to the sentence that says so. No sentence repeats a value: whoever
//! pastes a token at the wrong place does not find it in a log.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use http::Uri;
use http::uri::Authority;
use obolus_core::config::Section;
use serde::Deserialize;

pub(super) const HOST: &str =
    "must be a host as clients send it, such as mcp.example.com or mcp.example.com:8443";
pub(super) const ORIGIN: &str = "must be an origin, such as https://app.example.com, https://app.example.com:8443 or http://localhost:*";
const ADDRESS: &str = "must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080";
const SERVER: &str = "must be an https URL without user, query, fragment or escapes, such as https://kubernetes.default.svc";

/// How much is logged. Other crates stay at warnings whatever is chosen: at finer levels HTTP stacks
/// print what they carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what needs an operator.
    Error,
    /// And what an operator should know.
    Warn,
    /// And one line for every tool call.
    #[default]
    Info,
    /// And every request to the API server, without its contents.
    Debug,
}

/// Our words, or the numbers of `kubernetes-mcp-server`: the higher the more.
pub(super) fn log_level(top: &Section<'_>) -> LogLevel {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Level {
        Word(LogLevel),
        Number(u8),
    }
    match top.word("log_level", "error, warn, info, debug, or a number from 0 to 9", None::<Level>)
    {
        None => LogLevel::default(),
        Some(Level::Word(level)) => level,
        Some(Level::Number(0..=3)) => LogLevel::Info,
        Some(Level::Number(4..=9)) => LogLevel::Debug,
        Some(Level::Number(_)) => {
            top.problem(
                "log_level",
                "must be one of error, warn, info, debug, or a number from 0 to 9",
            );
            LogLevel::default()
        }
    }
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFile {
    /// Standard error.
    Stderr,
    /// To the end of a file, which is made if it is not there.
    File(PathBuf),
}

pub(super) fn log_file(top: &Section<'_>, folder: &Path) -> Option<LogFile> {
    match text(top, "log_file")?.as_str() {
        "stderr" => Some(LogFile::Stderr),
        name => Some(LogFile::File(folder.join(name))),
    }
}

/// The key that says how a cluster is found.
pub(super) const STRATEGY: &str = "cluster_provider_strategy";

/// How a cluster is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Strategy {
    /// By `[cluster]`.
    Auto,
    /// By `[cluster]`: there is one.
    Disabled,
    /// By what a pod knows.
    InCluster,
    /// Not here.
    Kubeconfig,
    /// Not here.
    Kcp,
}

pub(super) fn strategy(top: &Section<'_>) -> Strategy {
    let strategy = top.word(STRATEGY, "auto, in-cluster, disabled", Strategy::Auto);
    match strategy {
        Strategy::Kubeconfig => top.problem(
            STRATEGY,
            "is kubeconfig, which holds credentials that would be everybody's: write [cluster] with server and certificate_authority",
        ),
        Strategy::Kcp => top.problem(STRATEGY, "is kcp, which is not here yet: write [cluster]"),
        _ => {}
    }
    strategy
}

/// A text that may be missing or empty.
pub(super) fn text(top: &Section<'_>, key: &str) -> Option<String> {
    Some(top.word(key, "a string", String::new())).filter(|text| !text.trim().is_empty())
}

pub(super) fn address(section: &Section<'_>, key: &str, default: SocketAddr) -> SocketAddr {
    let Some(text) = section.optional_string(key) else { return default };
    text.parse().unwrap_or_else(|_| {
        section.problem(key, ADDRESS);
        default
    })
}

pub(super) fn file(section: &Section<'_>, key: &str, folder: &Path) -> Option<PathBuf> {
    section.optional_string(key).map(|name| folder.join(name))
}

/// A list of strings that `read` understands; the others are reported by their index.
pub(super) fn each(
    section: &Section<'_>,
    key: &str,
    advice: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut good = Vec::new();
    for (index, text) in section.strings(key).iter().enumerate() {
        match read(text) {
            Some(entry) => good.push(entry),
            None => section.problem(&format!("{key}[{index}]"), advice),
        }
    }
    good
}

pub(super) fn host(text: &str) -> Option<String> {
    let is_authority = text.parse::<Authority>().is_ok_and(|authority| {
        !authority.as_str().contains(['@', '*']) && !authority.host().is_empty()
    });
    (is_authority || text.parse::<Ipv6Addr>().is_ok()).then(|| text.to_owned())
}

/// The origin with its port written out: rmcp takes an entry without one for "any port".
pub(super) fn origin(text: &str) -> Option<String> {
    if let Some(base) = text.strip_suffix(":*") {
        return ports(base).filter(|(_, port)| port.is_none()).map(|_| text.to_owned());
    }
    match ports(text)? {
        (_, Some(_)) => Some(text.to_owned()),
        (default_port, None) => Some(format!("{text}:{default_port}")),
    }
}

/// The port that an origin's scheme implies, and the one that it names.
fn ports(origin: &str) -> Option<(u16, Option<u16>)> {
    let (scheme, rest) = origin.split_once("://")?;
    let implied = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.parse::<Authority>().ok()?;
    if authority.as_str().contains(['@', '*']) || authority.as_str().ends_with(':') {
        return None;
    }
    Some((implied, authority.port_u16()))
}

pub(super) fn server(section: &Section<'_>, key: &str) -> Option<Uri> {
    let text =
        section.string(key, "the API server's URL, such as https://kubernetes.default.svc")?;
    let server = plain_https(&text);
    if server.is_none() {
        section.problem(key, SERVER);
    }
    server
}

pub(crate) fn plain_https(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    // `http::Uri` drops a fragment without a word, so the text is looked at as well.
    let is_plain = uri.scheme_str() == Some("https")
        && !authority.as_str().contains('@')
        && uri.query().is_none()
        && !text.contains(['#', '%'])
        && !uri.path().split('/').any(|segment| segment == "." || segment == "..");
    is_plain.then_some(uri)
}
