//! Sessions of servers that have them: whose they are, and what becomes of all others.

use std::collections::{BTreeMap, BTreeSet};

use obolus_core::Reason;
use obolus_core::config::FilterConfig;
use obolus_core::mcp::session::{SessionHolder, SessionKey, SessionKeyError, SessionKeys};
use obolus_core::mcp::{
    Admitted, Answered, Message, MirroredHeaders, Verb, VerbContext, admit_verb,
};
use obolus_core::token::Identity;
use serde_json::{Value, json};

const ID: &str = "1868a90c-8d6c-4f3e-b1c2-5a0e3f9d7c11";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER_KEY: &str = "_v79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA";

fn keys(current: &str, previous: Option<&str>) -> SessionKeys {
    let key = |text: &str| SessionKey::parse(text).unwrap();
    SessionKeys::new(key(current), previous.map(key))
}

fn person(issuer: &str, subject: &str) -> Identity {
    Identity { issuer: issuer.to_owned(), subject: subject.to_owned() }
}

fn at<'a>(identity: &'a Identity, resource: &'a str) -> SessionHolder<'a> {
    SessionHolder { identity, resource }
}

#[test]
fn a_session_comes_back_to_whom_it_was_given_and_to_nobody_else() {
    let keys = keys(KEY, None);
    let alice = person("https://idp.example.com", "alice");
    let wrapped = keys.wrap(ID.as_bytes(), at(&alice, "kubernetes")).unwrap();
    assert_eq!(keys.unwrap(wrapped.as_bytes(), at(&alice, "kubernetes")).unwrap(), ID);
    for (identity, resource) in [
        (person("https://idp.example.com", "bob"), "kubernetes"),
        (person("https://other.example.com", "alice"), "kubernetes"),
        (person("https://idp.example.com", "alice"), "github"),
        // The same letters, and other people and places.
        (person("https://idp.example.coma", "lice"), "kubernetes"),
        (person("https://idp.example.com", "alicek"), "ubernetes"),
        (person("https://idp.example.com", ""), "alicekubernetes"),
        (person("alice", "https://idp.example.com"), "kubernetes"),
    ] {
        let opened = keys.unwrap(wrapped.as_bytes(), at(&identity, resource));
        assert_eq!(opened, Err(Reason::SessionUnknown), "{identity:?} at {resource}");
    }
}

#[test]
fn what_a_client_holds_is_one_value_in_every_answer_and_tells_nothing_of_the_servers() {
    let keys = keys(KEY, None);
    let (alice, bob) = (person("i", "alice"), person("i", "bob"));
    let wrap = |id: &str, who, place| keys.wrap(id.as_bytes(), at(who, place)).unwrap();
    let wrapped = wrap(ID, &alice, "kubernetes");
    assert_eq!(wrapped, wrap(ID, &alice, "kubernetes"));
    assert!(wrapped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    let all = [
        &wrapped,
        &wrap(ID, &bob, "kubernetes"),
        &wrap(ID, &alice, "github"),
        &wrap("1868a90c-8d6c-4f3e-b1c2-5a0e3f9d7c12", &alice, "kubernetes"),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    // No piece of one stands in the other: nothing of them is the same text.
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            assert!(
                !one.as_bytes()
                    .windows(8)
                    .any(|piece| { other.as_bytes().windows(8).any(|other| other == piece) })
            );
        }
    }
}

#[test]
fn whatever_is_changed_in_it_makes_it_nobodys() {
    let keys = keys(KEY, None);
    let alice = person("i", "alice");
    let wrapped = keys.wrap(ID.as_bytes(), at(&alice, "kubernetes")).unwrap();
    let refused = |value: &[u8]| {
        let opened = keys.unwrap(value, at(&alice, "kubernetes"));
        assert_eq!(opened, Err(Reason::SessionUnknown), "{}", String::from_utf8_lossy(value));
    };
    for at in 0..wrapped.len() {
        for byte in 0..=u8::MAX {
            let mut changed = wrapped.clone().into_bytes();
            if std::mem::replace(&mut changed[at], byte) != byte {
                refused(&changed);
            }
        }
        refused(&wrapped.as_bytes()[..at]);
        refused(&wrapped.as_bytes()[at + 1..]);
        refused(format!("{}A{}", &wrapped[..at], &wrapped[at..]).as_bytes());
    }
    for value in ["", "=", ID, "AAAA", "0", " ", "\u{e9}", "null"] {
        refused(value.as_bytes());
    }
    for value in [format!("{wrapped}="), format!("{wrapped}A"), format!("{wrapped},{wrapped}")] {
        refused(value.as_bytes());
    }
    refused(b"\xff\x00");
    refused(&vec![b'A'; 1 << 20]);
}

