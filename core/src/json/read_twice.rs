//! The scanner and [`parse`] are two readers of one language: what one takes, the other takes, and they find the
//! same in it.

use serde_json::{Map, Value};

use super::{JsonError, MAX_VALUES, Scanner, parse};

/// The value, built from what the scanner tells.
fn built(scanner: &mut Scanner<'_>) -> Result<Value, JsonError> {
    match scanner.peek() {
        Some(b'{') => {
            let mut map = Map::new();
            scanner.object(|scanner, key| {
                map.insert(key.to_owned(), built(scanner)?);
                Ok::<_, JsonError>(())
            })?;
            Ok(Value::Object(map))
        }
        Some(b'[') => {
            let mut values = Vec::new();
            scanner.array(|scanner| {
                values.push(built(scanner)?);
                Ok::<_, JsonError>(())
            })?;
            Ok(Value::Array(values))
        }
        Some(b'"') => Ok(Value::String(scanner.string()?.into_owned())),
        _ => Ok(serde_json::from_str(scanner.value()?).unwrap()),
    }
}

/// Reads the text by all of our readers, and says whether they take it.
fn read(text: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(text);
    let walked = Scanner::new(text).and_then(|mut scanner| {
        let value = built(&mut scanner)?;
        scanner.end().map(|()| value)
    });
    let passed = Scanner::new(text).and_then(|mut scanner| {
        let value = scanner.value()?;
        scanner.end().map(|()| value)
    });
    match parse(text) {
        Ok(value) => {
            assert_eq!(walked.as_ref(), Ok(&value), "{shown}");
            assert_eq!(passed.map(str::trim_ascii), Ok(shown.trim_ascii()), "{shown}");
            true
        }
        Err(JsonError::TooManyValues) => false,
        Err(_) => {
            assert!(walked.is_err(), "walked: {shown}");
            assert!(passed.is_err(), "passed over: {shown}");
            false
        }
    }
}

const SEEDS: [&str; 8] = [
    r#" {"a":[1,-2.5e+3,null,true,false,"x"],"b":{"c":{}},"d":[]} "#,
    r#"["\ud83d\ude00","\u0000","\"\\\/\b\f\n\r\t","\u00e9é","0123456\u0061789"]"#,
    r#"[0,-0,0.0,1e2,1E-2,1e308,123456789012345678901234567890,0.1e+1]"#,
    r#"{"abcdefg":"quote at eight","abcdefgh":"\"","a\u0062c":1,"abd":2}"#,
    r#"{"k1":1,"k2":1,"k3":1,"k4":1,"k5":1,"k6":1,"k7":1,"k8":1,"k9":1,"k\u0031\u0030":1}"#,
    "[\n\t{ \"a\" : 1 ,\r\n \"b\" : [ ] } , { } ]\n",
    r#""just a string, longer than eight bytes""#,
    r#"{"deep":[[[[{"er":[{"k":"v"}]}]]]]}"#,
];

#[rustfmt::skip]
const BAD: &[&str] = &[
    "", " ", "{} {}", "{},", "[1,]", "[,1]", "[1 2]", "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}",
    "{'a':1}", "{a:1}", "[NaN]", "[Infinity]", "[+1]", "[.5]", "[1.]", "[01]", "[-]", "[1e]",
    "[1e+]", "[1e999]", "[-1e999]", "[tru]", "[truee]", "[nul]", "\"", "\"\\", "\"\\x\"",
    "\"\\u12\"", "\"\\u12g4\"", "\"\\u+123\"", "\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"",
    "\"\\ud800\\ud800\"", "\"\\udc00\"", "\"a\nb\"", "\"a\tb\"", "\"\0\"", "/**/1", "1//", "[}",
    "{]", "\u{a0}1", "\u{feff}1", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}",
    "{\"x\":[{\"y\":{\"a\":1,\"a\":2}}]}",
    "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"\\u0031\":1}",
    "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"0\":1,\"5\":1}",
];

