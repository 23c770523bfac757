//! Tokens that come in: whatever is no person's access token for this server is refused before memory and Entra.

use obolus_tests::fixtures::entra::Style;
use serde_json::{Value, json};

use crate::world::{Target, World, granted, refused, target};

const TARGET: Style = Style::SecretPost;

#[tokio::test(flavor = "multi_thread")]
async fn only_a_persons_access_token_for_this_server_gets_to_entra() {
    let world = World::start().await.unwrap();
    let entra = &world.entra.emulator;
    let alice = world.token("alice").await;
    assert_eq!(world.exchange(&alice, TARGET.name()).await, granted());
    let own = entra.claims("alice", "mcp-client", "mcp-server").unwrap();
    let changed = |changes: Value| {
        let mut claims = own.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        entra.mint(&claims).unwrap()
    };
    // Signed by Entra and otherwise good: the control for all that follows.
    assert_eq!(world.exchange(&changed(json!({})), TARGET.name()).await, granted());
    let asked = world.asked().len();
    let v1 = json!({"ver": "1.0", "iss": entra.v1_issuer("contoso"), "aud": "api://other", "azp": null, "appid": own["azp"]});
    let b2c = json!({"iss": "https://contoso.b2clogin.com/11111111-1111-4111-8111-111111111111/v2.0/", "tfp": "B2C_1_signin"});
    let other_tenant = json!({
        "iss": format!("{}/33333333-3333-4333-8333-333333333333/v2.0", entra.authority_host()),
        "tid": "33333333-3333-4333-8333-333333333333",
    });
    let daemon = entra.app_claims("contoso", "daemon", "mcp-server").unwrap();
    let forged = {
        let (text, signature) = alice.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        format!("{text}.{other}{}", &signature[1..])
    };
    for (what, token, expected) in [
        ("an application's own", entra.mint(&daemon).unwrap(), refused(403, "app_only")),
        ("no scp", changed(json!({"scp": null})), refused(403, "app_only")),
        ("another tenant", changed(other_tenant), refused(401, "tenant_refused")),
        ("v1, wrong audience", changed(v1), refused(401, "audience_mismatch")),
        ("B2C", changed(b2c), refused(401, "b2c_token")),
        ("no oid", changed(json!({"oid": null})), refused(401, "subject_missing")),
        ("another audience", changed(json!({"aud": "other"})), refused(401, "audience_mismatch")),
        ("expired", changed(json!({"exp": 1000})), refused(401, "token_expired")),
        ("forged", forged, refused(401, "signature_invalid")),
        ("another client", changed(json!({"azp": "x"})), refused(403, "target_not_granted")),
        ("an ID token", entra.id_token("alice", "mcp-server").unwrap(), refused(401, "id_token")),
        (
            "Graph's",
            entra.graph_token("alice", "mcp-client", "User.Read").unwrap(),
            refused(401, "graph_token"),
        ),
    ] {
        assert_eq!(world.exchange(&token, TARGET.name()).await, expected, "{what}");
    }
    assert_eq!(world.asked().len(), asked, "Entra was asked for what we refuse");
    assert_eq!(world.exchange(&world.token("bob").await, TARGET.name()).await, granted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v1_token_is_exchanged_and_a_v1_answer_is_the_same_persons() {
    let v1_target = Target { audience: "api://{app}", ..target("to-v1", "kubernetes-v1") };
    let from_v1 = Target {
        client: "mcp-server-v1",
        proof: "method = \"client_secret_post\"\nsecret_file = \"v1.secret\"",
        ..target("from-v1", "kubernetes")
    };
    let world = World::start_with(&[v1_target, from_v1], |options| {
        let secret = "mcp-server-v1-secret~for.tests".to_owned();
        options.files.push(("v1.secret".to_owned(), secret));
    })
    .await
    .unwrap();
    let alice = world.token("alice").await;
    let claims = world.claims(&alice, "to-v1").await;
    assert_eq!(claims["ver"], "1.0");
    assert_eq!(claims["oid"], world.entra.object_id("alice"));
    let entra = &world.entra.emulator;
    let scope = "api://{mcp-server-v1}/access_as_user";
    let v1 = entra.user_token("alice", "mcp-client", scope).await.unwrap();
    let claims = world.claims(&v1, "from-v1").await;
    assert_eq!(
        (&claims["ver"], &claims["oid"]),
        (&json!("2.0"), &json!(world.entra.object_id("alice")))
    );
    // Each token only for the application that it is for.
    assert_eq!(world.exchange(&v1, "to-v1").await, refused(403, "target_not_granted"));
    assert_eq!(world.exchange(&alice, "from-v1").await, refused(403, "target_not_granted"));
}
