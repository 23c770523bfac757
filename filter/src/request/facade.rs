//! Requests of people who log in: on to the façade, without anything that says who they are, or not at all.

use obolus_core::Reason;
use obolus_core::audit::Record;
use obolus_core::login::{check_facade_method, goes_to_facade, refusal};

use super::record::tell;
use super::{Phase, Request};
use crate::host::{self, Now};
use crate::request_head::RequestHead;

impl Request {
    /// Whether the request is a façade's by its URL or by where its route leads. Then it has been answered, or goes on
    /// there as a request of nobody's: no body is looked at, and no permit is left.
    pub(super) fn is_for_facade(&mut self, head: &RequestHead, cluster: &str) -> bool {
        let facade = self.worker.config.facade_of(head.authority(), head.path(), cluster);
        let admitted = match facade {
            Ok(None) => return false,
            Ok(Some(_)) => admit(head),
            Err(reason) => Err(reason),
        };
        match admitted {
            Ok(()) => self.worker.metrics.facade(),
            Err(reason) => {
                self.phase = Phase::Answered;
                self.turn_away(head, cluster, reason);
            }
        }
        true
    }

    fn turn_away(&self, head: &RequestHead, cluster: &str, reason: Reason) {
        let seconds = host::now().map_or(0, Now::seconds);
        let trace = head.trace();
        let facades = || self.worker.config.facades.iter();
        let here = facades().find(|one| one.issuer.is_at_authority(head.authority()));
        let there = || facades().find(|one| one.clusters.iter().any(|own| own == cluster));
        // Whose door it was: an issuer is no resource, and has no name that one could have.
        let issuer = here.or_else(there).map(|facade| facade.issuer.to_string());
        let record = Record {
            request_id: head.request_id(),
            ..Record::deny(seconds, issuer.as_deref().unwrap_or_default(), reason)
        };
        tell(&record.in_trace(trace.as_ref()));
        self.worker.metrics.deny(reason);
        host::send(&refusal(reason));
    }
}

/// Checks what its head says, and takes away what does not go on. A code in the query is no token.
fn admit(head: &RequestHead) -> Result<(), Reason> {
    head.check_singletons()?;
    if head.wants_upgrade() {
        return Err(Reason::UpgradeRefused);
    }
    check_facade_method(head.method())?;
    if head.has_token_in_query() {
        return Err(Reason::TokenInQuery);
    }
    let stays = head.names(|name| !goes_to_facade(name));
    stays.iter().try_for_each(|name| host::remove_request_header(name)).ok_or(Reason::Internal)
}
