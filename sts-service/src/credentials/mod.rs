//! Secrets and keys: those by which callers prove themselves to us, and those by which we prove ourselves to an
//! identity provider. All live in files and may be replaced while we run.

mod assertion;
mod assertor;
mod caller;
mod certificate;
mod client;
mod federated;
mod file_signer;
mod files;
mod pem;
mod signer;

pub use assertion::{AssertionKey, AssertionRules, Reader};
pub use caller::{CallerSecret, SecretDigest};
pub use certificate::Thumbprint;
pub(crate) use certificate::{date as day, end_of, fault_of};
pub use client::{Authentication, ClientCredential, ClientSecret};
pub(crate) use federated::FEDERATED_TOKEN;
pub use federated::TokenFile;
pub use files::CredentialError;
pub(crate) use files::MAX_BYTES;
pub(crate) use pem::instead;
pub use signer::{AssertionAlgorithm, Signer, Signing, Unsigned};

pub use crate::material::Generation;

/// Why we cannot prove ourselves to an identity provider.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// Our own assertion.
    #[error("the client assertion cannot be signed")]
    Unsigned,
    /// Somebody else's.
    #[error("{0}")]
    File(#[from] CredentialError),
}
