//! A configuration for Entra ID, and everything that can be wrong with one.

use std::path::Path;

use obolus_core::config::Problems;
use obolus_tests::pki::{KeyKind, Leaf, self_signed};

use super::*;

const GOOD: &str = r#"
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

fn folder() -> tempfile::TempDir {
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

fn problems(folder: &Path, text: &str) -> Problems {
    Config::parse(text, folder).map(|_| ()).unwrap_err()
}

fn changed(from: &str, to: &str) -> String {
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
fn graph_is_where_the_cloud_has_it_and_must_be_named_elsewhere() {
    let folder = folder();
    let tenants = "tenants = [\"aaaaaaaa-0000-4000-8000-000000000001\"]";
    let read = |authority: &str, groups: &str| {
        let authority = format!("{tenants}\n{authority}");
        let text = changed("[[callers]]", &format!("[targets.groups]\n{groups}\n[[callers]]"));
        let config = Config::parse(&text.replace(tenants, &authority), folder.path());
        let read = |config: Config| config.targets[0].groups.clone().unwrap();
        config.map(read).map_err(|found| found.to_string())
    };
    let us = "authority_host = \"https://login.microsoftonline.us\"";
    let china = "authority_host = \"https://login.partner.microsoftonline.cn\"";
    let own = "authority_host = \"https://localhost:1\"";
    for (authority, groups, graph, scope) in [
        ("", "", "https://graph.microsoft.com", "https://graph.microsoft.com/.default"),
        (us, "", "https://graph.microsoft.us", "https://graph.microsoft.us/.default"),
        (
            us,
            "graph = \"https://dod-graph.microsoft.us\"",
            "https://dod-graph.microsoft.us",
            "https://dod-graph.microsoft.us/.default",
        ),
        (
            china,
            "",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://microsoftgraph.chinacloudapi.cn/.default",
        ),
        (
            own,
            "graph = \"https://localhost:1\"",
            "https://localhost:1",
            "https://graph.microsoft.com/.default",
        ),
    ] {
        let read = read(authority, groups).unwrap();
        assert_eq!((read.graph.as_str(), read.scope.as_str()), (graph, scope));
    }
    for (authority, groups, word) in [
        (own, "", "is missing"),
        ("", "graph = \"https://graph.example.com\"", "this cloud's"),
        ("", "graph = \"https://graph.microsoft.us\"", "this cloud's"),
        ("", "graph = \"https://graph.microsoft.com/\"", "this cloud's"),
        (own, "graph = \"http://localhost:1\"", "https"),
        (own, "graph = \"https://localhost:1/v1.0\"", "nothing else"),
        (own, "graph = \"https://u@localhost:1\"", "nothing else"),
        ("", "url = \"x\"", "not a setting"),
    ] {
        let found = read(authority, groups).unwrap_err();
        assert!(found.contains("targets[0].groups.") && found.contains(word), "{found}");
    }
}

#[test]
fn a_target_takes_no_tokens_that_come_in_by_whichever_grant_and_name() {
    let folder = folder();
    let other = GOOD.split_once("[[targets]]").unwrap().1.split_once("[[callers]]").unwrap().0;
    let (own, b, c) = (
        "6dae42f8-4368-4678-94ff-3960e28e3630",
        "11111111-2222-4333-8444-555555555555",
        "cccccccc-2222-4333-8444-555555555555",
    );
    // One more caller, of another application, whose tokens go to a target of its own.
    let with = |audience: &str, scope: &str| {
        let other = other
            .replace("\"kubernetes\"", "\"other\"")
            .replace(b, own)
            .replacen(&format!("\"{own}\""), &format!("\"{c}\""), 1)
            .replace(&format!("api://{own}"), &format!("api://{c}"));
        let text = format!(
            "{GOOD}[[callers]]\nid = \"second\"\ncredential_files = [\"credential\"]\n\
             [[callers.grants]]\nissuer = \"entra\"\naudiences = [\"{audience}\"]\nclients = [\"*\"]\n\
             targets = [\"other\"]\n[[targets]]{other}"
        );
        let scopes = format!("scopes = [\"api://{own}/.default\"]");
        Config::parse(
            &text.replace(&scopes, &format!("scopes = [\"{scope}/.default\"]")),
            folder.path(),
        )
    };
    let uri = "https://kubernetes.contoso.example";
    let id_uri = format!("api://{own}");
    for (audience, scope) in [(own, id_uri.as_str()), (&id_uri, &id_uri), (own, uri), (uri, uri)] {
        let found = with(audience, scope).map(|_| ()).unwrap_err();
        let told = format!("`{audience}` is the audience of target `kubernetes`");
        assert!(
            found.list().iter().any(|p| p.path == "callers[1].grants[0].audiences"
                && p.message.starts_with(&told)),
            "{audience} {scope}: {found}"
        );
    }
    // The second target's own client, under a name that is not the first target's.
    with("https://second.contoso.example", uri).unwrap();
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
fn one_issuers_tokens_have_no_way_to_the_others_target() {
    let folder = folder();
    let both = format!(
        "{GOOD}{}",
        r#"
[[callers.grants]]
issuer = "keycloak"
audiences = ["https://mcp.example.com/mcp"]
clients = ["*"]
targets = ["near"]
[[issuers]]
name = "keycloak"
issuer = "https://idp/realms/r"
profile = "keycloak"
[[targets]]
name = "near"
provider = "keycloak"
issuer = "keycloak"
audience = "kubernetes"
scopes = ["kubernetes"]
[targets.client]
id = "obolus-sts"
method = "client_secret_basic"
secret_file = "secret"
"#
    );
    Config::parse(&both, folder.path()).unwrap();
    for (from, to, grant) in [
        ("targets = [\"near\"]", "targets = [\"near\", \"kubernetes\"]", 1),
        ("targets = [\"kubernetes\"]", "targets = [\"kubernetes\", \"near\"]", 0),
    ] {
        let found = problems(folder.path(), &both.replace(from, to));
        let path = format!("callers[0].grants[{grant}].targets");
        assert!(
            found.list().iter().any(|p| p.path == path && p.message.contains("no other issuer's")),
            "{found}"
        );
    }
    let again = both.replace(
        "issuer = \"https://idp/realms/r\"\nprofile = \"keycloak\"",
        "profile = \"entra\"\ntenants = [\"AAAAAAAA-0000-4000-8000-000000000001\"]",
    );
    let found = problems(folder.path(), &again).to_string();
    assert!(found.contains("issuers[1].tenants: is configured twice"), "{found}");
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

/// The blocks of the README in TOML.
fn blocks() -> Vec<&'static str> {
    let parts = include_str!("../../README.md").split("```toml\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap()).collect()
}

#[test]
fn every_line_of_the_readme_is_good() {
    let folder = folder();
    let copy = |from: &str, to: &str| {
        std::fs::copy(folder.path().join(from), folder.path().join(to)).unwrap();
    };
    for (from, to) in [
        ("server.crt", "tls.crt"),
        ("server.key", "tls.key"),
        ("server.crt", "mesh-ca.crt"),
        ("server.crt", "keycloak-ca.crt"),
        ("secret", "client-secret"),
        ("credential", "gateway-credential"),
        ("rsa.crt", "entra.crt"),
        ("rsa.key", "entra.key"),
    ] {
        copy(from, to);
    }
    let [keycloak, entra, proofs, ..] = blocks()[..] else { panic!("the README has other blocks") };
    let both = format!("{keycloak}{entra}");
    let config = Config::parse(&both, folder.path()).unwrap();
    assert_eq!((config.issuers.len(), config.targets.len()), (2, 2));
    let sovereign = both.replace("# authority_host", "authority_host");
    let config = Config::parse(&sovereign, folder.path()).unwrap();
    let host = config.issuers[1].rules.provider.entra().unwrap().authority_host();
    assert_eq!(host, "https://login.microsoftonline.us");

    let (head, rest) = both.split_once("method = \"private_key_jwt\"\ncertificate_file").unwrap();
    let (_, rest) = rest.split_once("\n\n").unwrap();
    let proofs: Vec<_> = proofs.split("\n\n").collect();
    assert_eq!(proofs.len(), 3);
    for proof in proofs {
        Config::parse(&format!("{head}{proof}\n\n{rest}"), folder.path()).unwrap();
    }
}
