//! Two tenants of one Entra: a key may sign for the tenant that it says, and only if that tenant publishes it.
//!
//! The emulator's tenants share their keys, as Entra's mostly do. This one's do not, and one of them lies.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Result, ensure};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, http::StatusCode};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::gateway::{self, Gateway, GatewayOptions, PROTECTED};
use obolus_tests::fixtures::idp::{Key, claims_of, now};
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::sts::{Sts, StsOptions};
use obolus_tests::fixtures::workbench::{local, mcp_recorder};
use obolus_tests::pki::Authority;
use obolus_tests::secret;
use serde_json::{Value, json};

const A: &str = "aaaaaaaa-1111-4111-8111-111111111111";
const B: &str = "bbbbbbbb-2222-4222-8222-222222222222";
const SERVER: &str = "5e75e700-0000-4000-8000-000000000001";
const CLUSTER: &str = "c1057e70-0000-4000-8000-000000000002";
const CLIENT: &str = "c11e4700-0000-4000-8000-000000000003";
const SCOPE: &str = "api://5e75e700-0000-4000-8000-000000000001/access_as_user";

/// An Entra whose tenants publish what each of them likes.
struct Tenants {
    host: OnceLock<String>,
    /// Whether B's keys are to be had.
    b_is_away: AtomicBool,
    keys: [Key; 4],
}

impl Tenants {
    fn new() -> Result<Self> {
        let key = |name| Key::new("RS256", name);
        let keys = [key("of-a")?, key("of-b")?, key("of-any")?, key("b-for-a")?];
        Ok(Self { host: OnceLock::new(), b_is_away: AtomicBool::new(false), keys })
    }

    fn issuer(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.host.get().unwrap())
    }

    fn published(&self, tenant: &str) -> Value {
        let [of_a, of_b, of_any, b_for_a] = &self.keys;
        let said = |key: &Key, tenant: &str| {
            let mut jwk = key.jwk().clone();
            jwk["issuer"] = json!(self.issuer(tenant));
            jwk
        };
        match tenant {
            // Among A's keys stands one that says that it is B's.
            A => json!([said(of_a, A), said(of_b, B), said(of_any, "{tenantid}")]),
            // And B says for whom one signs that is none of its own.
            _ => json!([said(of_b, B), said(of_any, "{tenantid}"), said(b_for_a, A)]),
        }
    }

    fn token(&self, signer: usize, claims: &Value) -> Result<String> {
        self.keys[signer].sign(claims)
    }

    fn answer(&self, request: &Recorded) -> Response {
        let path = request.uri.path().to_owned();
        let tenant = path.split('/').nth(1).unwrap_or_default();
        if path.ends_with("/discovery/v2.0/keys") {
            if tenant == B && self.b_is_away.load(Ordering::Relaxed) {
                return StatusCode::NOT_FOUND.into_response();
            }
            return Json(json!({"keys": self.published(tenant)})).into_response();
        }
        if !path.ends_with("/oauth2/v2.0/token") {
            return StatusCode::NOT_FOUND.into_response();
        }
        let form = request.text();
        let mut form = form_urlencoded::parse(form.as_bytes());
        let assertion = form.find_map(|(name, value)| (name == "assertion").then_some(value));
        let mut claims = claims_of(&assertion.unwrap()).unwrap();
        claims["aud"] = json!(CLUSTER);
        claims["azp"] = json!(SERVER);
        claims["uti"] = json!("exchanged");
        let token = self.token(2, &claims).unwrap();
        Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 300}))
            .into_response()
    }

    fn persons(&self, tenant: &str) -> Value {
        json!({
            "iss": self.issuer(tenant), "tid": tenant, "ver": "2.0", "aud": SERVER, "azp": CLIENT,
            "scp": "access_as_user", "oid": "the-person", "sub": "pairwise", "iat": now(), "exp": now() + 300,
            "uti": "incoming",
        })
    }
}

/// Those tenants, and what believes them.
struct Place {
    tenants: Arc<Tenants>,
    entra: Recorder,
    upstream: Recorder,
    gateway: Gateway,
    _sts: Sts,
}

