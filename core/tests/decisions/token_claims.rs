//! Claims: whose token, for whom, until when, and that it is an access token at all.
//!
//! All tokens here carry a valid signature of the issuer: what is refused is refused for what it says.

use obolus_core::Reason;
use obolus_core::token::{MAX_TOKEN_BYTES, Principal, Profile, UnverifiedToken};
use serde_json::{Value, json};

use crate::issuer::{
    ISSUER, KEY_SET, KEYS, NOW, RESOURCE, alice, alice_but, principal, rules, verify, verify_with,
};

const HEADER: &str = r#"{"alg":"ES256","kid":"p256","typ":"JWT"}"#;

/// What becomes of alice's token with these changes, in the Keycloak profile.
fn with(changes: Value) -> Result<(), Reason> {
    verify(&KEYS.sign_text(HEADER, &alice_but(changes).to_string())).map(drop)
}

/// The same in the plain OpenID profile.
fn with_oidc(header: Value, changes: Value) -> Result<Principal, Reason> {
    let token = KEYS.sign_text(&header.to_string(), &alice_but(changes).to_string());
    verify_with(&token, &rules(Profile::Oidc), &KEY_SET, NOW)
}

/// What becomes of claims that only text can say.
fn text(claims: &str) -> Result<(), Reason> {
    verify(&KEYS.sign_text(HEADER, claims)).map(drop)
}

#[test]
fn a_token_lives_until_its_last_second_and_no_longer() {
    assert_eq!(with(json!({"exp": NOW + 1})), Ok(()));
    for exp in [NOW, NOW - 1, NOW - 3600, 0] {
        assert_eq!(with(json!({"exp": exp})), Err(Reason::TokenExpired), "{exp}");
    }
    // No leeway, though the issuer's clock may be ahead of ours by 30 s.
    assert_eq!(with(json!({"exp": NOW - 29})), Err(Reason::TokenExpired));
}

#[test]
fn a_life_without_end_is_refused() {
    for exp in [
        json!(null),
        json!(u64::MAX),
        json!(1u64 << 53),
        json!(1e300),
        json!(-1),
        json!(-1.5),
        json!("1900000000"),
        json!([NOW + 300]),
        json!({}),
        json!(true),
    ] {
        assert_eq!(with(json!({"exp": exp})), Err(Reason::TokenMalformed), "{exp}");
    }
    let literal = |exp: &str| text(&alice().to_string().replace(&(NOW + 300).to_string(), exp));
    assert_eq!(literal("1800000300"), Ok(()));
    assert_eq!(literal("1.8000003e9"), Ok(()));
    for exp in [
        "null",
        "1e400",
        "-0",
        "0e0",
        "99999999999999999999999999",
        "NaN",
        "Infinity",
        "0x7fffffff",
        "+1",
        "01",
    ] {
        assert!(
            matches!(literal(exp), Err(Reason::TokenMalformed | Reason::TokenExpired)),
            "{exp}: {:?}",
            literal(exp)
        );
    }
}

#[test]
fn a_fraction_of_a_second_shortens_a_life_and_never_lengthens_it() {
    assert_eq!(with(json!({"exp": NOW as f64 + 1.0})), Ok(()));
    assert_eq!(with(json!({"exp": NOW as f64 + 0.9})), Err(Reason::TokenExpired));
    assert_eq!(principal(&alice_but(json!({"exp": NOW as f64 + 7.9}))).expires_at(), NOW + 7);
    assert_eq!(with(json!({"nbf": NOW as f64 + 30.0})), Ok(()));
    assert_eq!(with(json!({"nbf": NOW as f64 + 30.1})), Err(Reason::TokenNotYetValid));
}

#[test]
fn a_token_from_the_future_waits_beyond_the_skew_that_is_allowed() {
    for claim in ["nbf", "iat"] {
        assert_eq!(with(json!({claim: NOW})), Ok(()));
        assert_eq!(with(json!({claim: NOW + 30})), Ok(()), "{claim}: 30 s of skew are allowed");
        assert_eq!(with(json!({claim: NOW + 31})), Err(Reason::TokenNotYetValid), "{claim}");
        assert_eq!(with(json!({claim: 1u64 << 52})), Err(Reason::TokenNotYetValid), "{claim}");
        assert_eq!(with(json!({claim: "soon"})), Err(Reason::TokenMalformed), "{claim}");
    }
    assert_eq!(with(json!({"nbf": null, "iat": null})), Ok(()), "neither is required");
}

