use std::collections::BTreeMap;

use super::*;

fn settings(folder: &Path) -> Settings {
    use base64::Engine as _;
    let volumes = folder.join("volumes");
    for service in ["authority", "gateway", "k3s", "sts", "mcp", "keycloak"] {
        std::fs::create_dir_all(volumes.join(service)).unwrap();
    }
    let module = folder.join("obolus_filter.wasm");
    std::fs::write(&module, "a module").unwrap();
    let ca = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    Settings {
        host: "localhost".to_owned(),
        port: 12_345,
        cluster_server: "https://10.0.0.1:6443".to_owned(),
        cluster_ca_data: base64::engine::general_purpose::STANDARD.encode(ca),
        mcp_address: std::net::Ipv4Addr::new(10, 0, 0, 2),
        filter_sha256: String::new(),
        module,
        volumes,
    }
}

fn files(settings: &Settings, service: &str) -> BTreeMap<String, String> {
    let folder = settings.volumes.join(service);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files
        .filter(|entry| entry.file_name() != "obolus-compose")
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn a_second_run_keeps_what_others_know_and_renews_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    setup(&settings).unwrap();
    let [authority, sts] = ["authority", "sts"].map(|service| files(&settings, service));
    setup(&settings).unwrap();
    let [again_authority, again_sts] =
        ["authority", "sts"].map(|service| files(&settings, service));
    assert_eq!(authority, again_authority);
    for (name, content) in &sts {
        let renewed = name.starts_with("tls.");
        assert_eq!(content != &again_sts[name], renewed, "{name}");
    }
    assert_eq!(files(&settings, "gateway")["credential"], sts["credential"]);
}

#[test]
fn no_service_holds_the_authoritys_key_or_a_password_of_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    setup(&settings).unwrap();
    let authority = files(&settings, "authority");
    let held = |secret: &str, service: &str| {
        files(&settings, service).values().any(|content| content.contains(secret.trim()))
    };
    for name in ["ca.key", "alice", "bob", "realm-admin"] {
        for service in ["gateway", "sts", "mcp"] {
            assert!(!held(&authority[name], service), "{service} has {name}");
        }
    }
    assert!(!held(&authority["ca.key"], "keycloak"));
    // The control: Keycloak has to know the passwords.
    assert!(held(&authority["alice"], "keycloak"));
    let mcp: Vec<_> = files(&settings, "mcp").into_keys().collect();
    assert_eq!(mcp, ["cluster-ca.crt", "mcp.toml", "tls.crt", "tls.key"]);
    assert!(files(&settings, "mcp")["mcp.toml"].starts_with("listen = \"10.0.0.2:8080\"\n"));
}

#[test]
fn while_a_credential_is_replaced_the_sts_takes_both_and_then_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    setup(&settings).unwrap();
    let old = files(&settings, "gateway")["credential"].clone();
    rotate(&settings).unwrap();
    let (gateway, sts) = (files(&settings, "gateway"), files(&settings, "sts"));
    assert_ne!(gateway["credential"], old);
    assert_eq!((&sts["credential"], &sts["credential-before"]), (&gateway["credential"], &old));
    retire(&settings).unwrap();
    let sts = files(&settings, "sts");
    assert_eq!(sts["credential"], gateway["credential"]);
    assert!(sts["credential-before"] != old && sts["credential-before"] != sts["credential"]);
}

#[test]
fn another_module_than_the_pinned_one_is_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    setup(&settings).unwrap();
    let digest = files(&settings, "authority")["module.sha256"].clone();
    settings.filter_sha256 = digest.clone();
    setup(&settings).unwrap();
    let before = files(&settings, "gateway");
    assert!(before["envoy.yaml"].contains(&format!("vm_id: obolus-{digest}")));

    std::fs::write(&settings.module, "another").unwrap();
    let refused = setup(&settings).unwrap_err().to_string();
    assert!(refused.contains("OBOLUS_FILTER_SHA256"), "{refused}");
    assert_eq!(files(&settings, "gateway"), before);

    settings.filter_sha256.clear();
    setup(&settings).unwrap();
    let modules = files(&settings, "gateway").into_keys();
    let modules: Vec<_> = modules.filter(|name| name.ends_with(".wasm")).collect();
    assert_eq!(modules.len(), 1);
    assert!(!modules[0].contains(&digest));
}

#[test]
fn the_api_servers_document_names_this_issuer_and_this_authority_only() {
    let gateway = Compose::default();
    let text = services::authentication(
        &gateway,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    assert!(text.contains("url: https://localhost:10000/realms/obolus\n"), "{text}");
    assert!(text.contains("      AAAA\n") && !text.contains('…') && !text.contains("example.com"));
    assert!(text.contains("claimMappings:"), "{text}");
}

#[test]
fn k3s_gets_an_authority_that_the_mcp_server_trusts_and_others_get_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    setup(&settings).unwrap();
    assert!(files(&settings, "k3s").is_empty());
    settings.cluster_ca_data = "k3s".to_owned();
    setup(&settings).unwrap();
    let k3s = files(&settings, "k3s");
    assert_eq!(k3s["server-ca.crt"], files(&settings, "mcp")["cluster-ca.crt"]);
    assert_ne!(k3s["server-ca.crt"], files(&settings, "gateway")["ca.crt"]);
    assert!(k3s["authentication.yaml"].contains("/realms/obolus"));
}

/// Keycloak's own answer to many wrong passwords is to refuse the right one, and its sign-in is open to everybody.
/// Against guesses, passwords have 256 bits.
#[test]
fn nobody_is_locked_out_by_a_strangers_guesses_and_no_client_takes_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    setup(&settings).unwrap();
    let realm = &files(&settings, "keycloak")["obolus-realm.json"];
    let realm: serde_json::Value = serde_json::from_str(realm).unwrap();
    assert_eq!(realm["bruteForceProtected"], false);
    let clients = realm["clients"].as_array().unwrap();
    for client in clients {
        assert_eq!(client["directAccessGrantsEnabled"], false, "{client}");
    }
    // Keycloak makes this one with a password grant, where a realm has none of its own.
    let of_keycloak = clients.iter().find(|client| client["clientId"] == "admin-cli").unwrap();
    assert_eq!(of_keycloak["enabled"], false);
    for person in ["alice", "bob"] {
        let users = realm["users"].as_array().unwrap();
        let user = users.iter().find(|user| user["username"] == person).unwrap();
        assert!(user["credentials"][0]["value"].as_str().unwrap().len() >= 43, "{person}");
    }
}
