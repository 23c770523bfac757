//! In which revision a message is written: two eras read the same bytes differently, so it is said once, or twice alike.

use obolus_core::Reason::{
    self, HeaderDuplicated, HeaderMismatch, JsonDuplicateKey, ParamsMalformed, VersionUnsupported,
};

use crate::attempt::{Attempt, Framing};
use crate::case::{Case, Refused};
use crate::client::{Client, MODERN, Way};

const FRAMINGS: [Framing; 3] = [Framing::Length, Framing::Chunks, Framing::Frames];
const VERSION: &str = "mcp-protocol-version";
const STATED: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;

#[tokio::test]
async fn a_message_is_of_one_revision() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    for framing in FRAMINGS {
        let modern = Way::of(Some(MODERN), framing);
        let mut case = |name: &str, attack: Attempt, reason: Reason, twin: &Attempt| {
            let name = format!("{name} ({framing:?})");
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin.clone()));
        };
        let twin = client.call(modern);
        for (name, version, reason) in headers() {
            case(name, twin.clone().with(VERSION, version), reason, &twin);
        }
        case("in the body alone", twin.clone().without(VERSION), HeaderMismatch, &twin);
        let [first, last] = [[MODERN, "2025-06-18"], ["2025-06-18", MODERN]].map(|both| {
            both.iter().fold(twin.clone().without(VERSION), |it, one| it.header(VERSION, one))
        });
        case("two revisions, the right one first", first, HeaderDuplicated, &twin);
        case("two revisions, the right one last", last, HeaderDuplicated, &twin);
        for (name, stated, reason) in bodies() {
            case(name, twin.clone().saying(STATED, &stated), reason, &twin);
        }
        for name in [VERSION, "mcp-method", "mcp-name"] {
            let value = String::from_utf8(header(&twin, name)).unwrap();
            let silent = twin.clone().without(name);
            case(&format!("{name} is missing"), silent.clone(), HeaderMismatch, &twin);
            if framing != Framing::Length {
                let behind = silent.trailer(name, &value);
                case(&format!("{name} comes as a trailer"), behind, HeaderMismatch, &twin);
            }
        }

        // Only one of the two says that it is modern.
        let legacy = client.call(Way::of(Some("2025-06-18"), framing));
        let claims = legacy.clone().with(VERSION, MODERN).header("mcp-method", "tools/call");
        let claims = claims.header("mcp-name", "pods_list");
        case("in the headers alone", claims, ParamsMalformed, &legacy);
        for version in
            ["2024-11-05", "2027-01-01", "2025-06-18, 2025-06-18", "2025-06-18;q=1", "", "draft"]
        {
            let attack = legacy.clone().with(VERSION, version);
            case(&format!("a legacy call of {version:?}"), attack, VersionUnsupported, &legacy);
        }
        let sessions =
            legacy.clone().header("mcp-session-id", "one").header("mcp-session-id", "two");
        case("two sessions", sessions, HeaderDuplicated, &legacy);
        let stated = legacy
            .clone()
            .saying(r#""arguments""#, &format!(r#""_meta":{{{STATED}}},"arguments""#));
        case("a legacy call whose body is modern", stated.clone(), HeaderMismatch, &legacy);
        let stated = stated.without(VERSION);
        case("a call of no revision whose body is modern", stated, HeaderMismatch, &legacy);
    }
    cases
}

/// Values of the header, beside a body that states the newest revision.
fn headers() -> Vec<(&'static str, &'static str, Reason)> {
    vec![
        ("a legacy revision in the header", "2025-11-25", HeaderMismatch),
        ("the oldest revision in the header", "2025-06-18", HeaderMismatch),
        ("one that is not served in the header", "2025-03-26", HeaderMismatch),
        ("one of the future in the header", "2027-01-01", HeaderMismatch),
        ("no revision in the header", "", HeaderMismatch),
        ("a list in the header", "2026-07-28, 2025-06-18", HeaderMismatch),
        ("a list of the same in the header", "2026-07-28,2026-07-28", HeaderMismatch),
        ("quotes in the header", "\"2026-07-28\"", HeaderMismatch),
        ("a parameter in the header", "2026-07-28;v=1", HeaderMismatch),
        ("base64 in the header", "=?base64?MjAyNi0wNy0yOA==?=", HeaderMismatch),
        ("other dashes in the header", "2026\u{2010}07\u{2010}28", HeaderMismatch),
    ]
}

/// What stands in `_meta` instead.
fn bodies() -> Vec<(&'static str, String, Reason)> {
    let after = |more: &str| format!("{STATED},{more}");
    let said = |version: &str| STATED.replace("2026-07-28", version);
    let spelt = |key: &str| format!(r#""{key}":"2025-06-18""#);
    vec![
        ("a legacy revision in the body", said("2025-11-25"), HeaderMismatch),
        ("one of the future in the body", said("2027-01-01"), HeaderMismatch),
        ("a space in the body", said("2026-07-28 "), HeaderMismatch),
        ("no revision in the body", said(""), HeaderMismatch),
        (
            "a list in the body",
            STATED.replace("\"2026-07-28\"", "[\"2026-07-28\"]"),
            ParamsMalformed,
        ),
        ("null in the body", STATED.replace("\"2026-07-28\"", "null"), ParamsMalformed),
        ("a number in the body", STATED.replace("\"2026-07-28\"", "20260728"), ParamsMalformed),
        ("twice in the body", after(&said("2025-06-18")), JsonDuplicateKey),
        (
            "twice in the body, escaped",
            after(&spelt(r"io.modelcontextprotocol\/protocolVersion")),
            JsonDuplicateKey,
        ),
        (
            "twice in the body, in capitals",
            after(&spelt("io.modelcontextprotocol/ProtocolVersion")),
            ParamsMalformed,
        ),
        (
            "twice in the body, with a Kelvin sign's cousin",
            after(&spelt("io.modelcontextprotocol/protocolVer\u{17f}ion")),
            ParamsMalformed,
        ),
        (
            "only in capitals in the body",
            STATED.replace("protocolVersion", "PROTOCOLVERSION"),
            ParamsMalformed,
        ),
        (
            "under another key in the body",
            STATED.replace("protocolVersion", "version"),
            ParamsMalformed,
        ),
    ]
}

fn header(attempt: &Attempt, name: &str) -> Vec<u8> {
    let mut values = attempt.headers.iter().filter(|(other, _)| other == name);
    values.next().unwrap().1.clone()
}
