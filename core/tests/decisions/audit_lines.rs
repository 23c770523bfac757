//! Audit records: one line each, whatever stands in a request, and never a token.

use obolus_core::Reason;
use obolus_core::audit::{PREFIX, Record};
use obolus_core::token::TokenDigest;
use serde_json::{Value, json};

use crate::entra;
use crate::issuer::{KEYS, NOW, alice, principal};

#[test]
fn a_permit_and_a_denial_say_who_what_and_why() {
    let alice = principal(&alice());
    let mut permit = Record::permit(NOW, "kubernetes").by(Some(&alice));
    permit.method = Some("tools/call");
    permit.tool = Some("pods_list");
    permit.request_id = Some("r-1");
    permit.target = Some("kubernetes");
    permit.exchanged_token_id = Some("ntrtte:1");
    let digest = alice.token_digest().as_str();
    assert_eq!(
        permit.line(),
        format!(
            r#"obolus-audit {{"time":1800000000,"decision":"permit","resource":"kubernetes","request_id":"r-1","method":"tools/call","tool":"pods_list","issuer_name":"keycloak","issuer":"https://idp.example.com/realms/obolus","subject":"5c9d2f6e-alice","client":"mcp-client","token_id":"onrtac:1","token_digest":"{digest}","target":"kubernetes","exchanged_token_id":"ntrtte:1"}}"#
        )
    );

    let refused = TokenDigest::of("refused");
    let denial =
        Record::deny(NOW, "kubernetes", Reason::TokenExpired).by(None).with_token(Some(&refused));
    assert_eq!(
        denial.line(),
        format!(
            r#"obolus-audit {{"time":1800000000,"decision":"deny","reason":"token_expired","status":401,"resource":"kubernetes","token_digest":"{refused}"}}"#
        )
    );
}

#[test]
fn of_an_entra_token_the_tenant_is_said_and_nothing_that_is_personal() {
    let person = entra::verify(&entra::v2()).unwrap();
    let digest = person.token_digest().as_str();
    assert_eq!(
        Record::permit(NOW, "kubernetes-entra").by(Some(&person)).line(),
        format!(
            r#"obolus-audit {{"time":1800000000,"decision":"permit","resource":"kubernetes-entra","issuer_name":"entra","issuer":"https://login.microsoftonline.com/{}/v2.0","tenant":"{}","subject":"{}","client":"{}","token_id":"dGhlIHRva2Vu","token_digest":"{digest}"}}"#,
            entra::CONTOSO,
            entra::CONTOSO,
            entra::ALICE,
            entra::CLIENT
        )
    );
    let application = entra::verify(&entra::but(entra::v2(), json!({"idtyp": "app"}))).unwrap();
    let line = Record::deny(NOW, "r", Reason::AppOnly).by(Some(&application)).line();
    assert!(line.contains(r#","app_only":true,"#), "{line}");
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
    let hostile = "a\"}\nobolus-audit {\"decision\":\"permit\"}\r\u{0}\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{feff}é😀\\";
    let mut record = Record::deny(NOW, "kubernetes", Reason::InsufficientScope);
    record.request_id = Some(hostile);
    record.method = Some(hostile);
    record.tool = Some(hostile);
    record.subject = Some(hostile);
    record.client = Some(hostile);
    record.token_id = Some(hostile);
    record.exchanged_token_id = Some(hostile);
    let line = record.line();
    assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
    assert_eq!(line.matches(PREFIX).count(), 7 + 1, "as text, which no reader takes for a line");
    let read: Value = serde_json::from_str(line.strip_prefix(PREFIX).unwrap()).unwrap();
    for field in
        ["request_id", "method", "tool", "subject", "client", "token_id", "exchanged_token_id"]
    {
        assert_eq!(read[field], hostile, "{field}: nothing is lost");
    }
    assert_eq!(read["decision"], "deny");
}

#[test]
fn a_value_without_end_does_not_fill_the_log() {
    let endless = "é".repeat(1 << 20);
    let mut record = Record::permit(NOW, "kubernetes");
    record.tool = Some(&endless);
    record.request_id = Some(&endless);
    let line = record.line();
    assert!(line.len() < 8 * 1024, "{}", line.len());
    let read: Value = serde_json::from_str(line.strip_prefix(PREFIX).unwrap()).unwrap();
    assert_eq!(read["tool"].as_str().unwrap().chars().count(), 513);
    assert!(read["tool"].as_str().unwrap().ends_with("é…"));
    let fits = "x".repeat(512);
    let mut record = Record::permit(NOW, "kubernetes");
    record.tool = Some(&fits);
    assert!(record.line().contains(&format!("\"{fits}\"")));
}

#[test]
fn a_record_names_a_token_and_does_not_hold_it() {
    let token = KEYS.sign_text(r#"{"alg":"ES256","kid":"p256"}"#, &alice().to_string());
    let alice = crate::issuer::verify(&token).unwrap();
    let mut record = Record::permit(NOW, "kubernetes").by(Some(&alice));
    record.method = Some("tools/list");
    let line = record.line();
    assert!(line.contains(TokenDigest::of(&token).as_str()));
    for part in token.split('.') {
        assert!(!line.contains(part), "{line}");
    }
}
