//! The API server's own description of its kinds (OpenAPI v3), one document for each version.
//!
//! The index is asked for with each caller's own credential; it names the documents by their contents' hash. A document of
//! that hash is what this caller would be sent, so it is kept and shared.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use http::Request;
use serde::Deserialize;

use super::caller::Caller;
use super::operation::Operation;
use crate::failure::Failure;
use crate::names::ApiVersion;

/// How many bytes of documents are kept. The largest of Kubernetes, of the core group, has one and a half million.
const MAX_KEPT_BYTES: usize = 6 * 1024 * 1024;

/// Documents by path and hash, the one that was used last at the end.
#[derive(Debug, Default)]
pub(super) struct KeptDocuments(Mutex<VecDeque<(String, Bytes)>>);

impl KeptDocuments {
    fn get(&self, key: &str) -> Option<Bytes> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == key)?;
        let document = kept.remove(at)?;
        let bytes = document.1.clone();
        kept.push_back(document);
        Some(bytes)
    }

    fn keep(&self, key: String, document: Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != key);
        kept.push_back((key, document));
        while kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > MAX_KEPT_BYTES {
            kept.pop_front();
        }
    }
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    paths: HashMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "serverRelativeURL")]
    url: String,
}

impl Caller {
    /// The OpenAPI v3 document of one version, as JSON; none if the API server has none.
    pub(crate) async fn openapi(&self, api_version: &ApiVersion) -> Result<Option<Bytes>, Failure> {
        let operation = Operation::on_cluster("get", "the OpenAPI of the API server");
        let get = |path: String| {
            Request::get(path)
                .body(Vec::new())
                .map_err(|_| self.malformed(&operation, "a document's place is no path"))
        };
        let index: Index = self.ask(&operation, get("/openapi/v3".to_owned())?).await?;
        // `api/v1` or `apis/apps/v1`
        let place = api_version.discovery_path();
        let Some(entry) = index.paths.get(place.trim_start_matches('/')) else { return Ok(None) };
        let hash = entry.url.split_once("?hash=").map(|(_, hash)| hash);
        let hash = hash.filter(|hash| {
            hash.len() <= 256 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let path = format!("/openapi/v3{place}");
        let Some(hash) = hash else {
            return self.send(&operation, get(path)?).await.map(Some);
        };
        let key = format!("{path}?hash={hash}");
        if let Some(document) = self.cluster().kept_documents.get(&key) {
            return Ok(Some(document));
        }
        let document = self.send(&operation, get(key.clone())?).await?;
        self.cluster().kept_documents.keep(key, document.clone());
        Ok(Some(document))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_kept_within_bounds_and_the_one_used_last_stays() {
        let kept = KeptDocuments::default();
        let half = Bytes::from(vec![b'x'; MAX_KEPT_BYTES / 2]);
        kept.keep("a".to_owned(), half.clone());
        kept.keep("b".to_owned(), half.clone());
        assert!(kept.get("a").is_some() && kept.get("b").is_some() && kept.get("a").is_some());
        kept.keep("c".to_owned(), half);
        assert!(kept.get("b").is_none(), "it was used longest ago");
        assert!(kept.get("a").is_some() && kept.get("c").is_some());
        kept.keep("d".to_owned(), Bytes::from(vec![b'x'; MAX_KEPT_BYTES + 1]));
        assert!(kept.get("d").is_none(), "what does not fit is not kept");
    }
}