impl Place {
    async fn start(tenants: Tenants) -> Self {
        let authority = Authority::new("obolus tenants").unwrap();
        let tenants = Arc::new(tenants);
        let answers = Arc::clone(&tenants);
        let entra = Recorder::answering_tls(&authority.server().unwrap(), move |request| {
            let answers = Arc::clone(&answers);
            async move { answers.answer(&request) }
        })
        .await
        .unwrap();
        tenants.host.set(entra.url()).unwrap();
        let credential = secret::random().unwrap();
        let sts = Sts::start(&authority, &sts_options(&entra.url(), &credential)).await.unwrap();
        let upstream = mcp_recorder().await.unwrap();
        let options = gateway_options(&entra.url(), &upstream, &credential);
        let gateway =
            Gateway::start(gateway::Place::reserve().unwrap(), &sts, options).await.unwrap();
        Self { tenants, entra, upstream, gateway, _sts: sts }
    }

    /// What a person of this tenant is told whose token this key has signed.
    async fn call(&self, signer: usize, tenant: &str) -> (u16, Value) {
        let token = self.tenants.token(signer, &self.tenants.persons(tenant)).unwrap();
        let client = McpClient::new(&self.gateway.resource(), Some(&token)).unwrap();
        let answer = client.call("whoami", json!({})).await.unwrap();
        (answer.status.as_u16(), answer.refusal()["reason"].clone())
    }
}

#[tokio::test]
async fn whose_tenants_keys_are_away_is_not_told_that_there_is_no_such_key() {
    let tenants = Tenants::new().unwrap();
    tenants.b_is_away.store(true, Ordering::Relaxed);
    let place = Place::start(tenants).await;
    for _ in 0..2 {
        assert_eq!(place.call(0, A).await, (200, Value::Null));
        assert_eq!(place.call(1, B).await, (503, json!("keys_unavailable")));
        assert_eq!(place.call(1, A).await, (401, json!("key_unknown")), "A was asked");
    }
    place.tenants.b_is_away.store(false, Ordering::Relaxed);
    eventually("B's keys", Duration::from_secs(20), || async {
        let seen = place.call(1, B).await;
        ensure!(seen == (200, Value::Null), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_key_of_another_tenant_signs_for_nobody_here() {
    let place = Arc::new(Place::start(Tenants::new().unwrap()).await);
    let mut calls = tokio::task::JoinSet::new();
    for (signer, tenant, passes) in [
        (0, A, true),
        (0, B, false),
        (1, A, false),
        (1, B, true),
        (2, A, true),
        (2, B, true),
        (3, A, false),
        (3, B, false),
    ] {
        let place = Arc::clone(&place);
        calls.spawn(async move {
            let verdict = place.call(signer, tenant).await;
            let what = format!("{} for {tenant}", place.tenants.keys[signer].id);
            let expected = if passes { (200, Value::Null) } else { (401, json!("key_unknown")) };
            assert_eq!(verdict, expected, "{what}");
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    assert_eq!(place.upstream.requests().len(), 4);
    let asked = place.entra.requests();
    let exchanges: Vec<_> = asked
        .iter()
        .map(|request| request.uri.path())
        .filter(|path| path.ends_with("/token"))
        .collect();
    let of = |tenant: &str| exchanges.iter().filter(|path| path.contains(tenant)).count();
    assert_eq!((exchanges.len(), of(A), of(B)), (4, 2, 2), "each at the person's own tenant");
}

fn sts_options(host: &str, credential: &str) -> StsOptions {
    let more = format!(
        r#"
[[callers.grants]]
issuer = "entra"
audiences = ["{SERVER}"]
clients = ["{CLIENT}"]
targets = ["kubernetes"]

[[issuers]]
name = "entra"
profile = "entra"
tenants = ["{A}", "{B}"]
authority_host = "{host}"
ca_file = "ca.crt"

[[targets]]
name = "kubernetes"
provider = "entra"
issuer = "entra"
audience = "{CLUSTER}"
scopes = ["api://{CLUSTER}/.default"]

[targets.client]
id = "{SERVER}"
method = "client_secret_post"
secret_file = "entra.secret"
"#
    );
    let files = vec![("entra.secret".to_owned(), "whatever-it-is".to_owned())];
    StsOptions { credential: credential.to_owned(), more, files, ..StsOptions::default() }
}

fn gateway_options(host: &str, upstream: &Recorder, credential: &str) -> GatewayOptions {
    let issuers = json!([
        {"name": "entra", "profile": "entra", "tenants": [A, B], "authorityHost": host}
    ]);
    let mut options = GatewayOptions::new(issuers, local(upstream), credential);
    options.configure = Box::new(|configuration| {
        let resource = &mut configuration["resources"][0];
        resource["clusters"] = json!([PROTECTED]);
        resource["audiences"] = json!([SERVER]);
        resource["requiredScopes"] = json!([SCOPE]);
        resource["target"]["audience"] = json!(CLUSTER);
    });
    options
}
