//! A Keycloak in which realms can be made, and an STS for a realm.

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::keycloak::{FreshRealm, Keycloak, KeycloakOptions, SignedIn, Visit};
use obolus_tests::fixtures::sts::{CALLER, Sts, StsIssuer, StsOptions};
use obolus_tests::https;
use obolus_tests::pki::Authority;
use reqwest::StatusCode;
use serde_json::Value;

/// The MCP server, to clients.
pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp";
/// Where the secret of the STS's client is.
pub(crate) const SECRET_FILE: &str = "client-secret";
const CREDENTIAL: &str = "credential-of-the-gateway";

/// What every run is told.
pub(crate) const PLAIN: [&str; 4] = ["--resource", RESOURCE, "--secret-file", SECRET_FILE];

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) keycloak: Keycloak,
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new("obolus set-up stories")?;
        let options = KeycloakOptions { makes_realms: true, ..KeycloakOptions::default() };
        let keycloak = Keycloak::start(&authority, &options).await?;
        Ok(Self { authority, keycloak })
    }

    /// An STS as this realm's client, with the secret that set-up has left in its file.
    pub(crate) async fn sts(&self, realm: &FreshRealm<'_>) -> Result<Sts> {
        let secret = std::fs::read_to_string(realm.folder().join(SECRET_FILE))?;
        let issuer = StsIssuer {
            name: "keycloak".to_owned(),
            issuer: realm.issuer(),
            profile: "keycloak".to_owned(),
            audiences: vec![RESOURCE.to_owned()],
            clients: vec!["*".to_owned()],
            client_secret: secret,
            keys_refresh_seconds: 300,
            other_targets: Vec::new(),
        };
        let options = StsOptions {
            issuers: vec![issuer],
            credential: CREDENTIAL.to_owned(),
            ..StsOptions::default()
        };
        Sts::start(&self.authority, &options).await
    }

    /// The answer of such an STS to a gateway that has this token.
    pub(crate) async fn exchange(&self, sts: &Sts, token: &str) -> Result<(StatusCode, Value)> {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", token),
            ("audience", "kubernetes"),
        ];
        let request = https::client(&self.authority.pem())?
            .post(format!("{}/exchange", sts.url()))
            .basic_auth(CALLER, Some(CREDENTIAL))
            .form(&form);
        let answer = request.send().await?;
        Ok((answer.status(), answer.json().await.context("the STS's answer")?))
    }
}

/// Somebody signs in with a client at its redirect URI and asks for a scope.
pub(crate) async fn sign_in(
    realm: &FreshRealm<'_>,
    person: &str,
    client: &str,
    redirect_uri: &str,
    scope: &str,
) -> Result<SignedIn> {
    let issuer = realm.issuer();
    let (http, issuer) = (realm.http(), issuer.as_str());
    let visit = Visit { http, issuer, client, redirect_uri, scope, person, password: person };
    visit.sign_in().await
}
