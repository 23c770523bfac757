//! From what a person says to what a realm must have.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_core::login::redirect_uri::ConfiguredRedirect;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::administrator::{Account, Administrator};
use super::configuration::{self, Said, Target, distinct};
use super::options::{Algorithm, Environment, Options};
use super::realm::Realm;
use super::trouble::Trouble;
use super::wanted::{Exchanger, Proof, PublicClient, Registration, TargetClient, Wanted};
use super::{redirect_uris, secret_file};
use crate::credentials::{MAX_BYTES, fault_of, instead};
use crate::tls::Trust;
use crate::{clock, regular_file};

/// Whom to ask, as whom, and for what.
pub(super) struct Asked {
    pub(super) realm: Realm,
    pub(super) administrator: Administrator,
    pub(super) trust: Trust,
    pub(super) wanted: Wanted,
    /// What does not fit, though it does not keep us from going on.
    pub(super) notes: Vec<String>,
}

impl Asked {
    pub(super) fn read(options: &Options, environment: &Environment) -> Result<Self, Trouble> {
        let said = match &options.config {
            Some(path) => configuration::read(path, options.issuer.as_deref())
                .map_err(|problem| usage(&problem))?,
            None => as_said(options)?,
        };
        let realm =
            Realm::parse(&said.issuer, options.admin_url.as_deref()).map_err(|e| usage(&e))?;
        let trust = Trust::open(options.ca_file.clone().or_else(|| said.ca_file.clone()))?;
        let wanted = wanted(options, &said)?;
        let notes = notes(options, &said);
        let administrator = administrator(options, environment)?;
        Ok(Self { realm, administrator, trust, wanted, notes })
    }
}

fn usage(problem: &str) -> Trouble {
    Trouble::Usage(problem.to_owned())
}

/// What a file would have said.
fn as_said(options: &Options) -> Result<Said, Trouble> {
    let issuer = options.issuer.clone().ok_or_else(|| usage("write --config or --issuer"))?;
    let target = Target {
        audience: options.audience.clone(),
        scopes: vec![options.target_scope.clone()],
        client: options.sts_client.clone(),
        secret_file: options.secret_file.clone(),
        certificate_file: None,
        key_file: None,
        algorithm: None,
    };
    let (audiences, clients) = (Vec::new(), Vec::new());
    Ok(Said { issuer, ca_file: None, targets: vec![target], audiences, clients })
}

fn wanted(options: &Options, said: &Said) -> Result<Wanted, Trouble> {
    let mut problems = Vec::new();
    let resources = distinct(said.audiences.iter().chain(&options.resources));
    if resources.is_empty() {
        problems.push(
            "no MCP server is named: write --resource URL, as its clients are told it".to_owned(),
        );
    }
    let words = |text: &String| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    let named = [&options.scopes, &resources];
    for text in named.into_iter().flatten().filter(|text| !words(text)) {
        problems.push(format!("{text:?}: must be one word without white space"));
    }
    let mut redirect_uris = redirect_uris::known(options.loopback_only);
    for uri in &options.redirect_uris {
        match ConfiguredRedirect::parse(uri) {
            Ok(uri) => redirect_uris.push(uri.as_str().to_owned()),
            Err(fault) => problems.push(format!("--redirect-uri {uri}: {fault}")),
        }
    }
    let mut web_origins = redirect_uris::origins();
    for origin in &options.allowed_origins {
        match reqwest::Url::parse(origin) {
            Ok(url) if url.origin().is_tuple() && url.origin().ascii_serialization() == *origin => {
                web_origins.push(origin.clone());
            }
            _ => problems.push(format!(
                "--allowed-origin {origin}: must be an origin as browsers send it, such as https://chat.example.com"
            )),
        }
    }
    let (redirect_uris, web_origins) = (distinct(&redirect_uris), distinct(&web_origins));
    let mut targets: Vec<TargetClient> = Vec::new();
    let mut exchangers: Vec<Exchanger> = Vec::new();
    for target in &said.targets {
        let Some(scope) = target.scopes.first() else {
            problems.push(format!("the target {} has no scopes", target.audience));
            continue;
        };
        let client = TargetClient { audience: target.audience.clone(), scope: scope.clone() };
        if !targets.contains(&client) {
            targets.push(client);
        }
        if let Some(known) = exchangers.iter_mut().find(|known| known.id == target.client) {
            known.scopes = distinct(known.scopes.iter().chain(&target.scopes));
            continue;
        }
        match proof(options, target) {
            Ok(proof) => exchangers.push(Exchanger {
                id: target.client.clone(),
                proof,
                scopes: target.scopes.clone(),
            }),
            Err(problem) => problems.push(problem),
        }
    }
    if said.targets.is_empty() {
        problems.push("the configuration has no target for this issuer".to_owned());
    }
    for scope in options.scopes.iter().filter(|scope| targets.iter().any(|t| t.scope == **scope)) {
        problems.push(format!(
            "--scope {scope}: is the STS's alone, since its tokens are good at the cluster: write another"
        ));
    }
    if !problems.is_empty() {
        return Err(Trouble::Usage(problems.join("\n")));
    }
    let registration = options.registration.then(|| Registration {
        redirect_uris: redirect_uris.clone(),
        hosts: redirect_uris::hosts(&redirect_uris),
        web_origins: web_origins.clone(),
    });
    Ok(Wanted {
        scopes: distinct(&options.scopes),
        resources,
        with_groups: options.groups,
        exchangers,
        targets,
        people: PublicClient {
            id: options.client.clone(),
            redirect_uris,
            web_origins,
            consent: !options.no_consent,
        },
        registration,
    })
}

