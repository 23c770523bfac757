//! Where authorization codes may be sent to: the redirect URIs of the clients that people use, and those that an
//! operator adds.
//!
//! Compared byte for byte (RFC 9700 §4.1.3), but for the port of a loopback address, which a native client cannot choose
//! beforehand (RFC 8252 §7.3). Nothing is parsed, decoded or normalised first: a spelling that some reader takes for
//! another place is not the one in the table.

/// What a client is known to send as its redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRedirect {
    /// The client's name, as people know it.
    pub client: &'static str,
    /// Where it wants the code.
    pub place: Place,
    /// Where that is written.
    pub source: &'static str,
}

/// A place where a code may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `http` at a loopback address, on any port.
    Loopback {
        /// Host and usual port, as the client writes them.
        usual: &'static str,
        /// The path, compared byte for byte; may be empty.
        path: &'static str,
    },
    /// This URI and no other.
    Exact(&'static str),
}

/// The hosts that are this machine. `localhost` is what most clients write, although RFC 8252 §8.3 would rather have the
/// addresses; Entra ID knows the first two only.
pub const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

const fn loopback(
    client: &'static str,
    usual: &'static str,
    path: &'static str,
    source: &'static str,
) -> KnownRedirect {
    KnownRedirect { client, place: Place::Loopback { usual, path }, source }
}

const fn exact(client: &'static str, uri: &'static str, source: &'static str) -> KnownRedirect {
    KnownRedirect { client, place: Place::Exact(uri), source }
}

/// The clients' redirect URIs. Clients that register themselves send all of theirs at once, so one that is missing here
/// turns the whole client away.
#[rustfmt::skip]
pub const KNOWN_REDIRECTS: &[KnownRedirect] = &[
    // Also the Python and TypeScript SDKs' examples, rmcp's, Codex, and the conformance suite.
    loopback("Claude Code", "localhost:3118", "/callback", "mastra-ai/mastra#19467; port of choice: --callback-port"),
    exact("Claude", "https://claude.ai/api/mcp/auth_callback", "docs.zuora.com: redirect URIs by MCP client"),
    exact("Claude", "https://claude.com/api/mcp/auth_callback", "docs.zuora.com: redirect URIs by MCP client"),
    // With and without the slash, and on a random port if 33418 is taken.
    loopback("VS Code", "127.0.0.1:33418", "/", "microsoft/vscode#278512"),
    loopback("VS Code", "127.0.0.1:33418", "", "microsoft/vscode-docs#8689"),
    exact("VS Code", "https://vscode.dev/redirect", "microsoft/vscode#278512"),
    exact("VS Code Insiders", "https://insiders.vscode.dev/redirect", "microsoft/vscode#278512"),
    // All three at once.
    exact("Cursor", "cursor://anysphere.cursor-mcp/oauth/callback", "cursor.com/docs/mcp; different-ai/openwork#3059"),
    exact("Cursor", "https://www.cursor.com/agents/mcp/oauth/callback", "bytebase/bytebase#20510"),
    loopback("Cursor", "localhost:8787", "/callback", "erp-mafia/accounted#2225"),
    loopback("MCP Inspector", "localhost:6274", "/oauth/callback", "modelcontextprotocol/inspector#801"),
    loopback("MCP Inspector", "localhost:6274", "/oauth/callback/debug", "modelcontextprotocol/inspector#801, #556"),
    loopback("MCP Inspector CLI", "127.0.0.1:6276", "/oauth/callback", "MCP Inspector 2.12.0, seen in a run; --callback-url"),
    loopback("Goose", "127.0.0.1:8456", "/oauth_callback", "aaif-goose/goose#9209: GOOSE_OAUTH_CALLBACK_PORT"),
    loopback("Gemini CLI", "localhost:7777", "/oauth/callback", "docs.zuora.com: redirect URIs by MCP client"),
    loopback("OpenCode", "127.0.0.1:19876", "/mcp/oauth/callback", "anomalyco/opencode#18955"),
];

/// A redirect URI that is in the table, or that the operator wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VettedRedirectUri {
    uri: String,
    client: &'static str,
}

/// What [`VettedRedirectUri::client`] says of an operator's own.
pub const CONFIGURED: &str = "configured";

/// What it says of loopback paths at which several clients listen: none of them is told from the others.
const SHARED: [(&str, &str); 2] =
    [("/callback", "loopback /callback"), ("/oauth/callback", "loopback /oauth/callback")];

