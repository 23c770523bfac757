//! Tools that read: the same question to both.

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::cluster::{Cluster, KUBELET_NODE};
use obolus_tests::fixtures::mcp_client::Answered;
use serde_json::{Value, json};

use crate::amounts;
use crate::compared::Compared;
use crate::meaning::{self, Both};
use crate::setting::{Answers, Person, Setting, Side};

/// Reads what an answer means.
type Reads = fn(&Answered) -> Result<Value>;

/// What kind of answer it is.
#[derive(Clone, Copy)]
enum Says {
    Object,
    Rows,
    /// Text, in this field of ours.
    Lines(&'static str),
    /// Something else, of which ours is read so and theirs so.
    Else(Reads, Reads),
    /// No, to both people.
    Refusal,
}

/// A question, and whether somebody who may do little is refused.
struct Question {
    call: String,
    arguments: Value,
    says: Says,
    viewer_may: bool,
}

impl Question {
    fn tool(&self) -> &str {
        self.call.split([' ', ':', ',']).next().unwrap_or_default()
    }
}

fn question(call: impl Into<String>, arguments: Value, says: Says) -> Question {
    Question { call: call.into(), arguments, says, viewer_may: false }
}

impl Question {
    fn viewer_may(self) -> Self {
        Self { viewer_may: true, ..self }
    }
}

fn questions(pod: &str) -> Vec<Question> {
    let in_shop = |name: &str| json!({"namespace": "shop", "name": name});
    let deployments = json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop"});
    let of = |api_version: &str, kind: &str, namespace: Option<&str>, name: &str| {
        let mut arguments = json!({"apiVersion": api_version, "kind": kind, "name": name});
        if let Some(namespace) = namespace {
            arguments["namespace"] = json!(namespace);
        }
        arguments
    };
    let view = Says::Else(meaning::our_kubeconfig, meaning::their_kubeconfig);
    let events = Says::Else(meaning::our_events, meaning::their_events);
    vec![
        question("configuration_view", json!({}), view).viewer_may(),
        question("configuration_view: whole", json!({"minified": false}), view).viewer_may(),
        // Controllers tell new ones all the time, but of nothing in this namespace.
        question("events_list", json!({"namespace": "warehouse"}), events),
        question(
            "events_list: fieldSelector",
            json!({"namespace": "warehouse", "fieldSelector": "type=Warning"}),
            events,
        ),
        question(
            "events_list: everywhere",
            json!({"fieldSelector": "reportingComponent=till"}),
            events,
        ),
        question("events_list: where none is", json!({"namespace": "nowhere"}), events),
        question("projects_list", json!({}), Says::Rows),
        question("namespaces_list", json!({}), Says::Rows),
        question(
            "namespaces_list: fieldSelector",
            json!({"fieldSelector": "metadata.name=shop"}),
            Says::Rows,
        ),
        question("pods_list", json!({}), Says::Rows),
        question("pods_list: labelSelector", json!({"labelSelector": "app=web"}), Says::Rows),
        question("pods_list_in_namespace", json!({"namespace": "shop"}), Says::Rows).viewer_may(),
        question(
            "pods_list_in_namespace: fieldSelector",
            json!({"namespace": "shop", "fieldSelector": "status.phase=Running"}),
            Says::Rows,
        )
        .viewer_may(),
        question("pods_get", in_shop(pod), Says::Object).viewer_may(),
        question("pods_get: not there", in_shop("nobody"), Says::Refusal),
        question("pods_log", in_shop(pod), Says::Lines("log")).viewer_may(),
        question(
            "pods_log: tail",
            json!({"namespace": "shop", "name": pod, "tail": 1}),
            Says::Lines("log"),
        )
        .viewer_may(),
        question(
            "pods_log: previous",
            json!({"namespace": "shop", "name": pod, "previous": true}),
            Says::Lines("log"),
        )
        .viewer_may(),
        question("resources_list", deployments, Says::Rows).viewer_may(),
        question(
            "resources_list: of the cluster",
            json!({"apiVersion": "v1", "kind": "Node"}),
            Says::Rows,
        ),
        question(
            "resources_list: no such kind",
            json!({"apiVersion": "shop.example/v1", "kind": "Basket"}),
            Says::Refusal,
        ),
        question("resources_get", of("apps/v1", "Deployment", Some("shop"), "web"), Says::Object)
            .viewer_may(),
        question("resources_get: of the cluster", of("v1", "Node", None, "node-1"), Says::Object),
        question(
            "resources_scale: how many",
            of("apps/v1", "Deployment", Some("shop"), "web"),
            Says::Else(amounts::our_scale, amounts::their_scale),
        ),
        question(
            "nodes_log",
            json!({"name": KUBELET_NODE, "query": "kubelet", "tailLines": 5}),
            Says::Lines("log"),
        ),
        question(
            "nodes_log: a file",
            json!({"name": KUBELET_NODE, "query": "/cloud-init.log"}),
            Says::Lines("log"),
        ),
        question(
            "nodes_stats_summary",
            json!({"name": KUBELET_NODE}),
            Says::Else(amounts::our_summary, amounts::their_summary),
        ),
        question("nodes_top", json!({}), Says::Else(amounts::our_nodes, amounts::their_nodes)),
        question(
            "nodes_top: one",
            json!({"name": "node-1"}),
            Says::Else(amounts::our_nodes, amounts::their_nodes),
        ),
        question("pods_top", json!({}), Says::Else(amounts::our_pods, amounts::their_pods)),
        question(
            "pods_top: of a namespace",
            json!({"namespace": "shop", "all_namespaces": false}),
            Says::Else(amounts::our_pods, amounts::their_pods),
        ),
        question(
            "pods_exec",
            json!({"namespace": "shop", "name": AT_KUBELET, "command": ["echo", "hello", "there"]}),
            Says::Lines("stdout"),
        ),
        question(
            "pods_exec: ends with 3",
            json!({"namespace": "shop", "name": AT_KUBELET, "command": ["exit", "3"]}),
            Says::Refusal,
        ),
    ]
}

/// A pod at the kubelet that can run commands.
const AT_KUBELET: &str = "with-commands";

fn meaning(says: Says, answers: &Answers) -> Result<Both> {
    let Answers { ours, theirs } = answers;
    Ok(match says {
        Says::Object => {
            Both { ours: meaning::our_object(ours)?, theirs: meaning::their_object(theirs)? }
        }
        Says::Rows => Both { ours: meaning::our_rows(ours)?, theirs: meaning::their_rows(theirs)? },
        Says::Lines(field) => {
            Both { ours: meaning::our_lines(ours, field)?, theirs: meaning::their_lines(theirs)? }
        }
        Says::Else(our, their) => Both { ours: our(ours)?, theirs: their(theirs)? },
        Says::Refusal => Both { ours: meaning::refused(ours), theirs: meaning::refused(theirs) },
    })
}

/// Events that both have to tell.
async fn some_events(cluster: &Cluster) -> Result<()> {
    for (name, kind, reason) in
        [("out-of-stock", "Warning", "OutOfStock"), ("delivered", "Normal", "Delivered")]
    {
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": "warehouse"},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": "warehouse"},
            "type": kind, "reason": reason, "message": format!("{name}, as the till says"), "count": 3,
            "source": {"component": "till"}, "reportingComponent": "till", "reportingInstance": "till-1",
            "firstTimestamp": "2026-11-20T08:00:00Z", "lastTimestamp": "2026-11-20T08:05:00Z",
        });
        cluster.admin_apply(&event).await?;
    }
    Ok(())
}

