//! Who may do what: a decision, and the permit that proves it was taken.

mod forwarding;
mod permit;
mod scopes;

pub use crate::mcp::BodyDigest;
pub use forwarding::is_forwarded_header;
pub use permit::{Forward, Permit, Subject};
pub use scopes::missing_scopes;
