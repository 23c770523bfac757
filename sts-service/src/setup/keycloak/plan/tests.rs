//! Decisions without a Keycloak; what a real one makes of them is shown by the suite `keycloak_setup`.

use std::path::PathBuf;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::found::{ClientPolicies, Found};
use super::super::representation::{Client, Component, Scope, Secret};
use super::super::step::{Action, Line, Step, Tense, Verdict};
use super::super::wanted::{Exchanger, Proof, PublicClient, Registration, TargetClient, Wanted};
use super::plan;

fn wanted() -> Wanted {
    Wanted {
        scopes: vec!["mcp:tools".to_owned(), "mcp:admin".to_owned()],
        resources: vec!["https://mcp.example.com/mcp".to_owned()],
        with_groups: false,
        exchangers: vec![Exchanger {
            id: "obolus-sts".to_owned(),
            proof: Proof::SecretFile {
                path: PathBuf::from("client-secret"),
                held: Some(Secret(SecretString::from("the-secret-of-the-sts"))),
                replace: false,
            },
            scopes: vec!["kubernetes".to_owned()],
        }],
        targets: vec![TargetClient {
            audience: "kubernetes".to_owned(),
            scope: "kubernetes".to_owned(),
        }],
        people: PublicClient {
            id: "mcp-client".to_owned(),
            redirect_uris: vec!["http://localhost/callback".to_owned()],
            web_origins: vec!["http://localhost:6274".to_owned()],
            consent: true,
        },
        registration: None,
    }
}

/// A realm in which everything has been done.
fn done(wanted: &Wanted) -> Found {
    let mut found = realm();
    for step in plan(wanted, &found).unwrap() {
        for action in step.actions {
            match action {
                Action::CreateScope(scope) => found.scopes.push(scope),
                Action::CreateClient(client) => found.clients.push(*client),
                Action::AddRealmScope { scope, .. } => found.default_scopes.push(scope),
                other => panic!("{other:?}"),
            }
        }
    }
    found
}

/// As Keycloak makes one, as far as it matters here.
fn realm() -> Found {
    let client_policies = Some(ClientPolicies::default());
    Found { policies: Some(closed()), client_policies, ..Found::default() }
}

fn closed() -> Vec<Component> {
    let policy = json!({
        "id": "1", "name": "Trusted Hosts", "providerId": "trusted-hosts", "providerType": "policy",
        "subType": "anonymous",
        "config": {"host-sending-registration-request-must-match": ["true"], "client-uris-must-match": ["true"]},
    });
    vec![serde_json::from_value(policy).unwrap()]
}

fn client<'f>(found: &'f mut Found, id: &str) -> &'f mut Client {
    found.clients.iter_mut().find(|client| client.client_id == id).unwrap()
}

fn scope<'f>(found: &'f mut Found, name: &str) -> &'f mut Scope {
    found.scopes.iter_mut().find(|scope| scope.name == name).unwrap()
}

fn lines(steps: &[Step], verdict: Verdict) -> Vec<String> {
    let steps = steps.iter().filter(|step| step.verdict == verdict);
    steps.map(|step| Line(step, Tense::WouldBe).to_string()).collect()
}

#[test]
fn what_was_made_needs_nothing_and_the_first_scope_comes_without_asking() {
    let wanted = wanted();
    let mut found = done(&wanted);
    let steps = plan(&wanted, &found).unwrap();
    assert!(steps.iter().all(|step| step.verdict == Verdict::Unchanged), "{steps:?}");
    let people = client(&mut found, "mcp-client");
    assert!(people.default_client_scopes.contains(&"mcp:tools".to_owned()), "{people:?}");
    assert!(people.optional_client_scopes.contains(&"mcp:admin".to_owned()), "{people:?}");
    assert!(!people.has_scope("kubernetes"), "{people:?}");
}

