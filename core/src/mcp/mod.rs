//! What an MCP client asks for, read from the body, which is the only authority.

mod admission;
mod body_digest;
mod headers;
mod lookalike;
mod message;
mod methods;
mod mirrored_arguments;
mod params;
mod revision;

pub use admission::Admitted;
pub use body_digest::BodyDigest;
pub use headers::MirroredHeaders;
pub use message::{Id, Kind, Message, Refused};
pub use methods::{Answered, Form, Governs, List, Method, admit_verb};
pub use params::Named;
pub use revision::Revision;
