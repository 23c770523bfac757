//! An Entra ID that is down, hangs, throttles, answers what is no answer, or refuses.

use std::time::Duration;

use obolus_tests::deadline::eventually;
use obolus_tests::entra::{Body, Endpoint, Fault, RetryAfter, Shape, What};
use obolus_tests::https;
use reqwest::Response;
use serde_json::{Value, json};

use crate::world::{World, encoded};

const SOON: Duration = Duration::from_secs(20);

fn seconds(answer: &Response) -> u64 {
    answer.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}

async fn readiness(world: &World) -> (u16, Value) {
    let url = format!("{}/readyz", world.facade.operations_url());
    let answer = https::plain_client().unwrap().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn metadata_url(world: &World) -> String {
    format!("{}/.well-known/oauth-authorization-server/oauth", world.facade.url())
}

#[tokio::test]
async fn before_entra_was_ever_there_everything_is_for_later_and_then_it_is_there() {
    let world = World::after(|_| {}, async |entra| entra.emulator.hang_up().await).await.unwrap();
    let (status, ready) = readiness(&world).await;
    assert_eq!((status, &ready["ready"]), (503, &json!(false)));
    for _ in 0..2 {
        let answer = world.http.get(metadata_url(&world)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), seconds(&answer)), (503, 5));
        let answer = world.authorize(&encoded(&world.authorization())).await;
        assert_eq!((answer.status().as_u16(), seconds(&answer)), (503, 5));
        assert!(answer.text().await.unwrap().contains("upstream_unknown"));
        let answer = world.token(&world.exchange("code")).await;
        assert_eq!((answer.status().as_u16(), seconds(&answer)), (503, 5));
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"], "temporarily_unavailable");
    }
    let (_, ready) = readiness(&world).await;
    assert!(ready["metadata"]["problem"].is_string(), "{ready}");
    let log = world.facade.log();
    assert!(log.contains("nobody can log in until it answers"), "{log}");
    assert!(!log.contains("what was known before stays in use"), "nothing was known: {log}");

    world.entra.emulator.listen_again().unwrap();
    world.facade.ready().await.unwrap();
    world.tokens(&world.exchange(&world.code().await)).await;
}

#[tokio::test]
async fn what_was_known_stays_in_use_while_entra_tells_nothing_new() {
    let world = World::start_with(|options| {
        options.more = "\n[limits]\nmetadata_refresh_seconds = 1\n".to_owned();
    })
    .await
    .unwrap();
    let before: Value =
        world.http.get(metadata_url(&world)).send().await.unwrap().json().await.unwrap();
    for what in [
        What::Html { status: 500 },
        What::Html { status: 200 },
        What::Huge { bytes: 1 << 20 },
        What::Redirect { location: "https://evil.example/".to_owned() },
        What::RefuseAs {
            code: 90002,
            status: Some(200),
            members: json!({"issuer": "https://evil.example"}),
        },
    ] {
        let told = format!("{what:?}");
        world.entra.emulator.faults().add(Fault::new(what).at(Endpoint::Discovery));
        let noticed = || async {
            let (status, ready) = readiness(&world).await;
            anyhow::ensure!(ready["metadata"]["problem"].is_string(), "no problem yet");
            Ok((status, ready))
        };
        let (status, ready) = eventually("a problem", SOON, noticed).await.unwrap();
        assert_eq!((status, &ready["ready"]), (200, &json!(true)), "{told}");
        let answer = world.http.get(metadata_url(&world)).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap(), before, "{told}");
        world.tokens(&world.exchange(&world.code().await)).await;
        world.entra.emulator.faults().clear();
        let well = || async {
            let (_, ready) = readiness(&world).await;
            anyhow::ensure!(ready["metadata"]["problem"].is_null(), "still {ready}");
            Ok(())
        };
        eventually("that it is well again", SOON, well).await.unwrap();
    }
    let log = world.facade.log();
    assert!(log.contains("what was known before stays in use"), "{log}");
    assert!(!log.contains("nobody can log in"), "{log}");
}

/// A document of Entra ID's with other members.
async fn with_metadata(members: Value) -> (Value, World) {
    let world = World::after(
        |_| {},
        async |entra| {
            let own = entra.issuer().trim_end_matches("/v2.0").to_owned();
            let mut document = json!({
                "issuer": entra.issuer(),
                "authorization_endpoint": format!("{own}/oauth2/v2.0/authorize"),
                "token_endpoint": format!("{own}/oauth2/v2.0/token"),
                "jwks_uri": format!("{own}/discovery/v2.0/keys"),
            });
            for (name, value) in members.as_object().unwrap() {
                document[name] = value.clone();
            }
            let what = What::RefuseAs { code: 90002, status: Some(200), members: document };
            entra.emulator.faults().add(Fault::new(what).at(Endpoint::Discovery));
            Ok(())
        },
    )
    .await
    .unwrap();
    let told = eventually("what it makes of the document", SOON, || async {
        let (_, ready) = readiness(&world).await;
        let is_told = ready["ready"] == true || ready["metadata"]["problem"].is_string();
        anyhow::ensure!(is_told, "nothing yet");
        Ok(ready)
    });
    (told.await.unwrap(), world)
}

