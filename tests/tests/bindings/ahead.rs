//! A token in use is asked for anew before it ends, once, and nobody waits for that or is refused by it.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use obolus_tests::deadline::eventually;
use serde_json::json;

use crate::answer::{Answer, forwarded};
use crate::sts_stand_in::{Reply, StandIn};

/// Of an exchanged token: so that its last fifth are two seconds.
const LIFE: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(2 * LIFE);

/// The stand-in, and a token that was exchanged just now for one of [`LIFE`].
async fn warm() -> Result<(StandIn, String)> {
    let stand_in = StandIn::start().await?;
    stand_in.answers(Reply::Token(json!({"expires_in": LIFE, "jti": "first"})));
    let token = stand_in.token("alice")?;
    // The first call waits for keys as well.
    let answer = Answer::to(stand_in.request(&token)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    assert_eq!(stand_in.asked().len(), 1);
    Ok((stand_in, token))
}

/// Calls until the STS is asked again; every call passes.
async fn until_asked(stand_in: &StandIn, token: &str) -> Result<()> {
    eventually("an exchange ahead", PATIENCE, || async {
        let answer = Answer::to(stand_in.request(token)).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        ensure!(!stand_in.asked().is_empty(), "not yet");
        Ok(())
    })
    .await
}

/// The `jti` of the token that the last request was forwarded with.
fn last(stand_in: &StandIn) -> Result<String> {
    let Some(request) = stand_in.upstream.take().pop() else { bail!("nothing was forwarded") };
    Ok(forwarded(&request)?["jti"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_next_token_is_there_before_the_old_one_ends() -> Result<()> {
    let (stand_in, token) = warm().await?;
    stand_in.answers(Reply::Token(json!({"jti": "second"})));
    until_asked(&stand_in, &token).await?;
    eventually("the new token in use", PATIENCE, || async {
        let answer = Answer::to(stand_in.request(&token)).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        ensure!(last(&stand_in)? == "second", "still the old one");
        Ok(())
    })
    .await?;
    assert!(stand_in.asked().is_empty(), "asked once");
    assert_eq!(stand_in.gateway.counted("exchange_ahead").await?, 1);
    Ok(())
}

#[tokio::test]
async fn an_outage_meanwhile_is_not_noticed_until_the_old_one_ends_and_is_not_asked_about_again()
-> Result<()> {
    let (stand_in, token) = warm().await?;
    stand_in.answers(Reply::Text(503, String::new()));
    until_asked(&stand_in, &token).await?;
    let served = Cell::new(0);
    eventually("the old token's end", PATIENCE, || async {
        let answer = Answer::to(stand_in.request(&token)).await?;
        if answer.status == 200 {
            served.set(served.get() + 1);
            assert!(stand_in.asked().is_empty(), "asked again while the old one is good");
            bail!("still served");
        }
        ensure!(answer.is_503("sts_unavailable"), "{answer:?}");
        Ok(())
    })
    .await?;
    assert!(served.get() > 0, "the old one was good for a while");
    assert_eq!(last(&stand_in)?, "first");
    stand_in.answers(Reply::Token(json!({})));
    assert_eq!(Answer::to(stand_in.request(&token)).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_refusal_meanwhile_ends_the_old_token_too() -> Result<()> {
    let (stand_in, token) = warm().await?;
    let refusal = json!({"error": "x", "error_description": "x", "reason": "exchange_denied"});
    stand_in.answers(Reply::Text(403, refusal.to_string()));
    until_asked(&stand_in, &token).await?;
    // Well before its end: what is left are two seconds.
    eventually("the refusal", Duration::from_secs(1), || async {
        let answer = Answer::to(stand_in.request(&token)).await?;
        ensure!(answer.verdict() == (403, "exchange_denied"), "{answer:?}");
        Ok(())
    })
    .await?;
    let other = stand_in.token("bob")?;
    stand_in.answers(Reply::Token(json!({})));
    assert_eq!(Answer::to(stand_in.request(&other)).await?.status, 200);
    Ok(())
}
