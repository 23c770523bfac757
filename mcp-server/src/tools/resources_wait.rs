//! `resources_wait`.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::changes::words;
use super::seconds::Patience;
use super::waiting::{Judged, until};
use super::{CallContext, Effect, KubeTool};
use crate::awaited::Awaited;
use crate::cluster::{Noise, RawObject};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};
use crate::output::{Reply, one_line};

pub(super) struct ResourcesWait;

const DEFAULT_PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// The apiVersion, for example v1 or apps/v1
    api_version: ApiVersion,
    /// The kind, for example Pod
    kind: Kind,
    /// The object's name. It need not exist yet
    name: ObjectName,
    /// The object's namespace; the default one if left out; ignored for kinds that live in no namespace
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// What to wait for, as in kubectl wait: delete, create, condition=Ready, condition=Available=False,
    /// jsonpath={.status.phase}=Running, or jsonpath={.status.podIP} for any value
    #[serde(rename = "for")]
    awaited: String,
    /// How long to wait, in seconds, from 1 to 600; 60 if left out
    #[serde(default)]
    #[schemars(with = "Patience")]
    timeout_seconds: Option<Patience>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Met {
    /// The apiVersion
    api_version: String,
    /// The kind
    kind: String,
    /// The namespace, if it lives in one
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The name
    name: String,
    /// What was found at the end
    found: String,
    /// How long it took, in seconds
    waited_seconds: u64,
}

impl KubeTool for ResourcesWait {
    const NAME: &'static str = "resources_wait";
    const TITLE: &'static str = "Resources: Wait";
    const DESCRIPTION: &'static str = "Wait until one object is in a condition, has a field's value, exists, or is gone. \
         What is so already is told at once; if it is not so in time, the call fails and says what there is instead";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Met;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Met>, Failure> {
        let awaited = Awaited::read(&input.awaited)
            .map_err(|reason| Failure::InvalidArguments(format!("for: {reason}")))?;
        let resource = context.caller.discover(&input.api_version, &input.kind).await?;
        let namespace = context.caller.namespace_or_default(input.namespace);
        let limit = input.timeout_seconds.map_or(DEFAULT_PATIENCE, |Patience(limit)| limit);
        let object = words(&resource, &namespace, &input.name);
        let what = format!("{object}: {} has not come", input.awaited);
        let started = Instant::now();
        // It is judged as it is shown: waiting for a Secret's value would be a way to guess it.
        let judge = |object: Option<RawObject>| {
            let shown = object.map(|object| object.show(Noise::Dropped));
            let (is_met, found) = awaited.judge(shown.as_ref().map(|shown| shown.as_map()));
            let found = one_line(&found);
            Ok(if is_met { Judged::Met(found) } else { Judged::NotYet(found) })
        };
        let about = (&resource, &namespace, &input.name);
        let found = until(&context, about, (&what, limit), judge).await?;
        let waited_seconds = started.elapsed().as_secs();
        let text = format!("{object}: {found} (after {waited_seconds} s)\n");
        let structured = Met {
            api_version: resource.api_version().to_owned(),
            kind: resource.kind().to_owned(),
            namespace: resource.is_namespaced().then(|| namespace.to_string()),
            name: input.name.to_string(),
            found,
            waited_seconds,
        };
        Ok(Reply { structured, text })
    }
}
