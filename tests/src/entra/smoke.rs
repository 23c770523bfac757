//! That the pieces work together, and faults that no rule asks for; each rule has a test in `tests/tests/entra_rules`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::jwt::Jwt;
use super::{Directory, Emulator, ExpiresIn, Fault, What, clock};
use crate::https;
use crate::pki::Authority;

struct Scene {
    entra: Emulator,
    http: reqwest::Client,
    form: Value,
}

impl Scene {
    async fn of(user: &str) -> Self {
        let authority = Authority::new("entra").unwrap();
        let entra = Emulator::start(&authority, Directory::example()).await.unwrap();
        let scope = "api://{mcp-server}/access_as_user";
        let token = entra.user_token(user, "mcp-client", scope).await.unwrap();
        let form = json!({
            "grant_type": super::token::ON_BEHALF_OF,
            "client_id": entra.filled_in("{mcp-server}"),
            "client_secret": "mcp-server-secret~for.tests",
            "assertion": token,
            "scope": entra.filled_in("{kubernetes}/.default"),
            "requested_token_use": "on_behalf_of",
        });
        Self { entra, http: https::client(&authority.pem()).unwrap(), form }
    }

    async fn send(&self) -> reqwest::Response {
        let request = self.http.post(self.entra.token_endpoint("contoso"));
        request.form(&self.form).send().await.unwrap()
    }

    /// The answer while this goes wrong, once.
    async fn with(&self, what: What) -> Value {
        self.entra.faults().add(Fault::new(what).user("alice").times(1));
        self.send().await.json().await.unwrap()
    }

