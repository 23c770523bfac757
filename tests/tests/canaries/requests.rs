//! Requests that are good, and requests that are bad in as many ways as carry something secret.

use std::time::Duration;

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::mcp_client::{McpClient, Revision, answered};
use obolus_tests::fixtures::stack::SCOPE;
use obolus_tests::https;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::canary::Canary;
use crate::world::{SIGNED, World, access_token, unique};

fn client(world: &World, token: Option<&str>) -> McpClient {
    McpClient::new(&world.stack.gateway.resource(), token).unwrap()
}

fn whoami(client: &McpClient) -> RequestBuilder {
    client.request("tools/call", json!({"name": "whoami", "arguments": {}}))
}

/// Calls in all revisions, and both ways in which the STS proves itself. What the token is exchanged for is a
/// canary, too: the STS gives the same to whoever may ask for it.
pub(crate) async fn good(world: &mut World) -> Vec<Canary> {
    let alice = client(world, Some(&world.token));
    for revision in Revision::ALL {
        let alice = alice.speaking(revision);
        assert_eq!(alice.hello().await.unwrap().status, 200);
        let who = answered(whoami(&alice)).await.unwrap();
        assert!(who.text().contains("kc:alice"), "{}", who.body);
        let marked = json!({"namespace": world.namespace});
        let pods = alice.call("pods_list_in_namespace", marked).await.unwrap();
        assert!(!pods.is_tool_error(), "{}", pods.body);
        let secrets = json!({"apiVersion": "v1", "kind": "Secret", "namespace": world.namespace});
        assert!(alice.call("resources_list", secrets).await.unwrap().is_tool_error());
    }
    let mut canaries = Vec::new();
    for (name, target) in [("the exchanged token", "kubernetes"), ("the other one", SIGNED)] {
        let request = world.exchange(world.stack.credential(), &world.token, target);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let token = access_token(&answer);
        canaries.push(Canary::token(name, &token));
        if target == "kubernetes" {
            world.exchanged = token;
        }
    }
    canaries
}

/// One request after all others, which the access log is waited for with: Envoy writes it every ten seconds.
pub(crate) async fn written_down(world: &World) {
    let url = format!("{}{}", world.stack.gateway.url(), world.path);
    let answer = https::plain_client().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    eventually("the access log", Duration::from_secs(30), || async {
        ensure!(world.stack.gateway.envoy.log().contains(&world.path), "not written yet");
        Ok(())
    })
    .await
    .unwrap();
}

/// Two good requests, as far as the gateway goes: for one of them it asks the STS.
pub(crate) async fn once_more(world: &World) {
    let answer = answered(whoami(&client(world, Some(&world.token)))).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answered(whoami(&client(world, Some(&world.spare)))).await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
}

pub(crate) async fn bad(world: &World) -> Vec<Canary> {
    let mut canaries = tokens_that_are_not_good(world).await;
    canaries.extend(tokens_in_the_wrong_place(world).await);
    canaries.extend(at_the_sts(world).await);
    canaries.extend(behind_the_gateway(world).await);
    canaries.extend(no_http_at_all(world).await);
    canaries
}

async fn refused(request: RequestBuilder, status: u16, what: &str) {
    let answer = answered(request).await.unwrap();
    assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
}

