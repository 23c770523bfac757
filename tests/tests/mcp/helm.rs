//! Charts: what they bring is made as the person who asked, and nothing of anybody's secrets is shown on the way.

use std::path::Path;

use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::mcp_server::McpServer;
use serde_json::{Value, json};

use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, World, options};

#[tokio::test]
async fn what_a_person_may_not_make_no_chart_makes_for_them() {
    let world = World::get().await.unwrap();
    let name = world.unique("alice-refused");
    let client = world.client(Alice, &name).unwrap();
    let release = world.unique("refused");
    let arguments = json!({"chart": "refused", "name": release, "namespace": SHOP});
    let refused = client.call("helm_install", arguments).await.unwrap();
    assert!(refused.is_tool_error(), "{}", refused.body);
    for part in ["clusterroles", &format!("kc:{name}")] {
        assert!(refused.text().contains(part), "{part}: {}", refused.text());
    }
    // The control: the same person, a chart of what she may make.
    let release = world.unique("notes");
    let arguments = json!({"chart": "notes", "name": release, "namespace": SHOP});
    let made = client.call("helm_install", arguments).await.unwrap();
    assert!(!made.is_tool_error(), "{}", made.body);
}

#[tokio::test]
async fn who_may_not_see_a_release_is_told_the_verb_that_is_missing_and_not_that_there_is_none() {
    let world = World::get().await.unwrap();
    let release = world.unique("unseen");
    let arguments = json!({"chart": "notes", "name": release, "namespace": SHOP});
    let alice = world.client(Alice, &world.unique("alice-installs")).unwrap();
    let made = alice.call("helm_install", arguments).await.unwrap();
    assert!(!made.is_tool_error(), "{}", made.body);
    let arguments = json!({"name": release, "namespace": SHOP});
    let bob = world.client(Bob, &world.unique("bob-uninstalls")).unwrap();
    let refused = bob.call("helm_uninstall", arguments.clone()).await.unwrap();
    assert!(
        refused.is_tool_error() && refused.text().starts_with("refused: you may not list secrets"),
        "{}",
        refused.body
    );
    // The control: it was there all the time.
    let gone = alice.call("helm_uninstall", arguments).await.unwrap();
    assert_eq!(gone.body["result"]["structuredContent"]["found"], true, "{}", gone.body);
}

#[tokio::test]
async fn charts_of_elsewhere_and_options_in_their_place_are_refused_before_helm_is_started() {
    let world = World::get().await.unwrap();
    let client = world.client(Alice, &world.unique("alice-elsewhere")).unwrap();
    for chart in [
        "/etc",
        "./notes",
        "../charts/notes",
        "notes/../refused",
        "file:///etc/passwd",
        "http://charts.example.com/web.tgz",
        "https://127.0.0.1/web.tgz",
        "https://user:pw@charts.example.com/web.tgz",
        "--kubeconfig=/dev/null",
        "-",
        "bitnami/web",
    ] {
        let arguments = json!({"chart": chart, "namespace": SHOP});
        let refused = client.call("helm_install", arguments).await.unwrap();
        assert!(refused.is_tool_error(), "{chart}: {}", refused.body);
        assert!(
            refused.text().starts_with("invalid arguments: chart "),
            "{chart}: {}",
            refused.text()
        );
    }
    for name in ["--all", "-a", "Web", "a b", "../x"] {
        let arguments = json!({"chart": "notes", "name": name, "namespace": SHOP});
        for tool in ["helm_install", "helm_uninstall"] {
            let mut arguments = arguments.clone();
            if tool == "helm_uninstall" {
                arguments.as_object_mut().unwrap().remove("chart");
            }
            let refused = client.call(tool, arguments).await.unwrap();
            assert!(refused.text().starts_with("invalid arguments"), "{name}: {}", refused.text());
        }
    }
}

