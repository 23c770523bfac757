//! What the API server makes of an issuer's tokens, and what the two people may do.
//!
//! The issuer here is two static documents over HTTPS and a key in this process, so that tokens can
//! be signed which no Keycloak would issue. That the real one's are accepted is shown end to end.

#![expect(clippy::indexing_slicing, reason = "an absent JSON field reads as null")]

use anyhow::{Context as _, Result, ensure};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::*;
use obolus_tests::fixtures::cluster::{
    Cluster, ClusterOptions, OidcIssuer, PeoplesClaims, username,
};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

/// An issuer, and a cluster that believes it.
struct Setting {
    cluster: Cluster,
    issuer: Recorder,
    key: ES256KeyPair,
}

impl Setting {
    async fn start() -> Result<Self> {
        let authority = Authority::new("issuer")?;
        let key = ES256KeyPair::generate().with_key_id("k1");
        let point = key.public_key().public_key().to_bytes_uncompressed();
        let (x, y) = point.get(1..).context("no point")?.split_at(32);
        let keys = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]});
        let issuer = Recorder::answering_tls(&authority.server()?, move |request| {
            // The API server comes over HTTP/2, where the authority is part of the URI.
            let url =
                request.uri.authority().map_or_else(String::new, |host| format!("https://{host}"));
            let keys = keys.clone();
            async move {
                match request.uri.path() {
                    "/.well-known/openid-configuration" => discovery(&url),
                    "/keys" => axum::Json(keys).into_response(),
                    _ => axum::http::StatusCode::NOT_FOUND.into_response(),
                }
            }
        })
        .await?;
        let options = ClusterOptions {
            issuers: vec![OidcIssuer {
                url: issuer.url(),
                ca_pem: authority.pem(),
                audience: "kubernetes".to_owned(),
                claims: PeoplesClaims::Keycloak,
            }],
            ..ClusterOptions::default()
        };
        Ok(Self { cluster: Cluster::start(options).await?, issuer, key })
    }

    fn token(&self, claims: Value) -> Result<String> {
        self.token_for("kubernetes", claims)
    }

    fn token_for(&self, audience: &str, claims: Value) -> Result<String> {
        let claims = Claims::with_custom_claims(claims, Duration::from_mins(5))
            .with_issuer(self.issuer.url())
            .with_subject("s-1")
            .with_audience(audience);
        self.key.sign(claims)
    }

    /// Whether the API server would let the token's owner do this.
    async fn may(&self, token: &str, verb: &str, what: &str, namespace: &str) -> Result<bool> {
        let (group, what) = what.split_once('/').unwrap_or(("", what));
        let (resource, subresource) = what.split_once(':').unwrap_or((what, ""));
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                "namespace": namespace,
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = self.cluster.post_as(Some(token), path, &review).await?;
        let answer = answer.json()?;
        answer["status"]["allowed"].as_bool().with_context(|| answer.to_string())
    }
}

fn discovery(url: &str) -> Response {
    axum::Json(json!({
        "issuer": url,
        "jwks_uri": format!("{url}/keys"),
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
    .into_response()
}

#[tokio::test]
async fn a_name_and_an_audience_make_a_person_and_two_people_may_do_different_things() -> Result<()>
{
    let setting = Setting::start().await?;
    let cluster = &setting.cluster;
    let alice = setting.token(json!({"preferred_username": "alice", "groups": ["developers"]}))?;
    let bob = setting.token(json!({"preferred_username": "bob", "groups": ["viewers"]}))?;

    let me = cluster.wait_for_issuer(&alice).await?;
    ensure!(me["username"] == "kc:alice", "{me}");
    ensure!(me["groups"] == json!(["kc:developers", "system:authenticated"]), "{me}");

    for (verb, what, namespace, alice_may, bob_may) in [
        ("list", "pods", "shop", true, true),
        ("get", "pods:log", "shop", true, true),
        ("list", "apps/deployments", "shop", true, true),
        ("delete", "pods", "shop", true, false),
        ("patch", "apps/deployments:scale", "shop", true, false),
        ("list", "pods", "warehouse", true, false),
        ("list", "namespaces", "", true, false),
        ("delete", "pods", "warehouse", false, false),
        ("patch", "apps/deployments:scale", "warehouse", false, false),
        ("delete", "apps/deployments", "shop", false, false),
        ("get", "secrets", "shop", false, false),
        ("create", "pods", "shop", false, false),
        ("create", "pods:exec", "shop", false, false),
        ("impersonate", "users", "", false, false),
        ("create", "serviceaccounts:token", "shop", false, false),
    ] {
        let may = (
            setting.may(&alice, verb, what, namespace).await?,
            setting.may(&bob, verb, what, namespace).await?,
        );
        ensure!(
            may == (alice_may, bob_may),
            "{verb} {what} in {namespace:?}: (alice, bob) {may:?}"
        );
    }

    // The same in the audit log, each under their own name.
    for (person, token, status) in [("kc:alice", &alice, 200), ("kc:bob", &bob, 403)] {
        let pods = cluster.get_as(Some(token), "/api/v1/namespaces/warehouse/pods").await?;
        ensure!(pods.status.as_u16() == status, "{person}: {pods:?}");
        let event = cluster.audited(person, |event| {
            username(event) == person && event["objectRef"]["resource"] == "pods"
        });
        let event = event.await?;
        ensure!(event["responseStatus"]["code"] == status, "{event}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_without_a_name_or_for_somebody_else_is_refused() -> Result<()> {
    let setting = Setting::start().await?;
    let cluster = &setting.cluster;
    let nobody_special = setting.token(json!({"preferred_username": "carol"}))?;
    let me = cluster.wait_for_issuer(&nobody_special).await?;
    ensure!(
        me["username"] == "kc:carol" && me["groups"] == json!(["system:authenticated"]),
        "{me}"
    );

    for (why, token) in [
        ("preferred_username", setting.token(json!({"groups": ["developers"]}))?),
        ("preferred_username", setting.token(json!({"preferred_username": ""}))?),
        ("", setting.token(json!({"preferred_username": null}))?),
        ("", setting.token(json!({"preferred_username": "alice", "groups": {"a": 1}}))?),
        ("audience", setting.token_for("other", json!({"preferred_username": "alice"}))?),
    ] {
        let before = cluster.authentication_failures().len();
        let answer = cluster.who_is(&token).await?;
        ensure!(answer.status.as_u16() == 401, "{why}: {answer:?}");
        let failures = cluster.authentication_failures();
        let reason = failures.get(before..).unwrap_or_default().join("\n");
        ensure!(!reason.is_empty() && reason.contains(why), "expected {why:?}: {reason}");
    }
    Ok(())
}
