//! `projects_list`: OpenShift's projects.
//!
//! Whether a cluster is OpenShift is asked with the caller's own token, so the tool is listed for every cluster, and says
//! so where there are no projects.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::{Continue, Limit, ListArguments, optional};
use super::{CallContext, Effect, KubeTool};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind};
use crate::output::{Format, Listing, Reply};

pub(super) struct ProjectsList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    #[serde(default)]
    #[schemars(with = "Limit")]
    limit: Option<Limit>,
    #[serde(default, rename = "continue", deserialize_with = "optional")]
    #[schemars(with = "Continue")]
    continues: Option<Continue>,
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Format")]
    output: Option<Format>,
}

impl KubeTool for ProjectsList {
    const NAME: &'static str = "projects_list";
    const TITLE: &'static str = "Projects: List";
    const DESCRIPTION: &'static str = "List the projects of an OpenShift cluster that you have access to. Other clusters have none: use namespaces_list";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Listing;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Listing>, Failure> {
        let known = |text: &str| Failure::Internal(text.to_owned());
        let version = ApiVersion::try_from("project.openshift.io/v1".to_owned()).map_err(known)?;
        let kind = Kind::try_from("Project".to_owned()).map_err(known)?;
        let resource = match context.caller.discover(&version, &kind).await {
            Err(failure @ Failure::UnknownKind { .. }) => {
                let advice = "Only OpenShift has projects: use namespaces_list here".to_owned();
                return Err(Failure::Advised { failure: Box::new(failure), advice });
            }
            found => found?,
        };
        let arguments = ListArguments {
            labels: None,
            fields: None,
            limit: input.limit,
            continues: input.continues,
            output: input.output,
        };
        arguments.list(&context, &resource, None).await
    }
}
