//! Who may do what: a decision, and the permit that proves it was taken.

mod access;
pub mod cedar;
mod climbing;
mod dry_run;
mod explain;
mod forwarding;
mod judge;
mod memory;
mod permit;
mod person;
mod scopes;
mod unknown_tool;

pub use access::{Access, Asker, Circumstances, Verdict, View};

pub use crate::mcp::BodyDigest;
/// The property by which the filter tells the native guard which cluster a request may reach. Envoy keeps
/// it in filter state as `wasm.` and this name.
pub const PERMIT_PROPERTY: &str = "obolus_permit";

pub use dry_run::dry_run;
pub use explain::{Considered, Explanation, explain};
pub use forwarding::{Forwarding, MIRRORED_ARGUMENT, is_forwarded_header};
pub use permit::{Forward, Permit, Subject};
pub use person::require_person;
pub use scopes::missing_scopes;
pub use unknown_tool::{UnknownTool, UnknownToolAnswer};
