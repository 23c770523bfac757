//! What policies say of a request.

use std::sync::Arc;

use super::arguments::{Arguments, read_arguments};
use super::entities::{Action, User};
use super::evaluate::Evaluation;
use super::outcomes::{Fault, Outcomes};
use super::program::{Program, Request};
use super::value::{Hole, Value};

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
        let context = match self.context(request, Arguments::Known(request.arguments)) {
            Ok(context) => context,
            Err(fault) => return denied(DeniedBy::Error(fault), Vec::new()),
        };
        let evaluation = self.evaluation(request, request.user, &context);
        let (mut permits, mut forbids, mut erring) = (Vec::new(), Vec::new(), Vec::new());
        let mut fault = None;
        for policy in self.about(request.object) {
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

    /// Whether there may be arguments with which a call would be permitted: what is hidden from a list is what no
    /// argument lets pass.
    ///
    /// A `permit` whose outcome rests on the arguments counts, a `forbid` does not. Each policy is looked at for
    /// itself, so a tool may be shown that no single set of arguments opens; the call still decides.
    #[must_use]
    pub fn is_listable(&self, request: &Request<'_>) -> bool {
        self.is_listable_for(request, request.user)
    }

    pub(super) fn is_listable_for(&self, request: &Request<'_>, user: &User) -> bool {
        let Ok(context) = self.context(request, Arguments::Unknown) else { return false };
        let evaluation = self.evaluation(request, user, &context);
        let mut is_permitted = false;
        for policy in self.about(request.object) {
            // One permit that may apply is enough; of forbids every one counts, and of permits every error.
            let outcomes = evaluation.test(&policy.condition).outcomes;
            let denies = if policy.is_forbid {
                !outcomes.may_be(Outcomes::FALSE)
            } else {
                outcomes == Outcomes::ERROR
            };
            if denies {
                return false;
            }
            is_permitted |= !policy.is_forbid && outcomes.may_be(Outcomes::TRUE);
        }
        is_permitted
    }

    fn evaluation<'a>(
        &'a self,
        request: &Request<'a>,
        user: &'a User,
        context: &'a Value,
    ) -> Evaluation<'a> {
        let action = self.action(request.object.action());
        Evaluation { user, action, object: request.object, context }
    }

    fn context(&self, request: &Request<'_>, arguments: Arguments<'_>) -> Result<Value, Fault> {
        let target = ("target", Value::text(request.target));
        let revision = ("revision", Value::text(request.revision));
        if request.object.action() != Action::ToolsCall {
            return Ok(Value::record([target, revision]));
        }
        let arguments = match (arguments, self.reads(request.object)) {
            (Arguments::Unknown, _) => Value::Hole(Hole::Unknown),
            (Arguments::Known(_), None) => Value::record([]),
            (Arguments::Known(arguments), Some(reads)) => {
                read_arguments(arguments, &request.object.arguments, reads)?
            }
        };
        Ok(Value::record([target, revision, ("arguments", arguments)]))
    }
}

fn ids(policies: &[&super::program::Policy]) -> Vec<Arc<str>> {
    policies.iter().map(|policy| Arc::clone(&policy.id)).collect()
}

fn denied(by: DeniedBy, policies: Vec<&super::program::Policy>) -> Decision {
    let reason = policies.iter().find_map(|policy| policy.reason.clone());
    Decision::Deny { by, policies: ids(&policies), reason }
}
