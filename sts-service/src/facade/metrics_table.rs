//! The chapter of `docs/metrics.md` about this program, from a page with a sample of everything. Only the generator and its
//! test call this.

use std::time::Duration;

use obolus_core::metrics::{Family, chapter};

use super::metrics::Metrics;
use crate::metrics::Listens;

const TITLE: &str = "obolus-facade";

const INTRODUCTION: &str = "Of one replica. People, clients and redirect URIs are in no label; whose redirect URI it was stands in the log.";

/// The chapter.
#[must_use]
pub fn metrics_to_markdown() -> String {
    chapter(TITLE, INTRODUCTION, &Family::all_of(&sampled()), told)
}

/// What open sets of labels hold.
fn told(_: &Family, label: &str) -> Option<&'static str> {
    (label == "outcome").then_some(
        "what came of it, or a [refusal](facade.md#refusals); of calls `ok`, `refused`, `failed`, `no_answer`; of fetches \
         `ok`, `failed`",
    )
}

fn sampled() -> String {
    let metrics = Metrics::new();
    for endpoint in ["metadata", "authorize", "token", "register", "none"] {
        metrics.answered(endpoint, "told");
    }
    metrics.called("ok", Duration::ZERO);
    metrics.fetched(true);
    for listens in [Listens::Service, Listens::Operations] {
        metrics.connections(listens);
    }
    metrics.text(Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use obolus_core::metrics::chapter_of;

    use super::*;

    #[test]
    fn the_committed_chapter_is_what_the_generator_writes() {
        for Family { name, help, is_sampled, .. } in Family::all_of(&sampled()) {
            assert!(is_sampled && help.len() > 10 && !help.contains('|'), "{name}");
        }
        let page = include_str!("../../../docs/metrics.md");
        let committed = chapter_of(page, TITLE);
        assert!(
            committed == metrics_to_markdown(),
            "docs/metrics.md is stale: run `cargo xtask generate`"
        );
    }
}
