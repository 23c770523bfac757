//! The real filter in a real Envoy with the real STS, between a provider that signs anything and an
//! upstream that records everything: what must not pass does not pass, and what may does.
//!
//! A file per theme, each a table with allowed and refused side by side. Every refusal is shown in a
//! [window](story): a good request goes through right after it and is recorded exactly once, so that
//! "nothing was forwarded" says something about the filter and not about a part that is down.
//!
//! Not shown here: the native guard by itself (`guard`), what is bound to what when state changes
//! (`bindings`), a real Keycloak and a real Kubernetes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "failing loudly is the job")]
#![expect(clippy::indexing_slicing, reason = "what is missing in a value fails the test")]

mod arrival;
mod audit;
mod bad_tokens;
mod bodies;
mod configuration;
mod content;
mod cors;
mod exchange;
mod facade;
mod framing;
mod golden;
mod headers;
mod limits;
mod lists;
mod metadata;
mod methods;
mod mirrored;
mod page;
mod plans;
mod records;
mod refusal;
mod revisions;
mod scopes;
mod session_streams;
mod sessions;
mod story;
mod streaming;
mod tokens;
mod wire;
