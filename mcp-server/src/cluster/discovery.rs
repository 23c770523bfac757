//! Which path a kind has, as the API server tells the caller.
//!
//! Asked with the caller's token; what was found is kept for others ([`super::known`] says why that tells nobody anything).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use kube::core::{ApiResource, DynamicObject, Resource as _};

use super::caller::Caller;
use super::operation::Operation;
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName, is_dns_label};

/// A kind with its path.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    api: ApiResource,
    namespaced: bool,
    scalable: bool,
}

impl Resource {
    /// A kind that every cluster has, and that therefore need not be discovered.
    pub(crate) fn core(kind: &str, plural: &str, namespaced: bool) -> Self {
        Self::of("", "v1", kind, plural, namespaced)
    }

    /// A kind that every cluster has, in a group.
    pub(crate) fn of(
        group: &str,
        version: &str,
        kind: &str,
        plural: &str,
        namespaced: bool,
    ) -> Self {
        let api_version =
            if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let api = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        Self { api, namespaced, scalable: false }
    }

    /// A kind of the group `apps`, which every cluster has as well.
    pub(crate) fn apps(kind: &str, plural: &str) -> Self {
        let mut resource = Self::core(kind, plural, true);
        resource.api.group = "apps".to_owned();
        resource.api.api_version = "apps/v1".to_owned();
        Self { scalable: true, ..resource }
    }

    pub(crate) fn kind(&self) -> &str {
        &self.api.kind
    }

    pub(crate) fn api_version(&self) -> &str {
        &self.api.api_version
    }

    pub(crate) fn group(&self) -> &str {
        &self.api.group
    }

    pub(crate) fn plural(&self) -> &str {
        &self.api.plural
    }

    pub(crate) fn is_namespaced(&self) -> bool {
        self.namespaced
    }

    pub(crate) fn is_scalable(&self) -> bool {
        self.scalable
    }

    /// Where its collection is: in `namespace`, or in the whole cluster.
    pub(super) fn path(&self, namespace: Option<&Namespace>) -> String {
        let namespace = namespace.filter(|_| self.namespaced).map(Namespace::as_str);
        DynamicObject::url_path(&self.api, namespace)
    }

    /// `verb` on its collection, in RBAC's words: `deployments.apps`.
    pub(super) fn operation(
        &self,
        verb: &'static str,
        subresource: &str,
        namespace: Option<&Namespace>,
    ) -> Operation {
        let group =
            if self.api.group.is_empty() { String::new() } else { format!(".{}", self.api.group) };
        let resource = format!("{}{group}{subresource}", self.api.plural);
        let operation = if self.namespaced {
            Operation::in_namespace(verb, resource, namespace)
        } else {
            Operation::on_cluster(verb, resource)
        };
        operation
            .of(&self.api.group, &self.api.kind, &self.api.plural)
            .among(self.path(namespace), self.path(None))
    }

    /// `verb` on one object.
    pub(super) fn operation_on(
        &self,
        verb: &'static str,
        subresource: &str,
        namespace: Option<&Namespace>,
        name: &ObjectName,
    ) -> Operation {
        self.operation(verb, subresource, namespace).named(name)
    }
}

impl Caller {
    /// Finds a kind in a version of the API.
    pub(crate) async fn discover(
        &self,
        api_version: &ApiVersion,
        kind: &Kind,
    ) -> Result<Resource, Failure> {
        let known = &self.cluster().known;
        if let Some(resource) = known.get(api_version, kind) {
            return Ok(resource);
        }
        let unknown = || Failure::UnknownKind {
            server: self.server(),
            kind: kind.to_string(),
            api_version: api_version.to_string(),
        };
        let operation = Operation::on_cluster("discover", api_version.as_str());
        let request =
            http::Request::get(api_version.discovery_path()).body(Vec::new()).map_err(|_| {
                Failure::InvalidArguments("apiVersion does not fit into a path".to_owned())
            })?;
        let list: APIResourceList = match self.ask(&operation, request).await {
            Err(Failure::Rejected { status: 404, .. }) => return Err(unknown()),
            answer => answer?,
        };
        let resource = find(&list.resources, api_version, kind).ok_or_else(unknown)?;
        known.keep(api_version, kind, &resource);
        Ok(resource)
    }
}

fn find(resources: &[APIResource], api_version: &ApiVersion, kind: &Kind) -> Option<Resource> {
    // `pods/eviction` is of another kind and version than the list says.
    let found = resources
        .iter()
        .find(|resource| resource.kind == kind.as_str() && is_dns_label(&resource.name))?;
    let (group, version) = api_version.parts();
    let scale = format!("{}/scale", found.name);
    Some(Resource {
        api: ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_string(),
            kind: found.kind.clone(),
            plural: found.name.clone(),
        },
        namespaced: found.namespaced,
        scalable: resources.iter().any(|resource| resource.name == scale),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str, kind: &str, namespaced: bool) -> APIResource {
        APIResource {
            name: name.to_owned(),
            kind: kind.to_owned(),
            namespaced,
            ..APIResource::default()
        }
    }

    fn parsed<T: TryFrom<String>>(text: &str) -> T {
        T::try_from(text.to_owned()).ok().unwrap()
    }

    #[test]
    fn a_kind_is_found_with_its_scope_and_whether_it_scales() {
        let list = [
            resource("deployments/scale", "Scale", true),
            resource("deployments", "Deployment", true),
            resource("../secrets", "Evil", true),
            resource("nodes", "Node", false),
        ];
        let apps: ApiVersion = parsed("apps/v1");
        let deployment = find(&list, &apps, &parsed("Deployment")).unwrap();
        assert!(deployment.is_scalable());
        let shop: Namespace = parsed("shop");
        assert_eq!(deployment.path(Some(&shop)), "/apis/apps/v1/namespaces/shop/deployments");
        assert_eq!(deployment.path(None), "/apis/apps/v1/deployments");
        let operation = deployment.operation_on("patch", "/scale", Some(&shop), &parsed("web"));
        assert_eq!(
            operation.to_string(),
            r#"patch deployments.apps/scale "web" in namespace "shop""#
        );

        let node = find(&list, &parsed("v1"), &parsed("Node")).unwrap();
        assert_eq!(
            node.path(Some(&shop)),
            "/api/v1/nodes",
            "cluster-scoped kinds ignore the namespace"
        );
        assert!(!node.is_scalable());

        assert!(
            find(&list, &apps, &parsed("Scale")).is_none(),
            "subresources are no kinds of their own"
        );
        assert!(
            find(&list, &apps, &parsed("Evil")).is_none(),
            "discovery's names are held to the rules too"
        );
        assert!(find(&list, &apps, &parsed("Pod")).is_none());
    }
}
