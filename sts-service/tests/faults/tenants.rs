//! The key sets of two of Entra's tenants: each for its own tokens, and one of them away or wrong. What a strict Entra
//! makes of our requests is in `tests/tests/sts_entra`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use axum::Json;
use axum::response::IntoResponse as _;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::{Key, claims_of, now};
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

use crate::idp::{Does, Idp, Running, form};
use crate::world::{SOON, World, granted, refused};

pub(crate) const A: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
pub(crate) const B: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
pub(crate) const KEYS_OF_A: &str = "/aaaaaaaa-0000-4000-8000-00000000000a/discovery/v2.0/keys";
pub(crate) const KEYS_OF_B: &str = "/bbbbbbbb-0000-4000-8000-00000000000b/discovery/v2.0/keys";
pub(crate) const ENDPOINTS: [&str; 2] = [
    "/aaaaaaaa-0000-4000-8000-00000000000a/oauth2/v2.0/token",
    "/bbbbbbbb-0000-4000-8000-00000000000b/oauth2/v2.0/token",
];
pub(crate) const SERVER: &str = "11111111-2222-4333-8444-555555555555";
const CLUSTER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

pub(crate) fn configuration(host: &str, tenants: &[&str]) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
operations_listen = "127.0.0.1:0"
certificate_file = "server-chain.crt"
private_key_file = "server.key"

[[issuers]]
name = "idp"
profile = "entra"
tenants = {tenants:?}
authority_host = "{host}"
ca_file = "authority.crt"
keys_refresh_seconds = 1

[[targets]]
name = "kubernetes"
provider = "entra"
issuer = "idp"
audience = "{CLUSTER}"
scopes = ["{CLUSTER}/.default"]
[targets.client]
id = "{SERVER}"
method = "client_secret_post"
secret_file = "secret"

[[callers]]
id = "envoy"
credential_files = ["credential"]
[[callers.grants]]
issuer = "idp"
audiences = ["{SERVER}"]
clients = ["*"]
targets = ["kubernetes"]
"#
    )
}

pub(crate) fn claims(host: &str, tenant: &str, audience: &str) -> Value {
    // What comes in was issued to somebody's client, and what it is exchanged for to ours.
    let client = if audience == SERVER { "client" } else { SERVER };
    json!({
        "iss": format!("{host}/{tenant}/v2.0"), "ver": "2.0", "tid": tenant, "oid": "0".repeat(36),
        "sub": "pairwise", "aud": audience, "azp": client, "scp": "access_as_user",
        "iat": now(), "nbf": now(), "exp": now() + 300, "uti": format!("{}", rand()),
    })
}

/// No two tokens are one.
fn rand() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A key of this tenant, as Entra publishes it.
pub(crate) fn of(key: &Key, host: &str, tenant: &str) -> Value {
    let mut jwk = key.jwk().clone();
    jwk["issuer"] = json!(format!("{host}/{tenant}/v2.0"));
    jwk
}

pub(crate) fn set(keys: &[Value]) -> Does {
    Does::json(200, json!({ "keys": keys }))
}

fn away() -> Does {
    Does::json(503, json!({}))
}

/// Exchanges a token at the endpoint of its own tenant, and no other.
pub(crate) fn exchange(key: Key) -> Does {
    Does::answers(move |idp, request| {
        let subject = claims_of(&form(request)["assertion"]).unwrap();
        let tenant = subject["tid"].as_str().unwrap();
        assert!(request.uri.path().contains(tenant), "{}", request.uri);
        let own = claims(&idp.issuer(), tenant, CLUSTER);
        let body = json!({
            "token_type": "Bearer", "expires_in": 300, "access_token": key.sign(&own).unwrap(),
        });
        Json(body).into_response()
    })
}

struct Tenants {
    world: World,
    host: String,
    a: Key,
    b: Key,
}

impl Tenants {
    async fn start(max_stale: Duration, prepare: impl FnOnce(&Idp)) -> Self {
        Self::start_refreshing(Duration::from_secs(1), max_stale, prepare).await
    }

    async fn start_refreshing(
        refresh: Duration,
        max_stale: Duration,
        prepare: impl FnOnce(&Idp),
    ) -> Self {
        let authority = Authority::new("tenants").unwrap();
        let running = Running::start(&authority).await;
        let [a, b] = ["a", "b"].map(|id| Key::new("RS256", id).unwrap());
        let host = running.idp.issuer();
        running.idp.at(KEYS_OF_A, set(&[of(&a, &host, A)]));
        running.idp.at(KEYS_OF_B, set(&[of(&b, &host, B)]));
        for endpoint in ENDPOINTS {
            running.idp.at(endpoint, exchange(a.clone()));
        }
        prepare(&running.idp);
        let config = configuration(&host, &[A, B]);
        let world = World::start_changed(
            &authority,
            running,
            |_| config,
            |config| {
                let issuer = Arc::get_mut(&mut config.issuers[0]).unwrap();
                (issuer.keys_refresh, issuer.keys_max_stale) = (refresh, max_stale);
            },
        )
        .await;
        Self { world, host, a, b }
    }

