//! What a denial by tables or policies tells besides its reason.

use std::sync::Arc;

use super::Denial;
use crate::Reason;
use crate::policy::UnknownToolAnswer;

/// What was decided by, and what the client is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccessDenial {
    policies: Vec<Arc<str>>,
    told: Told,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// The scopes to ask for.
    Scopes(Vec<String>),
    /// What the policy says of itself (`@reason`).
    Text(Option<Arc<str>>),
    /// That there is no such tool.
    UnknownTool(UnknownToolAnswer),
}

impl Denial {
    /// With these scopes, as clients ask for them, it would be permitted.
    pub(crate) fn scopes_missing(scopes: Vec<String>, policies: Vec<Arc<str>>) -> Self {
        Self::of_access(Reason::InsufficientScope, policies, Told::Scopes(scopes))
    }

    /// A policy denies this, and would not deny everything of the kind.
    pub(crate) fn by_policy(text: Option<Arc<str>>, policies: Vec<Arc<str>>) -> Self {
        Self::of_access(Reason::PolicyDenied, policies, Told::Text(text))
    }

    /// The tool is none of this principal's.
    pub(crate) fn tool_hidden(answer: UnknownToolAnswer, policies: Vec<Arc<str>>) -> Self {
        Self::of_access(Reason::ToolHidden, policies, Told::UnknownTool(answer))
    }

    fn of_access(reason: Reason, policies: Vec<Arc<str>>, told: Told) -> Self {
        Self { access: Some(Box::new(AccessDenial { policies, told })), ..Self::bare(reason) }
    }

    fn told(&self) -> Option<&Told> {
        self.access.as_ref().map(|access| &access.told)
    }

    /// The ids of the policies that denied it. For the audit record: no client is told.
    #[must_use]
    pub fn policies(&self) -> &[Arc<str>] {
        self.access.as_ref().map_or(&[], |access| &access.policies)
    }

    /// The scopes to ask for, besides those that the resource wants for any call.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        match self.told() {
            Some(Told::Scopes(scopes)) => scopes,
            _ => &[],
        }
    }

    /// What the client is told in words: the policy's own, or the reason's.
    #[must_use]
    pub fn description(&self) -> &str {
        match self.told() {
            Some(Told::Text(Some(text))) => text,
            _ => self.reason.description(),
        }
    }

    /// What is answered in the server's name.
    #[must_use]
    pub fn unknown_tool(&self) -> Option<&UnknownToolAnswer> {
        match self.told() {
            Some(Told::UnknownTool(answer)) => Some(answer),
            _ => None,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.unknown_tool().map_or(self.reason.status(), |answer| answer.status)
    }
}
