//! URIs that lead elsewhere than they say. A pattern such as `k8s://shop/*` is held against the text; a server that
//! resolves `k8s://shop/../vault` reads what the pattern does not open, and one that takes `K8S://v%61ult/x` for
//! `k8s://vault/x` what a forbid closes.

/// Whether some reader takes the URI for another one, so that nothing that is said of its text can be relied on.
pub(super) fn is_ambiguous(uri: &str) -> bool {
    climbs(uri) || is_respelled(uri)
}

/// Whether normalizing (RFC 3986 §6.2.2, §6.2.3; WHATWG URL, which reads more) makes another text of it, or nobody can say.
fn is_respelled(uri: &str) -> bool {
    const SPECIAL: [&str; 5] = ["http", "https", "ws", "wss", "ftp"];
    let Some(plain) = without_expressions(uri) else { return true };
    let has_upper = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
    let (scheme, rest) = plain.split_once(':').unwrap_or(("", &plain));
    let authority = rest.strip_prefix("//").unwrap_or_default();
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    uri.trim() != uri
        || uri.contains('\\')
        || has_upper(scheme)
        || has_upper(authority)
        || !authority.is_ascii()
        || authority.contains(['@', '%'])
        || authority.ends_with([':', '.'])
        || (SPECIAL.contains(&scheme) && authority.is_empty() && !uri.contains('{'))
        || encodes_plain(&plain)
}

/// A URI template without its expressions (RFC 6570 §2.2); `None` where there are braces that are none. No URI has any.
fn without_expressions(uri: &str) -> Option<String> {
    let mut plain = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some((before, opened)) = rest.split_once('{') {
        let (expression, after) = opened.split_once('}')?;
        let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"+#./;?&=,_*:|!".contains(&byte);
        if before.contains('}') || expression.is_empty() || !expression.bytes().all(is_one) {
            return None;
        }
        plain.push_str(before);
        rest = after;
    }
    (!rest.contains('}')).then(|| plain + rest)
}

/// Whether a character is percent-encoded that needs it nowhere (RFC 3986 §2.3).
fn encodes_plain(uri: &str) -> bool {
    uri.split('%').skip(1).any(|after| {
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    })
}

/// Whether some reader resolves the URI to one that does not begin as it does: by a step such as `..`, however it is
/// encoded, or by what is dropped on reading.
fn climbs(uri: &str) -> bool {
    let decoded = decoded(uri);
    // The tabs and line breaks that a browser's reading drops could stand within a step.
    decoded.chars().any(char::is_control)
        || decoded.split(['/', '\\', '?', '#']).any(|segment| {
            // Some servers put parameters behind a segment's name.
            matches!(segment.split(';').next(), Some("." | ".."))
        })
}

/// Without percent-encoding of what steps are made of, however often it is applied.
fn decoded(uri: &str) -> String {
    let mut text = String::with_capacity(uri.len());
    for character in uri.chars() {
        text.push(character.to_ascii_lowercase());
        // What follows may complete the next one: `%2525…` is one percent sign, in one pass.
        if text.ends_with("%25") {
            text.truncate(text.len() - 2);
        }
    }
    let encoded = [("%2e", "."), ("%2f", "/"), ("%5c", "\\"), ("%3b", ";"), ("%09", "\t")];
    let breaks = [("%0a", "\n"), ("%0d", "\r"), ("%00", "\0")];
    let all = encoded.into_iter().chain(breaks);
    all.fold(text, |text, (code, character)| text.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_seen_however_it_is_written() {
        for uri in [
            "k8s://shop/../vault",
            "k8s://shop/..",
            "k8s://shop/./pods",
            "k8s://shop/%2e%2E/vault",
            "k8s://shop/.%2e/vault",
            "k8s://shop/..%2Fvault",
            "k8s://shop/..%5cvault",
            r"k8s://shop\..\vault",
            "k8s://shop/..;a=b/vault",
            "k8s://shop/%252e%252e/vault",
            "k8s://shop/%2525252e./vault",
            "k8s://shop/.\t./vault",
            "k8s://shop/pods%0d%0a",
        ] {
            assert!(climbs(uri), "{uri}");
        }
        for uri in [
            "k8s://shop/pods",
            "k8s://shop/pods/...",
            "k8s://shop/.hidden/a..b/c.",
            "k8s://shop/100%25",
            "k8s://shop/a%20b?x=1#y",
            "k8s://{namespace}/pods",
            "urn:isbn:0451450523",
            "",
        ] {
            assert!(!is_ambiguous(uri), "{uri}");
        }
    }

    #[test]
    fn another_spelling_of_a_uri_is_none_that_patterns_can_be_held_against() {
        for uri in [
            "K8S://vault/x",
            "k8s://VAULT/x",
            "k8s://v%61ult/x",
            "k8s://vault:/x",
            "k8s://a@vault/x",
            " k8s://vault/x",
            "k8s://vault/%78",
            "k8s://vault/x\u{a0}",
            // Braces hide nothing of what stands behind them.
            "k8s://{@VAULT/x",
            "k8s://{@v%61ult/x",
            "k8s://{a}@vault/x",
            "k8s://{a}VAULT/x",
            "k8s://{%61}/x",
            "k8s://}{/x",
            "k8s://{{a}}/x",
            "k8s://{}/x",
            r"https:\\vault\x",
            "https:/vault/x",
            "https:///vault/x",
            "https:vault/x",
            "https://vault./x",
            "https://\u{ff56}ault/x",
        ] {
            assert!(is_ambiguous(uri) && !climbs(uri), "{uri}");
        }
        for uri in [
            "file:///C:/Data",
            "k8s://{Namespace}/Pods",
            "https://a:8080/B?C=%20#D",
            "x",
            "{+url}",
            "https://{host}/x",
        ] {
            assert!(!is_ambiguous(uri), "{uri}");
        }
    }

    #[test]
    fn a_long_row_of_percent_signs_is_read_once() {
        // Read again and again, this would take minutes.
        let uri = format!("k8s://shop/%{}2e%2e/vault", "25".repeat(500_000));
        assert!(climbs(&uri));
    }
}
