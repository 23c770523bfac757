//! The token exchange service: the only holder of private keys.
//!
//! A caller that proves itself brings a person's token, and gets that person's token for a target behind the gateway
//! (RFC 8693), if the identity provider agrees and this caller was granted such exchanges. Nothing that comes back is
//! believed before it has been held against the person and the target.
//!
//! [`config::Config::load`] reads the file, [`running::Sts::start`] listens. `GET /keys/{name}` mirrors the key sets of
//! the configured issuers, `GET /keys/{name}/{tenant}` those of Entra ID's tenants.

pub mod config;
pub mod credentials;
pub mod doctor;
pub mod facade;
pub mod logging;
pub mod metrics;
pub mod running;
pub mod setup;
pub mod tls;

mod admission;
mod brought;
mod cache;
mod callers;
mod clock;
mod groups;
mod guesses;
mod guid;
mod idp_client;
mod keys;
mod material;
mod network;
mod ops;
mod peers;
mod providers;
mod record;
mod regular_file;
mod reload;
mod reply;
mod serve;
mod service;
mod signatures;
mod standing;
mod strangers;
mod telemetry;
mod token;
mod upstream;
mod wanted;
