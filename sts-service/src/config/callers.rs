//! `[[callers]]`: who may ask, and for which exchanges: (issuer, audience, client) → targets.

use std::path::Path;
use std::sync::Arc;

use obolus_core::config::{Section, not_configured};
use obolus_core::token::Principal;
use obolus_core::token::application::{id_of, is_graph, is_guid, is_same};

use super::names::Names;
use super::{ExchangedBy, Target, entra_target};
use crate::credentials::{CallerSecret, CredentialError};

/// Somebody who may ask for exchanges.
#[derive(Debug)]
pub struct Caller {
    /// Its name, which it authenticates with.
    pub id: String,
    /// One secret, or two while one replaces the other.
    pub secrets: Vec<CallerSecret>,
    /// What it may ask for.
    pub grants: Vec<Grant>,
}

/// Tokens of this issuer, for one of these audiences, issued to one of these clients, may be exchanged for
/// these targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The issuer's name.
    pub issuer: String,
    /// Audiences, any one of which the token must have.
    pub audiences: Vec<String>,
    /// The clients that the token may have been issued to.
    pub clients: Clients,
    /// The names of targets.
    pub targets: Vec<String>,
}

/// The OAuth clients of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clients {
    /// `["*"]`: any client, and tokens that name none.
    Any,
    /// These.
    Listed(Vec<String>),
}

impl Grant {
    /// Whether a token of this principal may be exchanged for this target.
    #[must_use]
    pub fn covers(&self, principal: &Principal, target: &str) -> bool {
        let client = match &self.clients {
            Clients::Any => true,
            Clients::Listed(listed) => principal
                .client()
                .is_some_and(|client| listed.iter().any(|listed| listed == client)),
        };
        client
            && self.issuer == principal.issuer_name()
            && principal.audiences().iter().any(|audience| self.audiences.contains(audience))
            && self.targets.iter().any(|granted| granted == target)
    }
}

pub(super) fn read(
    top: &Section<'_>,
    folder: &Path,
    targets: &[Arc<Target>],
    known: &Names<'_>,
) -> Vec<Caller> {
    let mut callers: Vec<Caller> = Vec::new();
    for section in top.sections("callers") {
        if let Some(caller) = caller(&section, folder, targets, known) {
            if callers.iter().any(|other| other.id == caller.id) {
                section.problem("id", "is taken by another caller");
            }
            callers.push(caller);
        }
        section.finish();
    }
    if top.is_empty_array_or_missing("callers") {
        top.problem("callers", "must name at least one caller");
    }
    callers
}

fn caller(
    section: &Section<'_>,
    folder: &Path,
    targets: &[Arc<Target>],
    known: &Names<'_>,
) -> Option<Caller> {
    let id = section.string("id", "the caller's name, such as envoy");
    let what = "one file, or two while a secret is replaced";
    let names = section.some_strings("credential_files", what);
    if names.len() > 2 {
        section.problem("credential_files", format!("must be {what}"));
    }
    let fault = |place: usize, error: &CredentialError| {
        let what = "the file of the caller's secret";
        section.problem(&format!("credential_files[{place}]"), error.told(what));
    };
    let open = |(place, name): (usize, &String)| {
        let opened = CallerSecret::open(folder.join(name));
        opened.map_err(|error| fault(place, &error)).ok()
    };
    let secrets: Vec<_> = names.iter().enumerate().filter_map(open).collect();
    // One that is withdrawn beside a good one is as somebody wants it; where all are, nobody could come in.
    let withdrawn: Vec<_> = secrets.iter().filter_map(CallerSecret::withdrawn).collect();
    if secrets.len() == names.len() && withdrawn.len() == secrets.len() {
        withdrawn.iter().enumerate().for_each(|(place, error)| fault(place, error));
    }
    let grants: Vec<_> = section
        .sections("grants")
        .into_iter()
        .filter_map(|section| grant(section, targets, known))
        .collect();
    if section.is_empty_array_or_missing("grants") {
        section.problem("grants", "must hold at least one [[callers.grants]]");
    }
    Some(Caller { id: id?, secrets, grants })
}

