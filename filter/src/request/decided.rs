//! What is decided about a body, once it is there and somebody is known to have sent it.

use std::sync::Arc;

use obolus_core::config::Resource;
use obolus_core::exchange::Target;
use obolus_core::mcp::session::SessionHolder;
use obolus_core::mcp::{Admitted, Message, Revision, Verb};
use obolus_core::policy::{Permit, Subject, dry_run};
use obolus_core::{Denial, Reason};

use super::answer::AskedList;
use super::record::Told;
use super::{Asked, Sent};
use crate::host::Now;
use crate::worker::{Known, Verified, Worker};

/// What came of a body.
pub(super) enum Decided {
    Permitted(Permit),
    /// Nothing yet: first the STS has to be asked for the principal's groups.
    GroupsWanted(Arc<Target>),
}

impl Worker {
    /// Reads the body and decides.
    pub(super) fn decide(
        &self,
        resource: &Resource,
        sent: &Sent,
        verified: &Verified,
        subject: Subject<'_>,
        asked: &mut Asked,
        now: Now,
    ) -> Result<Decided, Denial> {
        let message = match sent.verb {
            Verb::Message => Message::parse(subject.body),
            verb => Message::without_body(verb, subject.body),
        };
        let message = message.map_err(|refused| {
            asked.id = refused.id;
            refused.reason
        })?;
        asked.id = message.id().cloned();
        asked.told = Told::of(&message, resource);
        let headers = sent.mirrored.as_headers();
        let admitted = match sent.verb {
            Verb::Message => Admitted::read(headers, &message)?,
            verb => Admitted::without_body(verb, headers, &message)?,
        };
        asked.forwarding = Some(admitted.forwarding());
        asked.revision = Some(admitted.revision());
        asked.list = AskedList::of(resource, &admitted);
        asked.session = self.session(resource, sent, verified, admitted.revision())?;
        let principal = &verified.principal;
        asked.seen.clone_from(&verified.asker);
        if let (Some(access), Ok(target)) = (&resource.access, resource.targets.of(&message))
            && access.wants_groups(principal, &admitted)
        {
            match verified.groups(target, now) {
                Known::Told(asker) => asked.seen = Some(asker),
                // Asked once, whatever came of it.
                Known::Unasked if !std::mem::replace(&mut asked.groups_asked, true) => {
                    return Ok(Decided::GroupsWanted(Arc::clone(target)));
                }
                Known::Unasked | Known::Untold => {}
            }
        }
        let asker = asked.seen.as_deref();
        asked.told.dry_run = dry_run(principal, asker, resource, &admitted);
        let decided = Permit::decide(principal, asker, resource, &admitted, subject);
        asked.told.policies = match &decided {
            Ok(permit) => permit.verdict().policies.clone(),
            Err(denial) => denial.policies().to_vec(),
        };
        decided.map(Decided::Permitted)
    }

    /// The session of the server's that a request belongs to.
    fn session(
        &self,
        resource: &Resource,
        sent: &Sent,
        verified: &Verified,
        revision: Revision,
    ) -> Result<Option<String>, Reason> {
        let keys = self.sessions.get(&resource.name).filter(|_| !revision.is_modern());
        let Some(keys) = keys else { return Ok(None) };
        let identity = verified.principal.identity();
        let holder = SessionHolder { identity, resource: &resource.name };
        match &sent.session {
            Some(session) => keys.unwrap(session, holder).map(Some),
            None if sent.verb == Verb::Message => Ok(None),
            None => Err(Reason::SessionUnknown),
        }
    }
}
