//! What a body is said to be.

/// Whether a `Content-Type` is this media type, in UTF-8 as far as it says.
#[must_use]
pub fn is_utf8_media_type(content_type: &str, wanted: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(wanted))
        && parts.all(|parameter| match parameter.split_once('=') {
            // White space around the equals sign is no parameter (RFC 9110 §5.6.6), and yet some readers take it.
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_type_and_another_charset_are_told_from_ours_however_they_are_spelt() {
        for content_type in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            " application/json ; Charset=\"UTF-8\" ; v=1",
        ] {
            assert!(is_utf8_media_type(content_type, "application/json"), "{content_type}");
        }
        for content_type in [
            "",
            "text/event-stream",
            "application/jsonp",
            "application/json, text/plain",
            "application/json;charset=utf-16",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; charset = utf-7",
        ] {
            assert!(!is_utf8_media_type(content_type, "application/json"), "{content_type}");
        }
    }
}
