//! Keys in files: RSA in PKCS#8 or PKCS#1, P-256 in PKCS#8 or SEC1, among whatever else stands in the file.

use std::fmt;

use der::asn1::{OctetStringRef, UintRef};
use der::{Decode as _, ErrorKind, Reader as _, SliceReader};
use jwt_simple::prelude::ES256KeyPair;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::zeroize::Zeroizing;

use super::pem;
use super::signer::{AssertionAlgorithm, Signer, Signing, Unsigned};

/// `rsaEncryption` (RFC 8017 §A.1).
const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// `id-ecPublicKey` (RFC 5480 §2.1.1).
const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
/// `[0] { OBJECT IDENTIFIER prime256v1 }` (RFC 5480 §2.1.1.1).
const P256: &[u8] = b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// The head of an octet string of 32 bytes.
const SCALAR: &[u8] = b"\x04\x20";

/// Why a file holds no key that can sign.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The private key of the file is another one than the algorithm signs with: this.
    Unfit(PrivateKind),
    /// There is none; what there is.
    Missing(String),
    /// There are several, and nothing says which.
    Several,
}

/// What a private key is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrivateKind {
    /// RSA of so many bits.
    Rsa(usize),
    /// On an elliptic curve, P-256 or another.
    Ec,
    /// Ed25519, RSA-PSS alone, or nothing that could be read.
    Other,
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
            None | Some(Err(_)) => return Err(NoKey::Missing(pem::instead(pem, WANTED))),
        };
        match keys.next() {
            None => {}
            Some(Ok(_)) => return Err(NoKey::Several),
            Some(Err(_)) => {
                return Err(NoKey::Missing("holds a second key that is damaged".to_owned()));
            }
        }
        let signer = match algorithm {
            AssertionAlgorithm::RS256 => rsa(&key, SignatureScheme::RSA_PKCS1_SHA256),
            AssertionAlgorithm::PS256 => rsa(&key, SignatureScheme::RSA_PSS_SHA256),
            AssertionAlgorithm::ES256 => ec(&key),
        };
        let (key, public_key) = signer.ok_or_else(|| NoKey::Unfit(kind_of(&key)))?;
        Ok(Self { algorithm, public_key, key })
    }
}

const WANTED: &str = "a private key";

fn kind_of(key: &PrivateKeyDer<'_>) -> PrivateKind {
    let bits = |der: &[u8]| modulus_bits(der).map_or(PrivateKind::Other, PrivateKind::Rsa);
    match key {
        PrivateKeyDer::Pkcs1(der) => bits(der.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(_) => PrivateKind::Ec,
        PrivateKeyDer::Pkcs8(der) => match within_pkcs8(der.secret_pkcs8_der()) {
            Ok((RSA_ENCRYPTION, inner)) => bits(inner),
            Ok((EC_PUBLIC_KEY, _)) => PrivateKind::Ec,
            _ => PrivateKind::Other,
        },
        _ => PrivateKind::Other,
    }
}

/// Algorithm and key of a `PrivateKeyInfo` (RFC 5208 §5).
fn within_pkcs8(der: &[u8]) -> der::Result<(&[u8], &[u8])> {
    let mut outer = SliceReader::new(der)?;
    outer.sequence(|info| {
        info.tlv_bytes()?; // version
        let algorithm = info.sequence(|algorithm| {
            let id = algorithm.tlv_bytes()?;
            while !algorithm.is_finished() {
                algorithm.tlv_bytes()?;
            }
            der::Result::Ok(id)
        })?;
        let key = <&OctetStringRef>::decode(info)?;
        while !info.is_finished() {
            info.tlv_bytes()?;
        }
        der::Result::Ok((algorithm, key.as_bytes()))
    })
}

/// The size of the modulus of an `RSAPrivateKey` (RFC 8017 §A.1.2).
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let mut outer = SliceReader::new(der).ok()?;
    let modulus = outer.sequence(|key| {
        key.tlv_bytes()?; // version
        let modulus = UintRef::decode(key)?;
        while !key.is_finished() {
            key.tlv_bytes()?;
        }
        der::Result::Ok(modulus)
    });
    let modulus = modulus.ok()?;
    let bytes = modulus.as_bytes();
    let leading = bytes.first()?.leading_zeros() as usize;
    Some(bytes.len() * 8 - leading)
}

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
