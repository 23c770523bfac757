//! Roll-over and emergency removal of Entra's keys, as persons see them.

use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::entra::{Endpoint, Fault, What};
use obolus_tests::fixtures::entra::Style;
use serde_json::Value;

use crate::world::{World, granted, refused};

const SOON: Duration = Duration::from_secs(15);
const TARGET: Style = Style::SecretPost;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_counts_at_once_an_old_one_stays_and_a_removed_one_is_gone() {
    let world = World::start().await.unwrap();
    let keys = world.entra.emulator.keys();
    let before = world.token("alice").await;
    assert_eq!(world.exchange(&before, TARGET.name()).await, granted());
    keys.roll_without_notice().unwrap();
    let after = world.token("alice").await;
    assert_ne!(kid(&before), kid(&after));
    assert_eq!(world.exchange(&after, TARGET.name()).await, granted());
    assert_eq!(world.exchange(&before, TARGET.name()).await, granted());

    keys.remove_current().unwrap();
    let newest = world.token("alice").await;
    eventually("the key's removal", SOON, || async {
        let seen = world.exchange(&after, TARGET.name()).await;
        ensure!(seen == refused(401, "key_unknown"), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange(&newest, TARGET.name()).await, granted());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_passed_on_with_whom_they_may_sign_for_and_kept_while_entra_is_away() {
    let world = World::start().await.unwrap();
    let alice = world.token("alice").await;
    assert_eq!(world.exchange(&alice, TARGET.name()).await, granted());
    let published = world.entra.emulator.keys().published();
    let fabrikam = world.entra.emulator.directory().tenant("fabrikam").unwrap().id.clone();
    let (contoso, host) = (world.entra.tenant_id(), world.entra.emulator.authority_host());
    // Both tenants publish the same keys, as Entra's do; the one of personal accounts is nobody's.
    for tenant in [contoso.as_str(), &fabrikam] {
        let keys = mirrored(&world, tenant).await;
        for key in &keys {
            assert_eq!(key["issuer"], format!("{host}/{tenant}/v2.0"));
            assert!(published.iter().any(|kid| key["kid"] == *kid));
            assert!(key.get("x5c").is_none(), "{key}");
        }
        assert_eq!(keys.len(), published.len() - 1);
    }

    let away = Fault::new(What::Html { status: 503 }).at(Endpoint::Keys);
    world.entra.emulator.faults().add(away);
    let fetches = world.entra.emulator.requests().to(Endpoint::Keys).len();
    world.entra.emulator.requests().wait_for(Endpoint::Keys, fetches + 4).await.unwrap();
    assert_eq!(mirrored(&world, &contoso).await.len(), published.len() - 1);
    assert_eq!(world.exchange(&world.token("bob").await, TARGET.name()).await, granted());
    assert!(world.sts.log().contains("keys were not fetched"));
}

async fn mirrored(world: &World, tenant: &str) -> Vec<Value> {
    let url = format!("{}/keys/entra/{tenant}", world.sts.url());
    let answer = world.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let set: Value = answer.json().await.unwrap();
    set["keys"].as_array().unwrap().clone()
}

fn kid(token: &str) -> String {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}
