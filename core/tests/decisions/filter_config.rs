//! The filter's configuration: one that is right, and every problem of one that is not, told at once.

use obolus_core::config::FilterConfig;
use obolus_core::token::{Algorithm, Provider};
use serde_json::{Value, json};

use crate::configuration::{accepts, another, good, parse, problems, refuses};
use crate::issuer::{ISSUER, RESOURCE};

#[test]
fn a_right_configuration_is_read_in_full() {
    let config = parse(&good());
    assert_eq!(config.sts.cluster, "obolus-sts");
    assert_eq!(config.sts.authority, "sts.obolus.svc");
    assert_eq!(config.sts.caller_id, "gateway");
    assert_eq!(config.sts.credential_env, "OBOLUS_CREDENTIAL");
    assert_eq!(config.sts.timeout_ms, 3000);
    assert_eq!(config.issuers[0].name, "keycloak");
    assert_eq!(config.issuers[0].provider, Provider::Keycloak(ISSUER.to_owned()));
    assert_eq!(config.issuers[0].algorithms, [Algorithm::RS256, Algorithm::ES256]);
    assert_eq!(config.issuers[0].clock_skew_seconds, 10);
    let resource = config.resource_of_cluster("obolus-mcp").unwrap();
    assert_eq!(resource.url.to_string(), RESOURCE);
    assert_eq!(resource.issuers[0], config.issuers[0]);
    assert_eq!(resource.audiences, [RESOURCE]);
    assert_eq!(resource.required_scopes, ["mcp:tools"]);
    assert_eq!(resource.targets.default_target().audience, "kubernetes");
    assert_eq!(resource.allowed_origins, ["https://app.example.com", "http://localhost:6274"]);
    assert_eq!(resource.max_body_bytes, 65536);
    assert_eq!(
        (config.keys_refresh_seconds, config.max_waiting, config.max_cached_tokens),
        (30, 100, 200)
    );
    for other in ["obolus-sts", "OBOLUS-MCP", ""] {
        assert!(config.resource_of_cluster(other).is_none(), "{other}");
    }
}

#[test]
fn what_is_left_out_has_a_safe_default() {
    let mut config = good();
    config["issuers"][0]["issuer"] = json!("https://idp.example.com");
    for (parent, keys) in [
        ("/sts", &["timeoutMs"][..]),
        ("/issuers/0", &["profile", "algorithms", "clockSkewSeconds"]),
        ("/resources/0", &["audiences", "allowedOrigins", "maxBodyBytes"]),
        ("", &["keysRefreshSeconds", "maxWaiting", "maxCachedTokens"]),
    ] {
        for key in keys {
            config.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(*key).unwrap();
        }
    }
    let config = parse(&config);
    assert_eq!(config.sts.timeout_ms, 5000);
    assert_eq!(config.issuers[0].provider, Provider::Oidc("https://idp.example.com".to_owned()));
    assert_eq!(
        config.issuers[0].algorithms,
        [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256]
    );
    assert_eq!(config.issuers[0].clock_skew_seconds, 30);
    assert_eq!(config.resources[0].audiences, [RESOURCE], "the resource's own URL");
    assert!(config.resources[0].allowed_origins.is_empty(), "no browser");
    assert_eq!(config.resources[0].max_body_bytes, 1 << 20);
    assert!(config.resources[0].audit_arguments.is_empty(), "nothing of what is asked for");
    assert_eq!(
        (config.keys_refresh_seconds, config.max_waiting, config.max_cached_tokens),
        (60, 1024, 4096)
    );
}

#[test]
fn every_problem_is_told_at_once_with_its_path_and_what_to_write() {
    let config = json!({
        "sts": {"cluster": "", "authority": 1, "timeoutMs": 1, "secret": "x"},
        "issuers": [
            {"name": "a/b", "issuer": "http://idp", "profile": "entra", "algorithms": ["HS256", "none"], "clockSkewSeconds": 3600},
            {"issuer": "https://idp"},
        ],
        "resources": [
            {
                "name": "", "resource": "https://MCP/", "clusters": [], "issuers": ["keycloak"],
                "audiences": ["account"], "requiredScopes": ["a b", "offline_access"], "target": {"name": "t"},
                "allowedOrigins": ["*"], "maxBodyBytes": 1, "maxBody": 1,
            },
            "kubernetes",
        ],
        "keysRefreshSeconds": 0, "maxWaiting": "many", "maxCachedTokens": -1, "debug": true,
    });
    assert_eq!(problems(&config), include_str!("filter_config_problems.txt").trim_end());
}

