//! The token that goes upstream in place of the client's.

use secrecy::{ExposeSecret as _, SecretString};

use super::Answer;
use crate::token::application::{is_graph, is_same};
use crate::token::{
    Identity, Principal, Profile, TokenDigest, UnverifiedToken, bearer, check_start,
};
use crate::{Reason, UnixSeconds};

/// Whom an exchanged token is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The name by which the STS knows it.
    pub name: String,
    /// The audience that a token for it must have.
    pub audience: String,
}

/// An access token that speaks of the same person as the token it was exchanged for, for this target, and no
/// longer than either may live.
///
/// INVARIANT: the only way to one is [`ExchangedToken::accept`].
#[derive(Debug)]
pub struct ExchangedToken {
    access_token: SecretString,
    identity: Identity,
    subject_token: TokenDigest,
    target: Target,
    client: Option<String>,
    profile: Profile,
    expires_at: UnixSeconds,
    token_id: Option<String>,
    digest: TokenDigest,
}

impl ExchangedToken {
    /// Holds an answer against the principal and the target that it was asked for. Whom it speaks of is read by the
    /// rules that the principal's own token was read by.
    ///
    /// The signature is not verified here: the answer came over TLS from the issuer itself or from our STS
    /// (OpenID Connect Core §3.1.3.7 (6)), and the API server verifies it in any case.
    ///
    /// # Errors
    /// [`Reason::ExchangedMalformed`], [`Reason::ExchangedIdentityMismatch`],
    /// [`Reason::ExchangedAudienceMismatch`], [`Reason::ExchangedTypeRefused`], [`Reason::ExchangedNotYetValid`],
    /// [`Reason::ExchangedExpired`].
    pub fn accept(
        principal: &Principal,
        target: &Target,
        answer: Answer,
        now: UnixSeconds,
    ) -> Result<Self, Reason> {
        let text = answer.access_token.expose_secret();
        let token = read(text).ok_or(Reason::ExchangedMalformed)?;
        let (rules, digest) = (principal.rules(), token.digest());
        // A token for both audiences, handed back unchanged, is still the client's own: it does not go upstream.
        if digest == *principal.token_digest() {
            return Err(Reason::ExchangedAudienceMismatch);
        }
        let said = token.read_by(&rules.provider).map_err(|reason| match reason {
            Reason::TokenMalformed => Reason::ExchangedMalformed,
            _ => Reason::ExchangedIdentityMismatch,
        })?;
        if said.identity != *principal.identity() || said.is_app_only {
            return Err(Reason::ExchangedIdentityMismatch);
        }
        // Graph has several names, and answers for either.
        let is_targets =
            |aud: &String| *aud == target.audience || (is_graph(&target.audience) && is_graph(aud));
        // Whoever is behind the gateway must not be able to come in by what it gets there, in the person's name.
        let opens_the_gateway =
            |aud: &String| principal.accepted_audiences().iter().any(|own| is_same(own, aud));
        let claims = token.claims();
        if !claims.aud.iter().any(is_targets) || claims.aud.iter().any(opens_the_gateway) {
            return Err(Reason::ExchangedAudienceMismatch);
        }
        // Nobody here has the key that a token is bound to, whatever `token_type` says of it.
        let kind = token.check_kind(&rules.provider, std::slice::from_ref(&target.audience));
        if claims.cnf || kind.is_err() {
            return Err(Reason::ExchangedTypeRefused);
        }
        check_start(claims, rules.clock_skew_seconds, now)
            .map_err(|_| Reason::ExchangedNotYetValid)?;
        let expires_at = claims
            .exp
            .ok_or(Reason::ExchangedMalformed)?
            .min(principal.expires_at())
            .min(now.saturating_add(answer.expires_in));
        if expires_at <= now {
            return Err(Reason::ExchangedExpired);
        }
        Ok(Self {
            digest,
            identity: said.identity,
            client: said.client,
            profile: rules.provider.profile(),
            subject_token: principal.token_digest().clone(),
            target: target.clone(),
            expires_at,
            token_id: said.token_id,
            access_token: answer.access_token,
        })
    }

    /// The same token, if it was issued to this client, which asked for it, or does not say to whom: for whoever asks the
    /// identity provider itself. Keycloak and Entra ID always say.
    ///
    /// # Errors
    /// [`Reason::ExchangedClientMismatch`].
    pub fn issued_to(self, own: &str) -> Result<Self, Reason> {
        let is_own = match (&self.client, self.profile) {
            (Some(client), Profile::Entra) => is_same(client, own),
            (Some(client), Profile::Keycloak | Profile::Oidc) => client == own,
            (None, profile) => profile == Profile::Oidc,
        };
        if is_own { Ok(self) } else { Err(Reason::ExchangedClientMismatch) }
    }

    /// The token's text.
    #[must_use]
    pub fn access_token(&self) -> &SecretString {
        &self.access_token
    }

    /// Whose token it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The name of the target that it was asked for.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target.name
    }

    /// Whether it was answered to that token, for that name and audience: a person may hold several tokens of
    /// different rights, and two resources may call different audiences by one name.
    pub(crate) fn was_exchanged_for(&self, subject_token: &TokenDigest, target: &Target) -> bool {
        self.subject_token == *subject_token && self.target == *target
    }

    /// When it must no longer be used: the earlier end of both tokens.
    #[must_use]
    pub fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }

    /// `jti`, which the API server's audit log names as `credential-id`.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// How to name the token in a log.
    #[must_use]
    pub fn digest(&self) -> &TokenDigest {
        &self.digest
    }
}

/// A compact JWS that can stand in a header as it is.
fn read(text: &str) -> Option<UnverifiedToken> {
    bearer(&[format!("Bearer {text}").as_bytes()]).ok()?;
    UnverifiedToken::parse(text).ok()
}
