//! Several clusters: a call goes to the one that it names, with a token that is for that one, or nowhere.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_mcp::{Config, Running};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::{result, text};
use crate::support::{ApiServer, Era, Mcp};

/// Two API servers, `prod` by default and `lab`, and a server of ours in front of both.
struct Two {
    prod: ApiServer,
    lab: ApiServer,
    running: Running,
    mcp: Mcp,
    _folder: TempDir,
}

fn write(folder: &TempDir, prod: &ApiServer, lab: &ApiServer) -> PathBuf {
    for (name, api) in [("prod.pem", prod), ("lab.pem", lab)] {
        std::fs::write(folder.path().join(name), &api.ca_pem).unwrap();
    }
    let path = folder.path().join("mcp.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\ndefault_cluster = \"prod\"\n\
         [clusters.prod]\nserver = \"{}\"\ncertificate_authority = \"prod.pem\"\naudience = \"k8s-prod\"\n\
         [clusters.lab]\nserver = \"{}\"\ncertificate_authority = \"lab.pem\"\naudience = [\"k8s-lab\", \"k8s-lab-old\"]\n",
        prod.url, lab.url
    );
    std::fs::write(&path, text).unwrap();
    path
}

async fn two() -> Two {
    let (prod, lab) = (ApiServer::echoing_users().await, ApiServer::echoing_users().await);
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&Config::load(&write(&folder, &prod, &lab)).unwrap()).unwrap();
    let mcp = Mcp::new(format!("http://{}/mcp", running.mcp));
    Two { prod, lab, running, mcp, _folder: folder }
}

/// A token that says whom it is for. Nobody signed it: the API server would verify it, and the stand-in does not.
fn token(audience: Value) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = part(json!({"iss": "https://idp", "sub": "alice", "aud": audience}));
    format!("{}.{claims}.c2ln", part(json!({"alg": "RS256", "kid": "k"})))
}

impl Two {
    fn arrived(&self) -> [usize; 2] {
        [self.prod.arrived().len(), self.lab.arrived().len()]
    }
}

#[tokio::test]
async fn a_call_reaches_the_cluster_that_it_names_and_no_other() {
    let two = two().await;
    let (for_prod, for_lab) = (token(json!("k8s-prod")), token(json!(["x", "k8s-lab"])));
    for (bearer, arguments, arrived) in [
        (&for_prod, json!({}), [1, 0]),
        (&for_prod, json!({"context": "prod"}), [2, 0]),
        (&for_lab, json!({"context": "lab"}), [2, 1]),
    ] {
        let result = two.mcp.call(bearer, "whoami", arguments.clone()).await;
        assert_eq!(
            result["structuredContent"]["username"],
            format!("Bearer {bearer}"),
            "{arguments}"
        );
        assert_eq!(two.arrived(), arrived, "{arguments}");
    }
    let metrics = format!("http://{}/metrics", two.running.operations);
    let metrics = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"{tool="whoami",cluster="prod",outcome="ok"} 2"#), "{metrics}");
    assert!(metrics.contains(r#"{tool="whoami",cluster="lab",outcome="ok"} 1"#), "{metrics}");
}

#[tokio::test]
async fn a_token_for_another_cluster_is_not_shown_to_the_one_that_the_call_names() {
    let two = two().await;
    let cases = [
        (token(json!("k8s-lab")), json!({})),
        (token(json!("k8s-lab")), json!({"context": "prod"})),
        (token(json!("k8s-prod")), json!({"context": "lab"})),
        (token(json!(["a", "b"])), json!({"context": "lab"})),
        (token(json!([])), json!({})),
        (token(json!("K8S-PROD")), json!({})),
        ("opaque".to_owned(), json!({})),
    ];
    for (bearer, arguments) in cases {
        let told = two.mcp.failure(&bearer, "whoami", arguments.clone()).await;
        assert!(told.contains("is not for the cluster"), "{arguments}: {told}");
        assert_eq!(two.arrived(), [0, 0], "{arguments}");
    }
    let metrics = format!("http://{}/metrics", two.running.operations);
    let metrics = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"cluster="lab",outcome="wrong_target"} 2"#), "{metrics}");
    // The control: with their tokens exchanged for the right target, the same calls arrive; one token may be for both.
    let both = token(json!(["k8s-prod", "k8s-lab-old"]));
    for arguments in [json!({}), json!({"context": "lab"})] {
        assert_eq!(two.mcp.call(&both, "whoami", arguments).await["isError"], false);
    }
    assert_eq!(two.arrived(), [1, 1]);
}

#[tokio::test]
async fn a_context_that_is_none_is_refused_with_those_that_there_are() {
    let two = two().await;
    let both = token(json!(["k8s-prod", "k8s-lab"]));
    for context in
        [json!("dev"), json!("PROD"), json!(""), json!(7), json!(["prod"]), json!("prod ")]
    {
        let call = json!({"name": "whoami", "arguments": {"context": context}});
        let call = two.mcp.rpc(Era::V2025_11_25, "tools/call", call).bearer_auth(&both);
        let told = result(call.send().await.unwrap()).await;
        assert_eq!(told["isError"], true, "{context}");
        assert!(text(&told).contains("context must be one of lab, prod"), "{context}: {told}");
    }
    assert_eq!(two.arrived(), [0, 0]);
}

#[tokio::test]
async fn a_header_that_names_another_cluster_than_the_body_is_refused() {
    let two = two().await;
    let both = token(json!(["k8s-prod", "k8s-lab"]));
    let call = |context: &str, header: &'static str| {
        let mut params = json!({"name": "whoami", "arguments": {"context": context}});
        let arguments = params["arguments"].take();
        // Without the argument, so that the header is ours to choose.
        params["arguments"] = json!({});
        let mut body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        body["params"]["arguments"] = arguments;
        body["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        });
        let request = two.mcp.post(&body).bearer_auth(&both);
        request
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "whoami")
            .header("mcp-param-context", header)
    };
    let refused = call("lab", "prod").send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], -32020, "{body}");
    assert_eq!(two.arrived(), [0, 0]);
    // The control: the same call, whose header agrees.
    assert_eq!(result(call("lab", "lab").send().await.unwrap()).await["isError"], false);
    assert_eq!(two.arrived(), [0, 1]);
}

