//! Who can make the STS exchange a token: nobody but the holder of the filter's credential, by no
//! path, grant or route, although everybody here has a valid token of a person's.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::Serializer;
use obolus_envoy::edit;
use obolus_tests::fixtures::sts::{AUTHORITY, CALLER};
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use serde_json::json;

use crate::raw;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// RFC 6749, 7523, 8628, and what else token endpoints serve.
const GRANTS: [&str; 11] = [
    EXCHANGE,
    "authorization_code",
    "client_credentials",
    "implicit",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:openid:params:grant-type:ciba",
    "urn:ietf:params:oauth:grant-type:uma-ticket",
];

/// So often the STS says that it is the credential.
const GUESSES: usize = 20;

const METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "EXCHANGE"];

const PATHS: [&str; 26] = [
    "/exchange",
    "/exchange/",
    "//exchange",
    "/exchange//",
    "/./exchange",
    "/x/../exchange",
    "/keys/../exchange",
    "/keys/idp/../../exchange",
    "/%65xchange",
    "/exchange%2f",
    "/%2fexchange",
    "/keys%2f..%2fexchange",
    "/exchange;a=b",
    "/exchange?x=y",
    "/exchange#x",
    "/EXCHANGE",
    "/keys",
    "/keys/",
    "/keys/idp",
    "/keys/idp/exchange",
    "/groups",
    "/token",
    "/oauth2/token",
    "/metrics",
    "/",
    "*",
];

