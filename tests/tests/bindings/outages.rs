//! STS or identity provider away: what is known goes on, what is not gets 503 and a time to come
//! back, and nobody has to start anything again.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use obolus_tests::deadline::{eventually, hopeless};
use obolus_tests::fixtures::workbench::{Plan, Workbench};

use crate::answer::{Answer, arrived};

/// The STS tries a provider that is away every five seconds, the filter asks the STS every second.
const BACK: Duration = Duration::from_secs(15);

#[tokio::test]
async fn without_the_sts_warm_tokens_pass_and_new_ones_are_told_to_come_back() -> Result<()> {
    let mut bench = Workbench::start().await?;
    let (warm, new) = (bench.token("alice")?, bench.token("bob")?);
    assert_eq!(Answer::to(bench.call(&warm)).await?.status, 200);
    assert_eq!(arrived(&bench.upstream), 1);

    bench.sts.stop()?;
    for _ in 0..3 {
        let answer = Answer::to(bench.call(&new)).await?;
        assert!(answer.is_503("sts_unavailable"), "{answer:?}");
        assert_eq!(arrived(&bench.upstream), 0);
        assert_eq!(Answer::to(bench.call(&warm)).await?.status, 200);
        assert_eq!(arrived(&bench.upstream), 1);
    }

    bench.sts.start_again().await?;
    let since = Instant::now();
    passes_at_last(&bench, &new, "sts_unavailable").await?;
    println!("passed {:?} after the STS's return", since.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_provider_that_is_away_at_first_is_found_when_it_comes() -> Result<()> {
    let plan = Plan::new().await?;
    plan.idp.hang_up().await?;
    let bench = plan.start().await?;
    let token = bench.token("alice")?;
    for _ in 0..2 {
        let answer = Answer::to(bench.call(&token)).await?;
        assert!(answer.is_503("keys_unavailable"), "{answer:?}");
        assert_eq!(arrived(&bench.upstream), 0);
        // The gateway is up all the while.
        assert_eq!(bench.post("{}").send().await?.status(), 401);
        let other = bench.http.get(format!("{}/other", bench.gateway.url()));
        assert_eq!(other.send().await?.status(), 200);
        assert_eq!(arrived(&bench.other), 1);
    }

    bench.idp.listen_again()?;
    let since = Instant::now();
    passes_at_last(&bench, &token, "keys_unavailable").await?;
    println!("passed {:?} after the provider's arrival", since.elapsed());
    Ok(())
}

#[tokio::test]
async fn keys_outlive_a_provider_that_goes_away_and_only_exchanges_wait_for_it() -> Result<()> {
    let bench = Workbench::start().await?;
    let (warm, new) = (bench.token("alice")?, bench.token("bob")?);
    assert_eq!(Answer::to(bench.call(&warm)).await?.status, 200);
    assert_eq!(arrived(&bench.upstream), 1);

    bench.idp.hang_up().await?;
    // The keys' time is over twice, at the STS and at the filter.
    eventually("two failed fetches of the keys", BACK, || async {
        let metrics = bench.sts.metrics().await?;
        let failed = metrics.lines().find_map(|line| {
            line.strip_prefix(r#"obolus_sts_key_fetches_total{issuer="idp",outcome="failed"} "#)
        });
        let failed: u64 = failed.map_or(Ok(0), str::parse)?;
        ensure!(failed >= 2, "{failed}");
        Ok(())
    })
    .await?;
    for _ in 0..3 {
        let answer = Answer::to(bench.call(&new)).await?;
        assert!(answer.is_503("idp_unavailable"), "{answer:?}");
        assert_eq!(arrived(&bench.upstream), 0);
        assert_eq!(Answer::to(bench.call(&warm)).await?.status, 200);
        assert_eq!(arrived(&bench.upstream), 1);
    }

    bench.idp.listen_again()?;
    passes_at_last(&bench, &new, "idp_unavailable").await
}

/// Until then it gets 503 with this reason, and nothing else.
async fn passes_at_last(bench: &Workbench, token: &str, reason: &str) -> Result<()> {
    arrived(&bench.upstream);
    eventually("a request that passes", BACK, || async {
        let answer = Answer::to(bench.call(token)).await?;
        if answer.status != 200 && !answer.is_503(reason) {
            return Err(hopeless(format!("{answer:?}")));
        }
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await?;
    assert_eq!(arrived(&bench.upstream), 1);
    Ok(())
}
