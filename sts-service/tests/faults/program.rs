//! The program itself: what it says of its configuration, and how it ends.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, SystemTime};

use obolus_tests::deadline::{eventually, eventually_blocking};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::pki::Authority;
use obolus_tests::process::Program;

use crate::idp::Running;
use crate::world::{SOON, configuration};

const PROGRAM: &str = env!("CARGO_BIN_EXE_obolus-sts");

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("obolus sts program").unwrap();
    authority.server().unwrap().write(folder.path(), "server").unwrap();
    authority.write(folder.path().join("authority.crt")).unwrap();
    std::fs::write(folder.path().join("credential"), "credential-of-the-gateway").unwrap();
    std::fs::write(folder.path().join("secret"), "client-secret").unwrap();
    std::fs::write(folder.path().join("sts.toml"), configuration("https://localhost:1", ""))
        .unwrap();
    folder
}

#[test]
fn a_good_configuration_is_called_good_and_a_bad_one_ends_with_all_its_problems() {
    let folder = folder();
    let path = folder.path().join("sts.toml");
    let run = |arguments: &[&str]| {
        let output =
            Command::new(PROGRAM).arg("--config").arg(&path).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    assert_eq!(run(&["--check"]), (Some(0), String::new()));

    let good = std::fs::read_to_string(&path).unwrap();
    let bad = good
        .replace("\"127.0.0.1:0\"", "\"localhost\"")
        .replace("[limits]", "[limits]\ncached_token = 1")
        .replacen("audience = \"kubernetes\"", "audience = \"https://mcp.example.com/mcp\"", 1);
    std::fs::write(&path, bad).unwrap();
    std::fs::write(folder.path().join("credential"), "SHORT").unwrap();
    std::fs::remove_file(folder.path().join("secret")).unwrap();
    for arguments in [&[][..], &["--check"]] {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(2));
        for path in [
            "server.listen:",
            "server.operations_listen:",
            "limits.cached_token: is not a setting here: did you mean cached_tokens?",
            "targets[0].client.secret_file:",
            "callers[0].credential_files[0]:",
        ] {
            assert!(text.contains(path), "{path} is missing in {text}");
        }
        assert!(!text.contains("SHORT"));
    }
}

#[test]
fn a_credential_that_is_withdrawn_beside_a_good_one_is_a_note_and_all_withdrawn_are_a_fault() {
    let folder = folder();
    let path = folder.path().join("sts.toml");
    let two = configuration("https://localhost:1", "")
        .replace("[\"credential\"]", "[\"credential\", \"next\"]");
    std::fs::write(&path, two).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(PROGRAM).args(arguments).arg(&path).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code().unwrap(), text.concat())
    };
    let next = folder.path().join("next");
    let note = "note: callers[0].credential_files[1] lets nobody in";
    std::fs::write(&next, "").unwrap();
    for _ in ["empty", "gone"] {
        for arguments in [&["--check", "--config"][..], &["check"]] {
            let (code, text) = run(arguments);
            assert!(code == 0 && text.contains(note), "{code} {text}");
        }
        let _ = std::fs::remove_file(&next);
    }
    // A mistake is none's withdrawal.
    std::fs::write(&next, "short").unwrap();
    let (code, text) = run(&["--check", "--config"]);
    assert!(code == 2 && text.contains("credential_files[1]: "), "{text}");
    for other in ["", "short"] {
        std::fs::write(folder.path().join("credential"), "").unwrap();
        std::fs::write(&next, other).unwrap();
        assert_eq!(run(&["--check", "--config"]).0, 2, "{other}");
        assert_eq!(run(&["check"]).0, 1, "{other}");
    }
}

