//! Our STS does what MSAL does.

use obolus_tests::entra::AuthStyle;
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::sts::{CALLER, Sts, StsOptions};
use obolus_tests::https;
use serde_json::Value;

use crate::msal::granted;
use crate::world::World;

/// Target, algorithm, and what names the certificate.
const STYLES: [(&str, &str, &str); 2] = [("ps256", "PS256", "x5t#S256"), ("rs256", "RS256", "x5t")];

const CREDENTIAL: &str = "the-filters-credential-0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn our_sts_and_msal_get_the_same_token_for_alice() {
    let world = World::start().await.unwrap();
    let sts = Sts::start(&world.authority, &options(&world)).await.unwrap();
    let token = world.token("alice").await.unwrap();
    let certificate = World::by_certificate(&world.certificate);
    let jobs = [world.on_behalf(&token, certificate)];
    let answers = world.msal(&jobs).await.unwrap();
    let by_msal = granted(&answers[0]);
    for (target, algorithm, thumbprint) in STYLES {
        let by_us = exchange(&world, &sts, &token, target).await;
        let seen = world.emulator.requests().last_token().unwrap();
        assert_eq!(
            (seen.client.as_deref(), seen.user.as_deref()),
            (Some("mcp-server"), Some("alice"))
        );
        assert_eq!(seen.auth_style, AuthStyle::Certificate);
        assert_eq!(seen.assertion_algorithm.as_deref(), Some(algorithm));
        assert_eq!(seen.thumbprint_kind, Some(thumbprint));
        assert!(!seen.jti_reused, "a new assertion for each request");
        assert_eq!(seen.scope, Some(world.outgoing_scope()), "no refresh token is asked for");
        // All but what is a new token's own.
        for claim in ["iss", "aud", "azp", "azpacr", "oid", "tid", "sub", "scp", "ver"] {
            assert_eq!(by_us[claim], by_msal[claim], "{target}: {claim}");
        }
    }
}

async fn exchange(world: &World, sts: &Sts, token: &str, target: &str) -> Value {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", target),
        ("subject_token", token),
    ];
    let http = https::client(&world.authority.pem()).unwrap();
    let request = http.post(format!("{}/exchange", sts.url())).form(&form);
    let answer = request.basic_auth(CALLER, Some(CREDENTIAL)).send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(status, 200, "{target}: {body}\n{}", sts.log());
    claims_of(body["access_token"].as_str().unwrap()).unwrap()
}

fn options(world: &World) -> StsOptions {
    let (tenant, host) = (&world.tenant, world.emulator.authority_host());
    let (client, target, public) = (&world.client, &world.target, &world.public);
    let scope = world.outgoing_scope();
    let targets: String = STYLES
        .map(|(name, algorithm, thumbprint)| {
            format!(
                r#"
[[targets]]
name = "{name}"
provider = "entra"
issuer = "entra"
audience = "{target}"
scopes = ["{scope}"]

[targets.client]
id = "{client}"
method = "private_key_jwt"
algorithm = "{algorithm}"
thumbprint = "{thumbprint}"
certificate_file = "client.crt"
key_file = "client.key"
"#
            )
        })
        .concat();
    let more = format!(
        r#"
[[callers.grants]]
issuer = "entra"
audiences = ["{client}"]
clients = ["{public}"]
targets = ["ps256", "rs256"]

[[issuers]]
name = "entra"
profile = "entra"
tenants = ["{tenant}"]
authority_host = "{host}"
ca_file = "ca.crt"
{targets}"#
    );
    let files =
        [("client.crt", &world.certificate.certificate), ("client.key", &world.certificate.key)];
    let files = files.map(|(name, content)| (name.to_owned(), content.clone()));
    StsOptions {
        credential: CREDENTIAL.to_owned(),
        more,
        files: files.into(),
        ..StsOptions::default()
    }
}
