//! `[[confirmation_rules]]`, `confirmation_fallback`, and the key with which questions are sealed.

use std::fmt;
use std::path::{Path, PathBuf};

use obolus_core::config::Section;
use obolus_core::config::brought::Notice;
use serde::Deserialize;

use super::{choice, denied, values};
use crate::confirmation::{Fallback, RequestScope, Rule, Rules, Scope, Seal};

const KEY_FILE: &str = "confirmation_key_file";
/// The verbs that RBAC knows.
const VERBS: [&str; 8] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// What people are asked about, and what keeps their answers from being used for anything else.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// What is asked about.
    pub rules: Rules,
    /// The file that the keys are in; without one the key is this process's alone.
    pub key_file: Option<PathBuf>,
}

/// The rules, and where the keys are; the keys are read when they are needed.
impl fmt::Debug for Confirmation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rules, key_file } = self;
        out.debug_struct("Confirmation").field("rules", rules).field("key_file", key_file).finish()
    }
}

pub(super) fn read(top: &Section<'_>, folder: &Path, notices: &mut Vec<Notice>) -> Confirmation {
    let mut rules = Vec::new();
    for section in top.sections("confirmation_rules") {
        let scope = scope(&section, notices);
        let message = values::text(&section, "message").unwrap_or_default();
        if let Some(scope) = scope {
            rules.push(Rule { scope, message });
        }
        section.finish();
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Allow,
        Deny,
        #[serde(rename = "")]
        Unset,
    }
    let fallback = match top.word("confirmation_fallback", "allow, deny", Word::Unset) {
        Word::Deny => Fallback::Deny,
        Word::Allow | Word::Unset => Fallback::Allow,
    };
    if !rules.is_empty() && fallback == Fallback::Allow {
        notices.push(Notice::new(
            "confirmation_fallback",
            "is allow: a client that cannot ask its person goes on without; write deny if it must not",
        ));
    }
    let key_file = values::file(top, KEY_FILE, folder);
    if let Some(path) = &key_file
        && let Err(error) = Seal::of_file(path)
    {
        top.problem(KEY_FILE, error.to_string());
    }
    Confirmation { rules: Rules { rules, fallback }, key_file }
}

