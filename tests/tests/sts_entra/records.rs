//! What is written of an exchange: enough to find it in Entra's own records, and no secret.

use obolus_tests::entra::{Fault, What};
use obolus_tests::fixtures::entra::Style;

use crate::world::{World, granted, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_line_names_tenant_provider_and_the_request_as_entra_knows_it() {
    let world = World::start().await.unwrap();
    let target = Style::CertificateRs256.name();
    let alice = world.token("alice").await;
    assert_eq!(world.exchange(&alice, target).await, granted());
    let (asked, line) = (world.asked().pop().unwrap(), world.lines().pop().unwrap());
    let request = asked.client_request_id.unwrap();
    assert_eq!(request.len(), 36, "{request}");
    assert_eq!(line["upstream_request_id"], request);
    assert_eq!(line["tenant"], world.entra.tenant_id());
    assert_eq!((&line["provider"], &line["cache"]), (&"entra".into(), &"miss".into()));
    assert_eq!(line["issuer"], world.entra.issuer());
    assert_eq!(line["subject"], world.entra.object_id("alice"));

    // From memory: nobody was asked, and no request is named.
    assert_eq!(world.exchange(&alice, target).await, granted());
    let line = world.lines().pop().unwrap();
    assert_eq!((line["cache"].as_str(), line.get("upstream_request_id")), (Some("hit"), None));

    let bob = world.token("bob").await;
    world.entra.emulator.faults().add(Fault::new(What::Refuse { code: 65001 }));
    assert_eq!(world.exchange(&bob, target).await, refused(403, "consent_required"));
    let (asked, line) = (world.last(), world.lines().pop().unwrap());
    assert_ne!(asked.client_request_id.as_deref(), Some(request.as_str()));
    assert_eq!(line["upstream_request_id"], asked.client_request_id.unwrap());
    assert_eq!(line["upstream_correlation_id"], line["upstream_request_id"]);
    assert_eq!(line["upstream_codes"], "65001");
    assert_eq!(line["upstream_suberror"], "consent_required");
    assert_eq!(line["upstream_status"], 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_assertion_or_token_is_in_the_log_or_the_metrics() {
    let world = World::start_with(&[], |options| options.log_level = Some("debug".to_owned()))
        .await
        .unwrap();
    let mut secrets = vec!["mcp-server-secret~for.tests".to_owned()];
    secrets.push(world.entra.workload_token().unwrap());
    for style in Style::ALL {
        let token = world.token("alice").await;
        let (outcome, body) = world.answer(&token, style.name()).await;
        assert_eq!(outcome, granted());
        secrets.extend([token, body["access_token"].as_str().unwrap().to_owned()]);
    }
    let secret = std::fs::read_to_string(world.file("entra.token")).unwrap();
    secrets.push(secret.trim().to_owned());
    let key = std::fs::read_to_string(world.file("entra.key")).unwrap();
    secrets.extend(key.lines().filter(|line| line.len() == 64).map(str::to_owned));
    // Of a token also its claims alone, and its signature alone.
    let parts: Vec<_> = secrets.iter().flat_map(|secret| secret.split('.')).collect();
    let parts = parts.into_iter().filter(|part| part.len() > 60);
    let all: Vec<_> = secrets.iter().map(String::as_str).chain(parts).collect();
    let (log, metrics) = (world.sts.log(), world.sts.metrics().await.unwrap());
    assert!(log.contains("\"outcome\":\"exchanged\"") && metrics.contains("obolus_sts_exchanges"));
    for secret in all {
        assert!(!log.contains(secret) && !metrics.contains(secret), "{secret}");
    }
}
