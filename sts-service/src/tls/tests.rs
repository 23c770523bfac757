use obolus_tests::pki::{Authority, KeyKind, self_signed};

use super::*;
use crate::material::Use;

fn files(folder: &Path) -> ServerFiles {
    ServerFiles {
        certificate: folder.join("server-chain.crt"),
        private_key: folder.join("server.key"),
        client_ca: None,
        client_sans: Vec::new(),
    }
}

#[test]
fn a_renewed_pair_is_taken_when_both_are_there_and_key_and_chain_may_be_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("tls").unwrap();
    authority.server().unwrap().write(folder.path(), "server").unwrap();
    let side = files(folder.path()).open().unwrap();
    let ours = || Arc::as_ptr(&side.current().unwrap().value.config);
    let first = ours();
    // rcgen's certificates end in the year 4096.
    assert_eq!(side.standing().expires_at, Some(67_090_118_400));
    let next = authority.server().unwrap();
    let path = |name: &str| folder.path().join(name);
    for broken in ["garbage", &next.key] {
        std::fs::write(path("server.key"), broken).unwrap();
        assert!(!side.look());
        assert_eq!((ours(), side.standing().state), (first, Use::LastGood));
    }
    std::fs::write(path("server-chain.crt"), &next.chain).unwrap();
    assert!(side.look());
    assert_ne!(ours(), first);
    assert_eq!(side.standing().state, Use::Current);

    for bundle in [format!("{}{}", next.key, next.chain), format!("{}{}", next.chain, next.key)] {
        std::fs::write(path("bundle"), bundle).unwrap();
        let (certificate, private_key) = (path("bundle"), path("bundle"));
        ServerFiles { certificate, private_key, ..files(folder.path()) }.open().unwrap();
    }
    let rsa = self_signed("rsa", KeyKind::Rsa).unwrap();
    rsa.write(folder.path(), "server").unwrap();
    assert!(side.look());
}

/// A certificate of its own for these years, with its key.
fn of_years(folder: &Path, name: &str, from: i32, to: i32) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join(format!("{name}-chain.crt")), certificate.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn a_certificate_that_is_not_good_now_is_refused_at_the_start_and_leaves_the_last_good_one() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, told) in
        [(2000, 2001, "has expired (2001-01-01T00:00:00Z)"), (2090, 2091, "is not valid yet")]
    {
        of_years(folder.path(), "server", from, to);
        let error = files(folder.path()).open().map(drop).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(error.setting(), Some("certificate_file"));

        of_years(folder.path(), "server", 2000, 2090);
        let side = files(folder.path()).open().unwrap();
        let ours = || Arc::as_ptr(&side.current().unwrap().value.config);
        let first = ours();
        of_years(folder.path(), "server", from, to);
        assert!(!side.look(), "{told}");
        assert_eq!((ours(), side.standing().state), (first, Use::LastGood));
        of_years(folder.path(), "server", 2001, 2090);
        assert!(side.look());
        assert_eq!(side.standing().state, Use::Current);
    }
}

#[test]
fn other_authorities_of_clients_are_taken_and_none_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("tls").unwrap();
    authority.server().unwrap().write(folder.path(), "server").unwrap();
    let ca = folder.path().join("clients.crt");
    authority.write(&ca).unwrap();
    let client_sans = vec!["spiffe://mesh/gateway".to_owned()];
    let client_ca = Some(ca.clone());
    let side = ServerFiles { client_ca, client_sans, ..files(folder.path()) }.open().unwrap();
    std::fs::write(&ca, "").unwrap();
    assert!(!side.look());
    assert_eq!(side.standing().state, Use::LastGood);
    Authority::new("other").unwrap().write(&ca).unwrap();
    assert!(side.look());
}

#[test]
fn other_authorities_of_an_issuer_are_passed_on_and_a_broken_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    let (authority, other) = (Authority::new("tls").unwrap(), Authority::new("other").unwrap());
    authority.write(&ca).unwrap();
    let trust = Trust::open(Some(ca.clone())).unwrap();
    let told = Arc::new(std::sync::Mutex::new(0));
    let count = Arc::clone(&told);
    let watched = trust.watched("idp", move |_| *count.lock().unwrap() += 1).unwrap();
    let look = || {
        (watched.look)();
        (*told.lock().unwrap(), (watched.standing)().state)
    };
    assert_eq!(look(), (0, Use::Current));
    std::fs::write(&ca, "-----BEGIN CERTIFICATE-----").unwrap();
    assert_eq!(look(), (0, Use::LastGood));
    std::fs::write(&ca, authority.pem() + &other.pem()).unwrap();
    assert_eq!(look(), (1, Use::Current));
    assert_eq!(look(), (1, Use::Current));
    assert!(Trust::open(None).map_or(true, |none| none.watched("idp", |_| {}).is_none()));
}
