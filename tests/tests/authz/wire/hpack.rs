//! Header blocks (RFC 7541) without compression: what is sent stands there as it is, and of what comes back the status
//! is enough.

use anyhow::{Context as _, Result, bail};

/// All fields as literals.
pub(super) fn block(fields: &[(String, Vec<u8>)]) -> Vec<u8> {
    let text = |bytes: &[u8]| [length(bytes.len()), bytes.to_vec()].concat();
    let fields = fields.iter();
    fields
        .flat_map(|(name, value)| [vec![0], text(name.as_bytes()), text(value)].concat())
        .collect()
}

/// A number behind one bit that says that no Huffman code follows (§5.1).
fn length(length: usize) -> Vec<u8> {
    const PREFIX: usize = 0x7f;
    let Some(mut rest) = length.checked_sub(PREFIX) else {
        return vec![u8::try_from(length).unwrap()];
    };
    let mut bytes = vec![0x7f];
    while rest >= 0x80 {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// `:status`, which comes first.
pub(super) fn status(block: &[u8]) -> Result<u16> {
    const STATIC: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // What says that the table has no size may stand in front.
    let block = block.strip_prefix(&[0x20]).unwrap_or(block);
    match *block {
        [index @ 0x88..=0x8e, ..] => Ok(STATIC[usize::from(index - 0x88)]),
        // The name by its index, the value as three digits or in Huffman's code.
        [0x08 | 0x18 | 0x48, 3, a, b, c, ..] => Ok(str::from_utf8(&[a, b, c])?.parse()?),
        [0x08 | 0x18 | 0x48, coded, ref rest @ ..] if coded & 0x80 != 0 => {
            let coded = rest.get(..usize::from(coded & 0x7f)).context("a short status")?;
            Ok(digits(coded).parse()?)
        }
        _ => bail!("no status where it belongs: {block:?}"),
    }
}

/// Digits in Huffman's code (§B): those below three have five bits, the others six.
fn digits(coded: &[u8]) -> String {
    let mut bits = coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut text = String::new();
    loop {
        let five = bits.by_ref().take(5).fold((0u8, 0), |(n, code), bit| (n + 1, code << 1 | bit));
        let digit = match five {
            (5, code @ 0..=2) => code,
            (5, code) => {
                let Some(last) = bits.next() else { return text };
                match code << 1 | last {
                    code @ 0x19..=0x1f => code - 0x19 + 3,
                    _ => return text,
                }
            }
            _ => return text,
        };
        text.push(char::from(b'0' + digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_each_of_its_forms() {
        assert_eq!(status(&[0x88]).unwrap(), 200);
        assert_eq!(status(&[0x20, 0x8c, 0x40]).unwrap(), 400);
        assert_eq!(status(&[0x48, 3, b'4', b'0', b'3']).unwrap(), 403);
        // RFC 7541 §C.6.1 and §C.6.2.
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]).unwrap(), 302);
        assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]).unwrap(), 307);
        assert!(status(&[0x82]).is_err());
    }

    #[test]
    fn long_texts_have_long_lengths() {
        assert_eq!(length(126), [126]);
        // RFC 7541 §C.1.2, with seven bits.
        assert_eq!(length(127), [127, 0]);
        assert_eq!(length(1337), [127, 0xba, 0x09]);
    }
}
