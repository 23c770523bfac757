//! Where we listen: in our own words, or in those of `kubernetes-mcp-server`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use obolus_core::config::Section;
use obolus_core::config::brought::Notice;
use serde::Deserialize;

use super::{TlsFiles, values};

/// Where both listeners are. `listen` and `operations` are addresses; `port` and `metrics_port` are ports at
/// `bind_address`.
pub(super) fn addresses(top: &Section<'_>, notices: &mut Vec<Notice>) -> (SocketAddr, SocketAddr) {
    for key in ["port", "bind_address"] {
        if top.has("listen") && top.has(key) {
            top.problem(
                key,
                "says the same as listen, which stands here, too: write one of the two",
            );
        }
    }
    if top.has("operations") && top.has("metrics_port") {
        let text = "says the same as operations, which stands here, too: write one of the two";
        top.problem("metrics_port", text);
    }
    let ip = bind_address(top);
    let default = SocketAddr::from((ip, port(top, "port").unwrap_or(8080)));
    let listen = values::address(top, "listen", default);
    let default = SocketAddr::from((ip, port(top, "metrics_port").unwrap_or(8081)));
    let operations = values::address(top, "operations", default);
    if top.has("port") && !top.has("bind_address") {
        let text = "is opened on 127.0.0.1: write bind_address = \"0.0.0.0\" if the gateway is on another machine or in another pod";
        notices.push(Notice::new("port", text));
    }
    if !ip.is_loopback() && !top.has("allowed_hosts") {
        let text = "is open to others, whose Host header is not answered: write allowed_hosts = [\"mcp.example.com\"], the host that clients use";
        notices.push(Notice::new("bind_address", text));
    }
    if listen == operations && listen.port() != 0 {
        let key = if top.has("metrics_port") { "metrics_port" } else { "operations" };
        top.problem(key, "is the same address as listen: write another port");
    }
    (listen, operations)
}

fn bind_address(top: &Section<'_>) -> IpAddr {
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let Some(text) = top.optional_string("bind_address") else { return loopback };
    text.parse().unwrap_or_else(|_| {
        top.problem("bind_address", "must be an IP address, such as 0.0.0.0");
        loopback
    })
}

/// A port, as a number or as the string that it is there; an empty one is none.
fn port(top: &Section<'_>, key: &str) -> Option<u16> {
    let read = top.word(key, "a port, such as \"8080\"", None::<Port>)?;
    match read {
        Port::Number(port) => Some(port),
        Port::Text(text) if text.is_empty() => None,
        Port::Text(text) => {
            let port = text.trim_start_matches(':').parse().ok();
            if port.is_none() {
                top.problem(key, "must be a port, such as \"8080\"");
            }
            port
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

/// The oldest TLS that is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V1_3,
}

pub(super) fn tls_files(top: &Section<'_>, folder: &Path) -> Option<TlsFiles> {
    let certificate = values::file(top, "tls_cert", folder);
    let key = values::file(top, "tls_key", folder);
    let min_version = top.word("tls_min_version", "\"1.2\", \"1.3\"", TlsVersion::default());
    if certificate.is_some() && !top.has("tls_key") {
        top.problem("tls_key", "is missing: tls_cert needs its private key");
    }
    if key.is_some() && !top.has("tls_cert") {
        top.problem("tls_cert", "is missing: tls_key needs its certificate chain");
    }
    if top.boolean("require_tls", false) && !top.has("tls_cert") {
        top.problem("require_tls", "needs a certificate: write tls_cert and tls_key");
    }
    let files = TlsFiles { certificate: certificate?, key: key?, min_version };
    if let Err(error) = crate::tls::server_config(&files) {
        top.problem("tls_cert", format!("with tls_key: {error}"));
    }
    Some(files)
}
