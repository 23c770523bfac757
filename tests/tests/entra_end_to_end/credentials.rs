//! A credential that Entra no longer takes: only who depends on it is refused, and is told that it is ours to mend.

use obolus_tests::entra::{Certificate, Directory};
use obolus_tests::fixtures::entra::{SERVER, Style};

use crate::doors::{EXPIRED_SECRET, RECORDED, UNKNOWN_CERTIFICATE, WRONG_SECRET};
use crate::troubles::{OURS, refused};
use crate::world::{self, WRONG};

/// What an operator would take away.
#[derive(Clone, Copy)]
enum Credential {
    Secrets,
    Certificates,
    Federation,
}

impl Credential {
    fn remove(self, directory: &mut Directory) {
        let server = directory.app_mut(SERVER);
        match self {
            Self::Secrets => server.secrets.clear(),
            Self::Certificates => server.certificates.clear(),
            Self::Federation => server.federated_credentials.clear(),
        }
    }
}

#[tokio::test]
async fn a_credential_that_is_removed_takes_its_own_style_along_and_no_other() {
    let world = world::turn().await;
    let emulator = &world.stack.entra().emulator;
    for (removed, code, fails, works) in [
        (Credential::Secrets, "7000215", Style::SecretPost, Style::CertificatePs256),
        (Credential::Secrets, "7000215", Style::SecretBasic, Style::Federated),
        (Credential::Certificates, "700027", Style::CertificatePs256, Style::SecretPost),
        (Credential::Certificates, "700027", Style::CertificateRs256, Style::Federated),
        (Credential::Federation, "700211", Style::Federated, Style::CertificateRs256),
    ] {
        let (alice, bob) = (world.token("alice").await, world.token("bob").await);
        emulator.change(|directory| removed.remove(directory));
        let (refused_here, served) =
            tokio::join!(world.call(fails.name(), &alice), world.call(works.name(), &bob));
        refused(&world, &refused_here, &OURS);
        let line = world.lines().into_iter().rfind(|line| line["target_name"] == fails.name());
        assert_eq!(line.unwrap()["upstream_codes"], code, "{fails:?}");
        assert_eq!(served.person().0, world.stack.entra().username("bob"), "{works:?}");
        // Nor for whom it worked before: her token is good for one style, not for all.
        let elsewhere = world.call(works.name(), &alice).await;
        assert_eq!(elsewhere.person().0, world.stack.entra().username("alice"));
        world.restore();
        let again = world.call(fails.name(), &alice).await;
        assert_eq!(again.person().0, world.stack.entra().username("alice"), "{fails:?}");
    }
}

#[tokio::test]
async fn a_credential_that_was_never_good_is_ours_to_mend_and_then_is() {
    let world = world::turn().await;
    let emulator = &world.stack.entra().emulator;
    let stranger = Certificate::from_pem(&world.stranger.certificate).unwrap();
    for (door, code) in
        [(WRONG_SECRET, "7000215"), (EXPIRED_SECRET, "7000222"), (UNKNOWN_CERTIFICATE, "700027")]
    {
        let (alice, bob) = (world.token("alice").await, world.token("bob").await);
        let (refused_here, served) =
            tokio::join!(world.call(door, &alice), world.call(RECORDED, &bob));
        refused(&world, &refused_here, &OURS);
        assert_eq!(served.status, 200, "{door}: {}", served.body);
        assert_eq!(world.recorder.take().len(), 1, "{door}: bob's alone");
        let line = world.lines().into_iter().rfind(|line| line["target_name"] == door).unwrap();
        assert_eq!(line["upstream_codes"], code, "{line:#}");
        assert_eq!(line["upstream_correlation_id"], line["upstream_request_id"], "{line:#}");

        emulator.change(|directory| {
            let server = directory.app_mut(SERVER);
            for secret in &mut server.secrets {
                // The one that ended goes on, and the other one is what the STS takes it for.
                if secret.expires.take().is_none() {
                    WRONG.clone_into(&mut secret.value);
                }
            }
            server.certificates.push(stranger.clone());
        });
        let answer = world.call(door, &alice).await;
        assert_eq!(answer.status, 200, "{door}: {}", answer.body);
        assert_eq!(world.recorder.take().len(), 1, "{door}");
        world.restore();
    }
}