async fn tokens_that_are_not_good(world: &World) -> Vec<Canary> {
    let tokens = world.tokens("mcp-client", &format!("openid {SCOPE}")).await;
    let (id_token, refresh_token) = (tokens.id_token.unwrap(), tokens.refresh_token.unwrap());
    let stranger = world.tokens("mcp-client-stranger", SCOPE).await.access_token;
    let powerless = world.tokens("mcp-client", "mcp:nothing").await.access_token;
    let (opaque, large) = (unique("opaque"), unique("large").repeat(800));
    let shaped = shaped_like_a_token(&json!({"alg": "none"}), &unique("unsigned"));
    let (signed, _) = tokens.access_token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", stranger.rsplit_once('.').unwrap().1);
    for (what, token, status) in [
        ("an ID token", id_token.as_str(), 401),
        ("a refresh token", &refresh_token, 401),
        ("a stranger's token", &stranger, 403),
        ("a token without the scope", &powerless, 403),
        ("an opaque token", &opaque, 401),
        ("a large token", &large, 401),
        ("an unsigned token", &shaped, 401),
        ("a forged token", &forged, 401),
    ] {
        refused(whoami(&client(world, Some(token))), status, what).await;
    }
    vec![
        Canary::token("an ID token", &id_token),
        Canary::of("a refresh token", refresh_token.rsplit_once('.').unwrap().1.as_bytes()),
        Canary::token("a stranger's token", &stranger),
        Canary::token("a token without the scope", &powerless),
        Canary::token("a forged token", &forged),
        Canary::of("an opaque token", opaque.as_bytes()),
        Canary::of("a large token", &large.as_bytes()[..60]),
        Canary::of("an unsigned token", shaped.split('.').nth(1).unwrap().as_bytes()),
    ]
}

fn shaped_like_a_token(header: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.",
        part(header),
        part(&json!({"sub": secret, "iss": "https://x.test/", "exp": 1}))
    )
}