/// Each of these would let somebody in, or more out, and is mended; beside each stands what its owner has set.
#[test]
fn what_is_dangerous_is_mended_and_what_is_only_different_stays() {
    type Change = fn(&mut Found);
    let cases: [(&str, Change, &str); 10] = [
        (
            "an STS that asks",
            |f| client(f, "obolus-sts").consent_required = true,
            "for their consent",
        ),
        (
            "a public STS",
            |f| client(f, "obolus-sts").public_client = true,
            "anybody could exchange as it",
        ),
        (
            "an STS with a login",
            |f| client(f, "obolus-sts").standard_flow_enabled = true,
            "standard flow",
        ),
        (
            "an STS of its own",
            |f| client(f, "obolus-sts").service_accounts_enabled = true,
            "service account",
        ),
        ("bearer-only", |f| client(f, "obolus-sts").bearer_only = true, "bearer-only"),
        (
            "passwords",
            |f| client(f, "mcp-client").direct_access_grants_enabled = true,
            "passwords of people",
        ),
        (
            "the implicit flow",
            |f| client(f, "mcp-client").implicit_flow_enabled = true,
            "implicit flow",
        ),
        ("all roles", |f| client(f, "mcp-client").full_scope_allowed = true, "full scope"),
        ("no PKCE", |f| client(f, "mcp-client").attributes.clear(), "PKCE"),
        (
            "other devices",
            |f| {
                let name = "oauth2.device.authorization.grant.enabled".to_owned();
                client(f, "mcp-client").attributes.insert(name, "true".to_owned());
            },
            "other devices",
        ),
    ];
    for (name, change, because) in cases {
        let wanted = wanted();
        let mut found = done(&wanted);
        for id in ["obolus-sts", "mcp-client"] {
            client(&mut found, id)
                .rest
                .insert("description".to_owned(), json!("ours, do not touch"));
        }
        change(&mut found);
        let steps = plan(&wanted, &found).unwrap();
        let changed = lines(&steps, Verdict::Change);
        assert_eq!(changed.len(), 1, "{name}: {changed:?}");
        assert!(changed[0].contains(because), "{name}: {changed:?}");
        let actions: Vec<_> = steps.iter().flat_map(|step| &step.actions).collect();
        let [Action::UpdateClient(updated)] = &actions[..] else { panic!("{name}: {actions:?}") };
        assert_eq!(updated.rest["description"], "ours, do not touch");
    }
}

#[test]
fn what_somebody_disabled_stays_disabled_and_is_told() {
    for id in ["kubernetes", "obolus-sts", "mcp-client"] {
        let wanted = wanted();
        let mut found = done(&wanted);
        client(&mut found, id).enabled = false;
        let steps = plan(&wanted, &found).unwrap();
        assert!(lines(&steps, Verdict::Change).is_empty(), "{id}: {steps:?}");
        let told = lines(&steps, Verdict::LeftAlone);
        assert!(told.len() == 1 && told[0].contains("it is disabled"), "{id}: {told:?}");
    }
}

#[test]
fn a_mapper_that_does_the_same_by_another_name_is_as_good() {
    let wanted = wanted();
    let mut found = done(&wanted);
    for mapper in &mut scope(&mut found, "mcp:tools").protocol_mappers {
        mapper.name = format!("by hand: {}", mapper.name);
    }
    let steps = plan(&wanted, &found).unwrap();
    assert!(lines(&steps, Verdict::Change).is_empty(), "{steps:?}");
    // A client counts before a text, so this one gives another audience than it seems to.
    let mapper = scope(&mut found, "mcp:tools").protocol_mappers.first_mut().unwrap();
    mapper.config.insert("included.client.audience".to_owned(), "account".to_owned());
    let steps = plan(&wanted, &found).unwrap();
    let changed = lines(&steps, Verdict::Change);
    assert!(changed[0].contains("not for https://mcp.example.com/mcp"), "{changed:?}");
}

#[test]
fn a_realm_without_keycloaks_own_scopes_gets_those_that_say_whose_a_token_is() {
    let found = realm();
    let steps = plan(&wanted(), &found).unwrap();
    let made = lines(&steps, Verdict::Create);
    for name in ["client scope basic", "client scope profile"] {
        assert!(made.iter().any(|line| line.contains(name)), "{name}: {made:?}");
    }
}

