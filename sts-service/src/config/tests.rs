use std::path::Path;

use obolus_core::config::Problems;

use super::*;

pub(super) const GOOD: &str = r#"
[server]
listen = "0.0.0.0:8443"
operations_listen = "0.0.0.0:9000"
certificate_file = "server.crt"
private_key_file = "server.key"

[[issuers]]
name = "keycloak"
issuer = "https://idp/realms/r"
profile = "keycloak"

[[targets]]
name = "kubernetes"
provider = "keycloak"
issuer = "keycloak"
audience = "kubernetes"
scopes = ["kubernetes"]
[targets.client]
id = "obolus-sts"
method = "client_secret_basic"
secret_file = "secret"

[[callers]]
id = "envoy"
credential_files = ["credential"]
[[callers.grants]]
issuer = "keycloak"
audiences = ["https://mcp.example.com/mcp"]
clients = ["mcp-client"]
targets = ["kubernetes"]
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("server.crt", &certificate.pem());
    write("server.key", &key.serialize_pem());
    write("other.key", &rcgen::KeyPair::generate().unwrap().serialize_pem());
    write("secret", "client-secret");
    write("credential", "0123456789abcdef");
    write("short", "0123456789abcde");
    write("empty", "");
    folder
}

fn problems(folder: &Path, text: &str) -> Problems {
    Config::parse(text, folder).map(|_| ()).unwrap_err()
}

#[test]
fn the_example_is_good_and_has_defaults() {
    let folder = folder();
    let config = Config::parse(GOOD, folder.path()).unwrap();
    assert_eq!(config.limits.cache_max_age.as_secs(), 300);
    assert_eq!(config.issuers[0].keys_refresh.as_secs(), 60);
    assert_eq!(config.issuers[0].keys_max_stale.as_secs(), 3600);
    assert_eq!(config.limits.connections_per_peer, 256);
    let few = format!("[limits]\nconnections = 20\n{GOOD}");
    let config = Config::parse(&few, folder.path()).unwrap();
    assert_eq!(config.limits.connections_per_peer, 8);
    assert_eq!(config.callers[0].grants[0].clients, Clients::Listed(vec!["mcp-client".to_owned()]));
    let any = GOOD.replace("[\"mcp-client\"]", "[\"*\"]");
    let config = Config::parse(&any, folder.path()).unwrap();
    assert_eq!(config.callers[0].grants[0].clients, Clients::Any);
}

