//! As whom we change the realm.

use secrecy::{ExposeSecret as _, SecretString};

/// Whom Keycloak is told that we are, and what proves it.
#[derive(Debug)]
pub(super) struct Administrator {
    /// The realm that knows them: `master`, or the one to be changed.
    pub(super) realm: String,
    pub(super) account: Account,
    pub(super) proof: SecretString,
}

/// What kind of account it is.
#[derive(Debug)]
pub(super) enum Account {
    /// A person, by the client `admin-cli`.
    Person(String),
    /// A client's service account.
    Service(String),
}

impl Administrator {
    /// How it is spoken of.
    pub(super) fn who(&self) -> String {
        match &self.account {
            Account::Person(name) => {
                format!("the administrator {name} of the realm {}", self.realm)
            }
            Account::Service(id) => {
                format!("the service account of the client {id} of the realm {}", self.realm)
            }
        }
    }

    /// The form that signs in.
    pub(super) fn form(&self) -> Vec<(&'static str, &str)> {
        let proof = self.proof.expose_secret();
        match &self.account {
            Account::Person(name) => vec![
                ("grant_type", "password"),
                ("client_id", "admin-cli"),
                ("username", name),
                ("password", proof),
            ],
            Account::Service(id) => vec![
                ("grant_type", "client_credentials"),
                ("client_id", id),
                ("client_secret", proof),
            ],
        }
    }

    /// What it may be that Keycloak does not say.
    pub(super) fn why_refused(&self, error: &str) -> &'static str {
        match (&self.account, error) {
            (Account::Person(_), "invalid_grant") => {
                ". The name or the password is wrong, the account is disabled, or it has to do something first, such as to \
                 give a code: then use a service account (--admin-client)"
            }
            (Account::Service(_), "invalid_client" | "unauthorized_client") => {
                ". There is no such client, its secret is another one, or its service account is not switched on"
            }
            _ => "",
        }
    }
}
