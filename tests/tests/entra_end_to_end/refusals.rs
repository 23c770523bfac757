//! What Entra refuses, and what the person is told: sign in again, ask an administrator, or try later.
//!
//! Each row: alice is refused while bob is served; nothing of hers is forwarded; when it is over, she is served with the
//! same token.

use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::entra::{Body, Directory, Fault, Policy, Requirement, RetryAfter, Shape, What};
use obolus_tests::fixtures::entra::{CLUSTER, SERVER};
use obolus_tests::fixtures::idp::now;

use crate::doors::RECORDED;
use crate::troubles::{
    BLOCKED, CONSENT, DO_MORE, Expected, GIVE_ACCESS, LATER, OURS, SIGN_IN_AGAIN, kept_secret,
    refused,
};
use crate::world;

/// What troubles alice.
enum Trouble {
    /// A fault of the emulator.
    Fault(What),
    /// What an administrator of the tenant did; bob is not meant.
    Change(fn(&mut Directory)),
}

struct Row {
    name: &'static str,
    trouble: Trouble,
    /// The number behind AADSTS, in the log and nowhere else.
    code: Option<&'static str>,
    expected: Expected,
}

fn fault(name: &'static str, what: What, code: &'static str, expected: Expected) -> Row {
    let code = Some(code).filter(|code| !code.is_empty());
    Row { name, trouble: Trouble::Fault(what), code, expected }
}

fn change(
    name: &'static str,
    change: fn(&mut Directory),
    code: &'static str,
    expected: Expected,
) -> Row {
    Row { name, trouble: Trouble::Change(change), code: Some(code), expected }
}

fn policy(directory: &mut Directory, require: Requirement, shape: Shape) {
    directory.policies.push(Policy {
        name: "alice".to_owned(),
        id: "90110000-0000-4000-8000-00000000000a".to_owned(),
        users: Some(vec!["alice".to_owned()]),
        apps: Some(vec![CLUSTER.to_owned()]),
        require,
        shape,
    });
}

fn persons() -> Vec<Row> {
    let more = |code, shape| What::Mfa { code, shape };
    let over = |code| What::SessionsRevoked { code };
    let (grant, interaction) = (Shape::InvalidGrant, Shape::InteractionRequired);
    vec![
        fault("MFA, as logs have it", more(50076, grant), "50076", DO_MORE),
        fault("MFA, as documented", more(50076, interaction), "50076", DO_MORE),
        fault("MFA is to be set up", more(50079, grant), "50079", DO_MORE),
        fault("another provider's challenge", more(50158, interaction), "50158", DO_MORE),
        change(
            "an authentication context",
            |directory| {
                let context = Requirement::Context("c1".to_owned());
                policy(directory, context, Shape::InvalidGrant);
            },
            "50076",
            DO_MORE,
        ),
        change(
            "a block that a sign-in may lift",
            |directory| {
                policy(directory, Requirement::Block { claims: true }, Shape::InvalidGrant);
            },
            "53003",
            DO_MORE,
        ),
        change(
            "Conditional Access blocks",
            |directory| {
                policy(directory, Requirement::Block { claims: false }, Shape::InvalidGrant);
            },
            "53003",
            BLOCKED,
        ),
        change(
            "the device is not compliant",
            |directory| policy(directory, Requirement::Device(53000), Shape::InvalidGrant),
            "53000",
            BLOCKED,
        ),
        change(
            "bob alone has consented",
            |directory| {
                for consent in &mut directory.consents {
                    if consent.client == SERVER && consent.resource == CLUSTER {
                        consent.users = Some(vec!["bob".to_owned()]);
                    }
                }
            },
            "65001",
            CONSENT,
        ),
        fault("a fresh sign-in is wanted", over(50173), "50173", SIGN_IN_AGAIN),
        fault("sign-in frequency", over(70043), "70043", SIGN_IN_AGAIN),
        fault("the password has expired", over(50132), "50132", SIGN_IN_AGAIN),
        fault("the session is not valid", over(50133), "50133", SIGN_IN_AGAIN),
        change(
            "the account is disabled",
            |directory| directory.user_mut("alice").enabled = false,
            "50057",
            GIVE_ACCESS,
        ),
        change(
            "the account is gone",
            |directory| directory.users.retain(|user| user.name != "alice"),
            "50034",
            GIVE_ACCESS,
        ),
        change(
            "she is not assigned to the cluster",
            |directory| {
                directory.app_mut(CLUSTER).assignment_required = true;
                for assignment in &mut directory.assignments {
                    if assignment.app == CLUSTER {
                        assignment.users = vec!["bob".to_owned()];
                    }
                }
            },
            "50105",
            GIVE_ACCESS,
        ),
    ]
}

fn services() -> Vec<Row> {
    let throttled = |body, retry_after| What::Throttled { body, retry_after };
    // Everybody waits for so long, whoever was told: bob comes before that.
    let second = RetryAfter::Seconds(1);
    let refuse = |code| What::Refuse { code };
    vec![
        fault("throttled, in words", throttled(Body::Text, second), "", LATER),
        fault("throttled, in JSON", throttled(Body::Json, RetryAfter::Date(2)), "90055", LATER),
        fault("throttled, without a time", throttled(Body::Text, RetryAfter::Absent), "", LATER),
        fault("unavailable", What::Unavailable { retry_after: second }, "90033", LATER),
        fault("a busy service", refuse(90024), "90024", LATER),
        fault("the cluster's application is gone", refuse(500_011), "500011", OURS),
        fault("our application is disabled", refuse(7_000_112), "7000112", OURS),
        fault("a scope that is none", refuse(70011), "70011", OURS),
    ]
}

