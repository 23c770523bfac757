//! `deploy/istio-sidecar`: the filter at the MCP server's own sidecar, and a gateway that knows nothing of us.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, anyhow, ensure};
use obolus_tests::fixtures::audit;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::mesh::NAMESPACE;
use obolus_tests::fixtures::mesh::manifests::documents_of;
use obolus_tests::parts::products::workspace;
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::sync::{Mutex, RwLockWriteGuard};

use crate::as_workload::client;
use crate::installed::{HOST, Installed, MCP_PORT, STS_PORT, deployed, exchanged_only, installed};
use crate::plugin::arrived;

/// The MCP server's `Sidecar` of the fixtures.
pub(crate) const SIDECAR: &str = "test-obolus-mcp";

/// What `kubectl apply -k deploy/istio-sidecar` would apply, for this machine's files and addresses.
async fn manifests(world: &Installed) -> Result<Vec<Value>> {
    let mut kubectl = world.mesh.cluster.kubectl();
    kubectl.arg("kustomize").arg(workspace().join("deploy/istio-sidecar"));
    let output = tokio::task::spawn_blocking(move || kubectl.output()).await??;
    ensure!(output.status.success(), "{output:?}");
    let mut objects = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_slice(&output.stdout) {
        objects.push(Value::deserialize(document)?);
    }
    let filter = world.istio.sidecar_filter().map_err(|problems| anyhow!("{problems}"))?;
    let named = |object: &Value, kind: &str, name: &str| {
        object["kind"] == kind && object["metadata"]["name"] == name
    };
    ensure!(!objects.iter().any(|object| named(object, "EnvoyFilter", "obolus")), "two filters");
    let is_theirs = |object: &Value| object["metadata"]["namespace"] == "istio-system";
    ensure!(!objects.iter().any(is_theirs), "something of the gateway's team");
    let ours = objects.iter_mut().find(|object| named(object, "EnvoyFilter", "obolus-sidecar"));
    *ours.context("no EnvoyFilter")? = filter;
    // The workload has a Sidecar already, by which it listens without iptables.
    let theirs = objects.iter_mut().find(|object| named(object, "Sidecar", "obolus-mcp"));
    let theirs = theirs.context("no Sidecar")?;
    let path = format!("/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/sidecars/{SIDECAR}");
    let listens = world.mesh.cluster.admin_get(&path).await?["spec"]["ingress"].clone();
    theirs["metadata"]["name"] = SIDECAR.into();
    theirs["spec"]["ingress"] = listens;
    let egress = &mut theirs["spec"]["egress"][0];
    egress["port"] = json!({"number": STS_PORT, "protocol": "TCP", "name": "tcp"});
    egress["bind"] = world.mesh.mcp.ip().to_string().into();
    egress["captureMode"] = "NONE".into();
    Ok(objects)
}

/// Runs a story for which the filter stands at the server's own sidecar. Envoy compiles the module whenever it moves,
/// for seconds, so those that wait for this form have their turns one after the other.
pub(crate) async fn in_this_form(
    story: impl AsyncFnOnce(&mut Installed) -> Result<()>,
) -> Result<()> {
    static WAITING: Mutex<Option<RwLockWriteGuard<'static, Installed>>> = Mutex::const_new(None);
    let wanted = Wanted::new();
    let mut turn = WAITING.lock().await;
    let mut world = match turn.take() {
        Some(world) => world,
        None => installed().await?,
    };
    at_the_sidecar(&world).await?;
    let outcome = story(&mut world).await;
    if wanted.by_others() {
        *turn = Some(world);
    } else {
        at_the_gateway_again(&world).await?;
    }
    outcome
}

/// A story that waits for this form, or has it.
struct Wanted;

static WANTED: AtomicUsize = AtomicUsize::new(0);

impl Wanted {
    fn new() -> Self {
        WANTED.fetch_add(1, Ordering::SeqCst);
        Self
    }

