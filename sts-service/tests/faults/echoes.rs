//! What a provider, or whatever stands before it, quotes of our request: none of it is in the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

use crate::idp::{Does, Running};
use crate::world::{World, configuration, refused};

/// With what every encoding has to change.
const SECRET: &str = "p:ss+w%rd&=/ä";
const AS_IN_A_FORM: &str = "p%3Ass%2Bw%25rd%26%3D%2F%C3%A4";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The last line of an exchange.
    fn last(&self) -> Value {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let mut lines = text.lines().rev().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.find(|line| line["fields"]["message"] == "exchange").unwrap()["fields"].take()
    }
}

#[tokio::test]
async fn what_the_provider_quotes_of_a_request_is_in_no_log_line_however_it_is_spelled() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || written.clone()).finish();
    // A second one, for all: while there is but one, what another thread comes by first is disabled for this one, too.
    let _ = tracing_subscriber::fmt().with_writer(std::io::sink).try_init();
    // For this thread, on which all of this test runs.
    let _guard = tracing::subscriber::set_default(subscriber);
    let authority = Authority::new("obolus sts echoes").unwrap();
    let running = Running::start(&authority).await;
    let text = configuration(&running.idp.issuer(), "");
    let world = World::start_configured(&authority, running, |folder| {
        std::fs::write(folder.join("secret"), SECRET).unwrap();
        text
    })
    .await;
    let basic = STANDARD.encode(format!("obolus-sts:{AS_IN_A_FORM}"));
    let spellings = [
        SECRET.to_owned(),
        AS_IN_A_FORM.to_owned(),
        AS_IN_A_FORM.to_lowercase(),
        SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        basic.clone(),
        basic.replace('=', "%3D"),
    ];
    for (number, quoted) in spellings.iter().map(String::as_str).chain(["token"]).enumerate() {
        let alice = world.idp().token(&format!("alice-{number}"));
        let quoted = if quoted == "token" { &alice } else { quoted };
        let said = format!("4711: you sent me {quoted}");
        let body = json!({"error": "invalid_grant", "error_description": said});
        world.idp().at("/token", Does::json(400, body));
        assert_eq!(world.exchange(&alice).await, refused(401, "subject_token_refused"));
        let line = log.last();
        assert_eq!(line["subject"], format!("alice-{number}"));
        assert!(line["upstream_description"].as_str().unwrap().contains("[redacted]"), "{line}");
        assert!(!line.to_string().contains(quoted), "{line}");
        // What else is said is there.
        let body =
            json!({"error": "invalid_grant", "error_description": "4711: 100% of it + more"});
        world.idp().at("/token", Does::json(400, body));
        let other = world.idp().token(&format!("bob-{number}"));
        assert_eq!(world.exchange(&other).await, refused(401, "subject_token_refused"));
        assert_eq!(log.last()["upstream_description"], "4711: 100% of it + more");
    }
    let whole = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for secret in [SECRET, AS_IN_A_FORM, &basic] {
        assert!(!whole.contains(secret), "{whole}");
    }
}
