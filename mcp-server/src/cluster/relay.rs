//! Requests that another program makes in a caller's name: as the caller, and within what the operator allows.
//!
//! `helm` speaks the Kubernetes API by itself. What it sends comes here in place of the API server, without any
//! credential, and goes on as requests of ours do: with the caller's identity, past the kinds that are denied, and past
//! the gate where people are asked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Collected, Limited};

use super::caller::Caller;
use super::operation::Operation;
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};

/// What of a program's own headers says something about the request, and nothing about who makes it.
const PASSED_ON: [HeaderName; 3] = [ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE];

/// Who it is, or what they may do, is not enough.
const REFUSALS: [StatusCode; 2] = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
/// Of a refusal.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// A caller for a program's requests.
#[derive(Debug)]
pub(crate) struct Relayed {
    caller: Caller,
    /// Kinds by group and plural, as the API server told them to this caller.
    kinds: Mutex<HashMap<(String, String), String>>,
}

/// An object that a program is going to touch.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) verb: &'static str,
    pub(crate) version: ApiVersion,
    pub(crate) kind: Kind,
    /// Where it is, if it is in one at all.
    pub(crate) namespace: Namespace,
    pub(crate) name: Option<ObjectName>,
}

/// What a request's path names (Kubernetes API concepts, "Resource URIs").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ApiPath {
    group: String,
    plural: String,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
}

impl Relayed {
    pub(crate) fn new(caller: Caller) -> Self {
        Self { caller, kinds: Mutex::default() }
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Sends a request on, and hands out whatever the API server answers, as it begins; of a refusal, with the failure that
    /// a call of ours would have ended with.
    ///
    /// # Errors
    /// When it was not sent, or nothing was answered.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<(Response<Body>, Option<Failure>), Failure> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let operation = self.operation(&parts.method, parts.uri.path(), target).await?;
        let mut onward = Request::builder().method(parts.method).uri(target);
        for name in PASSED_ON {
            if let Some(value) = parts.headers.get(&name) {
                let value = if name == ACCEPT { readable(value) } else { value.clone() };
                onward = onward.header(name, value);
            }
        }
        let onward = onward.body(body.to_vec()).map_err(|_| {
            Failure::Internal("a request of helm's cannot be built again".to_owned())
        })?;
        let response = self.caller.pass_on(&operation, onward).await?;
        if !REFUSALS.contains(&response.status()) {
            return Ok((response, None));
        }
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_REFUSAL_BYTES).collect().await;
        let body = body.map(Collected::to_bytes).unwrap_or_default();
        let again = |body: Bytes| Response::from_parts(parts.clone(), Body::from(body));
        let failure = self.caller.refused(&operation, again(body.clone())).await;
        Ok((again(body), Some(failure)))
    }

    /// What a program is going to do, before it does any of it: what is denied is told, and what people are asked about is
    /// asked.
    ///
    /// # Errors
    /// When some of it is denied, or somebody has to be asked first.
    pub(crate) async fn announce(&self, subjects: &[Subject]) -> Result<(), Failure> {
        let mut operations = Vec::new();
        for subject in subjects {
            let Subject { verb, version, kind, namespace, name } = subject;
            let operation = match self.caller.discover(version, kind).await {
                Ok(resource) => resource.operation(verb, "", Some(namespace)),
                // One that is not there yet may come with the chart.
                Err(Failure::UnknownKind { .. }) => {
                    let (group, _) = version.parts();
                    let resource = format!("{}.{group}", kind.as_str().to_lowercase());
                    Operation::in_namespace(verb, resource, Some(namespace)).of(
                        group,
                        kind.as_str(),
                        "",
                    )
                }
                Err(failure) => return Err(failure),
            };
            // What is made has no name in its path, and is spoken of without.
            let operation = match name {
                Some(name) if *verb != "create" => operation.named(name),
                _ => operation,
            };
            self.caller.admit(&operation)?;
            if !operations.contains(&operation) {
                operations.push(operation);
            }
        }
        self.caller.announce(&operations).await
    }

    async fn operation(
        &self,
        method: &Method,
        path: &str,
        target: &str,
    ) -> Result<Operation, Failure> {
        let api = ApiPath::read(path).filter(|_| is_plain(path));
        let Some(api) = api else {
            if method != Method::GET || !is_description(path) {
                return Err(Failure::InvalidArguments(
                    "helm wanted what is neither an object nor the API's description".to_owned(),
                ));
            }
            return Ok(Operation::on_cluster("get", "the API's description"));
        };
        let is_watch = target.contains("watch=true") || target.contains("watch=1");
        let verb = match (method.as_str(), api.name.is_some()) {
            ("GET", _) if is_watch => "watch",
            ("GET", true) => "get",
            ("GET", false) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "delete",
            ("DELETE", false) => "deletecollection",
            _ => {
                return Err(Failure::InvalidArguments(
                    "helm wanted to do what is no verb of the API".to_owned(),
                ));
            }
        };
        let kind = self.kind_of(&api).await?;
        let group = if api.group.is_empty() { String::new() } else { format!(".{}", api.group) };
        let subresource = api.subresource.as_ref().map(|sub| format!("/{sub}")).unwrap_or_default();
        let resource = format!("{}{group}{subresource}", api.plural);
        let namespace = api.namespace.clone().and_then(|text| Namespace::try_from(text).ok());
        let operation = match &namespace {
            Some(namespace) => Operation::in_namespace(verb, resource, Some(namespace)),
            None => Operation::on_cluster(verb, resource),
        };
        let operation = operation.of(&api.group, &kind, &api.plural);
        let name = api.name.and_then(|name| ObjectName::try_from(name).ok());
        Ok(match &name {
            Some(name) => operation.named(name),
            None => operation,
        })
    }

    /// The kind behind a plural, which rules may name instead; empty if the API server has none. Asked again for one that
    /// is not known: charts bring kinds of their own.
    async fn kind_of(&self, api: &ApiPath) -> Result<String, Failure> {
        let key = (api.group.clone(), api.plural.clone());
        if let Some(kind) = self.known(&key) {
            return Ok(kind);
        }
        let kinds = self.caller.api_kinds().await?;
        let mut known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(kinds.into_iter().map(|kind| ((kind.group, kind.plural), kind.kind)));
        Ok(known.get(&key).cloned().unwrap_or_default())
    }

    fn known(&self, key: &(String, String)) -> Option<String> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

