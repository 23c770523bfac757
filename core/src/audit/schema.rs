//! The JSON Schema of a record: `docs/audit.schema.json`.

use serde_json::{Map, Value, json};

use super::{MAX_CHOSEN, MAX_POLICIES, SCHEMA};
use crate::Reason;

/// The schema (JSON Schema 2020-12). Every member of a record stands in it, and nothing else may.
#[must_use]
pub fn schema() -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, is_required, description, kind) in members() {
        let mut property = Map::from_iter([("description".to_owned(), json!(description))]);
        if let Value::Object(kind) = kind {
            property.extend(kind);
        }
        properties.insert(name.to_owned(), Value::Object(property));
        if is_required {
            required.push(name);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An audit record of Obolus",
        "description": "One decision of the filter: a line of Envoy's access log. A text that would be longer than 1024 bytes as it is written (160 where many are long) is cut and ends with U+2026.",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// In the order of [`super::Record`]: the name, whether it is always there, what it is, and its form.
fn members() -> Vec<(&'static str, bool, &'static str, Value)> {
    let text = || json!({"type": "string"});
    let digest = || json!({"type": "string", "pattern": "^[0-9a-f]{16}$"});
    let whole = || json!({"type": "integer", "minimum": 0});
    vec![
        ("schema", true, "What this object is, and in which version", json!({"const": SCHEMA})),
        ("time", true, "When it was decided, in seconds since 1970 (UTC)", whole()),
        (
            "decision",
            true,
            "none: the request ended undecided, because the client went away or Envoy gave up",
            json!({"enum": ["permit", "deny", "none"]}),
        ),
        ("reason", false, "Why it was denied: docs/reasons.md", reasons()),
        ("status", false, "The HTTP status of a denial", json!({"type": "integer"})),
        (
            "resource",
            true,
            "The resource, by its name in the configuration; at the door of a façade, the façade's issuer",
            text(),
        ),
        ("request_id", false, "x-request-id, which is in Envoy's other logs as well", text()),
        (
            "trace_id",
            false,
            "The trace that the request's traceparent names",
            json!({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
        ),
        ("method", false, "The JSON-RPC method", text()),
        ("tool", false, "The tool of a tools/call", text()),
        (
            "arguments",
            false,
            "Of the call's arguments those that auditArguments names",
            arguments(),
        ),
        ("issuer_name", false, "The issuer of the token, by its name in the configuration", text()),
        ("issuer", false, "iss of the verified token; of Entra ID the tenant's v2 issuer", text()),
        ("tenant", false, "The tenant, of Entra ID", text()),
        ("subject", false, "sub of the verified token; of Entra ID oid", text()),
        ("client", false, "The OAuth client that the token was issued to", text()),
        ("app_only", false, "The token is an application's own", json!({"const": true})),
        (
            "token_id_digest",
            false,
            "Digest of jti of the client's token; of Entra ID uti",
            digest(),
        ),
        ("token_digest", false, "Digest of the client's token, verified or not", digest()),
        ("target", false, "What the token was exchanged for, by its name", text()),
        (
            "exchange",
            true,
            "none: the request did not get so far; pending: it ended before the STS had answered",
            json!({"enum": ["none", "cached", "exchanged", "refused", "pending"]}),
        ),
        (
            "exchanged_token_id_digest",
            false,
            "Digest of jti (uti) of the exchanged token, which the API server's audit log names as credential-id",
            digest(),
        ),
        ("policies", false, "The ids of the policies that decided", policies()),
        ("dry_run", false, "What policies on trial would have decided", dry_run()),
        (
            "latency_us",
            true,
            "Microseconds from the request's arrival to the decision, its body and all waiting included",
            whole(),
        ),
    ]
}

fn reasons() -> Value {
    let labels: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    json!({"enum": labels})
}

fn policies() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "maxItems": MAX_POLICIES})
}

fn dry_run() -> Value {
    json!({
        "type": "object",
        "properties": {
            "decision": {"enum": ["permit", "deny"]},
            "reason": reasons(),
            "policies": policies(),
        },
        "required": ["decision"],
        "additionalProperties": false,
    })
}

/// An array or an object is only said to have been there.
fn arguments() -> Value {
    json!({
        "type": "object",
        "maxProperties": MAX_CHOSEN,
        "additionalProperties": {"oneOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {
                "type": "object",
                "properties": {"omitted": {"enum": ["array", "object", "ambiguous"]}},
                "required": ["omitted"],
                "additionalProperties": false,
            },
        ]},
    })
}
