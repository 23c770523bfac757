//! Keys and certificates of clients, made once for all rules: RSA keys take their time.

use std::sync::OnceLock;

use obolus_tests::pki::{KeyKind, Leaf, self_signed};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_RSA_SHA256,
    PublicKeyData, SignatureAlgorithm,
};
use rsa::pkcs1::EncodeRsaPublicKey as _;

/// The first five are registered for `mcp-server`.
pub(crate) struct Certificates {
    /// The one to use.
    pub(crate) good: Leaf,
    /// Another good one.
    pub(crate) second: Leaf,
    /// The good one's key in a certificate that ran out.
    pub(crate) expired: Leaf,
    /// The good one's key in a certificate of the future.
    pub(crate) early: Leaf,
    /// ECDSA P-256.
    pub(crate) ec: Leaf,
    /// Registered for another application of the tenant.
    pub(crate) of_web_client: Leaf,
    /// Registered for an application of another tenant.
    pub(crate) of_elsewhere: Leaf,
    /// Nobody registered it.
    pub(crate) stranger: Leaf,
    /// The good one's key in a certificate that nobody registered.
    pub(crate) unregistered: Leaf,
}

pub(crate) fn certificates() -> &'static Certificates {
    static MADE: OnceLock<Certificates> = OnceLock::new();
    MADE.get_or_init(|| {
        let rsa = || self_signed("mcp-server", KeyKind::Rsa).unwrap();
        let good = rsa();
        Certificates {
            expired: lasting(&good.key, 2001, 2002),
            early: lasting(&good.key, 2099, 2100),
            unregistered: lasting(&good.key, 2001, 2100),
            good,
            second: rsa(),
            ec: self_signed("mcp-server", KeyKind::Ec).unwrap(),
            of_web_client: rsa(),
            of_elsewhere: rsa(),
            stranger: rsa(),
        }
    })
}

/// A certificate for this key from the start of one year to the start of another.
fn lasting(key: &str, from: i32, to: i32) -> Leaf {
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(key, &PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    Leaf {
        certificate: certificate.pem(),
        der: certificate.der().to_vec(),
        chain: certificate.pem(),
        key: key.serialize_pem(),
    }
}

/// An RSA key of 1024 bits, which *ring* would not sign with.
pub(crate) struct Weak {
    key: rsa::RsaPrivateKey,
    public: Vec<u8>,
    /// Its certificate; it holds no key.
    pub(crate) certificate: Leaf,
}

impl Weak {
    pub(crate) fn new() -> Self {
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
        let public = key.to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let mut weak = Self {
            key,
            public,
            certificate: Leaf {
                certificate: String::new(),
                der: Vec::new(),
                chain: String::new(),
                key: String::new(),
            },
        };
        let signed = CertificateParams::default().signed_by(&weak, &authority).unwrap();
        weak.certificate.certificate = signed.pem();
        weak.certificate.der = signed.der().to_vec();
        weak
    }

    /// RS256.
    pub(crate) fn sign(&self, input: &str) -> Vec<u8> {
        let digest = ring::digest::digest(&ring::digest::SHA256, input.as_bytes());
        // The prefix of RFC 8017 §9.2 for SHA-256.
        let prefix = [
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x01, 0x05, 0x00, 0x04, 0x20,
        ];
        let padding = rsa::Pkcs1v15Sign { hash_len: Some(32), prefix: prefix.into() };
        self.key.sign(padding, digest.as_ref()).unwrap()
    }
}

impl PublicKeyData for Weak {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}
