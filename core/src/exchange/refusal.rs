//! The STS's refusal, as it travels to the filter.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ClaimsChallenge, Denial, Reason, RetrySeconds, json};

/// The body of an unsuccessful answer (RFC 6749 §5.2), with the denial that the caller should act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The OAuth error.
    pub error: String,
    /// A sentence for people.
    pub error_description: String,
    /// [`Reason::as_str`].
    pub reason: String,
    /// [`ClaimsChallenge::as_object`]. Whatever else stands here does not keep the rest from being read.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    claims: Value,
    /// [`Denial::retry_after`].
    #[serde(default, skip_serializing_if = "Value::is_null")]
    retry_after: Value,
}

impl From<&Denial> for Refusal {
    fn from(denial: &Denial) -> Self {
        let reason = denial.reason();
        let claims = denial.claims().map(|claims| claims.as_object().clone());
        Self {
            error: reason.oauth_error().unwrap_or("server_error").to_owned(),
            error_description: reason.description().to_owned(),
            reason: reason.as_str().to_owned(),
            claims: claims.map_or(Value::Null, Value::Object),
            retry_after: denial.retry_after().map_or(Value::Null, |after| after.get().into()),
        }
    }
}

impl Refusal {
    /// What the filter tells its client, from the STS's status and body. Of the body, the reason's label counts, and
    /// the two details of a [`Denial`] where they fit the reason; no text of it reaches the client.
    ///
    /// The client cannot mend what stands between filter and STS (credential, grant, request): that is
    /// [`Reason::ExchangeMisconfigured`] to it. An answer that is none of ours is [`Reason::StsUnavailable`].
    #[must_use]
    pub fn for_client(status: u16, body: &[u8]) -> Denial {
        let stated = json::object::<Self>(body)
            .and_then(|refusal| Some((Reason::from_label(&refusal.reason)?, refusal)))
            .filter(|(reason, _)| reason.status() == status);
        match stated {
            None => Reason::StsUnavailable.into(),
            Some((
                Reason::CallerUnauthenticated
                | Reason::TargetUnknown
                | Reason::ExchangeRequestMalformed
                | Reason::GrantTypeUnknown
                | Reason::ScopeUnknown
                | Reason::MethodNotAllowed
                | Reason::BodyTooLarge
                | Reason::ContentTypeRefused,
                _,
            )) => Reason::ExchangeMisconfigured.into(),
            Some((reason, refusal)) => refusal.denial(reason),
        }
    }

    fn denial(self, reason: Reason) -> Denial {
        match (reason, self.claims) {
            (Reason::ClaimsRequired, Value::Object(claims)) => {
                ClaimsChallenge::of(claims).map_or_else(|| reason.into(), Denial::claims_required)
            }
            _ => Denial::from(reason).after(self.retry_after.as_u64().map(RetrySeconds::new)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, denial: &Denial) -> Denial {
        Refusal::for_client(status, &serde_json::to_vec(&Refusal::from(denial)).unwrap())
    }

    #[test]
    fn a_reason_survives_the_way_and_nothing_else_is_believed() {
        let read = |status, reason: Reason| read(status, &reason.into()).reason();
        for reason in [
            Reason::SubjectTokenRefused,
            Reason::ExchangeDenied,
            Reason::InteractionRequired,
            Reason::ConsentRequired,
            Reason::BlockedByPolicy,
            Reason::AppOnly,
            Reason::TenantRefused,
        ] {
            assert_eq!(read(reason.status(), reason), reason);
            assert_eq!(read(500, reason), Reason::StsUnavailable, "{reason}: another status");
        }
        for reason in [
            Reason::CallerUnauthenticated,
            Reason::TargetUnknown,
            Reason::ExchangeRequestMalformed,
            Reason::GrantTypeUnknown,
            Reason::ScopeUnknown,
            Reason::MethodNotAllowed,
            Reason::BodyTooLarge,
        ] {
            assert_eq!(read(reason.status(), reason), Reason::ExchangeMisconfigured, "{reason}");
        }
        assert_eq!(read(200, Reason::ExchangeDenied), Reason::StsUnavailable);
        assert_eq!(Refusal::for_client(403, b"<html>"), Reason::StsUnavailable.into());
    }

    #[test]
    fn both_details_survive_the_way_with_the_reasons_that_they_fit() {
        let claims = ClaimsChallenge::parse(r#"{"access_token":{"acrs":{"value":"c1"}}}"#).unwrap();
        let required = Denial::claims_required(claims);
        assert_eq!(read(401, &required), required);
        let later = Denial::from(Reason::IdpUnavailable).after(Some(RetrySeconds::new(120)));
        assert_eq!(read(503, &later), later);
        let plain = serde_json::to_string(&Refusal::from(&Reason::IdpUnavailable.into())).unwrap();
        assert!(!plain.contains("claims") && !plain.contains("retry_after"), "{plain}");
    }

    #[test]
    fn a_detail_that_does_not_fit_is_dropped_and_the_reason_stays() {
        let read = |reason: Reason, claims: Value, retry_after: Value| {
            let body = json!({
                "error": "<b>", "error_description": "<b>", "reason": reason.as_str(),
                "claims": claims, "retry_after": retry_after, "more": "<b>",
            });
            Refusal::for_client(reason.status(), body.to_string().as_bytes())
        };
        let object = json!({"access_token": {"x": null}});
        for claims in
            [json!(null), json!({}), json!("{\"a\":1}"), json!([]), json!({"a": "x".repeat(5000)})]
        {
            let denial = read(Reason::ClaimsRequired, claims.clone(), json!(7));
            assert_eq!(denial, Reason::InteractionRequired.into(), "{claims}");
        }
        for reason in [Reason::ExchangeDenied, Reason::InteractionRequired, Reason::Internal] {
            assert_eq!(read(reason, object.clone(), json!(7)), reason.into(), "{reason}");
        }
        for (told, seconds) in [
            (json!(7), Some(7)),
            (json!(1_000_000), Some(3600)),
            (json!(0), Some(1)),
            (json!(-1), None),
            (json!(1.5), None),
            (json!("7"), None),
            (json!({"a": 1}), None),
        ] {
            let denial = read(Reason::IdpUnavailable, object.clone(), told.clone());
            let seconds = seconds.map(RetrySeconds::new);
            assert_eq!(denial, Denial::from(Reason::IdpUnavailable).after(seconds), "{told}");
        }
    }
}
