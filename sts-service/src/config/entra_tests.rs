//! A configuration for Entra ID, and everything that can be wrong with one.

use std::path::Path;

use obolus_core::config::Problems;
use obolus_tests::pki::{KeyKind, Leaf, self_signed};

use super::*;

pub(super) const GOOD: &str = r#"
[server]
listen = "0.0.0.0:8443"
operations_listen = "0.0.0.0:9000"
certificate_file = "server.crt"
private_key_file = "server.key"

[[issuers]]
name = "entra"
profile = "entra"
tenants = ["aaaaaaaa-0000-4000-8000-000000000001"]

[[targets]]
name = "kubernetes"
provider = "entra"
issuer = "entra"
audience = "6dae42f8-4368-4678-94ff-3960e28e3630"
scopes = ["api://6dae42f8-4368-4678-94ff-3960e28e3630/.default"]
[targets.client]
id = "11111111-2222-4333-8444-555555555555"
method = "client_secret_post"
secret_file = "secret"

[[callers]]
id = "envoy"
credential_files = ["credential"]
[[callers.grants]]
issuer = "entra"
audiences = ["11111111-2222-4333-8444-555555555555", "api://11111111-2222-4333-8444-555555555555"]
clients = ["*"]
targets = ["kubernetes"]
"#;
const METHOD: &str = "method = \"client_secret_post\"\nsecret_file = \"secret\"";
const KEY: &str =
    "method = \"private_key_jwt\"\nkey_file = \"rsa.key\"\ncertificate_file = \"rsa.crt\"";

pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let leaf = |name: &str, leaf: Leaf| {
        write(&format!("{name}.crt"), &leaf.certificate);
        write(&format!("{name}.key"), &leaf.key);
    };
    leaf("server", self_signed("localhost", KeyKind::Ec).unwrap());
    leaf("rsa", self_signed("sts", KeyKind::Rsa).unwrap());
    leaf("other", self_signed("sts", KeyKind::Rsa).unwrap());
    write("secret", "client-secret");
    write("credential", "0123456789abcdef");
    // For api://AzureADTokenExchange until 2100, and for the API server.
    write(
        "token",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2NsdXN0ZXIiLCJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSIsImV4cCI6NDEwMjQ0NDgwMH0.c2ln\n",
    );
    write(
        "own-token",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2NsdXN0ZXIiLCJhdWQiOlsiaHR0cHM6Ly9rdWJlcm5ldGVzLmRlZmF1bHQuc3ZjIl0sImV4cCI6NDEwMjQ0NDgwMH0.c2ln\n",
    );
    write("empty", "");
    folder
}

pub(super) fn problems(folder: &Path, text: &str) -> Problems {
    Config::parse(text, folder).map(|_| ()).unwrap_err()
}

pub(super) fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

#[test]
fn each_way_to_prove_the_client_is_read_and_the_global_cloud_is_the_default() {
    let folder = folder();
    for (to, kind) in [
        (METHOD.to_owned(), "Post"),
        (METHOD.replace("_post", "_basic"), "Basic"),
        (KEY.to_owned(), "Assertion"),
        (format!("{KEY}\nalgorithm = \"PS256\"\nthumbprint = \"x5t#S256\""), "Assertion"),
        (format!("{KEY}\nalgorithm = \"RS256\""), "Assertion"),
        (format!("{KEY}\nalgorithm = \"RS256\"\nthumbprint = \"x5t\""), "Assertion"),
        ("method = \"jwt_file\"\ntoken_file = \"token\"".to_owned(), "Federated"),
    ] {
        let config = Config::parse(&changed(METHOD, &to), folder.path()).unwrap();
        let client = format!("{:?}", config.targets[0].client);
        assert!(client.starts_with(kind), "{client}");
        assert_eq!(config.targets[0].client.id(), "11111111-2222-4333-8444-555555555555");
        let entra = config.issuers[0].rules.provider.entra().unwrap();
        assert_eq!(entra.authority_host(), "https://login.microsoftonline.com");
        assert_eq!(config.issuers[0].rules.algorithms.len(), 1);
    }
    let tenants = "tenants = [\"aaaaaaaa-0000-4000-8000-000000000001\"]";
    let sovereign =
        format!("{tenants}\nauthority_host = \"https://login.partner.microsoftonline.cn\"");
    let config = Config::parse(&changed(tenants, &sovereign), folder.path()).unwrap();
    let entra = config.issuers[0].rules.provider.entra().unwrap();
    assert_eq!(entra.authority_host(), "https://login.partner.microsoftonline.cn");
}

