//! Sessions, for clients of MCP before 2026-07-28: only in one can such a client be asked anything (`sessions = true`).
//!
//! A session is no credential: every request brings its own token, and acts with that and nothing else. What a session
//! keeps is what the client said it can do. Still it is one person's: another one's token does not get into it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use obolus_core::Reason;
use rmcp::model::ProtocolVersion;
use rmcp::transport::streamable_http_server::SessionManager as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde::Deserialize;

use crate::front::refusal;
use crate::metrics::Metrics;
use crate::person::Person;
use crate::user_token::UserToken;

/// Sessions of everybody. rmcp's channels make one cost about 120 KB.
const OF_ALL: usize = 256;
/// Sessions of one person.
const OF_ONE: usize = 16;
/// How long a session lives of which nothing is heard. A person who is asked may think as long.
const IDLE: Duration = Duration::from_secs(900);

const SESSION_ID: &str = "mcp-session-id";
const PROTOCOL_VERSION: &str = "mcp-protocol-version";

/// The sessions that are open, and whose they are.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) manager: Arc<LocalSessionManager>,
    owned: Mutex<HashMap<String, Owned>>,
}

#[derive(Debug)]
struct Owned {
    person: Person,
    heard: Instant,
}

/// Whether one more may begin.
enum Room {
    Free,
    /// In the place of this one, of which nothing was heard for longest.
    InPlaceOf(String),
    Full,
}

impl Default for Sessions {
    fn default() -> Self {
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(IDLE);
        Self { manager: Arc::new(manager), owned: Mutex::default() }
    }
}

impl Sessions {
    /// Whether this person may use the session; what is used is not the first to go.
    fn is_of(&self, id: &str, person: &Person) -> bool {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        let own = owned.get_mut(id).filter(|session| session.person == *person);
        own.map(|session| session.heard = Instant::now()).is_some()
    }

    /// Clients seldom end their sessions. If newcomers were refused because of those, the server would be shut for
    /// [`IDLE`]; so the quietest ends, and its client begins anew when it hears 404. One person's are bounded before
    /// that, so nobody can end everybody's.
    async fn room(&self, person: &Person) -> Room {
        let open = self.manager.sessions.read().await;
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.retain(|id, _| open.contains_key(id.as_str()));
        if owned.values().filter(|session| session.person == *person).count() >= OF_ONE {
            return Room::Full;
        }
        if open.len() < OF_ALL {
            return Room::Free;
        }
        // Those that are just beginning are nobody's yet: they stay.
        let quietest = owned.iter().min_by_key(|(_, session)| session.heard);
        quietest.map_or(Room::Full, |(id, _)| Room::InPlaceOf(id.clone()))
    }

    /// Sees to it that one more session may begin.
    async fn make_room(&self, person: &Person) -> bool {
        loop {
            match self.room(person).await {
                Room::Free => return true,
                Room::Full => return false,
                Room::InPlaceOf(id) => {
                    tracing::info!("a session has ended in which nothing was heard for longest");
                    // What fails here is only its own farewell: it is out of the list in any case.
                    drop(self.manager.close_session(&id.into()).await);
                }
            }
        }
    }

    fn begun(&self, id: &str, person: Person) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.insert(id.to_owned(), Owned { person, heard: Instant::now() });
    }
}

/// Lets a request into a session only if it is its person's, and begins none beyond the bounds.
pub(crate) async fn own_sessions(
    State((sessions, metrics)): State<(Arc<Sessions>, Arc<Metrics>)>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let Some(person) = request.extensions().get::<UserToken>().map(UserToken::person) else {
        return refusal(Reason::TokenMissing);
    };
    if is_stateless(request.headers()) {
        return next.run(request).await;
    }
    if request.headers().contains_key(SESSION_ID) {
        if !only(request.headers()).is_some_and(|id| sessions.is_of(id, &person)) {
            metrics.refused(Reason::SessionUnknown);
            tracing::info!(reason = Reason::SessionUnknown.as_str(), "request refused");
            // The same for one that is another's: nobody learns which there are.
            return (StatusCode::NOT_FOUND, Reason::SessionUnknown.description()).into_response();
        }
        return next.run(request).await;
    }
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // It is in memory already: [`crate::strict_body`] has read it.
    let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST.into_response() };
    let body = body.to_bytes();
    if begins(&body) && !sessions.make_room(&person).await {
        metrics.refused(Reason::Overloaded);
        tracing::info!(reason = Reason::Overloaded.as_str(), "request refused: sessions");
        return refusal(Reason::Overloaded);
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if let Some(id) = only(response.headers()) {
        sessions.begun(id, person);
    }
    response
}

/// Whether the revision has no sessions, so that a session's id is ignored.
fn is_stateless(headers: &HeaderMap) -> bool {
    headers.get(PROTOCOL_VERSION).is_some_and(|version| {
        version.as_bytes() == ProtocolVersion::V_2026_07_28.as_str().as_bytes()
    })
}

fn only(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(SESSION_ID).iter();
    let only = values.next()?;
    if values.next().is_some() { None } else { only.to_str().ok() }
}

fn begins(body: &Bytes) -> bool {
    #[derive(Deserialize)]
    struct Message {
        method: Option<String>,
    }
    serde_json::from_slice::<Message>(body)
        .is_ok_and(|message| message.method.as_deref() == Some("initialize"))
}
