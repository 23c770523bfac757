//! What became of a request, left where Envoy's access log finds it: once for each request that is ours.

use std::sync::Arc;

use obolus_core::Denial;
use obolus_core::audit::{Chosen, Decision, DryRun, Exchange, Record};
use obolus_core::config::Resource;
use obolus_core::exchange::ExchangedToken;
use obolus_core::mcp::Message;
use obolus_core::token::TokenDigest;

use super::{Held, Phase, Request, Token};
use crate::host::{self, Now};

/// What the record says of a message and of the policies that judged it.
#[derive(Default)]
pub(super) struct Told {
    method: Option<String>,
    tool: Option<String>,
    arguments: Option<Chosen>,
    /// The ids of those that decided.
    pub(super) policies: Vec<Arc<str>>,
    /// What the policies on trial would have decided.
    pub(super) dry_run: Option<DryRun>,
}

impl Told {
    /// All that is known of a message before anybody judges it.
    pub(super) fn of(message: &Message, resource: &Resource) -> Self {
        Self {
            method: Some(message.method().to_owned()).filter(|method| !method.is_empty()),
            tool: message.tool().map(str::to_owned),
            arguments: Chosen::of(&resource.audit_arguments, message),
            ..Self::default()
        }
    }
}

impl Held {
    /// What is known of a held request, whatever becomes of it.
    fn record(&self, now: Option<Now>) -> Record<'_> {
        let (principal, digest) = match &self.token {
            Token::Verified(verified) => (Some(&verified.principal), None),
            Token::Checked { digest, .. } => (None, Some(digest)),
        };
        let told = &self.asked.told;
        Record {
            request_id: self.request_id.as_deref(),
            method: told.method.as_deref(),
            tool: told.tool.as_deref(),
            arguments: told.arguments.as_ref(),
            target: self.asked.target.as_ref().map(|target| target.name.as_str()),
            policies: &told.policies,
            dry_run: told.dry_run.as_ref(),
            latency_us: since(self.arrived, now),
            ..Record::undecided(now.map_or(0, Now::seconds), &self.resource.name)
        }
        .by(principal)
        .with_token(digest)
        .in_trace(self.trace.as_ref())
    }

    /// Whether a permit waits for the exchange that was asked for. It is in the hand of whoever forwards otherwise.
    fn waits_for_exchange(&self) -> bool {
        self.exchange_asked && self.permit.is_some()
    }

    /// Records that this request goes on.
    pub(super) fn tell_permit(&self, exchanged: &ExchangedToken, now: Now) -> Option<()> {
        let exchange = if self.exchange_asked { Exchange::Exchanged } else { Exchange::Cached };
        tell(&Record {
            decision: Decision::Permit,
            target: Some(exchanged.target()),
            exchange,
            exchanged_token_id_digest: exchanged.token_id().map(TokenDigest::of),
            ..self.record(Some(now))
        })
    }

    /// Records that it does not.
    pub(super) fn tell_denial(&self, denial: &Denial) {
        let exchange = match (self.waits_for_exchange(), self.exchange_asked) {
            (true, _) => Exchange::Refused,
            (false, true) => Exchange::Exchanged,
            (false, false) => Exchange::None,
        };
        let record = Record { exchange, ..self.record(host::now()) }.denied(denial.reason());
        tell(&Record { status: Some(denial.status()), ..record });
    }
}

impl Request {
    /// The request is over. If nobody has decided about it, that is recorded.
    pub(super) fn tell_end(&self) {
        if let Phase::Held(held) = &self.phase {
            let exchange =
                if held.waits_for_exchange() { Exchange::Pending } else { Exchange::None };
            tell(&Record { exchange, ..held.record(host::now()) });
        }
    }
}

/// Microseconds on a clock that may be set back.
pub(super) fn since(arrived: Option<Now>, now: Option<Now>) -> u64 {
    arrived.zip(now).map_or(0, |(arrived, now)| now.micros.saturating_sub(arrived.micros))
}

/// A later record of the same request replaces this one.
pub(super) fn tell(record: &Record<'_>) -> Option<()> {
    host::set_audit(&record.line())
}
