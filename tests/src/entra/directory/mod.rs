//! What the emulated directory knows: tenants, applications, users, groups and who consented to what.
//!
//! Everything is named by a readable name that is unique in its kind; ids are GUIDs as in Entra.

mod app;
mod certificate;
mod check;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Deserialize;

pub use self::app::{App, ClientSecret, FederatedCredential, GroupClaims, Preauthorized};
pub use self::certificate::Certificate;
pub(super) use self::check::is_guid;
use super::faults::Fault;
use super::policy::Policy;

/// The application id of Microsoft Graph, the same in every tenant.
pub const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// All that one emulator knows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Directory {
    /// How the service behaves where it has behaved in more than one way.
    pub settings: Settings,
    /// Tenants.
    pub tenants: Vec<Tenant>,
    /// Applications, both those that ask for tokens and those that tokens are for.
    pub apps: Vec<App>,
    /// People.
    pub users: Vec<User>,
    /// Security groups.
    pub groups: Vec<Group>,
    /// Delegated permissions that somebody consented to.
    pub consents: Vec<Consent>,
    /// Who is assigned to which application, with which role.
    pub assignments: Vec<Assignment>,
    /// Conditional Access.
    pub policies: Vec<Policy>,
    /// Faults that are switched on from the start.
    pub faults: Vec<Fault>,
}

/// How the service behaves where it has behaved in more than one way.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What separates the parts of an `error_description`.
    pub descriptions: Descriptions,
    /// What happens to the `resource` parameter of RFC 8707.
    pub resource_parameter: ResourceParameter,
    /// `refresh_in` of answers, in seconds; none without it.
    pub refresh_in: Option<u64>,
    /// After so many identical failing requests within five minutes the answer is 50196.
    pub loop_limit: Option<usize>,
}

/// What separates the four parts of an `error_description`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Descriptions {
    /// `\r\n`.
    #[default]
    Lines,
    /// One space, as newer answers have it.
    Spaces,
}

/// What happens to the `resource` parameter of RFC 8707.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceParameter {
    /// It must be an App ID URI of the scope's resource, else 9010010.
    #[default]
    Compared,
    /// It is refused with 901002, as it long was.
    Unsupported,
}

/// A tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// A name for this file.
    pub name: String,
    /// `tid`.
    pub id: String,
    /// Verified domains, each of which names the tenant in a path; the first one is in user names.
    #[serde(default)]
    pub domains: Vec<String>,
}

/// A person.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// A name for this file, and the first half of the user principal name.
    pub name: String,
    /// The tenant in which the account is.
    pub tenant: String,
    /// `oid`.
    pub id: String,
    /// For the login page.
    pub password: String,
    /// Whether the account may sign in.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Groups, by name.
    #[serde(default)]
    pub groups: Vec<String>,
    /// So many groups more, which exist only as ids.
    #[serde(default)]
    pub further_groups: usize,
    /// `user@domain` if it is not made of the name and the tenant's first domain.
    pub principal_name: Option<String>,
    /// The tenant that the person comes from, when the account is a guest's.
    pub guest_of: Option<String>,
    /// Sign-ins before this moment count no more (an RFC 3339 date and time).
    #[serde(default, deserialize_with = "read::moment")]
    pub revoked_at: Option<i64>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("id", &self.id).finish()
    }
}

/// A security group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// A name for this file.
    pub name: String,
    /// The tenant in which it is.
    pub tenant: String,
    /// Its object id.
    pub id: String,
    /// Groups of which it is a member.
    #[serde(default)]
    pub member_of: Vec<String>,
}

/// Delegated permissions of one application on another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The tenant in which it was given; every tenant when absent.
    pub tenant: Option<String>,
    /// The application that may ask.
    pub client: String,
    /// The application that the tokens are for.
    pub resource: String,
    /// The resource's scopes.
    pub scopes: Vec<String>,
    /// Those who consented; when absent an administrator did so for all.
    pub users: Option<Vec<String>>,
}

