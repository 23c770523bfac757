//! Routes that move after the decision, and routes that lead to several clusters.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use obolus_envoy::{PathMatch, Route, Upstream, edit, guard};
use obolus_tests::fixtures::gateway::PROTECTED;
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::workbench::{Plan, Workbench, local, mcp_recorder};
use serde_json::{Value, json};

use crate::answer::{Answer, arrived, people};

const SECOND: &str = "second";
const SHOP: &str = "shop";
/// A header that our filter lets through, by which the filter behind it knows what to move.
const MOVES: (&str, &str) = ("user-agent", "please move me");

/// Two protected clusters of one resource, and one that is not protected.
struct Clusters {
    bench: Workbench,
    second: Recorder,
    shop: Recorder,
}

impl Clusters {
    async fn start(
        edit: impl FnOnce(&mut Value, &str) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let mut plan = Plan::new().await?;
        let (second, shop) = (mcp_recorder().await?, mcp_recorder().await?);
        let addresses: [(_, SocketAddr); 2] = [(SECOND, local(&second)), (SHOP, local(&shop))];
        plan.configure(|filter| {
            filter["resources"][0]["clusters"] = json!([PROTECTED, SECOND]);
        });
        plan.gateway.shape = Box::new(move |bootstrap| {
            for (name, address) in addresses {
                bootstrap.upstreams.push(Upstream::plain(name, address));
            }
            bootstrap.routes.push(Route {
                name: SHOP.to_owned(),
                hosts: vec!["shop.example".to_owned()],
                path: PathMatch::Prefix("/".to_owned()),
                cluster: SHOP.to_owned(),
            });
        });
        let host = plan.place.authority();
        plan.gateway.edit = Box::new(move |bootstrap| edit(bootstrap, &host).unwrap());
        Ok(Self { bench: plan.start().await?, second, shop })
    }

    /// What was answered, and how many requests arrived: where they belong, at the second, at the shop.
    async fn call(&self, headers: &[(&str, &str)]) -> Result<(u16, [usize; 3])> {
        let mut request = self.bench.call(&self.bench.token("alice")?);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let status = Answer::to(request).await?.status;
        Ok((status, [&self.bench.upstream, &self.second, &self.shop].map(arrived)))
    }
}

/// Requests with this header have another route, before all others.
fn route_by_header(bootstrap: &mut Value, host: &str, header: &str, cluster: &str) -> Result<()> {
    let host = edit::named(edit::virtual_hosts(bootstrap)?, host)?;
    let routes = host["routes"].as_array_mut().context("no routes")?;
    let named = json!([{"name": header, "present_match": true}]);
    routes.insert(
        0,
        json!({
            "name": format!("by-{header}"),
            "match": {"prefix": "/", "headers": named},
            "route": {"cluster": cluster},
        }),
    );
    Ok(())
}

/// A filter between ours and the guard that adds `x-moved` to some requests.
fn mover(bootstrap: &mut Value) -> Result<()> {
    let script = format!(
        "function envoy_on_request(handle)
            if handle:headers():get('{}') == '{}' then handle:headers():add('x-moved', '1') end
        end",
        MOVES.0, MOVES.1
    );
    let between = json!({
        "name": "between",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": script},
        },
    });
    Ok(edit::insert_before(edit::http_filters(bootstrap)?, guard::NAME, between)?)
}

#[tokio::test]
async fn a_permit_for_one_cluster_does_not_open_another_when_the_route_moves() -> Result<()> {
    let clusters = Clusters::start(|bootstrap, host| {
        route_by_header(bootstrap, host, "x-moved", SECOND)?;
        mover(bootstrap)
    })
    .await?;
    for _ in 0..3 {
        assert_eq!(clusters.call(&[]).await?, (200, [1, 0, 0]));
        assert_eq!(clusters.call(&[MOVES]).await?, (403, [0, 0, 0]));
    }
    let refused = "http.gateway.rbac.obolus_guard.denied";
    assert_eq!(clusters.bench.gateway.envoy.counter(refused).await?, 3);
    Ok(())
}

/// The exchanged token is for the protected cluster alone, wherever else the request may go.
#[tokio::test]
async fn nor_does_the_exchanged_token_go_along_to_another_application() -> Result<()> {
    let clusters = Clusters::start(|bootstrap, host| {
        route_by_header(bootstrap, host, "x-moved", SHOP)?;
        mover(bootstrap)
    })
    .await?;
    for _ in 0..3 {
        assert_eq!(clusters.call(&[]).await?, (200, [1, 0, 0]));
        assert_eq!(clusters.call(&[MOVES]).await?, (403, [0, 0, 0]));
    }
    // The shop is open to its own customers.
    let shop = clusters.bench.http.get(clusters.bench.gateway.url()).header("host", "shop.example");
    assert_eq!(shop.send().await?.status(), 200);
    assert_eq!(arrived(&clusters.shop), 1);
    Ok(())
}

/// Our own filter leaves behind what it does not know: a route that was chosen by such a header is
/// another one afterwards.
#[tokio::test]
async fn a_route_by_a_header_that_we_leave_behind_is_refused_wherever_it_would_lead() -> Result<()>
{
    for cluster in [SECOND, SHOP] {
        let clusters = Clusters::start(move |bootstrap, host| {
            // With the header to the protected cluster, without it to the other one.
            let route = edit::route(bootstrap, host, "kubernetes")?;
            route["route"]["cluster"] = json!(cluster);
            route_by_header(bootstrap, host, "x-tenant", PROTECTED)?;
            route_by_header(bootstrap, host, "baggage", PROTECTED)
        })
        .await?;
        for _ in 0..3 {
            assert_eq!(clusters.call(&[("x-tenant", "1")]).await?, (403, [0, 0, 0]), "{cluster}");
            // A header that goes on keeps the route.
            assert_eq!(clusters.call(&[("baggage", "1")]).await?, (200, [1, 0, 0]), "{cluster}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn of_weighted_clusters_the_one_that_was_chosen_is_reached() -> Result<()> {
    let clusters = Clusters::start(|bootstrap, host| {
        let route = edit::route(bootstrap, host, "kubernetes")?;
        let weighted = |name: &str| json!({"name": name, "weight": 1});
        route["route"] = json!({
            "weighted_clusters": {"clusters": [weighted(PROTECTED), weighted(SECOND)]},
        });
        Ok(())
    })
    .await?;
    let token = clusters.bench.token("alice")?;
    // 60 requests on two ways: one of them stays empty once in 10^18 runs.
    for _ in 0..60 {
        assert_eq!(Answer::to(clusters.bench.call(&token)).await?.status, 200);
        assert_eq!(clusters.bench.post("{}").send().await?.status(), 401);
    }
    let first = people(&clusters.bench.upstream, "kubernetes")?;
    let second = people(&clusters.second, "kubernetes")?;
    assert!(!first.is_empty() && !second.is_empty());
    assert_eq!(first.len() + second.len(), 60);
    Ok(())
}
