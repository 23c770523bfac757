//! The control plane may be away: what runs, runs on.

use anyhow::{Result, ensure};
use reqwest::StatusCode;

use crate::world::world;

#[tokio::test]
async fn without_istiod_requests_go_on_and_afterwards_changes_arrive_again() -> Result<()> {
    let mut world = world().await?;
    world.mesh.istiod.stop();
    let admitted = world.through_the_gateway("mcp").await?;
    let refused = world.as_the_stranger("mcp").await?;
    world.mesh.istiod.start_again().await?;
    ensure!(admitted.status() == StatusCode::OK, "{admitted:?}");
    ensure!(refused.status() == StatusCode::FORBIDDEN, "{refused:?}");

    let filter = include_str!("filter.yaml");
    world.mesh.apply(filter).await?;
    let answer = world.through_the_gateway("mcp").await?;
    world.mesh.delete(filter).await?;
    ensure!(answer.headers().contains_key("x-delivered"), "{answer:?}");
    Ok(())
}