#[tokio::test]
async fn every_tool_has_the_argument_where_there_is_a_choice_and_none_where_there_is_none() {
    let two = two().await;
    let one = crate::support::scene("", ApiServer::echoing_users().await).await;
    for (mcp, wanted) in [(&two.mcp, true), (&one.mcp, false)] {
        let list = mcp.rpc(Era::V2026_07_28, "tools/list", json!({})).bearer_auth("alice");
        let list = result(list.send().await.unwrap()).await;
        let tools = list["tools"].as_array().unwrap();
        assert!(tools.len() > 5);
        for tool in tools {
            let argument = tool["inputSchema"]["properties"].get("context");
            assert_eq!(argument.is_some(), wanted, "{tool}");
            if let Some(argument) = argument {
                assert_eq!(argument["enum"], json!(["lab", "prod"]));
                assert_eq!(argument["x-mcp-header"], "Context");
            }
        }
    }
    // Where there is one cluster, a call that names another is not taken to it.
    let told = one.mcp.failure("alice", "whoami", json!({"context": "lab"})).await;
    assert!(told.contains("context: is no parameter"), "{told}");
    assert!(one.api.arrived().is_empty());
}

#[tokio::test]
async fn each_clusters_authority_is_its_own_and_is_reread() {
    let (prod, lab) = (ApiServer::echoing_users().await, ApiServer::echoing_users().await);
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, &prod, &lab);
    // The lab's authority is believed by nobody at first: prod's stands in its place.
    std::fs::write(folder.path().join("lab.pem"), &prod.ca_pem).unwrap();
    let running = Running::start(&Config::load(&path).unwrap()).unwrap();
    let mcp = Mcp::new(format!("http://{}/mcp", running.mcp));
    let both = token(json!(["k8s-prod", "k8s-lab"]));
    let told = mcp.failure(&both, "whoami", json!({"context": "lab"})).await;
    assert!(told.contains("cannot be reached"), "{told}");
    assert_eq!(mcp.call(&both, "whoami", json!({})).await["isError"], false);

    std::fs::write(folder.path().join("lab.pem"), &lab.ca_pem).unwrap();
    running.reload();
    let started = std::time::Instant::now();
    while mcp.call(&both, "whoami", json!({"context": "lab"})).await["isError"] == json!(true) {
        assert!(started.elapsed() < crate::support::DEADLINE, "the new authority was not read");
    }
    assert_eq!(mcp.call(&both, "whoami", json!({})).await["isError"], false);
}
