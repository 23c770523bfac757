//! `configuration_view`: the clusters that this server reaches, in the form of a kubeconfig and without any credential.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::arguments::Choice;
use super::{CallContext, Effect, KubeTool, Toolset};
use crate::config::Reached;
use crate::failure::Failure;
use crate::output::{Reply, bounded};

pub(super) struct ConfigurationView;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Only the context of this call (true, the default), or all of them
    #[serde(default)]
    #[schemars(with = "bool")]
    minified: Option<Choice>,
}

/// A kubeconfig. In HTTP mode its user has nothing: each call brings its own caller's token.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Kubeconfig(Value);

impl JsonSchema for Kubeconfig {
    fn schema_name() -> Cow<'static, str> {
        "Kubeconfig".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let named = |what: &str| {
            json!({
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "name": { "type": "string" }, what: { "type": "object" } },
                    "required": ["name"],
                },
            })
        };
        json_schema!({
            "type": "object",
            "properties": {
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "current-context": { "type": "string" },
                "clusters": named("cluster"),
                "contexts": named("context"),
                "users": named("user"),
            },
            "required": ["apiVersion", "kind", "current-context", "clusters", "contexts", "users"],
        })
    }
}

/// The one user there is in HTTP mode.
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
        let is_minified = input.minified.is_none_or(Choice::is_yes);
        let view = match context.caller.kubeconfig(is_minified) {
            Some(view) => view,
            None => {
                // Where API servers are is told to those whom one of them knows.
                context.caller.whoami().await?;
                of_http_mode(&context.settings.reached, context.caller.context(), is_minified)
            }
        };
        let text = serde_yaml_ng::to_string(&view)
            .map_err(|error| Failure::Internal(error.to_string()))?;
        Ok(Reply { structured: Kubeconfig(view), text: bounded(text) })
    }
}

/// `called` is the context of the call; the first one is that of calls that name none.
fn of_http_mode(reached: &[Reached], called: Option<&str>, is_minified: bool) -> Value {
    let first = reached.first().map(|cluster| cluster.name.as_str());
    let current = called.or(first).unwrap_or_default();
    let shown: Vec<_> =
        reached.iter().filter(|cluster| !is_minified || cluster.name == current).collect();
    let clusters = shown.iter().map(|cluster| {
        let mut part = json!({ "server": cluster.server });
        if let (Value::Object(part), Some(file)) = (&mut part, &cluster.certificate_authority) {
            part.insert("certificate-authority".to_owned(), json!(file));
        }
        json!({ "name": cluster.name, "cluster": part })
    });
    let contexts = shown.iter().map(|cluster| {
        json!({ "name": cluster.name, "context": { "cluster": cluster.name, "user": CALLER } })
    });
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": clusters.collect::<Vec<_>>(),
        "contexts": contexts.collect::<Vec<_>>(),
        "users": [{ "name": CALLER, "user": {} }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clusters_or_the_one_of_the_call_are_shown_and_no_credential() {
        let reached = ["east", "west"].map(|name| Reached {
            name: name.to_owned(),
            server: format!("https://{name}:6443"),
            certificate_authority: None,
        });
        let names = |view: &Value| {
            let clusters = view["clusters"].as_array().unwrap().iter();
            clusters.map(|cluster| cluster["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let whole = of_http_mode(&reached, None, false);
        assert_eq!(
            (names(&whole).join(","), &whole["current-context"]),
            ("east,west".to_owned(), &json!("east"))
        );
        let west = of_http_mode(&reached, Some("west"), true);
        assert_eq!(
            (names(&west).join(","), &west["current-context"]),
            ("west".to_owned(), &json!("west"))
        );
        assert_eq!(west["users"], json!([{"name": "caller", "user": {}}]));
        assert_eq!(west["contexts"][0]["context"], json!({"cluster": "west", "user": "caller"}));
    }
}
