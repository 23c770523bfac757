//! Stdio mode: one person, their kubeconfig, and a session that ends with its input.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::api_server::{review, status};
use crate::support::stdio::{Home, Session};
use crate::support::{Answer, ApiServer};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_and_flags_the_kubeconfig_at_home_is_used_and_the_end_of_the_input_is_the_end()
 {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    home.kubeconfig(&[("lab", &api)], json!({"token": "t-canary"}));
    let mut session = home.session(&[]);
    assert_eq!(session.whoami(json!({})).unwrap(), "Bearer t-canary");
    let tools = session.ask("tools/list", json!({}));
    let tools = tools["result"]["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "pods_delete"), "{tools:?}");
    assert!(!tools[0].to_string().contains("\"context\""), "one context is no choice");
    session.close();
    let (code, rest, log) = session.end();
    assert_eq!((code, rest.len()), (Some(0), 0), "{rest:?} {log}");
    assert!(
        log.contains("tool call") && log.contains("whoami") && !log.contains("canary"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_revision_is_spoken_and_answers_under_way_when_the_input_ends_still_come() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let mut session = Session::start(home.command(&[]));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
    });
    let discovered = session.ask("server/discover", json!({"_meta": meta}));
    assert!(discovered["result"].to_string().contains("2026-07-28"), "{discovered}");
    let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
        "params": {"name": "whoami", "arguments": {}, "_meta": meta}});
    session.send(&call);
    session.close();
    let (code, rest, log) = session.end();
    assert_eq!((code, rest.len()), (Some(0), 1), "{log}");
    assert!(rest[0].contains("Bearer t") && rest[0].contains("\"id\":9"), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_while_the_client_keeps_the_input_open() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let mut session = home.session(&[]);
    assert!(session.whoami(json!({})).is_ok());
    session.terminate();
    assert_eq!(session.end().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_context_is_a_cluster_with_a_person_and_a_namespace_of_its_own() {
    let pods = |request: &crate::support::api_server::Arrived| {
        if request.path().contains("/pods/") {
            return status(404, "no such pod");
        }
        Answer::Json(201, review(&request.authorization.join("+")))
    };
    let (lab, prod) = (ApiServer::start(pods).await, ApiServer::start(pods).await);
    let home = Home::new();
    let kubeconfig =
        home.kubeconfig(&[("lab", &lab), ("prod", &prod)], json!({"token": "of-CONTEXT"}));
    let mut session = home.session(&[]);
    assert_eq!(session.whoami(json!({})).unwrap(), "Bearer of-lab");
    assert_eq!(session.whoami(json!({"context": "prod"})).unwrap(), "Bearer of-prod");
    let told = session.whoami(json!({"context": "moon"})).unwrap_err();
    assert!(told.contains("lab, prod"), "{told}");
    session.call("pods_get", json!({"name": "p"}));
    session.call("pods_get", json!({"name": "p", "context": "prod"}));
    session.call("pods_get", json!({"name": "p", "namespace": "other"}));
    let asked = |api: &ApiServer, path: &str| {
        api.arrived().iter().filter(|request| request.path() == path).count()
    };
    assert_eq!(asked(&lab, "/api/v1/namespaces/lab-work/pods/p"), 1, "{:?}", lab.arrived());
    assert_eq!(asked(&prod, "/api/v1/namespaces/prod-work/pods/p"), 1);
    assert_eq!(asked(&lab, "/api/v1/namespaces/other/pods/p"), 1);
    for (api, other) in [(&lab, "of-prod"), (&prod, "of-lab")] {
        assert!(
            api.arrived().iter().all(|request| !request.authorization.concat().contains(other))
        );
    }

    // By name, and alone.
    let kubeconfig = kubeconfig.to_str().unwrap();
    let mut session =
        home.session(&["--kubeconfig", kubeconfig, "--context", "prod", "--disable-multi-cluster"]);
    assert_eq!(session.whoami(json!({})).unwrap(), "Bearer of-prod");
    assert!(session.whoami(json!({"context": "lab"})).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_told_before_anything_else_or_left_out_beside_what_can() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    let run = |arguments: &[&str]| {
        let output = home.command(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.stdout.is_empty() || arguments.contains(&"--check"), "{output:?}");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, told) = run(&[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains(".kube/config is not there") && told.contains("--kubeconfig"), "{told}");

    let path = home.kubeconfig(&[("lab", &api), ("old", &api)], json!({"token": "t-canary"}));
    let mut kubeconfig: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    kubeconfig["clusters"][1]["cluster"]["insecure-skip-tls-verify"] = json!(true);
    home.write(".kube/config", &kubeconfig.to_string());
    let (code, told) = run(&["--check"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("contexts: lab\n") && told.contains("for the context lab"), "{told}");
    assert!(
        told.contains("`old` cannot be used") && told.contains("certificate-authority-data"),
        "{told}"
    );
    let mut session = home.session(&[]);
    assert!(session.whoami(json!({})).is_ok());
    session.close();
    let (_, _, log) = session.end();
    assert!(log.contains("`old` cannot be used") && !log.contains("canary"), "{log}");
    let (code, told) = run(&["--context", "old"]);
    assert_eq!((code, told.contains("insecure-skip-tls-verify")), (Some(2), true), "{told}");
    let (code, told) = run(&["--context", "moon"]);
    assert_eq!((code, told.contains("There are lab, old")), (Some(2), true), "{told}");

    home.write("settings.toml", "require_oauth = true\nsurprise = 1\n");
    let (code, told) = run(&["--config", home.path("settings.toml").to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(told.contains("require_oauth: ") && told.contains("surprise: "), "{told}");
    let (code, told) = run(&["--toolsets", "cor"]);
    assert_eq!((code, told.contains("toolsets: ")), (Some(2), true), "{told}");

    // A file that is missing only when it is needed is told at the call.
    kubeconfig["clusters"][0]["cluster"]["certificate-authority"] = json!("gone.pem");
    home.write(".kube/config", &kubeconfig.to_string());
    let told = home.session(&[]).whoami(json!({})).unwrap_err();
    assert!(told.contains("gone.pem: cannot be read"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_take_tools_away_as_settings_do() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let tools = |arguments: &[&str]| -> Vec<String> {
        let answer = home.session(arguments).ask("tools/list", json!({}));
        let tools = answer["result"]["tools"].as_array().unwrap().clone();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    let has = |tools: &[String], name: &str| tools.iter().any(|tool| tool == name);
    let all = tools(&[]);
    assert!(has(&all, "pods_delete") && has(&all, "pods_list"));
    let reading = tools(&["--read-only"]);
    assert!(!has(&reading, "pods_delete") && has(&reading, "pods_list"));
    let gentle = tools(&["--disable-destructive"]);
    assert!(!has(&gentle, "pods_delete") && has(&gentle, "pods_list"));
    assert_eq!(tools(&["--enabled-tools", "pods_list,whoami"]), ["pods_list", "whoami"]);
    let without = tools(&["--disabled-tools", "pods_list"]);
    assert!(!has(&without, "pods_list") && has(&without, "pods_delete"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_no_messages_do_not_end_a_session_and_are_not_repeated() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let mut session = home.session(&["--log-level", "debug"]);
    session.send(&json!("canary"));
    let refused = session.next();
    assert!(refused["error"].is_object(), "{refused}");
    assert_eq!(session.whoami(json!({})).unwrap(), "Bearer t");
    session.close();
    let (code, _, log) = session.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("asking the API server") && !log.contains("canary"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_client_gives_up_is_given_up_at_the_api_server() {
    let hanging = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hanging);
    let api = ApiServer::start(move |request| {
        if request.path().contains("/pods/") {
            count.fetch_add(1, Ordering::SeqCst);
            return Answer::Hang;
        }
        Answer::Json(201, review("ann"))
    })
    .await;
    let home = Home::new();
    home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let mut session = home.session(&[]);
    let call = json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call",
        "params": {"name": "pods_get", "arguments": {"name": "p"}}});
    session.send(&call);
    crate::support::eventually("the call is under way", || hanging.load(Ordering::SeqCst) == 1)
        .await;
    session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}}));
    crate::support::eventually("it is given up", || api.abandoned() == 1).await;
    assert_eq!(session.whoami(json!({})).unwrap(), "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kubeconfig_is_shown_whole_or_of_one_context_and_without_its_credentials() {
    let (lab, prod) = (ApiServer::echoing_users().await, ApiServer::echoing_users().await);
    let home = Home::new();
    home.kubeconfig(&[("lab", &lab), ("prod", &prod)], json!({"token": "canary-of-CONTEXT"}));
    let mut session = home.session(&[]);
    let mut view = |arguments: Value| {
        let result = session.call("configuration_view", arguments);
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        assert!(!result.to_string().contains("canary"), "{result}");
        (text, result["structuredContent"].clone())
    };
    let (text, shown) = view(json!({}));
    assert_eq!(shown["current-context"], "lab");
    assert_eq!(shown["users"], json!([{"name": "lab-user", "user": {"token": "REDACTED"}}]));
    assert!(text.contains("token: REDACTED") && !text.contains("prod"), "{text}");
    let (_, shown) = view(json!({"context": "prod"}));
    assert_eq!(shown["clusters"][0]["cluster"]["server"], prod.url);
    let (_, shown) = view(json!({"minified": false}));
    assert_eq!(shown["contexts"].as_array().unwrap().len(), 2, "{shown}");
    assert!(lab.arrived().is_empty() && prod.arrived().is_empty(), "nobody is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_calls_are_served_at_a_time_and_the_others_wait() {
    let release = Arc::new(tokio::sync::Notify::new());
    let notice = Arc::clone(&release);
    let api = ApiServer::start(move |request| {
        if request.path().contains("/pods/") {
            return Answer::After(Arc::clone(&notice), 404, json!({"message": "none"}));
        }
        Answer::Json(201, review("ann"))
    })
    .await;
    let home = Home::new();
    home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let mut session = home.session(&[]);
    for id in 0..20 {
        session.send(&json!({"jsonrpc": "2.0", "id": format!("p-{id}"), "method": "tools/call",
            "params": {"name": "pods_get", "arguments": {"name": "p"}}}));
    }
    let pods = || api.arrived().iter().filter(|request| request.path().contains("/pods/")).count();
    crate::support::eventually("sixteen are under way", || pods() == 16).await;
    // A listing needs no turn, and by its answer the others would have come.
    assert!(session.ask("tools/list", json!({}))["result"].is_object());
    assert_eq!(pods(), 16);
    for _ in 0..20 {
        crate::support::eventually("one waits for its answer", || pods() >= 16).await;
        release.notify_one();
        assert!(session.next()["result"]["isError"] == true);
    }
    assert_eq!(pods(), 20);
}
