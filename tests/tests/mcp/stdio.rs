//! Stdio mode at a real API server: the session of `docs/kubernetes-server.md`, line by line, with each kind of credential
//! that a kubeconfig can have. What the person may do is done and what they may not is refused, and the API server has
//! seen nobody else.

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::cluster::username;
use obolus_tests::fixtures::stdio::PersonsHome;
use obolus_tests::parts::products::workspace;
use serde_json::{Value, json};

use crate::world::{Person, World};

/// Whose session the guide shows.
const ANN: &str = "kc:ann";

/// The guide's session: what is sent, and what is answered.
fn session() -> Result<Vec<(bool, String)>> {
    let page = std::fs::read_to_string(workspace().join("docs/kubernetes-server.md"))?;
    let (_, section) = page.split_once("\n## A session\n").context("no session")?;
    let (_, block) = section.split_once("```\n").context("no block")?;
    let (block, _) = block.split_once("```").context("no end of the block")?;
    let line = |line: &str| {
        let sent = line.strip_prefix("→ ").map(|text| (true, text.to_owned()));
        sent.or_else(|| line.strip_prefix("← ").map(|text| (false, text.to_owned())))
            .with_context(|| format!("neither sent nor answered: {line}"))
    };
    block.lines().map(line).collect()
}

/// Whether an answer has all that the guide shows of it, under another name of the person.
fn is_as_shown(shown: &Value, answer: &Value, name: &str) -> Result<()> {
    match (shown, answer) {
        (Value::Object(shown), Value::Object(answer)) => {
            shown.iter().try_for_each(|(key, shown)| {
                let answer = answer.get(key).with_context(|| format!("there is no {key}"))?;
                is_as_shown(shown, answer, name).with_context(|| key.clone())
            })
        }
        (Value::Array(shown), Value::Array(answer)) => {
            ensure!(shown.len() == answer.len(), "not so many: {answer:?}");
            shown
                .iter()
                .zip(answer)
                .try_for_each(|(shown, answer)| is_as_shown(shown, answer, name))
        }
        (Value::String(shown), Value::String(answer)) => {
            let shown = shown.replace(ANN, &format!("kc:{name}"));
            ensure!(is_like(&shown, answer), "{answer:?} is not like {shown:?}");
            Ok(())
        }
        _ => {
            ensure!(shown == answer, "{answer} is not {shown}");
            Ok(())
        }
    }
}

/// Whether a text is as a pattern has it, in which `…` stands for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut ends_open = false;
    for part in parts {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
        ends_open = part.is_empty();
    }
    rest.is_empty() || ends_open
}

/// Plays the session as whoever this user of a kubeconfig is; what was said on standard error.
async fn play(world: &World, home: &PersonsHome, name: &str, user: &Value) -> Result<String> {
    home.kubeconfig(world.cluster.url(), world.cluster.ca_file(), user)?;
    let before = world.cluster.marker().await?;
    let mut running = home.start::<&str>([])?;
    for (sent, line) in session()? {
        if sent {
            running.send(&line)?;
            continue;
        }
        let answer = running.next()?;
        let shown: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        is_as_shown(&shown, &answer, name).with_context(|| format!("{line}\nbut: {answer}"))?;
    }
    let log = running.log();
    running.end()?;
    // The API server has seen this person, allowed and refused, and nobody else from here.
    let person = format!("kc:{name}");
    let seen = world.cluster.requests_since(before).await?;
    let ours: Vec<_> = seen.iter().filter(|event| username(event) == person).collect();
    let with = |code: u16| ours.iter().any(|event| event["responseStatus"]["code"] == code);
    ensure!(with(200) && with(403), "{ours:#?}");
    let agent = |event: &&Value| {
        event["userAgent"].as_str().is_some_and(|agent| agent.starts_with("obolus-mcp/"))
    };
    ensure!(ours.iter().all(agent), "{ours:#?}");
    Ok(log)
}

#[tokio::test]
async fn the_guides_session_is_what_happens_with_a_client_certificate() {
    let world = World::get().await.unwrap();
    let name = world.unique("ann-certificate");
    let home = PersonsHome::new().unwrap();
    let leaf = world.cluster.client_certificate(&format!("kc:{name}"), "kc:viewers").unwrap();
    let files = leaf.write(home.path(), "me").unwrap();
    let user = json!({"client-certificate": files.certificate, "client-key": files.key});
    play(world, &home, &name, &user).await.unwrap();
}

#[tokio::test]
async fn the_guides_session_is_what_happens_with_a_token() {
    let world = World::get().await.unwrap();
    let name = world.unique("ann-token");
    let home = PersonsHome::new().unwrap();
    let token = world.token(Person::Bob, &name).unwrap();
    let log = play(world, &home, &name, &json!({"token": token})).await.unwrap();
    assert!(!log.contains(&token), "{log}");
    // One in a file, too.
    home.write(".kube/token", &token).unwrap();
    play(world, &home, &name, &json!({"tokenFile": "token"})).await.unwrap();
}

#[tokio::test]
async fn the_guides_session_is_what_happens_with_a_plugin_that_gets_a_token_or_a_certificate() {
    let world = World::get().await.unwrap();
    let name = world.unique("ann-plugin");
    let home = PersonsHome::new().unwrap();
    let token = world.token(Person::Bob, &name).unwrap();
    let credential = |status: Value| json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status});
    let script = "#!/bin/sh\necho \"$1 for $WHO\" >&2\ncat \"$HOME/credential\"\n";
    home.write(".kube/bin/login", script).unwrap();
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/login", "args": ["login"],
        "env": [{"name": "WHO", "value": "ann"}], "interactiveMode": "Never", "provideClusterInfo": true,
    }});
    home.write("credential", &credential(json!({"token": token})).to_string()).unwrap();
    let log = play(world, &home, &name, &user).await.unwrap();
    assert!(log.contains("login for ann") && !log.contains(&token), "{log}");

    let leaf = world.cluster.client_certificate(&format!("kc:{name}"), "kc:viewers").unwrap();
    let pair = json!({"clientCertificateData": leaf.certificate, "clientKeyData": leaf.key});
    home.write("credential", &credential(pair).to_string()).unwrap();
    play(world, &home, &name, &user).await.unwrap();
}

#[tokio::test]
async fn a_credential_that_the_api_server_does_not_accept_is_told_from_a_permission() {
    let world = World::get().await.unwrap();
    let home = PersonsHome::new().unwrap();
    let name = world.unique("stranger");
    let token = world.token(Person::Stranger, &name).unwrap();
    home.kubeconfig(world.cluster.url(), world.cluster.ca_file(), &json!({"token": token}))
        .unwrap();
    let mut session = home.start::<&str>([]).unwrap();
    let lines = self::session().unwrap();
    for (_, line) in lines.iter().filter(|(sent, _)| *sent).take(3) {
        session.send(line).unwrap();
    }
    let _hello = session.next().unwrap();
    let answer = session.next().unwrap();
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(answer["result"]["isError"], true);
    assert!(
        text.contains("(401)") && text.contains("`here`") && text.contains("sign in again"),
        "{text}"
    );
    assert!(!text.contains(&token));
    session.end().unwrap();
}

#[test]
fn patterns_hold_what_they_show() {
    for (pattern, text, held) in [
        ("a…c", "abc", true),
        ("a…c", "ac", true),
        ("a…c", "abd", false),
        ("a…", "abc", true),
        ("…c", "abc", true),
        ("abc", "abcd", false),
        ("a…b…c", "acb", false),
    ] {
        assert_eq!(is_like(pattern, text), held, "{pattern} {text}");
    }
}
