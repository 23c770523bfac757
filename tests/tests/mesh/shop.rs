//! Somebody else's application, beside ours at the same gateway: `http://shop.example.com/`.

use std::future::Future;

use anyhow::Result;
use obolus_tests::fixtures::recorder::Recorder;

use crate::installed::Installed;

/// Runs the story while the application is there.
pub(crate) async fn beside_the_shop(
    world: &Installed,
    story: impl Future<Output = Result<()>>,
) -> Result<()> {
    let shop = Recorder::start().await?;
    let application = include_str!("shop.yaml").replace("10000", &shop.port().to_string());
    world.mesh.apply(&application).await?;
    let outcome = story.await;
    world.mesh.delete(&application).await?;
    outcome
}
