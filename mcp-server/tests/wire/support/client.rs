//! JSON-RPC over HTTP, spelled out, so that a test says exactly what is on the wire.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

/// How a revision's requests look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    V2025_06_18,
    V2025_11_25,
    V2026_07_28,
}

impl Era {
    pub(crate) const ALL: [Self; 3] = [Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    pub(crate) fn is_modern(self) -> bool {
        self == Self::V2026_07_28
    }
}

#[derive(Clone)]
pub(crate) struct Mcp {
    http: reqwest::Client,
    url: String,
}

impl Mcp {
    pub(crate) fn new(url: String) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(super::DEADLINE).no_proxy().build().unwrap();
        Self { http, url }
    }

    /// A request with the headers that every POST needs, and nothing else.
    pub(crate) fn post(&self, body: &Value) -> RequestBuilder {
        self.http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body.to_string())
    }

    pub(crate) fn request(&self, method: http::Method) -> RequestBuilder {
        self.http.request(method, &self.url)
    }

    /// One JSON-RPC request in the manner of `era`.
    pub(crate) fn rpc(&self, era: Era, method: &str, mut params: Value) -> RequestBuilder {
        if era.is_modern() {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = json!(era.version());
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
            meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "0"});
            return self.modern(method, params);
        }
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let request = self.post(&body);
        if method == "initialize" {
            return request;
        }
        request.header("mcp-protocol-version", era.version())
    }

    /// A request of the newest revision, with the headers that mirror its body.
    fn modern(&self, method: &str, params: Value) -> RequestBuilder {
        let text =
            |pointer: &str| params.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let name = match method {
            "tools/call" | "prompts/get" => text("/name"),
            "resources/read" => text("/uri"),
            _ => None,
        };
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let mut request = self
            .post(&body)
            .header("mcp-protocol-version", Era::V2026_07_28.version())
            .header("mcp-method", method);
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        for argument in ["namespace", "context"].into_iter().filter(|_| method == "tools/call") {
            if let Some(value) = text(&format!("/arguments/{argument}")) {
                request = request.header(format!("mcp-param-{argument}"), value);
            }
        }
        request
    }

    /// The same, from a client that can ask its person (form elicitation).
    pub(crate) fn rpc_that_asks(&self, method: &str, mut params: Value) -> RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": Era::V2026_07_28.version(),
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        });
        self.modern(method, params)
    }

    /// A tool call as the owner of `token`, in the newest revision. The result, whatever it says.
    pub(crate) async fn call(&self, token: &str, tool: &str, arguments: Value) -> Value {
        let request =
            self.rpc(Era::V2026_07_28, "tools/call", json!({"name": tool, "arguments": arguments}));
        result(request.bearer_auth(token).send().await.unwrap()).await
    }

    /// A tool call that must fail; its text.
    pub(crate) async fn failure(&self, token: &str, tool: &str, arguments: Value) -> String {
        let result = self.call(token, tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        assert!(result.get("structuredContent").is_none(), "{result}");
        text(&result)
    }
}

/// The result of a response that must be one.
pub(crate) async fn result(response: Response) -> Value {
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["id"], 7, "{body}");
    body.get("result").unwrap_or_else(|| panic!("no result: {body}")).clone()
}

/// The text of a tool's result.
pub(crate) fn text(result: &Value) -> String {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}")).to_owned()
}
