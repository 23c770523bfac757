//! Lists are cut to what the person may use, through a real Envoy: what is hidden reaches nobody from whom it is
//! hidden, in whatever form it comes, and what is not reaches them as the server wrote it.
//!
//! The server's part is played from a script, frame by frame. What an answer is taken for, and what is cut from it, is
//! core's, and tested there with many more texts; here is shown that nothing gets around it.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::channel::Channel;
use obolus_envoy::edit;
use obolus_tests::fixtures::gateway::PROTECTED;
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::workbench::{Plan, local};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::plans::http_connection;
use crate::story::Story;
use crate::wire::{Answer, Framing, Request};

mod answers;
mod limits;
mod replaced;
mod streams;

/// HTTP/1.1 and HTTP/2, as clients speak it.
const CLIENTS: [Framing; 2] = [Framing::Length, Framing::Frames];

/// The lists: method, member of the result, key of an entry.
const LISTS: [(&str, &str, &str); 4] = [
    ("tools/list", "tools", "name"),
    ("prompts/list", "prompts", "name"),
    ("resources/list", "resources", "uri"),
    ("resources/templates/list", "resourceTemplates", "uriTemplate"),
];

const REVISIONS: [&str; 3] = ["2025-06-18", "2025-11-25", MODERN];
const MODERN: &str = "2026-07-28";

/// The kind of body that most servers answer with, and the other one.
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// A part of what the server answers.
#[derive(Clone)]
enum Piece {
    Data(Bytes),
    Trailers,
    /// Nothing goes on until somebody says so.
    Wait(Arc<Notify>),
    /// The server is gone.
    Break,
}

/// What the server answers to the next list request.
#[derive(Clone)]
struct Script {
    status: u16,
    headers: Vec<(String, String)>,
    pieces: Vec<Piece>,
}

impl Script {
    /// All of it in one piece.
    fn new(content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status: 200, headers, pieces: vec![Piece::Data(body.into())] }
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    fn then(mut self, piece: Piece) -> Self {
        self.pieces.push(piece);
        self
    }

    /// The same in pieces of so many bytes.
    fn in_pieces_of(mut self, size: usize) -> Self {
        let cut = |piece: Piece| match piece {
            Piece::Data(bytes) => {
                bytes.chunks(size).map(|part| Piece::Data(Bytes::copy_from_slice(part))).collect()
            }
            other => vec![other],
        };
        self.pieces = self.pieces.into_iter().flat_map(cut).collect();
        self
    }

    fn play(self) -> Response {
        let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        tokio::spawn(async move {
            for piece in self.pieces {
                let sent = match piece {
                    Piece::Data(bytes) => sender.send_data(bytes).await,
                    Piece::Trailers => {
                        let mut trailers = HeaderMap::new();
                        trailers.insert("x-tools", HeaderValue::from_static("hidden_trailer"));
                        sender.send_trailers(trailers).await
                    }
                    Piece::Wait(until) => {
                        until.notified().await;
                        Ok(())
                    }
                    Piece::Break => {
                        sender.abort(std::io::Error::other("the server is gone"));
                        return;
                    }
                };
                // Whoever asked has gone.
                if sent.is_err() {
                    return;
                }
            }
        });
        let mut response = Response::new(Body::new(body));
        *response.status_mut() = self.status.try_into().unwrap();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            response.headers_mut().append(name, HeaderValue::from_str(&value).unwrap());
        }
        response
    }
}

/// What one row of a table opens.
fn opens(names: &[&str], uris: &[&str]) -> Value {
    json!({"tools": names, "prompts": names, "resources": uris})
}

/// Whoever may call anything may use what is `open`, and an `admin` may use all.
fn access() -> Value {
    json!({
        "scopes": {"mcp:tools": opens(&["open_*", "pods_*", "control_*"], &["open:*"])},
        "roles": {"admin": opens(&["*"], &["*"])},
    })
}

/// How the gateway speaks with the server, and what else is different.
struct Setting {
    http2: bool,
    configure: Box<dyn FnOnce(&mut Value) + Send>,
    edit: Box<dyn FnOnce(&mut Value) + Send>,
}

impl Setting {
    fn usual() -> Self {
        Self {
            http2: false,
            configure: Box::new(|resource| resource["access"] = access()),
            edit: Box::new(|_| {}),
        }
    }

    /// The server speaks HTTP/2, whose frames arrive one by one, and which has trailers.
    fn frames() -> Self {
        Self { http2: true, ..Self::usual() }
    }

