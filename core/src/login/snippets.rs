//! What a person writes into their client to reach a resource.
//!
//! Sources, as of 2026-11: Claude Code's and VS Code's reference of MCP settings (`--client-id`, `oauth.clientId`), Cursor's
//! (`auth.CLIENT_ID`), goose pull request 11182 (`client_id`), Inspector 2.12's `--help`.

use serde_json::{Value, json};

use crate::config::Resource;

/// One client's settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    /// The client.
    pub(super) client: &'static str,
    /// Where the text belongs.
    pub(super) place: &'static str,
    /// The text to copy.
    pub(super) text: String,
}

/// All of them for a resource.
pub(super) fn snippets(resource: &Resource) -> Vec<Snippet> {
    let (name, url) = (resource.name.as_str(), resource.url.to_string());
    let id = resource.client_id.as_deref();
    let (name_word, url_word) = (shell_word(name), shell_word(&url));
    let flag = id.map_or_else(String::new, |id| format!(" --client-id {}", shell_word(id)));
    let snippet = |client, place, text| Snippet { client, place, text };
    let connector =
        id.map_or_else(String::new, |id| format!("\nAdvanced settings, OAuth Client ID: {id}"));
    let code = json!({"servers": {name: with(json!({"type": "http", "url": url}), "oauth", id.map(|id| json!({"clientId": id})))}});
    let cursor = json!({"mcpServers": {name: with(json!({"url": url}), "auth", id.map(|id| json!({"CLIENT_ID": id})))}});
    let goose = id.map_or_else(String::new, |id| format!("\n    client_id: {}", json!(id)));
    vec![
        snippet(
            "Claude Code",
            "in a terminal; then /mcp to sign in",
            format!("claude mcp add --transport http{flag} {name_word} {url_word}"),
        ),
        snippet(
            "Claude Desktop, claude.ai",
            "Settings, Connectors, Add custom connector",
            format!("Name: {name}\nURL: {url}{connector}"),
        ),
        snippet("VS Code", ".vscode/mcp.json", format!("{code:#}")),
        snippet("Cursor", ".cursor/mcp.json", format!("{cursor:#}")),
        snippet(
            "MCP Inspector",
            "in a terminal",
            format!(
                "npx @modelcontextprotocol/inspector --cli {url_word} --transport http{flag} --method tools/list"
            ),
        ),
        snippet(
            "Goose",
            "~/.config/goose/config.yaml",
            format!(
                "extensions:\n  {name}:\n    enabled: true\n    type: streamable_http\n    name: {}\n    uri: {}{goose}\n    timeout: 300",
                json!(name),
                json!(url),
            ),
        ),
    ]
}

/// The object, with one more member where there is one.
fn with(mut object: Value, key: &str, value: Option<Value>) -> Value {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(key.to_owned(), value);
    }
    object
}

/// As one word of a POSIX shell: a path may have characters that mean something there.
fn shell_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/@%+=,[]".contains(&byte);
    if text.bytes().all(is_plain) && !text.contains(['[', '~']) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_whatever_is_in_it() {
        for (text, word) in [
            ("https://mcp.example.com/mcp", "https://mcp.example.com/mcp"),
            ("https://a/$(id)&b;c", "'https://a/$(id)&b;c'"),
            ("it's", r"'it'\''s'"),
            ("http://[::1]:8080/mcp", "'http://[::1]:8080/mcp'"),
            ("~root", "'~root'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
