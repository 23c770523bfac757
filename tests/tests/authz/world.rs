//! One gateway for the whole suite, and what is tried on it.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use obolus_core::Reason;
use obolus_envoy::Upstream;
use obolus_tests::fixtures::idp::{Key, claims_of};
use obolus_tests::fixtures::recorder::Recorded;
use obolus_tests::fixtures::workbench::{Plan, Workbench, local};
use obolus_tests::shared::Shared;
use serde_json::json;
use tokio::sync::RwLockWriteGuard;

use crate::attempt::Attempt;
use crate::case::{Case, Refused};
use crate::client::Client;
use crate::wire::{Connection, Seen};

/// The cluster of the resource that has policies. Its server is the other one's.
const GOVERNED: &str = "governed";

/// The only Envoy, with its STS and all that it stands between.
pub(crate) struct World {
    bench: Workbench,
    client: Client,
}

/// A family's turn.
pub(crate) async fn turn() -> RwLockWriteGuard<'static, World> {
    static WORLD: Shared<World> = Shared::new();
    WORLD.alone(World::start).await.unwrap()
}

impl World {
    async fn start() -> Result<Self> {
        let mut plan = Plan::new().await?;
        let (second, authority) = (plan.place.second_resource(), plan.place.second_authority());
        for issuer in &mut plan.sts.issuers {
            issuer.audiences.push(second.clone());
        }
        let resource = second.clone();
        plan.configure(move |configuration| {
            let Some(resources) = configuration["resources"].as_array_mut() else { return };
            let mut governed = resources[0].clone();
            governed["name"] = json!("governed");
            governed["resource"] = json!(resource);
            governed["clusters"] = json!([GOVERNED]);
            governed["access"] = crate::governed::access();
            resources.push(governed);
        });
        let (server, host) = (local(&plan.upstream), authority.clone());
        plan.gateway.shape = Box::new(move |bootstrap| {
            bootstrap.upstreams.push(Upstream::plain(GOVERNED, server));
            for route in &mut bootstrap.routes {
                route.hosts.push(host.clone());
            }
        });
        plan.gateway.edit = Box::new(|bootstrap| {
            // Off where the generator writes it: whoever switches them on must be no worse off.
            let path = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
            if let Some(connection) = bootstrap.pointer_mut(path) {
                connection["http_protocol_options"] = json!({"enable_trailers": true});
                // How long Envoy holds a connection that it has given up. A second each would be most of the time.
                connection["delayed_close_timeout"] = json!("0.05s");
            }
        });
        let bench = plan.start().await?;
        let mut claims = bench.claims("alice");
        claims["aud"] = json!([bench.gateway.resource(), second]);
        claims["scope"] = json!("openid mcp:tools mcp:read");
        let with = |member: &str, value: serde_json::Value| {
            let mut claims = claims.clone();
            claims[member] = value;
            bench.idp.mint(&claims)
        };
        let client = Client {
            authority: bench.gateway.place.authority(),
            token: bench.idp.mint(&claims)?,
            for_first: with("aud", json!([bench.gateway.resource()]))?,
            for_another: with("aud", json!(["https://mcp.example.com/mcp"]))?,
            expired: with("exp", json!(1_700_000_000))?,
            forged: Key::new("RS256", "first")?.sign(&claims)?,
            without_scope: with("scope", json!("openid"))?,
            without_read: with("scope", json!("openid mcp:tools"))?,
            governed: authority,
        };
        Ok(Self { bench, client })
    }

    /// Tries each case, with its twin right behind it: nothing but twins has arrived at the server.
    pub(crate) async fn tries(&self, cases: impl FnOnce(&Client) -> Vec<Case>) {
        let cases = cases(&self.client);
        assert!(!cases.is_empty());
        let before = self.bench.gateway.counters().await.unwrap();
        let mut wrong = Vec::new();
        let mut tally = Tally::default();
        let begun = Instant::now();
        for case in &cases {
            if let Err(error) = self.tries_one(case, &mut tally).await {
                wrong.push(format!("{}: {error:#}", case.name));
            }
        }
        println!(
            "{} cases refused, their twins forwarded; {} on the same connection, {} would arrive elsewhere; {:.1} s",
            cases.len() - wrong.len(),
            tally.same_connection,
            tally.elsewhere,
            begun.elapsed().as_secs_f32(),
        );
        assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
        self.counted(&cases, &before).await;
    }

