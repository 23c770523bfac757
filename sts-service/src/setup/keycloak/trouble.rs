//! Why a run cannot be, or cannot go on: each a sentence that says what is lacking.

use reqwest::StatusCode;
use serde_json::Value;

use crate::tls::TlsError;

/// See the module. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The command line, or a file that it names.
    #[error("{0}")]
    Usage(String),
    /// An authority's certificate is of no use.
    #[error("--ca-file: {0}")]
    Authorities(#[from] TlsError),
    /// The HTTP client could not be made.
    #[error("{0}")]
    Client(String),
    /// Nobody answers there, or not as Keycloak.
    #[error("{url} does not answer: {reason}{hint}")]
    NoAnswer {
        /// What was asked.
        url: String,
        /// What happened.
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The server knows no such realm.
    #[error(
        "there is no realm {realm} at {url}: make it first (Manage realms, Create realm), or write the issuer of the \
         realm that is meant"
    )]
    NoRealm {
        /// Its name.
        realm: String,
        /// Where it was looked for.
        url: String,
    },
    /// Its tokens name another issuer.
    #[error(
        "the realm calls itself {says}, and clients compare that letter by letter: write {says} instead of {asked}"
    )]
    OtherIssuer {
        /// What was written.
        asked: String,
        /// What its discovery document has.
        says: String,
    },
    /// Keycloak did not let the administrator in.
    #[error("{who} could not sign in: {reason}")]
    SignIn {
        /// Who.
        who: String,
        /// Keycloak's words, and what they mean.
        reason: String,
    },
    /// The administrator has no such right.
    #[error(
        "{who} may not {what}: give them the role {role} of the client realm-management in the realm {realm}, or, if they \
         are of the realm master, of its client {realm}-realm"
    )]
    Forbidden {
        /// Who.
        who: String,
        /// What was tried.
        what: String,
        /// The role that is lacking.
        role: &'static str,
        /// The realm.
        realm: String,
    },
    /// Keycloak did not take a change.
    #[error("Keycloak did not take it: {what}: {status} {said}")]
    Refused {
        /// What was tried.
        what: String,
        /// The answer's status.
        status: StatusCode,
        /// Keycloak's words.
        said: String,
    },
    /// What is there cannot be built on.
    #[error("{}", .0.join("\n"))]
    Obstacles(Vec<String>),
}

/// The words of an error's answer, if there are any that can be shown.
pub(super) fn said(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = ["errorMessage", "error_description", "error"].into_iter();
    let said = words.filter_map(|key| answer.get(key)).find_map(Value::as_str).unwrap_or_default();
    said.chars().filter(|c| !c.is_control()).take(300).collect()
}
