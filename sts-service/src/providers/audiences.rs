//! The audiences of a token that we refuse, as the log may have them: whoever set up the identity provider chose them, or
//! whoever asked, and anybody may write anything.

use secrecy::SecretString;

use super::echo;

/// More of them help nobody.
const MOST: usize = 8;
/// Names and URIs are shorter, and tokens longer.
const MAX_CHARS: usize = 128;

/// As an array of JSON. What is too long to be a name is shown as its length, and the token that was exchanged not at all.
pub(super) fn shown(audiences: &[String], subject_token: &SecretString) -> String {
    let mut shown: Vec<_> = audiences
        .iter()
        .take(MOST)
        .map(|audience| match audience.chars().count() {
            length if length > MAX_CHARS => format!("[{length} characters]"),
            _ => audience.clone(),
        })
        .collect();
    if let Some(more) = audiences.len().checked_sub(MOST).filter(|more| *more > 0) {
        shown.push(format!("[{more} more]"));
    }
    let text = serde_json::to_vec(&shown).unwrap_or_default();
    let text = echo::without(&text, std::iter::once(subject_token));
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(audiences: &[&str]) -> String {
        let audiences: Vec<_> = audiences.iter().map(|audience| (*audience).to_owned()).collect();
        shown(&audiences, &SecretString::from("a.b.c"))
    }

    #[test]
    fn names_are_shown_and_neither_tokens_nor_novels() {
        assert_eq!(of(&[]), "[]");
        assert_eq!(of(&["kubernetes", "a \"b\"\n"]), r#"["kubernetes","a \"b\"\n"]"#);
        assert_eq!(of(&[&"\u{e4}".repeat(128)]), format!("[\"{}\"]", "\u{e4}".repeat(128)));
        assert_eq!(of(&[&"x".repeat(129), "y"]), r#"["[129 characters]","y"]"#);
        assert_eq!(of(&["is a.b.c", "a%2Eb.c", "a.b"]), r#"["is [redacted]","[redacted]","a.b"]"#);
        assert_eq!(of(&["x"; 8]).matches('x').count(), 8);
        let nine = of(&["x"; 10]);
        assert_eq!(nine.matches('x').count(), 8);
        assert!(nine.ends_with(r#","[2 more]"]"#), "{nine}");
        let long = "\u{1}".repeat(128);
        assert!(of(&[long.as_str(); 100]).len() < 8 * 6 * 140);
    }
}
