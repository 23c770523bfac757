//! How people log in where the identity provider alone would not do for MCP clients: decisions of `obolus-facade`, and
//! what the filter has to know of it.
//!
//! A request is judged against one [`Facade`]: [`authorize`] for browsers, [`token_request`] and [`token_answer`] for
//! codes and refresh tokens, [`register`] for clients without an id, [`server_metadata`] for all of them.

mod authorize;
pub mod cross_origin;
mod door;
pub mod error_page;
#[cfg(test)]
mod example;
mod facade;
mod facade_issuer;
mod page;
mod parameters;
mod prompt;
pub mod redirect_uri;
mod refusal;
mod registration;
mod resources;
mod server_metadata;
mod snippets;
mod token;
mod token_answer;
mod way;

pub use authorize::{Authorization, authorize};
pub use door::refusal;
pub use facade::Facade;
pub use facade_issuer::{Endpoint, FacadeIssuer};
pub use redirect_uri::VettedRedirectUri;
pub use refusal::Refusal;
pub use registration::{LONGEST_REGISTRATION, register};
pub use resources::{Resource, Resources, ScopesError};
pub use server_metadata::{Upstream, UpstreamError, server_metadata};
pub use token::{Grant, LONGEST_FORM, TokenRequest, token_request};
pub use token_answer::{TokenAnswer, UpstreamRefusal, token_answer};
pub use way::{check_facade_method, goes_to_facade};