#[test]
fn every_fault_is_found_and_named_by_its_path() {
    let folder = folder();
    let profile = "profile = \"entra\"";
    let with = |line: &str| format!("{profile}\n{line}");
    let tenants = "[\"aaaaaaaa-0000-4000-8000-000000000001\"]";
    let target = "issuer = \"entra\"\naudience = \"6dae42f8-4368-4678-94ff-3960e28e3630\"";
    let own = "11111111-2222-4333-8444-555555555555";
    let scopes = "scopes = [\"api://6dae42f8-4368-4678-94ff-3960e28e3630/.default\"]";
    let issuers = |rest: &str| format!("issuers[0].{rest}");
    let client = |rest: &str| format!("targets[0].client.{rest}");
    let grant = || "callers[0].grants[0].audiences".to_owned();
    for (from, to, path, word) in [
        (profile, with("issuer = \"https://x\""), issuers("issuer"), "leave it out"),
        (profile, with("jwks_uri = \"https://x\""), issuers("jwks_uri"), "leave it out"),
        (
            profile,
            with("token_endpoint = \"https://x\""),
            issuers("token_endpoint"),
            "leave it out",
        ),
        (profile, with("authority_host = \"http://x\""), issuers("authority_host"), "https"),
        (profile, with("authority_host = \"https://x/t\""), issuers("authority_host"), "https"),
        (profile, with("authority_host = \"https://u@x\""), issuers("authority_host"), "https"),
        (profile, "profile = \"keycloak\"".to_owned(), issuers("tenants"), "entra"),
        (tenants, "[]".to_owned(), issuers("tenants"), "GUID"),
        (tenants, "[\"common\"]".to_owned(), issuers("tenants"), "no tenant"),
        (tenants, "[\"contoso.onmicrosoft.com\"]".to_owned(), issuers("tenants"), "GUID"),
        (
            "provider = \"entra\"",
            "provider = \"keycloak\"".to_owned(),
            "targets[0].provider".to_owned(),
            "write entra",
        ),
        (scopes, "scopes = [\"openid\"]".to_owned(), "targets[0].scopes".to_owned(), "signing in"),
        (
            scopes,
            format!("scopes = [\"api://{own}/.default\"]"),
            "targets[0].scopes".to_owned(),
            "to itself",
        ),
        (
            target,
            format!("issuer = \"entra\"\naudience = \"{own}\""),
            "targets[0].audience".to_owned(),
            "the STS's own",
        ),
        (
            "id = \"11111111-2222-4333-8444-555555555555\"",
            "id = \"mcp-server\"".to_owned(),
            client("id"),
            "a GUID",
        ),
        (
            METHOD,
            "method = \"private_key_jwt\"\nkey_file = \"rsa.key\"".to_owned(),
            client("certificate_file"),
            "is missing",
        ),
        (
            METHOD,
            "method = \"private_key_jwt\"\ncertificate_file = \"rsa.crt\"".to_owned(),
            client("key_file"),
            "is missing",
        ),
        (
            METHOD,
            KEY.replace("rsa.crt", "other.crt"),
            client("certificate_file"),
            "key's own certificate",
        ),
        (METHOD, KEY.replace("rsa.", "server."), client("key_file"), "RSA of 2048 to 4096 bits"),
        (
            METHOD,
            KEY.replace("rsa.crt", "absent"),
            client("certificate_file"),
            "write the file of the certificate",
        ),
        (METHOD, format!("{KEY}\nalgorithm = \"ES256\""), client("algorithm"), "RSA only"),
        (METHOD, format!("{KEY}\nthumbprint = \"x5t\""), client("thumbprint"), "RS256"),
        (METHOD, format!("{KEY}\nthumbprint = \"x5c\""), client("thumbprint"), "one of"),
        (METHOD, format!("{KEY}\nkey_id = \"k\""), client("key_id"), "not a setting"),
        (
            METHOD,
            METHOD.replace("\"secret\"", "\"absent\""),
            client("secret_file"),
            "write the file of the client secret",
        ),
        (METHOD, "method = \"jwt_file\"".to_owned(), client("token_file"), "is missing"),
        (
            METHOD,
            "method = \"jwt_file\"\ntoken_file = \"empty\"".to_owned(),
            client("token_file"),
            "is empty",
        ),
        (
            METHOD,
            "method = \"jwt_file\"\ntoken_file = \"secret\"".to_owned(),
            client("token_file"),
            "one signed JWT",
        ),
        (
            METHOD,
            "method = \"jwt_file\"\ntoken_file = \"own-token\"".to_owned(),
            client("token_file"),
            "write api://AzureADTokenExchange as the audience of the projected volume",
        ),
        (METHOD, "method = \"client_secret_jwt\"".to_owned(), client("method"), "jwt_file"),
        (
            "audiences = [\"11111111-2222-4333-8444-555555555555\"",
            "audiences = [\"6dae42f8-4368-4678-94ff-3960e28e3630\"".to_owned(),
            grant(),
            "AADSTS500131",
        ),
        (
            "audiences = [\"11111111-2222-4333-8444-555555555555\"",
            "audiences = [\"6dae42f8-4368-4678-94ff-3960e28e3630\"".to_owned(),
            grant(),
            "change nothing",
        ),
        (
            "\"api://11111111-2222-4333-8444-555555555555\"",
            "\"api://6dae42f8-4368-4678-94ff-3960e28e3630\"".to_owned(),
            grant(),
            "to itself",
        ),
        (
            "\"api://11111111-2222-4333-8444-555555555555\"",
            "\"https://graph.microsoft.com\"".to_owned(),
            grant(),
            "Microsoft Graph's",
        ),
        (
            "[\"11111111-2222-4333-8444-555555555555\"",
            "[\"ABCDEF00-2222-4333-8444-555555555555\"".to_owned(),
            grant(),
            "write it in lower case, abcdef00-2222-4333-8444-555555555555",
        ),
        (profile, with("algorithms = [\"EdDSA\"]"), issuers("algorithms"), "any of RS256"),
        (
            profile,
            with("authority_host = \"https://login.chinacloudapi.cn\""),
            issuers("authority_host"),
            "https://login.partner.microsoftonline.cn",
        ),
    ] {
        let found = problems(folder.path(), &changed(from, &to));
        assert!(
            found.list().iter().any(|p| p.path == path && p.message.contains(word)),
            "{path} {word} is not in {found}"
        );
    }
    Config::parse(GOOD, folder.path()).unwrap();
    let unknown = problems(folder.path(), &changed(METHOD, &format!("{METHOD}\nsurprise = 1")));
    let unknown = unknown.to_string();
    assert!(unknown.contains("the settings are: id, method, secret_file"), "{unknown}");
}