/// What a rule is about: a tool, or a request.
fn scope(section: &Section<'_>, notices: &mut Vec<Notice>) -> Option<Scope> {
    let text = |key: &str| values::text(section, key);
    let tool = text("tool");
    let destructive = section.has("destructive").then(|| section.boolean("destructive", true));
    let of_request = ["verb", "kind", "group", "version", "name", "namespace"];
    let [verb, kind, group, version, name, namespace] = of_request.map(text);
    let is_of_request =
        [&verb, &kind, &group, &version, &name, &namespace].iter().any(|field| field.is_some());
    if let Some(tool) = &tool {
        match choice::known(tool) {
            Ok(true) => {}
            Ok(false) => {
                let path = section.path_of("tool");
                notices.push(Notice::new(path, format!("names `{tool}`, which is not here")));
            }
            Err(advice) => section.problem("tool", advice),
        }
    }
    let is_of_tool = tool.is_some() || destructive.is_some();
    if is_of_tool && is_of_request {
        let text = "is about tools (tool, destructive) and about requests (verb, kind, group, version, name, namespace): write a rule for each";
        section.problem("tool", text);
        return None;
    }
    if is_of_tool {
        return Some(Scope::Tool { name: tool, destructive });
    }
    if !is_of_request {
        let text = "is missing: write what the rule is about, tool or destructive, or verb, kind, group, name or namespace";
        section.problem("tool", text);
        return None;
    }
    if verb.as_deref().is_some_and(|verb| !VERBS.contains(&verb)) {
        section.problem("verb", format!("must be one of {}", VERBS.join(", ")));
    }
    if let Some(problem) = kind.as_deref().and_then(denied::kind_problem) {
        section.problem("kind", problem);
    }
    if let Some(problem) = group.as_deref().and_then(denied::group_problem) {
        section.problem("group", problem);
    }
    if let Some(version) = &version {
        match denied::version_problem(version) {
            Some(problem) => section.problem("version", problem),
            None => notices.push(Notice::new(
                section.path_of("version"),
                "narrows nothing here: whoever asks about a kind means it in every version",
            )),
        }
    }
    let is_all_that_it_says = verb.is_none()
        && kind.is_none()
        && group.is_none()
        && name.is_none()
        && namespace.is_none();
    if is_all_that_it_says {
        section.problem("version", "says nothing alone: write the kind, too");
        return None;
    }
    // As people call it; discovery has no name for it, so that no rule can be about it alone.
    let group = group.filter(|group| group != "core");
    Some(Scope::Request(RequestScope { verb, kind, group, name, namespace }))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Confirmation, obolus_core::config::Problems> {
        let text = format!("{text}\n[cluster]\nserver = \"https://k8s\"\n");
        Config::parse(&text, Path::new("/etc/obolus")).map(|config| config.confirmation)
    }

    #[test]
    fn the_rules_of_kubernetes_mcp_server_are_read_as_they_are() {
        let confirmation = parse(
            r#"
            confirmation_fallback = "deny"
            [[confirmation_rules]]
            tool = "helm_uninstall"
            message = "A release goes."
            [[confirmation_rules]]
            destructive = true
            message = "Sure?"
            [[confirmation_rules]]
            verb = "delete"
            namespace = "kube-system"
            message = "In kube-system."
            [[confirmation_rules]]
            verb = "get"
            kind = "Secret"
            group = ""
            version = "v1"
            message = "A Secret."
            "#,
        )
        .unwrap();
        let scopes: Vec<_> = confirmation.rules.rules.iter().map(|rule| &rule.scope).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(scopes[0], &Scope::Tool { name: text("helm_uninstall"), destructive: None });
        assert_eq!(scopes[1], &Scope::Tool { name: None, destructive: Some(true) });
        let in_system = RequestScope {
            verb: text("delete"),
            namespace: text("kube-system"),
            ..RequestScope::default()
        };
        assert_eq!(scopes[2], &Scope::Request(in_system));
        let secret =
            RequestScope { verb: text("get"), kind: text("Secret"), ..RequestScope::default() };
        assert_eq!(scopes[3], &Scope::Request(secret));
        assert_eq!(confirmation.rules.rules[3].message, "A Secret.");
        assert_eq!(confirmation.rules.fallback, Fallback::Deny);
        assert_eq!(parse("").unwrap(), Confirmation::default());
        assert_eq!(parse("").unwrap().rules.fallback, Fallback::Allow);
    }

    #[test]
    fn a_rule_that_is_about_nothing_or_that_nothing_matches_is_refused() {
        for (rule, key, word) in [
            ("message = \"x\"", "tool", "is missing"),
            ("tool = \"pods_delete\"\nverb = \"delete\"", "tool", "a rule for each"),
            ("destructive = true\nkind = \"Pod\"", "tool", "a rule for each"),
            ("tool = \"pods_delet\"", "tool", "write pods_delete"),
            ("verb = \"remove\"", "verb", "must be one of"),
            ("kind = \"po\"", "kind", "write Pod"),
            ("version = \"v1\"", "version", "write the kind"),
            ("kind = \"Pod\"\nversion = \"apps/v1\"", "version", "without its group"),
            ("group = \"apps/v1\"", "group", "without a version"),
            ("tools = \"pods_delete\"", "tools", "not a setting"),
            ("tool = 1", "tool", "must be"),
        ] {
            let problems = parse(&format!("[[confirmation_rules]]\n{rule}")).unwrap_err();
            let path = format!("confirmation_rules[0].{key}");
            assert!(
                problems.list().iter().any(|p| p.path == path && p.message.contains(word)),
                "{rule}: {path} {word} is not in {problems}"
            );
        }
        assert!(parse("confirmation_fallback = \"block\"").is_err());
    }

    #[test]
    fn keys_are_looked_at_when_the_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "too short").unwrap();
        let text = format!("confirmation_key_file = \"{}\"", file.display());
        let problem = parse(&text).unwrap_err().to_string();
        assert!(
            problem.contains("confirmation_key_file: must hold keys")
                && !problem.contains("too short")
        );
        std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
        assert_eq!(parse(&text).unwrap().key_file, Some(file));
    }
}
