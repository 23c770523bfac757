//! `Mcp-Param-…`: a header that is called as an argument is says what that argument says.

use obolus_core::Reason;
use obolus_core::mcp::{Admitted, Message, MirroredHeaders};
use serde_json::{Value, json};

const MISMATCH: Result<(), Reason> = Err(Reason::HeaderMismatch);

/// A call with these arguments, and one header: what follows `Mcp-Param-` in lower case, and its value.
fn check(arguments: &Value, name: &str, value: &str) -> Result<(), Reason> {
    let outcomes =
        [None, Some("2025-06-18"), Some("2025-11-25"), Some("2026-07-28")].map(|version| {
            let mut params = json!({"name": "pods_list", "arguments": arguments});
            if version == Some("2026-07-28") {
                params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": version});
            }
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
            let call = Message::parse(call.to_string().as_bytes()).unwrap();
            let arguments = [(name.to_owned(), value.to_owned())];
            let headers = MirroredHeaders {
                protocol_version: version,
                method: Some("tools/call"),
                name: Some("pods_list"),
                arguments: &arguments,
            };
            Admitted::read(headers, &call).map(drop).map_err(|denial| denial.reason())
        });
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]), "{name} {value}: {outcomes:?}");
    outcomes[0]
}

#[test]
fn a_header_that_bears_an_arguments_name_says_what_the_argument_says() {
    let arguments = json!({"namespace": "shop", "Tail": 5, "follow": true, "ratio": 0.5, "n": -7});
    for (name, right, wrong) in [
        ("namespace", "shop", "kube-system"),
        ("namespace", "=?base64?c2hvcA==?=", "=?base64?a3ViZS1zeXN0ZW0=?="),
        ("namespace", "shop", "Shop"),
        ("namespace", "shop", ""),
        ("namespace", "shop", "shop,shop"),
        ("namespace", "shop", "=?base64?c2hvcA?="),
        ("namespace", "shop", "=?base64?%%?="),
        ("namespace", "shop", "=?BASE64?c2hvcA==?="),
        ("tail", "5", "6"),
        ("tail", "5.0", "5.1"),
        ("tail", "=?base64?NQ==?=", "=?base64?NTU=?="),
        ("tail", "5", "05"),
        ("tail", "5", "five"),
        ("tail", "5", "+5"),
        ("n", "-7", "7"),
        ("ratio", "0.5", "0.50001"),
        ("follow", "true", "false"),
        ("follow", "true", "TRUE"),
        ("follow", "true", "1"),
    ] {
        assert_eq!(check(&arguments, name, right), Ok(()), "{name}: {right}");
        assert_eq!(check(&arguments, name, wrong), MISMATCH, "{name}: {wrong}");
    }
    let greeting = json!({"greeting": "Hello, 世界", "odd": "=?base64?literal?="});
    assert_eq!(check(&greeting, "greeting", "=?base64?SGVsbG8sIOS4lueVjA==?="), Ok(()));
    assert_eq!(check(&greeting, "greeting", "Hello, 世界"), MISMATCH, "no header has such bytes");
    assert_eq!(check(&greeting, "odd", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="), Ok(()));
    assert_eq!(check(&greeting, "odd", "=?base64?literal?="), MISMATCH);
}

#[test]
fn what_is_null_is_mirrored_by_nothing_and_what_is_large_keeps_its_digits() {
    assert_eq!(check(&json!({"namespace": null}), "namespace", ""), MISMATCH);
    assert_eq!(check(&json!({"namespace": null}), "namespace", "null"), MISMATCH);
    let large = json!({"id": 9_007_199_254_740_993_u64});
    assert_eq!(check(&large, "id", "9007199254740993"), Ok(()));
    assert_eq!(check(&large, "id", "9007199254740992"), MISMATCH);
}

#[test]
fn an_argument_may_stand_deeper_and_one_of_several_of_its_name_is_enough() {
    let arguments = json!({"from": {"region": "a"}, "to": {"region": "b", "zone": {"id": 1}}});
    for (name, value, expected) in [
        ("region", "a", Ok(())),
        ("region", "b", Ok(())),
        ("region", "c", MISMATCH),
        ("id", "1", Ok(())),
        ("id", "2", MISMATCH),
    ] {
        assert_eq!(check(&arguments, name, value), expected, "{name} {value}");
    }
}

/// Whoever routes or counts by the header means the tool's own argument.
#[test]
fn what_stands_within_another_argument_lends_its_name_to_no_lie() {
    for arguments in [
        json!({"namespace": "kube-system", "x": {"namespace": "harmless"}}),
        json!({"x": {"namespace": "harmless"}, "namespace": "kube-system"}),
        json!({"namespace": "kube-system", "Namespace": "harmless"}),
        json!({"namespace": ["kube-system"]}),
        json!({"namespace": ["harmless"]}),
        json!({"namespace": {"namespace": "harmless"}}),
        json!({"x": {"namespace": "kube-system", "y": {"namespace": "harmless"}}}),
    ] {
        assert_eq!(check(&arguments, "namespace", "harmless"), MISMATCH, "{arguments}");
    }
    let arguments = json!({"namespace": "harmless", "x": {"namespace": "kube-system"}});
    assert_eq!(check(&arguments, "namespace", "harmless"), Ok(()));
    assert_eq!(check(&arguments, "namespace", "kube-system"), MISMATCH);
}

/// The specification obliges whoever does not recognize such a header to forward it.
#[test]
fn a_header_that_bears_no_arguments_name_is_left_to_the_server() {
    for arguments in [
        json!({}),
        json!({"ns": "shop"}),
        // Schemas annotate no element of a list, and no object.
        json!({"list": [{"namespace": "shop"}]}),
        json!({"where": {"namespace": ["shop"]}, "what": {"namespace": {"name": "shop"}}}),
    ] {
        for value in ["kube-system", "", "=?base64?%%?="] {
            assert_eq!(check(&arguments, "namespace", value), Ok(()), "{arguments} {value}");
        }
    }
    // And what calls no tool has no arguments that could be mirrored, unless it is a prompt.
    let list = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let list = Message::parse(list).unwrap();
    let arguments = [("namespace".to_owned(), "shop".to_owned())];
    let headers = MirroredHeaders { arguments: &arguments, ..MirroredHeaders::default() };
    assert!(Admitted::read(headers, &list).is_ok());
}
