//! Entra ID's rows. Each has a person of its own, so that what troubles one troubles nobody else.

use anyhow::{Context as _, Result};
use obolus_core::Reason;
use obolus_tests::entra::{Certificate, Fault};
use obolus_tests::fixtures::entra::{CLIENT, SERVER};
use obolus_tests::fixtures::idp::now;
use serde_json::json;

use crate::doors::{ENTRA, ENTRA_CERTIFICATE, ENTRA_EXPIRED, ENTRA_LATER, ENTRA_SECRET};
use crate::entra_rows::{self, Age, Cause, Trouble};
use crate::table::{Row, Said, Table};
use crate::told::{OURS, Told};
use crate::world::{self, World};

/// People for so many rows, who are as alice is; nothing is wrong yet.
fn people(world: &World, prefix: &str, count: usize) -> Vec<String> {
    let names: Vec<_> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
    world.providers.entra.emulator.change(|directory| {
        let alice = directory.user("alice").unwrap().clone();
        for name in &names {
            let mut user = alice.clone();
            user.name.clone_from(name);
            user.id = format!("a11ce000-0000-4000-8000-{:012}", 1000 + directory.users.len());
            directory.users.push(user);
        }
    });
    names
}

async fn token(world: &World, person: &str, age: Age) -> Result<String> {
    let entra = &world.providers.entra;
    if age == Age::New {
        return entra.token(person).await;
    }
    let mut claims = entra.emulator.claims(person, CLIENT, SERVER)?;
    for name in ["iat", "nbf"] {
        claims[name] = (now() - 1800).into();
    }
    entra.emulator.mint(&claims)
}

fn strike(world: &World, trouble: Trouble, person: &str) {
    let emulator = &world.providers.entra.emulator;
    match trouble {
        Trouble::Fault(what) => emulator.faults().add(Fault::new(what).user(person)),
        Trouble::Change(change) => emulator.change(|directory| change(directory, person)),
    }
}

/// A row whose person has a token, and is in trouble.
async fn row(world: &World, door: &'static str, person: &str, cause: Cause) -> Result<Row> {
    let Cause { name, trouble, age, said, told } = cause;
    let token = token(world, person, age).await.with_context(|| name.clone())?;
    strike(world, trouble, person);
    Ok(Row { name, door, token, said, told, afterwards: None })
}

