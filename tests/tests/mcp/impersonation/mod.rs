//! Impersonation: people of an identity provider that the API server does not know act there all the same, by the server's
//! own account, and RBAC decides about them as about anybody.
//!
//! Not shown here: an API server that is reached through something which rewrites headers.

mod keys;
mod setting;
mod streams;

use std::time::Duration;

use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::username;
use obolus_tests::fixtures::idp::{Key, now};
use obolus_tests::fixtures::mcp_client::{McpClient, answered};
use obolus_tests::fixtures::mcp_server::McpServer;
use serde_json::{Value, json};

use crate::world::{Person, SHOP, WAREHOUSE, options};
use setting::{AUDIENCE, Setting, acted_as};

#[tokio::test]
async fn the_audit_log_names_the_server_and_the_person_and_rbac_decides_about_the_person() {
    let setting = Setting::start().await.unwrap();
    let alice = setting.client("alice", &["developers", "choir"]).unwrap();
    let token = setting.idp.mint(&setting.claims("bob", &["viewers"])).unwrap();
    let bob = setting.with_token(&token).unwrap();

    let who = alice.call("whoami", json!({})).await.unwrap();
    assert!(
        who.text().starts_with("kc:alice\ngroups: kc:developers, system:authenticated"),
        "{}",
        who.body
    );
    let arguments = json!({"namespace": WAREHOUSE});
    let allowed = alice.call("pods_list_in_namespace", arguments.clone()).await.unwrap();
    assert!(!allowed.is_tool_error(), "{}", allowed.body);
    let refused = bob.call("pods_list_in_namespace", arguments).await.unwrap();
    assert!(refused.text().starts_with("refused: you may not list pods"), "{}", refused.body);
    assert!(refused.text().contains("User \"kc:bob\" cannot list"), "{}", refused.body);
    let allowed = bob.call("pods_list_in_namespace", json!({"namespace": SHOP})).await.unwrap();
    assert!(!allowed.is_tool_error(), "{}", allowed.body);

    let seen = setting.seen().await.unwrap();
    let listed = |namespace: &str, status: u16| {
        let found = seen.iter().find(|event| {
            event["verb"] == "list"
                && event["objectRef"]["namespace"] == namespace
                && event["responseStatus"]["code"] == status
        });
        acted_as(found.unwrap_or_else(|| panic!("no such request in {seen:#?}")))
    };
    let of = |name: &str, group: &str| (format!("kc:{name}"), vec![format!("kc:{group}")]);
    assert_eq!(listed(WAREHOUSE, 200), of("alice", "developers"));
    assert_eq!(listed(WAREHOUSE, 403), of("bob", "viewers"));
    assert_eq!(listed(SHOP, 200), of("bob", "viewers"));
    assert!(seen.iter().all(|event| event["impersonatedUser"].is_object()), "{seen:#?}");
    assert!(setting.mcp.log().contains("cluster.impersonation"), "{}", setting.mcp.log());
    assert!(!setting.mcp.log().contains(&token), "{}", setting.mcp.log());
}

#[tokio::test]
async fn nothing_of_a_token_that_is_not_proved_reaches_the_api_server() {
    let setting = Setting::start().await.unwrap();
    let stranger = Key::new("RS256", "first").unwrap();
    let good = setting.claims("alice", &["developers"]);
    let but = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let mint = |claims: &Value| setting.idp.mint(claims).unwrap();
    let header = |alg: &str| json!({"alg": alg, "typ": "JWT", "kid": "first"}).to_string();
    let named = |alg: &str| setting.idp.key().sign_parts(&header(alg), &good.to_string()).unwrap();
    let unsigned = named("none");
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    let cases = [
        ("a forged signature", stranger.sign(&good).unwrap(), "signature_invalid"),
        ("an expired token", mint(&but("exp", json!(now() - 1))), "token_expired"),
        ("one that is not valid yet", mint(&but("nbf", json!(now() + 200))), "token_not_yet_valid"),
        ("another audience", mint(&but("aud", json!(["kubernetes"]))), "is not for the cluster"),
        ("another issuer", mint(&but("iss", json!("https://other.example.com"))), "issuer_unknown"),
        ("no signature", unsigned, "algorithm_not_allowed"),
        ("alg none", named("none"), "algorithm_not_allowed"),
        ("a symmetric algorithm", named("HS256"), "algorithm_not_allowed"),
        ("an application's token", mint(&but("sub", json!("mcp-client"))), "app_only"),
        ("an ID token", mint(&but("nonce", json!("n"))), "token_type_refused"),
        (
            "a name that breaks a header",
            mint(&but("preferred_username", json!("alice\r\nx: y"))),
            "printable ASCII",
        ),
        (
            "a name with space around it",
            mint(&but("preferred_username", json!("alice "))),
            "printable ASCII",
        ),
        ("no token of this form", "0paque".to_owned(), "is not for the cluster"),
    ];
    let marker = setting.world.cluster.marker().await.unwrap();
    let asked_for = setting.world.unique("asked-for");
    for (what, token, said) in &cases {
        let client = setting.with_token(token).unwrap();
        let arguments = json!({"namespace": SHOP, "name": asked_for});
        let refused = client.call("pods_get", arguments).await.unwrap();
        assert!(refused.is_tool_error(), "{what}: {}", refused.body);
        let text = refused.text();
        assert!(text.contains(said) && text.contains("nothing was sent"), "{what}: {text}");
    }
    let control = setting.world.unique("control");
    let alice = setting.client("alice", &["developers"]).unwrap();
    let arguments = json!({"namespace": SHOP, "name": control});
    let found = alice.call("pods_get", arguments).await.unwrap();
    assert!(found.text().contains("404"), "{}", found.body);
    // Of anybody, so that a token that was sent as it is would be seen, too.
    let seen = setting.world.cluster.requests_since(marker).await.unwrap();
    let asks_for = |name: &str| {
        let is_that =
            |event: &&Value| event["requestURI"].as_str().unwrap_or_default().contains(name);
        seen.iter().filter(is_that).collect::<Vec<_>>()
    };
    assert_eq!(asks_for(&asked_for), [&Value::Null; 0], "what is not proved was sent");
    assert!(!asks_for(&control).is_empty(), "and what is proved was not");
    assert_eq!(acted_as(asks_for(&control)[0]).0, "kc:alice");
}