#[tokio::test]
async fn a_template_that_reads_a_secret_cannot_tell_it() {
    let world = World::get().await.unwrap();
    let secret = world.unique("looked-up");
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": SHOP},
        "stringData": {"password": "canary-in-the-cluster"},
    });
    world.cluster.admin_apply(&object).await.unwrap();
    let client = world.client(Alice, &world.unique("alice-looks")).unwrap();
    let arguments = |values: Value| json!({"chart": "notes", "name": world.unique("looks"), "namespace": SHOP, "values": values});
    let refused = client.call("helm_install", arguments(json!({"lookup": secret}))).await.unwrap();
    assert!(refused.is_tool_error(), "{}", refused.body);
    let told = refused.body.to_string();
    assert!(!told.contains("canary") && told.contains("withheld"), "{told}");
    assert!(!world.mcp.log().contains("canary"));
    // The control: a template's own words are told where no Secret was read.
    let missing = json!({"lookup": {"not": "a name"}});
    let refused = client.call("helm_install", arguments(missing)).await.unwrap();
    assert!(refused.text().contains("objects.yaml"), "{}", refused.text());
}

#[tokio::test]
async fn a_denied_kind_is_refused_in_charts_before_anything_is_made() {
    let world = World::get().await.unwrap();
    let denied = |kind: &str| {
        format!("[[denied_resources]]\ngroup = \"\"\nversion = \"v1\"\nkind = \"{kind}\"\n")
    };
    for (kind, more, said) in [
        ("ConfigMap", "", "denied_resources"),
        ("Secret", "storage_driver = \"configmap\"\n", "denied_resources"),
        ("Secret", "", "storage_driver = \"configmap\""),
    ] {
        let mut options = options(&world.cluster).unwrap();
        options.more.push_str(more);
        options.more.push_str(&denied(kind));
        let mcp = McpServer::start(&options).await.unwrap();
        let token = world.token(Alice, &world.unique("alice-denied")).unwrap();
        let client = McpClient::new(&mcp.url(), Some(&token)).unwrap();
        let release = world.unique("denied");
        let arguments = json!({"chart": "notes", "name": release, "namespace": SHOP});
        let refused = client.call("helm_install", arguments).await.unwrap();
        assert!(
            refused.is_tool_error() && refused.text().contains(said),
            "{kind}: {}",
            refused.body
        );
        for plural in ["configmaps", "secrets"] {
            let path = format!("/api/v1/namespaces/{SHOP}/{plural}");
            let all = world.cluster.admin_get(&path).await.unwrap().to_string();
            assert!(!all.contains(&release), "{kind}: something of {release} was made");
        }
    }
}

/// Every process that descends from `pid`.
fn descendants(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<(u32, u32)> = processes
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        next += 1;
    }
    found.split_off(1)
}

/// Whether a file somewhere below a folder has this text in it.
fn holds(folder: &Path, text: &[u8]) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => holds(&path, text),
            Ok(kind) if kind.is_file() => std::fs::read(&path)
                .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text)),
            _ => false,
        }
    })
}

#[tokio::test]
async fn the_program_never_has_the_persons_token() {
    let world = World::get().await.unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let mut options = options(&world.cluster).unwrap();
    options.environment.push(("TMPDIR".to_owned(), temporary.path().display().to_string()));
    let mcp = McpServer::start(&options).await.unwrap();
    let token = world.token(Alice, &world.unique("alice-hides")).unwrap();
    let client = McpClient::new(&mcp.url(), Some(&token)).unwrap();
    let release = world.unique("hides");
    let arguments = json!({"chart": "notes", "name": release, "namespace": SHOP});
    let call = tokio::spawn(async move { client.call("helm_install", arguments).await });
    let (mut looked, mut homes) = (0, 0);
    while !call.is_finished() {
        for process in descendants(mcp.pid()) {
            let folder = Path::new("/proc").join(process.to_string());
            let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
            let environment = read("environ");
            let of_helm =
                |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("HELM_KUBEAPISERVER");
            // Between fork and exec it is still the server.
            looked += usize::from(of_helm(&environment));
            if of_helm(&environment) {
                for told in [read("cmdline"), environment] {
                    assert!(!told.windows(token.len()).any(|window| window == token.as_bytes()));
                }
            }
        }
        homes += usize::from(std::fs::read_dir(temporary.path()).unwrap().count() > 0);
        assert!(!holds(temporary.path(), token.as_bytes()));
        tokio::task::yield_now().await;
    }
    let made = call.await.unwrap().unwrap();
    assert!(!made.is_tool_error(), "{}", made.body);
    assert!(looked > 0 && homes > 0, "helm was not seen while it ran: {looked}, {homes}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "its home is gone");
    // The control: what is looked for is found where it is.
    std::fs::write(temporary.path().join("x"), &token).unwrap();
    assert!(holds(temporary.path(), token.as_bytes()));
}
