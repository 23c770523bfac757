//! `/emulator/…`: what tests do in-process, for those who run the binary. It is there only after `open_admin`.

use axum::Json;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::faults::Fault;
use super::world::World;

/// Answers a request; `path` is what comes behind `/emulator/`.
pub(super) async fn answer(world: &World, method: &Method, path: &[&str], body: Body) -> Response {
    let done = |what: anyhow::Result<()>| match what {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    };
    match (method.as_str(), path) {
        ("GET", ["faults"]) => Json(json!(world.faults.list())).into_response(),
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            done(Ok(()))
        }
        ("POST", ["faults"]) => {
            let body = body.collect().await.map(http_body_util::Collected::to_bytes);
            match serde_json::from_slice::<Fault>(&body.unwrap_or_default()) {
                Ok(fault) => {
                    world.faults.add(fault);
                    done(Ok(()))
                }
                Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
            }
        }
        ("GET", ["requests"]) => Json(json!(world.requests.all())).into_response(),
        ("POST", ["keys", "roll"]) => done(world.keys.roll()),
        ("POST", ["keys", "remove-current"]) => done(world.keys.remove_current()),
        ("POST", ["keys", "retire-previous"]) => {
            world.keys.retire_previous();
            done(Ok(()))
        }
        ("POST", ["users", name, "revoke"]) if world.directory().user(name).is_some() => {
            world.sessions.revoke(name);
            done(Ok(()))
        }
        _ => (StatusCode::NOT_FOUND, "see tests/entra/README.md\n").into_response(),
    }
}
