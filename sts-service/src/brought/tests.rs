//! Each key of the table: honoured, refused with what to write, or noticed.

use super::*;

const TENANT: &str = "11111111-0000-4000-8000-000000000001";
const CLUSTER: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const OURS: &str = "bbbbbbbb-0000-4000-8000-000000000001";

const SERVER: &str = "[server]\nlisten = \"0.0.0.0:8443\"\n[[callers]]\nid = \"gateway\"\n";

fn brought(text: &str) -> Brought {
    let table: toml::Table = text.parse().unwrap();
    translate(serde_json::to_value(table).unwrap())
}

/// The older form of a file that works with Entra, then [server] and [[callers]].
fn entra(change: impl Fn(&str) -> String) -> Brought {
    let text = format!(
        "require_oauth = true\n\
         oauth_audience = \"{OURS}\"\n\
         oauth_scopes = [\"api://{OURS}/access_as_user\"]\n\
         authorization_url = \"https://login.microsoftonline.com/{TENANT}/v2.0\"\n\
         token_exchange_strategy = \"entra-obo\"\n\
         sts_client_id = \"{OURS}\"\n\
         sts_auth_style = \"assertion\"\n\
         sts_client_cert_file = \"client.crt\"\n\
         sts_client_key_file = \"client.key\"\n\
         sts_scopes = [\"{CLUSTER}/.default\"]\n"
    );
    brought(&format!("{}{SERVER}", change(&text)))
}

fn keycloak(change: impl Fn(&str) -> String) -> Brought {
    let text = "authorization_url = \"https://idp.example.com/realms/openshift\"\n\
                oauth_audience = \"mcp-server\"\n\
                certificate_authority = \"ca.crt\"\n\
                [token_exchange]\n\
                strategy = \"rfc8693\"\n\
                audience = \"openshift\"\n\
                scopes = [\"mcp:openshift\"]\n\
                [token_exchange.client_auth]\n\
                method = \"client_secret_basic\"\n\
                client_id = \"mcp-server\"\n\
                client_secret_file = \"secret\"\n";
    brought(&format!("{}{SERVER}", change(text)))
}

fn same(text: &str) -> String {
    text.to_owned()
}

fn fault<'a>(brought: &'a Brought, path: &str) -> &'a Fault {
    let found = brought.faults.iter().find(|fault| fault.path == path);
    found.unwrap_or_else(|| panic!("no fault at {path}: {:?}", brought.faults))
}

#[test]
fn the_older_form_becomes_an_entra_issuer_with_its_target_and_grant() {
    let brought = entra(same);
    assert_eq!(brought.faults, []);
    let value = &brought.value;
    assert_eq!(
        value["issuers"],
        json!([{
            "name": "entra", "profile": "entra", "tenants": [TENANT],
            "authority_host": "https://login.microsoftonline.com",
        }])
    );
    assert_eq!(
        value["targets"],
        json!([{
            "name": "kubernetes", "provider": "entra", "issuer": "entra", "audience": CLUSTER,
            "scopes": [format!("{CLUSTER}/.default")],
            "client": {
                "id": OURS, "method": "private_key_jwt",
                "certificate_file": "client.crt", "key_file": "client.key",
            },
        }])
    );
    assert_eq!(
        value["callers"][0]["grants"],
        json!([{
            "issuer": "entra", "audiences": [OURS], "clients": ["*"], "targets": ["kubernetes"],
        }])
    );
    let keys = ["require_oauth", "oauth_scopes", "oauth_audience"];
    assert!(keys.iter().all(|key| brought.notices.iter().any(|notice| notice.path == *key)));
    assert!(keys.iter().all(|key| value.get(key).is_none()), "{value}");
}

#[test]
fn the_newer_form_becomes_a_keycloak_issuer_with_its_authority() {
    let brought = keycloak(same);
    assert_eq!(brought.faults, []);
    assert_eq!(
        brought.value["issuers"],
        json!([{
            "name": "keycloak", "profile": "keycloak",
            "issuer": "https://idp.example.com/realms/openshift", "ca_file": "ca.crt",
        }])
    );
    let target = &brought.value["targets"][0];
    assert_eq!(target["audience"], "openshift");
    assert_eq!(target["scopes"], json!(["mcp:openshift"]));
    assert_eq!(
        target["client"],
        json!({"id": "mcp-server", "method": "client_secret_basic", "secret_file": "secret"})
    );
    for (path, written) in [
        ("issuers[0].issuer", "authorization_url"),
        ("issuers[0].ca_file", "certificate_authority"),
        ("targets[0].client.secret_file", "token_exchange.client_auth.client_secret_file"),
        ("targets[0].audience", "token_exchange.audience"),
        ("callers[0].grants[0].audiences", "oauth_audience"),
        ("callers[0].id", "callers[0].id"),
    ] {
        assert_eq!(brought.written(path), written);
    }
}

