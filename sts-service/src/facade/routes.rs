//! Which request goes where.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use obolus_core::RetrySeconds;
use obolus_core::login::cross_origin::{Shared, shared};
use obolus_core::login::{
    Authorization, Endpoint, Facade, LONGEST_REGISTRATION, Refusal, authorize, register,
    server_metadata,
};
use tokio::sync::Semaphore;

use super::bucket::Bucket;
use super::metadata::Metadata;
use super::metrics::Metrics;
use super::record::{Outcome, Record};
use super::{answer, body, token};
use crate::idp_client::IdpClient;
use crate::serve::KnownCaller;

/// Everything that a request needs.
pub(crate) struct Login {
    pub(crate) facade: Facade,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) client: IdpClient,
    /// Calls of the identity provider at a time.
    pub(crate) places: Semaphore,
    pub(crate) registrations: Bucket,
    pub(crate) metrics: Metrics,
}

/// The paths are the issuer's, compared byte for byte; a router would normalise.
pub(crate) fn routes(login: Arc<Login>) -> Router {
    Router::new().fallback(handle).with_state(login)
}

async fn handle(State(login): State<Arc<Login>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let endpoint = login.facade.issuer.endpoint_at(parts.uri.path());
    let mut record = Record::begin(endpoint, &parts.method, &parts.headers);
    let Some(endpoint) = endpoint else {
        let response = answer::refused(Refusal::NotFound);
        record.write(response.status(), Err(Refusal::NotFound), &login.metrics);
        return response;
    };
    let origin = origin(&parts.headers);
    let shared = shared(endpoint, origin, &login.allowed_origins);
    let (mut response, outcome) = match shared {
        Err(refusal) => (answer::refused(refusal), Err(refusal)),
        Ok(_) => {
            let (method, query) = (&parts.method, parts.uri.query());
            login.judge(endpoint, method, &parts.headers, query, body, &mut record).await
        }
    };
    answer::share(response.headers_mut(), endpoint, shared.unwrap_or(Shared::WithNobody));
    // Whoever comes here is the gateway, which keeps its connections.
    response.extensions_mut().insert(KnownCaller);
    record.write(response.status(), outcome, &login.metrics);
    response
}

/// The page's origin. One that cannot be read, or stands there twice, is there all the same, and is no listed one.
fn origin(headers: &HeaderMap) -> Option<&str> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let first = origins.next()?;
    let is_only = origins.next().is_none();
    Some(first.to_str().ok().filter(|_| is_only).unwrap_or_default())
}

impl Login {
    async fn judge(
        &self,
        endpoint: Endpoint,
        method: &Method,
        headers: &HeaderMap,
        query: Option<&str>,
        body: Body,
        record: &mut Record,
    ) -> (Response, Outcome) {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match endpoint {
            Endpoint::Metadata if is_read => self.tell(),
            Endpoint::Authorize if is_read => self.send(query.unwrap_or_default(), record),
            Endpoint::Token if method == Method::POST => {
                token::answer(self, headers, query, body, record).await
            }
            Endpoint::Register if method == Method::POST => self.register(body).await,
            Endpoint::Metadata | Endpoint::Token | Endpoint::Register
                if method == Method::OPTIONS =>
            {
                (answer::preflight(endpoint), Ok("preflight"))
            }
            _ => {
                let refusal = Refusal::MethodNotAllowed;
                (answer::allow(answer::refused(refusal), endpoint), Err(refusal))
            }
        }
    }

    fn tell(&self) -> (Response, Outcome) {
        match self.metadata.upstream() {
            Some(upstream) => {
                let document = server_metadata(&self.facade, &upstream);
                let response = answer::json(StatusCode::OK, document);
                (answer::kept_for_a_while(response), Ok("told"))
            }
            None => {
                let refusal = Refusal::UpstreamUnknown;
                (answer::after(answer::refused(refusal), None), Err(refusal))
            }
        }
    }

    fn send(&self, query: &str, record: &mut Record) -> (Response, Outcome) {
        let Some(upstream) = self.metadata.upstream() else {
            let refusal = Refusal::UpstreamUnknown;
            return (answer::after(answer::page_for(refusal), None), Err(refusal));
        };
        match authorize(query, &self.facade, &upstream.authorization_endpoint) {
            Authorization::Onward { location, redirect } => {
                record.client = Some(redirect.client());
                (answer::redirect(&location), Ok("sent_on"))
            }
            Authorization::Back { location, redirect, refusal } => {
                record.client = Some(redirect.client());
                (answer::redirect(&location), Err(refusal))
            }
            Authorization::Nowhere(refusal) => (answer::page_for(refusal), Err(refusal)),
        }
    }

    async fn register(&self, body: Body) -> (Response, Outcome) {
        if !self.facade.registers {
            return (answer::refused(Refusal::RegistrationOff), Err(Refusal::RegistrationOff));
        }
        let body = body::read(body, LONGEST_REGISTRATION, Refusal::RegistrationTooLong).await;
        // Counted are those that are answered: what is refused costs next to nothing, and must not use up others' turns.
        match body.and_then(|body| register(&body, &self.facade)) {
            Err(refusal) => (answer::refused(refusal), Err(refusal)),
            Ok(client) => match self.registrations.take(Instant::now()) {
                Ok(()) => (answer::json(StatusCode::CREATED, client), Ok("registered")),
                Err(wait) => {
                    let refusal = Refusal::RegistrationLimited;
                    let after = Some(RetrySeconds::remaining(wait));
                    (answer::after(answer::refused(refusal), after), Err(refusal))
                }
            },
        }
    }
}
