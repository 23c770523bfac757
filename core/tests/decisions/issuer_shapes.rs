//! Issuers as others ship them, that clients reject: each refused at start with the sentence that says why, beside the
//! one that is accepted in its place.
//!
//! Who ships what: a gateway that puts its own URL into Keycloak's metadata (agentgateway's Keycloak provider), a server
//! that is an authorization server of its own (`FastMCP`), well-known documents passed on as they are
//! (`kubernetes-mcp-server`: there it is a route, which `cargo xtask check` names), `/common` of Entra ID in many guides.

use serde_json::{Value, json};

use crate::configuration::{good, problems};
use crate::entra::CONTOSO;
use crate::entra_config::entra_resource;
use crate::facade_config::FACADE;

/// The problems of a configuration with this issuer and a resource of it.
fn told(issuer: &Value) -> String {
    let mut config = good();
    let is_entra = issuer["profile"] == "entra";
    config["issuers"] = json!([issuer]);
    config["issuers"][0]["name"] = json!("idp");
    if is_entra {
        config["resources"] = json!([entra_resource()]);
    }
    config["resources"][0]["issuers"] = json!(["idp"]);
    problems(&config)
}

#[test]
fn a_shape_that_clients_reject_is_refused_beside_the_one_that_they_take() {
    let keycloak = |issuer: &str| json!({"profile": "keycloak", "issuer": issuer});
    let oidc = |issuer: &str| json!({"profile": "oidc", "issuer": issuer});
    let entra = |tenant: &str, facade: Option<&str>| {
        let mut issuer = json!({"profile": "entra", "tenants": [tenant]});
        if let Some(facade) = facade {
            issuer["facade"] = json!({"issuer": facade, "clusters": ["obolus-facade"]});
        }
        issuer
    };
    let with_facade = |mut issuer: Value| {
        issuer["facade"] = json!({"issuer": FACADE, "clusters": ["obolus-facade"]});
        issuer
    };
    let realm = "https://login.example.com/realms/obolus";
    let relabelled = "is not Keycloak's, which is https://HOST/realms/REALM";
    let not_https = "must be an https URL without query and fragment";
    let template = "is a template, and no token and no document says so";
    let entras = "is Entra ID's: leave it out, and write profile entra and the tenants' GUIDs";
    let several =
        json!({"profile": "entra", "tenants": [CONTOSO, "22222222-bbbb-4bbb-8bbb-222222222222"]});
    for (what, good, bad, why) in [
        (
            "a gateway's URL for Keycloak's",
            keycloak(realm),
            keycloak("https://mcp.example.com"),
            relabelled,
        ),
        (
            "the resource for Keycloak's",
            keycloak(realm),
            keycloak("https://mcp.example.com/mcp"),
            relabelled,
        ),
        (
            "a realm as any other provider's",
            keycloak(realm),
            oidc(realm),
            "must be keycloak for a realm of Keycloak's",
        ),
        (
            "a façade before Keycloak",
            keycloak(realm),
            with_facade(keycloak(realm)),
            "(`iss`, RFC 9207), as Keycloak does",
        ),
        (
            "a façade before another provider",
            oidc("https://idp.example.com"),
            with_facade(oidc("https://idp.example.com")),
            "clients reject an issuer under another name (RFC 8414 §3.3)",
        ),
        (
            "a slash behind Keycloak's",
            keycloak(realm),
            keycloak("https://login.example.com/realms/obolus/"),
            "without a slash at the end",
        ),
        (
            "Keycloak's root",
            keycloak(realm),
            keycloak("https://login.example.com/realms/"),
            relabelled,
        ),
        (
            "Keycloak's old path",
            keycloak("https://login.example.com/auth/realms/obolus"),
            keycloak("https://login.example.com/auth"),
            relabelled,
        ),
        (
            "the token endpoint",
            keycloak(realm),
            keycloak("https://login.example.com/realms/obolus/protocol/openid-connect/token"),
            relabelled,
        ),
        (
            "the default port",
            keycloak("https://login.example.com:8443/realms/obolus"),
            keycloak("https://login.example.com:443/realms/obolus"),
            relabelled,
        ),
        (
            "a host in upper case",
            keycloak(realm),
            keycloak("https://Login.example.com/realms/obolus"),
            relabelled,
        ),
        (
            "a segment of nothing",
            keycloak(realm),
            keycloak("https://login.example.com//realms/obolus"),
            relabelled,
        ),
        (
            "dot segments",
            keycloak(realm),
            keycloak("https://login.example.com/x/../realms/obolus"),
            relabelled,
        ),
        (
            "plain HTTP",
            keycloak(realm),
            keycloak("http://login.example.com/realms/obolus"),
            not_https,
        ),
        (
            "an address inside the cluster",
            keycloak(realm),
            keycloak("http://keycloak.keycloak.svc:8080/realms/obolus"),
            not_https,
        ),
        (
            "a query",
            oidc("https://idp.example.com/x"),
            oidc("https://idp.example.com/x?tenant=1"),
            not_https,
        ),
        (
            "a fragment",
            oidc("https://idp.example.com/x"),
            oidc("https://idp.example.com/x#y"),
            not_https,
        ),
        (
            "a name without a scheme",
            oidc("https://idp.example.com"),
            oidc("idp.example.com"),
            not_https,
        ),
        (
            "a document",
            keycloak(realm),
            keycloak("https://login.example.com/realms/obolus/.well-known/openid-configuration"),
            "is the URL of a document",
        ),
        (
            "a document at the root",
            oidc("https://idp.example.com/"),
            oidc("https://idp.example.com/.well-known/oauth-authorization-server"),
            "is the URL of a document",
        ),
        (
            "a template of another",
            oidc("https://idp.example.com/t1"),
            oidc("https://idp.example.com/{tenant}"),
            template,
        ),
        (
            "the resource itself",
            oidc("https://idp.example.com"),
            oidc("https://mcp.example.com/mcp"),
            "is the URL of the resource `kubernetes`",
        ),
        (
            "the resource with a slash",
            oidc("https://idp.example.com"),
            oidc("https://mcp.example.com/mcp/"),
            "is the URL of the resource `kubernetes`",
        ),
        (
            "Entra ID's template",
            entra(CONTOSO, None),
            oidc("https://login.microsoftonline.com/{tenantid}/v2.0"),
            entras,
        ),
        (
            "Entra ID's v2 issuer as any",
            entra(CONTOSO, None),
            oidc(&format!("https://login.microsoftonline.com/{CONTOSO}/v2.0")),
            entras,
        ),
        (
            "Entra ID's v1 issuer",
            entra(CONTOSO, None),
            oidc(&format!("https://sts.windows.net/{CONTOSO}/")),
            entras,
        ),
        (
            "everybody's tenant",
            entra(CONTOSO, None),
            entra("common", None),
            "`common` is no tenant, and would let in the people of all of them",
        ),
        ("all organizations", entra(CONTOSO, None), entra("organizations", None), "is no tenant"),
        (
            "a tenant's domain",
            entra(CONTOSO, None),
            entra("contoso.onmicrosoft.com", None),
            "is not a GUID, and names may pass to others",
        ),
        (
            "Entra ID's own issuer as a façade's",
            entra(CONTOSO, Some(FACADE)),
            entra(CONTOSO, Some(&format!("https://login.microsoftonline.com/{CONTOSO}/v2.0"))),
            "is at the identity provider's host",
        ),
        (
            "a façade with a slash",
            entra(CONTOSO, Some("https://login.example.com")),
            entra(CONTOSO, Some("https://login.example.com/")),
            "clients compare an issuer byte for byte with the document that it leads to (RFC 8414 §3.3)",
        ),
        (
            "a façade at the resource",
            entra(CONTOSO, Some("https://mcp.example.com/entra-login")),
            entra(CONTOSO, Some("https://mcp.example.com/entra")),
            "which is a path of the resource `kubernetes-entra`, too",
        ),
        (
            "a façade without TLS",
            entra(CONTOSO, Some(FACADE)),
            entra(CONTOSO, Some("http://mcp.example.com/oauth")),
            "must be https",
        ),
        (
            "a façade of several tenants",
            several.clone(),
            with_facade(several),
            "leads to one tenant",
        ),
    ] {
        assert_eq!(told(&good), "", "{what}: {good} is right");
        let told = told(&bad);
        assert!(told.contains(why), "{what}: {bad} should tell {why:?}: {told}");
        assert!(told.starts_with("1 problem(s)"), "{what}, once: {told}");
    }
}
