//! Two resources on one Envoy: what one of them accepts or remembers is nothing to the other.

use anyhow::{Result, ensure};
use obolus_envoy::edit;
use obolus_tests::fixtures::gateway::{OTHER, PROTECTED, Place};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::workbench::{Plan, Workbench, local, mcp_recorder, tool_call};
use serde_json::{Value, json};

use crate::answer::{Answer, arrived, people};

const SECOND: &str = "second-mcp";
const SECOND_TARGET: &str = "second-cluster";

/// Resource A is the workbench's own; B has an upstream and a target of its own.
struct Two {
    bench: Workbench,
    b: String,
    upstream_b: Recorder,
    _place_b: Place,
}

/// How B comes to the same Envoy.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// Another listener, whose filter has another configuration and the same VM.
    TwoConfigurations,
    /// Another resource of the same configuration.
    OneConfiguration,
}

impl Two {
    async fn start(layout: Layout) -> Result<Self> {
        let mut plan = Plan::new().await?;
        let upstream_b = mcp_recorder().await?;
        let address_b = local(&upstream_b);
        let place_b = Place::reserve()?;
        let b = match layout {
            Layout::TwoConfigurations => place_b.resource(),
            Layout::OneConfiguration => plan.place.resource().replace("/mcp", "/second"),
        };
        plan.sts.issuers[0].audiences.push(b.clone());
        plan.sts.issuers[0].other_targets.push(SECOND_TARGET.to_owned());
        let resource_b = resource_b(&b);
        match layout {
            Layout::OneConfiguration => {
                plan.configure(|filter| push(&mut filter["resources"], resource_b));
                plan.gateway.shape = Box::new(move |bootstrap| {
                    bootstrap.upstreams.push(upstream(SECOND, address_b));
                });
            }
            Layout::TwoConfigurations => {
                let (sender, second) = std::sync::mpsc::channel();
                let listener = place_b.address();
                plan.gateway.shape = Box::new(move |bootstrap| {
                    let mut other = bootstrap.clone();
                    other.listener.address = listener;
                    other.configuration["resources"] = json!([resource_b]);
                    other.upstreams.retain(|upstream| upstream.name == OTHER);
                    other.upstreams.push(upstream(SECOND, address_b));
                    // Only tests hang up: the receiver is there.
                    let _sent = sender.send(other.to_value());
                });
                plan.gateway.edit = Box::new(move |bootstrap| {
                    let mut second = second.recv().unwrap().unwrap();
                    let mut listener = edit::listeners(&mut second).unwrap().remove(0);
                    listener["name"] = json!("second");
                    edit::listeners(bootstrap).unwrap().push(listener);
                    let clusters = edit::clusters(&mut second).unwrap();
                    let cluster = edit::remove(clusters, SECOND).unwrap();
                    edit::clusters(bootstrap).unwrap().push(cluster);
                });
            }
        }
        let bench = plan.start().await?;
        Ok(Self { bench, b, upstream_b, _place_b: place_b })
    }

    fn token(&self, subject: &str, audiences: &[&str]) -> Result<String> {
        let mut claims = self.bench.claims(subject);
        claims["aud"] = json!(audiences);
        self.bench.idp.mint(&claims)
    }

    async fn at(&self, resource: &str, token: &str) -> Result<Answer> {
        let request = self.bench.http.post(resource).bearer_auth(token);
        let request = request.header("content-type", "application/json");
        Answer::to(request.body(tool_call("pods_list"))).await
    }
}

fn upstream(name: &str, address: std::net::SocketAddr) -> obolus_envoy::Upstream {
    obolus_envoy::Upstream::plain(name, address)
}

fn resource_b(url: &str) -> Value {
    json!({
        "name": "second",
        "resource": url,
        "clusters": [SECOND],
        "issuers": ["idp"],
        "requiredScopes": ["mcp:tools"],
        "target": {"name": SECOND_TARGET, "audience": SECOND_TARGET},
    })
}

fn push(list: &mut Value, item: Value) {
    if let Some(list) = list.as_array_mut() {
        list.push(item);
    }
}

