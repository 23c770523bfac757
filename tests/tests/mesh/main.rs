//! A real istiod configures stock Envoys that hold certificates of Istio's CA.
//!
//! One mesh serves the stories of what `deploy/istio` leans on; they take turns, since each changes what holds for all. Behind each
//! sidecar stands a recorder, so that "refused" is seen to mean that nothing arrived.
//!
//! A second mesh has `deploy/istio` installed, with everything of ours behind it. Most stories are of that one, so it starts
//! first, and the commands of `docs/istio.md`, which take long, are run at the other's API server.
//!
//! Not shown here: iptables, and NetworkPolicy.

#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]

mod as_workload;
mod body_hold;
mod callers;
mod checked;
mod credential;
mod delivery;
mod detours;
mod documented;
mod extension;
mod first_filter;
mod heavy;
mod identity;
mod installed;
mod modules;
mod nested;
mod order;
mod our_host;
mod outage;
mod outside;
mod people;
mod plugin;
mod prober;
mod shell;
mod shop;
mod sidecar;
mod tcp_port;
mod tenant;
mod tools;
mod unguarded;
mod upgrade;
mod world;
