//! What an exchanged token is remembered by.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::config::Target;
use crate::credentials::Generation;

/// All that an exchange depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(super) what: What,
    /// Of what proves us to the identity provider. A refusal may be a refusal of it.
    pub(super) credential: Generation,
}

/// All that an exchanged token depends on. Two requests for the same get one token.
///
/// A target's name is not enough: the configuration may be another than it was, and the name be for something else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct What {
    issuer: String,
    subject_token: [u8; 32],
    target: String,
    scope: String,
    /// Of the target, and of which client we are.
    generation: Generation,
}

impl Key {
    pub(crate) fn new(
        issuer: &str,
        subject_token: &SecretString,
        target: &Target,
        scope: &str,
    ) -> Self {
        let what = What {
            issuer: issuer.to_owned(),
            subject_token: Sha256::digest(subject_token.expose_secret()).into(),
            target: target.name().to_owned(),
            scope: scope.to_owned(),
            generation: target.generation(),
        };
        Self { what, credential: target.client.generation() }
    }
}

impl What {
    /// About as many bytes as it takes.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.issuer, &self.target, &self.scope];
        size_of::<Self>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }
}

#[cfg(test)]
impl Key {
    /// For one target of a test's.
    pub(super) fn of_token(token: &str) -> Self {
        Self::by_secret(token, "s")
    }

    /// The same, with this secret of ours.
    pub(super) fn by_secret(token: &str, secret: &str) -> Self {
        let target = tests::target("kubernetes", "k", "c", secret);
        Self::new("idp", &SecretString::from(token), &target, "s")
    }
}

#[cfg(test)]
mod tests {
    use obolus_core::exchange;

    use super::*;
    use crate::config::ExchangedBy;
    use crate::credentials::{ClientCredential, ClientSecret};

    pub(super) fn target(name: &str, audience: &str, client: &str, secret: &str) -> Target {
        let secret = ClientSecret::given(SecretString::from(secret));
        Target {
            target: exchange::Target { name: name.to_owned(), audience: audience.to_owned() },
            resource: None,
            exchanged_by: ExchangedBy::Keycloak,
            issuer: "idp".to_owned(),
            scopes: Vec::new(),
            groups: None,
            client: ClientCredential::Post { id: client.to_owned(), secret },
        }
    }

    #[test]
    fn whatever_an_exchange_depends_on_is_in_the_key() {
        let key = |issuer, token: &str, [name, audience, client, secret]: [&str; 4], scope| {
            let target = target(name, audience, client, secret);
            Key::new(issuer, &SecretString::from(token), &target, scope)
        };
        let own = || key("idp", "t", ["kubernetes", "a", "c", "1"], "s");
        assert!(own() == own());
        for other in [
            key("idp2", "t", ["kubernetes", "a", "c", "1"], "s"),
            key("idp", "u", ["kubernetes", "a", "c", "1"], "s"),
            key("idp", "t", ["other", "a", "c", "1"], "s"),
            key("idp", "t", ["kubernetes", "b", "c", "1"], "s"),
            key("idp", "t", ["kubernetes", "a", "d", "1"], "s"),
            key("idp", "t", ["kubernetes", "a", "c", "1"], "s2"),
        ] {
            assert!(own().what != other.what, "{other:?}");
        }
        // By another secret it would be the same token.
        let other = key("idp", "t", ["kubernetes", "a", "c", "2"], "s");
        assert!(own() != other && own().what == other.what);
    }
}