#[test]
fn each_style_of_both_forms_is_a_method_of_ours() {
    for (style, method) in [
        ("params", "client_secret_post"),
        ("header", "client_secret_basic"),
        ("assertion", "private_key_jwt"),
        ("federated", "jwt_file"),
        ("jwt_file", "jwt_file"),
    ] {
        let brought = entra(|text| text.replace("assertion", style));
        assert_eq!(brought.value["targets"][0]["client"]["method"], method, "{style}");
        let brought = keycloak(|text| text.replace("client_secret_basic", style));
        assert_eq!(brought.value["targets"][0]["client"]["method"], method, "{style}");
    }
    let without = entra(|text| text.replace("sts_auth_style = \"assertion\"\n", ""));
    assert_eq!(without.value["targets"][0]["client"]["method"], "client_secret_post");
    let other = entra(|text| text.replace("assertion", "mtls"));
    assert!(fault(&other, "sts_auth_style").write.contains("private_key_jwt"));
}

#[test]
fn a_secret_in_the_file_is_used_and_warned_of_and_ours_must_be_a_file() {
    let brought = entra(|text| {
        let text = text.replace("assertion", "header");
        text.replace("sts_client_cert_file = \"client.crt\"", "sts_client_secret = \"s3cr3t\"")
    });
    assert_eq!(brought.faults, []);
    assert_eq!(brought.value["targets"][0]["client"]["secret"], "s3cr3t");
    assert!(brought.notices.iter().any(|notice| {
        notice.path == "sts_client_secret" && notice.text.contains("client_secret_file")
    }));
    assert!(!format!("{brought:?}").contains("s3cr3t"));
    let ours = super::tests::brought("[[targets]]\nclient = { secret = \"s3cr3t\" }\n");
    assert!(fault(&ours, "targets[0].client.secret").write.contains("secret_file"));
    assert!(!ours.value.to_string().contains("s3cr3t"));
}

