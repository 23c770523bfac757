//! The pairs in `docs/guide-errors/`.

use std::path::{Path, PathBuf};

use obolus_tests::parts::products::workspace;

/// What the guides call the service.
const SERVICE: &str = "https://login.microsoftonline.com";

/// One pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guide {
    /// The folder.
    pub(crate) name: &'static str,
    /// The keys whose lines are at fault, each with what is said of it.
    pub(crate) faults: &'static [(&'static str, &'static str)],
}

/// Every pair in TOML.
pub(crate) const GUIDES: [Guide; 5] = [
    Guide {
        name: "inverted-apps",
        faults: &[("oauth_audience", "AADSTS500131"), ("sts_scopes", "AADSTS90009")],
    },
    Guide { name: "one-app", faults: &[("sts_scopes", "AADSTS90009")] },
    Guide { name: "oidc-scopes", faults: &[("oauth_scopes", "AADSTS50013")] },
    Guide { name: "default-scope", faults: &[("oauth_scopes", "`scp`")] },
    Guide {
        name: "account-audience",
        faults: &[
            ("oauth_audience", "every token of a Keycloak realm"),
            ("validate_token", "what it says of itself"),
        ],
    },
];

pub(crate) fn guide(name: &str) -> Guide {
    *GUIDES.iter().find(|guide| guide.name == name).expect("a pair of this name")
}

impl Guide {
    pub(crate) fn printed(self) -> PathBuf {
        file(self.name, "printed.toml")
    }

    pub(crate) fn corrected(self) -> PathBuf {
        file(self.name, "corrected.toml")
    }
}

pub(crate) fn file(guide: &str, name: &str) -> PathBuf {
    workspace().join("docs/guide-errors").join(guide).join(name)
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same text at an emulator, whose certificate is not a public one.
pub(crate) fn at(text: &str, host: &str) -> String {
    let there = text.replace(SERVICE, host);
    let (before, after) = there.split_once("authorization_url").expect("authorization_url");
    format!("{before}certificate_authority = \"ca.crt\"\nauthorization_url{after}")
}

/// The line of a key at the top level, from 1.
pub(crate) fn line_of(text: &str, key: &str) -> usize {
    let is_it = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" ="));
    text.lines().position(is_it).unwrap_or_else(|| panic!("no {key} in {text}")) + 1
}