/// The redirect URI is nobody's that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the redirect URI is not one that is known")]
pub struct UnknownRedirectUri;

/// Vets a redirect URI, with the operator's own ones besides the table.
///
/// # Errors
/// [`UnknownRedirectUri`] whatever is wrong with it: it is compared, not understood.
pub fn vet(
    uri: &str,
    configured: &[ConfiguredRedirect],
) -> Result<VettedRedirectUri, UnknownRedirectUri> {
    let known = KNOWN_REDIRECTS.iter().find(|known| match known.place {
        Place::Exact(own) => own == uri,
        Place::Loopback { path, .. } => behind_loopback(uri) == Some(path),
    });
    let client = known.map(|known| match known.place {
        Place::Exact(_) => known.client,
        Place::Loopback { path, .. } => {
            let shared = SHARED.iter().find(|(shared, _)| *shared == path);
            shared.map_or(known.client, |(_, label)| label)
        }
    });
    let own = || configured.iter().any(|own| own.is(uri)).then_some(CONFIGURED);
    let client = client.or_else(own).ok_or(UnknownRedirectUri)?;
    Ok(VettedRedirectUri { uri: uri.to_owned(), client })
}

impl VettedRedirectUri {
    /// The URI, as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Whether it is on the machine of whoever is sent there.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        behind_loopback(&self.uri).is_some()
    }

    /// Whose it is: a name from the table, [`CONFIGURED`], or the loopback path if it is several clients'.
    #[must_use]
    pub fn client(&self) -> &'static str {
        self.client
    }
}

/// What follows `http://`, a loopback host and perhaps a port; `None` for any other text.
fn behind_loopback(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("http://")?;
    let rest = LOOPBACK_HOSTS.iter().find_map(|host| rest.strip_prefix(host))?;
    let Some(rest) = rest.strip_prefix(':') else {
        return (rest.is_empty() || rest.starts_with('/')).then_some(rest);
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (port, path) = rest.split_at_checked(end)?;
    let is_port = port.parse::<u16>().is_ok_and(|number| number != 0 && number.to_string() == port);
    is_port.then_some(path)
}

/// A redirect URI that an operator wrote into a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredRedirect(String);

/// Why a text is no redirect URI to be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfiguredRedirectError {
    /// It stands for more than one place.
    #[error("holds a `*`, and a redirect URI is compared byte for byte: write each one out")]
    Wildcard,
    /// RFC 6749 §3.1.2.
    #[error(
        "has a fragment, which no redirect URI may have (RFC 6749 §3.1.2): leave out `#` and what follows"
    )]
    Fragment,
    /// Not encrypted, and not on the person's own machine.
    #[error(
        "is http and no loopback address, so a code would travel in the clear: write https, or http://localhost/… for a \
         client on the person's machine"
    )]
    Http,
    /// No place to send anybody to.
    #[error(
        "is a scheme in which a browser runs or reads something: write the client's https URL, or its own scheme"
    )]
    Scheme,
    /// Anything else.
    #[error(
        "must be an absolute URI of printable ASCII with a lower-case scheme and host, no user information and no \
         backslash, such as https://chat.example.com/oauth/callback"
    )]
    Malformed,
}

