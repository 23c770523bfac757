//! `VirtualServices`, as far as logins are concerned.

use super::super::login::{Host, PathTest, Route};
use super::super::node::Node;
use super::super::plugin::Settings;
use super::Manifest;
use super::virtual_services::destinations;
use crate::istio::Service;

/// A VirtualService; `clusters` are those of façades.
pub(super) fn of_virtual_service<'a>(
    service: &Manifest<'a>,
    settings: &Settings,
    clusters: &[&String],
) -> Host<'a> {
    let of_route = |route: Node<'a>| {
        let to = destinations(&route).into_iter().map(|destination| {
            let host = destination.text("host").to_ascii_lowercase();
            let is_it = |cluster: &&&String| {
                Service::of_cluster(cluster).is_some_and(|one| {
                    let rest = one.host.strip_prefix(&host);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                })
            };
            clusters.iter().find(is_it).map_or(host.clone(), |cluster| (*cluster).clone())
        });
        let matches = route.list("match");
        let conditions = |one: &Node<'_>| {
            one.members().iter().any(|(key, _)| !matches!(*key, "uri" | "name" | "gateways"))
        };
        let mut tests: Vec<_> = matches
            .iter()
            .flat_map(|one| {
                [
                    ("exact", PathTest::Exact as fn(&'a str) -> PathTest<'a>),
                    ("prefix", PathTest::Prefix),
                    ("regex", PathTest::Other),
                ]
                .map(|(key, test)| test(one.text(&format!("uri/{key}"))))
            })
            .filter(|test| !test.text().is_empty())
            .collect();
        if tests.is_empty() {
            tests.push(PathTest::Prefix("/"));
        }
        Route {
            has_conditions: matches.iter().any(conditions),
            clusters: to.collect(),
            tests,
            place: route,
        }
    };
    // Its hosts have no port, and the URLs' authorities may have one.
    let authorities = settings.hosts.iter().flat_map(|(_, hosts)| hosts);
    let authorities = authorities.chain(settings.facades.iter().flat_map(|facade| &facade.hosts));
    let own = service.node.texts("spec/hosts");
    let is_own = |authority: &&String| {
        own.iter().any(|host| {
            let rest = authority.strip_prefix(*host);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })
    };
    Host {
        place: service.node.nearest("spec/http"),
        names: authorities.filter(is_own).cloned().collect(),
        routes: service.node.list("spec/http").into_iter().map(of_route).collect(),
    }
}
