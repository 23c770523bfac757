//! Answers to exchanges at Entra ID: the same `oid` in the same tenant, whatever version and whatever `sub`; and
//! nothing of one issuer's rides on what another issuer's token was permitted.

use obolus_core::Reason;
use obolus_core::exchange::{Answer, ExchangedToken, Target};
use obolus_core::mcp::Message;
use obolus_core::policy::Subject;
use obolus_core::token::Principal;
use serde_json::{Value, json};

use crate::configuration::{good, parse, resource_but};
use crate::deciding::decide as decide_on;
use crate::entra::{
    ALICE, API, BOB, CLIENT, CONTOSO, FABRIKAM, STRANGERS, TARGET, but, issuer_v1, issuer_v2, v1,
    v2, verify,
};
use crate::entra_config::entra_resource;
use crate::issuer::{HEADER, ISSUER, KEYS, NOW, alice, principal};

const BODY: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn target() -> Target {
    Target { name: "kubernetes-entra".to_owned(), audience: TARGET.to_owned() }
}

/// What Entra ID answers for alice: the target's version, another `sub`, the gateway as client.
fn exchanged_v2() -> Value {
    but(
        v2(),
        json!({"aud": TARGET, "azp": API, "sub": "pairwise-at-the-target", "uti": "ZXhjaGFuZ2Vk"}),
    )
}

fn exchanged_v1() -> Value {
    let changes = json!({"aud": TARGET, "appid": API, "sub": "pairwise-at-the-target"});
    but(v1(), changes)
}

fn accept_for(
    principal: &Principal,
    target: &Target,
    claims: &Value,
) -> Result<ExchangedToken, Reason> {
    let token = KEYS.sign_text(HEADER, &claims.to_string());
    let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
    let answer = Answer::parse(answer.to_string().as_bytes()).unwrap();
    ExchangedToken::accept(principal, target, answer, NOW)
}

fn accept(claims: &Value) -> Result<ExchangedToken, Reason> {
    accept_for(&verify(&v2()).unwrap(), &target(), claims)
}

fn refused(changes: Value) -> Reason {
    accept(&but(exchanged_v2(), changes)).unwrap_err()
}

#[test]
fn the_same_person_is_recognised_across_versions_and_pairwise_subjects() {
    for own in [v2(), v1()] {
        let person = verify(&own).unwrap();
        for answered in [exchanged_v2(), exchanged_v1()] {
            let token = accept_for(&person, &target(), &answered).unwrap();
            assert_eq!(token.identity(), person.identity());
            assert_eq!(token.expires_at(), NOW + 300);
        }
    }
    assert_eq!(accept(&exchanged_v2()).unwrap().token_id(), Some("ZXhjaGFuZ2Vk"));
}

#[test]
fn somebody_elses_another_tenants_and_an_applications_token_are_refused() {
    for changes in [
        json!({"oid": BOB}),
        json!({"oid": ALICE.to_uppercase()}),
        json!({"oid": null}),
        json!({"iss": issuer_v2(FABRIKAM), "tid": FABRIKAM}),
        json!({"iss": issuer_v1(FABRIKAM), "tid": FABRIKAM, "ver": "1.0"}),
        json!({"iss": issuer_v2(STRANGERS), "tid": STRANGERS}),
        json!({"tid": FABRIKAM}),
        json!({"tid": null}),
        json!({"iss": null}),
        json!({"iss": ISSUER}),
        json!({"scp": null, "roles": ["Cluster.Admin"]}),
        json!({"idtyp": "app"}),
    ] {
        assert_eq!(refused(changes.clone()), Reason::ExchangedIdentityMismatch, "{changes}");
    }
    for changes in
        [json!({"ver": "1.0"}), json!({"groups": "g"}), json!({"oid": 1}), json!({"exp": null})]
    {
        assert_eq!(refused(changes.clone()), Reason::ExchangedMalformed, "{changes}");
    }
}

