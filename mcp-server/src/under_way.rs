//! Calls that a client takes back by their number.
//!
//! Before 2026-07-28 a client that closes its request has not taken it back; it says so with `notifications/cancelled`, in a
//! request of its own. There are no sessions here, so the call is found by the person and the number. A person's other
//! client may use the same number at the same time: then it is not known which call is meant, and none is ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use obolus_core::token::TokenDigest;
use rmcp::model::RequestId;
use serde_json::Value;
use tokio::sync::Notify;

/// The longest number, if it is a text, that is remembered.
const MAX_ID_BYTES: usize = 256;

/// The calls of everybody that can be taken back.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashMap<Key, Vec<Arc<Notify>>>>);

type Key = (TokenDigest, RequestId);

/// A call that can be taken back for as long as it is held.
#[derive(Debug)]
pub(crate) struct Call {
    of: Arc<UnderWay>,
    key: Key,
    taken_back: Arc<Notify>,
}

impl UnderWay {
    /// A call has begun.
    pub(crate) fn begin(self: &Arc<Self>, person: TokenDigest, id: RequestId) -> Call {
        let (key, taken_back) = ((person, id), Arc::new(Notify::new()));
        if fits(&key.1) {
            let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            calls.entry(key.clone()).or_default().push(Arc::clone(&taken_back));
        }
        Call { of: Arc::clone(self), key, taken_back }
    }

    /// Ends the call that `message` takes back, if it takes one back and there is exactly one.
    pub(crate) fn hear(&self, person: impl FnOnce() -> Option<TokenDigest>, message: &Value) {
        if message.get("method").and_then(Value::as_str) != Some("notifications/cancelled")
            || message.get("id").is_some()
        {
            return;
        }
        let id = message.pointer("/params/requestId");
        let id = id.and_then(|id| serde_json::from_value::<RequestId>(id.clone()).ok());
        let (Some(person), Some(id)) = (person(), id.filter(fits)) else { return };
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some([only]) = calls.get(&(person, id)).map(Vec::as_slice) {
            only.notify_one();
        }
    }
}

fn fits(id: &RequestId) -> bool {
    match id {
        RequestId::Number(_) => true,
        RequestId::String(text) => text.len() <= MAX_ID_BYTES,
    }
}

impl Call {
    /// Waits until the call is taken back.
    pub(crate) async fn taken_back(&self) {
        self.taken_back.notified().await;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = calls.get_mut(&self.key) {
            same.retain(|other| !Arc::ptr_eq(other, &self.taken_back));
            if same.is_empty() {
                calls.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::timeout;

    use super::*;

    async fn is_taken_back(call: &Call) -> bool {
        timeout(Duration::from_millis(1), call.taken_back()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_takes_back_the_call_with_the_number_and_no_other() {
        let under_way = Arc::new(UnderWay::default());
        let person = |name: &str| TokenDigest::of(name);
        let begin = |name: &str, id: i64| under_way.begin(person(name), RequestId::Number(id));
        let hear = |name: &str, message: Value| under_way.hear(|| Some(person(name)), &message);
        let cancel = |id: Value| json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        let (mine, other, bobs) = (begin("alice", 7), begin("alice", 8), begin("bob", 7));
        let text = under_way.begin(person("alice"), RequestId::String("7".into()));
        let mut request = cancel(json!(7));
        request["id"] = json!(1);
        for none in [
            request,
            json!({"method": "tools/list", "params": {"requestId": 7}}),
            json!([]),
            cancel(json!({})),
        ] {
            hear("alice", none);
        }
        assert!(!is_taken_back(&mine).await);
        hear("alice", cancel(json!(7)));
        assert!(is_taken_back(&mine).await);
        for call in [&other, &bobs, &text] {
            assert!(!is_taken_back(call).await);
        }

        let (one, same) = (begin("carol", 1), begin("carol", 1));
        hear("carol", cancel(json!(1)));
        assert!(
            !is_taken_back(&one).await && !is_taken_back(&same).await,
            "which one is not known"
        );
        drop(same);
        hear("carol", cancel(json!(1)));
        assert!(is_taken_back(&one).await);

        drop((mine, other, bobs, text, one));
        assert!(under_way.0.lock().unwrap().is_empty());
    }
}
