//! What a message is judged by, once it is known who sends it: the one way to a permit, and to an explanation.

use std::sync::Arc;

use super::{Asker, Verdict};
use crate::config::Resource;
use crate::exchange::Target;
use crate::mcp::Admitted;
use crate::{Denial, Reason};

/// Who asks.
pub(super) struct Asking<'a> {
    /// An exchange asks for a token that speaks for the same person, so there has to be one.
    pub(super) is_app_only: bool,
    /// Whether a scope is missing that the resource wants for any call.
    pub(super) lacks_required: bool,
    /// As the resource's policies see it; `None` where that is not known, and then nothing passes policies.
    pub(super) asker: Option<&'a Asker>,
}

impl Asking<'_> {
    /// What policies say, and what the message is for.
    pub(super) fn judge<'r>(
        &self,
        resource: &'r Resource,
        admitted: &Admitted<'_>,
    ) -> Result<(&'r Arc<Target>, Verdict), Denial> {
        if self.is_app_only {
            return Err(Reason::AppOnly.into());
        }
        let target = resource.targets.of(admitted.message());
        let verdict = match &resource.access {
            // A target that is none keeps its own reason: nothing is decided about it.
            Some(access) if target.is_ok() => {
                let asker = self.asker.ok_or(Reason::Internal)?;
                let target = target.map_or("", |target| target.name.as_str());
                access.decide(asker, admitted, target, self.lacks_required)?
            }
            _ if self.lacks_required => return Err(Reason::InsufficientScope.into()),
            _ => Verdict::default(),
        };
        Ok((target?, verdict))
    }
}
