//! Which path leads where.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, Limited};

use super::connection::Connection;
use super::discovery::{self, Version};
use super::errors::{Refusal, Trace};
use super::faults::Circumstances;
use super::jwt::Jwt;
use super::record::{Endpoint, Request};
use super::request::{Asked, Parameters};
use super::world::World;
use super::{admin, authorize, client_authentication, disturbance, graph, token};

/// More than this is no request of a client.
const BODY_LIMIT: usize = 1024 * 1024;

/// Everything that the emulator serves.
pub(super) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(move |request: HttpRequest| {
        let world = Arc::clone(&world);
        async move { serve(&world, request).await }
    })
}

/// What a path means.
enum Route<'a> {
    Metadata(&'a str, Version),
    Keys(&'a str, Version),
    Instances,
    Authorize(&'a str),
    Token(&'a str),
    Graph,
    Admin(Vec<&'a str>),
    None,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match *segments.as_slice() {
            [tenant, ".well-known", "openid-configuration"] => Self::Metadata(tenant, Version::V1),
            [tenant, "v2.0", ".well-known", "openid-configuration"] => {
                Self::Metadata(tenant, Version::V2)
            }
            [tenant, "discovery", "keys"] => Self::Keys(tenant, Version::V1),
            [tenant, "discovery", "v2.0", "keys"] => Self::Keys(tenant, Version::V2),
            ["common", "discovery", "instance"] => Self::Instances,
            [tenant, "oauth2", "v2.0", "authorize"] => Self::Authorize(tenant),
            [tenant, "oauth2", "v2.0", "token"] => Self::Token(tenant),
            ["v1.0", ..] => Self::Graph,
            ["emulator", ref rest @ ..] => Self::Admin(rest.to_vec()),
            _ => Self::None,
        }
    }

    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Metadata(..) | Self::Instances => Endpoint::Discovery,
            Self::Keys(..) => Endpoint::Keys,
            Self::Authorize(_) => Endpoint::Authorize,
            Self::Token(_) => Endpoint::Token,
            Self::Graph => Endpoint::Graph,
            Self::Admin(_) | Self::None => Endpoint::Other,
        }
    }
}

async fn serve(world: &World, request: HttpRequest) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let route = Route::of(&path);
    if let Route::Admin(rest) = &route
        && world.admin.load(Ordering::Relaxed)
    {
        return admin::answer(world, &head.method, rest, body).await;
    }
    let mut entry = world.requests.arrived(route.endpoint(), head.method.as_str(), &path);
    let connection = head.extensions.get::<Connection>().cloned();
    let body: Bytes = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    let asked = Asked {
        method: head.method,
        path: path.clone(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    let settings = world.directory().settings.descriptions;
    let trace = Trace::new(&asked.headers, &world.host, settings);
    entry.client_request_id = asked.header("client-request-id").map(str::to_owned);
    entry.user_agent = asked.header("user-agent").map(str::to_owned);
    let at = circumstances(world, &route, &asked);
    entry.client.clone_from(&at.client);

    let instead = disturbance::instead(world, &at, &trace, connection.as_ref(), &mut entry).await;
    let answer = match instead {
        Some(answer) => answer,
        None => {
            let answer = answer(world, &route, &asked, &trace, &mut entry).await;
            disturbance::on_the_way(world, &at, answer, connection, &mut entry).await
        }
    };
    entry.status = Some(answer.status().as_u16());
    world.requests.update(&entry);
    answer
}

async fn answer(
    world: &World,
    route: &Route<'_>,
    asked: &Asked,
    trace: &Trace,
    entry: &mut Request,
) -> Response {
    let document =
        |document: Result<serde_json::Value, Refusal>, entry: &mut Request| match document {
            Ok(document) => {
                let mut answer = trace.json(StatusCode::OK, &document);
                let everybody = HeaderValue::from_static("*");
                answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, everybody);
                answer
            }
            Err(refusal) => {
                entry.code = Some(refusal.code);
                entry.error = Some(refusal.error.clone());
                trace.refuse(&refusal)
            }
        };
    let reading = matches!(asked.method, Method::GET | Method::HEAD);
    if !reading && matches!(route.endpoint(), Endpoint::Discovery | Endpoint::Keys) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match *route {
        Route::Metadata(tenant, version) => {
            document(discovery::metadata(world, tenant, version), entry)
        }
        Route::Keys(tenant, version) => document(discovery::keys(world, tenant, version), entry),
        Route::Instances => trace.json(StatusCode::OK, &discovery::instances(world, "common")),
        Route::Authorize(tenant) => authorize::answer(world, tenant, asked, trace, entry),
        Route::Token(tenant) => token::answer(world, tenant, asked, trace, entry).await,
        Route::Graph => graph::answer(world, asked, trace, entry),
        Route::Admin(_) | Route::None => authorize::not_found(),
    }
}

/// Whom a request concerns, before anything about it is believed: for faults and the record.
fn circumstances(world: &World, route: &Route<'_>, asked: &Asked) -> Circumstances {
    let directory = world.directory();
    let endpoint = route.endpoint();
    let mut at = Circumstances { endpoint, user: None, client: None };
    if endpoint == Endpoint::Authorize {
        let query = Parameters::parse(asked.query.as_bytes());
        at.user = query
            .get("login_hint")
            .and_then(|hint| directory.user(hint))
            .map(|user| user.name.clone());
    }
    let named = |token: &str| Some(Jwt::parse(token).ok()?.claim("oid")?.to_owned());
    let user = |oid: String| directory.users.iter().find(|user| user.id == oid);
    if endpoint == Endpoint::Graph {
        let token = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        at.user = token.and_then(named).and_then(user).map(|user| user.name.clone());
    }
    if endpoint != Endpoint::Token {
        return at;
    }
    let form = Parameters::parse(&asked.body);
    let id = client_authentication::presented(asked, &form).ok().and_then(|client| client.id);
    at.client = id.map(|id| directory.app(&id).map_or(id, |app| app.name.clone()));
    let oid = form
        .get("assertion")
        .and_then(named)
        .or_else(|| Some(world.grants.peek(form.get("code")?)?.approved.oid))
        .or_else(|| Some(world.grants.refresh(form.get("refresh_token")?)?.oid));
    at.user = oid.and_then(user).map(|user| user.name.clone());
    at
}
