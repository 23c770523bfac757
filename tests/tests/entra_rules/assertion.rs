//! Rules 10 to 13: the person's token that is exchanged.

use serde_json::{Value, json};

use crate::answer::{bad_grant, bad_request, claims_of, header_of, refusal};
use crate::certificate::changed;
use crate::certificates::certificates;
use crate::signing::{forged, sign, with_claims};
use crate::table::Rule;
use crate::world::{World, now};

#[tokio::test]
async fn rule_10_the_assertion_is_signed_by_a_standard_key_of_this_tenant_and_is_for_now() {
    let world = World::with(|directory| {
        for app in ["mcp-server", "kubernetes"] {
            directory.app_mut(app).tenants.push("fabrikam".to_owned());
        }
    })
    .await;
    let mut rule =
        Rule::new(10, "the assertion is signed by a standard key, of this tenant, for now");
    let token = world.token("alice").await;
    let (claims, header) = (claims_of(&token), header_of(&token));
    let send = async |token: &str| world.post(&world.obo(token)).await;
    for (what, text) in [
        ("no JWT", "garbage".to_owned()),
        ("two parts", token.rsplit_once('.').unwrap().0.to_owned()),
        ("four parts", format!("{token}.x")),
        ("with Bearer before it", format!("Bearer {token}")),
        ("claims that are no object", format!("{}.WyJ4Il0.x", token.split('.').next().unwrap())),
    ] {
        rule.refused(what, &send(&text).await, bad_request(50027));
    }
    let stranger = &certificates().stranger;
    let mut headers = vec![("no kid", json!({"alg": "RS256", "typ": "JWT"}))];
    headers.push(("an unknown kid", changed(&header, "kid", json!("unknown"))));
    headers.push(("the right kid", header.clone()));
    let jwk = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": header["kid"]});
    headers.push(("its own jwk", changed(&header, "jwk", jwk)));
    headers.push(("its own jku", changed(&header, "jku", json!("https://localhost/keys"))));
    for (what, header) in headers {
        let token = sign(stranger, &header, &claims);
        rule.refused(&format!("a stranger's key, {what}"), &send(&token).await, bad_grant(50013));
    }
    for alg in ["none", "HS256", "PS256", "rs256"] {
        let token = sign(stranger, &changed(&header, "alg", json!(alg)), &claims);
        rule.refused(&format!("alg {alg}"), &send(&token).await, bad_grant(50013));
    }
    for alg in ["none", "HS256", "PS256", "RS512"] {
        // The service's own signature, under a name that it does not use.
        let token = world.emulator.mint_with_header(&json!({"alg": alg}), &claims).unwrap();
        rule.refused(&format!("alg {alg}, its own key"), &send(&token).await, bad_grant(50013));
    }
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    rule.refused("no signature", &send(&unsigned).await, bad_grant(50013));
    rule.refused("one bit changed", &send(&forged(&token)).await, bad_grant(50013));
    for (name, value) in [("exp", json!(now() + 9000)), ("oid", json!(world.oid("bob")))] {
        let other = with_claims(&token, &changed(&claims, name, value));
        rule.refused(&format!("{name} changed"), &send(&other).await, bad_grant(50013));
    }
    let graph = world.token_for("alice", "User.Read").await;
    rule.refused("Graph's", &send(&graph).await, bad_grant(50013));
    let nonce = json!({"nonce": "x"});
    let nonce = world.emulator.mint_with_header(&nonce, &claims).unwrap();
    rule.refused("a nonce in the header", &send(&nonce).await, bad_grant(50013));

    let fabrikam = world.tenant("fabrikam");
    let host = world.emulator.authority_host();
    for (what, iss) in [
        ("another tenant's issuer", format!("{host}/{fabrikam}/v2.0")),
        ("another tenant's v1 issuer", format!("https://sts.windows.net/{fabrikam}/")),
        ("the real service's issuer", {
            format!("https://login.microsoftonline.com/{}/v2.0", world.tenant("contoso"))
        }),
        ("the issuer with a slash", format!("{}/", claims["iss"].as_str().unwrap())),
        ("a v1 issuer without its slash", {
            format!("https://sts.windows.net/{}", world.tenant("contoso"))
        }),
        ("somebody else's", "https://idp.example".to_owned()),
    ] {
        let minted = world.emulator.mint(&changed(&claims, "iss", json!(iss))).unwrap();
        rule.refused(what, &send(&minted).await, bad_grant(50013));
    }
    // An application of two tenants: a token is exchanged where it was issued.
    let there = world.post_at("fabrikam.example", &world.obo(&token)).await;
    rule.refused("one tenant's token in another", &there, bad_grant(50013));
    let fred = world.token("fred").await;
    rule.refused("another tenant's token here", &send(&fred).await, bad_grant(50013));
    let fred = world.post_at("fabrikam.example", &world.obo(&fred)).await;
    rule.allowed("that tenant's token there", &fred);
    let foreign = world.emulator.mint(&changed(&claims, "tid", json!(fabrikam))).unwrap();
    rule.refused("another tid", &send(&foreign).await, bad_grant(50013));
    for (what, name, value) in [
        ("expired", "exp", json!(now() - 360)),
        ("no exp", "exp", Value::Null),
        ("of the future", "nbf", json!(now() + 360)),
    ] {
        let minted = world.emulator.mint(&changed(&claims, name, value)).unwrap();
        rule.refused(what, &send(&minted).await, bad_grant(500133));
    }
    let custom = world
        .obo(&world.token_for("alice", "e0000000-0000-4000-8000-000000000002/access_as_user").await)
        .with("client_id", world.id("custom-key"))
        .with("client_secret", "the.secret~of-the_custom-key");
    rule.refused("for an app with its own key", &world.post(&custom).await, bad_grant(50013));

    rule.allowed("of the current key", &send(&token).await);
    world.emulator.keys().roll().unwrap();
    rule.allowed("of the key before, after a roll-over", &send(&token).await);
    rule.allowed("of the new key", &send(&world.token("alice").await).await);
    let removed = world.token("alice").await;
    world.emulator.keys().remove_current().unwrap();
    rule.refused("of a removed key", &send(&removed).await, bad_grant(50013));
    rule.allowed("of the key after it", &send(&world.token("alice").await).await);
    let v1 = json!({
        "iss": format!("https://sts.windows.net/{}/", world.tenant("contoso")),
        "ver": "1.0", "appid": world.id("mcp-client"), "azp": null, "appidacr": "0",
    });
    rule.allowed("v1", &send(&world.minted("alice", &v1).await).await);
    rule.done();
}

