//! What an MCP client asks for, read from the body, which is the only authority, and what it is answered.

mod admission;
pub mod answers;
mod body_digest;
mod headers;
mod lookalike;
mod media_type;
mod message;
mod methods;
mod mirrored_arguments;
mod params;
mod revision;
pub mod session;
pub mod sse;
mod verbs;

pub use admission::Admitted;
pub use body_digest::BodyDigest;
pub use headers::MirroredHeaders;
pub(crate) use lookalike::{has_lookalike, is_lookalike};
pub use media_type::is_utf8_media_type;
pub use message::{Id, Kind, Message, Refused};
pub use methods::{Answered, Form, Governs, List, Method};
pub use params::Named;
pub use revision::Revision;
pub use verbs::{Verb, VerbContext, admit_verb};
