//! Changes under load: configurations that are good and broken, modules that are not there, new, and that panic.
//!
//! Four callers never stop asking: one with alice's token, one without, one with a bad token, and one of another
//! application at the same gateway. What arrives at the MCP server is counted at its sidecar, between the phases,
//! while none of them has a request under way. So every request that arrived is accounted for.

use anyhow::{Context as _, Result, ensure};
use obolus_envoy::Module;
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::https;
use serde_json::{Value, json};

use crate::installed::{Installed, installed};
use crate::modules;
use crate::plugin::{arrived, of, plugin, provocation, whoami};
use crate::prober::{NOW_AND_THEN, OFTEN, Prober, Tally, between};
use crate::shop::beside_the_shop;

/// Successes of the good caller in each phase.
const ENOUGH: u64 = 50;
/// How often the module panics.
const PANICS: usize = 5;

struct Probers {
    good: Prober,
    none: Prober,
    bad: Prober,
    other: Prober,
}

/// What was counted up to now, or within a phase.
struct Counted {
    phase: &'static str,
    good: Tally,
    none: Tally,
    bad: Tally,
    other: Tally,
    arrived: u64,
}

impl Probers {
    fn start(world: &Installed, token: &str) -> Result<Self> {
        let plain = https::plain_client()?;
        let url = format!("http://{}/", world.mesh.gateway.at(gateway_port(80)));
        let other = move || plain.get(&url).header("host", "shop.example.com");
        Ok(Self {
            good: Prober::start(OFTEN, whoami(world.client(Some(token))?)),
            none: Prober::start(NOW_AND_THEN, whoami(world.client(None)?)),
            bad: Prober::start(NOW_AND_THEN, whoami(world.client(Some("x.y.z"))?)),
            other: Prober::start(NOW_AND_THEN, other),
        })
    }

    /// Ends the phase that began with `before`, and prints what was counted in it.
    async fn count(&self, world: &Installed, phase: &'static str) -> Result<Counted> {
        let Self { good, none, bad, other } = self;
        between(&[good, none, bad, other], async {
            Ok(Counted {
                phase,
                good: good.tally(),
                none: none.tally(),
                bad: bad.tally(),
                other: other.tally(),
                arrived: arrived(world).await?,
            })
        })
        .await
    }

    /// Everybody has asked in this phase, and the good one was served often enough.
    async fn enough(&self) -> Result<()> {
        self.good.passes(ENOUGH).await?;
        self.everybody_asks().await
    }

    async fn everybody_asks(&self) -> Result<()> {
        for prober in [&self.none, &self.bad, &self.other] {
            prober.asks(5).await?;
        }
        Ok(())
    }

    async fn end(self) -> Result<()> {
        for prober in [self.good, self.none, self.bad, self.other] {
            prober.end().await?;
        }
        Ok(())
    }
}

impl Counted {
    fn since(&self, earlier: &Self) -> Self {
        Self {
            phase: self.phase,
            good: self.good - earlier.good,
            none: self.none - earlier.none,
            bad: self.bad - earlier.bad,
            other: self.other - earlier.other,
            arrived: self.arrived - earlier.arrived,
        }
    }

    fn print(&self) {
        let Self { phase, good, none, bad, other, arrived } = self;
        println!("{phase:34} {good:>12} {none:>12} {bad:>12} {other:>13} {arrived:>8}");
    }

    /// Nobody but alice came through, and the other application noticed nothing.
    fn check(&self) -> Result<()> {
        let Self { phase, good, none, bad, other, arrived } = self;
        ensure!(none.passed == 0 && none.refused + none.failed > 0, "{phase}: none: {none:?}");
        ensure!(bad.passed == 0 && bad.refused + bad.failed > 0, "{phase}: bad: {bad:?}");
        ensure!(other.passed > 0, "{phase}: other: {other:?}");
        ensure!(other.refused + other.failed == 0, "{phase}: other: {other:?}");
        // One of hers that failed may have arrived before it did.
        let hers = good.passed..=good.passed + good.failed;
        ensure!(hers.contains(arrived), "{phase}: {arrived} arrived, of alice's {good:?}");
        Ok(())
    }

    fn cuts_nobody_off(&self) -> Result<()> {
        let Self { phase, good, .. } = self;
        ensure!(good.passed >= ENOUGH, "{phase}: good: {good:?}");
        ensure!((good.refused + good.failed) * 100 <= good.passed, "{phase}: good: {good:?}");
        Ok(())
    }
}

/// How often the gateway has written that the module trapped.
fn traps(world: &Installed) -> usize {
    world.mesh.gateway.log().matches("proxy_on_request_headers failed").count()
}

