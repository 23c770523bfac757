//! JSON that leaves no room for two readings.
//!
//! RFC 8259 leaves duplicate keys to the reader, and readers differ; a policy must not decide on one copy while
//! the server behind it acts on the other.

use std::cell::Cell;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

mod scan;

#[cfg(test)]
mod read_twice;

pub(crate) use scan::Scanner;

/// Why a text is not one strict JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not UTF-8 (RFC 8259 §8.1).
    #[error("not UTF-8")]
    NotUtf8,
    /// A byte order mark in front.
    #[error("starts with a byte order mark")]
    ByteOrderMark,
    /// Not one JSON value: a syntax error, nothing at all, something behind it, or nested too deeply.
    #[error("not one JSON value")]
    Malformed,
    /// A key twice in one object, after unescaping.
    #[error("a key twice in one object")]
    DuplicateKey,
    /// U+0000 in a text or a key, however it is written.
    #[error("a NUL in a text")]
    Nul,
    /// An integer that fits into 64 bits neither with a sign nor without.
    #[error("an integer beyond 64 bits")]
    HugeInteger,
    /// More than [`MAX_VALUES`].
    #[error("more than {MAX_VALUES} values")]
    TooManyValues,
}

/// Values in one text, at every depth. A value of three bytes takes hundreds in memory: without a bound, a
/// megabyte of `[{},{},…]` would take most of the VM's.
pub const MAX_VALUES: usize = 20_000;

/// Reads exactly one JSON value.
///
/// # Errors
/// [`JsonError`].
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = text(bytes)?;
    let (refused, values) = (Cell::new(None), Cell::new(0));
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { refused: &refused, values: &values }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|_| refused.get().unwrap_or(JsonError::Malformed))
}

/// As [`parse`], of what is acted upon behind us: not even its values may leave room for two readings.
///
/// Readers differ about integers beyond 64 bits (exact, rounded, or an error), and for those that keep their texts as C
/// does, a text ends at the first NUL.
///
/// # Errors
/// [`JsonError`].
pub fn parse_request(bytes: &[u8]) -> Result<Value, JsonError> {
    let value = parse(bytes)?;
    check_values(bytes)?;
    Ok(value)
}

/// Searches JSON for values that readers take for different ones. The text is searched, because the parser hands over
/// a large integer as the nearest float, as if it had been written so.
fn check_values(mut json: &[u8]) -> Result<(), JsonError> {
    while let Some((first, after)) = json.split_first() {
        json = match first {
            b'"' => behind_string(after)?,
            b'0'..=b'9' | b'-' => behind_number(json)?,
            _ => after,
        };
    }
    Ok(())
}

/// What follows a string whose opening quote has been read. A NUL cannot stand there but as an escape.
fn behind_string(mut rest: &[u8]) -> Result<&[u8], JsonError> {
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', b'u', b'0', b'0', b'0', b'0', ..] => return Err(JsonError::Nul),
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
            [] => return Ok(rest),
        };
    }
}

/// What follows a number, which is a float to everybody if it has a fraction or an exponent.
fn behind_number(rest: &[u8]) -> Result<&[u8], JsonError> {
    /// Digits and sign of whatever fits for sure.
    const SAFE: usize = 18;
    let is_numeric = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = rest.iter().take_while(|byte| is_numeric(byte)).count();
    let (number, behind) = rest.split_at(length);
    if length > SAFE && number.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-')) {
        let number = str::from_utf8(number).unwrap_or_default();
        if number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
            return Err(JsonError::HugeInteger);
        }
    }
    Ok(behind)
}

fn text(bytes: &[u8]) -> Result<&str, JsonError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonError::ByteOrderMark);
    }
    str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)
}

/// Reads a document that must be an object into a derived struct, which would also take an array, field by
/// field, whatever the fields' names.
#[must_use]
pub fn object<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    (bytes.trim_ascii_start().first() == Some(&b'{'))
        .then(|| serde_json::from_slice(bytes).ok())
        .flatten()
}

/// A member of a derived struct that may be anything: `null` is something, and no key in it may be there twice.
///
/// # Errors
/// The deserializer's, of which [`JsonError::DuplicateKey`] and [`JsonError::TooManyValues`] are two.
pub fn anything<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Strict { refused: &Cell::new(None), values: &Cell::new(0) }.deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    /// What only we refuse: serde's errors are texts.
    refused: &'a Cell<Option<JsonError>>,
    values: &'a Cell<usize>,
}

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(self, error: JsonError) -> E {
        self.refused.set(Some(error));
        E::custom(error)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > MAX_VALUES {
            return Err(self.refuse(JsonError::TooManyValues));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(self.refuse(JsonError::DuplicateKey));
            }
            let value = access.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_read_and_every_ambiguous_text_is_refused() {
        assert_eq!(
            parse(br#" {"a":[1,2.5,null,"x"]} "#),
            Ok(serde_json::json!({"a":[1,2.5,null,"x"]}))
        );
        for (text, error) in [
            (&b""[..], JsonError::Malformed),
            (b" ", JsonError::Malformed),
            (b"{} {}", JsonError::Malformed),
            (b"{},", JsonError::Malformed),
            (b"{\"a\":1,}", JsonError::Malformed),
            (b"{'a':1}", JsonError::Malformed),
            (b"{\"a\":NaN}", JsonError::Malformed),
            (b"{\"a\":1e999}", JsonError::Malformed),
            (b"{\"a\":\"\\ud800\"}", JsonError::Malformed),
            (b"\xef\xbb\xbf{}", JsonError::ByteOrderMark),
            (b"\xff\xfe{\0}\0", JsonError::NotUtf8),
            (b"{\"a\":\"\xc3\x28\"}", JsonError::NotUtf8),
            (br#"{"a":1,"a":1}"#, JsonError::DuplicateKey),
            (br#"{"a":1,"\u0061":1}"#, JsonError::DuplicateKey),
            (br#"{"x":[{"y":{"a":1,"a":2}}]}"#, JsonError::DuplicateKey),
        ] {
            assert_eq!(parse(text), Err(error), "{}", String::from_utf8_lossy(text));
        }
        let many = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
        assert!(parse(many(MAX_VALUES).as_bytes()).is_ok());
        let error = parse(many(MAX_VALUES + 1).as_bytes());
        assert_eq!(error, Err(JsonError::TooManyValues));
        let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
        assert_eq!(parse(&deep), Err(JsonError::Malformed));
    }

    #[test]
    fn what_is_acted_upon_has_no_value_that_is_two() {
        for (text, error) in [
            (&br#"{"a":"b\u0000"}"#[..], JsonError::Nul),
            (br#"{"x":[{"\u0000":1}]}"#, JsonError::Nul),
            (br#"["\\\u0000"]"#, JsonError::Nul),
            (b"18446744073709551616", JsonError::HugeInteger),
            (br#"{"x":["\\",{"a":-9223372036854775809}]}"#, JsonError::HugeInteger),
        ] {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(parse_request(text), Err(error), "{shown}");
            assert!(parse(text).is_ok(), "a server's answer may have it: {shown}");
        }
        for text in [&br#"["\\u0000","\u0001"]"#[..], b"18446744073709551615", b"1e300"] {
            assert_eq!(parse_request(text), parse(text));
            assert!(parse(text).is_ok());
        }
        assert_eq!(parse_request(b"{} {}"), Err(JsonError::Malformed));
    }
}
