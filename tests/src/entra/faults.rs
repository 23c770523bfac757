//! Faults that a test switches on: what they are and whom they hit. `disturbance` and `policy` do them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Endpoint;

/// A fault, for everybody until it is narrowed down.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub what: What,
    /// Only at this endpoint. Without it: at the token endpoint.
    #[serde(default = "token_endpoint")]
    pub endpoint: Endpoint,
    /// Only to requests for this user (by name).
    pub user: Option<String>,
    /// Only to requests of this application (by name).
    pub client: Option<String>,
    /// Only so many times.
    pub times: Option<u32>,
}

fn token_endpoint() -> Endpoint {
    Endpoint::Token
}

/// What happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// Refused with the catalogue's answer for this code, whatever the request is.
    Refuse {
        /// The number behind AADSTS.
        code: u32,
    },
    /// The same, but for what the service has been seen to answer otherwise.
    RefuseAs {
        /// The number behind AADSTS.
        code: u32,
        /// Another status.
        status: Option<u16>,
        /// Other members of the answer; null takes one out.
        #[serde(default)]
        members: Value,
    },
    /// The user must do more than give a password: 50076 or a relative of it, with `claims`. A sign-in with these claims
    /// satisfies it. A code is redeemed all the same: people do more where they sign in.
    Mfa {
        /// 50076, 50079, 50072, 50074 or 50158.
        #[serde(default = "mfa_code")]
        code: u32,
        /// Which of the two shapes.
        #[serde(default)]
        shape: Shape,
    },
    /// Conditional Access refuses the user.
    Blocked {
        /// 53003, 53000, 53001 or 53002.
        #[serde(default = "blocked_code")]
        code: u32,
        /// Whether the answer has `claims`, which a new sign-in satisfies.
        #[serde(default)]
        claims: bool,
    },
    /// 50173 or a relative of it (70043, 50132, 50133), for tokens of sign-ins before this moment and after it.
    SessionsRevoked {
        /// The number behind AADSTS.
        #[serde(default = "revoked_code")]
        code: u32,
    },
    /// 429.
    Throttled {
        /// JSON or plain text.
        #[serde(default)]
        body: Body,
        /// When to come again.
        #[serde(default)]
        retry_after: RetryAfter,
    },
    /// 503 with JSON (90033).
    Unavailable {
        /// When to come again.
        #[serde(default)]
        retry_after: RetryAfter,
    },
    /// A gateway's HTML page.
    Html {
        /// Usually 500, 502 or 503.
        status: u16,
    },
    /// No answer at all, while the connection stays open.
    Hang,
    /// The connection is reset.
    Reset,
    /// The answer comes after so many milliseconds.
    Delay {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// The answer comes byte by byte, one in this many milliseconds.
    Slow {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// Half of the answer comes, then the connection ends.
    Truncated,
    /// The right answer with so much white space behind it.
    Huge {
        /// Bytes.
        bytes: usize,
    },
    /// A redirect (307).
    Redirect {
        /// Where to.
        location: String,
    },
    /// A refresh token that nobody asked for.
    UnaskedRefreshToken,
    /// `expires_in` as nobody expects it.
    ExpiresIn(ExpiresIn),
    /// The access token says that the groups are too many, however many they are.
    GroupsOverage,
    /// A federated identity credential that the service does not know yet: 70021.
    FederationDelay,
    /// A member of the answer is another; null takes it out.
    Member {
        /// Its name.
        name: String,
        /// Its value.
        value: Value,
    },
    /// Graph's pages have no more entries than this, whatever was asked for.
    SmallPages {
        /// Entries.
        size: usize,
    },
    /// Claims of the access token are others; null takes one out.
    Claims(Value),
    /// The access token is another user's (by name).
    OtherUser(String),
    /// The access token is of another tenant (by name), with its issuer.
    OtherTenant(String),
    /// The access token is for another audience.
    OtherAudience(String),
    /// The access token has run out.
    Expired,
    /// The access token is signed by a key that is not published.
    ForeignKey,
}

fn mfa_code() -> u32 {
    50076
}

fn blocked_code() -> u32 {
    53003
}

fn revoked_code() -> u32 {
    50173
}

/// How the answer to somebody who must do more looks: both are seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `interaction_required`, as the documentation has it.
    InteractionRequired,
    /// `invalid_grant` with `suberror` `basic_action`, as logs have it.
    #[default]
    InvalidGrant,
}

/// The body of 429.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `Too Many Requests` and nothing else.
    #[default]
    Text,
    /// 90055.
    Json,
}

/// `Retry-After`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No header.
    #[default]
    Absent,
    /// Seconds.
    Seconds(u32),
    /// A date, so many seconds from now.
    Date(u32),
}

/// `expires_in` as nobody expects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// The number as a string, as v1 has it.
    Text,
    /// No member.
    Missing,
    /// A number below zero.
    Negative,
    /// A number beyond 64 bits.
    Enormous,
}

impl Fault {
    /// A fault that hits every request to the token endpoint until it is removed.
    pub fn new(what: What) -> Self {
        Self { what, endpoint: Endpoint::Token, user: None, client: None, times: None }
    }

    /// At another endpoint.
    pub fn at(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Only for this user (by name).
    pub fn user(mut self, name: &str) -> Self {
        self.user = Some(name.to_owned());
        self
    }

    /// Only for requests of this application (by name).
    pub fn client(mut self, name: &str) -> Self {
        self.client = Some(name.to_owned());
        self
    }

    /// Only so many times.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// The faults of one emulator.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

/// Whom a request concerns, as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct Circumstances {
    pub(super) endpoint: Endpoint,
    pub(super) user: Option<String>,
    pub(super) client: Option<String>,
}

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self(Mutex::new(faults))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches a fault on, besides those that are on.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Switches this on for everybody at the token endpoint.
    pub fn everybody(&self, what: What) {
        self.add(Fault::new(what));
    }

    /// Switches all off.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Those that are on.
    pub fn list(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// What `pick` takes of the first fault that these circumstances meet, which then counts as done once.
    pub(super) fn hit<T>(
        &self,
        at: &Circumstances,
        pick: impl Fn(&What) -> Option<T>,
    ) -> Option<T> {
        let mut faults = self.lock();
        let hit = faults.iter_mut().filter(|fault| fault.meets(at)).find_map(|fault| {
            let picked = pick(&fault.what)?;
            fault.times = fault.times.map(|times| times.saturating_sub(1));
            Some(picked)
        });
        faults.retain(|fault| fault.times != Some(0));
        hit
    }
}

impl Fault {
    fn meets(&self, at: &Circumstances) -> bool {
        let fits =
            |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        self.endpoint == at.endpoint && fits(&self.user, &at.user) && fits(&self.client, &at.client)
    }
}
