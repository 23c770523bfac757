//! Where codes may be sent to, and how.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::directory::App;
use super::page;

/// How parameters reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Query,
    Fragment,
    FormPost,
}

impl Mode {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }
}

/// A vetted redirect URI, and what goes there besides the answer.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) uri: String,
    pub(super) mode: Mode,
    pub(super) state: Option<String>,
}

impl Target {
    /// Sends the browser there.
    pub(super) fn send(&self, parameters: &[(&str, &str)]) -> Response {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all: Vec<(&str, &str)> = parameters.iter().copied().chain(state).collect();
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&all).finish();
        let separator = match self.mode {
            Mode::FormPost => return page::form_post(&self.uri, &all),
            Mode::Fragment => '#',
            Mode::Query if self.uri.contains('?') => '&',
            Mode::Query => '?',
        };
        let location = format!("{}{separator}{encoded}", self.uri);
        (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
    }
}

/// Whether the client registered this redirect URI: to the letter, but for the port of `http://localhost`
/// and `http://127.0.0.1` when the client is public.
pub(super) fn is_registered(client: &App, uri: &str) -> bool {
    let portless = |uri: &str| -> Option<(String, String)> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
        let loopback = matches!(host, "localhost" | "127.0.0.1") && port.parse::<u16>().is_ok();
        loopback.then(|| (host.to_owned(), path.to_owned()))
    };
    client.redirect_uris.iter().any(|registered| {
        registered == uri
            || (client.public && portless(uri).is_some() && portless(uri) == portless(registered))
    })
}

#[cfg(test)]
mod tests {
    use super::super::directory::Directory;
    use super::*;

    #[test]
    fn a_public_client_chooses_its_loopback_port_and_nothing_else() {
        let mut directory = Directory::example();
        let client = directory.app_mut("mcp-client");
        client.redirect_uris = vec![
            "http://localhost/callback".to_owned(),
            "http://127.0.0.1:1234/".to_owned(),
            "https://app.example/callback".to_owned(),
        ];
        let registered = |client: &App, uri| is_registered(client, uri);
        for uri in [
            "http://localhost/callback",
            "http://localhost:50000/callback",
            "http://127.0.0.1:1/",
            "https://app.example/callback",
        ] {
            assert!(registered(client, uri), "{uri}");
        }
        for uri in [
            "http://localhost:50000/",
            "http://localhost:50000/callback/",
            "http://localhost:50000/Callback",
            "http://localhost:x/callback",
            "http://localhost:1@evil.example/callback",
            "http://localhost.evil.example/callback",
            "http://[::1]:50000/callback",
            "https://localhost:50000/callback",
            "https://app.example:444/callback",
            "http://127.0.0.1:1/callback",
        ] {
            assert!(!registered(client, uri), "{uri}");
        }
        client.public = false;
        assert!(registered(client, "http://localhost/callback"));
        assert!(!registered(client, "http://localhost:50000/callback"));
    }
}
