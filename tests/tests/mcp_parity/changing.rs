//! Tools that change something: each server does it to an object of its own, and what has become of the two is compared.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::mcp_client::Answered;
use serde_json::{Value, json};

use crate::compared::Compared;
use crate::meaning::{self, Both};
use crate::setting::{Person, Setting};

const SOON: Duration = Duration::from_secs(30);

/// Whose object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Theirs,
}

impl Side {
    /// A name that the other has not, and that means the same.
    fn name(self, stem: &str) -> String {
        match self {
            Self::Ours => format!("{stem}-ours"),
            Self::Theirs => format!("{stem}-theirs"),
        }
    }
}

async fn call(
    setting: &Setting,
    person: Person,
    side: Side,
    tool: &str,
    arguments: &Value,
) -> Result<Answered> {
    let client = match side {
        Side::Ours => setting.ours(person)?,
        Side::Theirs => setting.theirs(person)?,
    };
    client.call(tool, arguments.clone()).await
}

/// What both have become, each with names that mean the same.
async fn each(of: impl AsyncFn(Side) -> Result<Value>) -> Result<Both> {
    let same = |value: Value, side: Side| {
        let text = value.to_string().replace(side.name("").as_str(), "-each");
        serde_json::from_str(&text).context("not JSON any more")
    };
    Ok(Both {
        ours: same(of(Side::Ours).await?, Side::Ours)?,
        theirs: same(of(Side::Theirs).await?, Side::Theirs)?,
    })
}

fn deployment(name: &str) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "example.test/shop/web:1.0"}]},
            },
        },
    })
}

/// Does everything with both.
pub(crate) async fn compare(setting: &Setting, compared: &mut Compared) -> Result<()> {
    scale(setting, compared).await?;
    delete_pod(setting, compared).await
}

async fn scale(setting: &Setting, compared: &mut Compared) -> Result<()> {
    let arguments = |name: &str, scale: u32| json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": name, "scale": scale});
    let path = |name: &str| format!("/apis/apps/v1/namespaces/shop/deployments/{name}");
    let done = each(async |side| {
        let name = side.name("scaled");
        setting.cluster.admin_apply(&deployment(&name)).await?;
        let answer =
            call(setting, Person::Operator, side, "resources_scale", &arguments(&name, 3)).await?;
        ensure!(!answer.is_tool_error(), "{}", answer.body);
        let told = match side {
            Side::Ours => meaning::structured(&answer)?["desired"].clone(),
            Side::Theirs => meaning::their_object(&answer)?["spec"]["replicas"].clone(),
        };
        let now = setting.cluster.admin_get(&path(&name)).await?;
        Ok(json!({"told": told, "replicas": now["spec"]["replicas"]}))
    });
    compared.add("resources_scale", &done.await?);
    let refused = each(async |side| {
        let name = side.name("scaled");
        let answer =
            call(setting, Person::Viewer, side, "resources_scale", &arguments(&name, 5)).await?;
        let now = setting.cluster.admin_get(&path(&name)).await?;
        Ok(json!({"refused": answer.is_tool_error(), "replicas": now["spec"]["replicas"]}))
    });
    compared.add("resources_scale, viewer", &refused.await?);
    Ok(())
}

async fn delete_pod(setting: &Setting, compared: &mut Compared) -> Result<()> {
    let path =
        |name: &str| format!("/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3D{name}");
    let there = async |name: &str| {
        let pods = setting.cluster.admin_get(&path(name)).await?;
        anyhow::Ok(pods["items"].as_array().map_or(0, Vec::len))
    };
    for (person, call_name) in
        [(Person::Viewer, "pods_delete, viewer"), (Person::Operator, "pods_delete")]
    {
        let done = each(async |side| {
            let name = side.name("deleted");
            let spec =
                json!({"containers": [{"name": "main", "image": "example.test/shop/web:1.0"}]});
            let meta = json!({"name": name, "namespace": "shop"});
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec});
            setting.cluster.admin_apply(&pod).await?;
            let arguments = json!({"namespace": "shop", "name": name});
            let answer = call(setting, person, side, "pods_delete", &arguments).await?;
            if !answer.is_tool_error() {
                eventually("the pod to be gone", SOON, || async {
                    ensure!(there(&name).await? == 0, "it is still there");
                    Ok(())
                })
                .await?;
            }
            Ok(json!({"refused": answer.is_tool_error(), "left": there(&name).await?}))
        });
        compared.add(call_name, &done.await?);
    }
    Ok(())
}
