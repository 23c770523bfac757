//! Each real part starts, does the one thing it is there for, and ends.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing key in an answer is null, and fails the assertion"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ES256KeyPair, PS256KeyPair, RS256KeyPair, RSAKeyPairLike as _,
};
use jwt_simple::claims::Claims;
use obolus_tests::deadline::{eventually, eventually_blocking};
use obolus_tests::fixtures::envoy::{Envoy, EnvoyOptions};
use obolus_tests::fixtures::keycloak::{
    Assertion, Grant, KeyState, Keycloak, KeycloakOptions, claims, header,
};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::https;
use obolus_tests::parts::node::Inspector;
use obolus_tests::parts::prerequisites;
use obolus_tests::pki::Authority;
use obolus_tests::process::{Process, Program};
use obolus_tests::secret;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);

// === processes ===

/// A program that starts another one, as Keycloak's start script does, and says its id.
fn parent_and_child(folder: &Path) -> Process {
    let script = "sleep 1000 & echo \"child $!\"; wait";
    let program = Program::new("sleeper", "sh", folder.join("log")).args(["-c", script]);
    program.start().unwrap()
}

fn child_of(process: &Process) -> u32 {
    eventually_blocking("the child's id", SOON, || {
        let log = process.log();
        let id = log.lines().find_map(|line| line.strip_prefix("child ")?.parse().ok());
        id.ok_or_else(|| anyhow::anyhow!("the log is {log:?}"))
    })
    .unwrap()
}

