//! What core decides, seen from outside: each check with what it lets through and what it stops.
//!
//! One binary, so that keys are generated once. Not proved here: that the shells call these functions, and
//! that the host's signature function agrees with the one in Rust.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

mod access;
mod answer_plans;
mod audit_lines;
mod challenges;
mod compiled_policies;
mod configuration;
mod confirmed_calls;
mod credentials;
mod deciding;
mod ecdsa_der;
mod entra;
mod entra_config;
mod entra_exchanges;
mod entra_keys;
mod entra_people;
mod entra_refusals;
mod exchanged_tokens;
mod explained;
mod facade_config;
mod filter_config;
mod hard_json;
mod issuer;
mod issuer_shapes;
mod key_ring;
mod key_sets;
mod list_answers;
mod list_streams;
mod lists_read_twice;
mod messages;
mod messages_read_twice;
mod methods;
mod mirrored_arguments;
mod mirrored_headers;
mod page;
mod permits;
mod random;
mod resource_urls;
mod revisions;
mod sessions;
mod targets;
mod token_claims;
mod token_forms;
mod token_memberships;
mod token_signatures;
mod token_time;
mod token_types;
mod untold_groups;
