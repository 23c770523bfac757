//! Every file that the STS reads, replaced while it runs: a broken one changes nothing but a metric, and what follows
//! it is what the other side sees.

use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::entra::{Certificate, Fault, What};
use obolus_tests::fixtures::entra::{SERVER, Style};
use obolus_tests::fixtures::sts::AUTHORITY;
use obolus_tests::https;
use obolus_tests::pki::{Authority, KeyKind, Subject, self_signed};
use sha2::{Digest as _, Sha256};

use crate::replaced::{BOTH, State};
use crate::world::{CREDENTIAL, World, granted, refused};

const SOON: Duration = Duration::from_secs(20);

/// With a token that nobody has asked with before: memory is of no help.
async fn new_exchange(world: &World, target: &str) {
    let token = world.token("bob").await;
    assert_eq!(world.exchange(&token, target).await, granted(), "{}", world.sts.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret() {
    let (world, target) = (World::start().await.unwrap(), Style::SecretPost.name());
    new_exchange(&world, target).await;
    let mut id = world.last().secret_id.unwrap();
    for how in BOTH {
        world.replace(how, "entra.secret", "two words");
        world.stands("client_secret", target, State::LastGood).await;
        new_exchange(&world, target).await;
        assert_eq!(world.last().secret_id.as_ref(), Some(&id));
        // From now on Entra takes the next one only.
        let next = format!("next-secret-{how:?}");
        world.entra.emulator.change(|directory| {
            let secret = &mut directory.app_mut(SERVER).secrets[0];
            (secret.id, secret.value) = (next.clone(), next.clone());
        });
        world.replace(how, "entra.secret", &format!("{next}\n"));
        world.stands("client_secret", target, State::Current).await;
        new_exchange(&world, target).await;
        assert_eq!(world.last().secret_id.as_ref(), Some(&next));
        id = next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_its_certificate_one_after_the_other() {
    let (world, target) = (World::start().await.unwrap(), Style::CertificatePs256.name());
    new_exchange(&world, target).await;
    let mut thumbprint = world.last().thumbprint.unwrap();
    for how in BOTH {
        let next = self_signed("the next one", KeyKind::Rsa).unwrap();
        let registered = Certificate::from_pem(&next.certificate).unwrap();
        world.entra.emulator.change(|directory| {
            directory.app_mut(SERVER).certificates.push(registered);
        });
        for broken in ["garbage", &next.key] {
            world.replace(how, "entra.key", broken);
            world.stands("client_key", target, State::LastGood).await;
            new_exchange(&world, target).await;
            assert_eq!(world.last().thumbprint.as_ref(), Some(&thumbprint));
        }
        world.replace(how, "entra.crt", &next.certificate);
        world.stands("client_key", target, State::Current).await;
        new_exchange(&world, target).await;
        let digest = Sha256::digest(&next.der);
        let own: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        thumbprint = world.last().thumbprint.unwrap();
        assert_eq!(thumbprint.to_lowercase(), own);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_federated_token() {
    let (world, target) = (World::start().await.unwrap(), Style::Federated.name());
    new_exchange(&world, target).await;
    let mut jti = world.last().jti;
    for how in BOTH {
        for broken in ["", "garbage"] {
            world.replace(how, "entra.token", broken);
            world.stands("federated_token", target, State::LastGood).await;
            new_exchange(&world, target).await;
            assert_eq!(world.last().jti, jti);
        }
        world.replace(how, "entra.token", &world.entra.workload_token().unwrap());
        world.stands("federated_token", target, State::Current).await;
        new_exchange(&world, target).await;
        let next = world.last().jti;
        assert!(next.is_some() && next != jti, "{next:?}");
        jti = next;
    }
    let expiry = format!(
        "obolus_sts_federated_token_expiry_timestamp_seconds{{kind=\"federated_token\",of=\"{target}\""
    );
    assert!(world.measured(&expiry).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorities_of_an_issuer_while_a_request_is_under_way() {
    let (authority, other) = (Authority::new("first").unwrap(), Authority::new("other").unwrap());
    let world = World::start_trusting(&authority, &[], |_| {}).await.unwrap();
    let target = Style::SecretPost.name();
    new_exchange(&world, target).await;
    for how in BOTH {
        world.replace(how, "ca.crt", "garbage");
        world.stands("issuer_ca", "entra", State::LastGood).await;
        new_exchange(&world, target).await;

        // One that Entra is slow to answer, on a connection that nobody would open any more when the answer comes.
        let slow = world.token("alice").await;
        let delay = Fault::new(What::Delay { milliseconds: 2500 }).user("alice").times(1);
        world.entra.emulator.faults().add(delay);
        let asked = world.asked().len();
        let request = world.request(&slow, target).send();
        let swap = async {
            eventually("the slow request", SOON, || async {
                ensure!(world.asked().len() > asked);
                Ok(())
            })
            .await
            .unwrap();
            world.replace(how, "ca.crt", &other.pem());
            world.stands("issuer_ca", "entra", State::Current).await;
            let token = world.token("bob").await;
            assert_eq!(world.exchange(&token, target).await, refused(503, "idp_unavailable"));
        };
        let (answer, ()) = tokio::join!(request, swap);
        assert_eq!(answer.unwrap().status().as_u16(), 200, "{}", world.sts.log());

        world.replace(how, "ca.crt", &(other.pem() + &authority.pem()));
        eventually("the authority that Entra has", SOON, || async {
            let token = world.token("bob").await;
            let seen = world.exchange(&token, target).await;
            ensure!(seen == granted(), "{seen:?}");
            Ok(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_certificate_and_key() {
    let authority = Authority::new("ours").unwrap();
    let world = World::start_trusting(&authority, &[], |_| {}).await.unwrap();
    let mut believed = authority.pem();
    let connects = async |authority: &str| {
        let url = format!("{}/keys/none", world.sts.url());
        https::client(authority).unwrap().get(url).send().await.is_ok()
    };
    for how in BOTH {
        let next = Authority::new("the next").unwrap();
        let subject = Subject::named(AUTHORITY).server().dns(AUTHORITY).dns("localhost");
        let leaf = next.issue(subject.ip([127, 0, 0, 1])).unwrap();
        for broken in ["garbage", &leaf.key] {
            world.replace(how, "server.key", broken);
            world.stands("server_tls", "server", State::LastGood).await;
            assert!(connects(&believed).await && !connects(&next.pem()).await);
        }
        world.replace(how, "server-chain.crt", &leaf.chain);
        world.stands("server_tls", "server", State::Current).await;
        assert!(connects(&next.pem()).await && !connects(&believed).await);
        believed = next.pem();
    }
    let expiry = "obolus_sts_material_expiry_timestamp_seconds{kind=\"server_tls\"";
    assert!(world.measured(expiry).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_credential_which_is_also_withdrawn() {
    let (world, target) = (World::start().await.unwrap(), Style::SecretPost.name());
    let ask = async |credential: &str| {
        let token = world.token("alice").await;
        let request = world.request_as(credential, &token, target);
        request.send().await.unwrap().status().as_u16()
    };
    let mut good = CREDENTIAL.to_owned();
    for how in BOTH {
        world.replace(how, "credential", "short");
        world.stands("caller_credential", "envoy", State::LastGood).await;
        assert_eq!((ask(&good).await, ask("short").await), (200, 401));
        let next = format!("the-gateways-next-credential-{how:?}");
        world.replace(how, "credential", &next);
        assert_eq!((ask(&next).await, ask(&good).await), (200, 401));
        world.stands("caller_credential", "envoy", State::Current).await;
        world.replace(how, "credential", "\n");
        world.stands("caller_credential", "envoy", State::Nothing).await;
        assert_eq!(ask(&next).await, 401);
        world.replace(how, "credential", &next);
        assert_eq!(ask(&next).await, 200);
        good = next;
    }
}
