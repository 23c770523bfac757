//! What a client is told, and what it must not read.

use obolus_core::{ClaimsChallenge, Reason};
use obolus_tests::fixtures::mcp_client::Answered;
use serde_json::Value;

/// An answer to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Refused for this reason.
    Reason(Reason),
    /// The same, and to come back in so many seconds at most.
    Within(Reason, u32),
}

impl Told {
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Reason(reason) | Self::Within(reason, _) => reason,
        }
    }
}

pub(crate) const SIGN_IN_AGAIN: Told = Told::Reason(Reason::SubjectTokenRefused);
pub(crate) const DO_MORE: Told = Told::Reason(Reason::InteractionRequired);
pub(crate) const CLAIMS: Told = Told::Reason(Reason::ClaimsRequired);
pub(crate) const CONSENT: Told = Told::Reason(Reason::ConsentRequired);
pub(crate) const BLOCKED: Told = Told::Reason(Reason::BlockedByPolicy);
pub(crate) const NO_ACCESS: Told = Told::Reason(Reason::ExchangeDenied);
pub(crate) const OURS: Told = Told::Reason(Reason::ExchangeMisconfigured);
pub(crate) const LATER: Told = Told::Reason(Reason::IdpUnavailable);

/// Words that only an identity provider says, in the texts and members of its answers. `claims` may name a policy.
const UPSTREAM: [&str; 10] = [
    "aadsts",
    "trace id",
    "trace_id",
    "correlation",
    "error_codes",
    "error_uri",
    "suberror",
    "token exchange client",
    "not within the token",
    "services aren't available",
];

fn header<'a>(answer: &'a Answered, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap_or("not text"))
}

/// The claims that the challenge names.
pub(crate) fn claims_of_challenge(answer: &Answered) -> Option<Value> {
    use base64::Engine as _;
    let (_, rest) = header(answer, "www-authenticate").split_once(", claims=\"")?;
    let (base64, _) = rest.split_once('"')?;
    let json = base64::engine::general_purpose::STANDARD.decode(base64).ok()?;
    serde_json::from_slice(&json).ok()
}

/// What is wrong with an answer that should have told this.
pub(crate) fn problem(answer: &Answered, told: Told) -> Option<String> {
    let reason = told.reason();
    let said = &answer.refusal()["reason"];
    if (answer.status.as_u16(), said.as_str()) != (reason.status(), Some(reason.as_str())) {
        return Some(format!("{} {} instead of {reason}", answer.status, answer.body));
    }
    let mut wrong = Vec::new();
    let mut check = |fits: bool, what: &str| {
        if !fits {
            wrong.push(what.to_owned());
        }
    };
    check(answer.refusal()["error_description"] == reason.description(), "the sentence");
    check(answer.refusal()["error"] == reason.oauth_error().unwrap_or_default(), "the OAuth error");
    check(header(answer, "cache-control") == "no-store", "cache-control");
    let mut members = vec!["error", "error_description", "reason"];
    if reason == Reason::ClaimsRequired {
        members.insert(0, "claims");
    }
    let keys: Vec<_> =
        answer.refusal().as_object().into_iter().flatten().map(|(key, _)| key).collect();
    check(keys == members, "members of the body");

    let challenge = header(answer, "www-authenticate");
    check(challenge.is_empty() != reason.is_challenge(), "whether there is a challenge");
    if reason.is_challenge() {
        let error = format!("error=\"{}\"", reason.oauth_error().unwrap_or_default());
        check(challenge.contains(&error), "error of the challenge");
        check(challenge.contains(", scope=\""), "scope of the challenge");
        check(challenge.starts_with("Bearer resource_metadata=\""), "metadata of the challenge");
    }
    let claims = claims_of_challenge(answer);
    check(claims.is_some() == (reason == Reason::ClaimsRequired), "claims of the challenge");
    if let Some(claims) = claims {
        check(claims == answer.refusal()["claims"], "the same claims in header and body");
        check(ClaimsChallenge::parse(&claims.to_string()).is_some(), "claims to replay");
    }

    let retry_after = header(answer, "retry-after").parse::<u32>().ok();
    check(retry_after.is_some() == (reason.status() == 503), "Retry-After");
    if let Told::Within(_, most) = told {
        check(retry_after.is_some_and(|seconds| (1..=most).contains(&seconds)), "the time");
    }
    let everything = format!("{:?} {}", answer.headers, answer.body).to_lowercase();
    for word in UPSTREAM {
        check(!everything.contains(word), word);
    }
    (!wrong.is_empty())
        .then(|| format!("{}: {:?} {}", wrong.join(", "), answer.headers, answer.body))
}
