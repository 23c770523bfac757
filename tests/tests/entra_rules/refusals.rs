//! Rules 22 and 23: how a refusal looks, and faults that are no refusals.

use std::time::{Duration, Instant};

use obolus_tests::entra::directory::Descriptions;
use obolus_tests::entra::{Body, Fault, RetryAfter, What};
use reqwest::Method;

use crate::answer::{Refusal, bad_client, bad_grant, bad_request, is_guid, refusal};
use crate::form::Form;
use crate::table::Rule;
use crate::world::World;

const CORRELATION: &str = "6b1f0000-0000-4000-8000-00000000c0de";

#[tokio::test]
async fn rule_22_a_refusal_has_the_services_form_and_answers_to_the_clients_request_id() {
    let world = World::shared();
    let mut rule = Rule::new(22, "a refusal has the service's form, and the client's request id");
    let form = world.alice().await;
    let wrong = form.with("client_secret", "wrong").correlated(CORRELATION);
    let answer = world.post(&wrong).await;
    // Rule::refused looks at every part of the form, whatever the refusal is.
    rule.refused("with a request id", &answer, bad_client(7000215));
    assert_eq!(answer.json()["correlation_id"], CORRELATION);
    assert!(answer.description().contains("\r\nTrace ID: "), "{}", answer.text);
    assert_eq!(answer.header("client-request-id"), CORRELATION, "it was asked to return it");
    let unasked = world.post(&form.with("client_secret", "wrong")).await;
    assert_eq!(unasked.header("client-request-id"), "");
    let again = world.post(&wrong).await;
    assert_ne!(again.json()["trace_id"], answer.json()["trace_id"], "each has its own");
    assert_eq!(again.json()["correlation_id"], CORRELATION);
    for id in ["not-a-guid", "6b1f", "", "<script>", "6b1f0000000040008000000000000c0de"] {
        let answer = world.post(&wrong.correlated(id)).await;
        rule.refused(&format!("with the request id {id:?}"), &answer, bad_client(7000215));
        let given = answer.json()["correlation_id"].as_str().unwrap().to_owned();
        assert!(is_guid(&given) && given != CORRELATION && given != id, "{given}");
    }
    let spaced =
        World::with(|directory| directory.settings.descriptions = Descriptions::Spaces).await;
    let other = spaced.post(&spaced.alice().await.with("client_secret", "wrong")).await;
    rule.refused("on one line", &other, bad_client(7000215));
    assert!(!other.description().contains(['\r', '\n']), "{}", other.text);

    // 401 is for the client's credentials and for nothing else.
    for (what, form, refusal) in [
        ("no credential", form.anonymous(), bad_client(7000218)),
        (
            "an unknown client",
            form.with("client_id", "x"),
            refusal(400, "unauthorized_client", 700016),
        ),
        ("a broken assertion", form.with("assertion", "x"), bad_request(50027)),
        ("no consent", form.with("scope", "api://unconsented/.default"), {
            bad_grant(65001).suberror("consent_required")
        }),
    ] {
        rule.refused(what, &world.post(&form).await, refusal);
    }
    // Text of the request is data wherever it comes back.
    let odd = form.with("scope", "api://\"},{\"error\":\"x\r\n/.default");
    let answer = world.post(&odd).await;
    rule.refused_when("quotes in the scope", answer.status == 400 && answer.json().is_object());

    let granted = world.post(&form.correlated(CORRELATION)).await;
    rule.allowed("with a request id", &granted);
    assert!(is_guid(granted.header("x-ms-request-id")), "{:?}", granted.headers);
    rule.done();
}