    fn by_others(&self) -> bool {
        WANTED.load(Ordering::SeqCst) > 1
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        WANTED.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The filter stands at the server's own sidecar, and nowhere else.
async fn at_the_sidecar(world: &Installed) -> Result<()> {
    let gateways = world.istio.envoy_filter().map_err(|problems| anyhow!("{problems}"))?;
    // First the sidecar's, so that the server is never without.
    world.mesh.apply(&documents_of(&manifests(world).await?)).await?;
    world.mesh.delete(&exchanged_only()?).await?;
    world.mesh.delete(&gateways.to_string()).await
}

/// As it was.
async fn at_the_gateway_again(world: &Installed) -> Result<()> {
    let ours = world.istio.sidecar_filter().map_err(|problems| anyhow!("{problems}"))?;
    world.mesh.apply_dir(&deployed()).await?;
    world.mesh.delete(&ours.to_string()).await
}

#[tokio::test]
async fn at_the_servers_own_sidecar_two_people_pass_as_themselves_and_nobody_else_does()
-> Result<()> {
    in_this_form(async |world| {
        story(world).await?;
        wrong_port(world).await
    })
    .await
}

/// The settings name another port than the program's, so istiod's name of the way to it is not the protected one.
async fn wrong_port(world: &Installed) -> Result<()> {
    let mut istio = world.istio.clone();
    istio.settings.sidecar.port = 80;
    let wrong = istio.sidecar_filter().map_err(|problems| anyhow!("{problems}"))?;
    world.mesh.apply(&wrong.to_string()).await?;
    let http = client(Some(world.mesh.gateway.certificate().await?))?;
    let url = format!("https://{}/mcp", world.mesh.mcp.at(MCP_PORT));
    let token = world.token("alice").await?;
    let before = arrived(world).await?;
    for host in [HOST, "obolus-mcp.obolus.svc.cluster.local", "shop.example.com"] {
        for token in [None, Some(token.as_str())] {
            let client = McpClient::new(&url, token)?.over(http.clone());
            let call = client.request("tools/call", json!({"name": "whoami", "arguments": {}}));
            let status = call.header("host", host).send().await?.status().as_u16();
            ensure!(matches!(status, 401 | 403), "{host}: {status}");
        }
    }
    ensure!(arrived(world).await? == before, "something arrived at the MCP server");
    Ok(())
}

async fn story(world: &Installed) -> Result<()> {
    let gateway = world.mesh.gateway.admin.get("/config_dump").await?;
    ensure!(!gateway.contains("obolus_filter"), "the gateway still has a filter");

    let delete = json!({"namespace": "shop", "name": "no-such-pod"});
    for (person, told) in [("alice", "not found"), ("bob", "forbidden")] {
        let token = world.token(person).await?;
        let answer = world.call(Some(&token), "whoami", json!({})).await?;
        let username = &answer.body["result"]["structuredContent"]["username"];
        ensure!(*username == world.entra.username(person), "{person}: {answer:?}");
        let answer = world.call(Some(&token), "pods_delete", delete.clone()).await?;
        ensure!(answer.is_tool_error() && answer.text().contains(told), "{person}: {answer:?}");
    }

    let before = arrived(world).await?;
    let none = world.call(None, "whoami", json!({})).await?;
    ensure!(none.status == 401, "{none:?}");
    let challenge = none.headers["www-authenticate"].to_str()?;
    ensure!(challenge.contains("resource_metadata"), "{challenge}");
    let bad = world.call(Some("x.y.z"), "whoami", json!({})).await?;
    ensure!(bad.status == 401, "{bad:?}");
    // For the cluster already: not what people bring.
    let exchanged = world.entra.exchange(&world.token("alice").await?).await?;
    let exchanged = world.call(Some(&exchanged), "whoami", json!({})).await?;
    ensure!(exchanged.status == 401, "{exchanged:?}");

    // Straight to the pod with the gateway's own certificate: nothing of the gateway decides.
    let http = client(Some(world.mesh.gateway.certificate().await?))?;
    let url = format!("https://{}/mcp", world.mesh.mcp.at(MCP_PORT));
    let token = world.token("alice").await?;
    let straight = async |token: Option<&str>, host: &str| {
        let client = McpClient::new(&url, token)?;
        let call = client.over(http.clone());
        let call = call.request("tools/call", json!({"name": "whoami", "arguments": {}}));
        anyhow::Ok(call.header("host", host).send().await?.status().as_u16())
    };
    ensure!(straight(None, HOST).await? == 401);
    // A host for which the filter does not run meets the guard.
    ensure!(straight(Some(&token), "obolus-mcp.obolus.svc.cluster.local").await? == 403);
    ensure!(arrived(world).await? == before, "something arrived at the MCP server");
    ensure!(straight(Some(&token), HOST).await? == 200);
    ensure!(arrived(world).await? == before + 1);

    let records = || audit::records(&world.mesh.mcp.log());
    let permitted = |all: &[Value]| all.iter().any(|record| record["decision"] == "permit");
    audit::recorded("the permit", records, permitted).await?;
    ensure!(!world.mesh.mcp.log().contains(&token), "a token stands in the sidecar's log");
    Ok(())
}