    fn limit(bytes: usize) -> Self {
        let configure = move |resource: &mut Value| {
            resource["access"] = access();
            resource["maxListBytes"] = json!(bytes);
        };
        Self { configure: Box::new(configure), ..Self::usual() }
    }
}

struct Lists {
    story: Story,
    script: Arc<Mutex<Option<Script>>>,
    /// Has the role `admin`.
    admin: String,
}

impl Lists {
    async fn begin(setting: Setting) -> Self {
        let Setting { http2, configure, edit } = setting;
        let script = Arc::new(Mutex::new(None::<Script>));
        let next = Arc::clone(&script);
        let upstream = Recorder::answering(move |_: Recorded| {
            let script = next.lock().unwrap().take();
            async move {
                match script {
                    Some(script) => script.play(),
                    None => Script::new(JSON, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).play(),
                }
            }
        });
        let mut plan = Plan::new().await.unwrap();
        plan.upstream = upstream.await.unwrap();
        plan.gateway.protected = local(&plan.upstream);
        plan.configure(move |configuration| {
            let resource = &mut configuration["resources"][0];
            resource["allowedOrigins"] = json!(["https://app.example.com"]);
            configure(resource);
        });
        plan.gateway.edit = Box::new(move |bootstrap| {
            http_connection(bootstrap)["http_protocol_options"] = json!({"enable_trailers": true});
            if http2 {
                speak_http2(bootstrap);
            }
            edit(bootstrap);
        });
        let mut story = Story::with(plan).await;
        story.control("warm", Vec::new()).await;
        let mut claims = story.bench.claims("admin");
        claims["roles"] = json!(["admin"]);
        let admin = story.bench.idp.mint(&claims).unwrap();
        Self { story, script, admin }
    }

    /// A list request in this revision, without a token.
    fn ask(&self, method: &str, revision: &str) -> Request {
        let mut message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}});
        let mut request = Request::post(&self.story.bench.gateway, "")
            .header("accept-encoding", "gzip, br")
            .header("origin", "https://app.example.com");
        if revision == MODERN {
            message["params"]["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            request = request.header("mcp-method", method);
        }
        request.header("mcp-protocol-version", revision).body(message.to_string())
    }

    /// The same, of somebody who may use what is open.
    fn request(&self, method: &str, revision: &str) -> Request {
        self.ask(method, revision).bearer(self.story.good_token())
    }

    /// Sends a request to which the server answers like this; no answer is one that broke off.
    async fn sends(
        &mut self,
        request: &Request,
        framing: Framing,
        script: Script,
    ) -> Option<Answer> {
        *self.script.lock().unwrap() = Some(script);
        self.story.remember_tokens(request);
        let answer = request.send(&self.story.bench.gateway, framing).await;
        let arrived = self.story.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?} {answer:?}");
        assert_eq!(arrived[0].header("accept-encoding"), Some("identity"));
        answer.ok()
    }

    /// As [`Self::sends`], of somebody from whom something is hidden: it is nowhere in the answer.
    async fn cuts(
        &mut self,
        case: &str,
        request: &Request,
        framing: Framing,
        script: Script,
    ) -> Option<Answer> {
        let answer = self.sends(request, framing, script).await;
        if let Some(answer) = &answer {
            assert!(!is_hidden_in(answer), "{case}, {framing:?}: {answer:?}");
            // Once, whoever answers.
            let origin = answer.header("access-control-allow-origin");
            assert_eq!(origin, Some("https://app.example.com"), "{case}, {framing:?}: {answer:?}");
        }
        answer
    }

    /// Envoy still answers, nothing came late, and no token of a client's went anywhere.
    async fn ends(mut self) {
        self.story.nothing_arrived("the lists").await;
        self.story.ends().await;
    }
}

fn is_hidden_in(answer: &Answer) -> bool {
    let body = answer.text().replace("\\u0064", "d");
    format!("{:?}", answer.headers).contains("hidden") || body.contains("hidden")
}

fn speak_http2(bootstrap: &mut Value) {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    for cluster in edit::clusters(bootstrap).unwrap() {
        if cluster["name"] == PROTECTED {
            let extension = &mut cluster["typed_extension_protocol_options"][options];
            extension["@type"] = json!(format!("type.googleapis.com/{options}"));
            extension["explicit_http_config"] = json!({"http2_protocol_options": {}});
        }
    }
}

/// One response with this result.
fn result(result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)
}

fn event(message: &str) -> String {
    format!("event: message\ndata: {message}\n\n")
}

/// The message of each event that has one.
fn messages(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
}