fn form(grant: &str, token: &str) -> String {
    Serializer::new(String::new())
        .append_pair("grant_type", grant)
        .append_pair("subject_token", token)
        .append_pair("subject_token_type", ACCESS_TOKEN)
        .append_pair("audience", "kubernetes")
        .finish()
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A request with a form that is right in every other respect.
fn request(start: &str, host: &str, authorization: Option<&str>, form: &str) -> Vec<u8> {
    let authorization =
        authorization.map_or(String::new(), |value| format!("authorization: {value}\r\n"));
    format!(
        "{start} HTTP/1.1\r\nhost: {host}\r\n{authorization}\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{form}",
        form.len()
    )
    .into_bytes()
}

/// Everything that somebody without the credential may show.
fn credentials(bench: &Workbench, token: &str) -> Vec<Option<String>> {
    let credential = bench.credential();
    let (short, long) = (&credential[1..], format!("{credential}0"));
    let mut all = vec![
        None,
        Some(String::new()),
        Some(format!("Bearer {token}")),
        Some(format!("Bearer {credential}")),
        Some(format!("Token {credential}")),
        Some(credential.to_owned()),
        Some("Basic".to_owned()),
        Some(format!("Basic {CALLER}:{credential}")),
    ];
    for (id, secret) in [
        (CALLER, token),
        (CALLER, ""),
        (CALLER, "credential"),
        (CALLER, short),
        (CALLER, &long),
        (CALLER, &credential.to_uppercase()),
        ("", credential),
        ("ENVOY", credential),
        ("obolus-sts", credential),
        ("mcp-client", credential),
        (credential, CALLER),
        (token, ""),
    ] {
        all.push(Some(basic(id, secret)));
    }
    all
}

/// Refused, and no token in the answer.
fn ensure_nothing_given(what: &str, answer: &str) -> Result<()> {
    let status = raw::status(answer);
    ensure!(status >= 400 || !answer.contains("access_token"), "{what}: {answer}");
    ensure!(!answer.contains("issued_token_type"), "{what}: {answer}");
    Ok(())
}

/// With the credential, the very same request is an exchange.
async fn control(bench: &Workbench, person: &str) -> Result<()> {
    let before = bench.idp.exchanges();
    let form = form(EXCHANGE, &bench.token(person)?);
    let credential = basic(CALLER, bench.credential());
    let host = format!("localhost:{}", bench.sts.address().port());
    let request = request("POST /exchange", &host, Some(&credential), &form);
    let answer = raw::exchange_with_sts(&bench.sts, request).await?;
    ensure!(raw::status(&answer) == 200 && answer.contains("issued_token_type"), "{answer}");
    ensure!(bench.idp.exchanges() - before == 1);
    Ok(())
}

#[tokio::test]
async fn nobody_without_the_credential_gets_an_exchange_from_the_sts_itself() -> Result<()> {
    let bench = Workbench::start().await?;
    let host = format!("localhost:{}", bench.sts.address().port());
    // The STS remembers an exchange of this one: that is no reason to hand it out.
    let warm = bench.token("before")?;
    control(&bench, "before").await?;
    let before = bench.idp.exchanges();
    let mut tried = 0;

    for grant in GRANTS {
        for authorization in credentials(&bench, &warm) {
            let form = form(grant, &warm);
            let request = request("POST /exchange", &host, authorization.as_deref(), &form);
            let answer = raw::exchange_with_sts(&bench.sts, request).await?;
            let what = format!("{grant}, {authorization:?}");
            ensure_nothing_given(&what, &answer)?;
            // Who was wrong so often is not even looked at for a while.
            let is_limited = raw::status(&answer) == 503 && answer.contains("overloaded");
            let is_unknown =
                raw::status(&answer) == 401 && answer.contains("caller_unauthenticated");
            ensure!(is_unknown || (is_limited && tried >= GUESSES), "{what}: {answer}");
            tried += 1;
        }
    }
    for path in PATHS {
        for method in METHODS {
            for authorization in [None, Some(format!("Bearer {warm}")), Some(basic(CALLER, &warm))]
            {
                let start = format!("{method} {path}");
                let form = form(EXCHANGE, &warm);
                let request = request(&start, &host, authorization.as_deref(), &form);
                let answer = raw::exchange_with_sts(&bench.sts, request).await?;
                ensure_nothing_given(&format!("{start}, {authorization:?}"), &answer)?;
                tried += 1;
            }
        }
    }
    assert_eq!(bench.idp.exchanges() - before, 0);
    control(&bench, "after").await?;
    println!("{tried} requests without the credential, no exchange");
    Ok(())
}

/// The credential opens one door, and one grant behind it.
#[tokio::test]
async fn even_with_the_credential_nothing_but_a_token_exchange_is_served() -> Result<()> {
    let bench = Workbench::start().await?;
    let host = format!("localhost:{}", bench.sts.address().port());
    let credential = basic(CALLER, bench.credential());
    let token = bench.token("alice")?;
    for grant in GRANTS.iter().filter(|grant| **grant != EXCHANGE) {
        let request = request("POST /exchange", &host, Some(&credential), &form(grant, &token));
        let answer = raw::exchange_with_sts(&bench.sts, request).await?;
        ensure!(raw::status(&answer) == 400, "{grant}: {answer}");
    }
    for path in PATHS.iter().filter(|path| !["/exchange", "/exchange#x"].contains(path)) {
        let start = format!("POST {path}");
        let request = request(&start, &host, Some(&credential), &form(EXCHANGE, &token));
        let answer = raw::exchange_with_sts(&bench.sts, request).await?;
        ensure_nothing_given(&start, &answer)?;
    }
    assert_eq!(bench.idp.exchanges(), 0);
    control(&bench, "after").await
}

#[tokio::test]
async fn no_route_of_the_gateway_leads_to_an_exchange() -> Result<()> {
    let bench = Workbench::start().await?;
    let own = bench.gateway.place.authority();
    let sts = format!("localhost:{}", bench.sts.address().port());
    let hosts = [own.as_str(), AUTHORITY, &sts, "obolus-sts", "elsewhere.example"];
    let token = bench.token("alice")?;
    let before = exchanges_at_the_sts(&bench).await?;
    let mut tried = 0;
    for host in hosts {
        for path in PATHS {
            for prefix in [
                "",
                "/mcp",
                "/mcp/..",
                "/other",
                "/other/..",
                "/obolus-sts",
                "https://sts.obolus.internal",
            ] {
                let path = format!("{prefix}{path}");
                for authorization in [format!("Bearer {token}"), basic(CALLER, &token)] {
                    let form = form(EXCHANGE, &token);
                    let request =
                        request(&format!("POST {path}"), host, Some(&authorization), &form);
                    let answer = raw::ask(bench.gateway.place.address(), &request).await?;
                    ensure_nothing_given(&format!("{host} {path}, {authorization}"), &answer)?;
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(exchanges_at_the_sts(&bench).await?, before);
    assert_eq!(bench.idp.exchanges(), 0);
    assert_eq!(bench.upstream.take().len(), 0);
    control(&bench, "after").await?;
    ensure!(exchanges_at_the_sts(&bench).await? > before);
    println!("{tried} requests through the gateway, none at the STS");
    Ok(())
}

/// A route that somebody points at the STS carries everything that the gateway has but the filter's
/// credential.
#[tokio::test]
async fn a_route_that_somebody_points_at_the_sts_leads_to_no_exchange() -> Result<()> {
    let mut plan = Plan::new().await?;
    let host = plan.place.authority();
    plan.gateway.edit = Box::new(move |bootstrap| {
        let host = edit::named(edit::virtual_hosts(bootstrap).unwrap(), &host).unwrap();
        host["routes"].as_array_mut().unwrap().insert(0, json!({
            "name": "leak",
            "match": {"prefix": "/leak/"},
            "route": {"cluster": "obolus-sts", "prefix_rewrite": "/", "host_rewrite_literal": AUTHORITY},
        }));
    });
    let bench = plan.start().await?;
    let own = bench.gateway.place.authority();
    let address = bench.gateway.place.address();
    let token = bench.token("alice")?;
    let form = form(EXCHANGE, &token);
    let mut answered = 0;
    for authorization in credentials(&bench, &token) {
        let request = request("POST /leak/exchange", &own, authorization.as_deref(), &form);
        let answer = raw::ask(address, &request).await?;
        ensure_nothing_given(&format!("{authorization:?}"), &answer)?;
        answered += usize::from(answer.contains("caller_unauthenticated"));
    }
    // The way is real: it is the STS that says no, and with the credential it says yes.
    assert_eq!(answered, credentials(&bench, &token).len());
    assert_eq!(bench.idp.exchanges(), 0);
    let credential = basic(CALLER, bench.credential());
    let request = request("POST /leak/exchange", &own, Some(&credential), &form);
    let answer = raw::ask(address, &request).await?;
    ensure!(raw::status(&answer) == 200, "{answer}");
    assert_eq!(bench.idp.exchanges(), 1);
    Ok(())
}

/// Requests for an exchange that the STS has seen, whatever came of them.
async fn exchanges_at_the_sts(bench: &Workbench) -> Result<u64> {
    let metrics = bench.sts.metrics().await?;
    let counted = metrics.lines().filter(|line| line.starts_with("obolus_sts_exchanges_total"));
    let numbers = counted.map(|line| {
        line.rsplit(' ').next().context("no number")?.parse::<u64>().context("no number")
    });
    numbers.sum()
}
