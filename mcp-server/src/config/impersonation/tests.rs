use std::path::PathBuf;

use obolus_core::config::Problems;

use super::*;
use crate::config::Config;

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const SECRET: &str = "Qx7SECRETVALUE";

/// A folder with the files that [`GOOD`] names.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("token", "own.t0ken"),
        ("keys.json", KEYS),
        ("none.json", r#"{"keys":[]}"#),
        ("empty", ""),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const GOOD: &str = r#"[cluster]
server = "https://k8s.example.com"

[cluster.impersonation]
token_file = "token"
profile = "oidc"
issuer = "https://idp.example.com"
audiences = ["kubernetes"]
jwks_file = "keys.json"
username_claim = "sub"
username_prefix = "kc:"
groups_claim = "groups"
groups_prefix = "kc:"
allowed_groups = ["developers"]
"#;

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(text, folder().path())
}

fn impersonation(text: &str) -> ImpersonationConfig {
    parse(text).unwrap().clusters.default_cluster().impersonation.clone().unwrap()
}

#[test]
fn it_is_off_unless_the_table_is_there_and_told_where_it_is_on() {
    let (off, _) = GOOD.split_once("[cluster.impersonation]").unwrap();
    let off = parse(off).unwrap();
    assert_eq!(off.clusters.default_cluster().impersonation, None);
    let about = |config: &Config| {
        let paths = config.notices.iter().map(|notice| notice.path.clone());
        paths.filter(|path| path.contains("impersonation")).collect::<Vec<_>>()
    };
    assert!(about(&off).is_empty(), "{:?}", off.notices);
    let on = parse(GOOD).unwrap();
    assert_eq!(about(&on), ["cluster.impersonation"]);
    assert_eq!(on.clusters.default_cluster().audiences, ["kubernetes"]);
    let of = impersonation(GOOD);
    assert_eq!((of.keys_refresh.as_secs(), of.keys_max_stale.as_secs()), (60, 3600));
    assert_eq!(of.names.allowed_groups, Some(["developers".to_owned()].into()));
    assert_eq!(of.names.uid_claim, None);
    let of =
        impersonation(&GOOD.replace("allowed_groups = [\"developers\"]", "uid_claim = \"sub\""));
    assert_eq!((of.names.allowed_groups, of.names.uid_claim), (None, Some("sub".to_owned())));
    // One that names none lets none through: it is not taken for one that is not there.
    let of = impersonation(&GOOD.replace("[\"developers\"]", "[]"));
    assert_eq!(of.names.allowed_groups, Some(BTreeSet::new()));
}

#[test]
fn keys_are_where_the_issuer_has_them() {
    let url =
        GOOD.replace("jwks_file = \"keys.json\"", "jwks_uri = \"https://idp.example.com/keys\"");
    let KeysFrom::Url { uri, certificate_authority } = impersonation(&url).keys else { panic!() };
    assert_eq!(
        (uri.to_string().as_str(), certificate_authority),
        ("https://idp.example.com/keys", None)
    );
    assert!(
        matches!(impersonation(GOOD).keys, KeysFrom::File(file) if file.ends_with(PathBuf::from("keys.json")))
    );
    let entra = GOOD
        .replace("\"oidc\"", "\"entra\"")
        .replace(
            "issuer = \"https://idp.example.com\"",
            "tenants = [\"aaaaaaaa-0000-4000-8000-00000000000a\"]",
        )
        .replace("jwks_file = \"keys.json\"\n", "")
        .replace("username_claim = \"sub\"", "username_claim = \"oid\"");
    let KeysFrom::Url { uri, .. } = impersonation(&entra).keys else { panic!() };
    assert_eq!(
        uri.to_string(),
        "https://login.microsoftonline.com/aaaaaaaa-0000-4000-8000-00000000000a/discovery/v2.0/keys"
    );
    for (change, to, path, said) in [
        ("000a\"]", "000a\", \"bbbbbbbb-0000-4000-8000-00000000000b\"]", "tenants", "must be one"),
        ("\"oid\"", "\"email\"", "username_claim", "must not be email"),
        ("profile", "jwks_uri = \"https://x.example.com\"\nprofile", "jwks_uri", "leave it out"),
    ] {
        told(&entra.replace(change, to), path, said);
    }
}

/// It is refused with this, and nothing of what is secret is repeated.
fn told(text: &str, path: &str, said: &str) {
    let problems = parse(text).unwrap_err();
    let paths = [format!("cluster.{path}"), format!("cluster.impersonation.{path}")];
    let is_told = problems
        .list()
        .iter()
        .any(|problem| paths.contains(&problem.path) && problem.message.contains(said));
    assert!(is_told, "{said} is not told of {path} in {problems}\n{text}");
    assert!(!problems.to_string().contains(SECRET), "{problems}");
}

