//! From the bytes of an `Authorization` header to a [`Principal`].
//!
//! [`bearer`] finds the one token, [`UnverifiedToken::parse`] reads it without believing it,
//! [`UnverifiedToken::check`] holds every claim against the configuration, [`CheckedToken::verify`] proves
//! the signature. Only the last step makes a [`Principal`].

pub mod application;
mod bearer;
mod check;
mod claimed;
mod claims;
mod digest;
mod ecdsa_der;
mod entra;
mod jwk;
mod key_source;
mod keyring;
mod oidc;
mod principal;
mod provider;
mod pure_rust;
mod reading;
mod tenants;
mod token_cache;
mod unverified;
mod verify;

pub use bearer::{bearer, token_in_query};
pub use check::CheckedToken;
pub use claimed::Claimed;
pub use digest::TokenDigest;
pub use ecdsa_der::ecdsa_der_signature;
pub use jwk::{Algorithm, KeySet, KeySetError, VerificationKey};
pub use key_source::{KeySource, Lookup};
pub use keyring::{FetchId, KeyRing, Wanted};
pub use principal::Principal;
pub use provider::{IssuerRules, Profile, Provider};
pub use pure_rust::PureRust;
pub use reading::{Identity, Memberships};
pub use tenants::{EntraTenants, TenantId};
pub use token_cache::TokenCache;
pub use unverified::{MAX_TOKEN_BYTES, UnverifiedToken};
pub use verify::{InvalidSignature, SignatureVerifier, SignedToken, Unverified};

pub(crate) use check::check_start;
pub(crate) use claims::{Claims, decode_claims};
pub(crate) use reading::{Reading, is_identifier};
