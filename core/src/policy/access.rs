//! Who may use what of one resource: tables and policies, and what becomes of those whom they do not permit.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cedar::{Decision, Listing, Object, Program, Request, User};
use super::climbing::is_ambiguous;
use super::explain::Considered;
use super::memory::{self, Memory};
use super::unknown_tool::UnknownTool;
use crate::mcp::answers::Item;
use crate::mcp::{Admitted, Answered, Governs, List, Message, Named, Revision};
use crate::token::{Claimed, Memberships, Principal};
use crate::{Denial, Reason};

/// What a resource's `access` section says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The resource's name, which is the server's in policies.
    pub(crate) server: String,
    pub(crate) program: Program,
    /// Decides beside this one, and is recorded; see [`super::dry_run`].
    pub(crate) dry_run: Option<Box<Access>>,
    /// By the name that tokens have it by, the scope as clients ask for it.
    pub(crate) asked_as: BTreeMap<String, String>,
    pub(crate) unknown_tool: UnknownTool,
}

/// A principal as policies see it. Made once for a token: it costs as much as the token has groups.
#[derive(Debug, Clone)]
pub struct Asker {
    user: User,
    /// The same with every scope that policies speak of: what it may do beyond the other is what a step-up opens.
    stepped_up: User,
    memory: Memory,
    /// As those see it that are on trial.
    pub(super) dry_run: Option<Box<Asker>>,
}

/// What policies said of a permitted request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The ids of the policies that decided.
    pub policies: Vec<Arc<str>>,
}

/// The target of a request, and its revision of MCP: what policies know of it besides what it names.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The name of the target that the token is exchanged for.
    pub target: &'a str,
    /// The revision of MCP.
    pub revision: Revision,
}

impl Access {
    /// A principal, as these policies see it.
    #[must_use]
    pub fn asker(&self, principal: &Principal) -> Asker {
        self.asker_of(User::of(principal))
    }

    /// The same of claims that nobody verified: no permit is decided for it, see [`Asker::is`].
    #[must_use]
    pub fn asker_of_claims(&self, claimed: &Claimed) -> Asker {
        self.asker_of(User::of_claims(claimed))
    }

    fn asker_of(&self, user: User) -> Asker {
        let dry_run = self.dry_run.as_ref().map(|access| Box::new(access.asker_of(user.clone())));
        let stepped_up = self.program.with_every_scope(&user);
        Asker { user, stepped_up, memory: Memory::default(), dry_run }
    }

    /// Whether groups that a token does not tell are worth asking for.
    #[must_use]
    pub fn reads_groups(&self) -> bool {
        self.program.reads_groups()
            || self.dry_run.as_ref().is_some_and(|access| access.reads_groups())
    }

    /// Whether a principal's groups have to be asked for before this is decided on: its token says that there are some, not
    /// which, and policies read them. Only Entra ID leaves them out, and only a person's can be asked for.
    #[must_use]
    pub fn wants_groups(&self, principal: &Principal, admitted: &Admitted<'_>) -> bool {
        let is_untold = *principal.groups() == Memberships::Unresolved
            && principal.tenant().is_some()
            && !principal.is_app_only();
        let is_list = matches!(admitted.method().answer, Answered::List(_));
        let is_governed = |named: &Named<'_>| {
            matches!(named.governs, Governs::Tool | Governs::Prompt | Governs::Resource)
        };
        is_untold
            && self.reads_groups()
            && (is_list || admitted.message().named().iter().any(is_governed))
    }

    /// Decides on everything that a message names. `lacks_required` says that the token has not got what the resource
    /// wants for any call: nothing is permitted then, and what else is missing is told in the same challenge.
    pub(super) fn decide(
        &self,
        asker: &Asker,
        admitted: &Admitted<'_>,
        target: &str,
        lacks_required: bool,
    ) -> Result<Verdict, Denial> {
        let message = admitted.message();
        let circumstances = Circumstances { target, revision: admitted.revision() };
        let mut permitted = Verdict::default();
        for named in message.named() {
            let Some(object) = self.object(&self.program, named) else { continue };
            let object = object.map_err(|()| match named.governs {
                Governs::Tool => self.hidden(named.name, Vec::new()),
                _ => Denial::by_policy(None, Vec::new()),
            })?;
            let request = request(&asker.user, &object, message, circumstances);
            let key = memory::key(&self.program, &object, &request);
            let known = key.as_ref().and_then(|key| asker.memory.permitted(key));
            let policies = match known {
                Some(policies) => policies,
                None => match self.program.decide(&request) {
                    Decision::Permit { policies } => {
                        asker.memory.remember(key, &policies);
                        policies
                    }
                    Decision::Deny { policies, reason, .. } => {
                        return Err(self.denial(asker, &request, policies, reason));
                    }
                },
            };
            for policy in policies {
                if !permitted.policies.contains(&policy) {
                    permitted.policies.push(policy);
                }
            }
        }
        if lacks_required { Err(Reason::InsufficientScope.into()) } else { Ok(permitted) }
    }

    /// What policies say, each for itself, of something that a message names; `None` for what they do not govern.
    pub(super) fn consider(
        &self,
        asker: &Asker,
        message: &Message,
        named: Named<'_>,
        circumstances: Circumstances<'_>,
    ) -> Option<Considered> {
        let object = self.object(&self.program, named)?;
        let name = named.name.to_owned();
        let Ok(object) = object else {
            return Some(Considered {
                governs: named.governs,
                name,
                is_known: false,
                is_listed: false,
                arguments_read: Some(BTreeSet::new()),
                opinions: Ok(Vec::new()),
            });
        };
        let request = request(&asker.user, &object, message, circumstances);
        Some(Considered {
            governs: named.governs,
            name,
            is_known: true,
            is_listed: self.is_shown(asker, &request),
            arguments_read: self.program.arguments_read(&object).cloned(),
            opinions: self.program.opinions(&request),
        })
    }

    /// What a message names, as policies see it; `None` for what they do not govern, an error for what is nobody's: a tool
    /// that they do not know, and a resource that its URI does not name for sure.
    fn object<'p>(
        &self,
        program: &'p Program,
        named: Named<'_>,
    ) -> Option<Result<Cow<'p, Object>, ()>> {
        match named.governs {
            Governs::Tool => Some(program.tool(&self.server, named.name).ok_or(())),
            Governs::Prompt => Some(Ok(Cow::Owned(Object::prompt(&self.server, named.name)))),
            Governs::Resource if is_ambiguous(named.name) => Some(Err(())),
            Governs::Resource => Some(Ok(Cow::Owned(Object::resource(&self.server, named.name)))),
            // Whose task it is only the server knows; it was made by a call that was decided on.
            Governs::Task | Governs::Nothing | Governs::Reference | Governs::Subscriptions => None,
        }
    }

    /// A denial that scopes would lift says which; one that other arguments would lift says why; any other one of a
    /// tool says that there is no such tool.
    fn denial(
        &self,
        asker: &Asker,
        request: &Request<'_>,
        policies: Vec<Arc<str>>,
        reason: Option<Arc<str>>,
    ) -> Denial {
        let missing = self.program.scopes_to_permit(request);
        if !missing.is_empty() {
            // A client asks for what the challenge names and for nothing else: what it has it would lose.
            let own = asker.user.scopes().filter(|own| self.program.scopes().contains(own));
            let all = own.chain(&missing).map(|scope| self.as_asked(scope)).collect();
            return Denial::scopes_missing(all, policies);
        }
        let is_tool = request.object.action() == super::cedar::Action::ToolsCall;
        if is_tool && !self.is_shown(asker, request) {
            return self.hidden(request.object.name(), policies);
        }
        Denial::by_policy(reason, policies)
    }

    /// A scope as clients ask for it.
    fn as_asked(&self, scope: &str) -> String {
        self.asked_as.get(scope).cloned().unwrap_or_else(|| scope.to_owned())
    }

    fn hidden(&self, tool: &str, policies: Vec<Arc<str>>) -> Denial {
        Denial::tool_hidden(self.unknown_tool.answer(tool), policies)
    }

    fn is_shown(&self, asker: &Asker, request: &Request<'_>) -> bool {
        [&asker.user, &asker.stepped_up]
            .into_iter()
            .any(|user| self.program.is_listable(&Request { user, ..*request }))
    }

    /// What this asker is shown in lists.
    #[must_use]
    pub fn view<'a>(&'a self, asker: &'a Asker, circumstances: Circumstances<'a>) -> View<'a> {
        View { access: self, asker, circumstances, listings: OnceCell::new() }
    }
}

