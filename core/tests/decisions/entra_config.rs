//! An Entra issuer and its resource in the filter's configuration: what is right, and what to write instead of what
//! is not.

use obolus_core::Reason;
use obolus_core::config::FilterConfig;
use obolus_core::metadata::{challenge, protected_resource_metadata};
use obolus_core::token::{Algorithm, EntraTenants, Provider, TenantId};
use serde_json::{Value, json};

use crate::configuration::{good, parse, problems};
use crate::entra::{API, CONTOSO, FABRIKAM, TARGET, issuer_v2};

/// A resource beside the one of [`good`], for Entra ID's tokens.
pub(crate) fn entra_resource() -> Value {
    json!({
        "name": "kubernetes-entra",
        "resource": "https://mcp.example.com/entra",
        "clusters": ["obolus-mcp-entra"],
        "issuers": ["entra"],
        "audiences": [API],
        "requiredScopes": [format!("api://{API}/access_as_user")],
        "target": {"name": "kubernetes-entra", "audience": TARGET},
    })
}

fn entra() -> Value {
    let mut config = good();
    config["issuers"] = json!([{"name": "entra", "profile": "entra", "tenants": [CONTOSO]}]);
    config["resources"] = json!([entra_resource()]);
    config
}

/// The problems after one change of the right configuration; `null` takes the key away.
fn with(pointer: &str, value: Value) -> String {
    let mut config = entra();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[key] = value;
    problems(&config)
}

fn refuses(pointer: &str, value: Value, expected: &str) {
    let told = with(pointer, value.clone());
    assert!(told.contains(expected), "{pointer} {value}: {told:?} should tell {expected:?}");
}

fn tenants(config: &FilterConfig) -> &EntraTenants {
    config.issuers[0].provider.entra().unwrap()
}

#[test]
fn tenants_are_all_that_an_entra_issuer_needs() {
    let config = parse(&entra());
    assert_eq!(tenants(&config).authority_host(), "https://login.microsoftonline.com");
    assert_eq!(tenants(&config).list(), [TenantId::parse(CONTOSO).unwrap()]);
    assert_eq!(config.issuers[0].algorithms, [Algorithm::RS256]);
    let listed = config.issuers[0].provider.clone();
    assert!(listed.accepts(&issuer_v2(CONTOSO)) && !listed.accepts(&issuer_v2(FABRIKAM)));
    assert_eq!(with("/issuers/0/tenants", json!([CONTOSO, FABRIKAM])), "");
    assert_eq!(with("/issuers/0/algorithms", json!(["RS256", "PS256"])), "");
    for never in ["EdDSA", "ES256"] {
        let told = format!("issuers[0].algorithms: `{never}` is not allowed: write any of RS256");
        refuses("/issuers/0/algorithms", json!([never]), &told);
    }
    // A GUID is copied in either case; tokens have one.
    let mut upper = entra();
    upper["issuers"][0]["tenants"] = json!([CONTOSO.to_uppercase()]);
    assert_eq!(tenants(&parse(&upper)).list()[0].as_str(), CONTOSO);
}

#[test]
fn a_sovereign_cloud_is_its_authority_host() {
    for (host, v1) in [
        ("https://127.0.0.1:8443", "https://sts.windows.net"),
        ("https://[::1]:8443", "https://sts.windows.net"),
        ("https://login.microsoftonline.com", "https://sts.windows.net"),
        ("https://login.microsoftonline.us", "https://sts.windows.net"),
        ("https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn"),
        ("https://localhost:8443", "https://sts.windows.net"),
    ] {
        let mut config = entra();
        config["issuers"][0]["authorityHost"] = json!(host);
        let provider = parse(&config).issuers[0].provider.clone();
        assert!(provider.accepts(&format!("{host}/{CONTOSO}/v2.0")), "{host}");
        assert!(provider.accepts(&format!("{v1}/{CONTOSO}/")), "{host}");
        assert!(!provider.accepts(&format!("https://evil.example/{CONTOSO}/v2.0")), "{host}");
        assert_eq!(provider.authorization_servers(), [format!("{host}/{CONTOSO}/v2.0")]);
    }
    for host in [
        "http://localhost:8443",
        "https://login.microsoftonline.com/",
        "https://login.microsoftonline.com/common",
        "https://Login.microsoftonline.com",
        "https://login.microsoftonline.com:443",
        "https://user@login.microsoftonline.com",
        "https://login.microsoftonline.com?x",
        "login.microsoftonline.com",
        "https://",
        "https://login.microsoftonline.com:",
        "https://login.microsoftonline.com:0",
        "https://login.microsoftonline.com:08443",
        "https://login.microsoftonline.com:99999",
        "https://login.microsoftonline.com.",
        "https://login..microsoftonline.com",
        "https://-login.microsoftonline.com",
        "https://login_x.microsoftonline.com",
        "https://127.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://[::1",
        "https://[0:0:0:0:0:0:0:1]",
    ] {
        refuses(
            "/issuers/0/authorityHost",
            json!(host),
            "issuers[0].authorityHost: must be https, a host",
        );
    }
    for (alias, meant) in [
        ("https://login.windows.net", "https://login.microsoftonline.com"),
        ("https://login.microsoft.com", "https://login.microsoftonline.com"),
        ("https://sts.windows.net/", "https://login.microsoftonline.com"),
        ("https://login-us.microsoftonline.com", "https://login.microsoftonline.us"),
        ("https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"),
    ] {
        let told = format!("is another name of {meant}, ");
        refuses("/issuers/0/authorityHost", json!(alias), &told);
    }
}

