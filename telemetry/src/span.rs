//! One thing that was done, and when.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use obolus_core::trace::TraceParent;

/// On which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody asked us.
    Server,
    /// We asked somebody.
    Client,
}

/// Of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// What a span says of itself, by the names of OpenTelemetry's conventions.
pub type Attributes = Vec<(&'static str, Value)>;

#[derive(Debug)]
pub(crate) struct Span {
    /// 32 hex digits.
    pub(super) trace_id: String,
    /// 16 hex digits.
    pub(super) span_id: String,
    pub(super) parent_id: Option<String>,
    /// Of another trace that it belongs to as well.
    pub(super) link: Option<TraceParent>,
    pub(super) name: Cow<'static, str>,
    pub(super) kind: Kind,
    /// In nanoseconds of Unix time.
    pub(super) begun: u64,
    pub(super) ended: u64,
    pub(super) is_error: bool,
    pub(super) attributes: Attributes,
}

impl Span {
    /// `None` when the system has no randomness for its id.
    pub(super) fn begin(
        trace_id: String,
        parent_id: Option<String>,
        name: Cow<'static, str>,
        kind: Kind,
    ) -> Option<Self> {
        let (span_id, begun) = (random::<8>()?, now());
        let (is_error, attributes) = (false, Vec::new());
        Some(Self {
            trace_id,
            span_id,
            parent_id,
            link: None,
            name,
            kind,
            begun,
            ended: begun,
            is_error,
            attributes,
        })
    }

    pub(super) fn end(self, is_error: bool, attributes: Attributes) -> Self {
        Self { ended: now().max(self.begun), is_error, attributes, ..self }
    }
}

/// So many bytes in hex digits.
pub(super) fn random<const BYTES: usize>() -> Option<String> {
    let mut bytes = [0u8; BYTES];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
