//! `[upstream]`: the identity provider behind, which must be one that a façade can stand before.

use std::path::Path;

use obolus_core::config::{Section, entra_tenant};
use obolus_core::login::Resources;
use obolus_core::token::{EntraTenants, application};

use crate::config::files;
use crate::tls::Trust;

pub(super) struct Upstream {
    pub(super) tenants: EntraTenants,
    pub(super) client_id: Option<String>,
    pub(super) tls: Option<Trust>,
}

/// Settings of a broker, and of issuers that are named as such.
const NOT_HERE: [(&str, &str); 7] = [
    ("client_secret", BROKER),
    ("client_secret_file", BROKER),
    ("client_assertion", BROKER),
    ("private_key_file", BROKER),
    ("callback", CALLBACK),
    ("redirect_uri", CALLBACK),
    ("issuer", ISSUER),
];
const BROKER: &str = "is a credential, and the façade has none: a client that is not public needs a broker, with a callback of its own and \
     a page where people consent to each client, which this is not; register the application as a public client (mobile \
     and desktop) and leave this out";
const CALLBACK: &str = "is a broker's: here codes go from the identity provider straight to the client's own redirect URI; leave it out";
const ISSUER: &str = "follows from tenant and authority_host: leave it out";

pub(super) fn read(top: &Section<'_>, folder: &Path, resources: &Resources) -> Option<Upstream> {
    let section = top.section("upstream", "[upstream] with profile, tenant and client_id")?;
    let profile = section.string("profile", "entra");
    let is_entra = profile.as_deref().is_none_or(|profile| profile == "entra");
    for (key, why) in NOT_HERE {
        if section.has(key) && (is_entra || why != ISSUER) {
            section.problem(key, why);
        }
    }
    if let Some(profile) = profile.filter(|profile| profile != "entra") {
        section.problem("profile", foreign(&profile));
        // What else stands there is of that other one.
        return None;
    }
    let tenants = entra_tenant(&section, "tenant", "authority_host");
    let client_id = client_id(&section, resources);
    let tls = Trust::open(files::optional(&section, "ca_file", folder));
    if let Err(error) = &tls {
        section.problem("ca_file", error.to_string());
    }
    section.finish();
    Some(Upstream { tenants, client_id, tls: tls.ok() })
}

/// Why no façade stands before that one.
fn foreign(profile: &str) -> String {
    let why = match profile {
        "keycloak" => {
            "Keycloak sends its own `iss` with each code (RFC 9207), which is not the façade's issuer, so that clients \
             have to reject every login; and it needs none: name the realm's issuer in the filter's configuration, and \
             clients log in there directly"
        }
        "auth0" | "okta" | "oidc" | "cognito" | "google" | "github" | "generic" => {
            "another server may send its own `iss` with each code (RFC 9207), or want a client secret; both need a broker \
             with a callback of its own, which this is not: name that server's issuer in the filter's configuration, and \
             clients log in there directly"
        }
        _ => "there is no such profile",
    };
    format!("must be entra: {why}")
}

fn client_id(section: &Section<'_>, resources: &Resources) -> Option<String> {
    const WHAT: &str = "the application (client) id of the public client that clients share";
    let id = section.string("client_id", WHAT)?;
    if !application::is_guid(&id) || id != id.to_ascii_lowercase() {
        section.problem("client_id", format!("must be a GUID in lower case: write {WHAT}"));
        return None;
    }
    let mut apis = resources.list().iter().flat_map(|resource| resource.scopes());
    if apis
        .any(|scope| scope.rsplit_once('/').is_some_and(|(api, _)| application::is_same(api, &id)))
    {
        section.problem(
            "client_id",
            "is the API's own application, which holds the STS's credential and is no public client: write the id of a \
             registration of its own",
        );
        return None;
    }
    Some(id)
}
