//! The filter in an EnvoyFilter of ours, calls that go through it, and how many of them arrive.

use anyhow::{Context as _, Result, anyhow};
use obolus_envoy::istio::Istio;
use obolus_tests::fixtures::mcp_client::McpClient;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::installed::{HOST, Installed};
use crate::modules;

pub(crate) fn whoami(client: McpClient) -> impl Fn() -> RequestBuilder + Send + Sync + 'static {
    let params = json!({"name": "whoami", "arguments": {}});
    move || client.request("tools/call", params.clone()).header("host", HOST)
}

/// How many requests the MCP server's sidecar has let through.
pub(crate) async fn arrived(world: &Installed) -> Result<u64> {
    world.arrived().await
}

pub(crate) fn of(istio: &Istio) -> Result<Value> {
    istio.envoy_filter().map_err(|problems| anyhow!("{problems}"))
}

/// What Envoy calls the filter's settings, wherever they stand in the EnvoyFilter.
pub(crate) fn plugin(envoy_filter: &mut Value) -> Result<&mut Value> {
    let matched =
        "/spec/configPatches/0/patch/value/typed_config/xds_matcher/matcher_list/matchers/0";
    let at = format!("{matched}/on_match/action/typed_config/typed_config/typed_config/config");
    envoy_filter.pointer_mut(&at).context("the filter is elsewhere")
}

/// A request that a [trapping](modules::trapping) module does not survive.
pub(crate) fn provocation(client: &McpClient) -> RequestBuilder {
    let request = client.request("tools/call", json!({"name": "whoami", "arguments": {}}));
    let headers = 0..modules::HEADERS;
    headers.fold(request.header("host", HOST), |request, number| {
        request.header(format!("x-more-{number}"), "1")
    })
}
