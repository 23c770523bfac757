//! Tools that change something: each server does it to an object of its own, and what has become of the two is compared.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use serde_json::{Value, json};

use crate::compared::Compared;
use crate::meaning::{self, Both};
use crate::setting::{Person, Setting, Side};

const SOON: Duration = Duration::from_secs(30);

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
    delete_pod(setting, compared).await?;
    apply(setting, compared).await?;
    delete(setting, compared).await?;
    run(setting, compared).await?;
    releases(setting, compared).await
}

/// Whether it is there.
async fn found(setting: &Setting, kind: &str, name: &str) -> Result<Vec<Value>> {
    let path = format!("/api/v1/namespaces/shop/{kind}?fieldSelector=metadata.name%3D{name}");
    let list = setting.cluster.admin_get(&path).await?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

async fn apply(setting: &Setting, compared: &mut Compared) -> Result<()> {
    let manifest = |name: &str, data: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: shop\ndata:\n{data}"
        )
    };
    for (person, call_name) in [
        (Person::Viewer, "resources_create_or_update, viewer"),
        (Person::Operator, "resources_create_or_update"),
    ] {
        let done = each(async |side| {
            let (name, second) = (side.name("applied"), side.name("second"));
            let two = format!(
                "{}---\n{}",
                manifest(&name, "  a: '1'\n  b: '2'\n"),
                manifest(&second, "  c: d\n")
            );
            let mut refused = Vec::new();
            for resource in [two, manifest(&name, "  a: '3'\n")] {
                let arguments = json!({"resource": resource});
                let answer =
                    setting.call(side, person, "resources_create_or_update", &arguments).await?;
                refused.push(answer.is_tool_error());
            }
            let data = |found: Vec<Value>| found.first().map(|one| one["data"].clone());
            Ok(json!({
                "refused": refused,
                "updated": data(found(setting, "configmaps", &name).await?),
                "second": data(found(setting, "configmaps", &second).await?),
            }))
        });
        compared.add(call_name, &done.await?);
    }
    Ok(())
}

async fn delete(setting: &Setting, compared: &mut Compared) -> Result<()> {
    for (person, call_name) in
        [(Person::Viewer, "resources_delete, viewer"), (Person::Operator, "resources_delete")]
    {
        let done = each(async |side| {
            let name = side.name("deleted");
            let meta = json!({"name": name, "namespace": "shop"});
            let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta});
            setting.cluster.admin_apply(&object).await?;
            let arguments =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": name});
            let answer = setting.call(side, person, "resources_delete", &arguments).await?;
            let again = setting.call(side, person, "resources_delete", &arguments).await?;
            Ok(json!({
                "refused": answer.is_tool_error(),
                "again": again.is_tool_error(),
                "left": found(setting, "configmaps", &name).await?.len(),
            }))
        });
        compared.add(call_name, &done.await?);
    }
    Ok(())
}

async fn run(setting: &Setting, compared: &mut Compared) -> Result<()> {
    for (person, call_name) in
        [(Person::Viewer, "pods_run, viewer"), (Person::Operator, "pods_run")]
    {
        let done = each(async |side| {
            let name = side.name("run");
            let arguments = json!({"namespace": "shop", "name": name, "image": "example.test/shop/web:1.0", "port": 8080});
            let answer = setting.call(side, person, "pods_run", &arguments).await?;
            let (pods, services) =
                (found(setting, "pods", &name).await?, found(setting, "services", &name).await?);
            let container = pods.first().map(|pod| {
                let container = &pod["spec"]["containers"][0];
                json!({"image": container["image"], "ports": container["ports"]})
            });
            // Whether what the Service selects is the pod.
            let service = services.first().map(|service| {
                let labels = pods.first().map(|pod| pod["metadata"]["labels"].clone());
                let selector = service["spec"]["selector"].as_object().cloned().unwrap_or_default();
                let leads_there = !selector.is_empty()
                    && selector.iter().all(|(key, value)| labels.as_ref().is_some_and(|labels| labels[key] == *value));
                let port = &service["spec"]["ports"][0];
                json!({"port": port["port"], "target": port["targetPort"], "leads to the pod": leads_there, "type": service["spec"]["type"]})
            });
            Ok(json!({
                "refused": answer.is_tool_error(), "container": container, "service": service,
                "labelled": pods.first().map(|pod| pod["metadata"]["labels"].is_object()),
            }))
        });
        compared.add(call_name, &done.await?);
    }
    Ok(())
}

