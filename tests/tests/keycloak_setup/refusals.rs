//! Runs that cannot be: each says in a sentence what is lacking, and leaves the realm as it was.

use obolus_tests::fixtures::keycloak::FreshRealm;
use reqwest::Method;
use serde_json::json;

use crate::world::{PLAIN, RESOURCE, SECRET_FILE, World};

/// What is tried: its name, the issuer, whom is trusted, who signs in, the exit code, and what is told.
type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str], i32, &'a str);

pub(crate) async fn each_says_what_is_lacking_and_changes_nothing(world: &World) {
    let realm = world.keycloak.fresh_realm("refused").await.unwrap();
    let issuer = realm.issuer();
    add_accounts(&realm).await;
    let before = realm.dump().await.unwrap();
    std::fs::write(realm.folder().join("wrong"), "not-the-password\n").unwrap();
    std::fs::write(realm.folder().join("empty"), "").unwrap();

    let to = |issuer: &str| vec!["--issuer".to_owned(), issuer.to_owned()];
    let ca = ["--ca-file", "ca.crt"];
    let root = ["--admin-user", "admin"];
    let helper =
        ["--admin-realm", "refused", "--admin-user", "helper", "--admin-password-file", "helper"];
    let clerk =
        ["--admin-realm", "refused", "--admin-user", "clerk", "--admin-password-file", "clerk"];
    let nowhere = issuer.replace("refused", "nowhere");
    let by_address = issuer.replace("localhost", "127.0.0.1");
    let wrong = [&root[..], &["--admin-password-file", "wrong"]].concat();
    let stranger = ["--admin-client", "nobody", "--admin-secret-file", "wrong"];
    let elsewhere = [&["--admin-realm", "elsewhere"], &root[..]].concat();
    let empty = [&root[..], &["--admin-password-file", "empty"]].concat();
    let asterisk = [&root[..], &["--redirect-uri", "https://chat.example.com/*"]].concat();
    let page = [&root[..], &["--allowed-origin", "https://chat.example.com/"]].concat();
    let own_scope = [&root[..], &["--scope", "kubernetes"]].concat();
    let cases: &[Case<'_>] = &[
        (
            "a wrong password",
            &issuer,
            &ca,
            &wrong,
            1,
            "Invalid user credentials. The name or the password is wrong",
        ),
        (
            "an unknown client",
            &issuer,
            &ca,
            &stranger,
            1,
            "There is no such client, its secret is another one",
        ),
        ("no such realm", &nowhere, &ca, &root, 1, "there is no realm nowhere"),
        ("no such realm of administrators", &issuer, &ca, &elsewhere, 1, "--admin-realm"),
        ("an authority that nobody trusts", &issuer, &[], &root, 1, "with --ca-file"),
        ("another issuer", &by_address, &ca, &root, 1, "the realm calls itself https://localhost:"),
        (
            "not even https",
            "http://localhost/realms/refused",
            &ca,
            &root,
            2,
            "must be the issuer of a realm",
        ),
        (
            "no right to change clients",
            &issuer,
            &ca,
            &helper,
            1,
            "give them the role manage-clients",
        ),
        ("no password at all", &issuer, &ca, &empty, 2, "is not one line of text"),
        ("a wildcard", &issuer, &ca, &asterisk, 2, "holds a `*`"),
        ("an origin with a path", &issuer, &ca, &page, 2, "as browsers send it"),
        ("the STS's own scope", &issuer, &ca, &own_scope, 2, "is the STS's alone"),
    ];
    for (name, issuer, ca, who, code, told) in cases {
        let issuer = to(issuer);
        let mut arguments: Vec<&str> = issuer.iter().map(String::as_str).collect();
        arguments.extend_from_slice(ca);
        arguments.extend_from_slice(who);
        arguments.extend_from_slice(&PLAIN);
        let run = realm.run(&arguments).await.unwrap();
        assert_eq!(run.code, Some(*code), "{name}: {}{}", run.out, run.err);
        assert!(run.err.contains(told), "{name}: {}", run.err);
        assert!(run.out.is_empty(), "{name}: {}", run.out);
    }

    // Whoever may change clients only cannot open the registration, and then nothing is changed at all.
    let issuer_arguments = to(&issuer);
    let mut clerks: Vec<&str> = issuer_arguments.iter().map(String::as_str).collect();
    clerks.extend(ca.iter().chain(&clerk));
    let plain = ["--resource", RESOURCE];
    let opened =
        [&clerks[..], &plain, &["--certificate-file", "sts.crt", "--registration"]].concat();
    world.authority.server().unwrap().write(realm.folder(), "sts").unwrap();
    let run = realm.run(&opened).await.unwrap();
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    assert!(run.err.contains("manage-realm"), "{}", run.err);
    let unwritable = [&PLAIN[..2], &["--secret-file", "no-such-folder/secret"]].concat();
    let run = realm.set_up(&unwritable).await.unwrap();
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    assert!(run.err.contains("cannot be written"), "{}", run.err);
    let run = realm.set_up(&plain).await.unwrap();
    assert!(run.err.contains("nobody has said what it proves itself with"), "{}", run.err);
    assert_eq!(realm.dump().await.unwrap(), before, "none of it has changed anything");
    assert!(!realm.folder().join(SECRET_FILE).exists());

    // The controls: a scope of another protocol is in the way; the same clerk without registration; and a service account.
    let saml = json!({"name": "mcp:tools", "protocol": "saml"});
    realm.admin().send(Method::POST, "/client-scopes", Some(&saml)).await.unwrap();
    let run = realm.set_up(&PLAIN).await.unwrap();
    assert!(run.err.contains("is of the protocol saml"), "{}{}", run.out, run.err);
    let named =
        [&clerks[..], &plain, &["--certificate-file", "sts.crt", "--scope", "tools"]].concat();
    let run = realm.run(&named).await.unwrap();
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let line = "registration of clients without signing in";
    assert_eq!(run.verdict(line), Some("left alone"), "{}", run.out);
    let mut service: Vec<&str> = issuer_arguments.iter().map(String::as_str).collect();
    service.extend(ca);
    service.extend(["--admin-realm", "refused", "--admin-client", "operator"]);
    service.extend(["--admin-secret-file", "operator", "--scope", "tools"]);
    service.extend(["--certificate-file", "sts.crt", "--resource", RESOURCE]);
    let run = realm.run(&service).await.unwrap();
    assert!(run.out.ends_with("nothing was to do\n"), "{}{}", run.out, run.err);
}