#[test]
fn each_thing_that_is_wrong_is_told_with_its_key() {
    for (change, to, path, said) in [
        ("token_file = \"token\"\n", "", "token_file", "is missing"),
        ("\"token\"", "\"Qx7SECRETVALUE\"", "token_file", "cannot be read"),
        ("\"token\"", "\"empty\"", "token_file", "holds no bearer token"),
        ("\"token\"", "\".\"", "token_file", "not a regular file"),
        ("\"oidc\"", "\"saml\"", "profile", "must be one of"),
        ("issuer = \"https://idp.example.com\"\n", "", "issuer", "is missing"),
        ("https://idp.example.com", "http://idp.example.com", "issuer", "must be an https URL"),
        (
            "https://idp.example.com",
            "https://k.example.com/realms/x",
            "profile",
            "must be keycloak",
        ),
        ("audiences = [\"kubernetes\"]\n", "", "audiences", "is missing"),
        ("[\"kubernetes\"]", "[]", "audiences", "must not be empty"),
        ("jwks_file = \"keys.json\"\n", "", "jwks_uri", "is missing"),
        ("\"keys.json\"", "\"absent.json\"", "jwks_file", "cannot be read"),
        ("\"keys.json\"", "\"token\"", "jwks_file", "not a JWK set"),
        ("\"keys.json\"", "\"none.json\"", "jwks_file", "holds no public key"),
        (
            "jwks_file",
            "jwks_uri = \"https://idp.example.com/keys\"\njwks_file",
            "jwks_file",
            "one of the two",
        ),
        (
            "jwks_file = \"keys.json\"",
            "jwks_uri = \"http://idp.example.com/keys\"",
            "jwks_uri",
            "must be an https URL",
        ),
        (
            "jwks_file",
            "certificate_authority = \"token\"\njwks_file",
            "certificate_authority",
            "leave it out",
        ),
        (
            "jwks_file = \"keys.json\"",
            "jwks_uri = \"https://i.example.com/k\"\ncertificate_authority = \"token\"",
            "certificate_authority",
            "holds no certificate",
        ),
        ("username_claim = \"sub\"\n", "", "username_claim", "is missing"),
        ("username_prefix = \"kc:\"\n", "", "username_prefix", "is missing"),
        ("username_prefix = \"kc:\"", "username_prefix = \"\"", "username_prefix", "not empty"),
        (
            "username_prefix = \"kc:\"",
            "username_prefix = \"system:\"",
            "username_prefix",
            "must not begin with system:",
        ),
        (
            "username_prefix = \"kc:\"",
            "username_prefix = \"sys\"",
            "username_prefix",
            "must not begin with system:",
        ),
        (
            "username_prefix = \"kc:\"",
            "username_prefix = \"k c\"",
            "username_prefix",
            "printable ASCII",
        ),
        ("groups_prefix = \"kc:\"\n", "", "groups_prefix", "is missing"),
        (
            "groups_prefix = \"kc:\"",
            "groups_prefix = \"system:x\"",
            "groups_prefix",
            "must not begin with system:",
        ),
        ("groups_claim = \"groups\"\n", "", "groups_prefix", "no groups_claim"),
        ("groups_claim = \"groups\"\n", "", "allowed_groups", "no groups_claim"),
        ("[\"developers\"]", "\"developers\"", "allowed_groups", "must be an array"),
        (
            "username_claim",
            "keys_refresh_seconds = 0\nusername_claim",
            "keys_refresh_seconds",
            "from 1 to 3600",
        ),
        (
            "username_claim",
            "keys_refresh_seconds = 600\nkeys_max_stale_seconds = 60\nusername_claim",
            "keys_max_stale_seconds",
            "at least",
        ),
        (
            "username_claim",
            "algorithms = [\"none\"]\nusername_claim",
            "algorithms",
            "is not allowed",
        ),
        (
            "username_claim",
            "algorithms = [\"HS256\"]\nusername_claim",
            "algorithms",
            "is not allowed",
        ),
        (
            "username_claim",
            "clock_skew_seconds = 3000\nusername_claim",
            "clock_skew_seconds",
            "from 0 to 300",
        ),
        ("username_claim", "extra = 1\nusername_claim", "extra", "is not a setting here"),
        ("server =", "audience = \"kubernetes\"\nserver =", "audience", "impersonation.audiences"),
    ] {
        let text = GOOD.replacen(change, to, 1);
        assert_ne!(text, GOOD, "{change}");
        told(&text, path, said);
    }
    let (before, _) = GOOD.split_once("\n[cluster.impersonation]").unwrap();
    told(&format!("{before}impersonation = true\n"), "impersonation", "must be an object");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let bad = "[cluster]\nserver = \"https://k\"\n[cluster.impersonation]\n";
    let problems = parse(bad).unwrap_err();
    let paths: Vec<_> = problems.list().iter().map(|problem| problem.path.as_str()).collect();
    for key in ["token_file", "issuer", "jwks_uri", "audiences", "username_claim"] {
        assert!(paths.contains(&format!("cluster.impersonation.{key}").as_str()), "{paths:?}");
    }
}

#[test]
fn beside_other_clusters_each_has_audiences_of_its_own() {
    let two = |audience: &str| {
        let lab = GOOD.replace("[cluster", "[clusters.lab");
        format!(
            "default_cluster = \"lab\"\n{lab}[clusters.prod]\nserver = \"https://p\"\naudience = \"{audience}\"\n"
        )
    };
    let good = parse(&two("kubernetes-prod")).unwrap();
    let on: Vec<_> = good.clusters.all().map(|cluster| cluster.impersonation.is_some()).collect();
    assert_eq!(on, [true, false]);
    assert!(good.notices.iter().any(|notice| notice.path == "clusters.lab.impersonation"));
    let problems = parse(&two("kubernetes")).unwrap_err();
    assert!(problems.to_string().contains("is that of lab, too"), "{problems}");
}
