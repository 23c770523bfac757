//! The generated files of `deploy/istio`, `deploy/istio-facade` and `deploy/istio-sidecar`.

use super::{Istio, callers, comments, deployment};
use crate::comments::Comments;
use crate::problems::Problems;
use crate::yaml;

pub(super) fn all(istio: &Istio) -> Result<Vec<(String, String)>, Problems> {
    let configuration = istio.checked()?;
    let [patch, unpatch] = istio.deployment_patches()?;
    let files = [
        ("istio/callers.yaml", comments::CALLERS_HEAD, callers::of_gateway(istio)),
        (
            "istio/exchanged-only.yaml",
            comments::EXCHANGED_ONLY_HEAD,
            istio.exchanged_only()?.into(),
        ),
        ("istio/network-policy.yaml", comments::NETWORK_HEAD, callers::of_network(istio)),
        ("istio/gateway/envoy-filter.yaml", comments::FILTER_HEAD, vec![istio.envoy_filter()?]),
        ("istio/gateway/routes.yaml", comments::ROUTES_HEAD, istio.routes()?),
        ("istio/gateway/deployment-patch.yaml", comments::PATCH_HEAD, vec![patch]),
        ("istio/gateway/deployment-unpatch.yaml", comments::UNPATCH_HEAD, vec![unpatch]),
        ("istio-facade/callers.yaml", comments::FACADE_CALLERS_HEAD, callers::of_facade(istio)),
        ("istio-sidecar/callers.yaml", comments::SIDECAR_CALLERS_HEAD, callers::of_sidecar(istio)),
        ("istio-sidecar/envoy-filter.yaml", comments::SIDECAR_HEAD, vec![istio.sidecar_filter()?]),
        (
            "istio-sidecar/deployment-patch.yaml",
            comments::SIDECAR_PATCH_HEAD,
            vec![deployment::sidecar(istio, &configuration)],
        ),
    ];
    let text = |(name, head, objects): (&str, &str, Vec<_>)| {
        let comments = Comments::of(comments::KEYS, &[]);
        (name.to_owned(), yaml::documents(head, &objects, comments))
    };
    Ok(files.map(text).into())
}
