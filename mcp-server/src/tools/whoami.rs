//! `whoami`: who the caller is to the API server, by the API server's own word.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallContext, Effect, KubeTool};
use crate::failure::Failure;
use crate::output::Reply;

pub(super) struct Whoami;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Person {
    /// The user name that RBAC and the audit log know
    username: String,
    /// The user's stable id, if the API server maps one
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    /// The groups that RBAC knows
    groups: Vec<String>,
    /// What else the API server took from the token, for example the credential's id in the audit log
    extra: BTreeMap<String, Vec<String>>,
}

impl KubeTool for Whoami {
    const NAME: &'static str = "whoami";
    const TITLE: &'static str = "Who Am I";
    const DESCRIPTION: &'static str = "Tell who you are to the Kubernetes API server: user name, groups and extra attributes (SelfSubjectReview)";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Person;

    async fn call(context: CallContext, _: Input) -> Result<Reply<Person>, Failure> {
        let review = context.caller.whoami().await?;
        let user = review.status.and_then(|status| status.user_info).unwrap_or_default();
        let person = Person {
            username: user.username.unwrap_or_default(),
            uid: user.uid.filter(|uid| !uid.is_empty()),
            groups: user.groups.unwrap_or_default(),
            extra: user.extra.unwrap_or_default(),
        };
        let text = format!("{}\ngroups: {}\n", person.username, person.groups.join(", "));
        Ok(Reply { structured: person, text })
    }
}
