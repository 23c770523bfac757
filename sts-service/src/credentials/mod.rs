//! Secrets and keys: those by which callers prove themselves to us, and those by which we prove ourselves to an
//! identity provider. All live in files and may be replaced while we run.

mod assertion;
mod caller;
mod client;
mod files;
mod reloaded;

pub use assertion::{AssertionAlgorithm, AssertionError, AssertionKey};
pub use caller::{CallerSecret, SecretDigest};
pub use client::{Authentication, ClientCredential, ClientSecret};
pub use files::CredentialError;

/// SHA-256 of whatever a credential is made of: changes when the credential does.
pub type Generation = [u8; 32];
