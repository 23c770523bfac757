//! An emulator with the directory of these rules, and complete requests to it.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_tests::entra::{Certificate, Directory, Emulator};
use obolus_tests::https;
use obolus_tests::pki::Authority;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, claims_of};
use crate::certificate::changed;
use crate::certificates::certificates;
use crate::form::Form;
use crate::signing::{sign, x5t_s256};

/// Secrets of `mcp-server`.
pub(crate) const FIRST: &str = "the.first~secret-of_B";
pub(crate) const SECOND: &str = "the/second+secret=of&B%";
pub(crate) const EXPIRED: &str = "the.expired~secret-of_B";

pub(crate) const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) directory: Directory,
    http: reqwest::Client,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// One for all rules that switch nothing and look at no record, since keys take their time. It lives in a runtime of
    /// its own: each test's ends with the test.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<World> = OnceLock::new();
        SHARED.get_or_init(|| {
            let (ready, started) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                ready.send(runtime.block_on(Self::start())).unwrap();
                runtime.block_on(std::future::pending::<()>());
            });
            started.recv().unwrap()
        })
    }

    /// With changes to the directory.
    pub(crate) async fn with(change: impl FnOnce(&mut Directory)) -> Self {
        static AUTHORITY: OnceLock<Authority> = OnceLock::new();
        let authority = AUTHORITY.get_or_init(|| Authority::new("obolus entra rules").unwrap());
        let mut directory = Directory::parse(include_str!("directory.toml")).unwrap();
        let keys = certificates();
        for (app, leaves) in [
            ("mcp-server", &[&keys.good, &keys.second, &keys.expired, &keys.early, &keys.ec][..]),
            ("web-client", &[&keys.of_web_client]),
            ("elsewhere", &[&keys.of_elsewhere]),
        ] {
            for leaf in leaves {
                let certificate = Certificate::from_pem(&leaf.certificate).unwrap();
                directory.app_mut(app).certificates.push(certificate);
            }
        }
        change(&mut directory);
        let emulator = Emulator::start(authority, directory.clone()).await.unwrap();
        Self { emulator, directory, http: https::client(&authority.pem()).unwrap() }
    }

    /// An application's id.
    pub(crate) fn id(&self, app: &str) -> &str {
        &self.directory.app(app).unwrap().id
    }

    pub(crate) fn oid(&self, user: &str) -> &str {
        &self.directory.user(user).unwrap().id
    }

    /// A tenant's id.
    pub(crate) fn tenant(&self, name: &str) -> &str {
        &self.directory.tenant(name).unwrap().id
    }

    /// The id of a person's tenant.
    pub(crate) fn tenant_of(&self, user: &str) -> &str {
        self.tenant(self.directory.user(user).map_or("contoso", |user| &user.tenant))
    }

    pub(crate) fn scope(&self, app: &str, name: &str) -> String {
        format!("api://{}/{name}", self.id(app))
    }

    pub(crate) fn token_path(&self) -> String {
        format!("/{}/oauth2/v2.0/token", self.tenant("contoso"))
    }
}

// === Requests ===

