//! Requests with a token that is not good, or without one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_simple::prelude::RS256PublicKey;
use obolus_tests::fixtures::idp::{Key, now};
use obolus_tests::fixtures::workbench::Workbench;
use ring::hmac;
use serde_json::{Value, json};

use crate::story::tool_call;
use crate::wire::Request;

/// The longest token that is looked at.
pub(crate) const LONGEST: usize = 16 * 1024;

/// A request that must be refused.
pub(crate) struct Bad {
    pub(crate) case: String,
    pub(crate) request: Request,
    pub(crate) reason: &'static str,
}

/// Names a case for a table that is made at run time.
fn bad(case: &str, request: Request, reason: &'static str) -> Bad {
    Bad { case: case.to_owned(), request, reason }
}

/// Claims of a good token, but for a change.
pub(crate) fn claims_with(bench: &Workbench, change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = bench.claims("alice");
    change(&mut claims);
    claims
}

/// All of them; `keys` are the provider's, of the kinds RS256, PS256, ES256, EdDSA.
pub(crate) fn bad_tokens(bench: &Workbench, keys: &[Key]) -> Vec<Bad> {
    let mut cases = no_single_bearer(bench);
    cases.extend(bad_forms(bench));
    cases.extend(bad_headers(bench, keys));
    cases.extend(bad_claims(bench));
    cases.extend(bad_signatures(bench, keys));
    cases
}

/// What carries no token, or not one, or not where it belongs.
fn no_single_bearer(bench: &Workbench) -> Vec<Bad> {
    let token = bench.token("alice").unwrap();
    let other = bench.token("bob").unwrap();
    let call = || Request::post(&bench.gateway, tool_call("bad", "pods_list"));
    let with = |value: &[u8]| call().header("authorization", value);
    let twice = |first: &str, second: &str| {
        call().header("authorization", first).header("authorization", second)
    };
    let good = format!("Bearer {token}");
    let basic = format!("Basic {}", STANDARD.encode("alice:alice"));
    let mut cases = vec![
        bad("no token", call(), "token_missing"),
        bad("a cookie", call().header("cookie", format!("access_token={token}")), "token_missing"),
        bad(
            "a proxy's token",
            call().header("proxy-authorization", good.as_str()),
            "token_missing",
        ),
        bad("the same twice", twice(&good, &good), "authorization_duplicated"),
        bad("two tokens", twice(&good, &format!("Bearer {other}")), "authorization_duplicated"),
        bad("Basic and Bearer", twice(&basic, &good), "authorization_duplicated"),
        bad("Bearer and Basic", twice(&good, &basic), "authorization_duplicated"),
        bad("joined", with(format!("{good}, {good}").as_bytes()), "authorization_duplicated"),
        bad("a comma behind", with(format!("{good},").as_bytes()), "authorization_duplicated"),
        bad("Basic", with(basic.as_bytes()), "authorization_malformed"),
        bad("the scheme alone", with(b"Bearer"), "authorization_malformed"),
        bad("the token alone", with(token.as_bytes()), "authorization_malformed"),
        bad("nothing", with(b""), "authorization_malformed"),
        bad("two spaces", with(format!("Bearer  {token}").as_bytes()), "authorization_malformed"),
        bad("a tab", with(format!("Bearer\t{token}").as_bytes()), "authorization_malformed"),
        bad("two words", with(format!("{good} x").as_bytes()), "authorization_malformed"),
        bad("in quotes", with(format!("Bearer \"{token}\"").as_bytes()), "authorization_malformed"),
        bad("not ASCII", with(b"Bearer \xc3\xa9"), "authorization_malformed"),
        bad("not UTF-8", with(b"Bearer \xff\xfe"), "authorization_malformed"),
        bad("Token", with(format!("Token {token}").as_bytes()), "authorization_malformed"),
        bad("DPoP", with(format!("DPoP {token}").as_bytes()), "authorization_malformed"),
    ];
    // A good token in the header does not excuse the one in the query.
    for name in ["access_token", "access%5Ftoken", "%61ccess_token", "ACCESS_TOKEN"] {
        let target = format!("/mcp?x=1&{name}={token}");
        let case = format!("in the query, as {name}");
        cases.push(bad(&case, call().target(&target), "token_in_query"));
        let both = call().target(&target).bearer(&token);
        cases.push(bad(&format!("{case}, and in the header"), both, "token_in_query"));
    }
    cases
}

