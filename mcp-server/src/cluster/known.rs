//! What is known of a cluster's kinds, so that it is not asked at every call.
//!
//! A kind's path is the same for everybody, and says nothing that its caller will not be asked for again: the request that
//! is built from it is made with that caller's own credential. Only what was found is kept. What is missing is asked for
//! each time, as the caller: a new kind is there at once, and who may not ask learns nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::discovery::Resource;
use crate::names::{ApiVersion, Kind};

/// A kind that was taken away, or changed its scope, is believed to be there for so long; the API server says otherwise.
const KEPT: Duration = Duration::from_secs(600);
/// More kinds than clusters serve.
const MAX_KINDS: usize = 4_096;

/// Kinds of one cluster, by version and name.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<(String, String), (Resource, Instant)>>);

impl Known {
    pub(super) fn get(&self, api_version: &ApiVersion, kind: &Kind) -> Option<Resource> {
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (resource, since) = kinds.get(&key(api_version, kind))?;
        (since.elapsed() < KEPT).then(|| resource.clone())
    }

    pub(super) fn keep(&self, api_version: &ApiVersion, kind: &Kind, resource: &Resource) {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= MAX_KINDS {
            kinds.retain(|_, (_, since)| since.elapsed() < KEPT);
        }
        if kinds.len() < MAX_KINDS {
            kinds.insert(key(api_version, kind), (resource.clone(), Instant::now()));
        }
    }

    /// For when the API server does not know a path that should be there. Whether anything was known.
    pub(super) fn forget(&self) -> bool {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let any = !kinds.is_empty();
        kinds.clear();
        any
    }
}

fn key(api_version: &ApiVersion, kind: &Kind) -> (String, String) {
    (api_version.to_string(), kind.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_in_its_version_until_it_is_forgotten() {
        let version = |text: &str| ApiVersion::try_from(text.to_owned()).unwrap();
        let pod = Kind::try_from("Pod".to_owned()).unwrap();
        let known = Known::default();
        known.keep(&version("v1"), &pod, &Resource::core("Pod", "pods", true));
        assert_eq!(known.get(&version("v1"), &pod).unwrap().kind(), "Pod");
        assert!(known.get(&version("v2"), &pod).is_none());
        assert!(known.forget() && !known.forget());
        assert!(known.get(&version("v1"), &pod).is_none());
    }
}
