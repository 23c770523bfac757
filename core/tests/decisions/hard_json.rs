//! JSON that is valid, or nearly, and that readers read differently: how deep, how large, and where a text ends.

use obolus_core::Reason;
use obolus_core::json;
use serde_json::Value;

use crate::messages::{call_with, method, params_with};

#[test]
fn depth_is_limited_and_the_limit_is_the_same_everywhere() {
    let nested = |open: &str, close: &str, depth: usize| {
        let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        std::thread::Builder::new()
            .stack_size(512 * 1024)
            .spawn(move || params_with(&format!(r#""x":{value},"#)))
            .unwrap()
            .join()
            .unwrap()
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        // Two levels are the message and its params.
        assert_eq!(nested(open, close, 125), Ok("tools/call".to_owned()));
        assert_eq!(nested(open, close, 126), Err(Reason::JsonMalformed));
        assert_eq!(nested(open, close, 100_000), Err(Reason::JsonMalformed));
    }
}

#[test]
fn numbers_keep_their_value_or_the_text_is_refused() {
    let read = |text: &str| json::parse_request(text.as_bytes()).map(|value| value.to_string());
    for (text, value) in [
        ("0", "0"),
        ("-0", "-0.0"),
        ("-0.0", "-0.0"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("1e2", "100.0"),
        ("0.1", "0.1"),
        ("1E-400", "0.0"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(value), "{text}");
        // No crate of ours may switch on a feature that changes what serde_json itself reads.
        assert_eq!(serde_json::from_str::<Value>(text).unwrap().to_string(), value, "{text}");
    }
    for text in ["1e400", "-1e400", "1.", "1e", "--1", "00"] {
        assert_eq!(read(text), Err(json::JsonError::Malformed), "{text}");
    }
    // Exact to some readers, rounded by others, an error to the rest.
    let long = "9".repeat(300);
    for text in ["18446744073709551616", "-9223372036854775809", &long] {
        for text in [text.to_owned(), format!("[{text}]"), format!(r#"{{"a\\":{text} }}"#)] {
            assert_eq!(read(&text), Err(json::JsonError::HugeInteger), "{text}");
        }
    }
    for text in [
        "1.8446744073709551616e19",
        "6.02214076e23",
        "18446744073709551616.0",
        r#""18446744073709551616""#,
        r#"{"18446744073709551616":"a\"18446744073709551616"}"#,
        "[1844674407370955161,5551615]",
    ] {
        assert!(read(text).is_ok(), "{text}");
    }
}

#[test]
fn a_text_with_a_nul_is_refused_wherever_it_stands() {
    assert_eq!(params_with(r#""arguments":{"a":"\u0001\\u0000"},"#), Ok("tools/call".to_owned()));
    for member in [
        r#""arguments":{"namespace":"shop\u0000x"},"#,
        r#""arguments":{"namespace\u0000":"shop"},"#,
        r#""arguments":{"a":[{"b":["\u0000"]}]},"#,
        r#""name\u0000":"b","#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion\u0000x":"2026-07-28"},"#,
    ] {
        assert_eq!(params_with(member), Err(Reason::JsonMalformed), "{member}");
    }
    for member in [r#""method\u0000":"tools/list","#, r#""Params\u0000x":{"name":"b"},"#] {
        assert_eq!(call_with(member), Err(Reason::JsonMalformed), "{member}");
    }
    for name in [r"pods_delete\u0000", r"\u0000", "pods\u{0}"] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#
        );
        assert_eq!(method(&body), Err(Reason::JsonMalformed), "{name:?}");
    }
}
