//! The two details of a refusal that reach the client, and what a hostile STS could make of them.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_tests::fixtures::refusal::members;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::sts_stand_in::{Reply, StandIn};

/// Words that nobody but the stand-in says.
const HOSTILE: &str = "<script>\"\r\nset-cookie: x";

struct Told {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Told {
    fn refusal(&self) -> &Value {
        members(&self.body)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn told(stand_in: &StandIn, status: u16, body: Value) -> Result<Told> {
    stand_in.answers(Reply::Text(status, body.to_string()));
    let answer = stand_in.request(&stand_in.token("alice")?).send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let told = Told { status, headers, body: answer.json().await? };
    let everything = format!("{:?} {}", told.headers, told.body);
    ensure!(!everything.contains("<script") && !everything.contains("set-cookie"), "{everything}");
    // Whatever came, the module is alive, and others are served.
    stand_in.answers(Reply::Token(json!({})));
    let bob = stand_in.request(&stand_in.token("bob")?).send().await?;
    ensure!(bob.status() == 200, "{}", bob.status());
    Ok(told)
}

fn refusal(reason: &str, more: Value) -> Value {
    let mut body = json!({"error": HOSTILE, "error_description": HOSTILE, "reason": reason});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn claims_reach_the_client_as_an_object_that_we_have_written() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let long = "x".repeat(4096 - r#"{"a":""}"#.len());
    for claims in [
        json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}}),
        json!({"access_token": {"nbf": {"value": "1"}}, "\"\r\n": "\u{202e}"}),
        json!({ "a": long }),
    ] {
        let body = refusal("claims_required", json!({"claims": claims}));
        let told = told(&stand_in, 401, body).await?;
        assert_eq!((told.status, &told.refusal()["reason"]), (401, &json!("claims_required")));
        assert_eq!(told.refusal()["claims"], claims);
        let challenge = told.header("www-authenticate");
        ensure!(challenge.contains(r#"error="insufficient_claims""#), "{challenge}");
        let (_, rest) = challenge.split_once("claims=\"").unwrap();
        let (base64, after) = rest.split_once('"').unwrap();
        let replayed: Value = serde_json::from_slice(&STANDARD.decode(base64)?)?;
        assert_eq!(replayed, claims);
        let context =
            if claims["access_token"]["acrs"].is_null() { "" } else { ", acr_values=\"c1\"" };
        assert_eq!(after, context);
    }
    Ok(())
}

#[tokio::test]
async fn claims_that_no_client_could_replay_are_left_out_and_the_reason_says_so() -> Result<()> {
    let stand_in = StandIn::start().await?;
    for claims in [
        json!(null),
        json!({}),
        json!([]),
        json!(HOSTILE),
        json!("{\"access_token\":{}}"),
        json!({"a": "x".repeat(4096)}),
        json!({"a": vec![0; 5000]}),
    ] {
        let body = refusal("claims_required", json!({"claims": claims}));
        let told = told(&stand_in, 401, body).await?;
        assert_eq!((told.status, &told.refusal()["reason"]), (401, &json!("interaction_required")));
        assert!(told.refusal()["claims"].is_null());
        assert!(!told.header("www-authenticate").contains("claims="));
    }
    // And with another reason they mean nothing.
    let more = json!({"claims": {"access_token": {"a": null}}, "retry_after": 7});
    for (status, reason) in [(401, "subject_token_refused"), (403, "exchange_denied")] {
        let told = told(&stand_in, status, refusal(reason, more.clone())).await?;
        assert_eq!((told.status, &told.refusal()["reason"]), (status, &json!(reason)));
        assert!(told.refusal()["claims"].is_null() && told.header("retry-after").is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn a_time_to_come_back_is_a_number_of_seconds_up_to_an_hour() -> Result<()> {
    let stand_in = StandIn::start().await?;
    for (sent, expected) in [
        (json!(null), "2"),
        (json!(7), "7"),
        (json!(3600), "3600"),
        (json!(u64::MAX), "3600"),
        (json!(0), "1"),
        (json!(-5), "2"),
        (json!(1.5), "2"),
        (json!("60"), "2"),
        (json!(HOSTILE), "2"),
        (json!({"a": [1]}), "2"),
    ] {
        let body = refusal("idp_unavailable", json!({"retry_after": sent}));
        let told = told(&stand_in, 503, body).await?;
        assert_eq!((told.status, &told.refusal()["reason"]), (503, &json!("idp_unavailable")));
        assert_eq!(told.header("retry-after"), expected, "{sent}");
        assert!(told.header("www-authenticate").is_empty());
    }
    Ok(())
}
