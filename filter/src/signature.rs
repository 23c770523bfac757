//! Signatures verified by the host, which is fifty times faster than this VM, once it has shown that it can.

use obolus_core::token::{
    Algorithm, InvalidSignature, PureRust, SignatureVerifier, SignedToken, VerificationKey,
    ecdsa_der_signature,
};

use crate::host;

/// The host's `verify_signature` for the algorithms that it answered correctly, Rust in the VM for the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostSignatures {
    rsa: bool,
    ecdsa: bool,
}

impl HostSignatures {
    /// Asks the host about signatures whose truth is known, one good and one spoilt for each kind of key. A host
    /// that lacks the function, or errs either way, is not asked again.
    pub(crate) fn after_known_answers() -> Self {
        Self {
            rsa: knows(known_answers::RSA_SPKI, known_answers::RS256),
            ecdsa: knows(known_answers::EC_SPKI, known_answers::ES256_DER),
        }
    }

    /// For the log at configuration.
    pub(crate) fn describe(self) -> &'static str {
        match (self.rsa, self.ecdsa) {
            (true, true) => "RSA and ECDSA by the host",
            (true, false) => "RSA by the host, the rest in the VM",
            (false, true) => "ECDSA by the host, the rest in the VM",
            (false, false) => "all in the VM",
        }
    }
}

impl SignatureVerifier for HostSignatures {
    fn verify(
        &self,
        key: &VerificationKey,
        algorithm: Algorithm,
        token: SignedToken<'_>,
    ) -> Result<(), InvalidSignature> {
        let ecdsa = |size| ecdsa_der_signature(token.signature, size).ok_or(InvalidSignature);
        let by_host = |hash, signature: &[u8]| {
            if host_verifies(hash, key.spki_der(), signature, token.signing_input) {
                Ok(())
            } else {
                Err(InvalidSignature)
            }
        };
        match algorithm {
            Algorithm::RS256 if self.rsa => by_host("sha256", token.signature),
            Algorithm::RS384 if self.rsa => by_host("sha384", token.signature),
            Algorithm::RS512 if self.rsa => by_host("sha512", token.signature),
            Algorithm::ES256 if self.ecdsa => by_host("sha256", &ecdsa(32)?),
            Algorithm::ES384 if self.ecdsa => by_host("sha384", &ecdsa(48)?),
            // The host does PKCS #1 v1.5 and ECDSA only.
            _ => PureRust.verify(key, algorithm, token),
        }
    }
}

/// Envoy's foreign function `verify_signature`: protobuf in, protobuf out. `08 01` (field 1, true) is the only
/// encoding of success.
fn host_verifies(hash: &str, spki_der: &[u8], signature: &[u8], text: &[u8]) -> bool {
    let mut argument = Vec::with_capacity(spki_der.len() + signature.len() + text.len() + 32);
    for (field, bytes) in [(1u8, hash.as_bytes()), (2, spki_der), (3, signature), (4, text)] {
        argument.push(field << 3 | 2);
        push_varint(&mut argument, bytes.len());
        argument.extend_from_slice(bytes);
    }
    host::call_foreign_function("verify_signature", &argument)
        .is_some_and(|answer| answer == [8, 1])
}

fn push_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn knows(spki_der: &[u8], signature: &[u8]) -> bool {
    let good = |signature: &[u8], text: &[u8]| host_verifies("sha256", spki_der, signature, text);
    let mut spoilt = signature.to_vec();
    if let Some(byte) = spoilt.last_mut() {
        *byte ^= 1;
    }
    good(signature, known_answers::TEXT)
        && !good(&spoilt, known_answers::TEXT)
        && !good(signature, b"obolus known-answer tess")
        && !good(&[], known_answers::TEXT)
}

/// Signatures over [`known_answers::TEXT`] by two keys that were made for this and thrown away.
mod known_answers {
    pub(super) const TEXT: &[u8] = b"obolus known-answer test";
    pub(super) const RSA_SPKI: &[u8] = include_bytes!("known_answers/rsa_spki.der");
    pub(super) const RS256: &[u8] = include_bytes!("known_answers/rs256.sig");
    pub(super) const EC_SPKI: &[u8] = include_bytes!("known_answers/ec_spki.der");
    pub(super) const ES256_DER: &[u8] = include_bytes!("known_answers/es256.der.sig");
}
