//! What the guard reads, and what it leaves alone.

use anyhow::Result;
use serde_json::json;

use crate::gateway::{Lines, Plan, permit_from_header};
use crate::modules::Behaviour;

#[tokio::test]
async fn a_protected_cluster_is_reached_with_its_own_permit_only() -> Result<()> {
    for lines in [Lines::Both, Lines::Listener, Lines::Cluster] {
        let plan = Plan::new(Behaviour::Permits).await?;
        let mut bootstrap = plan.bootstrap(lines)?;
        permit_from_header(&mut bootstrap)?;
        let gateway = plan.start(&bootstrap).await?;

        for (permit, status, arrived) in [
            (None, 403, [0, 0, 0]),
            (Some("obolus-mcp"), 200, [1, 0, 0]),
            (Some("second"), 403, [0, 0, 0]),
            (Some("obolus-mc"), 403, [0, 0, 0]),
            (Some("obolus-mcp "), 200, [1, 0, 0]), // Envoy trims header values.
            (Some("obolus-mcp2"), 403, [0, 0, 0]),
            (Some("Obolus-mcp"), 403, [0, 0, 0]),
            (Some("*"), 403, [0, 0, 0]),
        ] {
            let headers: Vec<_> = permit.iter().map(|permit| ("x-permit", *permit)).collect();
            let answer = gateway.get("/mcp", &headers).await?;
            assert_eq!((answer, gateway.arrived()), (status, arrived), "{lines:?}, {permit:?}");
        }
    }
    Ok(())
}

/// The guard reads what a Wasm property is, not only what a test's filter writes.
#[tokio::test]
async fn the_permit_that_a_module_leaves_is_the_one_that_the_guard_reads() -> Result<()> {
    for lines in [Lines::Both, Lines::Listener, Lines::Cluster] {
        let gateway = Plan::new(Behaviour::Permits).await?.start_with(lines).await?;
        assert_eq!(gateway.get("/mcp", &[]).await?, 200, "{lines:?}");
        assert_eq!(gateway.get("/mcp", &[("x-moved", "1")]).await?, 403, "{lines:?}");
        assert_eq!(gateway.arrived(), [1, 0, 0], "{lines:?}");
    }
    Ok(())
}

#[tokio::test]
async fn whatever_leads_to_no_protected_cluster_is_untouched() -> Result<()> {
    let plan = Plan::new(Behaviour::Permits).await?;
    let mut bootstrap = plan.bootstrap(Lines::Both)?;
    permit_from_header(&mut bootstrap)?;
    let exact = |path: &str| json!({"path": path});
    for route in [
        json!({"match": exact("/away"), "redirect": {"path_redirect": "/shop"}}),
        json!({"match": exact("/direct"), "direct_response": {"status": 418}}),
    ] {
        plan.add_route_first(&mut bootstrap, route)?;
    }
    let gateway = plan.start(&bootstrap).await?;

    assert_eq!(gateway.get("/mcp", &[]).await?, 403);
    // A permit stands for a token that is in the request: that is not for the shop.
    assert_eq!(gateway.get("/shop", &[("x-permit", "obolus-mcp")]).await?, 403);
    for (path, host, status, arrived) in [
        ("/shop", None, 200, [0, 0, 1]),
        ("/away", None, 301, [0, 0, 0]),
        ("/direct", None, 418, [0, 0, 0]),
        ("/nowhere", None, 404, [0, 0, 0]),
        ("/mcp", Some("elsewhere.example"), 404, [0, 0, 0]),
    ] {
        let headers: Vec<_> = host.iter().map(|host| ("host", *host)).collect();
        let answer = gateway.get(path, &headers).await?;
        assert_eq!((answer, gateway.arrived()), (status, arrived), "{path} {host:?}");
    }
    Ok(())
}

#[tokio::test]
async fn of_a_weighted_route_only_the_permitted_share_arrives() -> Result<()> {
    for lines in [Lines::Both, Lines::Listener, Lines::Cluster] {
        let plan = Plan::new(Behaviour::Permits).await?;
        let mut bootstrap = plan.bootstrap(lines)?;
        permit_from_header(&mut bootstrap)?;
        let cluster = |name: &str| json!({"name": name, "weight": 1});
        let clusters = ["obolus-mcp", "second", "shop"].map(cluster);
        let route = json!({
            "match": {"path": "/any"},
            "route": {"weighted_clusters": {"clusters": clusters}},
        });
        plan.add_route_first(&mut bootstrap, route)?;
        let gateway = plan.start(&bootstrap).await?;

        for (permit, mcp, second) in
            [(None, false, false), (Some("obolus-mcp"), true, false), (Some("second"), false, true)]
        {
            let headers: Vec<_> = permit.iter().map(|permit| ("x-permit", *permit)).collect();
            // What has a permit goes nowhere else; the shop's own cluster has no guard to say so.
            let shop = permit.is_none() || lines == Lines::Cluster;
            // 60 requests on three ways: one of them stays empty once in ten billion runs.
            let mut refused = 0;
            for _ in 0..60 {
                let status = gateway.get("/any", &headers).await?;
                assert!(status == 200 || status == 403, "{status}");
                refused += usize::from(status == 403);
            }
            let arrived = gateway.arrived();
            assert_eq!(
                arrived.map(|count| count > 0),
                [mcp, second, shop],
                "{lines:?}, {permit:?}"
            );
            assert!(refused > 0);
            assert_eq!(arrived.iter().sum::<usize>() + refused, 60, "{lines:?}, {permit:?}");
        }
    }
    Ok(())
}
