//! One line per decision.

use std::io;

use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

use crate::token::{Principal, TenantId, TokenDigest};
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
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub request_id: Option<&'a str>,
    /// The JSON-RPC method.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub method: Option<&'a str>,
    /// The tool of a `tools/call`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub tool: Option<&'a str>,
    /// The issuer's configured name, by whose rules the token was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_name: Option<&'a str>,
    /// `iss` of the verified token; for Entra ID the tenant's v2 issuer.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub issuer: Option<&'a str>,
    /// The tenant, for Entra ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a str>,
    /// `sub` of the verified token; for Entra ID `oid`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub subject: Option<&'a str>,
    /// The client that the token was issued to.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub client: Option<&'a str>,
    /// `true` where the token is an application's own; absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_only: Option<bool>,
    /// `jti` of the client's token, or Entra ID's `uti`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
    pub token_id: Option<&'a str>,
    /// First bytes of the client's token's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_digest: Option<&'a str>,
    /// The exchange target of a permit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'a str>,
    /// `jti` of the exchanged token, which the API server's audit log names as `credential-id`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bounded")]
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
            self.issuer_name = Some(principal.issuer_name());
            self.issuer = Some(&principal.identity().issuer);
            self.tenant = principal.tenant().map(TenantId::as_str);
            self.app_only = principal.is_app_only().then_some(true);
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

    /// The line, prefix included. It is visible ASCII and spaces: no value can start a line of its own, in any
    /// reader's idea of a line, or turn the text around on a screen.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = PREFIX.as_bytes().to_vec();
        let mut json = serde_json::Serializer::with_formatter(&mut line, Ascii(CompactFormatter));
        // Writing to memory does not fail; half a record would be worse than one that is visibly empty.
        if self.serialize(&mut json).is_err() {
            return PREFIX.to_owned();
        }
        String::from_utf8(line).unwrap_or_else(|_| PREFIX.to_owned())
    }
}

/// The longest value of the request in a record, in characters. Longer ones are nobody's name, and a log is not
/// a place to store them.
const MAX_VALUE_CHARS: usize = 512;

fn bounded<S: Serializer>(value: &Option<&str>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        // As many bytes are no more characters.
        Some(text) if text.len() <= MAX_VALUE_CHARS => serializer.serialize_str(text),
        Some(text) => match text.char_indices().nth(MAX_VALUE_CHARS) {
            Some((end, _)) => {
                serializer.collect_str(&format_args!("{}…", text.get(..end).unwrap_or_default()))
            }
            None => serializer.serialize_str(text),
        },
        None => serializer.serialize_none(),
    }
}

/// Compact JSON with everything but visible ASCII escaped.
struct Ascii(CompactFormatter);

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let plain = |byte| matches!(byte, b' '..=b'~');
        if fragment.bytes().all(plain) {
            return self.0.write_string_fragment(writer, fragment);
        }
        let mut units = [0; 2];
        for c in fragment.chars() {
            if matches!(c, ' '..='~') {
                self.0.write_string_fragment(writer, c.encode_utf8(&mut [0; 4]))?;
            } else {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}
