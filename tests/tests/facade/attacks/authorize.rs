//! The authorization endpoint: nobody is sent to a place that is not vetted, and no request that is wrong reaches Entra ID.

use obolus_tests::entra::Endpoint;
use obolus_tests::fixtures::entra::CLIENT;
use reqwest::Response;

use super::authorize_rows::{parameters, redirects};
use super::{Row, Told, attacked, print};
use crate::world::{Pairs, REDIRECT, STATE, World, encoded, location, parameter, with};

#[tokio::test]
async fn nobody_is_sent_to_a_place_that_is_not_vetted() {
    let world = World::start().await.unwrap();
    let rows = redirects();
    assert!(rows.len() >= 60, "{}", rows.len());
    for row in &rows {
        judge(&world, row).await;
    }
    print("authorize", &rows);
}

#[tokio::test]
async fn parameters_that_are_wrong_stop_at_the_facade() {
    let world = World::start().await.unwrap();
    let rows = parameters(&world.entra.id_of(CLIENT), &world.entra.scope());
    assert!(rows.len() >= 40, "{}", rows.len());
    for row in &rows {
        judge(&world, row).await;
    }
    print("authorize", &rows);
    // Not one of them came through.
    assert!(world.entra.emulator.requests().to(Endpoint::Authorize).is_empty());
}

/// The form that is taken is sent on to Entra ID, and the attack is not.
async fn judge(world: &World, row: &Row) {
    let about = row.about;
    let mut taken = world.authorization();
    if !row.taken.is_empty() {
        taken = with(taken, row.parameter, &row.taken);
    }
    let answer = world.authorize(&encoded(&taken)).await;
    assert_eq!(answer.status(), 302, "{about}: the control");
    let onward = location(&answer).unwrap();
    let entra = world.entra.emulator.authorization_endpoint("contoso");
    assert!(onward.starts_with(&format!("{entra}?")), "{about}: {onward}");

    let answer = world.authorize(&attacked(&taken, row)).await;
    match row.told {
        Told::Here(label) => shown_on_a_page(about, label, answer).await,
        Told::ToTheClient(error) => told_to_the_client(about, error, &taken, &answer),
    }
}

async fn shown_on_a_page(about: &str, label: &str, answer: Response) {
    assert_eq!(answer.status(), 400, "{about}");
    assert_eq!(location(&answer), None, "{about}");
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-type").starts_with("text/html"), "{about}");
    assert!(header("content-security-policy").starts_with("default-src 'none'"), "{about}");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cache-control"), "no-store");
    assert!(answer.headers().get("set-cookie").is_none());
    let page = answer.text().await.unwrap();
    assert!(page.contains(&format!("({label})")), "{about}: {page}");
    for foreign in ["evil", "javascript", "alert", "<a", "href"] {
        assert!(!page.contains(foreign), "{about}: {foreign} is on the page");
    }
}

fn told_to_the_client(about: &str, error: &str, taken: &Pairs, answer: &Response) {
    assert_eq!(answer.status(), 302, "{about}");
    let back = location(answer).unwrap();
    assert!(back.starts_with(&format!("{REDIRECT}?")), "{about}: {back}");
    assert_eq!(parameter(&back, "error").as_deref(), Some(error), "{about}");
    let state = taken.iter().find(|(name, _)| name == "state").map(|(_, value)| value.as_str());
    assert_eq!(parameter(&back, "state").as_deref(), state.or(Some(STATE)), "{about}");
    for absent in ["iss", "code"] {
        assert_eq!(parameter(&back, absent), None, "{about}");
    }
}
