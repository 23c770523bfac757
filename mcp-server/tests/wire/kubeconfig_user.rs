//! Stdio mode: how the API server comes to know the user of a kubeconfig, by whichever credential.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
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