    async fn exchange(&self, tenant: &str, key: &Key) -> (u16, String) {
        let token = key.sign(&claims(&self.host, tenant, SERVER)).unwrap();
        self.world.exchange(&token).await
    }

    async fn becomes(&self, what: &str, tenant: &str, key: &Key, expected: &(u16, String)) {
        eventually(what, SOON, || async {
            let seen = self.exchange(tenant, key).await;
            ensure!(seen == *expected, "{seen:?}");
            Ok(())
        })
        .await
        .unwrap();
    }
}

pub(crate) const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_tenants_key_verifies_that_tenants_tokens_and_no_others() {
    let [any, all, bare, foreign] =
        ["any", "all", "bare", "foreign"].map(|id| Key::new("RS256", id).unwrap());
    let (any_key, all_key) = (any.clone(), all.clone());
    let (bare_key, foreign_key) = (bare.clone(), foreign.clone());
    let tenants = Tenants::start(LONG, |idp| {
        let host = idp.issuer();
        let own = Key::new("RS256", "own").unwrap();
        let keys = [
            of(&own, &host, A),
            of(&any_key, &host, "{tenantid}"),
            of(&all_key, &host, "{tenantid}"),
            bare_key.jwk().clone(),
            of(&foreign_key, &host, B),
        ];
        idp.at(KEYS_OF_A, set(&keys));
    })
    .await;
    let idp = tenants.world.idp();
    let of_b = [of(&tenants.b, &tenants.host, B), of(&all, &tenants.host, "{tenantid}")];
    idp.at(KEYS_OF_B, set(&of_b));
    let unknown = || refused(401, "key_unknown");
    for (what, tenant, key, expected) in [
        ("B's own", B, &tenants.b, granted()),
        ("B's own", A, &tenants.b, unknown()),
        ("one for all, of both", A, &all, granted()),
        ("one for all, of both", B, &all, granted()),
        ("one for all, of A", A, &any, granted()),
        ("one for all, of A", B, &any, unknown()),
        ("one that says nothing", A, &bare, granted()),
        ("one that says nothing", B, &bare, unknown()),
        ("B's in A's set", A, &foreign, unknown()),
        ("B's in A's set", B, &foreign, unknown()),
    ] {
        assert_eq!(tenants.exchange(tenant, key).await, expected, "{what} for {tenant}");
    }
}

#[tokio::test]
async fn one_tenant_that_is_away_takes_nothing_from_the_other_and_keeps_its_own() {
    let tenants = Tenants::start(LONG, |idp| idp.at(KEYS_OF_B, away())).await;
    let idp = tenants.world.idp();
    assert_eq!(tenants.exchange(A, &tenants.a).await, granted());
    assert_eq!(tenants.exchange(B, &tenants.b).await, refused(503, "keys_unavailable"));
    idp.at(KEYS_OF_B, set(&[of(&tenants.b, &tenants.host, B)]));
    tenants.becomes("B's keys", B, &tenants.b, &granted()).await;

    // A withdraws a key while B does not answer.
    idp.at(KEYS_OF_B, away());
    let next = Key::new("RS256", "next").unwrap();
    idp.at(KEYS_OF_A, set(&[of(&next, &tenants.host, A)]));
    assert_eq!(tenants.exchange(A, &next).await, granted());
    assert_eq!(tenants.exchange(A, &tenants.a).await, refused(401, "key_unknown"));
    assert_eq!(tenants.exchange(B, &tenants.b).await, granted());
    for endpoint in ENDPOINTS {
        assert!(tenants.world.running.calls(endpoint) > 0, "{endpoint}");
    }
}

#[tokio::test]
async fn keys_of_a_tenant_that_nobody_confirms_are_not_believed_without_end() {
    let tenants = Tenants::start(Duration::from_secs(4), |_| {}).await;
    let idp = tenants.world.idp();
    assert_eq!(tenants.exchange(B, &tenants.b).await, granted());
    idp.at(KEYS_OF_B, away());
    let unavailable = refused(503, "keys_unavailable");
    tenants.becomes("the end of B's keys", B, &tenants.b, &unavailable).await;
    assert_eq!(tenants.exchange(A, &tenants.a).await, granted());
    idp.at(KEYS_OF_B, set(&[of(&tenants.b, &tenants.host, B)]));
    tenants.becomes("B's keys again", B, &tenants.b, &granted()).await;
}

#[tokio::test]
async fn a_tenant_that_is_away_does_not_make_us_ask_the_others_more_often() {
    let tenants = Tenants::start_refreshing(Duration::from_secs(600), LONG, |idp| {
        idp.at(KEYS_OF_B, away());
    })
    .await;
    eventually("more attempts for B", SOON, || async {
        let calls = tenants.world.running.calls(KEYS_OF_B);
        ensure!(calls >= 3, "{calls}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(tenants.world.running.calls(KEYS_OF_A), 1);
}
