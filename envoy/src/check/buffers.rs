//! Whether Envoy holds bodies as large as the filter takes them: where it does not, it answers 413 by itself.

use super::finding::Findings;
use super::node::Node;
use super::rule::Rule;

/// Checks a limit; one that is not said is 1 MiB, the filter's own default.
pub(super) fn check(place: &Node<'_>, key: &str, body_limit: u64, findings: &mut Findings) {
    let Some(limit) = place.number(key) else {
        let default = obolus_core::config::DEFAULT_MAX_BODY_BYTES;
        if body_limit > default && !key.contains('/') {
            below(place, key, default, body_limit, findings);
        }
        return;
    };
    if limit < body_limit {
        below(&place.nearest(key), key, limit, body_limit, findings);
    }
}

/// Names what is held less of than the filter lets through.
pub(super) fn below(
    place: &Node<'_>,
    key: &str,
    limit: u64,
    body_limit: u64,
    findings: &mut Findings,
) {
    let key = key.rsplit('/').next().unwrap_or(key);
    findings.add(
        Rule::BufferLimit,
        place,
        format!(
            "Envoy answers by itself what is above {limit} bytes, and the filter takes {body_limit} (maxBodyBytes, \
             and where lists are cut maxListBytes)"
        ),
        format!("{key}: {}", body_limit.saturating_mul(2)),
    );
}