#[test]
fn keys_are_changed_without_ending_sessions_and_then_the_old_one_is_gone() {
    let alice = person("i", "alice");
    let holder = at(&alice, "kubernetes");
    let old = keys(KEY, None).wrap(ID.as_bytes(), holder).unwrap();
    let both = keys(OTHER_KEY, Some(KEY));
    assert_eq!(both.unwrap(old.as_bytes(), holder).unwrap(), ID);
    let new = both.wrap(ID.as_bytes(), holder).unwrap();
    assert_ne!(old, new);
    let after = keys(OTHER_KEY, None);
    assert_eq!(after.unwrap(new.as_bytes(), holder).unwrap(), ID);
    assert_eq!(after.unwrap(old.as_bytes(), holder), Err(Reason::SessionUnknown));
    // While some Envoys have the new key already, those that wrap with the old one know it, too.
    assert_eq!(keys(KEY, Some(OTHER_KEY)).unwrap(new.as_bytes(), holder).unwrap(), ID);
}

#[test]
fn an_id_is_what_mcp_says_that_it_is() {
    let keys = keys(KEY, None);
    let alice = person("i", "alice");
    let holder = at(&alice, "kubernetes");
    for id in ["!", "~", ID, &"x".repeat(1024), "a.b-c_d=e,f;g/h\"\\"] {
        let wrapped = keys.wrap(id.as_bytes(), holder).unwrap();
        assert_eq!(keys.unwrap(wrapped.as_bytes(), holder).unwrap(), id);
        assert!(wrapped.len() <= 1387);
    }
    for id in [&b""[..], b" ", b"a b", b"a\t", b"\x7f", b"\x00", b"\xc3\xa9", &[b'x'; 1025]] {
        let refused = keys.wrap(id, holder).unwrap_err();
        assert_eq!(refused, Reason::AnswerSessionMalformed, "{}", String::from_utf8_lossy(id));
    }
}

#[test]
fn a_key_has_32_bytes_and_is_shown_nowhere() {
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let alice = person("i", "alice");
    let holder = at(&alice, "kubernetes");
    let wrapped = keys(KEY, None).wrap(ID.as_bytes(), holder).unwrap();
    for same in [KEY, &KEY.to_uppercase(), base64, &base64[..43], &format!("{KEY}\n")] {
        assert_eq!(keys(same, None).unwrap(wrapped.as_bytes(), holder).unwrap(), ID, "{same}");
    }
    for text in [
        "",
        "secret",
        &KEY[..62],
        &KEY[..32],
        &format!("{KEY}00"),
        &format!("{}g0", &KEY[..62]),
        &base64[..40],
        &format!("{base64}AAAA"),
        "correct horse battery staple correct horse",
    ] {
        assert_eq!(SessionKey::parse(text).unwrap_err(), SessionKeyError::Malformed, "{text}");
    }
    for text in ["0".repeat(64), "ab".repeat(32), "A".repeat(43)] {
        assert_eq!(SessionKey::parse(&text).unwrap_err(), SessionKeyError::NotRandom, "{text}");
    }
    let shown = format!("{:?} {:?}", SessionKey::parse(KEY), keys(KEY, Some(OTHER_KEY)));
    assert_eq!(
        shown,
        "Ok(SessionKey(…)) SessionKeys { current: SessionKey(…), previous: Some(SessionKey(…)) }"
    );
}

fn config(sessions: &Value) -> Value {
    json!({
        "sts": {"cluster": "sts", "authority": "sts", "callerId": "gateway", "credentialEnv": "C"},
        "issuers": [{"name": "idp", "issuer": "https://idp.example.com", "profile": "oidc"}],
        "resources": [{
            "name": "kubernetes",
            "resource": "https://mcp.example.com/mcp",
            "clusters": ["mcp"],
            "issuers": ["idp"],
            "requiredScopes": ["mcp:tools"],
            "target": {"name": "kubernetes", "audience": "kubernetes"},
            "sessions": sessions,
        }],
    })
}

#[test]
fn a_resource_has_no_sessions_unless_it_says_where_the_key_stands() {
    let off = FilterConfig::from_json(&config(&Value::Null)).unwrap();
    assert_eq!(off.resources[0].sessions, None);
    assert!(off.session_keys(|_| panic!("nothing is looked up")).unwrap().is_empty());

    let on = json!({"keyEnv": "KEY", "previousKeyEnv": "OLD"});
    let on = FilterConfig::from_json(&config(&on)).unwrap();
    let environment = BTreeMap::from([("KEY", KEY), ("OLD", OTHER_KEY)]);
    let variable = |name: &str| environment.get(name).map(|value| (*value).to_owned());
    let keys = on.session_keys(variable).unwrap();
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["kubernetes"]);

    for (sessions, path) in [
        (json!({}), "resources[0].sessions.keyEnv"),
        (json!({"keyEnv": ""}), "resources[0].sessions.keyEnv"),
        (json!({"keyEnv": "A", "previousKeyEnv": "A"}), "resources[0].sessions.previousKeyEnv"),
        (json!({"keyEnv": "A", "key": "x"}), "resources[0].sessions.key"),
        (json!(true), "resources[0].sessions"),
    ] {
        let problems = FilterConfig::from_json(&config(&sessions)).unwrap_err();
        let paths: Vec<_> = problems.list().iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, [path], "{sessions}");
    }
}

