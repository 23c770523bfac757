//! Where everything is, for anyone's own client or scanner: `target/demo/endpoints.json`, and
//! commands to copy.

use std::path::Path;

use anyhow::Result;
use obolus_tests::fixtures::stack::{SCOPE, Stack};
use serde_json::{Value, json};

/// Writes `endpoints.json`.
pub(crate) fn write(stack: &Stack, folder: &Path) -> Result<()> {
    let ca = folder.join("ca.pem");
    stack.authority.write(&ca)?;
    let logs: serde_json::Map<String, Value> =
        stack.logs().into_iter().map(|(name, path)| (name.to_owned(), json!(path))).collect();
    let document = json!({
        "mcp": stack.gateway.resource(),
        "protected_resource_metadata": metadata_url(stack),
        "gateway": stack.gateway.url(),
        "envoy_admin": stack.gateway.envoy.admin(),
        "issuer": stack.keycloak.issuer(),
        "token_endpoint": stack.keycloak.token_url(),
        "sts": stack.sts.url(),
        "sts_operations": stack.sts.operations_url(),
        "mcp_server": stack.mcp_server.url(),
        "mcp_server_operations": stack.mcp_server.operations_url(),
        "kube_apiserver": stack.cluster.url(),
        "files": {
            "ca": ca,
            "kube_apiserver_ca": stack.cluster.ca_file(),
            "admin_kubeconfig": stack.cluster.admin_kubeconfig(),
            "audit_log": stack.cluster.audit_log(),
            "envoy_config": folder.join("envoy/envoy.json"),
            "sts_config": folder.join("sts/sts.toml"),
            "mcp_server_config": folder.join("mcp/mcp.toml"),
        },
        "logs": logs,
        "token_command": {
            "alice": token_command(stack, &ca, "alice"),
            "bob": token_command(stack, &ca, "bob"),
        },
    });
    std::fs::write(folder.join("endpoints.json"), format!("{document:#}\n"))?;
    Ok(())
}

/// Prints commands to copy.
pub(crate) fn print(stack: &Stack, folder: &Path) {
    let resource = stack.gateway.resource();
    println!(
        r#"
Everything stays up until Ctrl-C. Where it is: {endpoints}

A token (alice's; bob's likewise):
  TOKEN=$({token})

Who am I to the API server?
  curl -s {resource} -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
    -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"whoami","arguments":{{}}}}}}'

What does a client learn that has no token?
  curl -si {resource} -d '{{}}' | grep -i www-authenticate
  curl -s {metadata}

An MCP client (Node 22 or newer):
  npx -y @modelcontextprotocol/inspector@2.12.0 --cli {resource} --transport http \
    --header "Authorization: Bearer $TOKEN" --method tools/list

What the API server has seen:
  tail -f {audit}
"#,
        endpoints = folder.join("endpoints.json").display(),
        token = token_command(stack, &folder.join("ca.pem"), "alice"),
        metadata = metadata_url(stack),
        audit = stack.cluster.audit_log().display(),
    );
}

fn metadata_url(stack: &Stack) -> String {
    format!("{}/.well-known/oauth-protected-resource/mcp", stack.gateway.url())
}

/// The password grant, which the demo's realm allows so that a shell can have a token. The passwords are
/// the demo's own.
fn token_command(stack: &Stack, ca: &Path, person: &str) -> String {
    format!(
        "curl -s --cacert {ca} {url} -d grant_type=password -d client_id=mcp-client \
         -d username={person} -d password={person} -d 'scope=openid {SCOPE}' \
         | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])'",
        ca = ca.display(),
        url = stack.keycloak.token_url(),
    )
}