#[tokio::test]
async fn a_token_that_claims_a_group_of_the_clusters_own_never_gets_it() {
    let setting = Setting::start().await.unwrap();
    let all = Setting::start_with(&|table| {
        table.replace("allowed_groups = [\"developers\", \"viewers\"]\n", "")
    })
    .await
    .unwrap();
    let secrets = json!({"apiVersion": "v1", "kind": "Secret", "namespace": "kube-system"});
    let masters = ["system:masters", "developers"];
    // Only the groups that are configured are passed on, whatever the token says.
    let alice = setting.client("alice", &masters).unwrap();
    let refused = alice.call("resources_list", secrets.clone()).await.unwrap();
    assert!(refused.text().contains("User \"kc:alice\" cannot list"), "{}", refused.body);
    let control =
        alice.call("pods_list_in_namespace", json!({"namespace": WAREHOUSE})).await.unwrap();
    assert!(!control.is_tool_error(), "{}", control.body);
    // Where all are, it is another name, which this server's account may not act by.
    let alice = all.client("alice", &masters).unwrap();
    let refused = alice.call("resources_list", secrets.clone()).await.unwrap();
    let told = refused.text();
    assert!(told.contains("RBAC does not let this MCP server act as you"), "{told}");
    assert!(told.contains(&all.account), "{told}");
    let control = all.client("alice", &["developers"]).unwrap();
    let control =
        control.call("pods_list_in_namespace", json!({"namespace": WAREHOUSE})).await.unwrap();
    assert!(!control.is_tool_error(), "{}", control.body);
    for setting in [&setting, &all] {
        let seen = setting.seen().await.unwrap();
        assert!(!seen.is_empty());
        for event in seen {
            let (_, groups) = acted_as(&event);
            assert!(!groups.contains(&"system:masters".to_owned()), "{event:#?}");
        }
    }
    // Who is in it may list them.
    setting.world.cluster.admin_get("/api/v1/namespaces/kube-system/secrets").await.unwrap();
}

#[tokio::test]
async fn whom_rbac_does_not_name_the_server_cannot_act_as() {
    let setting = Setting::start().await.unwrap();
    let eve = setting.client("eve", &["developers"]).unwrap();
    let refused = eve.call("pods_list_in_namespace", json!({"namespace": SHOP})).await.unwrap();
    let told = refused.text();
    assert!(told.contains("RBAC does not let this MCP server act as you"), "{told}");
    assert!(told.contains(&setting.account), "{told}");
    let alice = setting.client("alice", &["developers"]).unwrap();
    let allowed = alice.call("pods_list_in_namespace", json!({"namespace": SHOP})).await.unwrap();
    assert!(!allowed.is_tool_error(), "{}", allowed.body);
}

#[tokio::test]
async fn without_the_table_the_callers_own_token_is_sent_and_nobody_is_impersonated() {
    let setting = Setting::start().await.unwrap();
    let world = setting.world;
    let off = McpServer::start(&options(&world.cluster).unwrap()).await.unwrap();
    // The API server does not know this provider.
    let token = setting.idp.mint(&setting.claims("alice", &["developers"])).unwrap();
    let unknown = McpClient::new(&off.url(), Some(&token)).unwrap();
    let refused = unknown.call("whoami", json!({})).await.unwrap();
    assert!(refused.text().contains("was not accepted by the API server"), "{}", refused.body);
    let name = world.unique("alice-herself");
    let known = world.client_of(&off, Person::Alice, &name).unwrap();
    let allowed = known.call("pods_list_in_namespace", json!({"namespace": SHOP})).await.unwrap();
    assert!(!allowed.is_tool_error(), "{}", allowed.body);
    world.cluster.marker().await.unwrap();
    let seen = world.cluster.audit_of(&format!("kc:{name}")).unwrap();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|event| event["impersonatedUser"].is_null()), "{seen:#?}");
    // And where it is on, the known one's token is not sent on.
    let on = world.client_of(&setting.mcp, Person::Alice, &name).unwrap();
    let refused = on.call("whoami", json!({})).await.unwrap();
    assert!(refused.text().contains("is not for the cluster"), "{}", refused.body);
}

