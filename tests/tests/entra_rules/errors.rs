//! The table of errors: for each row a request that provokes it.

use obolus_tests::entra::directory::ResourceParameter;
use obolus_tests::entra::{Body, Fault, FederatedCredential, RetryAfter, Shape, What};
use obolus_tests::fixtures::idp::Idp;
use obolus_tests::pki::Authority;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, Refusal, bad_client, bad_grant, bad_request, refusal};
use crate::certificate::changed;
use crate::certificates::certificates;
use crate::form::Form;
use crate::signing::{forged, sign, x5t_s256};
use crate::table::print;
use crate::world::{EXPIRED, World, now};

/// Every code of the table. Its length is written down: a row that vanishes is noticed.
#[rustfmt::skip]
const CATALOGUE: [u32; 62] = [
    7000215, 7000222, 7000218, 700025, 700027, 700024, 50012, 700211, 700212, 700213, 7002137,
    7002138, 70021, 5002738, 5002730, 700016, 7000112, 7000114, 50013, 500131, 500133, 240002,
    65001, 50105, 50076, 50079, 50072, 50074, 50158, 53003, 53000, 53001, 53002, 50173, 70043,
    700082, 50132, 50133, 50057, 50034, 50196, 9002313, 900144, 90014, 90002, 50027, 901002,
    9010010, 900561, 70011, 650053, 500011, 50001, 650057, 650052, 65002, 70003, 5000224, 90055,
    90033, 50033, 90024,
];

/// Rows that no request provokes, only a switch of the emulator, and why.
const BY_SWITCH: [(u32, &str); 13] = [
    (70021, "a credential that has not spread yet: nothing in a request makes it so"),
    (70043, "sign-in frequency: the emulator's clock does not run for hours"),
    (50132, "a changed password: the emulator's people have one password"),
    (50133, "a changed password: the emulator's people have one password"),
    (700082, "90 days of silence"),
    (
        650052,
        "a service that the organization never subscribed to, told from 500011 by nothing known",
    ),
    (65002, "Microsoft's own applications"),
    (53001, "devices: the emulator has none"),
    (53002, "applications that are approved: the emulator has none"),
    (90055, "load"),
    (90033, "an outage"),
    (50033, "an outage"),
    (90024, "an outage"),
];

/// Rows that are not shown at all, and why.
const NOT_SHOWN: [(u32, &str); 1] =
    [(5000224, "not in the public catalogue: nobody knows its error, nor what provokes it")];

struct Table {
    rows: Vec<(u32, String)>,
}

impl Table {
    #[track_caller]
    fn row(&mut self, what: &str, answer: &Answer, refusal: Refusal) {
        answer.assert_refused(what, refusal);
        let suberror = refusal.suberror.unwrap_or("-");
        let claims = if refusal.claims { "claims" } else { "" };
        let Refusal { status, error, code, .. } = refusal;
        let row = format!("{status} {error:23} {code:7} {suberror:16} {claims:6} {what}\n");
        self.rows.push((code, row));
    }
}

#[tokio::test]
async fn every_row_of_the_error_table_is_provoked_by_a_request() {
    let mut table = Table { rows: Vec::new() };
    clients(&mut table).await;
    federated(&mut table).await;
    assertions_and_people(&mut table).await;
    policies(&mut table).await;
    requests(&mut table).await;
    outages(&mut table).await;

    let seen = |code: u32| table.rows.iter().any(|(row, _)| *row == code);
    for code in CATALOGUE {
        let shown = NOT_SHOWN.iter().all(|(known, _)| *known != code);
        assert_eq!(seen(code), shown, "AADSTS{code}");
    }
    for (code, _) in &table.rows {
        assert!(CATALOGUE.contains(code), "AADSTS{code} is not in the table");
    }
    let mut text = String::from("\nHTTP error                      AADSTS suberror\n");
    text.extend(table.rows.iter().map(|(_, row)| row.as_str()));
    text.push_str("\nby a switch only:\n");
    text.extend(BY_SWITCH.iter().map(|(code, why)| format!("{code:7}  {why}\n")));
    text.extend(NOT_SHOWN.iter().map(|(code, why)| format!("not shown:\n{code:7}  {why}\n")));
    let shown = CATALOGUE.len() - NOT_SHOWN.len();
    print(&format!("{text}{shown} of {} codes, {} requests\n", CATALOGUE.len(), table.rows.len()));
}

