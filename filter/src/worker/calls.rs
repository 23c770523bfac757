//! Calls to the STS, the one cluster that this filter calls.

use std::time::Duration;

use obolus_core::token::{FetchId, KeySet, KeySource, Lookup};
use proxy_wasm::types::LogLevel;

use super::{ExchangeKey, Worker};
use crate::host;

/// Answers are small; a larger one is not ours.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// What an outstanding call is for.
pub(super) enum Call {
    Keys { source: KeySource, fetch: FetchId },
    Exchange(ExchangeKey),
}

impl Worker {
    pub(super) fn dispatch<'a>(
        &'a self,
        mut headers: Vec<(&'a str, &'a str)>,
        body: Option<&[u8]>,
        call: Call,
    ) -> Option<()> {
        let sts = &self.config.sts;
        headers.push((":authority", &sts.authority));
        headers.push((":scheme", "https"));
        headers.push(("accept", "application/json"));
        let timeout = Duration::from_millis(sts.timeout_ms);
        let token = host::dispatch(&sts.cluster, headers, body, timeout);
        if token.is_none() {
            let message = format!("obolus: the cluster `{}` takes no calls", sts.cluster);
            host::log(LogLevel::Error, &message);
        }
        self.calls.try_borrow_mut().ok()?.insert(token?, call);
        Some(())
    }

    /// The answer of a call, or the host's own when none came in time.
    pub(crate) fn call_answered(&self, token: u32) {
        let call = match self.calls.try_borrow_mut() {
            Ok(mut calls) => calls.remove(&token),
            Err(_) => None,
        };
        let answer = host::call_response(MAX_ANSWER_BYTES);
        match call {
            Some(Call::Keys { source, fetch }) => {
                let keys = answer
                    .filter(|(status, _)| *status == 200)
                    .and_then(|(_, body)| KeySet::parse(&body).ok());
                if keys.is_none() {
                    let message = format!("obolus: no keys of issuer `{source}` from the STS");
                    host::log(LogLevel::Warn, &message);
                }
                // RFC 9111 §5.1: an answer that was not got for this request says how old it is.
                let lookup = if host::call_response_has("age") {
                    Lookup::Unconfirmed
                } else {
                    Lookup::Confirmed
                };
                // Without a clock nothing new is believed; the fetch has ended all the same.
                let (now, keys) = match host::now() {
                    Some(now) => (now, keys.map(|keys| (keys, lookup))),
                    None => (host::Now { millis: 0, micros: 0 }, None),
                };
                self.keys_answered(&source, fetch, now, keys);
            }
            Some(Call::Exchange(key)) => self.exchange_answered(&key, answer, host::now()),
            None => {}
        }
        // What waits now may need another call.
        if let Some(now) = host::now() {
            self.pump(now);
        }
    }
}
