//! What policies keep from alice, behind something that they let her use.
//!
//! She may list and get pods, read what is in the shop's namespace, and get the daily prompts. Deleting is the
//! administrators', to whom no scope makes her; executing would be open to her with one more scope; and `secrets_list`
//! is open in every namespace but one.

use obolus_core::Reason::{
    self, AudienceMismatch, BatchRefused, HeaderMismatch, InsufficientScope, JsonDuplicateKey,
    JsonMalformed, NotARequest, NotificationUnknown, ParamsMalformed, PolicyDenied, ToolHidden,
};
use serde_json::{Value, json};

use crate::case::{Case, Refused};
use crate::client::{Client, Way};
use crate::mirrored::sentinel;

mod others;

#[tokio::test]
async fn nothing_is_reached_behind_what_is_open() {
    crate::world::turn().await.tries(all).await;
}

/// The `access` section of the resource.
pub(crate) fn access() -> Value {
    json!({
        "scopes": {
            "mcp:read": {
                "tools": ["pods_list", "pods_get", "secrets_list"],
                "prompts": ["daily_*"],
                "resources": ["k8s://shop/*"],
            },
            "mcp:write": ["pods_exec"],
        },
        "roles": {"admin": ["*"]},
        "policies": {
            "form": 1,
            "policies": [{
                "id": "vault", "effect": "forbid", "reason": "nobody reads the vault here",
                "actions": ["tools/call"],
                "when": ["&&",
                    ["has", [".", ["context"], "arguments"], "namespace"],
                    ["==", [".", [".", ["context"], "arguments"], "namespace"], "vault"]],
            }],
            "tools": {"governed": {
                "pods_list": {"arguments": {"namespace": ["?", "String"]}},
                "pods_get": {},
                "pods_delete": {"arguments": {"namespace": ["?", "String"]}},
                "pods_exec": {"arguments": {"namespace": ["?", "String"]}},
                "secrets_list": {"arguments": {"namespace": ["?", "String"]}},
            }},
        },
    })
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let client = client.at_governed();
    let mut cases = tools(&client);
    cases.extend(disguises(&client));
    cases.extend(bodies(&client));
    cases.extend(arguments(&client));
    cases.extend(others::all(&client));
    cases.extend(forms(&client));
    cases
}

/// Names that are not the open one's, each called by itself and mirrored as it should be.
fn tools(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    let names = [
        ("the hidden tool", "pods_delete"),
        ("one that is not there", "pods_burn"),
        ("capitals", "PODS_LIST"),
        ("a capital", "Pods_list"),
        ("a space behind it", "pods_list "),
        ("a space before it", " pods_list"),
        ("a tab behind it", "pods_list\t"),
        ("a line break behind it", "pods_list\n"),
        ("a letter of another script", "p\u{43e}ds_list"),
        ("a long s", "pods_li\u{17f}t"),
        ("a wide letter", "\u{ff50}ods_list"),
        ("a letter without its dot", "pods_l\u{131}st"),
        ("a character of no width", "pods_\u{200b}list"),
        ("a mark before it", "\u{feff}pods_list"),
        ("a soft hyphen", "pods_li\u{ad}st"),
        ("letters from right to left", "\u{202e}tsil_sdop"),
        ("an accent", "pods_l\u{301}ist"),
        ("a path", "pods_list/../pods_delete"),
        ("two names", "pods_list,pods_delete"),
        ("two names in two lines", "pods_list\npods_delete"),
        ("a semicolon", "pods_list;pods_delete"),
        ("a server before it", "kubernetes.pods_list"),
        ("another separator", "kubernetes__pods_delete"),
        ("a pattern", "pods_*"),
        ("all tools", "*"),
        ("no name", ""),
        ("a percent sign", "pods%5Flist"),
        ("an escape that is none", "pods\\u005flist"),
        ("a quote", "pods_list\""),
        ("a NUL's picture", "pods_list\u{2400}"),
        ("base64", "=?base64?cG9kc19saXN0?="),
        ("a prompt's name", "daily_report"),
    ];
    for (at, (what, name)) in names.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let quoted = json!(name).to_string();
            let attack =
                twin.clone().saying(r#""name":"pods_list""#, &format!(r#""name":{quoted}"#));
            let attack = match way.is_modern() {
                true => attack.with("mcp-name", sentinel(name)),
                false => attack,
            };
            let name = format!("{what} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(ToolHidden), twin));
        }
    }
    cases
}

