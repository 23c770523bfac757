//! As whom: what a kubeconfig's user proves itself with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::{Map, Value, json};

use super::context::{Endpoint, decoded, placed};
use super::file::{self, Cluster};
use super::merge::Placed;
use crate::bounded_file;

/// Certificates and keys.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;
/// The extension of a cluster that is for exec plugins.
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// A person, as far as an API server can tell.
#[derive(Debug, Default)]
pub(in crate::stdio) struct User {
    /// What is shown when a connection is made.
    pub(in crate::stdio) certificate: Option<Certificate>,
    /// What is shown with every request.
    pub(in crate::stdio) proof: Proof,
    /// Whom to act as.
    pub(in crate::stdio) impersonation: HeaderMap,
}

/// PEM, in the kubeconfig or beside it.
#[derive(Debug, Clone)]
pub(in crate::stdio) enum Pem {
    Data(Arc<SecretSlice<u8>>),
    File(PathBuf),
}

/// A client certificate and its key.
#[derive(Debug, Clone)]
pub(in crate::stdio) struct Certificate {
    pub(in crate::stdio) chain: Pem,
    pub(in crate::stdio) key: Pem,
}

/// What a request carries.
#[derive(Debug, Default)]
pub(in crate::stdio) enum Proof {
    /// Nothing: a certificate says it, or nobody does.
    #[default]
    None,
    Token(SecretString),
    /// Read again and again; `otherwise` is used as long as it cannot be read.
    TokenFile {
        file: PathBuf,
        otherwise: Option<SecretString>,
    },
    Password {
        username: String,
        password: SecretString,
    },
    Exec(ExecPlugin),
}

/// A program that gets a credential, and how it is asked.
#[derive(Debug)]
pub(in crate::stdio) struct ExecPlugin {
    /// A path, or a name to look up in `PATH`.
    pub(in crate::stdio) command: PathBuf,
    pub(in crate::stdio) arguments: Vec<SecretString>,
    pub(in crate::stdio) environment: Vec<(String, SecretString)>,
    pub(in crate::stdio) version: ExecVersion,
    /// The `KUBERNETES_EXEC_INFO` that it gets.
    pub(in crate::stdio) info: String,
    pub(in crate::stdio) install_hint: Option<String>,
}

/// The versions of the plugins' API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stdio) enum ExecVersion {
    V1,
    V1Beta1,
}

impl ExecVersion {
    pub(in crate::stdio) fn name(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1Beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }
}

impl Pem {
    /// The bytes.
    pub(in crate::stdio) fn read(&self) -> Result<SecretSlice<u8>, String> {
        match self {
            Self::Data(bytes) => Ok(SecretSlice::from(bytes.expose_secret().to_vec())),
            Self::File(path) => bounded_file::read(path, MAX_PEM_BYTES)
                .map(|bytes| SecretSlice::from(bytes.to_vec()))
                .map_err(|error| format!("{}: cannot be read: {error}", path.display())),
        }
    }

    pub(in crate::stdio) fn file(&self) -> Option<&Path> {
        match self {
            Self::Data(_) => None,
            Self::File(path) => Some(path),
        }
    }
}

impl User {
    pub(super) fn new(
        Placed { entry, folder }: &Placed<file::User>,
        cluster: &Cluster,
        endpoint: &Endpoint,
    ) -> Result<Self, String> {
        if let Some(provider) = &entry.auth_provider {
            return Err(no_auth_provider(provider.name.as_deref().unwrap_or_default()));
        }
        Ok(Self {
            certificate: certificate(entry, folder)?,
            proof: proof(entry, folder, cluster, endpoint)?,
            impersonation: impersonation(entry)?,
        })
    }

    /// Whether there is nothing that says who this is.
    pub(in crate::stdio) fn is_nobody(&self) -> bool {
        self.certificate.is_none() && matches!(self.proof, Proof::None)
    }
}

fn no_auth_provider(name: &str) -> String {
    let instead = match name {
        "gcp" => {
            "write exec with gke-gcloud-auth-plugin: `gcloud container clusters get-credentials` does"
        }
        "azure" => "write exec with kubelogin: `kubelogin convert-kubeconfig` does",
        "oidc" => "write exec with `kubectl oidc-login get-token` (kubelogin)",
        _ => "write exec with your cluster's credential plugin",
    };
    format!(
        "has an auth-provider, the way of before exec plugins, which is not done here: {instead}"
    )
}

