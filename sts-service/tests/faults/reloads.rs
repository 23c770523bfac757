//! The configuration file and the files that it names, while somebody changes them and something is wrong.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::pki::Authority;

use crate::idp::Running;
use crate::world::{CREDENTIAL, Outcome, SOON, World, configuration, granted, outcome, refused};

/// Another caller, which may have what the first one may.
const OTHER: &str = r#"
[[callers]]
id = "other"
credential_files = ["other"]
[[callers.grants]]
issuer = "idp"
audiences = ["https://mcp.example.com/mcp"]
clients = ["mcp-client"]
targets = ["kubernetes", "second"]
"#;
const OTHERS: &str = "credential-of-another-gateway";

async fn start() -> (World, String) {
    let authority = Authority::new("reloads").unwrap();
    let running = Running::start(&authority).await;
    let text = configuration(&running.idp.issuer(), "") + OTHER;
    let whole = text.clone();
    let world = World::start_by(&authority, running, |folder| {
        std::fs::write(folder.join("other"), OTHERS).unwrap();
        whole
    })
    .await;
    (world, text)
}

fn replace(world: &World, name: &str, content: &str) {
    std::fs::write(world.path().join("new"), content).unwrap();
    std::fs::rename(world.path().join("new"), world.path().join(name)).unwrap();
}

async fn ask(world: &World, caller: &str, target: &str) -> Outcome {
    let alice = world.idp().token("alice");
    let credential = if caller == "other" { OTHERS } else { CREDENTIAL };
    let request = world.request_of(caller, credential, &alice, target, None);
    outcome(request.send().await.unwrap()).await.0
}

/// For as long as it takes until a changed file counts.
async fn becomes(world: &World, caller: &str, target: &str, expected: Outcome) {
    eventually("the change", SOON, || async {
        let seen = ask(world, caller, target).await;
        ensure!(seen == expected, "{caller} {target}: {seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn rights_that_are_gone_go_although_another_file_is_bad_and_new_ones_wait_until_it_is_good() {
    let (world, text) = start().await;
    for caller in ["envoy", "other"] {
        assert_eq!(ask(&world, caller, "second").await, granted());
        assert_eq!(ask(&world, caller, "ungranted").await, refused(403, "target_not_granted"));
    }
    // A certificate and a key that do not belong together, as in the middle of a rotation.
    let key = std::fs::read_to_string(world.path().join("server.key")).unwrap();
    Authority::new("another").unwrap().server().unwrap().write(world.path(), "strange").unwrap();
    let strange = std::fs::read_to_string(world.path().join("strange.key")).unwrap();
    replace(&world, "server.key", &strange);
    let grant = r#"targets = ["kubernetes", "second"]"#;
    let one_less = text.replacen(grant, r#"targets = ["kubernetes", "ungranted"]"#, 1);
    assert_ne!(one_less, text);
    let without_other = one_less.replace(OTHER, "");
    replace(&world, "sts.toml", &without_other);
    becomes(&world, "other", "kubernetes", refused(401, "caller_unauthenticated")).await;
    assert_eq!(ask(&world, "envoy", "second").await, refused(403, "target_not_granted"));
    assert_eq!(ask(&world, "envoy", "kubernetes").await, granted());
    assert_eq!(ask(&world, "envoy", "ungranted").await, refused(403, "target_not_granted"));
    replace(&world, "server.key", &key);
    becomes(&world, "envoy", "ungranted", granted()).await;
    assert_eq!(ask(&world, "envoy", "second").await, refused(403, "target_not_granted"));
    assert_eq!(ask(&world, "other", "kubernetes").await, refused(401, "caller_unauthenticated"));
    // And back to what there was at the beginning.
    replace(&world, "sts.toml", &text);
    becomes(&world, "other", "second", granted()).await;
}

#[tokio::test]
async fn what_was_taken_away_by_a_bad_change_comes_back_with_the_file_of_before() {
    let (world, text) = start().await;
    replace(&world, "sts.toml", &text.replace(OTHER, "unknown_setting = 1"));
    becomes(&world, "other", "kubernetes", refused(401, "caller_unauthenticated")).await;
    assert_eq!(ask(&world, "envoy", "kubernetes").await, granted());
    replace(&world, "sts.toml", &text);
    becomes(&world, "other", "kubernetes", granted()).await;
}

#[tokio::test]
async fn a_configuration_that_is_cut_off_takes_nothing_away() {
    let (world, text) = start().await;
    const BROKEN: &str = "obolus_sts_material_state{kind=\"configuration\"";
    for cut in ["[[callers]]", "[[issuers]]"] {
        let (rest, _) = text.split_once(cut).unwrap();
        replace(&world, "sts.toml", rest);
        eventually("the broken file", SOON, || async {
            ensure!(world.metric(BROKEN).await == 1);
            Ok(())
        })
        .await
        .unwrap();
        for caller in ["envoy", "other"] {
            assert_eq!(ask(&world, caller, "kubernetes").await, granted(), "{cut}");
        }
        replace(&world, "sts.toml", &text);
        eventually("the good file", SOON, || async {
            ensure!(world.metric(BROKEN).await == 0);
            Ok(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn no_pipe_or_folder_in_a_files_place_stops_anything() {
    let (mut world, _) = start().await;
    let pipe = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let broken = "obolus_sts_material_state";
    assert_eq!(ask(&world, "envoy", "kubernetes").await, granted());
    assert_eq!(world.metric(broken).await, 0);
    for (number, name) in
        ["sts.toml", "secret", "credential", "other", "server.key", "authority.crt"]
            .iter()
            .enumerate()
    {
        let path = world.path().join(name);
        std::fs::remove_file(&path).unwrap();
        if number % 2 == 0 { pipe(&path) } else { std::fs::create_dir(&path).unwrap() }
    }
    eventually("all of them", SOON, || async {
        ensure!(world.metric(broken).await >= 5, "{}", world.metric(broken).await);
        Ok(())
    })
    .await
    .unwrap();
    // By what was read last.
    for number in 0..8 {
        assert_eq!(world.exchange_for(&format!("person-{number}")).await, granted());
        assert_eq!(ask(&world, "other", "second").await, granted());
    }
    let health = world.operations("/healthz");
    let answer = obolus_tests::https::plain_client().unwrap().get(health).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    world.sts.take().unwrap().stop().await;
}
