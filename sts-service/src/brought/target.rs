//! What tokens are exchanged for, and whose tokens: the target, and grants where a caller has none.

use obolus_core::config::brought::Fault;
use serde_json::{Value, json};

use super::authority::application_of;
use super::exchange::Exchange;
use super::origins::CONSEQUENCE;
use super::{Authority, Settings, Work, client, object, scopes};

const STRATEGY: &str = "token_exchange.strategy";
const AUDIENCE: &str = "token_exchange.audience";
const SCOPES: &str = "token_exchange.scopes";
/// The target's name, which the filter asks for.
const NAME: &str = "kubernetes";

pub(super) fn translate(
    settings: &Settings,
    exchange: &Exchange,
    authority: Option<&Authority>,
    work: &mut Work,
) {
    // With issuers of our own form beside brought exchange settings, the first issuer is the one.
    let (issuer, entra) = match authority {
        Some(authority) if authority.is_entra() => ("entra".to_owned(), true),
        Some(_) => ("keycloak".to_owned(), false),
        None if work.own.contains_key("issuers") => own_issuer(work),
        // No URL that can be read: the strategy says what was meant, and is not wrong for that.
        None => {
            let is_obo = |word: String| word == "entra-obo";
            (String::new(), exchange.text(STRATEGY, work).is_some_and(is_obo))
        }
    };
    scopes::check(settings, entra, work);
    if work.own.contains_key("targets") {
        for path in exchange.written() {
            let what = "says the same as [[targets]], which stands here, too";
            work.faults.push(Fault::new(path, what, "write one of the two"));
        }
    } else if exchange.is_empty() {
        let write = "write token_exchange_strategy with sts_client_id, sts_scopes and a credential";
        let fault = Fault::new("authorization_url", "stands without a token exchange", write)
            .happens("the person's own token would have to be good for the cluster as well as for this server, and whoever holds it could use it at either");
        work.fault(fault);
    } else {
        let target = target(exchange, &issuer, entra, work);
        work.own.insert("targets".to_owned(), json!([target]));
        work.origins.note("targets", exchange.path(STRATEGY));
        // What is wrong with an audience that was read out of the scope is wrong with the scope.
        let audience = if exchange.has(AUDIENCE) { AUDIENCE } else { SCOPES };
        work.origins.note("targets[0].audience", exchange.path(audience));
        work.origins.note("targets[0].issuer", CONSEQUENCE);
        work.origins.note("targets[0].scopes", exchange.path(SCOPES));
    }
    grants(settings, &issuer, work);
}

fn own_issuer(work: &Work) -> (String, bool) {
    let first = work.own.get("issuers").and_then(|issuers| issuers.get(0));
    let of = |key: &str| first.and_then(|issuer| issuer.get(key)?.as_str());
    (of("name").unwrap_or_default().to_owned(), of("profile") == Some("entra"))
}

fn target(exchange: &Exchange, issuer: &str, entra: bool, work: &mut Work) -> Value {
    check_strategy(exchange, entra, work);
    check_token_types(exchange, work);
    let scopes = exchange.texts(SCOPES, work);
    let audience = exchange.text(AUDIENCE, work).or_else(|| {
        let first = scopes.first().filter(|_| entra)?;
        let application = application_of(first);
        if application.is_none() {
            let write = "write the GUID of the cluster's application, or of an application with v1 tokens its App ID URI";
            let what = "is missing, and the scope does not name its application by GUID";
            work.fault(
                Fault::new(exchange.path(AUDIENCE), what, write)
                    .happens("the audience of an exchanged token is held against it"),
            );
        }
        application.map(str::to_owned)
    });
    object(&[
        ("name", Some(json!(NAME))),
        ("provider", Some(json!(if entra { "entra" } else { "keycloak" }))),
        ("issuer", Some(json!(issuer))),
        ("audience", audience.map(Value::from)),
        ("scopes", Some(json!(scopes)).filter(|_| !scopes.is_empty())),
        ("client", Some(client::translate(exchange, entra, work))),
    ])
}

