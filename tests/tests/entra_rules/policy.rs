//! Rules 17 and 18: Conditional Access, and the claims that answer it.

use obolus_tests::entra::{Fault, Policy, Requirement, Shape, What};
use serde_json::{Value, json};

use crate::answer::{Refusal, bad_grant, bad_request, refusal};
use crate::table::Rule;
use crate::world::World;

fn policy(name: &str, users: &[&str], apps: &[&str], require: Requirement) -> Policy {
    let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    let id = format!("70000000-0000-4000-8000-{:012}", name.len());
    let (users, apps) = (names(users), names(apps));
    Policy { name: name.to_owned(), id, users, apps, require, shape: Shape::InvalidGrant }
}

#[tokio::test]
async fn rule_17_policies_are_satisfied_by_the_sign_in_or_the_person_is_refused() {
    let k8s = ["kubernetes"];
    let world = World::with(|directory| {
        let documented = policy("mfa-documented", &["bob"], &k8s, Requirement::Mfa(50079));
        directory.policies = vec![
            policy("mfa", &["alice"], &k8s, Requirement::Mfa(50076)),
            Policy { shape: Shape::InteractionRequired, ..documented },
            policy("context-c1", &["carol"], &k8s, Requirement::Context("c1".to_owned())),
            policy("blocked", &["dora"], &k8s, Requirement::Block { claims: false }),
            policy("blocked-for-now", &["gina"], &k8s, Requirement::Block { claims: true }),
            policy("device", &["alice"], &["legacy"], Requirement::Device(53000)),
        ];
    })
    .await;
    let mut rule = Rule::new(17, "a policy is satisfied by the sign-in, or the person is refused");
    let basic = |code| bad_grant(code).suberror("basic_action").claims();
    let message = |code| bad_grant(code).suberror("message_only");
    let interaction = |code| refusal(400, "interaction_required", code).claims();
    for (what, user, refusal) in [
        ("MFA, as logs have it", "alice", basic(50076)),
        ("MFA, as documented", "bob", interaction(50079)),
        ("an authentication context", "carol", basic(50076)),
        ("a block", "dora", message(53003)),
        ("a block that a sign-in lifts", "gina", message(53003).claims()),
    ] {
        let answer = world.post(&world.obo(&world.token(user).await)).await;
        rule.refused(what, &answer, refusal);
        if refusal.claims {
            let claims: Value =
                serde_json::from_str(answer.json()["claims"].as_str().unwrap()).unwrap();
            assert!(claims["access_token"].is_object(), "{claims}");
            // What the person signs in with again.
            let token = world.token_with_claims(user, &claims).await;
            rule.allowed(&format!("{what}, signed in anew"), &world.post(&world.obo(&token)).await);
        }
    }
    let alice = world.alice().await;
    let legacy = alice.with("scope", "https://legacy.contoso.example//.default");
    rule.refused("a device", &world.post(&legacy).await, message(53000));
    for (what, changes) in
        [("amr mfa", json!({"amr": ["pwd", "mfa"]})), ("acrs", json!({"acrs": ["c1"]}))]
    {
        let token = world.minted("alice", &changes).await;
        rule.allowed(what, &world.post(&world.obo(&token)).await);
    }
    let weak = world.minted("carol", &json!({"acrs": ["c2"], "amr": ["mfa"]})).await;
    rule.refused("another context", &world.post(&world.obo(&weak)).await, basic(50076));

    // The switches that need no policy.
    let rows: [(What, Refusal); 5] = [
        (What::Mfa { code: 50074, shape: Shape::InvalidGrant }, basic(50074)),
        (What::Mfa { code: 50158, shape: Shape::InteractionRequired }, interaction(50158)),
        (What::Blocked { code: 53003, claims: true }, message(53003).claims()),
        (What::Blocked { code: 53001, claims: false }, message(53001)),
        (What::SessionsRevoked { code: 50173 }, bad_grant(50173).suberror("bad_token")),
    ];
    let legacy = "https://legacy.contoso.example//.default";
    let bob = world.obo(&world.token("bob").await).with("scope", legacy);
    for (what, refusal) in rows {
        let name = format!("switch: {what:?}");
        world.emulator.faults().add(Fault::new(what).user("bob"));
        rule.refused(&name, &world.post(&bob).await, refusal);
        world.emulator.faults().clear();
    }
    rule.allowed("no switch", &world.post(&bob).await);
    rule.done();
}

#[tokio::test]
async fn rule_18_claims_are_a_json_object_and_a_capable_client_gets_a_longer_token() {
    let world = World::shared();
    let mut rule = Rule::new(18, "claims are a JSON object; a capable client's token lives longer");
    let form = world.alice().await;
    for claims in ["x", "{", "{'access_token':{}}", "[]", "\"access_token\"", "1", "null", "{}x"] {
        let answer = world.post(&form.with("claims", claims)).await;
        let seen = (answer.status, answer.json()["error"].clone());
        rule.refused_when(claims, seen == (400, "invalid_request".into()));
        let code = answer.json()["error_codes"][0].as_u64().unwrap_or_default();
        answer.assert_refused(claims, bad_request(u32::try_from(code).unwrap()));
    }
    let capable = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}}).to_string();
    let answer = world.post(&form.with("claims", capable)).await;
    let claims = rule.allowed("cp1", &answer);
    assert_eq!(claims["xms_cc"], json!(["cp1"]));
    let life = answer.json()["expires_in"].as_u64().unwrap();
    assert!((20 * 3600..=28 * 3600).contains(&life), "{life}");
    for (what, claims) in [
        ("another capability", json!({"access_token": {"xms_cc": {"values": ["cp2"]}}})),
        ("an id token's", json!({"id_token": {"xms_cc": {"values": ["cp1"]}}})),
        ("nothing", json!({})),
    ] {
        let answer = world.post(&form.with("claims", claims.to_string())).await;
        let claims = rule.allowed(what, &answer);
        assert_eq!(claims.get("xms_cc"), None, "{what}");
        let life = answer.json()["expires_in"].as_u64().unwrap();
        assert!((3600..=5400).contains(&life), "{life}");
    }
    rule.done();
}
