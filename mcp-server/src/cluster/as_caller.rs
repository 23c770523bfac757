//! The layer that makes a request the caller's.

use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, Request};
use tower::{Layer, Service};

/// What the headers of impersonation begin with.
const ACTS_AS: &str = "impersonate-";

/// Puts the headers that say who calls on what passes. Made for one call, over the pool that all calls share.
#[derive(Clone)]
pub(super) struct AsCallerLayer(HeaderMap);

impl AsCallerLayer {
    pub(super) fn new(identity: HeaderMap) -> Self {
        Self(identity)
    }
}

impl<S> Layer<S> for AsCallerLayer {
    type Service = AsCaller<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AsCaller { inner, identity: self.0.clone() }
    }
}

pub(super) struct AsCaller<S> {
    inner: S,
    identity: HeaderMap,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for AsCaller<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Nothing but the identity says as whom to act, also if it says nothing of it.
        let acts_as = |name: &HeaderName| name.as_str().starts_with(ACTS_AS);
        let others: Vec<_> =
            request.headers().keys().filter(|name| acts_as(name)).cloned().collect();
        for name in others {
            request.headers_mut().remove(name);
        }
        // `extend` puts what has a name in the place of all that had it before, so there is one `Authorization`.
        request.headers_mut().extend(self.identity.clone());
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;
    use tower::{ServiceBuilder, ServiceExt as _};

    use super::*;

    #[tokio::test]
    async fn there_is_one_authorization_and_it_is_the_callers() {
        let echo = tower::service_fn(|request: Request<()>| async move {
            Ok::<_, std::convert::Infallible>(request.headers().clone())
        });
        let request = Request::get("/").header(AUTHORIZATION, "Bearer other").body(()).unwrap();
        let alice = HeaderValue::from_static("Bearer alice");
        let layer = AsCallerLayer::new(HeaderMap::from_iter([(AUTHORIZATION, alice)]));
        let headers =
            ServiceBuilder::new().layer(layer).service(echo).oneshot(request).await.unwrap();
        let values: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
        assert_eq!(values, ["Bearer alice"]);
    }

    #[tokio::test]
    async fn nobody_but_the_identity_says_as_whom_to_act() {
        let echo = tower::service_fn(|request: Request<()>| async move {
            Ok::<_, std::convert::Infallible>(request.headers().clone())
        });
        let group = HeaderName::from_static("impersonate-group");
        let names = ["impersonate-user", "impersonate-uid", "impersonate-extra-scopes"];
        let request = || {
            let with = Request::get("/").header(&group, "system:masters").header("accept", "x");
            let with = names.iter().fold(with, |with, name| with.header(*name, "admin"));
            with.body(()).unwrap()
        };
        let pass = async |identity: HeaderMap| {
            let layer = AsCallerLayer::new(identity);
            ServiceBuilder::new().layer(layer).service(echo).oneshot(request()).await.unwrap()
        };
        let alone = pass(HeaderMap::new()).await;
        assert_eq!(alone.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
        let mut identity = HeaderMap::new();
        for name in ["kc:one", "kc:two"] {
            identity.append(&group, HeaderValue::from_static(name));
        }
        let headers = pass(identity).await;
        let groups: Vec<_> = headers.get_all(&group).iter().collect();
        assert_eq!(groups, ["kc:one", "kc:two"]);
        assert!(names.iter().all(|name| !headers.contains_key(*name)), "{headers:?}");
    }
}
