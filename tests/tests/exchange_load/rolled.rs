//! The STS restarted and rolled while people call: whoever is warm notices nothing.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_envoy::edit;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::fixtures::idp::Idp;
use obolus_tests::fixtures::load::{Answered, Load};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::sts::{Sts, StsIssuer, StsOptions};
use obolus_tests::fixtures::workbench::{issuers, local, mcp_recorder, tool_call};
use obolus_tests::pki::Authority;
use obolus_tests::{https, secret};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const WARM: u32 = 20;
const COLD: u32 = 10;
const REGULARS: usize = 10;
/// Good answers to newcomers between two changes.
const ENOUGH: usize = 10;
const SOON: Duration = Duration::from_secs(30);

/// Replicas of one STS behind one gateway.
struct Replicas {
    idp: std::sync::Arc<Idp>,
    replicas: Vec<Sts>,
    gateway: Gateway,
    http: reqwest::Client,
    _upstream: Recorder,
}

impl Replicas {
    async fn start(count: usize) -> Result<Self> {
        let authority = Authority::new("obolus replicas")?;
        let idp = std::sync::Arc::new(Idp::start(&authority).await?);
        let upstream = mcp_recorder().await?;
        let place = Place::reserve()?;
        let credential = secret::random()?;
        let options = StsOptions {
            issuers: vec![StsIssuer::oidc(idp.issuer(), vec![place.resource()])?],
            credential: credential.clone(),
            ..StsOptions::default()
        };
        let mut replicas = Vec::new();
        for _ in 0..count {
            replicas.push(Sts::start(&authority, &options).await?);
        }
        let mut gateway = GatewayOptions::new(issuers(&idp), local(&upstream), &credential);
        let endpoints: Vec<_> = replicas.iter().map(endpoint).collect();
        gateway.edit = Box::new(move |bootstrap| behind_one_name(bootstrap, &endpoints));
        let first = replicas.first().context("no replica")?;
        let gateway = Gateway::start(place, first, gateway).await?;
        let http = https::plain_client()?;
        Ok(Self { idp, replicas, gateway, http, _upstream: upstream })
    }

    fn call(&self) -> impl Fn(&str) -> RequestBuilder + Send + use<> {
        let (http, url) = (self.http.clone(), self.gateway.resource());
        move |token| {
            http.post(&url)
                .bearer_auth(token)
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .body(tool_call("pods_list"))
        }
    }

    /// Warm people, who are served once, and newcomers.
    async fn people(&self) -> Result<(Load, Load)> {
        let token = {
            let (idp, resource) = (std::sync::Arc::clone(&self.idp), self.gateway.resource());
            move |person: &str| idp.mint(&idp.claims(person, &resource))
        };
        let call = self.call();
        let mut regulars = Vec::new();
        for number in 0..REGULARS {
            let regular = token(&format!("regular-{number}"))?;
            let answer = Answered::to(call(&regular)).await;
            ensure!(answer.is_good(), "{answer}");
            regulars.push(regular);
        }
        let warm = Load::start("warm", WARM, move |number| Ok(call(&regulars[number % REGULARS])));
        let call = self.call();
        let cold = Load::start("cold", COLD, move |number| {
            Ok(call(&token(&format!("newcomer-{number}"))?))
        });
        Ok((warm, cold))
    }

    /// Ends a replica, lets people call without it, starts it again, and lets them call with it.
    async fn restart(&mut self, number: usize, warm: &Load, cold: &Load) -> Result<()> {
        let sts = self.replicas.get_mut(number).context("no such replica")?;
        let code = tokio::task::block_in_place(|| sts.stop())?;
        ensure!(code == 0, "the STS ended with {code}\n{}", sts.log());
        warm.goes_on(ENOUGH, SOON).await?;
        cold.goes_on(ENOUGH, SOON).await?;
        sts.start_again().await?;
        cold.goes_well(ENOUGH, SOON).await?;
        warm.goes_well(ENOUGH, SOON).await
    }
}

fn endpoint(sts: &Sts) -> Value {
    let address = sts.address();
    let address = json!({"address": address.ip().to_string(), "port_value": address.port()});
    json!({"endpoint": {"address": {"socket_address": address}}})
}

/// What a headless service or a mesh gives Envoy: several endpoints of one name.
fn behind_one_name(bootstrap: &mut Value, endpoints: &[Value]) {
    let clusters = edit::clusters(bootstrap).unwrap();
    let sts = edit::named(clusters, "obolus-sts").unwrap();
    sts["load_assignment"]["endpoints"][0]["lb_endpoints"] = json!(endpoints);
}

/// Nobody warm may fail; whoever is cold is told when to come back, and how many there were is printed.
fn judge(what: &str, warm: &[Answered], cold: &[Answered]) -> Result<usize> {
    let failed: Vec<_> = cold.iter().filter(|answer| !answer.is_good()).collect();
    println!(
        "{what}: warm {} of {}, cold {} of {}, {} told to come back",
        warm.iter().filter(|answer| answer.is_good()).count(),
        warm.len(),
        cold.len() - failed.len(),
        cold.len(),
        failed.len()
    );
    for failure in &failed {
        println!("  {failure}");
    }
    if let Some(bad) = warm.iter().find(|answer| !answer.is_good()) {
        anyhow::bail!("{what}: warm: {bad}");
    }
    let untold = failed.iter().find(|answer| !answer.is_503("sts_unavailable"));
    ensure!(
        untold.is_none(),
        "{what}: cold: {}",
        untold.map(ToString::to_string).unwrap_or_default()
    );
    Ok(failed.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_only_sts_restarts_warm_people_are_served_and_new_ones_come_back_later()
-> Result<()> {
    let mut replicas = Replicas::start(1).await?;
    let (warm, cold) = replicas.people().await?;
    cold.goes_well(ENOUGH, SOON).await?;
    for _ in 0..2 {
        replicas.restart(0, &warm, &cold).await?;
    }
    let (warm, cold) = (warm.end().await?, cold.end().await?);
    let failed = judge("restarted twice", &warm, &cold)?;
    ensure!(failed > 0, "the control: while there is no STS, nobody new is served");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_are_rolled_under_load() -> Result<()> {
    let mut replicas = Replicas::start(2).await?;
    let (warm, cold) = replicas.people().await?;
    cold.goes_well(ENOUGH, SOON).await?;
    for number in [0, 1] {
        replicas.restart(number, &warm, &cold).await?;
    }
    let (warm, cold) = (warm.end().await?, cold.end().await?);
    let failed = judge("rolled", &warm, &cold)?;
    ensure!(failed == 0, "{failed} newcomers were sent away although there was a replica");
    Ok(())
}