fn request<'a>(
    user: &'a User,
    object: &'a Object,
    message: &'a Message,
    circumstances: Circumstances<'a>,
) -> Request<'a> {
    Request {
        user,
        object,
        arguments: message.arguments(),
        target: circumstances.target,
        revision: circumstances.revision.name(),
    }
}

/// What one principal is shown in lists: what it may use, and what it might with more scopes.
#[derive(Debug)]
pub struct View<'a> {
    access: &'a Access,
    asker: &'a Asker,
    circumstances: Circumstances<'a>,
    /// The principal's own, and with every scope; made when something is asked for that is not remembered.
    listings: OnceCell<Vec<Listing<'a>>>,
}

impl View<'_> {
    /// Whether an entry of a list is shown.
    #[must_use]
    pub fn shows(&self, item: &Item<'_>) -> bool {
        self.lists(item.list(), item.name())
    }

    /// The same by the list and the name of an entry.
    #[must_use]
    pub fn lists(&self, list: List, name: &str) -> bool {
        self.asker.memory.shows(self.circumstances, list, name, || self.decides(list, name))
    }

    fn decides(&self, list: List, name: &str) -> bool {
        let server = &self.access.server;
        match list {
            List::Tools => {
                let tool = self.access.program.tool(server, name);
                tool.is_some_and(|tool| self.any_shows(&tool))
            }
            List::Prompts => self.any_shows(&Object::prompt(server, name)),
            List::Resources | List::ResourceTemplates => {
                !is_ambiguous(name) && self.any_shows(&Object::resource(server, name))
            }
        }
    }

    fn any_shows(&self, object: &Object) -> bool {
        let listings = self.listings.get_or_init(|| {
            let Circumstances { target, revision } = self.circumstances;
            let Asker { user, stepped_up, .. } = self.asker;
            let listing = |user| self.access.program.listing(user, target, revision.name());
            let more = (user != stepped_up).then(|| listing(stepped_up));
            std::iter::once(listing(user)).chain(more).collect()
        });
        listings.iter().any(|listing| listing.shows(object))
    }
}

impl Asker {
    /// Whether this is that principal, in that very token.
    #[must_use]
    pub fn is(&self, principal: &Principal) -> bool {
        self.user.is_of(principal)
    }

    /// The same one with groups that the token does not tell and somebody else did.
    #[must_use]
    pub fn with_groups(&self, groups: &BTreeSet<String>) -> Self {
        let user = self.user.with_groups(groups);
        let stepped_up = self.stepped_up.with_groups_of(&user);
        let dry_run = self.dry_run.as_ref().map(|asker| Box::new(asker.with_groups(groups)));
        // What was decided without them is not known any more.
        Self { user, stepped_up, memory: Memory::default(), dry_run }
    }
}
