//! From a path of the Kubernetes API to the URL that is asked.

use std::fmt;

use http::uri::{Authority, Scheme};
use http::{Request, Uri};

use crate::names::is_segment;

/// The API server's address, with the path under which it lives (Rancher and others have one).
#[derive(Debug, Clone)]
pub(super) struct ApiServer {
    authority: Option<Authority>,
    prefix: String,
    shown: String,
}

/// A path that the API does not have: some name got through that should not have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAnApiPath;

impl ApiServer {
    pub(super) fn new(server: &Uri) -> Self {
        Self {
            authority: server.authority().cloned(),
            prefix: server.path().trim_end_matches('/').to_owned(),
            shown: server.to_string().trim_end_matches('/').to_owned(),
        }
    }

    /// The request with its full URL.
    ///
    /// The types of [`crate::names`] keep paths clean; this looks once more at what came of them, because a mistake
    /// here is a request that the caller's permissions were never meant to be tried on.
    pub(super) fn address<B>(&self, mut request: Request<B>) -> Result<Request<B>, NotAnApiPath> {
        let path = request.uri().path();
        // The one path of the API that ends with a slash.
        let segments = path.strip_suffix('/').filter(|path| path.ends_with("/proxy/logs"));
        let clean = segments
            .unwrap_or(path)
            .strip_prefix('/')
            .is_some_and(|path| path.split('/').all(is_segment));
        if !clean {
            return Err(NotAnApiPath);
        }
        let query = request.uri().query().unwrap_or_default().trim_start_matches('&');
        let separator = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{path}{separator}{query}", self.prefix);
        let authority = self.authority.clone().ok_or(NotAnApiPath)?;
        *request.uri_mut() = Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(authority)
            .path_and_query(target)
            .build()
            .map_err(|_| NotAnApiPath)?;
        Ok(request)
    }
}

impl fmt::Display for ApiServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(server: &'static str, path: &'static str) -> Result<String, NotAnApiPath> {
        let server = ApiServer::new(&Uri::from_static(server));
        let request = Request::get(path).body(()).unwrap();
        server.address(request).map(|request| request.uri().to_string())
    }

    #[test]
    fn api_paths_become_urls_below_the_servers_own_path() {
        for (server, path, url) in [
            ("https://k8s:6443", "/api/v1/pods", "https://k8s:6443/api/v1/pods"),
            (
                "https://k8s:6443",
                "/api/v1/nodes/n1/proxy/logs/?query=kubelet",
                "https://k8s:6443/api/v1/nodes/n1/proxy/logs/?query=kubelet",
            ),
            ("https://k8s:6443/", "/api/v1/pods?&limit=5", "https://k8s:6443/api/v1/pods?limit=5"),
            (
                "https://r/k8s/clusters/c-1/",
                "/api/v1/pods?a=b%2Fc",
                "https://r/k8s/clusters/c-1/api/v1/pods?a=b%2Fc",
            ),
        ] {
            assert_eq!(address(server, path).as_deref(), Ok(url));
        }
    }

    #[test]
    fn a_path_with_anything_but_plain_segments_is_not_asked() {
        for path in [
            "/",
            "/api/../v1",
            "/api/./v1",
            "/api//v1",
            "/api/v1/",
            "/api/v1/nodes/n1/proxy/logs//",
            "/api/v1/nodes/../proxy/logs/",
            "/api/%2e%2e/v1",
            "/api/v1/pods/a%2fb",
        ] {
            assert_eq!(address("https://k8s", path), Err(NotAnApiPath), "{path}");
        }
    }
}
