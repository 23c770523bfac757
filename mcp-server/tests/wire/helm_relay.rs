//! What goes on from a program that takes this server for the API server: requests that are understood, as the person who
//! called, with nothing of what the program says about who it is.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::api_server::{Arrived, status};
use crate::support::{Answer, ApiServer, scene};

/// In helm's place: it asks for what stands in a file, as somebody else, and writes down how each answer begins.
const PROGRAM: &str = r#"#!/bin/bash
url=${HELM_KUBEAPISERVER#http://}
address=${url%%/*}
while read -r method path; do
    path=${path/OURS//${url#*/}}
    exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
    printf '%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: application/json\r\nAuthorization: Bearer other\r\n' "$method" "$path" >&3
    printf 'Impersonate-User: admin\r\nImpersonate-Group: system:masters\r\nX-Remote-User: admin\r\nCookie: a=b\r\n\r\n' >&3
    read -r first <&3
    echo "$method ${path/"/${url#*/}"/OURS} ${first:9:3}" >> "$0.answered"
    exec 3>&-
done < "$0.asks"
echo '[]'
"#;

fn cluster(request: &Arrived) -> Answer {
    let kinds = |items: Value| {
        Answer::Json(
            200,
            json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}),
        )
    };
    let kind = |plural: &str, kind: &str| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": ["get"]});
    match request.path() {
        "/api" => kinds(json!([{"metadata": {"name": ""}, "versions": [
            {"version": "v1", "resources": [kind("configmaps", "ConfigMap"), kind("pods", "Pod")]},
        ]}])),
        "/apis" => kinds(json!([])),
        "/version" => Answer::Json(200, json!({"gitVersion": "v1.36.0"})),
        path if path.ends_with("/web") => {
            Answer::Json(200, json!({"apiVersion": "v1", "kind": "ConfigMap"}))
        }
        _ => status(404, "not found"),
    }
}

#[tokio::test]
async fn what_a_program_asks_for_goes_on_as_the_caller_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("helm");
    std::fs::write(&program, PROGRAM).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (web, pods) = ("/api/v1/namespaces/shop/configmaps/web", "/api/v1/namespaces/shop/pods");
    let asks = [
        (format!("GET OURS{web}"), "200"),
        ("GET OURS/version".to_owned(), "200"),
        (format!("DELETE OURS{web}"), "200"),
        // Whoever does not know the path, the operator's kinds, and what is not understood.
        (format!("GET {web}"), "404"),
        (format!("GET /made-up{web}"), "404"),
        (format!("GET OURS{pods}/web"), "403"),
        ("GET OURS/metrics".to_owned(), "403"),
        ("GET OURS/logs/web".to_owned(), "403"),
        ("GET OURS/api/v1/watch/pods/web".to_owned(), "403"),
        ("GET OURS/api/v1/namespaces/shop/%70ods/web".to_owned(), "403"),
        ("GET OURS/api/v1/namespaces/shop/configmaps/../pods/web".to_owned(), "403"),
        ("GET OURS/api/v1/namespaces/shop//pods/web".to_owned(), "403"),
        ("POST OURS/version".to_owned(), "403"),
        ("CONNECT elsewhere.example:443".to_owned(), "404"),
        (format!("GET http://elsewhere.example{web}"), "404"),
    ];
    let lines: Vec<_> = asks.iter().map(|(ask, _)| format!("{ask}\n")).collect();
    std::fs::write(folder.path().join("helm.asks"), lines.concat()).unwrap();
    let more = format!(
        "[[denied_resources]]\ngroup = \"\"\nkind = \"Pod\"\n[toolset_configs.helm]\nprogram = {program:?}\n"
    );
    let scene = scene(&more, ApiServer::start(cluster).await).await;
    let listed = scene.mcp.call("alice", "helm_list", json!({"namespace": "shop"})).await;
    assert_eq!(listed["isError"], false, "{listed}");
    let answered = std::fs::read_to_string(folder.path().join("helm.answered")).unwrap();
    let wanted: Vec<_> = asks.iter().map(|(ask, status)| format!("{ask} {status}")).collect();
    assert_eq!(answered.lines().collect::<Vec<_>>(), wanted);
    let arrived = scene.api.arrived();
    let touched: Vec<_> = arrived
        .iter()
        .filter(|request| !["/api", "/apis"].contains(&request.path()))
        .map(|request| (request.method.as_str(), request.target.as_str()))
        .collect();
    assert_eq!(touched, [("GET", web), ("GET", "/version"), ("DELETE", web)]);
    for request in &arrived {
        assert_eq!(request.authorization, ["Bearer alice"], "{}", request.target);
        for name in request.headers.keys() {
            let theirs = ["impersonate-user", "impersonate-group", "x-remote-user", "cookie"];
            assert!(!theirs.contains(&name.as_str()), "{}: {name}", request.target);
        }
    }
}