#[test]
fn a_tenant_is_a_guid_and_nobody_elses() {
    for everybody in ["common", "organizations", "consumers", "*"] {
        refuses(
            "/issuers/0/tenants",
            json!([everybody]),
            &format!("issuers[0].tenants: `{everybody}` is no tenant"),
        );
    }
    refuses(
        "/issuers/0/tenants",
        json!([CONTOSO, "9188040D-6c67-4c5b-b112-36a304b66dad"]),
        "is the tenant of personal Microsoft accounts",
    );
    for name in
        ["contoso.onmicrosoft.com", "11111111aaaa4aaa8aaa111111111111", &format!("{{{CONTOSO}}}")]
    {
        refuses("/issuers/0/tenants", json!([name]), "is not a GUID");
    }
    refuses("/issuers/0/tenants", json!([CONTOSO, CONTOSO.to_uppercase()]), "stands here twice");
    refuses("/issuers/0/tenants", json!([]), "issuers[0].tenants: must not be empty");
    let many = |count: usize| {
        let ids = (0..count).map(|number| format!("{number:08}-0000-4000-8000-000000000000"));
        json!(ids.collect::<Vec<_>>())
    };
    assert_eq!(with("/issuers/0/tenants", many(64)), "");
    refuses("/issuers/0/tenants", many(65), "issuers[0].tenants: must be at most 64");
    refuses("/issuers/0/tenants", json!(null), "issuers[0].tenants: is missing: write the GUIDs");
    refuses("/issuers/0/tenants", json!(CONTOSO), "must be an array of strings");
}

#[test]
fn each_profile_has_keys_of_its_own() {
    refuses(
        "/issuers/0/issuer",
        json!(issuer_v2(CONTOSO)),
        "follows from the tenants of an Entra issuer",
    );
    for profile in ["keycloak", "oidc"] {
        let issuer = |more: Value| {
            let mut config = good();
            config["issuers"][0]["profile"] = json!(profile);
            if profile == "oidc" {
                config["issuers"][0]["issuer"] = json!("https://idp.example.com");
            }
            for (key, value) in more.as_object().unwrap() {
                config["issuers"][0][key] = value.clone();
            }
            problems(&config)
        };
        assert_eq!(issuer(json!({})), "");
        for key in ["tenants", "authorityHost"] {
            let told = issuer(json!({ key: "x" }));
            assert!(
                told.contains(&format!("issuers[0].{key}: is for issuers whose profile is entra")),
                "{told}"
            );
        }
        for entra in [issuer_v2(CONTOSO), format!("https://sts.windows.net/{CONTOSO}/")] {
            let told = issuer(json!({ "issuer": entra }));
            assert!(told.contains("issuers[0].issuer: is Entra ID's"), "{told}");
        }
    }
}

#[test]
fn two_issuers_share_no_tenant_and_no_iss() {
    let second = |issuer: Value| {
        let mut config = entra();
        config["issuers"][0]["authorityHost"] = json!("https://localhost:8443");
        config["issuers"].as_array_mut().unwrap().push(issuer);
        problems(&config)
    };
    let entra = |tenant: &str, host: &str| {
        second(json!({"name": "b", "profile": "entra", "tenants": [tenant], "authorityHost": host}))
    };
    assert_eq!(entra(FABRIKAM, "https://localhost:8443"), "");
    assert!(
        entra(CONTOSO, "https://localhost:8443")
            .contains("issuers[1].tenants: is configured twice")
    );
    // v1 tokens of both would say the same.
    assert!(
        entra(CONTOSO, "https://localhost:9443")
            .contains("issuers[1].tenants: is configured twice")
    );
    let oidc = |issuer: String| second(json!({"name": "b", "issuer": issuer}));
    assert_eq!(oidc(format!("https://localhost:8443/{FABRIKAM}/v2.0")), "");
    assert!(
        oidc(format!("https://localhost:8443/{CONTOSO}/v2.0"))
            .contains("issuers[1].issuer: is configured twice")
    );
}