async fn scale(setting: &Setting, compared: &mut Compared) -> Result<()> {
    let arguments = |name: &str, scale: u32| json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": name, "scale": scale});
    let path = |name: &str| format!("/apis/apps/v1/namespaces/shop/deployments/{name}");
    let done = each(async |side| {
        let name = side.name("scaled");
        setting.cluster.admin_apply(&deployment(&name)).await?;
        // Theirs reads and writes, and fails if anybody writes in between: a new Deployment is written to.
        eventually("the Deployment to be available", SOON, || async {
            let now = setting.cluster.admin_get(&path(&name)).await?;
            ensure!(now["status"]["availableReplicas"] == 1, "{}", now["status"]);
            Ok(())
        })
        .await?;
        let answer =
            setting.call(side, Person::Operator, "resources_scale", &arguments(&name, 3)).await?;
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
            setting.call(side, Person::Viewer, "resources_scale", &arguments(&name, 5)).await?;
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
            let answer = setting.call(side, person, "pods_delete", &arguments).await?;
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

/// Installs, lists and uninstalls. The release of one is seen by the other.
async fn releases(setting: &Setting, compared: &mut Compared) -> Result<()> {
    let arguments = |name: &str| json!({"chart": "notes", "name": name, "namespace": "shop", "values": {"password": "sesame"}});
    // Wherever it was made.
    let made = async |name: &str| {
        let mut made = json!({});
        for plural in ["configmaps", "secrets"] {
            let path = format!("/api/v1/{plural}?fieldSelector=metadata.name%3D{name}");
            let list = setting.cluster.admin_get(&path).await?;
            let objects = list["items"].as_array().context("no items")?;
            made[plural] = objects
                .iter()
                .map(|one| json!({"in": one["metadata"]["namespace"], "data": one["data"]}))
                .collect();
        }
        anyhow::Ok(made)
    };
    for (person, call_name) in
        [(Person::Viewer, "helm_install, viewer"), (Person::Operator, "helm_install")]
    {
        let done = each(async |side| {
            let name = side.name("release");
            let answer = setting.call(side, person, "helm_install", &arguments(&name)).await?;
            let told = match (answer.is_tool_error(), side) {
                (true, _) => json!("refused"),
                (false, Side::Ours) => meaning::our_release(&answer)?,
                (false, Side::Theirs) => {
                    meaning::their_releases(&answer)?["rows"][format!("shop/{name}")].clone()
                }
            };
            Ok(json!({"told": told, "made": made(&name).await?}))
        });
        compared.add(call_name, &done.await?);
    }
    let done = each(async |side| {
        let name = side.name("release");
        let again = setting.call(side, Person::Operator, "helm_install", &arguments(&name)).await?;
        Ok(json!({"refused": again.is_tool_error()}))
    });
    compared.add("helm_install: a name that is taken", &done.await?);
    for (call, arguments) in [
        ("helm_list", json!({"namespace": "shop"})),
        ("helm_list: all namespaces", json!({"all_namespaces": true})),
        ("helm_list: where none is", json!({"namespace": "warehouse"})),
    ] {
        let answers = setting.both(Person::Operator, "helm_list", &arguments).await?;
        let both = Both {
            ours: meaning::our_releases(&answers.ours)?,
            theirs: meaning::their_releases(&answers.theirs)?,
        };
        compared.add(call, &both);
        let answers = setting.both(Person::Viewer, "helm_list", &arguments).await?;
        let both = Both {
            ours: meaning::refused(&answers.ours),
            theirs: meaning::refused(&answers.theirs),
        };
        compared.add(&format!("{call}, viewer"), &both);
    }
    for (person, call_name) in
        [(Person::Viewer, "helm_uninstall, viewer"), (Person::Operator, "helm_uninstall")]
    {
        let done = each(async |side| {
            let name = side.name("release");
            let arguments = json!({"name": name, "namespace": "shop"});
            let answer = setting.call(side, person, "helm_uninstall", &arguments).await?;
            let again = setting.call(side, person, "helm_uninstall", &arguments).await?;
            Ok(json!({
                "refused": answer.is_tool_error(), "again": again.is_tool_error(),
                "left": made(&name).await?,
            }))
        });
        compared.add(call_name, &done.await?);
    }
    Ok(())
}
