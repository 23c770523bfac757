//! A person's browser comes with a client's request: where to send it.
//!
//! To the identity provider, with what it takes and nothing else. What it would choke on (`resource`, AADSTS9010010) or
//! stop people with (`prompt=consent`) is left out, once it has been seen to be right. What is wrong goes back to the
//! client only at a redirect URI that is vetted, and else on a page (RFC 6749 §4.1.2.1).

use form_urlencoded::Serializer;

use super::parameters::Parameters;
use super::prompt::{lets_nobody_be_named, prompt};
use super::{Facade, Refusal, VettedRedirectUri};

/// Longer than any query that is meant: VS Code's `state` is a URL.
const LONGEST_QUERY: usize = 8 * 1024;
const LONGEST_STATE: usize = 2048;
/// SHA-256 in base64url without padding (RFC 7636 §4.2).
const CHALLENGE: usize = 43;
/// What is passed on as it is: who it is, how they sign in, and what the client checks afterwards.
const PASSED_ON: [&str; 6] =
    ["nonce", "login_hint", "domain_hint", "max_age", "ui_locales", "claims"];

/// Where a browser goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// On, to the identity provider.
    Onward {
        /// The `Location`.
        location: String,
        /// Where the code will be sent to.
        redirect: VettedRedirectUri,
    },
    /// Back to the client, with an error.
    Back {
        /// The `Location`.
        location: String,
        /// Where that is.
        redirect: VettedRedirectUri,
        /// Why.
        refusal: Refusal,
    },
    /// Nowhere: a page says why.
    Nowhere(Refusal),
}

/// Judges the query of a request, as it was sent.
#[must_use]
pub fn authorize(query: &str, facade: &Facade, authorization_endpoint: &str) -> Authorization {
    let vetted = Parameters::parse(query.as_bytes(), LONGEST_QUERY).and_then(|parameters| {
        facade.check_client(parameters.get("client_id"))?;
        let redirect = facade.vet(parameters.get("redirect_uri"))?;
        let state = parameters.get("state").map(str::to_owned);
        let is_state = |text: &String| {
            text.len() <= LONGEST_STATE && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        };
        if !state.iter().all(is_state) {
            return Err(Refusal::StateRefused);
        }
        Ok((parameters, redirect, state))
    });
    // INVARIANT: until here nothing is sent to the client's redirect URI.
    let (parameters, redirect, state) = match vetted {
        Ok(vetted) => vetted,
        Err(refusal) => return Authorization::Nowhere(refusal),
    };
    let asked = Asked { parameters: &parameters, redirect: &redirect, state: state.as_deref() };
    match asked.onward(facade, authorization_endpoint) {
        Ok(location) => Authorization::Onward { location, redirect },
        Err(refusal) => {
            let location = back(&redirect, state.as_deref(), refusal);
            Authorization::Back { location, redirect, refusal }
        }
    }
}

/// The client's own place, with an error in it. Without `iss`: our metadata do not promise it, and a code that comes from
/// the identity provider has none (RFC 9207).
fn back(redirect: &VettedRedirectUri, state: Option<&str>, refusal: Refusal) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("error", refusal.error());
    query.append_pair("error_description", refusal.description());
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    let separator = if redirect.as_str().contains('?') { '&' } else { '?' };
    format!("{}{separator}{}", redirect.as_str(), query.finish())
}

/// A request whose client and redirect URI are known.
struct Asked<'a> {
    parameters: &'a Parameters,
    redirect: &'a VettedRedirectUri,
    state: Option<&'a str>,
}

