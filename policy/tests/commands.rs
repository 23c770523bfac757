//! `test`, `explain` and `check` of a configuration, as they are run.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const TOOLS: &str = r#"{"tools": [
    {"name": "pods_list", "inputSchema": {"type": "object", "properties": {"namespace": {"type": "string"}}}},
    {"name": "nodes_drain", "inputSchema": {"type": "object"}}
]}"#;
const POLICIES: &str = "@id(\"kube-system\") @reason(\"not yours\")\n\
    forbid(principal, action == Action::\"tools/call\", resource)\n\
    when { context.arguments has namespace && context.arguments.namespace == \"kube-system\" };\n\
    @id(\"prod\") permit(principal, action, resource is Tool) when { context.target == \"prod\" };";
const ACCESS: &str = r#"{"scopes": {"mcp:read": ["*_list"]}, "groups": {"ops": ["nodes_*"]}}"#;

struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run_with(folder: &Path, arguments: &[&str], input: &str) -> Told {
    for (name, text) in
        [("tools.json", TOOLS), ("policies.cedar", POLICIES), ("access.json", ACCESS)]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let mut program = Command::new(env!("CARGO_BIN_EXE_obolus-policy"));
    program.current_dir(folder).args(arguments);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    // Who has faults to tell may not wait for what comes in.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

const BY: [&str; 5] =
    ["policies.cedar", "--tools", "kubernetes=tools.json", "--access", "access.json"];

fn test(folder: &Path, tests: &str) -> Told {
    std::fs::write(folder.join("tests.yaml"), tests).unwrap();
    run_with(folder, &[&["test"], &BY[..], &["--tests", "tests.yaml"]].concat(), "")
}

fn explain(folder: &Path, token: &str, more: &[&str]) -> Told {
    run_with(folder, &[&["explain"], &BY[..], &["--token", "-"], more].concat(), token)
}

#[test]
fn each_expectation_passes_where_it_is_met_and_fails_with_what_came_where_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("{tool: pods_list}", "{sub: a, scope: 'mcp:read'}", "permit"),
        ("{tool: pods_list}", "{sub: a}", "insufficient_scope"),
        ("{tool: pods_list}", "{sub: a}", "{insufficient_scope: ['mcp:read']}"),
        (
            "{tool: pods_list, arguments: {namespace: kube-system}}",
            "{sub: a, scope: 'mcp:read'}",
            "{denied: {reason: not yours, policies: [kube-system]}}",
        ),
        ("{tool: nodes_drain}", "{sub: a, groups: [dev]}", "hidden"),
        ("{tool: nodes_drain}", "{sub: a, groups: [ops]}", "{permit: {policies: [groups.ops]}}"),
        ("{method: ping}", "{sub: a}", "permit"),
        ("{prompt: daily}", "{sub: a}", "denied"),
        ("{resource: 'k8s://pods'}", "{sub: a}", "denied"),
        ("{method: no/such}", "{sub: a}", "{refused: method_unknown}"),
        ("{tool: pods_list}", "{sub: agent, azp: agent}", "{refused: app_only}"),
        ("{tool: pods_list}", "{sub: a, exp: 1}", "{refused: token_expired}"),
    ];
    let one = |(request, who, expect): (&str, &str, &str)| {
        format!("  - {{name: {request}, who: {who}, request: {request}, expect: {expect}}}\n")
            .replace(&format!("name: {request}"), "name: a test")
    };
    let all: String = cases.into_iter().map(one).collect();
    let told = test(folder.path(), &format!("tests:\n{all}"));
    assert_eq!((told.code, told.out.as_str()), (Some(0), "12 passed, 0 failed\n"), "{}", told.err);
    for (request, who, expect) in cases {
        let other = if expect == "permit" { "hidden" } else { "permit" };
        let other = if expect.starts_with("{permit") { "denied" } else { other };
        let told = test(folder.path(), &format!("tests:\n{}", one((request, who, other))));
        let begins = format!("tests.yaml: a test: expected {other}, got ");
        assert!(told.code == Some(1) && told.out.starts_with(&begins), "{request}: {}", told.out);
    }
    for narrower in [
        "{insufficient_scope: ['mcp:write']}",
        "{denied: {policies: []}}",
        "{permit: {policies: [x]}}",
    ] {
        for (request, who, _) in cases {
            let told = test(folder.path(), &format!("tests:\n{}", one((request, who, narrower))));
            let is_met = narrower.starts_with("{denied") && request.contains(": 'k8s")
                || narrower.starts_with("{denied") && request.contains("prompt");
            assert_eq!(told.code == Some(0), is_met, "{narrower} {request}: {}", told.out);
        }
    }
}

