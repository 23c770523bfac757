//! Compiled policies, and the tools that they were validated against.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::arguments::read_types;
use super::entities::{Action, HINTS, Object, User};
use super::evaluate::ACTION;
use super::expression::{Node, Reader};
use super::scan::{self, Reads};
use super::tables;
use super::value::{Uid, Value};
use crate::config::{Problems, Section};

/// The form that this evaluator reads, and `obolus-policy` writes.
const FORM: u64 = 1;
const MAX_POLICIES: usize = 1_000;
const MAX_TOOLS: usize = 2_000;

/// Policies that Cedar validated, and what they may rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    policies: Vec<Policy>,
    tools: BTreeMap<Arc<str>, Tool>,
    actions: [Value; 3],
    scopes: Vec<Arc<str>>,
    reads_groups: bool,
    /// Whether a tool that stands nowhere may be asked about: where there are tables alone, nothing rests on what it is.
    is_open: bool,
}

/// One policy. Its head's action and resource are looked at first: what does not apply to a request reads nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) id: Arc<str>,
    pub(super) is_forbid: bool,
    pub(super) reason: Option<Arc<str>>,
    actions: Vec<Action>,
    head: Head,
    pub(super) condition: Node,
}

/// What a policy's head says of the resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Head {
    is: Option<Arc<str>>,
    equal: Option<Uid>,
    within: Option<Uid>,
}

/// A tool, and which policies can apply to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tool {
    object: Object,
    policies: Vec<usize>,
    reads: Reads,
}

/// What is decided on.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub user: &'a User,
    /// What for.
    pub object: &'a Object,
    /// With which arguments. Ignored where a list is cut, as nobody knows them there.
    pub arguments: Option<&'a Map<String, Json>>,
    /// The name of the target that the token is exchanged for.
    pub target: &'a str,
    /// The revision of MCP, such as `2026-07-28`.
    pub revision: &'a str,
}

impl Program {
    /// Reads the compiled form.
    ///
    /// # Errors
    /// Every fault in it, each with its path.
    pub fn from_json(json: &Json) -> Result<Self, Problems> {
        let top = Section::top(json)?;
        let read = Self::read(&top);
        top.conclude(read)
    }

