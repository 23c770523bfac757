//! Rules 20 and 21: the tokens, and the answer around them.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::{Value, json};

use super::client_authentication::Client;
use super::directory::{App, Directory, GRAPH, GroupClaims, Tenant, User};
use super::session::Session;
use super::world::World;
use super::{challenge, clock};

/// More groups than this are not in a token.
const GROUP_LIMIT: usize = 200;

/// What an access token says.
pub(super) struct Ticket<'d> {
    pub(super) tenant: &'d Tenant,
    pub(super) client: Client<'d>,
    pub(super) resource: &'d App,
    /// How the request called the resource.
    pub(super) called: &'d str,
    /// None for an application's own token.
    pub(super) user: Option<&'d User>,
    pub(super) scopes: Vec<String>,
    pub(super) session: &'d Session,
    /// The `claims` parameter.
    pub(super) claims: Option<&'d Value>,
}

/// An access token and how long it lives.
pub(super) struct Issued {
    pub(super) claims: Value,
    pub(super) life: i64,
}

impl Ticket<'_> {
    /// The claims of the access token.
    pub(super) fn issue(&self, world: &World, directory: &Directory) -> Issued {
        let now = clock::now();
        let continuous = challenge::is_capable(self.claims);
        let life = if continuous {
            clock::between(20 * 3600, 28 * 3600)
        } else {
            clock::between(3600, 5400)
        };
        let uti = URL_SAFE_NO_PAD.encode(clock::random::<16>());
        let mut claims = json!({
            "iat": now,
            "nbf": now,
            "exp": now + life,
            "tid": self.tenant.id,
            "uti": uti,
            "rh": format!("1.{}.", URL_SAFE_NO_PAD.encode(clock::random::<18>())),
            "aio": URL_SAFE_NO_PAD.encode(clock::random::<24>()),
        });
        self.version(world, &mut claims);
        match self.user {
            Some(user) => self.person(directory, user, &mut claims),
            None => self.application(directory, &mut claims),
        }
        if continuous {
            claims["xms_cc"] = json!(["cp1"]);
        }
        Issued { claims, life }
    }

    /// What v1 and v2 call differently.
    fn version(&self, world: &World, claims: &mut Value) {
        let Client { app, acr } = self.client;
        let by_uri = self.resource.app_id_uris.iter().any(|uri| uri == self.called);
        if self.resource.token_version == 2 {
            claims["ver"] = json!("2.0");
            claims["iss"] = json!(format!("{}/{}/v2.0", world.host, self.tenant.id));
            claims["aud"] = json!(self.resource.id);
            claims["azp"] = json!(app.id);
            claims["azpacr"] = json!(acr);
        } else {
            let graph = self.resource.id == GRAPH && self.called.is_empty();
            let uri = self.resource.app_id_uris.first();
            claims["ver"] = json!("1.0");
            claims["iss"] = json!(format!("https://sts.windows.net/{}/", self.tenant.id));
            claims["aud"] = match uri {
                Some(uri) if graph => json!(uri),
                _ if by_uri && !self.resource.use_guid => json!(self.called),
                _ => json!(self.resource.id),
            };
            claims["appid"] = json!(app.id);
            claims["appidacr"] = json!(acr);
        }
    }

    fn person(&self, directory: &Directory, user: &User, claims: &mut Value) {
        let principal_name = directory.principal_name(user);
        claims["oid"] = json!(user.id);
        claims["sub"] = json!(pairwise(&self.tenant.id, &user.id, &self.resource.id));
        claims["name"] = json!(user.name);
        claims["scp"] = json!(self.scopes.join(" "));
        if self.resource.token_version == 2 {
            claims["preferred_username"] = json!(principal_name);
        } else {
            claims["upn"] = json!(principal_name);
            claims["unique_name"] = json!(principal_name);
            claims["acr"] = json!("1");
            claims["amr"] = if self.session.mfa { json!(["pwd", "mfa"]) } else { json!(["pwd"]) };
            claims["ipaddr"] = json!("127.0.0.1");
        }
        if self.resource.idtyp {
            claims["idtyp"] = json!("user");
        }
        if let Some(home) = user.guest_of.as_ref().and_then(|home| directory.tenant(home)) {
            claims["idp"] = json!(format!("https://sts.windows.net/{}/", home.id));
        }
        if !self.session.contexts.is_empty() {
            claims["acrs"] = json!(self.session.contexts);
        }
        let roles: Vec<&String> = directory
            .assignments_of(self.resource, user)
            .filter_map(|assignment| assignment.role.as_ref())
            .collect();
        if !roles.is_empty() {
            claims["roles"] = json!(roles);
        }
        self.groups(directory, user, claims);
    }

    fn groups(&self, directory: &Directory, user: &User, claims: &mut Value) {
        let groups = match self.resource.group_claims {
            GroupClaims::None => return,
            GroupClaims::Security => directory.group_ids_of(user),
            GroupClaims::Assigned => directory
                .assignments_of(self.resource, user)
                .flat_map(|assignment| &assignment.groups)
                .filter(|name| user.groups.contains(name))
                .filter_map(|name| directory.group(name).map(|group| group.id.clone()))
                .collect(),
        };
        if groups.len() > GROUP_LIMIT {
            overage(&self.tenant.id, &user.id, claims);
        } else if !groups.is_empty() {
            claims["groups"] = json!(groups);
        }
    }

    fn application(&self, directory: &Directory, claims: &mut Value) {
        let app = self.client.app;
        // The id of the application's own object in the tenant.
        let oid = object_id(&self.tenant.id, &app.id);
        claims["oid"] = json!(oid);
        claims["sub"] = json!(oid);
        let roles: Vec<&String> = directory
            .assignments
            .iter()
            .filter(|one| one.app == self.resource.name && one.apps.contains(&app.name))
            .filter_map(|one| one.role.as_ref())
            .collect();
        if !roles.is_empty() {
            claims["roles"] = json!(roles);
        }
        if self.resource.idtyp {
            claims["idtyp"] = json!("app");
        }
    }

    /// `scope` of the answer: each scope behind the resource as the request called it.
    pub(super) fn scope(&self, openid: &[String]) -> String {
        if self.resource.id == GRAPH && self.called.is_empty() {
            let shown = openid.iter().filter(|scope| *scope != "offline_access");
            return self.scopes.iter().chain(shown).cloned().collect::<Vec<_>>().join(" ");
        }
        let named = self.scopes.iter().map(|scope| format!("{}/{scope}", self.called));
        named.collect::<Vec<_>>().join(" ")
    }
}

