//! Pure decisions of Obolus.
//!
//! Nothing here does I/O, reads a clock or keeps state between calls: time is a parameter, bytes come in, a
//! decision comes out. The filter (in Envoy's VM), the STS and the tests call the same functions, so that
//! two places that must agree are one place.
//!
//! Data flows one way, through types that only the check which earns them can build:
//! [`UnverifiedToken`](token::UnverifiedToken) → [`Principal`](token::Principal) →
//! [`Permit`](policy::Permit) → [`ExchangedToken`](exchange::ExchangedToken).

pub mod audit;
mod bytes;
pub mod config;
pub mod denial;
pub mod exchange;
pub mod json;
pub mod login;
pub mod mcp;
pub mod metadata;
pub mod metrics;
pub mod policy;
pub mod reason;
pub mod reply;
pub mod token;
pub mod trace;

pub use denial::{ClaimsChallenge, Denial, RetrySeconds};
pub use reason::Reason;
pub use trace::TraceParent;

/// Seconds since the Unix epoch. Core never reads a clock: every caller passes its own.
pub type UnixSeconds = u64;