#[test]
fn what_cannot_work_or_would_weaken_authentication_is_refused_with_what_to_write() {
    let after = |line: &'static str| move |text: &str| format!("{line}\n{text}");
    let scopes = format!("oauth_scopes = [\"api://{OURS}/access_as_user\"]");
    let instead = |to: &'static str| {
        let scopes = scopes.clone();
        move |text: &str| text.replace(&scopes, to)
    };
    let audience = format!("oauth_audience = \"{OURS}\"");
    let as_audience = |to: &'static str| {
        let audience = audience.clone();
        move |text: &str| text.replace(&audience, to)
    };
    for (brought, path, word) in [
        (entra(after("skip_jwt_verification = true")), "skip_jwt_verification", "leave it out"),
        (entra(after("validate_token = false")), "validate_token", "leave it out"),
        (entra(after("cluster_auth_mode = \"kubeconfig\"")), "cluster_auth_mode", "passthrough"),
        (entra(after("kubeconfig = \"/etc/kubernetes/admin.conf\"")), "kubeconfig", "[cluster]"),
        (entra(after("trust_proxy_headers = true")), "trust_proxy_headers", "leave it out"),
        (entra(|text| text.replace("h = true", "h = false")), "require_oauth", "write true"),
        (entra(as_audience("oauth_audience = \"\"")), "oauth_audience", "the audience"),
        (entra(as_audience("oauth_audience = \"account\"")), "oauth_audience", "own audience"),
        (entra(as_audience("oauth_audience = \"<CLIENT_ID>\"")), "oauth_audience", "the id"),
        (
            entra(instead("oauth_scopes = [\"openid\", \"profile\", \"email\"]")),
            "oauth_scopes",
            "access_as_user",
        ),
        (entra(instead("oauth_scopes = [\"mcp\"]")), "oauth_scopes", "fully qualified"),
        (entra(instead("oauth_scopes = [\"api://x/.default\"]")), "oauth_scopes", "own scope"),
        (
            entra(|text| text.replace("entra-obo", "keycloak-v1")),
            "token_exchange_strategy",
            "rfc8693",
        ),
        (
            entra(|text| text.replace("entra-obo", "rfc8693")),
            "token_exchange_strategy",
            "entra-obo",
        ),
        (
            keycloak(|text| text.replace("rfc8693", "entra-obo")),
            "token_exchange.strategy",
            "rfc8693",
        ),
        (entra(|text| text.replace("entra-obo", "other")), "token_exchange_strategy", "rfc8693 or"),
        (keycloak(|text| text.replace("https://", "")), "authorization_url", "URL"),
        (entra(|text| text.replace(TENANT, "")), "authorization_url", "the id"),
        (
            entra(|text| text.replace("https://", "https://login.microsoftonline.com@")),
            "authorization_url",
            "without",
        ),
        (keycloak(|text| text.replace("https://", "https://u:p@")), "authorization_url", "without"),
        (entra(after("sts_clientid = \"x\"")), "sts_clientid", "sts_client_id"),
        (entra(after("readonly = true")), "readonly", "read_only"),
        (
            keycloak(|text| text.replace("client_id", "client")),
            "token_exchange.client_auth.client",
            "client_id",
        ),
        (
            keycloak(|text| {
                text.replace("audience = \"openshift\"", "subject_token_type = \"jwt\"")
            }),
            "token_exchange.subject_token_type",
            "leave it out",
        ),
        (entra(|text| text.replace(CLUSTER, "api://cluster")), "sts_audience", "GUID"),
        (keycloak(after("sts_audience = \"openshift\"")), "sts_audience", "one of the two"),
        (keycloak(after("issuers = []")), "authorization_url", "one of the two"),
        (keycloak(after("targets = []")), "token_exchange.audience", "one of the two"),
        (
            entra(|text| text.split("token_exchange").next().unwrap().to_owned()),
            "authorization_url",
            "sts_client_id",
        ),
    ] {
        let fault = fault(&brought, path);
        assert!(fault.write.contains(word), "{path}: {word} is not in {fault:?}");
    }
}

#[test]
fn a_host_that_is_not_microsofts_is_noticed_in_either_form() {
    let noticed = |brought: &Brought, path: &str| {
        brought.notices.iter().any(|notice| {
            notice.path == path && notice.text.contains("names a host that is not Microsoft's")
        })
    };
    let instead = |host: &str| entra(|text| text.replace("login.microsoftonline.com", host));
    for host in [
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.windows.net",
    ] {
        assert!(!noticed(&instead(host), "authorization_url"), "{host}");
    }
    for host in
        ["login.microsoftonline.co", "localhost:8443", "login.microsoftonline.com.evil.example"]
    {
        let brought = instead(host);
        assert!(noticed(&brought, "authorization_url"), "{host}");
        assert_eq!(brought.faults, [], "{host}");
    }
    let ours = |host: &str| {
        brought(&format!("{SERVER}[[issuers]]\nprofile = \"entra\"\nauthority_host = \"{host}\"\n"))
    };
    assert!(!noticed(&ours("https://login.microsoftonline.us"), "issuers[0].authority_host"));
    assert!(noticed(&ours("https://login.microsoftonline.co"), "issuers[0].authority_host"));
    // Whoever is named before the host, it is Entra still: nothing else is wrong with the file.
    let named = entra(|text| text.replace("https://", "https://u:p@"));
    assert_eq!(named.faults.len(), 1, "{:?}", named.faults);
}

