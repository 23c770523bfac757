//! What a person is called at the API server, and what nobody may be called.

use std::collections::BTreeSet;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::proved::Proved;
use crate::config::{Named, NamesConfig, RESERVED_NAMES};

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");
const UID: HeaderName = HeaderName::from_static("impersonate-uid");

/// As many groups as Entra ID puts into a token. The API server asks its authorizer about each.
const MAX_GROUPS: usize = 200;
const MAX_NAME_BYTES: usize = 512;

/// Why somebody has no names that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The claim is not there, or no text.
    NoName(String),
    /// Nobody has verified the address.
    EmailNotVerified,
    /// A name of the cluster's own comes of it.
    Reserved(String),
    /// A name that is too long or cannot stand in a header as it is.
    NoHeader(String),
    /// A list that is not whole: fewer groups would be somebody else.
    GroupsNotWhole(String),
    /// More than are sent.
    TooManyGroups(usize),
}

/// Without the values, which are somebody's.
impl fmt::Display for Unfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName(claim) => write!(out, "the token's claim {claim} is no name"),
            Self::EmailNotVerified => {
                out.write_str("the token does not say that its e-mail address is verified")
            }
            Self::Reserved(claim) => {
                write!(
                    out,
                    "the token's claim {claim} makes a name that is the cluster's own (system:…)"
                )
            }
            Self::NoHeader(claim) => write!(
                out,
                "the token's claim {claim} has a name of other than printable ASCII characters, or of more than {MAX_NAME_BYTES}"
            ),
            Self::GroupsNotWhole(claim) => write!(
                out,
                "the token's claim {claim} does not list all groups: the identity provider has to put fewer into it"
            ),
            Self::TooManyGroups(count) => write!(
                out,
                "the token has {count} groups, and at most {MAX_GROUPS} are passed on: the operator may name those that count (allowed_groups)"
            ),
        }
    }
}

/// The headers that say as whom to act. There is always a user; without one the API server would take the request for this
/// server's own.
pub(super) fn headers(config: &NamesConfig, proved: &Proved) -> Result<HeaderMap, Unfit> {
    let mut headers = HeaderMap::new();
    headers.insert(USER, user(&config.username, proved)?);
    if let Some(groups) = &config.groups {
        let names = proved.list(&groups.claim);
        let names = names.map_err(|_| Unfit::GroupsNotWhole(groups.claim.clone()))?;
        let is_allowed = |name: &String| {
            config.allowed_groups.as_ref().is_none_or(|allowed| allowed.contains(name))
        };
        let names: BTreeSet<_> = names.into_iter().filter(is_allowed).collect();
        if names.len() > MAX_GROUPS {
            return Err(Unfit::TooManyGroups(names.len()));
        }
        for name in &names {
            headers.append(GROUP, groups.name(name)?);
        }
    }
    if let Some(claim) = &config.uid_claim {
        let uid = proved.text(claim).ok_or_else(|| Unfit::NoName(claim.clone()))?;
        headers.insert(UID, value(uid, claim)?);
    }
    Ok(headers)
}

fn user(named: &Named, proved: &Proved) -> Result<HeaderValue, Unfit> {
    let name = proved.text(&named.claim).ok_or_else(|| Unfit::NoName(named.claim.clone()))?;
    // As the API server has it: an address that nobody verified is anybody's.
    if named.claim == "email" && !proved.says("email_verified") {
        return Err(Unfit::EmailNotVerified);
    }
    named.name(name)
}

impl Named {
    /// The prefix and a name of the identity provider's.
    fn name(&self, name: &str) -> Result<HeaderValue, Unfit> {
        if name.is_empty() {
            return Err(Unfit::NoName(self.claim.clone()));
        }
        let name = format!("{}{name}", self.prefix.as_str());
        // INVARIANT: whatever the prefix is, nothing of the cluster's own is ever sent.
        if name.starts_with(RESERVED_NAMES) {
            return Err(Unfit::Reserved(self.claim.clone()));
        }
        value(&name, &self.claim)
    }
}

/// A header's value that arrives as it is. Space around it would be cut off on the way, which makes another name of it.
fn value(text: &str, claim: &str) -> Result<HeaderValue, Unfit> {
    let unfit = || Unfit::NoHeader(claim.to_owned());
    let is_fit = (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.trim() == text
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_fit { HeaderValue::from_str(text).map_err(|_| unfit()) } else { Err(unfit()) }
}

#[cfg(test)]
mod tests;
