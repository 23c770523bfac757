//! Groups that a token leaves out: all of them by Graph in the person's own name, or a refusal; never none by accident.

use std::collections::BTreeSet;
use std::time::Duration;

use obolus_tests::deadline::eventually;
use obolus_tests::entra::{Body, Endpoint, Fault, RetryAfter, What};
use obolus_tests::fixtures::entra::{CLIENT, SERVER, Style};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::sts::CALLER;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::world::{CREDENTIAL, Outcome, World, granted, refused, target};

pub(crate) const TARGET: &str = "grouped";
const PATH: &str = "v1.0/me/transitiveMemberOf/microsoft.graph.group";

/// One target with groups, beside those without. No refusal is remembered.
pub(crate) async fn start() -> World {
    start_with("refusals_max_age_seconds = 0\n").await
}

async fn start_with(limits: &str) -> World {
    World::start_with(&[target(TARGET, "kubernetes")], |options| {
        let (_, after) = options.more.split_once("authority_host = \"").unwrap();
        let graph = after.split('"').next().unwrap().to_owned();
        options.more += &format!("\n[targets.groups]\ngraph = \"{graph}\"\n");
        options.more += &format!("\n[limits]\nidp_timeout_ms = 2500\n{limits}");
    })
    .await
    .unwrap()
}

/// A token of this person that says these things besides.
fn token(world: &World, person: &str, more: Value) -> String {
    let entra = &world.entra.emulator;
    let mut claims = entra.claims(person, CLIENT, SERVER).unwrap();
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    entra.mint(&claims).unwrap()
}

pub(crate) fn overage(world: &World, person: &str) -> String {
    token(world, person, json!({"_claim_names": {"groups": "src1"}}))
}

fn request(world: &World, token: &str, target: &str) -> RequestBuilder {
    request_with(world, token, target, None)
}

fn request_with(world: &World, token: &str, target: &str, scope: Option<&str>) -> RequestBuilder {
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", target),
        ("subject_token", token),
    ];
    form.extend(scope.map(|scope| ("scope", scope)));
    let request = world.http.post(format!("{}/groups", world.sts.url())).form(&form);
    request.basic_auth(CALLER, Some(CREDENTIAL))
}

async fn sent(request: RequestBuilder) -> (Outcome, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers().contains_key("retry-after"), status == 503);
    let body: Value = response.json().await.unwrap();
    let came = body["reason"].as_str().unwrap_or("granted").to_owned();
    assert_eq!(body.get("groups").is_some(), status == 200, "{body}");
    ((status, came), body)
}

pub(crate) async fn ask(world: &World, token: &str) -> (Outcome, Value) {
    sent(request(world, token, TARGET)).await
}

pub(crate) fn groups(body: &Value) -> BTreeSet<String> {
    let all = body["groups"].as_array().unwrap();
    all.iter().map(|group| group.as_str().unwrap().to_owned()).collect()
}