#[tokio::test]
async fn rule_11_the_assertion_is_for_this_client_by_its_id_or_one_of_its_uris() {
    let world = World::shared();
    let mut rule = Rule::new(11, "the assertion is for this client, by its id or one of its URIs");
    let id = world.id("mcp-server");
    let uri = format!("api://{id}");
    for aud in [
        json!(world.id("kubernetes")),
        json!(format!("api://{}", world.id("kubernetes"))),
        json!(id.to_uppercase()),
        json!(uri.to_uppercase()),
        json!(format!("{uri}/")),
        json!(format!("{uri}/access_as_user")),
        json!("https://mcp.contoso.example/tools"),
        json!("https://mcp.contoso.example/Tools/"),
        json!(format!("{id} ")),
        json!([world.id("kubernetes"), id]),
        json!(""),
        Value::Null,
    ] {
        let token = world.minted("alice", &json!({"aud": aud})).await;
        let answer = world.post(&world.obo(&token)).await;
        rule.refused(&format!("aud {aud}"), &answer, bad_grant(500131));
        if let Some(aud) = aud.as_str().filter(|aud| !aud.is_empty()) {
            // What it says and what it should say.
            let text = answer.description();
            assert!(text.contains(aud) && text.contains(id), "{text}");
        }
    }
    let other = world.token_for("alice", &world.scope("kubernetes", "access_as_user")).await;
    rule.refused("another API's token", &world.post(&world.obo(&other)).await, bad_grant(500131));
    for aud in [id, &uri, "https://mcp.contoso.example/Tools"] {
        let token = world.minted("alice", &json!({"aud": aud})).await;
        rule.allowed(&format!("aud {aud}"), &world.post(&world.obo(&token)).await);
    }
    rule.done();
}

