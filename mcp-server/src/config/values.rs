//! What each setting may be, next to the sentence that says so.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use toml::Value;

pub(super) const ADDRESS: &str =
    r#"write an IP address and a port, like "127.0.0.1:8080" or "[::]:8080""#;
pub(super) const FILE: &str = "write the path of a PEM file";
pub(super) const HOST: &str =
    r#"write host names as clients send them, like "mcp.example.com" or "mcp.example.com:8443""#;
pub(super) const ORIGIN: &str = r#"write origins, like "https://app.example.com", "https://app.example.com:8443" or "http://localhost:*""#;
pub(super) const BODY_BYTES: &str = "write a number of bytes from 1024 to 16777216";
pub(super) const LOG_LEVEL: &str = r#"write one of "error", "warn", "info", "debug""#;
pub(super) const SERVER: &str = r#"write the API server's URL, like "https://kubernetes.default.svc": https, no user, no query"#;
pub(super) const TIMEOUT: &str = "write a number of seconds from 1 to 600";

/// How much is logged. Other crates stay at warnings whatever is chosen: at finer levels HTTP stacks print what
/// they carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

pub(super) fn address(value: Value) -> Option<SocketAddr> {
    value.as_str()?.parse().ok()
}

pub(super) fn file(value: &Value, folder: &Path) -> Option<PathBuf> {
    value.as_str().filter(|path| !path.is_empty()).map(|path| folder.join(path))
}

pub(super) fn host(text: &str) -> Option<String> {
    let bare_ipv6 = text.parse::<std::net::Ipv6Addr>().is_ok();
    let authority = text.parse::<Authority>().is_ok_and(|authority| {
        !authority.as_str().contains(['@', '*']) && !authority.host().is_empty()
    });
    (bare_ipv6 || authority).then(|| text.to_owned())
}

/// The origin with its port written out: rmcp takes an entry without one for "any port".
pub(super) fn origin(text: &str) -> Option<String> {
    if let Some(base) = text.strip_suffix(":*") {
        return explicit_origin(base).filter(|(_, port)| port.is_none()).map(|_| text.to_owned());
    }
    match explicit_origin(text)? {
        (_, Some(_)) => Some(text.to_owned()),
        (default_port, None) => Some(format!("{text}:{default_port}")),
    }
}

fn explicit_origin(text: &str) -> Option<(u16, Option<u16>)> {
    let (scheme, rest) = text.split_once("://")?;
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.parse::<Authority>().ok()?;
    if authority.as_str().contains(['@', '*']) || authority.as_str().ends_with(':') {
        return None;
    }
    Some((default_port, authority.port_u16()))
}

pub(super) fn body_bytes(value: Value) -> Option<usize> {
    let bytes = usize::try_from(value.as_integer()?).ok()?;
    (1024..=16 * 1024 * 1024).contains(&bytes).then_some(bytes)
}

pub(super) fn log_level(value: Value) -> Option<LogLevel> {
    match value.as_str()? {
        "error" => Some(LogLevel::Error),
        "warn" => Some(LogLevel::Warn),
        "info" => Some(LogLevel::Info),
        "debug" => Some(LogLevel::Debug),
        _ => None,
    }
}

pub(super) fn server(value: &Value) -> Option<Uri> {
    let uri: Uri = value.as_str()?.parse().ok()?;
    let authority = uri.authority()?;
    // `http::Uri` drops a fragment without a word, so the text is looked at as well.
    let plain = uri.scheme_str() == Some("https")
        && !authority.as_str().contains('@')
        && uri.query().is_none()
        && !value.as_str()?.contains(['#', '%'])
        && !uri.path().split('/').any(|segment| segment == "." || segment == "..");
    plain.then_some(uri)
}

pub(super) fn timeout(value: &Value) -> Option<Duration> {
    let seconds = u64::try_from(value.as_integer()?).ok()?;
    (1..=600).contains(&seconds).then(|| Duration::from_secs(seconds))
}
