//! The door of a façade: its own URLs reach it, with nothing that says who asks; nothing else does, and they lead nowhere
//! else. A recorder stands where the façade would.

use axum::response::IntoResponse as _;
use obolus_envoy::{PathMatch, Route, Upstream, edit};
use obolus_tests::fixtures::gateway::OTHER;
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::workbench::{Plan, local};
use serde_json::{Value, json};

use crate::golden::Golden;
use crate::story::{Decision, Story, everything_of};
use crate::wire::{Answer, Framing, Request};

const FACADE: &str = "obolus-facade";
/// Where another application has all of a host, and below `/f` a route that is wider than a façade's may be.
const ELSEWHERE: &str = "elsewhere.example";
const METADATA: [&str; 6] = [
    "/.well-known/oauth-authorization-server/oauth",
    "/.well-known/openid-configuration/oauth",
    "/oauth/.well-known/oauth-authorization-server",
    "/oauth/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];
/// As a browser brings it back: a code and a state, which are in nobody's log.
const QUERY: &str = "response_type=code&client_id=c&code=canary-code-7f31&state=canary-state-9b02";

/// Keycloak's resource, Entra ID's beside it on the same host, and a façade for the latter.
async fn begin() -> (Story, Recorder) {
    begin_with(|_, _| {}).await
}

/// The same with a change of what is generated, where the host is this one.
async fn begin_with(change: impl FnOnce(&mut Value, &str) + Send + 'static) -> (Story, Recorder) {
    let facade = Recorder::answering(|_| async {
        let headers = [("access-control-allow-origin", "*"), ("cache-control", "no-store")];
        (headers, axum::Json(json!({"from": "the façade"}))).into_response()
    })
    .await
    .unwrap();
    let mut plan = Plan::new().await.unwrap();
    let origin = format!("http://{}", plan.place.authority());
    let api = "33333333-cccc-4ccc-8ccc-333333333333";
    let entra = json!({
        "name": "entra",
        "profile": "entra",
        "tenants": ["11111111-aaaa-4aaa-8aaa-111111111111"],
        "facade": {"issuer": format!("{origin}/oauth"), "clusters": [FACADE]},
    });
    let resource = json!({
        "name": "entra",
        "resource": format!("{origin}/entra"),
        "clusters": ["entra-mcp"],
        "issuers": ["entra"],
        "audiences": [api],
        "requiredScopes": [format!("api://{api}/access_as_user")],
        "target": {"name": "entra", "audience": "44444444-dddd-4ddd-8ddd-444444444444"},
    });
    plan.configure(move |configuration| {
        configuration["issuers"].as_array_mut().unwrap().push(entra);
        configuration["resources"][0]["issuers"] = json!(["idp"]);
        configuration["resources"].as_array_mut().unwrap().push(resource);
    });
    let (place, upstream) = (local(&facade), local(&plan.upstream));
    let authority = plan.place.authority();
    let host = authority.clone();
    plan.gateway.edit = Box::new(move |bootstrap| change(bootstrap, &host));
    plan.gateway.shape = Box::new(move |bootstrap| {
        bootstrap.upstreams.push(Upstream::plain(FACADE, place));
        bootstrap.upstreams.push(Upstream::plain("entra-mcp", upstream));
        let route = |hosts: &[&str], path: PathMatch, cluster: &str| Route {
            name: "theirs".to_owned(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path,
            cluster: cluster.to_owned(),
        };
        let below = |path: &str| PathMatch::Below(path.to_owned());
        bootstrap.routes.push(route(&[ELSEWHERE], below("/f"), FACADE));
        bootstrap.routes.push(route(&[ELSEWHERE], below("/"), OTHER));
        bootstrap.routes.push(route(&[&authority], below("/oauth"), FACADE));
    });
    (Story::with(plan).await, facade)
}

fn get(story: &Story, target: &str) -> Request {
    Request::new("GET", &story.bench.gateway, target)
}

fn form(story: &Story) -> Request {
    let body = "grant_type=authorization_code&code=canary-code-7f31&code_verifier=v";
    let request = get(story, "/oauth/token").method("POST").body(body);
    request.header("content-type", "application/x-www-form-urlencoded")
}

/// The answer at the door, which is an OAuth error and no redirect; nothing arrives anywhere.
async fn turns_away(
    story: &mut Story,
    facade: &Recorder,
    request: &Request,
    (status, reason): (u16, &str),
) -> Answer {
    let case = format!("{} {}{}", request.method, request.authority, request.target);
    let mut answers = Vec::new();
    for framing in [Framing::Length, Framing::Frames] {
        let answer = story.send(request, framing).await;
        assert_eq!(answer.status, status, "{case}: {answer:?}");
        assert_eq!(answer.header("location"), None, "{case}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(answer.json()["reason"], reason, "{case}: {answer:?}");
        answers.push(answer);
    }
    story.control(&case, answers.iter().map(|_| Decision::Deny(reason, status)).collect()).await;
    assert!(facade.take().is_empty() && story.bench.other.take().is_empty(), "{case}");
    answers.remove(0)
}

#[tokio::test]
async fn its_urls_reach_it_with_what_a_browser_says_and_without_anybodys_credentials() {
    let (mut story, facade) = begin().await;
    story.control("warm", Vec::new()).await;
    let cookie = "session=canary-cookie-1d0e";
    let mut requests = vec![form(&story), get(&story, &format!("/oauth/authorize?{QUERY}"))];
    requests.extend(METADATA.map(|path| get(&story, path)));
    requests.push(get(&story, METADATA[0]).method("HEAD"));
    requests.push(form(&story).target("/oauth/register").with("content-type", "application/json"));
    requests.push(
        get(&story, "/oauth/token")
            .method("OPTIONS")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization"),
    );
    let before = story.bench.gateway.counted("facade").await.unwrap();
    let mut sent = 0;
    for request in requests {
        let good = story.good_token().to_owned();
        for framing in Framing::ALL {
            let case = format!("{} {}, {framing:?}", request.method, request.target);
            let request = request.clone().bearer(&good).headers([
                ("cookie", cookie),
                ("origin", "https://app.example.com"),
                ("x-forwarded-user", "alice"),
                ("impersonate-user", "alice"),
                ("x-envoy-retry-on", "5xx"),
                ("mcp-session-id", "s"),
                ("mcp-protocol-version", "2026-07-28"),
            ]);
            let answer = story.send(&request, framing).await;
            assert_eq!(answer.status, 200, "{case}: {answer:?}");
            // Its answers are its own.
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{case}");
            let [arrived] = <[_; 1]>::try_from(facade.take()).unwrap();
            sent += 1;
            let path = arrived.uri.path_and_query().unwrap().as_str();
            assert_eq!(path, request.target, "{case}");
            assert_eq!(arrived.body.as_ref(), Some(&request.body), "{case}");
            assert_eq!(arrived.header("origin"), Some("https://app.example.com"), "{case}");
            assert_eq!(arrived.header("mcp-protocol-version"), Some("2026-07-28"), "{case}");
            let all = everything_of(&arrived);
            for secret in [&good, cookie, "alice", "x-envoy-retry-on", "mcp-session-id"] {
                assert!(!all.contains(secret), "{case}: {secret} in {all}");
            }
        }
        // None of it is a decision about a person, and nothing came to the MCP server.
        story.control(&request.target, Vec::new()).await;
    }
    assert_eq!(story.bench.gateway.counted("facade").await.unwrap() - before, sent);
    let log = story.bench.gateway.envoy.log();
    assert!(log.contains("/oauth/authorize"), "the path is logged");
    for secret in ["canary-code", "canary-state", "canary-cookie", "response_type"] {
        assert!(!log.contains(secret), "{secret} in Envoy's log");
    }
    story.ends().await;
}

#[tokio::test]
async fn what_is_not_its_url_does_not_reach_it_whatever_a_route_says() {
    let (mut story, facade) = begin().await;
    story.control("warm", Vec::new()).await;
    let unknown = (404, "facade_path_unknown");
    for target in [
        "/oauth",
        "/oauth/",
        "/oauth/revoke",
        "/oauth/Token",
        "/oauth/token/",
        "/oauth/token;x",
        "/oauth/token%20",
    ] {
        let request = get(&story, target);
        turns_away(&mut story, &facade, &request, unknown).await;
    }
    for target in ["/f", "/f/oauth/token", "/f/../f/x"] {
        let request = get(&story, target).authority(ELSEWHERE);
        turns_away(&mut story, &facade, &request, unknown).await;
    }
    // Its paths at another host are that host's.
    let request = get(&story, "/oauth/token").authority(ELSEWHERE);
    let answer = story.answers_without_decision("theirs", &request, Framing::Length, 200).await;
    assert_eq!(answer.text(), "");
    assert_eq!(story.bench.other.take().len(), 1);
    assert!(facade.take().is_empty());
    story.ends().await;
}

#[tokio::test]
async fn other_spellings_of_its_paths_arrive_as_its_paths_or_not_at_all() {
    let (mut story, facade) = begin().await;
    story.control("warm", Vec::new()).await;
    // What Envoy writes anew before routes are looked for arrives as what it is then.
    let mut by_spelling = Vec::new();
    for target in [
        "/oauth//token",
        "//oauth/token",
        "/oauth/./token",
        "/oauth/%2e/token",
        "/oauth/x/../token",
        "/oauth/x/%2e%2e/token",
        "/oauth/%74oken",
        "/oauth%2ftoken",
        "/oauth%5ctoken",
        "/oauth\\token",
        "/oauth/token;a=b",
        "/oauth;a/token",
        "/OAUTH/TOKEN",
        "/oauth/token%00",
        "/oauth/token#x",
        "/mcp/../oauth/token",
        "/oauth/../mcp",
        "/oauth/token/../../mcp",
        "/oauth/%2e%2e/other",
        "/other/../oauth/authorize?x=/../",
    ] {
        for method in ["GET", "POST"] {
            let request = get(&story, target).method(method);
            let answer = story.send(&request, Framing::Length).await;
            for arrived in facade.take() {
                let path = arrived.uri.path();
                assert!(["/oauth/token", "/oauth/authorize"].contains(&path), "{target}: {path}");
                by_spelling.push(target);
            }
            for arrived in story.bench.other.take() {
                assert!(arrived.uri.path().starts_with("/other"), "{target}: {arrived:?}");
            }
            assert!(answer.status < 500, "{target}: {answer:?}");
            story.nothing_arrived(target).await;
        }
        let plain = story.send(&get(&story, "/oauth/token"), Framing::Length).await;
        assert_eq!((plain.status, facade.take().len()), (200, 1), "the control beside {target}");
    }
    by_spelling.dedup();
    let written_anew = [
        "/oauth//token",
        "//oauth/token",
        "/oauth/./token",
        "/oauth/%2e/token",
        "/oauth/x/../token",
        "/oauth/x/%2e%2e/token",
        "/oauth/%74oken",
        "/oauth\\token",
        "/mcp/../oauth/token",
        "/other/../oauth/authorize?x=/../",
    ];
    assert_eq!(by_spelling, written_anew);
    story.ends().await;
}

#[tokio::test]
async fn its_urls_lead_nowhere_else_whatever_a_route_says() {
    let wrong = ["/oauth/token", METADATA[0], METADATA[5]];
    for (to, what) in [
        (json!({"route": {"cluster": OTHER}}), "another application"),
        (json!({"route": {"cluster": "obolus-mcp"}}), "the MCP server"),
        (
            json!({"direct_response": {"status": 200, "body": {"inline_string": "{}"}}}),
            "Envoy's own",
        ),
    ] {
        let (mut story, facade) = begin_with(move |bootstrap, authority| {
            let host = edit::named(edit::virtual_hosts(bootstrap).unwrap(), authority).unwrap();
            for path in wrong {
                let mut route = json!({"name": "theirs", "match": {"path": path}});
                route.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
                host["routes"].as_array_mut().unwrap().insert(0, route);
            }
        })
        .await;
        story.control("warm", Vec::new()).await;
        for path in wrong {
            let request = get(&story, &format!("{path}?{QUERY}")).bearer(story.good_token());
            turns_away(&mut story, &facade, &request, (500, "facade_misrouted")).await;
        }
        // Those that were left alone arrive.
        let answer = story.send(&get(&story, METADATA[1]), Framing::Length).await;
        assert_eq!((answer.status, facade.take().len()), (200, 1), "beside {what}");
        story.control("beside", Vec::new()).await;
        story.ends().await;
    }
}

#[tokio::test]
async fn a_request_that_could_be_read_twice_or_holds_a_token_is_turned_away() {
    let (mut story, facade) = begin().await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("facade.txt", &story.bench.gateway);
    let bob = story.bench.token("bob").unwrap();
    for (case, request, told) in [
        (
            "another method",
            get(&story, "/oauth/token").method("DELETE"),
            (405, "method_not_allowed"),
        ),
        ("another", get(&story, METADATA[0]).method("PATCH"), (405, "method_not_allowed")),
        (
            "a token in the query",
            get(&story, &format!("/oauth/token?access_token={bob}")),
            (401, "token_in_query"),
        ),
        (
            "two versions",
            form(&story)
                .header("mcp-protocol-version", "2026-07-28")
                .header("mcp-protocol-version", "2025-06-18"),
            (400, "header_duplicated"),
        ),
        ("nothing at its door", get(&story, "/oauth/x"), (404, "facade_path_unknown")),
    ] {
        let answer = turns_away(&mut story, &facade, &request, told).await;
        golden.add(case, &answer);
    }
    golden.check();
    let answer = story.send(&form(&story), Framing::Length).await;
    assert_eq!((answer.status, facade.take().len()), (200, 1));
    story.ends().await;
}