fn gone(pid: u32) {
    eventually_blocking("the end of a process", SOON, || {
        anyhow::ensure!(!Path::new(&format!("/proc/{pid}")).exists(), "process {pid} exists");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_dropped_process_takes_its_children_along() {
    let folder = tempfile::tempdir().unwrap();
    let process = parent_and_child(folder.path());
    let (parent, child) = (process.pid(), child_of(&process));
    assert!(Path::new(&format!("/proc/{child}")).exists());
    assert!(process.rss().unwrap() > 0);
    drop(process);
    gone(parent);
    gone(child);
}

#[test]
fn a_process_dies_with_a_parent_that_is_killed() {
    // Ours, because who is killed cannot tidy up.
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent_to_be_killed", "--ignored", "--nocapture"])
        .env("FOLDER", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let ids: Vec<u32> = lines
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("started ")?.1.split(' ').map(|id| id.parse().ok()).collect()
        })
        .unwrap();
    assert!(ids.iter().all(|id| Path::new(&format!("/proc/{id}")).exists()), "{ids:?}");
    parent.kill().unwrap();
    parent.wait().unwrap();
    ids.into_iter().for_each(gone);
}

#[test]
#[ignore = "started, and killed, by a_process_dies_with_a_parent_that_is_killed"]
fn parent_to_be_killed() {
    let Some(folder) = std::env::var_os("FOLDER") else { return };
    let process = parent_and_child(Path::new(&folder));
    println!("started {} {}", process.pid(), child_of(&process));
    // Blocks until the test kills us; ends by itself if the test has died.
    std::io::stdin().lines().count();
}

#[test]
fn exit_codes_signals_and_the_end_of_the_log_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let start = |script| {
        let program = Program::new("script", "sh", folder.path().join("log")).args(["-c", script]);
        program.start().unwrap()
    };
    assert_eq!(start("exit 7").wait(SOON).unwrap(), 7);
    assert_eq!(start("exec sleep 1000").stop(SOON).unwrap(), 128 + 15);
    let deaf = "trap '' TERM; echo deaf; while :; do sleep 1; done";
    let mut deaf = start(deaf);
    eventually_blocking("the trap", SOON, || {
        anyhow::ensure!(deaf.log().contains("deaf"), "not yet");
        Ok(())
    })
    .unwrap();
    assert_eq!(deaf.stop(Duration::from_millis(200)).unwrap(), 128 + 9);

    let mut failing = start("echo the reason >&2; exit 1");
    failing.wait(SOON).unwrap();
    let error = format!("{:#}", failing.still_runs().unwrap_err());
    assert!(error.contains("exit code 1") && error.contains("the reason"), "{error}");
}

#[test]
fn this_machine_has_all_prerequisites() {
    prerequisites::check().unwrap();
}

// === Envoy ===

fn envoy_config(port: u16, upstream: u16) -> Value {
    let address = |port| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let endpoint = json!({"endpoint": {"address": address(upstream)}});
    json!({"static_resources": {
        "listeners": [{"name": "in", "address": address(port), "filter_chains": [{"filters": [{
            "name": "http",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "in",
                "route_config": {"virtual_hosts": [{
                    "name": "all", "domains": ["*"],
                    "routes": [{"match": {"prefix": "/yes"}, "route": {"cluster": "up"}}],
                }]},
                "http_filters": [{"name": "router", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
            },
        }]}]}],
        "clusters": [{"name": "up", "type": "STATIC", "load_assignment": {
            "cluster_name": "up", "endpoints": [{"lb_endpoints": [endpoint]}]}}],
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_routes_and_is_observable_and_refuses_a_bad_configuration() {
    let upstream = Recorder::start().await.unwrap();
    let port = obolus_tests::ports::Port::reserve().unwrap();
    let config = envoy_config(port.number(), upstream.port());
    let envoy = Envoy::start(&config.to_string(), &EnvoyOptions::default()).await.unwrap();

    let client = https::plain_client().unwrap();
    let ask = |path: &'static str| {
        client
            .post(format!("http://127.0.0.1:{port}{path}"))
            .header("x-a", "1")
            .body("hello")
            .send()
    };
    let (yes, no) = tokio::join!(ask("/yes?q"), ask("/no"));
    assert_eq!((yes.unwrap().status().as_u16(), no.unwrap().status().as_u16()), (200, 404));
    let seen = upstream.requests();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].uri.to_string().as_str(), seen[0].text().as_str()), ("/yes?q", "hello"));
    assert_eq!(seen[0].header("x-a"), Some("1"));

    // Workers hand their numbers over to the main thread every now and then.
    eventually("the counters", SOON, || async {
        let found = (
            envoy.counter("http.in.downstream_rq_2xx").await?,
            envoy.counter("http.in.downstream_rq_4xx").await?,
        );
        anyhow::ensure!(found == (1, 1), "they are {found:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert!(envoy.counter("no.such.counter").await.is_err());
    assert!(envoy.config_dump().await.unwrap()["configs"].is_array());
    assert!(envoy.rss().unwrap() > 1 << 20);
    assert!(envoy.cpu_time().unwrap() > Duration::ZERO);

    let mut bad = config;
    bad["static_resources"]["clusters"][0]["no_such_field"] = json!(1);
    let (code, log) =
        Envoy::expect_refusal(&bad.to_string(), &EnvoyOptions::default()).await.unwrap();
    assert!(code != 0 && log.contains("no_such_field"), "{code} {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorder_speaks_tls_and_both_versions_of_http() {
    let authority = Authority::new("test").unwrap();
    let answer = |request: obolus_tests::fixtures::recorder::Recorded| async move {
        axum::response::IntoResponse::into_response(request.text().to_uppercase())
    };
    let tls = Recorder::answering_tls(&authority.server().unwrap(), answer).await.unwrap();
    let client = https::client(&authority.pem()).unwrap();
    let text = client.post(tls.url()).body("abc").send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "ABC");
    let stranger = Authority::new("stranger").unwrap();
    let refused = https::client(&stranger.pem()).unwrap().get(tls.url()).send().await;
    assert!(refused.unwrap_err().is_connect());

    let plain = Recorder::start().await.unwrap();
    let h2c = https::builder().tls_certs_only([]).http2_prior_knowledge().build().unwrap();
    h2c.get(plain.url()).send().await.unwrap();
    https::plain_client().unwrap().get(plain.url()).send().await.unwrap();
    let versions: Vec<_> =
        plain.take().iter().map(|request| format!("{:?}", request.version)).collect();
    assert_eq!(versions, ["HTTP/2.0", "HTTP/1.1"]);
    assert!(plain.requests().is_empty());
}

// === Keycloak ===

const MCP: &str = "https://mcp.example.com/mcp";

fn audiences(claims: &Value) -> Vec<&str> {
    match &claims["aud"] {
        Value::String(one) => vec![one],
        several => several.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// One Keycloak for all of this, because each start takes long.
#[tokio::test(flavor = "multi_thread")]
async fn keycloak_issues_exchanges_rotates_and_restarts() {
    let authority = Authority::new("test").unwrap();
    let options = KeycloakOptions { resources: vec![MCP.to_owned()], ..KeycloakOptions::default() };
    let mut keycloak = Keycloak::start(&authority, &options).await.unwrap();

    issues_tokens(&keycloak).await;
    exchanges(&keycloak).await;
    exchanges_by_assertion(&keycloak).await;
    rotates_keys(&keycloak).await;

    let (before, issuer) =
        (keycloak.token("bob", "bob", "mcp:tools").await.unwrap(), keycloak.issuer());
    keycloak.stop().unwrap();
    assert!(keycloak.token("bob", "bob", "mcp:tools").await.is_err());
    keycloak.start_again().await.unwrap();
    assert_eq!(keycloak.issuer(), issuer);
    let after = keycloak.token("bob", "bob", "mcp:tools").await.unwrap();
    assert_eq!(header(&after).unwrap()["kid"], header(&before).unwrap()["kid"]);

    let admin = keycloak.admin();
    admin.set_client_enabled("obolus-sts", false).await.unwrap();
    assert_eq!(keycloak.exchange(&after, "kubernetes", "kubernetes").await.unwrap().0, 401);
    admin.set_client_enabled("obolus-sts", true).await.unwrap();
    assert_eq!(keycloak.exchange(&after, "kubernetes", "kubernetes").await.unwrap().0, 200);
    admin.log_out("bob").await.unwrap();
    assert_eq!(keycloak.exchange(&after, "kubernetes", "kubernetes").await.unwrap().0, 400);
    admin.set_user_enabled("bob", false).await.unwrap();
    assert!(keycloak.token("bob", "bob", "mcp:tools").await.is_err());
    assert!(keycloak.token("alice", "alice", "mcp:tools").await.is_ok());
}

async fn issues_tokens(keycloak: &Keycloak) {
    let token = keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
    let alice = claims(&token).unwrap();
    assert_eq!(header(&token).unwrap()["alg"], "RS256");
    assert_eq!((&alice["iss"], &alice["azp"]), (&json!(keycloak.issuer()), &json!("mcp-client")));
    assert_eq!(alice["preferred_username"], "alice");
    assert!(alice["sub"].is_string());
    assert!(alice["scope"].as_str().unwrap().split(' ').any(|scope| scope == "mcp:tools"));
    for expected in
        [MCP, "obolus-sts", "obolus-sts-jwt-rs256", "obolus-sts-jwt-ps256", "obolus-sts-jwt-es256"]
    {
        assert!(audiences(&alice).contains(&expected), "{expected} is not in {}", alice["aud"]);
    }

    let nothing = claims(&keycloak.token("alice", "alice", "mcp:nothing").await.unwrap()).unwrap();
    assert!(
        audiences(&nothing).contains(&MCP)
            && !nothing["scope"].as_str().unwrap().contains("mcp:tools")
    );
    let other = claims(&keycloak.token("alice", "alice", "other:tools").await.unwrap()).unwrap();
    assert_eq!(audiences(&other), ["https://other.example.com/"]);
    let groups = claims(&keycloak.token("bob", "bob", "groups").await.unwrap()).unwrap();
    assert_eq!(groups["groups"], json!(["viewers"]));

    let grant =
        |client, scope| keycloak.grant(Grant { client, user: "alice", password: "alice", scope });
    let short = grant("mcp-client-short", "mcp:tools").await.unwrap();
    assert_eq!(short.expires_in, 3);
    let id_token = grant("mcp-client", "openid mcp:tools").await.unwrap().id_token.unwrap();
    assert_eq!(claims(&id_token).unwrap()["typ"], "ID");
    for (client, algorithm) in [
        ("mcp-client-ps256", "PS256"),
        ("mcp-client-es256", "ES256"),
        ("mcp-client-eddsa", "EdDSA"),
    ] {
        let token = grant(client, "mcp:tools").await.unwrap().access_token;
        assert_eq!(header(&token).unwrap()["alg"], algorithm);
    }
    assert!(keycloak.token("alice", "bob", "mcp:tools").await.is_err());
}

async fn exchanges(keycloak: &Keycloak) {
    let alice = keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
    let foreign = keycloak.token("alice", "alice", "other:tools").await.unwrap();
    let (good, reports, unknown, outsider) = tokio::join!(
        keycloak.exchange(&alice, "kubernetes", "kubernetes"),
        keycloak.exchange(&alice, "reports", "kubernetes"),
        keycloak.exchange(&alice, "nobody", "kubernetes"),
        keycloak.exchange(&foreign, "kubernetes", "kubernetes"),
    );
    let (status, answer) = good.unwrap();
    assert_eq!(status, 200, "{answer}");
    let exchanged = claims(answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(audiences(&exchanged), ["kubernetes"]);
    assert_eq!(exchanged["sub"], claims(&alice).unwrap()["sub"]);
    assert_eq!(exchanged["preferred_username"], "alice");
    assert_eq!(exchanged["groups"], json!(["developers"]));
    assert_eq!(exchanged["azp"], "obolus-sts");

    for (refused, status, error) in [
        (reports, 400, "invalid_request"),
        (unknown, 400, "invalid_client"),
        (outsider, 403, "access_denied"),
    ] {
        let (code, answer) = refused.unwrap();
        assert_eq!((code.as_u16(), &answer["error"]), (status, &json!(error)), "{answer}");
        assert!(answer["access_token"].is_null());
    }
}

/// The three clients that sign instead of sending a secret.
async fn exchanges_by_assertion(keycloak: &Keycloak) {
    let alice = keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
    for algorithm in [Assertion::Rs256, Assertion::Ps256, Assertion::Es256] {
        let (client, leaf) = keycloak.credentials().assertion(algorithm);
        let exchange = async |audience: &str| {
            let claims = Claims::create(jwt_simple::prelude::Duration::from_secs(30))
                .with_issuer(client)
                .with_subject(client)
                .with_audience(audience)
                .with_jwt_id(secret::random().unwrap());
            let assertion = match algorithm {
                Assertion::Rs256 => RS256KeyPair::from_pem(&leaf.key).unwrap().sign(claims),
                Assertion::Ps256 => PS256KeyPair::from_pem(&leaf.key).unwrap().sign(claims),
                Assertion::Es256 => ES256KeyPair::from_pem(&leaf.key).unwrap().sign(claims),
            };
            let form = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", alice.as_str()),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                ("audience", "kubernetes"),
                ("scope", "kubernetes"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &assertion.unwrap()),
            ];
            keycloak.post_token(&form, None).await.unwrap()
        };
        let (status, answer) = exchange(&keycloak.issuer()).await;
        assert_eq!(status, 200, "{client}: {answer}");
        let (status, answer) = exchange("https://elsewhere.example.com").await;
        assert_eq!(status, 400, "{client}: {answer}");
    }
}

async fn rotates_keys(keycloak: &Keycloak) {
    let kid = async || {
        let token = keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
        header(&token).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let published = async || {
        keycloak.http().get(keycloak.jwks_url()).send().await.unwrap().text().await.unwrap()
    };
    let admin = keycloak.admin();
    let old = kid().await;
    let old_key =
        admin.keys("RS256").await.unwrap().into_iter().find(|key| key.kid == old).unwrap();
    admin.add_key("RS256", 200).await.unwrap();
    let new = kid().await;
    assert_ne!(old, new);

    admin.set_key(&old_key.provider_id, KeyState::Passive).await.unwrap();
    assert!(published().await.contains(&old));
    admin.set_key(&old_key.provider_id, KeyState::Disabled).await.unwrap();
    assert!(!published().await.contains(&old));
    admin.remove_key(&old_key.provider_id).await.unwrap();
    assert!(published().await.contains(&new));
    assert_eq!(kid().await, new);
}

// === Inspector ===

#[test]
fn inspector_runs_on_its_own_node() {
    let output = Inspector::find().unwrap().cli().arg("--help").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("--method"), "{output:?}");
}
