//! Entra ID's tokens that are none of ours: each is told what it is, before any key is looked for.

use obolus_core::Reason;
use obolus_core::token::{Profile, UnverifiedToken};
use serde_json::{Value, json};

use crate::entra::{
    ALICE, API, AUDIENCES, CLIENT, CONTOSO, FABRIKAM, STRANGERS, TARGET, but, entra_rules,
    issuer_v1, issuer_v2, refusal, refusal_of, v1, v2, verify, verify_text,
};
use crate::issuer::{HEADER, KEYS, NOW, alice, rules};

const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

fn refused(changes: Value) -> Reason {
    refusal(&but(v2(), changes))
}

/// What Entra ID tells a client of who signed in.
fn id_token() -> Value {
    but(
        v2(),
        json!({"aud": CLIENT, "azp": null, "azpacr": null, "scp": null, "nonce": "n", "rh": "0.A"}),
    )
}

#[test]
fn a_listed_tenants_tokens_are_taken_and_no_others() {
    for tenant in [CONTOSO, FABRIKAM] {
        for (claims, issuer) in [(v2(), issuer_v2(tenant)), (v1(), issuer_v1(tenant))] {
            assert!(
                verify(&but(claims, json!({"iss": issuer, "tid": tenant}))).is_ok(),
                "{issuer}"
            );
        }
    }
    for tenant in [STRANGERS, PERSONAL] {
        for (claims, issuer) in [(v2(), issuer_v2(tenant)), (v1(), issuer_v1(tenant))] {
            let claims = but(claims, json!({"iss": issuer, "tid": tenant}));
            assert_eq!(refusal(&claims), Reason::TenantRefused, "{issuer}");
        }
    }
}

#[test]
fn an_issuer_is_compared_byte_for_byte() {
    for issuer in [
        issuer_v2(&CONTOSO.to_uppercase()),
        issuer_v2(CONTOSO).to_uppercase(),
        format!("{}/", issuer_v2(CONTOSO)),
        issuer_v2(CONTOSO).replace("https", "http"),
        issuer_v2(CONTOSO).replace("/v2.0", ""),
        issuer_v2(CONTOSO).replace("/v2.0", "/v1.0"),
        issuer_v2(CONTOSO).replace(".com/", ".com:443/"),
        issuer_v2(CONTOSO).replace(".com/", ".com.evil.example/"),
        issuer_v2(CONTOSO).replace("login.", "login.login."),
        issuer_v2(&format!("x/{CONTOSO}")),
        issuer_v2(&format!("{CONTOSO}/../{CONTOSO}")),
        issuer_v2("common"),
        issuer_v2("organizations"),
        issuer_v2("{tenantid}"),
        issuer_v2("contoso.onmicrosoft.com"),
        issuer_v1(CONTOSO).trim_end_matches('/').to_owned(),
        issuer_v1(CONTOSO).replace("https", "http"),
        format!("https://sts.windows.net/{CONTOSO}/v2.0"),
        format!("https://login.microsoftonline.com/{CONTOSO}/"),
        format!("https://login.microsoftonline.us/{CONTOSO}/v2.0"),
        "https://idp.example.com".to_owned(),
        String::new(),
    ] {
        assert_eq!(refused(json!({"iss": issuer})), Reason::IssuerUnknown, "{issuer}");
    }
    assert_eq!(refused(json!({"iss": null})), Reason::IssuerUnknown);
}

#[test]
fn an_audience_is_the_applications_id_or_its_uri_in_their_exact_case() {
    for aud in [json!(API), json!(format!("api://{API}")), json!([API])] {
        assert!(verify(&but(v2(), json!({ "aud": aud }))).is_ok(), "{aud}");
    }
    for aud in [
        json!(API.to_uppercase()),
        json!(format!("API://{API}")),
        json!(format!("api://{API}/")),
        json!(format!("api://{}", API.to_uppercase())),
        json!(format!("api://{API}/access_as_user")),
        json!(TARGET),
        json!(CLIENT),
        json!([]),
        json!(null),
    ] {
        assert_eq!(refused(json!({ "aud": aud })), Reason::AudienceMismatch, "{aud}");
    }
    let v1_of_another = but(v1(), json!({"aud": format!("api://{TARGET}")}));
    assert_eq!(refusal(&v1_of_another), Reason::AudienceMismatch);
    assert_eq!(
        refusal(&but(v1(), json!({"aud": "https://management.azure.com/"}))),
        Reason::AudienceMismatch
    );
}

