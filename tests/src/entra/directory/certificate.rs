//! A certificate that a client registered.

use anyhow::{Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use x509_parser::pem::parse_x509_pem;
use x509_parser::public_key::PublicKey;

/// A registered certificate: what of it decides about a client's assertion.
#[derive(Debug, Clone)]
pub struct Certificate {
    der: Vec<u8>,
    not_before: i64,
    not_after: i64,
    rsa: Option<Rsa>,
}

#[derive(Debug, Clone)]
struct Rsa {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let (_, pem) =
            parse_x509_pem(pem.as_bytes()).map_err(|error| anyhow!("no PEM: {error}"))?;
        if pem.label != "CERTIFICATE" {
            bail!("the PEM holds a {}", pem.label);
        }
        let certificate = pem.parse_x509().map_err(|error| anyhow!("no certificate: {error}"))?;
        let rsa = match certificate.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => Some(Rsa {
                // DER puts a zero before a number whose first bit is set.
                modulus: key.modulus.iter().copied().skip_while(|byte| *byte == 0).collect(),
                exponent: key.exponent.to_vec(),
            }),
            _ => None,
        };
        let validity = certificate.validity();
        let (not_before, not_after) =
            (validity.not_before.timestamp(), validity.not_after.timestamp());
        Ok(Self { der: pem.contents.clone(), not_before, not_after, rsa })
    }

    /// Whether it is valid at this moment.
    pub fn is_valid_at(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// `x5t`: SHA-1 of the certificate.
    pub fn sha1(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der))
    }

    /// `x5t#S256`: SHA-256 of the certificate.
    pub fn sha256(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &self.der))
    }

    /// Modulus and exponent, when the key is RSA of 2048 bits or more.
    pub fn rsa(&self) -> Option<(&[u8], &[u8])> {
        let rsa = self.rsa.as_ref().filter(|rsa| rsa.modulus.len() >= 256)?;
        Some((&rsa.modulus, &rsa.exponent))
    }
}

impl TryFrom<&crate::pki::Leaf> for Certificate {
    type Error = anyhow::Error;

    fn try_from(leaf: &crate::pki::Leaf) -> Result<Self> {
        Self::from_pem(&leaf.certificate)
    }
}
