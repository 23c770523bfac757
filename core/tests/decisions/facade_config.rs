//! An Entra issuer with a façade: what is right, and every way in which it could stand in somebody else's place.

use obolus_core::Reason;
use obolus_core::metadata::protected_resource_metadata;
use serde_json::{Value, json};

use crate::configuration::{another, good, parse, problems};
use crate::entra::{CONTOSO, FABRIKAM, issuer_v2};
use crate::entra_config::entra_resource;
use crate::issuer::{ISSUER, RESOURCE};

pub(crate) const FACADE: &str = "https://mcp.example.com/oauth";

fn entra_issuer() -> Value {
    json!({
        "name": "entra",
        "profile": "entra",
        "tenants": [CONTOSO],
        "facade": {"issuer": FACADE, "clusters": ["obolus-facade"]},
    })
}

/// Keycloak and its resource, and on the same host Entra ID behind a façade and its own.
pub(crate) fn both() -> Value {
    let mut config = good();
    config["issuers"].as_array_mut().unwrap().push(entra_issuer());
    config["resources"].as_array_mut().unwrap().push(entra_resource());
    config
}

/// The problems after some changes of the right configuration.
fn with(changes: &[(&str, Value)]) -> String {
    let mut config = both();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        config.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    problems(&config)
}

#[test]
fn clients_of_its_resources_are_sent_to_the_facade_and_those_of_others_to_their_issuer() {
    let mut config = both();
    let mut second = entra_resource();
    second["name"] = json!("third");
    second["resource"] = json!("https://third.example.com/mcp");
    second["clusters"] = json!(["third"]);
    config["resources"].as_array_mut().unwrap().push(second);
    let config = parse(&config);
    let servers = |at: usize| {
        protected_resource_metadata(&config.resources[at])["authorization_servers"].clone()
    };
    assert_eq!(servers(0), json!([ISSUER]), "Keycloak's, byte for byte");
    assert_eq!(servers(1), json!([FACADE]));
    assert_eq!(servers(2), json!([FACADE]), "several resources, one façade");
    // Two resources share a host: its root has the metadata of neither.
    let of = |authority: &str, path: &str| {
        config.resource_of_metadata(authority, path).map(|resource| resource.name.as_str())
    };
    let root = "/.well-known/oauth-protected-resource";
    assert_eq!(of("mcp.example.com", root), None);
    assert_eq!(of("third.example.com", root), Some("third"));
    assert_eq!(of("mcp.example.com", &format!("{root}/mcp")), Some("kubernetes"));
    assert_eq!(of("mcp.example.com", &format!("{root}/entra")), Some("kubernetes-entra"));

    let mut direct = both();
    direct["issuers"][1].as_object_mut().unwrap().remove("facade");
    let config = parse(&direct);
    let servers =
        protected_resource_metadata(&config.resources[1])["authorization_servers"].clone();
    assert_eq!(servers, json!([issuer_v2(CONTOSO)]), "without a façade");
}

#[test]
fn a_facade_is_reached_by_its_own_urls_and_by_nothing_else() {
    let config = parse(&both());
    let way = |authority: &str, path: &str, cluster: &str| {
        config.facade_of(authority, path, cluster).map(|facade| facade.is_some())
    };
    for path in [
        "/oauth/authorize",
        "/oauth/token",
        "/oauth/register",
        "/.well-known/oauth-authorization-server/oauth",
        "/.well-known/openid-configuration/oauth",
        "/oauth/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        for authority in ["mcp.example.com", "mcp.example.com:443", "MCP.example.com"] {
            assert_eq!(way(authority, path, "obolus-facade"), Ok(true), "{authority}{path}");
            for cluster in ["obolus-mcp", "obolus-sts", "shop", ""] {
                let misrouted = Err(Reason::FacadeMisrouted);
                assert_eq!(way(authority, path, cluster), misrouted, "{path} to {cluster}");
            }
        }
        for authority in ["shop.example.com", "mcp.example.com:8443", "mcp.example.com.", ""] {
            let unknown = Err(Reason::FacadePathUnknown);
            assert_eq!(way(authority, path, "obolus-facade"), unknown, "{authority}{path}");
            assert_eq!(way(authority, path, "shop"), Ok(false), "{authority}{path}");
        }
    }
    for path in [
        "/",
        "/oauth",
        "/oauth/",
        "/oauth/token/",
        "/oauth/Token",
        "/oauth//token",
        "/mcp",
        "/oauth/token;x",
    ] {
        assert_eq!(
            way("mcp.example.com", path, "obolus-facade"),
            Err(Reason::FacadePathUnknown),
            "{path}"
        );
        assert_eq!(way("mcp.example.com", path, "obolus-mcp"), Ok(false), "{path}");
    }
}