#[test]
fn every_fault_is_found_and_named_by_its_path() {
    let folder = folder();
    let tls = "private_key_file = \"server.key\"";
    let method = "method = \"client_secret_basic\"";
    for (from, to, path, word) in [
        ("0.0.0.0:8443", "8443", "server.listen", "address"),
        ("0.0.0.0:9000", "0.0.0.0:8443", "server.operations_listen", "another port"),
        ("server.key", "other.key", "server.private_key_file", "is not the key of"),
        ("server.crt", "absent", "server.certificate_file", "no such file in "),
        (
            tls,
            "private_key_file = \"server.key\"\nclient_sans = [\"a\"]",
            "server.client_sans",
            "client_ca_file",
        ),
        (
            tls,
            "private_key_file = \"server.key\"\nclient_ca_file = \"server.crt\"",
            "server.client_sans",
            "is missing",
        ),
        ("https://idp/realms/r", "http://idp/realms/r", "issuers[0].issuer", "https"),
        ("https://idp/realms/r", "https://idp/realms/r ", "issuers[0].issuer", "white space"),
        ("https://idp/realms/r", "https://idp/realms/r/", "issuers[0].issuer", "ends with a slash"),
        (
            "https://idp/realms/r",
            "https://idp/admin/r/console",
            "issuers[0].issuer",
            "admin console",
        ),
        (
            "https://idp/realms/r",
            "https://idp/realms/r/.well-known/openid-configuration",
            "issuers[0].issuer",
            "discovery document",
        ),
        ("0.0.0.0:9000", "127.0.0.1:8443", "server.operations_listen", "another port"),
        (
            "audience = \"kubernetes\"",
            "audience = \"obolus-sts\"",
            "targets[0].audience",
            "own client",
        ),
        (
            "audience = \"kubernetes\"",
            "audience = \"account\"",
            "targets[0].audience",
            "every token",
        ),
        (
            "audience = \"kubernetes\"",
            "audience = \"kube netes\"",
            "targets[0].audience",
            "white space",
        ),
        (
            "https://mcp.example.com/mcp",
            "https://mcp.example.com/mcp ",
            "callers[0].grants[0].audiences",
            "white space",
        ),
        ("\"mcp-client\"", "\" mcp-client\"", "callers[0].grants[0].clients", "white space"),
        (
            "scopes = [\"kubernetes\"]",
            "scopes = [\"kubernetes\"]\nlog_level = \"info\"",
            "targets[0].log_level",
            "before the first [table]",
        ),
        ("profile = \"keycloak\"", "profile = \"entra\"", "issuers[0].issuer", "leave it out"),
        ("profile = \"keycloak\"", "profile = \"azure\"", "issuers[0].profile", "one of"),
        (
            "profile = \"keycloak\"",
            "profile = \"keycloak\"\nalgorithms = [\"HS256\", \"none\"]",
            "issuers[0].algorithms",
            "HS256",
        ),
        (
            "profile = \"keycloak\"",
            "jwks_uri = \"http://idp/keys\"",
            "issuers[0].jwks_uri",
            "https",
        ),
        (
            "profile = \"keycloak\"",
            "token_endpoint = \"http://idp/token\"",
            "issuers[0].token_endpoint",
            "https",
        ),
        (
            "profile = \"keycloak\"",
            "keys_max_stale_seconds = 59",
            "issuers[0].keys_max_stale_seconds",
            "60 to",
        ),
        (
            "profile = \"keycloak\"",
            "keys_refresh_seconds = 120\nkeys_max_stale_seconds = 119",
            "issuers[0].keys_max_stale_seconds",
            "at least",
        ),
        (
            "profile = \"keycloak\"",
            "ca_file = \"absent\"",
            "issuers[0].ca_file",
            "no such file in ",
        ),
        (
            "profile = \"keycloak\"",
            "keys_refresh_seconds = 0",
            "issuers[0].keys_refresh_seconds",
            "1 to",
        ),
        ("provider = \"keycloak\"", "provider = \"entra\"", "targets[0].provider", "not Entra ID"),
        ("provider = \"keycloak\"", "provider = \"azure\"", "targets[0].provider", "one of"),
        ("provider = \"keycloak\"", "", "targets[0].provider", "is missing"),
        ("scopes = [\"kubernetes\"]", "", "targets[0].scopes", "is missing"),
        (
            "scopes = [\"kubernetes\"]",
            "scopes = [\"kubernetes\"]\nresource = \"https://k.example.com/#here\"",
            "targets[0].resource",
            "without a fragment",
        ),
        (
            "scopes = [\"kubernetes\"]",
            "scopes = [\"kubernetes\"]\nresource = \"kubernetes\"",
            "targets[0].resource",
            "absolute URI",
        ),
        (
            "scopes = [\"kubernetes\"]",
            "scopes = [\"kubernetes\"]\nresource = \"https://u:p@k.example.com\"",
            "targets[0].resource",
            "absolute URI",
        ),
        ("scopes = [\"kubernetes\"]", "scopes = [\"a b\"]", "targets[0].scopes", "one scope"),
        (
            "provider = \"keycloak\"\nissuer = \"keycloak\"",
            "provider = \"keycloak\"\nissuer = \"other\"",
            "targets[0].issuer",
            "there are: keycloak",
        ),
        (
            "secret_file = \"secret\"",
            "secret_file = \"empty\"",
            "targets[0].client.secret_file",
            "at least",
        ),
        (method, "method = \"client_secret_jwt\"", "targets[0].client.method", "one of"),
        (method, "method = \"jwt_file\"", "targets[0].client.method", "for Entra ID"),
        (method, "method = \"private_key_jwt\"", "targets[0].client.key_file", "is missing"),
        (
            method,
            "method = \"private_key_jwt\"\nkey_file = \"server.key\"\nalgorithm = \"RS256\"",
            "targets[0].client.key_file",
            "RS256",
        ),
        (
            method,
            "method = \"private_key_jwt\"\nkey_file = \"other.key\"\nalgorithm = \"ES256\"\ncertificate_file = \"server.crt\"",
            "targets[0].client.certificate_file",
            "another key",
        ),
        ("[\"credential\"]", "[\"short\"]", "callers[0].credential_files[0]", "16 bytes"),
        ("[\"credential\"]", "[\"empty\"]", "callers[0].credential_files[0]", "16 bytes"),
        ("[\"credential\"]", "[\"absent\"]", "callers[0].credential_files[0]", "cannot be read"),
        (
            "[\"credential\"]",
            "[\"credential\", \"short\"]",
            "callers[0].credential_files[1]",
            "16 bytes",
        ),
        (
            "[\"credential\"]",
            "[\"absent\", \"empty\"]",
            "callers[0].credential_files[0]",
            "cannot be read",
        ),
        (
            "[\"credential\"]",
            "[\"absent\", \"empty\"]",
            "callers[0].credential_files[1]",
            "16 bytes",
        ),
        ("[\"credential\"]", "[]", "callers[0].credential_files", "must not be empty"),
        (
            "[\"credential\"]",
            "[\"credential\", \"credential\", \"credential\"]",
            "callers[0].credential_files",
            "two",
        ),
        ("clients = [\"mcp-client\"]", "", "callers[0].grants[0].clients", "[\"*\"] for any"),
        ("[\"mcp-client\"]", "[\"*\", \"mcp-client\"]", "callers[0].grants[0].clients", "alone"),
        (
            "[\"https://mcp.example.com/mcp\"]",
            "[\"account\"]",
            "callers[0].grants[0].audiences",
            "every token",
        ),
        (
            "[\"https://mcp.example.com/mcp\"]",
            "[\"kubernetes\"]",
            "callers[0].grants[0].audiences",
            "change nothing",
        ),
        (
            "targets = [\"kubernetes\"]",
            "targets = [\"other\"]",
            "callers[0].grants[0].targets",
            "there are: kubernetes",
        ),
        (
            "targets = [\"kubernetes\"]",
            "targets = []",
            "callers[0].grants[0].targets",
            "must not be empty",
        ),
        ("id = \"envoy\"", "id = \"envoy\"\nsecret = \"x\"", "callers[0].secret", "not a setting"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let found = problems(folder.path(), &GOOD.replacen(from, to, 1));
        assert!(
            found.list().iter().any(|p| p.path == path && p.message.contains(word)),
            "{path} {word} is not in {found}"
        );
    }
}

#[test]
fn what_did_not_load_for_a_fault_of_its_own_is_not_told_to_be_missing() {
    let folder = folder();
    for (from, to, path) in [
        ("secret_file = \"secret\"", "secret_file = \"empty\"", "targets[0].client.secret_file"),
        (
            "profile = \"keycloak\"",
            "profile = \"keycloak\"\nca_file = \"absent\"",
            "issuers[0].ca_file",
        ),
        (
            "[[callers.grants]]\nissuer = \"keycloak\"",
            "[[callers.grants]]\nissuer = \"keycloack\"",
            "callers[0].grants[0].issuer",
        ),
        ("provider = \"keycloak\"", "provider = \"azure\"", "targets[0].provider"),
    ] {
        let found = problems(folder.path(), &GOOD.replacen(from, to, 1));
        let paths: Vec<_> = found.list().iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, [path], "{found}");
        // A name that nothing has is one.
        let text = GOOD
            .replacen(from, to, 1)
            .replace("targets = [\"kubernetes\"]", "targets = [\"other\"]");
        let found = problems(folder.path(), &text).to_string();
        assert!(found.contains("`other` is not configured; there are: kubernetes"), "{found}");
    }
}

