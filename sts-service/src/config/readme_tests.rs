//! The configurations that the README shows.

use super::entra_tests::folder;
use super::*;

/// The blocks of the README in TOML.
fn blocks() -> Vec<&'static str> {
    let parts = include_str!("../../README.md").split("```toml\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap()).collect()
}

#[test]
fn every_line_of_the_readme_is_good() {
    let folder = folder();
    let copy = |from: &str, to: &str| {
        std::fs::copy(folder.path().join(from), folder.path().join(to)).unwrap();
    };
    for (from, to) in [
        ("server.crt", "tls.crt"),
        ("server.key", "tls.key"),
        ("server.crt", "mesh-ca.crt"),
        ("server.crt", "keycloak-ca.crt"),
        ("secret", "client-secret"),
        ("credential", "gateway-credential"),
        ("rsa.crt", "entra.crt"),
        ("rsa.key", "entra.key"),
    ] {
        copy(from, to);
    }
    let [keycloak, entra, proofs, ..] = blocks()[..] else { panic!("the README has other blocks") };
    let both = format!("{keycloak}{entra}");
    let config = Config::parse(&both, folder.path()).unwrap();
    assert_eq!((config.issuers.len(), config.targets.len()), (2, 2));
    let sovereign = both.replace("# authority_host", "authority_host");
    let config = Config::parse(&sovereign, folder.path()).unwrap();
    let host = config.issuers[1].rules.provider.entra().unwrap().authority_host();
    assert_eq!(host, "https://login.microsoftonline.us");

    let (head, rest) = both.split_once("method = \"private_key_jwt\"\ncertificate_file").unwrap();
    let (_, rest) = rest.split_once("\n\n").unwrap();
    let proofs: Vec<_> = proofs.split("\n\n").collect();
    assert_eq!(proofs.len(), 3);
    for proof in proofs {
        Config::parse(&format!("{head}{proof}\n\n{rest}"), folder.path()).unwrap();
    }
}
