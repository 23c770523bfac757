//! What a plugin says on its standard error: for the person, who may have to open a page or enter a code, and without
//! what may be a credential.

/// What stands in the place of what is not shown.
const REDACTED: &str = "[redacted]";
/// Opaque texts are credentials from about this length on; the codes that people enter are shorter.
const OPAQUE: usize = 40;
/// The longest line that is shown.
const MAX_LINE_CHARS: usize = 2_000;

/// One line, as it may be shown: without control characters, without `secrets`, and without what looks like a token.
pub(super) fn presentable<'a>(line: &str, secrets: impl Iterator<Item = &'a str>) -> String {
    let mut line: String =
        line.chars().filter(|c| !c.is_control() || *c == '\t').take(MAX_LINE_CHARS).collect();
    for secret in secrets.filter(|secret| secret.len() >= 6) {
        line = line.replace(secret, REDACTED);
    }
    line.split_inclusive(|c: char| c.is_whitespace() || "\"'<>(),".contains(c)).map(word).collect()
}

/// A URL is for people to open, and holds no token unless it looks like one; any other long text may be one.
fn word(word: &str) -> String {
    let bare = word.trim_end_matches(|c: char| c.is_whitespace() || "\"'<>(),".contains(c));
    let end = word.get(bare.len()..).unwrap_or_default();
    if bare.starts_with("https://") || bare.starts_with("http://") {
        let parts = bare.split_inclusive(['/', '?', '&', '=', '#']);
        return parts.map(part).collect::<String>() + end;
    }
    let is_path = bare.starts_with(['/', '~', '.']);
    if bare.len() >= OPAQUE && !is_path { format!("{REDACTED}{end}") } else { word.to_owned() }
}

/// A part of a URL: a JWT is a credential wherever it stands.
fn part(part: &str) -> String {
    let is_jwt = part.len() >= OPAQUE && part.starts_with("eyJ");
    if is_jwt { REDACTED.to_owned() } else { part.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_needs_is_shown_and_what_may_be_a_credential_is_not() {
        let jwt = format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", "eyJzdWIiOiJhIn0".repeat(3));
        for (line, shown) in [
            (
                "To sign in, open https://microsoft.com/devicelogin and enter the code ABCD12345."
                    .to_owned(),
                "To sign in, open https://microsoft.com/devicelogin and enter the code ABCD12345."
                    .to_owned(),
            ),
            (
                format!("open https://idp/auth?client_id={}&state=x", "a".repeat(60)),
                format!("open https://idp/auth?client_id={}&state=x", "a".repeat(60)),
            ),
            (format!("got \"{jwt}\", done"), format!("got \"{REDACTED}\", done")),
            (
                format!("see https://x/?id_token={jwt}"),
                format!("see https://x/?id_token={REDACTED}"),
            ),
            (format!("key {}", "k".repeat(OPAQUE)), format!("key {REDACTED}")),
            (
                format!("no file {}", "/very/long".repeat(8)),
                format!("no file {}", "/very/long".repeat(8)),
            ),
            ("password hunter22 is wrong".to_owned(), format!("password {REDACTED} is wrong")),
            ("\u{1b}[31mred\u{7}".to_owned(), "[31mred".to_owned()),
        ] {
            assert_eq!(presentable(&line, ["hunter22", "a"].into_iter()), shown);
        }
        let long = presentable(&"word ".repeat(10_000), [].into_iter());
        assert_eq!(long.chars().count(), MAX_LINE_CHARS);
    }
}
