//! From outside the mesh: a program on this machine that has no certificate of Istio's CA, and no sidecar.
//!
//! A pod's address stands for its network here. That its program listens on the machine's loopback address in truth,
//! and a pod's would not, is not shown.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::mesh::Workload;
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::https;

use crate::installed::{HOST, MCP_PORT, STS_PORT, installed};

/// Where anybody listens on the pods' addresses, by the kernel's own table.
fn listening(workloads: &[&Workload]) -> Result<BTreeMap<Ipv4Addr, Vec<u16>>> {
    const LISTEN: &str = "0A";
    let mut found: BTreeMap<_, _> =
        workloads.iter().map(|workload| (workload.ip(), Vec::new())).collect();
    for line in std::fs::read_to_string("/proc/net/tcp")?.lines().skip(1) {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next(), fields.nth(1));
        let (address, port) =
            local.and_then(|local| local.split_once(':')).context("no address")?;
        let address = Ipv4Addr::from(u32::from_str_radix(address, 16)?.swap_bytes());
        if state == Some(LISTEN)
            && let Some(ports) = found.get_mut(&address)
        {
            ports.push(u16::from_str_radix(port, 16)?);
        }
    }
    for ports in found.values_mut() {
        ports.sort_unstable();
        ports.dedup();
    }
    Ok(found)
}

/// Whether anything at all is answered, and what.
async fn answer(scheme: &str, at: SocketAddr) -> Option<u16> {
    let client = https::builder().tls_danger_accept_invalid_certs(true).resolve(HOST, at);
    let client = client.http1_only().timeout(Duration::from_secs(5)).build().ok()?;
    let request = client.post(format!("{scheme}://{HOST}:{}/mcp", at.port()));
    let request = request.header("host", HOST).header("content-type", "application/json");
    Some(request.body("{}").send().await.ok()?.status().as_u16())
}

#[tokio::test]
async fn of_all_that_listens_only_the_gateway_answers_a_caller_from_outside() -> Result<()> {
    let world = installed().await?;
    let (gateway, sts, mcp) = (&world.mesh.gateway, &world.mesh.sts, &world.mesh.mcp);
    let found = listening(&[gateway, sts, mcp])?;
    println!("{found:?}");
    ensure!(found[&sts.ip()].contains(&STS_PORT) && found[&mcp.ip()].contains(&MCP_PORT));
    ensure!(found[&gateway.ip()].contains(&gateway_port(443)), "{found:?}");

    // What the gateway says to a stranger is our filter's: who are you?
    let nobody = answer("https", gateway.at(gateway_port(443))).await;
    ensure!(nobody == Some(401), "{nobody:?}");
    for workload in [sts, mcp] {
        for port in &found[&workload.ip()] {
            for scheme in ["http", "https"] {
                let answer = answer(scheme, workload.at(*port)).await;
                let at = format!("{scheme}, {} port {port}", workload.proxy_name());
                ensure!(answer.is_none(), "{at} answered {answer:?}");
            }
        }
    }
    Ok(())
}