#[rustfmt::skip]
const PIECES: [&str; 24] = [
    "\"", "{", "}", "[", "]", ",", ":", "\\", " ", "\0", "\u{7f}", "é", "\u{2028}", "\\u", "\\ud800",
    "\\udc00", "\\u+123", "0", "-", "e", ".", "1e999", "true", "\"a\":1,",
];

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

#[test]
fn what_is_json_is_read_alike() {
    for text in SEEDS {
        assert!(read(text.as_bytes()), "{text}");
    }
}

#[test]
fn what_leaves_room_for_two_readings_is_refused_wherever_it_stands() {
    for text in BAD {
        assert!(!read(text.as_bytes()), "{text}");
    }
    assert!(!read(b"\"\xc3\x28\"") && !read(b"\xff\xfe{\0}\0") && !read(b"\"\xed\xa0\x80\""));
    // Where numbers end, by the last digit.
    assert!(read(b"[1.797693134862315e308]") && !read(b"[1.7976931348623158e308]"));
    assert!(!read(b"[1.79769313486231570814527423731704356798070e308]"));
    assert!(read(b"[1e-99999999999999999999]") && !read(b"[1e99999999999999999999]"));
    let largest = "17976931348623157".to_owned() + &"9".repeat(292);
    assert!(!read(largest.as_bytes()) && read(&largest.as_bytes()[..308]));
    // Digits alone can be beyond what a number holds.
    let digits = |count: usize| "9".repeat(count);
    assert!(read(digits(308).as_bytes()) && !read(digits(310).as_bytes()));
    let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    assert!(read(&nested(127)) && !read(&nested(128)) && !read(&nested(100_000)));
    let objects = |depth: usize| ["{\"a\":".repeat(depth), "1".into(), "}".repeat(depth)].concat();
    assert!(read(objects(127).as_bytes()) && !read(objects(128).as_bytes()));
}

#[test]
fn a_special_byte_is_found_at_every_place_of_a_string() {
    for length in 0..40 {
        for at in 0..=length {
            for (special, good) in
                [("\\\"", true), ("\\\\", true), ("\n", false), ("\u{1f}", false), ("\u{80}", true)]
            {
                let (front, back) = ("x".repeat(at), "é".repeat(length - at));
                assert_eq!(read(format!("\"{front}{special}{back}\"").as_bytes()), good);
            }
        }
    }
}

#[test]
fn keys_that_are_held_at_once_are_bounded() {
    let object = |keys: usize| {
        let members: Vec<_> = (0..keys).map(|key| format!("\"{key}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    let take = |text: String| Scanner::new(text.as_bytes())?.value().map(drop);
    assert_eq!(take(object(MAX_VALUES)), Ok(()));
    assert_eq!(take(object(MAX_VALUES + 1)), Err(JsonError::TooManyValues));
    // One behind the other they are not held at once.
    let half = object(MAX_VALUES / 2);
    assert_eq!(take(format!("[{half},{half},{half}]")), Ok(()));
}

#[test]
fn thousands_of_damaged_texts_are_refused_or_read_alike() {
    let mut random = Random(0x5ca9);
    let mut taken = 0;
    for _ in 0..40_000 {
        let mut text = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..=random.below(2) {
            let at = random.below(text.len());
            match random.below(6) {
                0 => text[at] ^= 1 << random.below(8),
                1 => drop(text.remove(at)),
                2 => text.truncate(at.max(1)),
                3 => {
                    let end = (at + random.below(20)).min(text.len());
                    let piece = text[at..end].to_vec();
                    let to = random.below(text.len());
                    text.splice(to..to, piece);
                }
                _ => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
            }
            if text.is_empty() {
                break;
            }
        }
        taken += usize::from(read(&text));
    }
    assert!(taken > 4000, "some damage must leave JSON: {taken}");
}
