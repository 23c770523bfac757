//! Answers that no Entra should give: refused, within bounds, and forgotten.

use obolus_tests::entra::{ExpiresIn, Fault, What};
use obolus_tests::fixtures::recorder::Recorder;
use serde_json::{Value, json};

use crate::doors::RECORDED;
use crate::troubles::{Expected, LATER, kept_secret, refused};
use crate::world;

const fn of_another(reason: &'static str, says: &'static str) -> Expected {
    Expected { status: 502, reason, says, challenge: None }
}

const MALFORMED: Expected = of_another("exchanged_malformed", "cannot be read");
const SOMEBODY_ELSE: Expected = of_another("exchanged_identity_mismatch", "for somebody else");
const ELSEWHERE: Expected = of_another("exchanged_audience_mismatch", "for another audience");
const OVER: Expected = of_another("exchanged_expired", "no life left");

#[tokio::test]
async fn what_is_no_answer_or_nobodys_token_goes_no_further() {
    let world = world::turn().await;
    let entra = world.stack.entra();
    let elsewhere = Recorder::start().await.unwrap();
    let member = |name: &str, value: Value| What::Member { name: name.to_owned(), value };
    let own = entra.id_of("mcp-server");
    for (what, expected) in [
        (What::Html { status: 500 }, LATER),
        (What::Html { status: 502 }, LATER),
        (What::Html { status: 503 }, LATER),
        (What::Html { status: 200 }, LATER),
        (What::Hang, LATER),
        (What::Reset, LATER),
        (What::Truncated, LATER),
        (What::Huge { bytes: 10 << 20 }, LATER),
        (What::Slow { milliseconds: 20 }, LATER),
        (What::Redirect { location: elsewhere.url() }, LATER),
        (What::ExpiresIn(ExpiresIn::Missing), MALFORMED),
        (What::ExpiresIn(ExpiresIn::Negative), MALFORMED),
        (What::ExpiresIn(ExpiresIn::Text), MALFORMED),
        (What::ExpiresIn(ExpiresIn::Enormous), MALFORMED),
        (member("expires_in", json!(0)), OVER),
        (member("token_type", json!("pop")), MALFORMED),
        (member("access_token", Value::Null), MALFORMED),
        (member("access_token", json!("not.a.token")), MALFORMED),
        (What::Expired, OVER),
        (What::OtherUser("bob".to_owned()), SOMEBODY_ELSE),
        (What::OtherTenant("fabrikam".to_owned()), SOMEBODY_ELSE),
        (What::Claims(json!({"scp": null, "idtyp": "app"})), SOMEBODY_ELSE),
        (What::OtherAudience(own), ELSEWHERE),
    ] {
        let (name, is_reset) = (format!("{what:?}"), matches!(what, What::Reset));
        println!("{name}");
        let (alice, bob) = (world.token("alice").await, world.token("bob").await);
        entra.emulator.faults().add(Fault::new(what).user("alice"));
        let (call_hers, call_his) = (world.call(RECORDED, &alice), world.call(RECORDED, &bob));
        let (hers, his) = if is_reset {
            // Exchanges share a connection: what is under way on it is lost with it.
            (call_hers.await, call_his.await)
        } else {
            tokio::join!(call_hers, call_his)
        };
        refused(&world, &hers, &expected);
        assert_eq!(his.status, 200, "{name}: {}", his.body);
        assert_eq!(world.recorder.take().len(), 1, "{name}: bob's alone");
        kept_secret(&world, &alice);

        entra.emulator.faults().clear();
        let again = world.call(RECORDED, &alice).await;
        assert_eq!(again.status, 200, "after {name}: {}", again.body);
        assert_eq!(world.recorder.take().len(), 1, "after {name}");
    }
    assert!(elsewhere.requests().is_empty(), "nobody follows a redirect with an assertion");
}

/// A token whose signature is good nowhere: whoever believes a bearer token verifies it.
#[tokio::test]
async fn a_token_that_entra_did_not_sign_gets_to_the_api_server_and_no_further() {
    let world = world::turn().await;
    let alice = world.token("alice").await;
    let door = "secret-post";
    let fault = Fault::new(What::ForeignKey).user("alice");
    world.stack.entra().emulator.faults().add(fault);
    let hers = world.call(door, &alice).await;
    assert!(hers.body["result"]["structuredContent"].is_null(), "{}", hers.body);
    let his = world.call(door, &world.token("bob").await).await;
    assert_eq!(his.person().0, world.stack.entra().username("bob"));
    world.stack.entra().emulator.faults().clear();
    let again = world.call(door, &world.token("alice").await).await;
    assert_eq!(again.person().0, world.stack.entra().username("alice"));
}

#[tokio::test]
async fn a_refresh_token_that_nobody_asked_for_is_dropped() {
    let world = world::turn().await;
    let alice = world.token("alice").await;
    let fault = Fault::new(What::UnaskedRefreshToken).user("alice");
    world.stack.entra().emulator.faults().add(fault);
    let answer = world.call(RECORDED, &alice).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let asked = world.asked().pop().unwrap();
    assert_eq!(asked.scope.as_deref().map(|scope| scope.contains("offline_access")), Some(false));
    assert!(!world.stack.sts.log().contains("refresh_token"));
    assert!(!answer.everything().contains("refresh_token"));
}
