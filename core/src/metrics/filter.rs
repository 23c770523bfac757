//! What the filter counts, on its own in Envoy's statistics. proxy-wasm has no labels: the reason is part of the name.

use std::collections::BTreeMap;

use super::{Family, chapter};
use crate::Reason;

/// One counter or gauge of the filter.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// As Envoy is told it.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Whether it goes down, too.
    pub is_gauge: bool,
}

const fn counter(name: &'static str, help: &'static str) -> Counted {
    Counted { name, help, is_gauge: false }
}

/// Requests let through.
pub const PERMIT: Counted = counter("obolus.permit", "Requests that were let through");
/// The start of one counter for each reason.
pub const DENY: Counted = counter(
    "obolus.deny.",
    "Requests that were refused, or whose answers were, by [reason](reasons.md)",
);
/// Requests to a façade.
pub const FACADE: Counted = counter(
    "obolus.facade",
    "Requests that were let through to a façade, without anybody's credentials: metadata, sign-ins, tokens",
);
/// Requests for the page.
pub const PAGE: Counted =
    counter("obolus.page", "Requests that were answered with the page for people");
/// Verified tokens from memory.
pub const TOKEN_CACHE_HIT: Counted = counter(
    "obolus.token_cache_hit",
    "Requests whose token was verified before: no signature was checked",
);
/// Exchanged tokens from memory.
pub const EXCHANGE_CACHE_HIT: Counted = counter(
    "obolus.exchange_cache_hit",
    "Requests whose exchanged token was in this worker's memory",
);
/// Calls of the STS for an exchange.
pub const EXCHANGE_CALL: Counted =
    counter("obolus.exchange_call", "Calls of the STS for an exchange");
/// Those of them that nobody waits for.
pub const EXCHANGE_AHEAD: Counted =
    counter("obolus.exchange_ahead", "Exchanges ahead of a token's end: nobody waited for them");
/// Calls of the STS for keys.
pub const KEYS_CALL: Counted = counter("obolus.keys_call", "Calls of the STS for an issuer's keys");
/// Calls of the STS for groups.
pub const GROUPS_CALL: Counted = counter(
    "obolus.groups_call",
    "Calls of the STS for groups that a token does not tell and policies read",
);
/// Those of them that brought none.
pub const GROUPS_UNTOLD: Counted = counter(
    "obolus.groups_untold",
    "Those of them after which the groups were still unknown: whoever is permitted by a group was denied",
);
/// Entries of lists that were sent.
pub const LIST_KEPT: Counted = counter(
    "obolus.list_kept",
    "Entries of lists (tools, prompts, resources, templates) that were sent to somebody who may use them",
);
/// Entries of lists that were not.
pub const LIST_HIDDEN: Counted =
    counter("obolus.list_hidden", "Entries of lists that policies hid from somebody");
/// Answers that were broken off.
pub const STREAM_ENDED: Counted = counter(
    "obolus.stream_ended",
    "Answers that were still going on when a token of theirs ended, and were ended with it",
);
/// Requests that wait.
pub const WAITING: Counted = Counted {
    name: "obolus.waiting",
    help: "Requests that wait for keys, for groups or for an exchange, in all workers",
    is_gauge: true,
};

/// All of them.
pub const ALL: [Counted; 15] = [
    PERMIT,
    DENY,
    FACADE,
    PAGE,
    TOKEN_CACHE_HIT,
    EXCHANGE_CACHE_HIT,
    EXCHANGE_CALL,
    EXCHANGE_AHEAD,
    KEYS_CALL,
    GROUPS_CALL,
    GROUPS_UNTOLD,
    LIST_KEPT,
    LIST_HIDDEN,
    STREAM_ENDED,
    WAITING,
];

/// Its chapter's headline.
pub const TITLE: &str = "The filter, in Envoy";

const INTRODUCTION: &str = "Envoy's `/stats` has them as `wasmcustom.obolus.…`, with dots; here they stand as its `/stats/prometheus` has \
them. There is one `obolus_deny_…` for each reason. They are counted for all workers together, and from Envoy's start on. Envoy's own `rbac.obolus_guard.denied` \
counts what the guard refused, and stays at zero; `cluster.obolus-sts.…` is the way to the STS.";

/// The name of the counter of refusals for this reason.
#[must_use]
pub fn deny(reason: Reason) -> String {
    format!("{}{reason}", DENY.name)
}

/// As Prometheus has it, to whom Envoy says all of `wasmcustom` without that word.
#[must_use]
pub fn exported(name: &str) -> String {
    name.replace('.', "_")
}

/// The filter's families, with one for each reason.
#[must_use]
pub fn families() -> Vec<Family> {
    let family = |name: &str, counted: &Counted| Family {
        name: exported(name),
        kind: if counted.is_gauge { "gauge" } else { "counter" }.to_owned(),
        unit: String::new(),
        help: counted.help.to_owned(),
        labels: BTreeMap::new(),
        is_sampled: true,
    };
    let each = |counted: &Counted| match counted.name == DENY.name {
        true => Reason::ALL.iter().map(|reason| family(&deny(*reason), counted)).collect(),
        false => vec![family(counted.name, counted)],
    };
    ALL.iter().flat_map(each).collect()
}

/// The chapter of `docs/metrics.md`.
#[must_use]
pub fn to_markdown() -> String {
    let mut rows = families();
    let is_deny = |family: &Family| family.name.starts_with(&exported(DENY.name));
    // One row for all reasons, which stand in docs/reasons.md.
    if let Some(first) = rows.iter_mut().find(|family| is_deny(family)) {
        first.name = format!("{}REASON", exported(DENY.name));
    }
    rows.retain(|family| !is_deny(family) || family.name.ends_with("REASON"));
    chapter(TITLE, INTRODUCTION, &rows, |_, _| None)
}