pub(crate) fn pages(world: &World) -> usize {
    world.entra.emulator.requests().to(Endpoint::Graph).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_groups_are_learned_page_by_page_once_and_by_our_own_url() {
    let world = start().await;
    let elsewhere = Recorder::start().await.unwrap();
    let faults = world.entra.emulator.faults();
    faults.add(Fault::new(What::SmallPages { size: 100 }).at(Endpoint::Graph));
    let sources = json!({"src1": {"endpoint": elsewhere.url()}});
    let more = json!({"_claim_names": {"groups": "src1"}, "_claim_sources": sources});
    let carol = token(&world, "carol", more);
    let asked: Vec<_> = futures_of(&world, &carol, 20)
        .await
        .into_iter()
        .map(|(came, body)| {
            assert_eq!(came, granted(), "{}", world.sts.log());
            groups(&body)
        })
        .collect();
    let all = &asked[0];
    assert_eq!(all.len(), 250);
    assert!(asked.iter().all(|groups| groups == all));
    assert_eq!((pages(&world), world.asked().len()), (3, 1), "20 asked");
    let seen = world.entra.emulator.requests().to(Endpoint::Graph);
    let names: Vec<_> = seen.iter().map(|request| request.user.as_deref()).collect();
    assert_eq!(names, [Some("carol"); 3], "in whose name Graph was asked");
    let (came, body) = ask(&world, &carol).await;
    assert_eq!((came, groups(&body)), (granted(), all.clone()));
    assert!((1..=300).contains(&body["expires_in"].as_u64().unwrap()), "{body}");
    assert_eq!((pages(&world), world.asked().len()), (3, 1), "remembered");
    assert!(elsewhere.requests().is_empty(), "the token said whom to call");
    // On one page the same, and for another token anew.
    faults.clear();
    let (came, body) = ask(&world, &token(&world, "carol", json!({"hasgroups": true}))).await;
    assert_eq!((came, groups(&body)), (granted(), all.clone()));
    assert_eq!(pages(&world), 4);
    assert!(!world.sts.log().contains("panicked"), "{}", world.sts.log());
}

/// So many requests at once.
async fn futures_of(world: &World, token: &str, count: usize) -> Vec<(Outcome, Value)> {
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..count {
        all.spawn(sent(request(world, token, TARGET)));
    }
    all.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_groups_in_the_token_has_those_and_nobody_is_asked() {
    let world = start().await;
    let own = "90000000-0000-4000-8000-00000000000a";
    for (said, expected) in [(json!([own]), 1), (json!([]), 0)] {
        let alice = token(&world, "alice", json!({"groups": said}));
        let (came, body) = ask(&world, &alice).await;
        assert_eq!((came, groups(&body).len()), (granted(), expected));
        assert_eq!(world.exchange(&alice, TARGET).await, granted());
    }
    assert_eq!(pages(&world), 0);
    // A token that says nothing of groups is no word of none.
    let (came, body) = ask(&world, &world.token("alice").await).await;
    let ids = ["developers", "staff"]
        .map(|name| world.entra.emulator.directory().group(name).unwrap().id.clone());
    assert_eq!((came, pages(&world)), (granted(), 1));
    assert_eq!(groups(&body), BTreeSet::from(ids), "her own, and the one that it is in");
    // Some of them are not all.
    let some = json!({"groups": [own], "_claim_names": {"groups": "src1"}});
    let (came, body) = ask(&world, &token(&world, "carol", some)).await;
    assert_eq!(came, granted());
    assert!(groups(&body).len() > 200 && !groups(&body).contains(own), "{body}");

    let carol = overage(&world, "carol");
    let without = Style::SecretPost.name();
    let before = (pages(&world), world.asked().len());
    let with_scope = request_with(&world, &carol, TARGET, Some("x"));
    for (what, asked, expected) in [
        ("no setting", request(&world, &carol, without), refused(400, "target_unknown")),
        ("no such target", request(&world, &carol, "other"), refused(400, "target_unknown")),
        ("a scope", with_scope, refused(400, "scope_unknown")),
        (
            "no caller",
            request(&world, &carol, TARGET).basic_auth(CALLER, Some("wrong-credential-0123")),
            refused(401, "caller_unauthenticated"),
        ),
        (
            "another client's token",
            request(&world, &token(&world, "carol", json!({"azp": "x"})), TARGET),
            refused(403, "target_not_granted"),
        ),
        (
            "a forged token",
            request(&world, &format!("{carol}AAAA"), TARGET),
            refused(401, "signature_invalid"),
        ),
    ] {
        assert_eq!(sent(asked).await.0, expected, "{what}");
    }
    assert_eq!((pages(&world), world.asked().len()), before, "Entra was asked for what we refuse");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_graph_does_not_tell_is_refused_and_never_taken_for_none() {
    let world = start().await;
    let elsewhere = Recorder::start().await.unwrap();
    let faults = world.entra.emulator.faults();
    let host = world.entra.emulator.authority_host();
    let later = || refused(503, "idp_unavailable");
    let member = |name: &str, value: Value| What::Member { name: name.to_owned(), value };
    let next = |link: String| member("@odata.nextLink", json!(link));
    for what in [
        What::Html { status: 500 },
        What::Html { status: 403 },
        What::Html { status: 200 },
        What::Hang,
        What::Reset,
        What::Truncated,
        What::Slow { milliseconds: 100 },
        What::Huge { bytes: 1024 * 1024 },
        What::Redirect { location: elsewhere.url() },
        member("value", Value::Null),
        member("value", json!({})),
        member("value", json!([{"id": "developers"}])),
        member("value", json!([{}])),
        next(format!("{}/{PATH}", elsewhere.url())),
        next(format!("https://localhost:1/{PATH}")),
        next(format!("{host}/v1.0/me/memberOf")),
        next(format!("{host}/{PATH}?$top=999")),
        member("@odata.nextLink", json!(1)),
    ] {
        let told = format!("{what:?}");
        let carol = overage(&world, "carol");
        faults.add(Fault::new(what).at(Endpoint::Graph));
        let (came, _) = ask(&world, &carol).await;
        assert_eq!(came, later(), "{told}\n{}", world.sts.log());
        // Nobody else is hindered, and tokens are exchanged as ever.
        assert_eq!(world.exchange(&carol, TARGET).await, granted(), "{told}");
        faults.clear();
        let (came, body) = ask(&world, &carol).await;
        assert_eq!(came, granted(), "after {told}");
        assert!(groups(&body).len() > 200, "after {told}");
    }
    assert!(elsewhere.requests().is_empty(), "a link or a redirect was followed");

    // Refused by Graph, and by Entra before it.
    let scopes = What::Claims(json!({"scp": "openid"}));
    for (fault, expected) in [
        (Fault::new(scopes).client(SERVER), refused(403, "consent_required")),
        (Fault::new(What::Refuse { code: 65001 }), refused(403, "consent_required")),
        (
            Fault::new(What::OtherUser("bob".to_owned())),
            refused(502, "exchanged_identity_mismatch"),
        ),
    ] {
        let told = format!("{fault:?}");
        let carol = overage(&world, "carol");
        faults.add(fault);
        assert_eq!(ask(&world, &carol).await.0, expected, "{told}\n{}", world.sts.log());
        faults.clear();
        assert_eq!(ask(&world, &carol).await.0, granted(), "after {told}");
    }
    // None is an answer where Graph gives it.
    faults.add(Fault::new(member("value", json!([]))).at(Endpoint::Graph));
    let (came, body) = ask(&world, &overage(&world, "carol")).await;
    assert_eq!((came, groups(&body).len()), (granted(), 0));
    assert!(!world.sts.log().contains("panicked"), "{}", world.sts.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_that_asks_for_patience_is_given_it_and_nobody_asks_entra_meanwhile() {
    let world = start().await;
    let faults = world.entra.emulator.faults();
    let retry_after = RetryAfter::Seconds(10);
    faults.add(
        Fault::new(What::Throttled { body: Body::Text, retry_after }).at(Endpoint::Graph).times(1),
    );
    let sent = async |person: &str| {
        let response = request(&world, &overage(&world, person), TARGET).send().await.unwrap();
        let after: Option<u64> = response
            .headers()
            .get("retry-after")
            .map(|after| after.to_str().unwrap().parse().unwrap());
        (response.status().as_u16(), after)
    };
    assert_eq!(sent("carol").await, (503, Some(10)));
    // Whoever else comes meanwhile.
    let (status, after) = sent("alice").await;
    assert!(
        status == 503 && after.is_some_and(|after| (1..=10).contains(&after)),
        "{status} {after:?}"
    );
    assert_eq!((pages(&world), world.asked().len()), (1, 1), "somebody asked all the same");
    assert_eq!(world.exchange(&world.token("alice").await, TARGET).await, granted());
    let done = eventually("Graph is asked again", Duration::from_secs(60), async || {
        let (status, _) = sent("carol").await;
        anyhow::ensure!(status == 200, "{status}");
        Ok(())
    });
    done.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_remembered_for_that_token_and_not_for_another() {
    let world = start_with("").await;
    let faults = world.entra.emulator.faults();
    faults.add(Fault::new(What::Claims(json!({"scp": "openid"}))).client(SERVER));
    let carol = overage(&world, "carol");
    for _ in 0..3 {
        assert_eq!(ask(&world, &carol).await.0, refused(403, "consent_required"));
    }
    assert_eq!((pages(&world), world.asked().len()), (1, 1));
    faults.clear();
    assert_eq!(ask(&world, &carol).await.0, refused(403, "consent_required"), "remembered");
    let (came, body) = ask(&world, &overage(&world, "carol")).await;
    assert_eq!(came, granted());
    assert!(groups(&body).len() > 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_that_is_down_is_asked_by_probes_and_tokens_are_exchanged_as_ever() {
    let world = start().await;
    let faults = world.entra.emulator.faults();
    faults.add(Fault::new(What::Reset).at(Endpoint::Graph));
    let people = ["alice", "bob", "carol"];
    // Until it is given up; one person's silence alone does not do that.
    let given_up = eventually("Graph is given up", Duration::from_secs(60), async || {
        for person in people {
            assert_eq!(
                ask(&world, &overage(&world, person)).await.0,
                refused(503, "idp_unavailable")
            );
        }
        let metrics = world.sts.metrics().await?;
        let open = metrics.lines().any(|line| {
            line.starts_with("obolus_sts_circuit_openings_total")
                && line.contains("service=\"graph\"")
        });
        anyhow::ensure!(open, "{metrics}");
        Ok(())
    });
    given_up.await.unwrap();
    for person in people {
        assert_eq!(world.exchange(&world.token(person).await, TARGET).await, granted());
    }
    faults.clear();
    let back = eventually("Graph is back", Duration::from_secs(60), async || {
        let (came, body) = ask(&world, &overage(&world, "carol")).await;
        anyhow::ensure!(came == granted(), "{came:?}");
        assert!(groups(&body).len() > 200);
        Ok(())
    });
    back.await.unwrap();
}
