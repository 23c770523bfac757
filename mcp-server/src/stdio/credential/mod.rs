//! The person's own credential: gotten, kept while it is good, and shown to one API server.

mod exec;
mod files;
mod identity;
mod issued;
mod words;

pub(crate) use identity::KubeconfigIdentity;
