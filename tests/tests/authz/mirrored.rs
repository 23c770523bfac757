//! Headers that mirror the body: whoever routes or counts by them would see another request than the server runs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obolus_core::Reason::{HeaderDuplicated, HeaderMismatch};

use crate::attempt::Attempt;
use crate::case::{Case, Refused};
use crate::client::{Client, Way};

/// A text in the form of those that do not fit into a header.
pub(crate) fn sentinel(text: impl AsRef<[u8]>) -> String {
    format!("=?base64?{}?=", STANDARD.encode(text))
}

#[tokio::test]
async fn what_headers_mirror_is_what_the_body_says() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    let lies = methods().into_iter().chain(names());
    for (at, (case, header, values)) in lies.enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let reason = if values.len() > 1 { HeaderDuplicated } else { HeaderMismatch };
            let attack = values
                .iter()
                .fold(twin.clone().without(header), |attack, value| attack.header(header, value));
            cases.push(case_of(case, way, attack, reason, twin));
        }
    }
    cases
}

fn case_of(
    case: &str,
    way: Way,
    attack: Attempt,
    reason: obolus_core::Reason,
    twin: Attempt,
) -> Case {
    Case::new(format!("{case} ({})", way.name()), attack, Refused::Ours(reason), twin)
}

type Lie = (&'static str, &'static str, Vec<Vec<u8>>);

fn lie(case: &'static str, header: &'static str, value: impl AsRef<[u8]>) -> Lie {
    (case, header, vec![value.as_ref().to_vec()])
}

fn twice(case: &'static str, header: &'static str, values: [&str; 2]) -> Lie {
    (case, header, values.map(|value| value.as_bytes().to_vec()).to_vec())
}

fn methods() -> Vec<Lie> {
    const METHOD: &str = "mcp-method";
    vec![
        lie("another method", METHOD, "tools/list"),
        lie("the method in capitals", METHOD, "TOOLS/CALL"),
        lie("the method with a slash behind it", METHOD, "tools/call/"),
        lie("no method", METHOD, ""),
        lie("the method in base64", METHOD, sentinel("tools/call")),
        lie("the method, percent-encoded", METHOD, "tools%2Fcall"),
        lie("the method in quotes", METHOD, "\"tools/call\""),
        lie("the method and another", METHOD, "tools/call, tools/list"),
        lie("the method and a parameter", METHOD, "tools/call;q=1"),
        lie("the method in another script", METHOD, "tools/c\u{430}ll"),
        lie("half a character behind the method", METHOD, b"tools/call\xc3"),
        twice("two methods, the right one first", METHOD, ["tools/call", "tools/list"]),
        twice("two methods, the right one last", METHOD, ["tools/list", "tools/call"]),
        twice("the method twice", METHOD, ["tools/call", "tools/call"]),
    ]
}

fn names() -> Vec<Lie> {
    const NAME: &str = "mcp-name";
    let unpadded = format!("=?base64?{}?=", URL_SAFE_NO_PAD.encode("pods_list\0"));
    vec![
        lie("another name", NAME, "harmless"),
        lie("the name in capitals", NAME, "PODS_LIST"),
        lie("a name that begins like it", NAME, "pods_list_all"),
        lie("no name", NAME, ""),
        lie("the name twice in one", NAME, "pods_list, pods_list"),
        lie("the name and another", NAME, "pods_list,harmless"),
        lie("the name in quotes", NAME, "\"pods_list\""),
        lie("the name, percent-encoded", NAME, "pods%5Flist"),
        lie("another name in base64", NAME, sentinel("harmless")),
        lie("the name and a NUL in base64", NAME, sentinel("pods_list\0")),
        lie("the name and a space in base64", NAME, sentinel("pods_list ")),
        lie("a look-alike of the name in base64", NAME, sentinel("p\u{43e}ds_list")),
        lie("the name in base64 in base64", NAME, sentinel(sentinel("pods_list"))),
        lie("the name in UTF-16 in base64", NAME, sentinel("p\0o\0d\0s\0_\0l\0i\0s\0t\0")),
        lie("overlong UTF-8 in base64", NAME, sentinel(b"pods\xc1\x9flist")),
        lie(
            "the marker of base64 in capitals",
            NAME,
            sentinel("pods_list").replace("base64", "BASE64"),
        ),
        lie("another marker", NAME, sentinel("pods_list").replace("base64", "utf-8?B")),
        lie("no end of the base64", NAME, sentinel("pods_list").trim_end_matches("?=")),
        lie("two names in base64", NAME, [sentinel("pods_"), sentinel("list")].concat()),
        lie("base64 without padding", NAME, unpadded),
        lie("base64 that is none", NAME, "=?base64?%%?="),
        lie("base64 of nothing", NAME, "=?base64??="),
        lie("bytes that are no UTF-8", NAME, b"pods_list\xff"),
        twice("two names, the right one first", NAME, ["pods_list", "harmless"]),
        twice("two names, the right one last", NAME, ["harmless", "pods_list"]),
        twice("the name twice", NAME, ["pods_list", "pods_list"]),
    ]
}