    /// Reads the compiled form from a section of a configuration, where every fault is noted.
    #[must_use]
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let mut policies = Vec::new();
        let is_good = read_policies(section, &mut policies);
        let program = Self::of(policies, Some(section));
        is_good.then_some(program)
    }

    /// Reads what an `access` section says: tables, and compiled policies beside them. `name_of` is what a token calls a
    /// scope of the tables that is configured by another name.
    #[must_use]
    pub fn of_access(
        access: &Section<'_>,
        name_of: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        not_null(access, &["policies", "scopes", "roles", "groups"]);
        let mut policies = Vec::new();
        let compiled = access.optional_section("policies");
        if compiled.is_none() && !tables::is_there(access) {
            access.problem(
                "scopes",
                "is missing: write `scopes`, `roles` or `groups` with the tools that each opens, or `policies`; nobody \
                 could call anything",
            );
        }
        let is_good = compiled.as_ref().is_none_or(|section| read_policies(section, &mut policies));
        let written: BTreeSet<_> = policies.iter().map(|policy| Arc::clone(&policy.id)).collect();
        let from = policies.len();
        tables::read(access, name_of, &mut policies);
        for policy in policies.iter().skip(from).filter(|policy| written.contains(&policy.id)) {
            access.problem(
                "policies",
                format!("a policy has the name of a table's row, {}", policy.id),
            );
        }
        let program = Self::of(policies, compiled.as_ref());
        if let Some(section) = compiled {
            section.finish();
        }
        is_good.then_some(program)
    }

    /// Of policies that were read, and of a compiled form's tools.
    fn of(policies: Vec<Policy>, compiled: Option<&Section<'_>>) -> Self {
        let tools =
            compiled.map(|section| Self::read_tools(section, &policies)).unwrap_or_default();
        let mut scopes = BTreeSet::new();
        policies.iter().for_each(|policy| scan::scopes(&policy.condition, &mut scopes));
        let name = |action: Action| Value::Entity(Uid::new(ACTION, action.name()));
        Self {
            tools,
            actions: Action::ALL.map(name),
            scopes: scopes.into_iter().collect(),
            reads_groups: policies.iter().any(|policy| scan::reads_groups(&policy.condition)),
            is_open: compiled.is_none(),
            policies,
        }
    }

    fn read_tools(section: &Section<'_>, policies: &[Policy]) -> BTreeMap<Arc<str>, Tool> {
        let mut tools = BTreeMap::new();
        let Some(servers) = section.optional_section("tools") else { return tools };
        for server in servers.keys() {
            let Some(named) = servers.optional_section(server) else { continue };
            if server.contains('/') {
                // Two tools of two servers would have one name.
                servers.problem(server, "is no name of a server");
            }
            for name in named.keys() {
                let Some(told) = named.optional_section(name) else { continue };
                let object = read_tool(server, name, &told);
                told.finish();
                if tools.len() >= MAX_TOOLS {
                    section.problem("tools", format!("more than {MAX_TOOLS}"));
                    return tools;
                }
                let mut applicable = Vec::new();
                let mut reads = Reads::default();
                for (index, policy) in policies.iter().enumerate() {
                    if policy.is_about(&object) {
                        applicable.push(index);
                        reads.add(&policy.condition);
                    }
                }
                if let Some(id) = object.id() {
                    let tool = Tool { policies: applicable, reads, object: object.clone() };
                    tools.insert(Arc::clone(id), tool);
                }
            }
            named.finish();
        }
        servers.finish();
        tools
    }

    /// A tool that may be decided on. Where there are policies, one that they were validated against: another one is
    /// nobody's, since what they say of it nobody checked.
    #[must_use]
    pub fn tool(&self, server: &str, name: &str) -> Option<Cow<'_, Object>> {
        if self.is_open {
            let hints = HINTS.map(|(_, default)| default);
            return Some(Cow::Owned(Object::tool(server, name, hints, &[], Vec::new())));
        }
        let tool = self.tools.get(format!("{server}/{name}").as_str())?;
        Some(Cow::Borrowed(&tool.object))
    }

    /// The arguments of a tool on which decisions rest, for all that is remembered of them; `None` for all that it has.
    #[must_use]
    pub fn arguments_read(&self, tool: &Object) -> Option<&BTreeSet<Arc<str>>> {
        static NONE: BTreeSet<Arc<str>> = BTreeSet::new();
        self.reads(tool).map_or(Some(&NONE), Reads::names)
    }

    /// Whether groups that a token does not tell are worth asking for.
    #[must_use]
    pub fn reads_groups(&self) -> bool {
        self.reads_groups
    }

    /// The scopes that policies speak of, sorted.
    #[must_use]
    pub fn scopes(&self) -> &[Arc<str>] {
        &self.scopes
    }

    pub(super) fn reads(&self, object: &Object) -> Option<&Reads> {
        self.known(object).map(|tool| &tool.reads)
    }

    /// A prompt may have a tool's name, and is none.
    fn known(&self, object: &Object) -> Option<&Tool> {
        if object.action() == Action::ToolsCall { self.tools.get(object.id()?) } else { None }
    }

    pub(super) fn action(&self, action: Action) -> &Value {
        let [call, get, read] = &self.actions;
        match action {
            Action::ToolsCall => call,
            Action::PromptsGet => get,
            Action::ResourcesRead => read,
        }
    }

    pub(super) fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The policies that can apply to what is asked for, in their order, with their places. To a tool of another
    /// program, none.
    pub(super) fn about<'p>(
        &'p self,
        object: &'p Object,
    ) -> impl Iterator<Item = (usize, &'p Policy)> {
        let of_tool = self.known(object).into_iter().flat_map(|tool| &tool.policies);
        let of_tool = of_tool.filter_map(|index| Some((*index, self.policies.get(*index)?)));
        let is_tool = object.action() == Action::ToolsCall;
        let is_known = is_tool && !self.is_open;
        let others = if is_known { &[] } else { self.policies.as_slice() };
        of_tool.chain(others.iter().enumerate().filter(|(_, policy)| policy.is_about(object)))
    }
}

