//! ECDSA signatures on their way to the host: what our DER says, another reader must read as the same numbers.

use obolus_core::token::ecdsa_der_signature;

use crate::issuer::KEYS;

/// Pseudo-random bytes, the same in every run.
struct Bytes(u64);

impl Bytes {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = self.0.to_le_bytes()[3];
        }
    }
}

macro_rules! agrees {
    ($curve:ident, $size:literal, $rounds:literal) => {
        let mut random = Bytes(0x9e37_79b9_7f4a_7c15);
        let mut compared = 0;
        for round in 0..$rounds {
            let mut raw = [0u8; 2 * $size];
            random.fill(&mut raw);
            // Short numbers, and numbers with the top bit set right behind zeros, are where DER goes wrong.
            let (zeros_r, zeros_s) = (round % 5, round % 7);
            raw[..zeros_r].fill(0);
            raw[$size..$size + zeros_s].fill(0);
            if round % 3 == 0 {
                raw[zeros_r] |= 0x80;
                raw[$size + zeros_s] &= 0x7f;
            }
            // Numbers over the curve's order are no signature to the other reader.
            let Ok(signature) = $curve::ecdsa::Signature::from_slice(&raw) else { continue };
            let der = ecdsa_der_signature(&raw, $size).unwrap();
            assert_eq!(der, signature.to_der().as_bytes(), "{raw:02x?}");
            assert_eq!($curve::ecdsa::Signature::from_der(&der).unwrap(), signature);
            compared += 1;
        }
        assert!(compared > $rounds * 9 / 10, "{compared}");
    };
}

#[test]
fn thousands_of_signatures_are_the_same_numbers_in_der() {
    agrees!(p256, 32, 4_000);
    agrees!(p384, 48, 4_000);
}

#[test]
fn a_signature_made_with_a_key_verifies_from_der_and_a_changed_one_does_not() {
    use p256::ecdsa::signature::{Signer as _, Verifier as _};
    let key = p256::ecdsa::SigningKey::from_slice(&KEYS.es256.to_bytes()).unwrap();
    for message in 0..50u32 {
        let message = message.to_le_bytes();
        let signature: p256::ecdsa::Signature = key.sign(&message);
        let der = ecdsa_der_signature(&signature.to_bytes(), 32).unwrap();
        let read = p256::ecdsa::Signature::from_der(&der).unwrap();
        assert!(key.verifying_key().verify(&message, &read).is_ok());
        assert!(key.verifying_key().verify(b"other", &read).is_err());
    }
}

#[test]
fn what_cannot_be_a_signature_has_no_der() {
    assert!(ecdsa_der_signature(&[1; 64], 32).is_some());
    assert!(ecdsa_der_signature(&[1; 96], 48).is_some());
    assert!(ecdsa_der_signature(&[0xff; 96], 48).is_some(), "the longest: two lengths of one byte");
    for length in [0, 1, 32, 63, 65, 72, 96, 128] {
        assert_eq!(ecdsa_der_signature(&vec![1; length], 32), None, "{length}");
    }
    let half = [[0; 32], [1; 32]];
    assert_eq!(ecdsa_der_signature(&half.concat(), 32), None, "r = 0");
    assert_eq!(ecdsa_der_signature(&[half[1], half[0]].concat(), 32), None, "s = 0");
    assert_eq!(ecdsa_der_signature(&[], 0), None);
    assert_eq!(ecdsa_der_signature(&[1; 200], 100), None, "longer than a one-byte length says");
    assert_eq!(ecdsa_der_signature(&[1; 64], usize::MAX / 2 + 1), None, "no overflow");
}
