//! Other verbs than POST, and headers that make one of another.

use obolus_core::Reason::MethodNotAllowed;

use crate::attempt::Framing;
use crate::case::{Case, Refused};
use crate::client::{Client, Way};

#[tokio::test]
async fn a_message_comes_by_post() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    let verbs = ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
    for (at, verb) in verbs.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let name = format!("a call by {verb} ({})", way.name());
            let attack = twin.clone().method(verb);
            cases.push(Case::new(name, attack, Refused::Ours(MethodNotAllowed), twin));
        }
    }
    let overrides = [
        ("x-http-method-override", "POST"),
        ("x-http-method", "POST"),
        ("x-method-override", "POST"),
        ("x-original-method", "POST"),
    ];
    for (at, (header, value)) in overrides.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let name = format!("a call by GET that says {header}: {value} ({})", way.name());
            let attack = twin.clone().method("GET").header(header, value);
            cases.push(Case::new(name, attack, Refused::Ours(MethodNotAllowed), twin));
        }
    }
    for (at, way) in Way::four(0).into_iter().chain(Way::four(2)).enumerate() {
        let twin = client.call(way);
        let attack = twin.clone().method("GET").target("/mcp?_method=POST");
        let name = format!("a call by GET that says _method=POST ({at}, {})", way.name());
        cases.push(Case::new(name, attack, Refused::Ours(MethodNotAllowed), twin));
    }
    let http1 = Way::of(None, Framing::Length);
    let twin = client.call(http1);
    // In another case it is another verb, and Envoy's parser knows none such.
    for verb in ["post", "Post", "POST\u{a0}", "POSTX", "P OST"] {
        let attack = twin.clone().method(verb);
        let name = format!("a call by {verb:?}");
        cases.push(Case::new(name, attack, Refused::Envoys(400), twin.clone()));
    }
    // Of `h2c`, Envoy takes no notice, and takes it away.
    for protocol in ["websocket", "tcp"] {
        let upgrade = twin.clone().header("connection", "Upgrade").header("upgrade", protocol);
        let name = format!("a call that would become {protocol}");
        cases.push(Case::new(name, upgrade, Refused::Envoys(403), twin.clone()));
    }
    let tunnel = twin.clone().method("CONNECT").target(client.authority.clone());
    cases.push(Case::new("a tunnel", tunnel, Refused::Envoys(400), twin.clone()));
    cases
}
