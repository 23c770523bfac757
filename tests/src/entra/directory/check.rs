//! Whether a directory makes sense: every problem at once, each by the name of what has it.

use std::collections::BTreeSet;

use super::{App, Directory};

impl Directory {
    /// Everything that is wrong with it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Problems(self, Vec::new());
        problems.names();
        problems.ids();
        for app in &self.apps {
            problems.app(app);
        }
        problems.people();
        problems.consents();
        problems.1
    }
}

struct Problems<'a>(&'a Directory, Vec<String>);

impl Problems<'_> {
    fn say(&mut self, problem: String) {
        self.1.push(problem);
    }

    fn names(&mut self) {
        let Directory { tenants, apps, users, groups, .. } = self.0;
        let kinds: [(&str, Vec<&String>); 4] = [
            ("tenant", tenants.iter().map(|one| &one.name).collect()),
            ("app", apps.iter().map(|one| &one.name).collect()),
            ("user", users.iter().map(|one| &one.name).collect()),
            ("group", groups.iter().map(|one| &one.name).collect()),
        ];
        for (kind, names) in kinds {
            let mut seen = BTreeSet::new();
            for name in names {
                if !seen.insert(name) {
                    self.say(format!("{kind} {name}: there are two of this name"));
                }
            }
        }
        if tenants.is_empty() {
            self.say("there is no [[tenants]]".to_owned());
        }
    }

    fn ids(&mut self) {
        let Directory { tenants, apps, users, groups, .. } = self.0;
        let mut seen = BTreeSet::new();
        let all = (tenants.iter().map(|one| ("tenant", &one.name, &one.id)))
            .chain(apps.iter().map(|one| ("app", &one.name, &one.id)))
            .chain(users.iter().map(|one| ("user", &one.name, &one.id)))
            .chain(groups.iter().map(|one| ("group", &one.name, &one.id)));
        for (kind, name, id) in all {
            if !is_guid(id) {
                self.say(format!("{kind} {name}: id {id:?} is no GUID in lower case"));
            }
            if !seen.insert(id) {
                self.say(format!("{kind} {name}: id {id} is also somebody else's"));
            }
        }
        let mut uris = BTreeSet::new();
        for (app, uri) in
            apps.iter().flat_map(|app| app.app_id_uris.iter().map(move |uri| (app, uri)))
        {
            if !uris.insert(uri) {
                self.say(format!("app {}: {uri} is also another app's App ID URI", app.name));
            }
        }
    }

    fn app(&mut self, app: &App) {
        let name = &app.name;
        if app.tenants.is_empty() {
            self.say(format!("app {name}: tenants is empty, so nobody knows it"));
        }
        for tenant in &app.tenants {
            self.tenant(&format!("app {name}"), tenant);
        }
        if !matches!(app.token_version, 1 | 2) {
            self.say(format!("app {name}: token_version is {}, not 1 or 2", app.token_version));
        }
        let credentials =
            app.secrets.len() + app.certificate_files.len() + app.federated_credentials.len();
        if app.public && credentials > 0 {
            self.say(format!("app {name}: a public client has no credentials"));
        }
        if app.federated_credentials.len() > 20 {
            self.say(format!("app {name}: more than 20 federated_credentials"));
        }
        for secret in &app.secrets {
            if !is_guid(&secret.id) {
                self.say(format!("app {name}: the id of a secret is no GUID in lower case"));
            }
        }
        for scope in &app.scopes {
            if scope == ".default" || scope.contains(['/', ' ']) || scope.is_empty() {
                self.say(format!("app {name}: {scope:?} cannot be the name of a scope"));
            }
        }
        for (resource, scopes) in app.permissions.iter().flatten() {
            self.scopes(&format!("app {name}: permissions"), resource, scopes);
        }
        for preauthorized in &app.preauthorized {
            self.known_app(&format!("app {name}: preauthorized"), &preauthorized.client);
            self.scopes(&format!("app {name}: preauthorized"), name, &preauthorized.scopes);
        }
        for client in &app.known_clients {
            self.known_app(&format!("app {name}: known_clients"), client);
        }
    }

    fn people(&mut self) {
        for user in &self.0.users {
            let place = format!("user {}", user.name);
            self.tenant(&place, &user.tenant);
            if let Some(home) = &user.guest_of {
                self.tenant(&place, home);
            }
            for group in &user.groups {
                self.group(&place, group, Some(&user.tenant));
            }
        }
        for group in &self.0.groups {
            let place = format!("group {}", group.name);
            self.tenant(&place, &group.tenant);
            for parent in &group.member_of {
                self.group(&place, parent, Some(&group.tenant));
            }
        }
        for policy in &self.0.policies {
            let place = format!("policy {}", policy.name);
            self.users(&place, policy.users.iter().flatten());
            for app in policy.apps.iter().flatten() {
                self.known_app(&place, app);
            }
        }
    }

    fn consents(&mut self) {
        for consent in &self.0.consents {
            let place = format!("consent of {} on {}", consent.client, consent.resource);
            if let Some(tenant) = &consent.tenant {
                self.tenant(&place, tenant);
            }
            self.known_app(&place, &consent.client);
            self.scopes(&place, &consent.resource, &consent.scopes);
            self.users(&place, consent.users.iter().flatten());
        }
        for assignment in &self.0.assignments {
            let place = format!("assignment to {}", assignment.app);
            self.known_app(&place, &assignment.app);
            self.users(&place, assignment.users.iter());
            for group in &assignment.groups {
                self.group(&place, group, None);
            }
            for app in &assignment.apps {
                self.known_app(&place, app);
            }
            let roles = self.0.app(&assignment.app).map(|app| &app.app_roles);
            if let (Some(roles), Some(role)) = (roles, &assignment.role)
                && !roles.contains(role)
            {
                self.say(format!("{place}: it has no app role {role}, only {roles:?}"));
            }
        }
    }

    fn tenant(&mut self, place: &str, name: &str) {
        if !self.0.tenants.iter().any(|tenant| tenant.name == name) {
            self.say(format!("{place}: there is no tenant {name}"));
        }
    }

    fn known_app(&mut self, place: &str, name: &str) {
        if !self.0.apps.iter().any(|app| app.name == name) {
            self.say(format!("{place}: there is no app {name}"));
        }
    }

    fn users<'b>(&mut self, place: &str, names: impl Iterator<Item = &'b String>) {
        for name in names {
            if !self.0.users.iter().any(|user| user.name == *name) {
                self.say(format!("{place}: there is no user {name}"));
            }
        }
    }

    fn group(&mut self, place: &str, name: &str, tenant: Option<&str>) {
        match self.0.group(name) {
            None => self.say(format!("{place}: there is no group {name}")),
            Some(group) if tenant.is_some_and(|tenant| group.tenant != tenant) => {
                self.say(format!("{place}: group {name} is in another tenant"));
            }
            Some(_) => {}
        }
    }

    fn scopes(&mut self, place: &str, resource: &str, scopes: &[String]) {
        let Some(app) = self.0.apps.iter().find(|app| app.name == resource) else {
            return self.say(format!("{place}: there is no app {resource}"));
        };
        for scope in scopes {
            if !app.scopes.contains(scope) {
                self.say(format!(
                    "{place}: {resource} has no scope {scope}, only {:?}",
                    app.scopes
                ));
            }
        }
    }
}

/// Whether a text is a GUID as Entra writes them.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}
