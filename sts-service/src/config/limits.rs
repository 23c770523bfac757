//! Bounds on memory and time.

use std::time::Duration;

use obolus_core::config::{DEFAULT_IDP_TIMEOUT_MS, Section};

/// How much of everything there may be.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many exchanged tokens are remembered.
    pub cached_tokens: u64,
    /// How many bytes they may take, with what they are found by.
    pub cached_bytes: u64,
    /// The longest that an exchanged token is remembered: for so long a person whose session was ended at the
    /// identity provider may still be served from memory.
    pub cache_max_age: Duration,
    /// For how long a refusal of the identity provider is repeated without asking it again; zero for not at all.
    pub refusals_max_age: Duration,
    /// How many exchanges may be under way at the identity providers.
    pub exchanges_in_flight: usize,
    /// How many connections are served at a time.
    pub connections: usize,
    /// How many of them one address may have: gateways behind one NAT share it.
    pub connections_per_peer: usize,
    /// How long an identity provider may take for one exchange as a whole, second attempt included, and for any other
    /// request.
    pub idp_timeout: Duration,
}

pub(super) fn read(top: &Section<'_>) -> Limits {
    let section = top.optional_section("limits");
    let get = |key: &str, default, range| {
        section.as_ref().map_or(default, |section| section.integer(key, default, range))
    };
    let connections = get("connections", 1024, 1..=100_000);
    let per_peer = (connections / 4).max(8);
    let limits = Limits {
        cached_tokens: get("cached_tokens", 10_000, 0..=1_000_000),
        cached_bytes: get("cached_bytes", 64 << 20, 1 << 20..=16 << 30),
        cache_max_age: Duration::from_secs(get("cache_max_age_seconds", 300, 0..=3600)),
        refusals_max_age: Duration::from_secs(get("refusals_max_age_seconds", 30, 0..=120)),
        exchanges_in_flight: to_usize(get("exchanges_in_flight", 256, 1..=10_000)),
        connections: to_usize(connections),
        connections_per_peer: to_usize(get("connections_per_peer", per_peer, 1..=100_000)),
        idp_timeout: Duration::from_millis(get(
            "idp_timeout_ms",
            DEFAULT_IDP_TIMEOUT_MS,
            100..=30_000,
        )),
    };
    if let Some(section) = section {
        section.finish();
    }
    limits
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
