//! `can_i`: whether the caller may do something, or all that they may do in a namespace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{AccessQuery, Rules};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::{Reply, aligned, one_line};

pub(super) struct CanI;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The verb, for example get, list, create, delete, or * for all. Without verb and resource, everything that you may do in the namespace is listed
    #[serde(default)]
    verb: String,
    /// What to do it to, for example pods, deployments.apps, pods/log, or * for all
    #[serde(default)]
    resource: String,
    /// The one object, if it is about one
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ObjectName")]
    name: Option<ObjectName>,
    /// The namespace; all of them if left out, or default where everything is listed
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Verdict {
    /// Whether it is allowed; not there if everything was listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed: Option<bool>,
    /// Why, if an authorizer says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    /// What is allowed in the namespace, if everything was listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule>,
    /// Why there may be more than what is listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Rule {
    /// The verbs.
    verbs: Vec<String>,
    /// The resources, each with its group.
    resources: Vec<String>,
    /// The objects, if the rule is for some only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
}

impl KubeTool for CanI {
    const NAME: &'static str = "can_i";
    const TITLE: &'static str = "Access: Can I";
    const DESCRIPTION: &'static str = "Tell whether you may do something, by the cluster's own authorizers, without trying it; \
         or list what you may do in a namespace";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Verdict;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Verdict>, Failure> {
        match (input.verb.as_str(), input.resource.as_str()) {
            ("", "") => {
                let namespace = context.caller.namespace_or_default(input.namespace);
                Ok(listed(&namespace, context.caller.rules(&namespace).await?))
            }
            ("", _) => Err(invalid("verb is missing: write get, list, create, delete or another")),
            (_, "") => Err(invalid("resource is missing: write pods, deployments.apps or another")),
            (verb, resource) => {
                let query = query(&context, verb, resource, &input).await?;
                let status = context.caller.may(&query).await?;
                let reason = status.reason.or(status.evaluation_error).unwrap_or_default();
                let reason = one_line(&reason);
                Ok(Verdict { allowed: Some(status.allowed), reason, ..Verdict::default() }
                    .reply(&query))
            }
        }
    }
}

fn invalid(text: &str) -> Failure {
    Failure::InvalidArguments(text.to_owned())
}

/// The question, with the resource's group: as it is written, or else as the cluster knows the resource.
async fn query(
    context: &CallContext,
    verb: &str,
    resource: &str,
    input: &Input,
) -> Result<AccessQuery, Failure> {
    let is_verb = verb == "*" || verb.len() <= 63 && verb.bytes().all(|b| b.is_ascii_alphabetic());
    if !is_verb {
        return Err(invalid("verb must be one of RBAC's, for example list, or *"));
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-./*".contains(&b);
    if resource.len() > 253 || !resource.bytes().all(fits) {
        return Err(invalid("resource must be like pods, deployments.apps or pods/log"));
    }
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (resource, group) = match resource.split_once('.') {
        Some((resource, group)) => (resource.to_owned(), group.to_owned()),
        None if resource == "*" => ("*".to_owned(), "*".to_owned()),
        None => found(context, resource).await,
    };
    Ok(AccessQuery {
        verb: verb.to_owned(),
        group,
        resource,
        subresource: subresource.to_owned(),
        name: input.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        namespace: input.namespace.as_ref().map(ToString::to_string).unwrap_or_default(),
    })
}

/// The plural and the group of what people call by this name. RBAC decides about names that no kind has, too.
async fn found(context: &CallContext, name: &str) -> (String, String) {
    let lower = name.to_lowercase();
    let kinds = context.caller.api_kinds().await.unwrap_or_default();
    kinds
        .into_iter()
        .find(|kind| kind.is_called(&lower))
        .map_or((name.to_owned(), String::new()), |kind| (kind.plural, kind.group))
}

impl Verdict {
    fn reply(self, query: &AccessQuery) -> Reply<Self> {
        let group =
            if query.group.is_empty() { String::new() } else { format!(".{}", query.group) };
        let sub = if query.subresource.is_empty() {
            String::new()
        } else {
            format!("/{}", query.subresource)
        };
        let name =
            if query.name.is_empty() { String::new() } else { format!(" \"{}\"", query.name) };
        let place = if query.namespace.is_empty() {
            "in the whole cluster".to_owned()
        } else {
            format!("in namespace \"{}\"", query.namespace)
        };
        let answer = if self.allowed == Some(true) { "yes: you may" } else { "no: you may not" };
        let why =
            if self.reason.is_empty() { String::new() } else { format!(" ({})", self.reason) };
        let text =
            format!("{answer} {} {}{group}{sub}{name} {place}{why}\n", query.verb, query.resource);
        Reply { structured: self, text }
    }
}

fn listed(namespace: &Namespace, told: Rules) -> Reply<Verdict> {
    let lines = |of: &[String]| of.iter().map(|text| one_line(text)).collect::<Vec<_>>();
    let mut rules: Vec<Rule> = told
        .rules
        .iter()
        .map(|rule| Rule {
            verbs: lines(&rule.verbs),
            resources: with_groups(&lines(&rule.resources), &lines(&rule.groups)),
            names: lines(&rule.names),
        })
        .collect();
    let header = ["RESOURCES", "NAMES", "VERBS"].map(str::to_owned).to_vec();
    let rows = rules
        .iter()
        .map(|rule| vec![rule.resources.join(","), rule.names.join(","), rule.verbs.join(",")]);
    let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
    let (table, shown) = aligned(&rows);
    let mut text = format!("what you may do in namespace \"{namespace}\":\n{table}");
    if shown < rows.len() {
        text.push_str(&format!("[{} more rules]\n", rows.len().saturating_sub(shown)));
    }
    rules.truncate(shown.saturating_sub(1));
    let incomplete = told.incomplete.map(|why| one_line(&why));
    if let Some(why) = &incomplete {
        text.push_str(&format!(
            "[incomplete, you may be allowed more: {why}. Ask with verb and resource to be sure]\n"
        ));
    }
    Reply { structured: Verdict { rules, incomplete, ..Verdict::default() }, text }
}

fn with_groups(resources: &[String], groups: &[String]) -> Vec<String> {
    let one = |resource: &String, group: &String| match (group.as_str(), resource.split_once('/')) {
        ("", _) => resource.clone(),
        (group, Some((resource, sub))) => format!("{resource}.{group}/{sub}"),
        (group, None) => format!("{resource}.{group}"),
    };
    groups
        .iter()
        .flat_map(|group| resources.iter().map(move |resource| one(resource, group)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_resources_as_they_are_asked_about() {
        let texts = |of: &[&str]| of.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let named =
            with_groups(&texts(&["deployments", "deployments/scale"]), &texts(&["apps", ""]));
        assert_eq!(
            named,
            ["deployments.apps", "deployments.apps/scale", "deployments", "deployments/scale"]
        );
    }

    #[test]
    fn rules_that_are_not_all_say_so() {
        let rules =
            Rules { rules: Vec::new(), incomplete: Some("webhook\ncannot list".to_owned()) };
        let shop = Namespace::try_from("shop".to_owned()).unwrap();
        let reply = listed(&shop, rules);
        assert!(
            reply.text.contains("[incomplete, you may be allowed more: webhook cannot list."),
            "{}",
            reply.text
        );
        assert_eq!(reply.structured.incomplete.as_deref(), Some("webhook cannot list"));
        let reply = listed(&shop, Rules { rules: Vec::new(), incomplete: None });
        assert!(!reply.text.contains("incomplete"));
    }
}
