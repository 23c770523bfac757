//! Tokens that are refused as they come: nothing is exchanged for them, and nothing forwarded.

use obolus_tests::fixtures::entra::{CLIENT, SERVER, TENANT};
use obolus_tests::fixtures::idp::{claims_of, now};
use obolus_tests::https;
use serde_json::{Value, json};

use crate::doors::RECORDED;
use crate::world::{self, World, forwarded};

/// A token, and the status and reason with which it is refused.
type Row = (&'static str, String, u16, &'static str);

#[tokio::test]
async fn what_is_no_persons_access_token_for_this_server_is_neither_exchanged_nor_forwarded() {
    let world = world::turn().await;
    let mut rows = issued(&world).await;
    rows.extend(minted(&world));
    for (what, token, status, reason) in rows {
        for round in ["cold", "again"] {
            let asked = world.asked().len();
            let answer = world.call(RECORDED, &token).await;
            assert_eq!(answer.verdict(), (status, reason), "{what} {round}: {}", answer.body);
            let challenge = answer.header("www-authenticate");
            let error = match reason {
                "insufficient_scope" => Some("error=\"insufficient_scope\""),
                _ => (status == 401).then_some("error=\"invalid_token\""),
            };
            assert_eq!(challenge.is_empty(), error.is_none(), "{what}: {challenge}");
            assert!(challenge.contains(error.unwrap_or_default()), "{what}: {challenge}");
            assert_eq!(world.asked().len(), asked, "{what} {round}: it was exchanged");
            assert!(world.recorder.take().is_empty(), "{what} {round}: it was forwarded");
        }
        let bob = world.token("bob").await;
        let asked = world.asked().len();
        assert_eq!(world.call(RECORDED, &bob).await.status, 200, "beside {what}");
        assert_eq!(world.asked().len(), asked + 1, "beside {what}");
        assert_eq!(world.recorder.take().len(), 1, "beside {what}");
    }
}

/// Tokens that Entra gives to whoever asks for them.
async fn issued(world: &World) -> Vec<Row> {
    let entra = world.stack.entra();
    let (emulator, scope) = (&entra.emulator, entra.scope());
    let of =
        async |person: &str, scope: &str| emulator.user_token(person, CLIENT, scope).await.unwrap();
    let signed_in = emulator.sign_in("alice", CLIENT, &format!("openid {scope}"), None).await;
    let id_token = signed_in.unwrap()["id_token"].as_str().unwrap().to_owned();
    // Whose guest the person of contoso is.
    let at_home = of("frida", &scope).await;
    let guest = claims_of(&of("guest", &scope).await).unwrap();
    assert_eq!(guest["tid"], entra.tenant_id());
    assert_ne!(claims_of(&at_home).unwrap()["tid"], guest["tid"]);
    let v1 = of("alice", "api://{mcp-server-v1}/access_as_user").await;
    assert_eq!(claims_of(&v1).unwrap()["ver"], "1.0");
    let own_key = of("alice", "api://{own-key}/access_as_user").await;
    vec![
        ("an application's own", application(world).await, 403, "app_only"),
        ("a guest's, from home", at_home, 401, "tenant_refused"),
        ("v1, for another API", v1, 401, "audience_mismatch"),
        ("v2, for another API", own_key, 401, "audience_mismatch"),
        ("an ID token", id_token, 401, "id_token"),
        (
            "Graph's",
            emulator.graph_token("alice", CLIENT, "User.Read").unwrap(),
            401,
            "graph_token",
        ),
    ]
}

/// What an application with a secret gets for itself.
async fn application(world: &World) -> String {
    let entra = world.stack.entra();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &entra.id_of("mcp-server-v1")),
        ("client_secret", "mcp-server-v1-secret~for.tests"),
        ("scope", &format!("api://{}/.default", entra.id_of(SERVER))),
    ];
    let http = https::client(entra.emulator.ca()).unwrap();
    let answer = http.post(entra.emulator.token_endpoint(TENANT)).form(&form).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    let token = body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
    assert_eq!(claims_of(&token).unwrap()["aud"], entra.id_of(SERVER));
    token
}

