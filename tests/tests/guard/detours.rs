//! Ways to a protected cluster that our filter did not decide about.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_envoy::{FILTER_NAME, edit, guard};
use obolus_tests::deadline::eventually;
use obolus_tests::ports::Port;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::gateway::{Lines, Plan, permit_from_header};
use crate::modules::Behaviour;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_header_that_our_module_changes_cannot_move_the_request_to_another_cluster() -> Result<()>
{
    for (lines, status, arrived) in [
        (Lines::Both, 403, [0, 0, 0]),
        (Lines::Listener, 403, [0, 0, 0]),
        (Lines::Cluster, 403, [0, 0, 0]),
        // The move is real: without the guard the request arrives at the wrong cluster.
        (Lines::None, 200, [0, 1, 0]),
    ] {
        let gateway = Plan::new(Behaviour::PermitsAndMoves).await?.start_with(lines).await?;
        let answer = gateway.get("/mcp", &[]).await?;
        assert_eq!((answer, gateway.arrived()), (status, arrived), "{lines:?}");
    }
    Ok(())
}

#[tokio::test]
async fn nor_can_a_filter_between_ours_and_the_guard() -> Result<()> {
    for lines in [Lines::Both, Lines::Listener, Lines::Cluster] {
        let plan = Plan::new(Behaviour::Permits).await?;
        let mut bootstrap = plan.bootstrap(lines)?;
        let before =
            if lines == Lines::Cluster { "envoy.filters.http.router" } else { guard::NAME };
        let script = "function envoy_on_request(handle)
            if handle:headers():get('x-please-move') then handle:headers():add('x-moved', '1') end
        end";
        let between = json!({
            "name": "between",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                "default_source_code": {"inline_string": script},
            },
        });
        edit::insert_before(edit::http_filters(&mut bootstrap)?, before, between)?;
        let gateway = plan.start(&bootstrap).await?;
        assert_eq!(gateway.get("/mcp", &[]).await?, 200, "{lines:?}");
        assert_eq!(gateway.get("/mcp", &[("x-please-move", "1")]).await?, 403, "{lines:?}");
        assert_eq!(gateway.arrived(), [1, 0, 0], "{lines:?}");
    }
    Ok(())
}

