//! The proxy-wasm shell over `obolus-core`: entry points only.
//!
//! Every decision is core's; what is here moves bytes between the host and core, keeps what a worker remembers,
//! and holds a request until all that it waits for is in. What is not decided is not forwarded: callbacks
//! return `Pause` unless a [`Permit`](obolus_core::policy::Permit) was released, and behind this module the
//! native guard lets nothing pass that has none.

mod host;
mod metrics;
mod request;
mod request_head;
mod root;
mod signature;
mod worker;

mod entry {
    use proxy_wasm::traits::RootContext;
    use proxy_wasm::types::LogLevel;

    use crate::{host, root};

    proxy_wasm::main! {{
        std::panic::set_hook(Box::new(|panic| {
            // The place alone: a panic's message could hold what it choked on.
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            host::log(LogLevel::Critical, &format!("obolus: panic at {place}"));
        }));
        proxy_wasm::set_root_context(|context_id| -> Box<dyn RootContext> {
            Box::new(root::Root::new(context_id))
        });
    }}
}
