//! `envoy/docker-compose.yaml` in a real engine, by the commands of `docs/compose.md`.
//!
//! Images that cannot be pulled have stand-ins: the base with Envoy, the base with Keycloak. The stage of
//! our Dockerfile that compiles does not run here; what it would make comes from `cargo xtask dist`.
//! The cluster is the test cluster, reached over the engine's bridge. Of the profile k3s only this is
//! shown, that both Compose read it.
//!
//! One story after the other on one installation, as a person would go through the page: all of it with
//! the machine's docker-compose, and again, without upgrade and roll-back, with Compose 2.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story that meets something unexpected ends there"
)]

mod confined;
mod outside;
mod page;
mod people;
mod reach;
mod world;

use anyhow::Result;
use obolus_tests::fixtures::compose::{Engine, START_ENGINE, Traces};
use obolus_tests::parts::products::target_folder;

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_by_the_page_works_from_install_to_remove() -> Result<()> {
    let own = std::env::var_os(START_ENGINE).is_some();
    let log = target_folder().join("compose-engine.log");
    let _from_before = std::fs::remove_file(&log);
    let before = own.then(Traces::now).transpose()?;
    let engine = if own { Some(Engine::start(&log)?) } else { Engine::reachable(&log) };
    let Some(engine) = engine else {
        println!("SKIPPED: no Docker Engine answers; cargo xtask test compose --start-engine");
        return Ok(());
    };
    // The control: what an engine leaves would be seen.
    if let Some(before) = &before {
        assert_ne!(*before, Traces::now()?, "an engine runs, and nothing of it is seen");
    }
    let told = world::World::run(&engine).await;
    let left = world::left(&engine);
    let stopped = engine.stop();
    told.and(left).and(stopped)?;
    before.map_or(Ok(()), |before| before.ensure_nothing_more())
}
