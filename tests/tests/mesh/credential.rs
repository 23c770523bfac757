//! The filter's credential is replaced while people work: the commands of `docs/istio.md`, and what they cause in a
//! cluster. There is no kubelet here, so the story does what one would: it writes Secrets to the STS's files, and
//! starts the gateway's new pod, to which new connections then go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::entra::TARGET;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::mesh::manifests::documents_of;
use obolus_tests::fixtures::mesh::{GATEWAY, ISTIO_SYSTEM, Kind, WorkloadOptions};
use obolus_tests::fixtures::sts::CALLER;
use obolus_tests::{https, secret};
use serde_json::json;

use crate::installed::{CREDENTIAL, FIRST, Installed, NEXT, installed};
use crate::plugin::whoami;
use crate::prober::{OFTEN, Prober};
use crate::shell::{Shell, commands};

const ENOUGH: u64 = 50;
/// What the commands leave behind.
const SECRETS: &str = "
{apiVersion: v1, kind: Secret, metadata: {name: obolus-sts-callers, namespace: obolus}}
---
{apiVersion: v1, kind: Secret, metadata: {name: obolus-gateway-credential, namespace: istio-system}}
";
/// Each is exchanged once at each gateway; with one token the STS would hardly be asked.
const TOKENS: usize = 12;

/// What the STS says to an exchange of this token by whoever has this credential.
async fn exchanged(world: &Installed, credential: &str, token: &str) -> Result<u16> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", obolus_core::exchange::GRANT_TYPE)
        .append_pair("subject_token_type", obolus_core::exchange::ACCESS_TOKEN_TYPE)
        .append_pair("requested_token_type", obolus_core::exchange::ACCESS_TOKEN_TYPE)
        .append_pair("audience", TARGET)
        .append_pair("subject_token", token)
        .finish();
    let encoded: String = form_urlencoded::byte_serialize(credential.as_bytes()).collect();
    let authority = reqwest::Certificate::from_pem(world.authority.pem().as_bytes())?;
    let http = https::builder().tls_certs_only([authority]).build()?;
    let request = http
        .post(format!("{}/exchange", world.sts.url()))
        .basic_auth(CALLER, Some(encoded))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    Ok(request.send().await?.status().as_u16())
}

/// Waits until the STS has seen its files: both credentials are told apart by what it answers.
async fn sts_says(world: &Installed, token: &str, said: &[(&str, u16)]) -> Result<()> {
    eventually("the STS to read its files", Duration::from_secs(10), || async {
        for (credential, status) in said {
            let now = exchanged(world, credential, token).await?;
            ensure!(now == *status, "{now} instead of {status}");
        }
        Ok(())
    })
    .await
}

async fn value(world: &Installed, namespace: &str, name: &str, key: &str) -> Result<String> {
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
    let found = world.mesh.cluster.admin_get(&path).await?;
    let encoded = found["data"][key].as_str().with_context(|| format!("no {key}"))?;
    Ok(String::from_utf8(STANDARD.decode(encoded)?)?)
}

/// As a kubelet does with the Secret that is mounted into the STS's pods.
async fn mount(world: &Installed) -> Result<()> {
    for (key, file) in [("gateway-next", NEXT), ("gateway", FIRST)] {
        let content = value(world, "obolus", "obolus-sts-callers", key).await?;
        std::fs::write(world.sts.folder().join(file), content)?;
    }
    Ok(())
}

/// The new pod has an address of its own, hence listeners of its own.
async fn new_gateway(world: &mut Installed, credential: String) -> Result<String> {
    let labels: std::collections::BTreeMap<_, _> =
        [("istio".to_owned(), "restarted".to_owned())].into();
    let mut istio = world.istio.clone();
    istio.settings.gateway.labels.clone_from(&labels);
    let problems = |problems| anyhow!("{problems}");
    let mut objects = istio.routes().map_err(problems)?;
    objects.push(istio.envoy_filter().map_err(problems)?);
    for object in &mut objects {
        object["metadata"]["name"] = "restarted".into();
        if object["kind"] == "VirtualService" {
            object["spec"]["gateways"] = json!(["istio-system/restarted"]);
        }
    }
    let text = documents_of(&objects);

    let mut options = WorkloadOptions::new(Kind::Gateway, ISTIO_SYSTEM, GATEWAY);
    options.name = "restarted".to_owned();
    options.labels = labels;
    options.environment.push((CREDENTIAL.to_owned(), credential));
    world.mesh.join(options).await?;
    world.mesh.apply(&text).await?;
    Ok(text)
}