#[test]
fn only_the_gateways_own_access_token_for_now_and_for_its_holder_is_taken() {
    let issued = |changes: Value| {
        let token = accept(&but(exchanged_v2(), changes))?;
        token.issued_to(API).map(drop)
    };
    assert_eq!(issued(json!({})), Ok(()));
    assert_eq!(accept(&exchanged_v1()).unwrap().issued_to(API).map(drop), Ok(()));
    assert!(accept(&exchanged_v2()).unwrap().issued_to(&API.to_uppercase()).is_ok());
    for (changes, reason) in [
        (json!({"azp": CLIENT}), Reason::ExchangedClientMismatch),
        (json!({"azp": TARGET}), Reason::ExchangedClientMismatch),
        (json!({"azp": null}), Reason::ExchangedClientMismatch),
        (json!({"cnf": {"kid": "x"}}), Reason::ExchangedTypeRefused),
        (json!({"nonce": "x"}), Reason::ExchangedTypeRefused),
        (json!({"at_hash": "x"}), Reason::ExchangedTypeRefused),
        (json!({"nbf": NOW + 200}), Reason::ExchangedNotYetValid),
        (json!({"aud": [TARGET, API]}), Reason::ExchangedAudienceMismatch),
        (json!({"aud": [TARGET, format!("api://{API}")]}), Reason::ExchangedAudienceMismatch),
    ] {
        assert_eq!(issued(changes.clone()), Err(reason), "{changes}");
    }
    let v1 = accept(&but(exchanged_v1(), json!({"appid": CLIENT}))).unwrap();
    assert_eq!(v1.issued_to(API).unwrap_err(), Reason::ExchangedClientMismatch);
}

#[test]
fn a_token_for_another_audience_or_of_no_life_is_refused() {
    for aud in
        [json!(API), json!(format!("api://{TARGET}")), json!(TARGET.to_uppercase()), json!(null)]
    {
        assert_eq!(refused(json!({ "aud": aud })), Reason::ExchangedAudienceMismatch, "{aud}");
    }
    assert_eq!(refused(json!({"exp": NOW})), Reason::ExchangedExpired);
    let person = verify(&v2()).unwrap();
    let own = accept_for(&person, &Target { audience: API.to_owned(), ..target() }, &v2());
    assert_eq!(own.unwrap_err(), Reason::ExchangedAudienceMismatch, "the client's own token");
}

/// Graph names itself in its tokens as it likes; nobody else does, and nobody else is taken for it.
#[test]
fn graph_answers_for_each_of_its_names_and_for_nobody_else() {
    let person = verify(&v2()).unwrap();
    let with = |audience: &str, aud: &str| {
        let target = Target { audience: audience.to_owned(), ..target() };
        accept_for(&person, &target, &but(exchanged_v2(), json!({ "aud": aud }))).map(drop)
    };
    let (uri, id) = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000");
    for aud in [uri, id, "https://graph.microsoft.com/"] {
        assert_eq!(with(uri, aud), Ok(()), "{aud}");
    }
    for (audience, aud) in
        [(uri, TARGET), (TARGET, uri), (TARGET, id), (uri, "https://graph.example.com")]
    {
        assert_eq!(with(audience, aud), Err(Reason::ExchangedAudienceMismatch), "{audience} {aud}");
    }
}

/// Both issuers, each with a resource and a target of its own.
fn both() -> obolus_core::config::FilterConfig {
    let mut config = good();
    config["issuers"].as_array_mut().unwrap().push(json!({
        "name": "entra", "profile": "entra", "tenants": [CONTOSO, FABRIKAM],
    }));
    config["resources"].as_array_mut().unwrap().push(entra_resource());
    parse(&config)
}

