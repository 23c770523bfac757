//! `sessions` of a resource in the filter's configuration. Without it, no session goes through.

use std::collections::BTreeMap;

use super::section::Problem;
use super::{FilterConfig, Problems, Section};
use crate::mcp::session::{SessionKey, SessionKeys};

/// Where the keys stand under which a resource's sessions are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// The environment variable with the key.
    pub key_env: String,
    /// The one with the key before it, of which clients still hold sessions.
    pub previous_key_env: Option<String>,
}

/// Reads `sessions`.
pub(super) fn sessions(resource: &Section<'_>) -> Option<SessionSettings> {
    let section = resource.optional_section("sessions")?;
    let key_env = section
        .string("keyEnv", "the name of an environment variable listed in the VM's host_env_keys");
    let previous_key_env = section.optional_string("previousKeyEnv");
    if previous_key_env.is_some() && previous_key_env == key_env {
        section.problem("previousKeyEnv", "is the same variable as keyEnv");
    }
    section.finish();
    Some(SessionSettings { key_env: key_env?, previous_key_env })
}

impl FilterConfig {
    /// The keys of sessions, by the resource's name. `variable` tells what an environment variable holds.
    ///
    /// # Errors
    /// Every variable that is missing or holds no key. Never what it holds.
    pub fn session_keys(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, SessionKeys>, Problems> {
        let mut problems = Vec::new();
        let mut keys = BTreeMap::new();
        for (at, resource) in self.resources.iter().enumerate() {
            let Some(settings) = &resource.sessions else { continue };
            let mut read = |key: &str, name: &str| {
                let read = key_in(name, variable(name));
                let path = format!("resources[{at}].sessions.{key}");
                read.map_err(|message| problems.push(Problem { path, message })).ok()
            };
            let current = read("keyEnv", &settings.key_env);
            let previous = settings.previous_key_env.as_deref();
            let previous = previous.map(|name| read("previousKeyEnv", name));
            if let (Some(current), None | Some(Some(_))) = (current, &previous) {
                keys.insert(resource.name.clone(), SessionKeys::new(current, previous.flatten()));
            }
        }
        if problems.is_empty() { Ok(keys) } else { Err(problems.into_iter().collect()) }
    }
}

fn key_in(name: &str, value: Option<String>) -> Result<SessionKey, String> {
    let value = value.filter(|value| !value.trim().is_empty()).ok_or_else(|| {
        format!(
            "the environment variable `{name}` is not there: set it for Envoy, and list it in the VM's \
             environment_variables.host_env_keys"
        )
    })?;
    SessionKey::parse(&value).map_err(|error| format!("the environment variable `{name}` {error}"))
}
