//! Asked for once, however many wait for the same thing; and who was refused is refused for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use moka::future::Cache;

use super::refusals::Refusals;
use super::{Key, Refused, What};
use crate::providers::Failure;

/// What is held for `key`, or what `ask` brings, which is then held. Also returns whether it was this `ask` that
/// brought it.
pub(super) async fn once<V: Clone + Send + Sync + 'static>(
    held: &Cache<What, V>,
    refusals: &Refusals,
    key: &Key,
    ask: impl Future<Output = Result<V, Failure>>,
) -> Result<(V, bool), Refused> {
    let (asked, refused) = (AtomicBool::new(false), AtomicBool::new(false));
    let init = async {
        // In here, where nobody else can be asking: a refusal may be news.
        if let Some(failure) = refusals.get(key).await {
            refused.store(true, Ordering::Relaxed);
            return Err(failure);
        }
        asked.store(true, Ordering::Relaxed);
        match ask.await {
            Ok(value) => Ok(value),
            Err(failure) => {
                let failure = Arc::new(failure);
                refusals.remember(key.clone(), &failure).await;
                Err(failure)
            }
        }
    };
    let value = held.try_get_with_by_ref(&key.what, init).await.map_err(|failure| Refused {
        failure: Arc::clone(&failure),
        is_remembered: refused.load(Ordering::Relaxed),
    })?;
    Ok((value, asked.load(Ordering::Relaxed)))
}