#[test]
fn time_does_not_overflow_at_the_end_of_the_clock() {
    let token = KEYS.sign_text(HEADER, &alice().to_string());
    let at = |now| verify_with(&token, &rules(Profile::Keycloak), &KEY_SET, now).map(drop);
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(u64::MAX), Err(Reason::TokenExpired));
    assert_eq!(at(0), Err(Reason::TokenNotYetValid));
    let mut patient = rules(Profile::Keycloak).as_ref().clone();
    patient.clock_skew_seconds = u64::MAX;
    assert!(verify_with(&token, &patient.into(), &KEY_SET, NOW).is_ok());
}

#[test]
fn another_issuer_is_refused_however_alike_it_looks() {
    assert_eq!(with(json!({"iss": ISSUER})), Ok(()));
    for issuer in [
        json!(format!("{ISSUER}/")),
        json!(ISSUER.to_uppercase()),
        json!(ISSUER.replace("https", "http")),
        json!(ISSUER.replace("example.com", "example.com:443")),
        json!(format!(" {ISSUER}")),
        json!(format!("{ISSUER}\0")),
        json!("https://idp.example.com/realms/other"),
        json!(""),
        json!(null),
    ] {
        assert_eq!(with(json!({"iss": issuer})), Err(Reason::IssuerUnknown), "{issuer}");
    }
    assert_eq!(with(json!({"iss": [ISSUER]})), Err(Reason::TokenMalformed));
}

#[test]
fn the_audience_is_ours_as_a_string_or_in_an_array_or_the_token_is_refused() {
    for aud in [json!(RESOURCE), json!([RESOURCE]), json!(["other", RESOURCE])] {
        assert_eq!(with(json!({"aud": aud})), Ok(()), "{aud}");
    }
    for aud in [
        json!("account"),
        json!(["account", "obolus-sts"]),
        json!([]),
        json!(""),
        json!(format!("{RESOURCE}/")),
        json!(format!("{RESOURCE} other")),
        json!(RESOURCE.to_uppercase()),
        json!("https://mcp.example.com"),
        json!(null),
    ] {
        assert_eq!(with(json!({"aud": aud})), Err(Reason::AudienceMismatch), "{aud}");
    }
    for aud in [json!(1), json!({"0": RESOURCE}), json!([RESOURCE, 1]), json!([[RESOURCE]])] {
        assert_eq!(with(json!({"aud": aud})), Err(Reason::TokenMalformed), "{aud}");
    }
    let many: Vec<_> = (0..1500).map(|n| format!("a{n}")).collect();
    assert_eq!(with(json!({"aud": many})), Err(Reason::AudienceMismatch));
    let mut many_and_ours = many;
    many_and_ours.push(RESOURCE.to_owned());
    assert_eq!(with(json!({"aud": many_and_ours})), Ok(()));
}

#[test]
fn a_person_needs_a_subject_that_a_log_can_hold() {
    let longest = "x".repeat(512);
    for subject in ["a", "f:1234:alice", "алиса", longest.as_str()] {
        assert_eq!(principal(&alice_but(json!({"sub": subject}))).identity().subject, subject);
    }
    for subject in [
        json!(null),
        json!(""),
        json!("alice\n"),
        json!("al\u{0}ice"),
        json!("alice\u{7f}"),
        json!("alice\u{85}"),
        json!("x".repeat(513)),
    ] {
        assert_eq!(with(json!({"sub": subject})), Err(Reason::SubjectMissing), "{subject}");
    }
    assert_eq!(with(json!({"sub": 42})), Err(Reason::TokenMalformed));
}

#[test]
fn two_names_for_the_client_must_agree() {
    let client = |changes| verify(&KEYS.sign_text(HEADER, &alice_but(changes).to_string()));
    let name = |changes| client(changes).map(|p| p.client().map(str::to_owned));
    assert_eq!(name(json!({"client_id": "mcp-client"})), Ok(Some("mcp-client".to_owned())));
    assert_eq!(name(json!({"azp": null, "client_id": "c"})), Ok(Some("c".to_owned())));
    assert_eq!(name(json!({"azp": null})), Ok(None));
    assert_eq!(name(json!({"client_id": "other"})), Err(Reason::TokenMalformed));
    assert_eq!(name(json!({"client_id": ""})), Err(Reason::TokenMalformed));
    // A client whose name cannot be written is not the same as no client.
    for azp in ["", "mcp-client\n", "mcp\u{0}client"] {
        assert_eq!(name(json!({"azp": azp})), Err(Reason::TokenMalformed), "{azp:?}");
    }
}

