//! Who may have what: several issuers and grants side by side, and certificates of clients.

use obolus_tests::https;
use obolus_tests::pki::{Authority, Leaf, Subject};
use serde_json::json;

use crate::idp::Running;
use crate::world::{CREDENTIAL, World, configuration, granted, outcome, refused};

/// Another issuer, and a target of its own.
fn second_issuer(running: &Running) -> String {
    format!(
        r#"
[[issuers]]
name = "idp2"
issuer = "{}"
ca_file = "authority.crt"
[[targets]]
name = "far"
provider = "keycloak"
issuer = "idp2"
audience = "kubernetes"
scopes = ["kubernetes"]
[targets.client]
id = "obolus-sts"
method = "client_secret_basic"
secret_file = "secret"
"#,
        running.idp.issuer()
    )
}

#[tokio::test]
async fn what_one_grant_says_does_not_help_another() {
    let authority = Authority::new("two issuers").unwrap();
    let (first, second) = (Running::start(&authority).await, Running::start(&authority).await);
    let base = configuration(&first.idp.issuer(), "");
    let more = r#"
[[callers.grants]]
issuer = "idp"
audiences = ["https://other.example.com/mcp"]
clients = ["other-client"]
targets = ["ungranted"]
[[callers.grants]]
issuer = "idp2"
audiences = ["https://third.example.com/mcp", "https://mcp.example.com/mcp"]
clients = ["mcp-client"]
targets = ["far"]
"#;
    let more = more.to_owned() + &second_issuer(&second);
    let world = World::start_configured(&authority, first, |_| base + &more).await;
    let ask = async |token: &str, target: &str| {
        let request = world.request_as(CREDENTIAL, token, target, None);
        outcome(request.send().await.unwrap()).await.0
    };
    let near = |audience: &str, client: &str| {
        let mut claims = world.idp().claims("alice");
        claims["aud"] = json!(audience);
        claims["azp"] = json!(client);
        world.idp().key().sign(&claims).unwrap()
    };
    let far = |audience: &str| {
        let mut claims = second.idp.claims("alice");
        claims["aud"] = json!(audience);
        second.idp.key().sign(&claims).unwrap()
    };
    let (mcp, other, third) = (
        "https://mcp.example.com/mcp",
        "https://other.example.com/mcp",
        "https://third.example.com/mcp",
    );
    let ungranted = || refused(403, "target_not_granted");
    for (token, target, outcome) in [
        (near(mcp, "mcp-client"), "kubernetes", granted()),
        (near(other, "other-client"), "ungranted", granted()),
        (far(third), "far", granted()),
        (near(mcp, "mcp-client"), "ungranted", ungranted()),
        (near(mcp, "other-client"), "kubernetes", ungranted()),
        (near(mcp, "other-client"), "ungranted", ungranted()),
        (near(other, "mcp-client"), "kubernetes", ungranted()),
        (near(other, "mcp-client"), "ungranted", ungranted()),
        (near(other, "other-client"), "kubernetes", ungranted()),
        (near(mcp, "mcp-client"), "far", ungranted()),
        (far(third), "kubernetes", ungranted()),
        (near(third, "mcp-client"), "kubernetes", refused(401, "audience_mismatch")),
        (near(third, "mcp-client"), "far", refused(401, "audience_mismatch")),
        (far(mcp), "far", granted()),
        (far(mcp), "kubernetes", ungranted()),
        (far(other), "far", refused(401, "audience_mismatch")),
    ] {
        assert_eq!(ask(&token, target).await, outcome, "{target} {token}");
    }
    // The second one's key says nothing in the first one's name.
    let mut claims = world.idp().claims("alice");
    claims["jti"] = json!("forged");
    let forged = second.idp.key().sign(&claims).unwrap();
    assert_eq!(ask(&forged, "kubernetes").await, refused(401, "signature_invalid"));
    assert_eq!((world.running.calls("/token"), second.calls("/token")), (2, 2));
}

/// No configuration says so; but if one did, it would be of no use.
#[tokio::test]
async fn one_issuers_token_does_not_reach_the_others_target_whatever_a_grant_says() {
    let authority = Authority::new("two issuers").unwrap();
    let (first, second) = (Running::start(&authority).await, Running::start(&authority).await);
    let config = configuration(&first.idp.issuer(), "") + &second_issuer(&second);
    let world = World::start_changed(
        &authority,
        first,
        |_| config,
        |config| config.callers[0].grants[0].targets.push("far".to_owned()),
    )
    .await;
    let alice = world.idp().token("alice");
    let far = world.request_as(CREDENTIAL, &alice, "far", None).send().await.unwrap();
    assert_eq!(outcome(far).await.0, refused(403, "target_not_granted"));
    assert_eq!(second.calls("/token"), 0);
    assert_eq!(world.exchange(&alice).await, granted());
}

