//! What a reason means and what is to be done about it: `docs/reasons.md`, from one paragraph per reason.
//!
//! Only the generator and its test call this: nothing of it is in the module or in a service.

use std::fmt::Write as _;

use super::Reason;

mod behind;
mod requests;
mod rights;
mod tokens;

/// Who can do something about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    /// The person, at the identity provider.
    Person,
    /// The client's software or its settings.
    Client,
    /// Whoever administrates the identity provider.
    Administrator,
    /// Whoever runs the gateway and the STS.
    Operator,
    /// Nobody has to: it passes.
    Nobody,
}

impl Acts {
    fn as_str(self) -> &'static str {
        match self {
            Self::Person => "the person",
            Self::Client => "the client",
            Self::Administrator => "an administrator of the identity provider",
            Self::Operator => "the operator",
            Self::Nobody => "nobody: it passes",
        }
    }
}

/// One reason's entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Which.
    pub reason: Reason,
    /// Who acts.
    pub acts: Acts,
    /// What it means, what to do, and where to look.
    pub paragraph: &'static str,
}

const fn entry(reason: Reason, acts: Acts, paragraph: &'static str) -> Entry {
    Entry { reason, acts, paragraph }
}

const CHAPTERS: [(&str, &[Entry]); 4] = [
    ("The bearer token", tokens::ENTRIES),
    ("What this person, this client or this page may do", rights::ENTRIES),
    ("The request's form", requests::ENTRIES),
    ("Somebody behind the gateway", behind::ENTRIES),
];

const HEAD: &str = "# Reasons

<!-- Written by `cargo xtask generate` from core/src/reason: change it there. -->

Everything that Obolus refuses has one reason of this closed set. Its label is stable, and stands in

* the client's answer: the member `reason` of the body, `error.data.reason` where the body is JSON-RPC: always where a body was refused, and for
  everything else as soon as the request's id is known (`error.code` is JSON-RPC's or MCP's own where there is one, and the HTTP status elsewhere);
* the [audit record](audit.md), a line of Envoy's access log: `reason`, `request_id`, and who it was as far as that was known;
* the gateway's metric `wasmcustom.obolus.deny.LABEL`;
* for exchanges, the STS's log line `exchange` (`outcome`) and its metric `obolus_sts_exchanges_total{outcome=\"LABEL\"}`.

What an identity provider itself said (`upstream_error`, `upstream_suberror`, `upstream_codes`, `upstream_description`, and the ids by
which its administrators find the request) stands in the STS's log line and goes to nobody else. One thing of an identity provider reaches the client: the claims
that it wants a new token to be asked for with, see [`claims_required`](#claims_required).

*Acts* names who can end it. Somebody else can, too, in some cases; the paragraph says so.
";

/// The whole of `docs/reasons.md`.
#[must_use]
pub fn to_markdown() -> String {
    let mut text = HEAD.to_owned();
    for (chapter, entries) in CHAPTERS {
        // Writing to memory does not fail.
        let _ = write!(text, "\n## {chapter}\n\n| reason | status | acts |\n|---|---|---|\n");
        for Entry { reason, acts, .. } in entries {
            let (status, acts) = (reason.status(), acts.as_str());
            let _ = writeln!(text, "| [`{reason}`](#{reason}) | {status} | {acts} |");
        }
        for entry in entries {
            text.push_str(&section(entry));
        }
    }
    text
}

fn section(Entry { reason, acts, paragraph }: &Entry) -> String {
    let error = reason.oauth_error().map_or_else(String::new, |error| format!(" · `{error}`"));
    let retry = reason.retry_after_seconds().map_or("", |_| " · `Retry-After`");
    let (status, text, acts) = (reason.status(), reason.description(), acts.as_str());
    format!(
        "\n### `{reason}`\n\n{status}{error}{retry} · acts: {acts}\n\n> {text}\n\n{paragraph}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<&'static Entry> {
        CHAPTERS.iter().flat_map(|(_, entries)| entries.iter()).collect()
    }

    #[test]
    fn every_reason_has_one_paragraph_and_they_stand_in_the_order_of_the_set() {
        let described: Vec<_> = entries().iter().map(|entry| entry.reason).collect();
        for reason in Reason::ALL {
            let count = described.iter().filter(|other| *other == reason).count();
            assert_eq!(count, 1, "{reason}: write its paragraph in core/src/reason/guide");
        }
        assert_eq!(described, Reason::ALL);
    }

    #[test]
    fn a_paragraph_says_something_in_sentences() {
        for Entry { reason, acts, paragraph } in entries() {
            assert!(paragraph.len() >= 80 && paragraph.ends_with('.'), "{reason}");
            assert!(!paragraph.contains('\n') && !paragraph.contains("  "), "{reason}");
            let passes = matches!(reason.status(), 503);
            assert_eq!(*acts == Acts::Nobody, passes, "{reason}: 503 is what passes by itself");
        }
    }

    #[test]
    fn the_committed_file_is_what_the_generator_writes() {
        let committed = include_str!("../../../docs/reasons.md");
        assert!(committed == to_markdown(), "docs/reasons.md is stale: run `cargo xtask generate`");
    }
}
