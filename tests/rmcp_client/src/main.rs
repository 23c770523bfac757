//! The official Rust SDK on its way to one call of a tool.
//!
//! `OBOLUS_CLIENT_JOB` is JSON, see [`Job`]. It prints where its person should go, waits to be called back, and prints
//! `{"result": …}` or `{"error": …}`.

mod callback;

use anyhow::{Context as _, Result, bail};
use rmcp::model::{CallToolRequestParams, CallToolResult, ProtocolVersion};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use callback::Callback;

/// What to do.
#[derive(Deserialize)]
struct Job {
    /// The MCP endpoint.
    resource: String,
    era: Era,
    /// `None` for a client that registers itself.
    client_id: Option<String>,
    /// The redirect URI, at a loopback address.
    callback: String,
    tool: String,
    arguments: Map<String, Value>,
    /// A file with the certificates that are believed.
    trust: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Era {
    Legacy,
    Modern,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    let answer = match call().await {
        Ok(result) => {
            let failed = result.is_error == Some(true);
            println!("{}", json!({"result": result}));
            if failed { 1 } else { 0 }
        }
        Err(error) => {
            println!("{}", json!({"error": {"message": format!("{error:#}")}}));
            1
        }
    };
    std::process::ExitCode::from(answer)
}

async fn call() -> Result<CallToolResult> {
    let job = std::env::var("OBOLUS_CLIENT_JOB").context("OBOLUS_CLIENT_JOB")?;
    let job: Job = serde_json::from_str(&job).context("OBOLUS_CLIENT_JOB")?;
    let _before = rustls::crypto::ring::default_provider().install_default();
    let trust = reqwest::Certificate::from_pem_bundle(&std::fs::read(&job.trust)?)?;
    let http = reqwest::Client::builder()
        .tls_certs_merge(trust)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()?;

    let mut state = OAuthState::new(&job.resource, Some(http.clone())).await?;
    let mut request = AuthorizationRequest::new(&job.callback)
        .with_client_name("Rust SDK")
        .with_initial_scope_selection();
    if let Some(id) = &job.client_id {
        request = request.with_preregistered_client(id);
    }
    state.start_authorization(request).await?;
    let callback = Callback::listen(&job.callback).await?;
    println!("Please navigate to: {}", state.get_authorization_url().await?);
    state.handle_callback_url(&callback.url().await?).await?;
    let Some(manager) = state.into_authorization_manager() else { bail!("not authorized") };

    let client = AuthClient::new(http, manager);
    let config = StreamableHttpClientTransportConfig::with_uri(job.resource.as_str());
    let transport = StreamableHttpClientTransport::with_client(client, config);
    let lifecycle = match job.era {
        Era::Legacy => ClientLifecycleMode::Initialize,
        Era::Modern => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    };
    let service = ().serve_with_lifecycle(transport, lifecycle).await?;
    // As clients do; from the list the SDK learns which arguments travel in headers, too (2026-07-28).
    service.list_all_tools().await?;
    let called = service
        .call_tool(CallToolRequestParams::new(job.tool).with_arguments(job.arguments))
        .await?;
    service.cancel().await?;
    Ok(called)
}
