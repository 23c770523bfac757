//! What signs our assertions. The private key stays behind this, wherever it is.

use std::fmt::Debug;
use std::pin::Pin;

use serde::Deserialize;

/// What may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AssertionAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
}

impl AssertionAlgorithm {
    /// As `alg` has it (RFC 7518 §3.1).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
        }
    }
}

/// The key did not sign. Why is said in the log by whoever knows; nothing of it is for anybody outside.
#[derive(Debug, thiserror::Error)]
#[error("the key did not sign")]
pub struct Unsigned;

/// A signature, as soon as there is one.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Unsigned>> + Send + 'a>>;

/// A private key that signs with one algorithm and shows nothing but its public half.
///
/// `sign` is asynchronous because a key in a file is the exception: a cloud's key service is a request over the network,
/// and a PKCS#11 token is a call that blocks for milliseconds and belongs on a thread of its own. Neither may hold up the
/// other requests of this process. A trait object, so that which of them it is stays a matter of configuration.
pub trait Signer: Debug + Send + Sync {
    /// With what it signs.
    fn algorithm(&self) -> AssertionAlgorithm;

    /// SubjectPublicKeyInfo in DER, to be held against a certificate's.
    fn public_key(&self) -> &[u8];

    /// Signs the bytes, unhashed, as JWS wants it (RFC 7518 §3.3 to §3.5): of ECDSA `r || s`, no DER.
    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a>;
}
