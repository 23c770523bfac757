//! Where everything is, for anyone's own client or scanner: `target/demo/endpoints.json`, and
//! commands to copy.

use std::path::Path;

use anyhow::Result;
use obolus_tests::fixtures::stack::{Provider, Stack};
use serde_json::{Value, json};

use super::token_command::token_command;

/// Writes `endpoints.json`.
pub(crate) fn write(stack: &Stack, folder: &Path) -> Result<()> {
    let ca = folder.join("ca.pem");
    stack.authority.write(&ca)?;
    let logs: serde_json::Map<String, Value> =
        stack.logs().into_iter().map(|(name, path)| (name.to_owned(), json!(path))).collect();
    let providers = stack.providers().iter().map(|provider| of_provider(stack, &ca, *provider));
    let document = json!({
        "providers": providers.collect::<Result<Vec<_>>>()?,
        "gateway": stack.gateway.url(),
        "envoy_admin": stack.gateway.envoy.admin(),
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
    });
    std::fs::write(folder.join("endpoints.json"), format!("{document:#}\n"))?;
    Ok(())
}

fn of_provider(stack: &Stack, ca: &Path, provider: Provider) -> Result<Value> {
    Ok(json!({
        "provider": provider.name(),
        "mcp": stack.resource_of(provider),
        "protected_resource_metadata": metadata_url(stack, provider),
        "issuer": stack.issuer(provider),
        "token_command": {
            "alice": token_command(stack, ca, provider, "alice")?,
            "bob": token_command(stack, ca, provider, "bob")?,
        },
    }))
}

/// Prints commands to copy.
pub(crate) fn print(stack: &Stack, folder: &Path) -> Result<()> {
    println!(
        "\nEverything stays up until Ctrl-C. Where it is: {}",
        folder.join("endpoints.json").display()
    );
    for provider in stack.providers() {
        print_provider(stack, folder, *provider)?;
    }
    println!(
        "\nWhat the API server has seen:\n  tail -f {}\n",
        stack.cluster.audit_log().display()
    );
    Ok(())
}

fn print_provider(stack: &Stack, folder: &Path, provider: Provider) -> Result<()> {
    println!(
        r#"
A token of {name} (alice's; bob's likewise):
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
    --header "Authorization: Bearer $TOKEN" --method tools/list"#,
        name = provider.name(),
        token = token_command(stack, &folder.join("ca.pem"), provider, "alice")?,
        resource = stack.resource_of(provider),
        metadata = metadata_url(stack, provider),
    );
    Ok(())
}

fn metadata_url(stack: &Stack, provider: Provider) -> String {
    stack.resource_of(provider).replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
}