#[test]
fn lists_and_targets_are_held_against_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let of = |target: &str, lists: &str| {
        let tests = format!("tests: [{{name: t, who: {{sub: a, groups: []}}, {target} {lists}}}]");
        test(folder.path(), &tests).code
    };
    assert_eq!(of("", "lists: {hidden: [nodes_drain], shown: [pods_list]}"), Some(0));
    assert_eq!(of("", "lists: {shown: [nodes_drain]}"), Some(1));
    assert_eq!(of("", "lists: {hidden: [pods_list]}"), Some(1), "a scope would open it");
    assert_eq!(of("target: prod,", "lists: {shown: [nodes_drain]}"), Some(0));
    assert_eq!(of("target: dev,", "lists: {shown: [nodes_drain]}"), Some(1));
}

#[test]
fn every_fault_of_a_file_of_tests_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let told = test(
        folder.path(),
        "person: {}\n\
         tests:\n\
         - {name: a, who: nobody, request: {tool: x, prompt: y}, expect: allowed}\n\
         - {who: {}, request: {tool: x}, expct: permit}\n\
         - {name: c, who: {}, revision: '2020-01-01', lists: {show: [x]}}\n\
         - {name: d, who: {}, request: {tool: x}, expect: {refused: nothing}}\n",
    );
    assert_eq!((told.code, told.out.as_str()), (Some(1), ""));
    for text in [
        "tests.yaml: tests[0].who: `nobody` is none",
        "tests[0].request.method: write `tool`",
        "tests[0].expect: must be",
        "tests[1].name: is missing",
        "tests[1].expct: is not a setting here: did you mean expect?",
        "tests[2].revision: is no revision",
        "tests[2].lists.show: is not a setting here: did you mean shown?",
        "tests[3].expect.refused: is no reason",
        "person: is not a setting here; the settings are: people, tests",
        "\n10 problem(s)",
    ] {
        assert!(told.err.contains(text), "{text}\n{}", told.err);
    }
    let told = test(folder.path(), "tests: []\ntests: []\n");
    assert!(told.err.contains("is not YAML that can be read: ") && told.err.contains("duplicate"));
    let none = run_with(folder.path(), &["test", "--tests", "tests.yaml"], "");
    assert!(none.err.contains("nothing to decide by"), "{}", none.err);
}

#[test]
fn an_explanation_names_policies_with_their_places_scopes_arguments_and_claims() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--tool", "pods_list", "--arguments", r#"{"namespace": "shop"}"#, "--json"];
    let told = explain(folder.path(), r#"{"sub": "a", "scope": "openid"}"#, &arguments);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["decision"], "insufficient_scope");
    assert_eq!(told["missingScopes"], json!(["mcp:read"]));
    assert_eq!(
        (&told["verified"], &told["assumed"]),
        (&json!(false), &json!(["iss", "aud", "exp"]))
    );
    let of_tool = &told["considered"][0];
    assert_eq!(of_tool["argumentsRead"], json!(["namespace"]));
    assert_eq!(of_tool["claimsNotTold"], json!(["groups"]));
    assert_eq!(of_tool["policies"][0]["place"], "policies.cedar:1:1");
    let told =
        explain(folder.path(), r#"{"sub": "a"}"#, &["--tool", "nodes_drain", "--target", "prod"]);
    assert!(told.out.contains("prod (policies.cedar:4:1)"), "{}", told.out);
    assert!(told.out.contains("\ndecision           permit\n"), "{}", told.out);
}

#[test]
fn a_whole_token_is_taken_is_said_to_be_unverified_and_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "https://idp.example.org", "sub": "a", "aud": "x", "exp": 1, "scope": "mcp:read"});
    let header = json!({"alg": "RS256", "kid": "k"});
    let token = format!("{}.{}.c2lnbmF0dXJl", part(header), part(claims));
    for more in [&["--tool", "pods_list"][..], &["--tool", "pods_list", "--json"]] {
        let told = explain(folder.path(), &format!("Bearer {token}\n"), more);
        assert_eq!(told.code, Some(0), "{}", told.err);
        assert!(told.out.contains("permit") && told.out.contains("token_expired"), "{}", told.out);
        assert!(!told.out.contains("assumed            "), "{}", told.out);
        for secret in token.split('.') {
            assert!(!told.out.contains(secret) && !told.err.contains(secret));
        }
    }
    let told = explain(folder.path(), &token.replace('.', "!"), &["--tool", "pods_list"]);
    assert!(told.code == Some(1) && told.err.contains("neither claims"), "{}", told.err);
    assert!(!told.err.contains("c2lnbmF0dXJl"), "{}", told.err);
}