#[test]
fn a_scope_that_would_end_at_microsoft_graph_is_refused_with_what_to_write() {
    let write = format!("write the API's own, such as api://{API}/access_as_user");
    let scopes = |scopes: Value| with("/resources/0/requiredScopes", scopes);
    for good in [
        json!([format!("api://{API}/access_as_user")]),
        json!([format!("{API}/access_as_user")]),
        json!([format!("api://{API}/cluster/admin"), format!("{API}/more")]),
    ] {
        assert_eq!(scopes(good.clone()), "", "{good}");
    }
    for (bad, why) in [
        (json!(["access_as_user"]), "`access_as_user` is a scope of Microsoft Graph to Entra ID"),
        (json!(["mcp:tools"]), "`mcp:tools` is a scope of Microsoft Graph to Entra ID"),
        (json!(["tools/read"]), "`tools/read` is a scope of Microsoft Graph to Entra ID"),
        (json!(["api:///x"]), "is a scope of Microsoft Graph to Entra ID"),
        (json!([format!("api://{API}/")]), "is a scope of Microsoft Graph to Entra ID"),
        (json!(["openid"]), "`openid` is for signing in"),
        (json!(["profile"]), "`profile` is for signing in"),
        (json!(["email"]), "`email` is for signing in"),
        (json!([format!("api://{API}/.default")]), "asks for all that was consented to"),
        (json!([".default"]), "asks for all that was consented to"),
        (json!(["https://graph.microsoft.com/User.Read"]), "is a scope of Microsoft Graph: "),
        (json!([format!("api://{TARGET}/access_as_user")]), "is a scope of the target"),
        (json!([format!("{TARGET}/access_as_user")]), "is a scope of the target"),
        (json!([]), "resources[0].requiredScopes: must not be empty"),
    ] {
        let told = scopes(bad.clone());
        assert!(told.contains(why) && told.contains(&write), "{bad}: {told}");
        assert!(told.starts_with("1 problem(s)"), "{bad}: {told}");
    }
    let told = scopes(json!(["offline_access", format!("api://{API}/x")]));
    assert!(told.starts_with("1 problem(s)") && told.contains("the client's own affair"), "{told}");
    assert!(scopes(json!(null)).contains("requiredScopes: is missing"));
}

#[test]
fn a_required_scope_is_of_the_api_that_the_audiences_name() {
    let told = |audiences: Value, scopes: Value| {
        let mut config = entra();
        config["resources"][0]["audiences"] = audiences;
        config["resources"][0]["requiredScopes"] = scopes;
        problems(&config)
    };
    let (uri, own) = (format!("api://{API}"), format!("api://{API}/access_as_user"));
    let (url, by_url) = ("https://mcp.contoso.example", "https://mcp.contoso.example/tool.execute");
    for (audiences, scopes) in [
        (json!([uri]), json!([own])),
        (json!([uri]), json!([format!("{API}/access_as_user")])),
        (json!([API, uri]), json!([own])),
        (json!([url]), json!([by_url])),
        (json!([API, url]), json!([by_url])),
        (json!([API, "api://obolus"]), json!(["api://obolus/tools", "api://obolus/more"])),
    ] {
        assert_eq!(told(audiences.clone(), scopes.clone()), "", "{audiences} {scopes}");
    }
    let other = "dddddddd-0000-4000-8000-00000000000d";
    for (audiences, scope) in [
        (json!([API]), by_url.to_owned()),
        (json!([API]), "api://other/access_as_user".to_owned()),
        (json!([API]), format!("api://{other}/access_as_user")),
        (json!([API]), format!("{other}/access_as_user")),
        (json!([url]), own.clone()),
        (json!([url]), format!("{url}.evil/x")),
    ] {
        let told = told(audiences, json!([scope]));
        let why = format!("`{scope}` is a scope of an API that `audiences` does not name");
        assert!(told.contains(&why) && told.contains("write that into audiences, too"), "{told}");
    }
    let two = told(json!(["api://a", "api://b"]), json!(["api://a/x", "api://b/x"]));
    assert!(two.contains("are scopes of several APIs"), "{two}");
    let two = told(json!([API, format!("api://{other}")]), json!([own]));
    assert!(two.contains(&format!("`api://{other}` is another application than `{API}`")), "{two}");
    let upper = told(json!([API.to_uppercase()]), json!([own]));
    let write = format!(
        "resources[0].audiences: `{}` would match no token: write it in lower case, {API}",
        API.to_uppercase()
    );
    assert!(upper.contains(&write), "{upper}");
}

