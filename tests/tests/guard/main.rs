//! The native guard on a real Envoy: what reaches a protected cluster, and what never does.
//!
//! The rule stands twice, on the listener and on the cluster ([`Lines`]), and each line is tried
//! alone, so a test here fails when either is taken out. Our filter is not under test: its place is
//! taken by modules of a few instructions that leave a permit, or fail in the ways of interest.
//!
//! Not shown here, because nothing in Envoy prevents it: a `request_mirror_policies` entry, a TCP
//! proxy, or a cluster of another name with the same machines (see `obolus_envoy::guard`).

#![expect(clippy::indexing_slicing, reason = "a place that is missing in a value fails the test")]

mod detours;
mod edge;
mod failing_module;
mod gateway;
mod modules;
mod permit;
mod tls;