async fn rejected(world: &Installed, envoy_filter: &Value, why: &str) -> Result<()> {
    world.mesh.apply_only(&envoy_filter.to_string()).await?;
    let rejections = world.mesh.settle_with_rejections().await?;
    ensure!(rejections.iter().any(|one| one.reason.contains(why)), "{why}: {rejections:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_and_new_configurations_and_modules_and_a_panic_let_nobody_in_and_spare_the_others()
-> Result<()> {
    let world = installed().await?;
    let shipped = of(&world.istio)?.to_string();
    beside_the_shop(&world, async {
        let outcome = story(&world).await;
        world.mesh.apply(&shipped).await?;
        outcome
    })
    .await
}

async fn story(world: &Installed) -> Result<()> {
    let token = world.token("alice").await?;
    let client = world.client(Some(&token))?;
    world.call(Some(&token), "whoami", json!({})).await?;
    let shipped = std::fs::read(&world.istio.module.path)?;
    let probers = Probers::start(world, &token)?;
    println!(
        "{:34} {:>12} {:>12} {:>12} {:>13} {:>8}",
        "passed/refused/failed", "alice", "no token", "bad token", "another app", "arrived"
    );
    let mut last = probers.count(world, "").await?;
    let mut phases = Vec::new();
    let mut end_of = async |phase: &'static str| -> Result<()> {
        let now = probers.count(world, phase).await?;
        let phase = now.since(&last);
        phase.print();
        phases.push(phase);
        last = now;
        Ok(())
    };

    probers.enough().await?;
    end_of("good").await?;

    let mut missing = world.istio.clone();
    missing.module =
        Module { path: "/nowhere/obolus_filter.wasm".to_owned(), sha256: Some("ab".repeat(32)) };
    rejected(world, &of(&missing)?, "/nowhere/obolus_filter.wasm").await?;
    probers.enough().await?;
    end_of("a module that is not there").await?;

    let mut broken = of(&world.istio)?;
    plugin(&mut broken)?["configuration"]["value"] = "{\"unknown\": 1}".into();
    rejected(world, &broken, "obolus").await?;
    probers.enough().await?;
    end_of("a configuration that is refused").await?;

    let mut good = world.istio.clone();
    good.configuration["sts"]["timeoutMs"] = 4000.into();
    world.mesh.apply(&of(&good)?.to_string()).await?;
    probers.enough().await?;
    end_of("good again").await?;

    let mut new = world.istio.clone();
    new.module = modules::deliver(&modules::release(&shipped, "new")?, &world.folder)?;
    ensure!(new.module.sha256 != world.istio.module.sha256, "the new module is the old one");
    world.mesh.apply(&of(&new)?.to_string()).await?;
    let taken = world.mesh.gateway.admin.get("/config_dump").await?;
    ensure!(taken.contains(&new.module.path), "the new module is not there");
    probers.enough().await?;
    end_of("a new module").await?;

    // Each module has a volume of its own: the old one's is still there, then no more.
    world.mesh.apply(&of(&world.istio)?.to_string()).await?;
    probers.enough().await?;
    end_of("back to the old one").await?;
    world.mesh.apply(&of(&new)?.to_string()).await?;
    let retired = modules::without(&world.istio.module)?;
    probers.enough().await?;
    end_of("the old one's volume is gone").await?;
    modules::deliver(&retired, &world.folder)?;

    new.module = modules::deliver(&modules::trapping(&shipped)?, &world.folder)?;
    world.mesh.apply(&of(&new)?.to_string()).await?;
    probers.enough().await?;
    end_of("one that can panic").await?;

    let before = traps(world);
    for _ in 0..PANICS {
        let answer = provocation(&client).send().await?;
        ensure!(answer.status() == 503, "the request in which it panics: {answer:?}");
        probers.everybody_asks().await?;
        probers.good.passes(1).await?;
    }
    ensure!(traps(world) >= before + PANICS, "it panicked {} times", traps(world) - before);
    end_of("5 panics, and made anew").await?;
    probers.enough().await?;
    end_of("after that").await?;

    // As somebody else might deliver it: then the guard is all there is.
    let mut open = of(&new)?;
    let settings = plugin(&mut open)?;
    settings["failure_policy"] = "FAIL_OPEN".into();
    settings.as_object_mut().context("no object")?.remove("reload_config");
    world.mesh.apply(&open.to_string()).await?;
    // One of hers that the module holds when it panics would hang now, until she gives up.
    between(&[&probers.good], provocation(&client).send()).await?;
    end_of("FAIL_OPEN, until the panic").await?;
    probers.everybody_asks().await?;
    probers.good.asks(ENOUGH).await?;
    end_of("FAIL_OPEN, panicked").await?;

    world.mesh.apply(&of(&world.istio)?.to_string()).await?;
    probers.enough().await?;
    end_of("the shipped one").await?;
    probers.end().await?;

    for phase in &phases {
        phase.check()?;
        match phase.phase {
            "5 panics, and made anew" => {
                ensure!(phase.good.failed > 0, "nobody noticed the panics: {:?}", phase.good);
            }
            "FAIL_OPEN, until the panic" | "the shipped one" => {}
            "FAIL_OPEN, panicked" => {
                ensure!(phase.arrived == 0 && phase.good.passed == 0, "{:?}", phase.good);
                ensure!(phase.none.failed + phase.bad.failed == 0, "the guard did not answer");
            }
            _ => phase.cuts_nobody_off()?,
        }
    }
    Ok(())
}
