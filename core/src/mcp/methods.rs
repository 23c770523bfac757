//! Every method of MCP: in which revisions there is one, who sends it, what it names, and how it is answered.
//!
//! What has no row here is never forwarded. All of it needs a token: "who may" begins behind authentication.
//! Sources: the schemas of the three revisions, and the extension `io.modelcontextprotocol/tasks` for 2026-07-28.

use super::Revision;
use super::Revision::{V2025_06_18, V2025_11_25, V2026_07_28};
use crate::Reason;

/// Whether an answer is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Has an id, and is answered.
    Request,
    /// Has none, and is accepted or not.
    Notification,
    /// Answers a request of the server's.
    Response,
}

/// What a message names that somebody may or may not use: what a policy decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Governs {
    /// Nothing: open to whoever has been let in.
    Nothing,
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource, by its URI.
    Resource,
    /// A task, by its id.
    Task,
    /// The prompt or the resource template that `ref` names.
    Reference,
    /// The resources whose changes are to be told.
    Subscriptions,
}

impl Governs {
    /// The member of `params` that names it, where that is one text: what `Mcp-Name` mirrors.
    #[must_use]
    pub fn member(self) -> Option<&'static str> {
        match self {
            Self::Tool | Self::Prompt => Some("name"),
            Self::Resource => Some("uri"),
            Self::Task => Some("taskId"),
            Self::Nothing | Self::Reference | Self::Subscriptions => None,
        }
    }
}

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// With one result.
    Result,
    /// With a list, of which everybody gets to see what they may use.
    List(List),
    /// With events, until one of the two ends it.
    Stream,
    /// With the server's own messages, none of which is an answer, until one of the two ends it.
    SessionStream,
    /// With 202 and no body.
    Accepted,
}

/// What an answer lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// `result.tools`.
    Tools,
    /// `result.prompts`.
    Prompts,
    /// `result.resources`.
    Resources,
    /// `result.resourceTemplates`.
    ResourceTemplates,
}

/// One method.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name; a response has none.
    pub name: &'static str,
    /// Request, notification or response.
    pub form: Form,
    /// The revisions in which a client sends it.
    pub client: &'static [Revision],
    /// The revisions in which a server sends it as a message of its own.
    pub server: &'static [Revision],
    /// What it names.
    pub governs: Governs,
    /// How it is answered.
    pub answer: Answered,
}

const EVERY: &[Revision] = &Revision::ALL;
pub(super) const LEGACY: &[Revision] = &[V2025_06_18, V2025_11_25];
const MIDDLE: &[Revision] = &[V2025_11_25];
const SINCE_MIDDLE: &[Revision] = &[V2025_11_25, V2026_07_28];
const MODERN: &[Revision] = &[V2026_07_28];
pub(super) const NONE: &[Revision] = &[];

const fn request(
    name: &'static str,
    client: &'static [Revision],
    server: &'static [Revision],
    governs: Governs,
    answer: Answered,
) -> Method {
    Method { name, form: Form::Request, client, server, governs, answer }
}

const fn notification(
    name: &'static str,
    client: &'static [Revision],
    server: &'static [Revision],
) -> Method {
    let (form, governs, answer) = (Form::Notification, Governs::Nothing, Answered::Accepted);
    Method { name, form, client, server, governs, answer }
}

