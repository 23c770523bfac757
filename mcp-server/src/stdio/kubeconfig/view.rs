//! The kubeconfig as it may be shown: whole or one context's part of it, and never a credential.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::KubeconfigError;
use super::file::{Cluster, Exec, User};
use super::merge::Kubeconfig;

/// What stands in the place of a credential; kubectl writes the same.
const REDACTED: &str = "REDACTED";
/// What stands in the place of certificates, which are long and of no use to read; kubectl writes the same.
const OMITTED: &str = "DATA+OMITTED";

/// A kubeconfig without its secrets.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::stdio) struct View {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    current_context: String,
    clusters: Vec<NamedCluster>,
    users: Vec<NamedUser>,
    contexts: Vec<NamedContext>,
}

#[derive(Debug, Serialize)]
struct NamedCluster {
    name: String,
    cluster: ClusterView,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterView {
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure_skip_tls_verify: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct NamedUser {
    name: String,
    user: UserView,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct UserView {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate_data: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key_data: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'static str>,
    #[serde(rename = "tokenFile", skip_serializing_if = "Option::is_none")]
    token_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'static str>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    impersonate: Option<String>,
    #[serde(rename = "as-groups", skip_serializing_if = "Option::is_none")]
    impersonate_groups: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_provider: Option<ProviderView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec: Option<ExecView>,
}

#[derive(Debug, Serialize)]
struct ProviderView {
    name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecView {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<VariableView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interactive_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provide_cluster_info: Option<bool>,
}

#[derive(Debug, Serialize)]
struct VariableView {
    name: String,
    value: &'static str,
}

#[derive(Debug, Serialize)]
struct NamedContext {
    name: String,
    context: ContextView,
}

#[derive(Debug, Serialize)]
struct ContextView {
    cluster: String,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

impl Kubeconfig {
    /// All of it, with `current` as the current context; or only what that one needs.
    ///
    /// # Errors
    /// When there is no such context.
    pub(in crate::stdio) fn view(
        &self,
        current: &str,
        minified: bool,
    ) -> Result<View, KubeconfigError> {
        let Some(context) = self.contexts.get(current) else {
            let (name, known) = (current.to_owned(), self.names());
            return Err(KubeconfigError::NoSuchContext { name, known });
        };
        let wanted = |name: &str, of: Option<&String>| !minified || of.is_some_and(|of| of == name);
        let clusters =
            self.clusters.iter().filter(|(name, _)| wanted(name, context.cluster.as_ref()));
        let users = self.users.iter().filter(|(name, _)| wanted(name, context.user.as_ref()));
        let contexts = self.contexts.iter().filter(|(name, _)| !minified || *name == current);
        Ok(View {
            api_version: "v1",
            kind: "Config",
            current_context: current.to_owned(),
            clusters: clusters
                .map(|(name, placed)| NamedCluster {
                    name: name.clone(),
                    cluster: cluster(&placed.entry),
                })
                .collect(),
            users: users
                .map(|(name, placed)| NamedUser { name: name.clone(), user: user(&placed.entry) })
                .collect(),
            contexts: contexts
                .map(|(name, context)| NamedContext {
                    name: name.clone(),
                    context: ContextView {
                        cluster: context.cluster.clone().unwrap_or_default(),
                        user: context.user.clone().unwrap_or_default(),
                        namespace: context.namespace.clone(),
                    },
                })
                .collect(),
        })
    }
}

fn cluster(of: &Cluster) -> ClusterView {
    ClusterView {
        server: of.server.as_deref().map(without_user),
        tls_server_name: of.tls_server_name.clone(),
        insecure_skip_tls_verify: of.insecure_skip_tls_verify,
        certificate_authority: of.certificate_authority.clone(),
        certificate_authority_data: of.certificate_authority_data.as_ref().map(|_| OMITTED),
        proxy_url: of.proxy_url.as_deref().map(without_user),
    }
}

fn user(of: &User) -> UserView {
    UserView {
        client_certificate: of.client_certificate.clone(),
        client_certificate_data: of.client_certificate_data.as_ref().map(|_| OMITTED),
        client_key: of.client_key.clone(),
        client_key_data: of.client_key_data.as_ref().map(|_| REDACTED),
        token: of.token.as_ref().map(|_| REDACTED),
        token_file: of.token_file.clone(),
        username: of.username.clone(),
        password: of.password.as_ref().map(|_| REDACTED),
        impersonate: of.impersonate.clone(),
        impersonate_groups: of.impersonate_groups.clone(),
        auth_provider: of
            .auth_provider
            .as_ref()
            .map(|provider| ProviderView { name: provider.name.clone().unwrap_or_default() }),
        exec: of.exec.as_ref().map(exec),
    }
}

fn exec(of: &Exec) -> ExecView {
    ExecView {
        api_version: of.api_version.clone(),
        command: of.command.clone(),
        args: arguments(&of.args),
        env: of
            .env
            .iter()
            .flatten()
            .map(|variable| VariableView { name: variable.name.clone(), value: REDACTED })
            .collect(),
        interactive_mode: of.interactive_mode.clone(),
        provide_cluster_info: of.provide_cluster_info,
    }
}

/// A plugin's arguments: names of options as they are, and what they are set to only where it cannot be a secret.
/// `--oidc-client-secret=…` is common, so it is the names that are known to be harmless which are shown.
fn arguments(of: &[SecretString]) -> Vec<String> {
    let mut shown = Vec::new();
    let mut before = "";
    for argument in of.iter().map(|argument| argument.expose_secret()) {
        shown.push(match argument.split_once('=') {
            Some((name, _)) if name.starts_with('-') && !is_harmless(name) => {
                format!("{name}={REDACTED}")
            }
            Some(_) if !argument.starts_with('-') => REDACTED.to_owned(),
            None if before.starts_with('-')
                && !argument.starts_with('-')
                && !is_harmless(before) =>
            {
                REDACTED.to_owned()
            }
            None if !is_word(argument) && !is_harmless(before) => REDACTED.to_owned(),
            _ => argument.to_owned(),
        });
        before = if argument.contains('=') { "" } else { argument };
    }
    shown
}

/// Options of the plugins that there are, whose values say where and not who.
fn is_harmless(option: &str) -> bool {
    let known = [
        "--region",
        "--cluster-name",
        "--cluster-id",
        "--cluster",
        "--output",
        "-o",
        "-i",
        "--profile",
        "--role",
        "--role-arn",
        "--server-id",
        "--tenant-id",
        "--client-id",
        "--environment",
        "--login",
        "-l",
        "--oidc-issuer-url",
        "--oidc-client-id",
        "--oidc-extra-scope",
        "--grant-type",
        "--project",
        "--zone",
        "--location",
        "--context",
    ];
    known.contains(&option)
}

/// A subcommand or an option's name: short, and of letters.
fn is_word(argument: &str) -> bool {
    argument.len() <= 32 && argument.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '.')
}

/// A URL without the user and password that may stand in it, wherever a password with signs in it ends.
fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (_, None) => url.to_owned(),
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{REDACTED}@{host}"),
        (None, Some((_, host))) => format!("{REDACTED}@{host}"),
    }
}
