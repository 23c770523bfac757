//! Requests over HTTP/2 that two readers might read differently: two names for the host, a path
//! that is not normal, trailers with headers in them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Request, Version};
use obolus_tests::fixtures::workbench::{Workbench, tool_call};
use tokio::net::TcpStream;

use crate::answer::{Answer, arrived, forwarded};

const PATIENCE: Duration = Duration::from_secs(10);

/// What differs from an ordinary request; `{host}` and `{port}` are the gateway's.
#[derive(Debug, Clone, Copy)]
struct Variant {
    method: &'static str,
    /// `:scheme`, `:authority` and `:path`; without a scheme there is no `:authority`.
    uri: &'static str,
    headers: &'static [(&'static str, &'static str)],
    trailers: &'static [(&'static str, &'static str)],
    /// Whether it arrives when it has a good token.
    arrives: bool,
}

const ORDINARY: Variant = Variant {
    method: "POST",
    uri: "http://{host}/mcp",
    headers: &[],
    trailers: &[],
    arrives: true,
};

const fn uri(uri: &'static str, arrives: bool) -> Variant {
    Variant { uri, arrives, ..ORDINARY }
}

const fn header(header: &'static [(&'static str, &'static str)], arrives: bool) -> Variant {
    Variant { headers: header, arrives, ..ORDINARY }
}

const VARIANTS: [Variant; 36] = [
    ORDINARY,
    uri("https://{host}/mcp", true),
    uri("ftp://{host}/mcp", true),
    uri("http://LOCALHOST:{port}/mcp", true),
    uri("http://localhost.:{port}/mcp", false),
    uri("http://localhost/mcp", false),
    uri("http://127.0.0.1:{port}/mcp", false),
    uri("http://user@{host}/mcp", false),
    uri("http://elsewhere.example/mcp", false),
    uri("/mcp", false),
    uri("http://{host}//mcp", true),
    uri("http://{host}/./mcp", true),
    uri("http://{host}/x/../mcp", true),
    uri("http://{host}/other/../mcp", true),
    uri("http://{host}/%6dcp", true),
    uri("http://{host}/mcp%2f", false),
    uri("http://{host}/other%2f..%2fmcp", false),
    uri("http://{host}/MCP", false),
    uri("http://{host}/mcp;x=y", false),
    uri("http://{host}/mcp?x=/other", true),
    // The name in `host` is not the one that counts, and does not go on.
    header(&[("host", "elsewhere.example")], true),
    Variant { uri: "http://elsewhere.example/mcp", ..header(&[("host", "{host}")], false) },
    Variant { uri: "/mcp", ..header(&[("host", "{host}")], true) },
    Variant { uri: "/mcp", ..header(&[("host", "elsewhere.example")], false) },
    header(&[("authorization_", "Bearer a.b.c")], false),
    header(&[("x_forwarded_host", "elsewhere.example")], false),
    header(&[("te", "trailers")], true),
    header(&[("content-length", "1")], false),
    header(&[("content-encoding", "br")], false),
    header(&[("x-http-method-override", "GET")], true),
    header(&[("wasm.obolus_permit", "obolus-mcp")], false),
    header(&[("cookie", "token=a.b.c")], true),
    Variant { trailers: &[("x-after", "1")], ..ORDINARY },
    Variant { trailers: &[("authorization", "Bearer a.b.c"), ("host", "elsewhere")], ..ORDINARY },
    Variant { method: "GET", arrives: false, ..ORDINARY },
    Variant { method: "DELETE", arrives: false, ..ORDINARY },
];

impl Variant {
    /// The status, or 0 when the stream or the connection was reset.
    async fn send(&self, bench: &Workbench, token: Option<&str>) -> Result<u16> {
        let place = &bench.gateway.place;
        let fill = |text: &str| {
            let text = text.replace("{host}", &place.authority());
            text.replace("{port}", &place.address().port().to_string())
        };
        let mut request = Request::builder()
            .method(self.method)
            .uri(fill(self.uri))
            // The library's way to say that `:authority` may be left out.
            .version(if self.uri.starts_with('/') { Version::HTTP_11 } else { Version::HTTP_2 })
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in self.headers {
            request = request.header(*name, fill(value));
        }
        let mut trailers = HeaderMap::new();
        for (name, value) in self.trailers {
            trailers.insert(*name, HeaderValue::from_static(value));
        }
        let stream = TcpStream::connect(place.address()).await?;
        let (client, connection) = h2::client::handshake(stream).await?;
        let connection = tokio::spawn(connection);
        let mut client = client.ready().await?;
        let has_body = self.method == "POST";
        let (response, mut body) = client.send_request(request.body(())?, !has_body)?;
        if has_body {
            let bytes = Bytes::from(tool_call("pods_list"));
            // The stream may have been reset already.
            let _reset = body.send_data(bytes, trailers.is_empty());
            if !trailers.is_empty() {
                let _reset = body.send_trailers(trailers);
            }
        }
        let response = tokio::time::timeout(PATIENCE, response).await.context("no answer")?;
        connection.abort();
        Ok(response.map_or(0, |response| response.status().as_u16()))
    }
}

#[tokio::test]
async fn no_variant_over_http_2_leads_past_the_filter() -> Result<()> {
    let bench = Workbench::start().await?;
    let good = bench.token("alice")?;
    for variant in VARIANTS {
        for token in [None, Some("garbage")] {
            let status = variant.send(&bench, token).await?;
            ensure!(arrived(&bench.upstream) == 0, "{variant:?} arrived with {token:?}");
            ensure!(status == 0 || (400..500).contains(&status), "{variant:?}: {status}");
        }
        let status = variant.send(&bench, Some(&good)).await?;
        let arrivals = bench.upstream.take();
        for arrival in &arrivals {
            let claims = forwarded(arrival)?;
            ensure!(claims["aud"] == "kubernetes" && claims["sub"] == "alice", "{variant:?}");
            ensure!(
                arrival.header("host") == Some(bench.gateway.place.authority().as_str())
                    || arrival.header("host").is_some_and(|host| host.starts_with("LOCALHOST")),
                "{variant:?}: {:?}",
                arrival.headers
            );
        }
        let expected = if variant.arrives { (200, 1) } else { (status, 0) };
        ensure!((status, arrivals.len()) == expected, "{variant:?}: {status}, {}", arrivals.len());
        ensure!(variant.arrives || status != 200, "{variant:?}");

        let other = bench.http.get(format!("{}/other", bench.gateway.url())).send().await?;
        ensure!(other.status() == 200 && arrived(&bench.other) == 1, "{variant:?}");
        ensure!(Answer::to(bench.call(&good)).await?.status == 200, "{variant:?}");
        ensure!(arrived(&bench.upstream) == 1, "{variant:?}");
    }
    Ok(())
}
