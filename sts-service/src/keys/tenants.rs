//! The key sets of Entra's tenants.

use std::sync::Arc;

use obolus_core::token::{EntraTenants, TenantId};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::held::Part;
use super::mirror::{FetchError, MAX_BYTES};
use crate::idp_client::IdpClient;

/// How many are asked for at a time.
const AT_ONCE: usize = 8;

/// Fetches the key sets of these tenants. Returns them, and how many were not got; those are in the log.
pub(super) async fn fetch(
    client: &IdpClient,
    issuer: &str,
    tenants: &EntraTenants,
    due: Vec<TenantId>,
) -> (Vec<Arc<Part>>, usize) {
    let (mut fetched, mut failed) = (Vec::new(), 0);
    for some in due.chunks(AT_ONCE) {
        let mut fetches = JoinSet::new();
        for tenant in some {
            let (client, tenants, tenant) = (client.clone(), tenants.clone(), tenant.clone());
            fetches.spawn(async move {
                let outcome = one(&client, &tenants, &tenant).await;
                (tenant, outcome)
            });
        }
        while let Some(ended) = fetches.join_next().await {
            match ended {
                Ok((_, Ok(part))) => fetched.push(Arc::new(part)),
                Ok((tenant, Err(error))) => {
                    tracing::warn!(issuer, %tenant, %error, "keys were not fetched");
                    failed += 1;
                }
                Err(_) => failed += 1,
            }
        }
    }
    (fetched, failed)
}

async fn one(
    client: &IdpClient,
    tenants: &EntraTenants,
    tenant: &TenantId,
) -> Result<Part, FetchError> {
    let url = format!("{}/{tenant}/discovery/v2.0/keys", tenants.authority_host());
    let asked = Instant::now();
    let answered = client.call(client.get(&url), MAX_BYTES).await?;
    if answered.status != 200 {
        return Err(FetchError::Status("the key set", answered.status.as_u16()));
    }
    Ok(Part::read(&answered.body, tenant, tenants, asked)?)
}
