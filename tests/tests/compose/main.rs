//! `envoy/docker-compose.yaml` in a real engine, by the commands of `docs/compose.md`.
//!
//! Images that cannot be pulled have stand-ins: the base with Envoy, the base with Keycloak. The stage of
//! our Dockerfile that compiles does not run here; what it would make comes from `cargo xtask dist`.
//! The cluster is the test cluster, reached over the engine's bridge. Not shown here: the profile k3s.
//!
//! One story after the other on one installation, as a person would go through the page.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story that meets something unexpected ends there"
)]

mod outside;
mod page;
mod people;
mod world;

use anyhow::Result;
use obolus_tests::fixtures::compose::{Engine, START_ENGINE};
use obolus_tests::parts::products::target_folder;

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_by_the_page_works_from_install_to_remove() -> Result<()> {
    let own = std::env::var_os(START_ENGINE).is_some();
    let log = target_folder().join("compose-engine.log");
    let _from_before = std::fs::remove_file(&log);
    let engine = if own { Some(Engine::start(&log)?) } else { Engine::reachable(&log) };
    let Some(engine) = engine else {
        println!("SKIPPED: no Docker Engine answers; cargo xtask test compose --start-engine");
        return Ok(());
    };
    let told = world::World::run(&engine).await;
    let before = outside::left(&engine);
    let stopped = engine.stop();
    told?;
    before?;
    stopped?;
    if own { outside::nothing_of_an_engine() } else { Ok(()) }
}
