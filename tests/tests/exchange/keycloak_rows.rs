//! What Keycloak refuses, row by row: what the STS never sends, sent in its place.

use std::sync::Arc;

use obolus_tests::fixtures::idp::now;
use obolus_tests::fixtures::keycloak::Assertion;
use serde_json::{Value, json};

use crate::assertion::sign;
use crate::doors::{KEYCLOAK, KEYCLOAK_JWT};
use crate::table::Said;
use crate::tampering::{Change, Sent};
use crate::told::{NO_ACCESS, OURS, Told};
use crate::world::World;

/// A row, and what happens to its request on the way.
pub(crate) struct Cause {
    pub(crate) name: &'static str,
    pub(crate) door: &'static str,
    pub(crate) change: Change,
    pub(crate) said: Said,
    pub(crate) told: Told,
}

fn ours(
    name: &'static str,
    said: (&'static str, &'static str),
    change: impl Fn(&mut Sent) + Send + Sync + 'static,
) -> Cause {
    let said = Said::Words(said.0, said.1);
    Cause { name, door: KEYCLOAK, change: Arc::new(change), said, told: OURS }
}

/// A public client that may exchange as far as its own settings go.
pub(crate) const PUBLIC: &str = "mcp-client-eddsa";

/// Of the request's form. `elsewhere` is a token of the same person for another application.
pub(crate) fn requests(elsewhere: String, expired: String) -> Vec<Cause> {
    const REQUEST: &str = "invalid_request";
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    let saml = "urn:ietf:params:oauth:token-type:saml2";
    let refresh = "urn:ietf:params:oauth:token-type:refresh_token";
    let set =
        |name: &'static str, value: &'static str| move |sent: &mut Sent| sent.set(name, value);
    vec![
        ours("no subject token", (REQUEST, "subject_token"), |sent| sent.remove("subject_token")),
        ours(
            "garbage as a subject token",
            (REQUEST, "Invalid token"),
            set("subject_token", "x.y.z"),
        ),
        ours("an expired subject token", (REQUEST, "Invalid token"), move |sent| {
            sent.set("subject_token", &expired);
        }),
        ours("no type of the subject token", (REQUEST, "subject_token_type"), |sent| {
            sent.remove("subject_token_type");
        }),
        ours(
            "a subject token that is no access token",
            (REQUEST, "access tokens only"),
            set("subject_token_type", jwt),
        ),
        ours(
            "another token is asked for",
            (REQUEST, "requested_token_type"),
            set("requested_token_type", saml),
        ),
        ours(
            "a refresh token is asked for",
            (REQUEST, "requested_token_type"),
            set("requested_token_type", refresh),
        ),
        ours(
            "an audience that no scope reaches",
            (REQUEST, "Requested audience not available"),
            set("audience", "reports"),
        ),
        ours(
            "an issuer of the subject token",
            (REQUEST, "subject_issuer"),
            set("subject_issuer", "x"),
        ),
        ours("a parameter that stands twice", (REQUEST, "duplicated parameter"), |sent| {
            sent.form.push(("subject_token_type".to_owned(), "x".to_owned()));
        }),
        Cause {
            name: "a token that is not for the STS's client",
            door: KEYCLOAK,
            change: Arc::new(move |sent| sent.set("subject_token", &elsewhere)),
            said: Said::Words("access_denied", "Client is not within the token audience"),
            told: NO_ACCESS,
        },
        ours(
            "an audience that nobody knows",
            ("invalid_client", "Audience not found"),
            set("audience", "nobody"),
        ),
        ours("an unknown scope", ("invalid_scope", "Invalid scopes"), set("scope", "nothing")),
        ours(
            "the scope offline_access",
            ("invalid_scope", "Invalid scopes"),
            set("scope", "kubernetes offline_access"),
        ),
        ours("a public client", ("invalid_client", "Public client is not allowed"), |sent| {
            sent.authorization = None;
            sent.set("client_id", PUBLIC);
        }),
        ours("no client", ("invalid_client", ""), |sent| sent.authorization = None),
        ours("an unknown client", ("invalid_client", ""), |sent| {
            sent.authorization = None;
            sent.set("client_id", "nobody");
            sent.set("client_secret", "x");
        }),
        ours("another grant", ("unsupported_grant_type", ""), set("grant_type", "urn:x")),
    ]
}

