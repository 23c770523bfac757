//! Rules 4 to 6: which application asks, and that it has one credential, and the right one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::answer::{bad_client, bad_request, refusal};
use crate::table::Rule;
use crate::world::{EXPIRED, FIRST, SECOND, World};

#[tokio::test]
async fn rule_04_the_client_is_known_in_the_tenant_enabled_and_not_public() {
    let world = World::shared();
    let mut rule = Rule::new(4, "the client is known in the tenant, enabled and not public");
    let form = world.alice().await;
    let unknown = refusal(400, "unauthorized_client", 700016);
    for (what, id) in [
        ("a GUID of nobody", "99999999-0000-4000-8000-000000000009"),
        ("its name", "mcp-server"),
        ("its App ID URI", "api://b0000000-0000-4000-8000-00000000000b"),
        ("its GUID with a blank", "b0000000-0000-4000-8000-00000000000b "),
        ("another tenant's client", world.id("elsewhere")),
    ] {
        rule.refused(what, &world.post(&form.with("client_id", id)).await, unknown);
    }
    let there = world.post_at("fabrikam.example", &form).await;
    rule.refused("in another tenant", &there, unknown);
    let nobody = form.without("client_id");
    rule.refused("no client_id", &world.post(&nobody).await, bad_request(900144));

    let disabled = form
        .with("client_id", world.id("disabled-client"))
        .with("client_secret", "the.secret~of-the_disabled");
    let refused = refusal(400, "unauthorized_client", 7000112);
    rule.refused("a disabled one", &world.post(&disabled).await, refused);
    let wrong = disabled.with("client_secret", "wrong");
    rule.refused("a disabled one, wrong secret", &world.post(&wrong).await, refused);

    let public = form.with("client_id", world.id("mcp-client"));
    let answer = world.post(&public).await;
    rule.refused("a public client with a secret", &answer, bad_client(700025));
    let answer = world.post(&world.certified(&public)).await;
    rule.refused("a public client with an assertion", &answer, bad_client(700025));
    let answer = world.post(&public.anonymous()).await;
    rule.refused("a public client with nothing", &answer, bad_client(7000218));

    rule.allowed("the middle tier", &world.post(&form).await);
    rule.done();
}

#[tokio::test]
async fn rule_05_exactly_one_credential_is_sent() {
    let world = World::shared();
    let mut rule = Rule::new(5, "exactly one credential is sent");
    let form = world.alice().await;
    let (post, none) = (form.clone(), form.anonymous());
    let basic = none.authorized(world.basic(world.id("mcp-server"), FIRST));
    let signed = world.certified(&none);

    rule.refused("none", &world.post(&none).await, bad_client(7000218));
    let empty = none.with("client_secret", "");
    rule.refused("an empty secret", &world.post(&empty).await, bad_client(7000218));
    let typed = signed.without("client_assertion");
    rule.refused("only an assertion's type", &world.post(&typed).await, bad_client(7000218));
    for (what, both) in [
        ("secret and assertion", signed.with("client_secret", FIRST)),
        ("Basic and secret", basic.with("client_secret", FIRST)),
        ("Basic and assertion", signed.authorized(world.basic(world.id("mcp-server"), FIRST))),
        ("wrong secret, right assertion", signed.with("client_secret", "wrong")),
        ("right secret, an assertion of no type", form.with("client_assertion", "x")),
    ] {
        let answer = world.post(&both).await;
        let seen = (answer.status, answer.json()["error"].clone());
        rule.refused_when(what, seen == (400, "invalid_request".into()));
    }
    let split = basic.with("client_id", world.id("web-client"));
    let answer = world.post(&split).await;
    rule.refused("Basic, and somebody else's client_id", &answer, bad_request(9002313));
    for (what, authorization) in [
        ("Basic of somebody else", world.basic(world.id("web-client"), "the.secret~of-the_web")),
        ("Basic without a colon", format!("Basic {}", STANDARD.encode("mcp-server"))),
        ("Basic that is no base64", "Basic %%%".to_owned()),
        ("Bearer", format!("Bearer {FIRST}")),
    ] {
        let answer = world.post(&none.authorized(authorization)).await;
        let refused = matches!(answer.status, 400 | 401) && answer.json()["error"].is_string();
        rule.refused_when(what, refused && answer.token().is_empty());
    }

    rule.allowed("a secret in the form", &world.post(&post).await);
    rule.allowed("Basic", &world.post(&basic).await);
    rule.allowed("Basic alone, without client_id", &world.post(&basic.without("client_id")).await);
    // Its characters mean something in a form, and RFC 6749 §2.3.1 wants them encoded first.
    let encoded = none.authorized(world.basic(world.id("mcp-server"), SECOND));
    rule.allowed("Basic, form-encoded", &world.post(&encoded).await);
    rule.allowed("an assertion", &world.post(&signed).await);
    rule.done();
}

#[tokio::test]
async fn rule_06_the_secret_is_a_current_one_and_not_its_id() {
    let world = World::shared();
    let mut rule = Rule::new(6, "the secret is a current one, and not its id");
    let form = world.alice().await;
    let with = |secret: &str| form.with("client_secret", secret);
    for (what, secret) in [
        ("a wrong one", "wrong".to_owned()),
        ("its id", "b0000000-0000-4000-8000-0000000000f1".to_owned()),
        ("in another case", FIRST.to_uppercase()),
        ("with a line's end", format!("{FIRST}\n")),
        ("its beginning", FIRST[..FIRST.len() - 1].to_owned()),
        ("one more character", format!("{FIRST}x")),
        ("another client's", "the.secret~of-the_web".to_owned()),
    ] {
        let answer = world.post(&with(&secret)).await;
        rule.refused(what, &answer, bad_client(7000215));
        assert!(!answer.text.contains(secret.trim()) || secret == "wrong", "{}", answer.text);
    }
    rule.refused("an expired one", &world.post(&with(EXPIRED)).await, bad_client(7000222));
    let encoded = form.anonymous();
    let basic = format!("{}:{SECOND}", world.id("mcp-server"));
    let plain = encoded.authorized(format!("Basic {}", STANDARD.encode(basic)));
    rule.refused("Basic, not form-encoded", &world.post(&plain).await, bad_client(7000215));
    rule.allowed("the first", &world.post(&with(FIRST)).await);
    rule.allowed("the second", &world.post(&with(SECOND)).await);
    rule.done();
}
