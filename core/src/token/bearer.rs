//! Which token, if any, a request carries (RFC 6750 §2.1; MCP: never in the query).

use crate::Reason;

/// The token in the request's `Authorization` headers.
///
/// `values` are all values of all `Authorization` headers, in order. A comma is refused because hosts join
/// repeated headers with one, and two credentials that look like one must not be told apart by a guess.
///
/// # Errors
/// [`Reason::TokenMissing`], [`Reason::AuthorizationDuplicated`], [`Reason::AuthorizationMalformed`].
pub fn bearer<'a>(values: &[&'a [u8]]) -> Result<&'a str, Reason> {
    let value = match values {
        [] => return Err(Reason::TokenMissing),
        [value] => *value,
        _ => return Err(Reason::AuthorizationDuplicated),
    };
    if value.contains(&b',') {
        return Err(Reason::AuthorizationDuplicated);
    }
    let text = str::from_utf8(value).map_err(|_| Reason::AuthorizationMalformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(Reason::AuthorizationMalformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") || !is_token68(token) {
        return Err(Reason::AuthorizationMalformed);
    }
    Ok(token)
}

/// `b64token` of RFC 6750 §2.1: one run of unreserved characters, padding only at its end.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    // `-` to `9` is `-`, `.`, `/` and the digits. Every byte of every token comes through here.
    let fits = |b| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'-'..=b'9' | b'_' | b'~' | b'+');
    !body.is_empty() && body.bytes().all(fits)
}

/// Whether the request target carries a token in its query (`access_token`, RFC 6750 §2.3), in any spelling
/// that a form decoder would read as that name.
#[must_use]
pub fn token_in_query(path: &str) -> bool {
    let Some((_, query)) = path.split_once('?') else { return false };
    query.split(['&', ';', '?', '#']).any(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        percent_decoded(name).trim().eq_ignore_ascii_case("access_token")
    })
}

fn percent_decoded(name: &str) -> String {
    let mut bytes = name.bytes();
    let mut out = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escape = match (byte, ahead.next(), ahead.next()) {
            (b'%', Some(high), Some(low)) => hex(high).zip(hex(low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                out.push(high * 16 + low);
                bytes = ahead;
            }
            None => out.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_is_found_and_every_other_form_is_refused() {
        assert_eq!(bearer(&[b"Bearer abc.def-_~+/=="]), Ok("abc.def-_~+/=="));
        assert_eq!(bearer(&[b"bEARER x"]), Ok("x"));
        for (values, reason) in [
            (vec![], Reason::TokenMissing),
            (vec![&b"Bearer a"[..], b"Bearer a"], Reason::AuthorizationDuplicated),
            (vec![b"Bearer a,Bearer b"], Reason::AuthorizationDuplicated),
            (vec![b"Bearer"], Reason::AuthorizationMalformed),
            (vec![b"Bearer "], Reason::AuthorizationMalformed),
            (vec![b"Bearer  a"], Reason::AuthorizationMalformed),
            (vec![b"Bearer a b"], Reason::AuthorizationMalformed),
            (vec![b"Bearer a\tb"], Reason::AuthorizationMalformed),
            (vec![b"Basic YTpi"], Reason::AuthorizationMalformed),
            (vec![b""], Reason::AuthorizationMalformed),
            (vec![b"Bearer \xff"], Reason::AuthorizationMalformed),
            (vec![b"Bearer a=b"], Reason::AuthorizationMalformed),
        ] {
            assert_eq!(bearer(&values), Err(reason), "{values:?}");
        }
    }

    #[test]
    fn a_token_has_the_bytes_of_a_token68_and_no_others() {
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            let value = [b"Bearer a", &[byte][..], b"z"].concat();
            assert_eq!(bearer(&[&value]).is_ok(), allowed, "{byte:#x}");
        }
    }

    #[test]
    fn a_token_in_the_query_is_seen_in_every_spelling() {
        for path in [
            "/mcp?access_token=x",
            "/mcp?a=b&access_token=x",
            "/mcp?access%5Ftoken=x",
            "/mcp?%61ccess_token=x",
            "/mcp?access_token",
            "/mcp?ACCESS_TOKEN=x",
            "/mcp?a=b;access_token=x",
            "/mcp??access_token=x",
        ] {
            assert!(token_in_query(path), "{path}");
        }
        for path in
            ["/mcp", "/access_token", "/mcp?a=access_token", "/mcp?access_tokens=1", "/mcp?%zz"]
        {
            assert!(!token_in_query(path), "{path}");
        }
    }
}