/// Of the client assertion.
pub(crate) fn assertions(world: &World) -> Vec<Cause> {
    type Edit = fn(&mut Value, &str);
    let keycloak = &world.providers.keycloak;
    let (client, leaf) = keycloak.credentials().assertion(Assertion::Rs256);
    let (issuer, token_url) = (keycloak.issuer(), keycloak.token_url());
    let assert = |name: &'static str, words: &'static str, algorithm: &'static str, edit: Edit| {
        let (key, issuer, token_url) = (leaf.key.clone(), issuer.clone(), token_url.clone());
        let change: Change = Arc::new(move |sent| {
            let mut claims = json!({
                "iss": client, "sub": client, "aud": issuer, "jti": format!("{name} {}", now()),
                "iat": now(), "exp": now() + 30,
            });
            edit(&mut claims, &token_url);
            sent.set("client_assertion", &sign(&key, algorithm, &claims));
        });
        let said = Said::Words("invalid_client", words);
        Cause { name, door: KEYCLOAK_JWT, change, said, told: OURS }
    };
    let mut all = vec![
        assert("an assertion for somebody else", "Invalid token audience", "RS256", |claims, _| {
            claims["aud"] = json!("https://elsewhere.example");
        }),
        assert(
            "an assertion for two",
            "Multiple audiences not allowed",
            "RS256",
            |claims, token_url| {
                claims["aud"] = json!([claims["aud"], token_url]);
            },
        ),
        assert("an assertion without an id", "jti claim is required", "RS256", |claims, _| {
            claims.as_object_mut().unwrap().remove("jti");
        }),
        assert("an assertion without an end", "exp claim is required", "RS256", |claims, _| {
            claims.as_object_mut().unwrap().remove("exp");
        }),
        assert("an assertion that has ended", "not active", "RS256", |claims, _| {
            claims["exp"] = json!(now() - 30);
        }),
        assert("an assertion from the future", "issued in the future", "RS256", |claims, _| {
            claims["iat"] = json!(now() + 120);
            claims["exp"] = json!(now() + 150);
        }),
        assert("an assertion of long ago", "too far in the past", "RS256", |claims, _| {
            claims["iat"] = json!(now() - 120);
        }),
        assert(
            "an assertion that lives too long",
            "too far in the future",
            "RS256",
            |claims, _| {
                claims["exp"] = json!(now() + 36_000);
                claims.as_object_mut().unwrap().remove("iat");
            },
        ),
        assert(
            "an assertion with another algorithm",
            "Invalid signature algorithm",
            "HS256",
            |_, _| {},
        ),
        assert("an assertion of another client", "", "RS256", |claims, _| {
            claims["iss"] = json!("somebody-else");
        }),
    ];
    let on_the_jwt = |cause: Cause| Cause { door: KEYCLOAK_JWT, ..cause };
    all.extend([
        on_the_jwt(ours(
            "an assertion that was used before",
            ("invalid_client", "Token reuse detected"),
            |sent| {
                sent.times = 2;
            },
        )),
        on_the_jwt(ours(
            "an assertion with another signature",
            ("invalid_client", "Signature on JWT token failed"),
            |sent| {
                let own = sent.form.iter().find(|(name, _)| name == "client_assertion");
                let own = own.map(|(_, value)| value.clone()).unwrap_or_default();
                let (signed, signature) = own.rsplit_once('.').unwrap_or_default();
                let reversed: String = signature.chars().rev().collect();
                sent.set("client_assertion", &format!("{signed}.{reversed}"));
            },
        )),
        on_the_jwt(ours("an assertion that is garbage", ("invalid_client", ""), |sent| {
            sent.set("client_assertion", "x.y.z");
        })),
        on_the_jwt(ours(
            "an assertion for another client_id",
            ("unauthorized_client", ""),
            |sent| {
                sent.set("client_id", "obolus-sts");
            },
        )),
    ]);
    all
}