/// What is no compact JWS, or too large a one.
fn bad_forms(bench: &Workbench) -> Vec<Bad> {
    let call = || Request::post(&bench.gateway, tool_call("bad", "pods_list"));
    let good = bench.token("alice").unwrap();
    let sign = |header: &str, claims: &str| bench.idp.key().sign_parts(header, claims).unwrap();
    let header = r#"{"alg":"RS256","typ":"JWT","kid":"first"}"#;
    let claims = bench.claims("alice").to_string();
    let large = claims_with(bench, |claims| claims["note"] = json!("x".repeat(LONGEST)));
    let twice = claims.replacen('{', r#"{"sub":"bob","#, 1);
    let mut cases = vec![bad(
        "more than 16 KiB",
        call().bearer(&bench.idp.mint(&large).unwrap()),
        "token_too_large",
    )];
    for (case, token) in [
        ("a word", "opaque-access-token".to_owned()),
        ("two parts", "a.b".to_owned()),
        ("five parts, as a JWE", "a.b.c.d.e".to_owned()),
        ("dots", "..".to_owned()),
        (
            "no claims",
            good.split('.')
                .enumerate()
                .map(|(at, part)| if at == 1 { "" } else { part })
                .collect::<Vec<_>>()
                .join("."),
        ),
        ("base64 with padding", format!("{good}==")),
        ("a header that is an array", sign(r#"["RS256","first","JWT",null]"#, &claims)),
        ("a header with alg twice", sign(&header.replacen('{', r#"{"alg":"none","#, 1), &claims)),
        ("claims that are an array", sign(header, &format!("[{claims}]"))),
        ("claims that are a text", sign(header, r#""alice""#)),
        ("claims that are no JSON", sign(header, "iss=alice")),
        ("a claim twice", sign(header, &twice)),
        ("two sets of claims", sign(header, &format!("{claims}{claims}"))),
        ("a byte order mark", sign(header, &format!("\u{feff}{claims}"))),
    ] {
        cases.push(bad(case, call().bearer(&token), "token_malformed"));
    }
    cases
}

/// What the header makes unacceptable, or pretends.
fn bad_headers(bench: &Workbench, keys: &[Key]) -> Vec<Bad> {
    let call = || Request::post(&bench.gateway, tool_call("bad", "pods_list"));
    let claims = bench.claims("alice").to_string();
    let key = bench.idp.key();
    let with =
        |header: Value| call().bearer(&key.sign_parts(&header.to_string(), &claims).unwrap());
    let mut cases = Vec::new();
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS256", "rs256", "RS1", "ES256K"] {
        let request = with(json!({"alg": algorithm, "typ": "JWT", "kid": "first"}));
        cases.push(bad(&format!("alg {algorithm:?}"), request, "algorithm_not_allowed"));
    }
    // Good algorithms that this issuer is not configured for.
    for algorithm in ["RS384", "RS512", "PS512", "ES384"] {
        let request = with(json!({"alg": algorithm, "typ": "JWT", "kid": "first"}));
        cases.push(bad(&format!("alg {algorithm}"), request, "algorithm_not_allowed"));
    }
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(&claims)
    );
    cases.push(bad("unsigned", call().bearer(&unsigned), "algorithm_not_allowed"));
    cases.extend(signed_with_the_public_key(bench, keys));
    for (case, crit) in [
        ("a critical header", json!(["b64"])),
        ("no critical header in the list", json!([])),
        ("crit that is null", Value::Null),
        ("crit that is a text", json!("exp")),
    ] {
        let header = json!({"alg": "RS256", "kid": "first", "crit": crit, "b64": false});
        cases.push(bad(case, with(header), "critical_header"));
    }
    for typ in ["dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE", "token-introspection+jwt", ""] {
        let header = json!({"alg": "RS256", "kid": "first", "typ": typ});
        cases.push(bad(&format!("typ {typ:?}"), with(header), "token_type_refused"));
    }
    cases.push(bad("no kid", with(json!({"alg": "RS256", "typ": "JWT"})), "key_unknown"));
    cases
}

/// HMAC with what everybody knows, in every form in which a careless reader would take it.
fn signed_with_the_public_key(bench: &Workbench, keys: &[Key]) -> Vec<Bad> {
    let jwk = keys[0].jwk();
    let bytes = |member: &str| URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap();
    let public = RS256PublicKey::from_components(&bytes("n"), &bytes("e")).unwrap();
    let secrets = [
        ("DER", public.to_der().unwrap()),
        ("PEM", public.to_pem().unwrap().into_bytes()),
        ("the modulus", bytes("n")),
        ("the JWK", jwk.to_string().into_bytes()),
        ("nothing", Vec::new()),
    ];
    let claims = bench.claims("alice").to_string();
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": "first"}).to_string();
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let sign = |secret: &[u8]| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let call = || Request::post(&bench.gateway, tool_call("bad", "pods_list"));
    secrets
        .iter()
        .map(|(name, secret)| {
            let case = format!("HS256 with {name}");
            bad(&case, call().bearer(&sign(secret)), "algorithm_not_allowed")
        })
        .collect()
}

/// Signed by the issuer, and still not good here, or not now.
fn bad_claims(bench: &Workbench) -> Vec<Bad> {
    let now = now();
    let issuer = bench.idp.issuer();
    let resource = bench.gateway.resource();
    let cases: Vec<(&str, &str, Value, &str)> = vec![
        ("another issuer", "iss", json!("https://idp.example"), "issuer_unknown"),
        ("a slash behind the issuer", "iss", json!(format!("{issuer}/")), "issuer_unknown"),
        ("the issuer in capitals", "iss", json!(issuer.to_uppercase()), "issuer_unknown"),
        ("no issuer", "iss", Value::Null, "issuer_unknown"),
        ("issuers in a list", "iss", json!([issuer]), "token_malformed"),
        ("another audience", "aud", json!(["https://other.example/mcp"]), "audience_mismatch"),
        ("the client's own audience", "aud", json!(["account", "mcp-client"]), "audience_mismatch"),
        ("the target's audience", "aud", json!("kubernetes"), "audience_mismatch"),
        ("a slash behind it", "aud", json!(format!("{resource}/")), "audience_mismatch"),
        ("less than it", "aud", json!(resource.trim_end_matches("/mcp")), "audience_mismatch"),
        ("no audience", "aud", Value::Null, "token_malformed"),
        ("an empty list of audiences", "aud", json!([]), "audience_mismatch"),
        ("audiences that are numbers", "aud", json!([1]), "token_malformed"),
        ("expired", "exp", json!(now - 1), "token_expired"),
        ("long expired", "exp", json!(1), "token_expired"),
        ("no end", "exp", Value::Null, "token_malformed"),
        ("an end that is a text", "exp", json!((now + 300).to_string()), "token_malformed"),
        ("an end before time", "exp", json!(-1), "token_malformed"),
        ("an end beyond time", "exp", json!(1e300), "token_malformed"),
        ("not yet", "nbf", json!(now + 3600), "token_not_yet_valid"),
        ("issued tomorrow", "iat", json!(now + 86_400), "token_not_yet_valid"),
        ("no subject", "sub", Value::Null, "subject_missing"),
        ("an empty subject", "sub", json!(""), "subject_missing"),
        ("a subject of two lines", "sub", json!("alice\nbob"), "subject_missing"),
        ("an endless subject", "sub", json!("a".repeat(5000)), "subject_missing"),
        ("a subject that is a number", "sub", json!(1), "token_malformed"),
        (
            "bound to a key",
            "cnf",
            json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
            "sender_constrained",
        ),
        (
            "bound to a certificate",
            "cnf",
            json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
            "sender_constrained",
        ),
        ("bound to nothing", "cnf", Value::Null, "sender_constrained"),
        ("an ID token, by its nonce", "nonce", json!("n-0S6_WzA2Mj"), "token_type_refused"),
        (
            "an ID token, by at_hash",
            "at_hash",
            json!("77QmUPtjPfzWtF2AnpK9RQ"),
            "token_type_refused",
        ),
        ("an ID token, by c_hash", "c_hash", json!("LDktKdoQak3Pk0cnXxCltA"), "token_type_refused"),
        ("an ID token, by typ", "typ", json!("ID"), "token_type_refused"),
        ("a refresh token", "typ", json!("Refresh"), "token_type_refused"),
        ("an offline token", "typ", json!("Offline"), "token_type_refused"),
        ("a logout token, by typ", "typ", json!("Logout"), "token_type_refused"),
        (
            "a logout token, by its events",
            "events",
            json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
            "token_type_refused",
        ),
        ("two clients", "client_id", json!("another"), "token_malformed"),
    ];
    cases
        .into_iter()
        .map(|(case, name, value, reason)| {
            // A null that means "take it out", but for what counts by its presence.
            let claims = claims_with(bench, |claims| match value {
                Value::Null if name != "cnf" => {
                    claims.as_object_mut().unwrap().remove(name);
                }
                value => claims[name] = value,
            });
            let call = Request::post(&bench.gateway, tool_call("bad", "pods_list"));
            let reason = if case == "no audience" { "audience_mismatch" } else { reason };
            bad(case, call.bearer(&bench.idp.mint(&claims).unwrap()), reason)
        })
        .collect()
}

/// Not signed by the issuer's key that the token names.
fn bad_signatures(bench: &Workbench, keys: &[Key]) -> Vec<Bad> {
    let call = || Request::post(&bench.gateway, tool_call("bad", "pods_list"));
    let claims = bench.claims("alice");
    let [rsa, _, ec, ed] = keys else { panic!("four keys") };
    let mut cases = Vec::new();
    // Somebody else's keys under the issuer's names, one of which comes along in the header.
    let strangers = [("RS256", "first"), ("ES256", "es"), ("EdDSA", "ed")]
        .map(|(algorithm, id)| Key::new(algorithm, id).unwrap());
    for key in &strangers {
        let case = format!("a stranger's {}", key.algorithm);
        cases.push(bad(&case, call().bearer(&key.sign(&claims).unwrap()), "signature_invalid"));
    }
    let stranger = &strangers[0];
    let header = json!({
        "alg": "RS256", "kid": "first", "jwk": stranger.jwk(),
        "jku": "https://idp.example/keys", "x5u": "https://idp.example/chain", "x5c": ["MIIB"],
    });
    let token = stranger.sign_parts(&header.to_string(), &claims.to_string()).unwrap();
    cases.push(bad(
        "a stranger who brings the key along",
        call().bearer(&token),
        "signature_invalid",
    ));
    for key in [rsa, ec, ed] {
        let good = key.sign(&claims).unwrap();
        let (input, signature) = good.rsplit_once('.').unwrap();
        let zeros =
            URL_SAFE_NO_PAD.encode(vec![0; URL_SAFE_NO_PAD.decode(signature).unwrap().len()]);
        for (what, signature) in [
            ("of zeros", zeros),
            ("that is spoilt", swap_first(signature)),
            ("that is missing", String::new()),
            ("that is short", "AAAA".to_owned()),
        ] {
            let case = format!("{}, a signature {what}", key.algorithm);
            let token = format!("{input}.{signature}");
            cases.push(bad(&case, call().bearer(&token), "signature_invalid"));
        }
    }
    // Keys that nobody publishes; each such token waits for the keys to be fetched again.
    let unknown = json!({"alg": "RS256", "kid": "../first"}).to_string();
    let token = rsa.sign_parts(&unknown, &claims.to_string()).unwrap();
    cases.push(bad("an unknown kid", call().bearer(&token), "key_unknown"));
    // The key is known, but for another algorithm.
    let confused = json!({"alg": "PS256", "kid": "first"}).to_string();
    let token = rsa.sign_parts(&confused, &claims.to_string()).unwrap();
    cases.push(bad("PS256 with a key for RS256", call().bearer(&token), "key_unknown"));
    cases
}

/// A base64 text with another first character.
pub(crate) fn swap_first(text: &str) -> String {
    let other = if text.starts_with('A') { "B" } else { "A" };
    format!("{other}{}", &text[1..])
}