#[tokio::test]
async fn no_header_of_a_callers_own_says_as_whom_to_act() {
    let setting = Setting::start().await.unwrap();
    let world = setting.world;
    let own = world.client(Person::Bob, &world.unique("bob-pretends")).unwrap();
    for (client, group) in
        [(own, "kc:viewers"), (setting.client("bob", &["viewers"]).unwrap(), "kc:viewers")]
    {
        let request = client
            .request("tools/call", json!({"name": "whoami", "arguments": {}}))
            .header("impersonate-user", "kc:alice")
            .header("impersonate-group", "system:masters")
            .header("impersonate-uid", "7")
            .header("impersonate-extra-scopes", "all");
        let told = answered(request).await.unwrap();
        let expected = format!("groups: {group}, system:authenticated");
        assert!(told.text().contains(&expected), "{}", told.body);
        assert!(told.text().starts_with("kc:bob"), "{}", told.body);
    }
}

#[tokio::test]
async fn a_401_is_the_servers_own_trouble_and_a_new_token_in_its_file_ends_it() {
    let setting = Setting::start().await.unwrap();
    let alice = setting.client("alice", &["developers"]).unwrap();
    let good = std::fs::read(setting.token_file()).unwrap();
    // Nothing was read before the first call.
    std::fs::write(setting.token_file(), "an.old.0wn-t0ken").unwrap();
    let refused = alice.call("whoami", json!({})).await.unwrap();
    let told = refused.text();
    assert!(told.contains("this MCP server's own credential (401)"), "{told}");
    assert!(told.contains("signing in again will not help"), "{told}");
    std::fs::write(setting.token_file(), &good).unwrap();
    let allowed = alice.call("whoami", json!({})).await.unwrap();
    assert!(!allowed.is_tool_error(), "{}", allowed.body);
    let metrics = reqwest::get(format!("{}/metrics", setting.mcp.operations_url())).await;
    let metrics = metrics.unwrap().text().await.unwrap();
    assert!(metrics.contains("outcome=\"own_credential_not_accepted\"} 1"), "{metrics}");
    let log = setting.mcp.log();
    for token in ["0wn-t0ken", std::str::from_utf8(&good).unwrap()] {
        assert!(!log.contains(token) && !told.contains(token), "{log}");
    }
}

#[tokio::test]
async fn a_changed_table_is_told_and_a_bad_one_changes_nothing() {
    let mut setting = Setting::start().await.unwrap();
    let file = setting.mcp.folder().join("mcp.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let alice = setting.client("alice", &["developers"]).unwrap();
    let elsewhere = {
        let mut claims = setting.claims("alice", &["developers"]);
        claims["aud"] = json!("elsewhere");
        setting.with_token(&setting.idp.mint(&claims).unwrap()).unwrap()
    };
    let told = async |setting: &Setting, text: &str| {
        eventually(&format!("{text:?} in the log"), Duration::from_secs(20), || async {
            anyhow::ensure!(setting.mcp.log().contains(text), "{}", setting.mcp.log());
            Ok(())
        })
        .await
        .unwrap();
    };
    std::fs::write(&file, good.replace("\"kc:\"", "\"system:\"")).unwrap();
    setting.mcp.reload().unwrap();
    told(&setting, "the configuration of before stays in use, all of it").await;
    assert!(!alice.call("whoami", json!({})).await.unwrap().is_tool_error());
    assert!(elsewhere.call("whoami", json!({})).await.unwrap().is_tool_error());

    std::fs::write(&file, good.replace(AUDIENCE, "elsewhere")).unwrap();
    setting.mcp.reload().unwrap();
    told(&setting, "impersonation has changed").await;
    assert!(!elsewhere.call("whoami", json!({})).await.unwrap().is_tool_error());
    assert!(alice.call("whoami", json!({})).await.unwrap().is_tool_error());

    let (before, after) = good.split_once("[cluster.impersonation]").unwrap();
    let (_, after) = after.split_once("[toolset_configs.helm]").unwrap();
    std::fs::write(&file, format!("{before}[toolset_configs.helm]{after}")).unwrap();
    setting.mcp.reload().unwrap();
    told(&setting, "impersonation is off now").await;
    let refused = alice.call("whoami", json!({})).await.unwrap();
    assert!(refused.text().contains("was not accepted by the API server"), "{}", refused.body);
    let seen = setting.seen().await.unwrap();
    assert!(seen.iter().all(|event| username(event) == setting.account));
}
