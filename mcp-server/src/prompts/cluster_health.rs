//! `cluster-health`.

use super::arguments::Arguments;
use super::gathered::Gathered;
use super::{Argument, Of, Ours, trouble};
use crate::cluster::{Caller, ListQuery, RawObject, Resource};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace};
use crate::selectors::FieldSelector;

pub(super) const PROMPT: Ours = Ours {
    name: "cluster-health",
    title: "Cluster health",
    description: "How the cluster is: nodes, pods and workloads that are in trouble, and recent warnings",
    arguments: &[Argument {
        name: "namespace",
        description: "Only this namespace; all that you may see if left out",
        required: false,
        of: Of::Namespace,
    }],
    gather: |caller, arguments| Box::pin(gather(caller, arguments)),
};

/// Objects at a time, and how often: five thousand pods.
const PAGE: u32 = 500;
const PAGES: usize = 10;
/// Lines of trouble; more is counted.
const MAX_LINES: usize = 200;
const MAX_EVENTS: u32 = 100;

const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

async fn gather(caller: Caller, arguments: Arguments) -> Result<Gathered, Failure> {
    let namespace = arguments.namespace()?;
    let place = namespace
        .as_ref()
        .map_or_else(|| "the cluster".to_owned(), |namespace| format!("namespace {namespace}"));
    let mut gathered = Gathered::about(format!(
        "How healthy is {place}? Say first whether it is healthy, degraded or broken. Then name what is in trouble, most urgent \
         first, each with its likely cause and the next step to take. Say also what could not be looked at."
    ));
    if namespace.is_none() {
        let nodes = Resource::core("Node", "nodes", false);
        gathered.add("Nodes", all(&caller, &nodes, None, trouble::of_node).await)?;
    }
    troubles(&caller, namespace.as_ref(), &mut gathered).await?;
    gathered.add("Warnings", warnings(&caller, namespace.as_ref()).await)?;
    Ok(gathered)
}

/// What is in trouble among pods, what keeps them running, and their storage.
pub(super) async fn troubles(
    caller: &Caller,
    namespace: Option<&Namespace>,
    gathered: &mut Gathered,
) -> Result<(), Failure> {
    let pods = Resource::core("Pod", "pods", true);
    gathered.add("Pods in trouble", all(caller, &pods, namespace, trouble::of_pod).await)?;
    for kind in WORKLOADS {
        let found = async {
            let apps = named::<ApiVersion>("apps/v1")?;
            let resource = caller.discover(&apps, &named::<Kind>(kind)?).await?;
            all(caller, &resource, namespace, trouble::of_workload).await
        };
        gathered.add(format!("{kind}s in trouble"), found.await)?;
    }
    let claims = Resource::core("PersistentVolumeClaim", "persistentvolumeclaims", true);
    let found = all(caller, &claims, namespace, trouble::of_claim).await;
    gathered.add("PersistentVolumeClaims that are not bound", found)
}

fn named<T: TryFrom<String, Error = &'static str>>(text: &str) -> Result<T, Failure> {
    T::try_from(text.to_owned()).map_err(|error| Failure::Internal(error.to_owned()))
}

/// What is wrong with any of a kind, and how many were looked at.
async fn all(
    caller: &Caller,
    resource: &Resource,
    namespace: Option<&Namespace>,
    wrong: fn(&RawObject) -> Option<String>,
) -> Result<String, Failure> {
    let mut query = ListQuery { limit: Some(PAGE), ..ListQuery::default() };
    let (mut looked, mut troubled, mut lines) = (0_usize, 0_usize, Vec::new());
    let mut more = None;
    for _ in 0..PAGES {
        let page = caller.list_objects(resource, namespace, &query).await?;
        looked += page.items.len();
        for line in page.items.iter().filter_map(wrong) {
            troubled += 1;
            if lines.len() < MAX_LINES {
                lines.push(line);
            }
        }
        more = page.next.is_some().then(|| page.remaining.unwrap_or(1));
        query.continue_token = page.next;
        if more.is_none() {
            break;
        }
    }
    let mut text = match troubled {
        0 => format!("none of {looked}"),
        _ => format!("{troubled} of {looked}:\n{}", lines.join("\n")),
    };
    if troubled > lines.len() {
        text.push_str(&format!("\n… and {} more", troubled - lines.len()));
    }
    if let Some(more) = more {
        text.push_str(&format!("\n(there are at least {more} more, which were not looked at)"));
    }
    Ok(text)
}

/// Events that warn, as a table.
pub(super) async fn warnings(
    caller: &Caller,
    namespace: Option<&Namespace>,
) -> Result<String, Failure> {
    events(caller, namespace, "type=Warning").await
}

pub(super) async fn events(
    caller: &Caller,
    namespace: Option<&Namespace>,
    which: &str,
) -> Result<String, Failure> {
    let events = Resource::core("Event", "events", true);
    let query = ListQuery {
        fields: Some(named::<FieldSelector>(which)?),
        limit: Some(MAX_EVENTS),
        ..ListQuery::default()
    };
    Ok(caller.list_table(&events, namespace, &query).await?.reply().text)
}
