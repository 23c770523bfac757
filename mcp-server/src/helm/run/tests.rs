//! With a program in helm's place that tells what it was started with, or does not end.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::cluster::Identity;
use crate::config::Config;
use crate::helm::ChartSources;
use crate::user_token::UserToken;

const TOKEN: &str = "planted-token-7f3a";

struct Stage {
    folder: TempDir,
    settings: Arc<HelmSettings>,
    caller: Caller,
}

/// `script` is what helm does.
fn stage(script: &str) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("helm");
    std::fs::write(&program, format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let settings = Arc::new(HelmSettings {
        program,
        charts: ChartSources::default(),
        certificate_authority: None,
        storage: crate::config::Storage::default(),
        timeout: Duration::from_secs(20),
    });
    let path = folder.path().join("mcp.toml");
    std::fs::write(&path, "[cluster]\nserver = \"https://127.0.0.1:9\"\n").unwrap();
    let config = Config::load(&path).unwrap();
    let cluster = crate::Cluster::new(config.clusters.default_cluster()).unwrap();
    let caller = Arc::new(cluster).caller(Identity::Bearer(UserToken::new(TOKEN)));
    Stage { folder, settings, caller }
}

impl Stage {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn helm(&self) -> Helm {
        Helm::prepare(&self.settings, self.caller.clone(), None).await.unwrap()
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process is there, and not only its exit status.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[tokio::test]
async fn a_run_gets_nothing_of_ours_and_its_home_goes_with_it() {
    let stage = stage(
        "env > \"$HOME/../env.$$\"; cp \"$HOME/../env.$$\" \"$0.env\"; rm \"$HOME/../env.$$\"; echo \"$@\" > \"$0.args\"; cat > \"$0.input\"; pwd > \"$0.home\"; stat -c %a . > \"$0.mode\"; echo out; echo '[]'",
    );
    let helm = stage.helm().await;
    let output = helm.succeed("try", &["list", "--output=json"], Some(b"{\"a\":1}")).await.unwrap();
    assert_eq!(output, b"out\n[]\n");
    let read = |name: &str| std::fs::read_to_string(stage.path(name)).unwrap();
    assert_eq!(read("helm.args").trim(), "list --output=json");
    assert_eq!(read("helm.input"), "{\"a\":1}");
    assert_eq!(read("helm.mode").trim(), "700");
    let environment = read("helm.env");
    let known =
        ["HOME", "TMPDIR", "KUBECONFIG", "KUBECACHEDIR", "PATH", "PWD", "OLDPWD", "SHLVL", "_"];
    for line in environment.lines() {
        let (name, _) = line.split_once('=').unwrap();
        let is_proxy = ["HTTP_PROXY", "HTTPS_PROXY"].contains(&name);
        assert!(
            known.contains(&name) || name.starts_with("HELM_") || is_proxy,
            "{name} is of ours"
        );
    }
    let home = read("helm.home");
    assert!(environment.contains("HELM_KUBEAPISERVER=http://127.0.0.1:"), "{environment}");
    let proxies = environment.lines().filter(|line| line.contains("_PROXY=")).count();
    assert_eq!(proxies, 2, "what helm asks for elsewhere ends here: {environment}");
    for told in [environment, read("helm.args"), read("helm.input")] {
        assert!(!told.contains(TOKEN), "{told}");
    }
    assert!(Path::new(home.trim()).exists(), "as long as the call lasts");
    drop(helm);
    assert!(!Path::new(home.trim()).exists());
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_all_processes_and_the_home_along() {
    let stage =
        stage("pwd > \"$0.home\"; sleep 600 & echo $! > \"$0.child\"; echo $$ > \"$0.pid\"; wait");
    let helm = stage.helm().await;
    let run = tokio::spawn(async move { helm.list(None).await });
    let read = |name: &str| {
        std::fs::read_to_string(stage.path(name)).unwrap_or_default().trim().to_owned()
    };
    until("it runs", || !read("helm.pid").is_empty()).await;
    let (parent, child, home) = (read("helm.pid"), read("helm.child"), read("helm.home"));
    assert!(lives(&parent) && lives(&child) && Path::new(&home).exists());
    run.abort();
    until("they are gone", || !lives(&parent) && !lives(&child)).await;
    until("and so is the home", || !Path::new(&home).exists()).await;
}

#[tokio::test]
async fn time_output_and_disk_are_bounded() {
    for (script, said) in [
        ("yes", "says more"),
        ("yes >&2 & sleep 1; kill $!; exit 3", "could not try: y"),
        ("head -c 200000000 /dev/zero > x; sleep 600", "writes more"),
        ("sleep 600", "did not end within 2 s"),
        ("exit 7", "could not try: "),
    ] {
        let mut stage = stage(script);
        if said.contains("2 s") {
            Arc::get_mut(&mut stage.settings).unwrap().timeout = Duration::from_secs(2);
        }
        let failure = stage.helm().await.succeed("try", &["x"], None).await.unwrap_err();
        assert_eq!(failure.label(), "helm_failed", "{script}");
        let text = failure.to_string();
        assert!(text.contains(said) && text.len() < 3_000, "{script}: {text}");
    }
}

#[tokio::test]
async fn its_words_have_neither_our_address_nor_our_folders() {
    let stage = stage(
        "echo \"Error: Get \\\"$HELM_KUBEAPISERVER/version\\\": dial ${HELM_KUBEAPISERVER#http://}: $HOME/x\" >&2; exit 1",
    );
    let helm = stage.helm().await;
    let failure = helm.succeed("try", &["x"], None).await.unwrap_err().to_string();
    assert!(failure.contains("Get \"https://127.0.0.1:9/version\""), "{failure}");
    let url = helm.door.url();
    let (_, secret) = url.expose_secret().rsplit_once('/').unwrap();
    let home = helm.home.path().display().to_string();
    for hidden in [secret, &home, "Error:"] {
        assert!(!failure.contains(hidden), "{failure}");
    }
}
