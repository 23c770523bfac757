//! `pods_run`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::Resource;
use crate::failure::Failure;
use crate::names::{ContainerName, Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct PodsRun;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The image to run, for example nginx:1.29
    image: Image,
    /// The pod's name: a DNS label. Left out, one is made from the image
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "PodName")]
    name: Option<PodName>,
    /// The namespace to run it in; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// The port that it listens on. With it, a Service of the same name is made as well
    #[serde(default)]
    #[schemars(with = "Port")]
    port: Option<Port>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Image(String);

/// A pod whose container has its name, which allows less.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct PodName(String);

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct Port(u16);

impl TryFrom<String> for Image {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err("image must be one like registry/name:tag") }
    }
}

impl TryFrom<String> for PodName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match ContainerName::try_from(text.clone()) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(
                "name must be a DNS label: at most 63 of a-z, 0-9 and -, neither first nor last -",
            ),
        }
    }
}

impl TryFrom<f64> for Port {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        // The schema that is shared says "number", and some clients write 8080.0.
        (1..=u16::MAX)
            .find(|port| f64::from(*port) == number)
            .map(Self)
            .ok_or("port must be a whole number from 1 to 65535")
    }
}

macro_rules! inline_schema {
    ($type:ident, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

inline_schema!(Image, { "type": "string" });
inline_schema!(PodName, { "type": "string" });
inline_schema!(Port, { "type": "number" });

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Started {
    /// The namespace
    namespace: String,
    /// The pod's name
    name: String,
    /// Its image
    image: String,
    /// The Service that leads to it, if a port was given
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
}

impl KubeTool for PodsRun {
    const NAME: &'static str = "pods_run";
    const TITLE: &'static str = "Pods: Run";
    const DESCRIPTION: &'static str = "Run one container image in a new pod, with a port also behind a new Service. Nothing that is there is changed";
    const EFFECT: Effect = Effect::Adds;
    type Input = Input;
    type Output = Started;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Started>, Failure> {
        let namespace = context.caller.namespace_or_default(input.namespace);
        let Image(image) = input.image;
        let is_named = input.name.is_some();
        let name = match input.name {
            Some(PodName(name)) => name,
            None => made_name(&image)?,
        };
        let object_name = ObjectName::try_from(name.clone())
            .map_err(|reason| Failure::Internal(reason.into()))?;
        let told = is_named.then_some(&object_name);
        let labels = json!({
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/managed-by": "obolus-mcp",
        });
        let container = match input.port {
            Some(Port(port)) => {
                json!({"name": name, "image": image, "ports": [{"containerPort": port}]})
            }
            None => json!({"name": name, "image": image}),
        };
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace.as_str(), "labels": labels},
            "spec": {"containers": [container]},
        });
        let pods = Resource::core("Pod", "pods", true);
        let services = Resource::core("Service", "services", true);
        let kinds = [&pods, &services].into_iter().take(if input.port.is_some() { 2 } else { 1 });
        let creations: Vec<_> = kinds.map(|kind| ("create", kind, &namespace, told)).collect();
        context.caller.before_changes(&creations).await?;
        context.caller.create(&pods, &namespace, told, &pod).await?;
        let mut text = format!("pod {name} in namespace {namespace} is made, with image {image}\n");
        let mut service = None;
        if let Some(Port(port)) = input.port {
            let object = json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "namespace": namespace.as_str(), "labels": labels},
                "spec": {
                    "selector": labels,
                    "ports": [{"port": port, "targetPort": port}],
                },
            });
            let caller = &context.caller;
            let created = caller.create(&services, &namespace, told, &object).await;
            created.map_err(|failure| Failure::Partly {
                failure: Box::new(failure),
                failed: format!("Service {name} in namespace {namespace}"),
                done: format!("Pod {name} in namespace {namespace} (created)"),
                left: "nothing".to_owned(),
            })?;
            text.push_str(&format!("service {name} leads to its port {port}\n"));
            service = Some(name.clone());
        }
        let structured = Started { namespace: namespace.to_string(), name, image, service };
        Ok(Reply { structured, text })
    }
}

/// `nginx-k7m2q` for `registry.example.com/web/nginx:1.29@sha256:…`.
fn made_name(image: &str) -> Result<String, Failure> {
    /// No vowels, and nothing that is read for something else, as Kubernetes does it.
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut random = [0_u8; 5];
    getrandom::fill(&mut random).map_err(|error| Failure::Internal(error.to_string()))?;
    let letters = random.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 27)));
    let suffix: String = letters.map(|byte| char::from(*byte)).collect();
    let base = image.rsplit('/').next().unwrap_or_default();
    let base = base.split(['@', ':']).next().unwrap_or_default().to_lowercase();
    let base: String =
        base.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(50).collect();
    let base = base.trim_matches('-');
    let base = if base.is_empty() { "run" } else { base };
    Ok(format!("{base}-{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_name_is_a_name_and_no_two_are_the_same() {
        for (image, start) in [
            ("nginx", "nginx-"),
            ("registry.example.com:5000/web/My_App.Server:1.29", "my-app-server-"),
            ("x/nginx@sha256:0123", "nginx-"),
            ("a/__:1", "run-"),
            (&"n".repeat(300), "nnn"),
        ] {
            let names = [made_name(image).unwrap(), made_name(image).unwrap()];
            assert!(names[0].starts_with(start), "{names:?}");
            assert!(PodName::try_from(names[0].clone()).is_ok(), "{names:?}");
            assert_ne!(names[0], names[1]);
        }
    }

    #[test]
    fn ports_are_whole_numbers_and_images_one_word() {
        assert_eq!(Port::try_from(8080.0).unwrap().0, 8080);
        for wrong in [0.0, -1.0, 80.5, 65_536.0, f64::NAN, f64::INFINITY] {
            assert!(Port::try_from(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "a b", "a\nb", &"x".repeat(513)] {
            assert!(Image::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
