//! Stdio mode: one person's own machine, with the kubeconfig that they have.
//!
//! Everything that knows of a credential of ours is in here, and only here can it be made: [`KubeconfigIdentity`] and
//! [`Persons`] have no constructor outside, and [`crate::serve`], which serves many people over HTTP, has no way to one.

mod credential;
mod kubeconfig;
mod persons;
mod session;
mod wire;

pub(crate) use credential::KubeconfigIdentity;
pub(crate) use persons::Persons;
pub use session::{Prepared, StdioError};
