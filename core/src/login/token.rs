//! A client's request for tokens, as it goes on to the identity provider.
//!
//! Nothing is added that would prove anything: the code, its verifier and the refresh token are the client's, and the
//! identity provider judges them.

use form_urlencoded::Serializer;

use super::parameters::Parameters;
use super::{Facade, Refusal};

/// Codes and refresh tokens of Entra ID have some thousand characters.
pub const LONGEST_FORM: usize = 32 * 1024;
/// RFC 7636 §4.1.
const VERIFIER: std::ops::RangeInclusive<usize> = 43..=128;
/// What proves a client that is not public.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// What is brought for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// RFC 6749 §4.1.3.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
}

impl Grant {
    /// As `grant_type` and logs have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// A request that may go on. Its form holds secrets of the person's: no `Debug`.
pub struct TokenRequest {
    /// What is brought.
    pub grant: Grant,
    /// The body for the identity provider.
    pub form: String,
}

/// Judges a request's body, as it was sent; `is_form` and `has_authorization` tell of its headers.
///
/// # Errors
/// [`Refusal`].
pub fn token_request(
    is_form: bool,
    has_authorization: bool,
    body: &[u8],
    facade: &Facade,
) -> Result<TokenRequest, Refusal> {
    if !is_form {
        return Err(Refusal::ContentType);
    }
    let parameters = Parameters::parse(body, LONGEST_FORM)?;
    let get = |name| parameters.get(name);
    if has_authorization || CREDENTIALS.iter().any(|name| parameters.has(name)) {
        return Err(Refusal::CredentialRefused);
    }
    facade.check_client(get("client_id"))?;
    let grant = match get("grant_type") {
        Some("authorization_code") => Grant::AuthorizationCode,
        Some("refresh_token") => Grant::RefreshToken,
        Some(_) => return Err(Refusal::GrantRefused),
        None => return Err(Refusal::GrantMissing),
    };
    let resource = facade.resources.named(parameters.resource()?)?;
    let mut form = Serializer::new(String::new());
    form.append_pair("client_id", &facade.client_id);
    form.append_pair("grant_type", grant.as_str());
    match grant {
        Grant::AuthorizationCode => {
            let redirect = facade.vet(get("redirect_uri"))?;
            form.append_pair("redirect_uri", redirect.as_str());
            form.append_pair("code", get("code").ok_or(Refusal::CodeMissing)?);
            form.append_pair("code_verifier", code_verifier(get("code_verifier"))?);
        }
        Grant::RefreshToken => {
            let token = get("refresh_token").ok_or(Refusal::RefreshTokenMissing)?;
            form.append_pair("refresh_token", token);
        }
    }
    // Always: Entra ID's refresh tokens are good for any API, a scope that is left out or bare may become Microsoft
    // Graph's, and a code of one resource's must not be redeemed as another's (RFC 8707 §2.2).
    form.append_pair("scope", &resource.scopes_to_ask_for(get("scope"))?);
    Ok(TokenRequest { grant, form: form.finish() })
}

fn code_verifier(verifier: Option<&str>) -> Result<&str, Refusal> {
    let verifier = verifier.ok_or(Refusal::VerifierMissing)?;
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let is_one = VERIFIER.contains(&verifier.len()) && verifier.bytes().all(is_unreserved);
    if is_one { Ok(verifier) } else { Err(Refusal::VerifierMalformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::example::{API, CLIENT, example};

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn form(grant: Grant, changes: &[(&str, &str)]) -> String {
        let mut all = match grant {
            Grant::AuthorizationCode => vec![
                ("grant_type", "authorization_code"),
                ("code", "c o+de"),
                ("redirect_uri", "http://localhost:3118/callback"),
                ("code_verifier", VERIFIER),
            ],
            Grant::RefreshToken => vec![("grant_type", "refresh_token"), ("refresh_token", "r")],
        };
        all.extend([("client_id", CLIENT), ("resource", "https://mcp.example.com/mcp")]);
        for change in changes {
            all.retain(|(name, _)| name != &change.0);
            all.push(*change);
        }
        Serializer::new(String::new()).extend_pairs(all).finish()
    }

    fn sent(grant: Grant, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let request =
            token_request(true, false, form(grant, changes).as_bytes(), &example()).ok().unwrap();
        assert_eq!(request.grant, grant);
        form_urlencoded::parse(request.form.as_bytes()).into_owned().collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_code_goes_on_with_its_verifier_and_both_with_the_resources_scopes() {
        let scope = format!("api://{API}/access_as_user offline_access");
        let code = [
            ("client_id", CLIENT),
            ("grant_type", "authorization_code"),
            ("redirect_uri", "http://localhost:3118/callback"),
            ("code", "c o+de"),
            ("code_verifier", VERIFIER),
            ("scope", scope.as_str()),
        ];
        for changes in [
            &[("utm", "x"), ("client_secret", "")][..],
            &[("scope", "access_as_user")],
            &[("resource", "")],
        ] {
            assert_eq!(sent(Grant::AuthorizationCode, changes), owned(&code), "{changes:?}");
        }
        let refresh = [
            ("client_id", CLIENT),
            ("grant_type", "refresh_token"),
            ("refresh_token", "r"),
            ("scope", scope.as_str()),
        ];
        for changes in [&[][..], &[("scope", "access_as_user")], &[("resource", "")]] {
            assert_eq!(sent(Grant::RefreshToken, changes), owned(&refresh), "{changes:?}");
        }
    }

    #[test]
    fn what_is_no_request_of_the_public_client_goes_nowhere() {
        use Grant::{AuthorizationCode as Code, RefreshToken as Refresh};
        for (grant, changes, refusal) in [
            (Code, &[("client_id", "")][..], Refusal::ClientUnknown),
            (Code, &[("client_id", API)], Refusal::ClientUnknown),
            (Code, &[("client_secret", "s")], Refusal::CredentialRefused),
            (Refresh, &[("client_assertion", "a.b.c")], Refusal::CredentialRefused),
            (Code, &[("grant_type", "")], Refusal::GrantMissing),
            (Code, &[("grant_type", "client_credentials")], Refusal::GrantRefused),
            (Code, &[("grant_type", "password")], Refusal::GrantRefused),
            (
                Code,
                &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")],
                Refusal::GrantRefused,
            ),
            (Code, &[("code", "")], Refusal::CodeMissing),
            (Code, &[("code_verifier", "")], Refusal::VerifierMissing),
            (Code, &[("code_verifier", &VERIFIER[1..])], Refusal::VerifierMalformed),
            (Code, &[("code_verifier", &"v".repeat(129))], Refusal::VerifierMalformed),
            (Code, &[("code_verifier", &"v ".repeat(30))], Refusal::VerifierMalformed),
            (Code, &[("redirect_uri", "")], Refusal::RedirectUriMissing),
            (Code, &[("redirect_uri", "https://evil.example/c")], Refusal::RedirectUriRefused),
            (Code, &[("resource", "https://evil.example/mcp")], Refusal::ResourceUnknown),
            (Code, &[("scope", "https://graph.microsoft.com/.default")], Refusal::ScopeForeign),
            (Refresh, &[("refresh_token", "")], Refusal::RefreshTokenMissing),
            (Refresh, &[("scope", "https://graph.microsoft.com/.default")], Refusal::ScopeForeign),
            (Refresh, &[("x", &"x".repeat(LONGEST_FORM))], Refusal::TooLong),
        ] {
            let body = form(grant, changes);
            let decided = token_request(true, false, body.as_bytes(), &example());
            assert_eq!(decided.err(), Some(refusal), "{changes:?}");
        }
        let good = form(Code, &[]);
        let decided = |is_form, has_authorization, body: &str| {
            token_request(is_form, has_authorization, body.as_bytes(), &example()).err()
        };
        assert_eq!(decided(true, false, &good), None);
        assert_eq!(decided(false, false, &good), Some(Refusal::ContentType));
        assert_eq!(decided(true, true, &good), Some(Refusal::CredentialRefused));
        assert_eq!(decided(true, false, &format!("{good}&code=x")), Some(Refusal::Repeated));
        let twice = format!("{good}&resource=https://mcp.example.com/mcp");
        assert_eq!(decided(true, false, &twice), Some(Refusal::ResourceRepeated));
    }
}
