//! `prompt`: whether a person sees a page before a code is sent on.
//!
//! Who starts a login and who signs in need not be the same person. At a loopback address the code comes to a program of
//! whoever sits before the browser. Anywhere else it goes to somebody's server or to an app that a link opens, and the
//! login may be a stranger's: their `state`, their challenge, and a link that they sent. There nobody is signed in without
//! a page of the identity provider's.

use super::{Refusal, VettedRedirectUri};

/// The page on which a person says who they are; a click that says nothing is not enough.
const SELECT_ACCOUNT: &str = "select_account";

/// What the identity provider is sent: `None` is no `prompt` at all.
///
/// # Errors
/// [`Refusal::PromptMalformed`], [`Refusal::PromptNone`].
pub(super) fn prompt(
    asked: Option<&str>,
    redirect: &VettedRedirectUri,
) -> Result<Option<String>, Refusal> {
    let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let words = asked.unwrap_or_default().split(' ').filter(|word| !word.is_empty());
    let mut words: Vec<&str> = words.collect();
    if !words.iter().all(is_word) {
        return Err(Refusal::PromptMalformed);
    }
    if redirect.is_loopback() {
        // An administrator consented for all, and Entra ID would ask each person for what they cannot give.
        words.retain(|word| *word != "consent");
        return Ok((!words.is_empty()).then(|| words.join(" ")));
    }
    if words.contains(&"none") {
        return Err(Refusal::PromptNone);
    }
    // One word, since Entra ID takes no two.
    let page = if words.contains(&"login") { "login" } else { SELECT_ACCOUNT };
    Ok(Some(page.to_owned()))
}

/// Entra ID takes no name with the page on which one is chosen, and a stranger's link must not choose for people.
pub(super) fn lets_nobody_be_named(prompt: Option<&str>, redirect: &VettedRedirectUri) -> bool {
    !redirect.is_loopback() && prompt == Some(SELECT_ACCOUNT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::redirect_uri::{ConfiguredRedirect, vet};

    fn sent(asked: &str, uri: &str) -> Result<Option<String>, Refusal> {
        let own = ["https://chat.example.com/callback", "http://localhost/own"]
            .map(|own| ConfiguredRedirect::parse(own).unwrap());
        prompt((!asked.is_empty()).then_some(asked), &vet(uri, &own).unwrap())
    }

    #[test]
    fn away_from_the_persons_machine_there_is_always_a_page_and_on_it_as_the_client_wants() {
        for uri in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://vscode.dev/redirect",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://chat.example.com/callback",
        ] {
            for (asked, expected) in [
                ("", "select_account"),
                ("consent", "select_account"),
                ("create", "select_account"),
                ("select_account", "select_account"),
                ("consent login", "login"),
                ("login", "login"),
            ] {
                assert_eq!(sent(asked, uri), Ok(Some(expected.to_owned())), "{asked} {uri}");
            }
            for asked in ["none", "none login", "consent none"] {
                assert_eq!(sent(asked, uri), Err(Refusal::PromptNone), "{asked} {uri}");
            }
            assert_eq!(sent("None", uri), Err(Refusal::PromptMalformed), "{uri}");
        }
        for uri in ["http://localhost:3118/callback", "http://127.0.0.1/", "http://[::1]:7/own"] {
            for (asked, expected) in [
                ("", None),
                ("consent", None),
                ("none", Some("none")),
                ("consent login", Some("login")),
                ("select_account", Some("select_account")),
            ] {
                assert_eq!(sent(asked, uri), Ok(expected.map(str::to_owned)), "{asked} {uri}");
            }
            assert_eq!(sent("log-in", uri), Err(Refusal::PromptMalformed), "{uri}");
        }
    }
}
