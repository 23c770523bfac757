//! Prompts: questions that people ask again and again, with what the cluster says about them already in the message.
//!
//! Ours gather as the caller, through the outputs that tools have, so that what a person may not read is not in them
//! and Secrets' values are in none. An operator's own (`[[prompts]]`) are texts.

mod arguments;
mod cluster_health;
mod configured;
mod gathered;
mod namespace_triage;
mod pod_failing;
mod trouble;

use std::future::Future;
use std::pin::Pin;

use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};

pub(crate) use configured::{ConfiguredPrompt, Message, Speaker};

use crate::cluster::{CONTEXT, Caller, Contexts, Resource};
use crate::failure::Failure;
use crate::names::Namespace;
use arguments::Arguments;
use gathered::Gathered;

/// One of ours: how it is listed, and what it gathers.
struct Ours {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    arguments: &'static [Argument],
    gather: fn(Caller, Arguments) -> Gathering,
}

struct Argument {
    name: &'static str,
    description: &'static str,
    required: bool,
    /// What its values are names of.
    of: Of,
}

/// What an argument is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Namespace,
    /// In the namespace that another argument names.
    Pod,
}

type Gathering = Pin<Box<dyn Future<Output = Result<Gathered, Failure>> + Send>>;

const OURS: [Ours; 3] = [cluster_health::PROMPT, namespace_triage::PROMPT, pod_failing::PROMPT];

/// The prompts that are served: ours, and the operator's, which may take the place of one of ours.
#[derive(Debug, Default)]
pub(crate) struct Prompts {
    configured: Vec<ConfiguredPrompt>,
}

/// Why there is no prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPrompt {
    /// Nobody has one of that name.
    Unknown,
    /// An argument is missing, or is none.
    Argument(String),
    /// The cluster said no, or nothing.
    Failed(Failure),
}

impl From<NoPrompt> for Failure {
    fn from(none: NoPrompt) -> Self {
        match none {
            NoPrompt::Failed(failure) => failure,
            NoPrompt::Argument(text) => Self::InvalidArguments(text),
            NoPrompt::Unknown => Self::InvalidArguments("there is no such prompt".to_owned()),
        }
    }
}

impl From<Failure> for NoPrompt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The names of ours.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    OURS.into_iter().map(|prompt| prompt.name)
}

impl Prompts {
    pub(crate) fn new(configured: Vec<ConfiguredPrompt>) -> Self {
        Self { configured }
    }

    /// As they are listed: ours first, with an argument for the cluster where there are several.
    pub(crate) fn list(&self, contexts: Option<&Contexts>) -> Vec<Prompt> {
        let ours = OURS.into_iter().filter(|prompt| self.configured(prompt.name).is_none());
        let configured = self.configured.iter().map(ConfiguredPrompt::listed);
        ours.map(|prompt| prompt.listed(contexts)).chain(configured).collect()
    }

    /// The name as it may be logged: one that is served.
    pub(crate) fn known(&self, name: &str) -> bool {
        self.configured(name).is_some() || names().any(|ours| ours == name)
    }

    /// The messages of a prompt, with its arguments in them.
    pub(crate) async fn get(
        &self,
        name: &str,
        arguments: &JsonObject,
        caller: Caller,
    ) -> Result<GetPromptResult, NoPrompt> {
        if let Some(configured) = self.configured(name) {
            return configured.messages(&Arguments::read(arguments)?);
        }
        let prompt =
            OURS.into_iter().find(|prompt| prompt.name == name).ok_or(NoPrompt::Unknown)?;
        let arguments = Arguments::read(arguments)?;
        let known: Vec<_> = prompt.arguments.iter().map(|argument| argument.name).collect();
        arguments.only(&known)?;
        for argument in prompt.arguments.iter().filter(|argument| argument.required) {
            arguments.required(argument.name)?;
        }
        let gathered = (prompt.gather)(caller, arguments).await?;
        let message = PromptMessage::new_text(Role::User, gathered.text());
        Ok(GetPromptResult::new(vec![message]).with_description(prompt.description))
    }

    /// What an argument could be, by what the caller may list. `known` has the other arguments, as far as they are.
    pub(crate) async fn complete(
        &self,
        name: &str,
        argument: &str,
        known: &Arguments,
        contexts: Option<&Contexts>,
        caller: Caller,
    ) -> Result<Vec<String>, NoPrompt> {
        if let Some(configured) = self.configured(name) {
            // Its arguments may be anything.
            return configured.has(argument).then(Vec::new).ok_or_else(|| no_argument(argument));
        }
        let prompt =
            OURS.into_iter().find(|prompt| prompt.name == name).ok_or(NoPrompt::Unknown)?;
        if let Some(contexts) = contexts.filter(|_| argument == CONTEXT) {
            return Ok(contexts.names.iter().map(ToString::to_string).collect());
        }
        let of = prompt.arguments.iter().find(|known| known.name == argument);
        let of = of.ok_or_else(|| no_argument(argument))?.of;
        Ok(names_of(of, known.namespace().ok().flatten(), &caller).await?)
    }

    fn configured(&self, name: &str) -> Option<&ConfiguredPrompt> {
        self.configured.iter().find(|prompt| prompt.name == name)
    }
}

fn no_argument(name: &str) -> NoPrompt {
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    NoPrompt::Argument(format!("the prompt has no argument {name}"))
}

async fn names_of(
    of: Of,
    namespace: Option<Namespace>,
    caller: &Caller,
) -> Result<Vec<String>, Failure> {
    match (of, namespace) {
        (Of::Namespace, _) => {
            caller.names_of(&Resource::core("Namespace", "namespaces", false), None).await
        }
        (Of::Pod, Some(namespace)) => {
            caller.names_of(&Resource::core("Pod", "pods", true), Some(&namespace)).await
        }
        // Pods of all namespaces are nobody's answer to an argument that goes with one.
        (Of::Pod, None) => Ok(Vec::new()),
    }
}

impl Ours {
    fn listed(&self, contexts: Option<&Contexts>) -> Prompt {
        let context = contexts.map(|contexts| {
            let description = format!("The cluster; {} if left out", contexts.default);
            PromptArgument::new(CONTEXT).with_description(description).with_required(false)
        });
        let arguments = self.arguments.iter().map(|argument| {
            PromptArgument::new(argument.name)
                .with_description(argument.description)
                .with_required(argument.required)
        });
        Prompt::new(self.name, Some(self.description), Some(arguments.chain(context).collect()))
            .with_title(self.title)
    }
}

pub(crate) use arguments::Arguments as PromptArguments;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_prompt_takes_the_place_of_one_of_ours_and_the_others_stay() {
        let named = |name: &str| ConfiguredPrompt {
            name: name.to_owned(),
            title: None,
            description: Some("theirs".to_owned()),
            arguments: Vec::new(),
            messages: Vec::new(),
        };
        let prompts = Prompts::new(vec![named("pod-failing"), named("own")]);
        let listed: Vec<_> = prompts
            .list(None)
            .into_iter()
            .map(|prompt| (prompt.name, prompt.description))
            .collect();
        let names: Vec<_> = listed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cluster-health", "namespace-triage", "pod-failing", "own"]);
        assert_eq!(listed[2].1.as_deref(), Some("theirs"));
        assert!(prompts.known("own") && prompts.known("cluster-health") && !prompts.known("x"));
    }
}
