//! What clients are told about a protected resource: the metadata document and the challenge.

mod challenge;
mod protected_resource;
mod resource_url;

pub use challenge::{challenge, scopes_to_ask_for};
pub use protected_resource::protected_resource_metadata;
pub use resource_url::{ResourceUrl, ResourceUrlError};
