//! The policies of several files, each with its name and its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cedar_policy_core::ast::{
    ActionConstraint, Effect, EntityReference, EntityUID, Policy, PolicyID,
    PrincipalOrResourceConstraint as Head,
};
use cedar_policy_core::parser::parse_policyset;
use obolus_core::policy::cedar::Action;

use crate::problem::{Problem, offset};
use crate::tools::Tool;

/// One policy, as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Written<'t> {
    pub(crate) id: String,
    pub(crate) file: &'t str,
    pub(crate) text: &'t str,
    pub(crate) policy: Policy,
    pub(crate) actions: Vec<Action>,
    pub(crate) reason: Option<String>,
}

/// Parses every file, and tells every fault.
pub(crate) fn parse<'t>(
    files: &'t [(String, String)],
    problems: &mut Vec<Problem>,
) -> Vec<Written<'t>> {
    let mut written: Vec<Written<'t>> = Vec::new();
    let mut ids = BTreeSet::new();
    for (file, text) in files {
        let set = match parse_policyset(text) {
            Ok(set) => set,
            Err(errors) => {
                problems.extend(errors.iter().map(|error| Problem::of_cedar(file, text, error)));
                continue;
            }
        };
        for template in set.templates() {
            let at = offset(template.loc());
            problems.push(
                Problem::at(file, text, at, "templates are not taken")
                    .with_help("write a policy without ?principal and ?resource"),
            );
        }
        let mut policies: Vec<_> = set.static_policies().collect();
        policies.sort_by_key(|policy| offset(policy.loc()));
        for policy in policies {
            let annotation = |name: &str| {
                let mut annotations = policy.annotations();
                annotations
                    .find(|(key, _)| key.as_ref() == name)
                    .map(|(_, told)| told.val.to_string())
            };
            let here = Problem::at(file, text, offset(policy.loc()), "");
            let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
            let (line, column) = here.place.unwrap_or_default();
            let id = annotation("id").unwrap_or_else(|| {
                let by_line = format!("{name}:{line}");
                if ids.contains(&by_line) { format!("{by_line}:{column}") } else { by_line }
            });
            let said = |message: String| Problem { message, ..here.clone() };
            if id.trim().is_empty() || !ids.insert(id.clone()) {
                problems.push(said(format!("@id({id:?}) is empty, or another policy's as well")));
            }
            for (name, _) in policy.annotations() {
                if !["id", "reason"].contains(&name.as_ref()) {
                    problems.push(
                        said(format!("@{name} has no meaning here"))
                            .with_help("the annotations are @id and @reason"),
                    );
                }
            }
            let reason = annotation("reason");
            if reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
                problems.push(said("@reason is empty".to_owned()));
            }
            let policy = policy.new_id(PolicyID::from_string(format!("policy{}", written.len())));
            let actions = actions(&policy);
            written.push(Written { id, file, text, policy, actions, reason });
        }
    }
    written
}

/// File, line and column of each policy, by its id.
pub(crate) fn places(files: &[(String, String)]) -> BTreeMap<String, String> {
    let place = |written: Written<'_>| {
        let Problem { file, place, .. } = written.problem(None, "");
        let (line, column) = place.unwrap_or_default();
        (written.id, format!("{file}:{line}:{column}"))
    };
    parse(files, &mut Vec::new()).into_iter().map(place).collect()
}

/// The methods that a policy is about.
fn actions(policy: &Policy) -> Vec<Action> {
    let is_named = |action: Action, uid: &EntityUID| {
        let id: &str = uid.eid().as_ref();
        id == action.name() || id == "use"
    };
    let constraint = policy.action_constraint();
    let is_about = |action: &Action| match constraint {
        ActionConstraint::Any => true,
        ActionConstraint::In(uids) => uids.iter().any(|uid| is_named(*action, uid)),
        ActionConstraint::Eq(uid) => {
            let id: &str = uid.eid().as_ref();
            id == action.name()
        }
    };
    Action::ALL.into_iter().filter(is_about).collect()
}

impl Written<'_> {
    pub(crate) fn is_forbid(&self) -> bool {
        self.policy.effect() == Effect::Forbid
    }

    pub(crate) fn problem(&self, at: Option<usize>, message: impl Into<String>) -> Problem {
        Problem::at(self.file, self.text, at.or_else(|| offset(self.policy.loc())), message)
    }

    /// Type, equal and within, of the head's resource.
    pub(crate) fn resource(&self) -> [Option<(String, String)>; 3] {
        let constraint = self.policy.resource_constraint();
        let uid = |reference: &EntityReference| match reference {
            EntityReference::EUID(uid) => Some(parts(uid)),
            EntityReference::Slot(_) => None,
        };
        match constraint.as_inner() {
            Head::Any => [None, None, None],
            Head::Is(of) => [Some((of.to_string(), String::new())), None, None],
            Head::Eq(reference) => [None, uid(reference), None],
            Head::In(reference) => [None, None, uid(reference)],
            Head::IsIn(of, reference) => {
                [Some((of.to_string(), String::new())), None, uid(reference)]
            }
        }
    }

    /// Whether its head lets it apply to a call of this tool.
    pub(crate) fn is_about(&self, tool: &Tool) -> bool {
        let [is, equal, within] = self.resource();
        let own = ("Tool".to_owned(), tool.id());
        let server = ("Server".to_owned(), tool.server.clone());
        self.actions.contains(&Action::ToolsCall)
            && is.is_none_or(|(of, _)| of == "Tool")
            && equal.is_none_or(|uid| uid == own)
            && within.is_none_or(|uid| uid == own || uid == server)
    }
}

/// An entity's type and id.
pub(crate) fn parts(uid: &EntityUID) -> (String, String) {
    let id: &str = uid.eid().as_ref();
    (uid.entity_type().to_string(), id.to_owned())
}
