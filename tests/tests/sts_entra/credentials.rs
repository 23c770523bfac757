//! The five ways to prove which application asks, each taken and refused side by side; and proofs that change while
//! the STS runs.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::entra::AuthStyle;
use obolus_tests::fixtures::entra::{CLUSTER, SERVER, Style};
use serde_json::json;

use crate::world::{Target, World, cluster, granted, refused, target};

const SOON: Duration = Duration::from_secs(10);

fn wrong<'a>(name: &'a str, proof: &'a str) -> Target<'a> {
    Target { proof, ..target(name, CLUSTER) }
}

fn misconfigured() -> crate::world::Outcome {
    refused(500, "exchange_misconfigured")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_five_proofs_gets_each_persons_token_and_a_wrong_one_gets_none() {
    let other = "key_file = \"other.key\"\ncertificate_file = \"other.crt\"";
    let ps256 = format!("method = \"private_key_jwt\"\n{other}");
    let rs256 = format!("{ps256}\nalgorithm = \"RS256\"\nthumbprint = \"x5t\"");
    let wrongs = [
        wrong("wrong-post", "method = \"client_secret_post\"\nsecret_file = \"wrong.secret\""),
        wrong("wrong-basic", "method = \"client_secret_basic\"\nsecret_file = \"wrong.secret\""),
        wrong("wrong-ps256", &ps256),
        wrong("wrong-rs256", &rs256),
        // A signed JWT, and nobody's whom Entra believes.
        wrong("wrong-file", "method = \"jwt_file\"\ntoken_file = \"other.token\""),
    ];
    let world = World::start_with(&wrongs, |options| {
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL290aGVyIiwiYXVkIjoiYXBpOi8vQXp1cmVBRFRva2VuRXhjaGFuZ2UiLCJleHAiOjQxMDI0NDQ4MDB9.c2ln".to_owned();
        options.files.push(("other.token".to_owned(), token));
    })
    .await
    .unwrap();
    let people = [("alice", "a11ce000"), ("bob", "b0b00000")];
    for (style, wrong, sent, algorithm, thumbprint, code) in [
        (Style::SecretPost, "wrong-post", AuthStyle::SecretPost, None, None, 7_000_215),
        (Style::SecretBasic, "wrong-basic", AuthStyle::SecretBasic, None, None, 7_000_215),
        (
            Style::CertificatePs256,
            "wrong-ps256",
            AuthStyle::Certificate,
            Some("PS256"),
            Some("x5t#S256"),
            700_027,
        ),
        (
            Style::CertificateRs256,
            "wrong-rs256",
            AuthStyle::Certificate,
            Some("RS256"),
            Some("x5t"),
            700_027,
        ),
        (Style::Federated, "wrong-file", AuthStyle::Federated, Some("RS256"), None, 700_211),
    ] {
        for (person, oid) in people {
            let token = world.token(person).await;
            let claims = world.claims(&token, style.name()).await;
            assert!(claims["oid"].as_str().unwrap().starts_with(oid), "{claims}");
            assert_eq!(claims["aud"], cluster(&world.entra));
            assert_eq!(claims["azp"], world.entra.id_of(SERVER));
            assert_eq!(claims["tid"], world.entra.tenant_id());
            let asked = world.asked().pop().unwrap();
            assert_eq!((asked.auth_style, asked.status), (sent, Some(200)));
            assert_eq!(asked.assertion_algorithm.as_deref(), algorithm);
            assert_eq!(asked.thumbprint_kind, thumbprint);
            assert!(!asked.jti_reused || style == Style::Federated, "{asked:?}");
            assert_eq!(asked.path, format!("/{}/oauth2/v2.0/token", world.entra.tenant_id()));

            assert_eq!(world.exchange(&token, wrong).await, misconfigured(), "{wrong}");
            let asked = world.asked().pop().unwrap();
            assert_eq!((asked.auth_style, asked.code), (sent, Some(code)), "{wrong}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_but_what_on_behalf_of_needs() {
    let world = World::start().await.unwrap();
    let token = world.token("alice").await;
    let asks = ["grant_type", "requested_token_use", "assertion", "scope"];
    for (style, proof) in [
        (Style::SecretPost, &["client_id", "client_secret"][..]),
        (Style::SecretBasic, &[]),
        (Style::CertificatePs256, &["client_id", "client_assertion_type", "client_assertion"]),
        (Style::Federated, &["client_id", "client_assertion_type", "client_assertion"]),
    ] {
        assert_eq!(world.exchange(&token, style.name()).await, granted());
        let asked = world.asked().pop().unwrap();
        assert_eq!(asked.parameters, [&asks[..], proof].concat(), "{}", style.name());
        let scope = format!("api://{}/.default", cluster(&world.entra));
        assert_eq!(asked.scope.as_deref(), Some(scope.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_federated_token_is_reread_through_a_swapped_folder_and_a_bad_one_is_never_sent() {
    let home = tempfile::tempdir().unwrap();
    let world = World::start_with(&[], |options| {
        let folder = options.folder.insert(home.path().to_owned()).clone();
        // As kubelet projects it: the file's name leads through `..data`, which is replaced by a rename.
        std::fs::create_dir(folder.join("..first")).unwrap();
        let token = options.files.iter().position(|(name, _)| name == "entra.token").unwrap();
        let (_, token) = options.files.remove(token);
        std::fs::write(folder.join("..first/entra.token"), token).unwrap();
        std::os::unix::fs::symlink("..first", folder.join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/entra.token", folder.join("entra.token")).unwrap();
    })
    .await
    .unwrap();
    let swap = |name: &str, content: &str| {
        std::fs::create_dir(world.file(name)).unwrap();
        std::fs::write(world.file(name).join("entra.token"), content).unwrap();
        std::os::unix::fs::symlink(name, world.file("..data_tmp")).unwrap();
        std::fs::rename(world.file("..data_tmp"), world.file("..data")).unwrap();
    };
    let target = Style::Federated.name();
    let alice = world.token("alice").await;
    assert_eq!(world.exchange(&alice, target).await, granted());
    let first = world.asked().pop().unwrap().jti;
    let large = "x".repeat(17 * 1024);
    for (number, (content, word)) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("garbage", "does not hold one signed JWT"),
        (large.as_str(), "is too large"),
        // The pod's own: for https://kubernetes.default.svc, until 2100.
        (
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2NsdXN0ZXIiLCJhdWQiOlsiaHR0cHM6Ly9rdWJlcm5ldGVzLmRlZmF1bHQuc3ZjIl0sImV4cCI6NDEwMjQ0NDgwMH0.c2ln",
            "is not sent there",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        swap(&format!("..bad{number}"), content);
        eventually(word, SOON, || async {
            let log = world.sts.log();
            ensure!(log.lines().any(|line| line.contains("entra.token") && line.contains(word)), "{log}");
            Ok(())
        })
        .await
        .unwrap();
        // The last good one is sent until its own end, and nothing else is.
        let bob = world.token("bob").await;
        assert_eq!(world.exchange(&bob, target).await, granted(), "{word}");
        assert_eq!(world.asked().pop().unwrap().jti, first, "{word}");
    }
    let renewed = world.entra.workload_token().unwrap();
    swap("..second", &format!("{renewed}\n"));
    let second = eventually("the renewed token", SOON, || async {
        let bob = world.token("bob").await;
        let seen = world.exchange(&bob, target).await;
        ensure!(seen == granted(), "{seen:?}\n{}", world.sts.log());
        let asked = world.asked().pop();
        asked.filter(|asked| asked.jti != first).context("the first one, still")
    })
    .await
    .unwrap();
    assert_eq!((second.auth_style, second.status), (AuthStyle::Federated, Some(200)));
    assert!(first.is_some() && second.jti != first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_is_used_for_who_is_warm_too_and_ends_the_refusals_of_the_old_one() {
    let world = World::start().await.unwrap();
    let target = Style::SecretPost.name();
    let alice = world.token("alice").await;
    assert_eq!(world.exchange(&alice, target).await, granted());
    world.entra.emulator.change(|directory| {
        directory.app_mut(SERVER).secrets[0].value = "the-next-secret".to_owned();
    });
    let bob = world.token("bob").await;
    assert_eq!(world.exchange(&bob, target).await, misconfigured());
    let before = world.asked().len();
    std::fs::write(world.file("entra.secret"), "the-next-secret\n").unwrap();
    eventually("the new secret", SOON, || async {
        let seen = world.exchange(&alice, target).await;
        ensure!(seen == granted() && world.asked().len() > before, "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange(&bob, target).await, granted());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_each_certificate_is_a_metric() {
    let world = World::start().await.unwrap();
    let text = world.sts.metrics().await.unwrap();
    let name = "obolus_sts_client_certificate_expiry_timestamp_seconds";
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with(name)).collect();
    let of = |style: Style| {
        let line = lines.iter().find(|line| line.contains(style.name()));
        line.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
    };
    // rcgen's certificates end in the year 4096.
    assert_eq!(of(Style::CertificatePs256), Some(67_090_118_400), "{lines:?}");
    assert_eq!(of(Style::SecretPost), None);
    let counted = world.exchange(&world.token("alice").await, Style::SecretPost.name()).await;
    assert_eq!(counted, granted());
    let text = world.sts.metrics().await.unwrap();
    let labels = json!({"issuer": "entra", "provider": "entra", "outcome": "ok"});
    let labels: Vec<_> =
        labels.as_object().unwrap().iter().map(|(k, v)| format!("{k}={v}")).collect();
    let counted = text.lines().any(|line| {
        line.starts_with("obolus_sts_upstream_seconds_count")
            && labels.iter().all(|label| line.contains(label.as_str()))
    });
    assert!(counted, "{text}");
}
