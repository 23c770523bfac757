//! A client replays a claims challenge: from the header of the answer, through a sign-in, to an answer.

use anyhow::{Context as _, Result};
use obolus_tests::entra::{Policy, Requirement, Shape};
use obolus_tests::fixtures::entra::{CLIENT, CLUSTER};
use serde_json::{Value, json};

use crate::doors::ENTRA;
use crate::told::{CLAIMS, claims_of_challenge, problem};
use crate::world;

#[tokio::test]
async fn whoever_signs_in_with_the_claims_of_the_challenge_is_served() -> Result<()> {
    let world = world::turn().await;
    let entra = &world.providers.entra;
    for (name, require, shape) in [
        ("a second factor", Requirement::Mfa(50076), Shape::InteractionRequired),
        ("a context", Requirement::Context("c1".to_owned()), Shape::InvalidGrant),
        ("a block that can be lifted", Requirement::Block { claims: true }, Shape::InvalidGrant),
    ] {
        let context = matches!(require, Requirement::Context(_));
        let (before, bob) = (entra.token("alice").await?, entra.token("bob").await?);
        entra.emulator.change(|directory| {
            directory.policies.push(Policy {
                name: name.to_owned(),
                id: "90110000-0000-4000-8000-00000000000a".to_owned(),
                users: Some(vec!["alice".to_owned()]),
                apps: Some(vec![CLUSTER.to_owned()]),
                require,
                shape,
            });
        });
        let refused = world.call(ENTRA, &before).await?;
        assert_eq!(problem(&refused, CLAIMS), None, "{name}");
        let challenge = refused.headers["www-authenticate"].to_str()?;
        assert_eq!(challenge.contains(r#", acr_values="c1""#), context, "{name}: {challenge}");

        // What a client has is the challenge, and nothing else.
        let claims = claims_of_challenge(&refused).context("claims")?.to_string();
        let plain = entra.token("alice").await?;
        let again = world.call(ENTRA, &plain).await?;
        assert_eq!(problem(&again, CLAIMS), None, "{name}: a sign-in without them");
        let scope = entra.scope();
        let emulator = &entra.emulator;
        let with = emulator.user_token_with_claims("alice", CLIENT, &scope, &claims).await?;
        let served = world.call(ENTRA, &with).await?;
        assert_eq!(served.status, 200, "{name}: {}", served.body);
        // The token that was refused is refused still, and others were never meant.
        let old = world.call(ENTRA, &before).await?;
        assert_eq!(problem(&old, CLAIMS), None, "{name}: the old token");
        assert_eq!(world.call(ENTRA, &bob).await?.status, 200, "{name}: bob");
        assert_eq!(world.recorder.take().len(), 2, "{name}: alice's second, and bob's");
        world.restore();
    }
    Ok(())
}

/// What a policy is called is between Entra and the person who signs in.
#[tokio::test]
async fn the_claims_are_in_no_log() -> Result<()> {
    let world = world::turn().await;
    let entra = &world.providers.entra;
    let token = entra.token("alice").await?;
    let id = "90110000-5ec2-4e70-8000-0000000000aa";
    entra.emulator.change(|directory| {
        directory.policies.push(Policy {
            name: "secret".to_owned(),
            id: id.to_owned(),
            users: Some(vec!["alice".to_owned()]),
            apps: None,
            require: Requirement::Block { claims: true },
            shape: Shape::InvalidGrant,
        });
    });
    let refused = world.call(ENTRA, &token).await?;
    assert_eq!(problem(&refused, CLAIMS), None);
    let told = claims_of_challenge(&refused).context("claims")?;
    assert_eq!(told["access_token"]["capolids"]["values"], json!([id]));
    let is_it = |record: &Value| record["reason"] == "claims_required";
    let audit = world.gateway.audited("the refusal", |records| records.iter().any(is_it)).await?;
    assert_eq!(audit.into_iter().find(is_it).context("a record")?["status"], 401);
    for (name, log) in [("the STS's", world.sts.log()), ("Envoy's", world.gateway.envoy.log())] {
        assert!(log.contains("claims_required"), "the control: {name} log speaks of it");
        assert!(!log.contains(id) && !log.contains("capolids"), "{name} log");
    }
    Ok(())
}
