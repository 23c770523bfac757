//! Settings that people bring, seen from outside: what they do, not that they are read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use obolus_mcp::{Config, Running};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::support::client::result;
use crate::support::identity::Identity;
use crate::support::{Answer, ApiServer, DEADLINE, Era, Mcp, Scene, scene, write_config};

async fn listed(mcp: &Mcp) -> Vec<String> {
    let list = mcp.rpc(Era::V2026_07_28, "tools/list", json!({})).bearer_auth("alice");
    let list = result(list.send().await.unwrap()).await;
    let tools = list["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// The error of a call to a tool that is not there, and that no request to the API server comes of it.
async fn refuse(scene: &Scene, tool: &str) {
    let before = scene.api.arrived().len();
    let arguments = json!({"name": "web-0", "namespace": "shop"});
    let params = json!({"name": tool, "arguments": arguments});
    let call = scene.mcp.rpc(Era::V2026_07_28, "tools/call", params).bearer_auth("alice");
    let body: Value = call.send().await.unwrap().json().await.unwrap();
    assert!(body["error"]["message"].as_str().unwrap().contains("unknown tool"), "{body}");
    assert_eq!(scene.api.arrived().len(), before, "{tool}");
}

#[tokio::test]
async fn tools_that_are_not_served_are_neither_listed_nor_called() {
    for (setting, without, with) in [
        ("", None, "pods_delete"),
        ("read_only = true", Some("pods_delete"), "pods_get"),
        ("read_only = true", Some("resources_scale"), "whoami"),
        ("disable_destructive = true", Some("pods_delete"), "pods_log"),
        ("disabled_tools = [\"pods_get\"]", Some("pods_get"), "pods_delete"),
        ("enabled_tools = [\"whoami\", \"pods_get\"]", Some("pods_delete"), "pods_get"),
        ("toolsets = [\"core\", \"helm\"]", None, "pods_delete"),
    ] {
        let scene = scene(setting, ApiServer::echoing_users().await).await;
        let tools = listed(&scene.mcp).await;
        assert!(tools.iter().any(|tool| tool == with), "{setting}: {tools:?}");
        if let Some(without) = without {
            assert!(!tools.iter().any(|tool| tool == without), "{setting}: {tools:?}");
            refuse(&scene, without).await;
        }
        let known = scene.mcp.call("alice", "whoami", json!({})).await;
        assert_eq!(known["isError"], false, "{setting}: {known}");
        assert_eq!(scene.api.arrived().len(), 1, "{setting}");
    }
}

/// Serves Secrets, Deployments in two versions, and whatever else is asked for.
fn kinds(path: &str) -> Answer {
    let resource = |name: &str, kind: &str| json!({"name": name, "kind": kind, "namespaced": true, "singularName": "", "verbs": ["get"]});
    let list = |resources: Value| {
        Answer::Json(
            200,
            json!({"kind": "APIResourceList", "groupVersion": "x", "resources": resources}),
        )
    };
    match path {
        "/api/v1" => {
            list(json!([resource("secrets", "Secret"), resource("configmaps", "ConfigMap")]))
        }
        "/apis/apps/v1" | "/apis/apps/v1beta2" => list(json!([
            resource("deployments", "Deployment"),
            resource("deployments/scale", "Scale"),
            resource("statefulsets", "StatefulSet"),
        ])),
        path if path.contains('/') => Answer::Json(
            200,
            json!({"kind": "List", "apiVersion": "v1", "metadata": {"name": "x"}, "items": []}),
        ),
        _ => Answer::Text(404, String::new()),
    }
}

#[tokio::test]
async fn a_denied_kind_is_out_of_reach_in_every_version_and_through_every_tool() {
    let denied = "[[denied_resources]]\ngroup = \"apps\"\nversion = \"v1\"\nkind = \"Deployment\"\n\
                  [[denied_resources]]\ngroup = \"\"\nversion = \"v1\"\nkind = \"Secret\"\n\
                  [[denied_resources]]\ngroup = \"\"\nversion = \"v1\"\nkind = \"Pod\"\n";
    let scene = scene(denied, ApiServer::start(|request| kinds(request.path())).await).await;
    let deployment = |version: &str| json!({"apiVersion": version, "kind": "Deployment", "name": "web", "namespace": "shop"});
    let without_name = |mut arguments: Value| {
        arguments.as_object_mut().unwrap().remove("name");
        arguments
    };
    for (tool, arguments) in [
        ("resources_get", deployment("apps/v1")),
        ("resources_get", deployment("apps/v1beta2")),
        ("resources_list", without_name(deployment("apps/v1beta2"))),
        ("resources_scale", deployment("apps/v1beta2")),
        ("resources_get", json!({"apiVersion": "v1", "kind": "Secret", "name": "s"})),
        ("resources_list", json!({"apiVersion": "v1", "kind": "Secret"})),
        ("pods_list", json!({})),
        ("pods_list_in_namespace", json!({"namespace": "shop"})),
        ("pods_get", json!({"name": "web-0"})),
        ("pods_log", json!({"name": "web-0"})),
        ("pods_delete", json!({"name": "web-0"})),
    ] {
        let text = scene.mcp.failure("alice", tool, arguments).await;
        assert!(text.contains("denied_resources"), "{tool}: {text}");
    }
    for path in scene.api.arrived().iter().map(|request| request.path().to_owned()) {
        let touches = ["secrets", "deployments", "pods"].iter().any(|kind| path.contains(kind));
        assert!(!touches, "{path}");
    }
    for (tool, arguments) in [
        ("resources_list", json!({"apiVersion": "v1", "kind": "ConfigMap"})),
        ("resources_list", json!({"apiVersion": "apps/v1beta2", "kind": "StatefulSet"})),
        ("namespaces_list", json!({})),
    ] {
        let result = scene.mcp.call("alice", tool, arguments).await;
        assert_eq!(result["isError"], false, "{tool}: {result}");
    }
    let paths: Vec<_> =
        scene.api.arrived().iter().map(|request| request.path().to_owned()).collect();
    for reached in ["/api/v1/configmaps", "/apis/apps/v1beta2/statefulsets", "/api/v1/namespaces"] {
        assert!(paths.iter().any(|path| path == reached), "{reached} is not in {paths:?}");
    }
}

#[tokio::test]
async fn clients_are_told_the_operators_words_instead_of_ours() {
    let words = "server_instructions = \"Production: be careful.\"\n[tool_overrides.whoami]\ndescription = \"Say who I am.\"";
    let scene = scene(words, ApiServer::echoing_users().await).await;
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}});
    let call = scene.mcp.rpc(Era::V2025_11_25, "initialize", params).bearer_auth("alice");
    let answer = result(call.send().await.unwrap()).await;
    assert_eq!(answer["instructions"], "Production: be careful.");
    let list = scene.mcp.rpc(Era::V2026_07_28, "tools/list", json!({})).bearer_auth("alice");
    let list = result(list.send().await.unwrap()).await;
    let tools = list["tools"].as_array().unwrap();
    let described = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        tool["description"].as_str().unwrap().to_owned()
    };
    assert_eq!(described("whoami"), "Say who I am.");
    assert!(described("pods_list").len() > 10);
}

