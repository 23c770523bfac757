//! Entra ID, as strict as the service.
//!
//! No tenant is reachable from tests, so this stands between us and the refusals that customers would
//! see: what the service refuses is refused here, with its status, codes and shapes. `tests/entra/README.md`
//! says what is emulated and what is not; `tests/entra/example.toml` is the directory that most tests use.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use obolus_tests::entra::{Directory, Emulator, Fault, What};
//! use obolus_tests::pki::{Authority, KeyKind, self_signed};
//!
//! let authority = Authority::new("test")?;
//! let mut directory = Directory::example();
//! let certificate = self_signed("mcp-server", KeyKind::Rsa)?;
//! directory.app_mut("mcp-server").certificates.push((&certificate).try_into()?);
//! let entra = Emulator::start(&authority, directory).await?;
//!
//! let token = entra.user_token("alice", "mcp-client", "api://{mcp-server}/access_as_user").await?;
//! entra.faults().add(Fault::new(What::Mfa { code: 50076, shape: Default::default() }).user("alice"));
//! // … use `token` at `entra.token_endpoint("contoso")`, then look at `entra.requests().last_token()`.
//! # Ok(()) }
//! ```

mod admin;
mod assertion;
mod authorize;
mod case;
mod certificate_assertion;
mod challenge;
mod client_authentication;
mod client_credentials;
mod clock;
mod code_grant;
mod connection;
mod consent;
pub mod directory;
mod discovery;
mod disturbance;
mod emulator;
mod endpoints;
mod errors;
mod faults;
mod federation;
mod grants;
mod graph;
mod introduction;
mod issue;
mod jwt;
mod keys;
mod listening;
mod on_behalf_of;
mod page;
mod policy;
mod record;
mod redirect;
mod refresh_grant;
mod request;
mod scopes;
mod session;
mod sign_in;
mod signing_key;
mod token;
mod tokens;
mod vetted;
mod world;

#[cfg(test)]
mod readme;
#[cfg(test)]
mod smoke;

pub use self::directory::{Certificate, Directory, FederatedCredential, GRAPH};
pub use self::emulator::{Emulator, Place};
pub use self::errors::Refusal;
pub use self::faults::{Body, ExpiresIn, Fault, Faults, RetryAfter, Shape, What};
pub use self::keys::Keys;
pub use self::policy::{Policy, Requirement};
pub use self::record::{AuthStyle, Endpoint, Request, Requests};