#[tokio::test]
async fn rule_23_the_service_can_be_throttled_broken_slow_and_away() {
    let world = World::start().await;
    let mut rule = Rule::new(23, "the service can be throttled, broken, slow and away");
    let form = world.alice().await;
    let faults = world.emulator.faults();
    let seconds = RetryAfter::Seconds(60);

    faults.everybody(What::Throttled { body: Body::Text, retry_after: seconds });
    let answer = world.post(&form).await;
    let plain = answer.header("content-type").starts_with("text/plain");
    let held = answer.status == 429 && answer.text == "Too Many Requests" && plain;
    rule.refused_when("429 in plain text", held && answer.header("retry-after") == "60");
    faults.clear();
    faults.everybody(What::Throttled { body: Body::Json, retry_after: RetryAfter::Date(60) });
    let answer = world.post(&form).await;
    answer.assert_refused("429 in JSON", refusal(429, "temporarily_unavailable", 90055));
    let date = answer.header("retry-after").to_owned();
    rule.refused_when("429 with a date", date.ends_with(" GMT") && date.len() == 29);
    faults.clear();
    faults.everybody(What::Unavailable { retry_after: RetryAfter::Absent });
    let answer = world.post(&form).await;
    rule.refused("503", &answer, refusal(503, "temporarily_unavailable", 90033));
    assert_eq!(answer.header("retry-after"), "");
    faults.clear();
    for status in [500, 502, 503] {
        faults.everybody(What::Html { status });
        let answer = world.post(&form).await;
        let html = answer.header("content-type").starts_with("text/html");
        let held = answer.status == status && html && answer.text.contains("<html");
        rule.refused_when(&format!("{status} in HTML"), held);
        faults.clear();
    }
    for (name, what) in [("reset", What::Reset), ("truncated", What::Truncated)] {
        faults.add(Fault::new(what).times(1));
        let broken = world.attempt(&form, Duration::from_secs(10)).await;
        let answer = match broken {
            Ok(answer) => answer.text().await.is_err(),
            Err(error) => !error.is_timeout(),
        };
        rule.refused_when(name, answer);
    }
    faults.add(Fault::new(What::Hang).times(1));
    let since = Instant::now();
    let hung = world.attempt(&form, Duration::from_millis(300)).await;
    rule.refused_when("hang", hung.is_err_and(|error| error.is_timeout()));
    assert!(since.elapsed() >= Duration::from_millis(300));
    let elsewhere = "https://localhost:1/".to_owned();
    faults.add(Fault::new(What::Redirect { location: elsewhere.clone() }).times(1));
    let answer = world.post(&form).await;
    let held = answer.status == 307 && answer.header("location") == elsewhere;
    rule.refused_when("redirected", held);

    // For one person, or one client, and only so often.
    faults.add(Fault::new(What::Unavailable { retry_after: seconds }).user("bob"));
    rule.allowed("when it is for another person", &world.post(&form).await);
    faults.clear();
    faults.add(Fault::new(What::Unavailable { retry_after: seconds }).client("listed"));
    rule.allowed("when it is for another client", &world.post(&form).await);
    faults.clear();
    faults.add(Fault::new(What::Unavailable { retry_after: seconds }).times(1));
    let unavailable = refusal(503, "temporarily_unavailable", 90033);
    rule.refused("once", &world.post(&form).await, unavailable);
    rule.allowed("the next time", &world.post(&form).await);
    looping(&mut rule).await;
    rule.done();
}

/// 50196: a client that repeats the same failing request.
async fn looping(rule: &mut Rule) {
    let world = World::with(|directory| directory.settings.loop_limit = Some(3)).await;
    let form = world.alice().await;
    let failing = form.with("scope", "api://unconsented/.default");
    let no_consent: Refusal = bad_grant(65001).suberror("consent_required");
    let send = async |form: &Form| world.post(form).await;
    for _ in 0..3 {
        send(&failing).await.assert_refused("below the limit", no_consent);
    }
    rule.refused("the fourth identical failure", &send(&failing).await, bad_grant(50196));
    rule.allowed("another request meanwhile", &send(&form).await);
    let bob = world.obo(&world.token("bob").await).with("scope", "api://unconsented/.default");
    rule.refused("another person's is counted apart", &send(&bob).await, no_consent);
    for _ in 0..5 {
        send(&form).await.assert_granted("a success is no loop");
    }
    rule.allowed("the sixth identical success", &send(&form).await);
    // A request for something else by the same path is not one of them.
    let answer = world.send(Method::GET, &world.token_path(), &form).await;
    answer.assert_refused("GET", refusal(405, "invalid_request", 900561));
}

#[tokio::test]
async fn of_two_faults_the_earlier_one_is_told() {
    let world = World::shared();
    let form = world.alice().await;
    // transport → tenant → form → grant → client → its credential → assertion → resource → person and policy
    type Break = fn(&Form) -> Form;
    let faults: [(&str, Break, Refusal); 9] = [
        ("a parameter twice", |form| form.and("x", "1").and("x", "1"), bad_request(9002313)),
        (
            "an unknown grant",
            |form| form.with("grant_type", "x"),
            refusal(400, "unsupported_grant_type", 70003),
        ),
        ("no token use", |form| form.without("requested_token_use"), bad_request(900144)),
        (
            "an unknown client",
            |form| form.with("client_id", "x"),
            refusal(400, "unauthorized_client", 700016),
        ),
        ("a wrong secret", |form| form.with("client_secret", "wrong"), bad_client(7000215)),
        ("a malformed assertion", |form| form.with("assertion", "x"), bad_request(50027)),
        (
            "an unknown resource",
            |form| form.with("scope", "api://nobody/.default"),
            refusal(400, "invalid_resource", 500011),
        ),
        ("claims that are none", |form| form.and("claims", "x"), bad_request(9002313)),
        ("no consent", |form| form.with("scope", "api://unconsented/.default"), {
            bad_grant(65001).suberror("consent_required")
        }),
    ];
    for (place, (earlier, break_earlier, refusal)) in faults.iter().enumerate() {
        for (later, break_later, _) in &faults[place + 1..] {
            // The later one first: an earlier one that changes the same parameter stands.
            let both = break_earlier(&break_later(&form));
            let answer = world.post(&both).await;
            answer.assert_refused(&format!("{earlier}, and {later}"), *refusal);
        }
    }
    let elsewhere = world.post_at("unknown.example", &form.with("client_secret", "wrong")).await;
    elsewhere.assert_refused("an unknown tenant, and a wrong secret", bad_request(90002));
}