#[test]
fn an_empty_configuration_tells_what_it_needs() {
    assert_eq!(
        problems(&json!({})),
        "3 problem(s) in the configuration\n  \
         sts: is missing: write the STS's cluster and credential\n  \
         issuers: must name at least one issuer\n  \
         resources: must name at least one protected resource"
    );
    for (text, expected) in [
        ("", "not one JSON value"),
        ("[]", "must be an object (a table)"),
        ("null", "must be an object (a table)"),
        ("\u{feff}{}", "starts with a byte order mark"),
        ("{} {}", "not one JSON value"),
        (r#"{"sts":{},"sts":{}}"#, "a key twice in one object"),
        (r#"{"sts":{"cluster":"a","\u0063luster":"b"}}"#, "a key twice in one object"),
    ] {
        let told = FilterConfig::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(told.contains(expected), "{text}: {told}");
    }
}

#[test]
fn a_key_that_nobody_reads_is_a_problem_in_every_section() {
    for section in ["", "/sts", "/issuers/0", "/resources/0", "/resources/0/target"] {
        let path = section.trim_start_matches('/').replace("/0", "[0]").replace('/', ".");
        let key = if path.is_empty() { "typo".to_owned() } else { format!("{path}.typo") };
        refuses(
            &format!("{section}/typo"),
            json!(1),
            &format!("1 problem(s) in the configuration\n  {key}: is not a setting here"),
        );
    }
    refuses(
        "/resources/0/RequiredScopes",
        json!([]),
        "resources[0].RequiredScopes: is not a setting",
    );
}

#[test]
fn two_issuers_differ_in_name_and_in_url() {
    let two = |second: Value| {
        let mut config = good();
        config["issuers"].as_array_mut().unwrap().push(second);
        problems(&config)
    };
    assert_eq!(two(json!({"name": "b", "issuer": "https://b"})), "");
    assert!(
        two(json!({"name": "keycloak", "issuer": "https://b"}))
            .contains("issuers[1].name: is taken by another issuer")
    );
    assert!(
        two(json!({"name": "b", "issuer": ISSUER, "profile": "keycloak"}))
            .contains("issuers[1].issuer: is configured twice")
    );
}

#[test]
fn names_are_plain_words() {
    for pointer in ["/issuers/0/name", "/resources/0/name"] {
        for name in ["..", ".", "a/b", "a b", "-a", "_a", "é", "a\n", "a?x", &"n".repeat(65)] {
            refuses(pointer, json!(name), "must be at most 64 letters, digits");
        }
    }
    for name in ["a", "A.b-c_1", "0", &"n".repeat(64)] {
        accepts("/resources/0/name", json!(name));
    }
}

#[test]
fn an_audience_is_this_resources_own() {
    accepts("/resources/0/audiences", json!([RESOURCE, "obolus-client-id"]));
    refuses("/resources/0/audiences", json!(["account"]), "`account` stands in every token");
    refuses(
        "/resources/0/audiences",
        json!([RESOURCE, "account"]),
        "`account` stands in every token",
    );
    refuses("/resources/0/audiences", json!([]), "resources[0].audiences: must not be empty");
    refuses(
        "/resources/0/audiences",
        json!([""]),
        "must be an array of strings that are not empty",
    );
    refuses("/resources/0/audiences", json!(RESOURCE), "must be an array of strings");
    refuses("/resources/0/audiences", json!(["kubernetes"]), "the exchange would change nothing");
    refuses(
        "/resources/0/target",
        json!({"name": "k", "audience": RESOURCE}),
        "the exchange would change nothing",
    );
}

#[test]
fn scopes_are_written_down_even_when_there_are_none() {
    accepts("/resources/0/requiredScopes", json!([]));
    accepts("/resources/0/requiredScopes", json!(["a", "api://x/y.z"]));
    refuses("/resources/0/requiredScopes", json!(null), "resources[0].requiredScopes: is missing");
    refuses("/resources/0/requiredScopes", json!("mcp:tools"), "must be an array of strings");
    refuses("/resources/0/requiredScopes", json!(["offline_access"]), "leave it out");
    for scope in ["a b", "a\"b", "a\\b", "é", "a\n"] {
        refuses("/resources/0/requiredScopes", json!([scope]), "is not a scope (RFC 6749");
    }
}

#[test]
fn resources_share_no_cluster_no_url_no_name_and_not_the_stss_cluster() {
    let two = |changes: Value| {
        let mut config = good();
        let mut second = another("second", "https://mcp.example.com/second");
        for (key, value) in changes.as_object().unwrap() {
            second[key] = value.clone();
        }
        config["resources"].as_array_mut().unwrap().push(second);
        problems(&config)
    };
    assert_eq!(two(json!({})), "");
    for (changes, expected) in [
        (
            json!({"clusters": ["other", "obolus-mcp"]}),
            "resources[1].clusters: `obolus-mcp` is already a resource's cluster",
        ),
        (
            json!({"clusters": ["obolus-sts"]}),
            "resources[1].clusters: `obolus-sts` is the STS's cluster",
        ),
        (json!({"resource": RESOURCE}), "resources[1].resource: is already another resource's URL"),
        (json!({"name": "kubernetes"}), "resources[1].name: is already another resource's name"),
        (
            json!({"issuers": ["keycloak", "keycloak"]}),
            "resources[1].issuers: `keycloak` stands here twice",
        ),
        (json!({"issuers": ["other"]}), "`other` is not configured; there are: keycloak"),
        (
            json!({"target": {"name": "kubernetes", "audience": "other"}}),
            "resources[1].target.audience: the target `kubernetes` stands elsewhere with another audience",
        ),
    ] {
        let told = two(changes.clone());
        assert!(told.contains(expected), "{changes}: {told}");
    }
    refuses("/resources/0/clusters", json!(["a", "a"]), "`a` is already a resource's cluster");
    refuses("/resources/0/clusters", json!(["obolus-sts"]), "`obolus-sts` is the STS's cluster");
    refuses("/resources/0/clusters", json!([]), "resources[0].clusters: must not be empty");
    refuses("/resources/0/issuers", json!([]), "resources[0].issuers: must not be empty");
}

#[test]
fn an_algorithm_that_is_none_or_hmac_cannot_be_allowed() {
    accepts("/issuers/0/algorithms", json!(Algorithm::ALL.map(Algorithm::name)));
    for name in ["none", "HS256", "HS384", "HS512", "rs256", "RSA-OAEP", "ES256K", "ES512", ""] {
        refuses("/issuers/0/algorithms", json!(["RS256", name]), "issuers[0].algorithms");
    }
    refuses("/issuers/0/algorithms", json!([]), "issuers[0].algorithms: must not be empty");
    refuses("/issuers/0/algorithms", json!("RS256"), "must be an array of strings");
}

#[test]
fn numbers_are_whole_and_in_their_range() {
    for (pointer, least, most) in [
        ("/sts/timeoutMs", 100u64, 60_000u64),
        ("/issuers/0/clockSkewSeconds", 0, 300),
        ("/resources/0/maxBodyBytes", 1024, 16 << 20),
        ("/keysMaxStaleSeconds", 60, 86_400),
        ("/keysRefreshSeconds", 1, 3600),
        ("/maxWaiting", 1, 100_000),
        ("/maxCachedTokens", 1, 1_000_000),
    ] {
        accepts(pointer, json!(least));
        accepts(pointer, json!(most));
        let told = format!("must be a whole number from {least} to {most}");
        refuses(pointer, json!(most + 1), &told);
        if least > 0 {
            refuses(pointer, json!(least - 1), &told);
        }
        for value in [json!(1.5), json!(-1), json!("100"), json!(true), json!([]), json!(1e300)] {
            refuses(pointer, value, &told);
        }
    }
}

#[test]
fn audit_records_show_some_arguments_and_not_any_number() {
    let mut config = good();
    config["resources"][0]["auditArguments"] = json!(["namespace", "name"]);
    assert_eq!(parse(&config).resources[0].audit_arguments, ["namespace", "name"]);
    let long = "x".repeat(65);
    let many: Vec<_> = (0..17).map(|at| at.to_string()).collect();
    for (wrong, said) in [
        (json!("*"), "resources[0].auditArguments: must be an array of strings"),
        (json!([""]), "resources[0].auditArguments: must be an array of strings"),
        (json!([long]), "resources[0].auditArguments: each must be the name of an argument"),
        (json!(many), "resources[0].auditArguments: must be at most 16 names"),
    ] {
        config["resources"][0]["auditArguments"] = wrong;
        let problems = FilterConfig::parse(config.to_string().as_bytes()).unwrap_err().to_string();
        assert!(problems.contains(said), "{problems}");
    }
}