/// What a program accepts, without the form that we cannot read: a refusal in it would lose its reason. Whoever accepts
/// that form accepts JSON too.
fn readable(accept: &HeaderValue) -> HeaderValue {
    let json = HeaderValue::from_static("application/json");
    let Ok(text) = accept.to_str() else { return json };
    let kept: Vec<_> = text
        .split(',')
        .map(str::trim)
        .filter(|one| !one.starts_with("application/vnd.kubernetes.protobuf"))
        .collect();
    if kept.is_empty() { json } else { HeaderValue::from_str(&kept.join(",")).unwrap_or(json) }
}

impl ApiPath {
    /// Of an object or a collection; `None` for all other paths.
    pub(crate) fn read(path: &str) -> Option<Self> {
        let parts: Vec<_> = path.strip_prefix('/')?.split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => return None,
        };
        let owned = |text: &&str| (*text).to_owned();
        let of = |namespace: Option<&&str>, rest: &[&str]| {
            let (plural, rest) = rest.split_first()?;
            let (name, rest) =
                rest.split_first().map_or((None, rest), |(name, rest)| (Some(name), rest));
            Some(Self {
                group: group.to_owned(),
                plural: owned(plural),
                namespace: namespace.map(owned),
                name: name.map(owned),
                subresource: (!rest.is_empty()).then(|| rest.join("/")),
            })
        };
        match rest {
            // The namespace itself, and its own subresources.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => of(None, rest),
            ["namespaces", namespace, rest @ ..] => of(Some(namespace), rest),
            // Watching had paths of its own once; whom they are about would have to be read anew.
            ["watch", ..] | [] => None,
            rest => of(None, rest),
        }
    }

    /// Whether it is Secrets that are touched, other than those in which helm keeps this release.
    pub(crate) fn is_secret_of_others(&self, query: &str, release: Option<&str>) -> bool {
        let is_secret = self.group.is_empty() && self.plural == "secrets";
        let is_helms = match &self.name {
            Some(name) => release
                .is_some_and(|release| name.starts_with(&format!("sh.helm.release.v1.{release}."))),
            None => query.contains("owner%3Dhelm"),
        };
        is_secret && !is_helms
    }
}

/// Whether a path is read by the API server as it is read here: nothing in it is escaped, or leads elsewhere.
fn is_plain(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    !path.contains(['%', '\\']) && segments.all(|segment| !["", ".", ".."].contains(&segment))
}