/// The table. Columns: name, in which revisions a client sends it, in which a server does, what it names, its answer.
#[rustfmt::skip]
static METHODS: [Method; 36] = [
    // Who is there, and what do they speak?
    request("initialize", LEGACY, NONE, Governs::Nothing, Answered::Result),
    request("server/discover", MODERN, NONE, Governs::Nothing, Answered::Result),
    request("ping", LEGACY, LEGACY, Governs::Nothing, Answered::Result),
    request("logging/setLevel", LEGACY, NONE, Governs::Nothing, Answered::Result),

    // What a server offers.
    request("tools/list", EVERY, NONE, Governs::Nothing, Answered::List(List::Tools)),
    request("tools/call", EVERY, NONE, Governs::Tool, Answered::Result),
    request("prompts/list", EVERY, NONE, Governs::Nothing, Answered::List(List::Prompts)),
    request("prompts/get", EVERY, NONE, Governs::Prompt, Answered::Result),
    request("resources/list", EVERY, NONE, Governs::Nothing, Answered::List(List::Resources)),
    request("resources/templates/list", EVERY, NONE, Governs::Nothing, Answered::List(List::ResourceTemplates)),
    request("resources/read", EVERY, NONE, Governs::Resource, Answered::Result),
    request("resources/subscribe", LEGACY, NONE, Governs::Resource, Answered::Result),
    request("resources/unsubscribe", LEGACY, NONE, Governs::Resource, Answered::Result),
    request("subscriptions/listen", MODERN, NONE, Governs::Subscriptions, Answered::Stream),
    request("completion/complete", EVERY, NONE, Governs::Reference, Answered::Result),

    // Tasks: part of 2025-11-25 in both directions, an extension of 2026-07-28. A list of them is not cut: which ones
    // are whose, only the server knows.
    request("tasks/get", SINCE_MIDDLE, MIDDLE, Governs::Task, Answered::Result),
    request("tasks/cancel", SINCE_MIDDLE, MIDDLE, Governs::Task, Answered::Result),
    request("tasks/result", MIDDLE, MIDDLE, Governs::Task, Answered::Result),
    request("tasks/list", MIDDLE, MIDDLE, Governs::Nothing, Answered::Result),
    request("tasks/update", MODERN, NONE, Governs::Task, Answered::Result),

    // What a server asks of a client. In 2026-07-28 that is part of a result, and no message.
    request("sampling/createMessage", NONE, LEGACY, Governs::Nothing, Answered::Result),
    request("roots/list", NONE, LEGACY, Governs::Nothing, Answered::Result),
    request("elicitation/create", NONE, LEGACY, Governs::Nothing, Answered::Result),

    notification("notifications/initialized", LEGACY, NONE),
    notification("notifications/roots/list_changed", LEGACY, NONE),
    notification("notifications/cancelled", EVERY, EVERY),
    notification("notifications/progress", LEGACY, EVERY),
    notification("notifications/tasks/status", MIDDLE, MIDDLE),
    notification("notifications/tasks", NONE, MODERN),
    notification("notifications/message", NONE, EVERY),
    notification("notifications/tools/list_changed", NONE, EVERY),
    notification("notifications/prompts/list_changed", NONE, EVERY),
    notification("notifications/resources/list_changed", NONE, EVERY),
    notification("notifications/resources/updated", NONE, EVERY),
    notification("notifications/subscriptions/acknowledged", NONE, MODERN),
    notification("notifications/elicitation/complete", NONE, MIDDLE),
];

/// The row of what answers a server's request. It names nothing: whose question it was, only the server knows.
static RESPONSE: Method = Method {
    name: "",
    form: Form::Response,
    client: LEGACY,
    server: EVERY,
    governs: Governs::Nothing,
    answer: Answered::Accepted,
};

impl Method {
    /// Whether a body that states this revision may have the method. Where none is stated, or none that is served, that
    /// is not for the body to say.
    pub(super) fn is_known_where(&self, stated: Option<&str>) -> bool {
        let revision = Revision::ALL.into_iter().find(|one| Some(one.name()) == stated);
        revision.is_none_or(|revision| self.client.contains(&revision))
    }

    /// All of them, without that of responses.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &METHODS
    }

    /// The method of this name, in whatever revision.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }

    /// The row of what a client sends in a revision.
    ///
    /// # Errors
    /// Of what has none: [`Reason::MethodUnknown`], in a legacy revision [`Reason::MethodUnknownLegacy`];
    /// [`Reason::NotificationUnknown`]; and of a response in a revision that has none [`Reason::NotARequest`].
    pub fn sent_by_client(
        name: &str,
        form: Form,
        revision: Revision,
    ) -> Result<&'static Self, Reason> {
        let row = match form {
            Form::Response => Some(&RESPONSE),
            Form::Request | Form::Notification => Self::named(name).filter(|row| row.form == form),
        };
        row.filter(|row| row.client.contains(&revision)).ok_or(match form {
            Form::Request if revision.is_modern() => Reason::MethodUnknown,
            Form::Request => Reason::MethodUnknownLegacy,
            Form::Notification => Reason::NotificationUnknown,
            Form::Response => Reason::NotARequest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_has_one_row_and_somebody_sends_it() {
        for (at, row) in METHODS.iter().enumerate() {
            assert_eq!(Method::named(row.name), METHODS.get(at), "{} stands there twice", row.name);
            assert!(!row.client.is_empty() || !row.server.is_empty(), "{}", row.name);
            let tells = row.name.starts_with("notifications/");
            assert_eq!(row.form == Form::Notification, tells, "{}", row.name);
            assert_eq!(row.answer == Answered::Accepted, tells, "{}", row.name);
        }
    }

    #[test]
    fn a_list_is_what_its_name_says_and_names_nothing() {
        for row in &METHODS {
            let listed = matches!(row.answer, Answered::List(_));
            let says = row.name.ends_with("/list") && !row.client.is_empty();
            assert_eq!(listed, says && row.name != "tasks/list", "{}", row.name);
            assert!(!listed || row.governs == Governs::Nothing, "{}", row.name);
        }
    }
}