/// Who is assigned to an application.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The application.
    pub app: String,
    /// An app role of it; default access when absent.
    pub role: Option<String>,
    /// People.
    #[serde(default)]
    pub users: Vec<String>,
    /// Groups: members of groups within them do not inherit.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Applications, for which the role is an application permission.
    #[serde(default)]
    pub apps: Vec<String>,
}

fn yes() -> bool {
    true
}

impl Directory {
    /// The tenant of this id, domain or name.
    pub fn tenant(&self, text: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.is_called(text) || tenant.name == text)
    }

    /// The application of this name or id.
    pub fn app(&self, text: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.name == text || app.id.eq_ignore_ascii_case(text))
    }

    /// The application of this name or id, to be changed.
    ///
    /// # Panics
    /// When there is none: a test names one that it knows.
    #[expect(clippy::panic, reason = "a test that names what is not there is wrong")]
    pub fn app_mut(&mut self, text: &str) -> &mut App {
        match self.apps.iter_mut().find(|app| app.name == text || app.id == text) {
            Some(app) => app,
            None => panic!("no application {text} in the directory"),
        }
    }

    /// The user of this name, id or user principal name.
    pub fn user(&self, text: &str) -> Option<&User> {
        self.users.iter().find(|user| {
            user.name == text
                || user.id == text
                || self.principal_name(user).eq_ignore_ascii_case(text)
        })
    }

    /// The user of this name or id, to be changed.
    ///
    /// # Panics
    /// When there is none: a test names one that it knows.
    #[expect(clippy::panic, reason = "a test that names what is not there is wrong")]
    pub fn user_mut(&mut self, text: &str) -> &mut User {
        match self.users.iter_mut().find(|user| user.name == text || user.id == text) {
            Some(user) => user,
            None => panic!("no user {text} in the directory"),
        }
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// `preferred_username`, `upn`.
    pub fn principal_name(&self, user: &User) -> String {
        let domain = || {
            let tenant = self.tenant(&user.tenant);
            tenant
                .and_then(|tenant| tenant.domains.first())
                .map_or("example.invalid", String::as_str)
        };
        user.principal_name.clone().unwrap_or_else(|| format!("{}@{}", user.name, domain()))
    }

    /// The names of all groups in which the user is, through other groups too.
    pub fn groups_of<'a>(&'a self, user: &'a User) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = user.groups.iter().map(String::as_str).collect();
        while let Some(name) = open.pop() {
            if let Some(group) = self.group(name).filter(|_| !found.contains(name)) {
                found.insert(name);
                open.extend(group.member_of.iter().map(String::as_str));
            }
        }
        found
    }

    /// The object ids of all groups in which the user is.
    pub fn group_ids_of(&self, user: &User) -> Vec<String> {
        let named = self.groups_of(user).into_iter().filter_map(|name| self.group(name));
        let further = (1..=user.further_groups).map(|number| {
            // Recognizable, and different for each user.
            format!("{}-0000-4000-8000-{number:012}", user.id.get(..8).unwrap_or("99999999"))
        });
        named.map(|group| group.id.clone()).chain(further).collect()
    }

    /// The assignments of this application that reach the user, directly or by a group that the user is in itself.
    pub fn assignments_of<'a>(
        &'a self,
        app: &'a App,
        user: &'a User,
    ) -> impl Iterator<Item = &'a Assignment> {
        self.assignments.iter().filter(move |assignment| {
            assignment.app == app.name
                && (assignment.users.contains(&user.name)
                    || assignment.groups.iter().any(|group| user.groups.contains(group)))
        })
    }
}

impl Tenant {
    /// Whether a path with this segment means this tenant.
    pub fn is_called(&self, segment: &str) -> bool {
        self.id.eq_ignore_ascii_case(segment)
            || self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(segment))
    }
}