#[tokio::test]
async fn each_refusal_of_a_person_tells_who_must_do_what() {
    told(persons()).await;
}

#[tokio::test]
async fn each_refusal_of_the_service_is_for_later_or_for_the_operator() {
    told(services()).await;
}

async fn told(rows: Vec<Row>) {
    let world = world::turn().await;
    let emulator = &world.stack.entra().emulator;
    for Row { name, trouble, code, expected } in rows {
        println!("{name}");
        let (alice, bob) = (world.token("alice").await, world.token("bob").await);
        match trouble {
            Trouble::Fault(what) => emulator.faults().add(Fault::new(what).user("alice")),
            Trouble::Change(change) => emulator.change(change),
        }
        let later = expected.reason == LATER.reason;
        let (hers, his) = if later {
            let his = world.call(RECORDED, &bob).await;
            (world.call(RECORDED, &alice).await, his)
        } else {
            tokio::join!(world.call(RECORDED, &alice), world.call(RECORDED, &bob))
        };
        refused(&world, &hers, &expected);
        assert_eq!(his.status, 200, "{name}: {}", his.body);
        assert_eq!(world.recorder.take().len(), 1, "{name}: bob's alone");

        let mut lines = world.lines();
        lines.retain(|line| line["outcome"] == expected.reason);
        let line = lines.pop().unwrap();
        assert_eq!(line["subject"], world.stack.entra().object_id("alice"), "{line:#}");
        if let Some(code) = code {
            assert_eq!(line["upstream_codes"], code, "{line:#}");
            let description = line["upstream_description"].as_str().unwrap();
            assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
            assert!(line["upstream_correlation_id"].is_string(), "{line:#}");
            assert_eq!(line["upstream_correlation_id"], line["upstream_request_id"], "{line:#}");
        }
        kept_secret(&world, &alice);

        emulator.faults().clear();
        world.restore();
        if later {
            eventually(name, Duration::from_secs(10), || async {
                let again = world.call(RECORDED, &alice).await;
                ensure!(again.status == 200, "{}", again.body);
                Ok(())
            })
            .await
            .unwrap();
        } else {
            let again = world.call(RECORDED, &alice).await;
            assert_eq!(again.status, 200, "after {name}: {}", again.body);
        }
        assert_eq!(world.recorder.take().len(), 1, "after {name}");
    }
}

#[tokio::test]
async fn sessions_that_end_are_over_for_their_tokens_and_a_new_sign_in_is_served() {
    let world = world::turn().await;
    let (cold, warm) = (world.token("alice").await, world.token("alice").await);
    assert_eq!(world.call(RECORDED, &warm).await.status, 200);
    world.stack.entra().emulator.revoke_sessions("alice");
    refused(&world, &world.call(RECORDED, &cold).await, &SIGN_IN_AGAIN);
    // Not at once: what was exchanged is remembered for a while.
    assert_eq!(world.call(RECORDED, &warm).await.status, 200);
    assert_eq!(world.recorder.take().len(), 2);
    for person in ["alice", "bob"] {
        let token = world.token(person).await;
        assert_eq!(world.call(RECORDED, &token).await.status, 200, "{person}");
    }
    assert_eq!(world.recorder.take().len(), 2);
}

/// Entra says no more of an account that is gone than of a session that is over: a sign-in will tell, if the last one was
/// not just now.
#[tokio::test]
async fn whose_account_is_gone_is_told_so_after_another_sign_in() {
    let world = world::turn().await;
    let emulator = &world.stack.entra().emulator;
    // Of alice's sign-ins another story ends all that are older.
    let mut claims = emulator.claims("bob", "mcp-client", SERVER).unwrap();
    for name in ["iat", "nbf"] {
        claims[name] = (now() - 1800).into();
    }
    let (old, new) = (emulator.mint(&claims).unwrap(), world.token("bob").await);
    emulator.change(|directory| directory.user_mut("bob").enabled = false);
    refused(&world, &world.call(RECORDED, &old).await, &SIGN_IN_AGAIN);
    refused(&world, &world.call(RECORDED, &new).await, &GIVE_ACCESS);
    assert!(world.recorder.take().is_empty());
    world.restore();
    for token in [&old, &new] {
        assert_eq!(world.call(RECORDED, token).await.status, 200);
    }
    assert_eq!(world.recorder.take().len(), 2);
}

#[tokio::test]
async fn who_signs_in_as_the_challenge_wants_is_served_while_it_lasts() {
    let world = world::turn().await;
    let entra = world.stack.entra();
    entra.emulator.change(|directory| {
        policy(directory, Requirement::Mfa(50076), Shape::InteractionRequired);
    });
    refused(&world, &world.call(RECORDED, &world.token("alice").await).await, &DO_MORE);
    assert!(world.recorder.take().is_empty());
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let scope = entra.scope();
    let more =
        entra.emulator.user_token_with_claims("alice", "mcp-client", &scope, claims).await.unwrap();
    assert_eq!(world.call(RECORDED, &more).await.status, 200);
    assert_eq!(world.recorder.take().len(), 1);
}
