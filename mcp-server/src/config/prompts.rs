//! `[[prompts]]`, in the form of `kubernetes-mcp-server`.

use obolus_core::config::Section;
use obolus_core::config::brought::Notice;
use serde::Deserialize;

use super::values;
use crate::prompts::{self, ConfiguredPrompt, Message, Speaker};

pub(super) fn read(top: &Section<'_>, notices: &mut Vec<Notice>) -> Vec<ConfiguredPrompt> {
    let mut found: Vec<ConfiguredPrompt> = Vec::new();
    for section in top.sections("prompts") {
        let name = section.string("name", "what the prompt is called");
        if let Some(name) = &name {
            if found.iter().any(|other| other.name == *name) {
                section.problem("name", "is another prompt's, too: each needs a name of its own");
            }
            if !is_name(name) {
                section.problem("name", "must be at most 128 letters, digits, -, _ and .");
            }
            if prompts::names().any(|ours| ours == name) {
                let path = section.path_of("name");
                notices.push(Notice::new(path, format!("takes the place of our prompt `{name}`")));
            }
        }
        let arguments: Vec<_> = section
            .sections("arguments")
            .into_iter()
            .filter_map(|argument| {
                let name = argument.string("name", "what the argument is called");
                let description = values::text(&argument, "description");
                let required = argument.boolean("required", false);
                argument.finish();
                Some((name?, description, required))
            })
            .collect();
        let messages: Vec<_> = section
            .sections("messages")
            .into_iter()
            .filter_map(|message| {
                #[derive(Deserialize)]
                #[serde(rename_all = "lowercase")]
                enum Role {
                    User,
                    Assistant,
                }
                let speaker = match message.word("role", "\"user\", \"assistant\"", Role::User) {
                    Role::User => Speaker::User,
                    Role::Assistant => Speaker::Assistant,
                };
                let content = message.string("content", "what is said");
                message.finish();
                Some(Message { speaker, content: content? })
            })
            .collect();
        if messages.is_empty() && !section.has("messages") {
            section.problem(
                "messages",
                "is missing: write [[prompts.messages]] with role and content",
            );
        }
        let (title, description) =
            (values::text(&section, "title"), values::text(&section, "description"));
        section.finish();
        if let Some(name) = name {
            found.push(ConfiguredPrompt { name, title, description, arguments, messages });
        }
    }
    found
}

/// Names go into headers (`Mcp-Name`) and logs.
fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Config, obolus_core::config::Problems> {
        let text = format!("{text}\n[cluster]\nserver = \"https://k8s\"\n");
        Config::parse(&text, Path::new("/etc/obolus"))
    }

    #[test]
    fn a_prompt_is_read_as_its_documentation_writes_it() {
        let config = parse(
            r#"
            [[prompts]]
            name = "check-pod-logs"
            title = "Check Pod Logs"
            description = "Quick way to check pod logs"
            [[prompts.arguments]]
            name = "pod_name"
            description = "Name of the pod"
            required = true
            [[prompts.messages]]
            role = "user"
            content = "Show me the logs for pod <{{pod_name}}>"
            [[prompts.messages]]
            role = "assistant"
            content = "I'll look."
            "#,
        )
        .unwrap();
        let prompt = &config.prompts[0];
        let argument = ("pod_name".to_owned(), Some("Name of the pod".to_owned()), true);
        assert_eq!(
            (prompt.name.as_str(), &prompt.arguments[..]),
            ("check-pod-logs", &[argument][..])
        );
        assert_eq!(prompt.messages[1].speaker, Speaker::Assistant);
        assert!(parse("").unwrap().prompts.is_empty());
    }

    #[test]
    fn a_prompt_that_says_nothing_or_has_no_name_of_its_own_is_refused() {
        let messages = "[[prompts.messages]]\ncontent = \"x\"\n";
        for (text, path) in [
            ("[[prompts]]\nname = \"a\"\n".to_owned(), "prompts[0].messages"),
            (format!("[[prompts]]\n{messages}"), "prompts[0].name"),
            (format!("[[prompts]]\nname = \"a b\"\n{messages}"), "prompts[0].name"),
            (
                format!("[[prompts]]\nname = \"a\"\n{messages}[[prompts]]\nname = \"a\"\n{messages}"),
                "prompts[1].name",
            ),
            (
                "[[prompts]]\nname = \"a\"\n[[prompts.messages]]\nrole = \"system\"\ncontent = \"x\"".to_owned(),
                "prompts[0].messages[0].role",
            ),
            (format!("[[prompts]]\nname = \"a\"\ntext = \"x\"\n{messages}"), "prompts[0].text"),
        ] {
            let problems = parse(&text).unwrap_err();
            assert!(problems.list().iter().any(|p| p.path == path), "{path}: {problems}");
        }
    }
}
