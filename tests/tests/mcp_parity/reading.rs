//! Tools that read: the same question to both.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::compared::Compared;
use crate::meaning::{self, Both};
use crate::setting::{Answers, Person, Setting};

/// What kind of answer it is.
#[derive(Debug, Clone, Copy)]
enum Says {
    Object,
    Rows,
    /// Text, in this field of ours.
    Lines(&'static str),
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
        self.call.split([' ', ':']).next().unwrap_or_default()
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
    vec![
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
            Says::Object,
        ),
    ]
}

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
        Says::Refusal => Both { ours: meaning::refused(ours), theirs: meaning::refused(theirs) },
    })
}

/// Asks everything of both, as both people.
pub(crate) async fn compare(setting: &Setting, compared: &mut Compared) -> Result<()> {
    let pods = setting.cluster.admin_get("/api/v1/namespaces/shop/pods").await?;
    let pod = pods["items"][0]["metadata"]["name"].as_str().context("no pod")?;
    for question in questions(pod) {
        let (call, tool) = (&question.call, question.tool());
        let answers = setting.both(Person::Operator, tool, &question.arguments).await?;
        let both =
            meaning(question.says, &answers).with_context(|| format!("{call}: {answers:#?}"))?;
        compared.add(call, &both);
        let answers = setting.both(Person::Viewer, tool, &question.arguments).await?;
        let says = if question.viewer_may { question.says } else { Says::Refusal };
        let both =
            meaning(says, &answers).with_context(|| format!("{call}, viewer: {answers:#?}"))?;
        compared.add(&format!("{call}, viewer"), &both);
    }
    Ok(())
}

#[tokio::test]
async fn what_the_two_answer_differs_only_where_it_is_listed() {
    let setting = Setting::start().await.unwrap();
    let mut compared = Compared::default();
    compare(&setting, &mut compared).await.unwrap();
    let (table, wrong) = compared.table();
    println!("{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
