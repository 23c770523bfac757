//! A request's body, bounded in bytes and in time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use obolus_core::login::Refusal;

/// For a body as a whole: forms of some kilobytes, which come with their head. Whoever is slower holds a connection of the
/// gateway's for that long, and need not be anybody to do so.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads it.
///
/// # Errors
/// `too_long`, or [`Refusal::Incomplete`].
pub(crate) async fn read(body: Body, longest: usize, too_long: Refusal) -> Result<Bytes, Refusal> {
    let whole = Limited::new(body, longest).collect();
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok(read)) => Ok(read.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long),
        Ok(Err(_)) | Err(_) => Err(Refusal::Incomplete),
    }
}
