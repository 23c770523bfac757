//! The page for people who open the gateway in a browser: what it is, how to reach what is behind it, and whom to ask.
//!
//! All of it is configuration, escaped; nothing of the request is in it, and nothing runs in it.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::snippets::{Snippet, snippets};
use crate::config::{FilterConfig, PageSettings, Resource};
use crate::reply::Reply;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:46rem;padding:2rem 1rem;color:#1b1b1b;\
background:#fff}h1,h2{line-height:1.2}h2{border-top:1px solid #ccc;padding-top:1.5rem}h3{margin-bottom:0}\
pre{background:#f3f3f3;overflow-x:auto;padding:.75rem}code{font:14px/1.5 ui-monospace,monospace}\
p.where{margin:0;color:#555}@media(prefers-color-scheme:dark){body{color:#eee;background:#1b1b1b}pre{background:#2b2b2b}\
p.where{color:#aaa}a{color:#9cf}}";

impl FilterConfig {
    /// The page at this authority and path (without query), if there is one: at the root of a host that has a resource,
    /// for GET and HEAD. Everything else is left to the routes.
    #[must_use]
    pub fn page_at(&self, authority: &str, path: &str, method: &str) -> Option<Reply> {
        let settings = self.page.as_ref()?;
        if path != "/" || !matches!(method, "GET" | "HEAD") {
            return None;
        }
        let here = |resource: &&Arc<Resource>| resource.url.is_at_authority(authority);
        let resources: Vec<&Resource> =
            self.resources.iter().filter(here).map(|resource| &**resource).collect();
        (!resources.is_empty()).then(|| reply(settings, &resources))
    }
}

fn reply(settings: &PageSettings, resources: &[&Resource]) -> Reply {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", &policy),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "max-age=300"),
    ];
    let headers = headers.into_iter().map(|(name, value)| (Cow::Borrowed(name), value.to_owned()));
    Reply { status: 200, headers: headers.collect(), body: html(settings, resources) }
}

fn html(settings: &PageSettings, resources: &[&Resource]) -> String {
    let host = resources.first().map(|resource| resource.url.authority()).unwrap_or_default();
    let host = escaped(host);
    let sections: String = resources.iter().map(|resource| section(resource)).collect();
    let contact = contact(&settings.contact);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>MCP at {host}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>MCP at {host}</h1>\n\
         <p>This is a gateway for the Model Context Protocol (MCP). A client of yours, such as an assistant or an editor, \
         reaches what is below through it: signed in as you, with your rights and no others. There is nothing to do on \
         this page. Copy what your client needs; it opens your browser to sign you in.</p>\n{sections}\
         <h2>Whom to ask</h2>\n<p>{contact}</p>\n</body>\n</html>\n"
    )
}

fn section(resource: &Resource) -> String {
    let (name, url) = (escaped(&resource.name), escaped(&resource.url.to_string()));
    let servers: Vec<_> = resource
        .authorization_servers
        .iter()
        .map(|server| format!("<code>{}</code>", escaped(server)))
        .collect();
    let servers = servers.join(" or ");
    let id = resource.client_id.as_deref().map_or_else(String::new, |id| {
        format!(
            " A client that cannot register itself uses the client id <code>{}</code>.",
            escaped(id)
        )
    });
    let snippets: String = snippets(resource).iter().map(settings_of).collect();
    format!(
        "<h2>{name}</h2>\n<p>URL: <code>{url}</code></p>\n<p>You sign in at {servers}.{id}</p>\n{snippets}"
    )
}

fn settings_of(Snippet { client, place, text }: &Snippet) -> String {
    let (client, place, text) = (escaped(client), escaped(place), escaped(text));
    format!("<h3>{client}</h3>\n<p class=\"where\">{place}</p>\n<pre><code>{text}</code></pre>\n")
}

/// A link where it is a URL or an address, and words otherwise.
fn contact(contact: &str) -> String {
    let text = escaped(contact);
    let is_word = contact.bytes().all(|byte| byte.is_ascii_graphic());
    let is_address = || {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+@".contains(&byte);
        contact.bytes().all(fits) && contact.split('@').filter(|part| !part.is_empty()).count() == 2
    };
    if is_word && contact.starts_with("https://") {
        format!("<a href=\"{text}\" rel=\"noreferrer\">{text}</a>")
    } else if is_address() {
        format!("<a href=\"mailto:{text}\">{text}</a>")
    } else {
        text
    }
}

/// As text of an element and as a quoted value of an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
