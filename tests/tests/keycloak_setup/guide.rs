//! `docs/keycloak.md` and `deploy/keycloak/realm.json`, as they are.

use obolus_core::config::FilterConfig;
use obolus_tests::fixtures::keycloak::{FreshRealm, claims};
use obolus_tests::parts::products::workspace;
use reqwest::Method;
use serde_json::{Value, json};

use crate::refusals::give;
use crate::registration::{inspector, register};
use crate::world::{PLAIN, RESOURCE, SECRET_FILE, World, sign_in};

const ISSUER: &str = "https://keycloak.example.com/realms/obolus";
const LOOPBACK: &str = "http://localhost:3118/callback";

pub(crate) async fn each_command_of_it_does_what_it_says(world: &World) {
    let realm = world.keycloak.fresh_realm("guide").await.unwrap();
    let issuer = realm.issuer();
    let here = |text: &str| text.replace(ISSUER, &issuer);
    let [configuration] = &blocks("toml")[..] else { panic!("one configuration") };
    let file = |name: &str| realm.folder().join(name);
    std::fs::write(file("sts.toml"), here(configuration)).unwrap();
    std::fs::write(file("gateway-credential"), "credential-of-the-gateway").unwrap();
    world.authority.server().unwrap().write(realm.folder(), "tls").unwrap();
    add_operator(&realm).await;

    let commands: Vec<_> = blocks("sh").iter().flat_map(|block| lines_of(block)).collect();
    let ends = [
        "to do; nothing was done (--dry-run)",
        "done",
        "is good",
        "nothing to do",
        "nothing was to do",
        "done",
    ];
    assert_eq!(commands.len(), ends.len(), "{commands:?}");
    for (command, end) in commands.iter().zip(ends) {
        let command = here(command).replace("--admin-realm obolus", "--admin-realm guide");
        let mut words = command.split_whitespace();
        assert_eq!(words.next(), Some("obolus-sts"), "{command}");
        let run = realm.obolus_sts(&words.collect::<Vec<_>>()).await.unwrap();
        assert_eq!(run.code, Some(0), "{command}: {}{}", run.out, run.err);
        assert!(run.out.trim_end().ends_with(end), "{command}: {}", run.out);
        if end.contains("--dry-run") {
            assert_eq!(run.out, here(&blocks("")[0]), "as the page has it");
        }
    }

    let filter = FilterConfig::parse(blocks("json")[0].as_bytes()).unwrap();
    let sts: toml::Table = configuration.parse().unwrap();
    let (resource, grant) = (&filter.resources[0], &sts["callers"][0]["grants"][0]);
    assert_eq!(grant["audiences"][0].as_str(), Some(&*resource.audiences[0]));
    assert_eq!(sts["callers"][0]["id"].as_str(), Some(&*filter.sts.caller_id));
    let asked = resource.targets.default_target();
    assert_eq!(sts["targets"][0]["audience"].as_str(), Some(&*asked.audience));

    let signed_in = sign_in(&realm, "alice", "mcp-client", LOOPBACK, "mcp:tools").await.unwrap();
    let own = signed_in.tokens.access_token;
    let sts = world.sts(&realm).await.unwrap();
    let (_, answer) = world.exchange(&sts, &own).await.unwrap();
    let exchanged = answer["access_token"].as_str().unwrap();
    for (printed, token) in blocks("json")[1..].iter().zip([own.as_str(), exchanged]) {
        let printed: Value = serde_json::from_str(&here(printed)).unwrap();
        let token = claims(token).unwrap();
        for (claim, value) in printed.as_object().unwrap() {
            assert_eq!(words_of(&token[claim]), words_of(value), "{claim} of {token}");
        }
    }
}

