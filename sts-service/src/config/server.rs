//! `[server]`: the two listeners.

use std::net::SocketAddr;
use std::path::Path;

use obolus_core::config::Section;

use super::files;
use crate::tls::ServerFiles;

/// Where we listen, and to whom.
#[derive(Debug, Clone)]
pub struct Server {
    /// The service's address: `/exchange` and `/keys`, TLS only.
    pub listen: SocketAddr,
    /// The operations address: health, readiness and metrics in plain HTTP.
    pub operations_listen: SocketAddr,
    /// Certificate, key, and whose certificates are wanted of clients.
    pub tls: ServerFiles,
}

pub(super) fn read(section: Section<'_>, folder: &Path) -> Option<Server> {
    let addresses = addresses(&section);
    let tls = tls(&section, folder);
    section.finish();
    let (listen, operations_listen) = addresses?;
    Some(Server { listen, operations_listen, tls: tls? })
}

/// Where the service listens, and where its operations do.
pub(crate) fn addresses(section: &Section<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let listen = address(section, "listen");
    let operations_listen = address(section, "operations_listen");
    if listen.zip(operations_listen).is_some_and(|(one, other)| is_taken_by(one, other)) {
        section.problem("operations_listen", "is the service's own address: write another port");
    }
    listen.zip(operations_listen)
}

/// The files of the service's side of TLS, opened once.
pub(crate) fn tls(section: &Section<'_>, folder: &Path) -> Option<ServerFiles> {
    let certificate =
        files::required(section, "certificate_file", folder, "the file of the certificate chain");
    let private_key =
        files::required(section, "private_key_file", folder, "the file of its private key");
    let client_ca = files::optional(section, "client_ca_file", folder);
    let client_sans = section.strings("client_sans");
    if client_ca.is_none() && !client_sans.is_empty() {
        section.problem("client_sans", "needs client_ca_file: names prove nothing without a CA");
    }
    if client_ca.is_some() && client_sans.is_empty() {
        section.problem(
            "client_sans",
            "is missing: write the URI or DNS names of the clients, since a mesh's CA signs for everybody",
        );
    }
    let tls = certificate.zip(private_key).map(|(certificate, private_key)| ServerFiles {
        certificate,
        private_key,
        client_ca,
        client_sans,
    });
    if let Some(Err(error)) = tls.as_ref().map(ServerFiles::open) {
        section.problem(error.setting().unwrap_or("certificate_file"), error.to_string());
    }
    tls
}

/// Whether one port would be both, also where one of them is every address.
fn is_taken_by(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (is_any || one.ip() == other.ip())
}

fn address(section: &Section<'_>, key: &str) -> Option<SocketAddr> {
    let text = section.string(key, "an address and port, such as 0.0.0.0:8443")?;
    let address = text.parse().ok();
    if address.is_none() {
        section.problem(key, "must be an IP address and a port, such as 0.0.0.0:8443 or [::]:8443");
    }
    address
}