#[tokio::test]
async fn bodies_heads_and_ports_are_bounded_as_in_the_table_http() {
    let api = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let path = write_config(&folder, "", &api, 5);
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace(
        "listen = \"127.0.0.1:0\"",
        "port = \"0\"\nbind_address = \"127.0.0.2\"\nallowed_hosts = [\"127.0.0.2\"]",
    );
    let text = text.replace("operations = \"127.0.0.1:0\"", "metrics_port = \"0\"");
    let http = "\n[http]\nmax_body_bytes = 1024\nread_header_timeout = \"1s\"\n";
    std::fs::write(&path, format!("{text}{http}")).unwrap();
    let running = Running::start(&Config::load(&path).unwrap()).unwrap();
    assert_eq!(running.mcp.ip().to_string(), "127.0.0.2");
    assert_eq!(running.operations.ip().to_string(), "127.0.0.2");

    let mcp = Mcp::new(format!("http://{}/mcp", running.mcp));
    assert_eq!(mcp.call("alice", "whoami", json!({})).await["isError"], false);
    let long =
        json!({"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"x": "y".repeat(2000)}});
    assert_eq!(mcp.post(&long).bearer_auth("alice").send().await.unwrap().status(), 413);

    let address = running.mcp;
    let waited = tokio::task::spawn_blocking(move || {
        let mut half = TcpStream::connect(address).unwrap();
        half.set_read_timeout(Some(DEADLINE)).unwrap();
        half.write_all(b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.2\r\n").unwrap();
        let started = Instant::now();
        half.read_to_end(&mut Vec::new()).unwrap();
        started.elapsed()
    });
    assert!(waited.await.unwrap() < DEADLINE, "the half of a head is not waited for");
}

#[tokio::test]
async fn the_oldest_tls_is_the_one_that_is_set() {
    let api = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let ours = Identity::localhost();
    std::fs::write(folder.path().join("tls.crt"), &ours.certificate_pem).unwrap();
    std::fs::write(folder.path().join("tls.key"), &ours.key_pem).unwrap();
    for (setting, spoken) in [("1.2", true), ("1.3", false)] {
        let more = format!(
            "require_tls = true\ntls_cert = \"tls.crt\"\ntls_key = \"tls.key\"\ntls_min_version = \"{setting}\""
        );
        let path = write_config(&folder, &more, &api, 5);
        let running = Running::start(&Config::load(&path).unwrap()).unwrap();
        let (port, ca) = (running.mcp.port(), ours.ca_pem.clone());
        let older = tokio::task::spawn_blocking(move || speaks_tls_1_2(port, &ca));
        assert_eq!(older.await.unwrap(), spoken, "{setting}");
    }
}

fn speaks_tls_1_2(port: u16, ca_pem: &str) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    while client.is_handshaking() {
        if client.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    true
}
