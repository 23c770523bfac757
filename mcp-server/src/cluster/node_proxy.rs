//! What a node's kubelet tells, through the API server.

use form_urlencoded::Serializer;
use http::HeaderValue;
use http::header::ACCEPT;
use serde_json::Value;

use super::caller::Caller;
use super::discovery::Resource;
use super::operation::Operation;
use super::stream::{ByteStream, Span};
use crate::failure::Failure;
use crate::names::{NodeLogName, ObjectName};

impl Caller {
    /// Reads the log of a service of a node, or a file of its logs, as it comes. Kubelets count the lines of services
    /// alone, and answer nothing else with a number of lines.
    pub(crate) async fn node_log(
        &self,
        name: &ObjectName,
        query: &NodeLogName,
        tail: Option<u32>,
    ) -> Result<ByteStream, Failure> {
        let (operation, path) = proxied(name, "logs/");
        let mut request = get(format!("{path}?{}", parameters(query, tail)))?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/plain, */*"));
        self.stream(operation, request, Span::Request).await
    }

    /// Reads a kubelet's summary of what its pods use.
    pub(crate) async fn node_summary(&self, name: &ObjectName) -> Result<Value, Failure> {
        let (operation, path) = proxied(name, "stats/summary");
        self.ask(&operation, get(path)?).await
    }
}

fn parameters(query: &NodeLogName, tail: Option<u32>) -> String {
    let mut parameters = Serializer::new(String::new());
    parameters.append_pair("query", query.as_str());
    if let Some(tail) = tail {
        parameters.append_pair("tailLines", &tail.to_string());
    }
    parameters.finish()
}

fn proxied(name: &ObjectName, rest: &str) -> (Operation, String) {
    let nodes = Resource::core("Node", "nodes", false);
    let operation = nodes.operation_on("get", "/proxy", None, name);
    (operation, format!("{}/{name}/proxy/{rest}", nodes.path(None)))
}

fn get(target: String) -> Result<http::Request<Vec<u8>>, Failure> {
    http::Request::get(target)
        .body(Vec::new())
        .map_err(|error| Failure::InvalidArguments(error.to_string()))
}
