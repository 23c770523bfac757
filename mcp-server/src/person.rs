//! Whose requests belong together, by what a token says of itself.
//!
//! Nobody verified the token here, so this is no authentication: whoever writes somebody else's name into a token of
//! their own gets nowhere with it at the API server. It is good for counting requests, and for keeping what one person
//! was asked, or has open, from being used by another who would be let in.

use std::fmt;

use obolus_core::token::UnverifiedToken;
use sha2::{Digest as _, Sha256};

/// The same for all tokens of one person; of nobody else's token, unless it was forged.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Person(String);

impl Person {
    /// Issuer and subject, if the token is one that says so; the token itself otherwise.
    pub(crate) fn of_token(token: &str) -> Self {
        let said = UnverifiedToken::parse(token).ok();
        let said = said
            .as_ref()
            .and_then(|token| Some((token.claimed_issuer()?, token.claimed_subject()?)));
        match said {
            Some((issuer, subject)) => Self::digest("person", &[issuer, subject]),
            None => Self::digest("token", &[token]),
        }
    }

    /// The one person of stdio mode, at one of their clusters.
    pub(crate) fn of_context(context: &str) -> Self {
        Self::digest("context", &[context])
    }

    fn digest(what: &str, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(&what).chain(parts) {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// As much as tells two apart in a log.
impl fmt::Debug for Person {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Person({})", self.0.get(..8).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claims in the parts that a JWS has; the signature is nobody's.
    fn token(claims: &str, signature: &str) -> String {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(r#"{"alg":"RS256"}"#), encode(claims), encode(signature))
    }

    #[test]
    fn all_tokens_of_a_person_are_one_and_those_of_two_are_two() {
        let alice = token(r#"{"iss":"https://i","sub":"alice","exp":1}"#, "a");
        let again = token(r#"{"sub":"alice","iss":"https://i","exp":2}"#, "b");
        let of = Person::of_token;
        assert_eq!(of(&alice), of(&again));
        for other in [
            token(r#"{"iss":"https://i","sub":"bob"}"#, "a"),
            token(r#"{"iss":"https://j","sub":"alice"}"#, "a"),
            token(r#"{"iss":"https://ia","sub":"lice"}"#, "a"),
            token(r#"{"sub":"alice"}"#, "a"),
            token(r#"{"iss":"https://i"}"#, "a"),
        ] {
            assert_ne!(of(&alice), of(&other), "{other}");
        }
    }

    #[test]
    fn a_token_that_says_nothing_is_one_person_by_itself() {
        assert_eq!(Person::of_token("opaque"), Person::of_token("opaque"));
        assert_ne!(Person::of_token("opaque"), Person::of_token("other"));
        assert!(!format!("{:?}", Person::of_token("opaque")).contains("opaque"));
    }
}
