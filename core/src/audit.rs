//! One line per decision.

use serde::Serialize;

use crate::token::{Principal, TokenDigest};
use crate::{Reason, UnixSeconds};

/// A decision of the filter, as it is written to the log: one JSON object on one line, after the prefix
/// [`PREFIX`]. Holds no token, no argument and no header of the request.
#[derive(Debug, Default, Serialize)]
pub struct Record<'a> {
    /// When, in seconds since the epoch.
    pub time: UnixSeconds,
    /// `permit` or `deny`.
    pub decision: &'static str,
    /// [`Reason::as_str`] of a denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The HTTP status of a denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The resource's configured name.
    pub resource: &'a str,
    /// `x-request-id`, by which Envoy's own logs can be joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// The JSON-RPC method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'a str>,
    /// The tool of a `tools/call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'a str>,
    /// `iss` of the verified token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<&'a str>,
    /// `sub` of the verified token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The client that the token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<&'a str>,
    /// `jti` of the client's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<&'a str>,
    /// First bytes of the client's token's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_digest: Option<&'a str>,
    /// The exchange target of a permit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'a str>,
    /// `jti` of the exchanged token, which the API server's audit log names as `credential-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchanged_token_id: Option<&'a str>,
}

/// What every audit line starts with.
pub const PREFIX: &str = "obolus-audit ";

impl<'a> Record<'a> {
    /// A record for a request that may pass.
    #[must_use]
    pub fn permit(time: UnixSeconds, resource: &'a str) -> Self {
        Self { time, decision: "permit", resource, ..Self::default() }
    }

    /// A record for a request that may not.
    #[must_use]
    pub fn deny(time: UnixSeconds, resource: &'a str, reason: Reason) -> Self {
        Self {
            time,
            decision: "deny",
            reason: Some(reason.as_str()),
            status: Some(reason.status()),
            resource,
            ..Self::default()
        }
    }

    /// Adds who asked.
    #[must_use]
    pub fn by(mut self, principal: Option<&'a Principal>) -> Self {
        if let Some(principal) = principal {
            self.issuer = Some(&principal.identity().issuer);
            self.subject = Some(&principal.identity().subject);
            self.client = principal.client();
            self.token_id = principal.token_id();
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

    /// The line, prefix included. JSON escapes control characters, so that no value can start a line.
    #[must_use]
    pub fn line(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{PREFIX}{json}")
    }
}
