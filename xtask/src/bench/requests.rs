//! The bytes of requests, as an MCP client on Node sends them.

/// A `tools/call` of a realistic size.
pub(crate) fn tool_call() -> String {
    // Not made from a `Value`, which would sort its keys.
    let body = r#"{"method":"tools/call","params":{"name":"resources_list","arguments":{"apiVersion":"apps/v1","kind":"Deployment","namespace":"shop","labelSelector":"app.kubernetes.io/name=web,app.kubernetes.io/part-of=shop,tier in (frontend,backend),environment!=staging","fieldSelector":"metadata.name!=web-canary,status.replicas!=0","limit":50,"reason":"The user asked which deployments of the web shop have been rolled out since this morning, and whether all of their replicas are ready."},"_meta":{"progressToken":7}},"jsonrpc":"2.0","id":7}"#;
    body.to_owned()
}

/// A `tools/list`.
pub(crate) fn tools_list() -> String {
    r#"{"method":"tools/list","jsonrpc":"2.0","id":7}"#.to_owned()
}

/// A request to the MCP endpoint.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// `host:port` of the resource's URL, whatever listener it is sent to.
    pub(crate) host: &'a str,
    pub(crate) token: &'a str,
    /// One more header, with its line's end.
    pub(crate) header: &'a str,
    pub(crate) body: &'a str,
}

impl Request<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { method, host, token, header, body } = self;
        let length = body.len();
        format!(
            "{method} /mcp HTTP/1.1\r\n\
             host: {host}\r\n\
             connection: keep-alive\r\n\
             content-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n\
             authorization: Bearer {token}\r\n\
             mcp-protocol-version: 2025-11-25\r\n\
             {header}\
             accept-language: *\r\n\
             sec-fetch-mode: cors\r\n\
             user-agent: node\r\n\
             accept-encoding: gzip, deflate\r\n\
             content-length: {length}\r\n\r\n\
             {body}"
        )
        .into_bytes()
    }
}
