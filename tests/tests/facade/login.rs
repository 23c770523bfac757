//! The way in, and the one that Entra ID alone would have barred.

use obolus_tests::entra::Endpoint;
use obolus_tests::fixtures::entra::CLIENT;
use obolus_tests::fixtures::idp::claims_of;
use serde_json::Value;

use crate::world::{
    ALICE, REDIRECT, RESOURCE, STATE, World, encoded, location, parameter, with, without,
};

#[tokio::test]
async fn a_person_logs_in_through_the_facade_and_stays_logged_in() {
    let world = World::start().await.unwrap();
    let url = world.sign_in(&world.authorization()).await;
    assert!(url.starts_with(&format!("{REDIRECT}?")), "{url}");
    assert_eq!(parameter(&url, "state").as_deref(), Some(STATE));
    assert_eq!(parameter(&url, "iss"), None, "nobody promised one");
    let code = parameter(&url, "code").unwrap();

    let answer = world.token(&world.exchange(&code)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["pragma"], "no-cache");
    let tokens: Value = answer.json().await.unwrap();
    let mut members: Vec<_> = tokens.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    assert_alice(&world, &tokens);

    let refreshed = world.tokens(&world.refresh(tokens["refresh_token"].as_str().unwrap())).await;
    assert_alice(&world, &refreshed);
    assert_ne!(refreshed["access_token"], tokens["access_token"]);
    // Also for a client that names no resource, as there is one alone, or asks for the scope by its bare name, which Entra
    // ID would have taken for Microsoft Graph's.
    let refresh = world.refresh(refreshed["refresh_token"].as_str().unwrap());
    for form in [without(refresh.clone(), "resource"), with(refresh, "scope", "access_as_user")] {
        assert_alice(&world, &world.tokens(&form).await);
    }
    let log = world.facade.login_lines();
    let outcomes: Vec<_> = log.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["sent_on", "issued", "refreshed", "refreshed", "refreshed"]);
}

