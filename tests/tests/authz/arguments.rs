//! `Mcp-Param-…` and the names of what is no tool: mirrored as well, and as little believed.

use obolus_core::Reason::{HeaderDuplicated, HeaderMismatch};

use crate::case::{Case, Refused};
use crate::client::{Client, Way};
use crate::mirrored::sentinel;

#[tokio::test]
async fn an_argument_in_a_header_is_the_argument_in_the_body() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = arguments(client);
    cases.extend(names(client));
    cases
}

/// Arguments, a header that mirrors one, what it says, and what it should say.
#[rustfmt::skip]
const ARGUMENTS: [(&str, &str, &str, &str, &str); 17] = [
    ("another namespace", r#""namespace":"kube-system""#, "namespace", "shop", "kube-system"),
    ("another namespace, in capitals", r#""namespace":"kube-system""#, "Namespace", "shop", "kube-system"),
    ("the namespace in capitals", r#""namespace":"shop""#, "namespace", "SHOP", "shop"),
    ("the namespace and another", r#""namespace":"shop""#, "namespace", "shop, kube-system", "shop"),
    ("no namespace", r#""namespace":"shop""#, "namespace", "", "shop"),
    ("the namespace as JSON", r#""namespace":"shop""#, "namespace", "\"shop\"", "shop"),
    ("another namespace in base64", r#""namespace":"shop""#, "namespace", "=?base64?a3ViZS1zeXN0ZW0=?=", "=?base64?c2hvcA==?="),
    ("a namespace deep down", r#""namespace":"kube-system","x":{"namespace":"shop"}"#, "namespace", "shop", "kube-system"),
    ("a namespace beside Namespace", r#""namespace":"shop","Namespace":"kube-system""#, "namespace", "shop", ""),
    ("a namespace in a list", r#""namespace":["shop"]"#, "namespace", "shop", ""),
    ("a namespace in an object", r#""namespace":{"namespace":"shop"}"#, "namespace", "shop", ""),
    ("a namespace that is null", r#""namespace":null"#, "namespace", "null", ""),
    ("a number with a zero in front", r#""tail":5"#, "tail", "05", "5"),
    ("another number", r#""tail":5"#, "tail", "50", "5"),
    ("a number in hexadecimal", r#""tail":5"#, "tail", "0x5", "5"),
    ("truth in capitals", r#""previous":true"#, "previous", "True", "true"),
    ("truth as a number", r#""previous":true"#, "previous", "1", "true"),
];

fn arguments(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, (what, arguments, argument, lie, truth)) in ARGUMENTS.into_iter().enumerate() {
        let header = format!("mcp-param-{argument}");
        for way in Way::four(at) {
            let header = if way.is_http2() { header.to_lowercase() } else { header.clone() };
            let params = format!(r#""name":"pods_list","arguments":{{{arguments}}}"#);
            let call = client.naming(way, "tools/call", "pods_list", &params);
            let lies = call.clone().header(&header, lie);
            let mut case = |name: String, attack, reason| {
                let name = format!("{name} ({})", way.name());
                // What cannot be mirrored is called without a header.
                let twin = match truth {
                    "" => call.clone(),
                    truth => call.clone().header(&header, truth),
                };
                cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
            };
            if at == 0 {
                let twice = lies.clone().header(&header, truth);
                case(
                    format!("a header for {what}, and then the right one"),
                    twice,
                    HeaderDuplicated,
                );
            }
            case(format!("a header for {what}"), lies, HeaderMismatch);
        }
    }
    cases
}

/// A method, its params, what its header says, and what it should say.
const NAMES: [(&str, &str, &str, &str); 8] = [
    ("prompts/get", r#""name":"secret""#, "harmless", "secret"),
    ("prompts/get", r#""name":"secret","uri":"harmless""#, "harmless", "secret"),
    ("resources/read", r#""uri":"k8s://secret""#, "k8s://harmless", "k8s://secret"),
    ("resources/read", r#""uri":"k8s://secret","name":"harmless""#, "harmless", "k8s://secret"),
    ("resources/read", r#""uri":"k8s://secret""#, "K8S://secret", "k8s://secret"),
    ("resources/read", r#""uri":"k8s://a/../secret""#, "k8s://secret", "k8s://a/../secret"),
    ("tools/call", r#""name":"pods_list","uri":"harmless""#, "harmless", "pods_list"),
    ("tools/call", r#""name":"pods_list","taskId":"harmless""#, "harmless", "pods_list"),
];

fn names(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, (method, params, lie, truth)) in NAMES.into_iter().enumerate() {
        for way in Way::four(at) {
            let request = client.request(way, method, params);
            let lies = [
                (format!("{method} of {params} as {lie}"), lie.to_owned()),
                (format!("{method} of {params} as {lie} in base64"), sentinel(lie)),
            ];
            for (name, lie) in lies {
                let attack = request.clone().header("mcp-name", lie);
                let twin = request.clone().header("mcp-name", truth);
                let name = format!("{name} ({})", way.name());
                cases.push(Case::new(name, attack, Refused::Ours(HeaderMismatch), twin));
            }
        }
    }
    // What names nothing has no name to mirror.
    for (at, method) in ["tools/list", "prompts/list", "resources/list"].into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.request(way, method, "");
            let attack = twin.clone().header("mcp-name", "pods_list");
            let name = format!("{method} with a name ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(HeaderMismatch), twin));
        }
    }
    cases
}
