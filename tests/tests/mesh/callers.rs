//! Who else may call the STS and the MCP server as `deploy/istio` installs them: nobody.

use anyhow::{Result, ensure};
use obolus_tests::fixtures::mcp_client::McpClient;
use reqwest::Client;
use serde_json::json;

use crate::as_workload::client;
use crate::installed::{HOST, Installed, MCP_PORT, STS_PORT, installed};
use crate::nested::{self, Outer};

/// A call of `whoami` with alice's exchanged token, at a place of one's choice.
async fn at_the_mcp_server(
    world: &Installed,
    url: &str,
    host: &str,
    client: Client,
) -> Result<(u16, String)> {
    let token = world.entra.exchange(&world.token("alice").await?).await?;
    let caller = McpClient::new(url, Some(&token))?.over(client);
    let call = caller.request("tools/call", json!({"name": "whoami", "arguments": {}}));
    let answer = call.header("host", host).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// What the STS shows to everybody who gets that far.
fn keys(world: &Installed) -> String {
    format!("/keys/entra/{}", world.entra.tenant_id())
}

#[tokio::test]
async fn with_alices_exchanged_token_only_the_gateway_is_admitted_to_the_mcp_server() -> Result<()>
{
    let world = installed().await?;
    let pod = world.mesh.mcp.at(MCP_PORT);
    let (encrypted, plain) = (format!("https://{pod}/mcp"), format!("http://{pod}/mcp"));

    let gateway = client(Some(world.mesh.gateway.certificate().await?))?;
    let (status, text) = at_the_mcp_server(&world, &encrypted, HOST, gateway).await?;
    ensure!(status == 200 && text.contains(&world.entra.object_id("alice")), "{status} {text}");

    let stranger = world.stranger()?;
    let as_itself = client(Some(stranger.certificate().await?))?;
    let (status, text) = at_the_mcp_server(&world, &encrypted, HOST, as_itself).await?;
    ensure!((status, text.as_str()) == (403, "RBAC: access denied"), "{status} {text}");

    let own_sidecar = format!("http://{}/mcp", stranger.at(MCP_PORT));
    let host = format!("obolus-mcp.obolus.svc.cluster.local:{MCP_PORT}");
    let (status, text) = at_the_mcp_server(&world, &own_sidecar, &host, client(None)?).await?;
    ensure!((status, text.as_str()) == (403, "RBAC: access denied"), "{status} {text}");

    for (what, url) in [("plaintext", &plain), ("no certificate", &encrypted)] {
        let outcome = at_the_mcp_server(&world, url, HOST, client(None)?).await;
        ensure!(outcome.is_err(), "{what} was answered: {outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn to_the_sts_only_the_gateway_gets_as_far_as_its_own_tls() -> Result<()> {
    let world = installed().await?;
    let pod = world.mesh.sts.at(STS_PORT);
    let ask = |outer: Outer| nested::status(pod, outer, world.authority.pem(), keys(&world));
    let gateway = ask(Outer::As(world.mesh.gateway.certificate().await?)).await?;
    ensure!(gateway == 200, "the gateway got {gateway}");

    let stranger = world.stranger()?.certificate().await?;
    for (what, outer) in [
        ("another workload", Outer::As(stranger)),
        ("no certificate of the mesh", Outer::Anonymous),
        ("the STS's TLS without the mesh's", Outer::None),
    ] {
        let outcome = ask(outer).await;
        ensure!(outcome.is_err(), "{what} was answered: {outcome:?}");
    }
    Ok(())
}

/// The gateway's way is the same as in the stories of people, so the credential is not what decides here.
#[tokio::test]
async fn what_a_stranger_tried_at_the_sts_was_refused_by_the_policy() -> Result<()> {
    let world = installed().await?;
    let denied = || async {
        let stats = world.mesh.sts.admin.stats().await?;
        let denied = stats.iter().filter(|(name, _)| name.ends_with("rbac.denied"));
        anyhow::Ok(denied.map(|(_, count)| count).sum::<u64>())
    };
    let before = denied().await?;
    let stranger = world.stranger()?.certificate().await?;
    let (pod, ca) = (world.mesh.sts.at(STS_PORT), world.authority.pem());
    let outcome = nested::status(pod, Outer::As(stranger), ca, keys(&world)).await;
    ensure!(outcome.is_err(), "{outcome:?}");
    let after = denied().await?;
    ensure!(after > before, "{before} before and {after} after");
    Ok(())
}
