//! What somebody has changed since, one by one, each beside something that is none of ours.

use obolus_tests::fixtures::keycloak::{FreshRealm, SetUp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{PLAIN, RESOURCE, SECRET_FILE, World, sign_in};

const LOOPBACK: &str = "http://localhost:40000/callback";
const FOREIGN: &str = "https://chat.example.com/oauth/callback";

pub(crate) async fn what_is_ours_is_mended_and_what_is_not_is_told(world: &World) {
    let realm = world.keycloak.fresh_realm("broken").await.unwrap();
    assert_eq!(realm.set_up(&PLAIN).await.unwrap().code, Some(0));
    let realm = Broken(&realm);
    realm.adds_what_is_not_ours().await;
    let foreign = realm.foreign().await;
    realm.loses_mappers().await;
    realm.is_opened().await;
    realm.loses_clients_and_scopes().await;
    assert_eq!(realm.foreign().await, foreign, "what is not ours is as it was");
    realm.has_another_secret().await;

    let last = realm.0.set_up(&PLAIN).await.unwrap();
    assert!(last.out.ends_with("nothing was to do\n"), "{}", last.out);
    for told in [
        "client scope mcp:tools (audiences)",
        "client mcp-client (redirect URIs and origins)",
        "client dashboard",
    ] {
        assert_eq!(last.verdict(told), Some("left alone"), "{told}: {}", last.out);
    }
    let scope = "openid mcp:tools";
    let signed_in = sign_in(realm.0, "bob", "mcp-client", LOOPBACK, scope).await.unwrap();
    let sts = world.sts(realm.0).await.unwrap();
    let token = signed_in.tokens.access_token;
    let (status, answer) = world.exchange(&sts, &token).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
}

struct Broken<'r, 'k>(&'r FreshRealm<'k>);

impl Broken<'_, '_> {
    async fn adds_what_is_not_ours(&self) {
        let admin = self.0.admin();
        let mapper = audience(
            "another gateway",
            json!({"included.custom.audience": "https://other.example.com/mcp"}),
        );
        let path = format!("{}/protocol-mappers/models", self.scope("mcp:tools").await);
        admin.send(Method::POST, &path, Some(&mapper)).await.unwrap();
        admin
            .change_client("mcp-client", |client| {
                push(client, "redirectUris", FOREIGN);
                push(client, "webOrigins", "https://chat.example.com");
                client["attributes"]["access.token.lifespan"] = json!("77");
                Ok(())
            })
            .await
            .unwrap();
        let dashboard = json!({
            "clientId": "dashboard", "redirectUris": ["https://dashboard.example.com/*"],
            "directAccessGrantsEnabled": true, "optionalClientScopes": ["kubernetes"],
        });
        admin.send(Method::POST, "/clients", Some(&dashboard)).await.unwrap();
    }

    /// All of that, as it is.
    async fn foreign(&self) -> Value {
        let admin = self.0.admin();
        let client = self.client("mcp-client").await;
        let mappers = self.mappers("mcp:tools").await;
        let foreign = mappers.into_iter().find(|mapper| mapper["name"] == "another gateway");
        json!({
            "mapper": foreign.map(|mapper| mapper["config"].clone()),
            "dashboard": admin.get("/clients?clientId=dashboard").await.unwrap(),
            "lifespan": client["attributes"]["access.token.lifespan"],
            "redirect": list(&client, "redirectUris").contains(&json!(FOREIGN)),
            "origin": list(&client, "webOrigins").contains(&json!("https://chat.example.com")),
        })
    }

    async fn loses_mappers(&self) {
        for (scope, mapper, because) in [
            (
                "mcp:tools",
                format!("audience {RESOURCE}"),
                "its tokens were not for https://mcp.example.com/mcp",
            ),
            ("mcp:tools", "audience obolus-sts".to_owned(), "its tokens were not for obolus-sts"),
            ("kubernetes", "groups".to_owned(), "its tokens had no groups"),
            ("basic", "sub".to_owned(), "tokens had no sub"),
            ("profile", "username".to_owned(), "tokens had no preferred_username"),
        ] {
            self.remove_mapper(scope, &mapper).await;
            self.mended(&format!("client scope {scope}"), "changed", because).await;
        }
        // With the cluster's audience in it again, whoever else has the scope would reach the cluster.
        self.remove_mapper("kubernetes", "audience kubernetes").await;
        let refused = self.0.set_up(&PLAIN).await.unwrap();
        assert_eq!(refused.code, Some(1), "{}{}", refused.out, refused.err);
        assert!(refused.err.contains("others have it (dashboard)"), "{}", refused.err);
        let path = self.scope_of("dashboard", "kubernetes").await;
        self.0.admin().send(Method::DELETE, &path, None).await.unwrap();
        self.mended("client scope kubernetes", "changed", "its tokens were not for kubernetes")
            .await;
        let path = self.scope_of("dashboard", "kubernetes").await;
        self.0.admin().send(Method::PUT, &path, None).await.unwrap();
        // One that is there, and puts its audience elsewhere; and one that has our name and another audience.
        self.change_mapper("kubernetes", "audience kubernetes", |config| {
            config["access.token.claim"] = json!("false");
        })
        .await;
        self.mended("client scope kubernetes", "changed", "its tokens were not for kubernetes")
            .await;
        self.change_mapper("mcp:tools", "audience obolus-sts", |config| {
            config["included.client.audience"] = json!("account");
        })
        .await;
        self.mended("client scope mcp:tools", "changed", "its tokens were not for obolus-sts")
            .await;
    }

    /// All that lets more in, or more out, than it should.
    async fn is_opened(&self) {
        let admin = self.0.admin();
        admin
            .change_client("obolus-sts", |client| {
                client["attributes"]["standard.token.exchange.enabled"] = json!("false");
                client["directAccessGrantsEnabled"] = json!(true);
                client["fullScopeAllowed"] = json!(true);
                Ok(())
            })
            .await
            .unwrap();
        let run =
            self.mended("client obolus-sts", "changed", "standard token exchange was off").await;
        let line = run.line("client obolus-sts").unwrap();
        assert!(line.contains("passwords of people") && line.contains("full scope"), "{line}");

        admin
            .change_client("mcp-client", |client| {
                push(client, "redirectUris", "http://127.0.0.1/*");
                push(client, "redirectUris", "http://chat.example.com/callback");
                client["webOrigins"] = json!(["*", "https://chat.example.com"]);
                client["attributes"]["pkce.code.challenge.method"] = json!("");
                client["consentRequired"] = json!(false);
                Ok(())
            })
            .await
            .unwrap();
        let because = "codes went to whoever fits http://127.0.0.1/*";
        let run = self.mended("client mcp-client", "changed", because).await;
        let line = run.line("client mcp-client").unwrap();
        for reason in [
            "PKCE with S256",
            "origins were not listed, but *",
            "consent",
            "http://chat.example.com/callback",
        ] {
            assert!(line.contains(reason), "{reason}: {line}");
        }
        let client = self.client("mcp-client").await;
        assert!(!client["redirectUris"].to_string().contains('*'), "{client}");

        let past = "past the gateway";
        let mapper = audience("to the cluster", json!({"included.client.audience": "kubernetes"}));
        let path = format!("{}/protocol-mappers/models", self.scope("mcp:tools").await);
        admin.send(Method::POST, &path, Some(&mapper)).await.unwrap();
        self.mended("client scope mcp:tools", "changed", past).await;

        let kubernetes = self.scope("kubernetes").await.replace("/client-scopes/", "");
        let client = self.client("mcp-client").await["id"].as_str().unwrap().to_owned();
        let path = format!("/clients/{client}/optional-client-scopes/{kubernetes}");
        admin.send(Method::PUT, &path, None).await.unwrap();
        self.mended("client mcp-client", "changed", past).await;

        let path = format!("/default-default-client-scopes/{kubernetes}");
        admin.send(Method::PUT, &path, None).await.unwrap();
        self.mended("realm's default scopes, kubernetes", "changed", past).await;

        let path = self.scope("mcp:tools").await;
        let hide = |scope: &mut Value| {
            scope["attributes"]["include.in.token.scope"] = json!("false");
            Ok(())
        };
        admin.change(&path, hide).await.unwrap();
        self.mended("client scope mcp:tools", "changed", "was not in the scope of tokens").await;
    }

    async fn loses_clients_and_scopes(&self) {
        let admin = self.0.admin();
        for id in ["kubernetes", "obolus-sts"] {
            let path = format!("/clients/{}", self.client(id).await["id"].as_str().unwrap());
            admin.send(Method::DELETE, &path, None).await.unwrap();
            self.mended(&format!("client {id}"), "created", "").await;
        }
        admin.send(Method::DELETE, &self.scope("kubernetes").await, None).await.unwrap();
        let run = self.mended("client scope kubernetes", "created", "").await;
        let line = run.line("client obolus-sts").unwrap();
        assert!(line.contains("it could not have the scope kubernetes"), "{line}");
        // The other client's is gone with the scope, and is nobody's to bring back but theirs.
        let path = self.scope_of("dashboard", "kubernetes").await;
        admin.send(Method::PUT, &path, None).await.unwrap();
    }

    async fn has_another_secret(&self) {
        let other = "somebody-has-rotated-it-in-the-console";
        let rotate = |client: &mut Value| {
            client["secret"] = json!(other);
            Ok(())
        };
        self.0.admin().change_client("obolus-sts", rotate).await.unwrap();
        let told = self.0.set_up(&PLAIN).await.unwrap();
        assert_eq!(told.verdict("client obolus-sts (secret)"), Some("left alone"), "{}", told.out);
        assert_eq!(
            self.client("obolus-sts").await["secret"],
            other,
            "it is not known which is right"
        );
        let arguments = [&PLAIN[..], &["--replace-secret"]].concat();
        let run = self.0.set_up(&arguments).await.unwrap();
        assert_eq!(run.verdict("client obolus-sts"), Some("changed"), "{}{}", run.out, run.err);
        let file = std::fs::read_to_string(self.0.folder().join(SECRET_FILE)).unwrap();
        assert_eq!(self.client("obolus-sts").await["secret"], file.trim());
        assert!(
            !format!("{}{}{}", told.out, run.out, run.err).contains(other),
            "no secret is told"
        );
    }

    /// The next run mends it, and says why.
    async fn mended(&self, what: &str, verdict: &str, because: &str) -> SetUp {
        let run = self.0.set_up(&PLAIN).await.unwrap();
        assert_eq!(run.code, Some(0), "{what}: {}{}", run.out, run.err);
        assert_eq!(run.verdict(what), Some(verdict), "{what}: {}", run.out);
        assert!(run.line(what).unwrap().contains(because), "{because}: {}", run.out);
        run
    }

    async fn scope(&self, name: &str) -> String {
        let scopes = self.0.admin().get("/client-scopes").await.unwrap();
        let scope = scopes.as_array().unwrap().iter().find(|scope| scope["name"] == name).unwrap();
        format!("/client-scopes/{}", scope["id"].as_str().unwrap())
    }

    /// A scope as one that a client may ask for.
    async fn scope_of(&self, client: &str, scope: &str) -> String {
        let scope = self.scope(scope).await.replace("/client-scopes/", "");
        let client = self.client(client).await["id"].as_str().unwrap().to_owned();
        format!("/clients/{client}/optional-client-scopes/{scope}")
    }

    async fn mappers(&self, scope: &str) -> Vec<Value> {
        let path = format!("{}/protocol-mappers/models", self.scope(scope).await);
        self.0.admin().get(&path).await.unwrap().as_array().unwrap().clone()
    }

    async fn mapper(&self, scope: &str, name: &str) -> String {
        let mappers = self.mappers(scope).await;
        let mapper = mappers.iter().find(|mapper| mapper["name"] == name);
        let id =
            mapper.unwrap_or_else(|| panic!("{scope} has no {name}: {mappers:?}"))["id"].clone();
        format!("{}/protocol-mappers/models/{}", self.scope(scope).await, id.as_str().unwrap())
    }

    async fn remove_mapper(&self, scope: &str, name: &str) {
        let path = self.mapper(scope, name).await;
        self.0.admin().send(Method::DELETE, &path, None).await.unwrap();
    }

    async fn change_mapper(&self, scope: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let path = self.mapper(scope, name).await;
        let change = |mapper: &mut Value| {
            change(&mut mapper["config"]);
            Ok(())
        };
        self.0.admin().change(&path, change).await.unwrap();
    }

    async fn client(&self, id: &str) -> Value {
        let found = self.0.admin().get(&format!("/clients?clientId={id}")).await.unwrap();
        found[0].clone()
    }
}

fn audience(name: &str, mut config: Value) -> Value {
    config["access.token.claim"] = json!("true");
    json!({
        "name": name, "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": config,
    })
}

fn list<'a>(client: &'a Value, key: &str) -> &'a Vec<Value> {
    client[key].as_array().unwrap()
}

fn push(client: &mut Value, key: &str, value: &str) {
    client[key].as_array_mut().unwrap().push(json!(value));
}
