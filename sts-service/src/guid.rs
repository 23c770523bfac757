//! Random GUIDs, by which Entra tells requests and assertions apart.

use rustls::crypto::ring;

/// A random GUID (RFC 9562 §5.4); `None` when the system has no randomness.
pub(crate) fn random() -> Option<String> {
    let mut bytes = [0u8; 16];
    ring::default_provider().secure_random.fill(&mut bytes).ok()?;
    let number = u128::from_be_bytes(bytes);
    let version = (number & !(0xf << 76)) | (0x4 << 76);
    let variant = (version & !(0x3 << 62)) | (0x2 << 62);
    let hex = format!("{variant:032x}");
    let mut text = String::with_capacity(36);
    for (place, digit) in hex.chars().enumerate() {
        if [8, 12, 16, 20].contains(&place) {
            text.push('-');
        }
        text.push(digit);
    }
    Some(text)
}

/// Whether this is a GUID in the usual spelling, in either case.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_random_says_so_and_is_recognized() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one, other);
        for guid in [&one, &other] {
            assert!(is_guid(guid), "{guid}");
            assert_eq!(&guid[14..15], "4", "{guid}");
            assert!("89ab".contains(&guid[19..20]), "{guid}");
        }
        assert!(is_guid(&one.to_uppercase()));
        let braces = format!("{{{one}}}");
        for other in
            ["", "common", &one[1..], &one.replace('-', "_"), &one.replace('4', "g"), &braces]
        {
            assert!(!is_guid(other), "{other}");
        }
    }
}
