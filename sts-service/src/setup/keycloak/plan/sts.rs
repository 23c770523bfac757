//! The clients as which the STS exchanges.

use super::super::found::Found;
use super::super::representation::{Client, Secret};
use super::super::secret_file;
use super::super::step::{Action, Kind, Step};
use super::super::wanted::{Exchanger, Proof};
use super::switches::{
    self, Attribute, NO_DEVICE_GRANT, NO_FULL_SCOPE, NO_LIGHTWEIGHT_TOKENS, NO_OTHER_FLOWS, Switch,
};

const EXCHANGE: Attribute = Attribute {
    name: "standard.token.exchange.enabled",
    value: "true",
    otherwise: "standard token exchange was off",
    is_default: false,
};

const CONFIDENTIAL: [Switch; 4] = [
    Switch {
        otherwise: "people were to be asked for their consent, and whom an exchange is for is not there to be asked",
        must_be: false,
        of: |client| &mut client.consent_required,
    },
    Switch {
        otherwise: "it was public: anybody could exchange as it",
        must_be: false,
        of: |client| &mut client.public_client,
    },
    Switch {
        otherwise: "it was bearer-only, and so could not ask for anything",
        must_be: false,
        of: |client| &mut client.bearer_only,
    },
    Switch {
        otherwise: "people could sign in with it (standard flow)",
        must_be: false,
        of: |client| &mut client.standard_flow_enabled,
    },
];

/// Its client, and the file of its secret.
///
/// # Errors
/// When it is not there, and nobody has said what it proves itself with; when its secret is none.
pub(super) fn client(exchanger: &Exchanger, found: &Found) -> Result<Vec<Step>, String> {
    let there = found.client(&exchanger.id);
    if let Some(obstacle) = no_secret(exchanger, there) {
        return Err(obstacle);
    }
    match there {
        None => made(exchanger),
        Some(there) => Ok(mended(exchanger, there)),
    }
}

/// A secret that anybody can know lets anybody exchange.
fn no_secret(exchanger: &Exchanger, there: Option<&Client>) -> Option<String> {
    let id = &exchanger.id;
    let weakness = |secret: &Option<Secret>| secret_file::weakness(secret.as_ref()?, id);
    let (held, replace) = match &exchanger.proof {
        Proof::SecretFile { path, held, replace } => {
            if let Some(weakness) = weakness(held) {
                return Some(format!(
                    "{}: {weakness}: move it away, and a secret is made and written there",
                    path.display()
                ));
            }
            (held.is_some(), *replace)
        }
        Proof::Certificate { .. } => return None,
        Proof::Unknown => (false, false),
    };
    let there = there.filter(|_| !(held && replace))?;
    let weakness = weakness(&there.secret)?;
    Some(format!(
        "the secret that Keycloak has for the client {id} {weakness}: make another in the admin console (Clients, {id}, \
         Credentials, Regenerate), or have it take a good one from the file with --replace-secret"
    ))
}

fn made(exchanger: &Exchanger) -> Result<Vec<Step>, String> {
    let id = &exchanger.id;
    let mut client = Client {
        default_client_scopes: vec!["basic".to_owned(), "profile".to_owned()],
        optional_client_scopes: exchanger.scopes.clone(),
        ..Client::nobodys(id, "The STS of Obolus: exchanges people's tokens")
    };
    switches::set_attributes(&mut client, &[EXCHANGE], &mut Vec::new());
    let mut files = Vec::new();
    match &exchanger.proof {
        Proof::SecretFile { held: Some(secret), .. } => client.secret = Some(secret.clone()),
        Proof::SecretFile { path, held: None, .. } => {
            let secret = secret_file::random().map_err(|error| error.to_string())?;
            client.secret = Some(secret.clone());
            files.push(written(path, secret, "a new secret, for the STS alone"));
        }
        Proof::Certificate { certificate, algorithm } => {
            register(&mut client, certificate, algorithm, &mut Vec::new());
        }
        Proof::Unknown => {
            return Err(format!(
                "the client {id} is to be made, and nobody has said what it proves itself with: write --secret-file FILE \
                 (a secret is made and written there) or --certificate-file FILE"
            ));
        }
    }
    let about = "exchanges people's tokens, and can do nothing else";
    // The secret is in its file before Keycloak has it: what is made is never lost.
    let client = Step::create(told(id), about, Action::CreateClient(Box::new(client)));
    Ok(files.into_iter().chain([client]).collect())
}

