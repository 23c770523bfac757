//! The installation's own certificate authority.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::secrets::{self, write};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Clocks differ.
const BEFORE: Duration = Duration::from_secs(60 * 60);

/// Signs every certificate inside, and the one that people see.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    Server,
    Client,
}

/// A certificate with its authority's, and its key, in PEM.
pub(super) struct Leaf {
    pub(super) chain: String,
    pub(super) key: SecretString,
}

impl Authority {
    /// The authority of this name in a folder, made if need be: people have told their machines to
    /// trust it.
    pub(super) fn kept(folder: &Path, name: &str) -> Result<Self> {
        let file = |extension: &str| folder.join(format!("{name}.{extension}"));
        let (key_file, certificate_file) = (file("key"), file("crt"));
        if key_file.exists() && certificate_file.exists() {
            let key = secrets::read(&key_file)?;
            let key = KeyPair::from_pem(key.expose_secret()).context("the authority's key")?;
            let pem = std::fs::read_to_string(certificate_file)?;
            return Ok(Self { issuer: Issuer::new(params(), key), pem });
        }
        let key = KeyPair::generate()?;
        let pem = params().self_signed(&key)?.pem();
        write(&key_file, key.serialize_pem())?;
        write(&certificate_file, &pem)?;
        Ok(Self { issuer: Issuer::new(params(), key), pem })
    }

    /// Its certificate.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a year, under these DNS names or addresses.
    pub(super) fn issue(&self, usage: Usage, names: &[&str]) -> Result<Leaf> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let common_name = names.first().copied().unwrap_or_default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        for name in names {
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(Ia5String::try_from(*name)?),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match usage {
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = lifetime(397);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf { chain: certificate.pem() + &self.pem, key: key.serialize_pem().into() })
    }
}

/// The same each time: with the kept key it is the same authority.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Obolus compose installation");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (params.not_before, params.not_after) = lifetime(3_650);
    params
}

fn lifetime<T: From<SystemTime>>(days: u32) -> (T, T) {
    let now = SystemTime::now();
    (T::from(now - BEFORE), T::from(now + DAY * days))
}
