//! A real istiod configures stock Envoys that hold certificates of Istio's CA: what `deploy/istio` leans on.
//!
//! One mesh serves all stories of this binary; they take turns, since each changes what holds for all. Behind each
//! sidecar stands a recorder, so that "refused" is seen to mean that nothing arrived.
//!
//! Not shown here: anything of ours (`deploy/istio` has its own stories), iptables, and NetworkPolicy.

mod callers;
mod delivery;
mod detours;
mod extension;
mod identity;
mod installed;
mod nested;
mod outage;
mod people;
mod tools;
mod upgrade;
mod world;
