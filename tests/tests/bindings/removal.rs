//! Keys that are taken back: what they verified counts no more, wherever it had got to.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::{Behaviour, Key};
use obolus_tests::fixtures::workbench::{Plan, Workbench, tool_call};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::answer::{Answer, arrived};

/// What is stated: the refresh of the STS and that of the filter, a second each here, and two
/// seconds for the fetches themselves on a busy machine.
const REMOVED_WITHIN: Duration = Duration::from_secs(1 + 1 + 2);
/// A refusal itself takes longer: the filter asks for the key once more before it says so.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// Two keys, and tokens that they signed.
struct Keys {
    removed: Key,
    kept: Key,
}

impl Keys {
    fn publish(plan: &Plan) -> Result<Self> {
        let keys = Self { removed: plan.idp.key(), kept: Key::new("ES256", "kept")? };
        plan.idp.publish(vec![keys.kept.clone(), keys.removed.clone()]);
        Ok(keys)
    }
}

#[tokio::test]
async fn warm_tokens_of_a_removed_key_are_refused_in_time_by_every_worker() -> Result<()> {
    let mut plan = Plan::new().await?;
    plan.gateway.envoy.concurrency = 2;
    let keys = Keys::publish(&plan)?;
    let mut bench = plan.start().await?;
    // Each request on a connection of its own, so that both workers get some.
    bench.http =
        obolus_tests::https::builder().tls_certs_only([]).pool_max_idle_per_host(0).build()?;
    let token = keys.removed.sign(&bench.claims("alice"))?;
    let control = keys.kept.sign(&bench.claims("bob"))?;
    for _ in 0..8 {
        assert_eq!(Answer::to(bench.call(&token)).await?.status, 200);
        assert_eq!(Answer::to(bench.call(&control)).await?.status, 200);
    }
    assert_eq!(arrived(&bench.upstream), 16);

    bench.idp.publish(vec![keys.kept.clone()]);
    let removed = Instant::now();
    let mut last_passed = Duration::ZERO;
    let mut refused = 0;
    while refused < 2 {
        let sent = removed.elapsed();
        ensure!(sent < 2 * REMOVED_WITHIN, "warm tokens still pass");
        let asked = (0..8).map(|_| tokio::spawn(Answer::to(bench.call(&token))));
        let mut passed = 0;
        for answer in asked.collect::<Vec<_>>() {
            let answer = answer.await??;
            match answer.verdict() {
                (200, _) => passed += 1,
                (401, "key_unknown") => {}
                _ => anyhow::bail!("{answer:?}"),
            }
        }
        if passed > 0 {
            last_passed = sent;
        }
        refused = if passed == 0 { refused + 1 } else { 0 };
        assert_eq!(arrived(&bench.upstream), passed);
        assert_eq!(Answer::to(bench.call(&control)).await?.status, 200);
        assert_eq!(arrived(&bench.upstream), 1);
    }
    println!("the last warm token passed {last_passed:.1?} after its key's removal");
    assert!(last_passed < REMOVED_WITHIN, "{last_passed:?}");
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_withdraws_its_last_key_is_not_taken_for_one_that_is_down() -> Result<()> {
    let plan = Plan::new().await?;
    let keys = Keys::publish(&plan)?;
    let bench = plan.start().await?;
    let token = keys.kept.sign(&bench.claims("alice"))?;
    assert_eq!(Answer::to(bench.call(&token)).await?.status, 200);

    // Down, the keys are kept; withdrawn, they are gone.
    bench.idp.set_down(true);
    assert_eq!(Answer::to(bench.call(&token)).await?.status, 200);
    bench.idp.set_down(false);
    bench.idp.publish(Vec::new());
    eventually("the refusal of a token of the withdrawn key", REFUSED_WITHIN, || async {
        let answer = Answer::to(bench.call(&token)).await?;
        ensure!(answer.verdict() == (401, "key_unknown"), "{answer:?}");
        Ok(())
    })
    .await?;

    bench.idp.publish(vec![keys.kept.clone()]);
    eventually("the key's return", REFUSED_WITHIN, || async {
        let answer = Answer::to(bench.call(&token)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_key_of_other_content_under_the_same_name_is_a_lost_key() -> Result<()> {
    let plan = Plan::new().await?;
    let keys = Keys::publish(&plan)?;
    let bench = plan.start().await?;
    let token = keys.removed.sign(&bench.claims("alice"))?;
    let control = keys.kept.sign(&bench.claims("bob"))?;
    for token in [&token, &control] {
        assert_eq!(Answer::to(bench.call(token)).await?.status, 200);
    }

    let other = Key::new("RS256", &keys.removed.id)?;
    bench.idp.publish(vec![other.clone(), keys.kept.clone()]);
    eventually("the key's loss", REFUSED_WITHIN, || async {
        let answer = Answer::to(bench.call(&token)).await?;
        ensure!(answer.verdict() == (401, "signature_invalid"), "{answer:?}");
        Ok(())
    })
    .await?;
    arrived(&bench.upstream);
    let renewed = other.sign(&bench.claims("alice"))?;
    for (token, status) in [(&token, 401), (&control, 200), (&renewed, 200)] {
        assert_eq!(Answer::to(bench.call(token)).await?.status, status);
    }
    assert_eq!(arrived(&bench.upstream), 2);
    Ok(())
}

/// Headers before the removal, body after it.
#[tokio::test]
async fn a_request_that_is_half_here_when_its_key_goes_is_refused() -> Result<()> {
    let plan = Plan::new().await?;
    let keys = Keys::publish(&plan)?;
    let bench = plan.start().await?;
    let token = keys.removed.sign(&bench.claims("alice"))?;
    let control = keys.kept.sign(&bench.claims("bob"))?;
    for token in [&token, &control] {
        assert_eq!(Answer::to(bench.call(token)).await?.status, 200);
    }
    let hits = bench.gateway.counted("token_cache_hit").await?;
    let mut half = Half::send(&bench, &token).await?;
    let mut control_half = Half::send(&bench, &control).await?;
    eventually("both tokens to be recognized", Duration::from_secs(5), || async {
        let hits = bench.gateway.counted("token_cache_hit").await? - hits;
        ensure!(hits == 2, "{hits}");
        Ok(())
    })
    .await?;

    forget(&bench, &keys, &token).await?;
    arrived(&bench.upstream);
    assert_eq!(half.finish().await?, 401);
    assert_eq!(arrived(&bench.upstream), 0);
    assert_eq!(control_half.finish().await?, 200);
    assert_eq!(arrived(&bench.upstream), 1);
    Ok(())
}

/// The exchange was asked for before the removal, and is answered after it.
#[tokio::test]
async fn a_request_that_waits_for_its_exchange_when_its_key_goes_is_refused() -> Result<()> {
    let plan = Plan::new().await?;
    let keys = Keys::publish(&plan)?;
    let bench = plan.start().await?;
    let witness = keys.removed.sign(&bench.claims("carol"))?;
    assert_eq!(Answer::to(bench.call(&witness)).await?.status, 200);
    let exchanges = bench.idp.exchanges();
    bench.idp.behave(Behaviour::Hold);
    let waits = |key: &Key, subject: &str| -> Result<_> {
        let token = key.sign(&bench.claims(subject))?;
        Ok(tokio::spawn(Answer::to(bench.call(&token))))
    };
    let (removed, kept) = (waits(&keys.removed, "alice")?, waits(&keys.kept, "bob")?);
    eventually("two exchanges", Duration::from_secs(5), || async {
        let held = bench.idp.exchanges() - exchanges;
        ensure!(held == 2, "{held}");
        Ok(())
    })
    .await?;

    forget(&bench, &keys, &witness).await?;
    arrived(&bench.upstream);
    bench.idp.let_go(2);
    let (removed, kept) = (removed.await??, kept.await??);
    assert_eq!((removed.verdict(), kept.status), ((401, "key_unknown"), 200));
    assert_eq!(arrived(&bench.upstream), 1);
    Ok(())
}

/// Takes the key back, and waits until this token of it is refused.
async fn forget(bench: &Workbench, keys: &Keys, token: &str) -> Result<()> {
    bench.idp.publish(vec![keys.kept.clone()]);
    eventually("the key's removal", REFUSED_WITHIN, || async {
        let answer = Answer::to(bench.call(token)).await?;
        ensure!(answer.verdict() == (401, "key_unknown"), "{answer:?}");
        Ok(())
    })
    .await
}

/// A request whose body has not come yet.
struct Half {
    connection: TcpStream,
    body: String,
}

impl Half {
    async fn send(bench: &Workbench, token: &str) -> Result<Self> {
        let body = tool_call("pods_list");
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            bench.gateway.place.authority(),
            body.len()
        );
        let mut connection = TcpStream::connect(bench.gateway.place.address()).await?;
        connection.write_all(head.as_bytes()).await?;
        Ok(Self { connection, body })
    }

    async fn finish(&mut self) -> Result<u16> {
        self.connection.write_all(self.body.as_bytes()).await?;
        let mut line = [0; 12];
        self.connection.read_exact(&mut line).await?;
        let status = line.strip_prefix(b"HTTP/1.1 ").context("no status line")?;
        Ok(str::from_utf8(status)?.parse()?)
    }
}
