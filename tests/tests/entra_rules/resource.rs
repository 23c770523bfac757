//! Rules 14 to 16 and 19: which resource is asked for, and whether this client may have it for this person.

use crate::answer::{Refusal, bad_grant, bad_request, refusal};
use crate::table::Rule;
use crate::world::World;
use obolus_tests::entra::directory::ResourceParameter;

const SCOPE: Refusal = refusal(400, "invalid_scope", 70011);
const UNKNOWN_SCOPE: Refusal = refusal(400, "invalid_scope", 650053);
const UNKNOWN_RESOURCE: Refusal = refusal(400, "invalid_resource", 500011);
const NO_CONSENT: Refusal = bad_grant(65001).suberror("consent_required");

#[tokio::test]
async fn rule_14_the_scope_names_one_known_resource_by_default_or_by_permissions() {
    let world = World::shared();
    let mut rule =
        Rule::new(14, "the scope names one known resource, by default or by permissions");
    let form = world.alice().await;
    let send = async |scope: &str| world.post(&form.with("scope", scope)).await;
    let a = world.id("kubernetes");
    let b = world.id("mcp-server");
    let none = world.post(&form.without("scope")).await;
    rule.refused("no scope", &none, bad_request(900144));
    for (scope, refusal) in [
        ("", bad_request(900144)),
        (" ", bad_request(900144)),
        // Without a resource it is Graph's.
        ("groups", UNKNOWN_SCOPE),
        ("access_as_user", UNKNOWN_SCOPE),
        ("{a}/access_as_users", UNKNOWN_SCOPE),
        ("{a}/Read.None", UNKNOWN_SCOPE),
        ("api://{a}/read api://{a}/missing", UNKNOWN_SCOPE),
        ("api://{a}/.default api://{a}/read", SCOPE),
        ("api://{a}/read {a}/.default", SCOPE),
        ("api://{a}/", SCOPE),
        ("api://{a}/.default User.Read", bad_request(28000)),
        ("api://{a}/.default api://unconsented/.default", bad_request(28000)),
        ("api://{a}/read https://graph.microsoft.com/User.Read", bad_request(28000)),
        ("api://nobody/.default", UNKNOWN_RESOURCE),
        ("99999999-0000-4000-8000-000000000009/.default", UNKNOWN_RESOURCE),
        ("API://{a}/.default", UNKNOWN_RESOURCE),
        ("api://{a}//.default", UNKNOWN_RESOURCE),
        ("kubernetes/.default", UNKNOWN_RESOURCE),
        ("api://foreign-resource/.default", UNKNOWN_RESOURCE),
        // Its App ID URI ends in a slash, and then there are two.
        ("https://legacy.contoso.example/.default", UNKNOWN_RESOURCE),
        ("api://disabled-resource/.default", refusal(400, "invalid_resource", 50001)),
        ("api://{b}/.default", bad_request(90009)),
        ("https://mcp.contoso.example/Tools/.default", bad_request(90009)),
        ("api://{b}/access_as_user", bad_request(90009)),
    ] {
        let answer = send(&scope.replace("{a}", a).replace("{b}", b)).await;
        rule.refused(&format!("{scope:?}"), &answer, refusal);
    }
    let listed = world.obo_of("listed", "the.secret~of-the_listed").await;
    let unlisted = listed.with("scope", "api://unconsented/.default");
    let answer = world.post(&unlisted).await;
    let refused = refusal(400, "invalid_resource", 650057);
    rule.refused("not among the permissions of the registration", &answer, refused);

    for (scope, aud) in [
        ("api://{a}/.default", a),
        ("{a}/.default", a),
        ("{a}/access_as_user", a),
        ("api://{a}/read {a}/access_as_user", a),
        ("{a}/.default openid profile offline_access", a),
        ("https://legacy.contoso.example//.default", "https://legacy.contoso.example/"),
        ("User.Read", "https://graph.microsoft.com"),
        ("{b}/.default", b),
    ] {
        let answer = send(&scope.replace("{a}", a).replace("{b}", b)).await;
        let claims = rule.allowed(&format!("{scope:?}"), &answer);
        let is = claims["aud"].as_str().unwrap();
        let graph = ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"];
        assert!(is == aud || (graph.contains(&is) && graph.contains(&aud)), "{scope}: {is}");
    }
    let answer = world.post(&listed.with("scope", format!("{a}/.default"))).await;
    rule.allowed("among the permissions of the registration", &answer);
    rule.done();
}

