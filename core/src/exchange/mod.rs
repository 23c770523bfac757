//! Token exchange (RFC 8693): what is asked, what is answered, and what of an answer is believed.

mod ahead;
mod answer;
mod basic;
mod exchanged;
mod groups;
mod refusal;
mod request;

pub use ahead::Ahead;
pub use answer::Answer;
pub use basic::basic_authorization;
pub use exchanged::{ExchangedToken, Target};
pub use groups::Groups;
pub use refusal::Refusal;
pub use request::ExchangeRequest;

/// RFC 8693 §2.1.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 8693 §3.
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
