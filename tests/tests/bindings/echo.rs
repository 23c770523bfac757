//! An identity provider that repeats in a refusal what it was sent.

use anyhow::Result;
use obolus_tests::fixtures::idp::Behaviour;
use obolus_tests::fixtures::workbench::Plan;
use serde_json::json;

#[tokio::test]
async fn what_a_provider_quotes_of_our_request_is_not_in_our_log() -> Result<()> {
    let plan = Plan::new().await?;
    let secret = plan.sts.issuers[0].client_secret.clone();
    let bench = plan.start().await?;
    let token = bench.token("alice")?;
    bench.idp.behave(Behaviour::Answer(
        400,
        json!({"error": "invalid_scope", "error_description": format!("told {secret} of {token} today")}),
    ));
    let answer = bench.call(&token).send().await?;
    assert_eq!(answer.status(), 500);
    let told = answer.text().await?;
    let log = bench.sts.log();
    assert!(
        log.contains("told [redacted] of [redacted] today"),
        "the control: it is logged\n{log}"
    );
    for (what, text) in [("the log", &log), ("the answer", &told)] {
        assert!(!text.contains(&secret) && !text.contains(&token), "{what}: {text}");
    }
    Ok(())
}