#[test]
fn a_facades_url_is_its_own() {
    assert_eq!(with(&[]), "");
    for own in
        ["https://login.example.com", "https://mcp.example.com/a/b", "http://localhost:8080/oauth"]
    {
        assert_eq!(with(&[("/issuers/1/facade/issuer", json!(own))]), "", "{own}");
    }
    for (own, told) in [
        (
            "https://mcp.example.com/oauth/",
            "has a slash at its end, and clients compare an issuer byte for byte",
        ),
        ("https://mcp.example.com/", "has a slash at its end"),
        ("http://mcp.example.com/oauth", "must be https"),
        ("https://mcp.example.com/oauth?tenant=x", "must have no query"),
        ("https://mcp.example.com/oauth#x", "must have no query, no fragment"),
        ("https://a@mcp.example.com/oauth", "no user information"),
        ("https://MCP.example.com/oauth", "must be in canonical form"),
        ("https://mcp.example.com:443/oauth", "must be in canonical form"),
        ("https://mcp.example.com//oauth", "must be in canonical form"),
        ("https://mcp.example.com/a/../oauth", "must be in canonical form"),
        ("/oauth", "must be an absolute URL"),
        ("https://login.microsoftonline.com/oauth", "is at the identity provider's host"),
        ("https://sts.windows.net/oauth", "is at the identity provider's host"),
        (RESOURCE, "which is a path of the resource `kubernetes`, too"),
        (ISSUER, "is an identity provider's own issuer"),
    ] {
        let told_ = with(&[("/issuers/1/facade/issuer", json!(own))]);
        assert!(
            told_.contains(&format!("issuers[1].facade.issuer: {told}")) || told_.contains(told),
            "{own}: {told_}"
        );
        assert!(told_.contains("issuers[1].facade.issuer: "), "{own}: {told_}");
    }
    // An Entra ID of one's own, as in tests.
    let own = [
        ("/issuers/1/authorityHost", json!("https://localhost:8443")),
        ("/issuers/1/facade/issuer", json!("https://localhost:8443/oauth")),
    ];
    assert!(with(&own).contains("is at the identity provider's host"));
    for missing in ["issuer", "clusters"] {
        let told = with(&[(&format!("/issuers/1/facade/{missing}"), json!(null))]);
        assert!(
            told.contains(&format!("issuers[1].facade.{missing}: is missing: write")),
            "{told}"
        );
    }
}

#[test]
fn a_facade_leads_to_one_tenant_of_entra_id() {
    let told = with(&[("/issuers/1/tenants", json!([CONTOSO, FABRIKAM]))]);
    assert!(told.contains("issuers[1].facade: leads to one tenant, and `tenants` has 2"), "{told}");
    for (profile, issuer) in [("keycloak", ISSUER), ("oidc", "https://idp.example.com")] {
        let facade = json!({"issuer": "https://login.example.com/x", "clusters": ["f"]});
        let told = with(&[
            ("/issuers/0/profile", json!(profile)),
            ("/issuers/0/issuer", json!(issuer)),
            ("/issuers/0/facade", facade),
        ]);
        assert!(
            told.contains("issuers[0].facade: is for issuers whose profile is entra"),
            "{told}"
        );
        assert!(told.contains("RFC 9207") && told.contains("RFC 8414 §3.3"), "{told}");
    }
}