/// Tokens that differ from alice's in one thing.
fn minted(world: &World) -> Vec<Row> {
    let emulator = &world.stack.entra().emulator;
    let own = emulator.claims("alice", CLIENT, SERVER).unwrap();
    let signed = |changes: Value| {
        let mut claims = own.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        emulator.mint(&claims).unwrap()
    };
    let of_tenant = |tenant: &str| {
        let issuer = format!("{}/{tenant}/v2.0", emulator.authority_host());
        signed(json!({"iss": issuer, "tid": tenant}))
    };
    let b2c = "https://contoso.b2clogin.com/11111111-1111-4111-8111-111111111111/v2.0/";
    let good = signed(json!({}));
    let (text, signature) = good.rsplit_once('.').unwrap();
    let (first, rest) = signature.split_at(1);
    let forged = format!("{text}.{}{rest}", if first == "A" { "B" } else { "A" });
    vec![
        ("nobody's scopes", signed(json!({"scp": null})), 403, "app_only"),
        ("said to be an application's", signed(json!({"idtyp": "app"})), 403, "app_only"),
        (
            "another tenant's",
            of_tenant("33333333-3333-4333-8333-333333333333"),
            401,
            "tenant_refused",
        ),
        (
            "a personal account's",
            of_tenant("9188040d-6c67-4c5b-b112-36a304b66dad"),
            401,
            "tenant_refused",
        ),
        (
            "of one tenant in another's name",
            signed(json!({"tid": "22222222-2222-4222-8222-222222222222"})),
            401,
            "tenant_refused",
        ),
        ("B2C's", signed(json!({"iss": b2c, "tfp": "B2C_1_signin"})), 401, "b2c_token"),
        ("v1 in v2's name", signed(json!({"ver": "1.0"})), 401, "token_malformed"),
        ("expired", signed(json!({"exp": now() - 1})), 401, "token_expired"),
        ("from the future", signed(json!({"nbf": now() + 300})), 401, "token_not_yet_valid"),
        ("nobody's", signed(json!({"oid": null})), 401, "subject_missing"),
        ("forged", forged, 401, "signature_invalid"),
        ("with other scopes", signed(json!({"scp": "other"})), 403, "insufficient_scope"),
        ("another client's", signed(json!({"azp": "stranger"})), 403, "target_not_granted"),
    ]
}

#[tokio::test]
async fn a_v1_token_is_taken_for_the_audience_that_is_configured_and_for_no_other() {
    let world = world::turn().await;
    let entra = world.stack.entra();
    for (use_guid, audience) in
        [(false, format!("api://{}", entra.id_of(SERVER))), (true, entra.id_of(SERVER))]
    {
        entra.emulator.change(|directory| {
            let server = directory.app_mut(SERVER);
            server.token_version = 1;
            server.use_guid = use_guid;
        });
        let v1 = world.token("alice").await;
        let claims = claims_of(&v1).unwrap();
        assert_eq!((&claims["ver"], &claims["aud"]), (&json!("1.0"), &json!(audience)));
        let asked = world.asked().len();
        let answer = world.call(RECORDED, &v1).await;
        let arrived = world.recorder.take();
        if use_guid {
            assert_eq!(answer.status, 200, "{}", answer.body);
            let exchanged = claims_of(forwarded(&arrived[0])).unwrap();
            assert_eq!(exchanged["oid"], entra.object_id("alice"));
            assert_eq!(exchanged["ver"], "2.0");
            assert_eq!(world.asked().len(), asked + 1);
        } else {
            assert_eq!(answer.verdict(), (401, "audience_mismatch"), "{}", answer.body);
            assert!(arrived.is_empty());
            assert_eq!(world.asked().len(), asked);
        }
    }
}

/// A guest is somebody in the tenant that issued the token, and exchanged there.
#[tokio::test]
async fn a_guest_is_served_as_who_they_are_here() {
    let world = world::turn().await;
    let entra = world.stack.entra();
    let guest = world.token("guest").await;
    let answer = world.call("secret-post", &guest).await;
    assert_eq!(answer.person().0, entra.username("guest"), "{}", answer.body);
    assert_eq!(world.asked().pop().unwrap().tenant.as_deref(), Some(TENANT));
}

/// Kubernetes does not ask Graph: whoever is in too many groups for a token has none there, and may do less, not more.
#[tokio::test]
async fn who_is_in_too_many_groups_has_none_at_the_api_server() {
    let world = world::turn().await;
    let carol = world.token("carol").await;
    let answer = world.call("secret-post", &carol).await;
    let person = (world.stack.entra().username("carol"), vec!["system:authenticated".to_owned()]);
    assert_eq!(answer.person(), person, "{}", answer.body);
    let alice = world.call("secret-post", &world.token("alice").await).await;
    assert!(alice.person().1.len() > 1, "{}", alice.body);
}
