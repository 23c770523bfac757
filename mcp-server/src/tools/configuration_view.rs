//! `configuration_view`: the clusters that this server reaches, in the form of a kubeconfig and without any credential.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallContext, Effect, KubeTool, Toolset};
use crate::failure::Failure;
use crate::output::{Reply, bounded};

pub(super) struct ConfigurationView;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Only the context of this call (true, the default), or all of them
    #[serde(default)]
    #[schemars(with = "bool")]
    minified: Option<bool>,
}

/// A kubeconfig. Users are named and have nothing: each call brings its own caller's token.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Kubeconfig {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    /// The context of a call that names none.
    #[serde(rename = "current-context")]
    current_context: String,
    /// How each cluster is reached.
    clusters: Vec<NamedCluster>,
    /// The contexts that calls may name.
    contexts: Vec<NamedContext>,
    /// Who calls are made as: the caller, with the token of the call.
    users: Vec<NamedUser>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct NamedCluster {
    name: String,
    cluster: ClusterPart,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct ClusterPart {
    server: String,
    /// The file of the CAs that may have signed its certificate; the system's if there is none
    #[serde(rename = "certificate-authority", skip_serializing_if = "Option::is_none")]
    certificate_authority: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct NamedContext {
    name: String,
    context: ContextPart,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct ContextPart {
    cluster: String,
    user: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct NamedUser {
    name: String,
    user: Nothing,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Nothing {}

/// The one user there is.
const CALLER: &str = "caller";

impl KubeTool for ConfigurationView {
    const NAME: &'static str = "configuration_view";
    const TITLE: &'static str = "Configuration: View";
    const DESCRIPTION: &'static str =
        "Show which clusters this server reaches, as a kubeconfig in YAML without any credential";
    const EFFECT: Effect = Effect::Reads;
    const TOOLSET: Toolset = Toolset::Config;
    type Input = Input;
    type Output = Kubeconfig;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Kubeconfig>, Failure> {
        let called = context.caller.server();
        let is_minified = input.minified.unwrap_or(true);
        let reached = context.settings.reached.iter();
        let reached: Vec<_> =
            reached.filter(|cluster| !is_minified || cluster.server == called).collect();
        let current = reached.iter().find(|cluster| cluster.server == called);
        let structured = Kubeconfig {
            api_version: "v1",
            kind: "Config",
            current_context: current.map(|cluster| cluster.name.clone()).unwrap_or_default(),
            clusters: reached
                .iter()
                .map(|cluster| NamedCluster {
                    name: cluster.name.clone(),
                    cluster: ClusterPart {
                        server: cluster.server.clone(),
                        certificate_authority: cluster.certificate_authority.clone(),
                    },
                })
                .collect(),
            contexts: reached
                .iter()
                .map(|cluster| NamedContext {
                    name: cluster.name.clone(),
                    context: ContextPart { cluster: cluster.name.clone(), user: CALLER.to_owned() },
                })
                .collect(),
            users: vec![NamedUser { name: CALLER.to_owned(), user: Nothing {} }],
        };
        let text = serde_yaml_ng::to_string(&structured)
            .map_err(|error| Failure::Internal(error.to_string()))?;
        Ok(Reply { structured, text: bounded(text) })
    }
}
