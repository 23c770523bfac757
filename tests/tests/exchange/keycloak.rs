//! Keycloak's rows, at a real Keycloak: what administrators and people cause, and what is caused on the way.

use anyhow::{Context as _, Result, ensure};
use obolus_core::Reason;
use obolus_tests::fixtures::keycloak::Grant;
use obolus_tests::fixtures::stack::SCOPE;
use serde_json::json;

use crate::assertion::dpop_proof;
use crate::doors::{KEYCLOAK, KEYCLOAK_ES256, KEYCLOAK_PS256, KEYCLOAK_SECRET};
use crate::keycloak_rows::{self, Cause};
use crate::table::{Row, Said, Table};
use crate::told::{OURS, SIGN_IN_AGAIN, Told};
use crate::world::{self, World};

/// Each row with a token of its own, by which its request is known on the way.
async fn on_the_way(world: &World, causes: Vec<Cause>, least: usize) -> Result<()> {
    let mut rows = Vec::new();
    for Cause { name, door, change, said, told } in causes {
        let token = world.keycloak_token("alice").await?;
        world.tampering.mark(&token, change);
        rows.push(Row { name: name.to_owned(), door, token, said, told, afterwards: None });
    }
    let mut table = Table::new();
    table.refused(world, &rows).await?;
    world.tampering.clear();
    table.served(world, &rows).await?;
    table.end(least);
    Ok(())
}

async fn token_of(world: &World, client: &str, user: &str, scope: &str) -> Result<String> {
    let grant = Grant { client, user, password: user, scope };
    Ok(world.providers.keycloak.grant(grant).await?.access_token)
}

#[tokio::test]
async fn a_request_that_keycloak_does_not_take_is_the_operators_matter() -> Result<()> {
    let world = world::turn().await;
    let elsewhere = token_of(&world, "mcp-client", "alice", "other:tools").await?;
    let expired = world.expired().await?;
    let admin = world.providers.keycloak.admin();
    let exchange = "standard.token.exchange.enabled";
    admin.set_client_attribute(keycloak_rows::PUBLIC, exchange, "true").await?;
    on_the_way(&world, keycloak_rows::requests(elsewhere, expired), 18).await
}

#[tokio::test]
async fn an_assertion_that_keycloak_does_not_take_is_the_operators_matter() -> Result<()> {
    let world = world::turn().await;
    on_the_way(&world, keycloak_rows::assertions(&world), 14).await
}

