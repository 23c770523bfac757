//! Rule 27: what is remembered of requests, and what is not.

use std::time::Duration;

use anyhow::Context as _;
use obolus_tests::deadline::eventually;
use obolus_tests::entra::{AuthStyle, Endpoint};
use obolus_tests::https;
use obolus_tests::process::Program;
use serde_json::json;

use crate::certificates::certificates;
use crate::signing::{sign, x5t, x5t_s256};
use crate::table::Rule;
use crate::world::{FIRST, SECOND, World};

#[tokio::test]
async fn rule_27_requests_are_recorded_without_secrets() {
    let world = World::start().await;
    let mut rule = Rule::new(27, "requests are recorded, without secrets");
    let form = world.alice().await;
    let good = &certificates().good;
    let claims = world.client_claims();
    let newer = sign(good, &json!({"alg": "PS256", "x5t#S256": x5t_s256(good)}), &claims);
    let older = sign(good, &json!({"alg": "RS256", "x5t": x5t(good)}), &claims);
    let wrong = "wrong.secret~that-nobody_has";
    let basic = form.anonymous().authorized(world.basic(world.id("mcp-server"), SECOND));
    let answers = [
        world.post(&form).await,
        world.post(&basic).await,
        world.post(&world.asserted(&form, &newer)).await,
        world.post(&world.asserted(&form, &older)).await,
        world.post(&form.with("client_secret", wrong)).await,
        world.post(&form.anonymous()).await,
    ];
    let seen = world.emulator.requests().on_behalf_of();
    let styles: Vec<_> = seen.iter().map(|request| request.auth_style).collect();
    let expected = [
        AuthStyle::SecretPost,
        AuthStyle::SecretBasic,
        AuthStyle::Certificate,
        AuthStyle::Certificate,
        AuthStyle::SecretPost,
        AuthStyle::None,
    ];
    assert_eq!(styles, expected);
    rule.allowed_when("the style", true);
    let first = &seen[0];
    let names: Vec<_> = form.parameters.iter().map(|(name, _)| name.clone()).collect();
    rule.allowed_when("the parameters' names, in their order", first.parameters == names);
    rule.allowed_when("client and person", {
        let who = (first.client.as_deref(), first.user.as_deref(), first.tenant.as_deref());
        who == (Some("mcp-server"), Some("alice"), Some("contoso"))
    });
    let kinds = (seen[2].thumbprint_kind, seen[3].thumbprint_kind);
    assert_eq!(kinds, (Some("x5t#S256"), Some("x5t")));
    let hexadecimal = crate::signing::thumbprint(good);
    let shown =
        seen[3].thumbprint.as_deref().is_some_and(|hex| hex.eq_ignore_ascii_case(&hexadecimal));
    rule.allowed_when("the thumbprint", shown);
    let jti = claims["jti"].as_str();
    rule.allowed_when("jti, and its reuse", {
        let reuse = (seen[2].jti_reused, seen[3].jti_reused);
        seen[2].jti.as_deref() == jti && reuse == (false, true)
    });
    let outcomes: Vec<_> = seen.iter().map(|one| (one.status, one.code)).collect();
    let (ok, refused) = ((Some(200), None), |code| (Some(401), Some(code)));
    assert_eq!(outcomes, [ok, ok, ok, ok, refused(7000215), refused(7000218)]);
    rule.allowed_when("the outcome", true);
    assert!(world.emulator.requests().to(Endpoint::Authorize).len() == 1, "alice signed in once");

    let everything = format!(
        "{:?}\n{}\n{:?}\n{:?}",
        world.emulator.requests().all(),
        serde_json::to_string(&world.emulator.requests().all()).unwrap(),
        world.emulator,
        world.directory,
    );
    let mut secrets = vec![FIRST.to_owned(), SECOND.to_owned(), wrong.to_owned()];
    secrets.extend([newer, older, form.get("assertion").to_owned()]);
    secrets.extend(answers[..4].iter().map(crate::answer::Answer::token));
    secrets.push("alice-has-a-password".to_owned());
    for secret in &secrets {
        assert!(!secret.is_empty() && !everything.contains(secret.as_str()));
        // Neither the whole nor the part that makes it worth something.
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!everything.contains(signature), "a part of a secret is in what is remembered");
    }
    rule.refused_when(&format!("{} secrets in what is remembered", secrets.len()), true);
    rule.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_prints_each_request_and_no_secret_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("directory.toml"), include_str!("directory.toml")).unwrap();
    let mut program =
        Program::new("entra-emulator", env!("CARGO_BIN_EXE_entra-emulator"), path("log"))
            .arg("--config")
            .arg(path("directory.toml"))
            .args(["--listen", "127.0.0.1:0", "--ca-file"])
            .arg(path("ca.pem"))
            .start()
            .unwrap();
    let started = eventually("the emulator", Duration::from_secs(20), || {
        let (running, log) = (program.still_runs(), program.log());
        async move {
            running?;
            let (_, after) = log.split_once("Entra ID emulator at ").context("not yet")?;
            let (host, after) = after.split_once('\n').context("not yet")?;
            anyhow::ensure!(after.contains("Ctrl-C ends it"), "not yet");
            Ok(host.to_owned())
        }
    });
    let host = started.await.unwrap();
    let before = program.log().len();
    let http = https::client(&std::fs::read_to_string(path("ca.pem")).unwrap()).unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "e0000000-0000-4000-8000-000000000004"),
        ("client_secret", "the.secret~of-the_daemon"),
        ("scope", "api://a0000000-0000-4000-8000-00000000000a/.default"),
    ];
    let endpoint = format!("{host}/contoso.example/oauth2/v2.0/token");
    let answer = http.post(&endpoint).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let token: serde_json::Value = answer.json().await.unwrap();
    let token = token["access_token"].as_str().unwrap();
    let wrong = form.map(|(name, value)| (name, value.replace("daemon", "wrong")));
    assert_eq!(http.post(&endpoint).form(&wrong).send().await.unwrap().status(), 401);
    let printed = eventually("two lines", Duration::from_secs(10), || {
        let log = program.log();
        let printed = log.get(before..).unwrap_or_default().to_owned();
        async move {
            anyhow::ensure!(printed.contains("7000215"), "{printed}");
            Ok(printed)
        }
    });
    let printed = printed.await.unwrap();
    assert!(printed.contains("200 POST ") && printed.contains("daemon"), "{printed}");
    for secret in ["the.secret", "of-the_daemon", token, token.rsplit('.').next().unwrap()] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