fn certificate(entry: &file::User, folder: &Path) -> Result<Option<Certificate>, String> {
    let chain = match entry.client_certificate_data.as_deref().filter(|data| !data.is_empty()) {
        Some(data) => Some(Pem::Data(decoded("client-certificate-data", data)?.into())),
        None => placed(folder, entry.client_certificate.as_ref()).map(Pem::File),
    };
    let data = entry.client_key_data.as_ref().map(|data| data.expose_secret());
    let key = match data.filter(|data| !data.is_empty()) {
        Some(data) => Some(Pem::Data(decoded("client-key-data", data)?.into())),
        None => placed(folder, entry.client_key.as_ref()).map(Pem::File),
    };
    match (chain, key) {
        (Some(chain), Some(key)) => Ok(Some(Certificate { chain, key })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err("has a client certificate and no client-key or client-key-data: write one"
                .to_owned())
        }
        (None, Some(_)) => {
            Err("has a client key and no client-certificate or client-certificate-data: write one"
                .to_owned())
        }
    }
}

fn proof(
    entry: &file::User,
    folder: &Path,
    cluster: &Cluster,
    endpoint: &Endpoint,
) -> Result<Proof, String> {
    let is_there = |text: &&SecretString| !text.expose_secret().is_empty();
    let token = entry.token.as_ref().filter(is_there).cloned();
    let token_file = placed(folder, entry.token_file.as_ref());
    let username = entry.username.clone().filter(|name| !name.is_empty());
    if username.is_some() && (token.is_some() || token_file.is_some()) {
        return Err("has a username and a token, and only one of them can be the Authorization: take one away".to_owned());
    }
    if let Some(username) = username {
        if entry.exec.is_some() {
            return Err("has a username and exec, and only one of them can be the Authorization: take one away".to_owned());
        }
        if username.contains(':') {
            return Err("has a username with a colon, which basic authentication cannot tell from the password".to_owned());
        }
        let password = entry.password.clone().unwrap_or_else(|| SecretString::from(""));
        return Ok(Proof::Password { username, password });
    }
    if let Some(file) = token_file {
        return Ok(Proof::TokenFile { file, otherwise: token });
    }
    if let Some(token) = token {
        return Ok(Proof::Token(token));
    }
    match &entry.exec {
        Some(exec) => Ok(Proof::Exec(plugin(exec, folder, cluster, endpoint)?)),
        None => Ok(Proof::None),
    }
}

