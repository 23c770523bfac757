//! An operator's prompt: texts with holes (`{{name}}`) for the arguments.

use rmcp::model::{GetPromptResult, Prompt, PromptArgument, PromptMessage, Role};

use super::NoPrompt;
use super::arguments::Arguments;

/// One entry of `[[prompts]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredPrompt {
    /// Its name.
    pub name: String,
    /// What people see instead of the name.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Name, description, and whether it must be given.
    pub arguments: Vec<(String, Option<String>, bool)>,
    /// What it says.
    pub messages: Vec<Message>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub speaker: Speaker,
    /// With holes.
    pub content: String,
}

/// Whose message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl ConfiguredPrompt {
    pub(super) fn listed(&self) -> Prompt {
        let arguments = self.arguments.iter().map(|(name, description, required)| {
            let mut argument = PromptArgument::new(name).with_required(*required);
            argument.description = description.clone();
            argument
        });
        let mut prompt = Prompt::new(&self.name, Some(self.described()), Some(arguments.collect()));
        prompt.title = self.title.clone();
        prompt
    }

    /// Clients show nothing else beside the name.
    fn described(&self) -> &str {
        self.description.as_ref().or(self.title.as_ref()).unwrap_or(&self.name)
    }

    pub(super) fn has(&self, argument: &str) -> bool {
        self.arguments.iter().any(|(name, ..)| name == argument)
    }

    pub(super) fn messages(&self, arguments: &Arguments) -> Result<GetPromptResult, NoPrompt> {
        for (name, _, required) in &self.arguments {
            if *required {
                arguments.required(name)?;
            }
        }
        let messages = self.messages.iter().map(|message| {
            let role = match message.speaker {
                Speaker::User => Role::User,
                Speaker::Assistant => Role::Assistant,
            };
            PromptMessage::new_text(role, self.filled(&message.content, arguments))
        });
        let mut result = GetPromptResult::new(messages.collect());
        result.description = Some(self.described().to_owned());
        Ok(result)
    }

    /// Fills the holes in one pass, so that an argument's text is never taken for another hole.
    fn filled(&self, content: &str, arguments: &Arguments) -> String {
        let mut filled = String::with_capacity(content.len());
        let mut rest = content;
        while let Some((before, opened)) = rest.split_once("{{") {
            filled.push_str(before);
            match opened.split_once("}}") {
                Some((name, after)) if self.has(name) => {
                    filled.push_str(arguments.get(name).unwrap_or_default());
                    rest = after;
                }
                _ => {
                    filled.push_str("{{");
                    rest = opened;
                }
            }
        }
        filled + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(content: &str) -> ConfiguredPrompt {
        ConfiguredPrompt {
            name: "logs".to_owned(),
            title: Some("Logs".to_owned()),
            description: Some("Look at logs".to_owned()),
            arguments: vec![("pod".to_owned(), None, true), ("namespace".to_owned(), None, false)],
            messages: vec![
                Message { speaker: Speaker::User, content: content.to_owned() },
                Message { speaker: Speaker::Assistant, content: "I will.".to_owned() },
            ],
        }
    }

    fn said(content: &str, arguments: &[(&str, &str)]) -> String {
        let arguments =
            arguments.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let result = prompt(content).messages(&Arguments::of(arguments)).unwrap();
        let result = serde_json::to_value(&result).unwrap();
        assert_eq!(result["messages"][1]["role"], "assistant");
        result["messages"][0]["content"]["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn holes_are_filled_once_and_what_is_no_hole_stays() {
        assert_eq!(
            said("Logs of {{pod}} in {{namespace}}!", &[("pod", "web")]),
            "Logs of web in !"
        );
        assert_eq!(
            said("{{pod}}/{{namespace}}", &[("pod", "{{namespace}}"), ("namespace", "{{pod}}")]),
            "{{namespace}}/{{pod}}"
        );
        assert_eq!(said("{{ other }} {{x {{pod}}", &[("pod", "web")]), "{{ other }} {{x web");
    }

    #[test]
    fn what_is_required_must_be_there() {
        let result = prompt("{{pod}}").messages(&Arguments::default());
        assert_eq!(result.unwrap_err(), NoPrompt::Argument("argument pod is missing".to_owned()));
    }
}
