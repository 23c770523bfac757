//! `pod-failing`: why is this pod failing?

use serde_json::Value;

use super::arguments::Arguments;
use super::cluster_health::events;
use super::gathered::Gathered;
use super::{Argument, Of, Ours, trouble};
use crate::cluster::{Caller, LogQuery, Noise, RawObject, Resource};
use crate::failure::Failure;
use crate::names::{ContainerName, Namespace, ObjectName};
use crate::output::Object;

pub(super) const PROMPT: Ours = Ours {
    name: "pod-failing",
    title: "Why is this pod failing?",
    description: "A pod with its events and the end of its containers' logs, those before the last restart included",
    arguments: &[
        Argument {
            name: "namespace",
            description: "The pod's namespace",
            required: true,
            of: Of::Namespace,
        },
        Argument { name: "pod", description: "The pod's name", required: true, of: Of::Pod },
    ],
    gather: |caller, arguments| Box::pin(gather(caller, arguments)),
};

/// Lines of each log.
const TAIL: u32 = 60;
/// Containers whose logs are read.
const MAX_CONTAINERS: usize = 6;

async fn gather(caller: Caller, arguments: Arguments) -> Result<Gathered, Failure> {
    let namespace = caller.namespace_or_default(arguments.namespace()?);
    let name = arguments.pod()?;
    let mut gathered = Gathered::about(format!(
        "Why is pod {name} in namespace {namespace} failing? Name the most likely cause, with the lines that show it, and how to \
         make sure. Then say what would mend it. If the pod is fine, say so. Change nothing without asking me."
    ));
    let pods = Resource::core("Pod", "pods", true);
    // Without the pod there is nothing to say.
    let pod = caller.get(&pods, &namespace, &name).await?;
    if let Some(wrong) = trouble::of_pod(&pod) {
        gathered.add("In short", Ok(wrong))?;
    }
    let containers = containers(&pod);
    gathered.add("The pod", Ok(Object::new(pod.show(Noise::Dropped)).reply().text))?;
    let of_pod = format!("involvedObject.kind=Pod,involvedObject.name={name}");
    gathered.add("Its events", events(&caller, Some(&namespace), &of_pod).await)?;
    for Container { name: container, restarted } in containers.iter().take(MAX_CONTAINERS) {
        let heading = format!("Log of container {container}");
        let log = log(&caller, &namespace, &name, container, false).await;
        gathered.add(heading.clone(), log)?;
        if *restarted {
            let log = self::log(&caller, &namespace, &name, container, true).await;
            gathered.add(format!("{heading} before its last restart"), log)?;
        }
    }
    if let Some(left_out) = containers.len().checked_sub(MAX_CONTAINERS).filter(|left| *left > 0) {
        gathered.add("Other containers", Ok(format!("{left_out}, whose logs are left out")))?;
    }
    Ok(gathered)
}

struct Container {
    name: ContainerName,
    restarted: bool,
}

/// The containers that have run, those of the beginning first.
fn containers(pod: &RawObject) -> Vec<Container> {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let statuses =
        lists.iter().filter_map(|list| pod.pointer(list)).filter_map(Value::as_array).flatten();
    statuses
        .filter_map(|status| {
            let name = status.pointer("/name").and_then(Value::as_str)?.to_owned();
            let restarts = status.pointer("/restartCount").and_then(Value::as_u64).unwrap_or(0);
            Some(Container { name: ContainerName::try_from(name).ok()?, restarted: restarts > 0 })
        })
        .collect()
}

async fn log(
    caller: &Caller,
    namespace: &Namespace,
    name: &ObjectName,
    container: &ContainerName,
    previous: bool,
) -> Result<String, Failure> {
    let query = LogQuery {
        container: Some(container.to_string()),
        previous,
        tail: Some(TAIL),
        ..LogQuery::default()
    };
    let text = caller.log_end(namespace, name, query).await?;
    Ok(if text.is_empty() { "(empty)".to_owned() } else { text })
}
