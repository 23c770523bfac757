//! GUIDs, by which Entra tells tenants, applications, requests and assertions apart.

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

#[cfg(test)]
mod tests {
    use obolus_core::token::application::is_guid;

    use super::*;

    #[test]
    fn a_guid_is_random_and_says_so() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one, other);
        for guid in [&one, &other] {
            assert!(is_guid(guid), "{guid}");
            assert_eq!(&guid[14..15], "4", "{guid}");
            assert!("89ab".contains(&guid[19..20]), "{guid}");
        }
    }
}
