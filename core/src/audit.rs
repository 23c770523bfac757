//! One record per decision.
//!
//! The shell leaves a record with the request, where Envoy's access log finds it: so whatever takes access logs takes
//! audit records, and there is one for each request that was decided about.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::token::{Principal, TenantId, TokenDigest};
use crate::{Reason, TraceParent, UnixSeconds};

mod arguments;
mod line;
mod schema;

pub use arguments::{Chosen, MAX_CHOSEN, MAX_CHOSEN_NAME_BYTES};
pub use line::MAX_RECORD_BYTES;
pub use schema::schema;

/// The property that holds the record of a request. Envoy keeps it in filter state as `wasm.obolus_audit`.
pub const AUDIT_PROPERTY: &str = "obolus_audit";
/// The value of every record's `schema`: of which kind a line of a log is, and by what it is read.
pub const SCHEMA: &str = "obolus-audit/1";

/// A decision of the filter. Holds no token, no header of the request, and of its arguments those only that the
/// configuration names.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When it was decided, in seconds since the epoch.
    pub time: UnixSeconds,
    /// What was decided.
    pub decision: Decision,
    /// Why a request was denied.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "by_label")]
    pub reason: Option<Reason>,
    /// The HTTP status of a denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The resource's configured name; at the door of a façade, the façade's issuer.
    pub resource: &'a str,
    /// `x-request-id`, by which Envoy's own logs can be joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// The trace that the request says it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a str>,
    /// The JSON-RPC method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'a str>,
    /// The tool of a `tools/call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'a str>,
    /// What the configuration wants to see of the arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<&'a Chosen>,
    /// The issuer's configured name, by whose rules the token was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_name: Option<&'a str>,
    /// `iss` of the verified token; for Entra ID the tenant's v2 issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<&'a str>,
    /// The tenant, for Entra ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a str>,
    /// `sub` of the verified token; for Entra ID `oid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The client that the token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<&'a str>,
    /// `true` where the token is an application's own; absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_only: Option<bool>,
    /// Of `jti` of the client's token, or Entra ID's `uti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id_digest: Option<TokenDigest>,
    /// Of the client's token itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_digest: Option<&'a str>,
    /// The name of the exchange target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'a str>,
    /// What became of the exchange.
    pub exchange: Exchange,
    /// Of `jti` of the exchanged token, which the API server's audit log names as `credential-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchanged_token_id_digest: Option<TokenDigest>,
    /// The ids of the policies that decided; at most [`MAX_POLICIES`] of them are written.
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "some_policies")]
    pub policies: &'a [Arc<str>],
    /// What the policies that are on trial would have decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<&'a DryRun>,
    /// From the request's arrival to the decision, in microseconds: with its body's arrival, and whatever it waited for.
    pub latency_us: u64,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The request may pass.
    Permit,
    /// It may not.
    Deny,
    /// It ended before: the client went away, or Envoy gave up.
    #[default]
    None,
}

/// What became of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// The request did not get so far.
    #[default]
    None,
    /// The exchanged token was at hand.
    Cached,
    /// It was asked for, for this request or for another that waited for the same.
    Exchanged,
    /// It was asked for, and none came that is good; `reason` says why.
    Refused,
    /// It was asked for, and the request ended before the answer.
    Pending,
}

/// What policies on trial would have decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// [`Decision::Permit`] or [`Decision::Deny`].
    pub decision: Decision,
    /// Why it would have been denied.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "by_label")]
    pub reason: Option<Reason>,
    /// The ids of the policies that would have decided; at most [`MAX_POLICIES`] of them are written.
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "some_policies")]
    pub policies: Vec<Arc<str>>,
}

/// How many policies' ids stand in one place of a record.
pub const MAX_POLICIES: usize = 16;

impl<'a> Record<'a> {
    /// A record of a request that ended undecided.
    #[must_use]
    pub fn undecided(time: UnixSeconds, resource: &'a str) -> Self {
        Self {
            schema: SCHEMA,
            time,
            decision: Decision::None,
            reason: None,
            status: None,
            resource,
            request_id: None,
            trace_id: None,
            method: None,
            tool: None,
            arguments: None,
            issuer_name: None,
            issuer: None,
            tenant: None,
            subject: None,
            client: None,
            app_only: None,
            token_id_digest: None,
            token_digest: None,
            target: None,
            exchange: Exchange::None,
            exchanged_token_id_digest: None,
            policies: &[],
            dry_run: None,
            latency_us: 0,
        }
    }

    /// A record of a request that may pass.
    #[must_use]
    pub fn permit(time: UnixSeconds, resource: &'a str) -> Self {
        Self { decision: Decision::Permit, ..Self::undecided(time, resource) }
    }

    /// A record of a request that may not.
    #[must_use]
    pub fn deny(time: UnixSeconds, resource: &'a str, reason: Reason) -> Self {
        Self::undecided(time, resource).denied(reason)
    }

    /// The same record, of a denial.
    #[must_use]
    pub fn denied(self, reason: Reason) -> Self {
        let status = Some(reason.status());
        Self { decision: Decision::Deny, reason: Some(reason), status, ..self }
    }

    /// Adds who asked.
    #[must_use]
    pub fn by(mut self, principal: Option<&'a Principal>) -> Self {
        if let Some(principal) = principal {
            self.issuer_name = Some(principal.issuer_name());
            self.issuer = Some(&principal.identity().issuer);
            self.tenant = principal.tenant().map(TenantId::as_str);
            self.app_only = principal.is_app_only().then_some(true);
            self.subject = Some(&principal.identity().subject);
            self.client = principal.client();
            self.token_id_digest = principal.token_id().map(TokenDigest::of);
            self.token_digest = Some(principal.token_digest().as_str());
        }
        self
    }

    /// Adds the token that was refused before anybody could be named.
    #[must_use]
    pub fn with_token(mut self, digest: Option<&'a TokenDigest>) -> Self {
        self.token_digest = self.token_digest.or(digest.map(TokenDigest::as_str));
        self
    }

    /// Adds the trace.
    #[must_use]
    pub fn in_trace(mut self, trace: Option<&'a TraceParent>) -> Self {
        self.trace_id = trace.map(TraceParent::trace_id);
        self
    }
}

fn by_label<S: Serializer>(reason: &Option<Reason>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.map(Reason::as_str).serialize(serializer)
}

fn some_policies<S: Serializer>(
    ids: &impl AsRef<[Arc<str>]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.as_ref().iter().take(MAX_POLICIES).map(|id| &**id))
}
