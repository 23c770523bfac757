//! What a realm must have for Obolus.

use std::path::PathBuf;

use super::representation::Secret;

/// All of it.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The scopes that MCP clients ask for; the first is what a person gets without asking.
    pub(super) scopes: Vec<String>,
    /// The audiences that these scopes give, besides the STS: the URLs of the MCP servers.
    pub(super) resources: Vec<String>,
    /// Whether these scopes put the person's groups into the token, too.
    pub(super) with_groups: bool,
    /// As which clients the STS exchanges.
    pub(super) exchangers: Vec<Exchanger>,
    /// What it exchanges for.
    pub(super) targets: Vec<TargetClient>,
    /// The client for people.
    pub(super) people: PublicClient,
    /// Who may register clients without signing in; nobody is let in, or locked out, without it.
    pub(super) registration: Option<Registration>,
}

/// A client of the STS.
#[derive(Debug)]
pub(super) struct Exchanger {
    pub(super) id: String,
    pub(super) proof: Proof,
    /// The scopes that it asks for.
    pub(super) scopes: Vec<String>,
}

/// What a client of the STS proves itself with.
#[derive(Debug)]
pub(super) enum Proof {
    /// A secret, in this file as soon as there is one.
    SecretFile { path: PathBuf, held: Option<Secret>, replace: bool },
    /// A key, by its certificate (base64 of DER), and the algorithm.
    Certificate { certificate: String, algorithm: &'static str },
    /// Nothing was said of it.
    Unknown,
}

/// What stands for a cluster in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetClient {
    pub(super) audience: String,
    /// The scope that gives this audience.
    pub(super) scope: String,
}

/// The client that people's programs use who register none of their own.
#[derive(Debug)]
pub(super) struct PublicClient {
    pub(super) id: String,
    pub(super) redirect_uris: Vec<String>,
    pub(super) web_origins: Vec<String>,
    /// Whether people are asked, once each.
    pub(super) consent: bool,
}

/// Whose registrations are taken.
#[derive(Debug)]
pub(super) struct Registration {
    /// Where their clients may come back to: these and nowhere else.
    pub(super) redirect_uris: Vec<String>,
    /// The hosts that may stand in redirect URIs and in links.
    pub(super) hosts: Vec<String>,
    /// The origins of pages that may register.
    pub(super) web_origins: Vec<String>,
}

impl Wanted {
    /// Whether a scope is one that only the STS may have.
    pub(super) fn is_target_scope(&self, scope: &str) -> bool {
        self.targets.iter().any(|target| target.scope == scope)
    }
}