#[test]
fn what_cannot_be_built_on_is_told_at_once_and_nothing_is_planned() {
    let mut wanted = wanted();
    wanted.exchangers[0].proof = Proof::Unknown;
    wanted.exchangers[0].scopes.push("reports".to_owned());
    wanted.registration = Some(Registration {
        redirect_uris: Vec::new(),
        hosts: Vec::new(),
        web_origins: Vec::new(),
    });
    let saml: Value = json!({"name": "mcp:tools", "protocol": "saml"});
    let mut found =
        Found { scopes: vec![serde_json::from_value(saml).unwrap()], ..Found::default() };
    found.clients.push(Client::nobodys("mcp-client", "keeps a secret"));
    let told = plan(&wanted, &found).unwrap_err().to_string();
    for obstacle in ["protocol saml", "scope reports", "--secret-file", "manage-realm", "--client"]
    {
        assert!(told.contains(obstacle), "{obstacle}: {told}");
    }
}

/// Each beside the run that goes through: the same without the change.
#[test]
fn what_is_somebody_elses_is_not_made_ours() {
    type Change = fn(&mut Wanted, &mut Found);
    fn foreign(found: &mut Found, name: &str) {
        let scope = json!({"name": name, "protocol": "openid-connect"});
        found.scopes.retain(|scope| scope.name != name);
        found.scopes.push(serde_json::from_value(scope).unwrap());
    }
    let cases: [(&str, Change, &str); 19] = [
        (
            "the STS as the public client",
            |w, _| w.people.id = "obolus-sts".to_owned(),
            "is the STS's client",
        ),
        (
            "the cluster as the public client",
            |w, _| w.people.id = "kubernetes".to_owned(),
            "stands for the cluster",
        ),
        (
            "the STS as the cluster",
            |w, _| w.targets[0].audience = "obolus-sts".to_owned(),
            "Name two",
        ),
        ("admin-cli", |w, _| w.people.id = "admin-cli".to_owned(), "admin-cli is Keycloak's own"),
        (
            "account",
            |w, _| w.targets[0].audience = "account".to_owned(),
            "account is Keycloak's own",
        ),
        ("broker", |w, _| w.exchangers[0].id = "broker".to_owned(), "broker is Keycloak's own"),
        (
            "one with a secret",
            |_, f| client(f, "mcp-client").public_client = false,
            "wants a secret",
        ),
        (
            "one that asks nobody",
            |_, f| client(f, "mcp-client").bearer_only = true,
            "is bearer-only",
        ),
        (
            "one with an account",
            |_, f| client(f, "mcp-client").service_accounts_enabled = true,
            "has a service account",
        ),
        (
            "everybody's profile",
            |w, _| w.scopes[0] = "profile".to_owned(),
            "profile is Keycloak's own",
        ),
        ("openid", |w, _| w.scopes[0] = "openid".to_owned(), "openid is Keycloak's own"),
        ("roles", |w, _| w.scopes[1] = "roles".to_owned(), "roles is Keycloak's own"),
        (
            "a target's openid",
            |w, _| w.targets[0].scope = "openid".to_owned(),
            "openid is Keycloak's own",
        ),
        (
            "a target's email",
            |w, _| w.targets[0].scope = "email".to_owned(),
            "email is Keycloak's own",
        ),
        (
            "a default of the realm",
            |_, f| {
                foreign(f, "mcp:tools");
                f.default_scopes.push("mcp:tools".to_owned());
            },
            "mcp:tools is there for something else, and among the realm's default scopes",
        ),
        (
            "an option of the realm",
            |_, f| {
                foreign(f, "mcp:admin");
                f.optional_scopes.push("mcp:admin".to_owned());
            },
            "among the realm's optional scopes",
        ),
        (
            "a target's scope as a default of the realm",
            |_, f| {
                foreign(f, "kubernetes");
                f.default_scopes.push("kubernetes".to_owned());
            },
            "kubernetes is there for something else",
        ),
        (
            "a target's scope of others",
            |_, f| {
                foreign(f, "kubernetes");
                let mut shop = Client::nobodys("shop", "");
                shop.default_client_scopes.push("kubernetes".to_owned());
                f.clients.push(shop);
            },
            "others have it (shop)",
        ),
        (
            "a target's scope that others may ask for",
            |_, f| {
                foreign(f, "kubernetes");
                let mut shop = Client::nobodys("shop", "");
                shop.optional_client_scopes.push("kubernetes".to_owned());
                f.clients.push(shop);
            },
            "others have it (shop)",
        ),
    ];
    for (name, change, because) in cases {
        let mut wanted = wanted();
        let mut found = done(&wanted);
        plan(&wanted, &found).unwrap();
        change(&mut wanted, &mut found);
        let Err(trouble) = plan(&wanted, &found) else { panic!("{name} went through") };
        assert!(trouble.to_string().contains(because), "{name}: {trouble}");
    }
    // A scope of our name that nobody else has is taken; and ours stays ours in the realm's lists.
    let wanted = wanted();
    let mut found = done(&wanted);
    foreign(&mut found, "kubernetes");
    foreign(&mut found, "mcp:tools");
    found.optional_scopes.push("mcp:admin".to_owned());
    assert_eq!(lines(&plan(&wanted, &found).unwrap(), Verdict::Change).len(), 2);
}