async fn a_token_of_one_is_nothing_to_the_other(layout: Layout) -> Result<()> {
    let two = Two::start(layout).await?;
    let (a, b) = (two.bench.gateway.resource(), two.b.clone());
    assert_ne!(a, b);
    let (for_a, for_b) = (two.token("alice", &[&a])?, two.token("bob", &[&b])?);
    // Cold and warm.
    for _ in 0..3 {
        assert_eq!(two.at(&a, &for_a).await?.status, 200);
        assert_eq!(two.at(&b, &for_a).await?.verdict(), (401, "audience_mismatch"));
        assert_eq!(two.at(&b, &for_b).await?.status, 200);
        assert_eq!(two.at(&a, &for_b).await?.verdict(), (401, "audience_mismatch"));
        assert_eq!(people(&two.bench.upstream, "kubernetes")?, ["alice"]);
        assert_eq!(people(&two.upstream_b, SECOND_TARGET)?, ["bob"]);
    }

    // Good at both, and exchanged for each.
    let exchanges = two.bench.idp.exchanges();
    let for_both = two.token("carol", &[&a, &b])?;
    for _ in 0..3 {
        assert_eq!(two.at(&a, &for_both).await?.status, 200);
        assert_eq!(two.at(&b, &for_both).await?.status, 200);
        assert_eq!(people(&two.bench.upstream, "kubernetes")?, ["carol"]);
        assert_eq!(people(&two.upstream_b, SECOND_TARGET)?, ["carol"]);
    }
    assert_eq!(two.bench.idp.exchanges() - exchanges, 2);
    Ok(())
}

#[tokio::test]
async fn a_token_warmed_at_one_configuration_is_refused_at_the_other() -> Result<()> {
    a_token_of_one_is_nothing_to_the_other(Layout::TwoConfigurations).await
}

#[tokio::test]
async fn a_token_warmed_at_one_resource_is_refused_at_another_of_the_same_configuration()
-> Result<()> {
    a_token_of_one_is_nothing_to_the_other(Layout::OneConfiguration).await
}

/// What the story above rests on: both configurations share the VMs.
#[tokio::test]
async fn two_configurations_are_in_one_vm() -> Result<()> {
    let vms = async |bench: &Workbench| -> Result<u64> {
        bench.gateway.envoy.counter("wasm.envoy.wasm.runtime.v8.active").await
    };
    let two = Two::start(Layout::TwoConfigurations).await?;
    let one = Workbench::start().await?;
    let (two, one) = (vms(&two.bench).await?, vms(&one).await?);
    ensure!(two == one && one > 0, "{two} VMs for two configurations, {one} for one");
    Ok(())
}

/// A resource is told by its cluster: one that is reached by another's path keeps its own rules.
#[tokio::test]
async fn a_route_that_leads_to_the_other_resources_cluster_asks_for_the_others_token() -> Result<()>
{
    let mut plan = Plan::new().await?;
    let upstream_b = mcp_recorder().await?;
    let address_b = local(&upstream_b);
    let b = plan.place.resource().replace("/mcp", "/second");
    plan.sts.issuers[0].audiences.push(b.clone());
    plan.sts.issuers[0].other_targets.push(SECOND_TARGET.to_owned());
    let resource_b = resource_b(&b);
    plan.configure(|filter| push(&mut filter["resources"], resource_b));
    plan.gateway.shape = Box::new(move |bootstrap| {
        bootstrap.upstreams.push(upstream(SECOND, address_b));
    });
    let host = plan.place.authority();
    plan.gateway.edit = Box::new(move |bootstrap| {
        let route = edit::route(bootstrap, &host, "kubernetes").unwrap();
        assert_eq!(route["route"]["cluster"], PROTECTED);
        route["route"]["cluster"] = json!(SECOND);
    });
    let bench = plan.start().await?;
    let mut claims = bench.claims("bob");
    claims["aud"] = json!(b);
    let for_b = bench.idp.mint(&claims)?;
    for _ in 0..2 {
        let answer = Answer::to(bench.call(&bench.token("alice")?)).await?;
        assert_eq!(answer.verdict(), (401, "audience_mismatch"));
        assert_eq!((arrived(&bench.upstream), arrived(&upstream_b)), (0, 0));
        assert_eq!(Answer::to(bench.call(&for_b)).await?.status, 200);
        assert_eq!(people(&upstream_b, SECOND_TARGET)?, ["bob"]);
    }
    assert_eq!(arrived(&bench.upstream), 0);
    Ok(())
}