/// Reads the policies of a compiled form. Returns whether all of them are good.
fn read_policies(section: &Section<'_>, policies: &mut Vec<Policy>) -> bool {
    section.integer("form", FORM, FORM..=FORM);
    if !section.has("form") {
        section.problem("form", "is missing: compile the policies with obolus-policy");
    }
    let told = section.sections("policies");
    if told.len() > MAX_POLICIES {
        section.problem("policies", format!("more than {MAX_POLICIES}"));
        return false;
    }
    let mut nodes = 0;
    let mut ids = BTreeSet::new();
    let mut is_good = true;
    for told in told {
        match Policy::read(&told, &mut nodes) {
            Some(policy) => {
                if !ids.insert(Arc::clone(&policy.id)) {
                    told.problem("id", "stands at two policies");
                }
                policies.push(policy);
            }
            None => is_good = false,
        }
        told.finish();
    }
    is_good
}

fn read_tool(server: &str, name: &str, told: &Section<'_>) -> Object {
    let hints = HINTS.map(|(hint, default)| told.boolean(hint, default));
    let tags = told.strings("tags");
    let arguments = told.optional_section("arguments");
    let types = arguments.as_ref().map(read_types).unwrap_or_default();
    Object::tool(server, name, hints, &tags, types)
}

/// In a configuration null says the same as nothing; here nothing is a policy that applies to more.
pub(super) fn not_null(section: &Section<'_>, keys: &[&str]) {
    let present = section.keys();
    for key in keys.iter().filter(|key| present.contains(*key) && !section.has(key)) {
        section.problem(key, "must not be null");
    }
}

impl Policy {
    /// One that permits by its condition alone.
    pub(super) fn permit(id: Arc<str>, action: Action, condition: Node) -> Self {
        let actions = vec![action];
        Self { id, is_forbid: false, reason: None, actions, head: Head::default(), condition }
    }

    fn read(told: &Section<'_>, nodes: &mut usize) -> Option<Self> {
        not_null(told, &["when", "resource"]);
        let id = told.string("id", "the policy's name");
        let effect = told.string("effect", "permit or forbid");
        let is_forbid = match effect.as_deref() {
            Some("forbid") => Some(true),
            Some("permit") => Some(false),
            Some(_) => {
                told.problem("effect", "must be permit or forbid");
                None
            }
            None => None,
        };
        let reason = told.optional_string("reason");
        let mut actions = Vec::new();
        for name in told.some_strings("actions", "the methods that it is about") {
            match Action::ALL.into_iter().find(|action| action.name() == name) {
                Some(action) => actions.push(action),
                None => {
                    told.problem("actions", format!("{name} is no method that policies govern"))
                }
            }
        }
        let head = match told.optional_section("resource") {
            None => Some(Head::default()),
            Some(section) => {
                let head = Head::read(&section);
                section.finish();
                head
            }
        };
        let condition = match told.value("when") {
            None => Some(Node::Literal(Value::Bool(true))),
            Some(json) => Reader { section: told, key: "when", nodes }.read(json),
        };
        Some(Self {
            id: id?.into(),
            is_forbid: is_forbid?,
            reason: reason.map(Into::into),
            actions,
            head: head?,
            condition: condition?,
        })
    }

    /// The condition's first part, if it rests on the principal alone: where that is false, nothing behind it is read.
    pub(super) fn of_principal(&self) -> Option<&Node> {
        let first = match &self.condition {
            Node::And(parts) => parts.first()?,
            whole => whole,
        };
        scan::is_of_principal(first).then_some(first)
    }

    fn is_about(&self, object: &Object) -> bool {
        let Value::Entity(uid) = &object.value else { return false };
        let Head { is, equal, within } = &self.head;
        self.actions.contains(&object.action())
            && is.as_ref().is_none_or(|kind| *kind == uid.kind)
            && equal.as_ref().is_none_or(|equal| equal == uid)
            && within.as_ref().is_none_or(|group| group == uid || *group == object.server)
    }
}

impl Head {
    fn read(section: &Section<'_>) -> Option<Self> {
        let uid = |key: &str| match section.strings(key).as_slice() {
            [kind, id] => Some(Some(Uid::new(kind, id))),
            [] if !section.has(key) => Some(None),
            _ => {
                section.problem(key, "must be a type and an id");
                None
            }
        };
        not_null(section, &["is", "eq", "in"]);
        let is = section.optional_string("is").map(Into::into);
        let (equal, within) = (uid("eq"), uid("in"));
        Some(Self { is, equal: equal?, within: within? })
    }
}