impl ConfiguredRedirect {
    /// Reads one.
    ///
    /// # Errors
    /// [`ConfiguredRedirectError`].
    pub fn parse(text: &str) -> Result<Self, ConfiguredRedirectError> {
        if text.contains('*') {
            return Err(ConfiguredRedirectError::Wildcard);
        }
        if text.contains('#') {
            return Err(ConfiguredRedirectError::Fragment);
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte);
        let (scheme, rest) = text.split_once(':').ok_or(ConfiguredRedirectError::Malformed)?;
        // An app's own scheme, a domain's name in reverse, needs no authority (RFC 8252 §7.1).
        let (authority, is_apps) = match rest.strip_prefix("//") {
            Some(rest) => (rest.split(['/', '?']).next().unwrap_or_default(), false),
            None => ("", scheme.contains('.') && rest.starts_with('/')),
        };
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.')
            });
        let is_lower = authority.bytes().all(|byte| !byte.is_ascii_uppercase());
        let is_well_formed = text.bytes().all(is_plain)
            && is_scheme
            && is_lower
            && (is_apps || !authority.is_empty())
            && !authority.contains(['@', '%']);
        if !is_well_formed {
            return Err(ConfiguredRedirectError::Malformed);
        }
        match scheme {
            "http" if behind_loopback(text).is_none() => Err(ConfiguredRedirectError::Http),
            "javascript" | "vbscript" | "data" | "file" | "blob" | "about" | "view-source"
            | "ftp" | "ws" | "wss" | "filesystem" => Err(ConfiguredRedirectError::Scheme),
            _ => Ok(Self(text.to_owned())),
        }
    }

    fn is(&self, uri: &str) -> bool {
        let same_path =
            || behind_loopback(uri).is_some_and(|path| Some(path) == behind_loopback(&self.0));
        self.0 == uri || same_path()
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The redirect URIs to register with an identity provider that leaves a loopback address' port to the client, as Entra
/// ID does: each once, without ports.
#[must_use]
pub fn to_register() -> Vec<String> {
    let mut uris: Vec<String> = Vec::new();
    for known in KNOWN_REDIRECTS {
        let of_place = match known.place {
            Place::Exact(uri) => vec![uri.to_owned()],
            Place::Loopback { path, .. } => {
                // Of the hosts those that Entra ID takes.
                LOOPBACK_HOSTS.iter().take(2).map(|host| format!("http://{host}{path}")).collect()
            }
        };
        for uri in of_place {
            if !uris.contains(&uri) {
                uris.push(uri);
            }
        }
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_taken_and_what_only_looks_like_it_is_not() {
        for (uri, client) in [
            ("http://localhost:3118/callback", "loopback /callback"),
            ("http://localhost/callback", "loopback /callback"),
            ("http://127.0.0.1:50000/callback", "loopback /callback"),
            ("http://[::1]:50000/callback", "loopback /callback"),
            ("http://localhost:65535/callback", "loopback /callback"),
            ("https://claude.ai/api/mcp/auth_callback", "Claude"),
            ("https://claude.com/api/mcp/auth_callback", "Claude"),
            ("http://127.0.0.1:33418", "VS Code"),
            ("http://127.0.0.1:33418/", "VS Code"),
            ("http://127.0.0.1:59656/", "VS Code"),
            ("http://127.0.0.1/", "VS Code"),
            ("https://vscode.dev/redirect", "VS Code"),
            ("https://insiders.vscode.dev/redirect", "VS Code Insiders"),
            ("cursor://anysphere.cursor-mcp/oauth/callback", "Cursor"),
            ("https://www.cursor.com/agents/mcp/oauth/callback", "Cursor"),
            ("http://localhost:8787/callback", "loopback /callback"),
            ("http://localhost:6274/oauth/callback", "loopback /oauth/callback"),
            ("http://localhost:6274/oauth/callback/debug", "MCP Inspector"),
            ("http://127.0.0.1:6276/oauth/callback", "loopback /oauth/callback"),
            ("http://127.0.0.1:41234/oauth_callback", "Goose"),
            ("http://127.0.0.1:19876/mcp/oauth/callback", "OpenCode"),
        ] {
            assert_eq!(vet(uri, &[]).map(|vetted| vetted.client()), Ok(client), "{uri}");
        }
        for uri in [
            "",
            "/callback",
            "//localhost/callback",
            "http://localhost:3118/Callback",
            "http://localhost:3118/callback/",
            "http://localhost:3118//callback",
            "http://localhost:3118/callback?x=1",
            "http://localhost:3118/callback#x",
            "http://localhost:3118/callback ",
            " http://localhost:3118/callback",
            "http://localhost:3118/callback\n",
            "http://localhost:3118/x/../callback",
            "http://localhost:3118/%63allback",
            "http://localhost:3118\\callback",
            "http://localhost:03118/callback",
            "http://localhost:0/callback",
            "http://localhost:65536/callback",
            "http://localhost:+80/callback",
            "http://localhost:/callback",
            "http://localhost:x/callback",
            "http://localhost:80:80/callback",
            "http://localhost:80@evil.example/callback",
            "http://localhost@evil.example/callback",
            "http://u:p@localhost:80/callback",
            "http://localhost.evil.example/callback",
            "http://localhost.:80/callback",
            "http://LOCALHOST:80/callback",
            "HTTP://localhost:80/callback",
            "https://localhost:80/callback",
            "http://localhostevil/callback",
            "http://evil.example/callback",
            "http://evil.example#localhost/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://127.1:80/callback",
            "http://127.0.0.2:80/callback",
            "http://0.0.0.0:80/callback",
            "http://2130706433:80/callback",
            "http://[::ffff:127.0.0.1]:80/callback",
            "http://[0:0:0:0:0:0:0:1]:80/callback",
            "http://[::1/callback",
            "https://claude.ai/api/mcp/auth_callback/",
            "https://claude.ai/api/mcp/auth_callback.evil",
            "https://claude.ai:443/api/mcp/auth_callback",
            "https://claude.ai./api/mcp/auth_callback",
            "https://Claude.ai/api/mcp/auth_callback",
            "https://claude.ai.evil.example/api/mcp/auth_callback",
            "https://claude.ai@evil.example/api/mcp/auth_callback",
            "https://evil.example/claude.ai/api/mcp/auth_callback",
            "http://claude.ai/api/mcp/auth_callback",
            "https://claude.ai/api/mcp/../mcp/auth_callback",
            "https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback",
            "https://cl\u{430}ude.ai/api/mcp/auth_callback",
            "https://vscode.dev/redirect?target=evil",
            "https://vscode.dev.evil.example/redirect",
            "https://evilvscode.dev/redirect",
            "cursor://anysphere.cursor-mcp/oauth/callback2",
            "cursor://evil/oauth/callback",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert_eq!(vet(uri, &[]), Err(UnknownRedirectUri), "{uri:?}");
        }
    }

    #[test]
    fn an_operators_own_are_taken_to_the_letter_and_only_where_they_are_safe() {
        let own = [
            "https://chat.example.com/oauth/callback",
            "http://localhost:9/own",
            "app://x/y",
            "com.example.app:/oauth",
        ]
        .map(|text| ConfiguredRedirect::parse(text).unwrap());
        for (uri, taken) in [
            ("https://chat.example.com/oauth/callback", true),
            ("https://chat.example.com/oauth/callback/", false),
            ("https://chat.example.com:443/oauth/callback", false),
            ("http://localhost:1234/own", true),
            ("http://127.0.0.1:1234/own", true),
            ("http://localhost:1234/other", false),
            ("app://x/y", true),
            ("app://x/z", false),
            ("com.example.app:/oauth", true),
            ("com.example.app://oauth", false),
            ("com.example.app:/oauth/", false),
        ] {
            assert_eq!(vet(uri, &own).is_ok(), taken, "{uri}");
            assert!(vet(uri, &[]).is_err(), "{uri}");
        }
        use ConfiguredRedirectError as E;
        for (text, error) in [
            ("https://*.example.com/callback", E::Wildcard),
            ("http://localhost:*/callback", E::Wildcard),
            ("https://a.example/c#x", E::Fragment),
            ("http://chat.example.com/callback", E::Http),
            ("http://localhost.example.com/callback", E::Http),
            ("http://localhost:0/callback", E::Http),
            ("javascript://x/%0aalert(1)", E::Scheme),
            ("data://x", E::Scheme),
            ("https://u:p@a.example/c", E::Malformed),
            ("https://A.example/c", E::Malformed),
            ("HTTPS://a.example/c", E::Malformed),
            ("https:///c", E::Malformed),
            ("https:/a.example/c", E::Malformed),
            ("javascript:/x", E::Malformed),
            ("com.example.app:oauth", E::Malformed),
            ("com.example.app:///oauth", E::Malformed),
            ("Com.example.app:/oauth", E::Malformed),
            ("1com.example.app:/oauth", E::Malformed),
            ("https:\\\\a.example", E::Malformed),
            ("https://a.example\\c", E::Malformed),
            ("https://a.example/c d", E::Malformed),
            ("a.example/c", E::Malformed),
            ("", E::Malformed),
        ] {
            assert_eq!(ConfiguredRedirect::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_to_be_registered_is_in_the_table_and_each_once() {
        let uris = to_register();
        for uri in &uris {
            assert!(vet(uri, &[]).is_ok(), "{uri}");
            assert_eq!(uris.iter().filter(|other| *other == uri).count(), 1, "{uri}");
        }
        assert!(uris.contains(&"http://localhost/callback".to_owned()));
        assert!(uris.contains(&"http://127.0.0.1".to_owned()));
        for known in KNOWN_REDIRECTS {
            let Place::Loopback { usual, path } = known.place else { continue };
            let label = vet(&format!("http://{usual}{path}"), &[]).unwrap().client();
            let first = known.client.split(' ').next();
            let is_shared = KNOWN_REDIRECTS.iter().any(|other| {
                matches!(other.place, Place::Loopback { path: same, .. } if same == path)
                    && other.client.split(' ').next() != first
            });
            let expected =
                if is_shared { format!("loopback {path}") } else { known.client.to_owned() };
            assert_eq!(label, expected, "a name that is one client's is no other's");
        }
    }
}
