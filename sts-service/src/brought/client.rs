//! As which client the identity provider is asked, and by what proof.

use obolus_core::config::brought::Fault;
use serde_json::{Value, json};

use super::exchange::Exchange;
use super::{Work, object};

const METHOD: &str = "token_exchange.client_auth.method";
const SECRET: &str = "token_exchange.client_auth.client_secret";

/// The older words for how a client authenticates itself, and the ones of both our form and the newer tables.
const METHODS: [(&str, &str); 4] = [
    ("params", "client_secret_post"),
    ("header", "client_secret_basic"),
    ("assertion", "private_key_jwt"),
    ("federated", "jwt_file"),
];

/// `[targets.client]`.
pub(super) fn translate(exchange: &Exchange, entra: bool, work: &mut Work) -> Value {
    let method = method(exchange, work);
    let secret = exchange.text(SECRET, work);
    if secret.is_some() {
        let path = exchange.path(SECRET);
        work.notice(&path, "is used, but a secret is better in a file of its own: write client_secret_file in [token_exchange.client_auth]");
    }
    // Keycloak's clients are registered for one algorithm, and there the brought program used RS256.
    let algorithm = (method == Some("private_key_jwt") && !entra).then(|| json!("RS256"));
    let mut pairs = vec![("method", method.map(Value::from)), ("algorithm", algorithm)];
    work.origins.note("targets[0].client.method", exchange.path(METHOD));
    for (own, newer) in [
        ("id", "token_exchange.client_auth.client_id"),
        ("secret", SECRET),
        ("secret_file", "token_exchange.client_auth.client_secret_file"),
        ("certificate_file", "token_exchange.client_auth.certificate_file"),
        ("key_file", "token_exchange.client_auth.private_key_file"),
        ("token_file", "token_exchange.client_auth.token_file"),
    ] {
        pairs.push((own, exchange.text(newer, work).map(Value::from)));
        work.origins.note(format!("targets[0].client.{own}"), exchange.path(newer));
    }
    if secret.is_none() && exchange.path(SECRET) == "sts_client_secret" {
        // What is missing is told by the name that the rest of the file uses.
        work.origins.note("targets[0].client.secret_file", "sts_client_secret");
    }
    object(&pairs)
}

fn method(exchange: &Exchange, work: &mut Work) -> Option<&'static str> {
    // What is left out there means a secret in the form.
    let Some(word) = exchange.text(METHOD, work) else { return Some("client_secret_post") };
    let known = METHODS.iter().find(|(older, newer)| *older == word || *newer == word);
    if known.is_none() {
        let all = METHODS.map(|(older, newer)| format!("{newer} (formerly {older})")).join(", ");
        let path = exchange.path(METHOD);
        work.fault(Fault::new(path, "is no way to authenticate", format!("write one of {all}")));
    }
    known.map(|(_, newer)| *newer)
}
