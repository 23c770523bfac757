//! Long texts are searched eight bytes at a time: most of a list is descriptions.

/// How many bytes come before the first that is one of `wanted`, or below `limit` (at most 0x80).
pub(crate) fn before(text: &[u8], wanted: [u8; 2], limit: u8) -> usize {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const TOP: u64 = u64::from_le_bytes([0x80; 8]);
    // The top bit of every byte below `limit`; right up to the lowest that is, which is all that counts.
    let below = |eight: u64, limit: u8| eight.wrapping_sub(EACH * u64::from(limit)) & !eight & TOP;
    let equal = |eight: u64, byte: u8| below(eight ^ (EACH * u64::from(byte)), 1);
    let (eights, rest) = text.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let [one, other] = wanted.map(|byte| equal(eight, byte));
        let found = one | other | below(eight, limit);
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let passes = |byte: &&u8| !wanted.contains(byte) && **byte >= limit;
    eights.len() * 8 + rest.iter().take_while(passes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_stands_and_whatever_stands_around_it() {
        for length in 0..20 {
            for at in 0..=length {
                for filler in [0x20, b'!', b'#', b'[', b']', 0x7f, 0x80, 0x81, 0xa2, 0xdc, 0xff] {
                    for found in [b'"', b'\\', 0, 1, 0x1f] {
                        let mut text = vec![filler; at];
                        text.push(found);
                        text.resize(length + 1, b'"');
                        assert_eq!(before(&text, *b"\"\\", 0x20), at, "{text:?}");
                    }
                    let none = vec![filler; length];
                    assert_eq!(before(&none, *b"\"\\", 0x20), length, "{none:?}");
                }
            }
        }
        assert_eq!(before(b"\0\t 0123456789\r\n", *b"\r\n", 0), 13);
    }
}
