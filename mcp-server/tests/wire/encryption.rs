//! TLS towards callers, and CAs that change.

use obolus_mcp::{Cluster, Config, Running};
use serde_json::json;

use crate::support::identity::Identity;
use crate::support::{ApiServer, DEADLINE, Mcp, write_config};

#[tokio::test]
async fn with_a_certificate_the_endpoint_speaks_tls_and_nothing_else() {
    let api = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let ours = Identity::localhost();
    std::fs::write(folder.path().join("tls.crt"), &ours.certificate_pem).unwrap();
    std::fs::write(folder.path().join("tls.key"), &ours.key_pem).unwrap();
    let path = write_config(&folder, "tls_cert = \"tls.crt\"\ntls_key = \"tls.key\"", &api, 5);
    let running = Running::start(&Config::load(&path).unwrap()).unwrap();
    let port = running.mcp.port();

    let _ = rustls::crypto::ring::default_provider().install_default();
    let ca = reqwest::Certificate::from_pem(ours.ca_pem.as_bytes()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}});
    let post = |url: String| {
        http.post(url)
            .bearer_auth("alice")
            .header("accept", "application/json, text/event-stream")
            .json(&call)
            .send()
    };
    let answer = post(format!("https://localhost:{port}/mcp")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    assert!(post(format!("http://localhost:{port}/mcp")).await.is_err());
    assert_eq!(api.arrived().len(), 1);
}

#[tokio::test]
async fn a_new_authority_takes_effect_and_an_unusable_one_does_not() {
    let api = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let config = Config::load(&write_config(&folder, "", &api, 5)).unwrap();
    let ca = config.clusters.default_cluster().certificate_authority.clone().unwrap();
    std::fs::write(&ca, Identity::localhost().ca_pem).unwrap();
    let running = Running::start(&config).unwrap();
    let mcp = Mcp::new(format!("http://{}/mcp", running.mcp));
    let text = mcp.failure("alice", "whoami", json!({})).await;
    assert!(text.contains("certificate"), "{text}");

    std::fs::write(&ca, &api.ca_pem).unwrap();
    running.reload();
    let accepted =
        async { while mcp.call("alice", "whoami", json!({})).await["isError"] == true {} };
    tokio::time::timeout(DEADLINE, accepted).await.unwrap();

    std::fs::write(&ca, "nothing").unwrap();
    running.reload();
    assert!(Cluster::new(config.clusters.default_cluster()).is_err());
    let result = mcp.call("alice", "whoami", json!({})).await;
    assert_eq!(result["isError"], false, "{result}");
}
