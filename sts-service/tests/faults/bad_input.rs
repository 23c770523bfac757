//! What is wrong with a request in itself, by RFC 6749 §5.2's names: nothing of it gets to memory or to the identity
//! provider, and all of it is `no-store`.

use serde_json::Value;

use crate::world::{CREDENTIAL, World, granted, outcome, refused};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// What is changed about a good form.
enum But {
    Nothing,
    Without(&'static str),
    With(&'static str, &'static str),
    /// Besides what stands there.
    And(&'static str, &'static str),
    /// In place of it.
    Only(&'static [(&'static str, &'static str)]),
}
use But::{And, Nothing, Only, With, Without};

fn changed(token: &str, but: &But) -> Vec<(String, String)> {
    let good = [
        ("grant_type", EXCHANGE),
        ("subject_token_type", ACCESS_TOKEN),
        ("subject_token", token),
        ("audience", "kubernetes"),
    ];
    let mut form: Vec<_> = good.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    match but {
        Nothing => {}
        Without(name) => form.retain(|(other, _)| other != name),
        With(name, value) => {
            form.retain(|(other, _)| other != name);
            form.push(((*name).to_owned(), (*value).to_owned()));
        }
        And(name, value) => form.push(((*name).to_owned(), (*value).to_owned())),
        Only(pairs) => {
            form = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        }
    }
    form
}

#[tokio::test]
async fn a_bad_form_is_refused_by_the_name_that_oauth_has_for_it() {
    const MALFORMED: (&str, &str) = ("exchange_request_malformed", "invalid_request");
    const GRANT: (&str, &str) = ("grant_type_unknown", "unsupported_grant_type");
    const SCOPE: (&str, &str) = ("scope_unknown", "invalid_scope");
    const TARGET: (&str, &str) = ("target_unknown", "invalid_target");
    let world = World::start().await;
    let alice = world.idp().token("alice");
    let send = async |path: &str, but: &But| {
        let request = world.request_as(CREDENTIAL, &alice, "kubernetes", None).build().unwrap();
        let request = world
            .http
            .post(world.url(path))
            .header("authorization", &request.headers()["authorization"])
            .form(&changed(&alice, but));
        outcome(request.send().await.unwrap()).await
    };
    let error = |body: &Value| body["error"].as_str().unwrap().to_owned();
    for (but, (reason, expected)) in [
        (Only(&[]), MALFORMED),
        (Without("grant_type"), MALFORMED),
        (With("grant_type", ""), MALFORMED),
        (And("grant_type", EXCHANGE), MALFORMED),
        (And("grant_type", "refresh_token"), MALFORMED),
        (With("grant_type", "authorization_code"), GRANT),
        (With("grant_type", "client_credentials"), GRANT),
        (With("grant_type", "password"), GRANT),
        (With("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), GRANT),
        (With("grant_type", "URN:IETF:PARAMS:OAUTH:GRANT-TYPE:TOKEN-EXCHANGE"), GRANT),
        (Only(&[("grant_type", "refresh_token"), ("refresh_token", "x")]), GRANT),
        (
            Only(&[("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "x")]),
            GRANT,
        ),
        (Without("subject_token_type"), MALFORMED),
        (With("subject_token_type", ID_TOKEN), MALFORMED),
        (And("requested_token_type", REFRESH_TOKEN), MALFORMED),
        (Without("subject_token"), MALFORMED),
        (And("subject_token", "x"), MALFORMED),
        (And("actor_token", "x"), MALFORMED),
        (And("client_secret", "x"), MALFORMED),
        (Without("audience"), MALFORMED),
        (And("audience", "kubernetes"), MALFORMED),
        (With("audience", "other"), TARGET),
    ] {
        let form = changed("…", &but);
        // Whatever is asked for, the form is the same.
        for path in ["/exchange", "/groups"] {
            let (came, body) = send(path, &but).await;
            assert_eq!(came, refused(400, reason), "{path} {form:?}");
            assert_eq!(error(&body), expected, "{path} {form:?}");
        }
    }
    for scope in ["admin", "kubernetes admin", "KUBERNETES", "\"", "openid", ".default"] {
        let (came, body) = send("/exchange", &And("scope", scope)).await;
        assert_eq!((came, error(&body).as_str()), (refused(400, SCOPE.0), SCOPE.1), "{scope}");
    }
    assert_eq!(world.running.calls("/token"), 0);
    for but in [
        Nothing,
        And("scope", ""),
        And("scope", "kubernetes"),
        And("scope", "groups kubernetes"),
        And("requested_token_type", ACCESS_TOKEN),
    ] {
        assert_eq!(send("/exchange", &but).await.0, granted());
    }
}
