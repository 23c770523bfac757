//! The certificate of a signing key: whose it is, how long it is good, and what names it.
//!
//! Only what an identity provider looks at is read. It compares thumbprints with what was registered there; no chain
//! is built, and a certificate without extensions (X.509 v1, as `openssl x509 -req` makes it) is as good as any.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::asn1::{GeneralizedTime, UtcTime};
use der::{DateTime, Decode as _, Reader, SliceReader, Tag};
use obolus_core::UnixSeconds;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;

use super::{CredentialError, pem};

/// By which digest an assertion names its certificate (RFC 7515 §4.1.7, §4.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Thumbprint {
    /// `x5t#S256`: SHA-256.
    #[default]
    #[serde(rename = "x5t#S256")]
    Sha256,
    /// `x5t`: SHA-1, which Entra's portal shows, too.
    #[serde(rename = "x5t")]
    Sha1,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    public_key: Vec<u8>,
    not_before: UnixSeconds,
    not_after: UnixSeconds,
}

impl Certificate {
    /// That of the key with this public half (SubjectPublicKeyInfo), among all certificates of a PEM file: a chain in any
    /// order, or an old one beside its successor, of which the one that ends last is meant.
    pub(super) fn of_key(
        path: &Path,
        pem: &[u8],
        public_key: &[u8],
    ) -> Result<Self, CredentialError> {
        let all = Self::read_all(path, pem)?;
        let own = all.iter().filter(|one| one.public_key == public_key);
        if let Some(own) = own.max_by_key(|one| one.not_after) {
            return Ok(own.clone());
        }
        let keys: Vec<_> = all.iter().map(|one| fingerprint(&one.public_key)).collect();
        let problem = format!(
            "is the certificate of another key: SHA-256 of the certificate's public key is {}, of the private \
             key's public half {}: write the key's own certificate here, or the certificate's key",
            keys.join(" or "),
            fingerprint(public_key),
        );
        Err(CredentialError::new(path, problem).of_certificate())
    }

    fn read_all(path: &Path, pem: &[u8]) -> Result<Vec<Self>, CredentialError> {
        let wrong = |problem: &str| CredentialError::new(path, problem).of_certificate();
        let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|_| wrong("is not PEM"))?;
        if all.is_empty() {
            return Err(wrong(&pem::instead(pem, "a certificate")));
        }
        let read = |der: CertificateDer<'static>| {
            let Facts { public_key, not_before, not_after } = facts(&der)?;
            let public_key = public_key.to_vec();
            der::Result::Ok(Self { der, public_key, not_before, not_after })
        };
        let all = all.into_iter().map(read).collect::<Result<_, _>>();
        all.map_err(|_| wrong("holds something that is no X.509 certificate"))
    }

    /// A certificate that is not good now would only be found out by the identity provider.
    pub(super) fn must_be_good_at(
        &self,
        path: &Path,
        now: UnixSeconds,
    ) -> Result<(), CredentialError> {
        let end = "register a new one, and write it here with its key";
        match fault_at(self.not_before, self.not_after, now, end) {
            Some(problem) => Err(CredentialError::new(path, problem).of_certificate()),
            None => Ok(()),
        }
    }

    pub(super) fn expires_at(&self) -> UnixSeconds {
        self.not_after
    }

    /// In base64url, as a JOSE header has it.
    pub(super) fn thumbprint(&self, kind: Thumbprint) -> String {
        let algorithm = match kind {
            Thumbprint::Sha256 => &SHA256,
            Thumbprint::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
        };
        URL_SAFE_NO_PAD.encode(digest(algorithm, &self.der))
    }

    /// The SHA-1 thumbprint as Entra's portal and its refusals show it.
    pub(super) fn portal_thumbprint(&self) -> String {
        hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref()).to_uppercase()
    }
}

/// Why a certificate is not good now, and what to do about it when it has ended.
pub(crate) fn fault_of(
    der: &CertificateDer<'_>,
    now: UnixSeconds,
    at_its_end: &str,
) -> Option<String> {
    match facts(der) {
        Ok(facts) => fault_at(facts.not_before, facts.not_after, now, at_its_end),
        Err(_) => Some("holds something that is no X.509 certificate".to_owned()),
    }
}

fn fault_at(
    not_before: UnixSeconds,
    not_after: UnixSeconds,
    now: UnixSeconds,
    at_its_end: &str,
) -> Option<String> {
    if not_after <= now {
        Some(format!("has expired{}: {at_its_end}", date(not_after)))
    } else if not_before > now {
        Some(format!("is not valid yet{}: is the clock right?", date(not_before)))
    } else {
        None
    }
}

/// When a certificate ends, if it is one.
pub(crate) fn end_of(der: &CertificateDer<'_>) -> Option<UnixSeconds> {
    facts(der).ok().map(|facts| facts.not_after)
}