#[tokio::test]
async fn rule_12_the_assertion_is_an_access_token_of_a_person() {
    let world = World::shared();
    let mut rule = Rule::new(12, "the assertion is an access token of a person");
    let scope = format!("openid offline_access {}", world.scope("mcp-server", "access_as_user"));
    let signed_in = world.signed_in(&world.authorization("alice", &scope)).await;
    let member = |name: &str| signed_in[name].as_str().unwrap().to_owned();
    let id_token = world.post(&world.obo(&member("id_token"))).await;
    // Its audience is judged first.
    rule.refused("the client's id token", &id_token, bad_grant(500131));
    // One for the middle tier itself was accepted once.
    let own = world.web_sign_in("alice").await;
    let own =
        world.obo(own["id_token"].as_str().unwrap()).with("client_id", world.id("web-client"));
    let own = own.with("client_secret", "the.secret~of-the_web");
    rule.refused("its own id token", &world.post(&own).await, bad_grant(240002));
    let made = json!({"nonce": "n", "scp": null, "azp": null, "azpacr": null});
    let made = world.minted("alice", &made).await;
    rule.refused("what looks like one", &world.post(&world.obo(&made)).await, bad_grant(240002));
    let refresh = world.post(&world.obo(&member("refresh_token"))).await;
    rule.refused("a refresh token", &refresh, bad_request(50027));

    let app_only = refusal(400, "unauthorized_client", 7000114);
    let daemon = world.post(&world.daemon("mcp-server")).await;
    let answer = world.post(&world.obo(&daemon.token())).await;
    rule.refused("an application's own token", &answer, app_only);
    for (what, changes) in [
        ("no scp", json!({"scp": null})),
        ("an empty scp", json!({"scp": ""})),
        ("roles in place of scp", json!({"scp": null, "roles": ["robot"]})),
        ("idtyp app", json!({"idtyp": "app"})),
    ] {
        let token = world.minted("alice", &changes).await;
        rule.refused(what, &world.post(&world.obo(&token)).await, app_only);
    }
    rule.allowed("a person's", &world.post(&world.obo(&member("access_token"))).await);
    let user = world.minted("alice", &json!({"idtyp": "user"})).await;
    rule.allowed("idtyp user", &world.post(&world.obo(&user)).await);
    rule.done();
}

#[tokio::test]
async fn rule_13_the_person_exists_is_enabled_and_has_not_been_signed_out() {
    let world = World::start().await;
    let mut rule = Rule::new(13, "the person exists, is enabled and has not been signed out");
    let obo =
        async |changes: Value| world.post(&world.obo(&world.minted("alice", &changes).await)).await;
    let nobody = obo(json!({"oid": "99999999-0000-4000-8000-000000000009"})).await;
    rule.refused("nobody", &nobody, bad_grant(50034));
    let fred = obo(json!({"oid": world.oid("fred")})).await;
    rule.refused("a person of another tenant", &fred, bad_grant(50034));
    let none = obo(json!({"oid": null})).await;
    rule.refused_when("no oid", none.status == 400 && none.token().is_empty());
    let dave = obo(json!({"oid": world.oid("dave")})).await;
    rule.refused("a disabled one", &dave, bad_grant(50057));

    let token = world.token("alice").await;
    rule.allowed("alice", &world.post(&world.obo(&token)).await);
    rule.allowed("a guest", &world.post(&world.obo(&world.token("gina").await)).await);
    world.emulator.revoke_sessions("alice");
    let answer = world.post(&world.obo(&token)).await;
    rule.refused("signed out since", &answer, bad_grant(50173).suberror("bad_token"));
    let bob = world.post(&world.obo(&world.token("bob").await)).await;
    rule.allowed("somebody else", &bob);
    let later = world.minted("alice", &json!({"iat": now() + 2, "nbf": null})).await;
    rule.allowed("alice, signed in anew", &world.post(&world.obo(&later)).await);
    rule.done();
}
