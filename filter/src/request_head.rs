//! The header section of a request, read once.

use obolus_core::Reason;
use obolus_core::mcp::MirroredHeaders;
use obolus_core::mcp::session::SESSION_HEADER;
use obolus_core::policy::{Forwarding, MIRRORED_ARGUMENT, is_forwarded_header};
use obolus_core::token::token_in_query;
use obolus_core::trace::TraceParent;

/// What decisions need of the headers. Names are in lower case: Envoy's codecs see to that.
pub(crate) struct RequestHead {
    headers: Vec<(String, Vec<u8>)>,
}

impl RequestHead {
    pub(crate) fn new(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self { headers }
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| &value[..])
    }

    /// The first value of a header, where more than one would already have been refused or does not matter.
    fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next().and_then(|value| str::from_utf8(value).ok())
    }

    pub(crate) fn method(&self) -> &str {
        self.first(":method").unwrap_or_default()
    }

    /// The request target, without its query.
    pub(crate) fn path(&self) -> &str {
        let target = self.first(":path").unwrap_or_default();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// A target that is no text could hide one as well.
    pub(crate) fn has_token_in_query(&self) -> bool {
        let target = self.values(":path").next().map(str::from_utf8);
        target.is_some_and(|target| target.map_or(true, token_in_query))
    }

    pub(crate) fn authority(&self) -> &str {
        self.first(":authority").unwrap_or_default()
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.first("x-request-id").filter(|id| id.len() <= 128)
    }

    /// The trace that this request is part of. Of two that stand there nobody knows which one is meant.
    pub(crate) fn trace(&self) -> Option<TraceParent> {
        let mut values = self.values("traceparent");
        match (values.next(), values.next()) {
            (Some(only), None) => TraceParent::parse(str::from_utf8(only).ok()?),
            _ => None,
        }
    }

    /// The page's origin. One that cannot be read is there all the same, and is no allowed one.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.values("origin").next().map(|value| str::from_utf8(value).unwrap_or_default())
    }

    pub(crate) fn authorization(&self) -> Vec<&[u8]> {
        self.values("authorization").collect()
    }

    pub(crate) fn is_preflight(&self) -> bool {
        self.method() == "OPTIONS" && self.first("access-control-request-method").is_some()
    }

    /// The headers that a preflight asks for.
    pub(crate) fn requested_headers(&self) -> Option<&str> {
        self.first("access-control-request-headers")
    }

    /// An extended CONNECT (RFC 8441) is one or the other: Envoy shows WebSockets over HTTP/2 as `Upgrade`.
    pub(crate) fn wants_upgrade(&self) -> bool {
        self.method() == "CONNECT" || self.values("upgrade").next().is_some()
    }

    /// Headers on which a decision rests must stand once: two readers could believe different ones.
    pub(crate) fn check_singletons(&self) -> Result<(), Reason> {
        const SINGLETONS: [&str; 8] = [
            "content-encoding",
            "content-length",
            "content-type",
            "mcp-method",
            "mcp-name",
            "mcp-protocol-version",
            SESSION_HEADER,
            "origin",
        ];
        let repeated = |name: &str| self.values(name).nth(1).is_some();
        let mut arguments = self.mirrored_arguments().map(|(name, _)| name);
        if SINGLETONS.iter().any(|name| repeated(name)) || arguments.any(repeated) {
            Err(Reason::HeaderDuplicated)
        } else {
            Ok(())
        }
    }

    /// Whether the body is what we can read: JSON, in UTF-8, not compressed, not announced as too long.
    pub(crate) fn check_body_headers(&self, limit: usize) -> Result<(), Reason> {
        let encoding = self.first("content-encoding");
        if self.values("content-encoding").next().is_some()
            && !encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("identity"))
        {
            return Err(Reason::ContentEncodingRefused);
        }
        if !self.first("content-type").is_some_and(is_json_utf8) {
            return Err(Reason::ContentTypeRefused);
        }
        let length = self.first("content-length").map(str::parse::<usize>);
        match length {
            Some(Ok(length)) if length > limit => Err(Reason::BodyTooLarge),
            Some(Err(_)) => Err(Reason::BodyTooLarge),
            _ => Ok(()),
        }
    }

    /// The session that the client names.
    pub(crate) fn session(&self) -> Option<Vec<u8>> {
        self.values(SESSION_HEADER).next().map(<[u8]>::to_vec)
    }

    /// Whether it wants to have sent again what it missed of a stream.
    pub(crate) fn resumes(&self) -> bool {
        self.values("last-event-id").next().is_some()
    }

    pub(crate) fn mirrored(&self) -> Mirrored {
        let owned = |name| {
            self.values(name).next().map(|value| String::from_utf8_lossy(value).into_owned())
        };
        Mirrored {
            protocol_version: owned("mcp-protocol-version"),
            method: owned("mcp-method"),
            name: owned("mcp-name"),
            arguments: self
                .mirrored_arguments()
                .filter_map(|(name, value)| {
                    let value = String::from_utf8_lossy(value).into_owned();
                    Some((name.strip_prefix(MIRRORED_ARGUMENT)?.to_owned(), value))
                })
                .collect(),
        }
    }

    fn mirrored_arguments(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let headers = self.headers.iter().map(|(name, value)| (&**name, &**value));
        headers.filter(|(name, _)| name.starts_with(MIRRORED_ARGUMENT))
    }

    /// The names that do not go on in any revision, once each.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        self.names(|name| !is_forwarded_header(name))
    }

    /// The names that go on with some messages and not with others.
    pub(crate) fn by_message(&self) -> Vec<String> {
        self.names(|name| is_forwarded_header(name) && Forwarding::depends(name))
    }

    /// The names of this kind, once each.
    pub(crate) fn names(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut names: Vec<_> =
            self.headers.iter().map(|(name, _)| name).filter(|name| wanted(name)).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().cloned().collect()
    }
}

/// The mirrored headers, kept until the body is there.
#[derive(Debug, Default)]
pub(crate) struct Mirrored {
    protocol_version: Option<String>,
    method: Option<String>,
    name: Option<String>,
    arguments: Vec<(String, String)>,
}

impl Mirrored {
    pub(crate) fn as_headers(&self) -> MirroredHeaders<'_> {
        MirroredHeaders {
            protocol_version: self.protocol_version.as_deref(),
            method: self.method.as_deref(),
            name: self.name.as_deref(),
            arguments: &self.arguments,
        }
    }
}

fn is_json_utf8(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            // White space around the equals sign is no parameter (RFC 9110 §5.6.6), and yet some readers take it.
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}