fn fingerprint(public_key: &[u8]) -> String {
    hex(digest(&SHA256, public_key).as_ref())
}

/// When, for people.
pub(crate) fn date(time: UnixSeconds) -> String {
    let date = DateTime::from_unix_duration(std::time::Duration::from_secs(time));
    date.map(|date| format!(" ({date})")).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Facts<'a> {
    public_key: &'a [u8],
    not_before: UnixSeconds,
    not_after: UnixSeconds,
}

/// The fields of a TBSCertificate that we need (RFC 5280 §4.1).
fn facts(der: &[u8]) -> der::Result<Facts<'_>> {
    let mut outer = SliceReader::new(der)?;
    outer.sequence(|certificate| {
        let facts = certificate.sequence(|tbs| {
            if matches!(Tag::peek(tbs)?, Tag::ContextSpecific { .. }) {
                tbs.tlv_bytes()?; // version
            }
            tbs.tlv_bytes()?; // serialNumber
            tbs.tlv_bytes()?; // signature
            tbs.tlv_bytes()?; // issuer
            let (not_before, not_after) =
                tbs.sequence(|validity| der::Result::Ok((time(validity)?, time(validity)?)))?;
            tbs.tlv_bytes()?; // subject
            let public_key = tbs.tlv_bytes()?;
            skip_rest(tbs)?;
            der::Result::Ok(Facts { public_key, not_before, not_after })
        })?;
        skip_rest(certificate)?;
        Ok(facts)
    })
}

fn skip_rest<'a>(reader: &mut impl Reader<'a>) -> der::Result<()> {
    while !reader.is_finished() {
        reader.tlv_bytes()?;
    }
    Ok(())
}

fn time<'a>(reader: &mut impl Reader<'a>) -> der::Result<UnixSeconds> {
    let since = match Tag::peek(reader)? {
        Tag::UtcTime => UtcTime::decode(reader)?.to_unix_duration(),
        _ => GeneralizedTime::decode(reader)?.to_unix_duration(),
    };
    Ok(since.as_secs())
}

#[cfg(test)]
mod tests {
    use rcgen::PublicKeyData as _;

    use super::*;

    fn certificate(not_before: (i32, u8), not_after: (i32, u8)) -> (Vec<u8>, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(not_before.0, not_before.1, 1);
        params.not_after = rcgen::date_time_ymd(not_after.0, not_after.1, 1);
        (key.subject_public_key_info(), params.self_signed(&key).unwrap().pem())
    }

    #[test]
    fn both_spellings_of_time_are_read_and_a_certificate_ends_with_its_last_second() {
        // 2030 is a UTCTime, 2060 a GeneralizedTime (RFC 5280 §4.1.2.5).
        let path = Path::new("c.crt");
        for (year, start, end) in
            [(2030, 1_893_456_000, 1_896_134_400), (2060, 2_840_140_800, 2_842_819_200)]
        {
            let (_, pem) = certificate((year, 1), (year, 2));
            let read = Certificate::read_all(path, pem.as_bytes()).unwrap().remove(0);
            assert_eq!((read.not_before, read.expires_at()), (start, end));
            let at = |now| read.must_be_good_at(path, now).map_err(|error| error.to_string());
            assert_eq!((at(start), at(end - 1)), (Ok(()), Ok(())));
            assert!(at(start - 1).unwrap_err().contains("not valid yet"));
            let expired = format!("has expired ({year}-02-01T00:00:00Z): register a new one");
            assert!(at(end).unwrap_err().contains(&expired), "{:?}", at(end));
        }
    }

    #[test]
    fn a_certificate_of_another_key_is_told_with_both_fingerprints() {
        let path = Path::new("c.crt");
        let (own, pem) = certificate((2020, 1), (2060, 1));
        let (other, _) = certificate((2020, 1), (2060, 1));
        let of_key = |key: &[u8]| Certificate::of_key(path, pem.as_bytes(), key);
        assert!(of_key(&own).is_ok());
        let text = of_key(&other).err().unwrap().to_string();
        for key in [own, other] {
            let fingerprint = hex(digest(&SHA256, &key).as_ref());
            assert!(text.contains(&fingerprint), "{fingerprint} is not in {text}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused_and_never_panics() {
        let (_, pem) = certificate((2020, 1), (2060, 1));
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert!(facts(&der).is_ok());
        for end in 0..der.len() {
            assert!(facts(&der[..end]).is_err(), "{end}");
        }
        for place in 0..der.len() {
            let mut bent = der.to_vec();
            bent[place] ^= 0x55;
            let _ = facts(&bent);
        }
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for text in ["", "x", &key] {
            assert!(Certificate::read_all(Path::new("c"), text.as_bytes()).is_err(), "{text}");
        }
    }
}