#[test]
fn keycloak_says_what_a_token_is_and_only_bearer_will_do() {
    assert_eq!(with(json!({"typ": "Bearer"})), Ok(()));
    for kind in
        ["ID", "Refresh", "Offline", "Logout", "DPoP", "bearer", "BEARER", "", "Registration"]
    {
        assert_eq!(with(json!({"typ": kind})), Err(Reason::TokenTypeRefused), "{kind}");
    }
    assert_eq!(with(json!({"typ": null})), Err(Reason::TokenTypeRefused), "not said at all");
    // Keycloak puts the nonce of the login into access tokens, too.
    assert_eq!(with(json!({"nonce": "n"})), Ok(()));
}

#[test]
fn elsewhere_an_id_token_is_told_by_the_claims_that_only_it_has() {
    let plain = json!({"alg": "ES256", "kid": "p256", "typ": "JWT"});
    let rfc9068 = json!({"alg": "ES256", "kid": "p256", "typ": "at+jwt"});
    let no_type = json!({"alg": "ES256", "kid": "p256"});
    for header in [&plain, &rfc9068, &no_type] {
        for typ in [json!(null), json!("Bearer")] {
            assert!(with_oidc(header.clone(), json!({"typ": typ})).is_ok(), "{header}");
        }
    }
    for claim in ["nonce", "at_hash", "c_hash", "s_hash"] {
        for value in [json!("x"), json!(1), json!({})] {
            for header in [&plain, &no_type] {
                assert_eq!(
                    with_oidc(header.clone(), json!({"typ": null, claim: value})),
                    Err(Reason::TokenTypeRefused),
                    "{claim} {header}"
                );
            }
        }
    }
    for kind in ["ID", "Refresh", "Offline", "Logout", "DPoP"] {
        assert_eq!(
            with_oidc(plain.clone(), json!({"typ": kind})),
            Err(Reason::TokenTypeRefused),
            "{kind}"
        );
    }
    // A back-channel logout token has no nonce, but events (OpenID Connect Back-Channel Logout §2.4).
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    assert_eq!(
        with_oidc(plain, json!({"typ": null, "events": events})),
        Err(Reason::TokenTypeRefused)
    );
}

#[test]
fn a_jws_of_another_kind_is_no_access_token() {
    let kind = |profile, typ: Value| {
        let header = json!({"alg": "ES256", "kid": "p256", "typ": typ}).to_string();
        let token = KEYS.sign_text(&header, &alice().to_string());
        verify_with(&token, &rules(profile), &KEY_SET, NOW).map(drop)
    };
    for profile in [Profile::Keycloak, Profile::Oidc] {
        for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
            assert_eq!(kind(profile, json!(typ)), Ok(()), "{typ}");
        }
        for typ in [
            "logout+jwt",
            "dpop+jwt",
            "client-authentication+jwt",
            "oauth-id-jag+jwt",
            "secevent+jwt",
            "txntoken+jwt",
            "token-introspection+jwt",
            "vc+sd-jwt",
            "JOSE",
            "at+jwt ",
            "",
        ] {
            assert_eq!(kind(profile, json!(typ)), Err(Reason::TokenTypeRefused), "{typ}");
        }
        assert_eq!(kind(profile, json!(["at+jwt"])), Err(Reason::TokenMalformed));
    }
}

#[test]
fn a_token_that_is_bound_to_its_senders_key_is_refused() {
    assert_eq!(with(json!({})), Ok(()));
    for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!({}), json!("x")] {
        assert_eq!(with(json!({"cnf": cnf})), Err(Reason::SenderConstrained), "{cnf}");
    }
    let null = alice().to_string().replacen('{', r#"{"cnf":null,"#, 1);
    assert_eq!(text(&null), Err(Reason::SenderConstrained), "said, and not understood");
}

