//! Rule 26: as much of Microsoft Graph as tells which groups a person is in.

use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::directory::{Directory, GRAPH, User};
use super::errors::Trace;
use super::faults::{Circumstances, What};
use super::jwt::Jwt;
use super::record::{Endpoint, Request};
use super::request::{Asked, Parameters};
use super::signing_key::hashed;
use super::world::World;
use super::{clock, disturbance};

/// Scopes, each of which is enough to read one's own groups.
const ENOUGH: [&str; 4] =
    ["GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "User.Read"];

/// An error in Graph's own shape.
struct Problem(StatusCode, &'static str, String);

/// Answers a request whose path begins with `/v1.0/`.
pub(super) fn answer(world: &World, asked: &Asked, trace: &Trace, entry: &mut Request) -> Response {
    match judge(world, asked, entry) {
        Ok(mut body) => {
            disturbance::disturb_answer(world, &at(entry), &mut body);
            trace.json(StatusCode::OK, &body)
        }
        Err(Problem(status, code, message)) => {
            entry.error = Some(code.to_owned());
            let body = json!({"error": {
                "code": code,
                "message": message,
                "innerError": {
                    "date": clock::written(clock::now()).replace(' ', "T").trim_end_matches('Z'),
                    "request-id": trace.trace_id,
                    "client-request-id": trace.correlation_id,
                },
            }});
            let mut answer = trace.json(status, &body);
            if status == StatusCode::UNAUTHORIZED {
                let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"";
                answer.headers_mut().extend([(
                    header::WWW_AUTHENTICATE,
                    header::HeaderValue::from_static(challenge),
                )]);
            }
            answer
        }
    }
}

fn judge(world: &World, asked: &Asked, entry: &mut Request) -> Result<Value, Problem> {
    let directory = world.directory();
    let (user, scopes) = person(world, &directory, &asked.headers)?;
    entry.user = Some(user.name.clone());
    if !scopes.iter().any(|scope| ENOUGH.contains(&scope.as_str())) {
        return Err(denied());
    }
    let query = Parameters::parse(asked.query.as_bytes());
    entry.parameters = query.names();
    match (&asked.method, asked.path.as_str()) {
        (&Method::POST, "/v1.0/me/getMemberObjects") => {
            let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
            if !body["securityEnabledOnly"].is_boolean() {
                return Err(bad_request("A value is required for property 'securityEnabledOnly'."));
            }
            Ok(json!({
                "@odata.context":
                    format!("{}/v1.0/$metadata#Collection(Edm.String)", world.host),
                "value": directory.group_ids_of(user),
            }))
        }
        (&Method::GET, "/v1.0/me/transitiveMemberOf/microsoft.graph.group") => {
            let most = world.faults.hit(&at(entry), |what| match what {
                What::SmallPages { size } => Some(*size),
                _ => None,
            });
            page(world, &directory, user, &query, most.unwrap_or(usize::MAX))
        }
        (_, path) => Err(Problem(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            format!("Resource not found for the segment '{path}'."),
        )),
    }
}

/// Whom a fault may concern.
fn at(entry: &Request) -> Circumstances {
    Circumstances { endpoint: Endpoint::Graph, user: entry.user.clone(), client: None }
}

fn denied() -> Problem {
    let message = "Insufficient privileges to complete the operation.";
    Problem(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message.to_owned())
}

fn bad_request(message: &str) -> Problem {
    Problem(StatusCode::BAD_REQUEST, "Request_BadRequest", message.to_owned())
}

/// One page of the person's groups.
fn page(
    world: &World,
    directory: &Directory,
    user: &User,
    query: &Parameters,
    most: usize,
) -> Result<Value, Problem> {
    let number = |name: &str, otherwise: usize| match query.get(name) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| bad_request(&format!("Invalid value of '{name}'."))),
    };
    let (top, skip) = (number("$top", 100)?, number("$skiptoken", 0)?);
    if !(1..=999).contains(&top) {
        return Err(bad_request(
            "Invalid page size specified. Must be between 1 and 999 inclusive.",
        ));
    }
    let top = top.min(most);
    let all = directory.group_ids_of(user);
    let shown: Vec<Value> = all.iter().skip(skip).take(top).map(|id| json!({"id": id})).collect();
    let mut answer = json!({
        "@odata.context": format!("{}/v1.0/$metadata#groups(id)", world.host),
        "value": shown,
    });
    if skip + top < all.len() {
        let next = form_urlencoded::Serializer::new(String::new())
            .append_pair("$select", "id")
            .append_pair("$top", &top.to_string())
            .append_pair("$skiptoken", &(skip + top).to_string())
            .finish();
        let path = "v1.0/me/transitiveMemberOf/microsoft.graph.group";
        answer["@odata.nextLink"] = json!(format!("{}/{path}?{next}", world.host));
    }
    Ok(answer)
}

/// Whose token this is. Only Graph can check the signature of its tokens: it lies over the digest of their `nonce`.
fn person<'d>(
    world: &World,
    directory: &'d Directory,
    headers: &HeaderMap,
) -> Result<(&'d User, Vec<String>), Problem> {
    let invalid = |message: &str| {
        Problem(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message.to_owned())
    };
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| invalid("Access token is empty."))?;
    let token = Jwt::parse(token)
        .map_err(|_| invalid("CompactToken parsing failed with error code: 80049217"))?;
    let graph = directory.app(GRAPH);
    let audience = token.claim("aud").unwrap_or_default();
    if !graph.is_some_and(|graph| graph.is_called(audience)) {
        return Err(invalid("Access token validation failure. Invalid audience."));
    }
    let genuine = genuine(world, &token).unwrap_or(false);
    if !genuine {
        return Err(invalid("Signature is invalid."));
    }
    let now = clock::now();
    if token.time("exp").is_none_or(|end| end <= now) {
        return Err(invalid("Lifetime validation failed, the token is expired."));
    }
    let user = directory.users.iter().find(|user| {
        let tenant = directory.tenant(&user.tenant).map(|tenant| tenant.id.as_str());
        token.claim("oid") == Some(&user.id) && token.claim("tid") == tenant
    });
    let user = user.filter(|user| user.enabled).ok_or_else(|| {
        Problem(
            StatusCode::FORBIDDEN,
            "Authorization_IdentityNotFound",
            "The identity of the calling application could not be established.".to_owned(),
        )
    })?;
    let scopes = token.claim("scp").unwrap_or_default();
    Ok((user, scopes.split(' ').map(str::to_owned).collect()))
}

fn genuine(world: &World, token: &Jwt) -> Option<bool> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = world.keys.standard(token.header("kid")?)?;
    let nonce = token.header("nonce")?;
    let mut header = token.header.clone();
    header["nonce"] = json!(hashed(nonce));
    let (_, claims) = token.signed.split_once('.')?;
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string()));
    Some(key.verifies(signed.as_bytes(), &token.signature))
}
