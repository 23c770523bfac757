//! Every context that can be used: its cluster, and who the person is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::credential::KubeconfigIdentity;
use super::kubeconfig::{Context, Kubeconfig, KubeconfigError};
use crate::cluster::{Caller, Cluster, Clusters, Identity, Wire};
use crate::config::{ContextName, StdioConfig};
use crate::failure::Failure;
use crate::tls::TlsError;

/// Who the person is at each of their clusters. Only [`crate::stdio`] makes one.
#[derive(Debug)]
pub(crate) struct Persons(BTreeMap<ContextName, KubeconfigIdentity>);

impl Persons {
    /// The contexts of a kubeconfig, with `default` for calls that name none. Others that cannot be used are left out; a
    /// sentence for each says why, and which of those that can be used have no credential.
    ///
    /// # Errors
    /// When the default cannot be used.
    pub(super) fn new(
        kubeconfig: &Arc<Kubeconfig>,
        default: &str,
        config: &StdioConfig,
    ) -> Result<(Self, Clusters, Vec<String>), KubeconfigError> {
        let mut persons = BTreeMap::new();
        let mut nobody = Vec::new();
        let mut put = |name: &str| {
            let context = kubeconfig.context(name)?;
            if context.user.is_nobody() {
                nobody.push(format!(
                    "the context `{name}` has no credential: to its API server you are nobody"
                ));
            }
            let (name, person) = person(kubeconfig, context, config)?;
            let cluster = Arc::clone(person.cluster());
            persons.insert(name, person);
            Ok(cluster)
        };
        let default_cluster = put(default)?;
        let mut others = Vec::new();
        let mut left_out: Vec<String> = Vec::new();
        let names = kubeconfig.names();
        for name in names.iter().filter(|name| config.several && *name != default) {
            match put(name) {
                Ok(cluster) => others.push(cluster),
                Err(error) => left_out.push(error.to_string()),
            }
        }
        let notes = [left_out, nobody].concat();
        Ok((Self(persons), Clusters::of(default_cluster, others), notes))
    }

    /// A cluster as the person sees it.
    ///
    /// # Errors
    /// When it is none of theirs.
    pub(crate) fn caller(&self, cluster: &Arc<Cluster>) -> Result<Caller, Failure> {
        let person = cluster.name().and_then(|name| self.0.get(name));
        let person = person
            .ok_or_else(|| Failure::Internal("the context has no person".to_owned()))?
            .clone();
        Ok(cluster.caller(Identity::Kubeconfig(person)))
    }
}

fn person(
    kubeconfig: &Arc<Kubeconfig>,
    mut context: Context,
    config: &StdioConfig,
) -> Result<(ContextName, KubeconfigIdentity), KubeconfigError> {
    let unusable = |reason| KubeconfigError::Unusable { context: context.name.clone(), reason };
    let name = ContextName::try_from(context.name.clone())
        .map_err(|reason| unusable(format!("its name {reason}: rename it")))?;
    let described = config.cluster(name.clone(), context.endpoint.server.clone());
    let unwired = unwired().map_err(|error| unusable(error.to_string()))?;
    let cluster = Cluster::over(&described, unwired).in_namespace(context.namespace.take());
    let kubeconfig = Arc::clone(kubeconfig);
    Ok((name, KubeconfigIdentity::new(kubeconfig, Arc::new(cluster), context)))
}

/// Connections that believe nobody: files are read, and the right ones made, when a context is first used.
fn unwired() -> Result<Wire, TlsError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(Wire::direct(tls))
}