async fn clients(table: &mut Table) {
    let world = World::shared();
    let form = world.alice().await;
    let keys = certificates();
    let claims = world.client_claims();
    let signed = |leaf, alg, claims: &Value| {
        let header = json!({"alg": alg, "x5t#S256": x5t_s256(leaf)});
        world.asserted(&form, &sign(leaf, &header, claims))
    };
    let whole = signed(&keys.good, "PS256", &claims);
    let bent = forged(whole.get("client_assertion"));
    let ec = {
        let header = json!({"alg": "RS256", "x5t#S256": x5t_s256(&keys.ec)});
        let input = crate::signing::signing_input(&header, &claims);
        world.asserted(&form, &format!("{input}.AAAA"))
    };
    let disabled = form.with("client_id", world.id("disabled-client"));
    for (what, form, refusal) in [
        ("a wrong secret", form.with("client_secret", "wrong"), bad_client(7000215)),
        ("an expired secret", form.with("client_secret", EXPIRED), bad_client(7000222)),
        ("no credential", form.anonymous(), bad_client(7000218)),
        ("a public client", form.with("client_id", world.id("mcp-client")), bad_client(700025)),
        ("a stranger's certificate", signed(&keys.stranger, "PS256", &claims), bad_client(700027)),
        ("a bent signature", whole.with("client_assertion", bent), bad_client(700027)),
        (
            "an old assertion",
            signed(&keys.good, "PS256", &changed(&claims, "exp", json!(now() - 400))),
            bad_client(700024),
        ),
        (
            "an assertion for v1's endpoint",
            signed(&keys.good, "PS256", &{
                let aud = claims["aud"].as_str().unwrap().replace("/v2.0", "");
                changed(&claims, "aud", json!(aud))
            }),
            bad_client(50012),
        ),
        ("ES256", signed(&keys.ec, "ES256", &claims), bad_request(5002738)),
        ("RS256 with a key that is not RSA", ec, bad_request(5002730)),
        (
            "an unknown client",
            form.with("client_id", "99999999-0000-4000-8000-000000000009"),
            refusal(400, "unauthorized_client", 700016),
        ),
        ("a disabled client", disabled, refusal(400, "unauthorized_client", 7000112)),
    ] {
        table.row(what, &world.post(&form).await, refusal);
    }
}

async fn federated(table: &mut Table) {
    let authority = Authority::new("cluster").unwrap();
    let idp = Idp::start(&authority).await.unwrap();
    let issuer = idp.issuer();
    let world = World::with(|directory| {
        let credential = FederatedCredential::new(&issuer, "Subject", &authority.pem());
        directory.app_mut("mcp-server").federated_credentials.push(credential);
    })
    .await;
    let form = world.alice().await;
    let claims = json!({
        "iss": issuer, "sub": "Subject", "aud": "api://AzureADTokenExchange", "exp": now() + 600,
    });
    let send =
        async |claims: &Value| world.post(&world.asserted(&form, &idp.mint(claims).unwrap())).await;
    for (what, name, value, code) in [
        ("a federated issuer's slash", "iss", format!("{issuer}/"), 700211),
        ("a federated audience", "aud", "https://kubernetes.default.svc".to_owned(), 700212),
        ("a federated subject", "sub", "Subject2".to_owned(), 700213),
        ("a federated issuer's case", "iss", issuer.to_uppercase(), 7002137),
        ("a federated subject's case", "sub", "subject".to_owned(), 7002138),
    ] {
        let answer = send(&changed(&claims, name, json!(value))).await;
        table.row(what, &answer, bad_client(code));
    }
    world.emulator.faults().everybody(What::FederationDelay);
    table.row("switch: a new federated credential", &send(&claims).await, bad_request(70021));
}

async fn assertions_and_people(table: &mut Table) {
    let world = World::start().await;
    let token = world.token("alice").await;
    let form = world.obo(&token);
    let made = async |changes: Value| world.obo(&world.minted("alice", &changes).await);
    let daemon = world.post(&world.daemon("mcp-server")).await.token();
    let own_id_token = made(json!({"azp": null, "azpacr": null, "scp": null})).await;
    let no_consent = bad_grant(65001).suberror("consent_required");
    let unassigned =
        world.obo(&world.token("dora").await).with("scope", "api://restricted/.default");
    for (what, form, refusal) in [
        ("an app-only token", world.obo(&daemon), refusal(400, "unauthorized_client", 7000114)),
        ("a bent token", world.obo(&forged(&token)), bad_grant(50013)),
        (
            "a token for another API",
            made(json!({"aud": world.id("kubernetes")})).await,
            bad_grant(500131),
        ),
        ("an expired token", made(json!({"exp": now() - 400})).await, bad_grant(500133)),
        ("a token of the future", made(json!({"nbf": now() + 400})).await, bad_grant(500133)),
        ("an id token", own_id_token, bad_grant(240002)),
        ("no consent", form.with("scope", "api://unconsented/.default"), no_consent),
        ("nobody assigned the person", unassigned, bad_grant(50105)),
        ("a disabled person", made(json!({"oid": world.oid("dave")})).await, bad_grant(50057)),
        (
            "a person of another tenant",
            made(json!({"oid": world.oid("fred")})).await,
            bad_grant(50034),
        ),
        ("a malformed token", world.obo("x"), bad_request(50027)),
    ] {
        table.row(what, &world.post(&form).await, refusal);
    }
    world.emulator.revoke_sessions("alice");
    let revoked = bad_grant(50173).suberror("bad_token");
    table.row("a revoked sign-in", &world.post(&form).await, revoked);
    for (code, suberror) in [(50132, "bad_token"), (50133, "bad_token"), (70043, "token_expired")] {
        let what = format!("switch: sessions revoked, {code}");
        let form = world.obo(&world.token("bob").await);
        world.emulator.faults().everybody(What::SessionsRevoked { code });
        table.row(&what, &world.post(&form).await, bad_grant(code).suberror(suberror));
        world.emulator.faults().clear();
    }
}

