//! What stays ours in a file with brought settings.

use obolus_core::config::brought::Fault;
use serde_json::{Value, json};

use super::Work;

/// `log_level` is a number there: 0 to 9, the higher the more.
pub(super) fn log_level(work: &mut Work) {
    if let Some(level @ Value::Number(_)) = work.own.get_mut("log_level") {
        let is_fine = level.as_u64().is_some_and(|level| level >= 4);
        *level = json!(if is_fine { "debug" } else { "info" });
    }
}

/// `secret` is how a brought secret reaches the reader of our form; nobody writes it in our form itself.
pub(super) fn refuse_inline_secrets(work: &mut Work) {
    let targets = work.own.get_mut("targets").and_then(Value::as_array_mut);
    for (index, target) in targets.into_iter().flatten().enumerate() {
        let client = target.get_mut("client").and_then(Value::as_object_mut);
        if client.and_then(|client| client.remove("secret")).is_some() {
            let path = format!("targets[{index}].client.secret");
            let fault = Fault::new(path, "is no place for a secret", "write secret_file");
            work.faults.push(fault.happens("whoever reads the configuration would have it"));
        }
    }
}

/// No brought key says where the STS listens, or who may ask it: it is a program that was not there before.
pub(super) fn require_what_is_ours(work: &mut Work) {
    if !work.own.contains_key("server") {
        work.fault(Fault::new(
            "server",
            "is missing, and no key of kubernetes-mcp-server stands for it",
            "write [server] with listen = \"0.0.0.0:8443\", operations_listen = \"0.0.0.0:9090\", \
             certificate_file = \"tls.crt\" and private_key_file = \"tls.key\"",
        ));
    }
    if !work.own.contains_key("callers") {
        work.fault(Fault::new(
            "callers",
            "is missing, and no key of kubernetes-mcp-server stands for it",
            "write [[callers]] with id = \"gateway\" (callerId of the filter) and \
             credential_files = [\"gateway-credential\"]; its grants follow from oauth_audience",
        ));
    }
}