impl Asked<'_> {
    fn onward(&self, facade: &Facade, authorization_endpoint: &str) -> Result<String, Refusal> {
        let get = |name| self.parameters.get(name);
        for (name, refusal) in
            [("request", Refusal::RequestObject), ("request_uri", Refusal::RequestUri)]
        {
            if self.parameters.has(name) {
                return Err(refusal);
            }
        }
        match get("response_type") {
            Some("code") => {}
            Some(_) => return Err(Refusal::ResponseTypeRefused),
            None => return Err(Refusal::ResponseTypeMissing),
        }
        if get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(Refusal::ResponseModeRefused);
        }
        let challenge = self.code_challenge()?;
        let resource = facade.resources.named(self.parameters.resource()?)?;
        let scope = resource.scopes_to_ask_for(get("scope"))?;
        let prompt = prompt(get("prompt"), self.redirect)?;
        let is_anybodys = lets_nobody_be_named(prompt.as_deref(), self.redirect);

        let mut query = Serializer::new(String::new());
        query.extend_pairs([
            ("client_id", facade.client_id.as_str()),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("redirect_uri", self.redirect.as_str()),
            ("scope", &scope),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        if let Some(state) = self.state {
            query.append_pair("state", state);
        }
        if let Some(prompt) = &prompt {
            query.append_pair("prompt", prompt);
        }
        for name in PASSED_ON.into_iter().filter(|name| !is_anybodys || *name != "login_hint") {
            if let Some(value) = get(name) {
                query.append_pair(name, value);
            }
        }
        Ok(format!("{authorization_endpoint}?{}", query.finish()))
    }

    fn code_challenge(&self) -> Result<&str, Refusal> {
        let challenge = self.parameters.get("code_challenge").ok_or(Refusal::PkceMissing)?;
        // Left out, it would be `plain` (RFC 7636 §4.3).
        if self.parameters.get("code_challenge_method") != Some("S256") {
            return Err(Refusal::PkceMethodRefused);
        }
        let is_base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let is_digest = challenge.len() == CHALLENGE && challenge.bytes().all(is_base64url);
        if is_digest { Ok(challenge) } else { Err(Refusal::PkceChallengeMalformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::example::{API, CLIENT, example};

    const ENDPOINT: &str = "https://login.example/t/oauth2/v2.0/authorize";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    /// A good request with parameters replaced; an empty value leaves one out.
    fn query(changes: &[(&str, &str)]) -> String {
        let mut all = vec![
            ("client_id", CLIENT),
            ("response_type", "code"),
            ("redirect_uri", "http://localhost:3118/callback"),
            ("state", "s t&ate"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", "https://mcp.example.com/mcp"),
            ("scope", "access_as_user"),
        ];
        for change in changes {
            all.retain(|(name, _)| name != &change.0);
            all.push(*change);
        }
        Serializer::new(String::new()).extend_pairs(all).finish()
    }

    fn pairs(location: &str, before: &str) -> Vec<(String, String)> {
        let query = location.strip_prefix(before).unwrap().strip_prefix('?').unwrap();
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    #[test]
    fn a_good_request_goes_on_with_what_the_identity_provider_takes_and_nothing_else() {
        let asked = query(&[
            ("prompt", "consent login"),
            ("login_hint", "alice@contoso.example"),
            ("nonce", "n"),
            ("utm", "x"),
            ("iss", "https://evil"),
            ("response_mode", "query"),
        ]);
        let Authorization::Onward { location, redirect } = authorize(&asked, &example(), ENDPOINT)
        else {
            panic!("not sent on")
        };
        assert_eq!(redirect.client(), "loopback /callback");
        let expected = [
            ("client_id", CLIENT),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("redirect_uri", "http://localhost:3118/callback"),
            ("scope", &format!("api://{API}/access_as_user offline_access")),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "s t&ate"),
            ("prompt", "login"),
            ("nonce", "n"),
            ("login_hint", "alice@contoso.example"),
        ];
        let expected: Vec<_> =
            expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(pairs(&location, ENDPOINT), expected);
        // Consent alone is no prompt at all.
        let Authorization::Onward { location, .. } =
            authorize(&query(&[("prompt", "consent")]), &example(), ENDPOINT)
        else {
            panic!("not sent on")
        };
        assert!(!location.contains("prompt"), "{location}");
    }

    #[test]
    fn a_login_that_ends_on_a_server_shows_a_page_and_names_nobody() {
        const HOSTED: &str = "https://vscode.dev/redirect";
        let hint = ("login_hint", "alice@contoso.example");
        for (redirect, asked, sent, names) in [
            (HOSTED, "", Some("select_account"), false),
            (HOSTED, "login", Some("login"), true),
            ("http://localhost:1/callback", "", None, true),
            ("http://localhost:1/callback", "none", Some("none"), true),
        ] {
            let asked = query(&[("redirect_uri", redirect), ("prompt", asked), hint]);
            let decided = authorize(&asked, &example(), ENDPOINT);
            let Authorization::Onward { location, .. } = decided else { panic!("{decided:?}") };
            let told = pairs(&location, ENDPOINT);
            let prompt = told.iter().find(|(name, _)| name == "prompt");
            assert_eq!(prompt.map(|(_, value)| value.as_str()), sent, "{asked}");
            assert_eq!(told.iter().any(|(name, _)| name == "login_hint"), names, "{asked}");
        }
        let silent = query(&[("redirect_uri", HOSTED), ("prompt", "none")]);
        let decided = authorize(&silent, &example(), ENDPOINT);
        let Authorization::Back { location, refusal, .. } = decided else { panic!("{decided:?}") };
        assert_eq!(refusal, Refusal::PromptNone);
        assert_eq!(pairs(&location, HOSTED)[0].1, "interaction_required");
    }

    #[test]
    fn until_the_redirect_uri_is_known_nobody_is_sent_there() {
        for (changes, refusal) in [
            (&[("client_id", "")][..], Refusal::ClientUnknown),
            (&[("client_id", "cccccccc-0000-4000-8000-000000000002")], Refusal::ClientUnknown),
            (&[("redirect_uri", "")], Refusal::RedirectUriMissing),
            (&[("redirect_uri", "https://evil.example/callback")], Refusal::RedirectUriRefused),
            (&[("state", &"s".repeat(2049))], Refusal::StateRefused),
            (&[("state", "\u{e9}")], Refusal::StateRefused),
            (&[("state", "a\nb")], Refusal::Malformed),
            (&[("x", &"x".repeat(8192))], Refusal::TooLong),
        ] {
            let decided = authorize(&query(changes), &example(), ENDPOINT);
            assert_eq!(decided, Authorization::Nowhere(refusal), "{changes:?}");
        }
        let twice = format!("{}&redirect_uri=https://evil.example", query(&[]));
        let decided = authorize(&twice, &example(), ENDPOINT);
        assert_eq!(decided, Authorization::Nowhere(Refusal::Repeated));
        assert!(matches!(
            authorize(&query(&[("state", &"s".repeat(2048))]), &example(), ENDPOINT),
            Authorization::Onward { .. }
        ));
    }

    #[test]
    fn what_else_is_wrong_is_told_to_the_client_with_its_state_and_without_iss() {
        for (changes, expected) in [
            (&[("response_type", "")][..], Refusal::ResponseTypeMissing),
            (&[("response_type", "token")], Refusal::ResponseTypeRefused),
            (&[("response_type", "code id_token")], Refusal::ResponseTypeRefused),
            (&[("response_mode", "fragment")], Refusal::ResponseModeRefused),
            (&[("response_mode", "form_post")], Refusal::ResponseModeRefused),
            (&[("code_challenge", "")], Refusal::PkceMissing),
            (&[("code_challenge_method", "")], Refusal::PkceMethodRefused),
            (&[("code_challenge_method", "plain")], Refusal::PkceMethodRefused),
            (&[("code_challenge_method", "s256")], Refusal::PkceMethodRefused),
            (&[("code_challenge", &CHALLENGE[1..])], Refusal::PkceChallengeMalformed),
            (
                &[("code_challenge", &format!("{}=", &CHALLENGE[1..]))],
                Refusal::PkceChallengeMalformed,
            ),
            (&[("resource", "https://evil.example/mcp")], Refusal::ResourceUnknown),
            (&[("resource", "https://mcp.example.com/mcp/")], Refusal::ResourceUnknown),
            (&[("scope", "api://other/x")], Refusal::ScopeForeign),
            (&[("scope", "a\"b")], Refusal::ScopeMalformed),
            (&[("prompt", "log-in")], Refusal::PromptMalformed),
            (&[("request", "e30.e30.")], Refusal::RequestObject),
            (&[("request_uri", "https://evil.example/r")], Refusal::RequestUri),
        ] {
            let decided = authorize(&query(changes), &example(), ENDPOINT);
            let Authorization::Back { location, refusal, .. } = decided else {
                panic!("{changes:?}: {decided:?}")
            };
            assert_eq!(refusal, expected, "{changes:?}");
            let told = pairs(&location, "http://localhost:3118/callback");
            let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["error", "error_description", "state"], "{changes:?}");
            assert_eq!(told[0].1, refusal.error());
            assert_eq!(told[2].1, "s t&ate");
        }
        let twice = format!("{}&resource=https://mcp.example.com/mcp", query(&[]));
        let decided = authorize(&twice, &example(), ENDPOINT);
        let Authorization::Back { refusal, .. } = decided else { panic!("{decided:?}") };
        assert_eq!(refusal, Refusal::ResourceRepeated);
        let decided = authorize(&query(&[("resource", "")]), &example(), ENDPOINT);
        assert!(matches!(decided, Authorization::Onward { .. }), "the only resource there is");
    }
}
