//! Three revisions of MCP side by side on one endpoint.

use obolus_tests::fixtures::mcp_client::{McpClient, Revision};
use serde_json::json;

use crate::stack;

#[tokio::test]
async fn every_revision_lists_and_calls_with_a_token_and_does_neither_without() {
    let stack = stack().await;
    let client = stack.client("alice").await.unwrap();
    let nobody = McpClient::new(&stack.gateway.resource(), None).unwrap();
    for revision in Revision::ALL {
        let client = client.speaking(revision);
        let hello = client.hello().await.unwrap();
        assert_eq!(hello.status, 200, "{revision:?}: {}", hello.body);
        let tools = client.tools().await.unwrap();
        assert!(tools.contains(&"pods_list".to_owned()), "{revision:?}: {tools:?}");
        let namespaces = client.call("namespaces_list", json!({})).await.unwrap();
        assert!(namespaces.text().contains("shop"), "{revision:?}: {}", namespaces.body);

        let nobody = nobody.speaking(revision);
        assert_eq!(nobody.hello().await.unwrap().status, 401, "{revision:?}");
        assert_eq!(nobody.call("namespaces_list", json!({})).await.unwrap().status, 401);
    }
}