#[test]
fn an_id_token_is_told_from_an_access_token_of_the_same_person() {
    assert_eq!(refusal(&id_token()), Reason::IdToken);
    // Where the client is the API as well, the audience would let it in.
    let own = but(id_token(), json!({"aud": API}));
    assert_eq!(refusal(&own), Reason::IdToken);
    assert_eq!(refusal(&but(own, json!({"nonce": null}))), Reason::IdToken, "no nonce was sent");
    let v1 = but(v1(), json!({"appid": null, "appidacr": null, "scp": null, "aud": API}));
    assert_eq!(refusal(&v1), Reason::IdToken);
    for claim in ["nonce", "at_hash", "c_hash", "s_hash"] {
        assert_eq!(refused(json!({ claim: "x" })), Reason::IdToken, "{claim}");
    }
    // An API may be its own client: what makes an access token is that it says so.
    assert!(verify(&but(v2(), json!({"azp": API}))).is_ok());
    assert!(verify(&but(v2(), json!({"azp": null}))).is_ok(), "scopes alone make one");
}

#[test]
fn a_token_for_graph_is_told_by_its_audience_or_by_the_nonce_in_its_header() {
    for aud in [
        GRAPH,
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/",
        "https://graph.windows.net",
        "https://graph.windows.net/",
        "00000002-0000-0000-c000-000000000000",
    ] {
        assert_eq!(refused(json!({ "aud": aud })), Reason::GraphToken, "{aud}");
        assert_eq!(refusal(&but(v1(), json!({ "aud": aud }))), Reason::GraphToken, "{aud}");
    }
    for aud in ["https://graph.microsoft.com.evil.example", "https://graph.microsoft.com//"] {
        assert_eq!(refused(json!({ "aud": aud })), Reason::AudienceMismatch, "{aud}");
    }
    for nonce in [r#""n""#, "null", "1"] {
        let header = format!(r#"{{"alg":"ES256","kid":"p256","typ":"JWT","nonce":{nonce}}}"#);
        assert_eq!(refusal_of(&header, &v2().to_string()), Reason::GraphToken, "{nonce}");
    }
}

#[test]
fn a_b2c_token_is_told_by_its_host_or_by_its_user_flow() {
    let tenant = CONTOSO;
    for changes in [
        json!({"iss": format!("https://contoso.b2clogin.com/{tenant}/v2.0/")}),
        json!({"iss": format!("https://contoso.b2clogin.com/{tenant}/v2.0/"), "tfp": "B2C_1_signin"}),
        json!({"iss": format!("https://login.microsoftonline.com/{tenant}/v2.0/"), "tfp": "B2C_1_signin"}),
        json!({"iss": "https://signin.contoso.example/x/v2.0/", "acr": "b2c_1_signin"}),
        json!({"tfp": "B2C_1_signin"}),
        json!({"acr": "b2c_1a_signup_signin"}),
        json!({"acr": "B2C_1_signin"}),
    ] {
        assert_eq!(refused(changes.clone()), Reason::B2cToken, "{changes}");
    }
    for changes in [json!({"acr": "1"}), json!({"acr": 1}), json!({"acr": "c1"})] {
        assert!(verify(&but(v2(), changes.clone())).is_ok(), "{changes}");
    }
    for issuer in ["https://b2clogin.com.evil.example/x", "https://evil.example/.b2clogin.com"] {
        assert_eq!(refused(json!({"iss": issuer})), Reason::IssuerUnknown, "{issuer}");
    }
}

#[test]
fn a_token_of_another_kind_is_told_by_its_header() {
    for typ in ["JWT", "jwt", "at+jwt"] {
        let header = format!(r#"{{"alg":"ES256","kid":"p256","typ":"{typ}"}}"#);
        assert!(verify_text(&header, &v2().to_string()).is_ok(), "{typ}");
    }
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", ""] {
        let header = format!(r#"{{"alg":"ES256","kid":"p256","typ":"{typ}"}}"#);
        assert_eq!(refusal_of(&header, &v2().to_string()), Reason::TokenTypeRefused, "{typ}");
    }
    assert_eq!(refused(json!({"events": {}})), Reason::TokenTypeRefused, "a logout token");
    assert_eq!(refused(json!({"cnf": {"kid": "k"}})), Reason::SenderConstrained);
}

/// One token that is wrong in every way: each step mends what was refused, and shows the next reason.
#[test]
fn of_several_reasons_the_one_that_says_most_wins() {
    let mut claims = but(
        v2(),
        json!({
            "iss": issuer_v2(STRANGERS), "tid": FABRIKAM, "tfp": "B2C_1_x", "nonce": "n", "aud": "other",
            "exp": NOW, "cnf": {}, "oid": null, "ver": "1.0", "groups": "g",
        }),
    );
    let mut header = json!({"alg": "HS256", "typ": "logout+jwt", "nonce": "n"});
    let (in_claims, in_header) = (false, true);
    for (reason, place, mended) in [
        (Reason::B2cToken, in_claims, json!({"tfp": null})),
        (Reason::TenantRefused, in_claims, json!({"iss": issuer_v2(CONTOSO)})),
        (Reason::AlgorithmNotAllowed, in_header, json!({"alg": "ES256"})),
        (Reason::SenderConstrained, in_claims, json!({"cnf": null})),
        (Reason::TokenTypeRefused, in_header, json!({"typ": "JWT"})),
        (Reason::GraphToken, in_header, json!({"nonce": null})),
        (Reason::TokenMalformed, in_claims, json!({"groups": null})),
        (Reason::IdToken, in_claims, json!({"nonce": null})),
        (Reason::AudienceMismatch, in_claims, json!({"aud": API})),
        (Reason::TokenExpired, in_claims, json!({"exp": NOW + 300})),
        (Reason::KeyUnknown, in_header, json!({"kid": "p256"})),
        (Reason::TenantRefused, in_claims, json!({"tid": CONTOSO})),
        (Reason::TokenMalformed, in_claims, json!({"ver": "2.0"})),
        (Reason::SubjectMissing, in_claims, json!({"oid": ALICE})),
    ] {
        assert_eq!(refusal_of(&header.to_string(), &claims.to_string()), reason, "then {mended}");
        let part = if place == in_header { &mut header } else { &mut claims };
        *part = but(part.take(), mended);
    }
    assert!(verify_text(&header.to_string(), &claims.to_string()).is_ok());
}

#[test]
fn among_several_issuers_each_token_finds_its_own_rules() {
    let all = [entra_rules(), rules(Profile::Keycloak)];
    let found = |claims: &Value| {
        let token = UnverifiedToken::parse(&KEYS.sign_text(HEADER, &claims.to_string())).unwrap();
        let forward = token.rules_among(&all).map(|rules| rules.name.clone());
        let backward = token.rules_among(all.iter().rev()).map(|rules| rules.name.clone());
        assert_eq!(forward, backward, "their order does not matter");
        forward
    };
    assert_eq!(found(&v2()), Ok("entra".to_owned()));
    assert_eq!(found(&v1()), Ok("entra".to_owned()));
    assert_eq!(found(&alice()), Ok("keycloak".to_owned()));
    assert_eq!(
        found(&but(alice(), json!({"tfp": "B2C_1_x"}))),
        Ok("keycloak".to_owned()),
        "elsewhere this claim is anything"
    );
    assert_eq!(found(&but(v2(), json!({"iss": issuer_v2(STRANGERS)}))), Err(Reason::TenantRefused));
    assert_eq!(found(&but(v2(), json!({"tfp": "B2C_1_x"}))), Err(Reason::B2cToken));
    assert_eq!(found(&but(v2(), json!({"iss": "https://other"}))), Err(Reason::IssuerUnknown));
    // Without Entra ID among them, nobody is told of its tenants.
    let token = KEYS.sign_text(HEADER, &but(v2(), json!({"tfp": "B2C_1_x"})).to_string());
    let token = UnverifiedToken::parse(&token).unwrap();
    assert_eq!(token.rules_among(&[rules(Profile::Keycloak)]).unwrap_err(), Reason::IssuerUnknown);
}

#[test]
fn another_providers_rules_do_not_read_entras_tokens_nor_entras_rules_theirs() {
    let check = |claims: &Value, rules: &[_]| {
        UnverifiedToken::parse(&KEYS.sign_text(HEADER, &claims.to_string()))
            .unwrap()
            .check(rules, AUDIENCES.as_slice(), NOW)
            .map(|checked| checked.issuer_name().to_owned())
    };
    assert_eq!(check(&v2(), &[entra_rules()]), Ok("entra".to_owned()));
    assert_eq!(check(&v2(), &[rules(Profile::Keycloak)]), Err(Reason::IssuerUnknown));
    assert_eq!(check(&alice(), &[entra_rules()]), Err(Reason::IssuerUnknown));
}
