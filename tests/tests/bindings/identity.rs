//! An identity provider that answers an exchange with something else than was asked for.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::{Behaviour, now};
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use serde_json::{Value, json};

use crate::answer::{Answer, arrived, forwarded, people};

const IDENTITY: &str = "exchanged_identity_mismatch";
const AUDIENCE: &str = "exchanged_audience_mismatch";
const MALFORMED: &str = "exchanged_malformed";
const EXPIRED: &str = "exchanged_expired";
const CLIENT: &str = "exchanged_client_mismatch";
const TYPE: &str = "exchanged_type_refused";
const NOT_YET: &str = "exchanged_not_yet_valid";

#[tokio::test]
async fn a_token_of_somebody_else_or_for_something_else_is_not_passed_on() -> Result<()> {
    let bench = Workbench::start().await?;
    for (number, (changes, reason)) in [
        (json!({"sub": "bob"}), IDENTITY),
        (json!({"sub": "Alice"}), IDENTITY),
        (json!({"sub": null}), IDENTITY),
        (json!({"iss": "https://elsewhere.example"}), IDENTITY),
        (json!({"iss": format!("{}/", bench.idp.issuer())}), IDENTITY),
        (json!({"aud": "another-cluster"}), AUDIENCE),
        (json!({"aud": ["kubernetes2", "kube"]}), AUDIENCE),
        (json!({"aud": []}), AUDIENCE),
        (json!({"exp": now() - 1}), EXPIRED),
        (json!({"exp": null}), MALFORMED),
        (json!({"azp": "mcp-client"}), CLIENT),
        (json!({"cnf": {"jkt": "x"}}), TYPE),
        (json!({"nbf": now() + 600}), NOT_YET),
    ]
    .into_iter()
    .enumerate()
    {
        bench.idp.behave(Behaviour::Claims(changes.clone()));
        refused(&bench, number, reason).await.with_context(|| changes.to_string())?;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_no_access_token_with_a_life_is_not_passed_on() -> Result<()> {
    let bench = Workbench::start().await?;
    let mut claims = bench.idp.claims("alice", "kubernetes");
    claims["azp"] = json!("obolus-sts");
    let text = bench.idp.mint(&claims)?;
    let good = json!({
        "access_token": text,
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "expires_in": u64::MAX,
    });
    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    for (number, (member, value, reason)) in [
        ("token_type", json!("mac"), MALFORMED),
        ("token_type", Value::Null, MALFORMED),
        ("issued_token_type", json!(id_token), MALFORMED),
        ("expires_in", json!(0), EXPIRED),
        ("expires_in", json!(-1), MALFORMED),
        ("expires_in", json!("300"), MALFORMED),
        ("access_token", json!("opaque"), MALFORMED),
        ("access_token", json!(""), MALFORMED),
        ("access_token", json!(format!("{text}\r\nimpersonate-user: admin")), MALFORMED),
        ("access_token", json!(format!("{text}, {text}")), MALFORMED),
        ("access_token", json!([text]), MALFORMED),
    ]
    .into_iter()
    .enumerate()
    {
        let mut lie = good.clone();
        lie[member] = value;
        bench.idp.behave(Behaviour::Answer(200, lie.clone()));
        refused(&bench, number, reason).await.with_context(|| format!("{member}: {lie}"))?;
    }
    // As it was, it passes, whatever it says of its life.
    bench.idp.behave(Behaviour::Answer(200, good));
    assert_eq!(Answer::to(bench.call(&bench.token("alice")?)).await?.status, 200);
    assert_eq!(people(&bench.upstream, "kubernetes")?, ["alice"]);
    Ok(())
}

/// The provider may have given the client a token for both audiences: it still is the client's.
#[tokio::test]
async fn the_clients_own_token_is_not_passed_on() -> Result<()> {
    let bench = forgetting_refusals().await?;
    let mut claims = bench.claims("alice");
    claims["aud"] = json!([bench.gateway.resource(), "kubernetes"]);
    let token = bench.idp.mint(&claims)?;
    let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
    bench.idp.behave(Behaviour::Answer(200, answer));
    assert_eq!(Answer::to(bench.call(&token)).await?.verdict(), (502, AUDIENCE));
    assert_eq!(arrived(&bench.upstream), 0);

    bench.idp.behave(Behaviour::Honest);
    assert_eq!(Answer::to(bench.call(&token)).await?.status, 200);
    let request = bench.upstream.take().pop().context("nothing arrived")?;
    assert_eq!(forwarded(&request)?["aud"], "kubernetes");
    Ok(())
}

/// The provider says five minutes; the token says a few seconds.
#[tokio::test]
async fn a_token_is_not_passed_on_after_its_end_whatever_was_said_of_its_life() -> Result<()> {
    const LIFE: u64 = 4;
    let bench = forgetting_refusals().await?;
    let end = now() + LIFE;
    bench.idp.behave(Behaviour::Claims(json!({"exp": end})));
    let token = bench.token("alice")?;
    let passed = Cell::new(0);
    eventually("the exchanged token's end", Duration::from_secs(LIFE + 6), || async {
        let sent = now();
        let answer = Answer::to(bench.call(&token)).await?;
        for request in bench.upstream.take() {
            assert_eq!(forwarded(&request)?["exp"], end);
            assert!(sent < end, "{} seconds after its end", sent - end);
            passed.set(passed.get() + 1);
        }
        ensure!(answer.verdict() == (502, EXPIRED), "{answer:?}");
        Ok(())
    })
    .await?;
    assert!(passed.get() > 0 && now() >= end);

    // The incoming token is as good as before.
    bench.idp.behave(Behaviour::Honest);
    assert_eq!(Answer::to(bench.call(&token)).await?.status, 200);
    assert_eq!(arrived(&bench.upstream), 1);
    Ok(())
}

/// The incoming token ends first: the exchanged one does not outlive it.
#[tokio::test]
async fn nothing_passes_after_the_incoming_tokens_end() -> Result<()> {
    let bench = Plan::new().await?.start().await?;
    let mut claims = bench.claims("alice");
    let end = now() + 4;
    claims["exp"] = json!(end);
    let token = bench.idp.mint(&claims)?;
    assert_eq!(Answer::to(bench.call(&token)).await?.status, 200);
    eventually("the token's end", Duration::from_secs(10), || async {
        let sent = now();
        let answer = Answer::to(bench.call(&token)).await?;
        assert!(answer.status != 200 || sent < end, "{} seconds after its end", sent - end);
        ensure!(answer.verdict() == (401, "token_expired"), "{answer:?}");
        Ok(())
    })
    .await?;
    arrived(&bench.upstream);
    assert_eq!(Answer::to(bench.call(&token)).await?.status, 401);
    assert_eq!(arrived(&bench.upstream), 0);
    assert_eq!(Answer::to(bench.call(&bench.token("alice")?)).await?.status, 200);
    assert_eq!(arrived(&bench.upstream), 1);
    Ok(())
}

/// An STS that asks again at once about what it has refused.
async fn forgetting_refusals() -> Result<Workbench> {
    let mut plan = Plan::new().await?;
    plan.sts.more = "\n[limits]\nrefusals_max_age_seconds = 0\n".to_owned();
    plan.start().await
}

/// Alice is refused, again when she comes again; an honest exchange passes in between.
async fn refused(bench: &Workbench, number: usize, reason: &str) -> Result<()> {
    let mut claims = bench.claims("alice");
    claims["jti"] = json!(format!("lie-{number}"));
    let token = bench.idp.mint(&claims)?;
    for _ in 0..2 {
        let answer = Answer::to(bench.call(&token)).await?;
        ensure!(answer.verdict() == (502, reason), "{answer:?}");
        ensure!(arrived(&bench.upstream) == 0);
    }
    bench.idp.behave(Behaviour::Honest);
    let person = format!("honest-{number}");
    let answer = Answer::to(bench.call(&bench.token(&person)?)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(people(&bench.upstream, "kubernetes")? == [person]);
    Ok(())
}