    async fn tries_one(&self, case: &Case, tally: &mut Tally) -> Result<()> {
        let address = self.bench.gateway.place.address();
        let mut connection = Connection::open(address, &case.attack).await?;
        let mut seen = connection.send(&case.attack).await?;
        let mut refusals = case.refused.iter();
        let mut faults = Vec::new();
        if let Some(first) = refusals.next() {
            faults.extend(first.check(&seen).err());
        }
        for next in refusals {
            seen = connection.next_answer().await;
            faults.extend(next.check(&seen).err());
        }
        // Before any other request: so that the recorder does not have to be told them apart.
        let arrived = self.bench.upstream.take();
        ensure!(arrived.is_empty(), "FORWARDED: {arrived:?}");
        let elsewhere = self.bench.other.take().len();
        let expected = usize::from(matches!(case.refused[..], [Refused::Elsewhere]));
        ensure!(faults.is_empty(), "{}", faults.join("; "));
        ensure!(elsewhere == expected, "{elsewhere} arrived at another application");

        let ended = matches!(seen, Seen::Broken | Seen::Answer { closes: true, .. });
        ensure!(!ended || !case.lives_on(), "the connection was ended");
        if ended || case.attack.is_http2() != case.twin.is_http2() {
            connection = Connection::open(address, &case.twin).await?;
        }
        let mut answer = connection.send(&case.twin).await?;
        // Whom Envoy itself refuses, it may leave at once.
        let ours = matches!(case.refused[..], [Refused::Ours(_)]);
        if !ended && !ours && matches!(answer, Seen::Broken) {
            answer = Connection::open(address, &case.twin).await?.send(&case.twin).await?;
        } else {
            tally.same_connection += usize::from(!ended);
        }
        let Seen::Answer { status: 200, .. } = answer else {
            bail!("the twin: {answer:?}");
        };
        let arrived = self.bench.upstream.take();
        let [twin] = &arrived[..] else { bail!("not the twin alone: {arrived:?}") };
        is_twin(twin, &case.twin)?;

        if case.would_arrive() {
            let attack = case.attack.clone().target("/other");
            let seen = Connection::open(address, &attack).await?.send(&attack).await?;
            let Seen::Answer { status: 200, .. } = seen else { bail!("elsewhere: {seen:?}") };
            let arrived = self.bench.other.take();
            let [arrived] = &arrived[..] else { bail!("elsewhere: {arrived:?}") };
            ensure!(arrived.body.as_deref() == Some(&*attack.body), "elsewhere: {arrived:?}");
            tally.elsewhere += 1;
        }
        Ok(())
    }

    /// The filter counted what clients saw.
    async fn counted(&self, cases: &[Case], before: &BTreeMap<String, u64>) {
        let mut expected = BTreeMap::from([("permit".to_owned(), cases.len() as u64)]);
        for refused in cases.iter().flat_map(|case| &case.refused) {
            if let Refused::Ours(reason) = refused {
                *expected.entry(format!("deny.{}", Reason::as_str(*reason))).or_default() += 1;
            }
        }
        // What Envoy ends while our filter decides may be counted, or not.
        let either = cases.iter().flat_map(|case| &case.refused);
        let either = either.filter(|refused| matches!(refused, Refused::Broken)).count() as u64;
        let counted = self.bench.gateway.counters().await.unwrap();
        let of = |counters: &BTreeMap<String, u64>, name| counters.get(name).copied().unwrap_or(0);
        for (name, expected) in &expected {
            let moved = of(&counted, name) - of(before, name);
            let slack = if name == "permit" { 0 } else { either };
            assert!((*expected..=expected + slack).contains(&moved), "{name}: {moved}, {expected}");
        }
    }
}

#[derive(Default)]
struct Tally {
    same_connection: usize,
    elsewhere: usize,
}

/// As it was sent, with an exchanged token in place of the client's.
fn is_twin(arrived: &Recorded, twin: &Attempt) -> Result<()> {
    ensure!(arrived.body.as_deref() == Some(&*twin.body), "not the twin: {arrived:?}");
    let bearer = arrived.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let claims = bearer.and_then(claims_of).context("no token")?;
    ensure!(claims["aud"] == "kubernetes" && claims["azp"] == "obolus-sts", "{claims}");
    ensure!(arrived.trailers.is_empty(), "{arrived:?}");
    Ok(())
}
