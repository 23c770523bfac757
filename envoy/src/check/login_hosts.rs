//! Virtual hosts of route tables, as far as logins are concerned.

use super::login::{Host, PathTest, Route};
use super::node::Node;
use super::routes::routes;

/// A virtual host of a route table.
pub(super) fn of_virtual_host<'a>(host: Node<'a>) -> Host<'a> {
    let of_route = |route: Node<'a>| {
        let mut clusters = Vec::new();
        if let Some(action) = route.get("route") {
            clusters.push(action.text("cluster").to_owned());
            let weighted = action.list("weighted_clusters/clusters");
            clusters.extend(weighted.iter().map(|one| one.text("name").to_owned()));
            clusters.retain(|name| !name.is_empty());
        }
        let conditions =
            ["headers", "query_parameters", "runtime_fraction", "cookies", "filter_state"];
        let has_conditions =
            conditions.iter().any(|key| route.at(&format!("match/{key}")).is_some());
        let tests = [
            ("path", PathTest::Exact as fn(&'a str) -> PathTest<'a>),
            ("prefix", PathTest::Prefix),
            ("path_separated_prefix", PathTest::Below),
            ("safe_regex/regex", PathTest::Other),
        ];
        let tests = tests.iter().map(|(key, test)| test(route.text(&format!("match/{key}"))));
        Route {
            tests: tests.filter(|test| !test.text().is_empty()).collect(),
            has_conditions,
            clusters,
            place: route,
        }
    };
    Host {
        names: host.texts("domains").into_iter().map(str::to_owned).collect(),
        routes: routes(&host).into_iter().map(of_route).collect(),
        place: host,
    }
}
