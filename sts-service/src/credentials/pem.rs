//! What is in a file that should hold PEM and does not: told by kind, never by content.

/// Kinds that are told by their names; any other label could be anything.
const KNOWN: [(&str, &str); 8] = [
    ("CERTIFICATE", "a certificate"),
    ("X509 CERTIFICATE", "a certificate"),
    ("PRIVATE KEY", "a private key"),
    ("RSA PRIVATE KEY", "a private key"),
    ("EC PRIVATE KEY", "a private key"),
    ("ENCRYPTED PRIVATE KEY", "a private key behind a passphrase"),
    ("PUBLIC KEY", "a public key, which proves nothing"),
    ("CERTIFICATE REQUEST", "a request for a certificate"),
];
const BEGIN: &str = "-----BEGIN ";
/// As some editors write it, in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// OpenSSL's older form says it in the lines below the label.
const OLD_ENCRYPTED: &str = "Proc-Type: 4,ENCRYPTED";

/// Whether there is a key behind a passphrase.
pub(super) fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains(OLD_ENCRYPTED)
}

/// Why a file does not hold `wanted`, such as "a certificate"; the file is the subject.
pub(crate) fn instead(pem: &[u8], wanted: &str) -> String {
    if pem.trim_ascii().is_empty() {
        return "is empty".to_owned();
    }
    if pem.starts_with(BYTE_ORDER_MARK) {
        return "begins with a byte order mark (U+FEFF), which hides its first line: write it without"
            .to_owned();
    }
    if is_encrypted(pem) && wanted.contains("key") {
        return "is behind a passphrase, and nobody is there to type it in: write the key without one, and let the file's \
                permissions protect it"
            .to_owned();
    }
    let text = String::from_utf8_lossy(pem);
    let labels: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(BEGIN)?.split("-----").next())
        .collect();
    match labels.first() {
        None if pem.first() == Some(&0x30) => {
            format!("holds no PEM: it is in DER, or PFX; write {wanted} in PEM")
        }
        None => format!("is not PEM: write {wanted} in PEM"),
        Some(first) => {
            let known = KNOWN.iter().find(|(label, _)| label == first);
            let found = known.map_or("something else in PEM", |(_, what)| what);
            if *first == "CERTIFICATE" && wanted.contains("key") {
                return format!("holds {found} and not {wanted}: is it the other file of the two?");
            }
            if found == wanted {
                return format!("holds {wanted} that is damaged");
            }
            format!("holds {found} and not {wanted}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_instead_is_told_by_its_kind_and_nothing_is_repeated() {
        let (key, certificate) = ("a private key", "a certificate");
        for (content, wanted, told) in [
            ("", key, "is empty"),
            (" \n", certificate, "is empty"),
            ("\u{feff}-----BEGIN PRIVATE KEY-----", key, "byte order mark"),
            (
                "-----BEGIN CERTIFICATE-----",
                key,
                "holds a certificate and not a private key: is it",
            ),
            ("-----BEGIN PUBLIC KEY-----", key, "holds a public key"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----", key, "passphrase"),
            ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", key, "passphrase"),
            (
                "-----BEGIN PRIVATE KEY-----",
                certificate,
                "holds a private key and not a certificate",
            ),
            ("-----BEGIN PRIVATE KEY-----", key, "damaged"),
            ("0\u{1}", certificate, "DER"),
            ("-----BEGIN hunter2-----", key, "something else"),
            ("hunter2", key, "is not PEM"),
        ] {
            let seen = instead(content.as_bytes(), wanted);
            assert!(seen.contains(told) && !seen.contains("hunter2"), "{content:?}: {seen}");
        }
    }
}