#[test]
fn names_are_taken_once_and_tokens_of_another_issuer_cannot_be_exchanged() {
    let folder = folder();
    let (head, callers) = GOOD.split_once("[[callers]]").unwrap();
    let (server, issuers) = head.split_once("[[issuers]]").unwrap();
    let doubled = format!(
        "{server}[[issuers]]{issuers}[[issuers]]{issuers}[[callers]]{callers}[[callers]]{callers}"
    );
    let found = problems(folder.path(), &doubled).to_string();
    for path in ["issuers[1].name", "issuers[1].issuer", "targets[1].name", "callers[1].id"] {
        assert!(found.contains(path), "{path} is not in {found}");
    }
    let second = "[[issuers]]\nname = \"second\"\nissuer = \"https://second\"\n";
    let text = format!("{GOOD}{second}").replace(
        "[[callers.grants]]\nissuer = \"keycloak\"",
        "[[callers.grants]]\nissuer = \"second\"",
    );
    assert!(problems(folder.path(), &text).to_string().contains("no other issuer's tokens"));
}

#[test]
fn a_text_that_is_not_toml_is_not_quoted() {
    let folder = folder();
    let found =
        problems(folder.path(), "[server]\nlisten = \"a\"\npassword = hunter2 hunter2").to_string();
    assert!(found.contains("line 3") && !found.contains("hunter2"), "{found}");
}

#[test]
fn two_targets_have_no_resource_in_common_and_many_have_none() {
    let folder = folder();
    let (before, rest) = GOOD.split_once("[[targets]]").unwrap();
    let (target, after) = rest.split_once("[[callers]]").unwrap();
    let with = |first: &str, second: &str| {
        let other = target.replacen("name = \"kubernetes\"", "name = \"other\"", 1);
        let head = |line: &str| format!("[[targets]]\n{line}");
        let text =
            format!("{before}{}{target}{}{other}[[callers]]{after}", head(first), head(second));
        Config::parse(&text, folder.path())
    };
    let (one, two) = ("resource = \"https://one.example.com\"", "resource = \"urn:two\"");
    for (first, second) in [("", ""), (one, ""), (one, two)] {
        assert!(with(first, second).is_ok(), "{first} {second}");
    }
    let problems = with(one, one).map(|_| ()).unwrap_err();
    assert_eq!(problems.list()[0].path, "targets[1].resource");
}
