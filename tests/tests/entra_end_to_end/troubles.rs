//! What a client is told when its person's exchange fails.

use obolus_tests::fixtures::entra::CLUSTER;
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::secret;

use crate::world::{Outcome, WRONG, World};

/// An answer to a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    /// Part of the text for people: who has to do what.
    pub(crate) says: &'static str,
    /// `error` of the challenge, where there is one.
    pub(crate) challenge: Option<&'static str>,
}

/// The person, as before.
pub(crate) const SIGN_IN_AGAIN: Expected = Expected {
    status: 401,
    reason: "subject_token_refused",
    says: "sign in again",
    challenge: Some("invalid_token"),
};
/// The person, with more than before.
pub(crate) const DO_MORE: Expected = Expected {
    status: 401,
    reason: "claims_required",
    says: "sign in again with the claims of this answer",
    challenge: Some("insufficient_claims"),
};
/// An administrator, once for all.
pub(crate) const CONSENT: Expected = Expected {
    status: 403,
    reason: "consent_required",
    says: "an administrator must consent",
    challenge: None,
};
/// An administrator, if it is to be.
pub(crate) const BLOCKED: Expected = Expected {
    status: 403,
    reason: "blocked_by_policy",
    says: "ask one of its administrators",
    challenge: None,
};
/// An administrator: another sign-in would be as good as the one just now.
pub(crate) const GIVE_ACCESS: Expected = Expected {
    status: 403,
    reason: "exchange_denied",
    says: "ask an administrator for access",
    challenge: None,
};
/// Nobody, or the client in a while.
pub(crate) const LATER: Expected = Expected {
    status: 503,
    reason: "idp_unavailable",
    says: "the identity provider does not answer: try again later",
    challenge: None,
};
/// Whoever runs the gateway and the STS.
pub(crate) const OURS: Expected = Expected {
    status: 500,
    reason: "exchange_misconfigured",
    says: "ask the operator",
    challenge: None,
};

/// Words that only Entra says, in the texts and members of its answers.
const UPSTREAM: [&str; 9] = [
    "aadsts",
    "capolids",
    "trace id",
    "trace_id",
    "correlation",
    "error_codes",
    "error_uri",
    "conditional access",
    "services aren't available",
];

/// The client was refused so, and has read nothing of what Entra or anybody else said.
#[track_caller]
pub(crate) fn refused(world: &World, outcome: &Outcome, expected: &Expected) {
    let Expected { status, reason, says, challenge } = *expected;
    let log = world.lines().pop();
    assert_eq!(outcome.verdict(), (status, reason), "{}\n{log:#?}", outcome.body);
    let members: Vec<_> =
        outcome.refusal().as_object().unwrap().keys().map(String::as_str).collect();
    // What the person is to be signed in with is Entra's own, and meant for the client.
    let has_claims = reason == "claims_required";
    assert_eq!(members.contains(&"claims"), has_claims, "{members:?}");
    let members: Vec<_> = members.into_iter().filter(|name| *name != "claims").collect();
    assert_eq!(members, ["error", "error_description", "reason"]);
    let text = outcome.refusal()["error_description"].as_str().unwrap();
    assert!(text.contains(says), "{text}");
    assert_eq!(outcome.header("cache-control"), "no-store");
    let retry_after = outcome.header("retry-after");
    assert_eq!(!retry_after.is_empty(), status == 503, "{retry_after}");
    assert!(retry_after.is_empty() || retry_after.parse::<u32>().unwrap() > 0, "{retry_after}");

    let header = outcome.header("www-authenticate");
    match challenge {
        None => assert_eq!(header, ""),
        Some(error) => {
            let scope = world.stack.entra().scope();
            let expected = [format!("error=\"{error}\""), format!("scope=\"{scope}\"")];
            assert!(expected.iter().all(|part| header.contains(part)), "{header}");
            assert!(header.starts_with("Bearer resource_metadata=\"https://"), "{header}");
        }
    }

    let everything = outcome.everything().to_lowercase();
    for word in UPSTREAM.into_iter().filter(|word| !has_claims || *word != "capolids") {
        assert!(!everything.contains(word), "{word}: {everything}");
    }
    // The cluster's application, which Entra's texts name.
    let cluster = world.stack.entra().id_of(CLUSTER);
    assert!(!everything.contains(&cluster), "{everything}");
}

/// What was secret in a failed exchange is in no log of the STS.
#[track_caller]
pub(crate) fn kept_secret(world: &World, token: &str) {
    let log = world.stack.sts.log();
    for part in token.split('.').skip(1).chain([token, WRONG]) {
        assert!(!log.contains(part), "the STS has logged part of a token or a secret");
    }
    assert!(!log.contains("client_assertion") && !secret::holds_jwt(&log));
    // The control: it does speak of this token.
    let claims = claims_of(token).unwrap();
    assert!(log.contains(claims["uti"].as_str().unwrap()));
}
