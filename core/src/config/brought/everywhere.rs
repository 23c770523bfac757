//! What no part starts with, whoever reads the key: settings that would weaken authentication, and settings that
//! somebody has yet to fill in.

use serde_json::{Map, Value};

use super::{Fault, placeholder};

/// Every such fault of a file.
pub(super) fn faults(top: &Map<String, Value>) -> Vec<Fault> {
    let mut faults = placeholder::faults(top);
    faults.extend(top.iter().filter_map(|(key, value)| fault(key, value)));
    faults
}

fn fault(key: &str, value: &Value) -> Option<Fault> {
    let fault = |what: &str, happens: &str, write: &str| {
        Some(Fault::new(key, what, write).happens(happens))
    };
    match (key, value) {
        ("require_oauth", Value::Bool(false)) => fault(
            "is false",
            "anybody who reaches the server would be served",
            "write true, or leave it out: here every call needs a person's token",
        ),
        ("skip_jwt_verification", Value::Bool(true)) => fault(
            "is true",
            "anybody could write a token of their own",
            "leave it out: the filter and the STS verify every token",
        ),
        ("validate_token", Value::Bool(false)) => fault(
            "is false",
            "a token would be taken for what it says of itself",
            "leave it out: the filter, the STS and the API server each verify",
        ),
        ("trust_proxy_headers", Value::Bool(true)) => fault(
            "is true",
            "whoever sets the headers would say which address they have",
            "leave it out: the gateway stands in front, and its own log has the addresses",
        ),
        ("oauth_audience", Value::String(text)) if text.trim().is_empty() => fault(
            "is empty",
            "any audience would be accepted: a token for another application would do",
            "write the audience that tokens for this server carry: its URL, or with Entra the client id of the application that clients ask a token for",
        ),
        ("oauth_audience", Value::String(text)) if text == "account" => fault(
            "is `account`",
            "every token of a Keycloak realm has that audience, so that a token for any application would do",
            "write the server's own audience, and give Keycloak's client scope an audience mapper for it",
        ),
        ("cluster_auth_mode", Value::String(mode)) => match mode.as_str() {
            "" | "passthrough" => None,
            "kubeconfig" => fault(
                "is `kubeconfig`",
                "everybody would act with the server's own credentials",
                "write passthrough, or leave it out: here a call is the caller's, or it is not made",
            ),
            _ => Some(Fault::new(
                key,
                "is no mode that there is",
                "write passthrough, or leave it out",
            )),
        },
        ("kubeconfig", Value::String(file)) if !file.is_empty() => fault(
            "names a file",
            "its credentials would be everybody's",
            "write [cluster] with server and certificate_authority: a call is made with its caller's token",
        ),
        (
            "require_oauth" | "skip_jwt_verification" | "validate_token" | "trust_proxy_headers",
            value,
        ) if !value.is_boolean() => {
            Some(Fault::new(key, "is no truth value", "write true or false"))
        }
        ("oauth_audience" | "cluster_auth_mode" | "kubeconfig", value) if !value.is_string() => {
            Some(Fault::new(key, "is no string", "write a string"))
        }
        _ => None,
    }
}
