//! The layer that makes a request the caller's.

use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use tower::{Layer, Service};

/// Puts one caller's `Authorization` on what passes. Made for one call, over the pool that all calls share.
#[derive(Clone)]
pub(super) struct AsCallerLayer(HeaderValue);

impl AsCallerLayer {
    pub(super) fn new(authorization: HeaderValue) -> Self {
        Self(authorization)
    }
}

impl<S> Layer<S> for AsCallerLayer {
    type Service = AsCaller<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AsCaller { inner, authorization: self.0.clone() }
    }
}

pub(super) struct AsCaller<S> {
    inner: S,
    authorization: HeaderValue,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for AsCaller<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // `insert`, so that there is exactly one.
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceBuilder, ServiceExt as _};

    use super::*;

    #[tokio::test]
    async fn there_is_one_authorization_and_it_is_the_callers() {
        let echo = tower::service_fn(|request: Request<()>| async move {
            Ok::<_, std::convert::Infallible>(request.headers().clone())
        });
        let request = Request::get("/").header(AUTHORIZATION, "Bearer other").body(()).unwrap();
        let layer = AsCallerLayer::new(HeaderValue::from_static("Bearer alice"));
        let headers =
            ServiceBuilder::new().layer(layer).service(echo).oneshot(request).await.unwrap();
        let values: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
        assert_eq!(values, ["Bearer alice"]);
    }
}
