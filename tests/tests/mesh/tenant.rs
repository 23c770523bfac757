//! A tenant: somebody who may write routes in a namespace of their own, at a gateway that all share.
//!
//! What `docs/istio.md` says about the two forms is what is seen here: at the sidecar a tenant's routes lead nobody
//! past the filter. At the gateway they do, and then the second line is what refuses.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::mesh::{GATEWAY, ISTIO_SYSTEM, Kind, WorkloadOptions};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::sts::AUTHORITY;
use obolus_tests::https;
use serde_json::json;

use crate::installed::{HOST, Installed, exchanged_only, installed};
use crate::nested::{self, Outer};
use crate::sidecar::in_this_form;

const HTTP: u16 = 9080;
const TO_THE_SERVER: u16 = 9081;
const TO_THE_STS: u16 = 9082;
/// The server's cluster at the gateway, as its statistics call it.
const SERVER: &str = "cluster.outbound|8080||obolus-mcp.obolus.svc.cluster.local";

/// The tenant's ways to the MCP server, and the answers. A mirrored request is answered by the tenant's application.
const PROXIED: [&str; 3] = ["route", "alias", "tcp"];

struct Tenant {
    application: Recorder,
    manifests: String,
}

impl Tenant {
    async fn arrives(world: &Installed) -> Result<Self> {
        let application = Recorder::start().await?;
        let manifests = include_str!("tenant.yaml")
            .replace("targetPort: 10000", &format!("targetPort: {}", application.port()))
            .replace("127.77.0.1", &world.mesh.mcp.ip().to_string());
        world.mesh.apply(&manifests).await?;
        Ok(Self { application, manifests })
    }

    /// A tool call by one of the ways, with this bearer.
    async fn call(&self, world: &Installed, way: &str, token: Option<&str>) -> Result<u16> {
        let (port, path, host) = match way {
            "tcp" => (TO_THE_SERVER, "mcp", HOST),
            _ => (HTTP, way, "tenant.example.com"),
        };
        let url = format!("http://{}/{path}", world.mesh.gateway.at(port));
        let call = McpClient::new(&url, token)?.over(https::builder().http1_only().build()?);
        let call = call.request("tools/call", json!({"name": "whoami", "arguments": {}}));
        Ok(call.header("host", host).send().await?.status().as_u16())
    }

    /// Has a request mirrored, and waits until the copy has left the gateway and was answered.
    async fn mirror(&self, world: &Installed, token: Option<&str>) -> Result<()> {
        let (before, seen) = (copies(world).await?.0, self.application.requests().len());
        let answer = self.call(world, "mirror", token).await?;
        ensure!(answer == 200, "the tenant's own application: {answer}");
        ensure!(self.application.requests().len() == seen + 1, "it was not asked");
        eventually("the copy", Duration::from_secs(10), || async {
            let (sent, active) = copies(world).await?;
            ensure!(sent > before && active == 0, "{before} {sent} {active}");
            Ok(())
        })
        .await
    }

    /// What a route of the tenant reads from the gateway's environment.
    async fn reads_the_environment(&self, world: &Installed) -> Result<String> {
        read_the_environment(world.mesh.gateway.at(HTTP)).await?.context("no header")
    }

    async fn leaves(self, world: &Installed) -> Result<()> {
        world.mesh.delete(&self.manifests).await
    }
}

async fn read_the_environment(gateway: SocketAddr) -> Result<Option<String>> {
    let request = https::plain_client()?.get(format!("http://{gateway}/environment"));
    let answer = request.header("host", "tenant.example.com").send().await?;
    ensure!(answer.status() == 200, "{answer:?}");
    let value = answer.headers().get("x-environment");
    value.map(|value| Ok(value.to_str()?.to_owned())).transpose()
}

/// How many requests the gateway has sent to the MCP server's cluster, and how many wait for their answer.
async fn copies(world: &Installed) -> Result<(u64, u64)> {
    let stats = world.mesh.gateway.admin.stats().await?;
    let value = |suffix: &str| {
        let mut found =
            stats.iter().filter(|(name, _)| name.starts_with(SERVER) && name.ends_with(suffix));
        found.next().map(|(_, value)| *value).with_context(|| format!("no {suffix}"))
    };
    Ok((value(".upstream_rq_total")?, value(".upstream_rq_active")?))
}

/// Alice's call through our own host arrives, and is the only one since `before`.
async fn only_alice_arrives(world: &Installed, before: u64) -> Result<()> {
    let arrived = world.arrived().await?;
    ensure!(arrived == before, "{} arrived at the MCP server", arrived - before);
    let token = world.token("alice").await?;
    let ours = world.call(Some(&token), "whoami", json!({})).await?;
    ensure!(ours.status == 200, "{ours:?}");
    ensure!(world.arrived().await? == before + 1, "hers is not seen either");
    Ok(())
}

#[tokio::test]
async fn at_the_gateway_the_second_line_refuses_what_a_tenants_routes_lead_past_the_filter()
-> Result<()> {
    let world = installed().await?;
    let tenant = Tenant::arrives(&world).await?;
    let outcome = gateway_form(&world, &tenant).await;
    world.mesh.apply(&exchanged_only()?).await?;
    tenant.leaves(&world).await?;
    outcome
}

