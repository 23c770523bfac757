//! Stdio mode: one person, their kubeconfig, and a session that ends with its input.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::api_server::{review, status};
use crate::support::stdio::{Home, Session};
use crate::support::{Answer, ApiServer};

const V1: &str = "client.authentication.k8s.io/v1";

/// A kubeconfig's user with this plugin.
fn exec(command: &str, arguments: &[&str]) -> Value {
    json!({"exec": {"apiVersion": V1, "command": command, "args": arguments, "interactiveMode": "IfAvailable"}})
}

/// Answers `whoami`, and 401 to whatever `refused` names.
async fn refusing(refused: &'static str) -> ApiServer {
    ApiServer::start(move |request| {
        let shown = request.authorization.join("+");
        if shown == refused {
            return status(401, "Unauthorized");
        }
        Answer::Json(201, review(&shown))
    })
    .await
}

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
async fn a_plugin_is_run_once_without_a_terminal_and_its_token_is_used_until_it_ends() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    // Each run counts, and says what it got.
    let script = "echo x >> \"$HOME/runs\"; cat > \"$HOME/input\"; printf %s \"$KUBERNETES_EXEC_INFO\" > \"$HOME/info\"\n\
        echo 'open https://idp/device and enter ABCD-1234' >&2\n\
        end=$(cat \"$HOME/end\" 2>/dev/null)\n\
        printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"%s-%s-canary\"%s}}' \
        \"$1\" \"$GREETING\" \"${end:+,\\\"expirationTimestamp\\\":\\\"$end\\\"}\"";
    home.script(".kube/bin/login", script);
    let mut user = exec("./bin/login", &["hello"]);
    user["exec"]["env"] = json!([{"name": "GREETING", "value": "you"}]);
    user["exec"]["provideClusterInfo"] = json!(true);
    home.kubeconfig(&[("lab", &api)], user);
    let runs = || std::fs::read_to_string(home.path("runs")).map_or(0, |text| text.lines().count());
    let mut session = home.session(&[]);
    assert_eq!(runs(), 0, "nobody is asked before there is a call");
    for _ in 0..3 {
        assert_eq!(session.whoami(json!({})).unwrap(), "Bearer hello-you-canary");
    }
    assert_eq!(runs(), 1);
    assert_eq!(
        std::fs::read_to_string(home.path("input")).unwrap(),
        "",
        "the client's input is not the plugin's"
    );
    let info = std::fs::read_to_string(home.path("info")).unwrap();
    let info: Value = serde_json::from_str(&info).unwrap();
    assert_eq!((&info["spec"]["interactive"], &info["apiVersion"]), (&json!(false), &json!(V1)));
    assert_eq!(info["spec"]["cluster"]["server"], api.url);
    assert!(info["spec"]["cluster"]["certificate-authority-data"].is_string(), "{info}");
    session.close();
    let (_, _, log) = session.end();
    assert!(
        log.contains("https://idp/device and enter ABCD-1234") && !log.contains("canary"),
        "{log}"
    );

    // One that ends at once is good for one request.
    home.write("end", "2020-01-01T00:00:00Z");
    let mut session = home.session(&[]);
    let before = runs();
    assert!(session.whoami(json!({})).is_ok() && session.whoami(json!({})).is_ok());
    assert!(runs() >= before + 2, "{}", runs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_gives_no_credential_says_why_and_nothing_secret() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    let long = "c".repeat(60);
    for (script, said) in [
        (
            "echo 'your session has ended: run corp-login' >&2; exit 3",
            "exit code 3. It said: your session has ended: run corp-login",
        ),
        (&*format!("echo 'bad token {long}' >&2; exit 1"), "bad token [redacted]"),
        ("echo not-json-canary", "no ExecCredential in JSON"),
        (
            "printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{}}'",
            "neither a token nor a certificate",
        ),
        (
            "printf '{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t-canary\"}}'",
            "another version",
        ),
        ("head -c 2000000 /dev/zero", "more than 1048576 bytes"),
    ] {
        home.script(".kube/bin/login", script);
        home.kubeconfig(&[("lab", &api)], exec("./bin/login", &[]));
        let mut session = home.session(&[]);
        let told = session.whoami(json!({})).unwrap_err();
        assert!(
            told.contains("could not sign in to the context `lab`") && told.contains(said),
            "{told}"
        );
        session.close();
        let (_, rest, log) = session.end();
        assert!(rest.is_empty() && !log.contains("canary") && !told.contains("canary"), "{log}");
        assert!(!log.contains(&long), "{log}");
    }
    let mut user = exec("corp-login-that-is-not-there", &[]);
    user["exec"]["installHint"] = json!("see https://corp/login");
    home.kubeconfig(&[("lab", &api)], user);
    let told = home.session(&[]).whoami(json!({})).unwrap_err();
    assert!(
        told.contains("is not there: install it") && told.contains("https://corp/login"),
        "{told}"
    );
    assert!(api.arrived().is_empty(), "nothing was sent: {:?}", api.arrived());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_401_there_is_one_more_try_if_there_is_another_credential_by_then() {
    let api = refusing("Bearer old").await;
    let home = Home::new();
    // A file whose token was changed in the meantime.
    let token = home.write(".kube/token", "old\n");
    home.kubeconfig(&[("lab", &api)], json!({"tokenFile": "token"}));
    let mut session = home.session(&[]);
    let told = session.whoami(json!({})).unwrap_err();
    assert!(told.contains("did not accept the credential of the context `lab` (401)"), "{told}");
    let before = api.arrived().len();
    std::fs::write(&token, "new\n").unwrap();
    assert_eq!(session.whoami(json!({})).unwrap(), "Bearer new");
    assert!(api.arrived().len() <= before + 2, "the old one once more at most");

    // A fixed token has nothing else to show, and is shown once.
    home.kubeconfig(&[("lab", &api)], json!({"token": "old"}));
    let before = api.arrived().len();
    let told = home.session(&[]).whoami(json!({})).unwrap_err();
    assert!(told.contains("(401)") && !told.contains("old"), "{told}");
    assert_eq!(api.arrived().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_impersonation_and_foreign_words_are_as_kubectl_has_them() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let api = ApiServer::start(move |request| {
        record.lock().unwrap().push(request.headers.clone());
        status(403, &format!("quoting {}", request.authorization.concat()))
    })
    .await;
    let home = Home::new();
    let user = json!({"username": "ann", "password": "pw-canary", "as": "bob", "as-groups": ["g1", "g2"],
        "as-uid": "7", "as-user-extra": {"Acme/Team": ["a", "b"]}});
    home.kubeconfig(&[("lab", &api)], user);
    let told = home.session(&[]).whoami(json!({})).unwrap_err();
    assert!(told.contains("quoting Basic [redacted]"), "{told}");
    let headers = seen.lock().unwrap().pop().unwrap();
    let all = |name: &str| -> Vec<_> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    };
    assert_eq!(all("authorization"), ["Basic YW5uOnB3LWNhbmFyeQ=="]);
    assert_eq!(all("impersonate-user"), ["bob"]);
    assert_eq!(all("impersonate-group"), ["g1", "g2"]);
    assert_eq!(all("impersonate-uid"), ["7"]);
    assert_eq!(all("impersonate-extra-acme%2fteam"), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_name_and_a_proxy_are_those_of_the_kubeconfig() {
    let api = ApiServer::echoing_users().await;
    let port = api.url.rsplit(':').next().unwrap();
    let home = Home::new();
    let path = home.kubeconfig(&[("lab", &api)], json!({"token": "t"}));
    let text = std::fs::read_to_string(&path).unwrap();
    let with = |entry: Value| {
        let mut kubeconfig: Value = serde_json::from_str(&text).unwrap();
        for (key, value) in entry.as_object().unwrap() {
            kubeconfig["clusters"][0]["cluster"][key] = value.clone();
        }
        home.write(".kube/config", &kubeconfig.to_string());
    };
    // The certificate is for localhost.
    with(json!({"server": format!("https://127.0.0.1:{port}")}));
    let told = home.session(&[]).whoami(json!({})).unwrap_err();
    assert!(told.contains("cannot be reached"), "{told}");
    with(json!({"server": format!("https://127.0.0.1:{port}"), "tls-server-name": "localhost"}));
    assert_eq!(home.session(&[]).whoami(json!({})).unwrap(), "Bearer t");

    let (proxy, tunnels) = proxy(api.url.trim_start_matches("https://").to_owned());
    with(
        json!({"server": "https://k8s.invalid:6443", "tls-server-name": "localhost", "proxy-url": format!("http://ann:pw@{proxy}")}),
    );
    assert_eq!(home.session(&[]).whoami(json!({})).unwrap(), "Bearer t");
    let told = tunnels.lock().unwrap().join("\n");
    assert!(
        told.starts_with("CONNECT k8s.invalid:6443 ")
            && told.to_lowercase().contains("proxy-authorization: basic"),
        "{told}"
    );

    // The environment's, but never for this very machine, and not where NO_PROXY says so.
    with(json!({"server": "https://k8s.invalid:6443", "tls-server-name": "localhost"}));
    let through = |no_proxy: &str| {
        let mut command = home.command(&[]);
        command.env("HTTPS_PROXY", format!("http://{proxy}")).env("NO_PROXY", no_proxy);
        let mut session = Session::start(command);
        session.ask("initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}));
        session.whoami(json!({}))
    };
    let before = tunnels.lock().unwrap().len();
    assert_eq!(through("example.com").unwrap(), "Bearer t");
    assert_eq!(tunnels.lock().unwrap().len(), before + 1);
    assert!(through("k8s.invalid").is_err());
    with(json!({"server": api.url}));
    assert_eq!(through("").unwrap(), "Bearer t");
    assert_eq!(tunnels.lock().unwrap().len(), before + 1, "loopback needs no proxy");
}

/// A proxy that leads everywhere to `target`; what it was asked.
fn proxy(target: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, heads, target) = (client.unwrap(), Arc::clone(&heads), target.clone());
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() > 0 {
                    head.push(byte[0]);
                }
                heads.lock().unwrap().push(String::from_utf8(head).unwrap());
                let mut server = TcpStream::connect(target).unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let _ = std::io::copy(&mut client, &mut server);
            });
        }
    });
    (address, asked)
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
async fn a_login_goes_on_when_the_call_that_began_it_is_given_up() {
    let api = ApiServer::echoing_users().await;
    let home = Home::new();
    // Somebody is logging in until the file is there.
    home.script(
        ".kube/bin/login",
        "echo x >> \"$HOME/runs\"; until [ -e \"$HOME/done\" ]; do sleep 0.05; done\n\
         printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}'",
    );
    home.kubeconfig(&[("lab", &api)], exec("./bin/login", &[]));
    let runs = || std::fs::read_to_string(home.path("runs")).map_or(0, |text| text.lines().count());
    let mut session = home.session(&[]);
    let call = json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call",
        "params": {"name": "whoami", "arguments": {}}});
    session.send(&call);
    crate::support::eventually("somebody is logging in", || runs() == 1).await;
    session.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}}));
    assert!(session.ask("tools/list", json!({}))["result"].is_object());
    home.write("done", "");
    assert_eq!(session.whoami(json!({})).unwrap(), "Bearer t");
    assert_eq!(runs(), 1, "the same login served the next call");
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
