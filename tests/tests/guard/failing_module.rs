//! Our module panicked, missing, delivered fail-open, not enabled on a route.

use anyhow::Result;
use obolus_envoy::{FILTER_NAME, Module, Scope, edit};
use obolus_tests::fixtures::envoy::{Envoy, EnvoyOptions};
use serde_json::{Value, json};

use crate::gateway::{Lines, Plan};
use crate::modules::Behaviour;

#[tokio::test]
async fn a_panicked_module_that_fails_open_lets_only_other_applications_through() -> Result<()> {
    for (lines, status, arrived) in [
        (Lines::Both, 403, [0, 0, 3]),
        (Lines::Listener, 403, [0, 0, 3]),
        (Lines::Cluster, 403, [0, 0, 3]),
        // It is the guard that refuses: without it the requests arrive.
        (Lines::None, 200, [3, 0, 3]),
    ] {
        let plan = Plan::new(Behaviour::Panics).await?;
        let mut bootstrap = plan.bootstrap(lines)?;
        let ours = edit::named(edit::http_filters(&mut bootstrap)?, FILTER_NAME)?;
        fail_open(ours);
        let gateway = plan.start(&bootstrap).await?;
        for _ in 0..3 {
            assert_eq!(gateway.get("/mcp", &[]).await?, status, "{lines:?}");
            assert_eq!(gateway.get("/shop", &[]).await?, 200, "{lines:?}");
        }
        assert_eq!(gateway.arrived(), arrived, "{lines:?}");

        // What an operator alerts on: with a filter that works, the guard never refuses.
        let refused = match lines {
            Lines::Both | Lines::Listener => "http.gateway.rbac.obolus_guard.denied",
            Lines::Cluster => "cluster.obolus-mcp.rbac.obolus_guard.denied",
            Lines::None => continue,
        };
        assert_eq!(gateway.envoy.counter(refused).await?, 3, "{lines:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_panicked_module_as_generated_lets_nothing_through() -> Result<()> {
    let gateway = Plan::new(Behaviour::Panics).await?.start_with(Lines::None).await?;
    for _ in 0..3 {
        assert_eq!(gateway.get("/mcp", &[]).await?, 503);
    }
    assert_eq!(gateway.arrived(), [0, 0, 0]);
    Ok(())
}

#[tokio::test]
async fn on_a_shared_gateway_a_panicked_module_does_not_touch_other_applications() -> Result<()> {
    let mut plan = Plan::new(Behaviour::Panics).await?;
    plan.bootstrap.scope = Scope::OwnRoutes;
    let gateway = plan.start_with(Lines::Both).await?;
    for _ in 0..3 {
        assert_eq!(gateway.get("/mcp", &[]).await?, 503);
        assert_eq!(gateway.get("/shop", &[]).await?, 200);
    }
    assert_eq!(gateway.arrived(), [0, 0, 3]);
    Ok(())
}

#[tokio::test]
async fn a_route_that_does_not_enable_the_module_meets_the_guard() -> Result<()> {
    for lines in [Lines::Both, Lines::Listener, Lines::Cluster] {
        for forgets in [false, true] {
            let mut plan = Plan::new(Behaviour::Permits).await?;
            plan.bootstrap.scope = Scope::OwnRoutes;
            let mut bootstrap = plan.bootstrap(lines)?;
            let route = edit::route(&mut bootstrap, &plan.host(), "kubernetes")?;
            if let (true, Some(route)) = (forgets, route.as_object_mut()) {
                route.remove("typed_per_filter_config");
            }
            let gateway = plan.start(&bootstrap).await?;
            let expected = if forgets { (403, [0, 0, 0]) } else { (200, [1, 0, 0]) };
            let answer = gateway.get("/mcp", &[]).await?;
            assert_eq!((answer, gateway.arrived()), expected, "{lines:?}, forgets: {forgets}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_the_filter_in_the_chain_protected_requests_are_refused() -> Result<()> {
    for lines in [Lines::Both, Lines::Listener, Lines::Cluster] {
        let plan = Plan::new(Behaviour::Permits).await?;
        let mut bootstrap = plan.bootstrap(lines)?;
        edit::remove(edit::http_filters(&mut bootstrap)?, FILTER_NAME)?;
        let gateway = plan.start(&bootstrap).await?;
        assert_eq!(gateway.get("/mcp", &[]).await?, 403, "{lines:?}");
        assert_eq!(gateway.get("/shop", &[]).await?, 200, "{lines:?}");
        assert_eq!(gateway.arrived(), [0, 0, 1], "{lines:?}");
    }
    Ok(())
}

#[tokio::test]
async fn envoy_does_not_start_without_the_module() -> Result<()> {
    let mut plan = Plan::new(Behaviour::Permits).await?;
    plan.bootstrap.module = Module::at("/nowhere/obolus_filter.wasm");
    let bootstrap = plan.bootstrap(Lines::Both)?.to_string();
    let (_, log) = Envoy::expect_refusal(&bootstrap, &EnvoyOptions::default()).await?;
    assert!(log.contains("/nowhere/obolus_filter.wasm"), "{log}");
    Ok(())
}

fn fail_open(filter: &mut Value) {
    let config = filter.pointer_mut("/typed_config/config").and_then(Value::as_object_mut);
    if let Some(config) = config {
        config.remove("failure_policy");
        config.remove("reload_config");
        config.insert("fail_open".to_owned(), json!(true));
    }
}
