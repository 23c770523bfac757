//! The decision that a request may pass, bound to all that it was taken on.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::judge::Asking;
use super::{Asker, Verdict, missing_scopes};
use crate::config::Resource;
use crate::exchange::{ExchangedToken, Target};
use crate::mcp::{Admitted, BodyDigest};
use crate::token::{Identity, IssuerRules, Principal, TokenDigest};
use crate::{Denial, Reason, UnixSeconds};

/// What a decision is about: the request as it will be forwarded, and the state of the configuration and the
/// keys that it is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The cluster of the selected route.
    pub cluster: &'a str,
    /// The body, whole.
    pub body: &'a [u8],
    /// Counts changes of configuration and losses of keys: a decision does not outlive either.
    pub generation: u64,
}

/// One request of one principal may be forwarded once.
///
/// INVARIANT: made by [`Permit::decide`] alone, and used up by [`Permit::release`].
#[derive(Debug)]
pub struct Permit {
    identity: Identity,
    token: TokenDigest,
    resource: String,
    target: Arc<Target>,
    cluster: String,
    body: BodyDigest,
    generation: u64,
    expires_at: UnixSeconds,
    verdict: Verdict,
}

/// What the shell needs to forward a permitted request.
pub struct Forward {
    /// The cluster that the native guard lets this request reach.
    pub cluster: String,
    /// The value of the `Authorization` header.
    pub authorization: SecretString,
    /// When the first of the two tokens ends: no answer goes on for longer.
    pub ends_at: UnixSeconds,
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forward").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Permit {
    /// Decides whether `principal` may send `admitted` to `resource`. `asker` is the same principal as the resource's
    /// policies see it; where it has none, required scopes are the whole policy.
    ///
    /// The permit is for the bytes that the message was read from, whatever `subject` says.
    ///
    /// # Errors
    /// [`Reason::AppOnly`], [`Reason::InsufficientScope`], [`Reason::PolicyDenied`], [`Reason::ToolHidden`]; what
    /// [`Targets::of`](crate::config::Targets::of) refuses; [`Reason::IssuerUnknown`] and [`Reason::AudienceMismatch`]
    /// when the principal was verified for another resource; [`Reason::Internal`] when the cluster is not the
    /// resource's, or the asker is not this principal.
    pub fn decide(
        principal: &Principal,
        asker: Option<&Asker>,
        resource: &Resource,
        admitted: &Admitted<'_>,
        subject: Subject<'_>,
    ) -> Result<Self, Denial> {
        let message = admitted.message();
        if !resource.clusters.iter().any(|cluster| cluster == subject.cluster) {
            return Err(Reason::Internal.into());
        }
        // A principal says whom a token speaks for, not where it is good: the caller may have kept it since a
        // request for another resource.
        let own = principal.rules();
        let is_own =
            |rules: &Arc<IssuerRules>| rules.name == own.name && rules.provider == own.provider;
        if !resource.issuers.iter().any(is_own) {
            return Err(Reason::IssuerUnknown.into());
        }
        if !principal.audiences().iter().any(|audience| resource.audiences.contains(audience)) {
            return Err(Reason::AudienceMismatch.into());
        }
        let asking = Asking {
            is_app_only: principal.is_app_only(),
            lacks_required: !missing_scopes(principal, resource).is_empty(),
            asker: asker.filter(|asker| asker.is(principal)),
        };
        let (target, verdict) = asking.judge(resource, admitted)?;
        Ok(Self {
            identity: principal.identity().clone(),
            token: principal.token_digest().clone(),
            resource: resource.name.clone(),
            target: Arc::clone(target),
            cluster: subject.cluster.to_owned(),
            body: message.body_digest(),
            generation: subject.generation,
            expires_at: principal.expires_at(),
            verdict,
        })
    }

    /// The resource that was asked for.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// What its token is exchanged for, by the message that was permitted.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// What policies said. For the audit record.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Turns the permit into what is needed to forward the request, if request, exchanged token and state are
    /// still those that it was given for.
    ///
    /// # Errors
    /// [`Reason::PermitMismatch`]; [`Reason::TokenExpired`] and [`Reason::ExchangedExpired`] when waiting took
    /// too long.
    pub fn release(
        self,
        subject: Subject<'_>,
        exchanged: &ExchangedToken,
        now: UnixSeconds,
    ) -> Result<Forward, Reason> {
        let same = self.cluster == subject.cluster
            && self.generation == subject.generation
            && self.body == BodyDigest::of(subject.body)
            && self.identity == *exchanged.identity()
            && exchanged.was_exchanged_for(&self.token, &self.target);
        if !same {
            return Err(Reason::PermitMismatch);
        }
        if self.expires_at <= now {
            return Err(Reason::TokenExpired);
        }
        if exchanged.expires_at() <= now {
            return Err(Reason::ExchangedExpired);
        }
        let token = exchanged.access_token().expose_secret();
        Ok(Forward {
            cluster: self.cluster,
            authorization: SecretString::from(format!("Bearer {token}")),
            ends_at: self.expires_at.min(exchanged.expires_at()),
        })
    }
}