/// Asks everything of both, as both people.
pub(crate) async fn compare(setting: &Setting, compared: &mut Compared) -> Result<()> {
    let cluster = &setting.cluster;
    cluster.run_at_kubelet("shop", AT_KUBELET, &["main"]).await?;
    let path = "/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb";
    let pods = cluster.admin_get(path).await?;
    let pod = pods["items"][0]["metadata"]["name"].as_str().context("no pod")?;
    cluster.wait_for_metrics("shop", pod).await?;
    cluster.wait_for_metrics("shop", AT_KUBELET).await?;
    some_events(cluster).await?;
    let mut unread = Vec::new();
    for question in questions(pod) {
        for person in [Person::Operator, Person::Viewer] {
            let is_viewer = person == Person::Viewer;
            let call = format!("{}{}", question.call, if is_viewer { ", viewer" } else { "" });
            let answers = setting.both(person, question.tool(), &question.arguments).await?;
            let says =
                if is_viewer && !question.viewer_may { Says::Refusal } else { question.says };
            match meaning(says, &answers) {
                Ok(both) => compared.add(&call, &both),
                Err(error) => unread.push(format!("{call}: {error:#}: {answers:?}")),
            }
        }
    }
    // What their tables say in a column more, ours say as whole objects.
    let person = Person::Operator;
    for (tool, arguments) in [
        ("namespaces_list", json!({})),
        ("pods_list", json!({})),
        ("pods_list_in_namespace", json!({"namespace": "shop"})),
        ("projects_list", json!({})),
        ("resources_list", json!({"apiVersion": "v1", "kind": "Node"})),
    ] {
        let theirs = setting.call(Side::Theirs, person, tool, &arguments).await?;
        let mut arguments = arguments;
        arguments["output"] = json!("json");
        let ours = setting.call(Side::Ours, person, tool, &arguments).await?;
        let both =
            Both { ours: meaning::our_labels(&ours)?, theirs: meaning::their_labels(&theirs)? };
        compared.add(&format!("{tool}: labels"), &both);
    }
    ensure!(unread.is_empty(), "answers that say nothing known:\n{}", unread.join("\n"));
    Ok(())
}