async fn policies(table: &mut Table) {
    let world = World::start().await;
    let form = world.alice().await;
    let mut rows = Vec::new();
    for code in [50076, 50079, 50072, 50074, 50158] {
        let shaped = |shape| What::Mfa { code, shape };
        let basic = bad_grant(code).suberror("basic_action").claims();
        rows.push((shaped(Shape::InvalidGrant), basic));
        let documented = refusal(400, "interaction_required", code).claims();
        rows.push((shaped(Shape::InteractionRequired), documented));
    }
    for code in [53003, 53000, 53001, 53002] {
        let message = bad_grant(code).suberror("message_only");
        rows.push((What::Blocked { code, claims: false }, message));
        rows.push((What::Blocked { code, claims: true }, message.claims()));
    }
    for (what, refusal) in rows {
        let name = format!("policy: {what:?}");
        world.emulator.faults().add(Fault::new(what).user("alice"));
        table.row(&name, &world.post(&form).await, refusal);
        world.emulator.faults().clear();
    }
}

async fn requests(table: &mut Table) {
    let world = World::shared();
    let form = world.alice().await;
    let scope = |scope: &str| form.with("scope", scope);
    let resource = |code| refusal(400, "invalid_resource", code);
    let listed = world.obo_of("listed", "the.secret~of-the_listed").await;
    for (what, form, refusal) in [
        ("a parameter twice", form.and("scope", "x"), bad_request(9002313)),
        ("no scope", form.without("scope"), bad_request(900144)),
        ("another token use", form.with("requested_token_use", "x"), bad_request(90014)),
        (
            "a resource that is not the scope's",
            form.with("resource", "https://mcp.contoso.example/Tools"),
            refusal(400, "invalid_target", 9010010),
        ),
        (
            ".default and a name",
            scope(
                "a0000000-0000-4000-8000-00000000000a/.default a0000000-0000-4000-8000-00000000000a/read",
            ),
            refusal(400, "invalid_scope", 70011),
        ),
        ("a scope of no resource", scope("groups"), refusal(400, "invalid_scope", 650053)),
        ("an unknown resource", scope("api://nobody/.default"), resource(500011)),
        ("a disabled resource", scope("api://disabled-resource/.default"), resource(50001)),
        (
            "an unlisted resource",
            listed.with("scope", "api://unconsented/.default"),
            resource(650057),
        ),
        (
            "an unknown grant",
            form.with("grant_type", "x"),
            refusal(400, "unsupported_grant_type", 70003),
        ),
    ] {
        table.row(what, &world.post(&form).await, refusal);
    }
    let nobody = world.post_at("unknown.example", &form).await;
    table.row("an unknown tenant", &nobody, bad_request(90002));
    let get = world.send(Method::GET, &world.token_path(), &form).await;
    table.row("GET", &get, refusal(405, "invalid_request", 900561));
    let older = World::with(|directory| {
        directory.settings.resource_parameter = ResourceParameter::Unsupported;
        directory.settings.loop_limit = Some(1);
    })
    .await;
    let form = older.alice().await.with("resource", "https://mcp.contoso.example/Tools");
    table.row("a resource, as it long was", &older.post(&form).await, bad_request(901002));
    table.row("the same again", &older.post(&form).await, bad_grant(50196));
}

/// What only a switch provokes.
async fn outages(table: &mut Table) {
    let world = World::start().await;
    let form = world.alice().await;
    let away = |code| refusal(503, "temporarily_unavailable", code);
    let retry_after = RetryAfter::Absent;
    for (what, refusal) in [
        (What::Throttled { body: Body::Json, retry_after }, {
            refusal(429, "temporarily_unavailable", 90055)
        }),
        (What::Unavailable { retry_after }, away(90033)),
        (What::Refuse { code: 50033 }, away(50033)),
        (What::Refuse { code: 90024 }, away(90024)),
        (What::Refuse { code: 700082 }, bad_grant(700082).suberror("bad_token")),
        (What::Refuse { code: 650052 }, refusal(400, "invalid_client", 650052)),
        (What::Refuse { code: 65002 }, refusal(400, "invalid_client", 65002)),
    ] {
        let name = format!("switch: {what:?}");
        world.emulator.faults().everybody(what);
        table.row(&name, &world.post(&form).await, refusal);
        world.emulator.faults().clear();
    }
    let whole: Form = form;
    assert_eq!(world.post(&whole).await.status, 200, "with all switches off");
}
