//! The sections of the page, one after the other.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::people;
use crate::world::World;

/// Passwords by person.
pub(crate) type Passwords = BTreeMap<String, String>;

pub(crate) async fn install(world: &World<'_>) -> Result<Passwords> {
    let shown = world.installation.follow("Install")?;
    let passwords: Passwords = shown
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(person, password)| (person.to_owned(), password.to_owned()))
        .collect();
    ensure!(passwords.contains_key("alice") && passwords.contains_key("bob"), "{shown}");
    world.configure_api_server()?;
    world.healthy().await?;

    let file = |name: &str| std::fs::read_to_string(world.installation.folder().join(name));
    let (settings, compose) = (file("envoy/.env")?, file("envoy/docker-compose.yaml")?);
    for password in passwords.values() {
        ensure!(!settings.contains(password) && !compose.contains(password), "a secret in a file");
    }
    Ok(passwords)
}

/// Its image cannot be pulled here, so it is read, and not started: not by what starts the others either.
pub(crate) fn the_profile_for_who_has_no_cluster_is_read(world: &World<'_>) -> Result<()> {
    let read = world.installation.compose("--profile k3s config --services")?;
    ensure!(read.lines().any(|service| service == "k3s"), "{read}");
    let started = world.engine.output(&["ps", "--all", "--format", "{{.Names}}"])?;
    ensure!(started.contains("keycloak") && !started.contains("k3s"), "{started}");
    Ok(())
}

pub(crate) async fn verify(world: &World<'_>) -> Result<()> {
    let shown = world.installation.follow("Verify")?;
    let resource = format!("\"resource\":\"{}/mcp\"", world.origin());
    ensure!(shown.replace(": ", ":").contains(&resource), "{shown}");
    ensure!(
        shown.contains("401") && shown.to_lowercase().contains("resource_metadata="),
        "{shown}"
    );
    Ok(())
}

pub(crate) async fn another_module_is_upgraded_to_and_rolled_back(
    world: &mut World<'_>,
    passwords: &Passwords,
) -> Result<()> {
    let delivered = |world: &World<'_>| world.installation.compose("run --rm -T setup show module");
    let first = delivered(world)?.trim().to_owned();
    world.installation.follow("Pin the module")?;

    // Another module under the pin: nothing is delivered, and Envoy goes on.
    let programs = world.stand_ins.programs(world.engine, Some("next"))?;
    world.installation.set("OBOLUS_PROGRAMS", &programs);
    world.installation.set("OBOLUS_VERSION", "2");
    world.installation.compose("build setup")?;
    let refused = world.installation.compose("run --rm -T setup setup").unwrap_err();
    ensure!(format!("{refused:#}").contains("OBOLUS_FILTER_SHA256"), "{refused:#}");
    world.installation.unset("OBOLUS_VERSION");
    people::alice_is_served(world, passwords).await?;

    let second = world.installation.follow("Upgrade")?;
    let second = second.lines().last().unwrap_or_default().trim().to_owned();
    ensure!(second.len() == 64 && second != first, "{first} {second}");
    world.healthy().await?;
    runs(world, &second)?;
    people::alice_is_served(world, passwords).await?;

    let back = world.installation.follow("Roll back")?;
    ensure!(back.lines().last().unwrap_or_default().trim() == first, "{back}");
    world.healthy().await?;
    runs(world, &first)?;
    people::alice_is_served(world, passwords).await
}

/// The VM in the running Envoy carries the digest.
fn runs(world: &World<'_>, digest: &str) -> Result<()> {
    let dump = world.installation.compose(
        "exec -T envoy /obolus/obolus-compose probe --show http://127.0.0.1:9901/config_dump",
    )?;
    ensure!(dump.contains(&format!("\"obolus-{digest}\"")), "no vm_id with {digest}");
    ensure!(dump.contains(&format!("obolus_filter-{digest}.wasm")), "no file with {digest}");
    Ok(())
}

pub(crate) async fn the_credential_is_rotated(
    world: &World<'_>,
    passwords: &Passwords,
) -> Result<()> {
    world.installation.follow("Rotate the credential")?;
    world.healthy().await?;
    // A new token, and a gateway that has forgotten all of them: the STS is asked.
    people::alice_is_served(world, passwords).await
}
