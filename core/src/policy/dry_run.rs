//! Policies on trial: they decide beside those that are enforced, and all that comes of it is a member of the audit
//! record.

use super::judge::Asking;
use super::{Asker, missing_scopes};
use crate::audit::{Decision, DryRun};
use crate::config::Resource;
use crate::mcp::Admitted;
use crate::token::Principal;

/// What `access.dryRun` of the resource would have decided; `None` where there is none, or nothing to decide.
#[must_use]
pub fn dry_run(
    principal: &Principal,
    asker: Option<&Asker>,
    resource: &Resource,
    admitted: &Admitted<'_>,
) -> Option<DryRun> {
    let asking = Asking {
        is_app_only: principal.is_app_only(),
        lacks_required: !missing_scopes(principal, resource).is_empty(),
        asker: asker.filter(|asker| asker.is(principal)),
    };
    asking.dry_run(resource, admitted)
}

impl Asking<'_> {
    /// The same for whoever asks.
    pub(super) fn dry_run(&self, resource: &Resource, admitted: &Admitted<'_>) -> Option<DryRun> {
        let access = resource.access.as_ref()?.dry_run.as_ref()?;
        let asker = self.asker?.dry_run.as_ref()?;
        let target = resource.targets.of(admitted.message()).ok()?;
        Some(match access.decide(asker, admitted, &target.name, self.lacks_required) {
            Ok(verdict) => {
                DryRun { decision: Decision::Permit, reason: None, policies: verdict.policies }
            }
            Err(denial) => DryRun {
                decision: Decision::Deny,
                reason: Some(denial.reason()),
                policies: denial.policies().to_vec(),
            },
        })
    }
}
