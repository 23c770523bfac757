//! Registration (RFC 7591) for clients that cannot be told a client id: everybody is the one public client.
//!
//! Nothing is registered and nothing remembered. That all clients share one id gives none of them more than it would have
//! with it in its settings: a code goes to a vetted redirect URI, and only who knows its verifier gets anything for it.

use serde_json::{Map, Value, json};

use super::{Facade, Refusal, redirect_uri};
use crate::json;

/// Of a whole registration, in bytes.
pub const LONGEST_REGISTRATION: usize = 16 * 1024;
const LONGEST_TEXT: usize = 2048;
const MOST_ENTRIES: usize = 32;
const MOST_MEMBERS: usize = 64;

/// Answers a registration: the client's metadata as they are here.
///
/// # Errors
/// [`Refusal`].
pub fn register(body: &[u8], facade: &Facade) -> Result<Value, Refusal> {
    if !facade.registers {
        return Err(Refusal::RegistrationOff);
    }
    if body.len() > LONGEST_REGISTRATION {
        return Err(Refusal::RegistrationTooLong);
    }
    let document = json::parse(body).map_err(|_| Refusal::RegistrationRefused)?;
    let members = document.as_object().filter(|members| members.len() <= MOST_MEMBERS);
    let members = members.ok_or(Refusal::RegistrationRefused)?;
    let redirects = texts(members, "redirect_uris")?.filter(|list| !list.is_empty());
    let redirects = redirects.ok_or(Refusal::RegistrationRedirectUri)?;
    for (name, needed) in [("grant_types", "authorization_code"), ("response_types", "code")] {
        let list = texts(members, name)?;
        if list.is_some_and(|list| !list.contains(&needed)) {
            return Err(Refusal::RegistrationRefused);
        }
    }
    for name in ["token_endpoint_auth_method", "client_name", "scope", "application_type"] {
        text(members, name)?;
    }
    for uri in &redirects {
        redirect_uri::vet(uri, &facade.redirects).map_err(|_| Refusal::RegistrationRedirectUri)?;
    }
    // What is not as it was asked for is told (RFC 7591 §3.2.1): above all, whoever asked for a secret has none. What
    // nobody looked at (names, logos, contacts) is not repeated.
    Ok(json!({
        "client_id": facade.client_id,
        "redirect_uris": redirects,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }))
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, Refusal> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= LONGEST_TEXT => Ok(Some(text)),
        Some(_) => Err(Refusal::RegistrationRefused),
    }
}

fn texts<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<Vec<&'m str>>, Refusal> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) if list.len() <= MOST_ENTRIES => {
            let entry = |value: &'m Value| value.as_str().filter(|text| text.len() <= LONGEST_TEXT);
            let list: Option<Vec<_>> = list.iter().map(entry).collect();
            list.map(Some).ok_or(Refusal::RegistrationRefused)
        }
        Some(_) => Err(Refusal::RegistrationRefused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::example::{CLIENT, example};

    fn asked(change: impl Fn(&mut Value)) -> Result<Value, Refusal> {
        let mut body = json!({
            "client_name": "Cursor", "client_uri": "https://evil.example",
            "redirect_uris": ["http://localhost:8787/callback", "cursor://anysphere.cursor-mcp/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        change(&mut body);
        register(body.to_string().as_bytes(), &example())
    }

    #[test]
    fn a_client_gets_the_registered_id_and_is_told_what_it_may() {
        let expected = json!({
            "client_id": CLIENT,
            "redirect_uris": ["http://localhost:8787/callback", "cursor://anysphere.cursor-mcp/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        assert_eq!(asked(|_| {}).as_ref(), Ok(&expected));
        for method in ["client_secret_basic", "client_secret_post", "private_key_jwt"] {
            let answer = asked(|body| body["token_endpoint_auth_method"] = json!(method));
            assert_eq!(answer.as_ref(), Ok(&expected), "{method}");
        }
        assert_eq!(
            asked(|body| body["grant_types"] = json!(["authorization_code", "implicit"])).as_ref(),
            Ok(&expected)
        );
        let bare = json!({"redirect_uris": ["http://127.0.0.1:1/callback"]});
        assert!(register(bare.to_string().as_bytes(), &example()).is_ok());
        let off = Facade { registers: false, ..example() };
        let refused = register(bare.to_string().as_bytes(), &off);
        assert_eq!(refused, Err(Refusal::RegistrationOff));
    }

    #[test]
    fn one_redirect_uri_that_nobody_knows_turns_all_away() {
        for uris in [
            json!(["http://localhost:8787/callback", "https://evil.example/callback"]),
            json!(["http://localhost.evil/callback"]),
            json!([""]),
            json!([]),
            json!(null),
        ] {
            let refused = asked(|body| body["redirect_uris"] = uris.clone());
            assert_eq!(refused, Err(Refusal::RegistrationRedirectUri), "{uris}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_is_without_measure_is_refused() {
        for (name, value) in [
            ("redirect_uris", json!("http://localhost:8787/callback")),
            ("redirect_uris", json!([1])),
            ("redirect_uris", json!(vec!["http://localhost:8787/callback"; 33])),
            ("redirect_uris", json!([format!("http://localhost/{}", "x".repeat(2048))])),
            ("grant_types", json!(["client_credentials"])),
            ("grant_types", json!("authorization_code")),
            ("grant_types", json!([])),
            ("response_types", json!(["token"])),
            ("token_endpoint_auth_method", json!(["none"])),
            ("client_name", json!({"en": "x"})),
            ("client_name", json!("x".repeat(2049))),
            ("scope", json!(1)),
        ] {
            let refused = asked(|body| body[name] = value.clone());
            assert_eq!(refused, Err(Refusal::RegistrationRefused), "{name} {value}");
        }
        let many: Map<String, Value> = (0..65).map(|at| (at.to_string(), json!(1))).collect();
        for body in [
            "".to_owned(),
            "[]".to_owned(),
            "{".to_owned(),
            "{\"redirect_uris\":[],\"redirect_uris\":[\"http://localhost/callback\"]}".to_owned(),
            Value::Object(many).to_string(),
            format!("{}{}", "[".repeat(300), "]".repeat(300)),
        ] {
            let refused = register(body.as_bytes(), &example());
            assert_eq!(refused, Err(Refusal::RegistrationRefused), "{body}");
        }
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(LONGEST_REGISTRATION));
        assert_eq!(register(long.as_bytes(), &example()), Err(Refusal::RegistrationTooLong));
    }
}
