//! Rules 13, 15, 16 and 17: whether this person may have a token for this application.

use serde::Deserialize;
use serde_json::{Value, json};

use super::directory::{App, Directory, Tenant, User};
use super::errors::Refusal;
use super::faults::{Circumstances, Shape, What};
use super::session::Session;
use super::world::World;

/// A Conditional Access policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// A name for this file.
    pub name: String,
    /// Its id, which challenges name.
    pub id: String,
    /// The users it is for; all when absent.
    pub users: Option<Vec<String>>,
    /// The applications it guards; all when absent.
    pub apps: Option<Vec<String>>,
    /// What it wants.
    pub require: Requirement,
    /// How the refusal looks, where there are two ways.
    #[serde(default)]
    pub shape: Shape,
}

/// What a policy wants.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// More than a password: 50076, 50079, 50072, 50074 or 50158.
    Mfa(u32),
    /// An authentication context (`acrs`), such as `c1`: 50076.
    Context(String),
    /// A compliant (53000) or joined (53001) device or an approved application (53002), which nobody here has.
    Device(u32),
    /// 53003, with `claims` that a new sign-in satisfies, or without.
    Block {
        /// Whether the answer has `claims`.
        claims: bool,
    },
}

/// The id that challenges of faults name.
pub(super) const FAULT_POLICY: &str = "fa17fa17-fa17-4a17-8a17-fa17fa17fa17";

impl Policy {
    fn guards(&self, user: &User, app: &App) -> bool {
        let among = |names: &Option<Vec<String>>, name: &String| {
            names.as_ref().is_none_or(|names| names.contains(name))
        };
        among(&self.users, &user.name) && among(&self.apps, &app.name)
    }

    /// Whether this sign-in has what the policy wants.
    fn satisfied_by(&self, session: &Session) -> bool {
        match &self.require {
            Requirement::Mfa(_) => session.mfa,
            Requirement::Context(context) => session.contexts.contains(context),
            Requirement::Device(_) => false,
            Requirement::Block { claims } => *claims && session.policies.contains(&self.id),
        }
    }

    fn refusal(&self, app: &App) -> Refusal {
        let capolids =
            || json!({"access_token": {"capolids": {"essential": true, "values": [self.id]}}});
        match &self.require {
            Requirement::Mfa(code) => more(*code, self.shape, capolids(), app),
            Requirement::Context(context) => {
                let claims =
                    json!({"access_token": {"acrs": {"essential": true, "value": context}}});
                more(50076, self.shape, claims, app)
            }
            Requirement::Device(code) => Refusal::of(*code),
            Requirement::Block { claims: false } => Refusal::of(53003),
            Requirement::Block { claims: true } => Refusal::of(53003).claims(capolids()),
        }
    }
}

fn more(code: u32, shape: Shape, claims: Value, app: &App) -> Refusal {
    let refusal = Refusal::of(code);
    let text = match refusal.text.strip_suffix("the resource.") {
        Some(beginning) => format!("{beginning}'{}'.", app.id),
        None => refusal.text.clone(),
    };
    let refusal = refusal.text(text).claims(claims);
    match shape {
        Shape::InvalidGrant => refusal,
        Shape::InteractionRequired => refusal.error("interaction_required").suberror(None),
    }
}

/// Rule 13: the account exists in this tenant, is enabled, and its sign-in still counts.
pub(super) fn account<'d>(
    world: &World,
    directory: &'d Directory,
    tenant: &Tenant,
    oid: &str,
    session: &Session,
) -> Result<&'d User, Refusal> {
    let user = directory.users.iter().find(|user| user.id == oid && user.tenant == tenant.name);
    let user = user.ok_or_else(|| {
        Refusal::of(50034).text(format!(
            "The user account {{EUII Hidden}} does not exist in the {} directory. To sign into this application, the account must be added to the directory.",
            tenant.id
        ))
    })?;
    if !user.enabled {
        return Err(Refusal::of(50057));
    }
    if world.sessions.is_revoked(user, session) {
        return Err(Refusal::of(50173));
    }
    Ok(user)
}

/// Rule 16: the application wants people to be assigned.
pub(super) fn assigned(directory: &Directory, app: &App, user: &User) -> Result<(), Refusal> {
    if app.assignment_required && directory.assignments_of(app, user).next().is_none() {
        return Err(Refusal::of(50105).text(format!(
            "Your administrator has configured the application {} ('{}') to block users unless they are specifically granted ('assigned') access to the application. The signed in user '{{EUII Hidden}}' is blocked because they are not a direct member of a group with access, nor had access directly assigned by an administrator. Please contact your administrator to assign access to this application.",
            app.name, app.id
        )));
    }
    Ok(())
}

/// What somebody who signs in by a page does on top of a password, because policies for this application want it.
pub(super) fn step_up(directory: &Directory, app: &App, user: &User, session: &mut Session) {
    for policy in directory.policies.iter().filter(|policy| policy.guards(user, app)) {
        match &policy.require {
            Requirement::Mfa(_) => session.mfa = true,
            Requirement::Context(context) if !session.contexts.contains(context) => {
                session.mfa = true;
                session.contexts.push(context.clone());
            }
            _ => {}
        }
    }
}

/// Rule 17: Conditional Access, and the faults that play it where `at` is given.
pub(super) fn conditional_access(
    world: &World,
    directory: &Directory,
    app: &App,
    user: &User,
    session: &Session,
    at: Option<&Circumstances>,
) -> Result<(), Refusal> {
    let refused = directory
        .policies
        .iter()
        .find(|policy| policy.guards(user, app) && !policy.satisfied_by(session));
    if let Some(policy) = refused {
        return Err(policy.refusal(app));
    }
    let Some(at) = at else { return Ok(()) };
    let satisfied = session.policies.iter().any(|id| id == FAULT_POLICY);
    let claims =
        json!({"access_token": {"capolids": {"essential": true, "values": [FAULT_POLICY]}}});
    let refusal = world.faults.hit(at, |what| match *what {
        What::Mfa { code, shape } if !(satisfied || session.mfa) => {
            Some(more(code, shape, claims.clone(), app))
        }
        What::Blocked { code, claims: false } => Some(Refusal::of(code)),
        What::Blocked { code, claims: true } if !satisfied => {
            Some(Refusal::of(code).claims(claims.clone()))
        }
        What::SessionsRevoked { code } => Some(Refusal::of(code)),
        _ => None,
    });
    refusal.map_or(Ok(()), Err)
}
