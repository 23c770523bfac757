//! What a list shows.
//!
//! Nobody knows yet with which arguments a tool will be called, so what is hidden is what no arguments would open: a
//! `permit` whose outcome rests on the arguments counts, a `forbid` does not. Each policy is looked at for itself, so
//! a tool may be shown that no single set of arguments opens; the call still decides.

use super::decision::context;
use super::entities::{Action, Object, User};
use super::outcomes::Outcomes;
use super::program::{Program, Request};
use super::value::{Hole, Value};

/// What one principal is shown. Made once for a list: what policies say of the principal alone is known before the
/// first tool, and most policies are done with it.
#[derive(Debug)]
pub struct Listing<'a> {
    program: &'a Program,
    user: &'a User,
    of_tools: Value,
    of_others: Value,
    /// By policy: whether it cannot apply to this principal, whatever is asked for.
    is_done: Vec<bool>,
}

impl Program {
    /// What this principal is shown, for a target and a revision of MCP.
    #[must_use]
    pub fn listing<'a>(&'a self, user: &'a User, target: &str, revision: &str) -> Listing<'a> {
        let nothing = Object::prompt("", "");
        let of_others = context(target, revision, None);
        let is_done = {
            let alone = self.evaluation(user, &nothing, &of_others);
            let outcome = |policy: &super::program::Policy| {
                policy
                    .of_principal()
                    .is_some_and(|part| alone.test(part).outcomes == Outcomes::FALSE)
            };
            self.policies().iter().map(outcome).collect()
        };
        let of_tools = context(target, revision, Some(Value::Hole(Hole::Unknown)));
        Listing { program: self, user, of_tools, of_others, is_done }
    }

    /// The same for one request, of which the arguments are ignored.
    #[must_use]
    pub fn is_listable(&self, request: &Request<'_>) -> bool {
        self.listing(request.user, request.target, request.revision).shows(request.object)
    }
}

impl Listing<'_> {
    /// Whether there may be arguments with which a use of this would be permitted.
    #[must_use]
    pub fn shows(&self, object: &Object) -> bool {
        let is_tool = object.action() == Action::ToolsCall;
        let context = if is_tool { &self.of_tools } else { &self.of_others };
        let evaluation = self.program.evaluation(self.user, object, context);
        let mut is_permitted = false;
        for (index, policy) in self.program.about(object) {
            if self.is_done.get(index) == Some(&true) {
                continue;
            }
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
}
