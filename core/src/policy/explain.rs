//! What would be decided if claims were a verified token's, and why. Nothing passes by it: there is no permit in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cedar::{Fault, Opinion};
use super::judge::Asking;
use super::{Circumstances, Verdict};
use crate::audit::DryRun;
use crate::config::Resource;
use crate::mcp::{Admitted, Governs};
use crate::token::Claimed;
use crate::{Denial, Reason};

/// What would be decided, and how that came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What the client would get.
    pub outcome: Result<Verdict, Denial>,
    /// The target that the token would be exchanged for.
    pub target: Result<String, Reason>,
    /// The scopes that the client would be told of and does not have.
    pub missing_scopes: Vec<String>,
    /// What policies say of everything that the message names.
    pub considered: Vec<Considered>,
    /// What the policies of a dry run would say, where there are any.
    pub dry_run: Option<DryRun>,
}

/// Something that the message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// What it is.
    pub governs: Governs,
    /// Its name or URI.
    pub name: String,
    /// Whether policies know of it; a tool that they were not compiled with is nobody's.
    pub is_known: bool,
    /// Whether a list shows it.
    pub is_listed: bool,
    /// The arguments of it that policies read; `None` for all that it has.
    pub arguments_read: Option<BTreeSet<Arc<str>>>,
    /// What each policy says that can be about it; an argument that none of them can read.
    pub opinions: Result<Vec<Opinion>, Fault>,
}

/// Explains what would be decided about a message.
#[must_use]
pub fn explain(claimed: &Claimed, resource: &Resource, admitted: &Admitted<'_>) -> Explanation {
    let asker = resource.access.as_ref().map(|access| access.asker_of_claims(claimed));
    let lacks = |scope: &String| !claimed.has_scope(scope, &resource.audiences);
    let required: Vec<_> =
        resource.required_scopes.iter().filter(|scope| lacks(scope)).cloned().collect();
    let asking = Asking {
        is_app_only: claimed.said().is_app_only,
        lacks_required: !required.is_empty(),
        asker: asker.as_ref(),
    };
    let outcome = asking.judge(resource, admitted).map(|(_, verdict)| verdict);
    let target = resource.targets.of(admitted.message()).map(|target| target.name.clone());
    let mut missing_scopes = Vec::new();
    if let Err(denial) = &outcome
        && denial.reason() == Reason::InsufficientScope
    {
        missing_scopes = required;
        missing_scopes.extend(denial.scopes().iter().filter(|scope| lacks(scope)).cloned());
    }
    let of_access = resource.access.as_ref().zip(asker.as_ref());
    let circumstances = Circumstances {
        target: target.as_deref().unwrap_or_default(),
        revision: admitted.revision(),
    };
    let considered = of_access.map(|(access, asker)| {
        let message = admitted.message();
        let named = message.named().into_iter();
        named.filter_map(|named| access.consider(asker, message, named, circumstances)).collect()
    });
    let dry_run = asking.dry_run(resource, admitted);
    Explanation {
        outcome,
        missing_scopes,
        considered: considered.unwrap_or_default(),
        dry_run,
        target,
    }
}