async fn whoami_is_answered(client: McpClient) -> Result<u16> {
    Ok(whoami(client)().send().await?.status().as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credential_is_rotated_as_documented_and_nobody_notices() -> Result<()> {
    let mut world = installed().await?;
    let mut made = None;
    let outcome = story(&mut world, &mut made).await;
    // The first gateway, which all other stories have, keeps the old one.
    for file in [FIRST, NEXT] {
        std::fs::write(world.sts.folder().join(file), &world.credential)?;
    }
    let token = world.token("alice").await?;
    sts_says(&world, &token, &[(&world.credential, 200)]).await?;
    if let Some(made) = made {
        world.mesh.delete(&made).await?;
    }
    // The commands for a first installation find none.
    world.mesh.delete(SECRETS).await?;
    outcome
}

async fn story(world: &mut Installed, made: &mut Option<String>) -> Result<()> {
    let shell = Shell::new(&world.mesh).await?;
    let (old, new) = (world.credential.clone(), secret::random()?);
    std::fs::write(shell.folder().join("credential"), &old)?;
    std::fs::write(shell.folder().join("credential-next"), &new)?;
    let steps = commands(Some("Rotate the filter's credential"))?;
    let [to_the_sts, new_sts @ .., old_one_goes, _, _, last] = steps.as_slice() else {
        anyhow::bail!("the steps are others: {steps:#?}")
    };
    let [_, _, to_the_gateway, new_gateways @ ..] = new_sts else {
        anyhow::bail!("the steps are others: {steps:#?}")
    };

    let mut tokens = Vec::new();
    for _ in 0..TOKENS {
        tokens.push(world.token("alice").await?);
    }
    let token = tokens[0].clone();
    let clients = |at: Option<&str>| -> Result<Vec<McpClient>> {
        let gateway = match at {
            None => &world.mesh.gateway,
            Some(name) => world.mesh.other(name).context("it has not joined")?,
        };
        tokens.iter().map(|token| world.client_at(gateway, Some(token))).collect()
    };
    let (before, after) = (clients(None)?, Arc::new(std::sync::OnceLock::<Vec<McpClient>>::new()));
    let (switched, turn) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let good = {
        let (after, switched) = (Arc::clone(&after), Arc::clone(&switched));
        Prober::start(OFTEN, move || {
            let all = match after.get() {
                Some(after) if switched.load(Ordering::Relaxed) => after,
                _ => &before,
            };
            whoami(all[turn.fetch_add(1, Ordering::Relaxed) % all.len()].clone())()
        })
    };
    good.passes(ENOUGH).await?;
    ensure!(exchanged(world, &new, &token).await? == 401, "the new one is taken too early");

    shell.run(to_the_sts).await?;
    mount(world).await?;
    sts_says(world, &token, &[(&old, 200), (&new, 200)]).await?;
    good.passes(ENOUGH).await?;

    shell.run(to_the_gateway).await?;
    for step in new_gateways {
        shell.run(step).await?;
    }
    let secret = value(world, ISTIO_SYSTEM, "obolus-gateway-credential", "credential").await?;
    ensure!(secret == new, "the gateway's Secret holds another one");
    *made = Some(new_gateway(world, secret).await?);
    let gateway = world.mesh.other("restarted.istio-system").context("it has not joined")?;
    let new_clients: Result<_> =
        tokens.iter().map(|token| world.client_at(gateway, Some(token))).collect();
    after.set(new_clients?).map_err(|_| anyhow!("twice"))?;
    switched.store(true, Ordering::Relaxed);
    good.passes(ENOUGH).await?;

    shell.run(old_one_goes).await?;
    shell.run(last).await?;
    let current = std::fs::read_to_string(shell.folder().join("credential"))?;
    ensure!(current == new, "the next rotation would begin with the old one");
    mount(world).await?;
    sts_says(world, &token, &[(&old, 401), (&new, 200)]).await?;
    good.passes(ENOUGH).await?;
    let tally = good.end().await?;
    println!("alice during the rotation: {tally} passed/refused/failed");
    ensure!(tally.passed >= 4 * ENOUGH && tally.refused + tally.failed == 0, "{tally:?}");

    // Whoever still has the old one cannot have anything new exchanged; the new gateway can, at the same time.
    let fresh = world.token("alice").await?;
    let late = whoami_is_answered(world.client(Some(&fresh))?).await?;
    let gateway = world.mesh.other("restarted.istio-system").context("it has not joined")?;
    let served = whoami_is_answered(world.client_at(gateway, Some(&fresh))?).await?;
    ensure!(late >= 500 && served == 200, "{late} at the old gateway, {served} at the new one");
    Ok(())
}
