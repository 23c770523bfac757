//! What an MCP client asks for, read from the body, which is the only authority.

mod headers;
mod judged_body;
mod message;

pub use headers::{MirroredHeaders, check_mirrored};
pub use judged_body::JudgedBody;
pub use message::{Id, Kind, Message, Refused};
