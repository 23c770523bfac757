//! Rule 23: what faults do to an answer, or in place of one.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use http_body_util::channel::Channel;
use serde_json::{Value, json};

use super::clock;
use super::connection::Connection;
use super::directory::Directory;
use super::errors::{Refusal, Trace};
use super::faults::{Body, Circumstances, ExpiresIn, RetryAfter, What};
use super::issue::{self, Ticket};
use super::record::Request;
use super::signing_key::SigningKey;
use super::world::World;

/// The answer that a fault gives before anybody looks at the request.
pub(super) async fn instead(
    world: &World,
    at: &Circumstances,
    trace: &Trace,
    connection: Option<&Connection>,
    entry: &mut Request,
) -> Option<Response> {
    let what = world.faults.hit(at, |what| {
        let instead = matches!(
            what,
            What::Refuse { .. }
                | What::RefuseAs { .. }
                | What::Throttled { .. }
                | What::Unavailable { .. }
                | What::Html { .. }
                | What::Hang
                | What::Reset
                | What::Redirect { .. }
        );
        instead.then(|| what.clone())
    })?;
    entry.fault = Some(name(&what));
    world.requests.update(entry);
    let refused = |code: u32, entry: &mut Request| {
        let refusal = Refusal::of(code);
        entry.code = Some(code);
        entry.error = Some(refusal.error.clone());
        trace.refuse(&refusal)
    };
    Some(match what {
        What::Refuse { code } => refused(code, entry),
        What::RefuseAs { code, status, members } => {
            let refusal = Refusal::of(code);
            let mut body = trace.body(&refusal);
            change(&mut body, &members);
            entry.code = Some(code);
            entry.error = body["error"].as_str().map(str::to_owned);
            let status = StatusCode::from_u16(status.unwrap_or(refusal.status));
            trace.json(status.unwrap_or(StatusCode::BAD_REQUEST), &body)
        }
        What::Throttled { body: Body::Json, retry_after } => {
            later(refused(90055, entry), retry_after)
        }
        What::Throttled { body: Body::Text, retry_after } => {
            let text = (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests").into_response();
            later(trace.mark(text), retry_after)
        }
        What::Unavailable { retry_after } => later(refused(90033, entry), retry_after),
        What::Html { status } => html(status),
        What::Redirect { location } => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        What::Reset => {
            if let Some(connection) = connection {
                connection.reset();
            }
            StatusCode::OK.into_response()
        }
        // It ends when the client goes away.
        _ => std::future::pending().await,
    })
}

fn name(what: &What) -> String {
    match serde_json::to_value(what) {
        Ok(Value::String(name)) => name,
        Ok(Value::Object(members)) => members.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

fn later(mut answer: Response, retry_after: RetryAfter) -> Response {
    let value = match retry_after {
        RetryAfter::Absent => return answer,
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::Date(seconds) => clock::http_date(clock::now() + i64::from(seconds)),
    };
    if let Ok(value) = HeaderValue::from_str(&value) {
        answer.headers_mut().insert(header::RETRY_AFTER, value);
    }
    answer
}

fn html(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = format!(
        "<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{status}</h1><p>Our services aren't available right now.</p></body></html>"
    );
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// What a fault does to the bytes of an answer.
pub(super) async fn on_the_way(
    world: &World,
    at: &Circumstances,
    answer: Response,
    connection: Option<Connection>,
    entry: &mut Request,
) -> Response {
    let what = world.faults.hit(at, |what| {
        let changes = matches!(
            what,
            What::Delay { .. } | What::Slow { .. } | What::Truncated | What::Huge { .. }
        );
        changes.then(|| what.clone())
    });
    let Some(what) = what else { return answer };
    entry.fault = Some(name(&what));
    let (mut head, body) = answer.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let body = body.to_bytes();
    let whole = HeaderValue::from(body.len());
    match what {
        What::Huge { bytes } => {
            let mut text = body.to_vec();
            text.resize(text.len() + bytes, b' ');
            Response::from_parts(head, HttpBody::from(text))
        }
        What::Delay { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            Response::from_parts(head, HttpBody::from(body))
        }
        What::Slow { milliseconds } => {
            head.headers.insert(header::CONTENT_LENGTH, whole);
            let (mut sender, channel) = Channel::<Bytes, Infallible>::new(1);
            tokio::spawn(async move {
                for place in 0..body.len() {
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                    if sender.send_data(body.slice(place..=place)).await.is_err() {
                        return;
                    }
                }
            });
            Response::from_parts(head, HttpBody::new(channel))
        }
        // The head promises all of it; the connection ends when half is sent.
        _ => {
            head.headers.insert(header::CONTENT_LENGTH, whole);
            let (mut sender, channel) = Channel::<Bytes, std::io::Error>::new(1);
            tokio::spawn(async move {
                let half = body.slice(..body.len() / 2);
                if sender.send_data(half).await.is_ok() {
                    sender.abort(std::io::ErrorKind::ConnectionAborted.into());
                }
                drop(connection);
            });
            Response::from_parts(head, HttpBody::new(channel))
        }
    }
}

/// The access token of these claims, or one that only a broken or hostile provider would give.
pub(super) fn access_token(
    world: &World,
    directory: &Directory,
    ticket: &Ticket<'_>,
    mut claims: Value,
    at: &Circumstances,
) -> Result<String> {
    let what = world.faults.hit(at, |what| {
        let changes = matches!(
            what,
            What::GroupsOverage
                | What::Claims(_)
                | What::OtherUser(_)
                | What::OtherTenant(_)
                | What::OtherAudience(_)
                | What::Expired
                | What::ForeignKey
        );
        changes.then(|| what.clone())
    });
    let issuer = |tenant: &str| {
        if ticket.resource.token_version == 2 {
            format!("{}/{tenant}/v2.0", world.host)
        } else {
            format!("https://sts.windows.net/{tenant}/")
        }
    };
    match what {
        Some(What::GroupsOverage) => {
            let oid = claims["oid"].as_str().unwrap_or_default().to_owned();
            issue::overage(&ticket.tenant.id, &oid, &mut claims);
        }
        Some(What::Claims(changes)) => change(&mut claims, &changes),
        Some(What::OtherUser(name)) => {
            let user = directory.user(&name).with_context(|| format!("no user {name}"))?;
            claims["oid"] = json!(user.id);
            claims["name"] = json!(user.name);
            claims["sub"] =
                json!(issue::pairwise(&ticket.tenant.id, &user.id, &ticket.resource.id));
        }
        Some(What::OtherTenant(name)) => {
            let tenant = directory.tenant(&name).with_context(|| format!("no tenant {name}"))?;
            claims["tid"] = json!(tenant.id);
            claims["iss"] = json!(issuer(&tenant.id));
        }
        Some(What::OtherAudience(audience)) => claims["aud"] = json!(audience),
        Some(What::Expired) => {
            let end = clock::now() - 60;
            for (name, moment) in [("iat", end - 3600), ("nbf", end - 3600), ("exp", end)] {
                claims[name] = json!(moment);
            }
        }
        Some(What::ForeignKey) => {
            let key = SigningKey::new()?;
            let header = json!({"typ": "JWT", "alg": "RS256", "kid": world.keys.current_id()});
            return key.sign(&header, &claims);
        }
        _ => {}
    }
    issue::sign(world, ticket.resource, &claims)
}

/// What faults do to the members of the answer.
pub(super) fn disturb_answer(world: &World, at: &Circumstances, answer: &mut Value) {
    let what = world.faults.hit(at, |what| {
        let changes = matches!(what, What::ExpiresIn(_) | What::Member { .. });
        changes.then(|| what.clone())
    });
    let value = match &what {
        Some(What::Member { name, value }) => {
            return change(answer, &json!({ name.as_str(): value }));
        }
        Some(What::ExpiresIn(ExpiresIn::Text)) => json!(answer["expires_in"].to_string()),
        Some(What::ExpiresIn(ExpiresIn::Missing)) => Value::Null,
        Some(What::ExpiresIn(ExpiresIn::Negative)) => json!(-3600),
        Some(What::ExpiresIn(ExpiresIn::Enormous)) => json!(1e30),
        _ => return,
    };
    change(answer, &json!({"expires_in": value}));
}

fn change(object: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().into_iter().flatten() {
        match (value, object.as_object_mut()) {
            (Value::Null, Some(object)) => drop(object.remove(name)),
            _ => object[name] = value.clone(),
        }
    }
}