fn proof(options: &Options, target: &Target) -> Result<Proof, String> {
    let certificate = options.certificate_file.as_ref().or(target.certificate_file.as_ref());
    if let Some(path) = certificate {
        let algorithm = match target.algorithm.as_deref() {
            None => options.algorithm,
            Some("PS256") => Algorithm::Ps256,
            Some("RS256") => Algorithm::Rs256,
            Some("ES256") => Algorithm::Es256,
            Some(other) => return Err(format!("algorithm {other}: must be PS256, RS256 or ES256")),
        };
        let certificate = registered(path)?;
        return Ok(Proof::Certificate { certificate, algorithm: algorithm.as_str() });
    }
    if target.key_file.is_some() {
        return Err(format!(
            "the client {} proves itself with a key, and Keycloak wants its certificate: write certificate_file beside \
             key_file, or --certificate-file",
            target.client
        ));
    }
    match &target.secret_file {
        Some(path) => Ok(Proof::SecretFile {
            path: path.clone(),
            held: secret_file::read(path)?,
            replace: options.replace_secret,
        }),
        None => Ok(Proof::Unknown),
    }
}

/// A certificate as Keycloak has it: base64 of its DER.
fn registered(path: &Path) -> Result<String, String> {
    let place = regular_file::place(path);
    let pem = regular_file::read(path, MAX_BYTES)
        .map_err(|error| format!("{place}: {}", regular_file::unread(&error)))?;
    let certificate = CertificateDer::from_pem_slice(&pem)
        .map_err(|_| format!("{place}: {}", instead(&pem, "a certificate")))?;
    let at_its_end = "make a new one with its key";
    match fault_of(&certificate, clock::now(), at_its_end) {
        Some(fault) => Err(format!("{place}: {fault}")),
        None => Ok(STANDARD.encode(&certificate)),
    }
}

fn administrator(options: &Options, environment: &Environment) -> Result<Administrator, Trouble> {
    let (account, file, given, how) = match (&options.admin_user, &options.admin_client) {
        (Some(name), _) => (
            Account::Person(name.clone()),
            &options.admin_password_file,
            &environment.admin_password,
            "write --admin-password-file FILE, or set OBOLUS_ADMIN_PASSWORD",
        ),
        (None, Some(id)) => (
            Account::Service(id.clone()),
            &options.admin_secret_file,
            &environment.admin_secret,
            "write --admin-secret-file FILE, or set OBOLUS_ADMIN_SECRET",
        ),
        (None, None) => return Err(usage("write --admin-user or --admin-client")),
    };
    let proof = match (file, given) {
        (Some(path), _) => of_file(path)?,
        (None, Some(given)) if !given.expose_secret().is_empty() => given.clone(),
        (None, _) => return Err(usage(&format!("nothing proves who the administrator is: {how}"))),
    };
    Ok(Administrator { realm: options.admin_realm.clone(), account, proof })
}

fn of_file(path: &Path) -> Result<SecretString, Trouble> {
    match secret_file::read(path) {
        Ok(Some(secret)) => Ok(secret.0),
        Ok(None) => Err(usage(&format!("{}: cannot be read", regular_file::place(path)))),
        Err(problem) => Err(usage(&problem)),
    }
}

fn notes(options: &Options, said: &Said) -> Vec<String> {
    let mut notes = Vec::new();
    let is_any = said.clients.iter().any(|client| client == "*");
    if options.config.is_some() && !is_any {
        if !said.clients.contains(&options.client) {
            notes.push(format!(
                "the configuration grants nothing to tokens of {}: add it to `clients` in [[callers.grants]]",
                options.client
            ));
        }
        if options.registration {
            notes.push(
                "clients that register themselves have ids of their own: write clients = [\"*\"] in [[callers.grants]]"
                    .to_owned(),
            );
        }
    }
    notes
}
