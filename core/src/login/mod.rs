//! How people log in where the identity provider alone would not do for MCP clients: decisions of `obolus-facade`, and
//! what the filter has to know of it.

mod facade_issuer;
mod page;
mod refusal;
mod snippets;
mod way;

pub use facade_issuer::{Endpoint, FacadeIssuer};
pub use refusal::refusal;
pub use way::{check_facade_method, goes_to_facade};
