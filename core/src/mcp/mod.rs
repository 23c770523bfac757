//! What an MCP client asks for, read from the body, which is the only authority.

mod headers;
mod message;

pub use headers::{MirroredHeaders, check_mirrored};
pub use message::{Id, Kind, Message, Refused};