pub(crate) async fn the_realm_file_is_what_set_up_makes(world: &World) {
    let text = text("deploy/keycloak/realm.json");
    assert!(!text.contains("\"secret\""), "whoever reads it would exchange as the STS");
    let mut file: Value = serde_json::from_str(&text).unwrap();
    file["realm"] = json!("from-file");
    let realm = world.keycloak.realm_of(file).await.unwrap();
    variables_are_no_secrets(world).await;
    // Keycloak has made the secret; set-up brings it to the file, and finds nothing else to do.
    let run = realm.set_up(&PLAIN).await.unwrap();
    assert_eq!(
        run.verdict(&format!("file {SECRET_FILE}")),
        Some("created"),
        "{}{}",
        run.out,
        run.err
    );
    assert!(run.out.ends_with("\n1 done\n"), "{}", run.out);
    assert!(!run.out.contains("left alone"), "{}", run.out);
    let again = [&PLAIN[..], &["--dry-run", "--exit-code"]].concat();
    assert_eq!(realm.set_up(&again).await.unwrap().code, Some(0));
    let scope = "openid mcp:tools offline_access";
    let signed_in = sign_in(&realm, "bob", "mcp-client", LOOPBACK, scope).await.unwrap();
    let sts = world.sts(&realm).await.unwrap();
    let token = signed_in.tokens.access_token;
    let (status, answer) = world.exchange(&sts, &token).await.unwrap();
    assert!(status.is_success(), "{answer}");
    let exchanged = claims(answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(exchanged["groups"], json!(["viewers"]));
}

/// A realm file whose variable was not replaced: the secret is what the file says, and everybody has read it.
async fn variables_are_no_secrets(world: &World) {
    let mut file: Value = serde_json::from_str(&text("deploy/keycloak/realm.json")).unwrap();
    file["realm"] = json!("from-file-with-a-variable");
    let clients = file["clients"].as_array_mut().unwrap();
    let sts = clients.iter_mut().find(|client| client["clientId"] == "obolus-sts").unwrap();
    sts["secret"] = json!("${OBOLUS_STS_SECRET}");
    let realm = world.keycloak.realm_of(file).await.unwrap();
    let before = realm.dump().await.unwrap();
    let run = realm.set_up(&PLAIN).await.unwrap();
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    assert!(run.err.contains("is a variable's name"), "{}", run.err);
    assert!(!realm.folder().join(SECRET_FILE).exists(), "it is handed on to nobody");
    assert_eq!(realm.dump().await.unwrap(), before);
}

pub(crate) async fn the_texts_of_its_table_are_keycloaks(world: &World) {
    let realm = world.keycloak.fresh_realm("texts").await.unwrap();
    assert_eq!(realm.set_up(&PLAIN).await.unwrap().code, Some(0));
    let secret = std::fs::read_to_string(realm.folder().join(SECRET_FILE)).unwrap();
    let secret = secret.trim();
    let signed_in = sign_in(&realm, "alice", "mcp-client", LOOPBACK, "mcp:tools").await.unwrap();
    let (token, url) = (
        signed_in.tokens.access_token,
        format!("{}/protocol/openid-connect/token", realm.issuer()),
    );
    let said = async |form: &[(&str, &str)], client: Option<(&str, &str)>| {
        let mut request = realm.http().post(&url).form(form);
        if let Some((id, secret)) = client {
            request = request.basic_auth(id, Some(secret));
        }
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let grant = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "alice"),
        ("password", "alice"),
    ];
    let of_nobody = said(&grant, None).await["access_token"].as_str().unwrap().to_owned();
    let mut texts = Vec::new();
    for (token, audience, secret) in [
        (of_nobody.as_str(), "kubernetes", secret),
        (&token, "mcp-client", secret),
        (&token, "no-such-client", secret),
        ("garbage", "kubernetes", secret),
        (&token, "kubernetes", "another-secret"),
    ] {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", audience),
        ];
        let answer = said(&form, Some(("obolus-sts", secret))).await;
        texts.push(answer["error_description"].as_str().unwrap().to_owned());
    }
    let (_, closed) = register(&realm, &inspector(), None).await;
    let opened = [&PLAIN[..], &["--registration"]].concat();
    assert_eq!(realm.set_up(&opened).await.unwrap().code, Some(0));
    let mut foreign = inspector();
    foreign["redirect_uris"] = json!(["https://evil.example/cb"]);
    let mut of_the_sts = inspector();
    of_the_sts["scope"] = json!("kubernetes");
    for answer in [
        closed,
        register(&realm, &foreign, None).await.1,
        register(&realm, &of_the_sts, None).await.1,
    ] {
        let text = answer["error_description"].as_str().unwrap();
        texts.push(text.rsplit("Details: ").next().unwrap().to_owned());
    }
    let page = text("docs/keycloak.md")
        .replace("audience not available: kubernetes", "audience not available: mcp-client");
    let table = page.split_once("## When it does not work").unwrap().1;
    for text in texts {
        assert!(table.contains(&text), "{text:?} is not told");
    }
}

/// A service account that may change clients, with a file of its secret.
async fn add_operator(realm: &FreshRealm<'_>) {
    let admin = realm.admin();
    let found = admin.get("/clients?clientId=realm-management").await.unwrap();
    let client = json!({"clientId": "operator", "secret": "operator-secret", "serviceAccountsEnabled": true});
    admin.send(Method::POST, "/clients", Some(&client)).await.unwrap();
    let account = admin.user_id("service-account-operator").await.unwrap();
    let roles = ["manage-clients", "view-realm"];
    give(realm, &account, found[0]["id"].as_str().unwrap(), &roles).await;
    std::fs::write(realm.folder().join("operator-secret"), "operator-secret\n").unwrap();
}

fn text(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).unwrap()
}

/// The fenced blocks of a language, in order.
fn blocks(language: &str) -> Vec<String> {
    let page = text("docs/keycloak.md");
    assert!(page.contains(RESOURCE));
    let mut found = Vec::new();
    let mut inside: Option<(bool, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut inside) {
            (Some(_), Some(_)) => found.extend(inside.take().filter(|(is_it, _)| *is_it)),
            (Some(tag), None) => inside = Some((tag == language, String::new())),
            (None, Some((_, block))) => *block += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    found.into_iter().map(|(_, block)| block).collect()
}

fn lines_of(block: &str) -> Vec<String> {
    block.lines().map(str::to_owned).collect()
}

/// `aud` and `scope` are sets, and Keycloak adds what a person's roles give.
fn words_of(value: &Value) -> Vec<String> {
    let words: Vec<String> = match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        value => value.as_str().unwrap().split(' ').map(str::to_owned).collect(),
    };
    let mut words: Vec<_> = words.into_iter().filter(|word| word != "account").collect();
    words.sort();
    words
}