#[tokio::test]
async fn rule_15_somebody_consented_for_this_client_this_resource_and_this_person() {
    let world = World::shared();
    let mut rule = Rule::new(15, "consent was given for this client, resource and person");
    let (alice, bob) = (world.alice().await, world.obo(&world.token("bob").await));
    for (what, form, scope) in [
        ("nobody's", &alice, "api://unconsented/.default"),
        ("nobody's, by name", &alice, "api://unconsented/access_as_user"),
        ("another person's", &alice, "api://of-bob/.default"),
        ("another person's, by name", &alice, "api://of-bob/access_as_user"),
        ("for another permission", &alice, "a0000000-0000-4000-8000-00000000000a/never_consented"),
        (
            "for one of two",
            &alice,
            "a0000000-0000-4000-8000-00000000000a/read a0000000-0000-4000-8000-00000000000a/never_consented",
        ),
        ("for another permission of Graph", &bob, "Mail.Read"),
        ("to another client", &alice, "GroupMember.Read.All"),
        ("preauthorized for another permission", &bob, "api://preauthorizing/more"),
    ] {
        let answer = world.post(&form.with("scope", scope)).await;
        rule.refused(what, &answer, NO_CONSENT);
        let description = answer.description();
        let says =
            description.contains(world.id("mcp-server")) && description.contains("mcp-server");
        assert!(says, "{description}");
    }
    for (what, form, scope) in [
        ("an administrator's", &alice, "api://a0000000-0000-4000-8000-00000000000a/.default"),
        ("the person's own", &bob, "api://of-bob/.default"),
        ("preauthorized", &alice, "api://preauthorizing/.default"),
        ("preauthorized, by name", &bob, "api://preauthorizing/access_as_user"),
    ] {
        rule.allowed(what, &world.post(&form.with("scope", scope)).await);
    }
    rule.done();
}

#[tokio::test]
async fn rule_16_a_resource_may_want_people_to_be_assigned() {
    let world = World::shared();
    let mut rule = Rule::new(16, "a resource may want people to be assigned");
    let obo = async |user: &str, scope: &str| {
        world.post(&world.obo(&world.token(user).await).with("scope", scope)).await
    };
    for (what, user) in
        [("not at all", "dora"), ("a group within an assigned one", "carol"), ("a guest", "gina")]
    {
        rule.refused(what, &obo(user, "api://restricted/.default").await, bad_grant(50105));
    }
    rule.allowed("herself", &obo("alice", "api://restricted/.default").await);
    rule.allowed("by his group", &obo("bob", "api://restricted/access_as_user").await);
    let open = world.scope("kubernetes", ".default");
    rule.allowed("not needed elsewhere", &obo("dora", &open).await);
    rule.done();
}

#[tokio::test]
async fn rule_19_a_resource_parameter_is_the_uri_of_the_scopes_resource() {
    let world = World::shared();
    let mut rule = Rule::new(19, "a resource parameter is the App ID URI of the scope's resource");
    let form = world.alice().await;
    let a = world.id("kubernetes");
    let mismatch = refusal(400, "invalid_target", 9010010);
    for resource in [
        "https://mcp.contoso.example/Tools".to_owned(),
        format!("api://{a}/"),
        format!("API://{a}"),
        format!("api://{a}/.default"),
        "https://graph.microsoft.com".to_owned(),
        "nonsense".to_owned(),
    ] {
        let answer = world.post(&form.with("resource", &resource)).await;
        rule.refused(&resource, &answer, mismatch);
    }
    let older = World::with(|directory| {
        directory.settings.resource_parameter = ResourceParameter::Unsupported;
    })
    .await;
    let older_form = older.alice().await;
    let answer = older.post(&older_form.with("resource", format!("api://{a}"))).await;
    rule.refused("any, as it long was", &answer, bad_request(901002));
    rule.allowed("none", &world.post(&form).await);
    rule.allowed("the URI", &world.post(&form.with("resource", format!("api://{a}"))).await);
    rule.allowed("none, as it long was", &older.post(&older_form).await);
    rule.done();
}
