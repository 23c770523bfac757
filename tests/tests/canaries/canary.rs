//! A planted value, and the guises in which it could turn up.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD, STANDARD_NO_PAD};

/// Shorter texts turn up by chance.
const SHORTEST: usize = 16;

/// A secret that was planted.
pub(crate) struct Canary {
    pub(crate) name: String,
    /// Any of these gives it away.
    pub(crate) forms: Vec<Vec<u8>>,
}

impl Canary {
    /// Any value.
    pub(crate) fn of(name: &str, value: &[u8]) -> Self {
        Self { name: name.to_owned(), forms: forms(value) }
    }

    /// A signed token. Its first part is the same for all of an issuer, the others are each a canary: of the
    /// claims a piece with the token's id, of the signature the beginning, the middle and the end.
    pub(crate) fn token(name: &str, token: &str) -> Self {
        let mut parts = token.split('.').skip(1);
        let (claims, signature) = (parts.next().unwrap(), parts.next().unwrap());
        let pieces = [
            &claims[40..88],
            &signature[..43],
            &signature[150..193],
            &signature[signature.len() - 43..],
        ];
        let forms = pieces.iter().flat_map(|piece| forms(piece.as_bytes())).collect();
        Self { name: name.to_owned(), forms }
    }

    /// A private key in PEM (PKCS#8): its lines, and the number that must not be known.
    pub(crate) fn key(name: &str, pem: &str) -> Self {
        let lines: Vec<_> = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(lines.concat()).unwrap();
        let (secret_lines, secret) = if der.len() < 200 {
            // ECDSA P-256: the number has 32 bytes; the public key follows.
            let before = [0x02, 0x01, 0x01, 0x04, 0x20];
            let at = der.windows(5).position(|window| window == before).unwrap() + 5;
            (&lines[..2], &der[at..at + 32])
        } else {
            // RSA 2048: the modulus, which is public, ends before the seventh line.
            (&lines[7..lines.len() - 1], &der[400..432])
        };
        let values = secret_lines.iter().map(|line| line.as_bytes()).chain([secret]);
        Self { name: name.to_owned(), forms: values.flat_map(forms).collect() }
    }
}

/// Of the value itself, and of what a form or a URL makes of it: HTTP Basic is base64 of that.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    assert!(value.len() >= SHORTEST, "{} bytes", value.len());
    let mut spelled = vec![value.to_vec()];
    for (space, upper) in [("+", true), ("+", false), ("%20", true), ("%20", false)] {
        spelled.push(url_encoded(value, space, upper).into_bytes());
    }
    let mut all: Vec<_> = spelled.iter().flat_map(|value| encodings(value)).collect();
    all.extend([true, false].map(|upper| hex(value, "%", upper)));
    all.sort_unstable();
    all.dedup();
    all
}

/// As it is, as a list of numbers, in hexadecimal, in base64.
fn encodings(value: &[u8]) -> Vec<Vec<u8>> {
    let url_safe = GeneralPurpose::new(&alphabet::URL_SAFE, NO_PAD);
    let numbers = value.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let mut all = vec![value.to_vec(), numbers.into_bytes()];
    all.extend([true, false].map(|upper| hex(value, "", upper)));
    for shift in 0..3 {
        all.extend([&STANDARD_NO_PAD, &url_safe].map(|engine| shifted(engine, value, shift)));
    }
    all
}

fn hex(value: &[u8], before: &str, upper: bool) -> Vec<u8> {
    let one = |byte: &u8| {
        if upper { format!("{before}{byte:02X}") } else { format!("{before}{byte:02x}") }
    };
    value.iter().map(one).collect::<String>().into_bytes()
}

/// As in a form or a URL: what need not be encoded is not.
fn url_encoded(value: &[u8], space: &str, upper: bool) -> String {
    let one = |byte: &u8| match byte {
        b' ' => space.to_owned(),
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => {
            char::from(*byte).to_string()
        }
        byte if upper => format!("%{byte:02X}"),
        byte => format!("%{byte:02x}"),
    };
    value.iter().map(one).collect()
}

/// The middle of the base64 text of `value` after `shift` other bytes: what does not depend on its neighbours.
fn shifted(engine: &GeneralPurpose, value: &[u8], shift: usize) -> Vec<u8> {
    let padded = [&vec![0; shift], value].concat();
    let encoded = engine.encode(&padded).into_bytes();
    let (from, to) = ((shift * 8).div_ceil(6), padded.len() * 8 / 6);
    encoded[from..to].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Place, Search};

    #[test]
    fn a_value_is_found_in_each_of_its_guises_among_others() {
        let value = "a secret/with+signs:0123456789";
        let canaries = [Canary::of("it", value.as_bytes())];
        let search = Search::new(&canaries);
        let basic = |before: &str| STANDARD.encode(format!("{before}{value} and more"));
        for text in [
            value.to_owned(),
            basic(""),
            basic("x"),
            basic("xy"),
            STANDARD.encode("id:a+secret%2Fwith%2Bsigns%3A0123456789"),
            format!("{:?}", value.as_bytes()),
            form_urlencoded::byte_serialize(value.as_bytes()).collect(),
            value.bytes().map(|byte| format!("{byte:02X}")).collect(),
            "a%20secret%2fwith%2bsigns%3a0123456789".to_owned(),
            "a%20secret%2Fwith%2Bsigns%3A0123456789".to_owned(),
        ] {
            let place = Place { name: "p".to_owned(), content: format!("<{text}>").into() };
            assert_eq!(search.hits(&[place]).len(), 1, "{text}");
        }
        let part = Place { name: "p".to_owned(), content: value[1..].into() };
        assert!(search.hits(&[part]).is_empty());
    }

    #[test]
    fn a_signature_alone_gives_its_token_away_and_a_line_its_key() {
        let (claims, signature) = ("c".repeat(120), "0123456789".repeat(34));
        let token = format!("head.{claims}.{signature}");
        let leaf = obolus_tests::pki::self_signed("x", obolus_tests::pki::KeyKind::Rsa).unwrap();
        let canaries = [Canary::token("t", &token), Canary::key("k", &leaf.key)];
        let search = Search::new(&canaries);
        let hits = |text: &str| {
            let place = Place { name: "p".to_owned(), content: text.into() };
            search.hits(&[place]).into_iter().map(|hit| hit.canary).collect::<Vec<_>>()
        };
        assert_eq!(hits(&signature[140..200]), ["t"]);
        assert_eq!(hits(leaf.key.lines().nth(10).unwrap()), ["k"]);
        assert_eq!(hits(&leaf.certificate), [""; 0]);
        assert_eq!(hits("head"), [""; 0]);
    }
}
