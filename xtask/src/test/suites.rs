//! What there is to run.

use anyhow::{Result, bail};

/// A suite: what CI and people know it by.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) what: What,
}

/// How a suite is run.
pub(crate) enum What {
    /// By cargo, with these arguments.
    Cargo(&'static [&'static str]),
    /// All test programs of the package in this folder.
    Package(&'static str),
    /// One test program of `tests/`.
    Story(&'static str),
    /// One test program of `tests/`, all of its stories at once: most wait for their turn at what they share.
    AtOnce(&'static str),
    /// One that needs a Docker Engine and what `cargo xtask dist` makes.
    InEngine(&'static str),
    /// Some tests of a program of `tests/`, by a part of their names, with longer phases. Only when it is asked for.
    Long(&'static str, &'static str),
}

const LINT: &[&str] = &["clippy", "--locked", "--all-targets", "--quiet", "--", "-D", "warnings"];
#[rustfmt::skip]
const LINT_FILTER: &[&str] = &[
    "clippy", "--locked", "--quiet", "-p", "obolus-filter", "--target", "wasm32-wasip1",
    "--profile", "wasm", "--", "-D", "warnings",
];

/// In a call of its own, as everything of this package: see `default-members` in Cargo.toml.
#[rustfmt::skip]
const LINT_POLICY: &[&str] = &[
    "clippy", "--locked", "--all-targets", "--quiet", "-p", "obolus-policy", "--", "-D", "warnings",
];
/// By itself, too: what it wants of rmcp, the others are not built with.
#[rustfmt::skip]
const LINT_RMCP_CLIENT: &[&str] = &[
    "clippy", "--locked", "--quiet", "-p", "obolus-rmcp-client", "--", "-D", "warnings",
];
#[rustfmt::skip]
const LINT_CONFORMANCE: &[&str] = &[
    "clippy", "--locked", "--quiet", "-p", "obolus-conformance-server", "--", "-D", "warnings",
];
const TEST_POLICY: &[&str] = &["test", "--locked", "-p", "obolus-policy"];

const fn suite(name: &'static str, about: &'static str, what: What) -> Suite {
    Suite { name, about, what }
}

const fn story(name: &'static str, about: &'static str) -> Suite {
    suite(name, about, What::Story(name))
}

/// All of them, quick ones first.
pub(crate) const SUITES: &[Suite] = &[
    suite("format", "rustfmt has nothing to say", What::Cargo(&["fmt", "--all", "--check"])),
    suite("lint", "clippy on what runs natively", What::Cargo(LINT)),
    suite("lint-filter", "clippy on the filter", What::Cargo(LINT_FILTER)),
    suite("lint-policy", "clippy on the policy compiler", What::Cargo(LINT_POLICY)),
    suite(
        "lint-conformance",
        "clippy on the conformance suite's server",
        What::Cargo(LINT_CONFORMANCE),
    ),
    suite(
        "lint-rmcp-client",
        "clippy on a client of the suite `login`",
        What::Cargo(LINT_RMCP_CLIENT),
    ),
    suite("core", "pure decisions", What::Package("core")),
    suite("telemetry", "traces and their collector", What::Package("telemetry")),
    suite("envoy", "the generator of Envoy's configuration", What::Package("envoy")),
    suite("sts", "the STS by itself", What::Package("sts-service")),
    suite("mcp-server", "the MCP server by itself", What::Package("mcp-server")),
    suite(
        "policy",
        "policies: checked, compiled, tested, explained; decided as Cedar does",
        What::Cargo(TEST_POLICY),
    ),
    suite("xtask", "this program", What::Package("xtask")),
    story("obolus_tests", "what the stories stand on"),
    story("entra_rules", "the emulator of Entra ID: 27 rules and the table of errors"),
    story("parts", "Envoy, Keycloak and processes start, answer and end"),
    story("cluster", "a real cluster runs pods and audits"),
    story("cluster_people", "the API server's view of people"),
    story("guard", "the native guard on a real Envoy"),
    story("filter", "what the filter takes and refuses"),
    story(
        "authz",
        "requests that say two things, none of them forwarded, and what each would have been",
    ),
    story("bindings", "outages, keys, and what is bound to what"),
    story("sts_keycloak", "the STS at a real Keycloak"),
    story("keycloak_setup", "`obolus-sts setup keycloak` in fresh realms, and in broken ones"),
    story("sts_entra", "the STS at an Entra ID that is as strict as the service"),
    story("exchange", "every refusal of an identity provider as a client sees it, and how it ends"),
    story("facade", "the login façade before that Entra ID: logins, attacks, faults"),
    story("entra_msal", "Microsoft's own client and our STS at the emulator"),
    story("guide_errors", "what published guides print, refused, and what works instead"),
    story("mcp_server", "the MCP server at a real API server"),
    story(
        "mcp_parity",
        "kubernetes-mcp-server and ours, asked the same: each difference has its reason",
    ),
    story("mcp", "every tool of the MCP server, allowed, refused and misused"),
    story("keycloak_changes", "Keycloak away, other keys, people who signed out or were disabled"),
    story("end_to_end", "a person's token from Keycloak to the API server's audit log"),
    story("entra_end_to_end", "a person's token from Entra ID to the API server, or why not"),
    story("conformance", "the official suite finds through the gateway what it finds directly"),
    story("login", "people log in with clients that others wrote, and a page does"),
    suite(
        "mesh",
        "a real istiod, stock Envoys, and certificates of Istio's CA",
        What::AtOnce("mesh"),
    ),
    suite(
        "compose",
        "docs/compose.md, each command of it, in a Docker Engine",
        What::InEngine("compose"),
    ),
    story("exchange_load", "crowds, outages, swapped files and rolled replicas under load"),
    story("canaries", "planted secrets are found nowhere"),
    suite("long", "outages of a minute each, under load", What::Long("exchange_load", "outage")),
];

/// Names for several suites at once.
pub(crate) const GROUPS: &[(&str, &[&str])] = &[
    (
        "entra",
        &["entra_rules", "entra_msal", "sts_entra", "facade", "guide_errors", "entra_end_to_end"],
    ),
    ("exchange", &["exchange", "exchange_load"]),
];

/// The suites of these names, or of the groups of these names; all of them when there is no name.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<&'static Suite>> {
    let mut wanted = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        if let Some((_, members)) = GROUPS.iter().find(|(group, _)| group == name) {
            wanted.extend_from_slice(members);
        } else if let Some(suite) = SUITES.iter().find(|suite| suite.name == name) {
            wanted.push(suite.name);
        } else {
            unknown.push(name.as_str());
        }
    }
    if !unknown.is_empty() {
        let groups = GROUPS.iter().map(|(group, _)| *group);
        let all: Vec<_> = groups.chain(SUITES.iter().map(|suite| suite.name)).collect();
        bail!("no such suite: {}; there are: {}", unknown.join(", "), all.join(", "));
    }
    let is_long = |suite: &Suite| matches!(suite.what, What::Long(..));
    let is_wanted = |suite: &&Suite| match names.is_empty() {
        true => !is_long(suite),
        false => wanted.contains(&suite.name),
    };
    Ok(SUITES.iter().filter(is_wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Vec<&'static str> {
        let asked: Vec<_> = asked.iter().map(|name| (*name).to_owned()).collect();
        chosen(&asked).unwrap().iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn a_group_is_all_of_its_suites_and_a_name_that_is_neither_is_refused() {
        assert_eq!(names(&["guard"]), ["guard"]);
        let without_long: Vec<_> =
            SUITES.iter().map(|suite| suite.name).filter(|name| *name != "long").collect();
        assert_eq!(names(&[]), without_long);
        assert_eq!(names(&["long"]), ["long"]);
        for (group, members) in GROUPS {
            assert_eq!(names(&[group]).len(), members.len(), "{group} names suites that exist");
        }
        assert!(chosen(&["entr".to_owned()]).is_err());
    }
}
