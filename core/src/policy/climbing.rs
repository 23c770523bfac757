//! URIs that lead elsewhere than they begin. A pattern such as `k8s://shop/*` is held against the text; a server that
//! resolves `k8s://shop/../vault` reads what the pattern does not open.

/// Whether some reader resolves the URI to one that does not begin as it does: by a step such as `..`, however it is
/// encoded, or by what is dropped on reading.
pub(super) fn climbs(uri: &str) -> bool {
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
    let mut text = uri.to_ascii_lowercase();
    while text.contains("%25") {
        text = text.replace("%25", "%");
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
            assert!(!climbs(uri), "{uri}");
        }
    }
}
