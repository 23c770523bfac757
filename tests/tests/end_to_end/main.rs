//! A person's token from a real Keycloak enters a real Envoy, and a real API server sees that
//! person.
//!
//! One stack serves all stories of this binary, as starting it takes longest; each story looks only
//! at what it did itself.

mod people;
mod revisions;

use obolus_tests::fixtures::stack::{Stack, StackOptions};
use tokio::sync::OnceCell;

/// The stack of this process. Its parts end with the process, however it ends.
async fn stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    STACK
        .get_or_init(|| async {
            Stack::start(StackOptions::default()).await.expect("the stack starts")
        })
        .await
}
