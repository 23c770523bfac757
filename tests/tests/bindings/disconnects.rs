//! Clients that go away while others wait for the same exchange.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::{Behaviour, Key};
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use tokio::task::JoinHandle;

use crate::answer::{Answer, arrived, people};

const SOON: Duration = Duration::from_secs(10);
const CROWD: usize = 50;

/// A workbench with warm keys, at whose provider exchanges are held.
struct Held {
    bench: Workbench,
    token: String,
    /// At the provider, and calls of the filter's, before the story begins.
    before: (usize, u64),
}

impl Held {
    async fn start(plan: Plan) -> Result<Self> {
        let bench = plan.start().await?;
        assert_eq!(Answer::to(bench.call(&bench.token("warm")?)).await?.status, 200);
        assert_eq!(arrived(&bench.upstream), 1);
        bench.idp.behave(Behaviour::Hold);
        let before = (bench.idp.exchanges(), bench.gateway.counted("exchange_call").await?);
        Ok(Self { token: bench.token("alice")?, bench, before })
    }

    /// A request on a connection of its own, which ends with the task.
    fn request(&self) -> JoinHandle<Result<Answer>> {
        tokio::spawn(Answer::to(self.bench.call(&self.token)))
    }

    fn crowd(&self) -> Vec<JoinHandle<Result<Answer>>> {
        (0..CROWD).map(|_| self.request()).collect()
    }

    /// Exchanges at the provider and calls of the filter's since the story began.
    async fn exchanges(&self) -> Result<(usize, u64)> {
        let calls = self.bench.gateway.counted("exchange_call").await?;
        Ok((self.bench.idp.exchanges() - self.before.0, calls - self.before.1))
    }

    async fn until_exchanges(&self, expected: usize) -> Result<()> {
        eventually("an exchange", SOON, || async {
            let asked = self.exchanges().await?.0;
            ensure!(asked == expected, "{asked}");
            Ok(())
        })
        .await
    }

    async fn until_waiting(&self, expected: u64) -> Result<()> {
        eventually("requests to wait", SOON, || async {
            let waiting = self.bench.gateway.counted("waiting").await?;
            ensure!(waiting == expected, "{waiting} wait");
            Ok(())
        })
        .await
    }
}

/// Drops the client's side, connection and all.
async fn disconnect(request: JoinHandle<Result<Answer>>) {
    request.abort();
    // An error is what was asked for.
    let _aborted = request.await;
}

#[tokio::test]
async fn a_leader_that_goes_away_leaves_fifty_others_their_answer() -> Result<()> {
    let held = Held::start(Plan::new().await?).await?;
    let leader = held.request();
    held.until_exchanges(1).await?;
    let followers = held.crowd();
    held.until_waiting(1 + 50).await?;
    disconnect(leader).await;
    held.until_waiting(50).await?;

    held.bench.idp.let_go(CROWD);
    for follower in followers {
        assert_eq!(follower.await??.status, 200);
    }
    assert_eq!(held.exchanges().await?, (1, 1));
    assert_eq!(people(&held.bench.upstream, "kubernetes")?, ["alice"; CROWD]);
    held.until_waiting(0).await
}

#[tokio::test]
async fn when_everybody_has_gone_the_exchange_serves_whoever_comes_next() -> Result<()> {
    let held = Held::start(Plan::new().await?).await?;
    let gone = [held.request(), held.request(), held.request()];
    held.until_exchanges(1).await?;
    held.until_waiting(3).await?;
    for request in gone {
        disconnect(request).await;
    }
    held.until_waiting(0).await?;

    let next = held.request();
    held.until_waiting(1).await?;
    held.bench.idp.let_go(CROWD);
    assert_eq!(next.await??.status, 200);
    assert_eq!(held.exchanges().await?, (1, 1));
    assert_eq!(people(&held.bench.upstream, "kubernetes")?, ["alice"]);
    Ok(())
}

/// Nobody is there when the answer comes; it is kept for the next one all the same.
#[tokio::test]
async fn an_answer_that_nobody_waited_for_is_kept() -> Result<()> {
    let held = Held::start(Plan::new().await?).await?;
    let gone = held.request();
    held.until_exchanges(1).await?;
    disconnect(gone).await;
    held.until_waiting(0).await?;
    let responses = "cluster.obolus-sts.upstream_rq_2xx";
    let before = held.bench.gateway.envoy.counter(responses).await?;
    held.bench.idp.let_go(CROWD);
    eventually("the answer of the STS", SOON, || async {
        let answered = held.bench.gateway.envoy.counter(responses).await? - before;
        // Fetches of keys are answered meanwhile, too: the filter says when it has the token.
        ensure!(answered > 0);
        let answer = Answer::to(held.bench.call(&held.token)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await?;
    assert_eq!(held.exchanges().await?, (1, 1));
    assert_eq!(people(&held.bench.upstream, "kubernetes")?, ["alice"]);
    Ok(())
}

#[tokio::test]
async fn two_workers_ask_at_most_twice_and_the_provider_is_asked_once() -> Result<()> {
    let mut plan = Plan::new().await?;
    plan.gateway.envoy.concurrency = 2;
    let held = Held::start(plan).await?;
    let followers = held.crowd();
    held.until_exchanges(1).await?;
    held.until_waiting(50).await?;
    held.bench.idp.let_go(CROWD);
    for follower in followers {
        assert_eq!(follower.await??.status, 200);
    }
    let (exchanges, calls) = held.exchanges().await?;
    assert!(exchanges == 1 && (1..=2).contains(&calls), "{exchanges} exchanges, {calls} calls");
    assert_eq!(people(&held.bench.upstream, "kubernetes")?, ["alice"; CROWD]);
    Ok(())
}

/// They wait for the key before they wait for the exchange.
#[tokio::test]
async fn fifty_requests_with_one_token_of_a_new_key_share_one_exchange() -> Result<()> {
    let mut held = Held::start(Plan::new().await?).await?;
    let new = Key::new("ES256", "new")?;
    held.token = new.sign(&held.bench.claims("alice"))?;
    held.bench.idp.publish(vec![new, held.bench.idp.key()]);
    let followers = held.crowd();
    held.until_exchanges(1).await?;
    held.until_waiting(50).await?;
    held.bench.idp.let_go(CROWD);
    for follower in followers {
        assert_eq!(follower.await??.status, 200);
    }
    assert_eq!(held.exchanges().await?, (1, 1));
    assert_eq!(people(&held.bench.upstream, "kubernetes")?, ["alice"; CROWD]);
    Ok(())
}

#[tokio::test]
async fn more_than_may_wait_are_told_to_come_back_at_once() -> Result<()> {
    let mut plan = Plan::new().await?;
    plan.configure(|filter| filter["maxWaiting"] = 5.into());
    let held = Held::start(plan).await?;
    let patient: Vec<_> = (0..5).map(|_| held.request()).collect();
    held.until_waiting(5).await?;
    for _ in 0..7 {
        let answer = held.request().await??;
        assert!(answer.is_503("overloaded"), "{answer:?}");
    }
    assert_eq!(arrived(&held.bench.upstream), 0);
    held.bench.idp.let_go(CROWD);
    for request in patient {
        assert_eq!(request.await??.status, 200);
    }
    assert_eq!(held.exchanges().await?, (1, 1));
    assert_eq!(arrived(&held.bench.upstream), 5);
    // There is room again, and for somebody else.
    held.bench.idp.behave(Behaviour::Honest);
    assert_eq!(Answer::to(held.bench.call(&held.bench.token("bob")?)).await?.status, 200);
    Ok(())
}
