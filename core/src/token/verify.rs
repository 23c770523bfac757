//! The last step from a token to a [`Principal`]: the signature.

use super::{Algorithm, CheckedToken, KeySet, Principal, VerificationKey};
use crate::Reason;

/// What a signature is verified over.
#[derive(Clone, Copy)]
pub struct SignedToken<'a> {
    /// The whole compact JWS.
    pub compact: &'a str,
    /// Header and claims as they were signed (RFC 7515 §5.1).
    pub signing_input: &'a [u8],
    /// The signature's bytes; for ECDSA `r || s` (RFC 7518 §3.4).
    pub signature: &'a [u8],
}

impl std::fmt::Debug for SignedToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignedToken(<redacted>)")
    }
}

/// The signature does not verify, or could not be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not valid")]
pub struct InvalidSignature;

/// Something that can verify signatures: pure Rust here, the host's function in the filter.
///
/// The caller has already matched `algorithm` with the key's type.
pub trait SignatureVerifier {
    /// Verifies one signature.
    ///
    /// # Errors
    /// [`InvalidSignature`] for whatever keeps it from being proved valid.
    fn verify(
        &self,
        key: &VerificationKey,
        algorithm: Algorithm,
        token: SignedToken<'_>,
    ) -> Result<(), InvalidSignature>;
}

/// Why a checked token has not become a principal.
#[derive(Debug)]
pub enum Unverified {
    /// The key set has no such key: a newer set may. The token is handed back for a second try.
    KeyUnknown(Box<CheckedToken>),
    /// It never will.
    Refused(Reason),
}

impl CheckedToken {
    /// Verifies the signature with the key that the token names.
    ///
    /// `keys` must be the key set of this token's issuer ([`CheckedToken::issuer_name`]).
    ///
    /// # Errors
    /// [`Unverified::KeyUnknown`], or [`Unverified::Refused`] with [`Reason::SignatureInvalid`].
    pub fn verify(
        self,
        keys: &KeySet,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Principal, Unverified> {
        let Some(key) = keys.find_for(&self.key_id, self.algorithm, &self.principal) else {
            return Err(Unverified::KeyUnknown(Box::new(self)));
        };
        verifier
            .verify(key, self.algorithm, self.token.signed())
            .map_err(|InvalidSignature| Unverified::Refused(Reason::SignatureInvalid))?;
        Ok(self.principal)
    }
}
