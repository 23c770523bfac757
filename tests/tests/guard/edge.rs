//! What the listener does before any filter sees a request, and what it writes down.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;

use crate::gateway::{Lines, Plan, permit_from_header};
use crate::modules::Behaviour;

#[tokio::test]
async fn headers_with_which_envoys_are_steered_are_not_taken_from_clients() -> Result<()> {
    let gateway = Plan::new(Behaviour::Permits).await?.start_with(Lines::Both).await?;
    let steering = [
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-max-retries", "9"),
        ("x-envoy-upstream-rq-timeout-ms", "60000"),
        ("x-envoy-original-path", "/admin"),
        ("x-envoy-internal", "true"),
        ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/a/sa/b"),
    ];
    let mut headers = steering.to_vec();
    headers.push(("x-ordinary", "kept"));
    assert_eq!(gateway.get("/mcp", &headers).await?, 200);

    let seen = gateway.mcp.take().pop().context("nothing arrived")?;
    assert_eq!(seen.header("x-ordinary"), Some("kept"));
    for (name, _) in steering {
        assert!(!seen.headers.contains_key(name), "{name}: {:?}", seen.headers);
    }
    Ok(())
}

#[tokio::test]
async fn spellings_that_two_readers_may_read_differently_are_refused() -> Result<()> {
    let plan = Plan::new(Behaviour::LetsPass).await?;
    let mut bootstrap = plan.bootstrap(Lines::Both)?;
    permit_from_header(&mut bootstrap)?;
    let gateway = plan.start(&bootstrap).await?;
    for (path, headers, status, arrived) in [
        ("/mcp", &[][..], 200, [1, 0, 0]),
        ("/shop/../mcp", &[], 200, [1, 0, 0]),
        ("/shop/%2e%2E/mcp", &[], 200, [1, 0, 0]),
        ("/mcp/../shop", &[], 200, [0, 0, 1]),
        ("//mcp", &[], 200, [1, 0, 0]),
        ("/mcpx", &[], 404, [0, 0, 0]),
        ("/shop%2f..%2fmcp", &[], 400, [0, 0, 0]),
        ("/shop%5c..%5cmcp", &[], 400, [0, 0, 0]),
        ("/mcp", &[("x_moved", "1")], 400, [0, 0, 0]),
        ("/mcp", &[("connection", "upgrade"), ("upgrade", "websocket")], 403, [0, 0, 0]),
    ] {
        let mut headers = headers.to_vec();
        if !path.ends_with("/shop") {
            headers.push(("x-permit", "obolus-mcp"));
        }
        let answer = gateway.get_raw(path, &headers).await?;
        assert_eq!((answer, gateway.arrived()), (status, arrived), "{path} {headers:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_access_log_names_the_permit_and_no_token() -> Result<()> {
    let gateway = Plan::new(Behaviour::Permits).await?.start_with(Lines::Both).await?;
    let headers =
        [("authorization", "Bearer confided-1"), ("referer", "http://a/?token=confided-2")];
    assert_eq!(gateway.get("/mcp/logged?access_token=confided-3", &headers).await?, 200);

    // Envoy writes its access log every second or so.
    let line = eventually("the access log", Duration::from_secs(20), || async {
        let log = gateway.envoy.log();
        let line = log.lines().find(|line| line.contains("/mcp/logged")).map(str::to_owned);
        line.context("no such line yet")
    });
    let line: serde_json::Value = serde_json::from_str(&line.await?)?;
    assert_eq!(line["path"], "/mcp/logged");
    assert_eq!(line["permit"], "obolus-mcp");
    ensure!(!gateway.envoy.log().contains("confided"), "{line}");
    Ok(())
}
