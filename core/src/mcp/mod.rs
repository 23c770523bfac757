//! What an MCP client asks for, read from the body, which is the only authority.

mod body_digest;
mod headers;
mod message;

pub use body_digest::BodyDigest;
pub use headers::{MirroredHeaders, check_mirrored};
pub use message::{Id, Kind, Message, Refused};
