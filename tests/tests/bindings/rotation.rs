//! Keys that change while strangers invent key ids.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::Key;
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use serde_json::json;
use tokio::task::JoinSet;

use crate::answer::{Answer, arrived};

const EVERY: Duration = Duration::from_millis(5);
const FLOOD: u32 = 1600;
const SOON: Duration = Duration::from_secs(10);
/// The longest that a request with a new key may take while the flood lasts.
const PROMPT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forged_key_ids_does_not_keep_a_new_key_out() -> Result<()> {
    let bench = Workbench::start().await?;
    assert_eq!(Answer::to(bench.call(&bench.token("warm")?)).await?.status, 200);
    let (rss, fetches, mirrored) = (
        bench.gateway.envoy.rss()?,
        bench.idp.key_requests(),
        bench.gateway.counted("keys_call").await?,
    );

    let begun = Instant::now();
    let (forged, slowest) = tokio::join!(flood(&bench), rotate(&bench));
    let (lasted, slowest) = (begun.elapsed(), slowest?);

    // Every forged one was told the same, and none of them cost anybody a 5xx.
    assert_eq!(forged?, BTreeMap::from([((401, "key_unknown".to_owned()), FLOOD)]));
    assert!(slowest < PROMPT, "{slowest:?}");
    // One fetch a second, and whatever was under way at either end. Envoy's main thread has the
    // module, too, and mirrors the keys beside its one worker.
    let allowed = lasted.as_secs() + 3;
    let fetches = bench.idp.key_requests() - fetches;
    assert!(u64::try_from(fetches)? <= allowed, "{fetches} requests for keys in {lasted:?}");
    let mirrored = bench.gateway.counted("keys_call").await? - mirrored;
    assert!(mirrored <= 2 * allowed, "{mirrored} calls for keys in {lasted:?}");
    let grown = bench.gateway.envoy.rss()?.saturating_sub(rss) >> 20;
    assert!(grown < 48, "{grown} MiB more");
    eventually("nobody to wait", SOON, || async {
        let waiting = bench.gateway.counted("waiting").await?;
        ensure!(waiting == 0, "{waiting}");
        Ok(())
    })
    .await?;
    println!(
        "{FLOOD} forged in {lasted:.1?}; slowest request with the new key {slowest:.1?}; \
         {fetches} requests for keys at the provider, {mirrored} at the STS; {grown} MiB more"
    );
    Ok(())
}

/// Who waits for a key has proved nothing: the places of those who have are others.
#[tokio::test]
async fn strangers_who_wait_for_keys_take_no_place_from_people_who_wait_for_exchanges() -> Result<()>
{
    const PLACES: u32 = 5;
    let mut plan = Plan::new().await?;
    plan.configure(|filter| filter["maxWaiting"] = PLACES.into());
    let bench = plan.start().await?;
    assert_eq!(Answer::to(bench.call(&bench.token("warm")?)).await?.status, 200);
    arrived(&bench.upstream);
    let forged = Key::new("EdDSA", "forged")?.sign(&bench.claims("alice"))?;
    let mut strangers = JoinSet::new();
    for _ in 0..PLACES {
        let request = bench.call(&forged);
        strangers.spawn(async move {
            // Each comes again as soon as it is refused, for as long as this test lasts.
            while let Some(request) = request.try_clone() {
                let _refused = Answer::to(request).await;
            }
        });
    }
    for person in 0..10 {
        eventually("the strangers to have all their places", SOON, || async {
            let waiting = bench.gateway.counted("waiting").await?;
            ensure!(waiting == u64::from(PLACES), "{waiting}");
            Ok(())
        })
        .await?;
        let answer = Answer::to(bench.call(&bench.token(&format!("person-{person}"))?)).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(arrived(&bench.upstream), 1);
    }
    // For one stranger more there is no place, most of the time.
    eventually("a stranger too many", SOON, || async {
        let answer = Answer::to(bench.call(&forged)).await?;
        ensure!(answer.is_503("overloaded"), "{answer:?}");
        Ok(())
    })
    .await?;
    strangers.abort_all();
    Ok(())
}

/// 200 tokens a second that say all the right things, each signed with a key of its own name.
async fn flood(bench: &Workbench) -> Result<BTreeMap<(u16, String), u32>> {
    let stranger = Key::new("EdDSA", "forged")?;
    let claims = bench.claims("alice").to_string();
    let mut pace = tokio::time::interval(EVERY);
    let mut requests = JoinSet::new();
    for number in 0..FLOOD {
        pace.tick().await;
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": format!("forged-{number}")});
        let token = stranger.sign_parts(&header.to_string(), &claims)?;
        requests.spawn(Answer::to(bench.call(&token)));
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = requests.join_next().await {
        let answer = answer??;
        *answers.entry((answer.status, answer.reason)).or_default() += 1;
    }
    Ok(answers)
}

/// People with fresh tokens of the old key, then of one that is published in the midst of the flood.
/// How long the slowest of the latter took.
async fn rotate(bench: &Workbench) -> Result<Duration> {
    let old = bench.idp.key();
    let new = Key::new("RS256", "second")?;
    let begun = Instant::now();
    let mut people = 0;
    arrived(&bench.upstream);
    let mut good = async |key: &Key| -> Result<Duration> {
        people += 1;
        let token = key.sign(&bench.claims(&format!("person-{people}")))?;
        let sent = Instant::now();
        let answer = Answer::to(bench.call(&token)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(sent.elapsed())
    };
    // A third of the flood passes before, so that requests wait for keys when the new one comes.
    while begun.elapsed() < EVERY * FLOOD / 3 {
        good(&old).await?;
    }
    bench.idp.publish(vec![new.clone(), old.clone()]);
    let mut slowest = Duration::ZERO;
    while begun.elapsed() < EVERY * FLOOD {
        slowest = slowest.max(good(&new).await?);
        good(&old).await?;
    }
    assert_eq!(arrived(&bench.upstream), people);
    Some(slowest).filter(|slowest| !slowest.is_zero()).context("nobody had the new key")
}
