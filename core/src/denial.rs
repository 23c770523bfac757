//! A reason with what else the person who is refused needs to know, all the way from the identity provider to the
//! client.

use std::time::Duration;

use crate::Reason;
use crate::policy::UnknownTool;

mod access;
mod claims;

use access::AccessDenial;
pub use claims::ClaimsChallenge;

/// A denial: the reason, and the only details that ever travel beside one.
///
/// INVARIANT: there are claims exactly where the reason is [`Reason::ClaimsRequired`], a version only where it is
/// [`Reason::VersionUnsupported`], a time only where the status is 503, and what policies said only where they decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    reason: Reason,
    retry_after: Option<RetrySeconds>,
    claims: Option<ClaimsChallenge>,
    requested_version: Option<String>,
    access: Option<Box<AccessDenial>>,
}

/// As much of a version as is told back. One that exists is a date.
const MAX_VERSION_CHARS: usize = 64;

impl Denial {
    /// Another sign-in is needed, with these claims.
    #[must_use]
    pub fn claims_required(claims: ClaimsChallenge) -> Self {
        Self { claims: Some(claims), ..Self::bare(Reason::ClaimsRequired) }
    }

    /// The client asked for this version of the protocol.
    #[must_use]
    pub fn version_unsupported(requested: &str) -> Self {
        let requested = requested.chars().take(MAX_VERSION_CHARS).collect();
        Self { requested_version: Some(requested), ..Self::bare(Reason::VersionUnsupported) }
    }

    fn bare(reason: Reason) -> Self {
        Self { reason, retry_after: None, claims: None, requested_version: None, access: None }
    }

    /// Says when to come back, where that means anything: on a reason of status 503.
    #[must_use]
    pub fn after(mut self, seconds: Option<RetrySeconds>) -> Self {
        self.retry_after = seconds.filter(|_| self.reason.status() == 503);
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The time that somebody named; without one, the reason's own counts, see [`Self::retry_after_seconds`].
    #[must_use]
    pub fn retry_after(&self) -> Option<RetrySeconds> {
        self.retry_after
    }

    /// What `Retry-After` says, in seconds.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.retry_after.map(RetrySeconds::get).or(self.reason.retry_after_seconds())
    }

    /// The claims that the next token has to be asked for with.
    #[must_use]
    pub fn claims(&self) -> Option<&ClaimsChallenge> {
        self.claims.as_ref()
    }

    /// The version of the protocol that is not served.
    #[must_use]
    pub fn requested_version(&self) -> Option<&str> {
        self.requested_version.as_deref()
    }
}

/// Claims that nobody knows cannot be asked for: what is left of them is [`Reason::InteractionRequired`]. A hidden tool
/// is answered as `obolus-mcp` answers for one that it does not have.
impl From<Reason> for Denial {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::ClaimsRequired => Self::bare(Reason::InteractionRequired),
            // Never by its own name.
            Reason::ToolHidden => Self::tool_hidden(UnknownTool::default().answer(""), Vec::new()),
            reason => Self::bare(reason),
        }
    }
}

/// Whole seconds until trying again makes sense: at least one, at most an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetrySeconds(u32);

impl RetrySeconds {
    /// MSAL waits no longer for anybody, either.
    pub const MAX: u32 = 3600;

    /// As many seconds, or as near as may be.
    #[must_use]
    pub fn new(seconds: u64) -> Self {
        Self(u32::try_from(seconds).unwrap_or(Self::MAX).clamp(1, Self::MAX))
    }

    /// What remains of a time; a second that has begun counts as one.
    #[must_use]
    pub fn remaining(time: Duration) -> Self {
        Self::new(time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_with_503_only_and_is_never_over_an_hour() {
        for reason in Reason::ALL {
            let denial = Denial::from(*reason).after(Some(RetrySeconds::new(77)));
            let unavailable = reason.status() == 503;
            assert_eq!(denial.retry_after_seconds(), unavailable.then_some(77), "{reason}");
            let own = Denial::from(*reason).retry_after_seconds();
            assert_eq!(own, reason.retry_after_seconds(), "{reason}: its own, when nobody says");
        }
        for (seconds, told) in [(0, 1), (1, 1), (3600, 3600), (3601, 3600), (u64::MAX, 3600)] {
            assert_eq!(RetrySeconds::new(seconds).get(), told);
        }
        for (millis, told) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (u64::MAX, 3600)] {
            assert_eq!(RetrySeconds::remaining(Duration::from_millis(millis)).get(), told);
        }
    }

    #[test]
    fn claims_are_required_only_where_they_are_known() {
        assert_eq!(Denial::from(Reason::ClaimsRequired).reason(), Reason::InteractionRequired);
        let claims = ClaimsChallenge::parse(r#"{"access_token":{}}"#).unwrap();
        let denial = Denial::claims_required(claims);
        assert_eq!(denial.reason(), Reason::ClaimsRequired);
        assert!(denial.claims().is_some());
    }
}
