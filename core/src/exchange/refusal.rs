//! The STS's refusal, as it travels to the filter.

use serde::{Deserialize, Serialize};

use crate::{Reason, json};

/// The body of an unsuccessful answer (RFC 6749 §5.2), with the reason that the caller should act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The OAuth error.
    pub error: String,
    /// A sentence for people.
    pub error_description: String,
    /// [`Reason::as_str`].
    pub reason: String,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self {
            error: reason.oauth_error().unwrap_or("server_error").to_owned(),
            error_description: reason.description().to_owned(),
            reason: reason.as_str().to_owned(),
        }
    }
}

impl Refusal {
    /// What the filter tells its client, from the STS's status and body.
    ///
    /// The client cannot mend what stands between filter and STS (credential, grant, request): that is
    /// [`Reason::ExchangeMisconfigured`] to it. An answer that is none of ours is [`Reason::StsUnavailable`].
    #[must_use]
    pub fn reason_for_client(status: u16, body: &[u8]) -> Reason {
        let stated = json::object::<Self>(body)
            .and_then(|refusal| Reason::from_label(&refusal.reason))
            .filter(|reason| reason.status() == status);
        match stated {
            None => Reason::StsUnavailable,
            Some(
                Reason::CallerUnauthenticated
                | Reason::TargetUnknown
                | Reason::ExchangeRequestMalformed
                | Reason::MethodNotAllowed
                | Reason::BodyTooLarge
                | Reason::ContentTypeRefused,
            ) => Reason::ExchangeMisconfigured,
            Some(reason) => reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_the_way_and_nothing_else_is_believed() {
        let body = |reason: Reason| serde_json::to_vec(&Refusal::from(reason)).unwrap();
        let read = |status, reason| Refusal::reason_for_client(status, &body(reason));
        assert_eq!(read(401, Reason::SubjectTokenRefused), Reason::SubjectTokenRefused);
        assert_eq!(read(403, Reason::ExchangeDenied), Reason::ExchangeDenied);
        for reason in [
            Reason::InteractionRequired,
            Reason::ConsentRequired,
            Reason::BlockedByPolicy,
            Reason::AppOnly,
            Reason::TenantRefused,
        ] {
            assert_eq!(read(reason.status(), reason), reason);
            assert_eq!(read(500, reason), Reason::StsUnavailable, "{reason}: another status");
        }
        assert_eq!(read(401, Reason::CallerUnauthenticated), Reason::ExchangeMisconfigured);
        assert_eq!(read(200, Reason::ExchangeDenied), Reason::StsUnavailable);
        assert_eq!(Refusal::reason_for_client(403, b"<html>"), Reason::StsUnavailable);
    }
}