/// The hidden tool, in a body whose headers name the open one.
fn disguises(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    let said = |name: &str| vec![("mcp-name", name.to_owned())];
    let headers = [
        ("the open name", said("pods_list"), HeaderMismatch),
        ("the open name in base64", said(&sentinel("pods_list")), HeaderMismatch),
        ("both names", said("pods_delete, pods_list"), HeaderMismatch),
        ("another method", vec![("mcp-method", "tools/list".to_owned())], HeaderMismatch),
        ("its own name in base64", said(&sentinel("pods_delete")), ToolHidden),
        ("a list's name elsewhere", vec![("x-mcp-name", "pods_list".to_owned())], ToolHidden),
        ("an administrator", vec![("x-forwarded-groups", "admin".to_owned())], ToolHidden),
        ("more scopes", vec![("x-scope", "mcp:write".to_owned())], ToolHidden),
    ];
    for (at, (what, headers, reason)) in headers.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().saying("pods_list", "pods_delete");
            let attack = match way.is_modern() {
                true => attack.with("mcp-name", "pods_delete"),
                false => attack,
            };
            let attack =
                headers.iter().fold(attack, |attack, (name, value)| attack.with(name, value));
            let name = format!("the hidden tool with {what} in a header ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
        }
    }
    cases
}

/// The hidden tool beside the open one, in one body.
fn bodies(client: &Client) -> Vec<Case> {
    const NAME: &str = r#""name":"pods_list""#;
    const METHOD: &str = r#""method":"tools/call""#;
    let behind = |instead: &str, more: &str| format!("{instead},{more}");
    let said: Vec<(&str, &str, String, Reason)> = vec![
        ("a second name", NAME, behind(NAME, r#""name":"pods_delete""#), JsonDuplicateKey),
        ("a first name", NAME, behind(r#""name":"pods_delete""#, NAME), JsonDuplicateKey),
        ("an escaped key", NAME, behind(NAME, r#""\u006eame":"pods_delete""#), JsonDuplicateKey),
        ("a key in capitals", NAME, behind(NAME, r#""NAME":"pods_delete""#), ParamsMalformed),
        ("a key cut by a NUL", NAME, behind(NAME, r#""name\u0000":"pods_delete""#), JsonMalformed),
        (
            "a name cut by a NUL",
            NAME,
            r#""name":"pods_list\u0000pods_delete""#.to_owned(),
            JsonMalformed,
        ),
        (
            "second params",
            METHOD,
            behind(METHOD, r#""params":{"name":"pods_delete"}"#),
            JsonDuplicateKey,
        ),
        ("Params", METHOD, behind(METHOD, r#""Params":{"name":"pods_delete"}"#), NotARequest),
        (
            "names in a list",
            NAME,
            r#""name":["pods_list","pods_delete"]"#.to_owned(),
            ParamsMalformed,
        ),
        (
            "the open name among the arguments",
            NAME,
            r#""name":"pods_delete","x":{"name":"pods_list"}"#.to_owned(),
            ToolHidden,
        ),
        ("the open name escaped away", NAME, r#""name":"pods_delet\u0065""#.to_owned(), ToolHidden),
        ("a task", NAME, r#""name":"pods_delete","task":{"ttl":1}"#.to_owned(), ToolHidden),
        (
            "the open name as a URI",
            NAME,
            r#""name":"pods_delete","uri":"pods_list""#.to_owned(),
            ToolHidden,
        ),
        ("one more scope", NAME, r#""name":"pods_exec""#.to_owned(), InsufficientScope),
        (
            "one more scope, escaped",
            NAME,
            r#""name":"pods\u005fexec""#.to_owned(),
            InsufficientScope,
        ),
    ];
    let mut cases = Vec::new();
    for (at, (what, instead, said, reason)) in said.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().saying(instead, &said);
            // Mirrored as far as it can be, so that the body decides.
            let named = ["pods_exec", "pods_delete"].into_iter().find(|name| {
                matches!(reason, ToolHidden | InsufficientScope) && plain(&said).contains(name)
            });
            let attack = match named {
                Some(name) if way.is_modern() => attack.with("mcp-name", name),
                _ => attack,
            };
            let name = format!("the open tool and {what} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
        }
    }
    for (at, (what, token)) in
        [("less", &client.without_read), ("nothing", &client.without_scope)].into_iter().enumerate()
    {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().with("authorization", format!("Bearer {token}"));
            let name = format!("the open tool and a token for {what} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(InsufficientScope), twin));
        }
    }
    for way in Way::four(2) {
        let twin = client.call(way);
        let token = format!("Bearer {}", client.for_first);
        let attack = twin.clone().with("authorization", token);
        let name = format!("the open tool and a token for the other resource ({})", way.name());
        cases.push(Case::new(name, attack, Refused::Ours(AudienceMismatch), twin));
    }
    cases
}

fn plain(said: &str) -> String {
    said.replace(r"\u0065", "e").replace(r"\u005f", "_")
}

/// An argument that a policy reads, so that it does not.
fn arguments(client: &Client) -> Vec<Case> {
    const NAMESPACE: &str = r#""namespace":"shop""#;
    let said = [
        ("the vault", r#""namespace":"vault""#, PolicyDenied),
        ("the vault, escaped", r#""namespace":"v\u0061ult""#, PolicyDenied),
        ("the vault, its key escaped", r#""n\u0061mespace":"vault""#, PolicyDenied),
        ("the vault in a list", r#""namespace":["vault"]"#, PolicyDenied),
        ("the vault in an object", r#""namespace":{"name":"vault"}"#, PolicyDenied),
        ("a number", r#""namespace":0"#, PolicyDenied),
        ("truth", r#""namespace":true"#, PolicyDenied),
        ("the vault in capitals' key", r#""Namespace":"vault""#, PolicyDenied),
        ("the vault beside the shop", r#""namespace":"shop","NAMESPACE":"vault""#, PolicyDenied),
        ("the vault with a long s", r#""namespace":"shop","name\u017fpace":"vault""#, PolicyDenied),
        (
            "the vault behind the shop",
            r#""namespace":"shop","namespace":"vault""#,
            JsonDuplicateKey,
        ),
        (
            "the vault before the shop",
            r#""namespace":"vault","namespace":"shop""#,
            JsonDuplicateKey,
        ),
        ("the vault cut by a NUL", r#""namespace":"vault\u0000""#, JsonMalformed),
        (
            "the vault behind a key cut by a NUL",
            r#""namespace":"shop","namespace\u0000":"vault""#,
            JsonMalformed,
        ),
    ];
    let mut cases = Vec::new();
    for (at, (what, said, reason)) in said.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.naming(
                way,
                "tools/call",
                "secrets_list",
                r#""name":"secrets_list","arguments":{"namespace":"shop"}"#,
            );
            let attack = twin.clone().saying(NAMESPACE, said);
            let name = format!("{what} ({})", way.name());
            cases.push(Case::new(name, attack.clone(), Refused::Ours(reason), twin.clone()));
            if reason == PolicyDenied && said.contains(r#""namespace":"vault""#) {
                let attack = attack.header("mcp-param-namespace", "shop");
                let name = format!("{what}, and the shop in a header ({})", way.name());
                cases.push(Case::new(name, attack, Refused::Ours(HeaderMismatch), twin));
            }
        }
    }
    cases
}

/// The hidden tool, where somebody might not look for a call.
fn forms(client: &Client) -> Vec<Case> {
    let hidden =
        r#"{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"pods_delete"}}"#;
    let mut cases = Vec::new();
    for (at, what) in ["before it", "behind it", "in a notification"].into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let text = str::from_utf8(&twin.body).unwrap();
            let (attack, reason) = match at {
                0 => (twin.clone().body(format!("[{hidden},{text}]")), BatchRefused),
                1 => (twin.clone().body(format!("{text}\n{hidden}")), JsonMalformed),
                _ => (twin.clone().saying(r#""id":7,"#, ""), NotificationUnknown),
            };
            let name = format!("the hidden call {what} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
        }
    }
    cases
}
