//! Rules 7 and 8: assertions that a client signs with the key of its certificate.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use obolus_tests::entra::Certificate;
use serde_json::{Value, json};

use crate::answer::{bad_client, bad_request};
use crate::certificates::{Weak, certificates};
use crate::signing::{forged, sign, signing_input, thumbprint, with_claims, x5t, x5t_s256};
use crate::table::Rule;
use crate::world::{World, now};

#[tokio::test]
async fn rule_07_a_certificate_assertion_is_by_a_registered_rsa_key_and_named_by_its_thumbprint() {
    let weak = Weak::new();
    let registered = weak.certificate.certificate.clone();
    let world = World::with(|directory| {
        let pem = Certificate::from_pem(&registered).unwrap();
        directory.app_mut("mcp-server").certificates.push(pem);
    })
    .await;
    let mut rule =
        Rule::new(7, "a certificate assertion is by a registered RSA key, named by its thumbprint");
    let form = world.alice().await;
    let keys = certificates();
    let good = &keys.good;
    let claims = world.client_claims();
    let right = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": x5t_s256(good)});
    let whole = sign(good, &right, &claims);
    let send = async |token: &str| world.post(&world.asserted(&form, token)).await;

    let alien = bad_client(700027);
    for (what, leaf) in [
        ("a stranger's", &keys.stranger),
        ("a new certificate over a registered key", &keys.unregistered),
        ("an expired one", &keys.expired),
        ("one that is not valid yet", &keys.early),
        ("another application's", &keys.of_web_client),
        ("an application's of another tenant", &keys.of_elsewhere),
    ] {
        for (alg, kind, value) in
            [("PS256", "x5t#S256", x5t_s256(leaf)), ("RS256", "x5t", x5t(leaf))]
        {
            let header = json!({"alg": alg, "typ": "JWT", kind: value});
            let answer = send(&sign(leaf, &header, &claims)).await;
            rule.refused(&format!("{what}, by {kind}"), &answer, alien);
            let named = match kind {
                "x5t" => thumbprint(leaf),
                _ => hex(&URL_SAFE_NO_PAD.decode(x5t_s256(leaf)).unwrap()),
            };
            let says = format!("Thumbprint of key used by client: '{named}'");
            assert!(answer.description().contains(&says), "{}", answer.text);
        }
    }
    let named = |header: Value| sign(good, &header, &claims);
    for (what, token) in [
        ("no thumbprint", named(json!({"alg": "PS256"}))),
        (
            "kid alone, as the portal shows it",
            named(json!({"alg": "RS256", "kid": thumbprint(good)})),
        ),
        ("kid alone, as x5t", named(json!({"alg": "RS256", "kid": x5t(good)}))),
        ("kid alone, as x5t#S256", named(json!({"alg": "PS256", "kid": x5t_s256(good)}))),
        ("x5c alone", named(json!({"alg": "PS256", "x5c": [STANDARD.encode(&good.der)]}))),
        ("x5t in hexadecimal", named(json!({"alg": "RS256", "x5t": thumbprint(good)}))),
        (
            "x5t as encoded hexadecimal",
            named(json!({"alg": "RS256", "x5t": URL_SAFE_NO_PAD.encode(thumbprint(good))})),
        ),
        ("SHA-256 under the name x5t", named(json!({"alg": "RS256", "x5t": x5t_s256(good)}))),
        ("SHA-1 under the name x5t#S256", named(json!({"alg": "PS256", "x5t#S256": x5t(good)}))),
        ("an empty thumbprint", named(json!({"alg": "PS256", "x5t#S256": ""}))),
        (
            "two thumbprints, one of a stranger",
            named(json!({"alg": "PS256", "x5t": x5t(&keys.stranger), "x5t#S256": x5t_s256(good)})),
        ),
        ("another registered key's signature", sign(&keys.second, &right, &claims)),
        ("a stranger's signature", sign(&keys.stranger, &right, &claims)),
        ("one bit of the signature changed", forged(&whole)),
        ("a claim changed", with_claims(&whole, &changed(&claims, "jti", json!("other")))),
        ("no signature", format!("{}.", whole.rsplit_once('.').unwrap().0)),
        ("RS256 said to be PS256", {
            let honest = named(json!({"alg": "RS256", "x5t": x5t(good)}));
            let signature = honest.rsplit('.').next().unwrap();
            format!("{}.{signature}", signing_input(&right, &claims))
        }),
    ] {
        rule.refused(what, &send(&token).await, alien);
    }

    let algorithm = |alg: &str| json!({"alg": alg, "typ": "JWT", "x5t#S256": x5t_s256(good)});
    for alg in ["none", "None", "HS256", "RS384", "PS384", "ps256", ""] {
        // HS256 with the certificate, which everybody knows, as the secret.
        let answer = send(&sign(good, &algorithm(alg), &claims)).await;
        rule.refused(&format!("alg {alg:?}"), &answer, bad_request(5002738));
    }
    let ec = |alg| json!({"alg": alg, "typ": "JWT", "x5t#S256": x5t_s256(&keys.ec)});
    let answer = send(&sign(&keys.ec, &ec("ES256"), &claims)).await;
    rule.refused("ES256 by a registered key", &answer, bad_request(5002738));
    let mixed = format!("{}.{}", signing_input(&ec("RS256"), &claims), "AAAA");
    rule.refused("RS256 by a key that is not RSA", &send(&mixed).await, bad_request(5002730));
    let header = json!({"alg": "RS256", "typ": "JWT", "x5t": x5t(&weak.certificate)});
    let input = signing_input(&header, &claims);
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(weak.sign(&input)));
    rule.refused("RSA with 1024 bits", &send(&token).await, bad_request(5002730));

    for (what, token) in [
        ("no JWT", "garbage".to_owned()),
        ("two parts", whole.rsplit_once('.').unwrap().0.to_owned()),
        ("four parts", format!("{whole}.x")),
        ("a header that is no JSON", format!("x{whole}")),
    ] {
        rule.refused(what, &send(&token).await, bad_request(50027));
    }
    for kind in [
        "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        "URN:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "jwt-bearer",
    ] {
        let answer = world.post(&world.asserted(&form, &whole).with(KIND, kind)).await;
        let refused = matches!(answer.status, 400 | 401) && answer.token().is_empty();
        rule.refused_when(&format!("{KIND} {kind}"), refused);
    }
    let untyped = world.asserted(&form, &whole).without(KIND);
    rule.refused(&format!("no {KIND}"), &world.post(&untyped).await, bad_client(7000218));

    let padded = URL_SAFE.encode(URL_SAFE_NO_PAD.decode(x5t_s256(good)).unwrap());
    for (what, token) in [
        ("PS256 with x5t#S256", whole),
        ("RS256 with x5t", named(json!({"alg": "RS256", "typ": "JWT", "x5t": x5t(good)}))),
        ("RS256 with x5t#S256", named(json!({"alg": "RS256", "x5t#S256": x5t_s256(good)}))),
        ("both thumbprints", {
            named(json!({"alg": "PS256", "x5t": x5t(good), "x5t#S256": x5t_s256(good)}))
        }),
        ("a padded thumbprint", named(json!({"alg": "PS256", "x5t#S256": padded}))),
        ("kid besides", {
            named(json!({"alg": "RS256", "x5t": x5t(good), "kid": thumbprint(good)}))
        }),
        ("another registered one", {
            let header = json!({"alg": "PS256", "x5t#S256": x5t_s256(&keys.second)});
            sign(&keys.second, &header, &claims)
        }),
    ] {
        let granted = rule.allowed(what, &send(&token).await);
        assert_eq!(granted["azpacr"], "2", "{what}");
    }
    rule.done();
}

