//! Which messages a client may send in which revision, and what they name.

use obolus_core::Reason;
use obolus_core::mcp::{
    Admitted, Answered, Form, Governs, Kind, List, Message, Method, MirroredHeaders, Revision,
    Verb, VerbContext, admit_verb,
};
use serde_json::{Value, json};

use crate::messages::parse;

#[test]
fn a_response_has_one_of_a_result_and_an_error_and_no_id_that_an_answer_could_carry() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}"#,
        r#"{"jsonrpc":"2.0","id":"s-1","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":[]}}"#,
    ] {
        let message = parse(body.as_bytes()).unwrap();
        assert!(matches!(message.kind(), Kind::Response(_)), "{body}");
        assert_eq!((message.id(), message.method(), message.tool()), (None, "", None), "{body}");
    }
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
        r#"{"id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{"name":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"method":null}"#,
    ] {
        assert_eq!(parse(body.as_bytes()).map(drop), Err(Reason::NotARequest), "{body}");
    }
}

#[test]
fn whatever_somebody_may_or_may_not_use_is_named_by_the_message() {
    let named = |method: &str, params: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let message = parse(body.as_bytes())?;
        let named = message.named();
        Ok::<_, Reason>(named.iter().map(|it| (it.governs, it.name.to_owned())).collect::<Vec<_>>())
    };
    let one = |governs, name: &str| Ok(vec![(governs, name.to_owned())]);
    for (method, params, expected) in [
        ("tools/call", r#"{"name":"a","uri":"b"}"#, one(Governs::Tool, "a")),
        ("prompts/get", r#"{"name":"a","uri":"b"}"#, one(Governs::Prompt, "a")),
        ("resources/read", r#"{"name":"a","uri":"b"}"#, one(Governs::Resource, "b")),
        ("tasks/cancel", r#"{"name":"a","taskId":"t"}"#, one(Governs::Task, "t")),
        ("tools/list", r#"{"name":"a","uri":"b"}"#, Ok(vec![])),
        ("tasks/list", "{}", Ok(vec![])),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"a"},"name":"b"}"#,
            one(Governs::Prompt, "a"),
        ),
        (
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"k8s://{ns}","name":"x"}}"#,
            one(Governs::Resource, "k8s://{ns}"),
        ),
        ("subscriptions/listen", r#"{"notifications":{"toolsListChanged":true}}"#, Ok(vec![])),
        (
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":["a","b"]}}"#,
            Ok(vec![(Governs::Resource, "a".to_owned()), (Governs::Resource, "b".to_owned())]),
        ),
        // Told of a task is told what it has come to.
        (
            "subscriptions/listen",
            r#"{"notifications":{"taskIds":["t"],"resourceSubscriptions":["a"]}}"#,
            Ok(vec![(Governs::Resource, "a".to_owned()), (Governs::Task, "t".to_owned())]),
        ),
    ] {
        assert_eq!(named(method, params), expected, "{method} {params}");
    }
    for (method, params) in [
        ("completion/complete", "{}"),
        ("completion/complete", r#"{"ref":"ref/prompt"}"#),
        ("completion/complete", r#"{"ref":{"name":"a"}}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/tool","name":"a"}}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","uri":"a"}}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/resource","name":"a"}}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"a","Name":"b"}}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"a","Type":"b"}}"#),
        ("subscriptions/listen", "{}"),
        ("subscriptions/listen", r#"{"notifications":[]}"#),
        ("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":"a"}}"#),
        ("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":["a",1]}}"#),
        ("subscriptions/listen", r#"{"notifications":{"ResourceSubscriptions":["a"]}}"#),
        ("subscriptions/listen", r#"{"notifications":{"taskIds":"t"}}"#),
        ("subscriptions/listen", r#"{"notifications":{"taskIDs":["t"]}}"#),
    ] {
        assert_eq!(named(method, params), Err(Reason::ParamsMalformed), "{method} {params}");
    }
}

/// A message that is all right but for what is changed about it, with all headers that its revision wants.
fn send(revision: Revision, mut message: Value) -> Result<&'static Method, Reason> {
    let modern = revision == Revision::V2026_07_28;
    if modern && message.get("id").is_some() && message.get("method").is_some() {
        message["params"]["_meta"] =
            json!({"io.modelcontextprotocol/protocolVersion": revision.name()});
    }
    let message = Message::parse(message.to_string().as_bytes()).map_err(|it| it.reason)?;
    let headers = MirroredHeaders {
        protocol_version: Some(revision.name()),
        method: Some(message.method()).filter(|_| modern),
        name: message.name().filter(|_| modern),
        ..MirroredHeaders::default()
    };
    let admitted = Admitted::read(headers, &message).map_err(|denial| denial.reason())?;
    assert_eq!(admitted.revision(), revision);
    assert_eq!(admitted.message(), &message);
    Ok(admitted.method())
}

/// A request with params that fit any method.
fn request(method: &str) -> Value {
    let params = json!({
        "name": "a", "uri": "b", "taskId": "c", "ref": {"type": "ref/prompt", "name": "d"},
        "notifications": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn notification(method: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": method})
}

/// The sets of the schemas of the three revisions, written down once more: `ClientRequest` and `ClientNotification`,
/// and for 2026-07-28 the requests of the extension for tasks.
fn of_clients(revision: Revision) -> Vec<&'static str> {
    let every = [
        "completion/complete",
        "notifications/cancelled",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "tools/call",
        "tools/list",
    ];
    let legacy = [
        "initialize",
        "logging/setLevel",
        "notifications/initialized",
        "notifications/progress",
        "notifications/roots/list_changed",
        "ping",
        "resources/subscribe",
        "resources/unsubscribe",
    ];
    let own: &[&str] = match revision {
        Revision::V2025_06_18 => &[],
        Revision::V2025_11_25 => &[
            "notifications/tasks/status",
            "tasks/cancel",
            "tasks/get",
            "tasks/list",
            "tasks/result",
        ],
        Revision::V2026_07_28 => &[
            "server/discover",
            "subscriptions/listen",
            "tasks/cancel",
            "tasks/get",
            "tasks/update",
        ],
    };
    let legacy = if revision == Revision::V2026_07_28 { &[][..] } else { &legacy };
    [&every, legacy, own].concat()
}

#[test]
fn each_revision_lets_through_its_own_methods_and_no_others() {
    for revision in Revision::ALL {
        let known = of_clients(revision);
        let mut passed = 0;
        for row in Method::all() {
            let message = match row.form {
                Form::Request => request(row.name),
                _ => notification(row.name),
            };
            let expected = match row.form {
                _ if known.contains(&row.name) => Ok(row),
                Form::Notification => Err(Reason::NotificationUnknown),
                _ if revision == Revision::V2026_07_28 => Err(Reason::MethodUnknown),
                _ => Err(Reason::MethodUnknownLegacy),
            };
            passed += usize::from(expected.is_ok());
            assert_eq!(send(revision, message), expected, "{revision:?} {}", row.name);
        }
        assert_eq!(passed, known.len(), "{revision:?}");
    }
}

#[test]
fn what_nobody_knows_is_refused_as_its_revision_has_it() {
    for method in
        ["tools/call2", "TOOLS/CALL", "Tools/List", "tools", "x/y", "skills/list", "tools/"]
    {
        for revision in Revision::ALL {
            let unknown = match revision {
                Revision::V2026_07_28 => Reason::MethodUnknown,
                _ => Reason::MethodUnknownLegacy,
            };
            assert_eq!(send(revision, request(method)), Err(unknown), "{revision:?} {method}");
            let told = send(revision, notification(method));
            assert_eq!(told, Err(Reason::NotificationUnknown), "{revision:?} {method}");
        }
    }
    assert_eq!((Reason::MethodUnknown.status(), Reason::MethodUnknownLegacy.status()), (404, 200));
    for reason in [Reason::MethodUnknown, Reason::MethodUnknownLegacy, Reason::NotificationUnknown]
    {
        assert_eq!(reason.json_rpc_code(), Some(-32601), "{reason}");
    }
}

/// Some servers do what they are told whether or not somebody waits for the answer.
#[test]
fn a_request_without_an_id_is_no_notification_and_a_notification_with_one_is_no_request() {
    for revision in Revision::ALL {
        let mut call = request("tools/call");
        assert!(send(revision, call.clone()).is_ok());
        call.as_object_mut().unwrap().remove("id");
        assert_eq!(send(revision, call), Err(Reason::NotificationUnknown), "{revision:?}");

        let mut cancelled = notification("notifications/cancelled");
        assert!(send(revision, cancelled.clone()).is_ok());
        cancelled["id"] = json!(1);
        let refused = send(revision, cancelled).unwrap_err();
        assert_eq!(refused.json_rpc_code(), Some(-32601), "{revision:?}");
    }
}

#[test]
fn a_client_answers_a_server_where_servers_ask_and_nowhere_else() {
    let result = json!({"jsonrpc": "2.0", "id": 3, "result": {"action": "accept"}});
    let error = json!({"jsonrpc": "2.0", "id": 3, "error": {"code": -1, "message": "no"}});
    for answer in [result, error] {
        for revision in [Revision::V2025_06_18, Revision::V2025_11_25] {
            let row = send(revision, answer.clone()).unwrap();
            assert_eq!(
                (row.form, row.answer),
                (Form::Response, Answered::Accepted),
                "{revision:?}"
            );
        }
        let refused = send(Revision::V2026_07_28, answer.clone());
        assert_eq!(refused, Err(Reason::NotARequest));
        // It mirrors nothing, so that every header that says what is called lies.
        let message = Message::parse(answer.to_string().as_bytes()).unwrap();
        let read = |method, name| {
            let headers = MirroredHeaders { method, name, ..MirroredHeaders::default() };
            Admitted::read(headers, &message).map(drop).map_err(|denial| denial.reason())
        };
        assert_eq!(read(None, None), Ok(()));
        assert_eq!(read(Some("tools/list"), None), Err(Reason::HeaderMismatch));
        assert_eq!(read(None, Some("harmless")), Err(Reason::HeaderMismatch));
    }
}

#[test]
fn a_row_says_what_is_governed_and_what_is_listed() {
    let row = |name| Method::named(name).unwrap();
    for (name, governs, member) in [
        ("tools/call", Governs::Tool, Some("name")),
        ("prompts/get", Governs::Prompt, Some("name")),
        ("resources/read", Governs::Resource, Some("uri")),
        ("resources/subscribe", Governs::Resource, Some("uri")),
        ("tasks/update", Governs::Task, Some("taskId")),
        ("completion/complete", Governs::Reference, None),
        ("subscriptions/listen", Governs::Subscriptions, None),
        ("tools/list", Governs::Nothing, None),
        ("initialize", Governs::Nothing, None),
    ] {
        assert_eq!((row(name).governs, row(name).governs.member()), (governs, member), "{name}");
    }
    let lists = |list| Method::all().iter().find(|row| row.answer == Answered::List(list));
    for (list, name) in [
        (List::Tools, "tools/list"),
        (List::Prompts, "prompts/list"),
        (List::Resources, "resources/list"),
        (List::ResourceTemplates, "resources/templates/list"),
    ] {
        assert_eq!(lists(list).map(|row| row.name), Some(name));
    }
    assert_eq!(row("subscriptions/listen").answer, Answered::Stream);
}

/// The official suite asks so for methods that were removed: with none of their params, and without `Mcp-Name`.
#[test]
fn what_the_stated_revision_does_not_have_is_unknown_and_not_malformed() {
    let of = |version: Option<&str>, stated: Option<&str>, method: &str, params: &str| {
        let meta = stated.map(|stated| {
            format!(r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{stated}"}}"#)
        });
        let params: Vec<_> = meta.as_deref().into_iter().chain([params]).collect();
        let params = params.join(if params.iter().any(|it| it.is_empty()) { "" } else { "," });
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#);
        let message = Message::parse(body.as_bytes()).map_err(|refused| refused.reason)?;
        let modern = version == Some("2026-07-28");
        let headers = MirroredHeaders {
            protocol_version: version,
            method: Some(method).filter(|_| modern),
            ..MirroredHeaders::default()
        };
        Admitted::read(headers, &message).map(drop).map_err(|denial| denial.reason())
    };
    let (modern, middle) = (Some("2026-07-28"), Some("2025-11-25"));
    for method in ["resources/subscribe", "resources/unsubscribe", "tasks/result"] {
        for params in ["", r#""uri":"a","taskId":"b""#, r#""uri":1"#] {
            assert_eq!(of(modern, modern, method, params), Err(Reason::MethodUnknown), "{method}");
        }
        // Where it is known it names something, whatever else is said elsewhere.
        assert_eq!(of(middle, None, method, ""), Err(Reason::ParamsMalformed), "{method}");
        assert_eq!(of(modern, None, method, ""), Err(Reason::ParamsMalformed), "{method}");
        assert_eq!(of(middle, middle, method, ""), Err(Reason::ParamsMalformed), "{method}");
        let unserved = Some("2031-01-01");
        assert_eq!(of(unserved, unserved, method, ""), Err(Reason::ParamsMalformed), "{method}");
        assert_eq!(of(middle, None, method, r#""uri":"a","taskId":"b""#), Ok(()), "{method}");
        // The body alone opens nothing.
        for header in [middle, None] {
            let refused = of(header, modern, method, "");
            assert_eq!(refused, Err(Reason::HeaderMismatch), "{method}");
        }
    }
    assert_eq!(of(modern, modern, "tasks/get", ""), Err(Reason::ParamsMalformed));
}

#[test]
fn only_post_brings_a_message() {
    let context = VerbContext { has_sessions: false, in_session: true, resumes: false };
    assert_eq!(admit_verb("POST", context), Ok(Verb::Message));
    for verb in ["GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "post", "POST ", ""] {
        assert_eq!(admit_verb(verb, context), Err(Reason::MethodNotAllowed), "{verb}");
    }
}
