//! Certificates for tests: an authority, and leaves of it.
//!
//! All keys are ECDSA P-256, except where RSA is asked for. Files hold PEM: the leaf alone, the leaf followed by its authority
//! (what servers present), and the key as PKCS#8.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use sha2::{Digest as _, Sha256};

/// A certificate authority that nobody trusts but those who are given its certificate.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a key and a self-signed certificate.
    pub fn new(common_name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// The authority's certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The digest of its public key, by which a browser can be told to believe it.
    pub fn public_key_digest(&self) -> String {
        STANDARD.encode(Sha256::digest(self.issuer.key().subject_public_key_info()))
    }

    /// Writes the authority's certificate.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        write(path.as_ref(), &self.pem())
    }

    /// A server certificate for `localhost` and `127.0.0.1`.
    pub fn server(&self) -> Result<Leaf> {
        self.issue(Subject::named("localhost").server().dns("localhost").ip([127, 0, 0, 1]))
    }

    /// A client certificate whose only name is in its subject.
    pub fn client(&self, common_name: &str) -> Result<Leaf> {
        self.issue(Subject::named(common_name).client())
    }

    /// Any other leaf.
    pub fn issue(&self, subject: Subject) -> Result<Leaf> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.name;
        params.subject_alt_names = subject
            .alternatives
            .into_iter()
            .map(|alternative| {
                Ok(match alternative {
                    Alternative::Dns(name) => SanType::DnsName(Ia5String::try_from(name)?),
                    Alternative::Uri(uri) => SanType::URI(Ia5String::try_from(uri)?),
                    Alternative::Ip(ip) => SanType::IpAddress(ip),
                })
            })
            .collect::<Result<_>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = subject.usages;
        params.use_authority_key_identifier_extension = true;
        if subject.expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2001, 1, 2);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            certificate: certificate.pem(),
            der: certificate.der().to_vec(),
            chain: certificate.pem() + &self.pem(),
            key: key.serialize_pem(),
        })
    }
}

/// A certificate signed by its own key, as identity providers take them for a client's assertions.
pub fn self_signed(common_name: &str, kind: KeyKind) -> Result<Leaf> {
    let key = match kind {
        KeyKind::Ec => KeyPair::generate()?,
        // Ring signs with RSA keys but does not make them.
        KeyKind::Rsa => KeyPair::from_pkcs8_pem_and_sign_algo(
            &jwt_simple::prelude::RS256KeyPair::generate(2048)?.to_pem()?,
            &rcgen::PKCS_RSA_SHA256,
        )?,
    };
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let certificate = params.self_signed(&key)?;
    Ok(Leaf {
        certificate: certificate.pem(),
        der: certificate.der().to_vec(),
        chain: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// What to make a key for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA P-256: ES256.
    Ec,
    /// RSA 2048: RS256, PS256.
    Rsa,
}

/// What a leaf says about its holder.
#[derive(Debug)]
pub struct Subject {
    name: DistinguishedName,
    alternatives: Vec<Alternative>,
    usages: Vec<ExtendedKeyUsagePurpose>,
    expired: bool,
}

#[derive(Debug)]
enum Alternative {
    Dns(String),
    Uri(String),
    Ip(IpAddr),
}

impl Subject {
    /// A subject with a common name and nothing else.
    pub fn named(common_name: &str) -> Self {
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, common_name);
        Self { name, alternatives: Vec::new(), usages: Vec::new(), expired: false }
    }

    /// Adds an organization: to Kubernetes a group.
    pub fn organization(mut self, organization: &str) -> Self {
        self.name.push(DnType::OrganizationName, organization);
        self
    }

    /// Adds a DNS name.
    pub fn dns(mut self, name: &str) -> Self {
        self.alternatives.push(Alternative::Dns(name.to_owned()));
        self
    }

    /// Adds a URI, such as a SPIFFE id.
    pub fn uri(mut self, uri: &str) -> Self {
        self.alternatives.push(Alternative::Uri(uri.to_owned()));
        self
    }

    /// Adds an IP address.
    pub fn ip(mut self, address: impl Into<IpAddr>) -> Self {
        self.alternatives.push(Alternative::Ip(address.into()));
        self
    }

    /// The leaf may be used by a server.
    pub fn server(mut self) -> Self {
        self.usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        self
    }

    /// The leaf may be used by a client.
    pub fn client(mut self) -> Self {
        self.usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        self
    }

    /// The leaf ran out long ago.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }
}

/// A certificate and its key.
pub struct Leaf {
    /// The certificate in PEM.
    pub certificate: String,
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// The certificate and its authority's in PEM.
    pub chain: String,
    /// The private key, PKCS#8 in PEM.
    pub key: String,
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leaf").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Where the parts of a leaf were written.
#[derive(Debug, Clone)]
pub struct LeafFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The certificate followed by its authority's.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Leaf {
    /// Writes `name.crt`, `name-chain.crt` and `name.key` into a folder.
    pub fn write(&self, folder: &Path, name: &str) -> Result<LeafFiles> {
        let files = LeafFiles {
            certificate: folder.join(format!("{name}.crt")),
            chain: folder.join(format!("{name}-chain.crt")),
            key: folder.join(format!("{name}.key")),
        };
        write(&files.certificate, &self.certificate)?;
        write(&files.chain, &self.chain)?;
        write(&files.key, &self.key)?;
        Ok(files)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