#[test]
fn a_facades_cluster_is_nobody_elses() {
    for (cluster, told) in [
        ("obolus-sts", "`obolus-sts` is the STS's cluster"),
        ("obolus-mcp", "`obolus-mcp` is a resource's cluster"),
        ("obolus-mcp-entra", "`obolus-mcp-entra` is a resource's cluster"),
    ] {
        let all = with(&[("/issuers/1/facade/clusters", json!(["obolus-facade", cluster]))]);
        assert!(all.contains(&format!("issuers[1].facade.clusters: {told}")), "{all}");
    }
    let twice = with(&[("/issuers/1/facade/clusters", json!(["f", "f"]))]);
    assert!(twice.contains("`f` is already a façade's cluster"), "{twice}");
}

#[test]
fn a_resource_and_a_facade_share_no_path() {
    let second = |url: &str| {
        let mut config = both();
        config["resources"].as_array_mut().unwrap().push(another("second", url));
        config["resources"][2]["target"]["name"] = json!("second");
        problems(&config)
    };
    for url in [
        "https://mcp.example.com",
        "https://mcp.example.com/oauth2",
        "https://mcp.example.com/oauth/mcp",
        "https://other.example.com/oauth",
    ] {
        assert_eq!(second(url), "", "{url}");
    }
    for url in ["https://mcp.example.com/oauth", "https://mcp.example.com/oauth/token"] {
        let told = second(url);
        assert!(told.contains("issuers[1].facade.issuer: has /oauth/"), "{told}");
        assert!(told.contains("which is a path of the resource `second`, too"), "{told}");
    }
}

#[test]
fn two_facades_differ_in_url_host_and_cluster() {
    let two = |facade: Value| {
        let mut config = both();
        config["issuers"].as_array_mut().unwrap().push(json!({
            "name": "fabrikam", "profile": "entra", "tenants": [FABRIKAM], "facade": facade,
        }));
        problems(&config)
    };
    assert_eq!(
        two(json!({"issuer": "https://other.example.com/oauth", "clusters": ["other"]})),
        ""
    );
    for (facade, told) in [
        (
            json!({"issuer": FACADE, "clusters": ["other"]}),
            "issuers[2].facade.issuer: is already another issuer's façade",
        ),
        (
            json!({"issuer": "https://mcp.example.com/fabrikam", "clusters": ["other"]}),
            "issuers[2].facade.issuer: is on the host of the façade of `entra`",
        ),
        (
            json!({"issuer": "https://other.example.com/oauth", "clusters": ["obolus-facade"]}),
            "issuers[2].facade.clusters: `obolus-facade` is already a façade's cluster",
        ),
    ] {
        let all = two(facade.clone());
        assert!(all.contains(told), "{facade}: {all}");
        assert!(all.starts_with("1 problem(s)"), "{all}");
    }
}

#[test]
fn all_of_it_is_told_at_once() {
    let told = with(&[
        ("/issuers/0/facade", json!({"issuer": "x"})),
        ("/issuers/1/tenants", json!([CONTOSO, FABRIKAM])),
        (
            "/issuers/1/facade",
            json!({"issuer": "https://mcp.example.com/mcp/", "clusters": ["obolus-sts"], "x": 1}),
        ),
        ("/resources/0/clientId", json!("a b")),
        ("/page", json!({"contact": ""})),
    ]);
    for key in [
        "issuers[0].facade: ",
        "issuers[0].facade.issuer: ",
        "issuers[0].facade.clusters: ",
        "issuers[1].facade: ",
        "issuers[1].facade.issuer: ",
        "issuers[1].facade.x: ",
        "resources[0].clientId: ",
        "page.contact: ",
    ] {
        assert!(told.contains(&format!("\n  {key}")), "{key}{told}");
    }
}
