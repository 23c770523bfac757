//! What the README shows is read as it stands there.

use super::{Directory, Fault};
use crate::pki::{Authority, KeyKind, self_signed};

const README: &str = include_str!("../../entra/README.md");

#[test]
fn the_application_with_every_proof_is_read() {
    let (_, after) = README.split_once("```toml\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let leaf = self_signed("client", KeyKind::Rsa).unwrap();
    std::fs::write(path("client.crt"), leaf.certificate).unwrap();
    std::fs::write(path("cluster-ca.crt"), Authority::new("cluster").unwrap().pem()).unwrap();
    let whole = format!("{}\n{example}", include_str!("../../entra/example.toml"));
    std::fs::write(path("directory.toml"), whole).unwrap();
    let directory = Directory::read(&path("directory.toml")).unwrap();
    let problems = directory.problems();
    assert!(problems.is_empty(), "{problems:#?}");
    let app = directory.app("with-proofs").unwrap();
    assert_eq!(app.certificates.len(), 1);
    assert_eq!(app.federated_credentials[0].audience, "api://AzureADTokenExchange");
}

#[test]
fn every_fault_is_written_as_it_is_shown() {
    let (_, table) = README.split_once("| `what` | |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let mut read = 0;
    for row in table.lines().filter(|row| row.starts_with("| `")) {
        let cell = row.trim_start_matches("| ").split(" | ").next().unwrap();
        for what in cell.split('`').skip(1).step_by(2) {
            let fault: Result<Fault, _> = toml::from_str(&format!("what = {what}"));
            assert!(fault.is_ok(), "{what}: {fault:?}");
            read += 1;
        }
    }
    assert!(read > 20, "only {read}");
}
