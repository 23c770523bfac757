//! The page for people: at the root of a resource's host, for whoever opens it, and in nobody's way.

use obolus_envoy::{PathMatch, Route, Scope};
use obolus_tests::fixtures::gateway::OTHER;
use obolus_tests::fixtures::workbench::Plan;
use serde_json::json;

use crate::golden::Golden;
use crate::story::Story;
use crate::wire::{Framing, Request};

/// Another application has all else of the resource's host, and all of another.
async fn begin(scope: Scope, enabled: bool) -> Story {
    let mut plan = Plan::new().await.unwrap();
    let authority = plan.place.authority();
    plan.gateway.shape = Box::new(move |bootstrap| {
        bootstrap.scope = scope;
        bootstrap.routes.push(Route {
            name: "elsewhere".to_owned(),
            hosts: vec!["elsewhere.example".to_owned(), authority],
            path: PathMatch::Prefix("/".to_owned()),
            cluster: OTHER.to_owned(),
        });
    });
    if enabled {
        plan.configure(|configuration| {
            configuration["page"] = json!({"contact": "platform@example.com"});
        });
    }
    Story::with(plan).await
}

#[tokio::test]
async fn people_find_it_at_the_root_and_everything_else_goes_its_way() {
    for scope in [Scope::EveryRequest, Scope::OwnRoutes] {
        let mut story = begin(scope, true).await;
        story.control("warm", Vec::new()).await;
        let mut golden = Golden::new("page.txt", &story.bench.gateway);
        golden.redact(&story.bench.idp.issuer(), "https://ISSUER");
        let get = Request::new("GET", &story.bench.gateway, "/");
        for framing in [Framing::Length, Framing::Frames] {
            for (case, request) in [
                ("plain", get.clone()),
                ("with a query", get.clone().target("/?x=%3Cscript%3Ealert(1)%3C/script%3E")),
                ("of a page", get.clone().header("origin", "https://evil.example")),
                ("with a token", get.clone().bearer(story.good_token())),
            ] {
                let answer = story.answers_without_decision(case, &request, framing, 200).await;
                golden.add("GET", &answer);
            }
            let head = get.clone().method("HEAD");
            let answer = story.answers_without_decision("HEAD", &head, framing, 200).await;
            assert_eq!(answer.text(), "");
        }
        golden.check();
        assert!(story.bench.other.take().is_empty(), "{scope:?}");
        // Other methods, paths and hosts are the other application's.
        for request in [
            get.clone().method("POST"),
            get.clone().method("OPTIONS"),
            get.clone().target("/index.html"),
            get.clone().target("/x/"),
            get.clone().authority("elsewhere.example"),
        ] {
            let case =
                format!("{scope:?} {} {}{}", request.method, request.authority, request.target);
            story.answers_without_decision(&case, &request, Framing::Length, 200).await;
            assert_eq!(story.bench.other.take().len(), 1, "{case}");
        }
        story.ends().await;
    }
}

#[tokio::test]
async fn without_the_setting_there_is_no_page() {
    let mut story = begin(Scope::EveryRequest, false).await;
    story.control("warm", Vec::new()).await;
    let get = Request::new("GET", &story.bench.gateway, "/");
    story.answers_without_decision("none", &get, Framing::Length, 200).await;
    assert_eq!(story.bench.other.take().len(), 1);
    story.ends().await;
}
