//! Spans as OTLP writes them in JSON (opentelemetry-proto 1.x, `ExportTraceServiceRequest`): ids in hex, 64-bit numbers as
//! strings, enumerations as numbers.

use serde_json::{Value as Json, json};

use super::{Kind, Span, Value};

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

pub(super) fn request(spans: &[Span]) -> Json {
    let spans: Vec<_> = spans.iter().map(span).collect();
    let resource = [
        ("service.name", Value::Text(NAME.to_owned())),
        ("service.version", Value::Text(VERSION.to_owned())),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&resource)},
        "scopeSpans": [{"scope": {"name": NAME, "version": VERSION}, "spans": spans}],
    }]})
}

fn span(span: &Span) -> Json {
    let Span { trace_id, span_id, parent_id, name, kind, begun, ended, is_error, .. } = span;
    let kind = match kind {
        Kind::Server => 2,
        Kind::Client => 3,
    };
    json!({
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent_id.as_deref().unwrap_or_default(),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": begun.to_string(),
        "endTimeUnixNano": ended.to_string(),
        "attributes": attributes(&span.attributes),
        "status": if *is_error { json!({"code": ERROR}) } else { json!({}) },
    })
}

fn attributes(attributes: &[(&'static str, Value)]) -> Json {
    attributes
        .iter()
        .map(|(key, value)| {
            let value = match value {
                Value::Text(text) => json!({"stringValue": text}),
                Value::Number(number) => json!({"intValue": number.to_string()}),
            };
            json!({"key": key, "value": value})
        })
        .collect()
}
