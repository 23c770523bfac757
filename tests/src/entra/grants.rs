//! Authorization codes and refresh tokens: what each stands for, once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::clock;
use super::session::Session;

/// How long a code may wait.
const CODE_LIFE: Duration = Duration::from_secs(600);

/// What a person approved.
#[derive(Debug, Clone)]
pub(super) struct Approved {
    /// The tenant's name.
    pub(super) tenant: String,
    /// The client's id.
    pub(super) client: String,
    /// The user's object id.
    pub(super) oid: String,
    /// `scope` as it was asked for.
    pub(super) scope: String,
    pub(super) session: Session,
    /// The `claims` parameter.
    pub(super) claims: Option<Value>,
}

/// An authorization code.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) approved: Approved,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: Option<String>,
    pub(super) nonce: Option<String>,
}

/// What became of a code.
pub(super) enum Redeemed {
    Now(Box<Code>),
    Before,
    TooLate,
    Never,
}

struct Kept {
    code: Code,
    made: Instant,
    used: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Grants {
    codes: Mutex<HashMap<String, Kept>>,
    refresh: Mutex<HashMap<String, Approved>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn opaque(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(clock::random::<48>()))
}

impl Grants {
    /// A new code.
    pub(super) fn code(&self, code: Code) -> String {
        let text = opaque("1.AX");
        let mut codes = lock(&self.codes);
        codes.retain(|_, kept| kept.made.elapsed() < CODE_LIFE * 2);
        codes.insert(text.clone(), Kept { code, made: Instant::now(), used: false });
        text
    }

    /// Looks at a code without using it.
    pub(super) fn peek(&self, text: &str) -> Option<Code> {
        lock(&self.codes).get(text).map(|kept| kept.code.clone())
    }

    /// Uses a code: it is worth nothing afterwards, whatever comes of this request.
    pub(super) fn redeem(&self, text: &str) -> Redeemed {
        let mut codes = lock(&self.codes);
        let Some(kept) = codes.get_mut(text) else { return Redeemed::Never };
        if std::mem::replace(&mut kept.used, true) {
            return Redeemed::Before;
        }
        if kept.made.elapsed() >= CODE_LIFE {
            return Redeemed::TooLate;
        }
        Redeemed::Now(Box::new(kept.code.clone()))
    }

    /// A new refresh token.
    pub(super) fn refresh_token(&self, approved: Approved) -> String {
        let text = opaque("1.AR");
        lock(&self.refresh).insert(text.clone(), approved);
        text
    }

    /// Looks at a refresh token.
    pub(super) fn refresh(&self, text: &str) -> Option<Approved> {
        lock(&self.refresh).get(text).cloned()
    }
}