#[test]
fn audiences_are_the_apis_and_the_target_is_another_application() {
    let audiences = "/resources/0/audiences";
    assert_eq!(with(audiences, json!([API, format!("api://{API}")])), "");
    refuses(
        audiences,
        json!(null),
        "resources[0].audiences: is missing: write the API's application (client) id",
    );
    refuses(
        audiences,
        json!([API, "00000003-0000-0000-c000-000000000000"]),
        "is Microsoft Graph's",
    );
    refuses(audiences, json!(["https://graph.microsoft.com/"]), "is Microsoft Graph's");
    let target = |audience: String| {
        with("/resources/0/target", json!({"name": "kubernetes-entra", "audience": audience}))
    };
    assert_eq!(target(format!("api://{TARGET}")), "");
    assert!(target(API.to_owned()).contains("the exchange would change nothing"));
    for graph in ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com/"] {
        let told = target(graph.to_owned());
        assert!(told.contains("target.audience: is Microsoft Graph's"), "{told}");
    }
    for same in [format!("api://{API}"), format!("api://{API}/"), API.to_uppercase()] {
        let told = target(same);
        assert!(told.contains("is the API that the incoming token is for"), "{told}");
    }
}

#[test]
fn an_entra_issuer_stands_alone_at_its_resource_and_has_a_target_of_its_own() {
    let both = |change: &dyn Fn(&mut Value)| {
        let mut config = good();
        config["issuers"].as_array_mut().unwrap().push(entra()["issuers"][0].clone());
        config["resources"].as_array_mut().unwrap().push(entra_resource());
        change(&mut config);
        problems(&config)
    };
    assert_eq!(both(&|_| {}), "", "side by side, each with a resource and a target");
    for issuers in [json!(["entra", "keycloak"]), json!(["keycloak", "entra"])] {
        let told = both(&|config| config["resources"][1]["issuers"] = issuers.clone());
        assert!(
            told.contains("resources[1].issuers: `entra` is Entra ID and must stand alone"),
            "{told}"
        );
    }
    let one_target = both(&|config| {
        config["resources"][0]["target"] = config["resources"][1]["target"].clone();
    });
    assert!(
        one_target.contains("resources[1].target.name: another resource has the target `kubernetes-entra` for tokens of another issuer"),
        "{one_target}"
    );
    let one_audience = both(&|config| {
        config["resources"][0]["target"]["audience"] = json!(TARGET);
    });
    assert_eq!(one_audience, "", "two targets may be one API server");
}

#[test]
fn clients_are_told_the_tenants_servers_and_the_scopes_by_their_full_names() {
    let mut config = entra();
    config["issuers"][0]["tenants"] = json!([CONTOSO, FABRIKAM]);
    let config = parse(&config);
    let scope = format!("api://{API}/access_as_user");
    assert_eq!(
        protected_resource_metadata(&config.resources[0]),
        json!({
            "resource": "https://mcp.example.com/entra",
            "resource_name": "kubernetes-entra",
            "authorization_servers": [issuer_v2(CONTOSO), issuer_v2(FABRIKAM)],
            "scopes_supported": [scope],
            "bearer_methods_supported": ["header"],
        })
    );
    let start = format!(
        r#"Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/entra", scope="{scope}""#
    );
    let told = |reason: Reason| challenge(&reason.into(), &config.resources[0]);
    assert_eq!(told(Reason::TokenMissing).as_ref(), Some(&start));
    assert_eq!(
        told(Reason::GraphToken).unwrap(),
        format!(
            r#"{start}, error="invalid_token", error_description="this is a token for Microsoft Graph: the client must ask for the scopes of this resource, fully qualified""#
        )
    );
    assert_eq!(
        told(Reason::InteractionRequired).unwrap(),
        format!(
            r#"{start}, error="insufficient_user_authentication", error_description="the identity provider asks for more: sign in again, and do what it asks for""#
        ),
        "RFC 9470 §3"
    );
    for no_challenge in [Reason::AppOnly, Reason::ConsentRequired, Reason::BlockedByPolicy] {
        assert_eq!(told(no_challenge), None, "{no_challenge}: another token would not help");
    }
    assert!(matches!(config.issuers[0].provider, Provider::Entra(_)));
}