/// Of the good token, and of values of their own.
async fn tokens_in_the_wrong_place(world: &World) -> Vec<Canary> {
    let [basic, other, form] = ["basic", "other", "form"].map(unique);
    let token = &world.token;
    let nobody = client(world, None).speaking(Revision::V2025_11_25);
    let alice = client(world, Some(token)).speaking(Revision::V2025_11_25);
    let pair = STANDARD.encode(format!("alice:{basic}"));
    let in_query = format!("{}?access_token={token}", world.stack.gateway.resource());
    let queried = McpClient::new(&in_query, None).unwrap();
    let batch = json!([{"jsonrpc": "2.0", "id": 1, "method": token}]).to_string();
    let twice = format!(r#"{{"jsonrpc":"2.0","id":1,"id":"{token}","method":"ping"}}"#);
    for (what, request, status) in [
        ("Basic", whoami(&nobody).header("authorization", format!("Basic {pair}")), 401),
        ("two headers", whoami(&alice).header("authorization", format!("Bearer {other}")), 401),
        ("no scheme", whoami(&nobody).header("authorization", token), 401),
        ("the query", whoami(&queried), 401),
        ("another header", whoami(&nobody).header("x-access-token", token), 401),
        ("a cookie", whoami(&nobody).header("cookie", format!("token={token}")), 401),
        ("a batch", whoami(&alice).body(batch), 400),
        ("an id that comes twice", whoami(&alice).body(twice), 400),
        ("a form", whoami(&alice).body(format!("access_token={form}")), 400),
        ("not UTF-8", whoami(&alice).body([token.as_bytes(), &[0xff]].concat()), 400),
        ("deep", whoami(&alice).body(format!("{}{token}", "[".repeat(100_000))), 400),
        ("compressed", whoami(&alice).header("content-encoding", "gzip").body(form.clone()), 415),
    ] {
        let answer = answered(request).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
    }
    // Arguments that the tool does not take are not what somebody else should read.
    for arguments in [json!({"namespace": token, "name": token}), json!({other.clone(): token})] {
        let answer = alice.call("pods_get", arguments).await.unwrap();
        assert!(answer.is_tool_error(), "{}", answer.body);
    }
    vec![
        Canary::of("a password for Basic", basic.as_bytes()),
        Canary::of("a second bearer", other.as_bytes()),
        Canary::of("a token in a form", form.as_bytes()),
    ]
}

async fn at_the_sts(world: &World) -> Vec<Canary> {
    let [wrong, query, opaque] = ["wrong-credential", "query", "subject"].map(unique);
    let (credential, token) = (world.stack.credential().to_owned(), &world.token);
    let http = https::client(&world.stack.authority.pem()).unwrap();
    let url = |path: &str| format!("{}{path}", world.stack.sts.url());
    let good = || world.exchange(&credential, token, "kubernetes");
    for (what, request) in [
        ("a wrong credential", world.exchange(&wrong, token, "kubernetes")),
        ("another target", world.exchange(&credential, token, "no-such-target")),
        ("a target that is a token", world.exchange(&credential, token, token)),
        ("an opaque token", world.exchange(&credential, &opaque, "kubernetes")),
        ("two credentials", good().basic_auth("envoy", Some(&wrong))),
        ("a bearer", good().bearer_auth(token)),
        ("a query", http.get(url(&format!("/exchange?subject_token={query}")))),
        ("a path", http.get(url(&format!("/keys/{query}")))),
        ("JSON", good().header("content-type", "application/json")),
        ("twice", good().body(format!("subject_token={token}&subject_token={opaque}"))),
        ("no form", good().body(vec![0xff; 1000])),
        ("too much", good().body(format!("subject_token={}", opaque.repeat(2000)))),
    ] {
        let answer = request.send().await.unwrap();
        let status = answer.status();
        assert!(status.is_client_error(), "{what}: {status} {}", answer.text().await.unwrap());
    }
    vec![
        Canary::of("a wrong credential", wrong.as_bytes()),
        Canary::of("a token in the STS's query", query.as_bytes()),
        Canary::of("an opaque subject token", opaque.as_bytes()),
    ]
}

/// Whoever gets at the MCP server without the gateway.
async fn behind_the_gateway(world: &World) -> Vec<Canary> {
    let [opaque, other, revision_canary] = ["direct", "second-direct", "revision"].map(unique);
    let url = world.stack.mcp_server.url();
    let direct = McpClient::new(&url, Some(&opaque)).unwrap().speaking(Revision::V2025_11_25);
    let who = answered(whoami(&direct)).await.unwrap();
    assert!(who.is_tool_error(), "{}", who.body);
    let clients_own = McpClient::new(&url, Some(&world.token)).unwrap();
    assert!(answered(whoami(&clients_own)).await.unwrap().is_tool_error());
    let two = whoami(&direct).header("authorization", format!("Bearer {other}"));
    refused(two, 401, "two bearers").await;
    let revision = whoami(&direct).header("mcp-protocol-version", &other);
    assert_ne!(answered(revision).await.unwrap().status, StatusCode::OK);
    let request = direct.speaking(Revision::V2026_07_28).request("tools/list", json!({"x": 1}));
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    let body = String::from_utf8(request.body().unwrap().as_bytes().unwrap().to_vec()).unwrap();
    *request.body_mut() = Some(body.replace("2026-07-28", &revision_canary).into());
    request.headers_mut().insert("mcp-protocol-version", revision_canary.parse().unwrap());
    let answer = client.execute(request).await.unwrap();
    assert!(answer.status().is_client_error(), "{}", answer.status());
    let metrics = format!("{}/metrics?token={opaque}", world.stack.mcp_server.operations_url());
    https::plain_client().unwrap().get(metrics).send().await.unwrap();
    vec![
        Canary::of("a bearer past the gateway", opaque.as_bytes()),
        Canary::of("a second bearer past the gateway", other.as_bytes()),
        Canary::of("a revision past the gateway", revision_canary.as_bytes()),
    ]
}

/// Bytes that no HTTP parser should take, and plain HTTP where TLS is spoken.
async fn no_http_at_all(world: &World) -> Vec<Canary> {
    let marked = unique("garbage");
    let mut addresses = vec![world.stack.sts.address(), world.stack.mcp_server.address()];
    addresses.push(world.stack.gateway.place.address());
    for address in addresses {
        for text in [
            format!("POST /exchange HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {marked}\r\n\r\n"),
            format!("POST /mcp HTTP/1.1\r\nauthorization: Bearer {marked}\r\n bad header\r\n\r\n"),
            format!("Bearer {marked} / HTTP/9\r\n\r\n"),
            format!("\x16\x03\x01{marked}\u{0}\u{1}{marked}"),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            // Whatever is answered, it is answered in time.
            let mut answer = Vec::new();
            let read =
                tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer));
            let _closed = read.await.expect("the connection ends");
        }
    }
    vec![Canary::of("what is no HTTP", marked.as_bytes())]
}
