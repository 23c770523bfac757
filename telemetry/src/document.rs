//! Spans as OTLP writes them in JSON (opentelemetry-proto 1.x, `ExportTraceServiceRequest`): ids in hex, 64-bit numbers as
//! strings, enumerations as numbers.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::{Kind, Source, Span, Value};

/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

pub(super) fn request(source: &Source, spans: &[Span]) -> Json {
    let spans: Vec<_> = spans.iter().map(span).collect();
    let own = [("service.name", &*source.service), ("service.version", source.version)];
    // What an operator says of the service is said beside these, not in place of them.
    let more = source.attributes.iter().map(|(key, text)| (&**key, &**text));
    let more = more.filter(|(key, _)| own.iter().all(|(own, _)| own != key));
    let resource: Vec<_> = own
        .into_iter()
        .chain(more)
        .map(|(key, text)| (Cow::Borrowed(key), Value::Text(text.to_owned())))
        .collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(resource.iter().map(|(key, value)| (&**key, value)))},
        "scopeSpans": [{
            "scope": {"name": source.program, "version": source.version}, "spans": spans,
        }],
    }]})
}

fn span(span: &Span) -> Json {
    let Span { trace_id, span_id, parent_id, name, kind, begun, ended, is_error, .. } = span;
    let kind = match kind {
        Kind::Server => 2,
        Kind::Client => 3,
    };
    let links: Vec<_> = span
        .link
        .iter()
        .map(|link| json!({"traceId": link.trace_id(), "spanId": link.parent_id()}))
        .collect();
    json!({
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent_id.as_deref().unwrap_or_default(),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": begun.to_string(),
        "endTimeUnixNano": ended.to_string(),
        "attributes": attributes(span.attributes.iter().map(|(key, value)| (*key, value))),
        "links": links,
        "status": if *is_error { json!({"code": ERROR}) } else { json!({}) },
    })
}

fn attributes<'a>(attributes: impl Iterator<Item = (&'a str, &'a Value)>) -> Json {
    attributes
        .map(|(key, value)| {
            let value = match value {
                Value::Text(text) => json!({"stringValue": text}),
                Value::Number(number) => json!({"intValue": number.to_string()}),
            };
            json!({"key": key, "value": value})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use obolus_core::trace::TraceParent;

    use super::*;

    #[test]
    fn a_document_says_whose_spans_they_are_and_what_they_are_linked_to() {
        let link = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let begun = Span::begin("ab".repeat(16), None, "tools/call x".into(), Kind::Server);
        let mut span = begun.unwrap().end(true, vec![("a", Value::Number(7))]);
        span.link = TraceParent::parse(link);
        let more = [("service.name", "other"), ("team", "shop")];
        let more = more.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
        let source = Source::new("obolus-x", "1").named("ours".to_owned()).with(more);
        let document = request(&source, &[span]);
        let of = &document["resourceSpans"][0];
        let text = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
        let resource = json!([
            text("service.name", "ours"),
            text("service.version", "1"),
            text("team", "shop")
        ]);
        assert_eq!(of["resource"]["attributes"], resource);
        let span = &of["scopeSpans"][0]["spans"][0];
        assert_eq!(span["attributes"], json!([{"key": "a", "value": {"intValue": "7"}}]));
        assert_eq!(span["links"][0]["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((&span["kind"], &span["status"]), (&json!(2), &json!({"code": 2})));
    }
}
