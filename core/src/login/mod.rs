//! How people log in where the identity provider alone would not do for MCP clients: decisions of `obolus-facade`, and
//! what the filter has to know of it.

mod facade_issuer;
pub mod redirect_uri;

pub use facade_issuer::{Endpoint, FacadeIssuer};
pub use redirect_uri::VettedRedirectUri;