#[test]
fn a_small_mistake_in_entras_url_is_one_fault_with_the_url_to_write() {
    let public = "https://login.microsoftonline.com";
    let good = format!("{public}/{TENANT}/v2.0");
    let with = |url: &str| entra(|text| text.replace(&good, url));
    for url in [good.clone(), format!("{good}/"), format!("https://sts.windows.net/{TENANT}/")] {
        assert_eq!(with(&url).faults, [], "{url}");
    }
    let one = "/<tenant id>/v2.0, with the Directory (tenant) ID";
    for (url, write) in [
        (format!("http://login.microsoftonline.com/{TENANT}/v2.0"), good.clone()),
        (format!("login.microsoftonline.com/{TENANT}/v2.0"), good.clone()),
        (format!("{public}/{TENANT}/oauth2/v2.0/authorize"), good.clone()),
        (format!("{good}/.well-known/openid-configuration"), good.clone()),
        (
            format!("http://login.microsoftonline.us/{TENANT}"),
            format!("https://login.microsoftonline.us/{TENANT}/v2.0"),
        ),
        (public.to_owned(), format!("{public}{one}")),
        (format!("{public}/v2.0"), format!("{public}{one}")),
        (format!("{public}/common/v2.0"), format!("{public}{one}")),
        (format!("{public}/contoso.onmicrosoft.com/v2.0"), format!("{public}{one}")),
        (
            format!("https://contoso.b2clogin.com/{TENANT}/v2.0/"),
            "an issuer of Entra ID".to_owned(),
        ),
        (
            "https://contoso.b2clogin.com/contoso.onmicrosoft.com/b2c_1_in/v2.0".to_owned(),
            "an issuer of Entra ID".to_owned(),
        ),
        ("nonsense".to_owned(), "byte for byte".to_owned()),
    ] {
        let brought = with(&url);
        assert!(fault(&brought, "authorization_url").write.contains(&write), "{url}: {brought:?}");
        assert_eq!(brought.faults.len(), 1, "{url}: {:?}", brought.faults);
    }
}

#[test]
fn what_stands_in_both_forms_is_one_fault_and_not_missing() {
    let brought =
        entra(|text| format!("token_exchange = {{ scopes = [\"{CLUSTER}/.default\"] }}\n{text}"));
    assert_eq!(brought.faults.len(), 1, "{:?}", brought.faults);
    assert!(fault(&brought, "sts_scopes").write.contains("one of the two"));
    assert_eq!(brought.value["targets"][0]["audience"], CLUSTER);
}

#[test]
fn grants_that_are_spelled_out_stay_and_may_not_contradict() {
    let grants = |audience: &str| {
        let grant = "[[callers.grants]]\nissuer = \"entra\"\nclients = [\"cli\"]\ntargets = [\"kubernetes\"]\n";
        let own = format!("{SERVER}{grant}audiences = [\"{audience}\"]\n");
        brought(&format!(
            "oauth_audience = \"{OURS}\"\nauthorization_url = \"https://login.microsoftonline.com/{TENANT}/v2.0\"\n\
             token_exchange_strategy = \"entra-obo\"\nsts_scopes = [\"api://{CLUSTER}/.default\"]\n{own}"
        ))
    };
    let good = grants(OURS);
    assert_eq!(good.faults, []);
    assert_eq!(good.value["callers"][0]["grants"][0]["clients"], json!(["cli"]));
    assert!(fault(&grants(CLUSTER), "oauth_audience").write.contains("same in both"));
}

#[test]
fn what_is_ours_must_stand_there_and_what_is_the_mcp_servers_is_left_alone() {
    let text = "authorization_url = \"https://idp/realms/r\"\nsts_audience = \"k\"\n\
                port = \"8080\"\nread_only = true\nlisten = \"x\"\ncluster = { server = 1 }\n";
    let brought = brought(text);
    for (path, line) in [("server", "[server]"), ("callers", "[[callers]]")] {
        assert!(fault(&brought, path).write.contains(line));
    }
    assert_eq!(brought.faults.len(), 2, "{:?}", brought.faults);
    for key in ["port", "read_only", "listen", "cluster"] {
        assert!(brought.value.get(key).is_none(), "{key}");
    }
}

#[test]
fn a_file_of_our_own_form_passes_as_it_is() {
    let text = format!("log_level = \"debug\"\nsurprise = 1\n{SERVER}[[issuers]]\nname = \"a\"\n");
    let table: toml::Table = text.parse().unwrap();
    let value = serde_json::to_value(table).unwrap();
    let brought = translate(value.clone());
    assert_eq!((brought.value, brought.faults, brought.notices), (value, vec![], vec![]));
    for (number, word) in [(0, "info"), (3, "info"), (4, "debug"), (9, "debug")] {
        let value = translate(json!({ "log_level": number })).value;
        assert_eq!(value, json!({ "log_level": word }));
    }
}