#[tokio::test]
async fn a_registration_of_ours_is_mended_where_it_is_wrong() -> Result<()> {
    let world = world::turn().await;
    let keycloak = &world.providers.keycloak;
    let admin = keycloak.admin();
    let secret = &keycloak.credentials().secret;
    let row = async |name: &str, door, error, words| -> Result<Row> {
        let token = world.keycloak_token("alice").await?;
        let (said, name) = (Said::Words(error, words), name.to_owned());
        Ok(Row { name, door, token, said, told: OURS, afterwards: None })
    };
    let (ps256, es256) = ("obolus-sts-jwt-ps256", "obolus-sts-jwt-es256");
    let certificate = "jwt.credential.certificate";
    let exchange = "standard.token.exchange.enabled";
    let mut table = Table::new();

    admin.set_client_attribute(es256, exchange, "false").await?;
    admin.set_client_enabled(ps256, false).await?;
    let rows = [
        row("the exchange is switched off", KEYCLOAK_ES256, "invalid_request", "not enabled")
            .await?,
        row("the STS's client is disabled", KEYCLOAK_PS256, "invalid_client", "").await?,
        row("the secret's file has another text", KEYCLOAK_SECRET, "unauthorized_client", "")
            .await?,
    ];
    table.refused(&world, &rows).await?;
    admin.set_client_attribute(es256, exchange, "true").await?;
    admin.set_client_enabled(ps256, true).await?;
    world.write_for_the_sts("keycloak-wrong.secret", secret)?;
    table.served(&world, &rows).await?;

    let consent = async |wanted: bool| {
        let change = |client: &mut serde_json::Value| {
            client["consentRequired"] = json!(wanted);
            Ok(())
        };
        admin.change_client(es256, change).await
    };
    consent(true).await?;
    let registered = keycloak.credentials().rsa.der.clone();
    admin.set_client_attribute(ps256, certificate, "").await?;
    let rows = [
        row(
            "people have to consent to the STS's client",
            KEYCLOAK_ES256,
            "invalid_scope",
            "Missing consents",
        )
        .await?,
        row("the STS's client has no certificate", KEYCLOAK_PS256, "invalid_client", "public key")
            .await?,
    ];
    table.refused(&world, &rows).await?;
    consent(false).await?;
    use base64::Engine as _;
    let der = base64::engine::general_purpose::STANDARD.encode(registered);
    admin.set_client_attribute(ps256, certificate, &der).await?;
    table.served(&world, &rows).await?;

    admin.set_client_enabled("kubernetes", false).await?;
    let rows =
        [row("the audience is disabled", KEYCLOAK, "invalid_client", "Client disabled").await?];
    table.refused(&world, &rows).await?;
    admin.set_client_enabled("kubernetes", true).await?;
    table.served(&world, &rows).await?;
    table.end(6);
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_over_at_keycloak_is_told_to_sign_in_again() -> Result<()> {
    let world = world::turn().await;
    let keycloak = &world.providers.keycloak;
    let admin = keycloak.admin();
    const REFUSED: Said = Said::Words("invalid_request", "Invalid token");
    let over = |name: &str, token: String, told: Told| Row {
        name: name.to_owned(),
        door: KEYCLOAK,
        token,
        said: REFUSED,
        told,
        afterwards: None,
    };
    let mut rows = [
        over("revoked", world.keycloak_token("alice").await?, SIGN_IN_AGAIN),
        over("signed out", world.keycloak_token("bob").await?, SIGN_IN_AGAIN),
        over(
            "the person's client is disabled",
            token_of(&world, "mcp-client-ps256", "alice", SCOPE).await?,
            SIGN_IN_AGAIN,
        ),
    ];
    revoke(&world, &rows[0].token).await?;
    admin.log_out("bob").await?;
    admin.set_client_enabled("mcp-client-ps256", false).await?;
    let mut table = Table::new();
    table.refused(&world, &rows).await?;
    admin.set_client_enabled("mcp-client-ps256", true).await?;
    // What was revoked or ended stays so: the person signs in again, as the client was told.
    rows[0].afterwards = Some(world.keycloak_token("alice").await?);
    rows[1].afterwards = Some(world.keycloak_token("bob").await?);
    table.served(&world, &rows).await?;

    let rows = [over("the person is disabled", world.keycloak_token("bob").await?, SIGN_IN_AGAIN)];
    admin.set_user_enabled("bob", false).await?;
    table.refused(&world, &rows).await?;
    admin.set_user_enabled("bob", true).await?;
    table.served(&world, &rows).await?;
    table.end(4);
    Ok(())
}

/// Bound to a key that nobody here could ask for, and so refused before Keycloak is asked: it would refuse the exchange
/// of another client's token without a proof.
#[tokio::test]
async fn a_token_that_is_bound_to_its_client_goes_no_further() -> Result<()> {
    let world = world::turn().await;
    let keycloak = &world.providers.keycloak;
    let form = [
        ("grant_type", "password"),
        ("client_id", "mcp-client"),
        ("username", "alice"),
        ("password", "alice"),
        ("scope", SCOPE),
    ];
    let url = keycloak.token_url();
    let request = keycloak.http().post(&url).header("dpop", dpop_proof(&url)).form(&form);
    let answer: serde_json::Value = request.send().await?.json().await?;
    assert_eq!(answer["token_type"], "DPoP", "{answer}");
    let rows = [Row {
        name: "bound to the client by DPoP".to_owned(),
        door: KEYCLOAK,
        token: answer["access_token"].as_str().context("a token")?.to_owned(),
        said: Said::NotAsked,
        told: Told::Reason(Reason::SenderConstrained),
        afterwards: Some(world.keycloak_token("alice").await?),
    }];
    let mut table = Table::new();
    table.refused(&world, &rows).await?;
    table.served(&world, &rows).await?;
    table.end(1);
    Ok(())
}

/// RFC 7009, as the person's client does it.
async fn revoke(world: &World, token: &str) -> Result<()> {
    let keycloak = &world.providers.keycloak;
    let url = format!("{}/protocol/openid-connect/revoke", keycloak.issuer());
    let form = [("client_id", "mcp-client"), ("token", token)];
    let answer = keycloak.http().post(url).form(&form).send().await.context("revocation")?;
    ensure!(answer.status() == 200, "{}", answer.status());
    Ok(())
}
