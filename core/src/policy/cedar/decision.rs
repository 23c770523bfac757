//! What policies say of a request.

use std::sync::Arc;

use super::arguments::read_arguments;
use super::entities::{Action, Object, User};
use super::evaluate::Evaluation;
use super::outcomes::{Fault, Outcomes};
use super::program::{Policy, Program, Request};
use super::value::Value;

/// Whether a request may pass, and which policies said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// At least one `permit` applies, no `forbid` does, and nothing erred.
    Permit {
        /// The ids of the permits that apply.
        policies: Vec<Arc<str>>,
    },
    /// Anything else.
    Deny {
        /// What it failed at.
        by: DeniedBy,
        /// The ids of the policies that it failed at.
        policies: Vec<Arc<str>>,
        /// The `@reason` of the first of them that has one.
        reason: Option<Arc<str>>,
    },
}

/// What a request is denied by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeniedBy {
    /// A `forbid` that applies.
    Forbid,
    /// No `permit` that does.
    NoPermit,
    /// Arguments that policies cannot read, or a policy that could not be evaluated.
    Error(Fault),
}

impl Decision {
    /// Whether the request may pass.
    #[must_use]
    pub fn is_permit(&self) -> bool {
        matches!(self, Self::Permit { .. })
    }
}

impl Program {
    /// Decides on a request.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let context = match self.context(request) {
            Ok(context) => context,
            Err(fault) => return denied(DeniedBy::Error(fault), Vec::new()),
        };
        let evaluation = self.evaluation(request.user, request.object, &context);
        let (mut permits, mut forbids, mut erring) = (Vec::new(), Vec::new(), Vec::new());
        let mut fault = None;
        for (_, policy) in self.about(request.object) {
            let open = evaluation.test(&policy.condition);
            match open.outcomes {
                Outcomes::FALSE => {}
                Outcomes::TRUE if !policy.is_forbid => permits.push(policy),
                // A permit that reads a claim which the token does not tell.
                Outcomes::UNTOLD if !policy.is_forbid => {}
                Outcomes::TRUE | Outcomes::UNTOLD => forbids.push(policy),
                _ => {
                    erring.push(policy);
                    fault = fault.or(open.fault).or(Some(Fault::Unsettled));
                }
            }
        }
        match fault {
            _ if !forbids.is_empty() => denied(DeniedBy::Forbid, forbids),
            Some(fault) => denied(DeniedBy::Error(fault), erring),
            None if permits.is_empty() => denied(DeniedBy::NoPermit, permits),
            None => Decision::Permit { policies: ids(&permits) },
        }
    }

    pub(super) fn evaluation<'a>(
        &'a self,
        user: &'a User,
        object: &'a Object,
        context: &'a Value,
    ) -> Evaluation<'a> {
        Evaluation { user, action: self.action(object.action()), object, context }
    }

    pub(super) fn context(&self, request: &Request<'_>) -> Result<Value, Fault> {
        let arguments = if request.object.action() == Action::ToolsCall {
            Some(match self.reads(request.object) {
                None => Value::record([]),
                Some(reads) => read_arguments(request.arguments, &request.object.arguments, reads)?,
            })
        } else {
            None
        };
        Ok(context(request.target, request.revision, arguments))
    }
}

/// Only calls of tools have arguments here.
pub(super) fn context(target: &str, revision: &str, arguments: Option<Value>) -> Value {
    let target = ("target", Value::text(target));
    let revision = ("revision", Value::text(revision));
    match arguments {
        Some(arguments) => Value::record([target, revision, ("arguments", arguments)]),
        None => Value::record([target, revision]),
    }
}

fn ids(policies: &[&Policy]) -> Vec<Arc<str>> {
    policies.iter().map(|policy| Arc::clone(&policy.id)).collect()
}

fn denied(by: DeniedBy, policies: Vec<&Policy>) -> Decision {
    let reason = policies.iter().find_map(|policy| policy.reason.clone());
    Decision::Deny { by, policies: ids(&policies), reason }
}
