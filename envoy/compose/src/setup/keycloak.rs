//! Keycloak's realm: `envoy/compose/realm.json` with this installation's URL and secrets.

use anyhow::{Result, bail};
use obolus_envoy::compose::Compose;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::Volumes;
use crate::secrets;

const REALM: &str = include_str!("../../realm.json");

/// Whose passwords are made here.
pub(super) const PEOPLE: [&str; 3] = ["alice", "bob", "realm-admin"];

/// The realm that Keycloak imports at its first start.
pub(super) fn realm(gateway: &Compose, volumes: &Volumes) -> Result<String> {
    let mut realm: Value = serde_json::from_str(REALM)?;
    let mut values = vec![("${MCP_RESOURCE}".to_owned(), gateway.resource())];
    let secret = secrets::kept(&volumes.file("sts", "client-secret"))?;
    values.push(("${STS_SECRET}".to_owned(), secret.expose_secret().to_owned()));
    // A client that is an audience and nothing else: nobody is to know this one.
    values.push(("${TARGET_SECRET}".to_owned(), secrets::random()?.expose_secret().to_owned()));
    for person in PEOPLE {
        let password = secrets::kept(&volumes.file("authority", person))?;
        values.push((format!("${{{person}}}"), password.expose_secret().to_owned()));
    }
    fill(&mut realm, &values)?;
    Ok(format!("{realm:#}"))
}

/// Keycloak would take a placeholder that is left over for a value.
fn fill(value: &mut Value, values: &[(String, String)]) -> Result<()> {
    match value {
        Value::String(text) if text.starts_with("${") => {
            let Some((_, filled)) = values.iter().find(|(name, _)| name == text) else {
                bail!("the realm: nothing fills {text}");
            };
            filled.clone_into(text);
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, values)),
        Value::Object(fields) => fields.values_mut().try_for_each(|field| fill(field, values)),
        _ => Ok(()),
    }
}