#[test]
fn a_variable_without_a_key_keeps_the_configuration_from_being_taken() {
    let on = json!({"keyEnv": "KEY", "previousKeyEnv": "OLD"});
    let on = FilterConfig::from_json(&config(&on)).unwrap();
    let told = |key: Option<&'static str>, old: Option<&'static str>| {
        let found = |name: &str| if name == "KEY" { key } else { old };
        on.session_keys(|name| found(name).map(str::to_owned)).unwrap_err().to_string()
    };
    let both = told(None, Some(" \n"));
    assert!(both.starts_with("2 problem(s)"), "{both}");
    assert!(
        both.contains("resources[0].sessions.keyEnv: the environment variable `KEY` is not there")
    );
    let short = told(Some(KEY), Some("c2hvcnQtc2VjcmV0"));
    assert!(
        short.contains("previousKeyEnv: the environment variable `OLD` is not a key"),
        "{short}"
    );
    assert!(!short.contains("c2hvcnQ") && !short.contains(KEY), "{short}");
}

const IN_SESSION: VerbContext =
    VerbContext { has_sessions: true, in_session: true, resumes: false };

#[test]
fn ending_a_session_and_its_stream_are_requests_of_their_own_where_there_are_any() {
    for in_session in [true, false] {
        let context = VerbContext { in_session, ..IN_SESSION };
        assert_eq!(admit_verb("DELETE", context), Ok(Verb::SessionEnd));
        assert_eq!(admit_verb("POST", context), Ok(Verb::Message));
        for verb in ["PUT", "PATCH", "HEAD", "OPTIONS", "delete", "DELETE ", "get", "GETX", ""] {
            assert_eq!(admit_verb(verb, context), Err(Reason::MethodNotAllowed), "{verb}");
        }
    }
    // A stream is a session's, and begins with what comes from now on.
    assert_eq!(admit_verb("GET", IN_SESSION), Ok(Verb::SessionStream));
    for context in [
        VerbContext { has_sessions: false, ..IN_SESSION },
        VerbContext { in_session: false, ..IN_SESSION },
        VerbContext { resumes: true, ..IN_SESSION },
    ] {
        assert_eq!(admit_verb("GET", context), Err(Reason::MethodNotAllowed), "{context:?}");
    }
    let named = |version| MirroredHeaders { protocol_version: version, ..Default::default() };
    for (verb, other, name, answer) in [
        (Verb::SessionEnd, Verb::SessionStream, "DELETE", Answered::Accepted),
        (Verb::SessionStream, Verb::SessionEnd, "GET", Answered::SessionStream),
    ] {
        let message = Message::without_body(verb, b"").unwrap();
        for version in [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")] {
            let admitted = Admitted::without_body(verb, named(version), &message).unwrap();
            assert_eq!((admitted.method().name, admitted.method().answer), (name, answer));
            assert!(admitted.message().named().is_empty());
        }
        let refused = |verb, headers, message| {
            Admitted::without_body(verb, headers, message).unwrap_err().reason()
        };
        for (version, reason) in
            [("2026-07-28", Reason::MethodNotAllowed), ("2024-11-05", Reason::VersionUnsupported)]
        {
            assert_eq!(refused(verb, named(Some(version)), &message), reason, "{version}");
        }
        let mirrored = MirroredHeaders { method: Some("tools/list"), ..Default::default() };
        assert_eq!(refused(verb, mirrored, &message), Reason::HeaderMismatch);
        for verb in [other, Verb::Message] {
            assert_eq!(refused(verb, named(None), &message), Reason::MethodNotAllowed, "{verb:?}");
        }
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{name}"}}"#);
        for body in [b"{}", &b" "[..], body.as_bytes()] {
            let refused = Message::without_body(verb, body).unwrap_err();
            assert_eq!(refused.reason, Reason::NotARequest);
        }
        // Nobody says so in a body; and no other message passes for it.
        let message = Message::parse(body.as_bytes()).unwrap();
        let read = Admitted::read(MirroredHeaders::default(), &message).unwrap_err();
        assert_eq!(read.reason(), Reason::NotificationUnknown);
        let body = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let message = Message::parse(body).unwrap();
        assert_eq!(refused(verb, named(None), &message), Reason::MethodNotAllowed);
    }
    assert_eq!(Message::without_body(Verb::Message, b"").unwrap_err().reason, Reason::NotARequest);
}