impl World {
    /// A request as it is, with the form for a body unless the method has none.
    pub(crate) async fn send(&self, method: Method, path: &str, form: &Form) -> Answer {
        let url = format!("{}{path}", self.emulator.authority_host());
        let mut request = self.http.request(method.clone(), url);
        if method != Method::GET {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.body());
        }
        for (name, value) in
            [("authorization", &form.authorization), ("client-request-id", &form.correlation)]
        {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        if form.correlation.is_some() {
            request = request.header("return-client-request-id", "true");
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// A body of another kind.
    pub(crate) async fn raw(&self, path: &str, content_type: &str, body: String) -> Answer {
        let url = format!("{}{path}", self.emulator.authority_host());
        let mut request = self.http.post(url).body(body);
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, form: &Form) -> Answer {
        self.send(Method::POST, &self.token_path(), form).await
    }

    /// At the token endpoint of what this segment of the path names.
    pub(crate) async fn post_at(&self, segment: &str, form: &Form) -> Answer {
        self.send(Method::POST, &format!("/{segment}/oauth2/v2.0/token"), form).await
    }

    /// An answer that may never come.
    pub(crate) async fn attempt(
        &self,
        form: &Form,
        within: Duration,
    ) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}{}", self.emulator.authority_host(), self.token_path());
        let request = self.http.post(url).body(form.body()).timeout(within);
        request.header("content-type", "application/x-www-form-urlencoded").send().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &self.empty()).await
    }

    /// A request to the Graph stub.
    pub(crate) async fn graph(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Answer {
        let url = format!("{}{path}", self.emulator.authority_host());
        let mut request = self.http.request(method, url);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        Answer::read(request.send().await.unwrap()).await
    }
}

// === Complete forms ===

impl World {
    pub(crate) fn empty(&self) -> Form {
        Form::new([])
    }

    /// The whole request of `mcp-server`, with its secret.
    pub(crate) fn obo(&self, token: &str) -> Form {
        Form::new([
            ("grant_type", ON_BEHALF_OF),
            ("client_id", self.id("mcp-server")),
            ("client_secret", FIRST),
            ("assertion", token),
            ("scope", &self.scope("kubernetes", ".default")),
            ("requested_token_use", "on_behalf_of"),
        ])
    }

    /// The same on behalf of alice.
    pub(crate) async fn alice(&self) -> Form {
        self.obo(&self.token("alice").await)
    }

    /// The same of another client, for alice's token for that client.
    pub(crate) async fn obo_of(&self, client: &str, secret: &str) -> Form {
        let token = self.token_for("alice", &self.scope(client, "access_as_user")).await;
        self.obo(&token).with("client_id", self.id(client)).with("client_secret", secret)
    }

    /// An application's own token for this resource.
    pub(crate) fn daemon(&self, resource: &str) -> Form {
        Form::new([
            ("grant_type", "client_credentials"),
            ("client_id", self.id("daemon")),
            ("client_secret", "the.secret~of-the_daemon"),
            ("scope", &self.scope(resource, ".default")),
        ])
    }

    /// With this assertion for a credential.
    pub(crate) fn asserted(&self, form: &Form, assertion: &str) -> Form {
        form.anonymous()
            .and("client_assertion", assertion)
            .and("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    }

    /// With the right assertion for a credential.
    pub(crate) fn certified(&self, form: &Form) -> Form {
        let good = &certificates().good;
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": x5t_s256(good)});
        self.asserted(form, &sign(good, &header, &self.client_claims()))
    }

    /// The claims of the right assertion, with a new `jti`.
    pub(crate) fn client_claims(&self) -> Value {
        let id = self.id("mcp-server");
        json!({
            "aud": format!("{}{}", self.emulator.authority_host(), self.token_path()),
            "iss": id,
            "sub": id,
            "jti": obolus_tests::secret::random().unwrap(),
            "nbf": now(),
            "iat": now(),
            "exp": now() + 600,
        })
    }

    /// `Authorization: Basic` as RFC 6749 §2.3.1 has it.
    pub(crate) fn basic(&self, id: &str, secret: &str) -> String {
        let encoded =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
    }

    /// A token of the emulator's own key with other claims than the person's; null takes one out.
    pub(crate) async fn minted(&self, user: &str, changes: &Value) -> String {
        let mut claims = claims_of(self.token(user).await);
        // Nothing is known of a token with an id of its own, so only what it says counts.
        claims["uti"] = json!(obolus_tests::secret::random().unwrap());
        for (name, value) in changes.as_object().unwrap() {
            claims = changed(&claims, name, value.clone());
        }
        self.emulator.mint(&claims).unwrap()
    }
}

/// Seconds since the epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
