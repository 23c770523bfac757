//! Keys in files: RSA in PKCS#8 or PKCS#1, P-256 in PKCS#8 or SEC1, among whatever else stands in the file.

use std::fmt;

use der::{ErrorKind, Reader as _, SliceReader};
use jwt_simple::prelude::ES256KeyPair;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::zeroize::Zeroizing;

use super::signer::{AssertionAlgorithm, Signer, Signing, Unsigned};

/// `[0] { OBJECT IDENTIFIER prime256v1 }` (RFC 5480 §2.1.1.1).
const P256: &[u8] = b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// The head of an octet string of 32 bytes.
const SCALAR: &[u8] = b"\x04\x20";

/// Why a file holds no key that can sign.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The first private key of the file is another one.
    Unfit,
    /// It is behind a passphrase, which nobody could type in.
    Encrypted,
    /// There are several, and nothing says which.
    Several,
}

/// See the module.
pub(super) struct FileSigner {
    algorithm: AssertionAlgorithm,
    public_key: Vec<u8>,
    key: Key,
}

enum Key {
    Rsa(Box<dyn rustls::sign::Signer>),
    Ec(Box<EcdsaKeyPair>),
}

impl FileSigner {
    /// The one private key in a PEM file. Certificates and parameters beside it are passed over.
    pub(super) fn from_pem(algorithm: AssertionAlgorithm, pem: &[u8]) -> Result<Self, NoKey> {
        let mut keys = PrivateKeyDer::pem_slice_iter(pem);
        let key = match keys.next() {
            Some(Ok(key)) => key,
            None if is_encrypted(pem) => return Err(NoKey::Encrypted),
            None | Some(Err(_)) => return Err(NoKey::Unfit),
        };
        match keys.next() {
            None => {}
            Some(Ok(_)) => return Err(NoKey::Several),
            Some(Err(_)) => return Err(NoKey::Unfit),
        }
        let signer = match algorithm {
            AssertionAlgorithm::RS256 => rsa(&key, SignatureScheme::RSA_PKCS1_SHA256),
            AssertionAlgorithm::PS256 => rsa(&key, SignatureScheme::RSA_PSS_SHA256),
            AssertionAlgorithm::ES256 => ec(&key),
        };
        let (key, public_key) = signer.ok_or(NoKey::Unfit)?;
        Ok(Self { algorithm, public_key, key })
    }
}

fn is_encrypted(pem: &[u8]) -> bool {
    pem.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED)
}

const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

fn rsa(key: &PrivateKeyDer<'_>, scheme: SignatureScheme) -> Option<(Key, Vec<u8>)> {
    let key = any_supported_type(key).ok()?;
    let signer = key.choose_scheme(&[scheme])?;
    let public_key = key.public_key()?.to_vec();
    Some((Key::Rsa(signer), public_key))
}

/// By way of a reader that computes the public half: ring wants it in the file, and not everybody writes it there.
fn ec(key: &PrivateKeyDer<'_>) -> Option<(Key, Vec<u8>)> {
    let key = match key {
        PrivateKeyDer::Pkcs8(der) => ES256KeyPair::from_der(der.secret_pkcs8_der()).ok()?,
        PrivateKeyDer::Sec1(der) => {
            ES256KeyPair::from_bytes(p256_scalar(der.secret_sec1_der()).ok()?).ok()?
        }
        _ => return None,
    };
    let public_key = key.public_key().to_der().ok()?;
    let der = Zeroizing::new(key.to_der().ok()?);
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).ok()?;
    Some((Key::Ec(Box::new(key)), public_key))
}

/// The private key of an `ECPrivateKey` (RFC 5915 §3) that says it is on P-256: other curves have keys of this length, too.
fn p256_scalar(der: &[u8]) -> der::Result<&[u8]> {
    let mut outer = SliceReader::new(der)?;
    let (scalar, curve) = outer.sequence(|key| {
        key.tlv_bytes()?; // version
        let scalar = key.tlv_bytes()?;
        let curve = key.tlv_bytes()?;
        while !key.is_finished() {
            key.tlv_bytes()?;
        }
        der::Result::Ok((scalar, curve))
    })?;
    scalar.strip_prefix(SCALAR).filter(|_| curve == P256).ok_or_else(|| ErrorKind::Failed.into())
}

impl Signer for FileSigner {
    fn algorithm(&self) -> AssertionAlgorithm {
        self.algorithm
    }

    fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(async move {
            match &self.key {
                Key::Rsa(key) => key.sign(message).map_err(|_| Unsigned),
                Key::Ec(key) => {
                    let signature = key.sign(&SystemRandom::new(), message);
                    signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| Unsigned)
                }
            }
        })
    }
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSigner").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
