//! An identity provider of which each endpoint does what the test says. Its exchange endpoint is strict: what is not
//! exactly the request that it wants is answered 418.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_tests::fixtures::idp::{Key, claims_of, now};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::pki::Authority;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

pub(crate) const SECRET: &str = "client-secret-of-the-sts";

type Answer = Arc<dyn Fn(&Idp, &Recorded) -> Response + Send + Sync>;

/// What an endpoint does.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers.
    Answers(Answer),
    /// Answers what an honest one would, when it is let go.
    Waits,
    /// Never answers.
    Hangs,
    /// What this says at each request; `None` for what an honest one would.
    Chooses(Arc<dyn Fn() -> Option<Does> + Send + Sync>),
}

impl Does {
    pub(crate) fn answers(
        answer: impl Fn(&Idp, &Recorded) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::Answers(Arc::new(answer))
    }

    pub(crate) fn chooses(choose: impl Fn() -> Option<Self> + Send + Sync + 'static) -> Self {
        Self::Chooses(Arc::new(choose))
    }

    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self::answers(move |_, _| {
            (StatusCode::from_u16(status).unwrap(), Json(body.clone())).into_response()
        })
    }

    /// An exchanged token whose claims are changed, in an answer that is changed.
    pub(crate) fn exchanges(claims: Value, answer: Value) -> Self {
        Self::answers(move |idp, request| idp.exchange(request, &claims, &answer))
    }
}

#[derive(Clone)]
pub(crate) struct Idp {
    url: String,
    key: Key,
    secret: Arc<Mutex<String>>,
    does: Arc<Mutex<HashMap<&'static str, Does>>>,
    gate: Arc<Semaphore>,
}

pub(crate) struct Running {
    pub(crate) idp: Idp,
    pub(crate) recorder: Recorder,
}

impl Running {
    pub(crate) async fn start(authority: &Authority) -> Self {
        let idp = Arc::new(Mutex::new(None::<Idp>));
        let shared = Arc::clone(&idp);
        let answer = move |request: Recorded| {
            let idp = shared.lock().unwrap().clone().unwrap();
            async move { idp.serve(&request).await }
        };
        let recorder = Recorder::answering_tls(&authority.server().unwrap(), answer).await.unwrap();
        let own = Idp {
            url: recorder.url(),
            key: Key::new("ES256", "first").unwrap(),
            secret: Arc::new(Mutex::new(SECRET.to_owned())),
            does: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        };
        *idp.lock().unwrap() = Some(own.clone());
        Self { idp: own, recorder }
    }

    /// How many requests have come to a path.
    pub(crate) fn calls(&self, path: &str) -> usize {
        self.recorder.requests().iter().filter(|request| request.uri.path() == path).count()
    }
}

impl Idp {
    pub(crate) fn issuer(&self) -> String {
        self.url.clone()
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// From now on the endpoint at this path does so.
    pub(crate) fn at(&self, path: &'static str, does: Does) {
        self.does.lock().unwrap().insert(path, does);
    }

    /// From now on the endpoint at this path is honest.
    pub(crate) fn honest_at(&self, path: &'static str) {
        self.does.lock().unwrap().remove(path);
    }

    pub(crate) fn publish(&self, keys: Vec<Value>) {
        self.at("/keys", Does::json(200, json!({ "keys": keys })));
    }

    pub(crate) fn wants_secret(&self, secret: &str) {
        secret.clone_into(&mut self.secret.lock().unwrap());
    }

    /// Lets requests to an endpoint that waits go on.
    pub(crate) fn let_go(&self, count: usize) {
        self.gate.add_permits(count);
    }

    /// The claims of a good token for `subject`.
    pub(crate) fn claims(&self, subject: &str) -> Value {
        json!({
            "iss": self.url, "sub": subject, "aud": ["https://mcp.example.com/mcp"], "azp": "mcp-client",
            "iat": now(), "exp": now() + 300, "jti": format!("in-{subject}"),
        })
    }

    pub(crate) fn token(&self, subject: &str) -> String {
        self.key.sign(&self.claims(subject)).unwrap()
    }

    async fn serve(&self, request: &Recorded) -> Response {
        let path = request.uri.path();
        let mut does = self.does.lock().unwrap().get(path).cloned();
        while let Some(Does::Chooses(choose)) = &does {
            does = choose();
        }
        match does {
            Some(Does::Chooses(_)) => StatusCode::IM_A_TEAPOT.into_response(),
            Some(Does::Answers(answer)) => answer(self, request),
            Some(Does::Hangs) => std::future::pending().await,
            Some(Does::Waits) => {
                self.gate.acquire().await.unwrap().forget();
                self.honest(path, request)
            }
            None => self.honest(path, request),
        }
    }

    fn honest(&self, path: &str, request: &Recorded) -> Response {
        let issuer = &self.url;
        match path {
            "/.well-known/openid-configuration" => Json(json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/keys"),
                "token_endpoint": format!("{issuer}/token"),
                "introspection_endpoint": format!("{issuer}/introspect"),
            }))
            .into_response(),
            "/keys" => Json(json!({"keys": [self.key.jwk()]})).into_response(),
            "/token" => self.exchange(request, &json!({}), &json!({})),
            "/introspect" => Json(json!({"active": false})).into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// Exchanges, with changes to the claims and to the answer.
    pub(crate) fn exchange(&self, request: &Recorded, claims: &Value, answer: &Value) -> Response {
        let form = form(request);
        let wanted = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", "kubernetes"),
        ];
        let secret = self.secret.lock().unwrap().clone();
        let basic = format!("Basic {}", STANDARD.encode(format!("obolus-sts:{secret}")));
        let exact = request.method == "POST"
            && form.len() == wanted.len() + 2
            && wanted.iter().all(|(name, value)| form.get(*name).is_some_and(|sent| sent == value))
            && form.get("scope").is_some_and(|scope| !scope.is_empty());
        if !exact {
            return StatusCode::IM_A_TEAPOT.into_response();
        }
        if request.header("authorization") != Some(&basic) {
            let body = json!({"error": "unauthorized_client"});
            return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
        }
        let subject = claims_of(&form["subject_token"]).unwrap();
        let mut own = json!({
            "iss": self.url, "sub": subject["sub"], "aud": "kubernetes", "azp": "obolus-sts",
            "iat": now(), "exp": now() + 300, "jti": format!("out-{}", subject["sub"].as_str().unwrap()),
            "scope": form["scope"],
        });
        change(&mut own, claims);
        let mut body = json!({
            "access_token": self.key.sign(&own).unwrap(),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 300,
        });
        change(&mut body, answer);
        Json(body).into_response()
    }
}

/// The fields of a form, each of which must stand once.
pub(crate) fn form(request: &Recorded) -> HashMap<String, String> {
    let body = request.body.clone().unwrap_or_default();
    let pairs: Vec<_> = form_urlencoded::parse(&body).into_owned().collect();
    let count = pairs.len();
    let form: HashMap<_, _> = pairs.into_iter().collect();
    assert_eq!(form.len(), count, "a parameter stands twice");
    form
}

fn change(object: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
}