#[test]
fn what_works_and_may_not_be_meant_is_noted() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let close = |name: &str, mode: u32| {
        std::fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
    };
    let noted = || {
        let output = Command::new(PROGRAM).arg("check").arg(path("sts.toml")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        let notes = text.lines().filter_map(|line| Some(line.split_once(": note: ")?.1.to_owned()));
        notes.collect::<Vec<_>>()
    };
    for name in ["server.key", "secret", "credential"] {
        close(name, 0o400);
    }
    let all = "targets = [\"kubernetes\", \"second\"]";
    let good = configuration("https://localhost:1", "")
        .replace(all, "targets = [\"kubernetes\", \"second\", \"ungranted\"]");
    std::fs::write(path("sts.toml"), &good).unwrap();
    assert_eq!(noted(), [""; 0]);
    let limits = "[limits]\nidp_timeout_ms = 5000\ncached_tokens = 0\nconnections = 9\nconnections_per_peer = 10";
    let doubtful = configuration("https://localhost:1", "").replace("[limits]", limits)
        + "[traces]\notlp_endpoint = \"http://localhost:4317\"\n";
    std::fs::write(path("sts.toml"), doubtful).unwrap();
    for (name, mode) in [("server.key", 0o644), ("secret", 0o604), ("credential", 0o666)] {
        close(name, mode);
    }
    let notes = noted();
    for start in [
        "server.private_key_file names a file that everybody",
        "limits.idp_timeout_ms is as long as the filter waits",
        "limits.cached_tokens means that nothing is remembered",
        "limits.connections_per_peer is more than connections",
        "traces.otlp_endpoint is on port 4317",
        "targets[2].name is in no grant",
        "targets[0].client names a file that everybody on this machine may open (mode 0604)",
        "callers[0].credential_files[0] names a file that everybody",
    ] {
        assert!(notes.iter().any(|note| note.starts_with(start)), "{start} is not in {notes:#?}");
    }
}

#[test]
fn a_certificate_that_ends_within_two_weeks_is_noted() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    for (days, expected) in [(13, 1), (15, 0)] {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = (SystemTime::now() + Duration::from_secs(days * 86_400)).into();
        std::fs::write(path("server-chain.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(path("server.key"), key.serialize_pem()).unwrap();
        let output = Command::new(PROGRAM).arg("check").arg(path("sts.toml")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let seen =
            text.matches("server.certificate_file names a certificate that ends soon (").count();
        assert_eq!(seen, expected, "{text}");
    }
}

#[test]
fn it_ends_well_when_asked_to() {
    let folder = folder();
    let log = folder.path().join("log");
    let config = folder.path().join("sts.toml");
    let mut process =
        Program::new("obolus-sts", PROGRAM, log).arg("--config").arg(config).start().unwrap();
    eventually_blocking("its start", Duration::from_secs(20), || {
        process.still_runs()?;
        anyhow::ensure!(process.log().contains("listening"));
        Ok(())
    })
    .unwrap();
    assert_eq!(process.stop(Duration::from_secs(20)).unwrap(), 0, "{}", process.log());
}

#[tokio::test]
async fn a_proxy_of_the_environment_never_sees_what_goes_to_an_issuer() {
    let folder = folder();
    let authority = Authority::new("proxied").unwrap();
    authority.write(folder.path().join("authority.crt")).unwrap();
    let (issuer, proxy) = (Running::start(&authority).await, Recorder::start().await.unwrap());
    let config = folder.path().join("sts.toml");
    std::fs::write(&config, configuration(&issuer.idp.issuer(), "")).unwrap();
    let mut program = Program::new("obolus-sts", PROGRAM, folder.path().join("log"));
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"] {
        program = program.env(name, proxy.url());
    }
    let process = program
        .env("NO_PROXY", "")
        .env("no_proxy", "")
        .arg("--config")
        .arg(config)
        .start()
        .unwrap();
    eventually("keys", SOON, || async {
        anyhow::ensure!(issuer.calls("/keys") > 0, "{}", process.log());
        Ok(())
    })
    .await
    .unwrap();
    assert!(proxy.requests().is_empty());
}
