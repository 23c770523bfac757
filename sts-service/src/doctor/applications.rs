//! Entra's two applications, and which of them is asked for what.
//!
//! People ask for a token of application B, and the STS, which is B, exchanges it for one of application A, the
//! cluster's. Published guides have them the wrong way round, or have only one; Entra refuses either at the first
//! exchange, and here it is seen before, with what it would have answered. What else may be wrong with a target is for
//! [`crate::config`] to say.

use std::path::Path;

use obolus_core::config::brought::Fault;
use serde_json::Value;

use crate::brought::application_of;
use crate::credentials::MAX_BYTES;
use crate::regular_file;
use obolus_core::token::application::is_guid;

/// Faults in a configuration of our own form.
pub(super) fn faults(value: &Value, folder: &Path) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, target) in items(value, "targets").enumerate() {
        if text(target, "provider") == Some("entra") {
            let target = Target { value: target, path: format!("targets[{index}]"), folder };
            target.faults(value, &mut faults);
        }
    }
    faults
}

struct Target<'a> {
    value: &'a Value,
    path: String,
    folder: &'a Path,
}

impl Target<'_> {
    fn faults(&self, top: &Value, faults: &mut Vec<Fault>) {
        let client = self.value.get("client").unwrap_or(&Value::Null);
        let id = text(client, "id");
        if let Some(id) = id.filter(|id| is_guid(id)) {
            self.audiences(top, id, faults);
            self.scopes(id, faults);
        }
        self.secret(client, faults);
    }

    /// A token for one application cannot be exchanged by another.
    fn audiences(&self, top: &Value, id: &str, faults: &mut Vec<Fault>) {
        for (caller, entry) in items(top, "callers").enumerate() {
            for (grant, entry) in items(entry, "grants").enumerate() {
                let mut targets = items(entry, "targets").filter_map(Value::as_str);
                if !targets.any(|name| Some(name) == text(self.value, "name")) {
                    continue;
                }
                let path = format!("callers[{caller}].grants[{grant}].audiences");
                for audience in items(entry, "audiences").filter_map(Value::as_str) {
                    let Some(other) = application_of(audience) else { continue };
                    if !other.eq_ignore_ascii_case(id) {
                        faults.push(another_application(&path, id));
                    }
                }
            }
        }
    }

    fn scopes(&self, id: &str, faults: &mut Vec<Fault>) {
        let path = self.at("scopes");
        let scopes: Vec<_> = items(self.value, "scopes").filter_map(Value::as_str).collect();
        if scopes
            .iter()
            .any(|scope| application_of(scope).is_some_and(|other| other.eq_ignore_ascii_case(id)))
        {
            let write = "write the scope of the cluster's application, api://<its client id>/.default: two applications are needed, one that people ask a token for and that exchanges, and one that is the cluster";
            faults.push(Fault::new(&path, "asks for a token for the exchanging application itself", write).happens(
                "AADSTS90009, or with the bare GUID a token that the person has already and that a cluster of another application refuses",
            ));
            return;
        }
        self.same_application(&scopes, faults);
    }

    /// What the scope names is what the answer's audience will be.
    fn same_application(&self, scopes: &[&str], faults: &mut Vec<Fault>) {
        let audience = text(self.value, "audience").and_then(application_of);
        let mut others = scopes.iter().filter_map(|scope| application_of(scope));
        if let Some(audience) = audience
            && let Some(other) = others.find(|other| !other.eq_ignore_ascii_case(audience))
        {
            let what = "is another application than the scope's";
            let write = format!("write {other}, or the scope of this application");
            faults.push(
                Fault::new(self.at("audience"), what, write)
                    .happens("the exchanged token would be for the scope's application, and is refused here for its audience"),
            );
        }
    }

    /// The portal shows a secret's id beside its value, and the id for ever.
    fn secret(&self, client: &Value, faults: &mut Vec<Fault>) {
        let is_id = |secret: &str| is_guid(secret.trim());
        let file = || {
            let path = self.folder.join(text(client, "secret_file")?);
            let bytes = regular_file::read(&path, MAX_BYTES).ok()?;
            Some(("client.secret_file", is_id(str::from_utf8(&bytes).ok()?)))
        };
        let inline = || text(client, "secret").map(|text| ("client.secret", is_id(text)));
        if let Some((key, true)) = inline().or_else(file) {
            let write = "write the secret's value, which the portal shows once, when it is made";
            faults.push(
                Fault::new(self.at(key), "holds a GUID: the secret's id, not its value", write)
                    .happens("AADSTS7000215"),
            );
        }
    }

    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}

fn another_application(path: &str, id: &str) -> Fault {
    let write = format!(
        "write {id}, the client id that exchanges; clients then ask for api://{id}/access_as_user, and the scope of the exchange is the cluster's application"
    );
    Fault::new(path, "is another application than the one that exchanges", write)
        .happens("AADSTS500131: a token for one application cannot be exchanged by another")
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}