pub(crate) async fn what_is_somebody_elses_is_not_made_ours(world: &World) {
    let realm = world.keycloak.fresh_realm("taken").await.unwrap();
    assert_eq!(realm.set_up(&PLAIN).await.unwrap().code, Some(0));
    let admin = realm.admin();
    let intranet = json!({"clientId": "intranet", "redirectUris": ["https://intranet.example/*"]});
    let reports = json!({"name": "reports", "protocol": "openid-connect"});
    let shop = json!({"clientId": "shop", "defaultClientScopes": ["basic", "reports"]});
    admin.send(Method::POST, "/clients", Some(&intranet)).await.unwrap();
    admin.send(Method::POST, "/client-scopes", Some(&reports)).await.unwrap();
    admin.send(Method::POST, "/clients", Some(&shop)).await.unwrap();
    let before = realm.dump().await.unwrap();
    for (more, told) in [
        (&["--client", "obolus-sts"][..], "is the STS's client"),
        (&["--client", "kubernetes"], "stands for the cluster"),
        (&["--client", "account"], "is Keycloak's own"),
        (&["--client", "intranet"], "wants a secret"),
        (&["--scope", "profile"], "is Keycloak's own"),
        (&["--target-scope", "openid"], "is Keycloak's own"),
        (&["--target-scope", "reports"], "others have it (shop)"),
    ] {
        let run = realm.set_up(&[&PLAIN[..], more].concat()).await.unwrap();
        assert_eq!(run.code, Some(1), "{more:?}: {}{}", run.out, run.err);
        assert!(run.err.contains(told) && run.out.is_empty(), "{more:?}: {}{}", run.out, run.err);
    }
    assert_eq!(realm.dump().await.unwrap(), before, "none of it has changed anything");
    // The controls: names that are nobody's.
    let more = ["--client", "another-client", "--scope", "tools", "--target-scope", "cluster"];
    let run = realm.set_up(&[&PLAIN[..], &more].concat()).await.unwrap();
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
}

/// A helper who may look, a clerk who may change clients, and a service account that may do all; each with a file.
async fn add_accounts(realm: &FreshRealm<'_>) {
    let admin = realm.admin();
    let found = admin.get("/clients?clientId=realm-management").await.unwrap();
    let management = found[0]["id"].as_str().unwrap().to_owned();
    for (name, roles) in
        [("helper", &["view-clients", "view-realm"][..]), ("clerk", &["manage-clients"])]
    {
        realm.add_person(name, "viewers").await.unwrap();
        give(realm, &admin.user_id(name).await.unwrap(), &management, roles).await;
        std::fs::write(realm.folder().join(name), name).unwrap();
    }
    let client = json!({"clientId": "operator", "secret": "operator", "serviceAccountsEnabled": true, "standardFlowEnabled": false});
    admin.send(Method::POST, "/clients", Some(&client)).await.unwrap();
    let account = admin.user_id("service-account-operator").await.unwrap();
    give(realm, &account, &management, &["manage-clients", "manage-realm"]).await;
    std::fs::write(realm.folder().join("operator"), "operator").unwrap();
}

pub(crate) async fn give(realm: &FreshRealm<'_>, person: &str, management: &str, roles: &[&str]) {
    let admin = realm.admin();
    let mut given = Vec::new();
    for role in roles {
        given.push(admin.get(&format!("/clients/{management}/roles/{role}")).await.unwrap());
    }
    let path = format!("/users/{person}/role-mappings/clients/{management}");
    admin.send(Method::POST, &path, Some(&given.into())).await.unwrap();
}
