//! A decision on a message whose headers agree with it.

use obolus_core::config::Resource;
use obolus_core::mcp::{Admitted, Message, MirroredHeaders};
use obolus_core::policy::{Permit, Subject};
use obolus_core::token::Principal;
use obolus_core::{Denial, Reason};

pub(crate) fn decide(
    principal: &Principal,
    resource: &Resource,
    message: &Message,
    subject: Subject<'_>,
) -> Result<Permit, Reason> {
    decide_in_full(principal, resource, message, subject).map_err(|denial| denial.reason())
}

/// The same, with all that a denial says.
pub(crate) fn decide_in_full(
    principal: &Principal,
    resource: &Resource,
    message: &Message,
    subject: Subject<'_>,
) -> Result<Permit, Denial> {
    let admitted = Admitted::read(MirroredHeaders::default(), message)?;
    let asker = resource.access.as_ref().map(|access| access.asker(principal));
    Permit::decide(principal, asker.as_ref(), resource, &admitted, subject)
}
