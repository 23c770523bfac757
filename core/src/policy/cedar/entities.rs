//! Who asks, and what for: the entities that policies read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Type;
use super::value::{Hole, Uid, Value};
use crate::token::{Claimed, Memberships, Principal, Reading, TokenDigest};

/// The methods that policies govern, as Cedar's actions. Each is in `Action::"use"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// `tools/call`, of a `Tool`.
    ToolsCall,
    /// `prompts/get`, of a `Prompt`; whoever completes its arguments asks for the prompt.
    PromptsGet,
    /// `resources/read`, of a `Resource`; whoever subscribes to it reads it.
    ResourcesRead,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ToolsCall, Self::PromptsGet, Self::ResourcesRead];

    /// The method, which is the entity's id.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ToolsCall => "tools/call",
            Self::PromptsGet => "prompts/get",
            Self::ResourcesRead => "resources/read",
        }
    }

    /// The type of entity that it acts on.
    #[must_use]
    pub fn object(self) -> &'static str {
        match self {
            Self::ToolsCall => "Tool",
            Self::PromptsGet => "Prompt",
            Self::ResourcesRead => "Resource",
        }
    }
}

/// The group that every action is in.
pub(super) const EVERY_ACTION: &str = "use";

/// What a token tells of whom it speaks for, in the words of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `User::"…"`: the issuer's name, for Entra ID the tenant, and the subject, with slashes between.
    pub id: String,
    /// The stable name of the person at the issuer.
    pub subject: String,
    /// The issuer's name in the configuration.
    pub issuer: String,
    /// The tenant, for Entra ID.
    pub tenant: Option<String>,
    /// The OAuth client.
    pub client: Option<String>,
    /// What the person let the client do.
    pub scopes: Memberships,
    /// Roles at the API that the token is for.
    pub roles: Memberships,
    /// The person's groups.
    pub groups: Memberships,
    /// What was met at sign-in (`acr`, `acrs`).
    pub auth_contexts: Memberships,
    /// How the person signed in (`amr`).
    pub auth_methods: Memberships,
    /// Whether the token speaks for an application, and for no person.
    pub is_app_only: bool,
}

/// The principal of a decision. Made once per token: it costs as much as the token has groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub(super) value: Value,
    attributes: Vec<(&'static str, Value)>,
    /// The token that it was made of, so that no decision is about somebody else's.
    token: Option<TokenDigest>,
}

impl User {
    /// Of a verified token. No scope is none: a token that lists no scopes has an empty set of them.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        let user = Self::said(principal.issuer_name(), principal.said());
        Self { token: Some(principal.token_digest().clone()), ..user }
    }

    /// Of claims that nobody verified. It is no principal's: see [`Self::is_of`].
    #[must_use]
    pub fn of_claims(claimed: &Claimed) -> Self {
        Self::said(claimed.issuer_name(), claimed.said())
    }

    fn said(issuer_name: &str, said: &Reading) -> Self {
        let subject = &said.identity.subject;
        let tenant = said.tenant.as_ref().map(ToString::to_string);
        let places = [Some(issuer_name), tenant.as_deref(), Some(subject)];
        Self::new(&Told {
            id: places.into_iter().flatten().collect::<Vec<_>>().join("/"),
            subject: subject.clone(),
            issuer: issuer_name.to_owned(),
            client: said.client.clone(),
            scopes: Memberships::Present(said.scopes.clone()),
            roles: said.roles.clone(),
            groups: said.groups.clone(),
            auth_contexts: said.auth_contexts.clone(),
            auth_methods: said.auth_methods.clone(),
            is_app_only: said.is_app_only,
            tenant,
        })
    }

    /// Whether it was made of this principal's token. What was told by hand is nobody's.
    #[must_use]
    pub fn is_of(&self, principal: &Principal) -> bool {
        self.token.as_ref() == Some(principal.token_digest())
    }

    /// Of what a token tells, without a token.
    #[must_use]
    pub fn new(told: &Told) -> Self {
        let text = |text: &String| Value::text(text);
        let claim = |claim: &Option<String>| {
            claim.as_ref().map_or(Value::Hole(Hole::Absent), |claim| Value::text(claim))
        };
        let list = |memberships: &Memberships| match memberships {
            Memberships::Absent => Value::Hole(Hole::Absent),
            Memberships::Unresolved => Value::Hole(Hole::Unresolved),
            Memberships::Present(names) => Value::texts(names),
        };
        Self {
            value: Value::Entity(Uid::new("User", &told.id)),
            attributes: vec![
                (GROUPS, list(&told.groups)),
                (ROLES, list(&told.roles)),
                (SCOPES, list(&told.scopes)),
                ("client", claim(&told.client)),
                ("subject", text(&told.subject)),
                ("issuer", text(&told.issuer)),
                ("tenant", claim(&told.tenant)),
                ("authContexts", list(&told.auth_contexts)),
                ("authMethods", list(&told.auth_methods)),
                ("appOnly", Value::Bool(told.is_app_only)),
            ],
            token: None,
        }
    }

    /// The same user in these groups and no others: those of a token that does not tell them, asked for elsewhere.
    #[must_use]
    pub fn with_groups(&self, names: &BTreeSet<String>) -> Self {
        self.with(GROUPS, &Value::texts(names))
    }

    /// The same user in the groups of another one, whose memory they share.
    #[must_use]
    pub fn with_groups_of(&self, other: &Self) -> Self {
        other.attribute(GROUPS).map_or_else(|| self.clone(), |groups| self.with(GROUPS, groups))
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        find(&self.attributes, name)
    }

    /// The claim that holds the parents of an entity type, as names.
    pub(super) fn parents(&self, kind: &str) -> Option<&Value> {
        let (_, claim) = PARENTS.iter().find(|(known, _)| *known == kind)?;
        self.attribute(claim)
    }

    /// The names of the scopes that it has, if it tells any.
    pub fn scopes(&self) -> impl Iterator<Item = &Arc<str>> {
        let names = match self.attribute(SCOPES) {
            Some(Value::Set(names)) => Some(names.iter()),
            _ => None,
        };
        names.into_iter().flatten().filter_map(|name| match name {
            Value::Text(name) => Some(name),
            _ => None,
        })
    }

    /// The same user with these scopes and no others.
    pub(super) fn with_scopes<'a>(&self, scopes: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let scopes =
            Value::Set(Arc::new(scopes.map(|name| Value::Text(Arc::clone(name))).collect()));
        self.with(SCOPES, &scopes)
    }

    fn with(&self, attribute: &str, value: &Value) -> Self {
        let mut user = self.clone();
        for (name, known) in &mut user.attributes {
            if *name == attribute {
                known.clone_from(value);
            }
        }
        user
    }
}

