//! A configuration that is wrong keeps Envoy from starting, and all that is wrong is told at once.
//!
//! That a right one starts is what every other file here shows.

use obolus_envoy::{FILTER_NAME, edit};
use obolus_tests::fixtures::envoy::Envoy;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

use crate::golden::Golden;

/// What a case does to the bootstrap; the filter's configuration is a text in it.
type Change = Box<dyn FnOnce(&mut Value) + Send>;

fn issuers() -> Value {
    json!([{"name": "idp", "issuer": "https://idp.example", "algorithms": ["RS256"]}])
}

fn plugin(bootstrap: &mut Value) -> &mut Value {
    let filter = edit::named(edit::http_filters(bootstrap).unwrap(), FILTER_NAME).unwrap();
    &mut filter["typed_config"]["config"]
}

fn text(bootstrap: &mut Value) -> &mut Value {
    &mut plugin(bootstrap)["configuration"]["value"]
}

/// Envoy's refusal: its exit code, and what our filter said, without the log's own words.
async fn refusal(credential: &str, change: Change) -> String {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    Authority::new("nobody's").unwrap().write(&ca_file).unwrap();
    let place = Place::reserve().unwrap();
    let [nobody, no_sts] = [9, 10].map(|port| ([127, 0, 0, 1], port).into());
    let mut options = GatewayOptions::new(issuers(), nobody, credential);
    options.edit = change;
    let (config, envoy) = Gateway::prepare(&place, no_sts, ca_file, options).unwrap();
    let (code, log) = Envoy::expect_refusal(&config, &envoy).await.unwrap();
    let said = log.split_once("obolus: ").map_or("", |(_, rest)| rest);
    // Up to the next line that Envoy begins.
    let said: Vec<_> = said.lines().take_while(|line| !line.starts_with("[20")).collect();
    assert!(!log.contains("starting main dispatch loop"), "{log}");
    assert!(!log.contains("its credential"), "the credential is in the log");
    format!("exit code {code}\n{}", said.join("\n"))
}

fn changed(change: impl FnOnce(&mut Value) + Send + 'static) -> Change {
    Box::new(|bootstrap| {
        let text = text(bootstrap);
        let mut configuration = serde_json::from_str(text.as_str().unwrap()).unwrap();
        change(&mut configuration);
        *text = json!(configuration.to_string());
    })
}

fn written(change: impl FnOnce(&str) -> String + Send + 'static) -> Change {
    Box::new(|bootstrap| {
        let text = text(bootstrap);
        *text = json!(change(text.as_str().unwrap()));
    })
}

#[tokio::test]
async fn envoy_does_not_start_and_every_problem_is_named_with_its_key() {
    let good = "its credential";
    let many_faults = changed(|configuration| {
        configuration["sts"] = json!({
            "cluster": "obolus-mcp", "authority": "", "callerID": "envoy", "credentialEnv": 7,
            "timeoutMs": 0,
        });
        configuration["issuers"] = json!([
            {"name": "idp", "issuer": "http://idp.example", "algorithms": ["HS256", "none"]},
            {"name": "idp", "issuer": "https://idp.example", "profile": "okta", "algorithms": []},
        ]);
        configuration["resources"][0]["resource"] = json!("http://mcp.example.com/mcp/");
        configuration["resources"][0]["issuers"] = json!(["keycloak"]);
        configuration["resources"][0]["audiences"] = json!(["account", "kubernetes"]);
        configuration["resources"][0]["requiredScopes"] = json!(["offline_access", "a\"b"]);
        configuration["resources"][0]["allowedOrigins"] = json!(["*", "https://a.example/x"]);
        configuration["resources"][0]["maxBodyBytes"] = json!(1u64 << 40);
        configuration["resources"][0]["failOpen"] = json!(true);
        let second = json!({"name": "kubernetes", "clusters": ["obolus-mcp"]});
        configuration["resources"].as_array_mut().unwrap().push(second);
        configuration["keysRefreshSeconds"] = json!(-1);
        configuration["skipVerification"] = json!(true);
    });
    let entra = changed(|configuration| {
        configuration["issuers"] = json!([
            {"name": "entra", "profile": "entra", "tenants": ["common", "contoso.example"],
             "issuer": "https://login.microsoftonline.com/common/v2.0",
             "authorityHost": "https://login.microsoftonline.com/"},
            {"name": "idp", "issuer": "https://login.microsoftonline.com/common/v2.0"},
        ]);
        let resource = &mut configuration["resources"][0];
        resource["issuers"] = json!(["entra", "idp"]);
        resource["requiredScopes"] = json!(["openid", "access_as_user", "api://x/.default"]);
    });
    let cases: [(&str, &str, Change); 6] = [
        ("Entra ID, as guides have it", good, entra),
        ("many faults", good, many_faults),
        ("a key twice", good, written(|text| text.replacen('{', r#"{"sts":{},"#, 1))),
        ("nothing", good, written(|_| String::new())),
        ("an empty credential", " ", Box::new(|_| {})),
        (
            "a credential that the module is not given",
            good,
            Box::new(|bootstrap| {
                plugin(bootstrap)["vm_config"]["environment_variables"] = json!({});
            }),
        ),
    ];
    let mut golden = Golden::of("configuration.txt");
    for (case, credential, change) in cases {
        golden.add_text(case, refusal(credential, change).await);
    }
    golden.check();
}