fn plugin(
    exec: &file::Exec,
    folder: &Path,
    cluster: &Cluster,
    endpoint: &Endpoint,
) -> Result<ExecPlugin, String> {
    let version = match exec.api_version.as_deref() {
        Some("client.authentication.k8s.io/v1") => ExecVersion::V1,
        Some("client.authentication.k8s.io/v1beta1") => ExecVersion::V1Beta1,
        Some("client.authentication.k8s.io/v1alpha1") => {
            return Err("has an exec plugin of v1alpha1, which Kubernetes took away: update the plugin, and write \
                client.authentication.k8s.io/v1 as its apiVersion".to_owned());
        }
        _ => {
            return Err("has an exec plugin without an apiVersion that there is: write \
                client.authentication.k8s.io/v1, or v1beta1 if the plugin's guide says so"
                .to_owned());
        }
    };
    // Standard input is the client's, and there may be no terminal at all: nobody can be asked anything.
    match (exec.interactive_mode.as_deref(), version) {
        (Some("Never" | "IfAvailable"), _) | (None, ExecVersion::V1Beta1) => {}
        (Some("Always"), _) => {
            return Err("has an exec plugin that always asks a person at a terminal (interactiveMode: Always), and there \
                is none here: log in with it once in a terminal if it remembers that, and write IfAvailable; or use a \
                token".to_owned());
        }
        (None, ExecVersion::V1) => {
            return Err("has an exec plugin without interactiveMode, which v1 requires: write Never or IfAvailable".to_owned());
        }
        (Some(_), _) => {
            return Err("has an exec plugin with an interactiveMode that there is not: write Never or IfAvailable".to_owned());
        }
    }
    let command = exec.command.as_deref().filter(|command| !command.is_empty());
    let command =
        command.ok_or("has an exec plugin without a command: write the program's name or path")?;
    // A name is looked up in PATH; anything with a slash is a path, and starts where the file lies.
    let command = if command.contains('/') { folder.join(command) } else { PathBuf::from(command) };
    let mut environment = Vec::new();
    for variable in exec.env.iter().flatten() {
        if variable.name.is_empty() || variable.name.contains(['=', '\0']) {
            return Err(
                "has an exec plugin with a variable in env that has no name that there could be"
                    .to_owned(),
            );
        }
        let value = variable.value.clone().unwrap_or_else(|| SecretString::from(""));
        environment.push((variable.name.clone(), value));
    }
    let mut spec = Map::from_iter([("interactive".to_owned(), Value::Bool(false))]);
    if exec.provide_cluster_info == Some(true) {
        spec.insert("cluster".to_owned(), cluster_info(cluster, endpoint)?);
    }
    let info = json!({ "kind": "ExecCredential", "apiVersion": version.name(), "spec": spec });
    Ok(ExecPlugin {
        command,
        arguments: exec.args.clone(),
        environment,
        version,
        info: info.to_string(),
        install_hint: exec.install_hint.clone().filter(|hint| !hint.trim().is_empty()),
    })
}

/// What a plugin is told of the cluster if it asks for that.
fn cluster_info(cluster: &Cluster, endpoint: &Endpoint) -> Result<Value, String> {
    let mut info = Map::new();
    let mut put = |key: &str, value: Value| info.insert(key.to_owned(), value);
    put("server", json!(cluster.server));
    if let Some(name) = cluster.tls_server_name.as_deref().filter(|name| !name.is_empty()) {
        put("tls-server-name", json!(name));
    }
    if let Some(authority) = &endpoint.authority {
        let pem = authority.read()?;
        put("certificate-authority-data", json!(STANDARD.encode(pem.expose_secret())));
    }
    if let Some(proxy) = cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) {
        put("proxy-url", json!(proxy));
    }
    let mut extensions = cluster.extensions.iter().flatten();
    let config = extensions.rfind(|named| named.name == EXEC_EXTENSION);
    put("config", config.and_then(|named| named.extension.clone()).unwrap_or_default());
    Ok(Value::Object(info))
}

/// The headers that ask to act as somebody else.
fn impersonation(entry: &file::User) -> Result<HeaderMap, String> {
    let wrong = |key: &str| format!("has an {key} that does not fit into a header");
    let value = |key: &str, text: &str| HeaderValue::from_str(text).map_err(|_| wrong(key));
    let mut headers = HeaderMap::new();
    let is_there = |text: &&String| !text.is_empty();
    let user = entry.impersonate.as_ref().filter(is_there);
    if let Some(user) = user {
        headers.insert("impersonate-user", value("as", user)?);
    }
    if let Some(uid) = entry.impersonate_uid.as_ref().filter(is_there) {
        headers.insert("impersonate-uid", value("as-uid", uid)?);
    }
    for group in entry.impersonate_groups.iter().flatten() {
        headers.append("impersonate-group", value("as-groups", group)?);
    }
    for (key, values) in entry.impersonate_extra.iter().flatten() {
        let name = format!("impersonate-extra-{}", escaped(key));
        let name = HeaderName::try_from(name).map_err(|_| wrong("as-user-extra"))?;
        for text in values {
            headers.append(name.clone(), value("as-user-extra", text)?);
        }
    }
    if user.is_none() && !headers.is_empty() {
        return Err(
            "has as-uid, as-groups or as-user-extra without as: write the user, too".to_owned()
        );
    }
    Ok(headers)
}

/// A key as a part of a header's name: what may not stand there, and `%`, in percent-encoding (which is how the API
/// server reads it), and letters small.
fn escaped(key: &str) -> String {
    let mut escaped = String::new();
    for byte in key.to_lowercase().bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