/// Keycloak's claims and Entra ID's are read as the filter reads them.
#[test]
fn claims_are_read_by_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("roles.json"), r#"{"roles": {"ops": ["*"]}}"#).unwrap();
    for (profile, claims) in [
        ("keycloak", json!({"sub": "a", "realm_access": {"roles": ["ops"]}})),
        ("oidc", json!({"sub": "a", "roles": ["ops"]})),
        ("entra", json!({"oid": "a", "scp": "access_as_user", "azp": "client", "roles": ["ops"]})),
    ] {
        for by in ["keycloak", "oidc", "entra"] {
            let arguments = [
                "explain",
                "--profile",
                by,
                "--access",
                "roles.json",
                "--token",
                "-",
                "--tool",
                "x",
            ];
            let told = run_with(folder.path(), &arguments, &claims.to_string());
            let is_permit = told.out.contains("\ndecision           permit\n");
            // Entra ID's `roles` are read by the same name as others'; who it is stands elsewhere.
            assert_eq!(is_permit, by == profile, "{profile} by {by}: {}{}", told.out, told.err);
        }
    }
}

#[test]
fn a_configuration_is_checked_and_told_to_be_stale() {
    let folder = tempfile::tempdir().unwrap();
    let filter = |resources: Value| {
        let issuer = json!({"name": "idp", "profile": "oidc", "issuer": "https://idp.example.com"});
        let sts = json!({"cluster": "s", "authority": "s", "callerId": "c", "credentialEnv": "C"});
        let config = json!({"sts": sts, "issuers": [issuer], "resources": resources});
        std::fs::write(folder.path().join("filter.json"), config.to_string()).unwrap();
    };
    let resource = json!({
        "name": "kubernetes", "resource": "https://mcp.example.com/mcp", "clusters": ["mcp"], "issuers": ["idp"],
        "requiredScopes": [], "target": {"name": "t", "audience": "t"},
    });
    filter(json!([resource]));
    let into = ["compile", "policies.cedar", "--tools", "tools.json", "--into", "filter.json"];
    let compiled = run_with(folder.path(), &into, "");
    assert_eq!(compiled.code, Some(0), "{}", compiled.err);
    std::fs::write(folder.path().join("compiled.json"), &compiled.out).unwrap();
    let check = |more: &[&str]| run_with(folder.path(), &[&["check"], more].concat(), "");
    let config = ["--config", "compiled.json", "--tools", "tools.json"];
    assert_eq!(check(&config).out, "good\n");
    assert_eq!(check(&[&["policies.cedar"], &config[..]].concat()).out, "good\n");
    std::fs::write(folder.path().join("other.cedar"), "permit(principal, action, resource);")
        .unwrap();
    let told = check(&[&["other.cedar"], &config[..]].concat());
    assert!(told.err.contains("not those of the files"), "{}", told.err);
    let newer = TOOLS
        .replace("\"type\": \"string\"", "\"type\": \"integer\"")
        .replace("nodes_drain", "exec");
    std::fs::write(folder.path().join("newer.json"), newer).unwrap();
    let told = check(&["--config", "compiled.json", "--tools", "newer.json"]);
    assert_eq!(told.code, Some(1));
    for text in [
        "compiled.json: kubernetes/pods_list: argument namespace was [\"?\",\"String\"] and is [\"?\",\"Long\"]",
        "compiled.json: kubernetes/nodes_drain: is not listed by the server any more",
        "compiled.json: kubernetes/exec: is new, and hidden from everybody",
        "3 problem(s)",
    ] {
        assert!(told.err.contains(text), "{text}\n{}", told.err);
    }
    let new_argument = TOOLS.replace(
        "{\"type\": \"object\"}",
        "{\"type\": \"object\", \"properties\": {\"namespace\": {\"type\": \"string\"}}}",
    );
    std::fs::write(folder.path().join("newer.json"), new_argument).unwrap();
    let told = check(&["--config", "compiled.json", "--tools", "newer.json"]);
    assert!(told.err.contains("nodes_drain: argument namespace is new"), "{}", told.err);
    // By hand: told with its path, as the filter does.
    let by_hand = compiled.out.replace("\"effect\": \"forbid\"", "\"effect\": \"deny\"");
    std::fs::write(folder.path().join("compiled.json"), by_hand).unwrap();
    let told = check(&config);
    let path =
        "compiled.json: resources[0].access.policies.policies[0].effect: must be permit or forbid";
    assert!(told.err.contains(path), "{}", told.err);
    // Several resources: one has to be named.
    let mut other = resource.clone();
    other["name"] = "other".into();
    filter(json!([resource, other]));
    let told = run_with(folder.path(), &into, "");
    assert!(told.err.contains("name one, --resource: kubernetes, other"), "{}", told.err);
}
