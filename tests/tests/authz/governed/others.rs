//! Prompts, resources and what is told of them: by other names than tools, and in other places.

use obolus_core::Reason::{ParamsMalformed, PolicyDenied};
use serde_json::Value;

use crate::case::{Case, Refused};
use crate::client::{Client, Way};
use crate::mirrored::sentinel;

/// A method, what it may name, what it may not, and the revisions that have it.
#[rustfmt::skip]
const OTHERS: [(&str, &str, &str, &[bool; 2]); 21] = [
    ("prompts/get", r#""name":"daily_report""#, r#""name":"weekly_report""#, EVERY),
    ("prompts/get", r#""name":"daily_report""#, r#""name":"Daily_report""#, EVERY),
    ("prompts/get", r#""name":"daily_report""#, r#""name":"pods_list""#, EVERY),
    ("prompts/get", r#""name":"daily_report""#, r#""name":"weekly_report","uri":"k8s://shop/pods""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://vault/secrets""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"K8S://shop/pods""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://shop@vault/pods""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s:///shop/pods""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":" k8s://shop/pods""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"pods_list""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://shop/../vault/secrets""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://shop/%2e%2e/vault/secrets""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://shop/..%2fvault/secrets""#, EVERY),
    ("resources/read", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://shop/..\\vault/secrets""#, EVERY),
    ("resources/subscribe", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://shop/.\t./vault""#, LEGACY),
    ("completion/complete", r#""ref":{"type":"ref/resource","uri":"k8s://shop/pods"}"#, r#""ref":{"type":"ref/resource","uri":"k8s://shop/../vault"}"#, EVERY),
    ("resources/subscribe", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://vault/secrets""#, LEGACY),
    ("resources/unsubscribe", r#""uri":"k8s://shop/pods""#, r#""uri":"k8s://vault/secrets""#, LEGACY),
    ("completion/complete", r#""ref":{"type":"ref/prompt","name":"daily_report"}"#, r#""ref":{"type":"ref/prompt","name":"weekly_report"}"#, EVERY),
    ("completion/complete", r#""ref":{"type":"ref/resource","uri":"k8s://shop/pods"}"#, r#""ref":{"type":"ref/resource","uri":"k8s://vault/secrets"}"#, EVERY),
    ("completion/complete", r#""ref":{"type":"ref/prompt","name":"daily_report"}"#, r#""ref":{"type":"ref/resource","uri":"weekly_report","name":"daily_report"}"#, EVERY),
];

/// Whether legacy revisions have it, and whether the newest does.
const EVERY: &[bool; 2] = &[true, true];
const LEGACY: &[bool; 2] = &[true, false];
const MODERN: &[bool; 2] = &[false, true];

/// The same, where nobody can say what is meant.
#[rustfmt::skip]
const MALFORMED: [(&str, &str, &str, &[bool; 2]); 8] = [
    ("completion/complete", r#""ref":{"type":"ref/prompt","name":"daily_report"}"#, r#""ref":{"type":"ref/prompt","name":"daily_report","Name":"weekly_report"}"#, EVERY),
    ("completion/complete", r#""ref":{"type":"ref/prompt","name":"daily_report"}"#, r#""ref":{"type":"ref/Prompt","name":"daily_report"}"#, EVERY),
    ("completion/complete", r#""ref":{"type":"ref/prompt","name":"daily_report"}"#, r#""ref":[{"type":"ref/prompt","name":"daily_report"}]"#, EVERY),
    ("completion/complete", r#""ref":{"type":"ref/prompt","name":"daily_report"}"#, r#""ref":{"type":"ref/prompt","uri":"daily_report"}"#, EVERY),
    ("subscriptions/listen", SHOP, r#""notifications":{"resourceSubscriptions":"k8s://shop/pods"}"#, MODERN),
    ("subscriptions/listen", SHOP, r#""notifications":{"ResourceSubscriptions":["k8s://vault/secrets"],"resourceSubscriptions":["k8s://shop/pods"]}"#, MODERN),
    ("subscriptions/listen", SHOP, r#""notifications":[{"resourceSubscriptions":["k8s://shop/pods"]}]"#, MODERN),
    ("subscriptions/listen", SHOP, r#""notifications":{"resourceSubscriptions":[["k8s://vault/secrets"]]}"#, MODERN),
];

const SHOP: &str = r#""notifications":{"resourceSubscriptions":["k8s://shop/pods"]}"#;
#[rustfmt::skip]
const SUBSCRIPTIONS: [(&str, &str, &str, &[bool; 2]); 4] = [
    ("subscriptions/listen", SHOP, r#""notifications":{"resourceSubscriptions":["k8s://vault/secrets"]}"#, MODERN),
    ("subscriptions/listen", SHOP, r#""notifications":{"resourceSubscriptions":["k8s://shop/pods","k8s://vault/secrets"]}"#, MODERN),
    ("subscriptions/listen", SHOP, r#""notifications":{"resourceSubscriptions":["k8s://shop/../vault"]}"#, MODERN),
    ("subscriptions/listen", SHOP, r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["k8s://shop/pods","k8s://shop/pods","k8s://vault\/secrets"]}"#, MODERN),
];

pub(super) fn all(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    let denied = OTHERS.iter().chain(&SUBSCRIPTIONS).map(|row| (row, PolicyDenied));
    let malformed = MALFORMED.iter().map(|row| (row, ParamsMalformed));
    for (at, (row, reason)) in denied.chain(malformed).enumerate() {
        let (method, open, closed, revisions) = *row;
        for way in Way::four(at) {
            if !revisions[usize::from(way.is_modern())] {
                continue;
            }
            let [twin, attack] = [open, closed].map(|params| {
                let request = client.request(way, method, params);
                let params: Value = serde_json::from_str(&format!("{{{params}}}")).unwrap();
                let member = if method == "prompts/get" { "name" } else { "uri" };
                match params.get(member).and_then(Value::as_str) {
                    Some(name) if way.is_modern() => request.header("mcp-name", sentinel(name)),
                    _ => request,
                }
            });
            let name = format!("{method} with {closed} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
        }
    }
    cases
}
