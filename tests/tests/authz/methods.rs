//! Methods that a client of the revision does not send, and messages in another's form.

use obolus_core::Reason::{
    BatchRefused, MethodUnknown, MethodUnknownLegacy, NotARequest, NotificationUnknown,
};
use obolus_core::mcp::{Form, Method, Revision};

use crate::attempt::Framing;
use crate::case::{Case, Refused};
use crate::client::{Client, MODERN, Way};

#[tokio::test]
async fn what_a_revision_does_not_have_goes_nowhere() {
    crate::world::turn().await.tries(all).await;
}

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = table(client);
    cases.extend(names(client));
    cases.extend(forms(client));
    cases
}

const FRAMINGS: [Framing; 3] = [Framing::Length, Framing::Chunks, Framing::Frames];

/// What names anything that a method could name.
const PARAMS: &str = r#""name":"pods_list","uri":"pods_list","taskId":"pods_list","notifications":{},"ref":{"type":"ref/prompt","name":"pods_list"}"#;

fn revision_of(way: Way) -> Revision {
    Revision::of(way.revision, None).unwrap()
}

fn unknown(way: Way) -> Refused {
    Refused::Ours(if way.is_modern() { MethodUnknown } else { MethodUnknownLegacy })
}

/// Each row of the table of methods, in each revision whose clients do not send it, and in the other form.
fn table(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, row) in Method::all().iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let request = match row.governs.member() {
                Some(_) => client.naming(way, row.name, "pods_list", PARAMS),
                None => client.request(way, row.name, PARAMS),
            };
            let silent = request.clone().saying(r#""id":7,"#, "");
            let mut case = |what: &str, attack, refused| {
                let name = format!("{} as a {what} ({})", row.name, way.name());
                cases.push(Case::new(name, attack, refused, twin.clone()));
            };
            let sent = row.client.contains(&revision_of(way));
            if row.form == Form::Notification || !sent {
                case("request", request, unknown(way));
            }
            if row.form == Form::Request || !sent {
                case("notification", silent, Refused::Ours(NotificationUnknown));
            }
        }
    }
    cases
}

/// What some reader could take for `tools/call`.
fn names(client: &Client) -> Vec<Case> {
    let mut cases = Vec::new();
    let unreadable = [
        ("a space behind it", "tools/call "),
        ("a space before it", " tools/call"),
        ("a tab in it", r"tools/\tcall"),
        ("a line break behind it", r"tools/call\n"),
        ("a letter of another script", "tools/c\u{430}ll"),
        ("a letter without its dot", "notif\u{131}cations/initialized"),
        ("a character of no width", "tools/\u{200b}call"),
        ("a wide slash", "tools\u{ff0f}call"),
        ("nothing at all", ""),
    ];
    let strange = [
        ("capitals", "Tools/Call"),
        ("a slash behind it", "tools/call/"),
        ("two slashes", "tools//call"),
        ("a slash before it", "/tools/call"),
        ("a dot for the slash", "tools.call"),
        ("a backslash for the slash", r"tools\\call"),
        ("a step back", "tools/list/../call"),
        ("a percent sign", "tools%2fcall"),
        ("a query", "tools/call?x=1"),
        ("a method of JSON-RPC itself", "rpc.discover"),
        ("only its beginning", "tools/"),
    ];
    for (at, (what, method)) in unreadable.into_iter().chain(strange).enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().saying(r#""tools/call""#, &format!("\"{method}\""));
            let refused = match at < unreadable.len() {
                true => Refused::Ours(NotARequest),
                false => unknown(way),
            };
            // Whoever says so says it in both places.
            let said = method.replace(r"\\", r"\");
            let attack = match way.is_modern() {
                // A method that nobody knows has no name to mirror.
                true => attack.with("mcp-method", said).without("mcp-name"),
                false => attack,
            };
            let name = format!("tools/call with {what} ({})", way.name());
            cases.push(Case::new(name, attack, refused, twin));
        }
    }
    cases
}

type Batch = fn(&str) -> String;

fn forms(client: &Client) -> Vec<Case> {
    const CALL: &str = r#""method":"tools/call""#;
    let mut cases = Vec::new();
    let with = |more: &str| format!("{CALL},{more}");
    let in_place = [
        ("that has a result", with(r#""result":{}"#)),
        ("that has an error", with(r#""error":{"code":1,"message":"x"}"#)),
        ("that has a null error", with(r#""error":null"#)),
        ("whose method is a list", r#""method":["tools/call"]"#.to_owned()),
        ("whose method is an object", r#""method":{"name":"tools/call"}"#.to_owned()),
        ("that has a result and no method", r#""result":{},"x":1"#.to_owned()),
    ];
    for (at, (what, said)) in in_place.iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let name = format!("a call {what} ({})", way.name());
            let attack = twin.clone().saying(CALL, said);
            cases.push(Case::new(name, attack, Refused::Ours(NotARequest), twin));
        }
    }
    let answers = [
        r#"{"jsonrpc":"2.0","id":7,"result":{"method":"tools/call","params":{"name":"pods_list"}}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"tools/call"}}"#,
    ];
    for (answer, framing) in answers.iter().flat_map(|answer| FRAMINGS.map(|it| (answer, it))) {
        let twin = client.call(Way::of(Some(MODERN), framing));
        let attack = twin.clone().body(*answer).without("mcp-method").without("mcp-name");
        let name = format!("an answer to nobody, {answer} ({framing:?})");
        cases.push(Case::new(name, attack, Refused::Ours(NotARequest), twin));
    }
    let ids = [
        ("is null", "null"),
        ("is a list", "[7]"),
        ("is an object", r#"{"id":7}"#),
        ("is true", "true"),
        ("has a fraction", "7.5"),
        ("is a float", "7e0"),
    ];
    for (at, (what, id)) in ids.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().saying(r#""id":7"#, &format!(r#""id":{id}"#));
            let name = format!("a call whose id {what} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(NotARequest), twin));
        }
    }
    let versions = [r#""1.0""#, "2.0", "2", r#""2.00""#, r#""2""#, "null"];
    for (at, version) in versions.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().saying(r#""2.0""#, version);
            let name = format!("a call of JSON-RPC {version} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(NotARequest), twin));
        }
    }
    let batches: [(&str, Batch); 5] = [
        ("alone", |call| format!("[{call}]")),
        ("and itself again", |call| format!("[{call},{call}]")),
        ("behind a notification", |call| {
            format!(r#"[{{"jsonrpc":"2.0","method":"notifications/cancelled"}},{call}]"#)
        }),
        ("in a list in a list", |call| format!("[[{call}]]")),
        ("behind white space", |call| format!(" \r\n\t[{call}]")),
    ];
    for (at, (what, batch)) in batches.into_iter().enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let text = batch(str::from_utf8(&twin.body).unwrap());
            let name = format!("a batch of a call {what} ({})", way.name());
            let attack = twin.clone().body(text);
            cases.push(Case::new(name, attack, Refused::Ours(BatchRefused), twin));
        }
    }
    cases
}
