//! What a resource says of itself: to everybody, at its own host, from the configuration alone.

use obolus_envoy::{PathMatch, Route};
use obolus_tests::fixtures::gateway::OTHER;
use obolus_tests::fixtures::workbench::Plan;

use crate::golden::Golden;
use crate::story::Story;
use crate::wire::{Framing, Request};

const ROOT: &str = "/.well-known/oauth-protected-resource";
const FULL: &str = "/.well-known/oauth-protected-resource/mcp";

/// A gateway on which another application has all of another host.
async fn begin() -> Story {
    let mut plan = Plan::new().await.unwrap();
    plan.gateway.shape = Box::new(|bootstrap| {
        bootstrap.routes.push(Route {
            name: "elsewhere".to_owned(),
            hosts: vec!["elsewhere.example".to_owned()],
            path: PathMatch::Prefix("/".to_owned()),
            cluster: OTHER.to_owned(),
        });
    });
    Story::with(plan).await
}

fn get(story: &Story, target: &str) -> Request {
    Request::new("GET", &story.bench.gateway, target)
}

#[tokio::test]
async fn metadata_are_open_to_all_and_say_what_is_configured() {
    let mut story = begin().await;
    // Nothing is warm, and no token needed.
    let issuer = story.bench.idp.issuer();
    let resource = story.bench.gateway.resource();
    let answer = story.send(&get(&story, FULL), Framing::Length).await;
    assert_eq!(answer.json()["resource"], resource);
    assert_eq!(answer.json()["authorization_servers"], serde_json::json!([issuer]));

    let authority = story.bench.gateway.place.authority();
    let mut golden = Golden::new("metadata.txt", &story.bench.gateway);
    golden.redact(&issuer, "https://ISSUER");
    let lies = |request: Request| {
        request.headers([
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-port", "1"),
            ("forwarded", "host=evil.example"),
        ])
    };
    for target in [ROOT, FULL] {
        for framing in [Framing::Length, Framing::Frames] {
            for (case, request) in [
                ("plain", get(&story, target)),
                ("with a query", get(&story, &format!("{target}?x=1&access_token=x"))),
                ("with an empty query", get(&story, &format!("{target}?"))),
                ("with a bad token", get(&story, target).bearer("x")),
                ("with a good token", get(&story, target).bearer(story.good_token())),
                ("of any page", get(&story, target).header("origin", "https://evil.example")),
                ("with lies about the host", lies(get(&story, target))),
                ("for a host in capitals", get(&story, target).authority(authority.to_uppercase())),
            ] {
                let case = format!("{target}, {case}");
                let answer = story.answers_without_decision(&case, &request, framing, 200).await;
                golden.add("GET", &answer);
            }
            let head = get(&story, target).method("HEAD");
            let answer = story.answers_without_decision("HEAD", &head, framing, 200).await;
            assert_eq!(answer.text(), "");
            golden.add("HEAD", &answer);
            let options = get(&story, target)
                .method("OPTIONS")
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "GET");
            let answer = story.answers_without_decision("OPTIONS", &options, framing, 204).await;
            golden.add("OPTIONS", &answer);
            for method in ["POST", "PUT", "DELETE"] {
                let request = story.good_call().method(method).target(target);
                let answer = story.answers_without_decision(method, &request, framing, 405).await;
                golden.add("any other method", &answer);
            }
        }
    }
    golden.check();
    story.ends().await;
}

#[tokio::test]
async fn another_hosts_metadata_and_other_paths_are_left_to_the_routes() {
    let mut story = begin().await;
    story.control("warm", Vec::new()).await;
    let port = story.bench.gateway.place.address().port();
    // Another application's host, whose well-known paths are its own.
    for target in [ROOT, FULL] {
        for framing in [Framing::Length, Framing::Frames] {
            let request = get(&story, target).authority("elsewhere.example");
            story.answers_without_decision("elsewhere", &request, framing, 200).await;
            let arrived = story.bench.other.take();
            assert_eq!(arrived.len(), 1);
            assert_eq!(arrived[0].uri.path(), target);
        }
    }
    // Hosts that are nobody's, although some name this machine.
    for host in [
        "localhost".to_owned(),
        "localhost:80".to_owned(),
        format!("127.0.0.1:{port}"),
        format!("localhost.:{port}"),
        format!("xlocalhost:{port}"),
        format!("localhost:{port}0"),
    ] {
        let request = get(&story, FULL).authority(&host);
        let case = format!("host {host}");
        story.answers_without_decision(&case, &request, Framing::Length, 404).await;
    }
    // Our host, paths that are none of ours.
    for target in [
        format!("{FULL}/"),
        format!("{ROOT}/"),
        format!("{ROOT}/other"),
        format!("{ROOT}x"),
        ROOT.to_uppercase(),
        "/.well-known/oauth-authorization-server".to_owned(),
        "/.well-known/openid-configuration".to_owned(),
        "/".to_owned(),
    ] {
        let request = get(&story, &target);
        story.answers_without_decision(&target, &request, Framing::Length, 404).await;
    }
    // Spellings that Envoy makes one of before anybody looks.
    for target in
        [format!("//{}", &FULL[1..]), format!("/x/..{FULL}"), FULL.replace("oauth", "o%61uth")]
    {
        let request = get(&story, &target);
        let answer = story.send(&request, Framing::Length).await;
        assert!(matches!(answer.status, 200 | 404), "{target}: {answer:?}");
        story.nothing_arrived(&target).await;
    }
    story.ends().await;
}
