//! A filter's configuration that is right, for tests that need one and for tests that spoil it.

use std::sync::Arc;

use obolus_core::config::{FilterConfig, Resource};
use serde_json::{Value, json};

use crate::issuer::{ISSUER, RESOURCE};

/// Every key that there is.
pub(crate) fn good() -> Value {
    json!({
        "sts": {
            "cluster": "obolus-sts",
            "authority": "sts.obolus.svc",
            "callerId": "gateway",
            "credentialEnv": "OBOLUS_CREDENTIAL",
            "timeoutMs": 3000,
        },
        "issuers": [{
            "name": "keycloak",
            "issuer": ISSUER,
            "profile": "keycloak",
            "algorithms": ["RS256", "ES256"],
            "clockSkewSeconds": 10,
        }],
        "resources": [{
            "name": "kubernetes",
            "resource": RESOURCE,
            "clusters": ["obolus-mcp"],
            "issuers": ["keycloak"],
            "audiences": [RESOURCE],
            "requiredScopes": ["mcp:tools"],
            "target": {"name": "kubernetes", "audience": "kubernetes"},
            "allowedOrigins": ["https://app.example.com", "http://localhost:6274"],
            "maxBodyBytes": 65536,
        }],
        "keysRefreshSeconds": 30,
        "maxWaiting": 100,
        "maxCachedTokens": 200,
    })
}

pub(crate) fn parse(config: &Value) -> FilterConfig {
    FilterConfig::parse(config.to_string().as_bytes()).unwrap()
}

/// The one resource of [`good`], with some of its keys replaced.
pub(crate) fn resource_but(changes: Value) -> Arc<Resource> {
    let mut config = good();
    for (key, value) in changes.as_object().unwrap() {
        config["resources"][0][key] = value.clone();
    }
    Arc::clone(&parse(&config).resources[0])
}

/// The resource of [`good`] as another one of this name, with a cluster of this name.
pub(crate) fn another(name: &str, url: &str) -> Value {
    let mut resource = good()["resources"][0].take();
    resource["name"] = name.into();
    resource["resource"] = url.into();
    resource["audiences"] = json!([url]);
    resource["clusters"] = json!([name]);
    resource
}

/// The problems of a configuration, as a person reads them.
pub(crate) fn problems(config: &Value) -> String {
    match FilterConfig::parse(config.to_string().as_bytes()) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    }
}

/// The problems after one change of the right configuration; `null` takes the key away.
fn problems_with(pointer: &str, value: Value) -> String {
    let mut config = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[key] = value;
    problems(&config)
}

pub(crate) fn accepts(pointer: &str, value: Value) {
    assert_eq!(problems_with(pointer, value.clone()), "", "{pointer} {value}");
}

pub(crate) fn refuses(pointer: &str, value: Value, expected: &str) {
    let told = problems_with(pointer, value.clone());
    assert!(told.contains(expected), "{pointer} {value}: {told:?} should tell {expected:?}");
}