#[tokio::test]
async fn a_client_without_a_listed_name_does_not_get_through_the_handshake() {
    const ENVOY: &str = "spiffe://cluster.local/ns/gateway/sa/envoy";
    let authority = Authority::new("server").unwrap();
    let (clients, foreign) =
        (Authority::new("clients").unwrap(), Authority::new("foreign").unwrap());
    let running = Running::start(&authority).await;
    let config = configuration(&running.idp.issuer(), "").replace(
        "[limits]",
        &format!("client_ca_file = \"clients.crt\"\nclient_sans = [\"{ENVOY}\", \"envoy.gateway\"]\n[limits]"),
    );
    let world = World::start_configured(&authority, running, |folder| {
        clients.write(folder.join("clients.crt")).unwrap();
        config
    })
    .await;
    let alice = world.idp().token("alice");
    let client = |leaf: Option<&Leaf>| {
        let authority = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
        let mut client = https::builder().tls_certs_only([authority]);
        if let Some(leaf) = leaf {
            let pem = format!("{}{}", leaf.certificate, leaf.key);
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        client.build().unwrap()
    };
    let named = |uri: &str| Subject::named("client").client().uri(uri);
    let dns = |name: &str| Subject::named("client").client().dns(name);
    for (who, leaf, allowed) in [
        ("uri", Some(clients.issue(named(ENVOY))), true),
        ("dns", Some(clients.issue(dns("Envoy.Gateway"))), true),
        ("other uri", Some(clients.issue(named("spiffe://cluster.local/ns/a/sa/b"))), false),
        ("longer uri", Some(clients.issue(named(&format!("{ENVOY}2")))), false),
        ("wildcard", Some(clients.issue(dns("*.gateway"))), false),
        ("only a common name", Some(clients.client("envoy.gateway")), false),
        ("other authority", Some(foreign.issue(named(ENVOY))), false),
        ("expired", Some(clients.issue(named(ENVOY).expired())), false),
        ("nobody", None, false),
    ] {
        let client = client(leaf.transpose().unwrap().as_ref());
        let outcome = client.execute(world.request(&alice).build().unwrap()).await;
        match outcome {
            Ok(answer) => assert!(allowed && answer.status() == 200, "{who}"),
            Err(error) => assert!(!allowed, "{who}: {error}"),
        }
        // The key sets are behind the same handshake.
        assert_eq!(client.get(world.url("/keys/idp")).send().await.is_ok(), allowed, "{who}");
    }
}

#[tokio::test]
async fn a_target_is_named_by_its_name_or_its_resource_and_two_are_not_one() {
    let authority = Authority::new("resources").unwrap();
    let running = Running::start(&authority).await;
    let own = "https://kubernetes.example.com/?team=a";
    let config = configuration(&running.idp.issuer(), "").replacen(
        "name = \"kubernetes\"\n",
        &format!("name = \"kubernetes\"\nresource = \"{own}\"\n"),
        1,
    );
    let world = World::start_configured(&authority, running, |_| config).await;
    world.has_keys().await;
    let token = world.idp().token("alice");
    let ask = async |aims: &[(&str, &str)]| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", token.as_str()),
        ];
        let form: Vec<_> = form.iter().chain(aims).collect();
        let request = world.request(&token).form(&form).build().unwrap();
        let (came, body) = outcome(world.http.execute(request).await.unwrap()).await;
        (came, body["error"].as_str().map(str::to_owned))
    };
    let good = (granted(), None);
    let unknown = (refused(400, "target_unknown"), Some("invalid_target".to_owned()));
    let malformed =
        (refused(400, "exchange_request_malformed"), Some("invalid_request".to_owned()));
    let (name, uri) = (("audience", "kubernetes"), ("resource", own));
    for (aims, expected) in [
        (vec![name], &good),
        (vec![uri], &good),
        (vec![name, uri], &good),
        (vec![("audience", "ungranted"), uri], &unknown),
        (vec![name, ("resource", "https://kubernetes.example.com/")], &unknown),
        (vec![("resource", "https://kubernetes.example.com/")], &unknown),
        (vec![("resource", "kubernetes")], &unknown),
        (vec![("resource", "")], &unknown),
        (vec![uri, uri], &malformed),
        (vec![name, name], &malformed),
        (vec![], &malformed),
    ] {
        assert_eq!(ask(&aims).await, *expected, "{aims:?}");
    }
}