fn mended(exchanger: &Exchanger, there: &Client) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut client, mut why) = (there.clone(), Vec::new());
    switches::set(&mut client, &CONFIDENTIAL, &mut why);
    switches::set(&mut client, &NO_OTHER_FLOWS, &mut why);
    switches::set(&mut client, &[NO_FULL_SCOPE], &mut why);
    let attributes = [EXCHANGE, NO_LIGHTWEIGHT_TOKENS, NO_DEVICE_GRANT];
    switches::set_attributes(&mut client, &attributes, &mut why);
    match &exchanger.proof {
        Proof::SecretFile { path, held, replace } => {
            if client.client_authenticator_type.as_deref() != Some("client-secret") {
                client.client_authenticator_type = Some("client-secret".to_owned());
                why.push("it did not prove itself with a secret".to_owned());
            }
            match (held, &there.secret) {
                (Some(held), Some(secret)) if held == secret => {}
                (Some(_), Some(_)) if !replace => steps.push(another_secret(exchanger, path)),
                (Some(held), _) => {
                    client.secret = Some(held.clone());
                    why.push(format!("its secret was not the one in {}", path.display()));
                }
                (None, Some(secret)) => {
                    steps.push(written(path, secret.clone(), "the secret that Keycloak has"));
                }
                (None, None) => {
                    steps.push(Step::left_alone(
                        told(&exchanger.id),
                        "Keycloak does not show its secret: give it one in the admin console, and write it to the file",
                    ));
                }
            }
        }
        Proof::Certificate { certificate, algorithm } => {
            register(&mut client, certificate, algorithm, &mut why);
        }
        Proof::Unknown => {}
    }
    let mut actions = Vec::new();
    if client != *there {
        actions.push(Action::UpdateClient(Box::new(client)));
    }
    for (scope, kind) in [("basic", Kind::Default), ("profile", Kind::Default)] {
        add(there, scope, kind, &mut why, &mut actions);
    }
    for scope in &exchanger.scopes {
        add(there, scope, Kind::Optional, &mut why, &mut actions);
    }
    steps.push(Step::about(told(&exchanger.id), why, actions));
    if !there.enabled {
        let why = "it is disabled, and so exchanges nothing: enable it, unless that is meant";
        steps.push(Step::left_alone(told(&exchanger.id), why));
    }
    steps
}

fn told(id: &str) -> String {
    format!("client {id}")
}

fn written(path: &std::path::Path, secret: Secret, about: &str) -> Step {
    let action = Action::WriteSecret { path: path.to_owned(), secret };
    Step::create(format!("file {}", path.display()), about, action)
}

fn another_secret(exchanger: &Exchanger, path: &std::path::Path) -> Step {
    let why = format!(
        "it has another secret than {0}, and with that the STS is refused: move {0} away to have Keycloak's written there, \
         or say --replace-secret to have Keycloak take the file's",
        path.display()
    );
    Step::left_alone(format!("{} (secret)", told(&exchanger.id)), why)
}

/// A scope that it has as neither.
pub(super) fn add(
    client: &Client,
    scope: &str,
    kind: Kind,
    why: &mut Vec<String>,
    actions: &mut Vec<Action>,
) {
    if !client.has_scope(scope) {
        why.push(format!("it could not have the scope {scope}"));
        let (client, scope) = (client.client_id.clone(), scope.to_owned());
        actions.push(Action::AddScope { client, scope, kind });
    }
}

fn register(client: &mut Client, certificate: &str, algorithm: &str, why: &mut Vec<String>) {
    if client.client_authenticator_type.as_deref() != Some("client-jwt") {
        client.client_authenticator_type = Some("client-jwt".to_owned());
        why.push("it did not prove itself with a key".to_owned());
    }
    let attributes = [
        ("jwt.credential.certificate", certificate, "another certificate was registered"),
        ("token.endpoint.auth.signing.alg", algorithm, "another algorithm was registered"),
        ("use.jwks.url", "false", "its keys were looked for at a URL"),
        ("use.jwks.string", "false", "its keys were looked for in a key set"),
    ];
    for (name, value, otherwise) in attributes {
        let there = client.attributes.get(name);
        if there.is_some_and(|there| there == value) || (value == "false" && there.is_none()) {
            continue;
        }
        client.attributes.insert(name.to_owned(), value.to_owned());
        why.push(otherwise.to_owned());
    }
}