#[test]
fn a_token_of_one_issuer_has_no_permit_at_the_others_resource() {
    let config = both();
    let of = |cluster: &str| config.resource_of_cluster(cluster).unwrap();
    let message = Message::parse(BODY).unwrap();
    let decide = |who: &Principal, cluster: &str| {
        let subject = Subject { cluster, body: BODY, generation: 1 };
        decide_on(who, of(cluster), &message, subject).map(drop)
    };
    let (keycloak, entra) = (principal(&alice()), verify(&v2()).unwrap());
    assert_eq!(decide(&keycloak, "obolus-mcp"), Ok(()));
    assert_eq!(decide(&entra, "obolus-mcp-entra"), Ok(()));
    assert_eq!(decide(&keycloak, "obolus-mcp-entra"), Err(Reason::IssuerUnknown));
    assert_eq!(decide(&entra, "obolus-mcp"), Err(Reason::IssuerUnknown));
    // The rules' name and the rules themselves: neither alone is the issuer.
    let mut renamed = of("obolus-mcp-entra").as_ref().clone();
    let mut rules = renamed.issuers[0].as_ref().clone();
    rules.name = "another".to_owned();
    renamed.issuers = vec![rules.into()];
    let subject = Subject { cluster: "obolus-mcp-entra", body: BODY, generation: 1 };
    let decided = decide_on(&entra, &renamed, &message, subject).map(drop);
    assert_eq!(decided, Err(Reason::IssuerUnknown));
}

#[test]
fn what_one_issuers_token_was_exchanged_for_does_not_ride_on_the_others_permit() {
    let config = both();
    let message = Message::parse(BODY).unwrap();
    let subject = Subject { cluster: "obolus-mcp-entra", body: BODY, generation: 1 };
    let resource = config.resource_of_cluster(subject.cluster).unwrap();
    let entra = verify(&v2()).unwrap();
    let permit = || decide_on(&entra, resource, &message, subject).unwrap();
    let own = accept_for(&entra, resource.targets.default_target(), &exchanged_v2()).unwrap();
    assert!(permit().release(subject, &own, NOW).is_ok());

    // Keycloak's alice, whose subject is Entra ID's alice's oid, with a token for the very same target.
    let keycloak = principal(&crate::issuer::alice_but(json!({"sub": ALICE})));
    let answered = json!({"iss": ISSUER, "sub": ALICE, "sid": "s", "aud": TARGET, "typ": "Bearer", "exp": NOW + 300});
    let others = accept_for(&keycloak, resource.targets.default_target(), &answered).unwrap();
    assert_eq!(others.identity().subject, own.identity().subject);
    assert_eq!(permit().release(subject, &others, NOW).unwrap_err(), Reason::PermitMismatch);

    // Nor is Entra ID's answer taken for Keycloak's alice, or the other way round.
    let crossed = accept_for(&keycloak, resource.targets.default_target(), &exchanged_v2());
    assert_eq!(crossed.unwrap_err(), Reason::ExchangedIdentityMismatch);
    let crossed = accept_for(&entra, resource.targets.default_target(), &answered);
    assert_eq!(crossed.unwrap_err(), Reason::ExchangedIdentityMismatch);
}

#[test]
fn an_applications_token_gets_no_permit_and_a_missing_scope_is_told_after_that() {
    let config = both();
    let message = Message::parse(BODY).unwrap();
    let subject = Subject { cluster: "obolus-mcp-entra", body: BODY, generation: 1 };
    let resource = config.resource_of_cluster(subject.cluster).unwrap();
    let decide = |changes: Value| {
        decide_on(&verify(&but(v2(), changes)).unwrap(), resource, &message, subject).map(drop)
    };
    assert_eq!(decide(json!({})), Ok(()));
    assert_eq!(decide(json!({"scp": null, "roles": ["Tools.Run"]})), Err(Reason::AppOnly));
    assert_eq!(decide(json!({"idtyp": "app"})), Err(Reason::AppOnly));
    assert_eq!(decide(json!({"scp": "other"})), Err(Reason::InsufficientScope));
    assert_eq!(decide(json!({"aud": format!("api://{API}")})), Err(Reason::AudienceMismatch));
    // Keycloak's tokens say nothing of this, and are people's.
    let keycloak = resource_but(json!({}));
    let subject = Subject { cluster: "obolus-mcp", ..subject };
    assert!(decide_on(&principal(&alice()), &keycloak, &message, subject).is_ok());
    assert_eq!(verify(&v2()).unwrap().client(), Some(CLIENT));
}