#[tokio::test]
async fn metadata_that_clients_would_have_to_reject_are_not_dressed_up() {
    let (ready, world) = with_metadata(json!({})).await;
    assert_eq!(ready["ready"], true, "the control: {ready}");
    let host = world.entra.emulator.authority_host();
    drop(world);
    for (members, why) in [
        (json!({"authorization_response_iss_parameter_supported": true}), "RFC 9207"),
        (json!({"issuer": format!("{host}/{{tenantid}}/v2.0")}), "{tenantid}"),
        (
            json!({"issuer": "https://sts.windows.net/11111111-1111-4111-8111-111111111111/"}),
            "v1 endpoints",
        ),
        (json!({"issuer": "https://evil.example"}), "another issuer"),
        (
            json!({"authorization_endpoint": "https://evil.example/authorize"}),
            "authorization_endpoint",
        ),
        (json!({"token_endpoint": "https://evil.example/token"}), "token_endpoint"),
    ] {
        let (ready, world) = with_metadata(members).await;
        assert_eq!(ready["ready"], false, "{why}");
        let problem = ready["metadata"]["problem"].as_str().unwrap();
        assert!(problem.contains(why), "{problem}");
        assert!(world.facade.log().contains(why), "the log says it, too");
        let answer = world.authorize(&encoded(&world.authorization())).await;
        assert_eq!(answer.status(), 503);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_for_later_and_takes_no_code_along() {
    let world = World::start_with(|options| {
        options.more = "\n[limits]\nupstream_timeout_ms = 1000\n".to_owned();
    })
    .await
    .unwrap();
    let after = RetryAfter::Seconds(60);
    for (what, wait) in [
        (What::Throttled { body: Body::Text, retry_after: after }, 60),
        (What::Throttled { body: Body::Json, retry_after: RetryAfter::Absent }, 5),
        (What::Unavailable { retry_after: RetryAfter::Seconds(7) }, 7),
        (What::Html { status: 502 }, 5),
        (What::Html { status: 200 }, 5),
        (What::Html { status: 400 }, 5),
        (What::Hang, 5),
        (What::Reset, 5),
        (What::Redirect { location: "https://evil.example/token".to_owned() }, 5),
    ] {
        let about = format!("{what:?}");
        let form = world.exchange(&world.code().await);
        world.entra.emulator.faults().add(Fault::new(what));
        let answer = world.token(&form).await;
        assert_eq!((answer.status().as_u16(), seconds(&answer)), (503, wait), "{about}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"], "temporarily_unavailable", "{about}");
        world.entra.emulator.faults().clear();
        world.tokens(&form).await;
    }
    // Here the code is used up, and the answer is lost.
    for what in [What::Truncated, What::Huge { bytes: 1 << 20 }, What::Slow { milliseconds: 100 }] {
        let about = format!("{what:?}");
        let form = world.exchange(&world.code().await);
        world.entra.emulator.faults().add(Fault::new(what));
        let answer = world.token(&form).await;
        assert_eq!((answer.status().as_u16(), seconds(&answer)), (503, 5), "{about}");
        world.entra.emulator.faults().clear();
        let answer = world.token(&form).await;
        assert_eq!(answer.status(), 400, "{about}");
    }
}

#[tokio::test]
async fn a_refusal_of_entra_is_told_in_oauths_words_with_its_code() {
    let world = World::start().await.unwrap();
    let tokens = world.tokens(&world.exchange(&world.code().await)).await;
    let refresh = world.refresh(tokens["refresh_token"].as_str().unwrap());
    for (what, error, code) in [
        (What::Refuse { code: 70008 }, "invalid_grant", "AADSTS70008: "),
        (What::Refuse { code: 50173 }, "invalid_grant", "AADSTS50173: "),
        (What::Refuse { code: 65001 }, "invalid_grant", "AADSTS65001: "),
        (What::Refuse { code: 700_016 }, "unauthorized_client", "AADSTS700016: "),
        (What::Refuse { code: 7_000_218 }, "invalid_client", "AADSTS7000218: "),
        (What::Refuse { code: 70011 }, "invalid_scope", "AADSTS70011: "),
        (
            What::Mfa { code: 50076, shape: Shape::InteractionRequired },
            "invalid_grant",
            "AADSTS50076: ",
        ),
        (What::Mfa { code: 50076, shape: Shape::InvalidGrant }, "invalid_grant", "AADSTS50076: "),
        (What::Blocked { code: 53003, claims: false }, "invalid_grant", "AADSTS53003: "),
    ] {
        let about = format!("{what:?}");
        world.entra.emulator.faults().add(Fault::new(what));
        let answer = world.token(&refresh).await;
        assert_eq!(answer.status(), 400, "{about}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"], error, "{about}");
        let description = told["error_description"].as_str().unwrap();
        assert!(description.starts_with(code), "{description}");
        assert_eq!(told.as_object().unwrap().len(), 2, "{told}");
        for junk in ["Trace", "Correlation", "Timestamp", "\n"] {
            assert!(!description.contains(junk), "{description}");
        }
        world.entra.emulator.faults().clear();
        let line = world.facade.login_lines().pop().unwrap();
        assert_eq!(line["outcome"], "upstream_refused");
        let number: u32 = code[6..code.len() - 2].parse().unwrap();
        assert_eq!(line["aadsts"], number);
    }
    world.tokens(&refresh).await;
    // A code twice is Entra ID's to refuse.
    let form = world.exchange(&world.code().await);
    world.tokens(&form).await;
    let told: Value = world.token(&form).await.json().await.unwrap();
    assert_eq!(told["error"], "invalid_grant");
}