const KIND: &str = "client_assertion_type";

#[tokio::test]
async fn rule_08_a_client_assertion_is_of_the_client_for_this_endpoint_and_for_now() {
    let world = World::start().await;
    let mut rule = Rule::new(8, "a client assertion is of the client, for this endpoint, for now");
    let form = world.alice().await;
    let good = &certificates().good;
    let claims = world.client_claims();
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": x5t_s256(good)});
    let with = |claims: &Value| world.asserted(&form, &sign(good, &header, claims));
    let one = |name: &str, value: Value| with(&changed(&claims, name, value));

    let others = world.id("web-client");
    for (what, name, value) in [
        ("iss of another client", "iss", json!(others)),
        ("sub of another client", "sub", json!(others)),
        ("no iss", "iss", Value::Null),
        ("no sub", "sub", Value::Null),
        ("iss as App ID URI", "iss", json!(format!("api://{}", world.id("mcp-server")))),
        ("sub in upper case", "sub", json!(world.id("mcp-server").to_uppercase())),
    ] {
        rule.refused(what, &world.post(&one(name, value)).await, bad_client(700021));
    }

    let (host, tenant) = (world.emulator.authority_host(), world.tenant("contoso"));
    let endpoint = claims["aud"].as_str().unwrap();
    for aud in [
        json!(host),
        json!(format!("{host}/")),
        json!(format!("{host}/{tenant}")),
        json!(format!("{host}/{tenant}/v2.0")),
        json!(format!("{host}/{tenant}/oauth2/token")),
        json!(format!("{host}/{}/oauth2/v2.0/token", world.tenant("fabrikam"))),
        json!(format!("{host}/common/oauth2/v2.0/token")),
        json!(format!("{endpoint}/")),
        json!(format!("{endpoint}?x=1")),
        json!(endpoint.to_uppercase()),
        json!(endpoint.replace("https:", "http:")),
        json!(format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")),
        json!(format!("https://sts.windows.net/{tenant}/")),
        json!([endpoint, "https://elsewhere.example"]),
        json!(world.id("mcp-server")),
        json!("api://AzureADTokenExchange"),
        Value::Null,
    ] {
        let what = format!("aud {}", aud.to_string().replace(&host, "{host}"));
        rule.refused(&what, &world.post(&one("aud", aud)).await, bad_client(50012));
    }

    let now = now();
    for (what, name, value) in [
        ("no exp", "exp", Value::Null),
        ("exp that is no number", "exp", json!("soon")),
        ("expired 6 minutes ago", "exp", json!(now - 360)),
        ("expired as a string", "exp", json!((now - 360).to_string())),
        ("exp in milliseconds before 1970", "exp", json!(-1)),
        ("valid in 6 minutes", "nbf", json!(now + 360)),
        ("valid in 6 minutes as a string", "nbf", json!((now + 360).to_string())),
    ] {
        rule.refused(what, &world.post(&one(name, value)).await, bad_client(700024));
    }

    let same = one("jti", json!("seen for the first time"));
    rule.allowed("the right one", &world.post(&same).await);
    rule.allowed("the same once more", &world.post(&same).await);
    let seen = world.emulator.requests().on_behalf_of();
    let reused: Vec<_> = seen.iter().rev().take(2).map(|request| request.jti_reused).collect();
    assert_eq!(reused, [true, false], "reuse of a jti is noted");
    for (what, name, value) in [
        ("times as strings", "exp", json!((now + 600).to_string())),
        ("times with fractions", "exp", json!(now as f64 + 600.5)),
        ("expired 4 minutes ago", "exp", json!(now - 240)),
        ("valid in 4 minutes", "nbf", json!(now + 240)),
        ("valid for a day", "exp", json!(now + 86400)),
        ("no nbf", "nbf", Value::Null),
    ] {
        rule.allowed(what, &world.post(&one(name, value)).await);
    }
    let by_domain = world.post_at("contoso.example", &same).await;
    rule.allowed("the path names the tenant by its domain", &by_domain);
    rule.done();
}

/// The same claims with one changed; null takes it out.
pub(crate) fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