#[test]
fn a_critical_header_is_refused_whatever_it_names() {
    let with_crit = |crit: &str| {
        let header = format!(r#"{{"alg":"ES256","kid":"p256","b64":false,"crit":{crit}}}"#);
        verify(&KEYS.sign_text(&header, &alice().to_string())).map(drop)
    };
    for crit in [r#"["b64"]"#, r#"["exp"]"#, "[]", "null", r#""b64""#, "{}"] {
        assert_eq!(with_crit(crit), Err(Reason::CriticalHeader), "{crit}");
    }
    let header = r#"{"alg":"ES256","kid":"p256","b64":true,"unknown":{"x":1}}"#;
    assert!(verify(&KEYS.sign_text(header, &alice().to_string())).is_ok(), "not critical");
}

#[test]
fn a_claim_that_is_said_twice_is_refused_and_so_is_a_header() {
    let once = alice().to_string();
    assert_eq!(text(&once), Ok(()));
    for twice in [
        r#"{"iss":"https://evil.example","#,
        r#"{"sub":"bob","#,
        r#"{"sub":"5c9d2f6e-alice","#,
        r#"{"aud":[],"#,
        r#"{"exp":9999999999,"#,
        r#"{"scope":"admin","#,
        r#"{"azp":"other","#,
        r#"{"typ":"ID","#,
        r#"{"\u0073ub":"bob","#,
    ] {
        assert_eq!(text(&once.replacen('{', twice, 1)), Err(Reason::TokenMalformed), "{twice}");
    }
    for header in [
        r#"{"alg":"ES256","alg":"ES256","kid":"p256"}"#,
        r#"{"alg":"none","alg":"ES256","kid":"p256"}"#,
        r#"{"alg":"ES256","kid":"p256","kid":"x"}"#,
        r#"{"alg":"ES256","kid":"p256","typ":"JWT","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","kid":"p256","\u0061lg":"none"}"#,
    ] {
        assert_eq!(verify(&KEYS.sign_text(header, &once)), Err(Reason::TokenMalformed), "{header}");
    }
}

#[test]
fn a_claim_of_another_spelling_is_not_ours() {
    // serde matches keys exactly: `Sub` is nobody's subject.
    assert_eq!(with(json!({"sub": null, "Sub": "alice"})), Err(Reason::SubjectMissing));
    assert_eq!(with(json!({"aud": null, "Aud": RESOURCE})), Err(Reason::AudienceMismatch));
    assert_eq!(with(json!({"Exp": 0, "SCOPE": "admin"})), Ok(()));
}

#[test]
fn scopes_are_words_and_an_array_is_read_as_one_scope_each() {
    let scopes = |scope: Value| -> Vec<String> {
        principal(&alice_but(json!({ "scope": scope }))).scopes().iter().cloned().collect()
    };
    assert_eq!(scopes(json!("b  a b")), ["a", "b"]);
    assert_eq!(scopes(json!(["b", "a"])), ["a", "b"]);
    assert_eq!(scopes(json!("")), Vec::<String>::new());
    assert_eq!(scopes(json!(null)), Vec::<String>::new());
    assert_eq!(scopes(json!("mcp:tools\u{a0}admin")), ["mcp:tools\u{a0}admin"], "no separator");
    assert_eq!(with(json!({"scope": {"admin": true}})), Err(Reason::TokenMalformed));
}

#[test]
fn a_token_is_looked_at_up_to_16_kib() {
    let sized = |extra: usize| {
        let claims = alice_but(json!({"filling": "x".repeat(extra)})).to_string();
        KEYS.sign_text(HEADER, &claims)
    };
    let base = sized(0).len();
    // Base64 grows in steps of up to two characters: the largest that fits, and the next.
    let fits = (0..)
        .take_while(|n| sized((MAX_TOKEN_BYTES - base) * 3 / 4 - 8 + n).len() <= MAX_TOKEN_BYTES);
    let largest = (MAX_TOKEN_BYTES - base) * 3 / 4 - 8 + fits.last().unwrap();
    assert!(sized(largest).len() > MAX_TOKEN_BYTES - 3);
    assert!(verify(&sized(largest)).is_ok());
    assert_eq!(verify(&sized(largest + 1)), Err(Reason::TokenTooLarge));
    assert_eq!(verify(&"a.".repeat(1 << 20)), Err(Reason::TokenTooLarge));
}

#[test]
fn nesting_as_deep_as_a_token_is_long_ends_in_a_refusal_and_not_in_the_stack() {
    let nest = |claim: &str, depth: usize| {
        let value = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let claims = alice().to_string().replacen('{', &format!("{{\"{claim}\":{value},"), 1);
        std::thread::Builder::new()
            .stack_size(1024 * 1024)
            .spawn(move || text(&claims))
            .unwrap()
            .join()
            .unwrap()
    };
    assert_eq!(nest("groups", 3), Ok(()));
    for claim in ["groups", "nonce", "cnf", "aud2"] {
        assert!(nest(claim, 5000).is_err(), "{claim}");
    }
    // `aud` stands in alice's claims already: the second one is refused, however deep.
    assert_eq!(nest("aud", 5000), Err(Reason::TokenMalformed));
}

#[test]
fn what_is_no_compact_jws_of_two_objects_is_malformed() {
    let good = KEYS.sign_text(HEADER, &alice().to_string());
    assert!(verify(&good).is_ok());
    let parts: Vec<_> = good.split('.').collect();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{}..{}", parts[0], parts[2]),
        format!("{good}="),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{good}\n"),
        format!(" {good}"),
        good.replace('.', ".\u{200b}"),
        KEYS.sign_text(HEADER, "[]"),
        KEYS.sign_text(HEADER, "null"),
        KEYS.sign_text(HEADER, ""),
        KEYS.sign_text(HEADER, &format!("\u{feff}{}", alice())),
        KEYS.sign_text(HEADER, &format!("{} {{}}", alice())),
        KEYS.sign_text("[]", &alice().to_string()),
        KEYS.sign_text(r#"["ES256","p256",null,null]"#, &alice().to_string()),
        KEYS.sign_text(&format!("{HEADER},"), &alice().to_string()),
        KEYS.sign_text(r#"{"kid":"p256"}"#, &alice().to_string()),
        KEYS.sign_text(r#"{"alg":256,"kid":"p256"}"#, &alice().to_string()),
    ] {
        assert_eq!(verify(&bad), Err(Reason::TokenMalformed), "{bad}");
    }
    // Five parts are an encrypted token: nothing here decrypts.
    assert_eq!(verify(&format!("{good}.a.b")), Err(Reason::TokenMalformed));
}

#[test]
fn base64_has_one_spelling() {
    // The last character of a part may carry bits that decode to nothing: another text for the same token.
    let good = KEYS.sign_text(HEADER, &alice().to_string());
    let (input, signature) = good.rsplit_once('.').unwrap();
    assert_eq!(signature.len() % 4, 2, "64 bytes leave four spare bits");
    let last = signature.chars().last().unwrap();
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars().filter(|c| *c != last) {
        let respelt = format!("{input}.{}{other}", &signature[..signature.len() - 1]);
        assert!(verify(&respelt).is_err(), "{other}");
    }
    assert_eq!(
        verify(&good.replace('-', "+").replace('_', "/")).is_ok(),
        !good.contains(['-', '_']),
        "the standard alphabet is not the one of a JWS"
    );
}

#[test]
fn a_refused_token_says_nothing_of_itself_in_a_log() {
    let token = KEYS.sign_text(HEADER, &alice().to_string());
    let unverified = UnverifiedToken::parse(&token).unwrap();
    let shown = format!("{unverified:?}");
    let checked =
        unverified.check(&[rules(Profile::Keycloak)], &[RESOURCE.to_owned()], NOW).unwrap();
    assert_eq!(checked.key_id(), "p256");
    let digest = checked.digest();
    assert!(shown.contains(digest.as_str()), "{shown}");
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("alice") && !shown.contains("signature"), "{shown}");
}

#[test]
fn rules_are_those_of_the_issuer_that_the_token_names() {
    let mut other = rules(Profile::Oidc).as_ref().clone();
    other.name = "other".to_owned();
    other.issuer = "https://other.example.com".to_owned();
    other.algorithms = vec![obolus_core::token::Algorithm::RS256];
    let both = [std::sync::Arc::new(other), rules(Profile::Keycloak)];
    let check = |claims: Value| {
        UnverifiedToken::parse(&KEYS.sign_text(HEADER, &claims.to_string()))
            .unwrap()
            .check(&both, &[RESOURCE.to_owned()], NOW)
            .map(|checked| checked.issuer_name().to_owned())
    };
    assert_eq!(check(alice()), Ok("keycloak".to_owned()));
    assert_eq!(
        check(alice_but(json!({"iss": "https://other.example.com"}))),
        Err(Reason::AlgorithmNotAllowed),
        "ES256 is the other issuer's, not this one's"
    );
    assert_eq!(check(alice_but(json!({"iss": "https://third"}))), Err(Reason::IssuerUnknown));
}