/// Routes may switch off an RBAC filter of the usual name; the guard's name is its own.
#[tokio::test]
async fn a_routes_override_for_rbac_does_not_reach_the_guard() -> Result<()> {
    for (lines, key, status, arrived) in [
        (Lines::Listener, "envoy.filters.http.rbac", 403, [0, 0, 0]),
        (Lines::Cluster, "envoy.filters.http.rbac", 403, [0, 0, 0]),
        // Whoever writes the guard's own name does switch its first line off, and not the second.
        (Lines::Listener, guard::NAME, 200, [1, 0, 0]),
        (Lines::Both, guard::NAME, 403, [0, 0, 0]),
        (Lines::Both, guard::CLUSTER_NAME, 403, [0, 0, 0]),
    ] {
        let plan = Plan::new(Behaviour::Permits).await?;
        let mut bootstrap = plan.bootstrap(lines)?;
        permit_from_header(&mut bootstrap)?;
        let route = edit::route(&mut bootstrap, &plan.host(), "kubernetes")?;
        route["typed_per_filter_config"] = json!({
            key: {"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute"},
        });
        let gateway = plan.start(&bootstrap).await?;
        let answer = gateway.get("/mcp", &[]).await?;
        assert_eq!((answer, gateway.arrived()), (status, arrived), "{lines:?}, {key}");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_listener_without_the_guard_does_not_lead_around_it() -> Result<()> {
    for (lines, status, arrived) in [(Lines::Both, 403, [0, 0, 0]), (Lines::None, 200, [1, 0, 0])] {
        let plan = Plan::new(Behaviour::Permits).await?;
        let mut bootstrap = plan.bootstrap(lines)?;
        let port = Port::reserve()?;
        let mut second = bootstrap.clone();
        let filters = edit::http_filters(&mut second)?;
        filters.retain(|filter| filter["name"] == "envoy.filters.http.router");
        let mut listener = edit::listeners(&mut second)?.remove(0);
        listener["name"] = json!("second");
        listener["address"]["socket_address"]["port_value"] = json!(port.number());
        edit::listeners(&mut bootstrap)?.push(listener);

        let host = plan.host();
        let gateway = plan.start(&bootstrap).await?;
        let url = format!("http://localhost:{port}/mcp");
        let http = obolus_tests::https::plain_client()?;
        let answer = http.get(url).header("host", host).send().await?.status().as_u16();
        assert_eq!((answer, gateway.arrived()), (status, arrived), "{lines:?}");
    }
    Ok(())
}

/// The listener's guard sees no name for a cluster that did not exist when the route was resolved.
/// A request that some other filter held until the cluster was there passes it.
#[tokio::test]
async fn a_request_that_waited_for_its_cluster_to_exist_meets_the_clusters_guard() -> Result<()> {
    for (lines, status, arrived) in [
        (Lines::Both, "HTTP/1.1 403", [0, 0, 0]),
        // The way is real: this is why the rule stands twice.
        (Lines::Listener, "HTTP/1.1 200", [1, 0, 0]),
    ] {
        let plan = Plan::new(Behaviour::Permits).await?;
        let mut bootstrap = plan.bootstrap(lines)?;
        permit_from_header(&mut bootstrap)?;
        hold_requests_until_their_body_is_there(&mut bootstrap)?;
        let clusters = Clusters::move_out_of(&mut bootstrap, plan.folder.path())?;
        let host = plan.host();
        let gateway = plan.start(&bootstrap).await?;
        assert_eq!(gateway.get("/mcp", &[]).await?, 503);

        let mut held = TcpStream::connect(gateway.port.address()).await?;
        let head = format!("POST /mcp HTTP/1.1\r\nhost: {host}\r\ncontent-length: 2\r\n\r\n{{");
        held.write_all(head.as_bytes()).await?;
        eventually("the held request", SOON, || async {
            let active = gateway.envoy.counter("http.gateway.downstream_rq_active").await?;
            ensure!(active == 1, "{active} requests");
            Ok(())
        })
        .await?;

        clusters.publish()?;
        eventually("the cluster", SOON, || async {
            let status = gateway.get("/mcp", &[("x-permit", "obolus-mcp")]).await?;
            ensure!(status == 200, "{status}");
            Ok(())
        })
        .await?;
        assert_eq!(gateway.get("/mcp", &[]).await?, 403);
        gateway.arrived();

        held.write_all(b"}").await?;
        let mut answer = [0; 12];
        held.read_exact(&mut answer).await?;
        assert_eq!(String::from_utf8_lossy(&answer), status, "{lines:?}");
        assert_eq!(gateway.arrived(), arrived, "{lines:?}");
    }
    Ok(())
}

fn hold_requests_until_their_body_is_there(bootstrap: &mut Value) -> Result<()> {
    let buffer = json!({
        "name": "between",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
            "max_request_bytes": 1000,
        },
    });
    Ok(edit::insert_before(edit::http_filters(bootstrap)?, FILTER_NAME, buffer)?)
}

/// A protected cluster that Envoy learns of from a file, later.
struct Clusters {
    file: PathBuf,
    cluster: Value,
}

impl Clusters {
    fn move_out_of(bootstrap: &mut Value, folder: &Path) -> Result<Self> {
        let mut cluster = edit::remove(edit::clusters(bootstrap)?, "obolus-mcp")?;
        cluster["@type"] = json!("type.googleapis.com/envoy.config.cluster.v3.Cluster");
        let file = folder.join("clusters.json");
        let clusters = Self { file, cluster };
        clusters.write(&[])?;

        bootstrap["node"] = json!({"id": "gateway", "cluster": "gateway"});
        bootstrap["dynamic_resources"] = json!({
            "cds_config": {"path_config_source": {"path": clusters.file.to_string_lossy()}},
        });
        let connection = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let connection = bootstrap.pointer_mut(connection).context("no connection manager")?;
        connection["route_config"]["validate_clusters"] = json!(false);
        Ok(clusters)
    }

    fn publish(&self) -> Result<()> {
        self.write(std::slice::from_ref(&self.cluster))
    }

    /// Envoy watches for a file that is renamed into place.
    fn write(&self, clusters: &[Value]) -> Result<()> {
        let next = self.file.with_extension("next");
        std::fs::write(&next, json!({"resources": clusters}).to_string())?;
        Ok(std::fs::rename(&next, &self.file)?)
    }
}