/// Too many groups: where to ask, at a host that is no more.
pub(super) fn overage(tenant: &str, oid: &str, claims: &mut Value) {
    if let Some(claims) = claims.as_object_mut() {
        claims.remove("groups");
    }
    let endpoint = format!("https://graph.windows.net/{tenant}/users/{oid}/getMemberObjects");
    claims["_claim_names"] = json!({"groups": "src1"});
    claims["_claim_sources"] = json!({"src1": {"endpoint": endpoint}});
}

/// `sub`: another one at each application.
pub(super) fn pairwise(tenant: &str, oid: &str, app: &str) -> String {
    let text = format!("pairwise {tenant} {oid} {app}");
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

fn object_id(tenant: &str, app: &str) -> String {
    let text = format!("object {tenant} {app}");
    clock::guid_of(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// The access token of these claims, signed as tokens for this application are.
pub(super) fn sign(world: &World, resource: &App, claims: &Value) -> Result<String> {
    let key =
        if resource.custom_signing_key { world.keys.custom() } else { world.keys.current()? };
    if resource.id == GRAPH {
        let nonce = URL_SAFE_NO_PAD.encode(clock::random::<32>());
        return key.sign_for_graph(&nonce, claims);
    }
    let mut header = json!({"typ": "JWT", "alg": "RS256", "kid": key.id()});
    if resource.token_version == 1 {
        header["x5t"] = json!(key.id());
    }
    key.sign(&header, claims)
}

/// An ID token for the client itself.
pub(super) fn id_token(
    world: &World,
    directory: &Directory,
    ticket: &Ticket<'_>,
    nonce: Option<&str>,
) -> Result<String> {
    let user = ticket.user.context("an application has no ID token")?;
    let (now, client) = (clock::now(), &ticket.client.app.id);
    let mut claims = json!({
        "ver": "2.0",
        "iss": format!("{}/{}/v2.0", world.host, ticket.tenant.id),
        "aud": client,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "sub": pairwise(&ticket.tenant.id, &user.id, client),
        "oid": user.id,
        "tid": ticket.tenant.id,
        "name": user.name,
        "preferred_username": directory.principal_name(user),
        "uti": URL_SAFE_NO_PAD.encode(clock::random::<16>()),
        "rh": format!("1.{}.", URL_SAFE_NO_PAD.encode(clock::random::<18>())),
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    let key = world.keys.current()?;
    key.sign(&json!({"typ": "JWT", "alg": "RS256", "kid": key.id()}), &claims)
}