fn grant(section: Section<'_>, targets: &[Arc<Target>], known: &Names<'_>) -> Option<Grant> {
    let issuer = section.string("issuer", "the name of an issuer");
    let audiences =
        section.some_strings("audiences", "the audiences that the incoming token may have");
    let what = "the client ids that tokens may have been issued to, or [\"*\"] for any";
    let names = section.some_strings("clients", what);
    let target_names = section.some_strings("targets", "the names of targets");
    if let Some(issuer) = &issuer
        && !known.issuers.contains(&issuer.as_str())
    {
        section.problem("issuer", not_configured(issuer, &known.issuers));
    }
    if audiences.iter().any(|audience| audience == "account") {
        section.problem(
            "audiences",
            "`account` stands in every token of a Keycloak realm: write the resource's URL",
        );
    }
    for (key, texts) in [("audiences", &audiences), ("clients", &names)] {
        if texts.iter().any(|text| text.contains(char::is_whitespace)) {
            section.problem(key, "has white space in it, which no token has: leave it out");
        }
    }
    for name in &target_names {
        let Some(target) = targets.iter().find(|target| target.name() == name) else {
            if !known.targets.contains(&name.as_str()) {
                section.problem("targets", not_configured(name, &known.targets));
            }
            continue;
        };
        if target.exchanged_by == ExchangedBy::Entra {
            check_entra(&section, &audiences, target);
            let is_other = |name: &&String| *name != "*" && !is_guid(name);
            if let Some(client) = names.iter().find(is_other) {
                section.problem(
                    "clients",
                    format!("`{client}` is no Application (client) ID, which is a GUID and what Entra's tokens have"),
                );
            }
        }
        // An issuer that is not configured has had its problem.
        let other = issuer.as_ref().filter(|issuer| **issuer != target.issuer);
        if other.is_some_and(|issuer| known.issuers.contains(&issuer.as_str())) {
            section.problem(
                "targets",
                format!(
                    "`{name}` is exchanged by `{}`, which knows no other issuer's tokens",
                    target.issuer
                ),
            );
        }
    }
    for target in targets {
        let is_issuers = issuer.as_ref() == Some(&target.issuer);
        if is_issuers || target_names.iter().any(|name| name == target.name()) {
            check_apart(&section, &audiences, target);
        }
    }
    let clients = if names.iter().any(|name| name == "*") {
        if names.len() > 1 {
            section.problem("clients", "must be [\"*\"] alone, or client ids");
        }
        Clients::Any
    } else {
        Clients::Listed(names)
    };
    section.finish();
    Some(Grant { issuer: issuer?, audiences, clients, targets: target_names })
}

/// No target takes the tokens that come in, whether this grant is for it or another is: a token that is good for both
/// needs no exchange, and is exchanged for nothing better.
fn check_apart(section: &Section<'_>, audiences: &[String], target: &Target) {
    let (name, own) = (target.name(), &target.target.audience);
    let is_own = |audience: &&String| {
        *audience == own
            || (target.exchanged_by == ExchangedBy::Entra
                && (is_same(audience, own)
                    || entra_target::resource(&target.scopes)
                        .is_some_and(|resource| is_same(audience, resource))))
    };
    if let Some(audience) = audiences.iter().find(is_own) {
        section.problem(
            "audiences",
            format!(
                "`{audience}` is the audience of target `{name}`: the exchange would change nothing, and whoever \
                 holds the client's token could use it at the target"
            ),
        );
    }
}

/// Entra exchanges a token only for the application that it is for (AADSTS500131), and only for another one.
fn check_entra(section: &Section<'_>, audiences: &[String], target: &Target) {
    let (name, client) = (target.name(), target.client.id());
    for audience in audiences {
        if is_graph(audience) {
            section.problem(
                "audiences",
                "is Microsoft Graph's, whose tokens nobody else can verify: write the Application (client) ID that \
                 people ask a token for, which is the one that exchanges",
            );
        }
        if let Some(fault) = entra_target::upper_case(audience) {
            section.problem("audiences", fault);
        }
        // A client id that is no GUID has had its problem, and may be the secret: it is not repeated.
        if id_of(audience).is_some() && is_guid(client) && !is_same(audience, client) {
            section.problem(
                "audiences",
                format!(
                    "`{audience}` is another application than `{client}`, which asks for target `{name}`: Entra \
                     exchanges only tokens for the application that asks (AADSTS500131)"
                ),
            );
        }
        let asked_for = entra_target::resource(&target.scopes);
        if asked_for.is_some_and(|resource| is_same(resource, audience)) {
            section.problem(
                "audiences",
                format!(
                    "`{audience}` is what the scopes of target `{name}` are of: the exchange would be to itself"
                ),
            );
        }
    }
}