/// Whether a path tells of the API itself. Everything else is refused: it could name an object in a way that is not
/// understood here.
fn is_description(path: &str) -> bool {
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let is_path = path.starts_with('/') && is_plain(path.trim_end_matches('/'));
    is_path
        && matches!(
            parts.as_slice(),
            ["api" | "apis" | "version"] | ["api" | "apis", _] | ["apis", _, _] | ["openapi", ..]
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> (String, String, Option<String>, Option<String>, Option<String>) {
        let ApiPath { group, plural, namespace, name, subresource } = ApiPath::read(path).unwrap();
        (group, plural, namespace, name, subresource)
    }

    #[test]
    fn a_path_says_what_is_touched() {
        let some = |text: &str| Some(text.to_owned());
        for (path, group, plural, namespace, name, subresource) in [
            ("/api/v1/pods", "", "pods", None, None, None),
            ("/api/v1/namespaces", "", "namespaces", None, None, None),
            ("/api/v1/namespaces/shop", "", "namespaces", None, some("shop"), None),
            (
                "/api/v1/namespaces/shop/status",
                "",
                "namespaces",
                None,
                some("shop"),
                some("status"),
            ),
            ("/api/v1/namespaces/shop/secrets", "", "secrets", some("shop"), None, None),
            ("/api/v1/namespaces/shop/secrets/a", "", "secrets", some("shop"), some("a"), None),
            (
                "/apis/apps/v1/namespaces/shop/deployments/web/scale",
                "apps",
                "deployments",
                some("shop"),
                some("web"),
                some("scale"),
            ),
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/x",
                "rbac.authorization.k8s.io",
                "clusterroles",
                None,
                some("x"),
                None,
            ),
        ] {
            let wanted = (group.to_owned(), plural.to_owned(), namespace, name, subresource);
            assert_eq!(read(path), wanted, "{path}");
        }
        for path in [
            "/api",
            "/api/v1",
            "/apis",
            "/apis/apps",
            "/apis/apps/v1",
            "/version",
            "/openapi/v3",
            "",
            "x",
        ] {
            assert_eq!(ApiPath::read(path), None, "{path}");
        }
    }

    #[test]
    fn answers_are_asked_for_in_a_form_whose_refusals_can_be_read() {
        for (accepted, asked) in [
            ("application/json", "application/json"),
            ("application/vnd.kubernetes.protobuf,application/json", "application/json"),
            ("application/vnd.kubernetes.protobuf", "application/json"),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io, application/vnd.kubernetes.protobuf;as=Table",
                "application/json;as=Table;v=v1;g=meta.k8s.io",
            ),
            (
                "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
                "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
            ),
        ] {
            assert_eq!(readable(&HeaderValue::from_static(accepted)), asked);
        }
    }

    #[test]
    fn only_known_paths_are_about_the_api_itself() {
        for path in [
            "/api",
            "/api/v1",
            "/apis",
            "/apis/apps",
            "/apis/apps/v1",
            "/version",
            "/openapi/v3/apis/apps/v1",
        ] {
            assert!(is_description(path), "{path}");
        }
        for path in [
            "/api/v1/watch/secrets",
            "/apis/apps/v1/watch/deployments",
            "/logs/x",
            "/metrics",
            "",
            "/",
            "/openapi/../api/v1/secrets",
            "/apis/apps/%2e%2e",
        ] {
            assert!(ApiPath::read(path).is_none() && !is_description(path), "{path}");
        }
    }

    #[test]
    fn a_path_that_the_api_server_would_read_otherwise_is_none() {
        for path in
            ["/api/v1/secrets", "/api/v1/namespaces/a/secrets/b.c", "/apis/x/v1/roles/system:a@b"]
        {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "/api/v1/%73ecrets",
            "/api/v1/namespaces/a%2fsecrets/b",
            "/api/v1/namespaces/a/configmaps/../secrets/b",
            "/api/v1/./secrets",
            "/api/v1//secrets",
            "//api/v1/secrets",
            "/api/v1\\secrets",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    fn helms_own_records_are_told_from_other_secrets() {
        let is_others = |path: &str, query: &str| {
            ApiPath::read(path).unwrap().is_secret_of_others(query, Some("web"))
        };
        let secrets = "/api/v1/namespaces/shop/secrets";
        assert!(!is_others(secrets, "labelSelector=name%3Dweb%2Cowner%3Dhelm"));
        assert!(!is_others(&format!("{secrets}/sh.helm.release.v1.web.v1"), ""));
        assert!(is_others(secrets, ""));
        assert!(is_others(&format!("{secrets}/db"), ""));
        assert!(is_others(&format!("{secrets}/sh.helm.release.v1.other.v1"), ""));
        assert!(!is_others("/api/v1/namespaces/shop/configmaps/db", ""));
    }
}
