//! Entra beside another identity provider: neither's token gets to the other's target, whoever asks, and neither is
//! served what was remembered for the other.

use obolus_tests::fixtures::entra::Style;
use obolus_tests::fixtures::idp::{Idp, claims_of};
use obolus_tests::fixtures::sts::StsIssuer;
use obolus_tests::pki::Authority;

use crate::world::{World, granted, refused};

const RESOURCE: &str = "https://mcp.example.com/mcp";
/// Entra's target, and the other's.
const FAR: Style = Style::SecretPost;
const NEAR: &str = "kubernetes";

fn beside(idp: &Idp) -> StsIssuer {
    StsIssuer {
        clients: vec!["*".to_owned()],
        keys_refresh_seconds: 1,
        ..StsIssuer::oidc(idp.issuer(), vec![RESOURCE.to_owned()]).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_issuers_token_reaches_the_others_target() {
    let authority = Authority::new("two issuers").unwrap();
    let idp = Idp::start(&authority).await.unwrap();
    let world = World::start_trusting(&authority, &[], |options| {
        options.issuers.push(beside(&idp));
    })
    .await
    .unwrap();
    let entras = world.token("alice").await;
    let theirs = idp.mint(&idp.claims("alice", RESOURCE)).unwrap();
    // Twice, so that each is in memory when the other one asks.
    for _ in 0..2 {
        for (token, target, expected) in [
            (&entras, FAR.name(), granted()),
            (&theirs, NEAR, granted()),
            (&entras, NEAR, refused(403, "target_not_granted")),
            (&theirs, FAR.name(), refused(403, "target_not_granted")),
        ] {
            assert_eq!(world.exchange(token, target).await, expected, "{target}");
        }
    }
    assert_eq!((world.asked().len(), idp.exchanges()), (1, 1));
    let claims = world.claims(&entras, FAR.name()).await;
    assert_eq!(claims["iss"], world.entra.issuer());
    assert_eq!(world.claims(&theirs, NEAR).await["iss"], idp.issuer());

    // Neither one's key says anything in the other's name.
    let mut claims = claims_of(&entras).unwrap();
    claims["uti"] = "forged".into();
    let forged = idp.mint(&claims).unwrap();
    assert_eq!(world.exchange(&forged, FAR.name()).await, refused(401, "key_unknown"));
    let forged = world.entra.emulator.mint(&idp.claims("bob", RESOURCE)).unwrap();
    assert_eq!(world.exchange(&forged, NEAR).await, refused(401, "key_unknown"));
    assert_eq!((world.asked().len(), idp.exchanges()), (1, 1));
}

/// Whoever writes such a grant is told before anybody is served.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_across_issuers_is_no_configuration() {
    let authority = Authority::new("two issuers").unwrap();
    let idp = Idp::start(&authority).await.unwrap();
    let started = World::start_trusting(&authority, &[], |options| {
        options.issuers.push(beside(&idp));
        options.more = options.more.replacen("targets = [", "targets = [\"kubernetes\", ", 1);
    })
    .await;
    let error = format!("{:#}", started.err().unwrap());
    assert!(error.contains("knows no other issuer's tokens"), "{error}");
}
