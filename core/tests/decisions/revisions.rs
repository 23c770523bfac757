//! In which revision a message is written: by its header and its body together, or it is refused.

use obolus_core::mcp::{Admitted, Message, MirroredHeaders, Revision};
use obolus_core::{Denial, Reason, reply};
use serde_json::{Value, json};

use crate::configuration::resource_but;

const MODERN: &str = "2026-07-28";

fn list(stated: Option<&str>) -> Message {
    let mut list = json!({"jsonrpc": "2.0", "id": "q", "method": "tools/list", "params": {}});
    if let Some(stated) = stated {
        list["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": stated});
    }
    Message::parse(list.to_string().as_bytes()).unwrap()
}

fn read(header: Option<&str>, stated: Option<&str>) -> Result<Revision, Denial> {
    let headers = MirroredHeaders {
        protocol_version: header,
        method: Some("tools/list"),
        ..MirroredHeaders::default()
    };
    Admitted::read(headers, &list(stated)).map(|admitted| admitted.revision())
}

fn reason(header: Option<&str>, stated: Option<&str>) -> Option<Reason> {
    read(header, stated).err().map(|denial| denial.reason())
}

#[test]
fn header_and_body_name_one_revision_or_the_header_alone_does_or_none_is_named() {
    assert_eq!(read(None, None), Ok(Revision::V2025_06_18), "as clients of old ones begin");
    for revision in Revision::ALL {
        let name = Some(revision.name());
        let same = if revision.is_modern() { None } else { Some(Reason::HeaderMismatch) };
        assert_eq!(reason(name, name), same);
        assert_eq!(reason(None, name), Some(Reason::HeaderMismatch), "{revision:?}");
        for other in Revision::ALL.into_iter().filter(|other| *other != revision) {
            assert_eq!(reason(Some(other.name()), name), Some(Reason::HeaderMismatch));
        }
    }
    assert_eq!(read(Some("2025-06-18"), None), Ok(Revision::V2025_06_18));
    assert_eq!(read(Some("2025-11-25"), None), Ok(Revision::V2025_11_25));
    // A server of both eras could take it for a legacy request.
    assert_eq!(reason(Some(MODERN), None), Some(Reason::ParamsMalformed));
    assert_eq!(Reason::ParamsMalformed.json_rpc_code(), Some(-32602));
}

#[test]
fn a_modern_notification_need_not_state_its_revision_twice() {
    let cancelled = br#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
    let cancelled = Message::parse(cancelled).unwrap();
    let headers = MirroredHeaders { protocol_version: Some(MODERN), ..MirroredHeaders::default() };
    let admitted = Admitted::read(headers, &cancelled).unwrap();
    assert_eq!(admitted.revision(), Revision::V2026_07_28);
}

#[test]
fn a_revision_that_is_not_served_is_answered_with_those_that_are() {
    for version in
        ["2024-11-05", "2026-07-29", "2027-01-01", "2026-7-28", "2026-07-28x", "draft", ""]
    {
        for stated in [None, Some(version)] {
            let denial = read(Some(version), stated).unwrap_err();
            assert_eq!(denial.reason(), Reason::VersionUnsupported, "{version}");
            let message = list(stated);
            let reply = reply::denial(&denial, &resource_but(json!({})), message.id());
            assert_eq!(reply.status, 400, "{version}");
            assert_eq!(
                serde_json::from_str::<Value>(&reply.body).unwrap(),
                json!({
                    "jsonrpc": "2.0",
                    "id": "q",
                    "error": {
                        "code": -32022,
                        "message": "this version of MCP is not served",
                        "data": {
                            "reason": "version_unsupported",
                            "supported": ["2025-06-18", "2025-11-25", "2026-07-28"],
                            "requested": version,
                        },
                    },
                })
            );
        }
        assert_eq!(reason(Some(MODERN), Some(version)), Some(Reason::HeaderMismatch), "{version}");
        assert_eq!(reason(None, Some(version)), Some(Reason::HeaderMismatch), "{version}");
    }
}

#[test]
fn of_an_endless_version_as_much_comes_back_as_a_version_could_be() {
    let denial = read(Some(&"ж".repeat(10_000)), None).unwrap_err();
    assert_eq!(denial.requested_version(), Some(&*"ж".repeat(64)));
    let other = Denial::from(Reason::VersionUnsupported);
    assert_eq!(other.requested_version(), None);
}

#[test]
fn what_one_era_begins_with_the_other_does_not_know() {
    let read = |method: &str, version: Option<&str>| {
        let mut message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}});
        if version == Some(MODERN) {
            message["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": MODERN});
        }
        let message = Message::parse(message.to_string().as_bytes()).unwrap();
        let headers = MirroredHeaders {
            protocol_version: version,
            method: Some(method),
            ..MirroredHeaders::default()
        };
        Admitted::read(headers, &message).map(drop).map_err(|denial| denial.reason())
    };
    for version in [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")] {
        assert_eq!(read("initialize", version), Ok(()));
        assert_eq!(read("server/discover", version), Err(Reason::MethodUnknownLegacy));
    }
    assert_eq!(read("server/discover", Some(MODERN)), Ok(()));
    // Who states a modern revision in the body means it.
    assert_eq!(read("initialize", Some(MODERN)), Err(Reason::MethodUnknown));
}

/// Some clients name the revision that they would like, which may be one that nobody serves.
#[test]
fn initialize_comes_before_a_revision_and_whatever_its_header_says_stays_behind() {
    let read = |method: &str, version: &str| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method,
            "params": {"protocolVersion": version}});
        let message = Message::parse(message.to_string().as_bytes()).unwrap();
        let headers = MirroredHeaders {
            protocol_version: Some(version),
            method: Some(method),
            ..MirroredHeaders::default()
        };
        let admitted = Admitted::read(headers, &message).map_err(|denial| denial.reason())?;
        let passes = admitted.forwarding().passes("mcp-protocol-version");
        Ok((admitted.revision(), passes))
    };
    assert_eq!(read("initialize", "2025-11-25"), Ok((Revision::V2025_11_25, false)));
    for version in ["2024-11-05", "2025-03-26", MODERN, "2027-01-01", "draft"] {
        let oldest = Ok((Revision::V2025_06_18, false));
        assert_eq!(read("initialize", version), oldest, "{version}");
    }
    assert_eq!(read("ping", "2025-11-25"), Ok((Revision::V2025_11_25, true)));
    assert_eq!(read("ping", "2027-01-01"), Err(Reason::VersionUnsupported));
    // Agreed on with a server that still speaks it.
    assert_eq!(read("ping", "2025-03-26"), Ok((Revision::V2025_06_18, true)));
}
