//! Changes under load: a module that is not there, and one that is new.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use obolus_envoy::Module;
use obolus_envoy::istio::Istio;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::https;
use reqwest::RequestBuilder;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::installed::{HOST, Installed, installed};

/// Successes of the good prober in each phase.
const ENOUGH: u64 = 50;

/// Asks again and again, and counts the answers.
struct Prober {
    name: &'static str,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    stop: AtomicBool,
    passed: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Prober {
    fn start(name: &'static str, request: impl Fn() -> RequestBuilder + Send + 'static) -> Self {
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            while !shared.stop.load(Ordering::Relaxed) {
                let counter = match request().send().await.map(|answer| answer.status().as_u16()) {
                    Ok(200) => &shared.passed,
                    Ok(401 | 403) => &shared.refused,
                    _ => &shared.failed,
                };
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { name, counts, task }
    }

    fn counts(&self) -> (u64, u64, u64) {
        let Counts { passed, refused, failed, .. } = &*self.counts;
        let [passed, refused, failed] =
            [passed, refused, failed].map(|one| one.load(Ordering::Relaxed));
        (passed, refused, failed)
    }

    async fn end(self) -> Result<(u64, u64, u64)> {
        self.counts.stop.store(true, Ordering::Relaxed);
        let counts = Arc::clone(&self.counts);
        let name = self.name;
        self.task.await?;
        let load = |one: &AtomicU64| one.load(Ordering::Relaxed);
        let all = (load(&counts.passed), load(&counts.refused), load(&counts.failed));
        println!("{name}: {} passed, {} refused, {} failed", all.0, all.1, all.2);
        Ok(all)
    }
}

fn whoami(client: McpClient) -> impl Fn() -> RequestBuilder + Send + 'static {
    let params = json!({"name": "whoami", "arguments": {}});
    move || client.request("tools/call", params.clone()).header("host", HOST)
}

/// How many requests the MCP server's sidecar has let through.
pub(crate) async fn arrived(world: &Installed) -> Result<u64> {
    let stats = world.mesh.mcp.admin.stats().await?;
    let inbound =
        |name: &str| name.starts_with("cluster.inbound|") && name.ends_with(".upstream_rq_total");
    Ok(stats.iter().filter(|(name, _)| inbound(name)).map(|(_, count)| count).sum())
}

/// The good prober has succeeded so often since now.
async fn enough(good: &Prober) -> Result<()> {
    let since = good.counts().0;
    eventually("enough successes", Duration::from_secs(60), || async {
        let now = good.counts().0 - since;
        ensure!(now >= ENOUGH, "only {now}");
        Ok(())
    })
    .await
}

fn of(istio: &Istio) -> Result<String> {
    Ok(istio.envoy_filter().map_err(|problems| anyhow!("{problems}"))?.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_and_a_new_module_under_load_let_nobody_in_and_cut_nobody_off() -> Result<()> {
    let world = installed().await?;
    let shop = Recorder::start().await?;
    let application = include_str!("shop.yaml").replace("10000", &shop.port().to_string());
    world.mesh.apply(&application).await?;
    let token = world.token("alice").await?;
    world.call(Some(&token), "whoami", json!({})).await?;

    let before = arrived(&world).await?;
    let good = Prober::start("with alice's token", whoami(world.client(Some(&token))?));
    let none = Prober::start("without a token", whoami(world.client(None)?));
    let bad = Prober::start("with a bad token", whoami(world.client(Some("x.y.z"))?));
    let plain = https::plain_client()?;
    let url = format!("http://{}/", world.mesh.gateway.at(gateway_port(80)));
    let other = Prober::start("another application", move || {
        plain.get(&url).header("host", "shop.example.com")
    });

    enough(&good).await?;
    let mut broken = world.istio.clone();
    broken.module =
        Module { path: "/nowhere/obolus_filter.wasm".to_owned(), sha256: Some("ab".repeat(32)) };
    world.mesh.apply_only(&of(&broken)?).await?;
    let rejections = world.mesh.settle_with_rejections().await?;
    ensure!(
        rejections.iter().any(|one| one.reason.contains("/nowhere/obolus_filter.wasm")),
        "{rejections:?}"
    );
    enough(&good).await?;

    // The same program as another file, and another VM.
    let path = world.folder.join("new.wasm");
    std::fs::copy(&world.istio.module.path, &path)?;
    let mut new = world.istio.clone();
    let path = path.to_string_lossy().into_owned();
    new.module = Module { path, sha256: Some("cd".repeat(32)) };
    world.mesh.apply(&of(&new)?).await?;
    let taken = world.mesh.gateway.admin.get("/config_dump").await?;
    ensure!(taken.contains(&format!("obolus-{}", "cd".repeat(32))), "the new module is not there");
    enough(&good).await?;

    let (good, none, bad, other) =
        (good.end().await?, none.end().await?, bad.end().await?, other.end().await?);
    let arrived = arrived(&world).await? - before;
    world.mesh.apply(&of(&world.istio)?).await?;
    world.mesh.delete(&application).await?;
    ensure!(good.0 >= 3 * ENOUGH && (good.1 + good.2) * 100 <= good.0, "good: {good:?}");
    ensure!(none.0 == 0 && none.1 > 0, "none: {none:?}");
    ensure!(bad.0 == 0 && bad.1 > 0, "bad: {bad:?}");
    ensure!(other.0 >= ENOUGH && other.1 + other.2 == 0, "other: {other:?}");
    // Those that counted alice's requests count every one.
    ensure!(
        (good.0..=good.0 + good.2).contains(&arrived),
        "{arrived} arrived, of alice there were {good:?}"
    );
    Ok(())
}