pub(super) const SCOPES: &str = "scopes";
pub(super) const GROUPS: &str = "groups";
pub(super) const ROLES: &str = "roles";

/// The claims that a token may not tell.
pub(super) const UNTOLD: [&str; 7] =
    [GROUPS, ROLES, SCOPES, "client", "tenant", "authContexts", "authMethods"];

/// The entity types that a user can be in, with the attribute that names the same.
pub(super) const PARENTS: [(&str, &str); 3] =
    [("Group", GROUPS), ("Role", ROLES), ("Scope", SCOPES)];

/// What is asked for: what Cedar calls the resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub(super) action: Action,
    pub(super) value: Value,
    pub(super) server: Uid,
    attributes: Vec<(&'static str, Value)>,
    /// What the tool's schema says of the arguments that policies read.
    pub(super) arguments: Vec<(Arc<str>, Type)>,
}

impl Object {
    fn new(action: Action, server: &str, name: &str) -> Self {
        let called = if action == Action::ResourcesRead { "uri" } else { "name" };
        Self {
            action,
            value: Value::Entity(Uid::new(action.object(), &format!("{server}/{name}"))),
            server: Uid::new("Server", server),
            attributes: vec![("server", Value::text(server)), (called, Value::text(name))],
            arguments: Vec::new(),
        }
    }

    /// A prompt of a server, by the names in the configuration and in the message.
    #[must_use]
    pub fn prompt(server: &str, name: &str) -> Self {
        Self::new(Action::PromptsGet, server, name)
    }

    /// A resource of a server, by its URI.
    #[must_use]
    pub fn resource(server: &str, uri: &str) -> Self {
        Self::new(Action::ResourcesRead, server, uri)
    }

    /// A tool of a server, with [`HINTS`] in their order.
    pub(super) fn tool(
        server: &str,
        name: &str,
        hints: [bool; 4],
        tags: &[String],
        arguments: Vec<(Arc<str>, Type)>,
    ) -> Self {
        let mut tool = Self::new(Action::ToolsCall, server, name);
        let hints = HINTS.into_iter().zip(hints);
        tool.attributes.extend(hints.map(|((hint, _), value)| (hint, Value::Bool(value))));
        tool.attributes.push(("tags", Value::texts(tags)));
        tool.arguments = arguments;
        tool
    }

    /// What is done with it.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// What it is called by at its server: a name or a URI.
    #[must_use]
    pub fn name(&self) -> &str {
        let called = if self.action == Action::ResourcesRead { "uri" } else { "name" };
        match self.attribute(called) {
            Some(Value::Text(name)) => name,
            _ => "",
        }
    }

    pub(super) fn id(&self) -> Option<&Arc<str>> {
        match &self.value {
            Value::Entity(uid) => Some(&uid.id),
            _ => None,
        }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Value> {
        find(&self.attributes, name)
    }
}

/// A tool's annotations, with the values that MCP gives to one that says nothing.
pub const HINTS: [(&str, bool); 4] = [
    ("readOnlyHint", false),
    ("destructiveHint", true),
    ("idempotentHint", false),
    ("openWorldHint", true),
];

fn find<'a>(attributes: &'a [(&'static str, Value)], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}
