//! Signatures verified in Rust alone (jwt-simple): the STS, the tests, and the filter where the host cannot.

use jwt_simple::prelude::{
    Duration, ES256PublicKey, ES384PublicKey, Ed25519PublicKey, NoCustomClaims, PS256PublicKey,
    PS384PublicKey, PS512PublicKey, RS256PublicKey, RS384PublicKey, RS512PublicKey,
    VerificationOptions,
};
use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, EdDSAPublicKeyLike as _,
    RSAPublicKeyLike as _,
};

use super::verify::{InvalidSignature, SignatureVerifier, SignedToken};
use super::{Algorithm, MAX_TOKEN_BYTES, VerificationKey};

/// Every algorithm of [`Algorithm`], without a host.
#[derive(Debug, Clone, Copy, Default)]
pub struct PureRust;

impl SignatureVerifier for PureRust {
    fn verify(
        &self,
        key: &VerificationKey,
        algorithm: Algorithm,
        token: SignedToken<'_>,
    ) -> Result<(), InvalidSignature> {
        macro_rules! verify_with {
            ($key:ty) => {
                <$key>::from_der(key.spki_der()).and_then(|key| {
                    key.verify_token::<NoCustomClaims>(token.compact, Some(signature_only()))
                })
            };
        }
        let verified = match algorithm {
            Algorithm::RS256 => verify_with!(RS256PublicKey),
            Algorithm::RS384 => verify_with!(RS384PublicKey),
            Algorithm::RS512 => verify_with!(RS512PublicKey),
            Algorithm::PS256 => verify_with!(PS256PublicKey),
            Algorithm::PS384 => verify_with!(PS384PublicKey),
            Algorithm::PS512 => verify_with!(PS512PublicKey),
            Algorithm::ES256 => verify_with!(ES256PublicKey),
            Algorithm::ES384 => verify_with!(ES384PublicKey),
            Algorithm::EdDSA => verify_with!(Ed25519PublicKey),
        };
        verified.map(drop).map_err(|_| InvalidSignature)
    }
}

/// The claims were checked before, against a clock that the caller chose. At time zero no token has expired,
/// and with `accept_future` none is too young: the library is left with the signature.
fn signature_only() -> VerificationOptions {
    VerificationOptions {
        accept_future: true,
        artificial_time: Some(Duration::from_secs(0)),
        time_tolerance: Some(Duration::from_secs(0)),
        max_token_length: Some(MAX_TOKEN_BYTES),
        ..VerificationOptions::default()
    }
}