#[test]
fn all_of_them_are_told_at_once() {
    let folder = folder();
    let text = changed("[\"aaaaaaaa-0000-4000-8000-000000000001\"]", "[\"organizations\"]")
        .replace("api://6dae42f8-4368-4678-94ff-3960e28e3630/.default", "groups")
        .replace(METHOD, "method = \"jwt_file\"\ntoken_file = \"absent\"")
        .replace("clients = [\"*\"]", "clients = [\"*\", \"x\"]");
    let found = problems(folder.path(), &text).to_string();
    for path in [
        "issuers[0].tenants:",
        "targets[0].scopes:",
        "targets[0].client.token_file:",
        "callers[0].grants[0].clients:",
    ] {
        assert!(found.contains(path), "{path} is not in {found}");
    }
}

#[test]
fn a_fault_has_no_others_in_its_wake_and_what_entra_never_says_is_one() {
    let folder = folder();
    for (from, to, path) in [
        ("provider = \"entra\"", "provider = \"entraid\"", "targets[0].provider"),
        ("[\"*\"]", "[\"cccccccc-0000-4000-8000-00000000001\"]", "callers[0].grants[0].clients"),
        (
            "\"aaaaaaaa-0000-4000-8000-000000000001\"",
            "\"00000000-0000-0000-0000-000000000000\"",
            "issuers[0].tenants",
        ),
    ] {
        // A key without `algorithm` is good for Entra alone.
        let text = changed(from, to).replacen(METHOD, KEY, 1);
        let found = problems(folder.path(), &text);
        let paths: Vec<_> = found.list().iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, [path], "{found}");
    }
}

#[test]
fn what_may_be_a_secret_at_the_wrong_place_is_not_repeated() {
    let folder = folder();
    let secret = "Qx7~SECRETVALUE";
    let pem = std::fs::read_to_string(folder.path().join("rsa.key")).unwrap();
    let quoted = format!("{:?}", pem);
    let body = pem.lines().nth(1).unwrap();
    for (from, to, key) in [
        ("secret_file = \"secret\"", format!("secret_file = \"{secret}\""), "secret_file"),
        (METHOD, KEY.replace("\"rsa.key\"", &quoted), "key_file"),
        (METHOD, KEY.replace("\"rsa.crt\"", &quoted), "certificate_file"),
        (METHOD, format!("method = \"jwt_file\"\ntoken_file = \"{secret}\""), "token_file"),
        ("[\"credential\"]", format!("[\"{secret}\"]"), "credential_files[0]"),
        ("\"server.key\"", quoted.clone(), "server.private_key_file"),
        ("\"server.crt\"", format!("\"{secret}\""), "server.certificate_file"),
        ("profile = \"entra\"", format!("profile = \"entra\"\nca_file = {quoted}"), "ca_file"),
        (
            "id = \"11111111-2222-4333-8444-555555555555\"",
            format!("id = \"{secret}\""),
            "client.id",
        ),
    ] {
        let found = problems(folder.path(), &changed(from, &to)).to_string();
        assert!(found.contains(&format!("{key}: ")), "{key} is not in {found}");
        assert!(!found.contains(secret) && !found.contains(body), "{found}");
    }
    // The name of a file that is there is said, and of one that is not its folder.
    let bad = changed("secret_file = \"secret\"", "secret_file = \"empty\"");
    assert!(problems(folder.path(), &bad).to_string().contains("empty: must hold a secret"));
    let absent = changed("secret_file = \"secret\"", "secret_file = \"absent\"");
    let place = format!("no such file in {}: cannot be read", folder.path().display());
    assert!(problems(folder.path(), &absent).to_string().contains(&place));
}