async fn all_at_once(prefix: &str, causes: Vec<Cause>, least: usize) -> Result<()> {
    let world = world::turn().await;
    let people = people(&world, prefix, causes.len());
    // As it is when nobody is in trouble, and everybody is there.
    let directory = world.providers.entra.emulator.directory();
    let mut rows = Vec::new();
    for (person, cause) in people.iter().zip(causes) {
        rows.push(row(&world, ENTRA, person, cause).await?);
    }
    let mut table = Table::new();
    table.refused(&world, &rows).await?;
    world.providers.entra.emulator.faults().clear();
    world.providers.entra.emulator.change(|changed| *changed = (*directory).clone());
    table.served(&world, &rows).await?;
    table.end(least);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_our_client_or_our_request_is_the_operators_matter() -> Result<()> {
    all_at_once("ours", entra_rows::ours(), 39).await
}

#[tokio::test]
async fn a_grant_that_is_over_and_a_person_who_may_not_are_told_what_to_do() -> Result<()> {
    all_at_once("grant", entra_rows::grants(), 18).await
}

#[tokio::test]
async fn a_policy_asks_for_more_with_claims_to_replay_or_forbids() -> Result<()> {
    all_at_once("policy", entra_rows::policies(), 27).await
}

/// One after the other, each at a target of its own: a time to come back is kept for a target.
#[tokio::test]
async fn an_outage_passes_and_clients_are_told_when() -> Result<()> {
    let world = world::turn().await;
    let mut table = Table::new();
    for (door, cause) in ENTRA_LATER.into_iter().zip(entra_rows::outages()) {
        let row = row(&world, door, "alice", cause).await?;
        let rows = [row];
        table.refused(&world, &rows).await?;
        world.restore();
        table.served(&world, &rows).await?;
    }
    table.end(ENTRA_LATER.len());
    Ok(())
}

#[tokio::test]
async fn a_credential_of_ours_is_mended_where_it_is_wrong() -> Result<()> {
    let world = world::turn().await;
    let entra = &world.providers.entra;
    let secret = std::fs::read_to_string(world.sts.folder().join("entra.secret"))?;
    let mut rows = Vec::new();
    for (name, door, code) in [
        ("the secret's file has another text", ENTRA_SECRET, 7_000_215),
        ("the secret's file has an expired one", ENTRA_EXPIRED, 7_000_222),
        ("the certificate is not registered", ENTRA_CERTIFICATE, 700_027),
    ] {
        let said = Said::Code("invalid_client", code);
        let token = entra.token("alice").await?;
        let name = name.to_owned();
        rows.push(Row { name, door, token, said, told: OURS, afterwards: None });
    }
    let mut table = Table::new();
    table.refused(&world, &rows).await?;
    for name in ["wrong.secret", "expired.secret"] {
        world.write_for_the_sts(name, &secret)?;
    }
    let certificate = Certificate::from_pem(&world.providers.stranger.certificate)?;
    entra.emulator.change(|directory| directory.app_mut(SERVER).certificates.push(certificate));
    table.served(&world, &rows).await?;
    table.end(3);
    Ok(())
}

/// Entra has words for these, too. Nobody is asked for them.
#[tokio::test]
async fn a_token_that_is_none_of_a_person_for_us_is_refused_before_anybody_is_asked() -> Result<()>
{
    let world = world::turn().await;
    let entra = &world.providers.entra;
    let emulator = &entra.emulator;
    let good = entra.token("alice").await?;
    let minted = |change: fn(&mut serde_json::Value)| -> Result<String> {
        let mut claims = emulator.claims("alice", CLIENT, SERVER)?;
        change(&mut claims);
        emulator.mint(&claims)
    };
    let scope = format!("openid {}", entra.scope());
    let id_token = emulator.sign_in("alice", CLIENT, &scope, None).await?["id_token"].clone();
    let (signed, _) = good.rsplit_once('.').context("a JWT")?;
    let (_, signature) = id_token.as_str().and_then(|token| token.rsplit_once('.')).unwrap();
    let told = Told::Reason;
    let mut rows = Vec::new();
    for (name, token, told) in [
        ("no JWT", "garbage".to_owned(), told(Reason::TokenMalformed)),
        ("an ID token", id_token.as_str().unwrap().to_owned(), told(Reason::IdToken)),
        ("another signature", format!("{signed}.{signature}"), told(Reason::SignatureInvalid)),
        (
            "for another application",
            minted(|claims| claims["aud"] = json!("3f0c8a3e-0000-4000-8000-000000000000"))?,
            told(Reason::AudienceMismatch),
        ),
        (
            "expired",
            minted(|claims| claims["exp"] = json!(now() - 120))?,
            told(Reason::TokenExpired),
        ),
        (
            "not yet valid",
            minted(|claims| claims["nbf"] = json!(now() + 600))?,
            told(Reason::TokenNotYetValid),
        ),
        (
            "an application's own",
            minted(|claims| {
                claims["idtyp"] = json!("app");
                claims["scp"].take();
            })?,
            told(Reason::AppOnly),
        ),
        (
            "bound to its sender",
            minted(|claims| claims["cnf"] = json!({"kid": "x"}))?,
            told(Reason::SenderConstrained),
        ),
    ] {
        rows.push(Row {
            name: name.to_owned(),
            door: ENTRA,
            token,
            said: Said::NotAsked,
            told,
            afterwards: Some(good.clone()),
        });
    }
    let asked = emulator.requests().on_behalf_of().len();
    let mut table = Table::new();
    table.refused(&world, &rows).await?;
    assert_eq!(emulator.requests().on_behalf_of().len(), asked);
    table.served(&world, &rows).await?;
    table.end(8);
    Ok(())
}
