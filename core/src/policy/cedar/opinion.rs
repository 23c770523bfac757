//! What each policy for itself says of a request: for whoever wants to know how a decision came about.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::outcomes::{Fault, Outcomes};
use super::program::{Program, Request};
use super::scan;
use super::value::{Hole, Value};

/// A policy that can be about what is asked for, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// The policy's id.
    pub id: Arc<str>,
    /// Whether it forbids.
    pub is_forbid: bool,
    /// Its `@reason`.
    pub reason: Option<Arc<str>>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its condition is met.
    Applies,
    /// Its condition is not met.
    DoesNotApply,
    /// It reads claims that the token does not tell: a `forbid` applies then, and a `permit` does not.
    Untold(Vec<Untold>),
    /// It could not be evaluated, and so the request is denied.
    Error(Fault),
}

/// A claim that a policy reads and the token does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untold {
    /// As policies name it, such as `groups`.
    pub claim: &'static str,
    /// Whether the token says that there is something to tell.
    pub is_elsewhere: bool,
}

impl Program {
    /// What each policy that can be about this says of it, in their order.
    ///
    /// # Errors
    /// Arguments that policies cannot read: none of them was asked then.
    pub fn opinions(&self, request: &Request<'_>) -> Result<Vec<Opinion>, Fault> {
        let context = self.context(request)?;
        let evaluation = self.evaluation(request.user, request.object, &context);
        let opinions = self.about(request.object).map(|(_, policy)| {
            let open = evaluation.test(&policy.condition);
            let outcome = match open.outcomes {
                Outcomes::TRUE => Outcome::Applies,
                Outcomes::FALSE => Outcome::DoesNotApply,
                Outcomes::UNTOLD => {
                    let mut read = BTreeSet::new();
                    scan::claims(&policy.condition, &mut read);
                    Outcome::Untold(
                        read.into_iter()
                            .filter_map(|claim| match request.user.attribute(claim)? {
                                Value::Hole(hole) => {
                                    Some(Untold { claim, is_elsewhere: *hole == Hole::Unresolved })
                                }
                                _ => None,
                            })
                            .collect(),
                    )
                }
                _ => Outcome::Error(open.fault.unwrap_or(Fault::Unsettled)),
            };
            Opinion {
                id: Arc::clone(&policy.id),
                is_forbid: policy.is_forbid,
                reason: policy.reason.clone(),
                outcome,
            }
        });
        Ok(opinions.collect())
    }
}