    async fn token_with(&self, what: What) -> Jwt {
        Jwt::parse(self.with(what).await["access_token"].as_str().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_person_signs_in_and_the_server_exchanges_the_token() {
    let scene = Scene::of("alice").await;
    let body: Value = scene.send().await.json().await.unwrap();
    let exchanged = Jwt::parse(body["access_token"].as_str().unwrap()).unwrap();
    let id = |name: &str| scene.entra.filled_in(name);
    assert_eq!(exchanged.claim("aud").unwrap(), id("{kubernetes}"));
    assert_eq!(exchanged.claim("azp").unwrap(), id("{mcp-server}"));
    assert_eq!(exchanged.claim("oid").unwrap(), "a11ce000-0000-4000-8000-000000000001");
    assert_eq!(exchanged.claims["roles"], json!(["Cluster.Admin"]));
    assert_eq!(body["scope"], id("{kubernetes}/access_as_user"));
    let incoming = Jwt::parse(scene.form["assertion"].as_str().unwrap()).unwrap();
    assert_ne!(exchanged.claim("sub"), incoming.claim("sub"), "pairwise");
}

#[tokio::test]
async fn who_accepts_for_a_known_client_accepts_for_the_api_behind_it_too() {
    let mut scene = Scene::of("alice").await;
    scene.entra.change(|directory| {
        let api = directory.app_mut("mcp-server");
        api.permissions =
            Some([("unconsented".to_owned(), vec!["access_as_user".to_owned()])].into());
    });
    scene.form["scope"] = json!(scene.entra.filled_in("{unconsented}/.default"));
    let refused: Value = scene.send().await.json().await.unwrap();
    assert_eq!(refused["suberror"], "consent_required");

    let challenge = "x".repeat(43);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", scene.entra.filled_in("{mcp-client}").as_str()),
            ("response_type", "code"),
            ("redirect_uri", "http://localhost:1/callback"),
            ("scope", &scene.entra.filled_in("{mcp-server}/.default")),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ])
        .finish();
    let page = format!("{}?{query}", scene.entra.authorization_endpoint("contoso"));
    let sign_in = async |accept: &[(&str, &str)]| {
        let user = [("username", "alice@contoso.example"), ("password", "alice-password")];
        let form = [&user, accept].concat();
        let answer = scene.http.post(&page).form(&form).send().await.unwrap();
        answer.headers()["location"].to_str().unwrap().contains("code=1.")
    };
    assert!(sign_in(&[]).await);
    assert_eq!(scene.send().await.status(), 400, "signing in is no consent");
    assert!(sign_in(&[("accept", "yes")]).await);
    assert_eq!(scene.send().await.status(), 200);
}

#[tokio::test]
async fn who_signs_in_for_what_is_guarded_does_more_and_who_is_exchanged_cannot() {
    let mut scene = Scene::of("alice").await;
    scene.entra.change(|directory| {
        let mut consent = directory.consents[0].clone();
        consent.resource = "guarded".to_owned();
        directory.consents.push(consent);
    });
    scene.form["scope"] = json!(scene.entra.filled_in("{guarded}/.default"));
    let refused: Value = scene.send().await.json().await.unwrap();
    assert_eq!(refused["error_codes"], json!([50076]));
    let direct = scene.entra.user_token("alice", "mcp-client", "{guarded}/access_as_user").await;
    assert!(direct.is_ok(), "{direct:?}");
    let scope = "{mcp-server}/access_as_user";
    let challenge = refused["claims"].as_str().unwrap();
    let again = scene.entra.user_token_with_claims("alice", "mcp-client", scope, challenge).await;
    scene.form["assertion"] = json!(again.unwrap());
    assert_eq!(scene.send().await.status(), 200);
    // A fault of the token endpoint leaves sign-ins alone.
    scene.entra.faults().everybody(What::Blocked { code: 53003, claims: false });
    let plain = scene.entra.user_token("alice", "mcp-client", scope).await;
    scene.form["assertion"] = json!(plain.unwrap());
    assert_eq!(scene.send().await.status(), 400);
}

#[tokio::test]
async fn a_hostile_provider_gives_tokens_that_nobody_should_take() {
    let scene = Scene::of("alice").await;
    let directory = scene.entra.directory();

    let token = scene.token_with(What::OtherUser("bob".to_owned())).await;
    assert_eq!(token.claim("oid").unwrap(), directory.user("bob").unwrap().id);
    let token = scene.token_with(What::OtherTenant("fabrikam".to_owned())).await;
    assert_eq!(token.claim("iss").unwrap(), scene.entra.issuer("fabrikam"));
    assert_eq!(token.claim("tid").unwrap(), directory.tenant("fabrikam").unwrap().id);
    let token = scene.token_with(What::OtherAudience("api://other".to_owned())).await;
    assert_eq!(token.claim("aud").unwrap(), "api://other");
    let token = scene.token_with(What::Expired).await;
    assert!(token.time("exp").unwrap() < clock::now());
    let token = scene.token_with(What::Claims(json!({"oid": null, "scp": "x"}))).await;
    assert_eq!((token.claim("oid"), token.claim("scp")), (None, Some("x")));
    let token = scene.token_with(What::GroupsOverage).await;
    assert!(token.claims["_claim_names"]["groups"].is_string(), "{}", token.claims);

    let genuine = |token: &Jwt| {
        let key = scene.entra.keys().standard(token.header("kid").unwrap()).unwrap();
        key.verifies(token.signed.as_bytes(), &token.signature)
    };
    assert!(genuine(&token));
    assert!(!genuine(&scene.token_with(What::ForeignKey).await));
    // Each of them came once.
    assert!(scene.entra.faults().list().is_empty());
}

#[tokio::test]
async fn an_answers_members_can_be_anything() {
    let scene = Scene::of("alice").await;
    let body = scene.with(What::ExpiresIn(ExpiresIn::Text)).await;
    assert!(body["expires_in"].as_str().unwrap().parse::<u64>().unwrap() >= 3600);
    let body = scene.with(What::ExpiresIn(ExpiresIn::Missing)).await;
    assert!(body.get("expires_in").is_none() && body["access_token"].is_string());
    assert_eq!(scene.with(What::ExpiresIn(ExpiresIn::Negative)).await["expires_in"], -3600);
    let member = What::Member { name: "token_type".to_owned(), value: json!("DPoP") };
    assert_eq!(scene.with(member).await["token_type"], "DPoP");
    assert!(scene.with(What::UnaskedRefreshToken).await["refresh_token"].is_string());
    let honest: Value = scene.send().await.json().await.unwrap();
    assert!((3600..=5400).contains(&honest["expires_in"].as_i64().unwrap()), "{honest}");
    assert!(honest.get("refresh_token").is_none());
}

#[tokio::test]
async fn answers_come_late_slowly_and_far_too_long() {
    let scene = Scene::of("alice").await;
    let begun = Instant::now();
    scene.with(What::Delay { milliseconds: 200 }).await;
    assert!(begun.elapsed() >= Duration::from_millis(200));

    scene.entra.faults().add(Fault::new(What::Slow { milliseconds: 1 }).times(1));
    let begun = Instant::now();
    let answer = scene.send().await;
    let length = answer.content_length().unwrap();
    assert_eq!(answer.text().await.unwrap().len() as u64, length);
    assert!(begun.elapsed() >= Duration::from_millis(length), "a byte in a millisecond");

    scene.entra.faults().add(Fault::new(What::Huge { bytes: 10_000_000 }).times(1));
    assert!(scene.send().await.text().await.unwrap().len() > 10_000_000);
}

#[tokio::test]
async fn a_fault_hits_whom_it_is_for_and_nobody_else() {
    let scene = Scene::of("bob").await;
    scene.entra.faults().add(Fault::new(What::Html { status: 502 }).user("alice"));
    scene.entra.faults().add(Fault::new(What::Html { status: 502 }).client("daemon"));
    scene.entra.faults().add(Fault::new(What::Html { status: 502 }).at(super::Endpoint::Keys));
    assert_eq!(scene.send().await.status(), 200);
    let keys = scene.http.get(scene.entra.keys_uri("contoso")).send().await.unwrap();
    assert_eq!(keys.status(), 502);
    scene.entra.faults().add(Fault::new(What::Html { status: 502 }).client("mcp-server"));
    assert_eq!(scene.send().await.status(), 502);
    assert_eq!(scene.entra.requests().last_token().unwrap().fault.unwrap(), "html");
}

#[tokio::test]
async fn it_can_be_away_for_a_while() {
    let scene = Scene::of("alice").await;
    scene.entra.hang_up().await.unwrap();
    let request = scene.http.post(scene.entra.token_endpoint("contoso")).form(&scene.form);
    assert!(request.send().await.unwrap_err().is_connect());
    scene.entra.listen_again().unwrap();
    assert_eq!(scene.send().await.status(), 200);
}

#[tokio::test]
async fn switches_are_reachable_only_when_they_were_opened() {
    let scene = Scene::of("alice").await;
    let faults = format!("{}/emulator/faults", scene.entra.authority_host());
    let fault = json!({"what": {"mfa": {}}, "user": "alice"}).to_string();
    let add = async || {
        scene.http.post(&faults).body(fault.clone()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(add().await, 404);
    assert_eq!(scene.send().await.status(), 200);
    scene.entra.open_admin();
    assert_eq!(add().await, 204);
    let refused: Value = scene.send().await.json().await.unwrap();
    assert_eq!(refused["error_codes"], json!([50076]));
    assert_eq!(scene.http.delete(&faults).send().await.unwrap().status(), 204);
    assert_eq!(scene.send().await.status(), 200);
}
