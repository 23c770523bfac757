//! One context, ready to be used: which API server, and as whom.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::pki_types::ServerName;
use secrecy::SecretSlice;

use super::KubeconfigError;
use super::file::Cluster;
use super::merge::{Kubeconfig, Placed};
use super::user::{Pem, User};
use crate::config::plain_https;
use crate::names::Namespace;

/// A context, understood.
#[derive(Debug)]
pub(in crate::stdio) struct Context {
    /// Its name.
    pub(in crate::stdio) name: String,
    /// Where calls go that name no namespace.
    pub(in crate::stdio) namespace: Option<Namespace>,
    pub(in crate::stdio) endpoint: Endpoint,
    pub(in crate::stdio) user: User,
}

/// How an API server is reached, and told from others.
#[derive(Debug, Clone)]
pub(in crate::stdio) struct Endpoint {
    pub(in crate::stdio) server: Uri,
    /// The CAs that may have signed its certificate; without them, the system's.
    pub(in crate::stdio) authority: Option<Pem>,
    /// The name that the certificate must be for, if it is not the URL's.
    pub(in crate::stdio) server_name: Option<ServerName<'static>>,
    /// A proxy to go through; without it, the environment's.
    pub(in crate::stdio) proxy: Option<Intercept>,
}

impl Kubeconfig {
    /// Understands a context.
    ///
    /// # Errors
    /// When it is not there, or is something that this program does not do, with what to write instead.
    pub(in crate::stdio) fn context(&self, name: &str) -> Result<Context, KubeconfigError> {
        let unusable = |reason| KubeconfigError::Unusable { context: name.to_owned(), reason };
        let Some(context) = self.contexts.get(name) else {
            let known = self.names();
            return Err(KubeconfigError::NoSuchContext { name: name.to_owned(), known });
        };
        let cluster_name = context.cluster.as_deref().filter(|name| !name.is_empty());
        let cluster_name =
            cluster_name.ok_or_else(|| unusable("it names no cluster".to_owned()))?;
        let cluster = self.clusters.get(cluster_name).ok_or_else(|| {
            unusable(format!("it names the cluster `{cluster_name}`, which is not there"))
        })?;
        let endpoint = Endpoint::new(cluster)
            .map_err(|reason| unusable(format!("its cluster `{cluster_name}` {reason}")))?;
        let user = match context.user.as_deref().filter(|name| !name.is_empty()) {
            None => User::default(),
            Some(user_name) => {
                let user = self.users.get(user_name).ok_or_else(|| {
                    unusable(format!("it names the user `{user_name}`, which is not there"))
                })?;
                User::new(user, &cluster.entry, &endpoint)
                    .map_err(|reason| unusable(format!("its user `{user_name}` {reason}")))?
            }
        };
        let namespace = context.namespace.clone().filter(|name| !name.is_empty());
        let namespace = namespace.map(Namespace::try_from).transpose();
        let namespace = namespace.map_err(|reason| unusable(format!("its {reason}")))?;
        Ok(Context { name: name.to_owned(), namespace, endpoint, user })
    }
}

impl Endpoint {
    fn new(Placed { entry, folder }: &Placed<Cluster>) -> Result<Self, String> {
        if entry.insecure_skip_tls_verify == Some(true) {
            return Err("has insecure-skip-tls-verify, with which anybody on the way could take the credentials: write \
                certificate-authority or certificate-authority-data instead (the cluster's own CA is in its ConfigMap \
                kube-root-ca.crt), and tls-server-name if the certificate is for another name"
                .to_owned());
        }
        let server = entry.server.as_deref().filter(|server| !server.is_empty());
        let server = server.ok_or("has no server: write its https URL")?;
        let server = plain_https(server).ok_or(
            "has a server that is not an https URL without user, query, fragment or escapes: write one, \
             since credentials do not travel in plain HTTP",
        )?;
        let authority = match (&entry.certificate_authority_data, &entry.certificate_authority) {
            (Some(data), _) if !data.is_empty() => {
                Some(Pem::Data(decoded("certificate-authority-data", data)?.into()))
            }
            (_, Some(file)) if !file.is_empty() => Some(Pem::File(folder.join(file))),
            _ => None,
        };
        let server_name = match entry.tls_server_name.as_deref().filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => Some(ServerName::try_from(name.to_owned()).map_err(|_| {
                "has a tls-server-name that is neither a DNS name nor an IP address".to_owned()
            })?),
        };
        let proxy = entry.proxy_url.as_deref().filter(|url| !url.is_empty());
        let proxy = proxy.map(|url| self::proxy(url, &server)).transpose()?;
        Ok(Self { server, authority, server_name, proxy })
    }
}

/// A proxy for `server`. `http` and `socks5` are common; a proxy that is itself reached through TLS is not.
fn proxy(url: &str, server: &Uri) -> Result<Intercept, String> {
    let proxy = Matcher::builder().all(url).build().intercept(server);
    let proxy = proxy
        .ok_or("has a proxy-url that is neither http://HOST:PORT nor socks5://HOST:PORT: write one of these")?;
    known_proxy(proxy).map_err(|reason| format!("has a proxy-url that {reason}"))
}

/// A proxy that connections can be made through.
pub(in crate::stdio) fn known_proxy(proxy: Intercept) -> Result<Intercept, &'static str> {
    match proxy.uri().scheme_str() {
        Some("http" | "socks5" | "socks5h") => Ok(proxy),
        Some("https") => {
            Err("is https, which is not done here: write the proxy's http:// or socks5:// URL")
        }
        _ => Err("is neither http:// nor socks5://: write one of these"),
    }
}

/// What base64 stands for; kubectl writes it in one line, people in several.
pub(super) fn decoded(key: &str, text: &str) -> Result<SecretSlice<u8>, String> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| format!("has a {key} that is not base64"))?;
    Ok(SecretSlice::from(bytes))
}

/// A path of a kubeconfig: it starts at the file's own folder.
pub(super) fn placed(folder: &Path, path: Option<&String>) -> Option<std::path::PathBuf> {
    path.filter(|path| !path.is_empty()).map(|path| folder.join(path))
}
