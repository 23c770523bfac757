//! A request's body, bounded in bytes and in time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, Limited};

/// For a body as a whole: forms of some kilobytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads it; `None` if it is longer, comes too slowly, or breaks off.
pub(crate) async fn read(body: Body, longest: usize) -> Option<Bytes> {
    let whole = Limited::new(body, longest).collect();
    let read = tokio::time::timeout(PATIENCE, whole).await.ok()?;
    Some(read.ok()?.to_bytes())
}
