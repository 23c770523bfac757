//! What tokens of a resource are exchanged for: one target, or one for each value of an argument, and of what stands in its
//! place in a `k8s://` URI.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Section;
use crate::Reason;
use crate::exchange::Target;
use crate::mcp::{Governs, Message};

/// What `kubernetes-mcp-server` calls the argument that names a cluster.
const ARGUMENT: &str = "context";
/// Of URIs whose authority names one: `k8s://prod/…`. It is empty for the cluster of whatever names none.
const SCHEME: &str = "k8s";

/// The targets of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    default: Arc<Target>,
    chosen: Option<Choice>,
}

/// The argument that chooses, and what by its values.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    argument: String,
    by_value: BTreeMap<String, Arc<Target>>,
    /// Whether a tool is called only with it.
    is_required: bool,
}

impl Targets {
    /// The target of whatever names none.
    #[must_use]
    pub fn default_target(&self) -> &Arc<Target> {
        &self.default
    }

    /// The target that a message is for, by the body that it was read from and nothing else: by the argument, or by the
    /// resources' URIs that it names.
    ///
    /// # Errors
    /// [`Reason::TargetNotServed`] for a value that is not configured, that is no string, or that a tool needs and has
    /// not got, and for URIs of more than one target; [`Reason::ParamsMalformed`] when another key could be taken for the argument.
    pub fn of(&self, message: &Message) -> Result<&Arc<Target>, Reason> {
        let Some(choice) = &self.chosen else { return Ok(&self.default) };
        match message.argument(&choice.argument)? {
            Some(Value::String(value)) => choice.by_value.get(value).ok_or(Reason::TargetNotServed),
            Some(_) => Err(Reason::TargetNotServed),
            None if choice.is_required && message.tool().is_some() => Err(Reason::TargetNotServed),
            None => self.of_uris(choice, message),
        }
    }

    /// The target that all URIs of a message name. One that names none is for the default, and other schemes name none:
    /// what their authority means, only their server knows.
    fn of_uris<'a>(
        &'a self,
        choice: &'a Choice,
        message: &Message,
    ) -> Result<&'a Arc<Target>, Reason> {
        let mut found = None;
        let uris = message.named().into_iter().filter(|named| named.governs == Governs::Resource);
        for uri in uris {
            let target = match cluster_in(uri.name) {
                None | Some("") => &self.default,
                Some(name) => choice.by_value.get(name).ok_or(Reason::TargetNotServed)?,
            };
            // One token cannot be for two.
            if found.is_some_and(|found| found != target) {
                return Err(Reason::TargetNotServed);
            }
            found = Some(target);
        }
        Ok(found.unwrap_or(&self.default))
    }

    /// All of them, each with its path in the resource's configuration. One may stand there several times.
    pub fn all(&self) -> impl Iterator<Item = (String, &Target)> {
        let path = if self.chosen.is_some() { "targets.default" } else { "target" };
        let by_value = self.chosen.iter().flat_map(|choice| &choice.by_value);
        let by_value =
            by_value.map(|(value, target)| (format!("targets.byValue.{value}"), &**target));
        std::iter::once((path.to_owned(), &*self.default)).chain(by_value)
    }
}

/// What stands for the cluster in a URI of ours: everything up to the path, so that what is no name is none of the values.
/// The scheme is read as everybody reads it, in whichever letters.
fn cluster_in(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let rest = rest.strip_prefix("//").filter(|_| scheme.eq_ignore_ascii_case(SCHEME))?;
    rest.split(['/', '?', '#']).next()
}

/// `target`, or `targets`.
pub(super) fn targets(resource: &Section<'_>) -> Option<Targets> {
    if !resource.has("targets") {
        let target = resource.section("target", WHAT).and_then(target)?;
        return Some(Targets { default: Arc::new(target), chosen: None });
    }
    if resource.has("target") {
        resource.problem("target", "stands beside `targets`: write its content as targets.default");
    }
    let section = resource.optional_section("targets")?;
    let argument = section.optional_string("argument");
    let by_value = section.section("byValue", "a target for each value of the argument");
    if by_value.as_ref().is_some_and(|by_value| by_value.keys().is_empty()) {
        section.problem(
            "byValue",
            "must not be empty: where there is one target, write `target` in place of `targets`",
        );
    }
    let by_value = by_value.and_then(by_value_of);
    let default = section
        .section("default", "the target of requests without the argument, such as tools/list")
        .and_then(target);
    let is_required = section.boolean("required", false);
    section.finish();
    let argument = argument.unwrap_or_else(|| ARGUMENT.to_owned());
    let chosen = Some(Choice { argument, by_value: by_value?, is_required });
    Some(Targets { default: Arc::new(default?), chosen })
}

const WHAT: &str = "{\"name\": …, \"audience\": …}";

fn by_value_of(section: Section<'_>) -> Option<BTreeMap<String, Arc<Target>>> {
    let read = |value: &str| {
        let target = section.section(value, WHAT).and_then(target)?;
        Some((value.to_owned(), Arc::new(target)))
    };
    // All of them are read, so that all problems are told.
    let read: Vec<_> = section.keys().into_iter().map(read).collect();
    section.finish();
    read.into_iter().collect()
}

fn target(section: Section<'_>) -> Option<Target> {
    let name = section.string("name", "the target's name in the STS's configuration");
    let audience = section.string("audience", "the audience that the exchanged token must have");
    section.finish();
    Some(Target { name: name?, audience: audience? })
}
