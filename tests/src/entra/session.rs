//! Sign-ins, and what they are still good for: which token comes from which, and when they were revoked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::clock;
use super::directory::User;
use super::jwt::Jwt;

/// One sign-in of one person.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    /// In the order of sign-ins; none for a token that a test made up.
    pub(super) number: Option<u64>,
    /// When.
    pub(super) at: i64,
    /// Whether there was more than a password.
    pub(super) mfa: bool,
    /// `acrs`.
    pub(super) contexts: Vec<String>,
    /// Policies that a challenge named and this sign-in answered.
    pub(super) policies: Vec<String>,
}

/// The sign-ins behind the tokens that were issued.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    next: AtomicU64,
    /// By `uti`, with the token's end.
    tokens: Mutex<HashMap<String, (Session, i64)>>,
    /// By user name: sign-ins before this number count no more.
    revoked: Mutex<HashMap<String, (u64, i64)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    /// A sign-in that answers this claims challenge, if there is one.
    pub(super) fn sign_in(&self, claims: Option<&Value>) -> Session {
        let asked = claims.map_or(&Value::Null, |claims| &claims["access_token"]);
        let texts = |one: &Value| -> Vec<String> {
            let values = one["values"].as_array().cloned().unwrap_or_default();
            let all = values.into_iter().chain(Some(one["value"].clone()));
            all.filter_map(|value| value.as_str().map(str::to_owned)).collect()
        };
        let (contexts, policies) = (texts(&asked["acrs"]), texts(&asked["capolids"]));
        Session {
            number: Some(self.next.fetch_add(1, Ordering::Relaxed)),
            at: clock::now(),
            mfa: !contexts.is_empty() || !policies.is_empty(),
            contexts,
            policies,
        }
    }

    /// Remembers from which sign-in a token comes.
    pub(super) fn issued(&self, uti: &str, session: &Session, end: i64) {
        let mut tokens = lock(&self.tokens);
        if tokens.len() > 10_000 {
            let now = clock::now();
            tokens.retain(|_, (_, end)| *end > now);
        }
        tokens.insert(uti.to_owned(), (session.clone(), end));
    }

    /// The sign-in behind a token: remembered, or what the token itself says.
    pub(super) fn of(&self, token: &Jwt) -> Session {
        let known = token.claim("uti").and_then(|uti| lock(&self.tokens).get(uti).cloned());
        if let Some((session, _)) = known {
            return session;
        }
        let texts = |name: &str| -> Vec<String> {
            let values = token.claims[name].as_array().into_iter().flatten();
            values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
        };
        let contexts = texts("acrs");
        Session {
            number: None,
            at: token.time("iat").unwrap_or_default(),
            mfa: texts("amr").iter().any(|method| method == "mfa") || !contexts.is_empty(),
            contexts,
            policies: Vec::new(),
        }
    }

    /// From now on, sign-ins so far of this user count no more.
    pub(super) fn revoke(&self, user: &str) {
        let next = self.next.load(Ordering::Relaxed);
        lock(&self.revoked).insert(user.to_owned(), (next, clock::now()));
    }

    /// Whether this sign-in of the user counts no more.
    pub(super) fn is_revoked(&self, user: &User, session: &Session) -> bool {
        if user.revoked_at.is_some_and(|moment| session.at < moment) {
            return true;
        }
        let revoked = lock(&self.revoked).get(&user.name).copied();
        revoked.is_some_and(|(next, moment)| match session.number {
            Some(number) => number < next,
            None => session.at <= moment,
        })
    }
}