async fn gateway_form(world: &Installed, tenant: &Tenant) -> Result<()> {
    let before = world.arrived().await?;
    // What people bring is not what the server takes, be it hers.
    let brought = world.token("alice").await?;
    for token in [None, Some("x.y.z"), Some(brought.as_str())] {
        for way in PROXIED {
            let status = tenant.call(world, way, token).await?;
            ensure!(matches!(status, 401 | 403), "{way}: {status}");
        }
        tenant.mirror(world, token).await?;
    }
    only_alice_arrives(world, before).await?;

    // A stranger speaks the STS's own TLS: it answers, and nobody gets a token without the filter's credential.
    let sts = world.mesh.gateway.at(TO_THE_STS);
    let ca = world.authority.pem();
    let status = nested::status(sts, Outer::None, ca.clone(), "/nothing".to_owned()).await?;
    ensure!(status == 404, "{status}");
    let exchange = https::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(ca.as_bytes())?])
        .resolve(AUTHORITY, sts)
        .build()?
        .post(format!("https://{AUTHORITY}:{TO_THE_STS}/exchange"))
        .header("content-type", "application/x-www-form-urlencoded");
    let exchange = exchange.body("grant_type=anything").send().await?;
    ensure!(exchange.status() == 401, "{exchange:?}");
    // And the credential is what the gateway's environment holds.
    let read = tenant.reads_the_environment(world).await?;
    ensure!(read == world.credential, "the route did not read the credential");

    // Without the second line, all but the route to the guarded cluster itself lead there.
    world.mesh.delete(&exchanged_only()?).await?;
    let before = world.arrived().await?;
    let status = tenant.call(world, "route", Some("x.y.z")).await?;
    ensure!(status == 403, "{status}");
    ensure!(world.arrived().await? == before, "past the guard");
    tenant.call(world, "alias", Some("x.y.z")).await?;
    tenant.call(world, "tcp", Some("x.y.z")).await?;
    tenant.mirror(world, Some("x.y.z")).await?;
    ensure!(world.arrived().await? == before + 3, "{} of 3", world.arrived().await? - before);
    Ok(())
}

#[tokio::test]
async fn at_the_sidecar_a_tenants_routes_lead_nobody_past_the_filter_nor_to_the_sts() -> Result<()>
{
    in_this_form(async |world| {
        let tenant = Tenant::arrives(world).await?;
        let mut outcome = sidecar_form(world, &tenant).await;
        if outcome.is_ok() {
            outcome = without_the_credential(world, &tenant).await;
        }
        tenant.leaves(world).await?;
        outcome
    })
    .await
}

async fn sidecar_form(world: &Installed, tenant: &Tenant) -> Result<()> {
    let before = world.arrived().await?;
    for token in [None, Some("x.y.z")] {
        for way in PROXIED {
            let status = tenant.call(world, way, token).await?;
            ensure!(status == 401, "{way}: {status}");
        }
        tenant.mirror(world, token).await?;
    }
    let sts = world.mesh.gateway.at(TO_THE_STS);
    let ca = world.authority.pem();
    let inner = nested::status(sts, Outer::None, ca, "/nothing".to_owned()).await;
    ensure!(inner.is_err(), "the STS answers: {inner:?}");
    only_alice_arrives(world, before).await?;

    // Whose route it is makes no difference to the filter: alice is alice.
    let token = world.token("alice").await?;
    for way in PROXIED {
        let status = tenant.call(world, way, Some(&token)).await?;
        ensure!(status == 200, "{way}: {status}");
    }
    ensure!(world.arrived().await? == before + 1 + PROXIED.len() as u64);
    Ok(())
}

/// A gateway as this form leaves it: nobody has given it the credential.
async fn without_the_credential(world: &mut Installed, tenant: &Tenant) -> Result<()> {
    let mut bare = WorkloadOptions::new(Kind::Gateway, ISTIO_SYSTEM, GATEWAY);
    bare.name = "bare".to_owned();
    bare.labels = [("istio".to_owned(), "bare".to_owned())].into();
    let address = (world.mesh.join(bare).await?.ip(), HTTP).into();
    let routes = include_str!("bare.yaml");
    world.mesh.apply(routes).await?;
    let outcome = async {
        let before = world.arrived().await?;
        let token = world.token("alice").await?;
        for (token, expected) in [(None, 401), (Some(token.as_str()), 200)] {
            let client = McpClient::new(&format!("http://{address}/mcp"), token)?;
            let call = client.request("tools/call", json!({"name": "whoami", "arguments": {}}));
            let status = call.header("host", HOST).send().await?.status();
            ensure!(status == expected, "{status}");
        }
        ensure!(world.arrived().await? == before + 1);
        // The route that reads it from the environment of the one that has it.
        ensure!(tenant.reads_the_environment(world).await? == world.credential);
        let read = read_the_environment(address).await?;
        ensure!(read.is_none_or(|value| value == "-"), "something is read");
        Ok(())
    };
    let outcome = outcome.await;
    world.mesh.delete(routes).await?;
    outcome
}
