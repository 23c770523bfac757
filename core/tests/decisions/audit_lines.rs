//! Audit records: one line each, whatever stands in a request, and never a token.

use std::sync::Arc;

use obolus_core::audit::{
    Chosen, Decision, DryRun, Exchange, MAX_CHOSEN, MAX_POLICIES, MAX_RECORD_BYTES, Record, SCHEMA,
    schema,
};
use obolus_core::mcp::Message;
use obolus_core::token::TokenDigest;
use obolus_core::{Reason, TraceParent};
use serde_json::{Map, Value, json};

use crate::entra;
use crate::issuer::{KEYS, NOW, alice, principal};

fn read(record: &Record<'_>) -> Value {
    let line = record.line();
    assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
    serde_json::from_str(&line).unwrap()
}

fn call(arguments: &Value) -> Message {
    let params = json!({"name": "pods_list", "arguments": arguments});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    Message::parse(body.to_string().as_bytes()).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_permit_and_a_denial_say_who_what_and_why() {
    let alice = principal(&alice());
    let trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let policies = [Arc::from("readers")];
    let tried = DryRun {
        decision: Decision::Deny,
        reason: Some(Reason::InsufficientScope),
        policies: vec![Arc::from("stricter")],
    };
    let arguments = Chosen::of(&names(&["namespace"]), &call(&json!({"namespace": "shop"})));
    let permit = Record {
        method: Some("tools/call"),
        tool: Some("pods_list"),
        arguments: arguments.as_ref(),
        request_id: Some("r-1"),
        target: Some("kubernetes"),
        exchange: Exchange::Exchanged,
        exchanged_token_id_digest: Some(TokenDigest::of("ntrtte:1")),
        policies: &policies,
        dry_run: Some(&tried),
        latency_us: 1234,
        ..Record::permit(NOW, "kubernetes")
    };
    let permit = permit.by(Some(&alice)).in_trace(trace.as_ref());
    let digest = alice.token_digest().as_str();
    let [own, exchanged] = ["onrtac:1", "ntrtte:1"].map(TokenDigest::of);
    assert_eq!(
        permit.line(),
        format!(
            r#"{{"schema":"obolus-audit/1","time":1800000000,"decision":"permit","resource":"kubernetes","request_id":"r-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","method":"tools/call","tool":"pods_list","arguments":{{"namespace":"shop"}},"issuer_name":"keycloak","issuer":"https://idp.example.com/realms/obolus","subject":"5c9d2f6e-alice","client":"mcp-client","token_id_digest":"{own}","token_digest":"{digest}","target":"kubernetes","exchange":"exchanged","exchanged_token_id_digest":"{exchanged}","policies":["readers"],"dry_run":{{"decision":"deny","reason":"insufficient_scope","policies":["stricter"]}},"latency_us":1234}}"#
        )
    );

    let refused = TokenDigest::of("refused");
    let denial =
        Record::deny(NOW, "kubernetes", Reason::TokenExpired).by(None).with_token(Some(&refused));
    assert_eq!(
        denial.line(),
        format!(
            r#"{{"schema":"obolus-audit/1","time":1800000000,"decision":"deny","reason":"token_expired","status":401,"resource":"kubernetes","token_digest":"{refused}","exchange":"none","latency_us":0}}"#
        )
    );
}

#[test]
fn of_an_entra_token_the_tenant_is_said_and_nothing_that_is_personal() {
    let person = entra::verify(&entra::v2()).unwrap();
    let record = read(&Record::permit(NOW, "kubernetes-entra").by(Some(&person)));
    assert_eq!(
        record,
        json!({
            "schema": SCHEMA,
            "time": NOW,
            "decision": "permit",
            "resource": "kubernetes-entra",
            "issuer_name": "entra",
            "issuer": format!("https://login.microsoftonline.com/{}/v2.0", entra::CONTOSO),
            "tenant": entra::CONTOSO,
            "subject": entra::ALICE,
            "client": entra::CLIENT,
            "token_id_digest": TokenDigest::of("dGhlIHRva2Vu").as_str(),
            "token_digest": person.token_digest().as_str(),
            "exchange": "none",
            "latency_us": 0,
        })
    );
    let application = entra::verify(&entra::but(entra::v2(), json!({"idtyp": "app"}))).unwrap();
    let record = read(&Record::deny(NOW, "r", Reason::AppOnly).by(Some(&application)));
    assert_eq!(record["app_only"], true, "{record}");
}

#[test]
fn a_verified_persons_digest_is_not_replaced_by_another() {
    let alice = principal(&alice());
    let other = TokenDigest::of("other");
    let line = Record::permit(NOW, "r").by(Some(&alice)).with_token(Some(&other)).line();
    assert!(line.contains(alice.token_digest().as_str()) && !line.contains(other.as_str()));
}

#[test]
fn no_value_starts_a_line_or_leaves_the_screens_order() {
    let hostile = "a\"}\n{\"schema\":\"obolus-audit/1\"}\r\u{0}\u{1b}[31m\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{feff}é😀\\";
    // U+0000 is in no argument: a request that has it is refused.
    let argument = hostile.replace('\0', "");
    let message = call(&json!({"namespace": argument}));
    let arguments = Chosen::of(&names(&["namespace"]), &message);
    let policies = [Arc::from(hostile)];
    let record = read(&Record {
        request_id: Some(hostile),
        method: Some(hostile),
        tool: Some(hostile),
        subject: Some(hostile),
        client: Some(hostile),
        arguments: arguments.as_ref(),
        policies: &policies,
        ..Record::deny(NOW, "kubernetes", Reason::InsufficientScope)
    });
    for field in ["request_id", "method", "tool", "subject", "client"] {
        assert_eq!(record[field], hostile, "{field}: nothing is lost");
    }
    assert_eq!(record["arguments"]["namespace"], argument);
    assert_eq!(record["policies"], json!([hostile]));
    assert_eq!(record["decision"], "deny");
}

#[test]
fn a_value_without_end_does_not_fill_the_log() {
    let endless = "é".repeat(1 << 20);
    let record = read(&Record { tool: Some(&endless), ..Record::permit(NOW, "kubernetes") });
    // As it is written: `\u00e9`.
    assert_eq!(record["tool"], format!("{}…", "é".repeat(1024 / 6)));
    for (text, is_cut) in [("x".repeat(1024), false), ("x".repeat(1025), true)] {
        let record = read(&Record { tool: Some(&text), ..Record::permit(NOW, "kubernetes") });
        assert_eq!(record["tool"] != text, is_cut);
    }
    // Neither an escape nor a character is cut in two.
    for (before, end, kept) in [(1021, "\"\"", "\""), (1023, "\n", ""), (1013, "😀", "")] {
        let text = format!("{}{end}", "x".repeat(before));
        let record = read(&Record { tool: Some(&text), ..Record::permit(NOW, "kubernetes") });
        assert_eq!(record["tool"], format!("{}{kept}…", "x".repeat(before)));
    }
}

#[test]
fn even_a_record_whose_every_text_is_endless_is_no_longer_than_collectors_take() {
    let endless = "😀".repeat(1 << 10);
    let policies = vec![Arc::from(endless.as_str()); 100];
    let tried = DryRun {
        decision: Decision::Deny,
        reason: Some(Reason::ExchangedIdentityMismatch),
        policies: policies.clone(),
    };
    let chosen: Vec<_> = (0..MAX_CHOSEN).map(|at| format!("{at:02}{}", "ж".repeat(31))).collect();
    let given: Map<_, _> =
        chosen.iter().map(|name| (name.clone(), Value::from(endless.as_str()))).collect();
    let arguments = Chosen::of(&chosen, &call(&given.into()));
    let text = Some(endless.as_str());
    let record = Record {
        request_id: text,
        trace_id: text,
        method: text,
        tool: text,
        arguments: arguments.as_ref(),
        issuer_name: text,
        issuer: text,
        tenant: text,
        subject: text,
        client: text,
        app_only: Some(true),
        token_id_digest: Some(TokenDigest::of("x")),
        token_digest: text,
        target: text,
        exchanged_token_id_digest: Some(TokenDigest::of("x")),
        policies: &policies,
        dry_run: Some(&tried),
        latency_us: u64::MAX,
        ..Record::deny(u64::MAX, &endless, Reason::ExchangedIdentityMismatch)
    };
    let length = record.line().len();
    assert!(length <= MAX_RECORD_BYTES, "{length}");
    let record = read(&record);
    assert_eq!(record["reason"], "exchanged_identity_mismatch", "our own words are whole");
    assert_eq!(record["policies"].as_array().unwrap().len(), MAX_POLICIES);
    assert_eq!(record["arguments"].as_object().unwrap().len(), MAX_CHOSEN);
}

#[test]
fn a_record_names_a_token_and_does_not_hold_it() {
    let token = KEYS.sign_text(r#"{"alg":"ES256","kid":"p256"}"#, &alice().to_string());
    let alice = crate::issuer::verify(&token).unwrap();
    let line = Record { method: Some("tools/list"), ..Record::permit(NOW, "kubernetes") };
    let line = line.by(Some(&alice)).line();
    assert!(line.contains(TokenDigest::of(&token).as_str()));
    for part in token.split('.') {
        assert!(!line.contains(part), "{line}");
    }
    // Not even its id, which other systems may take for more than a name.
    assert!(!line.contains(alice.token_id().unwrap()), "{line}");
}

#[test]
fn of_the_arguments_those_are_shown_that_the_configuration_names() {
    let message = call(&json!({
        "namespace": "shop", "replicas": 3, "force": true, "at": null,
        "labels": {"secret": "x"}, "containers": ["x"], "token": "confidential",
    }));
    let shown = |names_of: &[&str]| {
        let chosen = Chosen::of(&names(names_of), &message);
        let record = Record { arguments: chosen.as_ref(), ..Record::permit(NOW, "kubernetes") };
        read(&record).get("arguments").cloned()
    };
    assert_eq!(shown(&[]), None, "none by default");
    assert_eq!(shown(&["absent"]), None);
    // Some servers would take the one for the other: neither is shown as what was asked for.
    assert_eq!(shown(&["Namespace"]), Some(json!({"Namespace": {"omitted": "ambiguous"}})));
    assert_eq!(
        shown(&["namespace", "replicas", "force", "at", "labels", "containers", "absent"]),
        Some(json!({
            "namespace": "shop", "replicas": 3, "force": true, "at": null,
            "labels": {"omitted": "object"}, "containers": {"omitted": "array"},
        }))
    );
}

#[test]
fn the_schema_knows_every_member_and_says_which_are_always_there() {
    let policies = [Arc::from("p")];
    let tried = DryRun {
        decision: Decision::Deny,
        reason: Some(Reason::AppOnly),
        policies: policies.to_vec(),
    };
    let arguments = Chosen::of(&names(&["a"]), &call(&json!({"a": 1})));
    // Every member is written out: one more in the type stops this from compiling.
    let all = Record {
        schema: SCHEMA,
        time: NOW,
        decision: Decision::Deny,
        reason: Some(Reason::AppOnly),
        status: Some(403),
        resource: "r",
        request_id: Some("i"),
        trace_id: Some("t"),
        method: Some("m"),
        tool: Some("t"),
        arguments: arguments.as_ref(),
        issuer_name: Some("n"),
        issuer: Some("i"),
        tenant: Some("t"),
        subject: Some("s"),
        client: Some("c"),
        app_only: Some(true),
        token_id_digest: Some(TokenDigest::of("")),
        token_digest: Some("d"),
        target: Some("t"),
        exchange: Exchange::Cached,
        exchanged_token_id_digest: Some(TokenDigest::of("")),
        policies: &policies,
        dry_run: Some(&tried),
        latency_us: 1,
    };
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let all = read(&all);
    let schema = schema();
    assert_eq!(keys(&all), keys(&schema["properties"]));
    assert_eq!(keys(&all["dry_run"]), keys(&schema["properties"]["dry_run"]["properties"]));
    let mut required: Vec<_> =
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    required.sort_unstable();
    assert_eq!(keys(&read(&Record::undecided(NOW, "r"))), required);
    assert_eq!(schema["additionalProperties"], false);

    let words = |pointer: &str| schema.pointer(pointer).unwrap().clone();
    assert_eq!(
        words("/properties/decision/enum"),
        json!([Decision::Permit, Decision::Deny, Decision::None])
    );
    let exchanges = [
        Exchange::None,
        Exchange::Cached,
        Exchange::Exchanged,
        Exchange::Refused,
        Exchange::Pending,
    ];
    assert_eq!(words("/properties/exchange/enum"), json!(exchanges));
    for reason in Reason::ALL {
        assert!(reason.as_str().len() <= 64, "{reason:?} would be cut");
    }
}

#[test]
fn the_committed_schema_is_what_the_generator_writes() {
    let committed = include_str!("../../../docs/audit.schema.json");
    let generated = format!("{:#}\n", schema());
    assert!(committed == generated, "docs/audit.schema.json is stale: run `cargo xtask generate`");
}
