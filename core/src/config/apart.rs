//! What must differ between the resources of one configuration.

use std::collections::{BTreeMap, BTreeSet};

use super::{Resource, Section, StsEndpoint};

/// What must differ between resources, since a request is told by its cluster and metadata by their URL.
/// `resources` come with their paths.
pub(super) fn check_apart(
    top: &Section<'_>,
    resources: &[(String, Option<Resource>)],
    sts: Option<&StsEndpoint>,
) {
    let mut clusters = BTreeSet::new();
    let mut urls = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut targets = BTreeMap::new();
    let mut exchanged_by = BTreeMap::new();
    for (path, resource) in resources {
        let Some(resource) = resource else { continue };
        let key = |name: &str| format!("{path}{name}");
        for cluster in &resource.clusters {
            if !clusters.insert(cluster.clone()) {
                top.problem(
                    &key("clusters"),
                    format!("`{cluster}` is already a resource's cluster"),
                );
            }
            if sts.is_some_and(|sts| sts.cluster == *cluster) {
                top.problem(&key("clusters"), format!("`{cluster}` is the STS's cluster"));
            }
        }
        if !urls.insert(resource.url.to_string()) {
            top.problem(&key("resource"), "is already another resource's URL");
        }
        if !names.insert(resource.name.clone()) {
            top.problem(&key("name"), "is already another resource's name");
        }
        let by = resource.issuers.iter().map(|rules| rules.name.as_str()).collect::<BTreeSet<_>>();
        for (path, target) in resource.targets.all() {
            let (others, is_entra) =
                exchanged_by.entry(&target.name).or_insert((by.clone(), false));
            *is_entra |= resource.issuers.iter().any(|rules| rules.provider.entra().is_some());
            if *is_entra && *others != by {
                top.problem(
                    &key(&format!("{path}.name")),
                    format!(
                        "another resource has the target `{}` for tokens of another issuer: a target is exchanged by \
                         one issuer, so write a target of its own",
                        target.name
                    ),
                );
            }
            if *targets.entry(&target.name).or_insert(&target.audience) != &target.audience {
                top.problem(
                    &key(&format!("{path}.audience")),
                    format!("the target `{}` stands elsewhere with another audience", target.name),
                );
            }
            if resource.audiences.contains(&target.audience) {
                top.problem(
                    &key(&format!("{path}.audience")),
                    "is an audience of the incoming token: the exchange would change nothing, and whoever holds \
                     the client's token could use it at the target",
                );
            }
        }
    }
}
