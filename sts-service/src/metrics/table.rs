//! The chapter of `docs/metrics.md` about this program, from the page of metrics that it would write.
//!
//! Each family gets samples with every word that its labels may have, by the functions that count; so names, types, labels
//! and words are those of the code. Only the generator and its test call this.

use std::path::PathBuf;
use std::time::Duration;

use obolus_core::Reason;
use obolus_core::metrics::{Family, chapter};
use obolus_core::token::{EntraTenants, IssuerRules, Provider, TenantId};

use super::upstream::{CircuitState, ERRORS, Limit, OTHER, Refresh};
use super::{Listens, Metrics, labels_of};
use crate::cache::Source;
use crate::config::ExchangedBy;
use crate::material::{Standing, Use};

const TITLE: &str = "obolus-sts";

const INTRODUCTION: &str = "What a configuration no longer names stays as it was counted last until the restart, but for materials (`obolus_sts_material_…`), \
     which are shown as they are. Gauges of keys and circuits are of this replica; so are memory and counters.";

/// The kinds of material, each as the file's owner names it.
const KINDS: [&str; 7] = [
    "client_secret",
    "client_key",
    "federated_token",
    "issuer_ca",
    "server_tls",
    "caller_credential",
    "configuration",
];

/// Those of them that end.
const ENDING: [&str; 4] = ["client_key", "federated_token", "issuer_ca", "server_tls"];

/// The chapter.
#[must_use]
pub fn to_markdown() -> String {
    chapter(TITLE, INTRODUCTION, &families(), told)
}

/// What open sets of labels hold.
fn told(family: &Family, label: &str) -> Option<&'static str> {
    let told = match label {
        "caller" => "an `id` of `[[callers]]`, or `unknown`",
        "target" if family.labels.contains_key("caller") => {
            "a `name` of `[[targets]]`, or `unknown`"
        }
        "target" => "a `name` of `[[targets]]`",
        "issuer" => "a `name` of `[[issuers]]`",
        "tenant" => "a tenant of Entra ID, by its directory id; no such label with other issuers",
        "service" => {
            "`graph` for Microsoft Graph (`POST /groups`); no such label for token endpoints"
        }
        "of" => {
            "the target, issuer or caller whose file it is; `server`; empty for the configuration"
        }
        "file" => "its path",
        "code" => "an AADSTS number; `other` beyond the first 100",
        "reason" => "a [reason](reasons.md) that is remembered",
        "outcome" if family.name == "obolus_sts_groups_total" => {
            "`resolved`, or a [reason](reasons.md)"
        }
        "outcome" if family.name == "obolus_sts_upstream_seconds" => {
            "`ok`, or a [reason](reasons.md)"
        }
        "outcome" if family.name.starts_with("obolus_sts_exchange") => {
            "`exchanged`, or a [reason](reasons.md)"
        }
        _ => return None,
    };
    Some(told)
}

fn families() -> Vec<Family> {
    Family::all_of(&sampled())
}

/// A page with everything on it.
fn sampled() -> String {
    let metrics = Metrics::new();
    for source in [Source::Hit, Source::Miss, Source::Join, Source::Refusal] {
        metrics.looked_up(source.as_str());
        metrics.served(None, "exchanged", Some(source.as_str()), Duration::ZERO);
    }
    metrics.exchanged(None, None, "exchanged");
    metrics.groups(None, None, "resolved");
    metrics.served(None, "exchanged", None, Duration::ZERO);
    for provider in [ExchangedBy::Keycloak, ExchangedBy::Entra] {
        metrics.served(Some(provider.as_str()), "exchanged", None, Duration::ZERO);
        metrics.called("", provider.as_str(), "ok", Duration::ZERO);
    }
    for listens in [Listens::Service, Listens::Operations] {
        metrics.connections(listens);
    }
    metrics.spans("sent", 1);
    metrics.spans("lost", 1);
    metrics.certificate_ends("", 0);
    upstream(&metrics);
    metrics.held_back("");
    metrics.negative_hit("", Reason::ExchangeDenied);
    for outcome in [Refresh::Renewed, Refresh::Refused, Refresh::Failed] {
        metrics.refreshed("", outcome);
    }
    metrics.remembered(0, 0, 0);
    metrics.wrong_credential();
    metrics.caller_limited();
    for limit in [Limit::WrongCredentials, Limit::ExchangesInFlight, Limit::Graph] {
        metrics.overloaded(limit);
    }
    let standings = KINDS.map(|kind| {
        let standing = Standing {
            kind,
            path: PathBuf::new(),
            state: Use::Current,
            age: Duration::ZERO,
            wrong: Duration::ZERO,
            expires_at: ENDING.contains(&kind).then_some(0),
        };
        (String::new(), standing)
    });
    metrics.page(&standings)
}

/// What is counted by issuer, and with Entra ID by tenant.
fn upstream(metrics: &Metrics) {
    let tenant = TenantId::parse("00000000-0000-4000-8000-000000000001");
    let rules = IssuerRules {
        name: String::new(),
        provider: Provider::Entra(EntraTenants::new(String::new(), tenant.into_iter().collect())),
        algorithms: Vec::new(),
        clock_skew_seconds: 0,
    };
    for source in rules.key_sources() {
        for status in [None, Some(200), Some(300), Some(400), Some(429), Some(500)] {
            metrics.answered(&source, status, None);
        }
        for error in ERRORS.into_iter().chain([OTHER]) {
            metrics.answered(&source, Some(400), Some(error));
        }
        metrics.coded(&source, 0);
        let of_graph = labels_of(&source).into_iter().chain([("service", "graph".to_owned())]);
        for labels in [labels_of(&source), of_graph.collect()] {
            metrics.circuit(&labels, CircuitState::Open);
            metrics.in_flight(&labels, 0);
            metrics.retried(&labels);
        }
        metrics.keys_fetched(&source, true);
        metrics.keys_fetched(&source, false);
        metrics.keys_held(&source, 0, Some(Duration::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use obolus_core::metrics::chapter_of;

    use super::*;

    #[test]
    fn every_family_has_a_type_a_sentence_and_a_sample() {
        let families = families();
        assert!(families.len() > 25, "{families:#?}");
        for Family { name, kind, help, is_sampled, .. } in &families {
            assert!(help.len() > 10 && !help.contains('|'), "{name}: write what it says: {help}");
            assert!(["counter", "gauge", "histogram"].contains(&kind.as_str()), "{name}: {kind}");
            assert!(is_sampled, "{name}: count it in `sampled`, so that its labels are known");
        }
    }

    #[test]
    fn the_committed_chapter_is_what_the_generator_writes() {
        let page = include_str!("../../../docs/metrics.md");
        let committed = chapter_of(page, TITLE);
        assert!(committed == to_markdown(), "docs/metrics.md is stale: run `cargo xtask generate`");
    }
}