fn check_strategy(exchange: &Exchange, entra: bool, work: &mut Work) {
    let path = exchange.path(STRATEGY);
    let word = exchange.text(STRATEGY, work);
    let fault = match (word.as_deref(), entra) {
        (Some("entra-obo"), true) | (Some("rfc8693") | None, false) => return,
        (Some("rfc8693") | None, true) => Fault::new(
            path,
            if word.is_some() { "is rfc8693, with an issuer of Entra" } else { "is missing" },
            "write entra-obo",
        )
        .happens("AADSTS70003: Entra knows no token exchange of RFC 8693"),
        (Some("entra-obo"), false) => {
            Fault::new(path, "is entra-obo, with an issuer that is not Entra's", "write rfc8693")
                .happens("another identity provider does not know On-Behalf-Of")
        }
        (Some("keycloak-v1"), _) => {
            let write = "write rfc8693: standard token exchange, which Keycloak has had since 26.2; switch it on for the client (standard.token.exchange.enabled)";
            Fault::new(path, "is keycloak-v1", write).happens(
                "the legacy exchange is a preview feature that lets a client take any user's place",
            )
        }
        (Some(_), _) => Fault::new(path, "is no strategy", "write rfc8693 or entra-obo"),
    };
    work.fault(fault);
}

/// Access tokens come in and go out; that need not be said.
fn check_token_types(exchange: &Exchange, work: &mut Work) {
    for newer in ["token_exchange.subject_token_type", "token_exchange.requested_token_type"] {
        let word = exchange.text(newer, work);
        let is_access_token = word.as_deref().is_none_or(|word| {
            word.strip_prefix("urn:ietf:params:oauth:token-type:").unwrap_or(word) == "access_token"
        });
        if !is_access_token {
            let write = "leave it out: an access token is exchanged for an access token";
            work.fault(Fault::new(newer, "is not the type of an access token", write));
        }
    }
}

/// `oauth_audience` is the audience of every caller's grant that the file does not spell out.
fn grants(settings: &Settings, issuer: &str, work: &mut Work) {
    let key = "oauth_audience";
    let audience = settings.text(key, work).map(str::to_owned);
    // Without callers there is a fault; with one, the rules about audiences have something to look at.
    let callers = work.own.entry("callers").or_insert_with(|| json!([{}]));
    let Value::Array(callers) = callers else { return };
    let grant = object(&[
        ("issuer", Some(json!(issuer))),
        ("audiences", audience.as_ref().map(|audience| json!([audience]))),
        ("clients", Some(json!(["*"]))),
        ("targets", Some(json!([NAME]))),
    ]);
    let mut derived = Vec::new();
    let mut contradicted = false;
    for (index, caller) in callers.iter_mut().enumerate() {
        let Some(caller) = caller.as_object_mut() else { continue };
        match (caller.get("grants"), &audience) {
            (None, _) => {
                caller.insert("grants".to_owned(), json!([grant]));
                derived.push(index);
            }
            (Some(grants), Some(audience)) => contradicted |= !names(grants, audience),
            (Some(_), None) => {}
        }
    }
    for index in &derived {
        work.origins.note(format!("callers[{index}].grants"), key);
        for made in ["issuer", "clients", "targets"] {
            work.origins.note(format!("callers[{index}].grants[0].{made}"), CONSEQUENCE);
        }
    }
    if contradicted {
        let what = "is not among the audiences of [[callers.grants]], which stand here, too";
        work.fault(Fault::new(key, what, "write one of the two, or the same in both"));
    }
    if !derived.is_empty() && audience.is_some() {
        work.notice(
            key,
            "is the audience whose tokens are exchanged, of whichever client: [[callers.grants]] with clients = […] says which",
        );
    }
}

fn names(grants: &Value, audience: &str) -> bool {
    let audiences = |grant: &Value| grant.get("audiences").and_then(Value::as_array).cloned();
    let mut all = grants.as_array().into_iter().flatten().filter_map(audiences).flatten();
    all.any(|one| one == audience)
}
