//! The person's kubeconfig: found and merged as kubectl does it, and understood one context at a time.
//!
//! Nothing outside [`crate::stdio`] can make one: a server for many people must not have one person's credentials.

mod context;
mod error;
mod file;
mod merge;
mod place;
mod user;
mod view;

#[cfg(test)]
mod tests;

pub(super) use context::{Context, Endpoint, known_proxy};
pub(crate) use error::KubeconfigError;
pub(super) use merge::Kubeconfig;
pub(super) use place::Places;
pub(super) use user::{Certificate, ExecPlugin, ExecVersion, Pem, Proof, User};
