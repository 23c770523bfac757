//! A query or a form, read so that nobody behind us can read it otherwise.

use super::Refusal;

/// Decoded parameters with a value, each once. Those without one count as left out (RFC 6749 §3.1).
#[derive(Debug)]
pub(super) struct Parameters {
    list: Vec<(String, String)>,
    has_two_resources: bool,
}

/// The one parameter that another RFC lets stand there twice; refused all the same, but with that RFC's own error.
const RESOURCE: &str = "resource";
/// More names than any request has.
const MOST: usize = 64;

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`, as it was sent.
    pub(super) fn parse(text: &[u8], longest: usize) -> Result<Self, Refusal> {
        if text.len() > longest {
            return Err(Refusal::TooLong);
        }
        let (mut list, mut seen) = (Vec::new(), Vec::new());
        let mut has_two_resources = false;
        for pair in text.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default());
            let (name, value) = (half()?, half()?);
            if seen.contains(&name) {
                if name != RESOURCE {
                    return Err(Refusal::Repeated);
                }
                has_two_resources = true;
                continue;
            }
            if seen.len() == MOST {
                return Err(Refusal::TooLong);
            }
            seen.push(name.clone());
            if !value.is_empty() {
                list.push((name, value));
            }
        }
        Ok(Self { list, has_two_resources })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// `resource`, once or not at all.
    pub(super) fn resource(&self) -> Result<Option<&str>, Refusal> {
        if self.has_two_resources { Err(Refusal::ResourceRepeated) } else { Ok(self.get(RESOURCE)) }
    }
}

/// Percent-encoding with two digits each, `+` for a space, UTF-8 without control characters. Bytes that must be encoded
/// and are not (RFC 3986 §2.1) are where readers differ.
fn decode(text: &[u8]) -> Result<String, Refusal> {
    let digit = |byte: Option<&u8>| {
        byte.and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = text.iter();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(Refusal::Malformed),
            },
            0x21..=0x7e => byte,
            _ => return Err(Refusal::Malformed),
        });
    }
    let text = String::from_utf8(decoded).map_err(|_| Refusal::Malformed)?;
    if text.chars().any(char::is_control) { Err(Refusal::Malformed) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_one_reading_or_none() {
        let read = |text: &str, name: &str| {
            Parameters::parse(text.as_bytes(), 100)
                .map(|parameters| parameters.get(name).map(str::to_owned))
        };
        for (text, value) in [
            ("a=1&b=2", Ok(Some("1"))),
            ("a=x%20y+z%2B", Ok(Some("x y z+"))),
            ("a=%C3%A9", Ok(Some("\u{e9}"))),
            ("a=b=c", Ok(Some("b=c"))),
            ("&&a=1&", Ok(Some("1"))),
            ("%61=1", Ok(Some("1"))),
            ("a=", Ok(None)),
            ("a", Ok(None)),
            ("", Ok(None)),
            ("A=1", Ok(None)),
            ("a=1&a=1", Err(Refusal::Repeated)),
            ("a=&a=1", Err(Refusal::Repeated)),
            ("a=1&%61=2", Err(Refusal::Repeated)),
            ("x=1&x=2&a=1", Err(Refusal::Repeated)),
            ("a=%", Err(Refusal::Malformed)),
            ("a=%4", Err(Refusal::Malformed)),
            ("a=%4g", Err(Refusal::Malformed)),
            ("a=%u0041", Err(Refusal::Malformed)),
            ("a=%+41", Err(Refusal::Malformed)),
            ("a=%FF", Err(Refusal::Malformed)),
            ("a=%C0%AF", Err(Refusal::Malformed)),
            ("a=%0d%0aSet-Cookie:x", Err(Refusal::Malformed)),
            ("a=%00", Err(Refusal::Malformed)),
            ("a=\u{e9}", Err(Refusal::Malformed)),
            ("a=x y", Err(Refusal::Malformed)),
            ("a=%C2%85", Err(Refusal::Malformed)),
        ] {
            assert_eq!(read(text, "a"), value.map(|value| value.map(str::to_owned)), "{text}");
        }
        assert_eq!(read(&format!("a={}", "x".repeat(98)), "a").map(|_| ()), Ok(()));
        assert_eq!(read(&format!("a={}", "x".repeat(99)), "a").map(|_| ()), Err(Refusal::TooLong));
    }

    #[test]
    fn a_resource_twice_is_an_error_of_its_own() {
        let read = |text: &str| Parameters::parse(text.as_bytes(), 100).unwrap();
        assert_eq!(read("resource=a").resource(), Ok(Some("a")));
        assert_eq!(read("x=a").resource(), Ok(None));
        assert_eq!(read("resource=a&resource=b").resource(), Err(Refusal::ResourceRepeated));
        assert_eq!(read("resource=&resource=a").resource(), Err(Refusal::ResourceRepeated));
    }
}
