//! ECDSA signatures from JOSE's `r || s` (RFC 7518 §3.4) to the DER that OpenSSL-like verifiers read.

/// `SEQUENCE { INTEGER r, INTEGER s }` (RFC 3279 §2.2.3), or `None` when the length is not that of two
/// coordinates of `coordinate_bytes` each.
#[must_use]
pub fn ecdsa_der_signature(raw: &[u8], coordinate_bytes: usize) -> Option<Vec<u8>> {
    if Some(raw.len()) != coordinate_bytes.checked_mul(2) {
        return None;
    }
    let (r, s) = raw.split_at_checked(coordinate_bytes)?;
    let mut body = integer(r)?;
    body.extend(integer(s)?);
    let mut der = vec![0x30, u8::try_from(body.len()).ok().filter(|length| *length < 0x80)?];
    der.extend(body);
    Some(der)
}

fn integer(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let magnitude = bytes.get(start..)?;
    // The top bit would make the number negative.
    let pad = magnitude.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut out = vec![0x02, u8::try_from(magnitude.len() + usize::from(pad)).ok()?];
    if pad {
        out.push(0);
    }
    out.extend_from_slice(magnitude);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_minimal_and_positive() {
        let mut raw = vec![0u8; 64];
        raw[31] = 1;
        raw[32] = 0x80;
        let der = ecdsa_der_signature(&raw, 32).unwrap();
        assert_eq!(&der[..6], &[0x30, 38, 0x02, 1, 1, 0x02]);
        assert_eq!(&der[6..9], &[33, 0, 0x80]);
        assert_eq!(ecdsa_der_signature(&raw[1..], 32), None);
        assert_eq!(ecdsa_der_signature(&[0; 64], 32), None, "r = 0 is never a signature");
    }
}
