//! Brought settings whose feature is not here: refused where somebody's safety counts on them, noticed where not.

use obolus_core::config::Section;
use obolus_core::config::brought::Notice;
use serde_json::{Map, Value};

pub(super) fn read(top: &Section<'_>, brought: &Map<String, Value>, notices: &mut Vec<Notice>) {
    for (key, value) in brought {
        match remark(key, value) {
            Remark::None => continue,
            // `has` makes it a known setting: it has its sentence.
            Remark::Notice(text) if top.has(key) => notices.push(Notice::new(key, text)),
            Remark::Problem(text) if top.has(key) => top.problem(key, text),
            Remark::Notice(_) | Remark::Problem(_) => {}
        }
    }
}

enum Remark {
    /// It is read elsewhere.
    None,
    Notice(&'static str),
    Problem(&'static str),
}

fn remark(key: &str, value: &Value) -> Remark {
    use Remark::{None, Notice, Problem};
    let is_empty = match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(set) => !set,
        _ => false,
    };
    match (key, value) {
        ("cluster_provider_configs", _) if !is_empty => Problem(
            "is not read here: write [clusters.NAME] with server, certificate_authority and audience for each",
        ),
        ("cluster_provider_configs", _) => Notice("is empty, and does nothing here"),
        ("kubeconfig" | "cluster_auth_mode", _) => {
            Notice("does nothing here: every call is made with its caller's token, or not at all")
        }
        ("stateless", _) => Notice(
            "does nothing here: the server tells of no changes; write sessions = true if older clients are to be asked",
        ),
        ("tls_cipher_suites", _) => Notice("does nothing here: the suites are rustls's own"),
        ("validation_enabled" | "experimental_enable_target_compatibility_tool_filters", _) => {
            Notice("does nothing here")
        }
        _ => None,
    }
}
