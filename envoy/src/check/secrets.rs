//! Tokens and the filter's credential, told by a log, a header, a trace or a recording.

use super::finding::Findings;
use super::node::Node;
use super::plugin;
use super::rule::Rule;

const WRITE: &str = "take it out";
const TOKEN: &str = "authorization";

/// What may be told: which variable holds a credential, and whether requests here carry people's tokens.
pub(super) struct Secrets<'s> {
    pub(super) credentials: &'s [&'s str],
    pub(super) has_tokens: bool,
    /// Whether these are routes by Istio or the Gateway API.
    pub(super) are_routes: bool,
}

impl Secrets<'_> {
    /// Looks at every text below this place, and at everything that records.
    pub(super) fn check(&self, top: &Node<'_>, findings: &mut Findings) {
        for node in top.walk() {
            self.text(&node, findings);
            self.tag(&node, findings);
            self.handed_on(&node, findings);
            if self.has_tokens {
                recorded(&node, findings);
            }
        }
    }

    /// One text with Envoy's `%COMMAND(of what)%`.
    pub(super) fn text(&self, at: &Node<'_>, findings: &mut Findings) {
        for (command, of) in commands(at.value.as_str().unwrap_or_default()) {
            match command {
                "ENVIRONMENT" => self.variable(at, of, findings),
                "FILE_CONTENT" => self.file(at, of, findings),
                "REQ" | "CEL" | "REQ_WITHOUT_QUERY" if self.has_tokens && names_token(of) => {
                    token(at, findings);
                }
                _ => {}
            }
        }
    }

    fn file(&self, at: &Node<'_>, path: &str, findings: &mut Findings) {
        if self.are_routes {
            let what = format!(
                "answers with the file {path} of the gateway, or Envoy refuses it there, and with it every route of that port, ours too"
            );
            findings.add(Rule::SecretTold, at, what, WRITE);
        } else {
            let what =
                format!("tells what is in the file {path}, which may be a key or a credential");
            findings.add(Rule::SecretMayBeTold, at, what, WRITE);
        }
    }

    /// Traces have tags, and logs at a collector have lists of headers.
    fn tag(&self, node: &Node<'_>, findings: &mut Findings) {
        let is_token = |of: &Node<'_>| {
            let name = of.value.as_str().unwrap_or_default();
            self.has_tokens && name.eq_ignore_ascii_case(TOKEN)
        };
        for tag in [node.list("custom_tags"), members(node, "customTags")].concat() {
            for name in ["request_header/name", "header/name"] {
                tag.at(name)
                    .iter()
                    .filter(|name| is_token(name))
                    .for_each(|at| token(at, findings));
            }
            if let Some(name) = tag.at("environment/name") {
                self.variable(&name, name.value.as_str().unwrap_or_default(), findings);
            }
        }
        for header in
            node.list("additional_request_headers_to_log").iter().filter(|at| is_token(at))
        {
            token(header, findings);
        }
    }

    /// Another module that gets our credential.
    fn handed_on(&self, node: &Node<'_>, findings: &mut Findings) {
        let is_ours = plugin::configuration(node)
            .and_then(|(_, value)| value.ok())
            .is_some_and(|value| value.get("sts").is_some() && value.get("resources").is_some());
        let keys = node.list("vm_config/environment_variables/host_env_keys");
        let of_istio = node.list("vmConfig/env").into_iter().filter_map(|one| one.get("name"));
        for at in keys.into_iter().chain(of_istio).filter(|_| !is_ours) {
            let name = at.value.as_str().unwrap_or_default();
            if self.credentials.contains(&name) {
                self.variable(&at, name, findings);
            }
        }
    }

    fn variable(&self, at: &Node<'_>, name: &str, findings: &mut Findings) {
        if self.credentials.contains(&name) {
            let what = format!(
                "tells {name}, the filter's credential: whoever has it may exchange tokens as the gateway"
            );
            findings.add(Rule::SecretTold, at, what, WRITE);
        } else {
            let what = format!(
                "tells the proxy's variable {name}, and the proxy's variables hold credentials"
            );
            findings.add(Rule::SecretMayBeTold, at, what, WRITE);
        }
    }
}

fn members<'a>(node: &Node<'a>, key: &str) -> Vec<Node<'a>> {
    let members = node.get(key).map(|map| map.members()).unwrap_or_default();
    members.into_iter().map(|(_, member)| member).collect()
}

fn token(at: &Node<'_>, findings: &mut Findings) {
    let what = "tells Authorization: people's tokens, behind our filter the exchanged ones";
    findings.add(Rule::SecretTold, at, what, "leave Authorization out");
}

fn names_token(of: &str) -> bool {
    let of = of.to_ascii_lowercase();
    of.split(|character: char| !character.is_ascii_alphanumeric() && character != '-')
        .any(|word| word == TOKEN)
}

/// What writes whole requests, or the keys to them, into files.
fn recorded(node: &Node<'_>, findings: &mut Findings) {
    if node.type_name() == "Tap" {
        let what = "a tap records requests with the tokens in them, for whoever can reach its files or the admin page";
        findings.add(Rule::SecretTold, node, what, WRITE);
    }
    if let Some(log) = node.get("key_log") {
        let what = "writes the keys of TLS connections into a file: whoever has it reads tokens and the credential off the wire";
        findings.add(Rule::SecretTold, &log, what, WRITE);
    }
}

/// Each `%COMMAND(of what)…`.
fn commands(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split('%').skip(1);
    parts
        .filter_map(|part| {
            let (command, rest) = part.split_once('(')?;
            let is_command = command.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            let of = rest.split_once(')').map_or(rest, |(of, _)| of);
            (is_command && !command.is_empty()).then_some((command, of.trim()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_with_what_it_is_about() {
        assert_eq!(
            commands("a %REQ(X?AUTHORIZATION):12% b%ENVIRONMENT(A)%%START_TIME% 5% (x)"),
            [("REQ", "X?AUTHORIZATION"), ("ENVIRONMENT", "A")]
        );
    }

    #[test]
    fn only_the_header_of_tokens_is_one() {
        for of in ["AUTHORIZATION", "X?authorization", "request.headers['authorization']"] {
            assert!(names_token(of), "{of}");
        }
        for of in [":AUTHORITY", "X-AUTHORIZATION-KIND", "PROXY-AUTHORIZATION"] {
            assert!(!names_token(of), "{of}");
        }
    }
}
