//! A tool in a task of its own.

use std::future::Future;

use tokio::task::JoinSet;

use crate::failure::Failure;

/// Runs a call so that its panic is a failure like others, rather than the end of the task that would have answered.
/// Dropped, it takes the call along.
pub(super) async fn contained<T: Send + 'static>(
    call: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let mut task = JoinSet::new();
    task.spawn(call);
    match task.join_next().await {
        Some(Ok(result)) => result,
        _ => Err(Failure::Internal("the tool broke off; the operator's log says where".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_failure() {
        let index = std::hint::black_box(7);
        let failure = contained(async move { Ok([1, 2, 3][index]) }).await.unwrap_err();
        assert_eq!(failure.label(), "internal");
        assert_eq!(contained(async { Ok(7) }).await, Ok(7));
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_ends() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let call = contained(async move {
            let _held = sender;
            std::future::pending::<Result<(), Failure>>().await
        });
        let waited = tokio::time::timeout(std::time::Duration::from_millis(1), call).await;
        assert!(waited.is_err());
        assert!(receiver.await.is_err(), "its parts are dropped");
    }
}