#[test]
fn whoever_reaches_the_cluster_is_told_whatever_it_is_by() {
    let wanted = wanted();
    let mapper = |config: Value| json!({"name": "mine", "protocolMapper": "oidc-audience-mapper", "config": config});
    let (to_cluster, elsewhere) = (
        json!({"included.client.audience": "kubernetes"}),
        json!({"included.client.audience": "shop-api"}),
    );
    let by_text = json!({"included.custom.audience": "kubernetes"});
    for (config, told) in [(&to_cluster, true), (&by_text, true), (&elsewhere, false)] {
        let mut found = done(&wanted);
        let mut shop = Client::nobodys("shop", "");
        shop.rest.insert("protocolMappers".to_owned(), json!([mapper(config.clone())]));
        found.clients.push(shop);
        let mut other = Client::nobodys("other", "");
        other.optional_client_scopes.push("reports".to_owned());
        found.clients.push(other);
        let reports = json!({
            "name": "reports", "protocol": "openid-connect", "protocolMappers": [mapper(config.clone())],
        });
        found.scopes.push(serde_json::from_value(reports).unwrap());
        found.default_scopes.push("reports".to_owned());
        let lines = lines(&plan(&wanted, &found).unwrap(), Verdict::LeftAlone).join("\n");
        for line in [
            "client shop (mappers)",
            "client other: it may ask for reports",
            "client scope reports (realm)",
        ] {
            assert_eq!(lines.contains(line), told, "{config} {line}: {lines}");
        }
    }
}

#[test]
fn a_secret_that_anybody_can_know_is_none() {
    let secret = |text: &str| Some(Secret(SecretString::from(text)));
    let run = |in_file: Option<&str>, in_keycloak: &str, replaces: bool| {
        let mut wanted = wanted();
        let mut found = done(&wanted);
        client(&mut found, "obolus-sts").secret = secret(in_keycloak);
        if let Proof::SecretFile { held, replace, .. } = &mut wanted.exchangers[0].proof {
            (*held, *replace) = (in_file.and_then(secret), replaces);
        }
        plan(&wanted, &found).map(|_| ()).map_err(|trouble| trouble.to_string())
    };
    let good = "the-secret-of-the-sts";
    for bad in ["${OBOLUS_STS_SECRET}", "obolus-sts", "fifteen-letters"] {
        for (in_file, in_keycloak, replaces) in [
            (Some(bad), bad, false),
            (None, bad, false),
            (Some(good), bad, false),
            (Some(bad), good, true),
        ] {
            let told = run(in_file, in_keycloak, replaces).unwrap_err();
            assert!(!told.contains("${") && !told.contains("fifteen"), "{told}");
        }
        run(Some(good), bad, true).unwrap();
    }
    run(None, good, false).unwrap();
    run(Some(good), good, false).unwrap();
}

#[test]
fn no_secret_is_shown_by_what_is_planned() {
    let wanted = wanted();
    let steps = plan(&wanted, &realm()).unwrap();
    assert!(!format!("{wanted:?}{steps:?}").contains("the-secret"));
    let mut found = done(&wanted);
    client(&mut found, "obolus-sts").secret =
        Some(Secret(SecretString::from("another-one-of-keycloak")));
    let steps = plan(&wanted, &found).unwrap();
    let told = lines(&steps, Verdict::LeftAlone);
    assert!(told[0].contains("it has another secret"), "{told:?}");
    assert!(!format!("{found:?}{steps:?}").contains("another-one-of-keycloak"));
}