/// For the API, by the public client, with the delegated permission.
fn assert_alice(world: &World, tokens: &Value) {
    let claims = claims_of(tokens["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(claims["aud"], world.api());
    assert_eq!(claims["azp"], world.entra.id_of(CLIENT));
    assert_eq!(claims["scp"], "access_as_user");
    assert_eq!(claims["oid"], world.entra.object_id("alice"));
    assert_eq!(tokens["token_type"], "Bearer");
    assert!(tokens["id_token"].is_null());
}

#[tokio::test]
async fn what_entra_refuses_of_a_client_is_taken_by_the_facade() {
    let world = World::start().await.unwrap();
    let direct = world.entra.emulator.authorization_endpoint("contoso");
    // The control: the same request, straight to Entra ID.
    let url = format!("{direct}?{}", encoded(&world.authorization()));
    let answer = world.http.get(url).send().await.unwrap();
    let refused = parameter(&location(&answer).unwrap(), "error_description").unwrap();
    assert!(refused.starts_with("AADSTS901002"), "{refused}");
    let url = world.sign_in(&world.authorization()).await;
    assert!(parameter(&url, "code").is_some(), "{url}");

    // A bare scope is Microsoft Graph's to Entra ID.
    let bare = with(without(world.authorization(), "resource"), "scope", "access_as_user");
    let answer = world.http.get(format!("{direct}?{}", encoded(&bare))).send().await.unwrap();
    let refused = parameter(&location(&answer).unwrap(), "error_description").unwrap();
    assert!(refused.starts_with("AADSTS650053"), "{refused}");
    assert!(parameter(&world.sign_in(&bare).await, "code").is_some());
    // No scope at all.
    let none = without(world.authorization(), "scope");
    assert!(parameter(&world.sign_in(&none).await, "code").is_some());

    // And a token request that names the resource.
    let code = world.code().await;
    let form = world.exchange(&code);
    let token_endpoint = world.entra.emulator.token_endpoint("contoso");
    let refused: Value =
        world.http.post(token_endpoint).form(&form).send().await.unwrap().json().await.unwrap();
    assert_eq!(refused["error_codes"][0], 901_002, "{refused}");
    let code = world.code().await;
    world.tokens(&world.exchange(&code)).await;
}

#[tokio::test]
async fn entra_gets_what_it_knows_and_nothing_else() {
    let world = World::start().await.unwrap();
    let mut query = with(world.authorization(), "prompt", "consent");
    for (name, value) in [("utm_source", "x"), ("nonce", "n"), ("iss", "https://evil.example")] {
        query = with(query, name, value);
    }
    let code = parameter(&world.sign_in(&query).await, "code").unwrap();
    let form = with(world.exchange(&code), "utm_source", "x");
    world.tokens(&form).await;
    let all = world.entra.emulator.requests().all();
    let parameters = |endpoint| {
        let request = all.iter().find(|request| request.endpoint == endpoint).unwrap();
        let mut names = request.parameters.clone();
        names.sort();
        names.join(" ")
    };
    assert_eq!(
        parameters(Endpoint::Authorize),
        "client_id code_challenge code_challenge_method login_hint nonce redirect_uri response_mode response_type scope state"
    );
    assert_eq!(
        parameters(Endpoint::Token),
        "client_id code code_verifier grant_type redirect_uri scope"
    );
}

#[tokio::test]
async fn every_client_of_the_table_gets_its_code_where_it_listens() {
    use obolus_core::login::redirect_uri::{KNOWN_REDIRECTS, Place};
    let world = World::start().await.unwrap();
    for known in KNOWN_REDIRECTS {
        let uri = match known.place {
            Place::Exact(uri) => uri.to_owned(),
            Place::Loopback { usual, path } => format!("http://{usual}{path}"),
        };
        let query = with(world.authorization(), "redirect_uri", &uri);
        let url = match known.place {
            Place::Loopback { .. } => world.sign_in(&query).await,
            Place::Exact(_) => world.sign_in_by_page(&query).await,
        };
        assert!(url.starts_with(&format!("{uri}?code=")), "{}: {url}", known.client);
        let form = with(world.exchange(&parameter(&url, "code").unwrap()), "redirect_uri", &uri);
        world.tokens(&form).await;
    }
}

/// Who sends it started the login in their own account, there: `state` and challenge are theirs.
#[tokio::test]
async fn a_link_that_somebody_sent_signs_nobody_in_without_a_page_unless_the_code_stays_on_their_machine()
 {
    let world = World::start().await.unwrap();
    let hosted = with(world.authorization(), "redirect_uri", "https://vscode.dev/redirect");
    // The control: at a loopback address who is signed in is sent on at once.
    for query in [world.authorization(), with(world.authorization(), "prompt", "none")] {
        assert!(parameter(&world.sign_in(&query).await, "code").is_some());
    }
    let back = location(&world.authorize(&encoded(&with(hosted.clone(), "prompt", "none"))).await);
    let back = back.unwrap();
    assert!(back.starts_with("https://vscode.dev/redirect?"), "{back}");
    assert_eq!(parameter(&back, "error").as_deref(), Some("interaction_required"));
    assert_eq!(parameter(&back, "state").as_deref(), Some(STATE));
    for (asked, sent, hint) in [
        ("", "select_account", None),
        ("consent", "select_account", None),
        ("select_account", "select_account", None),
        ("login", "login", Some(ALICE)),
    ] {
        let query = with(hosted.clone(), "prompt", asked);
        let at_entra = location(&world.authorize(&encoded(&query)).await).unwrap();
        assert_eq!(parameter(&at_entra, "prompt").as_deref(), Some(sent), "{asked}");
        assert_eq!(parameter(&at_entra, "login_hint").as_deref(), hint, "{asked}");
        let answer = world.http.get(&at_entra).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{asked}: a page");
        assert!(parameter(&world.sign_in_by_page(&query).await, "code").is_some(), "{asked}");
    }
}

#[tokio::test]
async fn several_resources_are_told_apart_by_their_urls() {
    const OTHER: &str = "https://other.example.com/mcp";
    let world = World::start_with(|options| {
        let scope = "api://aaaaaaaa-0000-4000-8000-000000000001/read".to_owned();
        options.resources.push((OTHER.to_owned(), vec![scope]));
    })
    .await
    .unwrap();
    let asked =
        |resource: &str| without(with(world.authorization(), "resource", resource), "scope");
    for (resource, scope) in [
        (RESOURCE, world.entra.scope()),
        (OTHER, "api://aaaaaaaa-0000-4000-8000-000000000001/read".to_owned()),
    ] {
        let sent_on = world.authorize(&encoded(&asked(resource))).await;
        let scopes = parameter(&location(&sent_on).unwrap(), "scope").unwrap();
        assert_eq!(scopes, format!("{scope} offline_access"));
    }
    // One's scope for the other, and none named at all.
    for query in
        [with(asked(OTHER), "scope", &world.entra.scope()), without(asked(OTHER), "resource")]
    {
        let back = location(&world.authorize(&encoded(&query)).await).unwrap();
        let error = parameter(&back, "error").unwrap();
        assert!(["invalid_scope", "invalid_target"].contains(&error.as_str()), "{back}");
    }
    // A code is redeemed for the resource that it was asked for, and for no other one.
    let code = parameter(&world.sign_in(&asked(RESOURCE)).await, "code").unwrap();
    let answer = world.token(&with(world.exchange(&code), "resource", OTHER)).await;
    let (status, told) = (answer.status(), answer.json::<Value>().await.unwrap());
    assert_eq!(status, 400, "{told}");
    assert!(told["access_token"].is_null(), "{told}");
    let code = parameter(&world.sign_in(&asked(RESOURCE)).await, "code").unwrap();
    assert_alice(&world, &world.tokens(&world.exchange(&code)).await);
}
